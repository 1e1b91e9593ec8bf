//! A connection to a syslog server.

use std::fmt;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio_rustls::TlsConnector;

use super::syslog::unavailable;
use super::{SyslogTarget, SyslogTransport};
use crate::error::{Error, ErrorKind, Result};

/// How long until a server has answered.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a server may take nothing.
const STALLED: Duration = Duration::from_secs(60);
/// How long a server may take to close a connection that we have ended.
const CLOSING: Duration = Duration::from_secs(2);

pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// An open connection.
pub(super) enum Connection {
    Datagrams(UdpSocket),
    Stream(Box<dyn Stream>),
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Datagrams(_) => "Datagrams",
            Self::Stream(_) => "Stream",
        })
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::from_io(ErrorKind::Unavailable, "send to syslog", error)
}

impl Connection {
    pub(super) async fn open(target: &SyslogTarget) -> Result<Self> {
        let opening = async {
            let address = (target.host(), target.port());
            if target.transport() == SyslogTransport::Udp {
                return datagrams(address).await;
            }
            let stream = TcpStream::connect(address).await.map_err(failed)?;
            if target.transport() == SyslogTransport::Tcp {
                return Ok(Self::Stream(Box::new(stream)));
            }
            let (tls, name) = target
                .tls()
                .ok_or_else(|| unavailable("tls:// needs the certificates of authorities"))?;
            let stream = TlsConnector::from(tls)
                .connect(name, stream)
                .await
                .map_err(|error| Error::from_io(ErrorKind::UntrustedPeer, "send to syslog", error))?;
            Ok(Self::Stream(Box::new(stream)))
        };
        tokio::time::timeout(PATIENCE, opening)
            .await
            .unwrap_or_else(|_| Err(unavailable(format!("{target} did not answer in time"))))
    }

    /// Sends messages one after the other.
    pub(super) async fn send(&mut self, messages: impl Iterator<Item = String> + Send) -> Result<()> {
        for message in messages {
            match self {
                Self::Datagrams(socket) => {
                    socket.send(message.as_bytes()).await.map_err(failed)?;
                }
                Self::Stream(stream) => {
                    // RFC 6587 §3.4.1: the length in bytes, a space, the message.
                    let frame = format!("{} {message}", message.len());
                    in_time(stream.write_all(frame.as_bytes())).await?;
                }
            }
        }
        match self {
            Self::Datagrams(_) => Ok(()),
            Self::Stream(stream) => in_time(stream.flush()).await,
        }
    }

    /// Waits until the server has closed the connection or it failed: a syslog server says nothing.
    pub(super) async fn broken(&mut self) -> Error {
        let Self::Stream(stream) = self else {
            return std::future::pending().await;
        };
        let mut said = [0; 512];
        loop {
            match stream.read(&mut said).await {
                Ok(0) => return unavailable("the server closed the connection"),
                Ok(_) => {}
                Err(error) => return failed(error),
            }
        }
    }

    /// Says that nothing follows, and waits until the server has closed its side: then it has read everything.
    pub(super) async fn close(self) -> bool {
        let Self::Stream(mut stream) = self else {
            return true;
        };
        let closing = async {
            stream.shutdown().await?;
            let mut said = [0; 512];
            while stream.read(&mut said).await? > 0 {}
            Ok::<(), std::io::Error>(())
        };
        matches!(tokio::time::timeout(CLOSING, closing).await, Ok(Ok(())))
    }
}

async fn datagrams(address: (&str, u16)) -> Result<Connection> {
    let mut last = unavailable("its name has no address");
    for address in tokio::net::lookup_host(address).await.map_err(failed)? {
        let own = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let connected = async {
            let socket = UdpSocket::bind(own).await?;
            socket.connect(address).await?;
            Ok::<_, std::io::Error>(socket)
        };
        match connected.await {
            Ok(socket) => return Ok(Connection::Datagrams(socket)),
            Err(error) => last = failed(error),
        }
    }
    Err(last)
}

async fn in_time(writing: impl Future<Output = std::io::Result<()>>) -> Result<()> {
    match tokio::time::timeout(STALLED, writing).await {
        Ok(written) => written.map_err(failed),
        Err(_) => Err(unavailable("the server takes nothing any more")),
    }
}
