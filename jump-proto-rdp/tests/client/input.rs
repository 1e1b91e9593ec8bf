//! Keys, pointer and wheel arrive.

use std::time::Duration;

use jump_core::ErrorKind;
use jump_core::protocol::{Keysym, PointerButtons};
use jump_core::session::SessionPermissions;
use jump_testkit::process::Process;
use jump_testkit::rdp::{RdpServer, ShadowSecurity, XrdpBackend};
use jump_testkit::screen::press;

use crate::screen::{PATIENCE, in_time, options, session, session_with};

/// What was typed arrives in a terminal.
async fn takes_text(server: &RdpServer, text: &str) {
    let session = session(server).await;
    in_time(session.painted()).await.unwrap();
    session.pointer(100, 100, PointerButtons::NONE).await.unwrap();
    let file = server.writable_file("typed").unwrap();
    let up = server.writable_file("up").unwrap();
    let script = format!(
        "read line; echo up > {}; line=; while [ -z \"$line\" ]; do read line; done; printf %s \"$line\" > {}",
        up.display(),
        file.display()
    );
    let terminal = ["-u8", "-geometry", "100x35+0+0", "-e", "sh", "-c", &script];
    let mut terminal = server.start("xterm", &terminal).await.unwrap();
    in_time(async {
        // What is typed before its window is there is lost.
        while std::fs::read(&up).unwrap().is_empty() {
            press(&*session, Keysym::of('\n')).await;
            let _ = terminal.wait(Duration::from_millis(50)).await;
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
async fn typed_text_arrives_at_xrdp() {
    let server = RdpServer::xrdp(XrdpBackend::Xvnc).await.unwrap();
    takes_text(&server, "Hello, A-b_C! 12 ~{}|\"<>?@#").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn typed_text_arrives_at_xrdp_with_xorg() {
    let server = RdpServer::xrdp(XrdpBackend::Xorg).await.unwrap();
    takes_text(&server, "Hello, A-b_C! 12 ~{}|\"<>?@#").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn typed_text_arrives_at_shadow() {
    let server = RdpServer::shadow(ShadowSecurity::Nla).await.unwrap();
    takes_text(&server, "Hello, A-b_C! 12 ~{}|\"<>?@#").await;
}

/// A window over the whole screen that says what happens in it.
async fn watcher(server: &RdpServer) -> Process {
    let mut watcher = server
        .start("stdbuf", &["-oL", "xev", "-geometry", "640x480+0+0"])
        .await
        .unwrap();
    watcher.wait_for_line("VisibilityNotify", PATIENCE).await.unwrap();
    watcher
}

#[tokio::test(flavor = "multi_thread")]
async fn buttons_wheel_and_named_keys_arrive() {
    let server = RdpServer::xrdp(XrdpBackend::Xvnc).await.unwrap();
    let session = session(&server).await;
    in_time(session.painted()).await.unwrap();
    let mut watcher = watcher(&server).await;
    // What is sent arrives while somebody looks at the picture, too.
    let frame = session.frame().await.unwrap();
    session.pointer(33, 44, PointerButtons::RIGHT).await.unwrap();
    watcher.wait_for_line("root:(33,44)", PATIENCE).await.unwrap();
    watcher.wait_for_line("button 3", PATIENCE).await.unwrap();
    session.pointer(33, 44, PointerButtons::NONE).await.unwrap();
    session.scroll(0, -2).await.unwrap();
    session.scroll(0, 1).await.unwrap();
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
    for (button, times) in [(3, 1), (4, 2), (5, 1)] {
        let presses = said
            .split("\n\n")
            .filter(|event| event.starts_with("ButtonPress") && event.contains(&format!("button {button},")));
        assert_eq!(presses.count(), times, "button {button}: {said}");
    }
    drop(frame);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_is_let_go_when_a_session_is_dropped() {
    let server = RdpServer::shadow(ShadowSecurity::Tls).await.unwrap();
    let session = session(&server).await;
    in_time(session.painted()).await.unwrap();
    let mut watcher = watcher(&server).await;
    session.pointer(33, 44, PointerButtons::LEFT).await.unwrap();
    session.key(Keysym(0xffe3), true).await.unwrap();
    watcher.wait_for_line("Control_L", PATIENCE).await.unwrap();
    drop(session);
    watcher.wait_for_line("ButtonRelease", PATIENCE).await.unwrap();
    watcher.wait_for_line("KeyRelease", PATIENCE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_said_before_anything_is_sent() {
    let server = RdpServer::shadow(ShadowSecurity::Tls).await.unwrap();
    let session = session(&server).await;
    for error in [
        session.pointer(640, 0, PointerButtons::NONE).await.unwrap_err(),
        session
            .pointer(0, 70_000, PointerButtons::NONE)
            .await
            .unwrap_err(),
        session.scroll(0, 101).await.unwrap_err(),
        session.scroll(i32::MIN, 0).await.unwrap_err(),
        session.resize(0, 300).await.unwrap_err(),
        session.resize(20_000, 300).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    }
    let error = session.key(Keysym(0x1008_ff13), true).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_permitted_is_not_sent() {
    let server = RdpServer::shadow(ShadowSecurity::Tls).await.unwrap();
    let watching = options(&server).permissions(SessionPermissions::NONE);
    let session = session_with(&server, watching).await;
    in_time(session.painted()).await.unwrap();
    for denied in [
        session.key(Keysym::of('a'), true).await,
        session.pointer(0, 0, PointerButtons::NONE).await,
        session.scroll(0, 1).await,
        session.set_clipboard("text").await,
        session.resize(300, 300).await,
        session.screenshot().await.map(drop),
    ] {
        assert_eq!(denied.unwrap_err().kind(), ErrorKind::Denied);
    }
    assert_eq!(session.frame().await.unwrap().width(), 640);
}
