//! What an encoder writes, in every encoding and every format of pixels, comes back, however its bytes come.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a step that fails is a test that fails"
)]

mod common;
mod encoders;

use encoders::{Encoder, Picture, express, map};
use jump_proto_vnc::decode::{Progress, UpdateDecoder};
use jump_proto_vnc::wire::{Channel, Encoding, PixelFormat, Rectangle, Size};
use proptest::prelude::*;

const ENCODINGS: [Encoding; 9] = [
    Encoding::RAW,
    Encoding::RRE,
    Encoding::CORRE,
    Encoding::HEXTILE,
    Encoding::ZLIB,
    Encoding::TRLE,
    Encoding::ZRLE,
    Encoding::TIGHT,
    Encoding::TIGHT_PNG,
];

/// Every kind of format that the decoder tells from the others.
fn formats() -> Vec<PixelFormat> {
    let mut formats = vec![PixelFormat::BGR233, PixelFormat::RGBX8888, PixelFormat::BGRX8888];
    for big_endian in [false, true] {
        let mut add = |bits, depth, channels: [(u16, u8); 3]| {
            let channels = channels.map(|(max, shift)| Channel { max, shift });
            formats.push(PixelFormat::true_colour(bits, depth, big_endian, channels).unwrap());
        };
        add(32, 24, [(255, 16), (255, 8), (255, 0)]);
        add(32, 24, [(255, 8), (255, 16), (255, 24)]);
        add(32, 24, [(255, 0), (255, 8), (255, 24)]);
        add(32, 32, [(255, 0), (255, 8), (255, 16)]);
        add(32, 30, [(1023, 20), (1023, 10), (1023, 0)]);
        add(32, 18, [(63, 20), (63, 14), (63, 8)]);
        add(32, 24, [(65535, 16), (255, 8), (255, 0)]);
        add(16, 16, [(31, 11), (63, 5), (31, 0)]);
        add(16, 15, [(31, 0), (31, 5), (31, 10)]);
        add(8, 6, [(3, 4), (3, 2), (3, 0)]);
        for bits in [8, 16, 32] {
            formats.push(PixelFormat::colour_map(bits, 8, big_endian).unwrap());
        }
    }
    formats
}

/// Noise, few colours in long runs, a gradient, or one colour.
fn picture() -> impl Strategy<Value = Picture> {
    (1u16..150, 1u16..90, any::<u32>(), 0u8..5).prop_map(|(width, height, seed, kind)| {
        let mut random = seed | 1;
        let mut next = move || {
            random ^= random << 13;
            random ^= random >> 17;
            random ^= random << 5;
            random
        };
        let few: Vec<[u8; 4]> = (0..1 + next() % 40).map(|_| next().to_le_bytes()).collect();
        let mut colour = few[0];
        let pixels = (0..u32::from(width) * u32::from(height))
            .map(|at| {
                let (x, y) = (at % u32::from(width), at / u32::from(width));
                match kind {
                    0 => colour = next().to_le_bytes(),
                    1 if next() % 30 == 0 => colour = few[next() as usize % few.len()],
                    2 => colour = [(x * 2) as u8, (y * 3) as u8, (x + y) as u8, 0],
                    3 if next() % 300 == 0 => colour = few[next() as usize % few.len().min(2)],
                    _ => {}
                }
                [colour[0], colour[1], colour[2], 255]
            })
            .collect();
        Picture {
            width,
            height,
            pixels,
        }
    })
}

fn decoder(picture: &Picture, format: PixelFormat) -> UpdateDecoder {
    let size = Size {
        width: picture.width,
        height: picture.height,
    };
    let mut decoder = UpdateDecoder::new(size, format).unwrap();
    decoder.set_colours(0, &map()).unwrap();
    decoder
}

fn expected(picture: &Picture, format: PixelFormat) -> Vec<[u8; 4]> {
    picture
        .pixels
        .iter()
        .map(|colour| express(format, *colour))
        .collect()
}

/// The rectangles of an update that covers the picture in two parts.
fn rectangles(encoder: &mut Encoder, encoding: Encoding, picture: &Picture, cut: u16) -> Vec<u8> {
    let upper = Rectangle {
        x: 0,
        y: 0,
        width: picture.width,
        height: cut,
    };
    let lower = Rectangle {
        y: cut,
        height: picture.height - cut,
        ..upper
    };
    let parts = [upper, lower].into_iter().filter(|part| part.height > 0);
    parts
        .flat_map(|part| encoder.rectangle(encoding, picture, part))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn every_encoding_in_every_format_paints_the_picture(
        first in picture(),
        second in any::<u32>(),
        format in prop::sample::select(formats()),
        taste in any::<u32>(),
        pieces in prop::collection::vec(1usize..3000, 1..6),
    ) {
        for encoding in ENCODINGS {
            let mut encoder = Encoder::new(format, taste);
            let mut decoder = decoder(&first, format);
            // The second picture goes on with the streams of the first one.
            let mut picture = first.clone();
            for _ in 0..2 {
                let cut = second as u16 % picture.height;
                let bytes = rectangles(&mut encoder, encoding, &picture, cut);
                let count = if cut == 0 { 1 } else { 2 };
                common::update(&mut decoder, count, &bytes, &pieces).unwrap();
                prop_assert!(decoder.screen().pixels() == expected(&picture, format), "{encoding:?} {format:?}");
                let middle = picture.pixels.len() / 2;
                picture.pixels.rotate_left(middle);
            }
        }
    }
}

