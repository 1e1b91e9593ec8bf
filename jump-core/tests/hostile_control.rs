//! Peers that have not authenticated: whatever they send or do not send, they get an error or nothing, they cost
//! little, and nobody else notices.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jump_core::ErrorKind;
use jump_core::control::{CONTROL_ALPN, Hello, HelloRole, Message, ProtocolVersion};
use jump_core::id::SessionId;
use jump_core::keys::SigningKey;
use jump_core::protocol::Registry;
use jump_core::session::RecordingMode;
use jump_core::time::{SignedDuration, Timestamp};
use jump_core::tunnel::{Socket, Tls, TlsStream};
use jump_testkit::echo::EchoBackend;
use jump_testkit::hostile::{self, Closing};
use jump_testkit::running_site::{RunningSite, SiteOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const PATIENCE: Duration = Duration::from_secs(20);

async fn site() -> (RunningSite, SocketAddr) {
    let echo = Registry::new().with(Arc::new(EchoBackend("ssh")));
    let site = RunningSite::start(SiteOptions::new(echo).over_tcp())
        .await
        .unwrap();
    site.add_user("alice", Some("Start Sessions Only"), false)
        .await
        .unwrap();
    site.add_shell("web-1", "127.0.0.1:9".parse().unwrap(), RecordingMode::Off)
        .await
        .unwrap();
    let address = site.endpoint.address.parse().unwrap();
    (site, address)
}

/// A connection whose TLS handshake succeeded with a key that nobody knows.
async fn stranger(site: &RunningSite) -> TlsStream<Socket> {
    let socket = site.transport.dial(&site.endpoint.address).await.unwrap();
    let key = SigningKey::generate().unwrap();
    Tls::ring()
        .connect(socket, &key, &site.endpoint.key, CONTROL_ALPN, PATIENCE)
        .await
        .unwrap()
}

fn frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes().to_vec();
    frame.extend_from_slice(payload);
    frame
}

/// Sends bytes inside TLS and reads what the broker says before it closes.
async fn answer(site: &RunningSite, bytes: &[u8]) -> Option<Message> {
    let mut stream = stranger(site).await;
    // A broker that has read enough may close before all was sent.
    let _ = stream.write_all(bytes).await;
    let _ = stream.flush().await;
    let mut said = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut said))
        .await
        .expect("the broker must close");
    said.get(4..).map(|json| serde_json::from_slice(json).unwrap())
}

fn refusal(answer: Option<Message>) -> Option<ErrorKind> {
    match answer {
        Some(Message::Refused(error)) => Some(error.kind),
        Some(other) => panic!("not refused: {other:?}"),
        None => None,
    }
}

fn hello(version: &str, time: Timestamp) -> Vec<u8> {
    let hello = Hello {
        version: ProtocolVersion::CURRENT,
        time,
        role: HelloRole::Rep,
    };
    let mut json = serde_json::to_value(Message::Hello(hello)).unwrap();
    json["body"]["version"] = version.into();
    frame(&serde_json::to_vec(&json).unwrap())
}

async fn works(site: &RunningSite) {
    let rep = site.login("alice", Registry::new()).await.unwrap();
    let mut session = rep.jump("web-1").await.unwrap();
    session.stream.write_all(b"hello").await.unwrap();
    session.stream.flush().await.unwrap();
    let mut back = [0; 5];
    session.stream.read_exact(&mut back).await.unwrap();
    assert_eq!(&back, b"hello");
}

#[tokio::test]
async fn v12_silent_clients_stop_nobody() {
    let (site, address) = site().await;
    // Fewer than the limit per source, because the test has only one source.
    let silent = hostile::silent(address, 200).await.unwrap();
    works(&site).await;
    drop(silent);
}

