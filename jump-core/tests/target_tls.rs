//! Which certificates are accepted.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a step that fails is a test that fails"
)]

use std::sync::Arc;

use jump_core::ErrorKind;
use jump_core::keys::sha256;
use jump_core::model::{CertificatePolicy, Field, fingerprint};
use jump_core::tls::{self, ServerCertificate, Shown, TlsFailure};
use rcgen::{CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::AsyncWriteExt;
use tokio_rustls::TlsAcceptor;

/// A server's certificate, who signed it, and its key.
struct Identity {
    authority: String,
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

fn identity() -> Identity {
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let parameters = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = parameters.signed_by(&key, &issuer).unwrap();
    Identity {
        authority: issuer.pem(),
        certificate: certificate.der().clone(),
        key,
    }
}

impl Identity {
    fn sha256(&self) -> [u8; 32] {
        sha256(&self.certificate)
    }

    /// A handshake with a server of this identity.
    async fn shows_itself_to(&self, certificate: &ServerCertificate) -> Result<Shown, TlsFailure> {
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], key)
            .unwrap();
        let (near, far) = tokio::io::duplex(64 * 1024);
        let server = async {
            if let Ok(mut stream) = TlsAcceptor::from(Arc::new(config)).accept(far).await {
                let _ = stream.shutdown().await;
            }
        };
        let (started, ()) = tokio::join!(tls::start(Box::new(near), certificate), server);
        started.map(|(_, shown)| shown)
    }
}

fn policy(pinned: &[[u8; 32]], trust_first_use: bool) -> ServerCertificate {
    let pinned = pinned.iter().map(|pin| Field::new(fingerprint(pin)).unwrap());
    ServerCertificate::by_policy(CertificatePolicy {
        pinned: pinned.collect(),
        trust_first_use,
        ..CertificatePolicy::default()
    })
}

#[tokio::test]
async fn s25_a_pinned_certificate_is_accepted_and_any_other_is_not() {
    let (server, other) = (identity(), identity());
    let shown = server
        .shows_itself_to(&policy(&[server.sha256()], false))
        .await
        .unwrap();
    assert_eq!(shown.sha256, server.sha256());
    assert_eq!(shown.certificate, server.certificate);
    assert!(!shown.first_seen);
    // That the first one would be accepted has no effect once one is pinned.
    for trust_first_use in [false, true] {
        let failure = other
            .shows_itself_to(&policy(&[server.sha256()], trust_first_use))
            .await
            .unwrap_err();
        assert_eq!(failure.error.kind(), ErrorKind::HostKey, "{}", failure.error);
        assert_eq!(failure.refused, Some(other.sha256()));
        assert!(failure.error.to_string().contains(&fingerprint(&other.sha256())));
    }
}

#[tokio::test]
async fn s25_the_first_certificate_is_accepted_only_where_that_is_allowed() {
    let server = identity();
    assert!(
        server
            .shows_itself_to(&policy(&[], true))
            .await
            .unwrap()
            .first_seen
    );
    let failure = server.shows_itself_to(&policy(&[], false)).await.unwrap_err();
    assert_eq!(failure.error.kind(), ErrorKind::HostKey);
}

#[tokio::test]
async fn an_authority_vouches_for_a_name() {
    let (server, other) = (identity(), identity());
    let trusted = ServerCertificate::signed_by(&server.authority, "localhost").unwrap();
    assert!(!server.shows_itself_to(&trusted).await.unwrap().first_seen);
    for stranger in [
        ServerCertificate::signed_by(&server.authority, "elsewhere.test").unwrap(),
        ServerCertificate::signed_by(&other.authority, "localhost").unwrap(),
    ] {
        let failure = server.shows_itself_to(&stranger).await.unwrap_err();
        assert_eq!(failure.error.kind(), ErrorKind::HostKey, "{}", failure.error);
    }
    for (authorities, name) in [("", "localhost"), (server.authority.as_str(), "no name")] {
        let error = ServerCertificate::signed_by(authorities, name).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    }
}

#[tokio::test]
async fn what_is_no_tls_is_an_error() {
    for (said, kind) in [
        (&b""[..], ErrorKind::Network),
        (b"\x03\0\0\x0bnonsense", ErrorKind::Protocol),
    ] {
        let (near, mut far) = tokio::io::duplex(64 * 1024);
        far.write_all(said).await.unwrap();
        far.shutdown().await.unwrap();
        let started = tls::start(Box::new(near), &policy(&[], true)).await;
        let failure = started.map(drop).unwrap_err();
        assert_eq!(failure.error.kind(), kind, "{}", failure.error);
    }
}
