//! TLS towards a target, by our own policy: its certificate is pinned, or signed by an authority that was named, or, where an
//! item allows it, the first that is seen. Nothing writes the keys of a connection anywhere, and no connection is resumed: a
//! login may bind itself to the certificate that was shown, as CredSSP does (MS-CSSP §3.1.5).

mod verdict;
mod verify;

use std::net::Ipv4Addr;
use std::sync::Arc;

use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub use self::verdict::check_key;
use self::verdict::{report_first, report_refused};
use self::verify::{Judge, Verifier};
use crate::error::{Error, ErrorKind, Result};
use crate::model::CertificatePolicy;
use crate::protocol::EventSink;
use crate::stream::BoxStream;

const OPERATION: &str = "start TLS with the target";

/// Which certificate a target may show.
#[derive(Clone, Debug)]
pub struct ServerCertificate {
    judge: Judge,
    name: Option<ServerName<'static>>,
}

impl ServerCertificate {
    /// One that the policy pins, or the first that is seen where the policy accepts that. Names, dates and authorities are not
    /// looked at: the fingerprint is that certificate and no other.
    #[must_use]
    pub const fn by_policy(policy: CertificatePolicy) -> Self {
        Self {
            judge: Judge::Policy(policy),
            name: None,
        }
    }

    /// One for `name` (a host name or an IP address) that one of these authorities, in PEM, has signed.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if there is no certificate in `authorities`, or `name` is no name.
    pub fn signed_by(authorities: &str, name: &str) -> Result<Self> {
        let wrong = |what: &str| Error::new(ErrorKind::InvalidArgument, "trust a target", what);
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(authorities.as_bytes()) {
            let certificate = certificate.map_err(|_| wrong("an authority is not a certificate in PEM"))?;
            roots
                .add(certificate)
                .map_err(|_| wrong("an authority's certificate cannot be used"))?;
        }
        let provider = Arc::new(ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|_| wrong("there is no authority's certificate"))?;
        let name = ServerName::try_from(name.to_owned())
            .map_err(|_| wrong("the target's name is no host name and no IP address"))?;
        Ok(Self {
            judge: Judge::Authorities(verifier),
            name: Some(name),
        })
    }

    /// The same for a target with another name, which matters only where authorities are asked.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] if it is no name.
    pub fn for_name(mut self, name: &str) -> Result<Self> {
        if self.name.is_some() {
            let named = ServerName::try_from(name.to_owned());
            let wrong = |_| Error::new(ErrorKind::Protocol, OPERATION, "the target's name is no name");
            self.name = Some(named.map_err(wrong)?);
        }
        Ok(self)
    }
}

/// What a target has shown, and was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// SHA-256 of its certificate.
    pub sha256: [u8; 32],
    /// None was pinned, and the policy accepts the first: it is to be pinned now.
    pub first_seen: bool,
    /// All of it, in DER.
    pub certificate: CertificateDer<'static>,
}

/// A TLS handshake that failed.
#[derive(Debug)]
pub struct TlsFailure {
    /// Why.
    pub error: Error,
    /// SHA-256 of the certificate, if that was the reason.
    pub refused: Option<[u8; 32]>,
}

/// Does the TLS handshake as a client. Not cancel-safe: dropping the future closes the stream.
///
/// # Errors
/// [`ErrorKind::HostKey`] if the certificate is not allowed, [`ErrorKind::Protocol`] if the target does not speak
/// TLS 1.2 or 1.3, [`ErrorKind::Network`].
pub async fn start(
    stream: BoxStream,
    certificate: &ServerCertificate,
) -> Result<(TlsStream<BoxStream>, Shown), TlsFailure> {
    let verifier = Verifier::new(certificate.judge.clone());
    let config = config(&verifier, certificate.name.is_some())?;
    // Looked at only where authorities are asked.
    let name = certificate
        .name
        .clone()
        .unwrap_or_else(|| ServerName::from(Ipv4Addr::LOCALHOST));
    match TlsConnector::from(config).connect(name, stream).await {
        Ok(stream) => {
            let shown = verifier.accepted()?;
            Ok((stream, shown))
        }
        Err(error) => Err(verifier.failure(error)),
    }
}

/// The same for a gate, by the policy of an item: reports a certificate that is the first one or is refused.
///
/// # Errors
/// As for [`start`].
pub async fn start_for_gate(
    stream: BoxStream,
    policy: &CertificatePolicy,
    events: &EventSink,
) -> Result<(TlsStream<BoxStream>, Shown), TlsFailure> {
    let started = start(stream, &ServerCertificate::by_policy(policy.clone())).await;
    match &started {
        Ok((_, shown)) if shown.first_seen => report_first(&shown.sha256, events).await?,
        Err(failure) => {
            if let Some(sha256) = &failure.refused {
                report_refused(sha256, events).await?;
            }
        }
        Ok(_) => {}
    }
    started
}

fn config(verifier: &Arc<Verifier>, with_name: bool) -> Result<Arc<ClientConfig>, TlsFailure> {
    let mut config = ClientConfig::builder_with_provider(verifier.provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new(ErrorKind::Internal, OPERATION, "no version").with_source(error))?
        .dangerous()
        .with_custom_certificate_verifier(verifier.clone())
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.enable_sni = with_name;
    Ok(Arc::new(config))
}

impl From<Error> for TlsFailure {
    fn from(error: Error) -> Self {
        Self { error, refused: None }
    }
}