#[tokio::test]
async fn v12_with_every_place_taken_by_silent_clients_running_sessions_go_on_and_places_come_back() {
    let (site, address) = site().await;
    let rep = site.login("alice", Registry::new()).await.unwrap();
    let mut session = rep.jump("web-1").await.unwrap();
    let silent = hostile::silent(address, 500).await.unwrap();
    session.stream.write_all(b"hello").await.unwrap();
    session.stream.flush().await.unwrap();
    let mut back = [0; 5];
    session.stream.read_exact(&mut back).await.unwrap();
    drop(silent);
    // The broker notices that they are gone, and lets others in again.
    for attempt in 0.. {
        match site.login("alice", Registry::new()).await {
            Ok(_) => break,
            Err(error) => assert!(attempt < 200, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn garbage_instead_of_tls_is_closed() {
    let (site, address) = site().await;
    for bytes in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0u8; 64],
        &[0x16, 0xff, 0xff, 0xff, 0xff, 1, 2, 3],
        &[0xff; 4096],
    ] {
        let mut stream = hostile::send(address, bytes).await.unwrap();
        let (_, closing) = hostile::read_until_close(&mut stream, PATIENCE).await;
        assert!(!matches!(closing, Closing::StillOpen), "{bytes:?}");
    }
    works(&site).await;
}

#[tokio::test]
async fn v13_an_oversize_first_message_is_refused_by_its_length_alone() {
    let (site, _) = site().await;
    for length in [u32::MAX, 1 << 20, 16 * 1024 + 1] {
        assert_eq!(
            refusal(answer(&site, &length.to_be_bytes()).await),
            Some(ErrorKind::ResourceLimit),
            "{length}"
        );
    }
}

#[tokio::test]
async fn v01_invalid_text_in_the_first_message_is_one_error_that_repeats_nothing() {
    let (site, _) = site().await;
    let good = hello("1.0", Timestamp::now());
    let body = &good[4..];
    let with = |from: &str, to: &[u8]| {
        let text = String::from_utf8(body.to_vec()).unwrap();
        let (before, after) = text.split_once(from).unwrap();
        frame(&[before.as_bytes(), to, after.as_bytes()].concat())
    };
    for bad in [
        frame(b""),
        frame(b"{}"),
        frame(&[0xff, 0xfe, 0x00]),
        frame(b"[[[[[[[[[[[[[[[["),
        frame("[".repeat(16_000).as_bytes()),
        with("1.0", b"a[$(id)]"),
        with("1.0", b"\xff\xfe"),
        with("1.0", b"1.0'; --"),
        with("1.0", b"1.0\\u0000"),
        with("rep", b"root"),
        with("rep", b"\xc0\x80"),
    ] {
        match answer(&site, &bad).await {
            Some(Message::Refused(error)) => {
                assert_eq!(error.kind, ErrorKind::Protocol);
                assert!(
                    !error.message.contains("id)") && !error.message.contains("root"),
                    "{}",
                    error.message
                );
            }
            None => {}
            Some(other) => panic!("{other:?}"),
        }
    }
    works(&site).await;
}

#[tokio::test]
async fn v04_no_other_message_comes_before_hello() {
    let (site, _) = site().await;
    for message in [
        r#"{"message":"ping"}"#,
        r#"{"message":"pong"}"#,
        r#"{"message":"request","body":{"id":1,"request":{"from":"rep","request":{"ask":"items"}}}}"#,
        r#"{"message":"welcome","body":{"version":"1.0","time":"1970-01-01T00:00:00Z","name":"x","lease_seconds":1}}"#,
    ] {
        assert_eq!(
            refusal(answer(&site, &frame(message.as_bytes())).await),
            Some(ErrorKind::Protocol),
            "{message}"
        );
    }
}

#[tokio::test]
async fn another_version_and_a_wrong_clock_are_named() {
    let (site, _) = site().await;
    let now = Timestamp::now();
    assert_eq!(
        refusal(answer(&site, &hello("2.0", now)).await),
        Some(ErrorKind::Unsupported)
    );
    let late = now - SignedDuration::from_mins(10);
    assert_eq!(
        refusal(answer(&site, &hello("1.0", late)).await),
        Some(ErrorKind::ClockSkew)
    );
    // The right version and clock, but nobody's key.
    assert_eq!(
        refusal(answer(&site, &hello("1.7", now)).await),
        Some(ErrorKind::Unauthenticated)
    );
}

#[tokio::test]
async fn v15_a_reps_key_is_no_jumpoints_key_and_the_other_way_round() {
    let (site, _) = site().await;
    let identity = site.enrol("alice").await.unwrap();
    let role = HelloRole::Jumpoint {
        session_key: identity.0.public(),
        sessions: Vec::new(),
    };
    let hello = Message::Hello(Hello {
        version: ProtocolVersion::CURRENT,
        time: Timestamp::now(),
        role,
    });
    let socket = site.transport.dial(&site.endpoint.address).await.unwrap();
    let mut stream = Tls::ring()
        .connect(socket, &identity.0, &site.endpoint.key, CONTROL_ALPN, PATIENCE)
        .await
        .unwrap();
    stream
        .write_all(&frame(&serde_json::to_vec(&hello).unwrap()))
        .await
        .unwrap();
    stream.flush().await.unwrap();
    let mut said = Vec::new();
    stream.read_to_end(&mut said).await.unwrap();
    assert_eq!(
        refusal(serde_json::from_slice(&said[4..]).ok()),
        Some(ErrorKind::Unauthenticated)
    );
}

#[tokio::test]
async fn v36_a_rep_may_not_ask_what_a_jumpoint_asks() {
    let (site, _) = site().await;
    let identity = site.enrol("alice").await.unwrap();
    let socket = site.transport.dial(&site.endpoint.address).await.unwrap();
    let mut stream = Tls::ring()
        .connect(socket, &identity.0, &site.endpoint.key, CONTROL_ALPN, PATIENCE)
        .await
        .unwrap();
    stream.write_all(&hello("1.0", Timestamp::now())).await.unwrap();
    let ended = r#"{"message":"request","body":{"id":7,"request":{"from":"jumpoint","request":{"ask":"session_ended",
        "session":"00000000000000000000000000000000","outcome":{"reason":{"reason":"rep_closed"},"bytes_from_rep":0,"bytes_from_target":0}}}}}"#;
    stream.write_all(&frame(ended.as_bytes())).await.unwrap();
    stream.flush().await.unwrap();
    let reply = async {
        loop {
            let length = stream.read_u32().await.unwrap();
            let mut body = vec![0; length as usize];
            stream.read_exact(&mut body).await.unwrap();
            if let Message::Reply { id: 7, result } = serde_json::from_slice(&body).unwrap() {
                return result;
            }
        }
    };
    let error = tokio::time::timeout(PATIENCE, reply).await.unwrap().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Protocol);
}

