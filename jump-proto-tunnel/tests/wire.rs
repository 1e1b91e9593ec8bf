//! The frame codec: what is written reads back, and nothing that arrives can hurt.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

use bytes::BytesMut;
use jump_core::ErrorKind;
use jump_core::model::{Hostname, TargetAddress};
use jump_proto_tunnel::wire::{
    Decoder, Failure, Frame, HEADER, Hello, Item, MAX_PAYLOAD, MAX_TEXT, put_data_header,
};
use proptest::prelude::*;

fn failure() -> impl Strategy<Value = Failure> {
    (prop::sample::select(ErrorKind::ALL), ".{0,600}").prop_map(|(kind, text)| Failure::new(kind, &text))
}

fn frame() -> impl Strategy<Value = Frame> {
    let stream = 1..=u32::MAX;
    let host = prop_oneof![
        "[a-z]{1,20}(\\.[a-z]{1,20}){0,4}",
        Just("2001:db8::7".to_owned()),
        Just("10.0.0.5".to_owned())
    ];
    prop_oneof![
        (any::<u16>(), any::<u32>()).prop_map(|(streams, window)| Frame::Hello(Hello { streams, window })),
        (stream.clone(), host, 1..=u16::MAX).prop_map(|(stream, host, port)| Frame::Open {
            stream,
            target: TargetAddress::new(Hostname::new(host).unwrap(), port).unwrap(),
        }),
        stream.clone().prop_map(|stream| Frame::Opened { stream }),
        (stream.clone(), failure()).prop_map(|(stream, failure)| Frame::OpenFailed { stream, failure }),
        stream.clone().prop_map(|stream| Frame::Eof { stream }),
        (stream.clone(), prop::sample::select(ErrorKind::ALL))
            .prop_map(|(stream, kind)| Frame::Reset { stream, kind }),
        (stream, 1..=u32::MAX).prop_map(|(stream, bytes)| Frame::Credit { stream, bytes }),
        any::<u64>().prop_map(Frame::Ping),
        any::<u64>().prop_map(Frame::Pong),
        failure().prop_map(Frame::Bye),
    ]
}

/// Either a frame or data, as the peer sees them.
#[derive(Clone, Debug, PartialEq)]
enum Sent {
    Frame(Frame),
    Data(u32, Vec<u8>),
}

fn sent() -> impl Strategy<Value = Sent> {
    let data = (1..=u32::MAX, prop::collection::vec(any::<u8>(), 1..300));
    prop_oneof![
        frame().prop_map(Sent::Frame),
        data.prop_map(|(stream, bytes)| Sent::Data(stream, bytes))
    ]
}

fn encode(items: &[Sent]) -> BytesMut {
    let mut bytes = BytesMut::new();
    for item in items {
        match item {
            Sent::Frame(frame) => frame.put(&mut bytes),
            Sent::Data(stream, data) => {
                put_data_header(*stream, data.len(), &mut bytes);
                bytes.extend_from_slice(data);
            }
        }
    }
    bytes
}

