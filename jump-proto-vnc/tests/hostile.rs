//! Servers that send too much, or what makes no sense: v54 (sizes and counts), s27 (bombs).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a step that fails is a test that fails"
)]

mod common;
mod encoders;

use encoders::{Encoder, Picture};
use flate2::{Compress, Compression, FlushCompress};
use jump_proto_vnc::RfbError;
use jump_proto_vnc::decode::{Decoded, Progress, UpdateDecoder, UpdateEvent};
use jump_proto_vnc::walk::Walker;
use jump_proto_vnc::wire::{Encoding, PixelFormat, Rectangle, RectangleHeader, Size};
use proptest::prelude::*;

const SCREEN: Size = Size {
    width: 100,
    height: 80,
};

fn at(x: u16, y: u16, width: u16, height: u16) -> Rectangle {
    Rectangle { x, y, width, height }
}

fn header(rectangle: Rectangle, encoding: Encoding) -> Vec<u8> {
    RectangleHeader { rectangle, encoding }.to_bytes().to_vec()
}

fn try_decode(format: PixelFormat, count: u16, bytes: &[u8]) -> Result<Decoded, RfbError> {
    let mut decoder = UpdateDecoder::new(SCREEN, format).unwrap();
    decoder.start(count).unwrap();
    let result = decoder.decode(bytes, &mut |_| {});
    if let Err(error) = &result {
        assert_eq!(decoder.start(1).as_ref(), Err(error), "it stays broken");
        assert_eq!(decoder.decode(&[0; 64], &mut |_| {}).as_ref(), Err(error));
    }
    result
}

fn one(rectangle: Rectangle, encoding: Encoding, data: &[u8]) -> Result<Decoded, RfbError> {
    try_decode(
        PixelFormat::BGRX8888,
        1,
        &[header(rectangle, encoding), data.to_vec()].concat(),
    )
}

fn is_limit(result: Result<Decoded, RfbError>) -> bool {
    matches!(result, Err(RfbError::Limit(_)))
}

fn is_protocol(result: Result<Decoded, RfbError>) -> bool {
    matches!(result, Err(RfbError::Protocol(_)))
}

fn goes_on(result: Result<Decoded, RfbError>) -> bool {
    result.is_ok()
}

fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 1024);
    Compress::new(Compression::best(), true)
        .compress_vec(bytes, &mut out, FlushCompress::Sync)
        .unwrap();
    out
}

