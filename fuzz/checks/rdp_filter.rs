//! What must hold for any bytes that a gate of RDP has to judge. An ordinary test replays the corpus through this.

use bytes::BytesMut;
use jump_core::session::SessionPermissions;
use jump_proto_rdp::gate::filter::{Filter, FilterOptions, Forward, TargetLogin};
use jump_proto_rdp::wire::Head;

const PASSWORD: &str = "canary-of-the-fuzzer";

/// The first byte says what may happen; then come records: a byte of which the lowest bit says from which side, two for
/// its length, and a message.
pub(crate) fn check(input: &[u8]) {
    let Some((&first, mut records)) = input.split_first() else {
        return;
    };
    let mut permissions = SessionPermissions::ALL;
    permissions.keyboard_mouse = first & 1 == 0;
    permissions.clipboard_to_target = first & 2 == 0;
    permissions.file_upload = first & 4 == 0;
    let mut filter = Filter::new(FilterOptions {
        permissions,
        selected: 2,
        requested: 1,
        login: (first & 8 == 0).then(|| TargetLogin {
            domain: "d".to_owned(),
            user: "u".to_owned(),
            password: PASSWORD.to_owned().into(),
        }),
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
        let mut told = verdict.answer.clone();
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
        assert!(passed <= came, "no more passes than came");
        // What passes is whole messages again.
        let mut rest = &told[..];
        while !rest.is_empty() {
            let head = Head::read(rest).ok().flatten().expect("a message");
            rest = rest.get(head.length..).expect("a whole one");
        }
    }
}
