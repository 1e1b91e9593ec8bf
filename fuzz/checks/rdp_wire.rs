//! What must hold for any bytes that are taken for parts of RDP's messages. An ordinary test replays the corpus through this.

use jump_proto_rdp::wire::client_info::{self, Login};
use jump_proto_rdp::wire::dynamic::{self, Dynamic};
use jump_proto_rdp::wire::static_channel::Chunks;
use jump_proto_rdp::wire::{Domain, capabilities, connect, domain, fast_path, input, security, share};

/// The first byte says what the rest is taken for.
pub(crate) fn check(input: &[u8]) {
    let Some((&first, bytes)) = input.split_first() else {
        return;
    };
    let mut changed = bytes.to_vec();
    match first % 12 {
        0 => match domain(bytes) {
            Ok(Domain::ConnectInitial(at)) => {
                if let Ok(settings) = connect::change_client(&mut changed, at, 2, |name| name == "drdynvc") {
                    let mut again = changed.clone();
                    let second = connect::change_client(&mut again, at, 2, |name| name == "drdynvc").unwrap();
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
                    let _ = connect::change_server(&mut changed, at, 11, listed);
                }
            }
            Ok(Domain::SendDataRequest(data) | Domain::SendDataIndication(data)) => {
                assert!(data.range.end == bytes.len());
            }
            _ => {}
        },
        1 => {
            let login = Login {
                domain: "domain",
                user: "user",
                password: "canary",
            };
            if let Ok(made) = client_info::change(bytes, Some(&login)) {
                let again = client_info::change(&made.data, Some(&login)).unwrap();
                assert_eq!(*again.data, *made.data, "what was changed stays as it is");
                assert_eq!(again.recorded, made.recorded);
            }
            if let Ok(own) = client_info::change(bytes, None) {
                assert!(own.data.len() <= bytes.len());
            }
        }
        2 => {
            if capabilities::clamp_client(&mut changed).is_ok() {
                let mut again = changed.clone();
                assert!(capabilities::clamp_client(&mut again).is_ok() && again == changed);
            }
        }
        3 => {
            let _ = capabilities::clamp_server(&mut changed);
        }
        4 => {
            if let Ok(parts) = share::parts(bytes) {
                let all: usize = parts.iter().map(|part| part.range.len()).sum();
                assert_eq!(all, bytes.len(), "nothing is left out");
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
        _ => {
            let _ = security::is_licensing(bytes);
            let _ = security::server_message(bytes);
            let _ = security::check_client_message(bytes);
        }
    }
}
