//! Peers that break the protocol: each way ends the session with a typed error, and nothing grows.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

mod common;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bytes::BytesMut;
use common::{Gate, echo, gate_behind_tcp, options, stalled, target};
use jump_core::ErrorKind;
use jump_core::model::TargetAddress;
use jump_core::protocol::{Dialer, TunnelSession};
use jump_core::session::{EndReason, RecordingMode};
use jump_core::stream::BoxStream;
use jump_proto_tunnel::TunnelClient;
use jump_proto_tunnel::mux::{Mux, Role};
use jump_proto_tunnel::wire::{Decoder, Frame, Hello, Item, MAX_PAYLOAD, put_data_header};
use jump_testkit::hostile::read_until_close;
use jump_testkit::ports;
use jump_testkit::waiting::{LONG, soon};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const HELLO: Frame = Frame::Hello(Hello {
    streams: 64,
    window: 256 << 10,
});

fn here() -> TargetAddress {
    target(SocketAddr::from(([127, 0, 0, 1], 80)))
}

fn open(stream: u32) -> Frame {
    Frame::Open {
        stream,
        target: here(),
    }
}

fn bytes(frames: &[Frame]) -> BytesMut {
    let mut bytes = BytesMut::new();
    frames.iter().for_each(|frame| frame.put(&mut bytes));
    bytes
}

fn data(stream: u32, length: usize) -> BytesMut {
    let mut bytes = BytesMut::new();
    put_data_header(stream, length, &mut bytes);
    bytes.resize(bytes.len() + length, 7);
    bytes
}

/// A greeted gate whose streams 1 and 2 are open, and 3 is asked for.
fn busy_gate() -> Mux {
    let now = Instant::now();
    let mut gate = Mux::new(Role::Gate, 8, now);
    gate.receive(&bytes(&[HELLO, open(1), open(2), open(3)]), now)
        .unwrap();
    gate.accept(1).unwrap();
    gate.accept(2).unwrap();
    gate.transmit(&mut Default::default(), now);
    gate
}

#[test]
fn every_frame_in_a_wrong_state_is_a_protocol_error() {
    let window = 256 << 10;
    let cases: Vec<(&str, Vec<BytesMut>)> = vec![
        ("a second hello", vec![bytes(&[HELLO])]),
        ("a stream opened twice", vec![bytes(&[open(2)])]),
        ("stream numbers going down", vec![bytes(&[open(9), open(8)])]),
        (
            "the gate's answers from the rep",
            vec![bytes(&[Frame::Opened { stream: 3 }])],
        ),
        ("data for a stream that was never opened", vec![data(7, 1)]),
        ("data before the answer", vec![data(3, 1)]),
        (
            "data after the end",
            vec![bytes(&[Frame::Eof { stream: 1 }]), data(1, 1)],
        ),
        (
            "data after a reset",
            vec![
                bytes(&[Frame::Reset {
                    stream: 1,
                    kind: ErrorKind::Closed,
                }]),
                data(1, 1),
            ],
        ),
        (
            "two ends",
            vec![bytes(&[Frame::Eof { stream: 1 }, Frame::Eof { stream: 1 }])],
        ),
        (
            "an end before the answer",
            vec![bytes(&[Frame::Eof { stream: 3 }])],
        ),
        (
            "a reset of a stream that was never opened",
            vec![bytes(&[Frame::Reset {
                stream: 7,
                kind: ErrorKind::Closed,
            }])],
        ),
        (
            "credit before the answer",
            vec![bytes(&[Frame::Credit { stream: 3, bytes: 1 }])],
        ),
        (
            "credit for a stream that was never opened",
            vec![bytes(&[Frame::Credit { stream: 7, bytes: 1 }])],
        ),
        (
            "more credit than a window",
            vec![bytes(&[Frame::Credit {
                stream: 1,
                bytes: 8 << 20,
            }])],
        ),
        (
            "credit that overflows",
            vec![bytes(&[Frame::Credit {
                stream: 1,
                bytes: u32::MAX,
            }])],
        ),
        ("a pong that nobody asked for", vec![bytes(&[Frame::Pong(99)])]),
        (
            "pings without a wait",
            vec![bytes(&[Frame::Ping(1), Frame::Ping(2)])],
        ),
        (
            "a byte more than the window",
            (0..17).map(|_| data(1, MAX_PAYLOAD.min(window))).collect(),
        ),
    ];
    for (name, parts) in cases {
        let mut gate = busy_gate();
        let result = parts
            .iter()
            .try_for_each(|part| gate.receive(part, Instant::now()));
        let Err(error) = result else {
            panic!("{name} passed")
        };
        assert_eq!(error.kind(), ErrorKind::Protocol, "{name}: {error}");
        assert!(gate.usage().received <= window, "{name}: {:?}", gate.usage());
    }
}

