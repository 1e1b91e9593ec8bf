//! Every encoding that a server has, by itself: what is painted is what is on the screen, directly in every format, and
//! through the whole tunnel with the gate.

use jump_proto_vnc::wire::{Encoding, PixelFormat, Rectangle};
use tokio::io::{AsyncRead, AsyncWrite};

use super::corpus::record;
use super::makes::{Make, Reached, formats};
use super::viewer::Viewer;

/// What to ask for, by name. The first is the one that has to be used.
type Asked = (&'static str, &'static [Encoding]);

const RAW: Asked = ("raw", &[Encoding::RAW]);
const RRE: Asked = ("rre", &[Encoding::RRE]);
const CORRE: Asked = ("corre", &[Encoding::CORRE]);
const HEXTILE: Asked = ("hextile", &[Encoding::HEXTILE]);
const ZLIB: Asked = ("zlib", &[Encoding::ZLIB]);
const ZRLE: Asked = ("zrle", &[Encoding::ZRLE]);
const TIGHT: Asked = ("tight", &[Encoding::TIGHT]);
const TIGHT_LAST: Asked = (
    "tight-last",
    &[Encoding::TIGHT, Encoding::LAST_RECT, Encoding::compression(9)],
);
const TIGHT_PNG: Asked = ("tight-png", &[Encoding::TIGHT_PNG]);
const JPEG: Asked = ("jpeg", &[Encoding::TIGHT, Encoding::jpeg_quality(9)]);

/// A part of the picture that has but two colours, which is what RRE is for.
const TWO_COLOURS: Rectangle = Rectangle {
    x: 0,
    y: 20,
    width: 50,
    height: 20,
};

/// Paints the screen twice over, so that the streams go on, and compares.
async fn paints_the_screen<S: AsyncRead + AsyncWrite + Unpin>(
    viewer: &mut Viewer<S>,
    make: &Make,
    (name, encodings): Asked,
    context: &str,
) {
    viewer.whole().await;
    assert_eq!(viewer.difference(&make.screen), 0, "{name} {context}");
    viewer.whole().await;
    viewer.paint(TWO_COLOURS).await;
    assert_eq!(viewer.difference(&make.screen), 0, "{name} {context}, again");
    assert!(
        viewer.used.contains(&encodings[0].0),
        "{name} {context}: {:?}",
        viewer.used
    );
}

/// What is asked for, and that the pointer is not in the picture.
async fn prepare<S: AsyncRead + AsyncWrite + Unpin>(
    viewer: &mut Viewer<S>,
    format: PixelFormat,
    encodings: &[Encoding],
) {
    // Who cannot show the cursor, or has not moved it to where it is, gets it painted into the picture.
    viewer
        .prepare(format, &[encodings, &[Encoding::CURSOR]].concat())
        .await;
    viewer.move_pointer().await;
}

async fn is_the_screen(make: &Make, server: &str, all: &[Asked]) {
    for (format_name, format) in formats() {
        // qemu takes no notice of the order of bytes if the order of the channels is its own.
        if server == "qemu" && format.is_big_endian() {
            continue;
        }
        for asked in all {
            let mut viewer = make.viewer().await;
            prepare(&mut viewer, format, asked.1).await;
            paints_the_screen(&mut viewer, make, *asked, format_name).await;
            record(
                make,
                format,
                asked.1,
                &format!("{server}-{}-{format_name}", asked.0),
            )
            .await;
        }
    }
    let reached = Reached::new(&make.server).await;
    for asked in all {
        let mut viewer = reached.viewer().await;
        prepare(&mut viewer, PixelFormat::BGRX8888, asked.1).await;
        paints_the_screen(&mut viewer, make, *asked, "through the tunnel").await;
    }
}

/// JPEG is near what is on the screen, and the same through the tunnel.
async fn is_near_the_screen(make: &Make, server: &str, most: u8, on_average: f64) {
    let reached = Reached::new(&make.server).await;
    let (mut directly, mut through) = (make.viewer().await, reached.viewer().await);
    prepare(&mut directly, PixelFormat::BGRX8888, JPEG.1).await;
    prepare(&mut through, PixelFormat::BGRX8888, JPEG.1).await;
    let pictures = [directly.whole().await, through.whole().await];
    assert!(pictures[0] == pictures[1], "{server}: the tunnel changes nothing");
    let difference = directly.difference(&make.screen);
    assert!(difference > 0, "{server}: there was JPEG");
    assert!(difference <= most, "{server}: {difference}");
    let mean = directly.mean_difference(&make.screen);
    assert!(mean <= on_average, "{server}: {mean}");
    record(
        make,
        PixelFormat::BGRX8888,
        JPEG.1,
        &format!("{server}-jpeg-bgrx"),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_xtigervnc_paints_is_what_is_on_the_screen() {
    let all = [RAW, RRE, HEXTILE, ZRLE, TIGHT, TIGHT_LAST];
    is_the_screen(&Make::tigervnc().await, "xtigervnc", &all).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_xtightvnc_paints_is_what_is_on_the_screen() {
    let all = [RAW, RRE, CORRE, HEXTILE, ZLIB, TIGHT, TIGHT_LAST];
    is_the_screen(&Make::tightvnc().await, "xtightvnc", &all).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_x11vnc_paints_is_what_is_on_the_screen() {
    let all = [RAW, RRE, CORRE, HEXTILE, ZLIB, ZRLE, TIGHT, TIGHT_LAST];
    is_the_screen(&Make::x11vnc().await, "x11vnc", &all).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_qemu_paints_is_what_is_on_the_machines_screen() {
    let all = [RAW, HEXTILE, ZLIB, ZRLE, TIGHT, TIGHT_LAST, TIGHT_PNG];
    is_the_screen(&Make::qemu().await, "qemu", &all).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_wayvnc_paints_is_what_is_on_the_screen() {
    is_the_screen(&Make::wayvnc().await, "wayvnc", &[RAW, ZRLE, TIGHT]).await;
}

/// A channel may be off by 16 where every pixel keeps its colour. The older ones share colours between pixels, which the
/// noise in the picture does not survive: there it is off by 20 on average.
#[tokio::test(flavor = "multi_thread")]
async fn jpeg_of_the_best_quality_is_near_what_is_on_the_screen() {
    is_near_the_screen(&Make::tigervnc().await, "xtigervnc", 16, 8.0).await;
    is_near_the_screen(&Make::tightvnc().await, "xtightvnc", 255, 20.0).await;
    is_near_the_screen(&Make::x11vnc().await, "x11vnc", 255, 20.0).await;
}
