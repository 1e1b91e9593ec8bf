//! What real servers paint is what is on their screen, pixel for pixel, in every encoding that they have.
//!
//! With `JUMP_VNC_RECORD` set to a folder, the first rectangles of each connection are written there in the form of the
//! fuzzer's corpus.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a step that fails is a test that fails"
)]
#![allow(clippy::disallowed_methods, reason = "the servers are processes")]

#[cfg(feature = "h264")]
#[path = "../../../jump-video/tests/ffmpeg/mod.rs"]
mod ffmpeg;
mod recording;
mod server;
#[path = "../written/mod.rs"]
mod written;
mod xwd;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;

use jump_proto_vnc::decode::{Progress, UpdateDecoder, UpdateEvent};
use jump_proto_vnc::walk::{ServerMessageKind, Walker};
use jump_proto_vnc::wire::{Channel, Encoding, PixelFormat, Rectangle, Size};
use server::{Screen, connect};

/// A viewer that decodes, and walks over the same bytes.
struct Viewer {
    stream: TcpStream,
    decoder: UpdateDecoder,
    walker: Walker,
    size: Size,
    bytes: Vec<u8>,
    events: Vec<UpdateEvent>,
    used: BTreeSet<i32>,
}

impl Viewer {
    fn new(port: u16, format: PixelFormat, encodings: &[Encoding]) -> Self {
        let (mut stream, init) = connect(port);
        let size = Size {
            width: u16::from_be_bytes([init[0], init[1]]),
            height: u16::from_be_bytes([init[2], init[3]]),
        };
        // Who cannot show the cursor, or has not moved it to where it is, gets it painted into the picture.
        let encodings = [encodings, &[Encoding::CURSOR]].concat();
        let mut messages = vec![0; 4];
        messages.extend(format.to_bytes());
        messages.extend([2, 0, 0, encodings.len() as u8]);
        messages.extend(encodings.iter().flat_map(|encoding| encoding.0.to_be_bytes()));
        messages.extend([5, 0, 0, 9, 0, 9]);
        stream.write_all(&messages).unwrap();
        Self {
            stream,
            decoder: UpdateDecoder::new(size, format).unwrap(),
            walker: Walker::new(format),
            size,
            bytes: Vec::new(),
            events: Vec::new(),
            used: BTreeSet::new(),
        }
    }

    fn ask(&mut self, incremental: bool, part: Rectangle) {
        let mut message = vec![3, u8::from(incremental)];
        for number in [part.x, part.y, part.width, part.height] {
            message.extend(number.to_be_bytes());
        }
        self.stream.write_all(&message).unwrap();
    }

    /// Receives one message, measures it, and decodes it if it is an update; its bytes.
    fn receive(&mut self) -> (ServerMessageKind, Vec<u8>) {
        let mut walked = 0;
        loop {
            let step = self.walker.walk(&self.bytes[walked..]).unwrap();
            walked += step.consumed;
            if step.ends {
                let rest = self.bytes.split_off(walked);
                let message = std::mem::replace(&mut self.bytes, rest);
                let kind = step.message.unwrap();
                self.take(kind, &message);
                return (kind, message);
            }
            let mut more = [0; 7777];
            let length = self.stream.read(&mut more).unwrap();
            assert!(length > 0, "the server has gone");
            self.bytes.extend(&more[..length]);
        }
    }

    fn take(&mut self, kind: ServerMessageKind, message: &[u8]) {
        match kind {
            ServerMessageKind::FramebufferUpdate => {
                if let Some(encoding) = message.get(12..16) {
                    self.used.insert(i32::from_be_bytes(encoding.try_into().unwrap()));
                }
                self.decoder
                    .start(u16::from_be_bytes([message[2], message[3]]))
                    .unwrap();
                let decoded = self
                    .decoder
                    .decode(&message[4..], &mut |event| self.events.push(event))
                    .unwrap();
                assert_eq!(
                    (decoded.consumed, decoded.progress),
                    (message.len() - 4, Progress::Finished)
                );
            }
            ServerMessageKind::SetColourMapEntries => {
                let first = u16::from_be_bytes([message[2], message[3]]);
                let colour = |bytes: &[u8]| {
                    std::array::from_fn(|n| u16::from_be_bytes([bytes[n * 2], bytes[n * 2 + 1]]))
                };
                let colours: Vec<[u16; 3]> = message[6..].chunks_exact(6).map(colour).collect();
                self.decoder.set_colours(first, &colours).unwrap();
            }
            _ => {}
        }
    }

