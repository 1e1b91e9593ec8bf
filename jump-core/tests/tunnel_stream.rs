//! The TLS stream: bytes arrive unchanged, ends are told apart from cuts, and a slow peer bounds memory.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test helpers"
)]

mod tunnel_support;

use std::time::Duration;

use jump_core::keys::SigningKey;
use jump_core::tunnel::{Socket, Tls};
use jump_core::{Error, ErrorKind};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tunnel_support::{
    ALPN, Keys, SAFETY_NET, exchange, noise, secure, socket_pair, tcp_pair, tls_pair, transports, within,
};

#[tokio::test]
async fn megabytes_go_both_ways_at_once_unchanged() {
    for (address, transport) in transports() {
        let (near, far) = socket_pair(&*transport, address).await;
        let (near, far) = within(secure(near, far)).await;
        let (up, down) = (noise(1, 7_000_003), noise(2, 5_000_011));
        let ((_, got_down), (_, got_up)) =
            within(async { tokio::join!(exchange(near, &up), exchange(far, &down)) }).await;
        assert!(got_up == up && got_down == down, "over {address}");
    }
}

#[tokio::test]
async fn each_end_knows_the_others_proven_key() {
    let (near, far) = tcp_pair().await;
    let (tls, keys) = (Tls::ring(), Keys::new());
    let accept = tls.accept(far, &[], &keys.jumpoint, None, ALPN, SAFETY_NET);
    let (near, far) = within(async { tokio::join!(keys.connect(&tls, near), accept) }).await;
    assert_eq!(near.unwrap().peer_key(), keys.jumpoint.public());
    assert_eq!(far.unwrap().peer_key(), keys.rep.public(), "any key, but proven");
}

#[tokio::test]
async fn after_one_direction_has_ended_the_other_goes_on() {
    let (mut near, mut far) = within(tls_pair()).await;
    within(async {
        near.write_all(b"question").await.unwrap();
        near.shutdown().await.unwrap();
        let mut question = String::new();
        far.read_to_string(&mut question).await.unwrap();
        assert_eq!(question, "question");
        // The peer has closed its direction; ours still works, and for long.
        let answer = noise(3, 1_000_000);
        let write = async {
            far.write_all(&answer).await.unwrap();
            far.shutdown().await.unwrap();
        };
        let mut got = Vec::new();
        let (_, read) = tokio::join!(write, near.read_to_end(&mut got));
        read.unwrap();
        assert!(got == answer);
        assert!(near.write_all(b"more").await.is_err(), "our direction is closed");
    })
    .await;
}

