//! TCP as a transport.

use std::io;
use std::time::Duration;

use async_trait::async_trait;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};

use super::transport::{Listener, PeerAddress, Socket, Transport};
use crate::error::{Error, ErrorKind, Result};

/// How long [`TcpTransport`] waits for a connection to be answered.
const DIAL_TIMEOUT: Duration = Duration::from_secs(10);
/// How long accepting pauses when the process or the machine has run out of something.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How much unsent data the kernel takes before a socket stops being writable: an interactive message must not queue
/// behind megabytes.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT_LIMIT: u32 = 128 * 1024;
/// A peer that vanished without a word is noticed by the kernel: after 60 s of silence it asks every 15 s.
const KEEPALIVE_TIME: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// Plain TCP with the socket options that a tunnel needs.
///
/// `TCP_NODELAY` always (a message written in two pieces would otherwise wait 40 ms), keep-alive (so that no session
/// needs a timer), and a bound on unsent data where the system has one.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpTransport;

impl TcpTransport {
    /// Sets the options on a connection that was opened elsewhere and makes a [`Socket`] of it.
    ///
    /// # Errors
    /// If the connection is dead already.
    pub fn adopt(stream: TcpStream) -> io::Result<Socket> {
        stream.set_nodelay(true)?;
        let socket = SockRef::from(&stream);
        socket.set_tcp_keepalive(
            &TcpKeepalive::new()
                .with_time(KEEPALIVE_TIME)
                .with_interval(KEEPALIVE_INTERVAL),
        )?;
        #[cfg(any(target_os = "linux", target_os = "android"))]
        socket.set_tcp_notsent_lowat(UNSENT_LIMIT)?;
        Ok(Socket::Tcp(stream))
    }
}

#[async_trait]
impl Transport for TcpTransport {
    async fn dial(&self, address: &str) -> Result<Socket> {
        let failed = |error: io::Error| {
            Error::new(
                ErrorKind::Unavailable,
                "connect",
                format!("cannot reach {address}"),
            )
            .with_source(error)
        };
        let stream = tokio::time::timeout(DIAL_TIMEOUT, TcpStream::connect(address))
            .await
            .map_err(|_| {
                Error::new(
                    ErrorKind::Timeout,
                    "connect",
                    format!("{address} did not answer within {} s", DIAL_TIMEOUT.as_secs()),
                )
            })?
            .map_err(failed)?;
        Self::adopt(stream).map_err(failed)
    }

    async fn listen(&self, address: &str) -> Result<Box<dyn Listener>> {
        let failed = |error: io::Error| {
            Error::new(
                ErrorKind::Unavailable,
                "listen",
                format!("cannot listen at {address}"),
            )
            .with_source(error)
        };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?.to_string();
        Ok(Box::new(Bound { listener, address }))
    }
}

#[derive(Debug)]
struct Bound {
    listener: TcpListener,
    address: String,
}

#[async_trait]
impl Listener for Bound {
    fn address(&self) -> String {
        self.address.clone()
    }

    async fn accept(&mut self) -> Result<(Socket, PeerAddress)> {
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => match TcpTransport::adopt(stream) {
                    Ok(socket) => return Ok((socket, PeerAddress::tcp(peer))),
                    Err(error) => tracing::debug!(%peer, %error, "a connection died while it was accepted"),
                },
                Err(error) => match after_accept_error(error.kind()) {
                    AfterError::GoOn => tracing::debug!(%error, "a connection died before it was accepted"),
                    AfterError::Pause => {
                        tracing::warn!(%error, "cannot accept connections now");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                    AfterError::End => {
                        return Err(Error::new(
                            ErrorKind::Closed,
                            "accept a connection",
                            "listening has ended",
                        )
                        .with_source(error));
                    }
                },
            }
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum AfterError {
    GoOn,
    Pause,
    End,
}

/// What `accept` does after an error of this kind (accept(2), "Error handling": most errors belong to the connection,
/// or pass).
fn after_accept_error(kind: io::ErrorKind) -> AfterError {
    match kind {
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted => {
            AfterError::GoOn
        }
        io::ErrorKind::InvalidInput | io::ErrorKind::NotConnected | io::ErrorKind::Unsupported => {
            AfterError::End
        }
        _ => AfterError::Pause,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_out_of_descriptors_pauses_and_a_dead_connection_does_not() {
        let too_many_files = io::Error::from_raw_os_error(24).kind();
        assert_eq!(after_accept_error(too_many_files), AfterError::Pause);
        assert_eq!(
            after_accept_error(io::ErrorKind::ConnectionAborted),
            AfterError::GoOn
        );
        assert_eq!(after_accept_error(io::ErrorKind::InvalidInput), AfterError::End);
    }

    #[tokio::test]
    async fn both_ends_of_a_connection_send_small_messages_at_once() {
        let mut listener = TcpTransport.listen("127.0.0.1:0").await.unwrap();
        let address = listener.address();
        let (dialled, accepted) = tokio::join!(TcpTransport.dial(&address), listener.accept());
        let (accepted, peer) = accepted.unwrap();
        assert!(peer.ip().unwrap().is_loopback());
        for socket in [dialled.unwrap(), accepted] {
            let Socket::Tcp(stream) = socket else {
                panic!("not TCP")
            };
            assert!(stream.nodelay().unwrap());
            assert!(SockRef::from(&stream).keepalive().unwrap());
        }
    }

    #[tokio::test]
    async fn nobody_listening_is_unavailable_and_may_be_retried() {
        let listener = TcpTransport.listen("127.0.0.1:0").await.unwrap();
        let address = listener.address();
        drop(listener);
        let error = TcpTransport.dial(&address).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.is_retryable());
    }
}
