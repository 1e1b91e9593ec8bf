//! Real servers through the gate.

use jump_core::model::VncSecurity;
use jump_core::protocol::SessionEvent;
use jump_core::session::{Credential, EndReason, SessionPermission};
use jump_proto_vnc::wire::{Encoding, PixelFormat};
use jump_testkit::folder::Folder;
use jump_testkit::process::{Process, command};
use jump_testkit::sshd;
use jump_testkit::vnc::{PASSWORD, QemuLogin, VncServer};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::harness::{Item, LONG, Viewer, login, password};

/// Puts a pattern on the server's screen.
async fn paint(server: &VncServer) {
    if let Some(display) = server.display() {
        let mut run = command("xsetroot");
        run.env("DISPLAY", display)
            .args(["-mod", "7", "9", "-fg", "orange", "-bg", "navy"]);
        let mut process = Process::spawn(run).unwrap();
        assert!(
            process.wait(LONG).await.unwrap().success(),
            "{}",
            process.output()
        );
    }
}

/// Two viewers, one after the other, see the same in these encodings.
async fn same(server: &VncServer, item: &Item, credential: impl Fn() -> Option<Credential>) {
    paint(server).await;
    let mut pictures = Vec::new();
    for encoding in [Encoding::RAW, Encoding::ZRLE, Encoding::TIGHT, Encoding::HEXTILE] {
        let (mut viewer, gate) = item.viewer(credential()).await;
        viewer
            .prepare(PixelFormat::BGRX8888, &[encoding, Encoding::CURSOR])
            .await;
        // The pointer is where it is not in the picture.
        viewer.send(&[5, 0, 0, 9, 0, 9]).await;
        pictures.push(viewer.whole().await);
        drop(viewer);
        let (outcome, events) = gate.end().await;
        assert_eq!(outcome.reason, EndReason::RepClosed);
        assert!(outcome.bytes_from_target > 100, "{outcome:?}");
        assert_eq!(
            credential().is_some(),
            matches!(&events[..], [.., SessionEvent::CredentialInjected { .. }]),
            "{events:?}"
        );
    }
    let first = pictures.first().unwrap();
    assert!(pictures.iter().all(|picture| picture == first));
}

#[tokio::test(flavor = "multi_thread")]
async fn tigervnc_without_a_login_is_the_same_through_the_gate_as_directly() {
    let server = VncServer::tigervnc("None").await.unwrap();
    let item = Item::new(server.address()).minimum(VncSecurity::None);
    same(&server, &item, || None).await;
    let (mut through, _gate) = item.viewer(None).await;
    let mut directly = Viewer::start(TcpStream::connect(server.address()).await.unwrap())
        .await
        .unwrap();
    for viewer in [&mut through, &mut directly] {
        viewer
            .prepare(PixelFormat::BGRX8888, &[Encoding::ZRLE, Encoding::CURSOR])
            .await;
        viewer.send(&[5, 0, 0, 9, 0, 9]).await;
    }
    let picture = through.whole().await;
    assert!(
        picture.iter().any(|byte| *byte != picture[0]),
        "there is a pattern"
    );
    assert_eq!(picture, directly.whole().await);
    assert_eq!(through.init, directly.init);
}

