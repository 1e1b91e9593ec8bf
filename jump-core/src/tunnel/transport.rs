//! Where sockets come from, and what they are.

use std::fmt;
use std::fmt::Debug;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::TcpStream;

use crate::error::Result;

/// Opens sockets to, and listens at, addresses of one network.
#[async_trait]
pub trait Transport: Send + Sync + Debug {
    /// Connects to `address` (`host:port` for TCP, a name for memory). Dropping the future gives up.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) if nobody listens there,
    /// [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) if nobody answers.
    async fn dial(&self, address: &str) -> Result<Socket>;

    /// Listens at `address`; TCP port 0 takes a free port, which [`Listener::address`] then tells.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) if the address cannot be had.
    async fn listen(&self, address: &str) -> Result<Box<dyn Listener>>;
}

/// Takes connections at one address. Dropping it stops listening.
#[async_trait]
pub trait Listener: Send + Debug {
    /// The address that it listens at, in the form that [`Transport::dial`] takes.
    fn address(&self) -> String;

    /// The next connection. A lack of file descriptors or a connection that died in the queue is waited out, not
    /// reported. Cancel safe: a dropped call loses no connection.
    ///
    /// # Errors
    /// Only when listening itself has ended.
    async fn accept(&mut self) -> Result<(Socket, PeerAddress)>;
}

/// Who is at the other end of an accepted socket, before anything is proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerAddress(Source);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    Tcp(SocketAddr),
    Memory(Arc<str>),
}

impl PeerAddress {
    /// A peer on a TCP connection.
    #[must_use]
    pub const fn tcp(address: SocketAddr) -> Self {
        Self(Source::Tcp(address))
    }

    /// A peer in this process, called `label`.
    #[must_use]
    pub fn memory(label: &str) -> Self {
        Self(Source::Memory(label.into()))
    }

    /// The peer's IP address; an IPv4 address that came in through IPv6 is given as IPv4. `None` in memory.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        match &self.0 {
            Source::Tcp(address) => Some(address.ip().to_canonical()),
            Source::Memory(_) => None,
        }
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Tcp(address) => write!(f, "{address}"),
            Source::Memory(label) => write!(f, "memory:{label}"),
        }
    }
}

/// A connected byte stream of a [`Transport`].
#[derive(Debug)]
pub enum Socket {
    /// A TCP connection with `TCP_NODELAY`, keep-alive and a bound on unsent data.
    Tcp(TcpStream),
    /// One end of a bounded pipe in memory.
    Memory(DuplexStream),
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(socket) => Pin::new(socket).poll_read(cx, buffer),
            Self::Memory(socket) => Pin::new(socket).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(socket) => Pin::new(socket).poll_write(cx, data),
            Self::Memory(socket) => Pin::new(socket).poll_write(cx, data),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(socket) => Pin::new(socket).poll_flush(cx),
            Self::Memory(socket) => Pin::new(socket).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::Memory(socket) => Pin::new(socket).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv4_peer_on_an_ipv6_listener_is_the_same_source() {
        let mapped = PeerAddress::tcp("[::ffff:192.0.2.7]:4711".parse().unwrap());
        assert_eq!(mapped.ip(), Some("192.0.2.7".parse().unwrap()));
        assert_eq!(PeerAddress::memory("a").ip(), None);
        assert_eq!(PeerAddress::memory("a").to_string(), "memory:a");
    }
}
