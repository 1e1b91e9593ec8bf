//! Rectangles that paint nothing say what they mean.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a step that fails is a test that fails"
)]

mod common;

use jump_proto_vnc::decode::{CursorImage, Screen, UpdateDecoder, UpdateEvent};
use jump_proto_vnc::wire::{Encoding, PixelFormat, Rectangle, RectangleHeader, Size};

fn at(x: u16, y: u16, width: u16, height: u16) -> Rectangle {
    Rectangle { x, y, width, height }
}

fn events(rectangles: &[(Rectangle, Encoding, &[u8])]) -> (UpdateDecoder, Vec<UpdateEvent>) {
    let mut bytes = Vec::new();
    for (rectangle, encoding, data) in rectangles.iter().copied() {
        bytes.extend(RectangleHeader { rectangle, encoding }.to_bytes());
        bytes.extend(data);
    }
    let size = Size { width: 8, height: 4 };
    let count = rectangles.len() as u16;
    let mut pieces: Vec<_> = (1..9).map(|piece| vec![piece]).collect();
    pieces.push(vec![10_000]);
    let mut results = pieces.iter().map(|pieces| {
        let mut decoder = UpdateDecoder::new(size, PixelFormat::BGRX8888).unwrap();
        let events = common::update(&mut decoder, count, &bytes, pieces).unwrap();
        (decoder, events)
    });
    let first = results.next().unwrap();
    for other in results {
        assert_eq!(first.1, other.1);
    }
    first
}

fn cursor(encoding: Encoding, data: &[u8]) -> Vec<[u8; 4]> {
    let (_, events) = events(&[(at(1, 2, 3, 1), encoding, data)]);
    let [
        UpdateEvent::Cursor(CursorImage {
            size,
            x: 1,
            y: 2,
            pixels,
        }),
    ] = &events[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!(*size, Size { width: 3, height: 1 });
    pixels.clone()
}

#[test]
fn a_cursor_of_each_kind_has_its_colours_and_its_shape() {
    let masked = [1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9, 0, 0b1010_0000];
    assert_eq!(
        cursor(Encoding::CURSOR, &masked),
        [[3, 2, 1, 255], [0; 4], [9, 8, 7, 255]]
    );
    let two = [10, 20, 30, 40, 50, 60, 0b1000_0000, 0b1100_0000];
    assert_eq!(
        cursor(Encoding::X_CURSOR, &two),
        [[10, 20, 30, 255], [40, 50, 60, 255], [0; 4]]
    );
    let alpha = [0, 0, 0, 0, 200, 100, 50, 64, 51, 0, 0, 0, 255, 128, 0, 255];
    assert_eq!(
        cursor(Encoding::CURSOR_WITH_ALPHA, &alpha),
        [[255, 255, 199, 64], [0, 0, 0, 0], [255, 128, 0, 255]]
    );
    let alpha = [1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    assert_eq!(
        cursor(Encoding::VMWARE_CURSOR, &alpha),
        [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]
    );
    let opaque_clear_turned = [
        0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, //
        1, 2, 3, 0, 0, 0, 0, 0, 255, 255, 255, 255,
    ];
    assert_eq!(
        cursor(Encoding::VMWARE_CURSOR, &opaque_clear_turned),
        [[3, 2, 1, 255], [0; 4], [0, 0, 0, 255]]
    );
    for encoding in [Encoding::CURSOR, Encoding::X_CURSOR] {
        let (_, events) = events(&[(at(0, 0, 0, 0), encoding, &[])]);
        assert_eq!(events, [UpdateEvent::Cursor(CursorImage::default())]);
    }
}

#[test]
fn sizes_names_and_the_rest_are_told_in_their_order() {
    let screens = [1, 0, 0, 0, 0, 0, 0, 7, 0, 1, 0, 2, 0, 3, 0, 4, 0x80, 0, 0, 0];
    let name = [0, 0, 0, 4, b'a', 0xff, 0xc3, 0xa4];
    let (decoder, events) = events(&[
        (at(0, 0, 5, 6), Encoding::DESKTOP_SIZE, &[]),
        (at(0, 0, 9, 3), Encoding::EXTENDED_DESKTOP_SIZE, &screens),
        // This client's wish was not granted: nothing changes.
        (at(1, 1, 100, 100), Encoding::EXTENDED_DESKTOP_SIZE, &screens),
        (at(8, 2, 1, 1), Encoding::RAW, &[1, 2, 3, 0]),
        (at(0, 0, 0, 0), Encoding::DESKTOP_NAME, &name),
        (at(300, 400, 0, 0), Encoding::POINTER_POSITION, &[]),
        (at(0, 0, 0, 0), Encoding::QEMU_EXTENDED_KEY, &[]),
        (at(0, 0, 0, 0), Encoding::QEMU_POINTER_MOTION, &[]),
        (at(1, 0, 0, 0), Encoding::QEMU_POINTER_MOTION, &[]),
        (at(0, 0, 0, 0), Encoding::QEMU_LED_STATE, &[5]),
        (at(0, 0, 0, 0), Encoding::VMWARE_LED_STATE, &[0, 0, 0, 2]),
        (at(0, 0, 0, 0), Encoding::EXTENDED_MOUSE_BUTTONS, &[]),
        // What a count promises beyond the last rectangle does not come.
        (at(0, 0, 0, 0), Encoding::LAST_RECT, &[]),
    ]);
    let layout = |reason, status| UpdateEvent::Screens {
        reason,
        status,
        screens: vec![Screen {
            id: 7,
            place: at(1, 2, 3, 4),
            flags: 0x8000_0000,
        }],
    };
    assert_eq!(
        events,
        [
            UpdateEvent::Resized(Size { width: 5, height: 6 }),
            UpdateEvent::Resized(Size { width: 9, height: 3 }),
            layout(0, 0),
            layout(1, 1),
            UpdateEvent::Painted(at(8, 2, 1, 1)),
            UpdateEvent::Name("a\u{fffd}ä".to_owned()),
            UpdateEvent::PointerAt { x: 300, y: 400 },
            UpdateEvent::ExtendedKeys,
            UpdateEvent::RelativePointer(true),
            UpdateEvent::RelativePointer(false),
            UpdateEvent::Locks(5),
            UpdateEvent::Locks(2),
            UpdateEvent::ExtendedMouseButtons,
        ]
    );
    assert_eq!(decoder.screen().pixels()[2 * 9 + 8], [3, 2, 1, 255]);
}

#[test]
fn the_format_stays_while_an_update_is_under_way() {
    let mut decoder = UpdateDecoder::new(Size { width: 1, height: 1 }, PixelFormat::BGRX8888).unwrap();
    decoder.start(1).unwrap();
    assert!(decoder.set_format(PixelFormat::RGB565).is_err());
    assert!(decoder.set_colours(0, &[[0; 3]]).is_err());
    assert!(decoder.start(1).is_err());
    decoder
        .decode(&[0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 1, 2, 3, 0], &mut |_| {})
        .unwrap();
    decoder.set_format(PixelFormat::RGB565).unwrap();
    decoder.start(1).unwrap();
    decoder
        .decode(&[0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0xf8], &mut |_| {})
        .unwrap();
    assert_eq!(decoder.screen().pixels(), [[255, 0, 0, 255]]);
}
