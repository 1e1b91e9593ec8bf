//! One connection through a proxy: two pumps that obey the faults, and the orders that end it.

use std::io;
use std::time::Duration;

use rustix::net::{Shutdown, shutdown};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::{Direction, Faults, Flow, Shared, Side};
use crate::seeded::Seeded;

/// The largest piece that is read and delayed as one.
const PIECE: usize = 16 * 1024;
/// How many pieces can be on their way in one direction.
const ON_THE_WAY: usize = 256;

/// What running connections are told. A new connection starts with [`Order::Serve`], whatever was ordered before.
#[derive(Clone, Copy, Debug)]
pub(super) enum Order {
    Serve,
    Reset,
    Close,
    KeepOnly(Side),
}

/// How a pump ended a connection before its end.
enum Broken {
    /// The faults say so.
    Cut,
    /// A socket failed.
    Failed,
}

pub(super) async fn serve(
    client: TcpStream,
    upstream: TcpStream,
    number: u64,
    shared: &Shared,
    mut orders: watch::Receiver<Order>,
) {
    let (mut client, mut upstream) = (Some(client), Some(upstream));
    loop {
        let order = match (&client, &upstream) {
            (Some(client), Some(upstream)) => {
                let pumps = async {
                    tokio::try_join!(
                        pump(client, upstream, Direction::ToUpstream, number, shared),
                        pump(upstream, client, Direction::FromUpstream, number, shared),
                    )
                };
                tokio::select! {
                    ended = pumps => match ended {
                        Ok(_) | Err(Broken::Cut) => return,
                        Err(Broken::Failed) => Order::Reset,
                    },
                    order = next(&mut orders) => order,
                }
            }
            _ => next(&mut orders).await,
        };
        match order {
            Order::Serve => {}
            Order::Close => return,
            Order::Reset => {
                for socket in [client, upstream].into_iter().flatten() {
                    let _ = socket.set_zero_linger();
                }
                return;
            }
            Order::KeepOnly(Side::Client) => upstream = None,
            Order::KeepOnly(Side::Upstream) => client = None,
        }
    }
}

async fn next(orders: &mut watch::Receiver<Order>) -> Order {
    match orders.changed().await {
        Ok(()) => *orders.borrow_and_update(),
        Err(_) => Order::Close,
    }
}

/// Moves one direction until its end, which it passes on.
async fn pump(
    from: &TcpStream,
    to: &TcpStream,
    direction: Direction,
    number: u64,
    shared: &Shared,
) -> Result<(), Broken> {
    let (send, receive) = mpsc::channel(ON_THE_WAY);
    let faults = shared.faults(direction);
    let reading = read(from, send, faults.subscribe(), direction, number, shared);
    let writing = write(to, receive, faults.subscribe());
    match tokio::try_join!(reading, writing)? {
        (End::Cut, ()) => Err(Broken::Cut),
        (End::Finished, ()) => Ok(()),
    }
}

/// Why a reader stopped; what it read before still arrives.
enum End {
    Finished,
    Cut,
}

/// Bytes and the earliest moment at which they may arrive.
type Piece = (Instant, Vec<u8>);

async fn read(
    from: &TcpStream,
    send: mpsc::Sender<Piece>,
    mut faults: watch::Receiver<Faults>,
    direction: Direction,
    number: u64,
    shared: &Shared,
) -> Result<End, Broken> {
    let mut random =
        Seeded::new(shared.seed ^ (number << 1) ^ u64::from(direction == Direction::FromUpstream));
    let mut offset = 0u64;
    let mut latest = Instant::now();
    loop {
        let now = flowing(&mut faults).await;
        if now.cut_after.is_some_and(|cut| offset >= cut) {
            return Ok(End::Cut);
        }
        let mut piece = vec![0u8; PIECE];
        let length = tokio::select! {
            read = read_some(from, &mut piece) => read.map_err(|_| Broken::Failed)?,
            // A change takes effect before the next byte, not after it.
            changed = faults.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return Ok(End::Cut),
            },
        };
        if length == 0 {
            return Ok(End::Finished);
        }
        piece.truncate(length);
        // What was set before the bytes were sent applies to them, though the read began earlier.
        let now = faults.borrow_and_update().clone();
        shared.tap.keep(number, direction, &piece);
        if let Some(cut) = now.cut_after {
            piece.truncate(usize::try_from(cut.saturating_sub(offset)).unwrap_or(usize::MAX));
        }
        let corrupted = now.corrupt_at.and_then(|at| at.checked_sub(offset));
        if let Some(byte) = corrupted.and_then(|at| piece.get_mut(usize::try_from(at).ok()?)) {
            *byte = !*byte;
        }
        offset += piece.len() as u64;
        if now.flow == Flow::Drop {
            continue;
        }
        let jitter = Duration::from_micros(random.below(now.jitter.as_micros() as u64 + 1));
        latest = latest.max(Instant::now() + now.delay + jitter);
        send.send((latest, piece)).await.map_err(|_| Broken::Failed)?;
    }
}

async fn write(
    to: &TcpStream,
    mut receive: mpsc::Receiver<Piece>,
    mut faults: watch::Receiver<Faults>,
) -> Result<(), Broken> {
    let mut free = Instant::now();
    while let Some((arrives, piece)) = receive.recv().await {
        sleep_until(arrives).await;
        let now = flowing(&mut faults).await;
        if let Some(rate) = now.bytes_per_second {
            let takes = piece.len() as f64 / rate.max(1) as f64;
            free = free.max(Instant::now()) + Duration::from_secs_f64(takes);
            sleep_until(free).await;
        }
        write_all(to, &piece).await.map_err(|_| Broken::Failed)?;
    }
    shutdown(to, Shutdown::Write).map_err(|_| Broken::Failed)
}

/// Waits while the direction is stalled, and gives its faults.
async fn flowing(faults: &mut watch::Receiver<Faults>) -> Faults {
    match faults.wait_for(|faults| faults.flow != Flow::Stall).await {
        Ok(faults) => faults.clone(),
        Err(_) => Faults::default(),
    }
}

async fn read_some(from: &TcpStream, into: &mut [u8]) -> io::Result<usize> {
    loop {
        from.readable().await?;
        match from.try_read(into) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            result => return result,
        }
    }
}

async fn write_all(to: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        to.writable().await?;
        match to.try_write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            result => bytes = bytes.get(result?..).unwrap_or_default(),
        }
    }
    Ok(())
}
