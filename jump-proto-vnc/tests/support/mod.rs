//! Runs the handshake over TCP and TLS.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jump_core::keys::random_bytes;
use jump_core::secret::Secret;
use jump_proto_vnc::security::{
    ClientConfig, ClientHandshake, ClientSession, ClientStep, SecurityPolicy, SecurityType, ServerKey,
    VncCredential,
};
use jump_proto_vnc::wire::{Input, limits};
use jump_proto_vnc::{RfbError, RfbResult};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig as TlsConfig, RootCertStore};

/// Longer than anything here takes.
pub(crate) const LONG: Duration = Duration::from_secs(60);

pub(crate) trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// A session and its connection.
pub(crate) struct LoggedIn {
    pub(crate) session: ClientSession,
    pub(crate) wire: Box<dyn Wire>,
    /// What was received beyond the handshake.
    pub(crate) rest: Vec<u8>,
    pub(crate) offered: Vec<SecurityType>,
}

pub(crate) fn password(word: &str) -> VncCredential {
    VncCredential::Password(Secret::new(word.to_owned()))
}

pub(crate) fn user(name: &str, word: &str) -> VncCredential {
    VncCredential::Login {
        user: name.to_owned(),
        password: Secret::new(word.to_owned()),
    }
}

/// Logs in. `authority` is whose certificates are trusted, in PEM; `key` says which RSA keys are.
pub(crate) async fn log_in(
    address: SocketAddr,
    policy: SecurityPolicy,
    credential: VncCredential,
    authority: &str,
    key: impl Fn(&ServerKey) -> bool,
) -> RfbResult<LoggedIn> {
    let config = ClientConfig {
        policy,
        credential,
        shared: true,
        seed: Secret::new(random_bytes().unwrap()),
        client_key: None,
    };
    let mut handshake = ClientHandshake::new(config);
    tokio::time::timeout(LONG, drive(&mut handshake, address, authority, key))
        .await
        .expect("the handshake ends")
}

async fn drive(
    handshake: &mut ClientHandshake,
    address: SocketAddr,
    authority: &str,
    key: impl Fn(&ServerKey) -> bool,
) -> RfbResult<LoggedIn> {
    let mut wire: Box<dyn Wire> = Box::new(TcpStream::connect(address).await.unwrap());
    let mut received = Vec::new();
    loop {
        let mut input = Input::new(&received);
        let mut output = Vec::new();
        let step = handshake.advance(&mut input, &mut output)?;
        let read = input.consumed();
        received.drain(..read);
        assert!(received.len() <= limits::MAX_HANDSHAKE_BYTES);
        wire.write_all(&output).await.unwrap();
        wire.flush().await.unwrap();
        match step {
            ClientStep::More => {
                if wire.read_buf(&mut received).await.unwrap_or(0) == 0 {
                    return Err(handshake.closed(&received));
                }
            }
            ClientStep::StartTls => {
                assert!(received.is_empty(), "nothing comes in the clear any more");
                wire = Box::new(tls(wire, authority).await?);
                handshake.tls_started();
            }
            ClientStep::VerifyKey(server) => {
                if !key(&server) {
                    return Err(RfbError::Untrusted("another key"));
                }
                handshake.accept_key();
            }
            ClientStep::Done(session) => {
                let rest = [session.received.clone(), received].concat();
                return Ok(LoggedIn {
                    session: *session,
                    wire,
                    rest,
                    offered: handshake.offered().to_vec(),
                });
            }
        }
    }
}

async fn tls(wire: Box<dyn Wire>, authority: &str) -> RfbResult<impl Wire + 'static> {
    let mut roots = RootCertStore::empty();
    if !authority.is_empty() {
        roots
            .add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap())
            .unwrap();
    }
    let config = TlsConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
        .connect(ServerName::try_from("localhost").unwrap(), wire)
        .await
        .map_err(|_| RfbError::Untrusted("the server's certificate"))
}