fn with_length(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

#[test]
fn v54_counts_and_lengths_at_the_cap_go_on_and_one_beyond_is_refused() {
    let area = at(0, 0, 10, 10);
    let name_at = at(0, 0, 0, 0);
    // What announces the length, the greatest that is allowed, and how much comes before it.
    for (encoding, place, cap) in [
        (Encoding::RRE, area, 100),
        (Encoding::CORRE, area, 100),
        (Encoding::ZLIB, area, 10 * 10 * 4 * 2 + 1024),
        (Encoding::ZRLE, area, (100 * 4 + 1 + 127 * 3) * 2 + 1024),
        (Encoding::DESKTOP_NAME, name_at, 4096),
    ] {
        let announce = |length: u32| one(place, encoding, &[length.to_be_bytes(), [0; 4]].concat());
        assert!(
            goes_on(one(place, encoding, &u32::to_be_bytes(cap))),
            "{encoding:?}"
        );
        for length in [cap + 1, 0x7fff_ffff, 0x8000_0000, u32::MAX] {
            assert!(is_limit(announce(length)), "{encoding:?} {length:#x}");
        }
    }
    for encoding in [
        Encoding::CURSOR,
        Encoding::X_CURSOR,
        Encoding::CURSOR_WITH_ALPHA,
        Encoding::VMWARE_CURSOR,
    ] {
        assert!(goes_on(one(at(0, 0, 512, 512), encoding, &[0; 4])));
        for (width, height) in [(513, 1), (1, 513), (65535, 65535)] {
            assert!(
                is_limit(one(at(0, 0, width, height), encoding, &[0; 4])),
                "{encoding:?}"
            );
        }
    }
    assert!(goes_on(one(
        at(0, 0, 9, 9),
        Encoding::EXTENDED_DESKTOP_SIZE,
        &[64, 0, 0, 0]
    )));
    assert!(is_limit(one(
        at(0, 0, 9, 9),
        Encoding::EXTENDED_DESKTOP_SIZE,
        &[65, 0, 0, 0]
    )));
    for (width, height) in [(16385, 1), (1, 16385), (16384, 4097), (65535, 65535)] {
        assert!(is_limit(one(
            at(0, 0, width, height),
            Encoding::DESKTOP_SIZE,
            &[]
        )));
        assert!(is_limit(one(
            at(0, 0, width, height),
            Encoding::EXTENDED_DESKTOP_SIZE,
            &[0; 4]
        )));
    }
    // JPEG and Tight's streams: 100 pixels are 800 bytes and 64 KiB at most, or 300 bytes twice and 1 KiB.
    assert!(goes_on(one(area, Encoding::TIGHT, &[0x90, 0xa0, 0x86, 0x04])));
    assert!(is_limit(one(area, Encoding::TIGHT, &[0x90, 0xa1, 0x86, 0x04])));
    assert!(goes_on(one(area, Encoding::TIGHT, &[0, 0xd8, 0x0c])));
    assert!(is_limit(one(area, Encoding::TIGHT, &[0, 0xd9, 0x0c])));
    assert!(is_limit(one(area, Encoding::TIGHT, &[0, 0xff, 0xff, 0xff])));
}

#[test]
fn v54_nothing_is_painted_beyond_the_screen_or_the_rectangle() {
    let pixels = [
        Encoding::RAW,
        Encoding::COPY_RECT,
        Encoding::RRE,
        Encoding::CORRE,
        Encoding::HEXTILE,
        Encoding::ZLIB,
        Encoding::TIGHT,
        Encoding::TRLE,
        Encoding::ZRLE,
        Encoding::TIGHT_PNG,
    ];
    for encoding in pixels {
        for place in [
            at(91, 0, 10, 1),
            at(0, 71, 1, 10),
            at(65535, 65535, 65535, 65535),
            at(101, 0, 0, 1),
        ] {
            assert!(is_protocol(one(place, encoding, &[])), "{encoding:?} {place:?}");
        }
    }
    assert!(is_protocol(one(
        at(0, 0, 10, 10),
        Encoding::COPY_RECT,
        &[0, 91, 0, 0]
    )));
    assert!(is_protocol(one(
        at(0, 0, 10, 10),
        Encoding::COPY_RECT,
        &[0xff; 4]
    )));
    let rre = |place: [u8; 8]| {
        let data = [&[0, 0, 0, 1, 0, 0, 0, 0, 1, 1, 1, 1][..], &place].concat();
        one(at(90, 70, 10, 10), Encoding::RRE, &data)
    };
    assert!(goes_on(rre([0, 0, 0, 0, 0, 10, 0, 10])));
    assert!(is_protocol(rre([0, 1, 0, 0, 0, 10, 0, 10])));
    assert!(is_protocol(rre([0, 0, 0, 10, 0, 1, 0, 1])));
    assert!(is_protocol(rre([0xff; 8])));
    let hextile = |place: [u8; 2]| {
        let data = [&[2 | 4 | 8, 0, 0, 0, 0, 1, 1, 1, 1, 1][..], &place].concat();
        one(at(0, 0, 10, 12), Encoding::HEXTILE, &data)
    };
    assert!(goes_on(hextile([0, 0x9b])));
    assert!(is_protocol(hextile([0x10, 0x9b])));
    assert!(is_protocol(hextile([0x01, 0x9b])));
}

#[test]
fn v54_tiles_and_palettes_that_make_no_sense_are_refused() {
    let area = at(0, 0, 4, 4);
    for (encoding, data) in [
        // No background, no colour of the parts, an unknown bit.
        (Encoding::HEXTILE, &[0u8][..]),
        (Encoding::HEXTILE, &[2 | 8, 0, 0, 0, 0, 1, 0, 0]),
        (Encoding::HEXTILE, &[32]),
        // Kinds without meaning; a palette that was never sent; a colour that is not in it; runs beyond the tile.
        (Encoding::TRLE, &[17]),
        (Encoding::TRLE, &[126]),
        (Encoding::TRLE, &[127, 0, 0, 0, 0]),
        (Encoding::TRLE, &[129, 0]),
        (Encoding::TRLE, &[3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0, 0, 0]),
        (Encoding::TRLE, &[130, 0, 0, 0, 0, 0, 0, 2]),
        (Encoding::TRLE, &[130, 0, 0, 0, 0, 0, 0, 0x81, 16]),
        (Encoding::TRLE, &[128, 0, 0, 0, 16]),
        (Encoding::TRLE, &[128, 0, 0, 0, 255]),
        // Unknown kinds and filters; compressed data in Tight PNG, PNG in Tight; a colour that is not there.
        (Encoding::TIGHT, &[0xb0]),
        // Data that are not compressed, of another length than they have.
        (Encoding::TIGHT, &[0xa0, 47, 0]),
        (Encoding::TIGHT, &[0xa0, 49, 0]),
        (Encoding::TIGHT, &[0xe0, 0, 0x80, 0x80, 1]),
        (Encoding::TIGHT, &[0xe0, 3]),
        (Encoding::TIGHT, &[0x40, 3]),
        (Encoding::TIGHT_PNG, &[0x00]),
        (Encoding::TIGHT, &[0x40, 1, 0, 0, 0, 0, 0x80, 0, 0, 0]),
        (Encoding::TIGHT_PNG, &[0xa0, 3, 1, 2, 3]),
        (Encoding::TIGHT, &[0x90, 3, 1, 2, 3]),
        (Encoding::VMWARE_CURSOR, &[2, 0]),
    ] {
        assert!(is_protocol(one(area, encoding, data)), "{encoding:?} {data:x?}");
    }
    for kind in [17, 127, 129] {
        assert!(is_protocol(one(
            area,
            Encoding::ZRLE,
            &with_length(&pack(&[kind, 0, 0, 0, 0]))
        )));
    }
    // Gradients and JPEG need more than 8 bits, and no colour map.
    for format in [
        PixelFormat::BGR233,
        PixelFormat::colour_map(16, 8, false).unwrap(),
    ] {
        for data in [&[0x40, 2][..], &[0x90]] {
            let bytes = [header(area, Encoding::TIGHT), data.to_vec()].concat();
            assert!(is_protocol(try_decode(format, 1, &bytes)));
        }
    }
    assert!(matches!(
        one(area, Encoding(22), &[]),
        Err(RfbError::Unsupported(_))
    ));
    assert!(matches!(
        one(area, Encoding::CURSOR_WITH_ALPHA, &[0, 0, 0, 5]),
        Err(RfbError::Unsupported(_))
    ));
    assert!(matches!(
        one(area, Encoding::FENCE, &[]),
        Err(RfbError::Unsupported(_))
    ));
}

#[test]
fn s27_compressed_data_hold_the_rectangle_and_nothing_else() {
    let area = at(0, 0, 10, 10);
    for (pixels, fits) in [(99, false), (100, true), (101, false), (100_000, false)] {
        let raw = with_length(&pack(&vec![7; pixels * 4]));
        assert_eq!(goes_on(one(area, Encoding::ZLIB, &raw)), fits, "{pixels}");
        let tile = with_length(&pack(&[vec![0], vec![7; pixels * 3]].concat()));
        assert_eq!(goes_on(one(area, Encoding::ZRLE, &tile)), fits, "{pixels}");
        let packed = pack(&vec![7; pixels * 3]);
        let tight = [
            vec![
                0x00,
                (packed.len() & 0x7f | 0x80) as u8,
                (packed.len() >> 7) as u8,
            ],
            packed,
        ]
        .concat();
        assert_eq!(goes_on(one(area, Encoding::TIGHT, &tight)), fits, "{pixels}");
    }
    // A stream that ends, and one that is none.
    let mut ended = Vec::with_capacity(1024);
    Compress::new(Compression::fast(), true)
        .compress_vec(&[7; 8], &mut ended, FlushCompress::Finish)
        .unwrap();
    assert!(is_protocol(one(area, Encoding::ZLIB, &with_length(&ended))));
    ended.extend([0; 8]);
    assert!(is_protocol(one(area, Encoding::ZLIB, &with_length(&ended))));
    assert!(is_protocol(one(area, Encoding::ZLIB, &with_length(&[0xff; 64]))));
}

#[test]
fn s27_a_picture_inside_has_the_size_of_its_rectangle() {
    let mut png = Vec::new();
    let mut encoder = png::Encoder::new(&mut png, 30_000, 30_000);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().unwrap();
    writer.write_chunk(png::chunk::IDAT, &pack(&[0; 3000])).unwrap();
    drop(writer);
    let length = [(png.len() & 0x7f | 0x80) as u8, (png.len() >> 7) as u8];
    let data = [&[0xa0], &length[..], &png].concat();
    assert!(is_protocol(one(at(0, 0, 100, 80), Encoding::TIGHT_PNG, &data)));
}

#[test]
fn s27_an_update_paints_only_so_much() {
    // Sixteen screens, or four million pixels for a small one; each of these costs 16 bytes.
    let copies = |count: usize| {
        header(at(0, 0, 100, 80), Encoding::COPY_RECT)
            .into_iter()
            .chain([0; 4])
            .cycle()
            .take(16 * count)
            .collect::<Vec<_>>()
    };
    let most = (1 << 22) / 8000;
    assert!(goes_on(try_decode(PixelFormat::BGRX8888, 65535, &copies(most))));
    assert!(is_limit(try_decode(
        PixelFormat::BGRX8888,
        65535,
        &copies(most + 1)
    )));
    // Parts of an RRE rectangle that all paint all of it.
    let mut rre = [
        header(at(0, 0, 100, 80), Encoding::RRE),
        vec![0, 0, 0, 5, 0, 0, 0, 0],
    ]
    .concat();
    for _ in 0..4 {
        rre.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 100, 0, 80]);
    }
    assert!(goes_on(try_decode(PixelFormat::BGRX8888, 1, &rre)));
    rre.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 100, 0, 80]);
    assert!(is_limit(try_decode(PixelFormat::BGRX8888, 1, &rre)));
    // Sizes that change and change.
    let resizes = |count: u16| {
        (0..count)
            .flat_map(|n| header(at(0, 0, n + 1, 1), Encoding::DESKTOP_SIZE))
            .collect::<Vec<_>>()
    };
    assert!(goes_on(try_decode(PixelFormat::BGRX8888, 65535, &resizes(4))));
    assert!(is_limit(try_decode(PixelFormat::BGRX8888, 65535, &resizes(5))));
}

