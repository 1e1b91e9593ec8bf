//! Whether the certificate that a server shows is the right one.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use jump_core::model::{CertificatePolicy, fingerprint};
use jump_core::{Error, ErrorKind, Result};
use sha2::{Digest, Sha256};
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{CertificateError, DigitallySignedStruct, Error as TlsError, SignatureScheme};

use super::{OPERATION, Shown, TlsFailure, certificate};

/// Who says whether a certificate is accepted.
#[derive(Clone, Debug)]
pub(super) enum Judge {
    Policy(CertificatePolicy),
    Authorities(Arc<WebPkiServerVerifier>),
}

/// What a shown certificate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Pinned, or signed by an authority.
    Known,
    FirstSeen,
    /// Another one is pinned.
    Changed,
    /// None is pinned and the first is not accepted by itself.
    Unknown,
    /// The authorities do not vouch for it.
    Unverified,
}

fn by_policy(policy: &CertificatePolicy, sha256: &[u8; 32]) -> Verdict {
    if policy.pins(sha256) {
        Verdict::Known
    } else if !policy.pinned.is_empty() {
        Verdict::Changed
    } else if policy.trust_first_use {
        Verdict::FirstSeen
    } else {
        Verdict::Unknown
    }
}

#[derive(Debug)]
struct Seen {
    sha256: [u8; 32],
    verdict: Verdict,
    public_key: Result<Vec<u8>>,
}

/// Judges the certificate of one connection and remembers it. That the server has its key is checked as always.
#[derive(Debug)]
pub(super) struct Verifier {
    judge: Judge,
    provider: Arc<CryptoProvider>,
    seen: Mutex<Option<Seen>>,
}

impl Verifier {
    pub(super) fn new(judge: Judge) -> Arc<Self> {
        Arc::new(Self {
            judge,
            provider: Arc::new(ring::default_provider()),
            seen: Mutex::new(None),
        })
    }

    pub(super) fn provider(&self) -> Arc<CryptoProvider> {
        self.provider.clone()
    }

    fn take(&self) -> Option<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// What was shown in a handshake that succeeded.
    pub(super) fn accepted(&self) -> Result<Shown> {
        let missing = || Error::new(ErrorKind::Protocol, OPERATION, "the server showed no certificate");
        let seen = self.take().ok_or_else(missing)?;
        Ok(Shown {
            sha256: seen.sha256,
            first_seen: seen.verdict == Verdict::FirstSeen,
            public_key: seen.public_key?,
        })
    }

    /// Why a handshake failed.
    pub(super) fn failure(&self, error: io::Error) -> TlsFailure {
        let why = self
            .take()
            .and_then(|seen| Some((seen.sha256, why_not(seen.verdict)?)));
        let Some((sha256, why)) = why else {
            let kind = match error.get_ref() {
                Some(inner) if inner.is::<TlsError>() => ErrorKind::Protocol,
                _ => ErrorKind::Network,
            };
            return Error::from_io(kind, OPERATION, error).into();
        };
        let message = format!("{why}; its SHA-256 is {}", fingerprint(&sha256));
        TlsFailure {
            error: Error::new(ErrorKind::HostKey, "check the RDP server's certificate", message),
            refused: Some(sha256),
        }
    }
}

const fn why_not(verdict: Verdict) -> Option<&'static str> {
    match verdict {
        Verdict::Known | Verdict::FirstSeen => None,
        Verdict::Changed => {
            Some("it is not the pinned one: the server was changed, or somebody is in between")
        }
        Verdict::Unknown => Some("none is pinned: pin it, or accept the first one on the item"),
        Verdict::Unverified => Some("no trusted authority vouches for it under this name"),
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let sha256: [u8; 32] = Sha256::digest(end_entity).into();
        let (verdict, refusal) = match &self.judge {
            Judge::Policy(policy) => (
                by_policy(policy, &sha256),
                CertificateError::ApplicationVerificationFailure.into(),
            ),
            Judge::Authorities(verifier) => {
                match verifier.verify_server_cert(end_entity, intermediates, name, ocsp, now) {
                    Ok(_) => (Verdict::Known, CertificateError::BadEncoding.into()),
                    Err(error) => (Verdict::Unverified, error),
                }
            }
        };
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(Seen {
            sha256,
            verdict,
            public_key: certificate::public_key(end_entity),
        });
        match verdict {
            Verdict::Known | Verdict::FirstSeen => Ok(ServerCertVerified::assertion()),
            Verdict::Changed | Verdict::Unknown | Verdict::Unverified => Err(refusal),
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
