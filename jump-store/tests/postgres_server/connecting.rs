//! Servers that are not there, not the right ones, or not what they should be.

use std::time::Duration;

use jump_core::ErrorKind;
use jump_core::secret::Secret;
use jump_core::store::Store;
use jump_store::{PostgresOptions, PostgresStore};
use jump_testkit::ports::{RefusingPort, listener};
use jump_testkit::postgres::{PASSWORD, Postgres};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::data::site;
use super::raw;

fn with_password(address: &str, password: &str) -> PostgresOptions {
    PostgresOptions::parse(address)
        .unwrap()
        .password(Secret::new(password.to_owned()))
}

#[tokio::test]
async fn password_user_and_database_have_to_be_right() {
    let server = Postgres::start().await.unwrap();
    let right = server.address("127.0.0.1");
    let store = PostgresStore::open(with_password(&right, PASSWORD))
        .await
        .unwrap();
    store.commit(0, &site()).await.unwrap();
    assert!(!format!("{store:?}").contains(PASSWORD));

    let wrong = "no-such-password";
    let error = PostgresStore::open(with_password(&right, wrong))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
    assert!(!error.is_retryable());
    assert!(!format!("{error} {error:?}").contains(wrong));

    let error = PostgresStore::open(PostgresOptions::parse(&right).unwrap())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");

    let nobody = right.replacen("jump@", "nobody@", 1);
    let error = PostgresStore::open(with_password(&nobody, PASSWORD))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");

    let elsewhere = server.socket_address().replacen("/postgres?", "/elsewhere?", 1);
    let error = PostgresStore::open(PostgresOptions::parse(&elsewhere).unwrap())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}

#[tokio::test]
async fn a_server_that_is_not_there_or_says_nothing_is_unavailable() {
    let port = RefusingPort::new().unwrap();
    let (silent, address) = listener().await.unwrap();
    for address in [
        format!("postgres://u@{}/d", port.address()),
        format!("postgres://u@{address}/d"),
        "postgres://u@/d?host=/nonexistent".to_owned(),
        "postgres://u@no-such-host.invalid/d?sslmode=disable".to_owned(),
    ] {
        let options = PostgresOptions::parse(&address).unwrap();
        let options = options.connect_timeout(Duration::from_millis(300));
        let error = PostgresStore::open(options).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{address}: {error}");
        assert!(error.is_retryable());
    }
    drop(silent);
}

/// Answers one connection with these bytes, whatever it says.
async fn answering(answer: Vec<u8>) -> String {
    let (listener, address) = listener().await.unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.write_all(&answer).await;
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
    });
    format!("postgres://u@{address}/d")
}

/// A message of the server: type, length with itself, body (PostgreSQL documentation, 55.7).
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[kind], length.to_be_bytes().as_slice(), body].concat()
}

#[tokio::test]
async fn a_server_that_is_too_old_or_none_at_all_is_told_apart() {
    let old = [
        message(b'R', &0u32.to_be_bytes()),
        message(b'S', b"server_version\x0014.11 (Debian)\0"),
        message(b'Z', b"I"),
    ];
    let options = PostgresOptions::parse(&answering(old.concat()).await).unwrap();
    let error = PostgresStore::open(options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert!(error.to_string().contains("14.11"), "{error}");

    for other in [
        &b"SSH-2.0-OpenSSH_9.2p1\r\n"[..],
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        &[0xff; 64],
    ] {
        let address = answering(other.to_vec()).await;
        let options = PostgresOptions::parse(&address).unwrap();
        let options = options.connect_timeout(Duration::from_secs(2));
        let error = PostgresStore::open(options).await.unwrap_err();
        let kinds = [ErrorKind::Protocol, ErrorKind::Unavailable];
        assert!(kinds.contains(&error.kind()), "{error}");
    }
}

#[tokio::test]
async fn a_database_with_another_encoding_is_refused() {
    let server = Postgres::start().await.unwrap();
    let create = "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' LOCALE_PROVIDER libc TEMPLATE template0";
    raw(&server).await.batch_execute(create).await.unwrap();
    let address = server.socket_address().replacen("/postgres?", "/latin?", 1);
    let error = PostgresStore::open(PostgresOptions::parse(&address).unwrap())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert!(error.to_string().contains("LATIN1"), "{error}");
}

/// An authority, and a certificate of it for a host name, as PEM: authority, certificate, key.
fn certificates(host: &str) -> (String, String, String) {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![host.to_owned()])
        .unwrap()
        .signed_by(&key, &authority)
        .unwrap();
    (authority.pem(), certificate.pem(), key.serialize_pem())
}

#[tokio::test]
async fn only_a_server_that_an_authority_vouches_for_is_spoken_to() {
    let (authority, certificate, key) = certificates("localhost");
    let server = Postgres::builder().tls(certificate, key).start().await.unwrap();
    let open = |host: &str, pem: &str| {
        let options = with_password(&server.address(host), PASSWORD);
        PostgresStore::open(options.certificate_authorities(pem.as_bytes()).unwrap())
    };
    let store = open("localhost", &authority).await.unwrap();
    store.commit(0, &site()).await.unwrap();
    let encrypted = "SELECT s.version FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)
         WHERE a.application_name = 'jump' AND s.ssl";
    let versions = raw(&server).await.query(encrypted, &[]).await.unwrap();
    assert_eq!(versions.len(), 1);
    assert_eq!(versions[0].get::<_, &str>(0), "TLSv1.3");

    let (stranger, ..) = certificates("localhost");
    let error = open("localhost", &stranger).await.unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::UntrustedPeer,
        "another authority: {error}"
    );
    let error = open("127.0.0.1", &authority).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UntrustedPeer, "another name: {error}");
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn a_server_without_tls_is_not_spoken_to_where_tls_is_wanted() {
    let server = Postgres::start().await.unwrap();
    let (authority, ..) = certificates("localhost");
    let options = with_password(&server.address("localhost"), PASSWORD);
    let error = PostgresStore::open(options.certificate_authorities(authority.as_bytes()).unwrap())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UntrustedPeer, "{error}");
    // Nor without anybody who could vouch: no connection is made at all.
    let options = with_password("postgres://jump@192.0.2.1/d", PASSWORD);
    let error = PostgresStore::open(options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
}
