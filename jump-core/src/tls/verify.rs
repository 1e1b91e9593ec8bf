//! Whether the certificate that a server shows is the right one.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error as TlsError, SignatureScheme};

use super::verdict::Verdict;
use super::{OPERATION, Shown, TlsFailure};
use crate::error::{Error, ErrorKind, Result};
use crate::keys::sha256;
use crate::model::CertificatePolicy;

/// Who says whether a certificate is accepted.
#[derive(Clone, Debug)]
pub(super) enum Judge {
    Policy(CertificatePolicy),
    Authorities(Arc<WebPkiServerVerifier>),
}

#[derive(Debug)]
struct Seen {
    sha256: [u8; 32],
    verdict: Verdict,
    certificate: CertificateDer<'static>,
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
        let missing = || Error::new(ErrorKind::Protocol, OPERATION, "the target showed no certificate");
        let seen = self.take().ok_or_else(missing)?;
        Ok(Shown {
            sha256: seen.sha256,
            first_seen: seen.verdict == Verdict::FirstSeen,
            certificate: seen.certificate,
        })
    }

    /// Why a handshake failed.
    pub(super) fn failure(&self, error: io::Error) -> TlsFailure {
        if let Some(refused) = self.take().and_then(|seen| seen.verdict.failure(seen.sha256)) {
            return refused;
        }
        let kind = match error.get_ref() {
            Some(inner) if inner.is::<TlsError>() => ErrorKind::Protocol,
            _ => ErrorKind::Network,
        };
        Error::from_io(kind, OPERATION, error).into()
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
        let sha256 = sha256(end_entity);
        let (verdict, refusal) = match &self.judge {
            Judge::Policy(policy) => (
                Verdict::by_policy(policy, &sha256),
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
            certificate: end_entity.clone().into_owned(),
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
