//! The handshake of both ends without a network: every version, every piece, every end.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a step that fails is a test that fails"
)]

use jump_core::secret::Secret;
use jump_proto_vnc::RfbError;
use jump_proto_vnc::security::{
    Capability, ClientConfig, ClientHandshake, ClientSession, ClientStep, SecurityPolicy, SecurityType,
    ServerHandshake, ServerLogin, ServerStep, TightCapabilities, VncCredential,
};
use jump_proto_vnc::wire::{Input, PixelFormat, ServerInit, Size, Version};
use proptest::prelude::*;

fn client(policy: SecurityPolicy, word: Option<&str>) -> ClientHandshake {
    let credential = match word {
        Some(word) => VncCredential::Login {
            user: "someone".to_owned(),
            password: Secret::new(word.to_owned()),
        },
        None => VncCredential::None,
    };
    ClientHandshake::new(ClientConfig {
        policy,
        credential,
        shared: true,
        seed: Secret::new([7; 32]),
        client_key: None,
    })
}

fn all() -> SecurityPolicy {
    SecurityPolicy::only(SecurityType::BY_STRENGTH)
}

fn init() -> Vec<u8> {
    let init = ServerInit {
        size: Size { width: 4, height: 3 },
        pixel_format: PixelFormat::BGRX8888,
        name: b"desk".to_vec(),
    };
    let mut bytes = Vec::new();
    init.write(&mut bytes).unwrap();
    bytes
}

/// What came of a server's bytes, given in pieces of `piece` bytes.
struct Outcome {
    sent: Vec<u8>,
    end: Result<ClientSession, RfbError>,
    rest: Vec<u8>,
}

fn play(mut client: ClientHandshake, server: &[u8], piece: usize) -> Outcome {
    let mut received = Vec::new();
    let mut sent = Vec::new();
    let mut pieces = server.chunks(piece);
    let end = loop {
        let mut input = Input::new(&received);
        let step = client.advance(&mut input, &mut sent);
        let read = input.consumed();
        received.drain(..read);
        match step {
            Ok(ClientStep::More) => match pieces.next() {
                Some(piece) => received.extend(piece),
                None => break Err(client.closed(&received)),
            },
            Ok(ClientStep::StartTls) => {
                sent.extend(b"<tls>");
                client.tls_started();
            }
            Ok(ClientStep::VerifyKey(_)) => client.accept_key(),
            Ok(ClientStep::Done(session)) => break Ok(*session),
            Err(error) => break Err(error),
        }
    };
    received.extend(pieces.flatten());
    Outcome {
        sent,
        end,
        rest: received,
    }
}

/// A server's side of a handshake and the client's answer to it.
struct Script {
    server: Vec<u8>,
    policy: SecurityPolicy,
    sent: &'static [u8],
    security: SecurityType,
}

