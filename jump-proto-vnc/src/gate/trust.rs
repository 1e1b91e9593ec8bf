//! Whether the certificate or RSA key that a target shows is the right one.

use std::sync::{Arc, Mutex, PoisonError};

use jump_core::model::{CertificatePolicy, Field, fingerprint};
use jump_core::protocol::{EventSink, SessionEvent};
use jump_core::{Error, ErrorKind, Result};
use sha2::{Digest, Sha256};
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, SignatureScheme,
};

const CHECK: &str = "check the target's certificate";

/// What a shown certificate or key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Pinned,
    FirstSeen,
    /// Another one is pinned.
    Changed,
    /// None is pinned and the first is not accepted by itself.
    Unknown,
}

fn judge(policy: &CertificatePolicy, sha256: &[u8; 32]) -> Verdict {
    if policy.pins(sha256) {
        Verdict::Pinned
    } else if !policy.pinned.is_empty() {
        Verdict::Changed
    } else if policy.trust_first_use {
        Verdict::FirstSeen
    } else {
        Verdict::Unknown
    }
}

/// Judges a SHA-256 and reports what is worth it.
///
/// # Errors
/// [`ErrorKind::HostKey`] if it is not allowed.
pub(super) async fn check(policy: &CertificatePolicy, sha256: &[u8; 32], events: &EventSink) -> Result<()> {
    let shown = fingerprint(sha256);
    // 64 digits are always a field.
    let field = Field::new(shown.clone())?;
    let why = match judge(policy, sha256) {
        Verdict::Pinned => return Ok(()),
        Verdict::FirstSeen => {
            events
                .report(SessionEvent::CertificateFirstSeen { sha256: field })
                .await;
            return Ok(());
        }
        Verdict::Changed => "it is not the pinned one: the target was changed, or somebody is in between",
        Verdict::Unknown => "none is pinned: pin it, or accept the first one on the item",
    };
    events
        .report(SessionEvent::CertificateRefused { sha256: field })
        .await;
    Err(Error::new(
        ErrorKind::HostKey,
        CHECK,
        format!("{why}; its SHA-256 is {shown}"),
    ))
}

/// Takes the certificate that is allowed, by its fingerprint alone, and remembers which one was shown. That the server has
/// its key is checked as always.
#[derive(Debug)]
pub(super) struct Verifier {
    policy: CertificatePolicy,
    provider: Arc<CryptoProvider>,
    shown: Mutex<Option<[u8; 32]>>,
}

impl Verifier {
    /// One for a connection.
    pub(super) fn new(policy: CertificatePolicy) -> Arc<Self> {
        Arc::new(Self {
            policy,
            provider: Arc::new(tokio_rustls::rustls::crypto::ring::default_provider()),
            shown: Mutex::new(None),
        })
    }

    /// The SHA-256 of the certificate that was shown, if one was.
    pub(super) fn shown(&self) -> Option<[u8; 32]> {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The settings of a TLS client that asks it.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] never in practice: ring has what TLS 1.2 and 1.3 need.
    pub(super) fn client(self: &Arc<Self>) -> Result<Arc<ClientConfig>> {
        let config = ClientConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::new(ErrorKind::Internal, "start TLS", "no version").with_source(error))?
            .dangerous()
            .with_custom_certificate_verifier(self.clone())
            .with_no_client_auth();
        Ok(Arc::new(config))
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let sha256: [u8; 32] = Sha256::digest(end_entity).into();
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(sha256);
        match judge(&self.policy, &sha256) {
            Verdict::Pinned | Verdict::FirstSeen => Ok(ServerCertVerified::assertion()),
            Verdict::Changed | Verdict::Unknown => {
                Err(CertificateError::ApplicationVerificationFailure.into())
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
