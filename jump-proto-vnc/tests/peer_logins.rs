//! Logins that no server of the distribution has, with an independent server in Python: RSA-AES and Apple's
//! Diffie-Hellman.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a step that fails is a test that fails"
)]

mod support;

use std::net::{Ipv4Addr, SocketAddr};

use data_encoding::HEXLOWER;
use jump_proto_vnc::RfbError;
use jump_proto_vnc::security::{SecurityPolicy, SecurityType, VncCredential};
use jump_proto_vnc::wire::Input;
use jump_testkit::process::{Process, command};
use support::{LONG, LoggedIn, log_in, password, user};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const RSA_AES: [SecurityType; 4] = [
    SecurityType::RA2,
    SecurityType::RA2NE,
    SecurityType::RA2_256,
    SecurityType::RA2NE_256,
];

struct Peer {
    process: Process,
    address: SocketAddr,
    pin: String,
}

impl Peer {
    /// Takes this user and password; without a user only a password.
    async fn start(kind: SecurityType, user: &str, word: &str) -> Self {
        Self::with(kind, &[user, word]).await
    }

    async fn with(kind: SecurityType, arguments: &[&str]) -> Self {
        let python = std::env::var("JUMP_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/rfb_logins.py");
        let mut run = command(python);
        run.args([script, &kind.0.to_string()]).args(arguments);
        let mut process = Process::spawn(run).unwrap();
        let line = process.wait_for_line("port ", LONG).await.unwrap();
        let mut words = line.split(' ').skip(1);
        let port = words.next().unwrap().parse().unwrap();
        Self {
            process,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            pin: words.next().unwrap().to_owned(),
        }
    }

    async fn log_in(&self, kind: SecurityType, credential: VncCredential) -> Result<LoggedIn, RfbError> {
        let policy = SecurityPolicy::only(&[kind]);
        log_in(self.address, policy, credential, "", |key| {
            HEXLOWER.encode(&key.sha256()) == self.pin
        })
        .await
    }

    /// What is sent after the login arrives, and the answer does.
    async fn talk(&mut self, logged_in: LoggedIn) {
        let LoggedIn {
            session,
            mut wire,
            rest: mut plain,
            ..
        } = logged_in;
        assert_eq!(session.server_init.name, b"peer");
        let Some(mut stream) = session.stream else {
            wire.write_all(b"ping").await.unwrap();
            let mut answer = [0; 4];
            wire.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"PING");
            return;
        };
        let mut sealed = Vec::new();
        stream.sealer.seal(b"ping", &mut sealed).unwrap();
        assert!(!sealed.windows(4).any(|part| part == b"ping"));
        wire.write_all(&sealed).await.unwrap();
        let mut received = Vec::new();
        while plain.len() < 4 {
            assert!(wire.read_buf(&mut received).await.unwrap() > 0);
            let mut input = Input::new(&received);
            if stream.opener.open(&mut input, &mut plain).unwrap() {
                let read = input.consumed();
                received.drain(..read);
            }
        }
        assert_eq!(plain, b"PING");
        self.process.wait_for_line("session ping", LONG).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rsa_aes_logs_in_and_encrypts_what_follows_where_it_says_so() {
    for kind in RSA_AES {
        let mut peer = Peer::start(kind, "käthe", "a longer password than eight").await;
        let credential = user("käthe", "a longer password than eight");
        let logged_in = peer.log_in(kind, credential).await.unwrap();
        let whole = matches!(kind, SecurityType::RA2 | SecurityType::RA2_256);
        assert_eq!(logged_in.session.stream.is_some(), whole, "{kind:?}");
        peer.talk(logged_in).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rsa_aes_takes_a_password_alone_where_the_server_does() {
    let kind = SecurityType::RA2_256;
    let mut peer = Peer::start(kind, "", "only").await;
    let logged_in = peer.log_in(kind, password("only")).await.unwrap();
    peer.talk(logged_in).await;

    let wants_a_user = Peer::start(kind, "someone", "only").await;
    assert!(matches!(
        wants_a_user.log_in(kind, password("only")).await.err(),
        Some(RfbError::MissingCredential(_))
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_refused_with_the_servers_reason() {
    for kind in [SecurityType::RA2, SecurityType::RA2NE_256, SecurityType::APPLE_DH] {
        let peer = Peer::start(kind, "someone", "right").await;
        let refused = peer.log_in(kind, user("someone", "wrong")).await.err();
        assert_eq!(
            refused,
            Some(RfbError::Refused("wrong user or password".to_owned())),
            "{kind:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_somebody_else_gets_nothing() {
    let kind = SecurityType::RA2_256;
    let mut peer = Peer::start(kind, "someone", "right").await;
    let policy = SecurityPolicy::only(&[kind]);
    let refused = log_in(peer.address, policy, user("someone", "right"), "", |_| false).await;
    assert!(matches!(refused.err(), Some(RfbError::Untrusted(_))));
    // It did not even get the client's key.
    peer.process
        .wait_for_line("the viewer went away", LONG)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_the_hash_of_the_keys_gets_no_password() {
    let kind = SecurityType::RA2;
    let mut peer = Peer::with(kind, &["someone", "right", "lie"]).await;
    let refused = peer.log_in(kind, user("someone", "right")).await;
    assert!(matches!(refused.err(), Some(RfbError::Untrusted(_))));
    peer.process
        .wait_for_line("the viewer went away", LONG)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn apples_login_takes_a_user_and_a_password() {
    let kind = SecurityType::APPLE_DH;
    let long = "p".repeat(63);
    let mut peer = Peer::start(kind, "käthe", &long).await;
    let logged_in = peer.log_in(kind, user("käthe", &long)).await.unwrap();
    peer.talk(logged_in).await;

    let peer = Peer::start(kind, "käthe", &long).await;
    let too_long = peer.log_in(kind, user("käthe", &"p".repeat(64))).await;
    assert!(matches!(too_long.err(), Some(RfbError::Unsupported(_))));
}
