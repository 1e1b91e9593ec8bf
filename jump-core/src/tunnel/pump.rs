//! Moving bytes both ways between two streams.

use std::future::poll_fn;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::TcpStream;

use super::buffers::{Buffer, Buffers};
use super::relayed::RelayedSocket;
use super::tls_stream::{TlsStream, WRITE_LIMIT};
use super::transport::Socket;
use crate::error::{Error, ErrorKind, Result};
use crate::stream::BoxStream;

/// How much one direction moves before everybody else gets a turn: the runtime's own budget counts calls, and one call
/// here moves a quarter of a megabyte.
pub(super) const QUANTUM: u64 = 1024 * 1024;
/// Buffers for streams that bring no pool of their own.
const BUFFER_SIZE: usize = 64 * 1024;

/// One side of a [`pump`].
///
/// The provided methods read into a pooled buffer, which is right for sockets; `impl Side for MyStream {}` is all it
/// takes. A stream that already holds the bytes ([`TlsStream`]) hands them out from where they are.
pub trait Side: AsyncRead + AsyncWrite + Unpin {
    /// The next bytes, not yet consumed; empty at the end of the stream.
    fn poll_fill<'a>(
        &'a mut self,
        cx: &mut Context<'_>,
        scratch: &'a mut Scratch,
    ) -> Poll<io::Result<&'a [u8]>> {
        scratch.poll_fill(Pin::new(self), cx)
    }

    /// Says that the first `amount` bytes that [`Side::poll_fill`] gave are done with.
    fn consume(&mut self, scratch: &mut Scratch, amount: usize) {
        scratch.consume(amount);
    }

    /// The pool of large buffers that the stream uses itself, for its partner to share.
    fn pool(&self) -> Option<Arc<Buffers>> {
        None
    }
}

impl Side for TcpStream {}
impl Side for DuplexStream {}
impl Side for Socket {}
impl Side for RelayedSocket {}
impl Side for BoxStream {}

impl<T: Side + ?Sized> Side for &mut T {
    fn poll_fill<'a>(
        &'a mut self,
        cx: &mut Context<'_>,
        scratch: &'a mut Scratch,
    ) -> Poll<io::Result<&'a [u8]>> {
        (**self).poll_fill(cx, scratch)
    }

    fn consume(&mut self, scratch: &mut Scratch, amount: usize) {
        (**self).consume(scratch, amount);
    }

    fn pool(&self) -> Option<Arc<Buffers>> {
        (**self).pool()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Side for TlsStream<S> {
    fn poll_fill<'a>(
        &'a mut self,
        cx: &mut Context<'_>,
        _scratch: &'a mut Scratch,
    ) -> Poll<io::Result<&'a [u8]>> {
        Pin::new(self).poll_fill_buf(cx)
    }

    fn consume(&mut self, _scratch: &mut Scratch, amount: usize) {
        AsyncBufRead::consume(Pin::new(self), amount);
    }

    fn pool(&self) -> Option<Arc<Buffers>> {
        Some(Arc::clone(self.buffers()))
    }
}

/// What a [`Side`] without a buffer of its own reads into; it holds memory only while bytes wait in it.
#[derive(Debug)]
pub struct Scratch {
    pool: Arc<Buffers>,
    buffer: Option<Buffer>,
    filled: Range<usize>,
}

impl Scratch {
    fn new(pool: Arc<Buffers>) -> Self {
        Self {
            pool,
            buffer: None,
            filled: 0..0,
        }
    }

