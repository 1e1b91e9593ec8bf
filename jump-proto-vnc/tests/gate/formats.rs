//! A viewer changes its pixel format while the target sends what it likes: where messages end stays known.

use jump_core::ErrorKind;
use jump_core::model::VncSecurity;
use jump_core::session::{EndReason, SessionPermission};
use jump_proto_vnc::VncRecord;
use jump_proto_vnc::wire::{Encoding, PixelFormat, Rectangle};
use jump_testkit::vnc::{QemuLogin, VncServer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::harness::{Item, played, soon, take};

const REQUEST: [u8; 10] = [3, 1, 0, 0, 0, 0, 0, 64, 0, 64];
const BELL: [u8; 1] = [2];
const SERVER_TEXT: [u8; 10] = [3, 0, 0, 0, 0, 0, 0, 2, b'y', b'o'];
const WITHOUT_CLIPBOARD: &[SessionPermission] = &[SessionPermission::ClipboardFromTarget];

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

/// A cursor of 1×1 pixel, which a server may send unasked (RFC 6143 §7.8.1).
fn cursor(bytes: usize) -> Vec<u8> {
    let mut update = vec![0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1];
    update.extend(Encoding::CURSOR.0.to_be_bytes());
    update.resize(update.len() + bytes + 1, 0xee);
    update
}

#[tokio::test]
async fn one_update_may_answer_several_requests_and_the_format_changes_nevertheless() {
    let (mut viewer, gate, mut target) = played(|item| item.denied(WITHOUT_CLIPBOARD).recorded()).await;
    viewer.send(&REQUEST.repeat(3)).await;
    assert_eq!(take(&mut target, 30).await, REQUEST.repeat(3));
    target.write_all(&pixel(4)).await.unwrap();
    assert_eq!(take(&mut viewer.stream, 20).await, pixel(4));
    let change = set_format(PixelFormat::BGR233);
    viewer.send(&[&change[..], &REQUEST].concat()).await;
    // No update comes any more for the other two.
    assert_eq!(take(&mut target, 30).await, [&change[..], &REQUEST].concat());
    let down = [&pixel(1)[..], &SERVER_TEXT, &BELL].concat();
    target.write_all(&down).await.unwrap();
    assert_eq!(
        take(&mut viewer.stream, 18).await,
        [&pixel(1)[..], &BELL].concat()
    );
    drop(viewer);
    let records = gate.records.clone();
    assert_eq!(gate.end().await.0.reason, EndReason::RepClosed);
    // The recording says that what was asked for is not to be waited for.
    let answered = |record: &jump_core::recording::Record| {
        VncRecord::read(&record.payload) == Some(VncRecord::UpdatesAnswered)
    };
    assert!(records.lock().unwrap().iter().any(answered));
}

#[tokio::test]
async fn what_nobody_asked_for_does_not_lead_astray_where_the_format_changes() {
    for old in [0, 1, 2] {
        let (mut viewer, gate, mut target) = played(|item| item.denied(WITHOUT_CLIPBOARD)).await;
        let change = set_format(PixelFormat::BGR233);
        viewer.send(&[&change[..], &REQUEST].concat()).await;
        assert_eq!(take(&mut target, 30).await, [&change[..], &REQUEST].concat());
        // It had not read it yet when it sent these.
        let before = [&cursor(4)[..], &SERVER_TEXT].concat().repeat(old);
        let after = [&cursor(1)[..], &SERVER_TEXT, &pixel(1), &SERVER_TEXT, &BELL].concat();
        target.write_all(&[before, after].concat()).await.unwrap();
        let expected = [cursor(4).repeat(old), cursor(1), pixel(1), BELL.to_vec()].concat();
        assert_eq!(take(&mut viewer.stream, expected.len()).await, expected, "{old}");
        drop(viewer);
        assert_eq!(gate.end().await.0.reason, EndReason::RepClosed);
    }
}

#[tokio::test]
async fn what_may_be_pixels_or_a_clipboard_ends_the_session_where_that_is_not_permitted() {
    // Behind one pixel of a byte a text; in the old format it is part of the pixels, and a message follows either way.
    let mut doubtful = vec![0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 3, 0, 0, 0, 0, 2, 2, 2];
    doubtful.extend([3, 0, 0, 0, 0, 0, 0, 1, b'x', 2, 2]);
    for (denied, ends) in [(WITHOUT_CLIPBOARD, true), (&[], false)] {
        let (mut viewer, gate, mut target) = played(|item| item.denied(denied)).await;
        let change = set_format(PixelFormat::BGR233);
        viewer.send(&change).await;
        assert_eq!(take(&mut target, 20).await, change);
        target.write_all(&doubtful).await.unwrap();
        if ends {
            let reason = gate.end().await.0.reason;
            let EndReason::Failed { kind, message } = reason else {
                panic!("{reason:?}");
            };
            assert_eq!(kind, ErrorKind::Protocol);
            assert!(message.contains("format changed"), "{message}");
        } else {
            assert_eq!(take(&mut viewer.stream, doubtful.len()).await, doubtful);
        }
    }
}

#[tokio::test]
async fn a_viewer_that_changes_the_format_again_and_again_is_stopped() {
    let (mut viewer, gate, _target) = played(|item| item).await;
    let changes = [set_format(PixelFormat::BGR233), set_format(PixelFormat::RGB565)].concat();
    viewer.send(&changes.repeat(20)).await;
    let reason = gate.end().await.0.reason;
    assert!(
        matches!(
            reason,
            EndReason::Failed {
                kind: ErrorKind::ResourceLimit,
                ..
            }
        ),
        "{reason:?}"
    );
}

/// Asks again and again without waiting for answers, and changes the format in between: the gate is not led astray, and
/// nothing ends the session.
async fn pipelined(server: &VncServer, encodings: &[Encoding]) {
    let item = Item::new(server.address())
        .minimum(VncSecurity::None)
        .denied(WITHOUT_CLIPBOARD);
    let (mut viewer, gate) = item.viewer(None).await;
    viewer.prepare(PixelFormat::BGRX8888, encodings).await;
    let size = viewer.init.size;
    let request = [&[3, 0][..], &Rectangle::whole(size).to_bytes()].concat();
    let mut bytes = vec![0; 64 * 1024];
    for format in [PixelFormat::BGR233, PixelFormat::RGB565, PixelFormat::BGRX8888] {
        let messages = [request.repeat(4), set_format(format), request.repeat(4)].concat();
        viewer.send(&messages).await;
        let mut left = size.pixels() * format.bytes_per_pixel();
        while left > 0 {
            let read = soon(viewer.stream.read(&mut bytes)).await.unwrap();
            assert_ne!(read, 0, "the session goes on");
            left = left.saturating_sub(read);
            viewer.send(&request).await;
        }
    }
    drop(viewer);
    // It goes away while there is more to come.
    let reason = gate.end().await.0.reason;
    assert!(
        matches!(reason, EndReason::RepClosed | EndReason::RepLost),
        "{reason:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tigervnc_is_followed_through_pipelined_requests_and_new_formats() {
    let server = VncServer::tigervnc("None").await.unwrap();
    let encodings = [Encoding::HEXTILE, Encoding::CURSOR, Encoding::DESKTOP_NAME];
    pipelined(&server, &encodings).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn qemu_is_followed_through_pipelined_requests_and_new_formats() {
    let server = VncServer::qemu(QemuLogin::None).await.unwrap();
    let encodings = [Encoding::RAW, Encoding::CURSOR, Encoding::QEMU_LED_STATE];
    pipelined(&server, &encodings).await;
}
