//! The rep's half: a session that opens byte streams.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use async_trait::async_trait;
use bytes::{Buf, Bytes};
use jump_core::error::{Error, ErrorKind, Result};
use jump_core::model::TargetAddress;
use jump_core::protocol::{ConnectOptions, TunnelSession};
use jump_core::stream::BoxStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::driver::Driver;
use crate::link::{Handle, SessionEnd, Shared};
use crate::mux::{FIRST_WINDOW, Role, SESSION_WINDOW, Usage};
use crate::stream::PIECE;

/// The most streams that a rep opens at once, whatever the gate allows: so many that each can start with a full window.
const STREAMS: usize = (SESSION_WINDOW / FIRST_WINDOW) as usize;

/// A tunnel session at the rep. Dropping it closes the session once its last stream is gone.
#[derive(Debug)]
pub struct TunnelClient {
    shared: Arc<Shared>,
}

impl TunnelClient {
    /// Starts a session over `stream` and waits until the gate has greeted. Not cancel-safe: dropping the future closes
    /// the stream. Must be called within a tokio runtime, on which one task per session then runs.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] if the gate does not greet in time, [`ErrorKind::Protocol`] or
    /// [`ErrorKind::Unsupported`] if it is not one of ours.
    pub async fn connect(stream: BoxStream, options: &ConnectOptions) -> Result<Self> {
        let shared = Shared::new(Role::Rep, STREAMS);
        let client = Self {
            shared: shared.clone(),
        };
        let mut driver = Driver::new(stream, shared);
        tokio::spawn(async move {
            let end = driver.run().await;
            if let Some(why) = Driver::last_word(&end) {
                driver.farewell(why, true).await;
            }
        });
        match tokio::time::timeout(options.handshake_timeout, client.shared.ready()).await {
            Ok(ready) => ready.map(|()| client),
            Err(_) => {
                let message = "the gate did not answer in time";
                Err(Error::new(
                    ErrorKind::Timeout,
                    "start the tunnel session",
                    message,
                ))
            }
        }
    }

    /// How much the session holds at this moment, for monitoring and tests.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.shared.usage()
    }
}

impl Drop for TunnelClient {
    fn drop(&mut self) {
        self.shared.disown();
    }
}

#[async_trait]
impl TunnelSession for TunnelClient {
    /// Opens a stream. Cancel-safe: a stream that was asked for is given back.
    ///
    /// Writes wait while the target does not read, and hold at most 256 KiB meanwhile. Shutting the stream down ends
    /// our direction only. Dropping it resets it, unless it was shut down before: then what was written still goes out.
    ///
    /// # Errors
    /// As the trait says, and [`ErrorKind::ResourceLimit`] if the session has as many streams as the gate allows;
    /// what ended the session, if it has ended.
    async fn open(&self, target: &TargetAddress) -> Result<BoxStream> {
        let handle = self.shared.open(target).await?;
        Ok(Box::new(TunnelStream {
            handle,
            piece: Bytes::new(),
            size: 0,
        }))
    }

    /// # Errors
    /// Why the session ended, unless this side closed it.
    async fn closed(&self) -> Result<()> {
        match self.shared.ended().await {
            SessionEnd::Closed => Ok(()),
            end => Err(end.to_error()),
        }
    }

    /// Closes at once. What the targets have not taken yet is void: wait for the end of a stream that matters. Cancel-safe.
    async fn close(&self) -> Result<()> {
        self.shared.close();
        self.shared.ended().await;
        Ok(())
    }
}

/// A stream to a target.
#[derive(Debug)]
struct TunnelStream {
    handle: Handle,
    /// What is left of the piece that is being read, and how long it was.
    piece: Bytes,
    size: usize,
}

/// The I/O error for one of ours, with the kind that programs look for.
fn io_error(error: Error) -> io::Error {
    match error.kind() {
        ErrorKind::Network | ErrorKind::Closed => io::Error::new(io::ErrorKind::ConnectionReset, error),
        _ => error.into(),
    }
}

impl AsyncRead for TunnelStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        if self.piece.is_empty() {
            match ready!(self.handle.poll_take(cx)).map_err(io_error)? {
                None => return Poll::Ready(Ok(())),
                Some(piece) => {
                    self.size = piece.len();
                    self.piece = piece;
                }
            }
        }
        let count = buf.remaining().min(self.piece.len());
        buf.put_slice(self.piece.get(..count).unwrap_or_default());
        self.piece.advance(count);
        if self.piece.is_empty() {
            self.piece = Bytes::new();
            self.handle.delivered(self.size);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for TunnelStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let room = ready!(self.handle.poll_room(cx)).map_err(io_error)?;
        let part = buf.get(..room.min(PIECE)).unwrap_or(buf);
        self.handle.send(Bytes::copy_from_slice(part)).map_err(io_error)?;
        Poll::Ready(Ok(part.len()))
    }

    /// What was written is on its way already.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.handle.finish();
        Poll::Ready(Ok(()))
    }
}