    /// Receives updates until a part of the screen was painted.
    fn paint(&mut self, part: Rectangle) {
        self.ask(false, part);
        let mut painted = 0;
        while painted < part.pixels() {
            let seen = self.events.len();
            self.receive();
            for event in &self.events[seen..] {
                if let UpdateEvent::Painted(place) = event {
                    painted += place.pixels();
                }
            }
        }
    }

    fn whole(&mut self) {
        self.paint(Rectangle::whole(self.size));
    }

    /// The greatest difference of a channel from what is on the screen, as the format can express it.
    fn difference(&self, screen: &[[u8; 4]]) -> u8 {
        let format = self.decoder.format();
        let channels = format.channels().unwrap();
        let differences = self
            .decoder
            .screen()
            .pixels()
            .iter()
            .zip(screen)
            .flat_map(|(got, wanted)| {
                (0..3).map(|n| {
                    // Servers round down, or to the nearest: either is right.
                    let max = u32::from(channels[n].max).min(255);
                    let step = 255 / max as u8;
                    let off = got[n].abs_diff(wanted[n]);
                    if off <= step && max < 255 { 0 } else { off }
                })
            });
        differences.max().unwrap()
    }

    /// The encodings of the first rectangle in each message so far.
    fn used(&self) -> Vec<i32> {
        self.used.iter().copied().collect()
    }
}

