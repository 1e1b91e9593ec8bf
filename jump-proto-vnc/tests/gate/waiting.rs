//! What a gate does while somebody does not read. Nothing here has a socket and time stands still, so when a time is over
//! nothing can happen any more by itself, however slow the machine is.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jump_core::model::VncSecurity;
use jump_core::session::{EndReason, SessionPermission};
use jump_proto_vnc::walk::ServerMessageKind;
use jump_proto_vnc::wire::{ClientFramer, ClientMessage, Input, Rectangle};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::harness::{Gate, Item, PLAYED, Viewer, let_in};

/// A viewer, a target and the gate between them.
async fn connected(change: impl FnOnce(Item) -> Item) -> (Viewer<DuplexStream>, DuplexStream, Gate) {
    let item = change(Item::new(([127, 0, 0, 1], 5900).into()).minimum(VncSecurity::None));
    let (rep, mut target, gate) = item.gate_in_memory();
    let (viewer, ()) = tokio::join!(Viewer::start(rep), let_in(&mut target));
    (viewer.unwrap(), target, gate)
}

/// Returns when nothing happens any more: the clock moves on only then.
async fn nothing_moves() {
    tokio::time::sleep(Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_viewer_that_does_not_read_holds_the_target_back() {
    let (mut viewer, mut target, gate) = connected(Item::recorded).await;
    let mut update = vec![0, 0, 0, 1, 0, 0, 0, 0];
    update.extend(PLAYED.width.to_be_bytes());
    update.extend(PLAYED.height.to_be_bytes());
    update.extend([0; 4]);
    update.resize(update.len() + Rectangle::whole(PLAYED).pixels() * 4, 0x55);
    let (total, length) = (400, update.len());
    let sent = Arc::new(AtomicUsize::new(0));
    let sending = tokio::spawn({
        let sent = sent.clone();
        async move {
            for _ in 0..total {
                target.write_all(&update).await.unwrap();
                sent.fetch_add(1, Ordering::Relaxed);
            }
            target
        }
    });
    nothing_moves().await;
    // The room of both streams, and what the gate reads at once.
    let taken = sent.load(Ordering::Relaxed) * length;
    assert!(taken > 0 && taken <= 512 * 1024, "{taken} bytes were taken");
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

#[tokio::test(start_paused = true)]
async fn a_session_that_is_ended_ends_although_nobody_reads() {
    let (viewer, target, gate) = connected(|item| item).await;
    let (mut from_gate, mut to_gate) = tokio::io::split(target);
    let filling = tokio::spawn(async move {
        let bells = vec![2; 1 << 20];
        while to_gate.write_all(&bells).await.is_ok() {}
    });
    let (mut unread, mut to_target) = tokio::io::split(viewer.stream);
    let typing = tokio::spawn(async move {
        let key = [4, 1, 0, 0, 0, 0, 0, b'a'];
        while to_target.write_all(&key).await.is_ok() {}
    });
    nothing_moves().await;
    assert!(!filling.is_finished() && !typing.is_finished());
    let reason = EndReason::AccessRevoked("the role was taken away".to_owned());
    gate.stop.stop(reason.clone());
    let (outcome, _) = gate.end().await;
    assert_eq!(outcome.reason, reason);
    let mut left = Vec::new();
    unread.read_to_end(&mut left).await.unwrap();
    from_gate.read_to_end(&mut left).await.unwrap();
    filling.await.unwrap();
    typing.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_key_that_waits_for_the_recording_when_the_session_ends_is_neither_pressed_nor_let_go() {
    let item = Item::new(([127, 0, 0, 1], 5900).into()).minimum(VncSecurity::None);
    let (rep, mut target, gate, _full) = item.recorded().gate_with_a_full_recording();
    let (viewer, ()) = tokio::join!(Viewer::start(rep), let_in(&mut target));
    let mut viewer = viewer.unwrap();
    let received = tokio::spawn(async move {
        let mut received = Vec::new();
        target.read_to_end(&mut received).await.unwrap();
        received
    });
    // Keys between texts, so that some of them are in whatever waits.
    let typing = tokio::spawn(async move {
        for keysym in (0_u32..8).cycle() {
            let key = [&[4, 1, 0, 0][..], &keysym.to_be_bytes()].concat();
            let mut text = vec![6, 0, 0, 0, 0, 0, 8, 0];
            text.resize(text.len() + 2048, b'x');
            let messages = [&key[..], &text, &[4, 0], &key[2..]].concat();
            if viewer.stream.write_all(&messages).await.is_err() {
                return;
            }
        }
    });
    nothing_moves().await;
    assert!(!typing.is_finished());
    gate.stop.stop(EndReason::AccessRevoked("no more".to_owned()));
    gate.end().await;
    let received = received.await.unwrap();
    typing.await.unwrap();
    let mut input = Input::new(&received);
    let mut down = BTreeSet::new();
    let mut keys = 0;
    while let Some(frame) = ClientFramer::new().next(&mut input).unwrap() {
        if let ClientMessage::Key { down: true, keysym } = frame.message {
            down.insert(keysym);
        } else if let ClientMessage::Key { down: false, keysym } = frame.message {
            assert!(down.remove(&keysym), "{keysym} was never pressed");
            keys += 1;
        }
    }
    assert!(input.rest().is_empty() && down.is_empty() && keys > 100);
}

/// An update that says that the screen has another size.
fn resized(width: u16) -> Vec<u8> {
    let mut update = vec![0, 0, 0, 1, 0, 0, 0, 0];
    update.extend(width.to_be_bytes());
    update.extend([0, 64]);
    update.extend((-223_i32).to_be_bytes());
    update
}

#[tokio::test(start_paused = true)]
async fn s27_a_storm_of_sizes_is_passed_on_at_ten_a_second() {
    for denied in [&[][..], &[SessionPermission::ClipboardFromTarget]] {
        let (mut viewer, mut target, gate) = connected(|item| item.denied(denied)).await;
        let storm: Vec<u8> = (0..1000).flat_map(|n| resized(1 + n % 2)).collect();
        let started = tokio::time::Instant::now();
        target.write_all(&storm).await.unwrap();
        let mut passed = vec![0; storm.len()];
        let mut reached = Vec::new();
        for update in passed.chunks_mut(16) {
            viewer.stream.read_exact(update).await.unwrap();
            reached.push(started.elapsed().as_secs());
        }
        assert_eq!(passed, storm);
        // A few at once, and then no more than ten a second: what the paused clock says, not this machine.
        assert_eq!(reached[15], 0);
        assert!(reached[999] >= 98, "{:?}", reached.last());
        // What the rep does is not held back.
        drop(target);
        assert_eq!(gate.end().await.0.reason, EndReason::TargetClosed);
    }
}

#[tokio::test(start_paused = true)]
async fn s27_an_update_with_more_sizes_than_can_be_decoded_ends_the_session() {
    // The screen has another size already: five are five changes.
    for sizes in [&[1, 2, 3, 4, 5][..], &[20_000]] {
        let (_viewer, mut target, gate) = connected(|item| item).await;
        let mut update = vec![0, 0, 0, sizes.len() as u8];
        for width in sizes {
            update.extend(&resized(*width)[4..]);
        }
        target.write_all(&update).await.unwrap();
        let reason = gate.end().await.0.reason;
        assert!(
            matches!(
                reason,
                EndReason::Failed {
                    kind: jump_core::ErrorKind::ResourceLimit,
                    ..
                }
            ),
            "{reason:?}"
        );
    }
}
