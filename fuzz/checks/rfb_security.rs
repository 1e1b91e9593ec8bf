//! What must hold for any bytes that are taken for the other end of a handshake. An ordinary test replays the corpus
//! through this.

use jump_core::secret::Secret;
use jump_proto_vnc::security::{
    ClientConfig, ClientHandshake, ClientStep, SecurityPolicy, SecurityType, ServerHandshake, ServerLogin,
    ServerStep, VncCredential,
};
use jump_proto_vnc::wire::Input;

const PASSWORD: &str = "a password that nobody else writes";

/// The first byte says which end is played and how long the pieces are.
pub(crate) fn check(data: &[u8]) {
    let Some((&first, stream)) = data.split_first() else {
        return;
    };
    let piece = usize::from(first & 0x3f).max(1);
    match first >> 6 {
        0 | 1 => {
            let policy = SecurityPolicy::only(SecurityType::BY_STRENGTH);
            let whole = client(stream, stream.len().max(1), policy.clone());
            assert_eq!(whole, client(stream, piece, policy), "pieces make no difference");
        }
        2 => {
            // Nothing that the server says gets the password out of a policy that has no login.
            let sent = client(stream, piece, SecurityPolicy::only(&[SecurityType::NONE])).0;
            let word = PASSWORD.as_bytes();
            assert!(!sent.windows(word.len()).any(|part| part == word));
        }
        _ => server(stream, piece),
    }
}

/// What was sent, and whether it ended well.
fn client(stream: &[u8], piece: usize, policy: SecurityPolicy) -> (Vec<u8>, Option<bool>) {
    let mut handshake = ClientHandshake::new(ClientConfig {
        policy,
        credential: VncCredential::Login {
            user: "user".to_owned(),
            password: Secret::new(PASSWORD.to_owned()),
        },
        shared: true,
        seed: Secret::new([1; 32]),
        client_key: None,
    });
    let mut sent = Vec::new();
    let mut held = Vec::new();
    let mut pieces = stream.chunks(piece);
    loop {
        let mut input = Input::new(&held);
        let step = handshake.advance(&mut input, &mut sent);
        let read = input.consumed();
        held.drain(..read);
        match step {
            Ok(ClientStep::More) => match pieces.next() {
                Some(piece) => held.extend_from_slice(piece),
                None => return (sent, None),
            },
            Ok(ClientStep::StartTls) => handshake.tls_started(),
            Ok(ClientStep::VerifyKey(_)) => handshake.accept_key(),
            Ok(ClientStep::Done(session)) => {
                assert!(session.stream.is_none(), "nobody guesses a MAC");
                return (sent, Some(true));
            }
            Err(_) => {
                let again = handshake.advance(&mut Input::new(&[]), &mut Vec::new());
                assert!(again.is_err(), "it is over");
                return (Vec::new(), Some(false));
            }
        }
    }
}

fn server(stream: &[u8], piece: usize) {
    let login = ServerLogin::Password {
        password: Secret::new(PASSWORD.to_owned()),
        challenge: [3; 16],
    };
    let mut handshake = ServerHandshake::new(login).with_tight();
    let mut sent = Vec::new();
    let mut held = Vec::new();
    let mut pieces = stream.chunks(piece);
    loop {
        let mut input = Input::new(&held);
        let step = handshake.advance(&mut input, &mut sent);
        let read = input.consumed();
        held.drain(..read);
        match step {
            Ok(ServerStep::More) => match pieces.next() {
                Some(piece) => held.extend_from_slice(piece),
                None => return,
            },
            Ok(_) => unreachable!("nobody guesses the response"),
            Err(_) => return,
        }
    }
}
