//! An established TLS connection as a byte stream.

use std::fmt;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};

use super::buffers::{Buffer, Buffers};
use super::engine::{Engine, Next, RECORD_PLAINTEXT};
use super::handshake::Established;
use super::tls_input::Input;
use crate::error::{Error, ErrorKind, Result};
use crate::keys::PublicKey;

/// How much plaintext one write encrypts: 15 records.
pub(super) const WRITE_LIMIT: usize = 15 * RECORD_PLAINTEXT;
const READ: &str = "read from the tunnel";
const WRITE: &str = "write to the tunnel";

/// The plaintext side of a TLS connection made by [`Tls`](super::Tls).
///
/// * Reading ends (0 bytes) when the peer has closed its direction properly. A socket that ends without that is an
///   error, [`io::ErrorKind::UnexpectedEof`] holding a Jump error of kind [`ErrorKind::Network`]: somebody cut the
///   stream.
/// * [`AsyncWrite::poll_shutdown`] closes our direction only; reading goes on, and the other way round.
/// * At most one buffer per direction is held, only while there is data in it. A write is taken in whole only when all
///   earlier data has left, so a slow peer bounds what is accepted.
/// * After a write, flush: the last records may wait for the socket.
pub struct TlsStream<S> {
    socket: S,
    engine: Engine,
    peer: PublicKey,
    buffers: Arc<Buffers>,
    input: Input,
    reading: Reading,
    output: Option<Output>,
    /// Encrypted records that are not application data; they leave after `output`.
    control: Vec<u8>,
    writing: Writing,
}

struct Output {
    buffer: Buffer,
    pending: Range<usize>,
}

enum Reading {
    Open,
    /// The peer has closed its direction.
    Ended,
    /// The plaintext that is left is good, then comes this error, then `None`.
    Failed(Option<Error>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Writing {
    Open,
    /// The closing message is on its way.
    Closing,
    Closed,
}

impl<S> TlsStream<S> {
    /// The key that the peer has proven.
    #[must_use]
    pub const fn peer_key(&self) -> PublicKey {
        self.peer
    }

    /// The pool that the stream takes its buffers from.
    #[must_use]
    pub const fn buffers(&self) -> &Arc<Buffers> {
        &self.buffers
    }

    pub(super) fn new(
        socket: S,
        established: Established,
        peer: PublicKey,
        buffers: Arc<Buffers>,
    ) -> Result<Self> {
        let Established {
            engine,
            plain,
            cipher,
            peer_closed,
        } = established;
        let input = Input::new(&plain, &cipher, &buffers)
            .ok_or_else(|| Error::new(ErrorKind::Internal, READ, "too much came with the handshake"))?;
        let mut stream = Self {
            socket,
            engine,
            peer,
            buffers,
            input,
            reading: if peer_closed {
                Reading::Ended
            } else {
                Reading::Open
            },
            output: None,
            control: Vec::new(),
            writing: Writing::Open,
        };
        stream.decrypt();
        Ok(stream)
    }

    /// Decrypts every whole record of the input. A failure is kept for the reader, behind the plaintext before it.
    fn decrypt(&mut self) {
        if !matches!(self.reading, Reading::Open) {
            return;
        }
        match self.input.decrypt(&mut self.engine, &mut self.control) {
            Ok(Next::PeerClosed) => self.reading = Reading::Ended,
            Ok(_) => {}
            Err(failure) => {
                self.engine.take_alerts(&mut self.control);
                self.reading = Reading::Failed(Some(failure.into_error(READ)));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream<S> {
    /// Writes what waits to leave until nothing does.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let (pending, is_output) = match &self.output {
                Some(output) => (
                    output.buffer.get(output.pending.clone()).unwrap_or_default(),
                    true,
                ),
                None => (self.control.as_slice(), false),
            };
            if pending.is_empty() {
                if !is_output {
                    return Poll::Ready(Ok(()));
                }
                self.output = None;
                continue;
            }
            let written = ready!(Pin::new(&mut self.socket).poll_write(cx, pending))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            match &mut self.output {
                Some(output) => output.pending.start += written,
                None => drop(self.control.drain(..written.min(self.control.len()))),
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncBufRead for TlsStream<S> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        while this.input.plain().is_empty() {
            match &mut this.reading {
                Reading::Open => {}
                Reading::Ended => break,
                Reading::Failed(error) => {
                    let error = error.take().unwrap_or_else(|| {
                        Error::new(ErrorKind::Closed, READ, "the stream has failed before")
                    });
                    return Poll::Ready(Err(error.into()));
                }
            }
            if !ready!(this.input.poll_receive(&mut this.socket, &this.buffers, cx))? {
                this.reading = Reading::Failed(None);
                let cut = Error::new(ErrorKind::Network, READ, "the stream was cut");
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::UnexpectedEof, cut)));
            }
            this.decrypt();
            if !this.control.is_empty() && this.output.is_none() {
                // Nobody else is waiting to write, so the wake-up may be ours. Failing to say why does not matter.
                let _ = this.poll_send(cx);
            }
        }
        Poll::Ready(Ok(this.input.plain()))
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        self.get_mut().input.consume(amount);
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let available = ready!(self.as_mut().poll_fill_buf(cx))?;
        let amount = available.len().min(buffer.remaining());
        buffer.put_slice(available.get(..amount).unwrap_or_default());
        self.consume(amount);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        // An engine that has failed must not be asked for anything more.
        if this.writing != Writing::Open || matches!(this.reading, Reading::Failed(_)) {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        ready!(this.poll_send(cx))?;
        let data = data.get(..WRITE_LIMIT).unwrap_or(data);
        if data.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let mut buffer = this.buffers.take();
        let filled = this
            .engine
            .write(data, &mut buffer, &mut this.control)
            .map_err(|failure| failure.into_error(WRITE))?;
        this.output = Some(Output {
            buffer,
            pending: 0..filled,
        });
        // The data is ours now, whether the socket takes it at once or not.
        match this.poll_send(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(data.len())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_send(cx))?;
        Pin::new(&mut this.socket).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.writing == Writing::Open {
            ready!(this.poll_send(cx))?;
            // A connection that has failed cannot say goodbye; its alert has said more.
            if !matches!(this.reading, Reading::Failed(_)) {
                this.engine
                    .close(&mut this.control)
                    .map_err(|failure| failure.into_error(WRITE))?;
            }
            this.writing = Writing::Closing;
        }
        if this.writing == Writing::Closing {
            ready!(this.poll_send(cx))?;
            ready!(Pin::new(&mut this.socket).poll_shutdown(cx))?;
            this.writing = Writing::Closed;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S> fmt::Debug for TlsStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TlsStream(peer {})", self.peer)
    }
}