#[test]
fn s27_the_work_of_an_update_is_bounded_by_its_rectangles() {
    // A kilobyte of zeros for each of 128 bytes: more than the rectangle has comes out once, and no more than fits at once.
    let bomb = pack(&vec![0; 1 << 20]);
    for (encoding, data) in [
        (Encoding::ZLIB, with_length(&bomb)),
        (Encoding::ZRLE, with_length(&bomb)),
        (
            Encoding::TIGHT,
            [
                &[0, (bomb.len() & 0x7f | 0x80) as u8, (bomb.len() >> 7) as u8][..],
                &bomb,
            ]
            .concat(),
        ),
    ] {
        for area in [at(0, 0, 20, 20), at(0, 0, 100, 80)] {
            let mut decoder = UpdateDecoder::new(SCREEN, PixelFormat::BGRX8888).unwrap();
            decoder.start(1).unwrap();
            let bytes = [header(area, encoding), data.clone()].concat();
            let mut painted = 0;
            let result = decoder.decode(&bytes, &mut |_| painted += 1);
            assert!(
                matches!(result, Err(RfbError::Protocol(_))),
                "{encoding:?} {result:?}"
            );
            let most = area.pixels() as u64 * 5 + 2 * 128 * 1024;
            assert!(decoder.unpacked_bytes() <= most, "{encoding:?}");
            assert_eq!(painted, 0);
        }
    }
    // Whatever an update is made of, what it says to have painted is within the budget.
    let copy = [header(at(0, 0, 100, 80), Encoding::COPY_RECT), vec![0; 4]].concat();
    let mut decoder = UpdateDecoder::new(SCREEN, PixelFormat::BGRX8888).unwrap();
    decoder.start(65535).unwrap();
    let mut painted = 0;
    let result = decoder.decode(&copy.repeat(10_000), &mut |event| {
        if let UpdateEvent::Painted(part) = event {
            painted += part.pixels();
        }
    });
    assert!(is_limit(result));
    assert!(painted <= 1 << 22, "{painted}");
}