#[test]
fn exactly_the_window_is_taken_and_one_byte_more_is_not() {
    let mut gate = busy_gate();
    let mut left = 256 << 10;
    while left > 0 {
        let length = MAX_PAYLOAD.min(left);
        gate.receive(&data(1, length), Instant::now()).unwrap();
        left -= length;
    }
    assert_eq!(gate.usage().received, 256 << 10);
    assert_eq!(
        gate.receive(&data(1, 1), Instant::now()).unwrap_err().kind(),
        ErrorKind::Protocol
    );
}

#[test]
fn limits_in_the_hello_that_cannot_be_are_refused_and_so_is_anything_before_it() {
    let hello = |streams, window| bytes(&[Frame::Hello(Hello { streams, window })]);
    for first in [
        hello(0, 256 << 10),
        hello(1, 0),
        hello(1, u32::MAX),
        bytes(&[open(1)]),
        data(1, 1),
    ] {
        let mut gate = Mux::new(Role::Gate, 8, Instant::now());
        assert_eq!(
            gate.receive(&first, Instant::now()).unwrap_err().kind(),
            ErrorKind::Protocol
        );
    }
}

#[test]
fn who_opens_without_end_and_takes_no_answer_breaks_the_protocol_and_costs_nothing() {
    let mut gate = Mux::new(Role::Gate, 8, Instant::now());
    gate.receive(&bytes(&[HELLO]), Instant::now()).unwrap();
    let error = (1..1000)
        .find_map(|id| gate.receive(&bytes(&[open(id)]), Instant::now()).err())
        .unwrap();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    let usage = gate.usage();
    assert!(usage.streams <= 8 && usage.waiting <= 32, "{usage:?}");
}

#[test]
fn a_stream_that_was_opened_and_reset_counts_until_its_dial_is_over() {
    let mut gate = Mux::new(Role::Gate, 8, Instant::now());
    gate.receive(&bytes(&[HELLO]), Instant::now()).unwrap();
    for id in 1..=12 {
        let reset = Frame::Reset {
            stream: id,
            kind: ErrorKind::Closed,
        };
        gate.receive(&bytes(&[open(id), reset]), Instant::now()).unwrap();
    }
    gate.transmit(&mut Default::default(), Instant::now());
    assert_eq!(gate.usage().streams, 8);
    (1..=8).for_each(|id| gate.release(id));
    assert_eq!(gate.usage().streams, 0);
}

/// Sends bytes to a gate over TCP; gives how the session ended and what the gate said last.
async fn attack(
    targets: &[SocketAddr],
    attack: impl AsyncFnOnce(&mut TcpStream),
) -> (EndReason, Option<Frame>) {
    let (mut rep, gate) = gate_behind_tcp(targets, RecordingMode::Off, |_| {}).await;
    attack(&mut rep).await;
    let (said, _) = soon(read_until_close(&mut rep, LONG)).await;
    let reason = soon(gate.outcome).await.unwrap().reason;
    let (mut decoder, mut said, mut last) = (Decoder::default(), said.as_slice(), None);
    while let Ok(Some(item)) = decoder.next(&mut said) {
        if let Item::Frame(frame) = item {
            last = Some(frame);
        }
    }
    (reason, last)
}

fn assert_protocol((reason, last): (EndReason, Option<Frame>)) {
    assert!(
        matches!(
            reason,
            EndReason::Failed {
                kind: ErrorKind::Protocol,
                ..
            }
        ),
        "{reason:?}"
    );
    if let Some(last) = last {
        assert!(
            matches!(&last, Frame::Bye(failure) if failure.kind == ErrorKind::Protocol),
            "{last:?}"
        );
    }
}

#[tokio::test]
async fn an_oversize_frame_ends_the_session() {
    let address = echo().await;
    assert_protocol(
        attack(&[address], async |rep| {
            rep.write_all(&bytes(&[HELLO])).await.unwrap();
            rep.write_all(&[5, 0, 0xff, 0xff, 0, 0, 0, 1]).await.unwrap();
        })
        .await,
    );
}

#[tokio::test]
async fn a_frame_for_a_stream_in_the_wrong_state_ends_the_session() {
    let address = echo().await;
    assert_protocol(
        attack(&[address], async |rep| {
            rep.write_all(&bytes(&[HELLO, Frame::Eof { stream: 1 }]))
                .await
                .unwrap();
        })
        .await,
    );
}

#[tokio::test]
async fn more_data_than_credit_ends_the_session() {
    let address = stalled().await;
    let open = Frame::Open {
        stream: 1,
        target: target(address),
    };
    assert_protocol(
        attack(&[address], async |rep| {
            rep.write_all(&bytes(&[HELLO, open])).await.unwrap();
            // The gate's hello (20 bytes), its ping (16) and its "opened" (8).
            rep.read_exact(&mut [0; 44]).await.unwrap();
            let piece = data(1, MAX_PAYLOAD);
            for _ in 0..4096 {
                if rep.write_all(&piece).await.is_err() {
                    break;
                }
            }
        })
        .await,
    );
}

