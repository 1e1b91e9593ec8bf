//! How sessions end, and that it is said.

use jump_core::protocol::SessionEvent;
use jump_core::recording::RecordKind;
use jump_core::session::{EndReason, SessionPermission};
use jump_proto_rdp::wire::input::{self, Input};
use jump_proto_rdp::wire::{Domain, domain};
use jump_proto_rdp::{RdpRecord, Refused};
use jump_testkit::rdp::{PASSWORD, ShadowSecurity, USER};

use super::desktop::{Desk, ORANGE, orange};
use super::harness::{Item, LONG, login, soon};
use super::native::mostly;

#[tokio::test(flavor = "multi_thread")]
async fn a_client_hears_why_its_session_ends() {
    let shadow = orange(ShadowSecurity::Nla).await;
    let desk = Desk::new().await;
    for (reason, words) in [
        (EndReason::Idle, "ERRINFO_IDLE_TIMEOUT"),
        (
            EndReason::EndedBy("carol".to_owned()),
            "ERRINFO_RPC_INITIATED_DISCONNECT",
        ),
    ] {
        let (address, gate) = Item::new(shadow.address()).port(login(USER, PASSWORD)).await;
        let mut client = desk.xfreerdp(address, &["/u:rep", "/p:x"]);
        let shown = desk.screen.until_shown(|picture| mostly(picture, ORANGE)).await;
        assert!(shown.is_ok(), "{}", client.output());
        let gate = soon(gate).await.unwrap();
        gate.stop.stop(reason.clone());
        client.wait(LONG).await.unwrap();
        assert!(client.output().contains(words), "{}", client.output());
        let (outcome, _) = gate.end().await;
        assert_eq!(outcome.reason, reason);
        assert!(
            outcome.bytes_from_target > 1_000 && outcome.bytes_from_rep > 100,
            "{outcome:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_without_a_permission_are_refused_and_it_is_recorded() {
    let shadow = orange(ShadowSecurity::Nla).await;
    let desk = Desk::new().await;
    let item = Item::new(shadow.address()).denied(&[
        SessionPermission::ClipboardToTarget,
        SessionPermission::ClipboardFromTarget,
        SessionPermission::FileDownload,
    ]);
    let (address, gate) = item.port(login(USER, PASSWORD)).await;
    let drive = format!("/drive:home,{}", std::env::temp_dir().display());
    let arguments = ["/u:rep", "/p:x", "+clipboard", "/sound", "/microphone", &drive];
    let client = desk.xfreerdp(address, &arguments);
    let shown = desk.screen.until_shown(|picture| mostly(picture, ORANGE)).await;
    assert!(shown.is_ok(), "{}", client.output());
    let gate = soon(gate).await.unwrap();
    drop(client);
    let records = gate.records.clone();
    let (_, events) = gate.end().await;
    let refused: Vec<(String, Refused)> = records
        .lock()
        .unwrap()
        .iter()
        .filter_map(|record| match RdpRecord::read(&record.payload)? {
            RdpRecord::ChannelRefused { name, what } => Some((name, what)),
            _ => None,
        })
        .collect();
    for expected in [
        ("cliprdr", Refused::Clipboard),
        ("rdpdr", Refused::Devices),
        ("AUDIO_INPUT", Refused::Channel),
    ] {
        let expected = (expected.0.to_owned(), expected.1);
        assert!(refused.contains(&expected), "{expected:?}: {refused:?}");
    }
    assert!(
        refused
            .iter()
            .all(|(name, _)| name != "rdpsnd" && name != "drdynvc")
    );
    let told = |words: &str| {
        let words = words.to_owned();
        events.contains(&SessionEvent::RequestRefused { what: words })
    };
    assert!(
        told("the clipboard") && told("the rep's drives and devices"),
        "{events:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_held_at_the_end_is_let_go_at_the_target() {
    for fast_path in [true, false] {
        let shadow = orange(ShadowSecurity::Nla).await;
        let watch = ["-oL", "xev", "-geometry", "640x480+0+0"];
        let mut xev = shadow.start("stdbuf", &watch).await.unwrap();
        xev.wait_for_line("Expose event", LONG).await.unwrap();
        let desk = Desk::new().await;
        let (address, gate) = Item::new(shadow.address()).port(login(USER, PASSWORD)).await;
        let path = if fast_path { "+fast-path" } else { "-fast-path" };
        let client = desk.xfreerdp(address, &["/u:rep", "/p:x", path]);
        let white = desk.screen.until_shown(|picture| mostly(picture, [255; 3])).await;
        assert!(white.is_ok(), "{}", client.output());
        desk.screen
            .run("xdotool", &["mousemove", "300", "200", "keydown", "q"])
            .await
            .unwrap();
        xev.wait_for_line("keysym 0x71", LONG).await.unwrap();
        let gate = soon(gate).await.unwrap();
        gate.stop.stop(EndReason::Expired);
        let records = gate.records.clone();
        gate.end().await;
        xev.wait_for_line("KeyRelease event", LONG).await.unwrap();
        let records = records.lock().unwrap().clone();
        let last = records
            .iter()
            .rfind(|record| record.kind == RecordKind::FromRep)
            .unwrap();
        let inputs = if fast_path {
            input::of_fast_path(&last.payload).unwrap()
        } else {
            let Ok(Domain::SendDataRequest(data)) = domain(&last.payload) else {
                panic!("{last:?}");
            };
            input::of_share_data(&last.payload[data.range]).unwrap()
        };
        let up = Input::Key {
            down: false,
            code: 0x10,
            extended: false,
        };
        assert_eq!(inputs, [up], "fast path: {fast_path}");
    }
}