#[test]
fn s27_what_is_cut_off_anywhere_needs_more_and_paints_nothing_that_is_not_there() {
    let format = PixelFormat::BGRX8888;
    let width = 33;
    let pixels = (0..33 * 20_u32).map(|at| (at * at * 77).to_le_bytes()).collect();
    let picture = Picture {
        width,
        height: 20,
        pixels,
    };
    let part = at(0, 0, width, 20);
    for encoding in [
        Encoding::RAW,
        Encoding::RRE,
        Encoding::CORRE,
        Encoding::HEXTILE,
        Encoding::ZLIB,
        Encoding::TRLE,
        Encoding::ZRLE,
        Encoding::TIGHT,
        Encoding::TIGHT_PNG,
    ] {
        for taste in 0..4 {
            let bytes = Encoder::new(format, taste).rectangle(encoding, &picture, part);
            let message = [&[0, 0, 0, 1][..], &bytes].concat();
            for cut in 0..bytes.len() {
                let mut decoder = UpdateDecoder::new(SCREEN, format).unwrap();
                decoder.start(1).unwrap();
                let decoded = decoder.decode(&bytes[..cut], &mut |_| {}).unwrap();
                let Progress::Needs(more) = decoded.progress else {
                    panic!("{encoding:?} has an end after {cut} of {} bytes", bytes.len());
                };
                assert!(decoded.consumed + more > cut && cut - decoded.consumed <= 2048);
                let walked = Walker::new(format).walk(&message[..4 + cut]).unwrap();
                assert!(!walked.ends, "{encoding:?} {cut}");
            }
        }
    }
}

