//! Peers that do what no honest peer does, over plain TCP.

use std::net::SocketAddr;
use std::time::Duration;

use jump_core::{Error, ErrorKind, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

fn failed(operation: &'static str) -> impl Fn(std::io::Error) -> Error {
    move |error| Error::from_io(ErrorKind::Network, operation, error)
}

/// Opens `count` connections that never say a word. They stay open until the vector is dropped.
pub async fn silent(address: SocketAddr, count: usize) -> Result<Vec<TcpStream>> {
    let mut streams = Vec::new();
    for _ in 0..count {
        let stream = TcpStream::connect(address)
            .await
            .map_err(failed("open a silent connection"))?;
        streams.push(stream);
    }
    Ok(streams)
}

/// Connects and sends exactly these bytes, leaving the connection open.
pub async fn send(address: SocketAddr, bytes: &[u8]) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address)
        .await
        .map_err(failed("connect as a hostile peer"))?;
    stream
        .write_all(bytes)
        .await
        .map_err(failed("send as a hostile peer"))?;
    Ok(stream)
}

/// Sends `bytes` in pieces of `piece` bytes with a pause after each. Ends early, without an error, when the other side
/// closes. Gives how many bytes it could send.
pub async fn send_slowly(stream: &mut TcpStream, bytes: &[u8], piece: usize, pause: Duration) -> usize {
    let mut sent = 0;
    for part in bytes.chunks(piece.max(1)) {
        if stream.write_all(part).await.is_err() {
            break;
        }
        sent += part.len();
        tokio::time::sleep(pause).await;
    }
    sent
}

/// How the other side ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// In order, with a FIN.
    Finished,
    /// With a reset, or another error.
    Reset,
    /// Not at all until the deadline.
    StillOpen,
}

/// Reads until the other side closes or `deadline` from now is over, and keeps the first MiB.
pub async fn read_until_close(stream: &mut TcpStream, deadline: Duration) -> (Vec<u8>, Closing) {
    let until = Instant::now() + deadline;
    let mut kept = Vec::new();
    let mut piece = vec![0u8; 16 * 1024];
    loop {
        match timeout_at(until, stream.read(&mut piece)).await {
            Err(_) => return (kept, Closing::StillOpen),
            Ok(Err(_)) => return (kept, Closing::Reset),
            Ok(Ok(0)) => return (kept, Closing::Finished),
            Ok(Ok(length)) => {
                let room = (1usize << 20).saturating_sub(kept.len());
                kept.extend(piece.iter().take(length.min(room)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports;

    #[tokio::test]
    async fn tells_a_finish_a_reset_and_silence_apart() {
        let (listener, address) = ports::listener().await.unwrap();
        let mut clients = silent(address, 3).await.unwrap();
        let (mut finished, _) = listener.accept().await.unwrap();
        let (reset, _) = listener.accept().await.unwrap();
        let (_open, _) = listener.accept().await.unwrap();
        finished.write_all(b"bye").await.unwrap();
        drop(finished);
        reset.set_zero_linger().unwrap();
        drop(reset);
        let long = Duration::from_secs(10);
        assert_eq!(
            read_until_close(&mut clients[0], long).await,
            (b"bye".to_vec(), Closing::Finished)
        );
        assert_eq!(read_until_close(&mut clients[1], long).await.1, Closing::Reset);
        assert_eq!(
            read_until_close(&mut clients[2], Duration::ZERO).await.1,
            Closing::StillOpen
        );
    }
}
