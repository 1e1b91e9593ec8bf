//! Messages between a viewer and a target that the test plays: what passes is what came, and nothing else passes.

use jump_core::ErrorKind;
use jump_core::protocol::SessionEvent;
use jump_core::session::{EndReason, SessionPermission};
use jump_proto_vnc::wire::{Encoding, PixelFormat, Version};
use jump_testkit::process::{Process, command};
use jump_testkit::vnc::{PASSWORD, VncServer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::harness::{Item, LONG, Played, password, played, soon, take};

const KEY: [u8; 8] = [4, 1, 0, 0, 0, 0, 0, b'a'];
const POINTER: [u8; 6] = [5, 1, 0, 3, 0, 4];
const CUT_TEXT: [u8; 10] = [6, 0, 0, 0, 0, 0, 0, 2, b'h', b'i'];
const EXTENDED: [u8; 12] = [6, 0, 0, 0, 0xff, 0xff, 0xff, 0xfc, 2, 0, 0, 0];
const RESIZE: [u8; 8] = [251, 0, 0, 9, 0, 9, 0, 0];
const QEMU_KEY: [u8; 12] = [255, 0, 0, 1, 0, 0, 0, b'a', 0, 0, 0, 30];
const REBOOT: [u8; 4] = [250, 0, 1, 3];
const REQUEST: [u8; 10] = [3, 1, 0, 0, 0, 0, 0, 64, 0, 64];
const FENCE: [u8; 10] = [248, 0, 0, 0, 0, 0, 0, 1, 1, 7];
const BELL: [u8; 1] = [2];
const SERVER_TEXT: [u8; 10] = [3, 0, 0, 0, 0, 0, 0, 2, b'y', b'o'];

#[tokio::test]
async fn what_is_permitted_passes_as_it_came() {
    let (mut viewer, gate, mut target) = played(|item| item).await;
    let up = [
        &KEY[..],
        &POINTER,
        &CUT_TEXT,
        &EXTENDED,
        &RESIZE,
        &QEMU_KEY,
        &REQUEST,
        &FENCE,
    ]
    .concat();
    for byte in up.chunks(3) {
        viewer.send(byte).await;
    }
    assert_eq!(take(&mut target, up.len()).await, up);
    let down = [&BELL[..], &SERVER_TEXT, &[0, 0, 0, 0], &FENCE].concat();
    target.write_all(&down).await.unwrap();
    assert_eq!(take(&mut viewer.stream, down.len()).await, down);
    drop(target);
    let (outcome, events) = gate.end().await;
    assert_eq!(outcome.reason, EndReason::TargetClosed);
    assert_eq!(outcome.bytes_from_rep, up.len() as u64);
    assert_eq!(events, []);
}

#[tokio::test]
async fn what_is_not_permitted_does_not_pass_and_is_said_once() {
    let denied = [
        SessionPermission::KeyboardMouse,
        SessionPermission::ClipboardToTarget,
        SessionPermission::ClipboardFromTarget,
    ];
    let (mut viewer, gate, mut target) = played(|item| item.denied(&denied)).await;
    for message in [
        &KEY[..],
        &POINTER,
        &CUT_TEXT,
        &EXTENDED,
        &RESIZE,
        &QEMU_KEY,
        &REBOOT,
        &KEY,
        &REQUEST,
    ] {
        viewer.send(message).await;
    }
    assert_eq!(take(&mut target, REQUEST.len()).await, REQUEST);
    // In pieces, so that it is known for what it is before it is all there.
    for piece in [
        &BELL[..],
        &SERVER_TEXT[..1],
        &SERVER_TEXT[1..9],
        &SERVER_TEXT[9..],
        &BELL,
    ] {
        target.write_all(piece).await.unwrap();
        target.flush().await.unwrap();
    }
    assert_eq!(take(&mut viewer.stream, 2).await, [2, 2]);
    drop(viewer);
    let (outcome, events) = gate.end().await;
    assert_eq!(outcome.reason, EndReason::RepClosed);
    assert_eq!(outcome.bytes_from_rep, REQUEST.len() as u64);
    let mut refused: Vec<String> = events
        .into_iter()
        .map(|event| match event {
            SessionEvent::RequestRefused { what } => what,
            other => panic!("{other:?}"),
        })
        .collect();
    refused.sort();
    assert_eq!(
        refused,
        [
            "another size of the screen",
            "keys and pointer",
            "shutting down or restarting the machine",
            "the rep's clipboard for the target",
            "the target's clipboard for the rep",
        ]
    );
}

#[tokio::test]
async fn each_clipboard_is_permitted_by_itself() {
    for (denied, up, down) in [
        (SessionPermission::ClipboardToTarget, &[][..], &SERVER_TEXT[..]),
        (SessionPermission::ClipboardFromTarget, &CUT_TEXT[..], &[][..]),
    ] {
        let (mut viewer, _gate, mut target) = played(|item| item.denied(&[denied])).await;
        viewer.send(&[&CUT_TEXT[..], &KEY].concat()).await;
        let passed = [up, &KEY].concat();
        assert_eq!(take(&mut target, passed.len()).await, passed);
        target
            .write_all(&[&SERVER_TEXT[..], &BELL].concat())
            .await
            .unwrap();
        let passed = [down, &BELL].concat();
        assert_eq!(take(&mut viewer.stream, passed.len()).await, passed);
    }
}

fn encodings(list: &[Encoding]) -> Vec<u8> {
    let mut message = vec![2, 0, 0, list.len() as u8];
    message.extend(list.iter().flat_map(|encoding| encoding.0.to_be_bytes()));
    message
}

#[tokio::test]
async fn only_encodings_that_can_be_recorded_are_agreed_on() {
    let (mut viewer, _gate, mut target) = played(|item| item).await;
    viewer
        .send(&encodings(&[
            Encoding(50),
            Encoding::TIGHT,
            Encoding::compression(0),
            Encoding(-309),
            Encoding::EXTENDED_CLIPBOARD,
        ]))
        .await;
    let kept = encodings(&[
        Encoding::TIGHT,
        Encoding::compression(0),
        Encoding::EXTENDED_CLIPBOARD,
    ]);
    assert_eq!(take(&mut target, kept.len()).await, kept);
}

#[tokio::test]
async fn a_message_that_nobody_knows_ends_the_session() {
    for message in [&[7u8][..], &[255, 1, 0, 0], &[6, 0, 0, 0, 0x7f, 0, 0, 0]] {
        let (mut viewer, gate, mut target) = played(|item| item).await;
        viewer.send(&KEY).await;
        viewer.send(message).await;
        viewer.send(&KEY).await;
        let mut passed = Vec::new();
        // It may be reset, because there is more that nobody reads.
        let _ = soon(target.read_to_end(&mut passed)).await;
        // The key that was pressed before is let go.
        let mut expected = [KEY, KEY].concat();
        expected[9] = 0;
        assert!(expected.starts_with(&passed), "{passed:?}");
        let reason = gate.end().await.0.reason;
        assert!(
            matches!(
                reason,
                EndReason::Failed {
                    kind: ErrorKind::Protocol | ErrorKind::Unsupported | ErrorKind::ResourceLimit,
                    ..
                }
            ),
            "{reason:?}"
        );
    }
    for message in [&[4u8][..], &[0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 50]] {
        let (mut viewer, gate, mut target) = played(|item| item).await;
        target.write_all(message).await.unwrap();
        let mut passed = Vec::new();
        let _ = soon(viewer.stream.read_to_end(&mut passed)).await;
        assert!(passed.is_empty(), "{passed:?}");
        let reason = gate.end().await.0.reason;
        assert!(
            matches!(
                reason,
                EndReason::Failed {
                    kind: ErrorKind::Unsupported,
                    ..
                }
            ),
            "{reason:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_of_every_version_are_let_in() {
    for version in [Version::V3_3, Version::V3_7, Version::V3_8] {
        let played = Played::new().await;
        let item = Item::new(played.address).minimum(jump_core::model::VncSecurity::None);
        let (mut rep, _gate) = item.gate(None).await;
        let _target = played.let_in().await;
        assert_eq!(take(&mut rep, 12).await, b"RFB 003.008\n");
        rep.write_all(&version.to_bytes()).await.unwrap();
        match version {
            Version::V3_3 => assert_eq!(take(&mut rep, 4).await, [0, 0, 0, 1]),
            _ => {
                assert_eq!(take(&mut rep, 2).await, [1, 1]);
                rep.write_all(&[1]).await.unwrap();
            }
        }
        if version == Version::V3_8 {
            assert_eq!(take(&mut rep, 4).await, [0; 4]);
        }
        rep.write_all(&[0]).await.unwrap();
        assert_eq!(take(&mut rep, 4).await, [0, 64, 0, 64]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tight_without_compression_passes_and_shows_the_same() {
    let server = VncServer::x11vnc().await.unwrap();
    let mut paint = command("xsetroot");
    paint
        .env("DISPLAY", server.display().unwrap())
        .args(["-mod", "5", "7"]);
    let mut painting = Process::spawn(paint).unwrap();
    assert!(painting.wait(LONG).await.unwrap().success());
    let mut pictures = Vec::new();
    for encodings in [
        &[Encoding::RAW][..],
        &[
            Encoding::TIGHT,
            Encoding::compression(0),
            Encoding::TIGHT_WITHOUT_ZLIB,
        ],
    ] {
        let item = Item::new(server.address());
        let (mut viewer, _gate) = item.viewer(password(PASSWORD)).await;
        viewer.prepare(PixelFormat::BGRX8888, encodings).await;
        viewer.received.clear();
        pictures.push(viewer.whole().await);
        if encodings.len() > 1 {
            assert!(viewer.used.contains(&Encoding::TIGHT.0));
            // BasicCompression Without Zlib, behind the headers of the update and of its first rectangle.
            assert!(
                matches!(viewer.received[16] >> 4, 0xa | 0xe),
                "{:x}",
                viewer.received[16]
            );
        }
    }
    assert!(pictures[0] == pictures[1]);
}
