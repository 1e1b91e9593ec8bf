//! Every login that a server offers, by the gate: the viewer sees the screen, and is asked for nothing.

use jump_core::model::VncSecurity;
use jump_core::protocol::SessionEvent;
use jump_core::session::{Credential, EndReason};
use jump_proto_vnc::wire::{Encoding, PixelFormat};
use jump_testkit::sshd;
use jump_testkit::vnc::{PASSWORD, QemuLogin, VncServer, WayvncLogin, X11vncLogin};

use super::harness::{Item, login, password, soon};

/// The least that the item of a login asks for.
#[derive(Clone, Copy, PartialEq)]
enum Needs {
    /// Nothing.
    Nothing,
    /// A password.
    Password,
    /// TLS with a certificate, which is seen for the first time.
    Certificate,
}

async fn shows_the_screen(server: &VncServer, needs: Needs, credential: Option<Credential>) {
    let item = Item::new(server.address());
    let item = match needs {
        Needs::Nothing => item.minimum(VncSecurity::None),
        Needs::Password => item,
        Needs::Certificate => item.minimum(VncSecurity::Encrypted).trust_first(),
    };
    let injected = credential.is_some();
    let (mut viewer, gate) = item.viewer(credential).await;
    viewer
        .prepare(PixelFormat::BGRX8888, &[Encoding::ZRLE, Encoding::CURSOR])
        .await;
    viewer.move_pointer().await;
    // A server that looks at the screen from outside sees it a little later.
    soon(async { while viewer.whole().await != server.screen().await.unwrap().pixels.as_flattened() {} })
        .await;
    drop(viewer);
    let (outcome, events) = gate.end().await;
    assert_eq!(outcome.reason, EndReason::RepClosed);
    let certificates = events
        .iter()
        .filter(|event| matches!(event, SessionEvent::CertificateFirstSeen { .. }));
    assert_eq!(certificates.count(), usize::from(needs == Needs::Certificate));
    let credentials = events
        .iter()
        .filter(|event| matches!(event, SessionEvent::CredentialInjected { .. }));
    assert_eq!(credentials.count(), usize::from(injected), "{events:?}");
}

fn system_user() -> Option<Credential> {
    login(sshd::USER, sshd::PASSWORD)
}

#[tokio::test(flavor = "multi_thread")]
async fn tigervnc_shows_its_screen_after_every_login() {
    for (kind, needs, credential) in [
        ("None", Needs::Nothing, None),
        ("Plain", Needs::Nothing, system_user()),
        ("VncAuth", Needs::Password, password(PASSWORD)),
        ("X509None", Needs::Certificate, None),
        ("X509Vnc", Needs::Certificate, password(PASSWORD)),
        ("X509Plain", Needs::Certificate, system_user()),
    ] {
        let server = VncServer::tigervnc(kind).await.unwrap();
        shows_the_screen(&server, needs, credential).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tightvnc_shows_its_screen_after_its_login() {
    let server = VncServer::tightvnc().await.unwrap();
    shows_the_screen(&server, Needs::Password, password(PASSWORD)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn x11vnc_shows_its_screen_after_every_login() {
    for (kind, needs, credential) in [
        (X11vncLogin::None, Needs::Nothing, None),
        (X11vncLogin::Password, Needs::Password, password(PASSWORD)),
        (X11vncLogin::X509None, Needs::Certificate, None),
        (X11vncLogin::X509Vnc, Needs::Certificate, password(PASSWORD)),
        (X11vncLogin::X509Plain, Needs::Certificate, system_user()),
    ] {
        let server = VncServer::x11vnc_with(kind, "640x480x24").await.unwrap();
        shows_the_screen(&server, needs, credential).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn qemu_shows_its_screen_after_every_login() {
    for (kind, needs, credential) in [
        (QemuLogin::None, Needs::Nothing, None),
        (QemuLogin::Password, Needs::Password, password(PASSWORD)),
        (QemuLogin::X509None, Needs::Certificate, None),
        (QemuLogin::X509Vnc, Needs::Certificate, password(PASSWORD)),
    ] {
        let server = VncServer::qemu(kind).await.unwrap();
        shows_the_screen(&server, needs, credential).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wayvnc_shows_its_screen_after_every_login() {
    for (kind, needs, credential) in [
        (WayvncLogin::None, Needs::Nothing, None),
        (WayvncLogin::X509Plain, Needs::Certificate, system_user()),
    ] {
        let server = VncServer::wayvnc(kind).await.unwrap();
        shows_the_screen(&server, needs, credential).await;
    }
}
