//! Messages between a viewer and a target that the test plays: what passes is what came, and nothing else passes.

use jump_core::ErrorKind;
use jump_core::protocol::SessionEvent;
use jump_core::session::{EndReason, SessionPermission};
use jump_proto_vnc::walk::ServerMessageKind;
use jump_proto_vnc::wire::{Encoding, PixelFormat, Rectangle, Version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::harness::{Item, LONG, PLAYED, Played, played, soon, take};

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
        Encoding::compression(1),
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
        assert!(KEY.starts_with(&passed), "{passed:?}");
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

fn set_format(format: PixelFormat) -> Vec<u8> {
    [&[0; 4][..], &format.to_bytes()].concat()
}

/// An update of one raw pixel of so many bytes.
fn pixel(bytes: usize) -> Vec<u8> {
    let mut update = vec![0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0];
    // Were it measured in another format, this would be an unknown message.
    update.resize(update.len() + bytes, 0xee);
    update
}

#[tokio::test]
async fn a_new_pixel_format_waits_for_updates_that_were_asked_for() {
    let (mut viewer, gate, mut target) = played(|item| item).await;
    viewer.send(&REQUEST).await;
    assert_eq!(take(&mut target, 10).await, REQUEST);
    let change = set_format(PixelFormat::BGR233);
    viewer.send(&[&change[..], &REQUEST].concat()).await;
    // The answer is in the old format: it has not been told of another one.
    let old = pixel(4);
    let (half, rest) = old.split_at(17);
    target.write_all(half).await.unwrap();
    assert_eq!(take(&mut target, 30).await, [&change[..], &REQUEST].concat());
    target
        .write_all(&[rest, &pixel(1), &BELL].concat())
        .await
        .unwrap();
    let expected = [&old[..], &pixel(1), &BELL].concat();
    assert_eq!(take(&mut viewer.stream, expected.len()).await, expected);
    drop(viewer);
    assert_eq!(gate.end().await.0.reason, EndReason::RepClosed);
}

#[tokio::test]
async fn a_new_pixel_format_starts_where_continuous_updates_have_ended() {
    let (mut viewer, gate, mut target) = played(|item| item).await;
    let switch = |on: u8| [150, on, 0, 0, 0, 0, 0, 64, 0, 64];
    let change = set_format(PixelFormat::BGR233);
    let up = [&switch(1)[..], &switch(0), &change, &REQUEST].concat();
    viewer.send(&up).await;
    assert_eq!(take(&mut target, up.len()).await, up);
    let down = [&pixel(4)[..], &pixel(4), &[150], &pixel(1), &BELL].concat();
    target.write_all(&down).await.unwrap();
    assert_eq!(take(&mut viewer.stream, down.len()).await, down);
    drop(viewer);
    assert_eq!(gate.end().await.0.reason, EndReason::RepClosed);
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
async fn a_viewer_that_does_not_read_holds_the_target_back() {
    let (mut viewer, gate, mut target) = played(|item| item.recorded()).await;
    let mut update = vec![0, 0, 0, 1, 0, 0, 0, 0];
    update.extend(PLAYED.width.to_be_bytes());
    update.extend(PLAYED.height.to_be_bytes());
    update.extend([0; 4]);
    update.resize(update.len() + Rectangle::whole(PLAYED).pixels() * 4, 0x55);
    let total = 4000;
    let length = update.len();
    let (sent, mut progress) = tokio::sync::watch::channel(0usize);
    let sending = tokio::spawn(async move {
        for number in 1..=total {
            target.write_all(&update).await.unwrap();
            sent.send(number).unwrap();
        }
        target
    });
    // Nothing moves any more long before all of it was sent.
    loop {
        let quiet = std::time::Duration::from_millis(500);
        if tokio::time::timeout(quiet, progress.changed()).await.is_err() {
            break;
        }
    }
    assert!(
        *progress.borrow() * length < 24 << 20,
        "{} of {total}",
        *progress.borrow()
    );
    for _ in 0..total {
        let (kind, message) = viewer.next().await.unwrap();
        assert_eq!(
            (kind, message.len()),
            (ServerMessageKind::FramebufferUpdate, length)
        );
        viewer.received.clear();
    }
    drop(sending.await.unwrap());
    let (outcome, _) = gate.end().await;
    assert_eq!(outcome.reason, EndReason::TargetClosed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_ended_ends_at_once_whatever_it_waits_for() {
    let (mut viewer, gate, mut target) = played(|item| item).await;
    let filling = tokio::spawn(async move {
        let bells = vec![2; 1 << 20];
        while target.write_all(&bells).await.is_ok() {}
    });
    let mut first = [0];
    soon(viewer.stream.read_exact(&mut first)).await.unwrap();
    let reason = EndReason::AccessRevoked("the role was taken away".to_owned());
    let started = std::time::Instant::now();
    gate.stop.stop(reason.clone());
    let (outcome, _) = gate.end().await;
    assert_eq!(outcome.reason, reason);
    assert!(started.elapsed() < LONG / 10);
    soon(filling).await.unwrap();
}