#[tokio::test]
async fn a_stream_that_is_cut_is_an_error_and_not_an_end() {
    let (mut near, mut far) = within(tls_pair()).await;
    within(async {
        far.write_all(b"half a sent").await.unwrap();
        far.flush().await.unwrap();
        drop(far);
        let mut got = Vec::new();
        let error = near.read_to_end(&mut got).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
        assert_eq!(got, b"half a sent", "what came before the cut is good");
        let error = Error::from_io(ErrorKind::Internal, "read", error);
        assert_eq!(error.kind(), ErrorKind::Network);
        assert!(error.to_string().contains("the stream was cut"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn another_key_than_the_pinned_one_is_untrusted_and_the_other_end_is_told() {
    let (near, far) = tcp_pair().await;
    let (tls, keys) = (Tls::ring(), Keys::new());
    let stranger = SigningKey::generate().unwrap();
    let rep = keys.rep.public();
    let accept = tls.accept(far, &[], &stranger, Some(&rep), ALPN, SAFETY_NET);
    let (near, far) = within(async { tokio::join!(keys.connect(&tls, near), accept) }).await;
    assert_eq!(near.unwrap_err().kind(), ErrorKind::UntrustedPeer);
    assert_eq!(far.unwrap_err().kind(), ErrorKind::Unauthenticated);
}

#[tokio::test]
async fn an_unexpected_client_key_is_untrusted_and_the_client_is_told_at_its_first_read() {
    let (near, far) = tcp_pair().await;
    let (tls, keys) = (Tls::ring(), Keys::new());
    let stranger = SigningKey::generate().unwrap();
    let pinned = keys.jumpoint.public();
    let client = async {
        let mut stream = tls.connect(near, &stranger, &pinned, ALPN, SAFETY_NET).await?;
        // Not waiting for an answer before sending is what clients do.
        let _ = stream.write_all(b"hello").await;
        let mut byte = [0u8];
        match stream.read(&mut byte).await {
            Ok(read) => panic!("an unproven client read {read} bytes"),
            Err(error) => Err::<(), _>(Error::from_io(ErrorKind::Internal, "read", error)),
        }
    };
    let (client, server) = within(async { tokio::join!(client, keys.accept(&tls, far)) }).await;
    assert_eq!(server.unwrap_err().kind(), ErrorKind::UntrustedPeer);
    assert_eq!(client.unwrap_err().kind(), ErrorKind::Unauthenticated);
}

#[tokio::test]
async fn another_application_protocol_is_refused() {
    let (near, far) = tcp_pair().await;
    let (tls, keys) = (Tls::ring(), Keys::new());
    let pinned = keys.jumpoint.public();
    let connect = tls.connect(near, &keys.rep, &pinned, "something-else", SAFETY_NET);
    let (near, far) = within(async { tokio::join!(connect, keys.accept(&tls, far)) }).await;
    assert_eq!(far.unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(near.unwrap_err().kind(), ErrorKind::Unsupported);
}

#[tokio::test]
async fn bytes_read_to_recognise_the_protocol_are_not_lost() {
    let (near, mut far) = tcp_pair().await;
    let (tls, keys) = (Tls::ring(), Keys::new());
    let accept = async {
        let mut first = [0u8; 3];
        far.read_exact(&mut first).await.unwrap();
        assert_eq!(first[0], 0x16, "a tls handshake record");
        tls.accept(far, &first, &keys.jumpoint, None, ALPN, SAFETY_NET)
            .await
    };
    let (near, far) = within(async { tokio::join!(keys.connect(&tls, near), accept) }).await;
    let (_, got) = within(async {
        let (mut near, mut far) = (near.unwrap(), far.unwrap());
        near.write_all(b"hello").await.unwrap();
        near.flush().await.unwrap();
        let mut got = [0u8; 5];
        far.read_exact(&mut got).await.unwrap();
        (near, got)
    })
    .await;
    assert_eq!(&got, b"hello");
}

#[tokio::test]
async fn a_peer_that_says_nothing_times_out() {
    let (near, _far) = tcp_pair().await;
    let (tls, keys) = (Tls::ring(), Keys::new());
    let short = Duration::from_millis(50);
    let accept = tls.accept(near, &[], &keys.jumpoint, None, ALPN, short);
    assert_eq!(within(accept).await.unwrap_err().kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn a_reader_that_stops_makes_the_writer_stop() {
    let (mut near, far) = within(tls_pair()).await;
    let chunk = noise(4, 100_000);
    let mut accepted = 0u64;
    // Until a write waits for longer than everything else takes together.
    while let Ok(written) = tokio::time::timeout(Duration::from_secs(1), near.write(&chunk)).await {
        accepted += written.unwrap() as u64;
        assert!(accepted < 64 << 20, "the writer never stops: {accepted}");
    }
    // The writer goes on when the reader does.
    let mut far = tokio::io::BufReader::new(far);
    within(async {
        let read = async {
            let mut seen = 0u64;
            while seen < accepted {
                let length = far.fill_buf().await.unwrap().len();
                far.consume(length);
                seen += length as u64;
            }
        };
        tokio::join!(read, async { near.flush().await.unwrap() });
    })
    .await;
}

#[tokio::test]
async fn an_idle_stream_holds_no_buffer() {
    let (mut near, mut far) = within(tls_pair()).await;
    within(async {
        let (sent, mut got) = (noise(5, 1_000_000), vec![0u8; 1_000_000]);
        let write = async {
            near.write_all(&sent).await.unwrap();
            near.flush().await.unwrap();
        };
        tokio::join!(write, far.read_exact(&mut got)).1.unwrap();
    })
    .await;
    // Waiting to read is what an idle session does.
    let mut byte = [0u8];
    let idle = tokio::time::timeout(Duration::from_millis(1), far.read(&mut byte)).await;
    assert!(idle.is_err());
    for stream in [&near, &far] {
        assert_eq!(stream.buffers().in_use(), 0);
    }
}

#[tokio::test]
async fn nonsense_instead_of_tls_is_a_protocol_error() {
    let keys = Keys::new();
    // A record that claims to be longer than any record may be; an HTTP request; a 4 GiB length.
    for hello in [
        b"\x16\x03\x01\xff\xff".as_slice(),
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\xff\xff\xff\xff\xff\xff\xff\xff",
    ] {
        let (mut near, far) = tcp_pair().await;
        near.write_all(hello).await.unwrap();
        let error = within(keys.accept(&Tls::ring(), far)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{hello:?}: {error}");
    }
}

#[tokio::test]
async fn a_handshake_longer_than_its_bound_is_refused_without_being_kept() {
    let (mut near, far) = tcp_pair().await;
    let keys = Keys::new();
    // A handshake message of 60,000 bytes, in records that are each well formed.
    let mut flood = vec![0x16, 3, 1, 0x40, 0x00, 0x01, 0x00, 0xea, 0x60];
    flood.resize(5 + 0x4000, 0);
    flood.extend_from_slice(&[0x16, 3, 1, 0x40, 0x00]);
    flood.resize(2 * (5 + 0x4000), 0);
    let flooding = tokio::spawn(async move {
        let _ = near.write_all(&flood).await;
        near
    });
    let error = within(keys.accept(&Tls::ring(), far)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
    within(flooding).await.unwrap();
}

/// A TLS 1.2 ClientHello as an old client would send it: no supported_versions extension.
fn old_hello() -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend_from_slice(&[7; 32]);
    body.push(0);
    // TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, no compression.
    body.extend_from_slice(&[0, 2, 0xc0, 0x2f, 1, 0]);
    // supported_groups x25519; signature_algorithms ed25519.
    let extensions = [0, 10, 0, 4, 0, 2, 0, 29, 0, 13, 0, 4, 0, 2, 8, 7];
    body.extend_from_slice(&[0, u8::try_from(extensions.len()).unwrap()]);
    body.extend_from_slice(&extensions);
    let length = u8::try_from(body.len()).unwrap();
    let mut hello = vec![0x16, 3, 1, 0, length + 4, 1, 0, 0, length];
    hello.extend_from_slice(&body);
    hello
}

#[tokio::test]
async fn tls_1_2_is_refused_with_a_version_alert() {
    let (mut near, far) = tcp_pair().await;
    let keys = Keys::new();
    near.write_all(&old_hello()).await.unwrap();
    let tls = Tls::ring();
    let answer = async {
        let mut answer = Vec::new();
        near.read_to_end(&mut answer).await.unwrap();
        drop(near);
        answer
    };
    let (accepted, answer) = within(async { tokio::join!(keys.accept(&tls, far), answer) }).await;
    assert_eq!(accepted.unwrap_err().kind(), ErrorKind::Unsupported);
    // alert, fatal, protocol_version (RFC 8446 §6.2)
    assert!(matches!(answer.as_slice(), [21, 3, _, 0, 2, 2, 70]), "{answer:?}");
}

#[tokio::test]
async fn a_changed_byte_on_the_way_is_noticed() {
    let (near, tap_near) = tcp_pair().await;
    let (tap_far, far) = tcp_pair().await;
    let (sender, mut flip) = tokio::sync::watch::channel(false);
    let tap = tokio::spawn(async move {
        let (Socket::Tcp(mut near), Socket::Tcp(mut far)) = (tap_near, tap_far) else {
            panic!("not TCP")
        };
        let (mut from_near, mut to_near) = near.split();
        let (mut from_far, mut to_far) = far.split();
        let forward = async {
            let mut buffer = [0u8; 4096];
            loop {
                let read = from_near.read(&mut buffer).await.unwrap();
                if read == 0 {
                    break;
                }
                if *flip.borrow_and_update() {
                    buffer[read / 2] ^= 1;
                }
                to_far.write_all(&buffer[..read]).await.unwrap();
            }
        };
        let backward = async { tokio::io::copy(&mut from_far, &mut to_near).await };
        let _ = tokio::join!(forward, backward);
    });
    let (mut near, mut far) = within(secure(near, far)).await;
    within(async {
        sender.send(true).unwrap();
        near.write_all(b"the message").await.unwrap();
        near.flush().await.unwrap();
        let mut got = [0u8; 11];
        let error = far.read_exact(&mut got).await.unwrap_err();
        assert_eq!(
            Error::from_io(ErrorKind::Internal, "read", error).kind(),
            ErrorKind::Protocol
        );
    })
    .await;
    tap.abort();
}
