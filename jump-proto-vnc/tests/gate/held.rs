//! Keys and buttons that a rep holds down are let go at the target when the session ends, however it ends.

use jump_core::ErrorKind;
use jump_core::model::VncSecurity;
use jump_core::session::{EndReason, SessionPermission};
use jump_proto_vnc::recording::{ScreenDecoder, ScreenEvent};
use jump_testkit::process::{Process, command};
use jump_testkit::vnc::{PASSWORD, VncServer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::harness::{Gate, Item, LONG, password, played, soon, take};

const SHIFT_DOWN: [u8; 8] = [4, 1, 0, 0, 0, 0, 0xff, 0xe1];
const SHIFT_UP: [u8; 8] = [4, 0, 0, 0, 0, 0, 0xff, 0xe1];
const A_DOWN: [u8; 12] = [255, 0, 0, 1, 0, 0, 0, b'A', 0, 0, 0, 30];
const A_UP: [u8; 12] = [255, 0, 0, 0, 0, 0, 0, b'A', 0, 0, 0, 30];
const B_DOWN: [u8; 8] = [4, 1, 0, 0, 0, 0, 0, b'b'];
const B_UP: [u8; 8] = [4, 0, 0, 0, 0, 0, 0, b'b'];
const DRAG: [u8; 6] = [5, 1, 0, 3, 0, 4];
const LET_GO: [u8; 6] = [5, 0, 0, 3, 0, 4];

/// What the rep presses, and what lets it go.
fn pressed() -> (Vec<u8>, Vec<u8>) {
    let pressed = [&SHIFT_DOWN[..], &B_DOWN, &B_UP, &A_DOWN, &DRAG].concat();
    (pressed, [&A_UP[..], &SHIFT_UP, &LET_GO].concat())
}

#[tokio::test]
async fn what_is_held_is_let_go_when_the_viewer_leaves_or_the_session_is_ended() {
    for is_ended in [false, true] {
        let (mut viewer, gate, mut target) = played(|item| item.recorded()).await;
        let (down, up) = pressed();
        viewer.send(&down).await;
        assert_eq!(take(&mut target, down.len()).await, down);
        if is_ended {
            gate.stop.stop(EndReason::AccessRevoked("no more".to_owned()));
        } else {
            viewer.stream.shutdown().await.unwrap();
        }
        let mut rest = Vec::new();
        soon(target.read_to_end(&mut rest)).await.unwrap();
        assert_eq!(rest, up);
        let records = gate.records.clone();
        gate.end().await;
        assert_eq!(
            held_in_recording(&records.lock().unwrap()),
            0,
            "and the recording says so"
        );
    }
}

/// How many keys and buttons are down at the end of a recording.
fn held_in_recording(records: &[jump_core::recording::Record]) -> usize {
    let mut decoder = ScreenDecoder::new();
    let mut keys = std::collections::BTreeSet::new();
    let mut held = 0;
    for record in records {
        let told = &mut |event| match event {
            ScreenEvent::Key {
                down: true, keysym, ..
            } => {
                keys.insert(keysym);
            }
            ScreenEvent::Key {
                down: false, keysym, ..
            } => {
                keys.remove(&keysym);
            }
            ScreenEvent::Pointer { buttons, .. } => held = usize::from(buttons),
            _ => {}
        };
        if record.kind == jump_core::recording::RecordKind::FromRep {
            decoder.client(&record.payload, told).unwrap();
        }
    }
    keys.len() + held
}

#[tokio::test]
async fn a_message_that_is_cut_by_the_end_is_sent_to_its_end_first() {
    let (mut viewer, gate, mut target) = played(|item| item).await;
    viewer.send(&SHIFT_DOWN).await;
    assert_eq!(take(&mut target, 8).await, SHIFT_DOWN);
    // More than fits on the way: the gate is in the middle of a text when the session ends.
    let mut text = vec![6, 0, 0, 0];
    text.extend((1_u32 << 20).to_be_bytes());
    text.resize(text.len() + (1 << 20), b'x');
    let sending = tokio::spawn(async move { while viewer.stream.write_all(&text).await.is_ok() {} });
    assert_eq!(take(&mut target, 8).await[0], 6);
    gate.stop.stop(EndReason::AccessRevoked("no more".to_owned()));
    let reading = tokio::spawn(async move {
        let mut rest = Vec::new();
        target.read_to_end(&mut rest).await.map(|_| rest)
    });
    let (received, _) = tokio::join!(soon(reading), gate.end());
    let rest = received.unwrap().unwrap();
    assert!(rest.ends_with(&SHIFT_UP));
    let texts = 8 + rest.len() - SHIFT_UP.len();
    assert_eq!(texts % (8 + (1 << 20)), 0, "{texts}");
    sending.await.unwrap();
}

#[tokio::test]
async fn what_came_together_with_a_message_that_nobody_knows_passes_before_it_is_let_go() {
    let (mut viewer, gate, mut target) = played(|item| item.recorded()).await;
    let (down, up) = pressed();
    viewer.send(&[&down[..], &[7]].concat()).await;
    let mut passed = Vec::new();
    soon(target.read_to_end(&mut passed)).await.unwrap();
    assert_eq!(passed, [down, up].concat());
    let records = gate.records.clone();
    let (outcome, _) = gate.end().await;
    assert!(
        matches!(
            outcome.reason,
            EndReason::Failed {
                kind: ErrorKind::Protocol,
                ..
            }
        ),
        "{:?}",
        outcome.reason
    );
    assert_eq!(outcome.bytes_from_rep, pressed().0.len() as u64);
    assert_eq!(held_in_recording(&records.lock().unwrap()), 0);
}

#[tokio::test]
async fn who_may_only_look_has_nothing_to_let_go() {
    let (mut viewer, gate, mut target) =
        played(|item| item.denied(&[SessionPermission::KeyboardMouse])).await;
    viewer.send(&pressed().0).await;
    viewer.stream.shutdown().await.unwrap();
    let mut rest = Vec::new();
    soon(target.read_to_end(&mut rest)).await.unwrap();
    assert!(rest.is_empty(), "{rest:?}");
    gate.end().await;
}

/// A window over the whole screen that says what happens in it.
async fn watcher(server: &VncServer) -> Process {
    let mut run = command("stdbuf");
    run.env("DISPLAY", server.display().unwrap())
        .args(["-oL", "xev", "-geometry", "640x480+0+0"]);
    let mut watcher = Process::spawn(run).unwrap();
    watcher.wait_for_line("VisibilityNotify", LONG).await.unwrap();
    watcher
}

#[tokio::test(flavor = "multi_thread")]
async fn an_x_server_sees_the_keys_and_buttons_go_up() {
    for (server, word) in [
        (VncServer::x11vnc().await.unwrap(), password(PASSWORD)),
        (VncServer::tigervnc("None").await.unwrap(), None),
    ] {
        let mut watcher = watcher(&server).await;
        let item = Item::new(server.address());
        let item = if word.is_none() {
            item.minimum(VncSecurity::None)
        } else {
            item
        };
        let (mut viewer, gate): (_, Gate) = item.viewer(word).await;
        viewer.send(&[5, 0, 0, 20, 0, 20]).await;
        viewer
            .send(&[&SHIFT_DOWN[..], &[5, 4, 0, 30, 0, 40]].concat())
            .await;
        watcher.wait_for_line("ButtonPress", LONG).await.unwrap();
        assert!(!watcher.output().contains("ButtonRelease"));
        viewer.stream.shutdown().await.unwrap();
        watcher.wait_for_line("ButtonRelease", LONG).await.unwrap();
        watcher.wait_for_line("KeyRelease", LONG).await.unwrap();
        gate.end().await;
    }
}
