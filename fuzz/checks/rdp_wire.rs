//! What must hold for any bytes that are taken for parts of RDP's messages. An ordinary test replays the corpus through this.

use jump_proto_rdp::wire::client_info::{self, Changes, Login};
use jump_proto_rdp::wire::clipboard;
use jump_proto_rdp::wire::connect::Wishes;
use jump_proto_rdp::wire::dynamic::{self, Dynamic};
use jump_proto_rdp::wire::static_channel::Chunks;
use jump_proto_rdp::wire::{Domain, capabilities, connect, domain, fast_path, input, security, share};

/// The first byte says what the rest is taken for.
pub(crate) fn check(input: &[u8]) {
    let Some((&first, bytes)) = input.split_first() else {
        return;
    };
    let mut changed = bytes.to_vec();
    match first % 13 {
        0 => match domain(bytes) {
            Ok(Domain::ConnectInitial(at)) => {
                let wishes = Wishes {
                    console: bytes.last().is_some_and(|last| last & 1 != 0),
                    depth: bytes.last().filter(|last| **last & 2 != 0).map(|_| 16),
                    no_graphics: false,
                };
                let keep = |name: &str| name == "drdynvc";
                if let Ok(settings) = connect::change_client(&mut changed, at, 2, wishes, keep) {
                    let mut again = changed.clone();
                    let second = connect::change_client(&mut again, at, 2, wishes, keep).unwrap();
                    let kept = |channels: &[connect::ListedChannel]| {
                        channels.iter().filter(|channel| channel.kept).count()
                    };
                    assert_eq!(again, changed, "what was changed stays as it is");
                    assert_eq!(kept(&settings.channels), kept(&second.channels));
                    assert!(kept(&settings.channels) <= 1);
                }
            }
            Ok(Domain::ConnectResponse(at)) => {
                for listed in 0..4 {
                    let _ = connect::change_server(&mut changed, at, None, listed);
                }
            }
            Ok(Domain::SendDataRequest(data) | Domain::SendDataIndication(data)) => {
                assert!(data.range.end == bytes.len());
            }
            _ => {}
        },
        1 => {
            let changes = Changes {
                login: Some(Login {
                    domain: "domain",
                    user: "user",
                    password: Some("canary"),
                }),
                program: bytes.last().filter(|last| **last & 1 != 0).map(|_| "program"),
                remote_app: bytes.last().is_some_and(|last| last & 2 != 0),
                performance: bytes.last().map(|last| u32::from(*last)),
            };
            if let Ok(made) = client_info::change(bytes, &changes) {
                let again = client_info::change(&made.data, &changes).unwrap();
                assert_eq!(*again.data, *made.data, "what was changed stays as it is");
                assert_eq!(again.recorded, made.recorded);
            }
            if let Ok(own) = client_info::change(bytes, &Changes::default()) {
                assert!(own.data.len() <= bytes.len());
            }
        }
        2 => {
            let lossy = bytes.last().is_some_and(|last| last & 1 != 0);
            if capabilities::clamp_client(&mut changed, lossy, !lossy).is_ok() {
                let mut again = changed.clone();
                assert!(capabilities::clamp_client(&mut again, lossy, !lossy).is_ok() && again == changed);
            }
        }
        3 => {
            let _ = capabilities::clamp_server(&mut changed);
        }
        4 => {
            if let Ok(parts) = share::parts(bytes) {
                let all: usize = parts.iter().map(|part| part.range.len()).sum();
                assert_eq!(all, bytes.len(), "nothing is left out");
                for part in parts {
                    let pdu = &bytes[part.range];
                    if let Some((_, data)) = share::graphics(pdu) {
                        assert!(pdu.ends_with(data));
                        assert_eq!(part.control, share::Control::Data(pdu[14]));
                    }
                }
            }
        }
        5 => {
            if share::blank_cookie(&mut changed) == Ok(true) {
                assert!(changed[44..60].iter().all(|byte| *byte == 0));
            }
        }
        6 => {
            let _ = fast_path::check_output(bytes);
            let _ = fast_path::check_input(bytes);
        }
        7 => {
            let _ = input::of_fast_path(bytes);
            let _ = input::of_share_data(bytes);
        }
        8 => match Dynamic::read(bytes) {
            Ok(Dynamic::Create { rest, .. }) => {
                let _ = dynamic::name(bytes, rest);
                let answer = dynamic::refuse(bytes).unwrap();
                assert!(Dynamic::read(&answer).is_ok());
            }
            Ok(Dynamic::Data { data, .. } | Dynamic::DataFirst { data, .. }) => {
                assert!(data.end == bytes.len())
            }
            Ok(Dynamic::Capabilities { .. }) => {
                let _ = dynamic::clamp_version(&mut changed);
            }
            _ => {}
        },
        9 => {
            let total = changed.len();
            if dynamic::clamp_graphics(&mut changed, total).is_ok() {
                let mut again = changed.clone();
                assert!(dynamic::clamp_graphics(&mut again, total).is_ok() && again == changed);
            }
            let _ = dynamic::clamp_graphics(&mut changed, total + usize::from(first));
        }
        10 => {
            let mut chunks = Chunks::default();
            for chunk in bytes.chunks(64) {
                match chunks.take(chunk, 0..chunk.len()) {
                    Ok(Some(whole)) => assert!(whole.into_messages().is_ok()),
                    Ok(None) => {}
                    Err(_) => break,
                }
            }
        }
        12 => {
            // The last byte says whether names are long and files may pass.
            let options = bytes.last().copied().unwrap_or_default();
            let long = options & 1 != 0;
            if clipboard::clamp(&mut changed, options & 2 != 0).is_ok() {
                let mut again = changed.clone();
                assert!(clipboard::clamp(&mut again, options & 2 != 0).is_ok() && again == changed);
            }
            let _ = clipboard::number(bytes);
            if clipboard::Header::read(bytes, bytes.len()).is_ok()
                && let Ok(formats) = clipboard::formats(bytes, long)
            {
                let files: Vec<_> = formats.iter().filter(|format| format.file).cloned().collect();
                let kept = clipboard::without(bytes, &files).unwrap();
                let left = clipboard::formats(&kept, long).unwrap();
                assert_eq!(left.len(), formats.len() - files.len());
                assert!(left.iter().all(|format| !format.file));
            }
        }
        _ => {
            let _ = jump_proto_rdp::wire::rail::number(bytes);
            let _ = security::is_licensing(bytes);
            let _ = security::server_message(bytes);
            let _ = security::check_client_message(bytes);
        }
    }
}
