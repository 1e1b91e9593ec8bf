//! The client's handshake with TigerVNC, TightVNC, x11vnc, qemu and wayvnc: every login that they offer.

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
use jump_testkit::vnc::{PASSWORD, QemuLogin, SIZE, VncServer, WayvncLogin, X11vncLogin};
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

async fn x11vnc(login: X11vncLogin) -> VncServer {
    VncServer::x11vnc_with(login, "640x480x24").await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn x11vnc_lets_in_without_a_login_with_and_without_tls() {
    for (login, kind) in [
        (X11vncLogin::None, SecurityType::NONE),
        (X11vncLogin::X509None, SecurityType::X509_NONE),
    ] {
        let server = x11vnc(login).await;
        let logged_in = attempt(&server, kind, VncCredential::None).await.unwrap();
        assert_eq!(logged_in.session.server_init.size, SCREEN);
        assert_eq!(logged_in.session.security, kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn x11vnc_takes_logins_inside_tls_with_a_certificate() {
    let server = x11vnc(X11vncLogin::X509Vnc).await;
    let kind = SecurityType::X509_VNC;
    lets_in(&server, kind, password(PASSWORD), password("wrong")).await;
    let policy = SecurityPolicy::encrypted();
    let stranger = log_in(server.address(), policy, password(PASSWORD), "", |_| false);
    assert!(matches!(stranger.await.err(), Some(RfbError::Untrusted(_))));

    let server = x11vnc(X11vncLogin::X509Plain).await;
    let kind = SecurityType::X509_PLAIN;
    // It says nothing to who is wrong, and closes.
    let wrong = attempt(&server, kind, user(sshd::USER, "wrong")).await;
    assert!(wrong.is_err(), "{:?}", wrong.err());
    let right = attempt(&server, kind, user(sshd::USER, sshd::PASSWORD)).await;
    assert_eq!(right.unwrap().session.server_init.size, SCREEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn wayvnc_lets_in_without_a_login() {
    let server = VncServer::wayvnc(WayvncLogin::None).await.unwrap();
    let logged_in = attempt(&server, SecurityType::NONE, VncCredential::None).await;
    assert_eq!(logged_in.unwrap().session.server_init.size, SCREEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn wayvnc_takes_a_user_inside_tls_with_a_certificate() {
    let server = VncServer::wayvnc(WayvncLogin::X509Plain).await.unwrap();
    let kind = SecurityType::X509_PLAIN;
    // It says so as if the list of logins were still to come, which is no result of a login (RFC 6143 §7.1.3).
    let wrong = attempt(&server, kind, user(sshd::USER, "wrong")).await;
    assert!(matches!(wrong.err(), Some(RfbError::Protocol(_))));
    let right = attempt(&server, kind, user(sshd::USER, sshd::PASSWORD)).await;
    assert_eq!(right.unwrap().session.server_init.size, SCREEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn qemu_lets_in_without_a_login_with_and_without_tls() {
    for (login, kind) in [
        (QemuLogin::None, SecurityType::NONE),
        (QemuLogin::X509None, SecurityType::X509_NONE),
    ] {
        let server = VncServer::qemu(login).await.unwrap();
        let logged_in = attempt(&server, kind, VncCredential::None).await.unwrap();
        assert!(logged_in.session.server_init.size.pixels() > 0);
        assert_eq!(logged_in.session.security, kind);
    }
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