fn scripts() -> Vec<Script> {
    let capability = |code: u32, name: &[u8; 12]| [&code.to_be_bytes()[..], name].concat();
    let script = |parts: &[&[u8]], sent, security| Script {
        server: [&parts.concat()[..], &init()].concat(),
        policy: all(),
        sent,
        security,
    };
    let no_tunnel = capability(0, b"TGHTNOTUNNEL");
    let no_login = capability(1, b"STDVNOAUTH__");
    let tight_lists = [&[0, 1, 0, 0, 0, 1, 0, 0][..], &no_login, &no_login].concat();
    let ok = [0, 0, 0, 0];
    let mut all = vec![
        script(
            &[b"RFB 003.003\n", &[0, 0, 0, 1]],
            b"RFB 003.003\n\x01",
            SecurityType::NONE,
        ),
        script(
            &[b"RFB 003.007\n", &[2, 1, 200]],
            b"RFB 003.007\n\x01\x01",
            SecurityType::NONE,
        ),
        script(
            &[b"RFB 003.889\n", &[1, 1], &ok],
            b"RFB 003.008\n\x01\x01",
            SecurityType::NONE,
        ),
        script(
            &[
                b"RFB 005.000\n",
                &[2, 19, 1],
                &[0, 2, 0],
                &[2, 0, 0, 1, 1, 0, 0, 1, 4],
                &[1],
                &ok,
            ],
            b"RFB 003.008\n\x13\x00\x02\x00\x00\x01\x04<tls>\x01",
            SecurityType::X509_NONE,
        ),
        script(
            &[b"RFB 003.008\n", &[1, 19], &[0, 2, 0], &[1, 0, 0, 1, 0], &ok],
            b"RFB 003.008\n\x13\x00\x02\x00\x00\x01\x00\x00\x00\x00\x07\x00\x00\x00\x04someoneword\x01",
            SecurityType::PLAIN,
        ),
    ];
    // The lists come after the first words.
    let mut tight = script(
        &[
            b"RFB 003.008\n",
            &[1, 16],
            &[0, 0, 0, 1],
            &no_tunnel,
            &[0, 0, 0, 1],
            &no_login,
            &ok,
        ],
        b"RFB 003.008\n\x10\x00\x00\x00\x00\x00\x00\x00\x01\x01",
        SecurityType::NONE,
    );
    tight.server.extend(&tight_lists);
    all.push(tight);
    let mut nothing_to_choose = script(
        &[b"RFB 003.007\n", &[1, 16], &[0, 0, 0, 0], &[0, 0, 0, 0]],
        b"RFB 003.007\n\x10\x01",
        SecurityType::NONE,
    );
    nothing_to_choose.server.extend([0; 8]);
    all.push(nothing_to_choose);
    all
}

#[test]
fn every_version_and_list_is_answered_however_the_bytes_come() {
    for Script {
        server,
        policy,
        sent,
        security,
    } in scripts()
    {
        let with_more = [&server[..], b"more"].concat();
        for piece in [1, 2, 3, 5, 7, 1000] {
            let outcome = play(client(policy.clone(), Some("word")), &with_more, piece);
            let session = outcome.end.unwrap();
            assert_eq!(outcome.sent, sent, "{piece}");
            assert_eq!(session.security, security);
            assert_eq!(session.server_init.name, b"desk");
            assert_eq!(outcome.rest, b"more", "what follows is the session's");
        }
        for end in 0..server.len() {
            let outcome = play(client(policy.clone(), Some("word")), &server[..end], 1000);
            assert!(outcome.end.is_err(), "{end} bytes are not all");
            assert!(sent.starts_with(&outcome.sent));
        }
    }
}

#[test]
fn refusals_come_with_their_reason() {
    let reason = [&[0, 0, 0, 4][..], b"full"].concat();
    let challenge = [9; 16];
    for (parts, meant) in [
        (vec![&b"RFB 003.003\n"[..], &[0, 0, 0, 0], &reason], "full"),
        (vec![&b"RFB 003.008\n"[..], &[0], &reason], "full"),
        (
            vec![&b"RFB 003.008\n"[..], &[1, 2], &challenge, &[0, 0, 0, 1], &reason],
            "full",
        ),
        (
            vec![&b"RFB 003.008\n"[..], &[1, 2], &challenge, &[0, 0, 0, 2], &reason],
            "full",
        ),
        (
            vec![
                &b"RFB 003.008\n"[..],
                &[1, 2],
                &challenge,
                &[0, 0, 0, 1],
                &reason[..6],
            ],
            "fu",
        ),
        (vec![&b"RFB 003.008\n"[..], &[1, 2], &challenge], ""),
        (
            vec![&b"RFB 003.007\n"[..], &[1, 2], &challenge, &[0, 0, 0, 1]],
            "",
        ),
        (
            vec![&b"RFB 003.003\n"[..], &[0, 0, 0, 2], &challenge, &[0, 0, 0, 2]],
            "too many attempts",
        ),
    ] {
        for piece in [1, 1000] {
            let outcome = play(client(all(), Some("word")), &parts.concat(), piece);
            assert_eq!(
                outcome.end.unwrap_err(),
                RfbError::Refused(meant.to_owned()),
                "{parts:?}"
            );
        }
    }
    let endless = [&b"RFB 003.008\n"[..], &[0], &[0, 0, 0x10, 1]].concat();
    let outcome = play(client(all(), None), &endless, 1000);
    assert!(matches!(outcome.end, Err(RfbError::Limit(_))));
}

