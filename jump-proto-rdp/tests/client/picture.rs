//! The picture is the screen's.

use jump_core::protocol::PointerButtons;
use jump_proto_rdp::client::{RdpClientOptions, RdpSecurity};
use jump_testkit::rdp::{RdpServer, SIZE, ShadowSecurity, XrdpBackend};
use jump_testkit::vnc::Picture;

use crate::screen::{exactly, in_time, options, session_with, shows};

/// Shows a picture, and compares every pixel; then another one, which arrives as changes.
async fn is_the_screen(server: &RdpServer, options: RdpClientOptions, near: impl Fn(f64, u8) -> bool) {
    let session = session_with(server, options).await;
    in_time(session.painted()).await.unwrap();
    // Where no window is: some paint the cursor into the picture.
    session.pointer(639, 479, PointerButtons::NONE).await.unwrap();
    let picture = Picture::of_all_kinds(SIZE.0.into(), SIZE.1.into());
    let (shown, screen) = in_time(server.show(&picture)).await.unwrap();
    shows(&*session, &screen, &near).await;
    let kept = session.screenshot().await.unwrap();
    assert_eq!((kept.width, kept.height), (SIZE.0.into(), SIZE.1.into()));
    drop(shown);
    let pattern = ["-mod", "5", "7", "-fg", "#f88420", "-bg", "#003164"];
    server.run("xsetroot", &pattern).await.unwrap();
    let of_two = |screen: &Picture| {
        let pixels = &screen.pixels;
        pixels
            .iter()
            .all(|pixel| [[0xf8, 0x84, 0x20, 255], [0, 0x31, 0x64, 255]].contains(pixel))
    };
    let screen = server.until_shown(of_two).await.unwrap();
    shows(&*session, &screen, &near).await;
    session.close().await.unwrap();
    while in_time(session.next_event()).await.unwrap().is_some() {}
}

/// What RemoteFX loses of a picture with noise in it: a sixteenth of a channel's range on average.
fn as_remotefx(mean: f64, _: u8) -> bool {
    mean < 16.0
}

#[tokio::test(flavor = "multi_thread")]
async fn shadow_with_nla_is_shown_pixel_for_pixel() {
    let server = RdpServer::shadow(ShadowSecurity::Nla).await.unwrap();
    let options = options(&server).security(RdpSecurity::Nla).lossless(true);
    is_the_screen(&server, options, exactly).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shadow_with_tls_is_shown_by_lossy_codecs() {
    let server = RdpServer::shadow(ShadowSecurity::Tls).await.unwrap();
    is_the_screen(&server, options(&server), as_remotefx).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn xrdp_with_xvnc_is_shown_pixel_for_pixel() {
    let server = RdpServer::xrdp(XrdpBackend::Xvnc).await.unwrap();
    is_the_screen(&server, options(&server).lossless(true), exactly).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn xrdp_with_xorg_is_shown_pixel_for_pixel() {
    let server = RdpServer::xrdp(XrdpBackend::Xorg).await.unwrap();
    is_the_screen(&server, options(&server).lossless(true), exactly).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn xrdp_with_xorg_is_shown_by_remotefx() {
    let server = RdpServer::xrdp(XrdpBackend::Xorg).await.unwrap();
    is_the_screen(&server, options(&server), as_remotefx).await;
}
