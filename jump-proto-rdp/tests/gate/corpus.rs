//! Seeds for the fuzzer: the begin of a session, and its messages by what they are. Written only where
//! `JUMP_RDP_RECORD` names a folder.

use std::path::Path;

use jump_core::recording::{Record, RecordKind};
use jump_proto_rdp::wire::share::{self, Control};
use jump_proto_rdp::wire::{Domain, Head, domain};

/// How much of a session is a seed.
const LONGEST: usize = 24 * 1024;

pub(crate) fn write(records: &[Record], name: &str) {
    let Some(folder) = std::env::var_os("JUMP_RDP_RECORD") else {
        return;
    };
    let folder = Path::new(&folder);
    let mut session = vec![0, 0];
    let mut kinds: Vec<(String, Vec<u8>)> = Vec::new();
    for record in records {
        let side = match record.kind {
            RecordKind::FromRep => 1,
            RecordKind::FromTarget => 0,
            _ => continue,
        };
        let mut rest = &record.payload[..];
        while let Some(head) = Head::read(rest).unwrap() {
            let (message, after) = rest.split_at(head.length);
            rest = after;
            if session.len() + message.len() < LONGEST {
                session.push(side);
                session.extend_from_slice(&(message.len() as u16).to_be_bytes());
                session.extend_from_slice(message);
                if let Ok(Domain::ConnectResponse(_)) = domain(message) {
                    session[1] = repeated(message);
                }
                parts(side, message, &mut kinds);
            }
        }
    }
    let save = |target: &str, name: &str, bytes: &[u8]| {
        let folder = folder.join(target);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(name), bytes).unwrap();
    };
    save("rdp_filter", name, &session);
    for (kind, bytes) in kinds {
        save("rdp_wire", &kind, &bytes);
    }
}

/// What the server says that it was asked for, in its first block of settings.
fn repeated(response: &[u8]) -> u8 {
    let key = response.windows(4).position(|part| part == b"McDn").unwrap();
    let core = response[key..]
        .windows(2)
        .position(|part| part == [1, 0xc])
        .unwrap();
    response[key + core + 8]
}

/// What is in a message, for the check of its kind; only the first of each.
fn parts(side: u8, message: &[u8], kinds: &mut Vec<(String, Vec<u8>)>) {
    let mut add = |name: &str, check: u8, bytes: &[u8]| {
        if !kinds.iter().any(|(known, _)| known == name) && bytes.len() < 2048 {
            kinds.push((name.to_owned(), [&[check], bytes].concat()));
        }
    };
    let Ok(domain) = domain(message) else {
        if side == 1 {
            add("fast-path-input", 7, message);
        } else {
            add("fast-path-output", 6, message);
        }
        return;
    };
    let data = match domain {
        Domain::ConnectInitial(_) => return add("connect-initial", 0, message),
        Domain::ConnectResponse(_) => return add("connect-response", 0, message),
        Domain::SendDataRequest(data) | Domain::SendDataIndication(data) => data,
        _ => return,
    };
    let content = &message[data.range];
    if content.first() == Some(&0x40) && side == 1 {
        return add("client-info", 1, content);
    }
    if let Ok(parts) = share::parts(content)
        && share::is_one_part(content)
    {
        for part in parts {
            let pdu = &content[part.range];
            match part.control {
                Control::ConfirmActive => add("confirm-active", 2, pdu),
                Control::DemandActive => add("demand-active", 3, pdu),
                Control::Data(number) => add(&format!("share-data-{number}"), 4, content),
                _ => {}
            }
        }
        return;
    }
    // A chunk of a channel with a message of dynamic channels.
    if content.len() > 9 && content[4] & 3 == 3 {
        let command = content[8] >> 4;
        add(&format!("dynamic-{side}-{command}"), 8, &content[8..]);
        add(&format!("chunk-{side}"), 10, content);
        if side == 1 && command == 3 && content.get(10) == Some(&0x12) {
            add("graphics-capabilities", 9, &content[10..]);
        }
    }
}
