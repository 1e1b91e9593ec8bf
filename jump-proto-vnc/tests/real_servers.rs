//! The client's handshake with TigerVNC, TightVNC, x11vnc and qemu.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a step that fails is a test that fails"
)]

mod support;

use jump_proto_vnc::RfbError;
use jump_proto_vnc::security::{SecurityPolicy, SecurityType, VncCredential};
use jump_proto_vnc::wire::{Size, Version};
use jump_testkit::sshd;
use jump_testkit::vnc::{PASSWORD, QemuLogin, SIZE, VncServer};
use support::{LoggedIn, log_in, password, user};

const SCREEN: Size = Size {
    width: SIZE.0,
    height: SIZE.1,
};

async fn attempt(
    server: &VncServer,
    kind: SecurityType,
    credential: VncCredential,
) -> Result<LoggedIn, RfbError> {
    let policy = SecurityPolicy::only(&[kind]);
    log_in(server.address(), policy, credential, server.authority(), |_| {
        false
    })
    .await
}

/// The right credential gets the server's first words, the wrong one its reason.
async fn lets_in(
    server: &VncServer,
    kind: SecurityType,
    right: VncCredential,
    wrong: VncCredential,
) -> LoggedIn {
    let refused = attempt(server, kind, wrong).await.err();
    assert!(
        matches!(&refused, Some(RfbError::Refused(reason)) if !reason.is_empty()),
        "{refused:?}"
    );
    let logged_in = attempt(server, kind, right).await.unwrap_or_else(|error| {
        panic!("{kind:?}: {error:?}; the server said: {}", server.log());
    });
    assert_eq!(logged_in.session.security, kind);
    logged_in
}

#[tokio::test(flavor = "multi_thread")]
async fn tigervnc_without_a_login_lets_in_if_that_is_allowed() {
    let server = VncServer::tigervnc("None").await.unwrap();
    let logged_in = attempt(&server, SecurityType::NONE, VncCredential::None)
        .await
        .unwrap();
    assert_eq!(logged_in.session.version, Version::V3_8);
    assert_eq!(logged_in.session.server_init.size, SCREEN);
    assert_eq!(logged_in.session.server_init.name, b"jump test");
    assert_eq!(logged_in.offered, [SecurityType::NONE]);
    // Not by default: someone on the path could have put it there.
    let refused = log_in(
        server.address(),
        SecurityPolicy::default(),
        password(PASSWORD),
        "",
        |_| false,
    )
    .await;
    assert!(matches!(refused.err(), Some(RfbError::NotAllowed(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn tigervnc_takes_vnc_authentication() {
    let server = VncServer::tigervnc("VncAuth").await.unwrap();
    let kind = SecurityType::VNC_AUTH;
    let logged_in = lets_in(&server, kind, password(PASSWORD), password("wrong")).await;
    assert_eq!(logged_in.session.server_init.size, SCREEN);
    assert!(matches!(
        attempt(&server, kind, VncCredential::None).await.err(),
        Some(RfbError::MissingCredential(_))
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn tigervnc_takes_a_system_user_in_the_clear() {
    let server = VncServer::tigervnc("Plain").await.unwrap();
    let right = user(sshd::USER, sshd::PASSWORD);
    lets_in(&server, SecurityType::PLAIN, right, user(sshd::USER, "wrong")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tigervnc_takes_logins_inside_tls_with_a_certificate() {
    let server = VncServer::tigervnc("X509None,X509Vnc,X509Plain").await.unwrap();
    let none = attempt(&server, SecurityType::X509_NONE, VncCredential::None).await;
    assert_eq!(none.unwrap().session.server_init.size, SCREEN);
    lets_in(
        &server,
        SecurityType::X509_VNC,
        password(PASSWORD),
        password("wrong"),
    )
    .await;
    lets_in(
        &server,
        SecurityType::X509_PLAIN,
        user(sshd::USER, sshd::PASSWORD),
        user(sshd::USER, "wrong"),
    )
    .await;
    // The strongest one that the credential is enough for.
    let policy = SecurityPolicy::encrypted();
    let strongest = log_in(
        server.address(),
        policy.clone(),
        user(sshd::USER, sshd::PASSWORD),
        server.authority(),
        |_| false,
    );
    assert_eq!(
        strongest.await.unwrap().session.security,
        SecurityType::X509_PLAIN
    );
    // A certificate of somebody else.
    let stranger = log_in(server.address(), policy, password(PASSWORD), "", |_| false);
    assert!(matches!(stranger.await.err(), Some(RfbError::Untrusted(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn anonymous_tls_is_refused_and_said_so() {
    let server = VncServer::tigervnc("TLSNone,TLSVnc,TLSPlain").await.unwrap();
    let refused = log_in(
        server.address(),
        SecurityPolicy::only(SecurityType::BY_STRENGTH),
        user(sshd::USER, sshd::PASSWORD),
        server.authority(),
        |_| false,
    );
    let refused = refused.await.err();
    assert!(
        matches!(refused, Some(RfbError::Unsupported(why)) if why.contains("anonymous")),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tightvnc_takes_vnc_authentication_and_lists_what_it_can_do() {
    let server = VncServer::tightvnc().await.unwrap();
    let kind = SecurityType::VNC_AUTH;
    let logged_in = lets_in(&server, kind, password(PASSWORD), password("wrong")).await;
    assert_eq!(logged_in.session.server_init.size, SCREEN);
    assert_eq!(logged_in.session.tight, None);

    let policy = SecurityPolicy::default().tight_first();
    let by_tight = log_in(server.address(), policy.clone(), password(PASSWORD), "", |_| {
        false
    })
    .await
    .unwrap();
    assert_eq!(by_tight.session.security, kind);
    assert_eq!(by_tight.session.server_init.size, SCREEN);
    let encodings = by_tight.session.tight.unwrap().encodings;
    assert!(
        encodings.iter().any(|can| &can.signature == b"TIGHT___"),
        "{encodings:?}"
    );
    let wrong = log_in(server.address(), policy, password("wrong"), "", |_| false).await;
    assert!(matches!(wrong.err(), Some(RfbError::Refused(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn x11vnc_takes_vnc_authentication() {
    let server = VncServer::x11vnc().await.unwrap();
    let kind = SecurityType::VNC_AUTH;
    let logged_in = lets_in(&server, kind, password(PASSWORD), password("wrong")).await;
    assert_eq!(logged_in.session.server_init.size, SCREEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn qemu_lets_in_without_a_login() {
    let server = VncServer::qemu(QemuLogin::None).await.unwrap();
    let logged_in = attempt(&server, SecurityType::NONE, VncCredential::None).await;
    assert!(logged_in.unwrap().session.server_init.size.pixels() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn qemu_takes_vnc_authentication_with_and_without_tls() {
    let server = VncServer::qemu(QemuLogin::Password).await.unwrap();
    lets_in(
        &server,
        SecurityType::VNC_AUTH,
        password(PASSWORD),
        password("wrong"),
    )
    .await;
    let server = VncServer::qemu(QemuLogin::X509Vnc).await.unwrap();
    lets_in(
        &server,
        SecurityType::X509_VNC,
        password(PASSWORD),
        password("wrong"),
    )
    .await;
}
