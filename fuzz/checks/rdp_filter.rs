//! What must hold for any bytes that a gate of RDP has to judge. An ordinary test replays the corpus through this.

use bytes::BytesMut;
use jump_core::model::{Field, RdpQuality, SecureApp};
use jump_core::session::{RdpLogin, SessionPermissions};
use jump_proto_rdp::gate::filter::{Filter, FilterOptions, Forward, TargetLogin};
use jump_proto_rdp::wire::Head;
use jump_proto_rdp::wire::connect::Asked;

const PASSWORD: &str = "canary-of-the-fuzzer";

/// The first byte says what may happen, the second what the target was asked for; then come records: a byte of which the lowest bit says from which side, two for
/// its length, and a message.
pub(crate) fn check(input: &[u8]) {
    let Some((&[first, asked], mut records)) = input.split_first_chunk() else {
        return;
    };
    let mut permissions = SessionPermissions::ALL;
    permissions.keyboard_mouse = first & 1 == 0;
    permissions.clipboard_to_target = first & 2 == 0;
    permissions.file_upload = first & 4 == 0;
    permissions.clipboard_from_target = first & 16 == 0;
    permissions.file_download = first & 32 == 0;
    let mut filter = Filter::new(FilterOptions {
        permissions,
        selected: 2,
        asked: Asked {
            target: asked.into(),
            client: 1,
        },
        login: (first & 8 == 0).then(|| TargetLogin {
            domain: "d".to_owned(),
            user: "u".to_owned(),
            password: Some(PASSWORD.to_owned().into()),
        }),
        item: RdpLogin {
            quality: match first >> 6 {
                0 => RdpQuality::BestPerformance,
                1 => RdpQuality::Low,
                2 => RdpQuality::Quality,
                _ => RdpQuality::Lossless,
            },
            console: asked & 0x40 != 0,
            secure_app: if asked & 0x80 != 0 {
                SecureApp::RemoteApp {
                    remote_app_name: Field::new("||app").unwrap_or_default(),
                    remote_app_params: Field::default(),
                }
            } else {
                SecureApp::None
            },
            ..RdpLogin::default()
        },
    });
    let secret: Vec<u8> = PASSWORD.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let holds = |bytes: &[u8]| {
        bytes.windows(secret.len()).any(|part| part == secret)
            || bytes
                .windows(PASSWORD.len())
                .any(|part| part == PASSWORD.as_bytes())
    };
    let mut came = 0;
    let mut passed = 0;
    while let Some((&[side, high, low], rest)) = records.split_first_chunk::<3>() {
        let length = usize::from(u16::from_be_bytes([high, low])).min(rest.len());
        let (bytes, rest) = rest.split_at(length);
        records = rest;
        let from_client = side & 1 != 0;
        let message = BytesMut::from(bytes);
        let verdict = if from_client {
            filter.client(message)
        } else {
            filter.server(message)
        };
        let Ok(verdict) = verdict else {
            // Whatever comes after that: the session is over.
            return;
        };
        came += bytes.len();
        let mut told = filter.take_for_target();
        assert_messages(&filter.take_for_client());
        match &verdict.forward {
            Forward::Nothing => {}
            Forward::Bytes(bytes) => {
                passed += bytes.len();
                assert!(!holds(bytes) || holds(input), "only the login holds it");
                if from_client && !permissions.keyboard_mouse {
                    assert_eq!(bytes.first(), Some(&3), "no input on the fast path");
                }
                told.extend_from_slice(bytes);
            }
            Forward::Login { bytes, recorded } => {
                assert!(from_client);
                assert!(!holds(recorded) || holds(input));
                assert!(recorded.len() <= bytes.len());
                told.extend_from_slice(bytes);
                // As long as it came, with other names.
                passed += recorded.len().min(length);
            }
        }
        // A list of formats that was changed is in chunks that every peer takes; a console is asked for in a block of its own.
        assert!(passed <= came + came / 32 + 12, "no more passes than came");
        assert_messages(&told);
    }
}

/// What passes is whole messages again.
fn assert_messages(told: &[u8]) {
    let mut rest = told;
    while !rest.is_empty() {
        let head = Head::read(rest).ok().flatten().expect("a message");
        rest = rest.get(head.length..).expect("a whole one");
    }
}
