//! Keys, pointer and wheel arrive.

use std::time::Duration;

use jump_core::ErrorKind;
use jump_core::protocol::{Keysym, PointerButtons};
use jump_core::session::SessionPermissions;
use jump_proto_vnc::client::VncClient;
use jump_testkit::process::Process;
use jump_testkit::screen::press;
use jump_testkit::vnc::VncServer;

use crate::screen::{PATIENCE, dial, in_time, options, session, start};

/// A window over the whole screen that says what happens in it.
async fn watcher(server: &VncServer) -> Process {
    let mut watcher = start(server, "stdbuf", &["-oL", "xev", "-geometry", "640x480+0+0"]);
    watcher.wait_for_line("VisibilityNotify", PATIENCE).await.unwrap();
    watcher
}

/// What was typed arrives in a terminal, with characters that no keyboard of the server has.
async fn takes_text(server: &VncServer, text: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("typed");
    let up = folder.path().join("up");
    let script = format!(
        "read line; touch {}; line=; while [ -z \"$line\" ]; do read line; done; printf %s \"$line\" > {}",
        up.display(),
        file.display()
    );
    let session = session(server).await;
    session.pointer(100, 100, PointerButtons::NONE).await.unwrap();
    let mut terminal = start(
        server,
        "xterm",
        &["-u8", "-geometry", "100x35+0+0", "-e", "sh", "-c", &script],
    );
    in_time(async {
        // What is typed before its window is there is lost.
        while !up.exists() {
            press(&*session, Keysym::of('\n')).await;
            let _ = terminal.wait(Duration::from_millis(20)).await;
        }
    })
    .await;
    for character in text.chars().chain(['\n']) {
        press(&*session, Keysym::of(character)).await;
    }
    terminal.wait(PATIENCE).await.unwrap();
    assert_eq!(std::fs::read_to_string(file).unwrap(), text);
}

#[tokio::test(flavor = "multi_thread")]
async fn typed_text_arrives_at_tigervnc() {
    takes_text(
        &VncServer::tigervnc("None").await.unwrap(),
        "Grüße, A-b_C! 12 € 日",
    )
    .await;
}

/// A server has few keys to spare for characters that its keyboard does not have, so not all of them go to one.
#[tokio::test(flavor = "multi_thread")]
async fn letters_of_other_scripts_keep_their_case_at_tigervnc() {
    for text in ["жЖ Яя ωΩ λΛ", "łŁ Šš đĐ ıİ ĸ", "אב عم กข 한 ☺"] {
        takes_text(&VncServer::tigervnc("None").await.unwrap(), text).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn typed_text_arrives_at_x11vnc() {
    takes_text(&VncServer::x11vnc().await.unwrap(), "Hello, A-b_C! 12").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn buttons_wheel_and_named_keys_arrive() {
    let server = VncServer::tigervnc("None").await.unwrap();
    let mut watcher = watcher(&server).await;
    let session = session(&server).await;
    in_time(session.painted()).await.unwrap();
    // What is sent arrives while somebody looks at the picture, too.
    let frame = session.frame().await.unwrap();
    session.pointer(33, 44, PointerButtons::RIGHT).await.unwrap();
    watcher.wait_for_line("root:(33,44)", PATIENCE).await.unwrap();
    watcher.wait_for_line("button 3", PATIENCE).await.unwrap();
    session.pointer(33, 44, PointerButtons::NONE).await.unwrap();
    session.scroll(1, -2).await.unwrap();
    session.scroll(-1, 1).await.unwrap();
    press(&*session, Keysym(0xffc2)).await;
    press(&*session, Keysym(0xff51)).await;
    watcher
        .wait_for_line("keysym 0xffc2, F5", PATIENCE)
        .await
        .unwrap();
    watcher
        .wait_for_line("keysym 0xff51, Left", PATIENCE)
        .await
        .unwrap();
    let said = watcher.output();
    for (button, times) in [(4, 2), (5, 1), (6, 1), (7, 1)] {
        let presses = said
            .split("\n\n")
            .filter(|event| event.starts_with("ButtonPress") && event.contains(&format!("button {button},")));
        assert_eq!(presses.count(), times, "button {button}: {said}");
    }
    drop(frame);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_said_before_anything_is_sent() {
    let server = VncServer::tigervnc("None").await.unwrap();
    let session = session(&server).await;
    for error in [
        session.pointer(640, 0, PointerButtons::NONE).await.unwrap_err(),
        session
            .pointer(0, 70_000, PointerButtons::NONE)
            .await
            .unwrap_err(),
        session.scroll(0, 101).await.unwrap_err(),
        session.scroll(i32::MIN, 0).await.unwrap_err(),
        session.resize(0, 100).await.unwrap_err(),
        session.resize(20_000, 1).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_permitted_is_not_sent() {
    let server = VncServer::tigervnc("None").await.unwrap();
    let watching = options().permissions(SessionPermissions::NONE);
    let session = VncClient::connect(dial(&server).await, watching).await.unwrap();
    in_time(session.painted()).await.unwrap();
    for denied in [
        session.key(Keysym::of('a'), true).await,
        session.pointer(0, 0, PointerButtons::NONE).await,
        session.scroll(0, 1).await,
        session.set_clipboard("text").await,
        session.resize(100, 100).await,
        session.screenshot().await.map(drop),
    ] {
        assert_eq!(denied.unwrap_err().kind(), ErrorKind::Denied);
    }
    assert_eq!(session.frame().await.unwrap().width(), 640);
}
