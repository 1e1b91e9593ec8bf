//! Notices that nothing comes from the rep any more.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// When the last byte came from the rep.
#[derive(Clone, Debug)]
pub(super) struct LastByte(Arc<Mutex<Instant>>);

impl LastByte {
    pub(super) fn now() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    fn came(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Returns once nothing came for this long. Cancel-safe.
    pub(super) async fn silent_for(&self, limit: Duration) {
        loop {
            let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let due = last + limit;
            if Instant::now() >= due {
                return;
            }
            tokio::time::sleep_until(due).await;
        }
    }
}

/// The rep's stream, watched.
pub(super) struct Watched<S> {
    pub(super) stream: S,
    pub(super) last: LastByte,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.last.came();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test(start_paused = true)]
    async fn every_byte_begins_the_silence_anew() {
        let (near, mut far) = tokio::io::duplex(64);
        let last = LastByte::now();
        let mut watched = Watched {
            stream: near,
            last: last.clone(),
        };
        let begun = Instant::now();
        let limit = Duration::from_secs(60);
        let silence = tokio::spawn(async move {
            last.silent_for(limit).await;
            begun.elapsed()
        });
        tokio::time::advance(Duration::from_secs(50)).await;
        far.write_all(b"x").await.unwrap();
        watched.read_u8().await.unwrap();
        // What goes to the rep is no sign of the rep.
        watched.write_all(b"y").await.unwrap();
        let silent = silence.await.unwrap();
        assert!(
            silent >= Duration::from_secs(110) && silent < Duration::from_secs(111),
            "{silent:?}"
        );
    }
}
