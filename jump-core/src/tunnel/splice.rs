//! Moving bytes between two TCP sockets inside the kernel (splice(2)): the relay never copies what it cannot read.

use std::io;
use std::net::Shutdown;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use rustix::fd::OwnedFd;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::buffers::{Buffer, Buffers};
use super::pump::{QUANTUM, Turn, both, take_turns};

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

/// What a direction has in its hands.
enum Load<'a> {
    Pipe(Taken<'a>),
    /// Where there is no pipe to be had.
    Copy(Buffer, Range<usize>),
}

impl<'a> Load<'a> {
    fn new(pipes: &'a Pipes, buffers: &Arc<Buffers>) -> Self {
        match pipes.take() {
            Ok(pipe) => Self::Pipe(pipe),
            Err(error) => {
                tracing::debug!(%error, "no pipe to splice through, copying instead");
                Self::Copy(buffers.take(), 0..0)
            }
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Pipe(pipe) => pipe.held == 0,
            Self::Copy(_, filled) => filled.is_empty(),
        }
    }

    /// Takes what there is, into an empty load; 0 at the end of the stream.
    fn fill(&mut self, from: &TcpStream) -> io::Result<usize> {
        match self {
            Self::Pipe(pipe) => pipe.fill(from),
            Self::Copy(buffer, filled) => {
                let read = from.try_read(buffer)?;
                *filled = 0..read;
                Ok(read)
            }
        }
    }

    fn drain(&mut self, to: &TcpStream) -> io::Result<()> {
        match self {
            Self::Pipe(pipe) => pipe.drain(to),
            Self::Copy(buffer, filled) => {
                filled.start += to.try_write(buffer.get(filled.clone()).unwrap_or_default())?;
                Ok(())
            }
        }
    }
}

/// Moves bytes both ways until both directions have ended. Holds neither pipe nor buffer while nothing moves.
pub(super) async fn splice_both(
    a: &TcpStream,
    b: &TcpStream,
    pipes: &Pipes,
    buffers: &Arc<Buffers>,
) -> io::Result<(u64, u64)> {
    let (mut up, mut down) = (OneWay::default(), OneWay::default());
    take_turns(|cx| {
        let up = up.poll(a, b, || Load::new(pipes, buffers), cx)?;
        both(up, down.poll(b, a, || Load::new(pipes, buffers), cx)?)
    })
    .await?;
    Ok((up.moved, down.moved))
}

#[derive(Default)]
struct OneWay<'a> {
    load: Option<Load<'a>>,
    moved: u64,
    since_yield: u64,
    end_seen: bool,
    end_passed: bool,
}

impl<'a> OneWay<'a> {
    /// Moves bytes until one of the sockets is not ready, the stream ends, or the share is used up.
    fn poll(
        &mut self,
        from: &TcpStream,
        to: &TcpStream,
        new_load: impl Fn() -> Load<'a>,
        cx: &mut Context<'_>,
    ) -> io::Result<Poll<Turn>> {
        if self.end_passed {
            return Ok(Poll::Ready(Turn::Ended));
        }
        loop {
            // Also before anything is taken: what a stuck receiver cannot have stays with its sender.
            if to.poll_write_ready(cx)?.is_pending() {
                return Ok(Poll::Pending);
            }
            if let Some(load) = self.load.as_mut().filter(|load| !load.is_empty()) {
                again_if_not_ready(load.drain(to))?;
                continue;
            }
            if self.end_seen {
                self.load = None;
                SockRef::from(to).shutdown(Shutdown::Write)?;
                self.end_passed = true;
                return Ok(Poll::Ready(Turn::Ended));
            }
            if self.since_yield >= QUANTUM {
                self.since_yield = 0;
                return Ok(Poll::Ready(Turn::Quantum));
            }
            if from.poll_read_ready(cx)?.is_pending() {
                self.load = None;
                return Ok(Poll::Pending);
            }
            let filled = self.load.get_or_insert_with(&new_load).fill(from);
            if let Some(filled) = again_if_not_ready(filled)? {
                self.end_seen = filled == 0;
                self.moved += filled as u64;
                self.since_yield += filled as u64;
            }
        }
    }
}

/// Readiness is a hint: a call that found nothing to do has taken the hint back, and asking again waits.
fn again_if_not_ready<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(done) => Ok(Some(done)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (near, far) = tokio::join!(
            TcpStream::connect(listener.local_addr().unwrap()),
            listener.accept()
        );
        (near.unwrap(), far.unwrap().0)
    }

    #[tokio::test]
    async fn a_pipe_goes_back_empty_and_never_with_bytes_of_a_session_in_it() {
        let pipes = Pipes::default();
        let (mut near, far) = pair().await;
        near.write_all(b"somebody's").await.unwrap();
        far.readable().await.unwrap();
        let mut taken = pipes.take().unwrap();
        assert_eq!(taken.fill(&far).unwrap(), 10);
        drop(taken);
        assert_eq!(pipes.0.lock().unwrap().len(), 0, "closed with what was in it");
        drop(pipes.take().unwrap());
        assert_eq!(pipes.0.lock().unwrap().len(), 1, "kept, as it was empty");
    }

    #[tokio::test]
    async fn an_idle_session_holds_no_pipe() {
        let pipes = Arc::new(Pipes::default());
        let buffers = Buffers::new(64 * 1024, 1);
        let ((mut client, a), (mut target, b)) = (pair().await, pair().await);
        let splicing = tokio::spawn({
            let (pipes, buffers) = (pipes.clone(), buffers.clone());
            async move { splice_both(&a, &b, &pipes, &buffers).await }
        });
        let mut got = [0u8; 4];
        for _ in 0..3 {
            client.write_all(b"ping").await.unwrap();
            target.read_exact(&mut got).await.unwrap();
            target.write_all(b"pong").await.unwrap();
            client.read_exact(&mut got).await.unwrap();
        }
        // On one thread only one direction runs at a time: it finds the pipe that the other one gave back.
        while pipes.0.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(pipes.0.lock().unwrap().len(), 1);
        client.shutdown().await.unwrap();
        assert_eq!(target.read(&mut got).await.unwrap(), 0, "the end is passed on");
        target.shutdown().await.unwrap();
        assert_eq!(client.read(&mut got).await.unwrap(), 0);
        assert_eq!(splicing.await.unwrap().unwrap(), (12, 12));
    }

    #[tokio::test]
    async fn copying_stands_in_where_there_is_no_pipe() {
        let buffers = Buffers::new(1024, 1);
        let ((mut client, a), (mut target, b)) = (pair().await, pair().await);
        let sent = vec![7u8; 100_000];
        let mut got = Vec::new();
        let mut way = OneWay::default();
        let copy = take_turns(|cx| {
            let load = || Load::Copy(buffers.take(), 0..0);
            way.poll(&a, &b, load, cx)?.map(Ok)
        });
        let write = async {
            client.write_all(&sent).await.unwrap();
            client.shutdown().await.unwrap();
        };
        let (copied, (), read) = tokio::join!(copy, write, target.read_to_end(&mut got));
        copied.unwrap();
        read.unwrap();
        assert!(got == sent);
        assert_eq!(way.moved, 100_000);
        assert_eq!(buffers.in_use(), 0);
    }
}
