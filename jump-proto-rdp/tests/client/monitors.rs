//! Several monitors in one session.

use jump_core::ErrorKind;
use jump_core::protocol::ScreenEvent;
use jump_proto_rdp::client::{Monitor, monitors};
use jump_testkit::rdp::{RdpServer, ShadowSecurity, XrdpBackend};

use crate::screen::{event, in_time, options, session_with, shows_its_own};

const fn monitor(x: i32, y: i32, width: u32, height: u32) -> Monitor {
    Monitor { x, y, width, height }
}

/// What the session's X server has, such as `800/211x600/158+0+0`, in its order.
async fn seen(server: &RdpServer) -> Vec<String> {
    let listed = server.run("xrandr", &["--listmonitors"]).await.unwrap();
    let listed = String::from_utf8(listed).unwrap();
    let place = |line: &str| {
        line.split_whitespace()
            .find(|word| word.contains('+') && word.contains('/'))
            .map(str::to_owned)
    };
    listed.lines().filter_map(place).collect()
}

/// Without the millimetres.
fn pixels(seen: &str) -> String {
    let (width, rest) = seen.split_once('/').unwrap();
    let (_, rest) = rest.split_once('x').unwrap();
    let (height, rest) = rest.split_once('/').unwrap();
    let (_, place) = rest.split_once('+').unwrap();
    format!("{width}x{height}+{place}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_has_the_monitors_that_were_asked_for() {
    let server = RdpServer::xrdp(XrdpBackend::Xorg).await.unwrap();
    let both = [monitor(0, 0, 800, 600), monitor(800, 0, 640, 480)];
    let session = session_with(&server, options(&server).monitors(&both).unwrap()).await;
    in_time(session.painted()).await.unwrap();
    let frame = in_time(session.frame()).await.unwrap();
    assert_eq!((frame.width(), frame.height()), (1440, 600));
    drop(frame);
    let mut seen: Vec<_> = seen(&server).await.iter().map(|seen| pixels(seen)).collect();
    seen.sort();
    assert_eq!(seen, ["640x480+800+0", "800x600+0+0"]);
    session.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_gets_other_monitors_where_the_target_can() {
    let server = RdpServer::xrdp(XrdpBackend::Xvnc).await.unwrap();
    let (end, others) = monitors();
    let options = options(&server).monitors_end(end).lossless(true);
    let session = session_with(&server, options).await;
    shows_its_own(&*session, &server).await;
    let both = [monitor(0, 0, 800, 600), monitor(800, 0, 640, 600)];
    in_time(others.set(&both)).await.unwrap();
    let resized = event(&*session, |event| match event {
        ScreenEvent::Resized { width, height } => Some((width, height)),
        _ => None,
    });
    assert_eq!(resized.await, (1440, 600));
    session.close().await.unwrap();
    assert_eq!(others.set(&both).await.unwrap_err().kind(), ErrorKind::Closed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_has_one_screen_says_so() {
    let server = RdpServer::shadow(ShadowSecurity::Tls).await.unwrap();
    let (end, others) = monitors();
    let session = session_with(&server, options(&server).monitors_end(end)).await;
    in_time(session.painted()).await.unwrap();
    let error = in_time(others.set(&[monitor(0, 0, 800, 600)])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    let error = others.set(&[monitor(5, 0, 800, 600)]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
}
