//! The leg toward the rep's client, until it may begin.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use ironrdp_pdu::nego::{
    ConnectionConfirm, ConnectionRequest, FailureCode, NegoRequestData, ResponseFlags, SecurityProtocol,
};
use ironrdp_pdu::x224::X224;
use jump_core::stream::BoxStream;
use jump_core::{Error, ErrorKind, Result};
use rcgen::{CertificateParams, KeyPair, PublicKeyData};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::credssp;
use super::leg::Leg;
use crate::inner;

const GREET: &str = "greet the rep's client";
/// How long a client may take to hear that there is no session.
const PATIENCE: Duration = Duration::from_millis(750);

/// A client that may begin.
pub(super) struct Client {
    pub(super) stream: BoxStream,
    /// What it sent beyond its login.
    pub(super) early: BytesMut,
    /// What it asked for.
    pub(super) requested: SecurityProtocol,
}

async fn request(rep: BoxStream) -> Result<(Leg, ConnectionRequest)> {
    let mut leg = Leg::new(rep, ErrorKind::Network, GREET);
    let X224(request) = leg.read_pdu::<X224<ConnectionRequest>>().await?;
    Ok((leg, request))
}

/// TLS alone, or NLA for a client that offers nothing less, or that says by its cookie (MS-RDPBCGR §2.2.1.1) that it logs in as who
/// is let in that way: some offer TLS beside NLA and refuse it.
fn select(requested: SecurityProtocol, with_nla: bool) -> Option<SecurityProtocol> {
    let mut offered = [
        SecurityProtocol::SSL,
        SecurityProtocol::HYBRID_EX,
        SecurityProtocol::HYBRID,
    ];
    if with_nla {
        offered.rotate_left(1);
    }
    offered.into_iter().find(|one| requested.contains(*one))
}

/// Lets the client in. Our own has no encryption within the session's; a native one gets TLS with a certificate of this session
/// alone, and logs in with a login that proves nothing, if it does nothing less.
///
/// # Errors
/// [`ErrorKind::Protocol`], [`ErrorKind::Unsupported`] for a client without TLS, [`ErrorKind::Unauthenticated`],
/// [`ErrorKind::Closed`].
pub(super) async fn let_in(rep: BoxStream, flags: ResponseFlags) -> Result<Client> {
    let (mut leg, request) = request(rep).await?;
    let requested = request.protocol;
    let named =
        |name| matches!(&request.nego_data, Some(NegoRequestData::Cookie(cookie)) if cookie.0 == name);
    let Some(selected) = select(requested, named(credssp::THROW_AWAY.0)) else {
        let code = FailureCode::SSL_REQUIRED_BY_SERVER;
        leg.write_pdu(&X224(ConnectionConfirm::Failure { code })).await?;
        return Err(Error::new(
            ErrorKind::Unsupported,
            GREET,
            "the client has neither tls nor nla",
        ));
    };
    let flags =
        flags & (ResponseFlags::EXTENDED_CLIENT_DATA_SUPPORTED | ResponseFlags::DYNVC_GFX_PROTOCOL_SUPPORTED);
    let confirm = ConnectionConfirm::Response {
        flags,
        protocol: selected,
    };
    leg.write_pdu(&X224(confirm)).await?;
    if named(inner::COOKIE) && selected == SecurityProtocol::SSL {
        return Ok(Client {
            stream: leg.stream,
            early: leg.read,
            requested,
        });
    }
    let (config, public_key) = certificate()?;
    let stream = TlsAcceptor::from(config)
        .accept(leg.into_stream()?)
        .await
        .map_err(|error| Error::from_io(ErrorKind::Protocol, "start TLS with the rep's client", error))?;
    let mut leg = Leg::new(Box::new(stream), ErrorKind::Network, GREET);
    if selected != SecurityProtocol::SSL {
        let early = selected == SecurityProtocol::HYBRID_EX;
        credssp::let_in(&mut leg, public_key, early).await?;
    }
    Ok(Client {
        stream: leg.stream,
        early: leg.read,
        requested,
    })
}

/// A certificate for this session alone, and its public key as CredSSP binds itself to it.
fn certificate() -> Result<(Arc<ServerConfig>, Vec<u8>)> {
    let failed = |error: rcgen::Error| {
        Error::new(ErrorKind::Internal, GREET, "no certificate was made").with_source(error)
    };
    let key = KeyPair::generate().map_err(failed)?;
    let parameters = CertificateParams::new(vec!["jump".to_owned()]).map_err(failed)?;
    let certificate = parameters.self_signed(&key).map_err(failed)?;
    let public_key = key.der_bytes().to_vec();
    let private_key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder
                .with_no_client_auth()
                .with_single_cert(vec![certificate.der().clone()], private_key)
        })
        .map_err(|error| Error::new(ErrorKind::Internal, GREET, "tls cannot begin").with_source(error))?;
    // CredSSP binds itself to the handshake: none is resumed.
    config.send_tls13_tickets = 0;
    Ok((Arc::new(config), public_key))
}

/// Tells a client that it is not let in. RDP has no words for why before its settings (MS-RDPBCGR §2.2.1.2.2); the session's
/// outcome has them. Takes less than a second; one that says nothing hears nothing.
pub async fn refuse(rep: BoxStream) {
    let telling = async {
        let (mut leg, _) = request(rep).await?;
        let code = FailureCode::SSL_CERT_NOT_ON_SERVER;
        leg.write_pdu(&X224(ConnectionConfirm::Failure { code })).await
    };
    let _ = timeout(PATIENCE, telling).await;
}