#[tokio::test(flavor = "multi_thread")]
async fn tigervnc_with_a_password() {
    let server = VncServer::tigervnc("VncAuth").await.unwrap();
    same(&server, &Item::new(server.address()), || password(PASSWORD)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tigervnc_in_tls_with_a_certificate() {
    let server = VncServer::tigervnc("X509Plain").await.unwrap();
    let item = Item::new(server.address())
        .minimum(VncSecurity::Encrypted)
        .trust_first();
    let (mut viewer, gate) = item.viewer(login(sshd::USER, sshd::PASSWORD)).await;
    viewer.prepare(PixelFormat::BGRX8888, &[Encoding::ZRLE]).await;
    viewer.whole().await;
    drop(viewer);
    let (_, events) = gate.end().await;
    let [
        SessionEvent::CertificateFirstSeen { sha256 },
        SessionEvent::CredentialInjected { .. },
    ] = &events[..]
    else {
        panic!("{events:?}");
    };
    let item = Item::new(server.address()).pinned(sha256.as_str());
    same(&server, &item, || login(sshd::USER, sshd::PASSWORD)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tightvnc_and_x11vnc_with_a_password() {
    for server in [
        VncServer::tightvnc().await.unwrap(),
        VncServer::x11vnc().await.unwrap(),
    ] {
        same(&server, &Item::new(server.address()), || password(PASSWORD)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn qemu_with_every_login() {
    for kind in [QemuLogin::None, QemuLogin::Password, QemuLogin::X509Vnc] {
        let server = VncServer::qemu(kind).await.unwrap();
        let item = Item::new(server.address()).trust_first();
        let item = match kind {
            QemuLogin::None => item.minimum(VncSecurity::None),
            _ => item,
        };
        let credential = || password(PASSWORD).filter(|_| kind != QemuLogin::None);
        let (mut viewer, gate) = item.viewer(credential()).await;
        viewer
            .prepare(PixelFormat::BGRX8888, &[Encoding::ZRLE, Encoding::DESKTOP_SIZE])
            .await;
        viewer.whole().await;
        drop(viewer);
        let (outcome, _) = gate.end().await;
        assert_eq!(outcome.reason, EndReason::RepClosed, "{kind:?}");
    }
}

/// Types a line, as key events.
async fn type_line(viewer: &mut Viewer<TcpStream>, line: &str) {
    // Where the pointer is, is where keys go.
    viewer.send(&[5, 0, 0, 20, 0, 20]).await;
    for key in line.bytes().map(u32::from).chain([0xff0d]) {
        for down in [1, 0] {
            viewer
                .send(&[&[4, down, 0, 0][..], &key.to_be_bytes()].concat())
                .await;
        }
    }
    // What was sent before has been read when this is answered.
    viewer.prepare(PixelFormat::BGRX8888, &[Encoding::ZRLE]).await;
    viewer.whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_do_not_reach_a_target_that_may_only_be_viewed() {
    let server = VncServer::tigervnc("None").await.unwrap();
    let folder = Folder::new().unwrap();
    let file = folder.join("typed");
    let mut run = command("xterm");
    run.env("DISPLAY", server.display().unwrap())
        .args(["-geometry", "80x24+0+0", "-T", "typed", "-e", "sh", "-c"])
        .arg(format!(
            "read line; echo \"$line\" > '{0}.part'; mv '{0}.part' '{0}'",
            file.display()
        ));
    let mut terminal = Process::spawn(run).unwrap();
    let mut wait = command("sh");
    wait.env("DISPLAY", server.display().unwrap())
        .args(["-c", "until xwininfo -root -tree | grep -q xterm; do :; done"]);
    let mut waiting = Process::spawn(wait).unwrap();
    assert!(
        waiting.wait(LONG).await.unwrap().success(),
        "{}",
        waiting.output()
    );

    let item = Item::new(server.address()).minimum(VncSecurity::None);
    let view_only = item
        .clone()
        .denied(&[SessionPermission::KeyboardMouse])
        .recorded();
    let (mut viewer, gate) = view_only.viewer(None).await;
    type_line(&mut viewer, "bad").await;
    viewer.stream.shutdown().await.unwrap();
    let records = gate.records.clone();
    let (_, events) = gate.end().await;
    assert_eq!(
        events,
        [SessionEvent::RequestRefused {
            what: "keys and pointer".to_owned()
        }]
    );
    let told = records
        .lock()
        .unwrap()
        .iter()
        .any(|record| jump_proto_vnc::VncRecord::read(&record.payload).is_some());
    assert!(told, "the recording says that something was dropped");

    let (mut viewer, _gate) = item.viewer(None).await;
    type_line(&mut viewer, "good").await;
    terminal.wait(LONG).await.unwrap();
    assert_eq!(std::fs::read_to_string(file).unwrap(), "good\n");
}
