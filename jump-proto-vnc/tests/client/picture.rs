//! The picture is the screen's.

use jump_core::protocol::PointerButtons;
use jump_testkit::vnc::{QemuLogin, SIZE, VncServer, WayvncLogin};

use crate::screen::{dump, in_time, session, show_picture, shows};

/// Shows a picture, and compares every pixel; then another one, which arrives as changes.
async fn is_the_screen(server: &VncServer) {
    let shown = show_picture(server).await;
    let session = session(server).await;
    // Some paint the cursor into the picture until the pointer was moved to where it is.
    session.pointer(320, 240, PointerButtons::NONE).await.unwrap();
    shows(&*session, &dump(server).await).await;
    let picture = session.screenshot().await.unwrap();
    assert_eq!((picture.width, picture.height), (SIZE.0.into(), SIZE.1.into()));
    drop(shown);
    crate::screen::run(
        server,
        "xsetroot",
        &["-mod", "5", "7", "-fg", "#f88420", "-bg", "#003164"],
    )
    .await;
    shows(&*session, &dump(server).await).await;
    session.close().await.unwrap();
    assert_eq!(in_time(closed(&*session)).await, None);
}

async fn closed(session: &dyn jump_core::protocol::ScreenSession) -> Option<()> {
    while session.next_event().await.unwrap().is_some() {}
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn tigervnc_is_shown_pixel_for_pixel() {
    is_the_screen(&VncServer::tigervnc("VncAuth").await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tightvnc_is_shown_pixel_for_pixel() {
    is_the_screen(&VncServer::tightvnc().await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn x11vnc_is_shown_pixel_for_pixel() {
    is_the_screen(&VncServer::x11vnc().await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wayvnc_is_shown_pixel_for_pixel() {
    let server = VncServer::wayvnc(WayvncLogin::None).await.unwrap();
    let _shown = show_picture(&server).await;
    let session = session(&server).await;
    shows(&*session, &dump(&server).await).await;
    session.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn qemu_is_shown_pixel_for_pixel() {
    let server = VncServer::qemu_painted(QemuLogin::Password).await.unwrap();
    let session = session(&server).await;
    shows(&*session, &dump(&server).await).await;
    let picture = in_time(session.screenshot()).await.unwrap();
    assert_eq!((picture.width, picture.height), (640, 400));
    assert_eq!(picture.rgba, dump(&server).await.as_flattened());
}
