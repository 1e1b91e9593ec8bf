//! s27: however a server or a recording inflates what it sends, memory stays within 64 MiB beyond the picture. Each bomb goes
//! off in a process of its own, whose peak is what the system says of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a step that fails is a test that fails"
)]

use std::time::Duration;

use flate2::{Compress, Compression, FlushCompress};
use jump_proto_vnc::decode::{Helpers, UpdateDecoder};
use jump_proto_vnc::recording::ScreenDecoder;
use jump_proto_vnc::walk::Follower;
use jump_proto_vnc::wire::{Encoding, PixelFormat, Rectangle, RectangleHeader, ServerInit, Size};
use jump_testkit::memory::{peak_kib, resident_kib};
use jump_testkit::process::{Process, command};

/// The greatest screen: 256 MiB.
const LARGEST: Size = Size {
    width: 16384,
    height: 4096,
};
/// A small one, whose rectangles are bombs if they are more than it.
const SMALL: Size = Size {
    width: 1024,
    height: 768,
};
const BEYOND_KIB: u64 = 64 * 1024;
/// A safety net only.
const PATIENCE: Duration = Duration::from_secs(300);

type Bomb = (&'static str, Size, fn(Size) -> Vec<u8>);

/// What is sent of an update, and to how large a screen. Each is as much as is allowed, or more.
const BOMBS: &[Bomb] = &[
    ("sizes", SMALL, |_| {
        let sizes = [LARGEST, SMALL, LARGEST, SMALL, LARGEST];
        sizes
            .iter()
            .flat_map(|size| header(*size, Encoding::DESKTOP_SIZE))
            .collect()
    }),
    ("sizes one beyond", SMALL, |_| {
        header(
            Size {
                width: 16384,
                height: 4097,
            },
            Encoding::DESKTOP_SIZE,
        )
    }),
    ("raw", LARGEST, |size| {
        [header(size, Encoding::RAW), vec![7; 32 << 20]].concat()
    }),
    ("copies", LARGEST, |size| {
        let copy = [header(size, Encoding::COPY_RECT), vec![0; 4]].concat();
        copy.repeat(17)
    }),
    ("zlib", LARGEST, |size| {
        packed(size, Encoding::ZLIB, size.pixels() * 4)
    }),
    ("zlib one beyond", LARGEST, |size| {
        packed(size, Encoding::ZLIB, size.pixels() * 4 + 1)
    }),
    ("zrle", LARGEST, |size| {
        packed(size, Encoding::ZRLE, size.pixels() * 4)
    }),
    ("zlib of a gigabyte", SMALL, |size| {
        packed(size, Encoding::ZLIB, 1 << 30)
    }),
    (
        "tight",
        Size {
            width: 2048,
            height: 2048,
        },
        |size| {
            let data = deflated(size.pixels() * 3);
            [header(size, Encoding::TIGHT), vec![0], compact(data.len()), data].concat()
        },
    ),
    ("a long tight", SMALL, |size| {
        [header(size, Encoding::TIGHT), vec![0, 0xff, 0xff, 0xff]].concat()
    }),
    (
        "jpeg",
        Size {
            width: 2048,
            height: 2048,
        },
        jpeg,
    ),
    (
        "jpeg one beyond",
        Size {
            width: 2048,
            height: 2049,
        },
        jpeg,
    ),
    (
        "jpegs beside each other",
        Size {
            width: 2048,
            height: 2048,
        },
        |size| {
            let half = Size {
                height: size.height / 2,
                ..size
            };
            let parts = [0, 0x400].map(|y: u16| {
                let mut part = jpeg(half);
                part[2..4].copy_from_slice(&y.to_be_bytes());
                part
            });
            parts.concat().repeat(4)
        },
    ),
    (
        "png",
        Size {
            width: 2048,
            height: 2048,
        },
        |size| png(size, size),
    ),
    (
        "png one beyond",
        Size {
            width: 2048,
            height: 2049,
        },
        |size| png(size, size),
    ),
    ("a png of another size", SMALL, |size| {
        png(
            size,
            Size {
                width: 30_000,
                height: 30_000,
            },
        )
    }),
    ("rre", LARGEST, |size| {
        let parts = [0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 16, 0];
        let count = 64 * 1024_u32;
        [
            &header(size, Encoding::RRE)[..],
            &count.to_be_bytes(),
            &[0; 4],
            &parts.repeat(count as usize),
        ]
        .concat()
    }),
    ("cursors", SMALL, |_| {
        let size = Size {
            width: 512,
            height: 512,
        };
        let cursor = [header(size, Encoding::X_CURSOR), vec![0xff; 6 + 2 * 64 * 512]].concat();
        cursor.repeat(300)
    }),
    ("names", SMALL, |_| {
        let length = 4096_u32.to_be_bytes();
        let name = [
            &header(Size::default(), Encoding::DESKTOP_NAME)[..],
            &length,
            &[0xff; 4096],
        ]
        .concat();
        name.repeat(1000)
    }),
    ("nothing without an end", SMALL, |_| {
        header(Size::default(), Encoding::RAW).repeat(2 << 20)
    }),
];

fn header(size: Size, encoding: Encoding) -> Vec<u8> {
    let rectangle = Rectangle::whole(size);
    RectangleHeader { rectangle, encoding }.to_bytes().to_vec()
}

/// So many zeros, packed.
fn deflated(length: usize) -> Vec<u8> {
    let mut stream = Compress::new(Compression::best(), true);
    let mut out = Vec::with_capacity(length / 900 + 4096);
    let piece = vec![0; 1 << 20];
    let mut left = length;
    while left > 0 {
        let piece = &piece[..left.min(piece.len())];
        left -= piece.len();
        let flush = if left == 0 {
            FlushCompress::Sync
        } else {
            FlushCompress::None
        };
        stream.compress_vec(piece, &mut out, flush).unwrap();
    }
    out
}

fn packed(size: Size, encoding: Encoding, length: usize) -> Vec<u8> {
    let data = deflated(length);
    let count = u32::try_from(data.len()).unwrap();
    [&header(size, encoding)[..], &count.to_be_bytes(), &data].concat()
}

fn compact(length: usize) -> Vec<u8> {
    vec![
        (length & 0x7f | 0x80) as u8,
        (length >> 7 & 0x7f | 0x80) as u8,
        (length >> 14) as u8,
    ]
}

fn jpeg(size: Size) -> Vec<u8> {
    let mut data = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut data, 50);
    encoder.set_progressive(true);
    let pixels = vec![9; size.pixels()];
    encoder
        .encode(&pixels, size.width, size.height, jpeg_encoder::ColorType::Luma)
        .unwrap();
    [
        header(size, Encoding::TIGHT),
        vec![0x90],
        compact(data.len()),
        data,
    ]
    .concat()
}

