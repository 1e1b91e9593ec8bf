//! The graphics pipeline with H.264, as FreeRDP's shadow server sends it.

use jump_testkit::rdp::{RdpServer, ShadowSecurity};
use jump_testkit::vnc::Picture;

use crate::screen::{options, session_with, shows};

/// H.264 rounds: by so much on average.
const NEAR: f64 = 3.0;

#[tokio::test(flavor = "multi_thread")]
async fn a_screen_in_h264_is_the_one_that_the_server_shows() {
    let server = RdpServer::shadow(ShadowSecurity::Tls).await.unwrap();
    server.run("xsetroot", &["-solid", "#c06020"]).await.unwrap();
    let session = session_with(&server, options(&server).h264(true)).await;
    let orange = |screen: &Picture| screen.pixels.last() == Some(&[0xc0, 0x60, 0x20, 255]);
    let screen = server.until_shown(orange).await.unwrap();
    shows(&*session, &screen, |mean, _| mean < NEAR).await;
    server
        .run(
            "xsetroot",
            &["-mod", "16", "16", "-fg", "#2060c0", "-bg", "#ffffff"],
        )
        .await
        .unwrap();
    let grid = |screen: &Picture| screen.pixels.last() != Some(&[0xc0, 0x60, 0x20, 255]);
    let screen = server.until_shown(grid).await.unwrap();
    shows(&*session, &screen, |mean, _| mean < NEAR).await;
    // It is in how the session shows itself.
    assert!(
        !format!("{session:?}").contains("h264_pictures: 0"),
        "{session:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_being_asked_for_h264_does_not_come() {
    let server = RdpServer::shadow(ShadowSecurity::Tls).await.unwrap();
    let session = session_with(&server, options(&server)).await;
    session.painted().await.unwrap();
    assert!(format!("{session:?}").contains("h264_pictures: 0"), "{session:?}");
}
