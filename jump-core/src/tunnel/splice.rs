//! Moving bytes between two TCP sockets inside the kernel (splice(2)): the relay never copies what it cannot read.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fd::OwnedFd;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::buffers::Buffers;
use super::pump::QUANTUM;

/// How much one call moves; with the default 64 KiB a pipe is no better than copying.
const PIPE_SIZE: usize = 1024 * 1024;
/// Unused pipes that are kept.
const PIPES_KEPT: usize = 64;

/// A pool of pipes. A direction takes one while it has bytes in its hands.
#[derive(Debug, Default)]
pub(super) struct Pipes(Mutex<Vec<Pipe>>);

#[derive(Debug)]
struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
}

impl Pipes {
    /// A pipe, empty; an error if the process has no descriptors left.
    fn take(&self) -> io::Result<Taken<'_>> {
        let free = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let pipe = match free {
            Some(pipe) => pipe,
            None => {
                let (read, write) = pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC)?;
                // The system bounds the pages in pipes of one user (pipe-user-pages-soft): a small pipe works too.
                let _ = fcntl_setpipe_size(&write, PIPE_SIZE);
                Pipe { read, write }
            }
        };
        Ok(Taken {
            pipes: self,
            pipe: Some(pipe),
            held: 0,
        })
    }
}

/// A pipe in use. Dropped empty it goes back, dropped with bytes in it it is closed, so that no session ever sees the
/// bytes of another.
struct Taken<'a> {
    pipes: &'a Pipes,
    pipe: Option<Pipe>,
    held: usize,
}

impl Taken<'_> {
    fn fill(&mut self, from: &TcpStream) -> io::Result<usize> {
        let pipe = self.pipe.as_ref().ok_or(io::ErrorKind::BrokenPipe)?;
        let moved = from.try_io(Interest::READABLE, || move_bytes(from, &pipe.write, PIPE_SIZE))?;
        self.held += moved;
        Ok(moved)
    }

    fn drain(&mut self, to: &TcpStream) -> io::Result<()> {
        let pipe = self.pipe.as_ref().ok_or(io::ErrorKind::BrokenPipe)?;
        let moved = to.try_io(Interest::WRITABLE, || move_bytes(&pipe.read, to, self.held))?;
        self.held = self.held.saturating_sub(moved);
        Ok(())
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if let (Some(pipe), 0) = (self.pipe.take(), self.held) {
            let mut free = self.pipes.0.lock().unwrap_or_else(PoisonError::into_inner);
            if free.len() < PIPES_KEPT {
                free.push(pipe);
            }
        }
    }
}

fn move_bytes(from: impl rustix::fd::AsFd, to: impl rustix::fd::AsFd, most: usize) -> io::Result<usize> {
    let flags = SpliceFlags::NONBLOCK | SpliceFlags::MOVE;
    Ok(splice(from, None, to, None, most, flags)?)
}

/// Moves bytes both ways until both directions have ended. Holds neither pipe nor buffer while nothing moves.
pub(super) async fn splice_both(
    a: &TcpStream,
    b: &TcpStream,
    pipes: &Pipes,
    buffers: &Arc<Buffers>,
) -> io::Result<(u64, u64)> {
    tokio::try_join!(one_way(a, b, pipes, buffers), one_way(b, a, pipes, buffers))
}

async fn one_way(from: &TcpStream, to: &TcpStream, pipes: &Pipes, buffers: &Arc<Buffers>) -> io::Result<u64> {
    let mut moved = 0u64;
    let mut since_yield = 0u64;
    loop {
        // A reader that is stuck leaves the bytes with their sender instead of in a pipe of ours.
        to.writable().await?;
        from.readable().await?;
        let burst = match pipes.take() {
            Ok(mut pipe) => splice_burst(from, to, &mut pipe, QUANTUM.saturating_sub(since_yield)).await?,
            Err(error) => {
                tracing::debug!(%error, "no pipe to splice through, copying instead");
                copy_burst(from, to, buffers).await?
            }
        };
        moved += burst.moved;
        since_yield += burst.moved;
        if burst.ended {
            socket2::SockRef::from(to).shutdown(std::net::Shutdown::Write)?;
            return Ok(moved);
        }
        if since_yield >= QUANTUM {
            since_yield = 0;
            tokio::task::yield_now().await;
        }
    }
}

struct Burst {
    moved: u64,
    ended: bool,
}

/// Moves what is there, up to `most` bytes.
async fn splice_burst(
    from: &TcpStream,
    to: &TcpStream,
    pipe: &mut Taken<'_>,
    most: u64,
) -> io::Result<Burst> {
    let mut moved = 0u64;
    while moved < most {
        match pipe.fill(from) {
            Ok(0) => return Ok(Burst { moved, ended: true }),
            Ok(filled) => moved += filled as u64,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
        while pipe.held > 0 {
            match pipe.drain(to) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => to.writable().await?,
                Err(error) => return Err(error),
            }
        }
    }
    Ok(Burst { moved, ended: false })
}

/// Copies one buffer's worth.
async fn copy_burst(from: &TcpStream, to: &TcpStream, buffers: &Arc<Buffers>) -> io::Result<Burst> {
    let mut buffer = buffers.take();
    let (read, ended) = match from.try_read(&mut buffer) {
        Ok(read) => (read, read == 0),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => (0, false),
        Err(error) => return Err(error),
    };
    let mut rest = buffer.get(..read).unwrap_or_default();
    while !rest.is_empty() {
        match to.try_write(rest) {
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => to.writable().await?,
            Err(error) => return Err(error),
        }
    }
    Ok(Burst {
        moved: read as u64,
        ended,
    })
}
