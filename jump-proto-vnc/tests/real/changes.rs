//! What changes on a screen follows.

use jump_proto_vnc::decode::UpdateEvent;
use jump_proto_vnc::wire::{Encoding, PixelFormat, Rectangle};

use super::makes::Make;

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_follows_and_the_cursor_is_told() {
    let make = Make::tigervnc().await;
    let encodings = [
        Encoding::COPY_RECT,
        Encoding::ZRLE,
        Encoding::CURSOR,
        Encoding::DESKTOP_SIZE,
    ];
    let mut viewer = make.viewer().await;
    viewer.prepare(PixelFormat::BGRX8888, &encodings).await;
    viewer.move_pointer().await;
    viewer.whole().await;
    let cursors = viewer.events.iter().filter_map(|event| match event {
        UpdateEvent::Cursor(image) => Some(image),
        _ => None,
    });
    let cursors: Vec<_> = cursors.collect();
    assert!(!cursors.is_empty(), "the cursor is told");
    for cursor in cursors {
        assert_eq!(cursor.pixels.len(), cursor.size.pixels());
    }
    viewer.decoder.screen_mut().take_damage();
    for colour in ["#102030", "#fedcba"] {
        make.server.run("xsetroot", &["-solid", colour]).await.unwrap();
        let screen = make.server.screen().await.unwrap();
        // The change may come in several updates.
        while viewer.difference(&screen) > 0 {
            viewer.ask(true, Rectangle::whole(viewer.init.size)).await;
            viewer.next().await.unwrap();
        }
        assert!(!viewer.decoder.screen_mut().take_damage().areas().is_empty());
    }
}
