//! Size, cursor, name, bell and clipboard.

use jump_core::ErrorKind;
use jump_core::protocol::{Keysym, PointerButtons, ScreenEvent};
use jump_testkit::vnc::VncServer;

use crate::screen::{dump, event, in_time, run, session, shows, start};

const TEXT: &str = "Zwölf Euro: 12 €\nдва 日本語 🙂";

#[tokio::test(flavor = "multi_thread")]
async fn the_screen_gets_the_size_that_was_asked_for() {
    let server = VncServer::tigervnc("None").await.unwrap();
    let session = session(&server).await;
    in_time(session.painted()).await.unwrap();
    session.pointer(100, 100, PointerButtons::NONE).await.unwrap();
    in_time(session.resize(801, 603)).await.unwrap();
    let resized = event(&*session, |event| match event {
        ScreenEvent::Resized { width, height } => Some((width, height)),
        _ => None,
    });
    assert_eq!(resized.await, (801, 603));
    run(&server, "xsetroot", &["-solid", "#4080c0"]).await;
    shows(&*session, &dump(&server).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_keeps_its_size_denies_another() {
    let server = VncServer::tigervnc_with("None", &["-AcceptSetDesktopSize=0"])
        .await
        .unwrap();
    let session = session(&server).await;
    let error = in_time(session.resize(800, 600)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_has_one_size_says_so() {
    let server = VncServer::tightvnc().await.unwrap();
    let session = session(&server).await;
    in_time(session.painted()).await.unwrap();
    let error = session.resize(800, 600).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_changes_of_size_end_with_the_last() {
    let server = VncServer::tigervnc("None").await.unwrap();
    let session = session(&server).await;
    in_time(session.painted()).await.unwrap();
    session.pointer(10, 10, PointerButtons::NONE).await.unwrap();
    for turn in 0..50u32 {
        in_time(session.resize(64 + turn % 97, 64 + turn % 89))
            .await
            .unwrap();
    }
    in_time(session.resize(200, 100)).await.unwrap();
    run(&server, "xsetroot", &["-mod", "5", "7"]).await;
    shows(&*session, &dump(&server).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cursor_name_and_bell_are_told() {
    let server = VncServer::tigervnc("None").await.unwrap();
    let session = session(&server).await;
    in_time(session.painted()).await.unwrap();
    session.pointer(320, 240, PointerButtons::NONE).await.unwrap();
    run(&server, "xsetroot", &["-cursor_name", "watch"]).await;
    let cursor = event(&*session, |event| match event {
        ScreenEvent::Cursor(Some(cursor)) if cursor.picture.rgba.iter().any(|byte| *byte > 0) => Some(cursor),
        _ => None,
    });
    let cursor = cursor.await;
    let (width, height) = (cursor.picture.width, cursor.picture.height);
    assert_eq!(cursor.picture.rgba.len(), (width * height * 4) as usize);
    assert!(cursor.hotspot_x < width && cursor.hotspot_y < height);

    let display = server.display().unwrap();
    run(
        &server,
        "vncconfig",
        &["-display", &display, "-set", "desktop=other name"],
    )
    .await;
    let name = event(&*session, |event| match event {
        ScreenEvent::Name(name) => Some(name),
        _ => None,
    });
    assert_eq!(name.await, "other name");
    assert_eq!(session.name(), "other name");
    run(&server, "xkbbell", &[]).await;
    event(&*session, |event| (event == ScreenEvent::Bell).then_some(())).await;
}

/// A terminal with a script that may use the clipboard (xterm's "OSC 52").
fn terminal(server: &VncServer, script: &str) -> jump_testkit::process::Process {
    let geometry = ["-u8", "-geometry", "100x35+0+0", "-xrm", "*allowWindowOps: true"];
    start(
        server,
        "xterm",
        &[&geometry[..], &["-e", "bash", "-c", script]].concat(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn clipboards_go_both_ways_in_every_script() {
    let server = VncServer::tigervnc("None").await.unwrap();
    let session = session(&server).await;
    in_time(session.painted()).await.unwrap();
    session.pointer(100, 100, PointerButtons::NONE).await.unwrap();
    let encoded = data_encoding::BASE64.encode(TEXT.as_bytes());
    let owner = terminal(&server, &format!("printf '\\033]52;c;{encoded}\\a'; read line"));
    let text = event(&*session, |event| match event {
        ScreenEvent::Clipboard(text) => Some(text),
        _ => None,
    });
    assert_eq!(text.await, TEXT);
    drop(owner);

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("clipboard");
    let script = format!(
        "read -r line; stty raw -echo; printf '\\033]52;c;?\\033\\\\'; IFS= read -r -d '\\' reply; printf %s \"$reply\" > {}",
        file.display()
    );
    let mut reader = terminal(&server, &script);
    let other = TEXT.replace("12", "13");
    session.set_clipboard(&other).await.unwrap();
    // The terminal may not be there yet, so it is asked again.
    in_time(async {
        while reader.wait(std::time::Duration::from_millis(50)).await.is_err() {
            for pressed in [true, false] {
                session.key(Keysym::of('\n'), pressed).await.unwrap();
            }
        }
    })
    .await;
    let reply = std::fs::read_to_string(file).unwrap();
    let encoded = reply.trim_end_matches('\u{1b}').rsplit(';').next().unwrap();
    let decoded = data_encoding::BASE64.decode(encoded.as_bytes()).unwrap();
    assert_eq!(String::from_utf8(decoded).unwrap(), other);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_latin_1_gets_that_and_nothing_else() {
    let server = VncServer::tightvnc().await.unwrap();
    let session = session(&server).await;
    in_time(session.painted()).await.unwrap();
    session.set_clipboard("Grüße").await.unwrap();
    let error = session.set_clipboard(TEXT).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    let error = session
        .set_clipboard(&"x".repeat((1 << 20) + 1))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceLimit, "{error}");
}
