//! Who is let in where, and that nothing weaker is done than the item allows.

use std::net::{Ipv4Addr, SocketAddr};

use jump_core::ErrorKind;
use jump_core::model::VncSecurity;
use jump_core::protocol::SessionEvent;
use jump_core::session::EndReason;
use jump_proto_vnc::security::SecurityType;
use jump_proto_vnc::walk::ServerMessageKind;
use jump_testkit::canary::Canary;
use jump_testkit::process::{Process, command};
use jump_testkit::sshd;
use jump_testkit::vnc::{PASSWORD, QemuLogin, VncServer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::harness::{Item, LONG, Played, login, password, soon, take};

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_reported_and_the_viewer_is_told_the_targets_reason() {
    let secret = "canary-in-the-gate-7Q2x";
    let server = VncServer::tigervnc("VncAuth,X509Plain").await.unwrap();
    for item in [
        Item::new(server.address()).trust_first(),
        Item::new(server.address()).trust_first().recorded(),
    ] {
        for credential in [password(secret), login(sshd::USER, secret)] {
            let refusal = item.refusal(credential).await;
            assert_eq!(refusal.kind, ErrorKind::TargetAuthentication);
            assert!(refusal.reason.contains("refused the login"), "{}", refusal.reason);
            assert_eq!(refusal.reason, refusal.message);
            assert!(
                matches!(refusal.events.last(), Some(SessionEvent::CredentialRefused { kind, .. }) if kind == "password")
            );
            let canary = Canary::new(secret.as_bytes());
            assert_eq!(canary.find(&refusal.received), []);
            assert_eq!(canary.find(format!("{refusal:?}").as_bytes()), []);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_not_the_pinned_one_ends_it_before_the_login() {
    let server = VncServer::tigervnc("X509Plain").await.unwrap();
    let other = "ab".repeat(32);
    for item in [
        Item::new(server.address()).pinned(&other).trust_first(),
        Item::new(server.address()),
    ] {
        let refusal = item.refusal(login(sshd::USER, sshd::PASSWORD)).await;
        assert_eq!(refusal.kind, ErrorKind::HostKey, "{refusal:?}");
        let [SessionEvent::CertificateRefused { sha256 }] = &refusal.events[..] else {
            panic!("{refusal:?}");
        };
        assert!(refusal.reason.contains(sha256.as_str()), "{refusal:?}");
    }
}

/// What a target gets that offers these security types: its choice, and how it ends.
async fn offered(types: &[u8], item: impl FnOnce(Item) -> Item) -> (Option<u8>, ErrorKind) {
    let played = Played::new().await;
    let item = item(Item::new(played.address));
    let (choice, refusal) = tokio::join!(
        async {
            let (mut stream, choice) = played.offer(types).await;
            let mut rest = Vec::new();
            if choice.is_none() {
                soon(stream.read_to_end(&mut rest)).await.unwrap();
                assert!(rest.is_empty(), "{rest:?}");
            }
            choice
        },
        item.refusal(password(PASSWORD))
    );
    (choice, refusal.kind)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_the_strong_logins_out_gets_nothing() {
    let pinned = |item: Item| item.pinned(&"00".repeat(32));
    let number = |kind: SecurityType| kind.0 as u8;
    for weak in [SecurityType::NONE, SecurityType::VNC_AUTH, SecurityType::APPLE_DH] {
        let list = [number(weak)];
        let refused = (None, ErrorKind::TargetAuthentication);
        assert_eq!(offered(&list, pinned).await, refused, "{weak:?}");
        let none = |item: Item| pinned(item).minimum(VncSecurity::None);
        assert_eq!(offered(&list, none).await, refused, "{weak:?}");
        let encrypted = |item: Item| item.minimum(VncSecurity::Encrypted);
        assert_eq!(offered(&list, encrypted).await, refused, "{weak:?}");
    }
    let refused = (None, ErrorKind::TargetAuthentication);
    assert_eq!(offered(&[number(SecurityType::NONE)], |item| item).await, refused);
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_without_a_certificate_is_passed_by_or_said_to_be_the_reason() {
    let server = VncServer::tigervnc("TLSVnc,VncAuth").await.unwrap();
    let (viewer, gate) = Item::new(server.address()).viewer(password(PASSWORD)).await;
    drop(viewer);
    assert_eq!(gate.end().await.0.reason, EndReason::RepClosed);
    let refusal = Item::new(server.address())
        .minimum(VncSecurity::Encrypted)
        .refusal(password(PASSWORD))
        .await;
    assert_eq!(refusal.kind, ErrorKind::TargetAuthentication);

    let server = VncServer::tigervnc("TLSVnc").await.unwrap();
    let refusal = Item::new(server.address()).refusal(password(PASSWORD)).await;
    assert_eq!(refusal.kind, ErrorKind::Unsupported);
    assert!(refusal.reason.contains("anonymous"), "{}", refusal.reason);
    assert!(refusal.reason.contains("TLSVnc"), "{}", refusal.reason);
}

/// A target whose VeNCrypt has nothing but anonymous TLS: what it is asked for the second time.
async fn beside_vencrypt(item: impl FnOnce(Item) -> Item) -> Option<u8> {
    let played = Played::new().await;
    let item = item(Item::new(played.address));
    let target = async {
        let (mut stream, choice) = played.offer(&[19, 2]).await;
        assert_eq!(choice, Some(19));
        stream.write_all(&[0, 2]).await.unwrap();
        assert_eq!(take(&mut stream, 2).await, [0, 2]);
        stream.write_all(&[0, 1, 0, 0, 1, 2]).await.unwrap();
        let mut rest = Vec::new();
        soon(stream.read_to_end(&mut rest)).await.unwrap();
        assert!(rest.is_empty(), "nothing of it was chosen");
        played.offer(&[19, 2]).await.1
    };
    let refused = item.refusal(password(PASSWORD));
    tokio::select! {
        choice = target => choice,
        refusal = refused => {
            assert_eq!(refusal.kind, ErrorKind::Unsupported, "{refusal:?}");
            None
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_beside_an_empty_vencrypt_is_taken_only_if_the_item_allows_it() {
    assert_eq!(beside_vencrypt(|item| item).await, Some(2));
    assert_eq!(
        beside_vencrypt(|item| item.minimum(VncSecurity::Encrypted)).await,
        None
    );
    assert_eq!(beside_vencrypt(|item| item.pinned(&"00".repeat(32))).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_login_reaches_the_viewer_or_the_recording() {
    let server = VncServer::qemu(QemuLogin::X509Vnc).await.unwrap();
    let item = Item::new(server.address()).trust_first().recorded();
    let (mut viewer, gate) = item.viewer(password(PASSWORD)).await;
    viewer.whole().await;
    let received = std::mem::take(&mut viewer.received);
    let init = viewer.init.clone();
    drop(viewer);
    let records = gate.records.clone();
    gate.end().await;
    // A version, a list of none, a result; the target's challenge is not among it.
    assert_eq!(received[..18], *b"RFB 003.008\n\x01\x01\0\0\0\0");
    let mut first = Vec::new();
    init.write(&mut first).unwrap();
    let records = records.lock().unwrap();
    assert_eq!(records[0].payload[..], first);
    assert_eq!(records[1].payload[..], [1]);
    let canary = Canary::new(PASSWORD.as_bytes());
    assert_eq!(canary.find(&received), []);
    for record in records.iter() {
        assert_eq!(canary.find(&record.payload), []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rsa_aes_needs_its_key_pinned_and_encrypts_both_directions() {
    let python = std::env::var("JUMP_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/rfb_logins.py");
    for pinned in [true, false] {
        let mut run = command(&python);
        run.args([script, &SecurityType::RA2_256.0.to_string(), "someone", "word"]);
        let mut process = Process::spawn(run).unwrap();
        let line = process.wait_for_line("port ", LONG).await.unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, words[1].parse().unwrap()));
        let item = Item::new(address).minimum(VncSecurity::Encrypted);
        let credential = login("someone", "word");
        if !pinned {
            let refusal = item.pinned(&"cd".repeat(32)).refusal(credential).await;
            assert_eq!(refusal.kind, ErrorKind::HostKey);
            assert!(refusal.reason.contains(words[2]), "{refusal:?}");
            continue;
        }
        let (mut viewer, _gate) = item.pinned(words[2]).viewer(credential).await;
        assert_eq!(viewer.init.name, b"peer");
        // The peer takes four bytes, here no encodings, and sends them back: a bell and the begin of something.
        viewer.send(&[2, 0, 0, 0]).await;
        let (kind, _) = viewer.next().await.unwrap();
        assert_eq!(kind, ServerMessageKind::Bell);
    }
}