#[test]
fn nothing_is_sent_for_a_login_that_is_not_allowed() {
    for server in [
        &b"RFB 003.003\n\x00\x00\x00\x01"[..],
        b"RFB 003.008\n\x01\x01",
        b"RFB 003.008\n\x01\x10\x00\x00\x00\x00\x00\x00\x00\x00",
        b"RFB 003.008\n\x01\x13\x00\x02\x00\x01\x00\x00\x01\x00",
    ] {
        let outcome = play(client(SecurityPolicy::encrypted(), Some("word")), server, 1000);
        assert!(matches!(outcome.end, Err(RfbError::NotAllowed(_))), "{server:?}");
        let before = [
            &b"RFB 003.008\n"[..],
            b"RFB 003.003\n",
            b"RFB 003.008\n\x13\x00\x02",
        ];
        assert!(before.contains(&&outcome.sent[..]), "{:?}", outcome.sent);
    }
}

#[test]
fn a_session_goes_on_only_after_tls_and_after_the_key_is_accepted() {
    let server = b"RFB 003.008\n\x01\x13\x00\x02\x00\x01\x00\x00\x01\x05\x01";
    let mut handshake = client(all(), Some("word"));
    let mut input = Input::new(server);
    let mut sent = Vec::new();
    for _ in 0..3 {
        let step = handshake.advance(&mut input, &mut sent).unwrap();
        assert!(matches!(step, ClientStep::StartTls));
    }
    handshake.accept_key();
    let step = handshake.advance(&mut input, &mut sent).unwrap();
    assert!(matches!(step, ClientStep::StartTls), "that was no answer");
    handshake.tls_started();
    let step = handshake.advance(&mut input, &mut sent).unwrap();
    assert!(matches!(step, ClientStep::More));
}

#[test]
fn nothing_prints_the_password() {
    let handshake = client(all(), Some("hunter2"));
    assert!(!format!("{handshake:?}").contains("hunter2"));
    let login = ServerLogin::Password {
        password: Secret::new("hunter2".to_owned()),
        challenge: [0; 16],
    };
    assert!(!format!("{login:?}").contains("hunter2"));
    assert!(!format!("{:?}", ServerHandshake::new(login)).contains("hunter2"));
}

/// Both ends with each other, `piece` bytes at a time.
fn meet(
    login: ServerLogin,
    word: Option<&str>,
    piece: usize,
) -> (Result<ServerStep, RfbError>, Result<ClientSession, RfbError>) {
    converse(ServerHandshake::new(login), client(all(), word), piece)
}

/// What a server can do that has TightVNC's extensions.
fn capabilities() -> TightCapabilities {
    let [bell, update] = [2, 0].map(|code| Capability::new(code, *b"STDV", *b"MESSAGE_"));
    TightCapabilities {
        server_messages: vec![bell, update],
        client_messages: vec![Capability::new(-7, *b"TGHT", *b"FTC_LSRQ")],
        encodings: vec![Capability::new(7, *b"TGHT", *b"TIGHT___"); 3],
    }
}