#[test]
fn s27_a_thousand_sizes_are_one_picture_at_a_time() {
    // As many updates as one likes, each with as many sizes as it may have: the picture is the last one, and nothing else.
    let mut decoder = UpdateDecoder::new(SCREEN, PixelFormat::BGRX8888).unwrap();
    for turn in 0..250u16 {
        decoder.start(4).unwrap();
        let sizes: Vec<u8> = (1..5)
            .flat_map(|n| header(at(0, 0, 100 + turn, 60 + n), Encoding::DESKTOP_SIZE))
            .collect();
        let decoded = decoder.decode(&sizes, &mut |_| {}).unwrap();
        assert_eq!(decoded.progress, Progress::Finished);
        let pixels = (100 + usize::from(turn)) * 64;
        assert_eq!(decoder.screen().pixels().len(), pixels);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes_are_an_error_or_need_more_or_end(
        encoding in prop::sample::select(Encoding::KNOWN),
        place in (0u16..40, 0u16..40, 0u16..40, 0u16..40),
        bits in prop::sample::select(vec![8u8, 16, 32]),
        data in prop::collection::vec(prop_oneof![any::<u8>(), 0u8..4, Just(0x80u8), Just(0xffu8)], 0..400),
        pieces in prop::collection::vec(1usize..100, 1..4),
    ) {
        let format = match bits {
            8 => PixelFormat::BGR233,
            16 => PixelFormat::RGB565,
            _ => PixelFormat::BGRX8888,
        };
        let (x, y, width, height) = place;
        // Rectangles of nothing follow, so that whatever is accepted has an end.
        let bytes = [header(at(x, y, width, height), encoding), data, vec![0; 2048]].concat();
        let mut decoder = UpdateDecoder::new(SCREEN, format).unwrap();
        let mut whole = UpdateDecoder::new(SCREEN, format).unwrap();
        whole.start(1).unwrap();
        if let Ok(Decoded { progress: Progress::Needs(_), .. }) = whole.decode(&bytes, &mut |_| {}) {
            return Ok(());
        }
        let accepted = whole.start(1).is_ok();
        prop_assert_eq!(common::update(&mut decoder, 1, &bytes, &pieces).is_ok(), accepted);
        prop_assert!(!accepted || decoder.screen().pixels() == whole.screen().pixels());
    }
}
