//! TLS 1.3 between two parts that know each other's keys.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::{AlwaysResolvesClientRawPublicKeys, Resumption, UnbufferedClientConnection};
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::cipher_suite::{
    TLS13_AES_128_GCM_SHA256, TLS13_AES_256_GCM_SHA384, TLS13_CHACHA20_POLY1305_SHA256,
};
use rustls::pki_types::ServerName;
use rustls::server::{AlwaysResolvesServerRawPublicKeys, NoServerSessionStorage, UnbufferedServerConnection};
use rustls::version::TLS13;
use rustls::{ClientConfig, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};

use super::buffers::Buffers;
use super::engine::{Engine, RECORD_OVERHEAD, RECORD_PLAINTEXT};
use super::handshake::{HANDSHAKE_LIMIT, Refusal, handshake};
use super::linger::linger;
use super::raw_key::{Pinned, certified, public_key};
use super::tls_stream::TlsStream;
use crate::error::{Error, ErrorKind, Result};
use crate::keys::{PublicKey, SigningKey};

const OPERATION: &str = "secure the connection";
/// 16 records and the room in front of them into which they are decrypted.
const BUFFER_SIZE: usize = 17 * (RECORD_PLAINTEXT + RECORD_OVERHEAD);
/// Unused buffers that are kept: about 9 MiB.
const BUFFERS_KEPT: usize = 32;

/// Makes TLS 1.3 connections in which both ends prove an Ed25519 key (RFC 8446, RFC 7250), over any byte stream.
///
/// Nothing older than TLS 1.3, no certificates, no tickets and no resumption, no early data, no key log. The crypto
/// provider is a value; clones share it and one pool of buffers, from which a stream takes one only while it has data
/// in its hands.
#[derive(Clone)]
pub struct Tls {
    provider: Arc<CryptoProvider>,
    buffers: Arc<Buffers>,
}

impl Tls {
    /// TLS with this crypto provider; it must know Ed25519 and a TLS 1.3 cipher suite.
    #[must_use]
    pub fn new(provider: Arc<CryptoProvider>) -> Self {
        Self {
            provider,
            buffers: Buffers::new(BUFFER_SIZE, BUFFERS_KEPT),
        }
    }

    /// TLS with ring: AES-128-GCM first (the fastest where the processor has AES), then AES-256-GCM, then
    /// ChaCha20-Poly1305.
    #[must_use]
    pub fn ring() -> Self {
        let mut provider = rustls::crypto::ring::default_provider();
        provider.cipher_suites = vec![
            TLS13_AES_128_GCM_SHA256,
            TLS13_AES_256_GCM_SHA384,
            TLS13_CHACHA20_POLY1305_SHA256,
        ];
        Self::new(Arc::new(provider))
    }

    /// Secures `socket` as the side that dialled: proves `own`, accepts exactly `peer`. Both ends must name the same
    /// application protocol `alpn` (RFC 7301).
    ///
    /// In TLS 1.3 the accepting side checks our key after we are done: if it refuses, the first read says so
    /// ([`ErrorKind::Unauthenticated`]). Cancel safe in that a dropped call closes the socket.
    ///
    /// # Errors
    /// [`ErrorKind::UntrustedPeer`] for another key, [`ErrorKind::Timeout`] after `timeout`,
    /// [`ErrorKind::Unsupported`] for another version or application protocol, [`ErrorKind::Protocol`] for nonsense or
    /// more than 16 KiB before the peer is known, [`ErrorKind::Network`] if the socket failed,
    /// [`ErrorKind::Unauthenticated`] if the peer refused our key. An error that the socket itself carries (a relay's
    /// refusal) comes through unchanged. A peer that we refuse has up to 2 s to hear why before the call returns.
    pub async fn connect<S>(
        &self,
        socket: S,
        own: &SigningKey,
        peer: &PublicKey,
        alpn: &str,
        timeout: Duration,
    ) -> Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let engine = self.client(own, peer, alpn)?;
        Box::pin(self.run(engine, socket, &[], alpn, timeout)).await
    }

    /// Secures `socket` as the side that was dialled. `already_read` is what the caller has read from it to find out
    /// that TLS follows. With `expected`, exactly that key is accepted; without, any key is, but its possession is
    /// proven: look at [`TlsStream::peer_key`].
    ///
    /// # Errors
    /// As [`Tls::connect`].
    pub async fn accept<S>(
        &self,
        socket: S,
        already_read: &[u8],
        own: &SigningKey,
        expected: Option<&PublicKey>,
        alpn: &str,
        timeout: Duration,
    ) -> Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        if already_read.len() > HANDSHAKE_LIMIT {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                OPERATION,
                "at most 16 KiB may be read beforehand",
            ));
        }
        let engine = self.server(own, expected, alpn)?;
        Box::pin(self.run(engine, socket, already_read, alpn, timeout)).await
    }

    async fn run<S>(
        &self,
        engine: Engine,
        mut socket: S,
        already_read: &[u8],
        alpn: &str,
        timeout: Duration,
    ) -> Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let finished = tokio::time::timeout(timeout, handshake(engine, &mut socket, already_read))
            .await
            .map_err(|_| Error::new(ErrorKind::Timeout, OPERATION, "the peer did not finish in time"))?;
        let established = match finished {
            Ok(established) => established,
            Err(Refusal { error, alert }) => {
                if !alert.is_empty() {
                    linger(socket, &alert).await;
                }
                return Err(error);
            }
        };
        if established.engine.alpn() != Some(alpn.as_bytes()) {
            return Err(Error::new(
                ErrorKind::Unsupported,
                OPERATION,
                format!("the peer does not speak {alpn}"),
            ));
        }
        let peer = established
            .engine
            .peer_key()
            .and_then(public_key)
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::UntrustedPeer,
                    OPERATION,
                    "the peer did not prove any key",
                )
            })?;
        TlsStream::new(socket, established, peer, Arc::clone(&self.buffers))
    }

    fn client(&self, own: &SigningKey, peer: &PublicKey, alpn: &str) -> Result<Engine> {
        let key = certified(&self.provider, own)?;
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&TLS13])
            .map_err(unsupported)?
            .dangerous()
            .with_custom_certificate_verifier(Pinned::new(Some(*peer), &self.provider))
            .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(key)));
        config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
        config.resumption = Resumption::disabled();
        config.enable_sni = false;
        // A name is asked for and, with SNI off and keys pinned, never used.
        let name = ServerName::from(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        UnbufferedClientConnection::new(Arc::new(config), name)
            .map(|connection| Engine::Client(Box::new(connection)))
            .map_err(unsupported)
    }

    fn server(&self, own: &SigningKey, expected: Option<&PublicKey>, alpn: &str) -> Result<Engine> {
        let key = certified(&self.provider, own)?;
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&TLS13])
            .map_err(unsupported)?
            .with_client_cert_verifier(Pinned::new(expected.copied(), &self.provider))
            .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(key)));
        config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        UnbufferedServerConnection::new(Arc::new(config))
            .map(|connection| Engine::Server(Box::new(connection)))
            .map_err(unsupported)
    }
}

fn unsupported(error: rustls::Error) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        OPERATION,
        "the crypto provider cannot do tls 1.3",
    )
    .with_source(error)
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}