fn small() -> Picture {
    let colours = [
        [255, 0, 0, 255],
        [0, 255, 0, 255],
        [0, 0, 255, 255],
        [9, 99, 199, 255],
    ];
    Picture {
        width: 19,
        height: 17,
        pixels: (0..19 * 17).map(|n: usize| colours[n * n / 50 % 4]).collect(),
    }
}

#[test]
fn an_update_that_is_cut_off_anywhere_needs_more_and_paints_no_wrong_pixel() {
    let picture = small();
    for format in [PixelFormat::BGRX8888, PixelFormat::BGR233] {
        let whole = expected(&picture, format);
        for (encoding, taste) in ENCODINGS.into_iter().flat_map(|e| (0..2).map(move |t| (e, t))) {
            let bytes = rectangles(&mut Encoder::new(format, taste), encoding, &picture, 5);
            for cut in 0..bytes.len() {
                let mut decoder = decoder(&picture, format);
                decoder.start(2).unwrap();
                let decoded = decoder.decode(&bytes[..cut], &mut |_| {}).unwrap();
                assert!(
                    matches!(decoded.progress, Progress::Needs(_)),
                    "{encoding:?} {cut}"
                );
                let rest = decoder.decode(&bytes[decoded.consumed..], &mut |_| {}).unwrap();
                assert_eq!(rest.progress, Progress::Finished);
                assert!(decoder.screen().pixels() == whole, "{encoding:?} cut at {cut}");
            }
            let mut decoder = decoder(&picture, format);
            common::update(&mut decoder, 2, &bytes, &[1]).unwrap();
            assert!(decoder.screen().pixels() == whole, "{encoding:?} byte by byte");
        }
    }
}

#[test]
fn a_jpeg_picture_is_painted_within_what_jpeg_loses() {
    let picture = Picture {
        width: 70,
        height: 50,
        pixels: (0..70 * 50u32)
            .map(|n| [(n % 70 * 3) as u8, (n / 70 * 5) as u8, 90, 255])
            .collect(),
    };
    let rgb: Vec<u8> = picture
        .pixels
        .iter()
        .flat_map(|pixel| pixel[..3].to_vec())
        .collect();
    let grey: Vec<u8> = picture.pixels.iter().map(|pixel| pixel[0]).collect();
    let encode = |data: &[u8], colours| {
        let mut jpeg = Vec::new();
        jpeg_encoder::Encoder::new(&mut jpeg, 95)
            .encode(data, 70, 50, colours)
            .unwrap();
        jpeg
    };
    for (jpeg, grey) in [
        (encode(&rgb, jpeg_encoder::ColorType::Rgb), false),
        (encode(&grey, jpeg_encoder::ColorType::Luma), true),
    ] {
        let part = Rectangle {
            x: 0,
            y: 0,
            width: 70,
            height: 50,
        };
        let header = jump_proto_vnc::wire::RectangleHeader {
            rectangle: part,
            encoding: Encoding::TIGHT,
        };
        let length = jpeg.len();
        let mut bytes = header.to_bytes().to_vec();
        bytes.extend([0x90, (length & 0x7f | 0x80) as u8, (length >> 7) as u8]);
        bytes.extend(&jpeg);
        let mut decoder = decoder(&picture, PixelFormat::BGRX8888);
        common::update(&mut decoder, 1, &bytes, &[100]).unwrap();
        for (got, [red, green, blue, _]) in decoder.screen().pixels().iter().zip(&picture.pixels) {
            let wanted = if grey { [*red; 3] } else { [*red, *green, *blue] };
            let off = got
                .iter()
                .zip(wanted)
                .map(|(got, wanted)| got.abs_diff(wanted))
                .max();
            assert!(off <= Some(12), "{got:?} for {wanted:?}");
        }
        // The same picture in a rectangle of another size.
        let mut other = bytes.clone();
        other[5] = 69;
        let mut decoder = UpdateDecoder::new(
            Size {
                width: 70,
                height: 50,
            },
            PixelFormat::BGRX8888,
        )
        .unwrap();
        decoder.start(1).unwrap();
        assert!(decoder.decode(&other, &mut |_| {}).is_err());
    }
}