#[tokio::test]
async fn what_is_no_tunnel_at_all_ends_the_session() {
    let address = echo().await;
    assert_protocol(
        attack(&[address], async |rep| {
            rep.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap()
        })
        .await,
    );
}

#[tokio::test]
async fn half_a_frame_and_then_silence_or_the_end_is_no_close() {
    let address = echo().await;
    let (reason, _) = attack(&[address], async |rep| {
        rep.write_all(&bytes(&[HELLO])).await.unwrap();
        rep.write_all(&[5, 0, 0]).await.unwrap();
        rep.shutdown().await.unwrap();
    })
    .await;
    assert!(
        matches!(
            reason,
            EndReason::Failed {
                kind: ErrorKind::Network,
                ..
            }
        ),
        "{reason:?}"
    );
}

/// Counts the dials that run at the same time.
#[derive(Debug, Default)]
struct Counting {
    running: AtomicUsize,
    most: AtomicUsize,
    all: AtomicUsize,
}

#[async_trait::async_trait]
impl Dialer for Counting {
    async fn dial(&self, _: &TargetAddress) -> jump_core::Result<BoxStream> {
        self.all.fetch_add(1, Ordering::Relaxed);
        let running = self.running.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(running, Ordering::Relaxed);
        tokio::task::yield_now().await;
        self.running.fetch_sub(1, Ordering::Relaxed);
        Err(jump_core::Error::new(
            ErrorKind::TargetUnreachable,
            "dial",
            "nobody is there",
        ))
    }
}

#[tokio::test]
async fn a_flood_of_opens_and_resets_never_dials_more_than_the_limit_at_once() {
    let address = echo().await;
    let dialer = Arc::new(Counting::default());
    let counting = dialer.clone();
    let (mut rep, Gate { outcome, mut ends }) = gate_behind_tcp(&[address], RecordingMode::Off, |context| {
        context.dialer = counting;
        context.limits.channels = 4;
    })
    .await;
    // Somebody reads the audit log.
    let events = tokio::spawn(async move {
        while ends.events.recv().await.is_some() {}
        ends
    });
    rep.write_all(&bytes(&[HELLO])).await.unwrap();
    let mut answers = vec![0; 4096];
    for stream in 1..3000 {
        let open = Frame::Open {
            stream,
            target: target(address),
        };
        rep.write_all(&bytes(&[
            open,
            Frame::Reset {
                stream,
                kind: ErrorKind::Closed,
            },
        ]))
        .await
        .unwrap();
        assert!(
            soon(rep.read(&mut answers)).await.unwrap() > 0,
            "the gate answers"
        );
    }
    drop(rep);
    soon(outcome).await.unwrap();
    assert!(
        dialer.most.load(Ordering::Relaxed) <= 4 && dialer.all.load(Ordering::Relaxed) > 0,
        "{dialer:?}"
    );
    events.abort();
}

/// A client whose gate is in the test's hand.
async fn client_of(gate: impl AsyncFnOnce(TcpStream) + 'static) -> jump_core::Result<TunnelClient> {
    let (near, far) = ports::tcp_pair().await.unwrap();
    near.set_nodelay(true).unwrap();
    far.set_nodelay(true).unwrap();
    let options = options(&[SocketAddr::from(([127, 0, 0, 1], 80))]);
    let (client, ()) = tokio::join!(TunnelClient::connect(Box::new(near), &options), gate(far));
    client
}

#[tokio::test]
async fn a_gate_that_breaks_the_protocol_ends_the_session_at_the_rep() {
    for frame in [
        Frame::Opened { stream: 1 },
        Frame::Credit { stream: 1, bytes: 1 },
        open(1),
        Frame::Opened { stream: 0x7fff_ffff },
    ] {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let client = client_of(async |mut stream| {
            stream.write_all(&bytes(&[HELLO])).await.unwrap();
            let _ = sender.send(stream);
        })
        .await
        .unwrap();
        let mut gate = receiver.await.unwrap();
        gate.write_all(&bytes(&[frame])).await.unwrap();
        assert_eq!(
            soon(client.closed()).await.unwrap_err().kind(),
            ErrorKind::Protocol
        );
        let Err(error) = client.open(&here()).await else {
            panic!("opened after the end")
        };
        assert_eq!(error.kind(), ErrorKind::Protocol);
    }
}

#[tokio::test]
async fn a_gate_that_speaks_something_else_is_a_protocol_error_and_a_refusal_keeps_its_kind() {
    let error = client_of(async |mut stream| stream.write_all(b"SSH-2.0-x\r\n").await.unwrap())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    let expired = jump_proto_tunnel::wire::Failure::new(ErrorKind::SessionEnded, "the granted time is over");
    let error =
        client_of(async move |mut stream| stream.write_all(&bytes(&[Frame::Bye(expired)])).await.unwrap())
            .await
            .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SessionEnded);
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_never_greets_is_a_timeout() {
    let error = client_of(async |stream| {
        tokio::time::sleep(std::time::Duration::from_secs(31)).await;
        drop(stream);
    })
    .await
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
}
