//! Local ports at the rep that lead into a session.

use std::future::poll_fn;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use jump_core::error::{Error, ErrorKind, Result};
use jump_core::model::TargetAddress;
use jump_core::protocol::TunnelSession;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::sleep;

use crate::stream::PIECE;

/// How long a listener waits when the system cannot give it a connection, such as when file descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// One local port and where it leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalForward {
    /// The local port; 0 takes any free one.
    pub port: u16,
    /// The target; one of the grant's addresses, or every connection is refused.
    pub target: TargetAddress,
}

/// What a listener tells its owner about single connections.
#[derive(Debug)]
#[non_exhaustive]
pub enum LocalEvent {
    /// A program connected and its stream is open.
    Opened {
        /// The program's address.
        from: SocketAddr,
        /// The target.
        to: TargetAddress,
    },
    /// A program connected and got no stream; its connection was reset.
    Refused {
        /// The program's address.
        from: SocketAddr,
        /// The target.
        to: TargetAddress,
        /// Why.
        error: Error,
    },
}

/// Listens on loopback for each forward and carries what connects there through a session. Dropping it stops listening
/// and cuts every connection.
#[derive(Debug)]
pub struct LocalListener {
    forwards: Vec<(SocketAddr, TargetAddress)>,
    tasks: Vec<AbortHandle>,
}

impl LocalListener {
    /// Binds every forward on `address`, which is in 127.0.0.0/8, or none. `events` takes what happens to connections;
    /// a listener whose owner does not take events goes on without telling. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if the address is not a loopback one, [`ErrorKind::Conflict`] if a port is taken.
    pub async fn bind(
        session: Arc<dyn TunnelSession>,
        address: Ipv4Addr,
        forwards: impl IntoIterator<Item = LocalForward>,
        events: Option<mpsc::Sender<LocalEvent>>,
    ) -> Result<Self> {
        if !address.is_loopback() {
            let message = "a tunnel listens on a loopback address: whoever reaches the port is let through";
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                "listen for a tunnel",
                message,
            ));
        }
        let mut bound = Vec::new();
        for forward in forwards {
            let listener = TcpListener::bind((address, forward.port)).await;
            let listener = listener.and_then(|listener| Ok((listener.local_addr()?, listener)));
            let (local, listener) = listener.map_err(|error| {
                let message = format!("cannot take {address}:{}", forward.port);
                Error::new(ErrorKind::Conflict, "listen for a tunnel", message).with_source(error)
            })?;
            bound.push((local, listener, forward.target));
        }
        let mut started = Self {
            forwards: Vec::new(),
            tasks: Vec::new(),
        };
        for (local, listener, target) in bound {
            started.forwards.push((local, target.clone()));
            let task = accept(listener, target, session.clone(), events.clone());
            started.tasks.push(tokio::spawn(task).abort_handle());
        }
        Ok(started)
    }

    /// Each local address and where it leads, in the order given.
    #[must_use]
    pub fn forwards(&self) -> &[(SocketAddr, TargetAddress)] {
        &self.forwards
    }
}

impl Drop for LocalListener {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

async fn accept(
    listener: TcpListener,
    target: TargetAddress,
    session: Arc<dyn TunnelSession>,
    events: Option<mpsc::Sender<LocalEvent>>,
) {
    // Dropping the set cuts the connections with the listener.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((local, from)) => {
                    connections.spawn(carry(local, from, target.clone(), session.clone(), events.clone()));
                }
                Err(_) => sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Carries one local connection.
async fn carry(
    mut local: TcpStream,
    from: SocketAddr,
    to: TargetAddress,
    session: Arc<dyn TunnelSession>,
    events: Option<mpsc::Sender<LocalEvent>>,
) {
    let tell = |event| events.as_ref().map(|events| events.try_send(event));
    let _ = local.set_nodelay(true);
    let stream = match session.open(&to).await {
        Ok(stream) => stream,
        Err(error) => {
            // The program sees that the connection broke, not that the target said nothing.
            let _ = local.set_zero_linger();
            tell(LocalEvent::Refused { from, to, error });
            return;
        }
    };
    tell(LocalEvent::Opened { from, to });
    let (mut from_stream, mut to_stream) = tokio::io::split(stream);
    let (mut from_local, mut to_local) = local.split();
    let ended = tokio::try_join!(
        copy(&mut from_local, &mut to_stream),
        copy(&mut from_stream, &mut to_local)
    );
    if ended.is_err() {
        let _ = local.set_zero_linger();
    }
}

/// Copies until the end, which it passes on. The buffer lives only while bytes are there.
async fn copy(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
) -> std::io::Result<()> {
    loop {
        let bytes = poll_fn(|cx| {
            let mut buffer = BytesMut::with_capacity(PIECE);
            let read = ready!(pin!(from.read_buf(&mut buffer)).poll(cx));
            Poll::Ready(read.map(|_| buffer))
        })
        .await?;
        if bytes.is_empty() {
            return to.shutdown().await;
        }
        to.write_all(&bytes).await?;
    }
}