fn converse(
    mut server: ServerHandshake,
    mut client: ClientHandshake,
    piece: usize,
) -> (Result<ServerStep, RfbError>, Result<ClientSession, RfbError>) {
    let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
    let mut seen_by_server = Vec::new();
    let mut seen_by_client = Vec::new();
    let mut server_end = None;
    loop {
        let mut moved = false;
        if server_end.is_none() {
            let mut input = Input::new(&seen_by_server);
            let step = server.advance(&mut input, &mut to_client);
            let read = input.consumed();
            seen_by_server.drain(..read);
            if step != Ok(ServerStep::More) {
                if let Ok(ServerStep::Done(session)) = step {
                    to_client.extend(init());
                    if session.tight {
                        capabilities().write(&mut to_client).unwrap();
                    }
                }
                server_end = Some(step);
            }
        }
        let mut input = Input::new(&seen_by_client);
        let step = client.advance(&mut input, &mut to_server);
        let read = input.consumed();
        seen_by_client.drain(..read);
        let client_end = match step {
            Ok(ClientStep::More) => None,
            Ok(ClientStep::Done(session)) => Some(Ok(*session)),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Some(Err(error)),
        };
        if let Some(client_end) = client_end {
            return (server_end.expect("the server is first"), client_end);
        }
        for (from, to) in [
            (&mut to_server, &mut seen_by_server),
            (&mut to_client, &mut seen_by_client),
        ] {
            let count = piece.min(from.len());
            moved |= count > 0;
            to.extend(from.drain(..count));
        }
        assert!(moved, "both wait");
    }
}

fn one_time(word: &str) -> ServerLogin {
    ServerLogin::Password {
        password: Secret::new(word.to_owned()),
        challenge: std::array::from_fn(|index| index as u8),
    }
}

#[test]
fn both_ends_understand_each_other() {
    for piece in [1, 4, 1000] {
        for (login, word) in [(ServerLogin::None, None), (one_time("word"), Some("word"))] {
            let (server, client) = meet(login, word, piece);
            let Ok(ServerStep::Done(session)) = server else {
                panic!("{server:?}");
            };
            assert_eq!((session.version, session.shared), (Version::V3_8, true));
            assert_eq!(client.unwrap().server_init.name, b"desk");
        }
        let (server, client) = meet(one_time("word"), Some("other"), piece);
        assert!(matches!(server, Err(RfbError::Refused(_))));
        assert_eq!(
            client.unwrap_err(),
            RfbError::Refused("the password is wrong".to_owned())
        );
        let (server, client) = meet(ServerLogin::Refuse("the target is off".to_owned()), None, piece);
        assert_eq!(server, Ok(ServerStep::Refused));
        assert_eq!(
            client.unwrap_err(),
            RfbError::Refused("the target is off".to_owned())
        );
    }
}

#[test]
fn both_ends_understand_each_other_with_tightvncs_extensions() {
    for piece in [1, 4, 1000] {
        let logins: [(fn() -> ServerLogin, _); 2] =
            [(|| ServerLogin::None, None), (|| one_time("word"), Some("word"))];
        for (login, word) in logins {
            let server = || ServerHandshake::new(login()).with_tight();
            let (by_tight, viewer) = converse(server(), client(all().tight_first(), word), piece);
            let viewer = viewer.unwrap();
            assert!(matches!(by_tight, Ok(ServerStep::Done(session)) if session.tight));
            assert_eq!(viewer.tight, Some(capabilities()));
            assert_eq!(viewer.server_init.name, b"desk");
            // Who does not want them gets none.
            let (plainly, viewer) = converse(server(), client(all(), word), piece);
            assert!(matches!(plainly, Ok(ServerStep::Done(session)) if !session.tight));
            assert_eq!(viewer.unwrap().tight, None);
        }
        let server = ServerHandshake::new(one_time("word")).with_tight();
        let (server, viewer) = converse(server, client(all().tight_first(), Some("other")), piece);
        assert!(matches!(server, Err(RfbError::Refused(_))));
        assert!(matches!(viewer, Err(RfbError::Refused(_))));
    }
    // A login that was not in the list, and an old viewer.
    for (viewer, answer) in [
        (
            &b"RFB 003.008\n\x10\x00\x00\x00\x02"[..],
            &b"\x02\x01\x10\0\0\0\0\0\0\0\x01\0\0\0\x01STDVNOAUTH__\0\0\0\x01"[..],
        ),
        (b"RFB 003.003\n", b"\0\0\0\x01"),
    ] {
        let mut server = ServerHandshake::new(ServerLogin::None).with_tight();
        let mut sent = Vec::new();
        let step = server.advance(&mut Input::new(viewer), &mut sent);
        assert_eq!(step.is_err(), viewer.len() > 12);
        assert!(sent[12..].starts_with(answer), "{sent:?}");
    }
}

