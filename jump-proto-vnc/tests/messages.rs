//! Messages of both sides: what is written is read, however the bytes come, and no bytes do harm.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a step that fails is a test that fails"
)]

use jump_proto_vnc::RfbError;
use jump_proto_vnc::wire::clipboard::{Actions, ClipboardMessage, Formats};
use jump_proto_vnc::wire::{
    ClientFramer, ClientMessage, CutText, Encoding, Input, PixelFormat, Rectangle, Screen, ServerInit,
    ServerMessage, Size, limits,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// A message that owns its bytes.
#[derive(Clone, Debug)]
enum Owned {
    Plain(ClientMessage<'static>),
    Cut(bool, Vec<u8>),
    Fence(u32, Vec<u8>),
}

impl Owned {
    fn message(&self) -> ClientMessage<'_> {
        match self {
            Owned::Plain(message) => message.clone(),
            Owned::Cut(false, bytes) => ClientMessage::CutText(CutText::Latin1(bytes)),
            Owned::Cut(true, bytes) => ClientMessage::CutText(CutText::Extended(bytes)),
            Owned::Fence(flags, payload) => ClientMessage::Fence {
                flags: *flags,
                payload,
            },
        }
    }
}

fn rectangle() -> impl Strategy<Value = Rectangle> {
    any::<[u16; 4]>().prop_map(|[x, y, width, height]| Rectangle { x, y, width, height })
}

fn pixel_format() -> impl Strategy<Value = PixelFormat> {
    prop::sample::select(vec![
        PixelFormat::RGBX8888,
        PixelFormat::BGRX8888,
        PixelFormat::RGB565,
        PixelFormat::BGR233,
        PixelFormat::colour_map(8, 8, false).unwrap(),
    ])
}

fn client_message() -> impl Strategy<Value = Owned> {
    let screen = (any::<u32>(), rectangle(), any::<u32>()).prop_map(|(id, rectangle, flags)| Screen {
        id,
        rectangle,
        flags,
    });
    prop_oneof![
        pixel_format().prop_map(|format| Owned::Plain(ClientMessage::SetPixelFormat(format))),
        vec(any::<i32>().prop_map(Encoding), 0..=limits::MAX_ENCODINGS)
            .prop_map(|list| Owned::Plain(ClientMessage::SetEncodings(list))),
        (any::<bool>(), rectangle()).prop_map(|(incremental, rectangle)| {
            Owned::Plain(ClientMessage::UpdateRequest {
                incremental,
                rectangle,
            })
        }),
        (any::<bool>(), any::<u32>())
            .prop_map(|(down, keysym)| Owned::Plain(ClientMessage::Key { down, keysym })),
        (0..1u16 << 15, any::<[u16; 2]>())
            .prop_map(|(buttons, [x, y])| { Owned::Plain(ClientMessage::Pointer { buttons, x, y }) }),
        vec(any::<u8>(), 0..300).prop_map(|bytes| Owned::Cut(false, bytes)),
        vec(any::<u8>(), 4..300).prop_map(|bytes| Owned::Cut(true, bytes)),
        (any::<bool>(), rectangle()).prop_map(|(enabled, rectangle)| {
            Owned::Plain(ClientMessage::ContinuousUpdates { enabled, rectangle })
        }),
        (any::<u32>(), vec(any::<u8>(), 0..=64)).prop_map(|(flags, payload)| Owned::Fence(flags, payload)),
        any::<[u8; 2]>().prop_map(|[version, code]| Owned::Plain(ClientMessage::Xvp { version, code })),
        (any::<[u16; 2]>(), vec(screen, 0..=64)).prop_map(|([width, height], screens)| {
            Owned::Plain(ClientMessage::SetDesktopSize {
                size: Size { width, height },
                screens,
            })
        }),
        (any::<bool>(), any::<[u32; 2]>()).prop_map(|(down, [keysym, keycode])| {
            Owned::Plain(ClientMessage::QemuKey {
                down,
                keysym,
                keycode,
            })
        }),
    ]
}

fn framer() -> ClientFramer {
    let mut framer = ClientFramer::new();
    framer.set_extended_buttons(true);
    framer
}

proptest! {
    #[test]
    fn a_clients_messages_are_read_as_they_were_written(messages in vec(client_message(), 1..8)) {
        let framer = framer();
        let mut wire = Vec::new();
        let mut ends = Vec::new();
        for message in &messages {
            framer.write(&message.message(), &mut wire).unwrap();
            ends.push(wire.len());
        }
        // Byte by byte: a message comes with its last byte and not before, and its length is known before.
        let mut start = 0;
        let mut read = 0;
        for end in 1..=wire.len() {
            let mut input = Input::new(&wire[start..end]);
            match framer.next(&mut input).unwrap() {
                Some(frame) => {
                    prop_assert_eq!(end, ends[read]);
                    prop_assert_eq!(frame.raw, &wire[start..end]);
                    prop_assert_eq!(frame.message, messages[read].message());
                    start = end;
                    read += 1;
                }
                None => {
                    prop_assert_eq!(input.consumed(), 0);
                    let head = framer.head(&wire[start..end]).unwrap();
                    prop_assert!(head.is_some() || end - start < 9);
                    if let Some(head) = head {
                        prop_assert_eq!(start + head.length, ends[read]);
                    }
                }
            }
        }
        prop_assert_eq!(read, messages.len());
    }

    #[test]
    fn a_server_that_says_hello_is_understood(
        [width, height] in [0u16..=4096, 0u16..=4096],
        pixel_format in pixel_format(),
        name in vec(any::<u8>(), 0..200),
    ) {
        let init = ServerInit { size: Size { width, height }, pixel_format, name };
        let mut wire = Vec::new();
        init.write(&mut wire).unwrap();
        for end in 0..wire.len() {
            prop_assert_eq!(ServerInit::read(&mut Input::new(&wire[..end])), Ok(None));
        }
        prop_assert_eq!(ServerInit::read(&mut Input::new(&wire)), Ok(Some(init)));
    }

    #[test]
    fn a_servers_messages_are_read_as_they_were_written(
        rectangles: u16,
        first in 0u16..1000,
        colours in vec(any::<[u8; 6]>(), 0..300),
        text in vec(any::<u8>(), 4..300),
        flags: u32,
        payload in vec(any::<u8>(), 0..=64),
        [version, code]: [u8; 2],
    ) {
        for message in [
            ServerMessage::Update { rectangles },
            ServerMessage::ColourMap { first, colours: colours.as_flattened() },
            ServerMessage::Bell,
            ServerMessage::CutText(CutText::Latin1(&text)),
            ServerMessage::CutText(CutText::Extended(&text)),
            ServerMessage::EndOfContinuousUpdates,
            ServerMessage::Fence { flags, payload: &payload },
            ServerMessage::Xvp { version, code },
        ] {
            let mut wire = Vec::new();
            message.write(&mut wire).unwrap();
            for end in 0..wire.len() {
                let mut input = Input::new(&wire[..end]);
                prop_assert_eq!(ServerMessage::next(&mut input), Ok(None));
                prop_assert_eq!(input.consumed(), 0);
            }
            wire.push(0);
            let mut input = Input::new(&wire);
            let frame = ServerMessage::next(&mut input).unwrap().unwrap();
            prop_assert_eq!(frame.message, message);
            prop_assert_eq!(frame.raw.len() + 1, wire.len());
            prop_assert_eq!(input.rest(), [0]);
        }
    }

    #[test]
    fn a_clipboard_is_read_as_it_was_written(
        texts in vec(vec(any::<u8>(), 0..2000), 5),
        bits in 0u16..32,
        sizes: [u32; 5],
    ) {
        let formats = Formats(bits);
        let contents = formats.each().zip(texts).collect();
        for message in [
            ClipboardMessage::Capabilities {
                actions: Actions::ALL,
                formats: formats.each().zip(sizes).collect(),
            },
            ClipboardMessage::Request(formats),
            ClipboardMessage::Peek,
            ClipboardMessage::Notify(formats),
            ClipboardMessage::Provide(contents),
        ] {
            let wire = message.to_bytes().unwrap();
            prop_assert_eq!(ClipboardMessage::read(&wire), Ok(message));
        }
    }

    #[test]
    fn any_bytes_are_messages_or_an_error(bytes in vec(any::<u8>(), 0..400), extended: bool) {
        let mut framer = ClientFramer::new();
        framer.set_extended_buttons(extended);
        let mut input = Input::new(&bytes);
        while let Ok(Some(_)) = framer.next(&mut input) {}
        let mut input = Input::new(&bytes);
        while let Ok(Some(_)) = ServerMessage::next(&mut input) {}
        let _ = ServerInit::read(&mut Input::new(&bytes));
        let _ = ClipboardMessage::read(&bytes);
    }
}

/// The least and the most of each length, one more, and the most that the field can say.
#[test]
fn lengths_end_where_the_limits_are() {
    let framer = framer();
    let clipboard = u32::try_from(limits::MAX_CLIPBOARD_BYTES).unwrap();
    let cut = |number: u8, field: u32| {
        let mut bytes = vec![number, 0, 0, 0];
        bytes.extend(field.to_be_bytes());
        bytes
    };
    for (field, fits) in [
        (0, true),
        (clipboard, true),
        (clipboard + 1, false),
        (clipboard.wrapping_neg(), true),
        ((clipboard + 1).wrapping_neg(), false),
        (4u32.wrapping_neg(), true),
        (3u32.wrapping_neg(), false),
        (0x7fff_ffff, false),
        (0x8000_0000, false),
        (0xffff_ffff, false),
    ] {
        assert_eq!(framer.head(&cut(6, field)).is_ok(), fits, "{field:x}");
        let server = cut(3, field);
        assert_eq!(
            ServerMessage::next(&mut Input::new(&server)).is_ok(),
            fits,
            "{field:x}"
        );
    }
    for (bytes, fits) in [
        (vec![2, 0, 1, 0], true),
        (vec![2, 0, 1, 1], false),
        (vec![2, 0, 0xff, 0xff], false),
        (vec![248, 0, 0, 0, 0, 0, 0, 0, 64], true),
        (vec![248, 0, 0, 0, 0, 0, 0, 0, 65], false),
        (vec![251, 0, 0, 0, 0, 0, 64, 0], true),
        (vec![251, 0, 0, 0, 0, 0, 65, 0], false),
    ] {
        assert_eq!(framer.head(&bytes).is_ok(), fits, "{bytes:?}");
    }
    for (first, count, fits) in [(0u16, 0xffffu16, true), (1, 0xffff, true), (2, 0xffff, false)] {
        let mut bytes = vec![1, 0];
        bytes.extend(first.to_be_bytes());
        bytes.extend(count.to_be_bytes());
        assert_eq!(
            ServerMessage::next(&mut Input::new(&bytes)).is_ok(),
            fits,
            "{first}"
        );
    }
    for (length, fits) in [(4096u32, true), (4097, false), (u32::MAX, false)] {
        let mut bytes = vec![0, 1, 0, 1];
        bytes.extend(PixelFormat::BGRX8888.to_bytes());
        bytes.extend(length.to_be_bytes());
        assert_eq!(
            ServerInit::read(&mut Input::new(&bytes)).is_ok(),
            fits,
            "{length}"
        );
    }
}

#[test]
fn what_is_not_known_or_not_wanted_is_an_error() {
    let framer = ClientFramer::new();
    for number in (0..=255u8).filter(|number| ![0, 2, 3, 4, 5, 6, 150, 248, 250, 251, 255].contains(number)) {
        assert!(
            matches!(framer.head(&[number]), Err(RfbError::Protocol(_))),
            "{number}"
        );
    }
    assert!(matches!(
        framer.head(&[255, 1]),
        Err(RfbError::Unsupported("audio"))
    ));
    for number in (4..=255u8).filter(|number| ![150, 248, 250].contains(number)) {
        assert!(
            ServerMessage::next(&mut Input::new(&[number])).is_err(),
            "{number}"
        );
    }
}

#[test]
fn a_mouse_has_as_many_buttons_as_both_sides_know() {
    let plain = ClientFramer::new();
    let extended = framer();
    let pointer = |buttons| ClientMessage::Pointer { buttons, x: 1, y: 2 };
    let mut wire = Vec::new();
    assert!(plain.write(&pointer(0x100), &mut wire).is_err());
    assert!(extended.write(&pointer(0x8000), &mut wire).is_err());
    assert!(wire.is_empty());
    plain.write(&pointer(0x80), &mut wire).unwrap();
    assert_eq!(wire, [5, 0x80, 0, 1, 0, 2]);
    let read = plain.next(&mut Input::new(&wire)).unwrap().unwrap();
    assert_eq!(read.message, pointer(0x80));
    // The same bytes are the start of a longer message to the other side.
    assert_eq!(extended.next(&mut Input::new(&wire)), Ok(None));
    wire.clear();
    extended.write(&pointer(0x81), &mut wire).unwrap();
    assert_eq!(wire, [5, 0x81, 0, 1, 0, 2, 1]);
}
