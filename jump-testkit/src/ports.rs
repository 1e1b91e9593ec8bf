//! Ports on loopback.

use std::net::{Ipv4Addr, SocketAddr};

use jump_core::{Error, ErrorKind, Result};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

fn failed(error: std::io::Error) -> Error {
    Error::from_io(ErrorKind::Network, "take a port on loopback", error)
}

/// A listener on 127.0.0.1 on a port of its own. Prefer it to [`free_port`] wherever the listener can be handed over.
pub async fn listener() -> Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// Both ends of a connection on 127.0.0.1.
pub async fn tcp_pair() -> Result<(TcpStream, TcpStream)> {
    let (listener, address) = listener().await?;
    let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
    Ok((near.map_err(failed)?, far.map_err(failed)?.0))
}

/// A port on which nothing listened a moment ago, for programs that take a port number only. Another process may
/// take it first: start the program again with another port if it says so.
pub fn free_port() -> Result<u16> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
    Ok(listener.local_addr().map_err(failed)?.port())
}

/// A port that refuses every connection as long as this value lives: it is bound, and nobody listens.
#[derive(Debug)]
pub struct RefusingPort {
    address: SocketAddr,
    _socket: TcpSocket,
}

impl RefusingPort {
    /// Takes such a port on 127.0.0.1.
    pub fn new() -> Result<Self> {
        let socket = TcpSocket::new_v4().map_err(failed)?;
        socket
            .bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            .map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        Ok(Self {
            address,
            _socket: socket,
        })
    }

    /// Where it refuses.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_refusing_port_refuses() {
        let port = RefusingPort::new().unwrap();
        let error = tokio::net::TcpStream::connect(port.address()).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    }
}
