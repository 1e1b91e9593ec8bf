//! Size, cursor and clipboard.

use jump_core::ErrorKind;
use jump_core::protocol::ScreenEvent;
use jump_testkit::rdp::{RdpServer, ShadowSecurity, XrdpBackend};

use crate::screen::{event, exactly, in_time, options, session, session_with, shows, shows_its_own};

/// xrdp cannot convert what is beyond the first 65536 characters of Unicode.
const TEXT: &str = "Zwölf Euro: 12 €\nдва 日本語";

#[tokio::test(flavor = "multi_thread")]
async fn the_screen_gets_the_size_that_was_asked_for() {
    let server = RdpServer::xrdp(XrdpBackend::Xvnc).await.unwrap();
    let session = session_with(&server, options(&server).lossless(true)).await;
    shows_its_own(&*session, &server).await;
    in_time(session.resize(801, 603)).await.unwrap();
    let resized = event(&*session, |event| match event {
        ScreenEvent::Resized { width, height } => Some((width, height)),
        _ => None,
    });
    assert_eq!(resized.await, (800, 603));
    server.run("xsetroot", &["-solid", "#4080c0"]).await.unwrap();
    let screen = server
        .until_shown(|screen| (screen.width, screen.height) == (800, 603))
        .await
        .unwrap();
    shows(&*session, &screen, exactly).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_has_one_size_says_so() {
    let server = RdpServer::shadow(ShadowSecurity::Tls).await.unwrap();
    let session = session(&server).await;
    let error = in_time(session.resize(800, 600)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cursor_is_told() {
    let server = RdpServer::xrdp(XrdpBackend::Xvnc).await.unwrap();
    let session = session(&server).await;
    in_time(session.painted()).await.unwrap();
    session
        .pointer(320, 240, jump_core::protocol::PointerButtons::NONE)
        .await
        .unwrap();
    server.run("xsetroot", &["-cursor_name", "watch"]).await.unwrap();
    let cursor = event(&*session, |event| match event {
        ScreenEvent::Cursor(Some(cursor)) if cursor.picture.rgba.iter().any(|byte| *byte > 0) => Some(cursor),
        _ => None,
    });
    let cursor = cursor.await;
    let (width, height) = (cursor.picture.width, cursor.picture.height);
    assert_eq!(cursor.picture.rgba.len(), (width * height * 4) as usize);
    assert!(cursor.hotspot_x < width && cursor.hotspot_y < height);
}

#[tokio::test(flavor = "multi_thread")]
async fn clipboards_go_both_ways_in_every_script() {
    let server = RdpServer::xrdp(XrdpBackend::Xvnc).await.unwrap();
    let session = session(&server).await;
    in_time(session.painted()).await.unwrap();
    // This way first: xrdp takes the clipboard of a session when its channel begins.
    let other = TEXT.replace("12", "13");
    session.set_clipboard(&other).await.unwrap();
    // xrdp leaves the line ends of a clipboard as they are.
    let other = other.replace('\n', "\r\n");
    in_time(async {
        loop {
            // Until it has arrived there is none.
            let pasted = server.run("xclip", &["-selection", "clipboard", "-out"]).await;
            if pasted.is_ok_and(|pasted| pasted == other.as_bytes()) {
                return;
            }
        }
    })
    .await;

    let file = server.writable_file("copied").unwrap();
    std::fs::write(&file, TEXT).unwrap();
    let copy = ["-selection", "clipboard", "-quiet", "-in", file.to_str().unwrap()];
    let _owner = server.start("xclip", &copy).await.unwrap();
    let text = event(&*session, |event| match event {
        ScreenEvent::Clipboard(text) => Some(text),
        _ => None,
    });
    assert_eq!(text.await, TEXT);
    let error = session
        .set_clipboard(&"x".repeat((1 << 20) + 1))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceLimit, "{error}");
}