#[test]
fn a_server_lists_at_most_512_capabilities_of_a_kind() {
    let list = |length| TightCapabilities {
        encodings: vec![Capability::NO_TUNNEL; length],
        ..TightCapabilities::default()
    };
    let mut output = Vec::new();
    list(512).write(&mut output).unwrap();
    assert_eq!(output.len(), 8 + 512 * Capability::LENGTH);
    output.clear();
    assert!(matches!(list(513).write(&mut output), Err(RfbError::Limit(_))));
    assert!(output.is_empty());
}

#[test]
fn a_viewer_of_any_version_is_answered_in_it() {
    let none = || ServerLogin::None;
    let refuse = || ServerLogin::Refuse("no".to_owned());
    for (login, viewer, answer) in [
        (none(), &b"RFB 003.003\n"[..], &b"\0\0\0\x01"[..]),
        (none(), b"RFB 003.005\n", b"\0\0\0\x01"),
        (none(), b"RFB 003.007\n\x01", b"\x01\x01"),
        (none(), b"RFB 003.008\n\x01", b"\x01\x01\0\0\0\0"),
        (refuse(), b"RFB 003.003\n", b"\0\0\0\0\0\0\0\x02no"),
        (refuse(), b"RFB 003.008\n", b"\0\0\0\0\x02no"),
    ] {
        let mut server = ServerHandshake::new(login);
        let mut sent = Vec::new();
        server.advance(&mut Input::new(viewer), &mut sent).unwrap();
        let (hello, rest) = sent.split_at(12);
        assert_eq!(hello, b"RFB 003.008\n");
        assert_eq!(rest, answer, "{viewer:?}");
    }
    let mut server = ServerHandshake::new(none());
    let chosen = server.advance(&mut Input::new(b"RFB 003.008\n\x02"), &mut Vec::new());
    assert!(matches!(chosen, Err(RfbError::Protocol(_))), "it was not offered");
}

/// What a server sends of Apple's Diffie-Hellman with an odd modulus of so many bytes.
fn apple(bytes: u16) -> Vec<u8> {
    let length = bytes.to_be_bytes();
    let (modulus, public) = (vec![0xff; bytes.into()], vec![0x7f; bytes.into()]);
    [&b"RFB 003.008\n\x01\x1e\x00\x02"[..], &length, &modulus, &public].concat()
}

#[test]
fn a_servers_numbers_are_as_long_as_those_of_real_ones_and_no_longer() {
    for (bytes, taken) in [
        (127, false),
        (128, true),
        (512, true),
        (513, false),
        (1024, false),
    ] {
        let outcome = play(client(all(), Some("word")), &apple(bytes), usize::MAX);
        // The encrypted user name and password, and the client's value.
        let answered = outcome.sent.len() == 13 + 128 + usize::from(bytes);
        let refused = matches!(outcome.end, Err(RfbError::Unsupported(_)));
        assert_eq!((answered, refused), (taken, !taken), "{bytes} bytes");
    }
}

proptest! {
    #[test]
    fn any_bytes_end_in_an_error_or_wait(
        start in prop::sample::select(vec![
            &b""[..], b"RFB 003.003\n", b"RFB 003.007\n", b"RFB 003.008\n", b"RFB 003.008\n\x01\x13\x00\x02\x00",
            b"RFB 003.008\n\x01\x10", b"RFB 003.008\n\x01\x1e", b"RFB 003.008\n\x01\x02",
            b"RFB 003.008\n\x01\x81\x00\x00\x04\x00",
        ]),
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        piece in 1usize..50,
    ) {
        let server = [start, &bytes].concat();
        let whole = play(client(all(), Some("word")), &server, server.len().max(1));
        let pieces = play(client(all(), Some("word")), &server, piece);
        prop_assert_eq!(whole.end.map(|session| session.server_init), pieces.end.map(|session| session.server_init));
        let _ = ServerHandshake::new(one_time("word")).advance(&mut Input::new(&server), &mut Vec::new());
    }
}