proptest! {
    #[test]
    fn frames_read_back_however_the_bytes_are_cut(
        items in prop::collection::vec(sent(), 0..12),
        cuts in prop::collection::vec(1usize..40, 1..20),
    ) {
        let bytes = encode(&items);
        let mut decoder = Decoder::default();
        let mut got: Vec<Sent> = Vec::new();
        let mut missing = 0;
        let (mut rest, mut cuts) = (&bytes[..], cuts.iter().cycle());
        while !rest.is_empty() {
            let (mut part, later) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
            rest = later;
            while let Some(item) = decoder.next(&mut part).unwrap() {
                match item {
                    Item::Frame(frame) => got.push(Sent::Frame(frame)),
                    Item::Data { stream, bytes } => {
                        if missing == 0 {
                            let Sent::Data(_, whole) = &items[got.len()] else { panic!("data out of nowhere") };
                            missing = whole.len();
                            got.push(Sent::Data(stream, Vec::new()));
                        }
                        missing -= bytes.len();
                        let Some(Sent::Data(_, last)) = got.last_mut() else { panic!("no data began") };
                        last.extend_from_slice(bytes);
                    }
                }
            }
            prop_assert!(part.is_empty(), "the decoder takes all it is given");
        }
        prop_assert!(decoder.at_boundary());
        prop_assert_eq!(got, items);
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_never_make_more_than_they_are(
        bytes in prop::collection::vec(any::<u8>(), 0..2000),
    ) {
        let mut decoder = Decoder::default();
        let mut input = &bytes[..];
        let mut data = 0;
        while let Ok(Some(item)) = decoder.next(&mut input) {
            if let Item::Data { bytes, .. } = item {
                prop_assert!(!bytes.is_empty());
                data += bytes.len();
            }
        }
        prop_assert!(data <= bytes.len());
    }

    #[test]
    fn a_frame_with_one_byte_changed_is_read_or_refused(item in sent(), at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let mut bytes = encode(&[item]);
        let at = at.index(bytes.len());
        bytes[at] = to;
        let mut input = &bytes[..];
        let _ = Decoder::default().next(&mut input);
    }
}

#[test]
fn a_full_data_frame_is_one_tls_record_and_sixteen_are_one_write() {
    assert_eq!(HEADER + MAX_PAYLOAD, 16 * 1024);
    let mut bytes = BytesMut::new();
    put_data_header(7, MAX_PAYLOAD, &mut bytes);
    assert_eq!(&bytes[..], [5, 0, 0x3f, 0xf8, 0, 0, 0, 7]);
}

#[test]
fn the_bytes_of_each_frame_are_frozen() {
    let target = TargetAddress::new(Hostname::new("db").unwrap(), 5432).unwrap();
    let failure = Failure::new(ErrorKind::Denied, "no");
    let frames = [
        (
            Frame::Hello(Hello {
                streams: 64,
                window: 262_144,
            }),
            "010000 0c 00000000 4a54554e 0001 0040 00040000",
        ),
        (Frame::Open { stream: 1, target }, "020000 04 00000001 1538 6462"),
        (Frame::Opened { stream: 1 }, "030000 00 00000001"),
        (
            Frame::OpenFailed {
                stream: 1,
                failure: failure.clone(),
            },
            "040000 04 00000001 0003 6e6f",
        ),
        (Frame::Eof { stream: 2 }, "060000 00 00000002"),
        (
            Frame::Reset {
                stream: 2,
                kind: ErrorKind::Network,
            },
            "070000 02 00000002 0012",
        ),
        (
            Frame::Credit {
                stream: 2,
                bytes: 65_536,
            },
            "080000 04 00000002 00010000",
        ),
        (Frame::Ping(1), "090000 08 00000000 0000000000000001"),
        (Frame::Pong(1), "0a0000 08 00000000 0000000000000001"),
        (Frame::Bye(failure), "0b0000 04 00000000 0003 6e6f"),
    ];
    for (frame, hex) in frames {
        let mut bytes = BytesMut::new();
        frame.put(&mut bytes);
        let written: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(written, hex.replace(' ', ""), "{frame:?}");
    }
}

#[test]
fn a_message_is_cut_at_a_character() {
    let failure = Failure::new(ErrorKind::Internal, &"é".repeat(400));
    assert_eq!(failure.text.len(), MAX_TEXT);
    let odd = Failure::new(ErrorKind::Internal, &format!("x{}", "é".repeat(400)));
    assert_eq!(odd.text.len(), MAX_TEXT - 1);
}

#[test]
fn headers_that_cannot_be_are_refused_before_their_payload() {
    let cases: [(&str, [u8; 8]); 8] = [
        ("an unknown type", [99, 0, 0, 0, 0, 0, 0, 1]),
        ("type 0", [0; 8]),
        ("a reserved byte", [5, 1, 0, 1, 0, 0, 0, 1]),
        ("data larger than a frame", [5, 0, 0x3f, 0xf9, 0, 0, 0, 1]),
        (
            "data of the largest length there is",
            [5, 0, 0xff, 0xff, 0, 0, 0, 1],
        ),
        ("no data", [5, 0, 0, 0, 0, 0, 0, 1]),
        ("data of no stream", [5, 0, 0, 1, 0, 0, 0, 0]),
        ("a ping of a stream", [9, 0, 0, 8, 0, 0, 0, 1]),
    ];
    for (name, header) in cases {
        let error = Decoder::default().next(&mut &header[..]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{name}");
    }
}

#[test]
fn another_version_is_told_apart_from_another_protocol() {
    let mut bytes = BytesMut::new();
    Frame::Hello(Hello {
        streams: 1,
        window: 1,
    })
    .put(&mut bytes);
    let mut newer = bytes.clone();
    newer[13] = 2;
    assert_eq!(
        Decoder::default().next(&mut &newer[..]).unwrap_err().kind(),
        ErrorKind::Unsupported
    );
    bytes[8] = b'X';
    assert_eq!(
        Decoder::default().next(&mut &bytes[..]).unwrap_err().kind(),
        ErrorKind::Protocol
    );
    let error = Decoder::default()
        .next(&mut &b"SSH-2.0-OpenSSH_9.2\r\n"[..])
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
}