fn png(place: Size, size: Size) -> Vec<u8> {
    let mut data = Vec::new();
    let mut encoder = ::png::Encoder::new(&mut data, size.width.into(), size.height.into());
    encoder.set_color(::png::ColorType::Rgba);
    let mut writer = encoder.write_header().unwrap();
    let rows = deflated((usize::from(size.width) * 4 + 1) * usize::from(size.height));
    writer.write_chunk(::png::chunk::IDAT, &rows).unwrap();
    writer.finish().unwrap();
    [
        header(place, Encoding::TIGHT_PNG),
        vec![0xa0],
        compact(data.len()),
        data,
    ]
    .concat()
}

/// Sets a bomb off in whatever follows a server, in pieces as they come from a socket. Whether it is refused.
fn explode(size: Size, bytes: &[u8]) -> bool {
    let format = PixelFormat::BGRX8888;
    let message = [&[0, 0, 0xff, 0xff][..], bytes].concat();
    let decoder = UpdateDecoder::new(size, format).unwrap();
    let mut decoder = decoder.with_helpers(Helpers::new(3));
    decoder.start(u16::MAX).unwrap();
    let mut kept = Vec::new();
    let mut refused = false;
    for piece in bytes.chunks(64 * 1024) {
        kept.extend_from_slice(piece);
        match decoder.decode(&kept, &mut |_| {}) {
            Ok(decoded) => drop(kept.drain(..decoded.consumed)),
            Err(_) => {
                refused = true;
                break;
            }
        }
    }
    drop(decoder);
    let mut init = Vec::new();
    let name = Vec::new();
    ServerInit {
        size,
        pixel_format: format,
        name,
    }
    .write(&mut init)
    .unwrap();
    let mut recorded = ScreenDecoder::new().with_helpers(Helpers::new(3));
    recorded.target(&init, &mut |_| {}).unwrap();
    for piece in message.chunks(64 * 1024) {
        if recorded.target(piece, &mut |_| {}).is_err() {
            break;
        }
    }
    drop(recorded);
    let mut follower = Follower::new(format);
    follower.may_change(PixelFormat::BGR233).unwrap();
    let mut kept = Vec::new();
    for piece in message.chunks(64 * 1024) {
        kept.extend_from_slice(piece);
        let Ok(followed) = follower.follow(&kept, u32::MAX) else {
            break;
        };
        kept.drain(..followed.consumed);
        assert!(kept.len() <= 2048);
    }
    refused
}

/// The child: what it prints is its memory before and its peak since then, in KiB.
#[test]
#[ignore = "the test below runs it, once for each bomb"]
fn one_bomb() {
    let wanted = std::env::var("JUMP_TEST_BOMB").unwrap();
    let (_, size, bytes) = BOMBS.iter().find(|(name, ..)| *name == wanted).unwrap();
    let bytes = bytes(*size);
    // The bytes are the test's; what made them is gone, and its peak is forgotten (proc(5), "clear_refs").
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = resident_kib(std::process::id()).unwrap();
    let refused = explode(*size, &bytes);
    if wanted.ends_with("beyond") {
        assert!(refused, "{wanted} is refused");
    }
    if ["zlib", "tight", "jpeg"].contains(&&*wanted) {
        assert!(!refused, "{wanted} is as much as is allowed");
    }
    let after = peak_kib(std::process::id()).unwrap();
    println!("\npeak {before} {after}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s27_no_bomb_takes_more_than_64_mib_beyond_the_picture() {
    for (name, size, _) in BOMBS {
        let mut run = command(std::env::current_exe().unwrap());
        run.args(["--exact", "one_bomb", "--ignored", "--nocapture"])
            .env("JUMP_TEST_BOMB", name);
        let mut child = Process::spawn(run).unwrap();
        let said = child.wait_for_line("peak ", PATIENCE).await;
        let said = said.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(child.wait(PATIENCE).await.unwrap().success(), "{name}");
        let (before, after) = said["peak ".len()..].split_once(' ').unwrap();
        let more = after
            .parse::<u64>()
            .unwrap()
            .saturating_sub(before.parse().unwrap());
        // Every change of size is to the largest.
        let picture = if name.starts_with("sizes") { LARGEST } else { *size };
        let picture = picture.pixels() as u64 * 4 / 1024;
        assert!(
            more <= picture + BEYOND_KIB,
            "{name}: {more} KiB, of which the picture is {picture}"
        );
    }
}
