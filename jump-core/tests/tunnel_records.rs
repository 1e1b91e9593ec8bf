//! Records: what a peer with a good key can do to the engine, and key updates.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test helpers"
)]

mod tunnel_support;

use std::sync::Arc;

use jump_core::tunnel::{Socket, Tls, TlsStream};
use jump_core::{Error, ErrorKind};
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::{CipherSuiteCommon, SupportedCipherSuite, Tls13CipherSuite};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tunnel_support::forger::{ALERT, DATA, Forger, HANDSHAKE};
use tunnel_support::{Keys, exchange, noise, tcp_pair, within};

async fn forged() -> (Forger<Socket>, TlsStream<Socket>) {
    let (near, far) = tcp_pair().await;
    let (tls, keys) = (Tls::ring(), Keys::new());
    let (forger, stream) =
        within(async { tokio::join!(Forger::connect(near, &keys.rep), keys.accept(&tls, far)) }).await;
    (forger, stream.unwrap())
}

/// The kind of the error that ends the stream, and what could be read before it.
async fn read_until_error(stream: &mut TlsStream<Socket>) -> (Vec<u8>, ErrorKind) {
    let mut got = Vec::new();
    let error = within(stream.read_to_end(&mut got)).await.unwrap_err();
    (got, Error::from_io(ErrorKind::Internal, "read", error).kind())
}

#[tokio::test]
async fn a_forgers_honest_records_are_read() {
    let (mut forger, mut stream) = forged().await;
    // Of all sizes: the empty one, one byte, and the longest, all in one piece on the wire.
    let longest = noise(1, 1 << 14);
    let mut wire = Vec::new();
    for content in [b"".as_slice(), b"a", &longest, b"", b"z"] {
        wire.extend(forger.seal(DATA, content));
    }
    wire.extend(forger.seal(ALERT, &[1, 0]));
    within(forger.socket.write_all(&wire)).await.unwrap();
    let mut got = Vec::new();
    within(stream.read_to_end(&mut got)).await.unwrap();
    assert!(got == [b"a".as_slice(), &longest, b"z"].concat());
}

#[tokio::test]
async fn records_that_come_byte_by_byte_are_read() {
    let (mut forger, mut stream) = forged().await;
    let wire = [
        forger.seal(DATA, b"slow "),
        forger.seal(DATA, b"but sure"),
        forger.seal(ALERT, &[1, 0]),
    ]
    .concat();
    let write = async {
        for byte in wire {
            forger.socket.write_all(&[byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    let mut got = String::new();
    let (_, read) = within(async { tokio::join!(write, stream.read_to_string(&mut got)) }).await;
    read.unwrap();
    assert_eq!(got, "slow but sure");
}

#[tokio::test]
async fn a_key_update_split_over_two_records_is_refused_and_the_stream_survives_being_written_to() {
    let (mut forger, mut stream) = forged().await;
    let wire = [forger.seal(DATA, b"before"), forger.seal(HANDSHAKE, &[24, 0, 0])].concat();
    within(forger.socket.write_all(&wire)).await.unwrap();
    let (got, kind) = read_until_error(&mut stream).await;
    assert_eq!(
        (got.as_slice(), kind),
        (b"before".as_slice(), ErrorKind::Protocol)
    );
    assert!(within(stream.write_all(b"more")).await.is_err());
    within(stream.shutdown()).await.unwrap();
}

#[tokio::test]
async fn what_came_before_a_broken_record_is_delivered_and_the_break_is_an_error() {
    type Breaking = fn(&mut Forger<Socket>) -> Vec<u8>;
    let broken: [(&str, Breaking); 6] = [
        ("a longer record than allowed", |_| vec![23, 3, 3, 0xff, 0xff]),
        ("a plaintext longer than allowed", |forger| {
            forger.seal(DATA, &vec![0; (1 << 14) + 1])
        }),
        ("a record of an unknown type", |forger| forger.seal(99, b"?")),
        ("a changed record", |forger| {
            let mut record = forger.seal(DATA, b"changed");
            record[8] ^= 1;
            record
        }),
        ("a new handshake", |forger| {
            forger.seal(HANDSHAKE, &[1, 0, 0, 1, 0])
        }),
        ("endless empty records", |forger| {
            (0..100).flat_map(|_| forger.seal(DATA, b"")).collect()
        }),
    ];
    for (what, breaking) in broken {
        let (mut forger, mut stream) = forged().await;
        let mut wire = forger.seal(DATA, b"good");
        wire.extend(breaking(&mut forger));
        within(forger.socket.write_all(&wire)).await.unwrap();
        let (got, kind) = read_until_error(&mut stream).await;
        assert_eq!(
            (got.as_slice(), kind),
            (b"good".as_slice(), ErrorKind::Protocol),
            "{what}"
        );
        let again = within(stream.read_u8()).await.unwrap_err();
        let again = Error::from_io(ErrorKind::Internal, "read", again).kind();
        assert_eq!(again, ErrorKind::Closed, "{what}: a failed stream stays failed");
    }
}

#[tokio::test]
async fn what_follows_the_closing_message_is_ignored() {
    let (mut forger, mut stream) = forged().await;
    let wire = [
        forger.seal(DATA, b"last"),
        forger.seal(ALERT, &[1, 0]),
        forger.seal(DATA, b"late"),
    ]
    .concat();
    within(forger.socket.write_all(&wire)).await.unwrap();
    let mut got = String::new();
    within(stream.read_to_string(&mut got)).await.unwrap();
    assert_eq!(got, "last");
}

#[tokio::test]
async fn data_and_the_end_right_behind_the_handshake_are_not_lost() {
    let (near, far) = tcp_pair().await;
    let (tls, keys) = (Tls::ring(), Keys::new());
    let connect = async {
        let mut stream = keys.connect(&tls, near).await.unwrap();
        stream.write_all(b"at once").await.unwrap();
        stream.shutdown().await.unwrap();
        stream
    };
    let near = within(connect);
    let server = async {
        let mut stream = keys.accept(&tls, far).await.unwrap();
        let mut got = String::new();
        stream.read_to_string(&mut got).await.unwrap();
        got
    };
    let (_near, got) = within(async { tokio::join!(near, server) }).await;
    assert_eq!(got, "at once");
}

/// TLS whose keys are used up after so few records that they change all the time.
fn short_lived_keys() -> Tls {
    let suite = TLS13_AES_128_GCM_SHA256.tls13().unwrap();
    let suite: &'static Tls13CipherSuite = Box::leak(Box::new(Tls13CipherSuite {
        common: CipherSuiteCommon {
            suite: suite.common.suite,
            hash_provider: suite.common.hash_provider,
            confidentiality_limit: 40,
        },
        hkdf_provider: suite.hkdf_provider,
        aead_alg: suite.aead_alg,
        quic: None,
    }));
    Tls::new(Arc::new(CryptoProvider {
        cipher_suites: vec![SupportedCipherSuite::Tls13(suite)],
        ..rustls::crypto::ring::default_provider()
    }))
}

#[tokio::test]
async fn keys_that_are_used_up_are_replaced_while_data_flows_both_ways() {
    let (near, far) = tcp_pair().await;
    let (tls, keys) = (short_lived_keys(), Keys::new());
    let (near, far) = within(async { tokio::join!(keys.connect(&tls, near), keys.accept(&tls, far)) }).await;
    let (up, down) = (noise(1, 6_000_000), noise(2, 6_000_000));
    let ((_, got_down), (_, got_up)) =
        within(async { tokio::join!(exchange(near.unwrap(), &up), exchange(far.unwrap(), &down)) }).await;
    assert!(got_up == up && got_down == down);
}
