//! One leg of a gate, or the client's stream: what russh reads from and writes to.
//!
//! It adds four things to a byte stream:
//!
//! * **It can be cut** from outside. russh runs each connection in a task of its own that nobody can stop; a cut stream
//!   fails under it, and the task ends.
//! * **Reads are buffered**, because russh reads each packet in two pieces. The buffer is small while a session idles.
//! * **It reads ahead while a write waits.** russh does not read while it writes; two russh peers that both send more
//!   than the network holds would wait for each other for ever. What is read ahead is bounded.
//! * **Reading can be held back** between two packets, see [`Hold`](crate::gate::hold::Hold).

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use futures_util::task::AtomicWaker;
use jump_core::stream::BoxStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::gate::hold::{Gatekeeper, Hold};

const IDLE_BUFFER: usize = 1024;
const BULK_BUFFER: usize = 128 * 1024;
/// What may be read ahead while a write waits: the windows of two busy channels.
const READ_AHEAD: usize = 16 << 20;

#[derive(Debug, Default)]
struct Shared {
    cut: AtomicBool,
    reader: AtomicWaker,
    writer: AtomicWaker,
}

/// Cuts a [`Leg`]; does so when dropped.
#[derive(Debug)]
pub(crate) struct Scissors(Arc<Shared>);

impl Scissors {
    /// Makes every read and write fail from now on and closes the stream.
    pub(crate) fn cut(&self) {
        self.0.cut.store(true, Ordering::Release);
        self.0.reader.wake();
        self.0.writer.wake();
    }
}

impl Drop for Scissors {
    fn drop(&mut self) {
        self.cut();
    }
}

/// See the module.
pub(crate) struct Leg {
    inner: Option<BoxStream>,
    shared: Arc<Shared>,
    gatekeeper: Option<Gatekeeper>,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    ahead: VecDeque<Vec<u8>>,
    ahead_bytes: usize,
    ended: Option<io::Result<()>>,
}

fn was_cut() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the session was ended")
}

impl Leg {
    /// Wraps `stream`; it lives as long as the scissors do, and no longer than the stream itself.
    pub(crate) fn new(stream: BoxStream, hold: Option<Arc<Hold>>) -> (Self, Scissors) {
        let shared = Arc::new(Shared::default());
        let leg = Self {
            inner: Some(stream),
            shared: shared.clone(),
            gatekeeper: hold.map(Gatekeeper::new),
            buffer: Box::default(),
            start: 0,
            end: 0,
            ahead: VecDeque::new(),
            ahead_bytes: 0,
            ended: None,
        };
        (leg, Scissors(shared))
    }

    /// The first line the peer sends, without its end, left in place for the reader; `None` if it is longer than 255
    /// bytes (RFC 4253 §4.2) or does not come. Cancel-safe.
    pub(crate) async fn first_line(&mut self) -> Option<Vec<u8>> {
        if self.buffer.is_empty() {
            self.reset_buffer();
        }
        loop {
            let seen = self.buffer.get(self.start..self.end.min(self.start + 255))?;
            if let Some(line) = seen.split_inclusive(|byte| *byte == b'\n').next()
                && line.ends_with(b"\n")
            {
                return Some(line.trim_ascii_end().to_vec());
            }
            if seen.len() >= 255 || matches!(poll_fn(|cx| self.poll_fill(cx)).await, Ok(0) | Err(_)) {
                return None;
            }
        }
    }

    fn check_cut(&mut self) -> io::Result<&mut BoxStream> {
        if self.shared.cut.load(Ordering::Acquire) {
            self.inner = None;
        }
        self.inner.as_mut().ok_or_else(was_cut)
    }

    /// Reads once from the stream into the free end of the buffer. 0 bytes: the stream ended, or the buffer is full.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(inner) = self.inner.as_mut() else {
            return Poll::Ready(Err(was_cut()));
        };
        let mut free = ReadBuf::new(self.buffer.get_mut(self.end..).unwrap_or_default());
        ready!(Pin::new(inner).poll_read(cx, &mut free))?;
        let read = free.filled().len();
        self.end += read;
        Poll::Ready(Ok(read))
    }

    /// Makes the buffer empty, and of the size that the last fill calls for.
    fn reset_buffer(&mut self) {
        let wanted = if self.end == self.buffer.len() && self.end > 0 {
            BULK_BUFFER
        } else if self.end <= IDLE_BUFFER {
            IDLE_BUFFER
        } else {
            self.buffer.len()
        };
        if wanted != self.buffer.len() {
            self.buffer = vec![0; wanted].into_boxed_slice();
        }
        self.start = 0;
        self.end = 0;
    }

    /// Takes what the peer sent while a write to it waits.
    fn read_ahead(&mut self, cx: &mut Context<'_>) {
        while self.ended.is_none() && self.ahead_bytes < READ_AHEAD {
            if self.ahead.is_empty() && self.start == self.end {
                self.reset_buffer();
            }
            if self.ahead.is_empty() && self.end < self.buffer.len() {
                match self.poll_fill(cx) {
                    Poll::Pending => return,
                    Poll::Ready(Ok(0)) => self.ended = Some(Ok(())),
                    Poll::Ready(Ok(_)) => {}
                    Poll::Ready(Err(error)) => self.ended = Some(Err(error)),
                }
                continue;
            }
            let Some(inner) = self.inner.as_mut() else { return };
            let mut chunk = vec![0; BULK_BUFFER];
            let mut free = ReadBuf::new(&mut chunk);
            match Pin::new(inner).poll_read(cx, &mut free) {
                Poll::Pending => return,
                Poll::Ready(Err(error)) => self.ended = Some(Err(error)),
                Poll::Ready(Ok(())) => {
                    let read = free.filled().len();
                    if read == 0 {
                        self.ended = Some(Ok(()));
                    } else {
                        chunk.truncate(read);
                        self.ahead_bytes += read;
                        self.ahead.push_back(chunk);
                    }
                }
            }
        }
    }
}

