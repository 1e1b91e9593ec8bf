//! Screens of few bits a pixel, and colours by their place in a list.

use jump_proto_vnc::wire::{Encoding, PixelFormat};
use jump_testkit::vnc::{VncServer, X11vncLogin};

use super::makes::{Make, Reached};

const PATTERN: [&str; 7] = ["-mod", "5", "7", "-fg", "#f88420", "-bg", "#003164"];

/// In the server's own format, what is painted is exactly what is on the screen.
async fn is_painted_as_it_is(server: VncServer, encodings: &[Encoding]) {
    server.run("xsetroot", &PATTERN).await.unwrap();
    let screen = server.screen().await.unwrap();
    let make = Make::settled(server, screen, None).await;
    let reached = Reached::new(&make.server).await;
    for encoding in encodings {
        let asked = [*encoding, Encoding::CURSOR];
        let (mut directly, mut through) = (make.viewer().await, reached.viewer().await);
        directly.understand(&asked).await;
        directly.move_pointer().await;
        through.understand(&asked).await;
        through.move_pointer().await;
        // The first update may begin with the cursor.
        for _ in 0..2 {
            let pictures = [directly.whole().await, through.whole().await];
            for picture in pictures {
                assert!(picture == make.screen.pixels.as_flattened(), "{encoding:?}");
            }
        }
        assert!(directly.used.contains(&encoding.0), "{:?}", directly.used);
        assert!(through.used.contains(&encoding.0), "{:?}", through.used);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_screen_of_sixteen_bits_is_painted_as_it_is() {
    let small = ["-geometry", "150x90", "-depth", "16"];
    let all = [
        Encoding::RAW,
        Encoding::RRE,
        Encoding::HEXTILE,
        Encoding::ZRLE,
        Encoding::TIGHT,
    ];
    is_painted_as_it_is(VncServer::tigervnc_with("None", &small).await.unwrap(), &all).await;
    let all = [
        Encoding::RAW,
        Encoding::CORRE,
        Encoding::HEXTILE,
        Encoding::ZLIB,
        Encoding::TIGHT,
    ];
    is_painted_as_it_is(VncServer::tightvnc_with(&small).await.unwrap(), &all).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_screen_of_eight_bits_is_painted_as_it_is() {
    let small = ["-geometry", "150x90", "-depth", "8"];
    let all = [
        Encoding::RAW,
        Encoding::RRE,
        Encoding::HEXTILE,
        Encoding::ZLIB,
        Encoding::TIGHT,
    ];
    is_painted_as_it_is(VncServer::tightvnc_with(&small).await.unwrap(), &all).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_screen_with_a_list_of_colours_is_painted_as_it_is() {
    let all = [
        Encoding::RAW,
        Encoding::RRE,
        Encoding::CORRE,
        Encoding::HEXTILE,
        Encoding::ZLIB,
        Encoding::ZRLE,
        Encoding::TIGHT,
    ];
    let server = VncServer::x11vnc_with(X11vncLogin::Password, "150x90x8").await;
    is_painted_as_it_is(server.unwrap(), &all).await;
}

/// A viewer that has room for 256 colours gets a list of them from every make: the nearest of 8, 8 and 4 values, in whichever
/// order and whichever way they are rounded.
#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_that_wants_a_list_of_colours_gets_one() {
    let format = PixelFormat::colour_map(8, 8, false).unwrap();
    let makes = [Make::tigervnc().await, Make::x11vnc().await, Make::qemu().await];
    for make in makes {
        let reached = Reached::new(&make.server).await;
        let (mut directly, mut through) = (make.viewer().await, reached.viewer().await);
        directly
            .prepare(format, &[Encoding::HEXTILE, Encoding::CURSOR])
            .await;
        through
            .prepare(format, &[Encoding::HEXTILE, Encoding::CURSOR])
            .await;
        directly.move_pointer().await;
        through.move_pointer().await;
        let pictures = [directly.whole().await, through.whole().await];
        assert!(pictures[0] == pictures[1]);
        let difference = directly.difference(&make.screen);
        assert!(difference <= 85, "{difference}");
    }
}
