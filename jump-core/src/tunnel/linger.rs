//! Ending a connection so that the last word arrives.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// How long a refused peer may take to hang up.
const LINGER: Duration = Duration::from_secs(2);
/// How much more of what it says is read, and thrown away.
const LINGER_BYTES: usize = 64 * 1024;

/// Sends `last_word` and the end of the stream, then reads and drops what the peer had already sent until it hangs up,
/// within bounds. Closing a TCP socket with unread input would reset the connection, and the reset would overtake the
/// last word.
pub(super) async fn linger<S: AsyncRead + AsyncWrite + Unpin>(mut socket: S, last_word: &[u8]) {
    let talk = async {
        socket.write_all(last_word).await?;
        socket.shutdown().await?;
        let mut scrap = [0u8; 512];
        let mut dropped = 0;
        while dropped < LINGER_BYTES {
            match socket.read(&mut scrap).await? {
                0 => break,
                read => dropped += read,
            }
        }
        std::io::Result::Ok(())
    };
    // Whether the peer heard it is the peer's affair.
    if let Ok(Err(error)) = tokio::time::timeout(LINGER, talk).await {
        tracing::trace!(%error, "a refused peer was gone before it heard why");
    }
}