#[tokio::test]
async fn a_jumpoint_may_come_back_with_more_sessions_than_a_stranger_may_send_bytes() {
    let (site, _) = site().await;
    let identity = site.stolen_identity();
    let role = HelloRole::Jumpoint {
        session_key: identity.key.public(),
        sessions: (0..2000u128)
            .map(|number| SessionId::from_bytes(number.to_be_bytes()))
            .collect(),
    };
    let hello = Message::Hello(Hello {
        version: ProtocolVersion::CURRENT,
        time: Timestamp::now(),
        role,
    });
    let socket = site.transport.dial(&site.endpoint.address).await.unwrap();
    let mut stream = Tls::ring()
        .connect(socket, &identity.key, &site.endpoint.key, CONTROL_ALPN, PATIENCE)
        .await
        .unwrap();
    let _ = stream
        .write_all(&frame(&serde_json::to_vec(&hello).unwrap()))
        .await;
    let _ = stream.flush().await;
    let answer = async {
        let length = stream.read_u32().await.unwrap();
        let mut body = vec![0; length as usize];
        stream.read_exact(&mut body).await.unwrap();
        serde_json::from_slice::<Message>(&body).unwrap()
    };
    let answer = tokio::time::timeout(PATIENCE, answer).await.unwrap();
    assert!(matches!(answer, Message::Welcome(_)), "{answer:?}");
}
