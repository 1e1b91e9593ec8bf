//! The stream between a rep and a gate in its own process.
//!
//! It ends as a session's TLS stream does: in order when the other side has shut its direction down, and otherwise cut, which
//! is an error, because a gate that gave up is not a target that said goodbye.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, BufReader, DuplexStream, ReadBuf};

/// What one side may have sent that the other has not read: then it waits.
const CAPACITY: usize = 256 * 1024;
/// How much is read at once where the reader brings no larger buffer.
const BUFFER: usize = 64 * 1024;

/// One of its two ends.
#[derive(Debug)]
pub(super) struct LocalStream {
    stream: BufReader<DuplexStream>,
    /// Whether this side has shut down in order.
    ours: Arc<AtomicBool>,
    /// Whether the other one has.
    theirs: Arc<AtomicBool>,
}

/// Both ends.
pub(super) fn pair() -> (LocalStream, LocalStream) {
    let (one, other) = tokio::io::duplex(CAPACITY);
    let (one_shut, other_shut) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
    let end = |stream, ours: &Arc<AtomicBool>, theirs: &Arc<AtomicBool>| LocalStream {
        stream: BufReader::with_capacity(BUFFER, stream),
        ours: ours.clone(),
        theirs: theirs.clone(),
    };
    (
        end(one, &one_shut, &other_shut),
        end(other, &other_shut, &one_shut),
    )
}

impl LocalStream {
    /// The end of what there is to read: in order, or an error.
    fn end(&self) -> io::Result<()> {
        if self.theirs.load(Ordering::Acquire) {
            Ok(())
        } else {
            Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the other side went away without a word",
            ))
        }
    }
}

impl AsyncRead for LocalStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        if buffer.filled().len() == before && buffer.remaining() > 0 {
            return Poll::Ready(self.end());
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncBufRead for LocalStream {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        if ready!(Pin::new(&mut this.stream).poll_fill_buf(cx))?.is_empty() {
            return Poll::Ready(this.end().map(|()| &[][..]));
        }
        // Asked again for the sake of the borrow checker: what is buffered is given at once.
        Pin::new(&mut this.stream).poll_fill_buf(cx)
    }

    fn consume(mut self: Pin<&mut Self>, amount: usize) {
        Pin::new(&mut self.stream).consume(amount);
    }
}

impl AsyncWrite for LocalStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.ours.store(true, Ordering::Release);
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn what_was_sent_before_the_end_arrives_and_only_a_goodbye_is_an_end_in_order() {
        for goodbye in [true, false] {
            let (mut near, mut far) = pair();
            far.write_all(b"last words").await.unwrap();
            if goodbye {
                far.shutdown().await.unwrap();
                // Only its own direction is closed.
                near.write_all(b"x").await.unwrap();
                assert_eq!(far.read_u8().await.unwrap(), b'x');
            }
            drop(far);
            let mut said = [0; 10];
            near.read_exact(&mut said).await.unwrap();
            assert_eq!(&said, b"last words");
            let ends = [near.read(&mut said).await, near.fill_buf().await.map(<[u8]>::len)];
            for end in ends {
                match end {
                    Ok(read) => assert!(goodbye && read == 0),
                    Err(error) => assert!(!goodbye && error.kind() == io::ErrorKind::UnexpectedEof),
                }
            }
            assert!(near.write_all(b"y").await.is_err(), "nobody is there");
        }
    }
}