impl AsyncRead for Leg {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.shared.reader.register(cx.waker());
        this.check_cut()?;
        if let Some(gatekeeper) = &mut this.gatekeeper {
            ready!(gatekeeper.poll_open(cx));
        }
        if this.start == this.end {
            if let Some(chunk) = this.ahead.pop_front() {
                this.ahead_bytes -= chunk.len();
                this.start = 0;
                this.end = chunk.len();
                this.buffer = chunk.into_boxed_slice();
            } else if let Some(ended) = this.ended.take() {
                this.ended = Some(Ok(()));
                return Poll::Ready(ended);
            } else {
                this.reset_buffer();
                if ready!(this.poll_fill(cx))? == 0 {
                    return Poll::Ready(Ok(()));
                }
            }
        }
        let unread = this.buffer.get(this.start..this.end).unwrap_or_default();
        let (now, _) = unread.split_at(unread.len().min(into.remaining()));
        into.put_slice(now);
        this.start += now.len();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Leg {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.shared.writer.register(cx.waker());
        let inner = this.check_cut()?;
        match Pin::new(inner).poll_write(cx, data) {
            Poll::Pending => {
                this.read_ahead(cx);
                Poll::Pending
            }
            done => done,
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.shared.writer.register(cx.waker());
        let inner = this.check_cut()?;
        match Pin::new(inner).poll_flush(cx) {
            Poll::Pending => {
                this.read_ahead(cx);
                Poll::Pending
            }
            done => done,
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.shared.writer.register(cx.waker());
        let inner = this.check_cut()?;
        Pin::new(inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_cut_leg_fails_at_once_even_while_it_waits() {
        let (near, _far) = tokio::io::duplex(64);
        let (mut leg, scissors) = Leg::new(Box::new(near), None);
        let waiting = tokio::spawn(async move { leg.read_u8().await });
        tokio::task::yield_now().await;
        scissors.cut();
        let error = waiting.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
    }

    #[tokio::test]
    async fn two_peers_that_only_write_do_not_wait_for_each_other() {
        const SIZE: usize = 4 << 20;
        let (a, b) = tokio::io::duplex(1024);
        let (mut a, _cut_a) = Leg::new(Box::new(a), None);
        let (mut b, _cut_b) = Leg::new(Box::new(b), None);
        // Like russh: all is written before anything is read.
        let a = tokio::spawn(async move {
            a.write_all(&vec![1; SIZE]).await.unwrap();
            let mut back = vec![0; SIZE];
            a.read_exact(&mut back).await.unwrap();
            back
        });
        let b = tokio::spawn(async move {
            b.write_all(&vec![2; SIZE]).await.unwrap();
            let mut back = vec![0; SIZE];
            b.read_exact(&mut back).await.unwrap();
            back
        });
        assert!(a.await.unwrap().iter().all(|byte| *byte == 2));
        assert!(b.await.unwrap().iter().all(|byte| *byte == 1));
    }

    #[tokio::test]
    async fn the_first_line_is_seen_and_still_read() {
        let (near, mut far) = tokio::io::duplex(4096);
        let (mut leg, _scissors) = Leg::new(Box::new(near), None);
        far.write_all(b"SSH-2.0-x").await.unwrap();
        let early = tokio::time::timeout(std::time::Duration::from_millis(1), leg.first_line()).await;
        assert!(early.is_err(), "half a line is no line");
        far.write_all(b"yz\r\nmore").await.unwrap();
        assert_eq!(leg.first_line().await.unwrap(), b"SSH-2.0-xyz");
        let mut all = [0; 17];
        leg.read_exact(&mut all).await.unwrap();
        assert_eq!(&all, b"SSH-2.0-xyz\r\nmore");
        far.write_all(&[b'x'; 300]).await.unwrap();
        assert_eq!(leg.first_line().await, None);
    }

    #[tokio::test]
    async fn bytes_arrive_in_order_whatever_the_sizes() {
        let (near, mut far) = tokio::io::duplex(70_000);
        let (mut leg, _scissors) = Leg::new(Box::new(near), None);
        let sent: Vec<u8> = (0..3_000_000u32).map(|i| ((i * 31) >> 3) as u8).collect();
        let copy = sent.clone();
        let writer = tokio::spawn(async move {
            far.write_all(&copy).await.unwrap();
        });
        let mut got = Vec::new();
        let mut size = 1;
        while got.len() < sent.len() {
            let mut piece = vec![0; size];
            let read = leg.read(&mut piece).await.unwrap();
            got.extend_from_slice(&piece[..read]);
            size = size * 7 % 40_009 + 1;
        }
        writer.await.unwrap();
        assert_eq!(got, sent);
        assert_eq!(leg.read(&mut [0; 4]).await.unwrap(), 0, "the end is seen");
    }
}
