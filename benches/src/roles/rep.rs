//! The rep: a local port whose connections are sessions.

use std::net::Ipv4Addr;
use std::sync::Arc;

use jump_core::control::BrokerEndpoint;
use jump_core::keys::SigningKey;
use jump_core::protocol::{Backend, ConnectOptions, Registry, Session, TunnelSession};
use jump_core::rep::{LoginIdentity, Rep};
use jump_core::secret::Secret;
use jump_core::tunnel::{TcpTransport, Transport, pump};
use jump_core::{Error, ErrorKind, Result};
use jump_proto_tunnel::{LocalForward, LocalListener, TunnelBackend};
use serde::{Deserialize, Serialize};

use super::{OPERATION, Starter, failed};

/// A login that is kept in a file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Login {
    pub(crate) broker: BrokerEndpoint,
    pub(crate) seed: [u8; 32],
}

pub(super) async fn connect(login: &str, backends: Registry) -> Result<Rep> {
    let text = std::fs::read(login).map_err(failed)?;
    let login: Login = serde_json::from_slice(&text)
        .map_err(|error| Error::new(ErrorKind::Internal, OPERATION, "bad login").with_source(error))?;
    let identity = LoginIdentity(SigningKey::from_seed(Secret::new(login.seed))?);
    Rep::builder(identity, login.broker)
        .backends(backends)
        .connect()
        .await
}

/// Each connection is a session on `item` of its own; tells the port's address.
pub(super) async fn run(starter: Starter, login: &str, item: &str) -> Result<()> {
    let rep = connect(login, Registry::new()).await?;
    let mut listener = TcpTransport.listen(&format!("{}:0", Ipv4Addr::LOCALHOST)).await?;
    starter.tell(listener.address())?;
    let item: Arc<str> = item.into();
    loop {
        let (socket, _) = listener.accept().await?;
        let (rep, item) = (rep.clone(), item.clone());
        tokio::spawn(async move {
            let session = Box::pin(rep.jump(&item)).await?;
            pump(session.stream, socket).await
        });
    }
}

/// Every connection goes through one Protocol Tunnel session on `item`, as `jump tunnel` does; tells the port's address.
pub(super) async fn run_tunnel(starter: Starter, login: &str, item: &str) -> Result<()> {
    let wrong = || Error::new(ErrorKind::Internal, OPERATION, "this is not a tunnel item");
    let rep = connect(login, Registry::new()).await?;
    let session = Box::pin(rep.jump(item)).await?;
    let target = session
        .grant
        .target()
        .addresses
        .first()
        .ok_or_else(wrong)?
        .clone();
    let options = ConnectOptions::new(session.grant);
    let Session::Tunnel(tunnel) = TunnelBackend::new()
        .connect(Box::new(session.stream), options)
        .await?
    else {
        return Err(wrong());
    };
    let tunnel: Arc<dyn TunnelSession> = tunnel.into();
    let forward = LocalForward { port: 0, target };
    let listener = LocalListener::bind(tunnel.clone(), Ipv4Addr::LOCALHOST, [forward], None).await?;
    let (address, _) = listener.forwards().first().ok_or_else(wrong)?;
    starter.tell(address)?;
    tunnel.closed().await
}