    fn poll_fill<S: AsyncRead + ?Sized>(
        &mut self,
        source: Pin<&mut S>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<&[u8]>> {
        if self.filled.is_empty() {
            let mut buffer = self.buffer.take().unwrap_or_else(|| self.pool.take());
            let length = buffer.len().min(WRITE_LIMIT);
            let mut free = ReadBuf::new(buffer.get_mut(..length).unwrap_or_default());
            // Until something is read the buffer stays ours only for the length of this call.
            ready!(source.poll_read(cx, &mut free))?;
            self.filled = 0..free.filled().len();
            self.buffer = Some(buffer);
        }
        let bytes = self
            .buffer
            .as_ref()
            .and_then(|buffer| buffer.get(self.filled.clone()))
            .unwrap_or_default();
        Poll::Ready(Ok(bytes))
    }

    fn consume(&mut self, amount: usize) {
        self.filled.start = (self.filled.start + amount).min(self.filled.end);
        if self.filled.is_empty() {
            self.buffer = None;
        }
    }
}

/// Copies both ways between `a` and `b` until both directions have ended; gives the bytes moved from `a` to `b` and
/// from `b` to `a`.
///
/// The end of one direction is passed on (shutdown) while the other goes on. Each direction yields to other tasks
/// after 1 MiB. Memory is one pooled buffer per direction, held only while bytes wait. Dropping the future drops both
/// streams, which cuts them.
///
/// # Errors
/// The first error of either stream: [`ErrorKind::Network`], or the Jump error that the stream carries. Both streams
/// are then dropped.
pub async fn pump<A: Side, B: Side>(a: A, b: B) -> Result<(u64, u64)> {
    let pool = a
        .pool()
        .or_else(|| b.pool())
        .unwrap_or_else(|| Buffers::new(BUFFER_SIZE, 2));
    pump_with(a, b, &pool).await
}

/// [`pump`] with buffers from `pool`, for places that run many pumps over plain streams.
///
/// # Errors
/// As [`pump`].
pub async fn pump_with<A: Side, B: Side>(mut a: A, mut b: B, pool: &Arc<Buffers>) -> Result<(u64, u64)> {
    let mut up = Direction::new(pool);
    let mut down = Direction::new(pool);
    take_turns(|cx| {
        let up = up.poll(&mut a, &mut b, cx)?;
        both(up, down.poll(&mut b, &mut a, cx)?)
    })
    .await
    .map_err(|error| Error::from_io(ErrorKind::Network, "move bytes", error))?;
    Ok((up.moved, down.moved))
}

/// What a direction, or both together, came to.
pub(super) enum Turn {
    /// The end has come and has been passed on.
    Ended,
    /// The share is used up for now.
    Quantum,
}

/// The turn of two directions together.
pub(super) fn both(up: Poll<Turn>, down: Poll<Turn>) -> Poll<io::Result<Turn>> {
    match (up, down) {
        (Poll::Ready(Turn::Ended), Poll::Ready(Turn::Ended)) => Poll::Ready(Ok(Turn::Ended)),
        (Poll::Ready(Turn::Quantum), _) | (_, Poll::Ready(Turn::Quantum)) => Poll::Ready(Ok(Turn::Quantum)),
        _ => Poll::Pending,
    }
}

/// Polls until the end, and gives way to other tasks whenever a share is used up. Yielding through the runtime, not
/// by waking ourselves, lets it look at the sockets of others first.
pub(super) async fn take_turns(
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<io::Result<Turn>>,
) -> io::Result<()> {
    while let Turn::Quantum = poll_fn(&mut poll).await? {
        tokio::task::yield_now().await;
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Copying,
    Closing,
    Ended,
}

struct Direction {
    scratch: Scratch,
    state: State,
    moved: u64,
    since_yield: u64,
    unflushed: bool,
}

impl Direction {
    fn new(pool: &Arc<Buffers>) -> Self {
        Self {
            scratch: Scratch::new(Arc::clone(pool)),
            state: State::Copying,
            moved: 0,
            since_yield: 0,
            unflushed: false,
        }
    }

    /// Moves bytes until neither side is ready, the direction ends, or its share is used up.
    fn poll<F: Side, T: Side>(
        &mut self,
        from: &mut F,
        to: &mut T,
        cx: &mut Context<'_>,
    ) -> io::Result<Poll<Turn>> {
        while self.state == State::Copying {
            let bytes = match from.poll_fill(cx, &mut self.scratch)? {
                Poll::Ready(bytes) => bytes,
                Poll::Pending => {
                    if self.unflushed && Pin::new(&mut *to).poll_flush(cx)?.is_ready() {
                        self.unflushed = false;
                    }
                    return Ok(Poll::Pending);
                }
            };
            if bytes.is_empty() {
                from.consume(&mut self.scratch, 0);
                self.state = State::Closing;
                break;
            }
            let written = match Pin::new(&mut *to).poll_write(cx, bytes)? {
                Poll::Ready(0) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(written) => written,
                Poll::Pending => return Ok(Poll::Pending),
            };
            from.consume(&mut self.scratch, written);
            self.unflushed = true;
            self.moved += written as u64;
            self.since_yield += written as u64;
            if self.since_yield >= QUANTUM {
                self.since_yield = 0;
                return Ok(Poll::Ready(Turn::Quantum));
            }
        }
        if self.state == State::Closing {
            if Pin::new(to).poll_shutdown(cx)?.is_pending() {
                return Ok(Poll::Pending);
            }
            self.state = State::Ended;
        }
        Ok(Poll::Ready(Turn::Ended))
    }
}
