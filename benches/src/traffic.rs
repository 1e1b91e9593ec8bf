//! The work that is carried: bulk in one direction, or small messages there and back. Driver and target are the same for
//! every candidate.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// Both ends read and write this much at a time.
const BUFFER: usize = 256 * 1024;
/// A small message.
const MESSAGE: usize = 64;
/// What fits into the buffers on the way, so that it can be sent before any of it is read back.
const BLOCK: usize = 64 * 1024;
/// What the target says first: the whole way to it is open.
const READY: u8 = b'r';
const STACK: usize = 128 * 1024;
const PATIENCE: Duration = Duration::from_secs(60);

/// What the target does with a connection; the first message on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Takes this many bytes and then answers with one.
    Take(u64),
    /// Sends this many bytes.
    Give(u64),
    /// Sends back what it gets.
    Echo,
}

impl Work {
    const LENGTH: usize = 9;

    fn encode(self) -> [u8; Self::LENGTH] {
        let (kind, amount) = match self {
            Work::Take(amount) => (b't', amount),
            Work::Give(amount) => (b'g', amount),
            Work::Echo => (b'e', 0),
        };
        let mut bytes = [kind; Self::LENGTH];
        if let Some((_, rest)) = bytes.split_first_mut() {
            rest.copy_from_slice(&amount.to_be_bytes());
        }
        bytes
    }

    fn decode(bytes: [u8; Self::LENGTH]) -> io::Result<Self> {
        let [kind, amount @ ..] = bytes;
        let amount = u64::from_be_bytes(amount);
        match kind {
            b't' => Ok(Work::Take(amount)),
            b'g' => Ok(Work::Give(amount)),
            b'e' => Ok(Work::Echo),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

/// Serves connections for ever, each in a thread of its own.
pub(crate) fn serve(listener: &TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        thread::Builder::new().stack_size(STACK).spawn(move || {
            // A driver that has seen enough hangs up.
            let _ = work(stream);
        })?;
    }
}

fn work(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.write_all(&[READY])?;
    let mut order = [0; Work::LENGTH];
    stream.read_exact(&mut order)?;
    match Work::decode(order)? {
        Work::Take(amount) => {
            take(&mut stream, amount)?;
            stream.write_all(&[READY])
        }
        Work::Give(amount) => give(&mut stream, amount),
        Work::Echo => {
            let mut message = [0; MESSAGE];
            loop {
                let read = stream.read(&mut message)?;
                if read == 0 {
                    return Ok(());
                }
                stream.write_all(message.get(..read).unwrap_or_default())?;
            }
        }
    }
}

fn take(stream: &mut TcpStream, mut amount: u64) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    while amount > 0 {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        amount = amount.saturating_sub(read as u64);
    }
    Ok(())
}

fn give(stream: &mut TcpStream, mut amount: u64) -> io::Result<()> {
    let buffer = vec![0x5a; BUFFER];
    while amount > 0 {
        let now = usize::try_from(amount).unwrap_or(BUFFER).min(BUFFER);
        stream.write_all(buffer.get(..now).unwrap_or_default())?;
        amount -= now as u64;
    }
    Ok(())
}

/// The driver's end of one connection, with the whole way to the target open.
#[derive(Debug)]
pub(crate) struct Driver(TcpStream);

impl Driver {
    pub(crate) fn open(entrance: SocketAddr) -> io::Result<Self> {
        let mut stream = TcpStream::connect(entrance)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut ready = [0];
        stream.read_exact(&mut ready)?;
        Ok(Self(stream))
    }

    /// Sends this many bytes to the target; how long until the target has them all.
    pub(crate) fn up(mut self, amount: u64) -> io::Result<Duration> {
        let begun = Instant::now();
        self.0.write_all(&Work::Take(amount).encode())?;
        give(&mut self.0, amount)?;
        self.0.read_exact(&mut [0])?;
        Ok(begun.elapsed())
    }

    /// Gets this many bytes from the target.
    pub(crate) fn down(mut self, amount: u64) -> io::Result<Duration> {
        let begun = Instant::now();
        self.0.write_all(&Work::Give(amount).encode())?;
        take(&mut self.0, amount)?;
        Ok(begun.elapsed())
    }

    /// What hangs up on a transfer from another thread.
    pub(crate) fn stop_handle(&self) -> io::Result<Stop> {
        self.0.try_clone().map(Stop)
    }

    /// Begins to send messages there and back.
    pub(crate) fn echo(mut self) -> io::Result<Echo> {
        self.0.write_all(&Work::Echo.encode())?;
        Ok(Echo(self.0))
    }
}

/// Hangs up.
#[derive(Debug)]
pub(crate) struct Stop(TcpStream);

impl Stop {
    pub(crate) fn stop(self) -> io::Result<()> {
        self.0.shutdown(Shutdown::Both)
    }
}

/// A connection on which messages go there and back.
#[derive(Debug)]
pub(crate) struct Echo(TcpStream);

impl Echo {
    /// One message there and back.
    pub(crate) fn ping(&mut self) -> io::Result<Duration> {
        let begun = Instant::now();
        self.0.write_all(&[0x70; MESSAGE])?;
        self.0.read_exact(&mut [0; MESSAGE])?;
        Ok(begun.elapsed())
    }

    /// 64 KiB there and back.
    pub(crate) fn block(&mut self) -> io::Result<()> {
        let mut block = vec![0x62; BLOCK];
        self.0.write_all(&block)?;
        self.0.read_exact(&mut block)
    }

    /// Messages for this long, with a pause between two.
    pub(crate) fn pings(&mut self, during: Duration, pause: Duration) -> io::Result<Vec<Duration>> {
        let begun = Instant::now();
        let mut times = Vec::new();
        while begun.elapsed() < during {
            times.push(self.ping()?);
            if !pause.is_zero() {
                thread::sleep(pause);
            }
        }
        Ok(times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_does_each_kind_of_work() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || serve(&listener));
        Driver::open(address).unwrap().up(1_000_000).unwrap();
        Driver::open(address).unwrap().down(1_000_000).unwrap();
        let endless = Driver::open(address).unwrap();
        endless.stop_handle().unwrap().stop().unwrap();
        endless.down(u64::MAX).unwrap_err();
        let mut echo = Driver::open(address).unwrap().echo().unwrap();
        echo.ping().unwrap();
        echo.block().unwrap();
    }

    #[test]
    fn an_order_survives_the_wire() {
        for work in [Work::Take(7), Work::Give(u64::MAX), Work::Echo] {
            assert_eq!(Work::decode(work.encode()).unwrap(), work);
        }
        assert!(Work::decode([0; Work::LENGTH]).is_err());
    }
}
