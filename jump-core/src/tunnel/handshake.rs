//! The TLS handshake over a socket.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::engine::{Engine, Failure, Next};
use crate::error::{Error, ErrorKind};

/// The most that is read from a peer before it is authenticated.
pub(super) const HANDSHAKE_LIMIT: usize = 16 * 1024;
const OPERATION: &str = "secure the connection";

/// A finished handshake, with what came behind it.
pub(super) struct Established {
    pub(super) engine: Engine,
    /// Application data that was in the peer's last flight, decrypted.
    pub(super) plain: Vec<u8>,
    /// Records that are not looked at yet.
    pub(super) cipher: Vec<u8>,
    /// Whether the peer has already said that it sends no more.
    pub(super) peer_closed: bool,
}

/// Why a handshake failed, and the alert that the peer has not been told yet.
pub(super) struct Refusal {
    pub(super) error: Error,
    pub(super) alert: Vec<u8>,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self {
            error,
            alert: Vec::new(),
        }
    }
}

/// Runs the handshake to its end. Reads at most [`HANDSHAKE_LIMIT`] bytes, `already_read` included.
pub(super) async fn handshake<S>(
    mut engine: Engine,
    socket: &mut S,
    already_read: &[u8],
) -> Result<Established, Refusal>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let network = |error| Error::from_io(ErrorKind::Network, OPERATION, error);
    let mut cipher = already_read.to_vec();
    let mut taken = cipher.len();
    let mut plain = Vec::new();
    let mut control = Vec::new();
    loop {
        let collect = |payload: &[u8]| {
            plain.extend_from_slice(payload);
            Ok(())
        };
        let progress = engine
            .read(&mut cipher, collect, &mut control)
            .map_err(|failure| refuse(&mut engine, failure))?;
        cipher.drain(..progress.consumed.min(cipher.len()));
        if progress.next != Next::Again && !control.is_empty() {
            socket.write_all(&control).await.map_err(network)?;
            socket.flush().await.map_err(network)?;
            control.clear();
        }
        if !engine.is_handshaking() && control.is_empty() {
            // With the last flight sent and checked: whatever follows is for the stream.
            if progress.next != Next::Send {
                return Ok(Established {
                    engine,
                    plain,
                    cipher,
                    peer_closed: progress.next == Next::PeerClosed,
                });
            }
        }
        if progress.next == Next::Input {
            let room = HANDSHAKE_LIMIT.saturating_sub(taken);
            if room == 0 {
                let long = "the handshake is longer than 16 KiB";
                return Err(Error::new(ErrorKind::Protocol, OPERATION, long).into());
            }
            let read = (&mut *socket)
                .take(room as u64)
                .read_buf(&mut cipher)
                .await
                .map_err(network)?;
            if read == 0 {
                let cut = "the stream was cut before both ends had proven their keys";
                return Err(Error::new(ErrorKind::Network, OPERATION, cut).into());
            }
            taken += read;
        }
        if progress.next == Next::PeerClosed {
            let gone = "the peer hung up during the handshake";
            return Err(Error::new(ErrorKind::Network, OPERATION, gone).into());
        }
    }
}

fn refuse(engine: &mut Engine, failure: Failure) -> Refusal {
    let mut alert = Vec::new();
    engine.take_alerts(&mut alert);
    Refusal {
        error: failure.into_error(OPERATION),
        alert,
    }
}
