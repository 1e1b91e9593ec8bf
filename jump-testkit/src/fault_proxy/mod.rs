//! A TCP proxy on loopback that misbehaves on request.
//!
//! Put it in front of an address, connect to [`FaultProxy::address`], and change its [`Faults`] per direction while
//! connections run. It keeps what passed, so that a test can search it for what must not be there.

mod connection;
mod tap;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jump_core::{Error, ErrorKind, Result};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use crate::ports;
use connection::{Order, serve};
pub use tap::Captured;
use tap::Tap;

/// One of the two ways through the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the one who connected to the address behind the proxy.
    ToUpstream,
    /// Back.
    FromUpstream,
}

impl Direction {
    /// Both ways.
    pub const BOTH: [Direction; 2] = [Direction::ToUpstream, Direction::FromUpstream];
}

/// One of the two sockets of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The socket of the one who connected.
    Client,
    /// The socket to the address behind the proxy.
    Upstream,
}

/// What happens to bytes that arrive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flow {
    /// They pass.
    #[default]
    Pass,
    /// They wait; the proxy stops reading, so the sender is held back. They pass later if the flow does.
    Stall,
    /// They are thrown away and the sender notices nothing.
    Drop,
}

/// The state of one direction. The default is a perfect wire. Offsets count the bytes of one connection and direction
/// from its first one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Whether bytes pass.
    pub flow: Flow,
    /// How much later they arrive. Up to 4 MiB can be on their way.
    pub delay: Duration,
    /// Up to how much more, at random from the proxy's seed; the order is kept.
    pub jitter: Duration,
    /// How many may pass per second; `None` is no limit.
    pub bytes_per_second: Option<u64>,
    /// Closes both sockets after this many bytes passed.
    pub cut_after: Option<u64>,
    /// Inverts the byte at this offset.
    pub corrupt_at: Option<u64>,
}

/// The proxy. Dropping it stops listening and closes every connection.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    upstream: Mutex<SocketAddr>,
    to_upstream: watch::Sender<Faults>,
    from_upstream: watch::Sender<Faults>,
    orders: watch::Sender<Order>,
    tap: Tap,
    seed: u64,
}

impl Shared {
    fn faults(&self, direction: Direction) -> &watch::Sender<Faults> {
        match direction {
            Direction::ToUpstream => &self.to_upstream,
            Direction::FromUpstream => &self.from_upstream,
        }
    }
}

impl FaultProxy {
    /// Starts a proxy in front of `upstream` on a port of its own, with no fault and seed 0.
    pub async fn start(upstream: SocketAddr) -> Result<Self> {
        Self::start_seeded(upstream, 0).await
    }

    /// The same with a seed for its jitter.
    ///
    /// # Errors
    /// [`ErrorKind::Network`] if no port could be taken.
    pub async fn start_seeded(upstream: SocketAddr, seed: u64) -> Result<Self> {
        let (listener, address) = ports::listener().await?;
        let shared = Arc::new(Shared {
            upstream: Mutex::new(upstream),
            to_upstream: watch::Sender::new(Faults::default()),
            from_upstream: watch::Sender::new(Faults::default()),
            orders: watch::Sender::new(Order::Serve),
            tap: Tap::default(),
            seed,
        });
        let acceptor = tokio::spawn(accept(listener, shared.clone())).abort_handle();
        Ok(Self {
            address,
            shared,
            acceptor,
        })
    }

    /// Where to connect.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Leads new connections to another address, for a server that came back on another port.
    pub fn set_upstream(&self, upstream: SocketAddr) {
        *self
            .shared
            .upstream
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = upstream;
    }

    /// Replaces the faults of one direction, for running and new connections.
    pub fn set(&self, direction: Direction, faults: Faults) {
        self.shared.faults(direction).send_replace(faults);
    }

    /// Changes the faults of one direction.
    pub fn change(&self, direction: Direction, change: impl FnOnce(&mut Faults)) {
        self.shared.faults(direction).send_modify(change);
    }

    /// Stalls both directions, as a frozen machine does: connections stay open and nothing moves.
    pub fn freeze(&self) {
        for direction in Direction::BOTH {
            self.change(direction, |faults| faults.flow = Flow::Stall);
        }
    }

    /// Lets bytes pass again in both directions.
    pub fn thaw(&self) {
        for direction in Direction::BOTH {
            self.change(direction, |faults| faults.flow = Flow::Pass);
        }
    }

    /// Resets both sockets of every running connection (a TCP RST, by `SO_LINGER` 0).
    pub fn reset_all(&self) {
        self.shared.orders.send_replace(Order::Reset);
    }

    /// Closes both sockets of every running connection in order.
    pub fn close_all(&self) {
        self.shared.orders.send_replace(Order::Close);
    }

    /// Leaves only one socket of every running connection open: that side does not learn that the other is gone. It
    /// stays so until the next order or until the proxy is dropped.
    pub fn half_open(&self, keep: Side) {
        self.shared.orders.send_replace(Order::KeepOnly(keep));
    }

    /// How many connections were accepted so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.tap.connections()
    }

    /// What arrived so far, one entry per connection and direction, as the sender sent it (before any fault). The
    /// first 64 MiB in all are kept.
    #[must_use]
    pub fn captured(&self) -> Vec<Captured> {
        self.shared.tap.captured()
    }

    /// Waits until at least `count` bytes arrived in a direction, over all connections.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] if they do not arrive in time.
    pub async fn wait_for_bytes(&self, direction: Direction, count: u64, at_most: Duration) -> Result<()> {
        let mut arrived = self.shared.tap.arrived(direction);
        let enough = arrived.wait_for(|arrived| *arrived >= count);
        match tokio::time::timeout(at_most, enough).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(Error::new(
                ErrorKind::Timeout,
                "wait for bytes",
                "too few passed the proxy",
            )),
        }
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Dropping the set, when the proxy aborts this task, ends every connection.
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let upstream = *shared.upstream.lock().unwrap_or_else(PoisonError::into_inner);
        let number = shared.tap.next_connection();
        let orders = shared.orders.subscribe();
        let shared = shared.clone();
        connections.spawn(async move {
            let Ok(server) = TcpStream::connect(upstream).await else {
                // The client sees what it would see without a proxy: a connection that is torn down.
                let _ = client.set_zero_linger();
                return;
            };
            let _ = (client.set_nodelay(true), server.set_nodelay(true));
            serve(client, server, number, &shared, orders).await;
        });
    }
}