/// Writes the first update of a new connection, whose streams are fresh, where the corpus is made.
fn record(port: u16, format: PixelFormat, encodings: &[Encoding], name: &str) {
    let Some(folder) = std::env::var_os("JUMP_VNC_RECORD") else {
        return;
    };
    let mut viewer = Viewer::new(port, format, encodings);
    viewer.ask(
        false,
        Rectangle {
            x: 0,
            y: 0,
            width: 100,
            height: 60,
        },
    );
    let (kind, message) = viewer.receive();
    assert_eq!(kind, ServerMessageKind::FramebufferUpdate);
    for (target, rest) in [("rfb_update", &message[2..]), ("rfb_walker", &message[..])] {
        let folder = std::path::Path::new(&folder).join(target);
        std::fs::create_dir_all(&folder).unwrap();
        let bytes = [&[63][..], &format.to_bytes(), rest].concat();
        assert!(bytes.len() < 64 * 1024);
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}

fn formats() -> Vec<(&'static str, PixelFormat)> {
    let big = [16, 8, 0].map(|shift| Channel { max: 255, shift });
    vec![
        ("bgrx", PixelFormat::BGRX8888),
        ("rgbx", PixelFormat::RGBX8888),
        ("xrgb-big", PixelFormat::true_colour(32, 24, true, big).unwrap()),
        ("rgb565", PixelFormat::RGB565),
        ("bgr233", PixelFormat::BGR233),
    ]
}

/// A part of the picture that has but two.
const TWO_COLOURS: Rectangle = Rectangle {
    x: 0,
    y: 20,
    width: 50,
    height: 20,
};

/// A gradient, noise, a pattern and areas of one colour, again and again.
fn picture(width: usize, height: usize) -> Vec<[u8; 3]> {
    let mut random = 1u32;
    (0..width * height)
        .map(|at| {
            let (x, y) = (at % width, at / width);
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            match (x % 100 / 50, y % 60 / 20) {
                (0, 0) => [(x * 3) as u8, (y * 5) as u8, (x + y) as u8],
                (1, 0) => [(random >> 24) as u8, (random >> 16) as u8, (random >> 8) as u8],
                (0, 1) => [[255, 255, 255], [0, 0, 0]][(x / 3 + y / 5) % 2],
                (1, 1) => [((x / 9) * 40) as u8, ((y / 7) * 50) as u8, 0],
                _ => [20, 80, 140],
            }
        })
        .collect()
}

/// A screen that shows the picture.
struct Shown {
    screen: Screen,
    pixels: Vec<[u8; 4]>,
    _folder: tempfile::TempDir,
    _picture: server::Process,
}

fn shown() -> Shown {
    let (width, height) = (330, 210);
    let screen = Screen::new(width, height, 24);
    screen.run(
        "xsetroot",
        &["-mod", "5", "7", "-fg", "#ff8800", "-bg", "#003366"],
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("picture.xwd");
    let pixels = picture(300, 180);
    std::fs::write(&file, xwd::write(300, &pixels)).unwrap();
    let picture = screen.show(&file);
    let end = std::time::Instant::now() + server::PATIENCE;
    let mut dump = screen.dump();
    while dump[179 * 330 + 299][..3] != pixels[179 * 300 + 299] {
        assert!(std::time::Instant::now() < end, "the picture is not shown");
        dump = screen.dump();
    }
    Shown {
        screen,
        pixels: dump,
        _folder: folder,
        _picture: picture,
    }
}

fn check(shown: &Shown, port: u16, server: &str, encodings: &[(&str, &[Encoding])]) {
    for (format_name, format) in formats() {
        for (name, encodings) in encodings {
            let mut viewer = Viewer::new(port, format, encodings);
            viewer.whole();
            assert_eq!(
                viewer.difference(&shown.pixels),
                0,
                "{server} {name} {format_name}"
            );
            // The streams go on; two colours are what RRE is for.
            viewer.whole();
            viewer.paint(TWO_COLOURS);
            assert_eq!(
                viewer.difference(&shown.pixels),
                0,
                "{server} {name} {format_name}, again"
            );
            assert!(
                viewer.used().contains(&encodings[0].0),
                "{server} {name} {:?}",
                viewer.used()
            );
            record(port, format, encodings, &format!("{server}-{name}-{format_name}"));
        }
    }
}

#[test]
fn what_xtigervnc_and_x11vnc_paint_is_what_is_on_the_screen() {
    let shown = shown();
    check(
        &shown,
        shown.screen.port,
        "xtigervnc",
        &[
            ("raw", &[Encoding::RAW]),
            ("rre", &[Encoding::RRE]),
            ("hextile", &[Encoding::HEXTILE]),
            ("zrle", &[Encoding::ZRLE]),
            ("tight", &[Encoding::TIGHT]),
            (
                "tight-last",
                &[Encoding::TIGHT, Encoding::LAST_RECT, Encoding::compression(9)],
            ),
        ],
    );
    let (_server, port) = shown.screen.second_server();
    check(
        &shown,
        port,
        "x11vnc",
        &[
            ("raw", &[Encoding::RAW]),
            ("rre", &[Encoding::RRE]),
            ("corre", &[Encoding::CORRE]),
            ("hextile", &[Encoding::HEXTILE]),
            ("zlib", &[Encoding::ZLIB]),
            ("zrle", &[Encoding::ZRLE]),
            ("tight", &[Encoding::TIGHT, Encoding::LAST_RECT]),
        ],
    );
}

#[test]
fn jpeg_of_the_best_quality_is_near_what_is_on_the_screen() {
    let shown = shown();
    let encodings = [Encoding::TIGHT, Encoding::jpeg_quality(9)];
    let mut viewer = Viewer::new(shown.screen.port, PixelFormat::BGRX8888, &encodings);
    viewer.whole();
    record(
        shown.screen.port,
        PixelFormat::BGRX8888,
        &encodings,
        "xtigervnc-jpeg-bgrx",
    );
    let difference = viewer.difference(&shown.pixels);
    assert!(difference > 0, "there was JPEG");
    assert!(difference <= 16, "{difference}");
}

#[test]
fn what_changes_follows_and_the_cursor_is_told() {
    let shown = shown();
    let encodings = [
        Encoding::COPY_RECT,
        Encoding::ZRLE,
        Encoding::CURSOR,
        Encoding::DESKTOP_SIZE,
    ];
    let mut viewer = Viewer::new(shown.screen.port, PixelFormat::BGRX8888, &encodings);
    viewer.whole();
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
        shown.screen.run("xsetroot", &["-solid", colour]);
        let screen = shown.screen.dump();
        // The change may come in several updates.
        while viewer.difference(&screen) > 0 {
            viewer.ask(true, Rectangle::whole(viewer.size));
            viewer.receive();
        }
        assert!(!viewer.decoder.screen_mut().take_damage().rectangles().is_empty());
    }
}

#[test]
fn a_screen_of_sixteen_bits_is_painted_as_it_is() {
    let screen = Screen::new(150, 90, 16);
    screen.run(
        "xsetroot",
        &["-mod", "5", "7", "-fg", "#f88420", "-bg", "#003164"],
    );
    let wanted = screen.dump();
    for encoding in [Encoding::RAW, Encoding::HEXTILE, Encoding::ZRLE, Encoding::TIGHT] {
        let mut viewer = Viewer::new(screen.port, PixelFormat::RGB565, &[encoding]);
        // The first update begins with the cursor.
        viewer.whole();
        viewer.whole();
        assert!(viewer.decoder.screen().pixels() == wanted, "{encoding:?}");
        assert!(viewer.used().contains(&encoding.0));
    }
}
