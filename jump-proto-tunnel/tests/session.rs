//! Sessions over real TCP between a real client, a real gate and real targets.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

mod common;

use std::net::SocketAddr;

use common::{all, echo, gate_behind_tcp, options, serve, session, stalled, target};
use jump_core::ErrorKind;
use jump_core::protocol::{SessionEvent, TunnelSession};
use jump_core::session::{EndReason, RecordingMode};
use jump_proto_tunnel::{TunnelClient, TunnelRecord};
use jump_testkit::ports::RefusingPort;
use jump_testkit::seeded::Seeded;
use jump_testkit::waiting::{LONG, soon};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_connections_move_bytes_both_ways_at_once_and_unchanged() {
    let address = echo().await;
    let (client, gate) = session(&[address]).await;
    let client = std::sync::Arc::new(client);
    let mut tasks = Vec::new();
    for number in 0..64 {
        let client = client.clone();
        tasks.push(tokio::spawn(async move {
            let stream = client.open(&target(address)).await.unwrap();
            let (mut reader, mut writer) = tokio::io::split(stream);
            let sent = Seeded::new(number).bytes(2 << 20);
            let (got, ()) = tokio::join!(all(&mut reader), async {
                writer.write_all(&sent).await.unwrap();
                writer.shutdown().await.unwrap();
            });
            assert!(got.unwrap() == sent, "stream {number} changed its bytes");
        }));
    }
    for task in tasks {
        soon(task).await.unwrap();
    }
    let usage = client.usage();
    assert_eq!(
        (usage.streams, usage.received, usage.to_send),
        (0, 0, 0),
        "nothing is left behind"
    );
    client.close().await.unwrap();
    let outcome = soon(gate.outcome).await.unwrap();
    assert_eq!(outcome.reason, EndReason::RepClosed);
    assert_eq!(
        (outcome.bytes_from_rep, outcome.bytes_from_target),
        (128 << 20, 128 << 20)
    );
}

#[tokio::test]
async fn a_stalled_target_stops_only_its_own_stream_and_memory_stays_bounded() {
    let (dead, alive) = (stalled().await, echo().await);
    let (client, _gate) = session(&[dead, alive]).await;
    let mut stuck = Vec::new();
    for _ in 0..8 {
        let mut stream = client.open(&target(dead)).await.unwrap();
        // Fill every buffer on the way until nothing moves.
        let piece = vec![7; 64 << 10];
        let mut filled = 0usize;
        while let Ok(written) =
            tokio::time::timeout(std::time::Duration::from_millis(300), stream.write(&piece)).await
        {
            filled += written.unwrap();
            assert!(filled < 64 << 20, "the stalled target took {filled} bytes");
        }
        stuck.push(stream);
    }
    let usage = client.usage();
    assert!(usage.to_send <= 8 * (256 << 10), "{usage:?}");

    let mut stream = client.open(&target(alive)).await.unwrap();
    let sent = Seeded::new(1).bytes(4 << 20);
    let (mut reader, mut writer) = tokio::io::split(&mut stream);
    let (got, ()) = soon(async {
        tokio::join!(all(&mut reader), async {
            writer.write_all(&sent).await.unwrap();
            writer.shutdown().await.unwrap();
        })
    })
    .await;
    assert!(got.unwrap() == sent);
}

#[tokio::test]
async fn a_slow_reader_holds_the_target_back_and_no_more_than_its_window_is_kept() {
    let sent = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = sent.clone();
    let source = serve(move |mut stream| {
        let counter = counter.clone();
        async move {
            let piece = vec![1; 64 << 10];
            while let Ok(written) = stream.write(&piece).await {
                counter.fetch_add(written, std::sync::atomic::Ordering::Relaxed);
            }
        }
    })
    .await;
    let (client, _gate) = session(&[source]).await;
    let mut stream = client.open(&target(source)).await.unwrap();
    stream.read_exact(&mut [0; 1000]).await.unwrap();
    // Wait until the source cannot write any more.
    let mut before = usize::MAX;
    soon(async {
        loop {
            let now = sent.load(std::sync::atomic::Ordering::Relaxed);
            if now == before {
                break;
            }
            before = now;
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        }
    })
    .await;
    let usage = client.usage();
    assert!(usage.received <= 256 << 10, "the client holds {usage:?}");
    // Kernel buffers on loopback take up to about 10 MiB; without backpressure this would be gigabytes.
    assert!(
        before < 32 << 20,
        "the target could send {before} bytes to nobody"
    );
    // It still flows when the reader comes back.
    let mut buffer = vec![0; 1 << 20];
    for _ in 0..40 {
        soon(stream.read_exact(&mut buffer)).await.unwrap();
    }
}

#[tokio::test]
async fn half_close_reaches_the_target_and_its_answer_still_comes() {
    let counting = serve(|mut stream| async move {
        let got = all(&mut stream).await.unwrap();
        stream
            .write_all(format!("got {} bytes", got.len()).as_bytes())
            .await
            .unwrap();
    })
    .await;
    let (client, gate) = session(&[counting]).await;
    let mut stream = client.open(&target(counting)).await.unwrap();
    stream.write_all(&[0; 100_000]).await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(soon(all(&mut stream)).await.unwrap(), b"got 100000 bytes");
    drop(client);
    drop(stream);
    let outcome = soon(gate.outcome).await.unwrap();
    assert_eq!(
        outcome.reason,
        EndReason::RepClosed,
        "the session ends with its last handle"
    );
}

#[tokio::test]
async fn what_was_written_before_shutdown_arrives_though_the_stream_is_dropped() {
    let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
    let sink = serve(move |mut stream| {
        let sender = sender.clone();
        async move {
            let got = all(&mut stream).await;
            let _ = sender.send(got).await;
        }
    })
    .await;
    let (client, _gate) = session(&[sink]).await;
    let mut stream = client.open(&target(sink)).await.unwrap();
    stream.write_all(&[9; 1 << 20]).await.unwrap();
    stream.shutdown().await.unwrap();
    drop(stream);
    assert_eq!(soon(receiver.recv()).await.unwrap().unwrap().len(), 1 << 20);
}

#[tokio::test]
async fn dropping_a_stream_closes_the_target_connection() {
    let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
    let watching = serve(move |mut stream| {
        let sender = sender.clone();
        async move {
            let _ = stream.write_all(b"hi").await;
            let _ = sender.send(all(&mut stream).await.is_ok()).await;
        }
    })
    .await;
    let (client, _gate) = session(&[watching]).await;
    let mut stream = client.open(&target(watching)).await.unwrap();
    stream.read_exact(&mut [0; 2]).await.unwrap();
    drop(stream);
    assert!(
        soon(receiver.recv()).await.is_some(),
        "the target learned of the end"
    );
}

#[tokio::test]
async fn a_target_that_resets_gives_a_connection_reset_at_the_rep() {
    let rude = serve(|mut stream| async move {
        let _ = stream.read_u8().await;
        stream.set_zero_linger().unwrap();
    })
    .await;
    let (client, _gate) = session(&[rude]).await;
    let mut stream = client.open(&target(rude)).await.unwrap();
    stream.write_all(b"xy").await.unwrap();
    let error = soon(all(&mut stream)).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let error = jump_core::Error::from_io(ErrorKind::Internal, "test", error);
    assert_eq!(error.kind(), ErrorKind::Network);
}

#[tokio::test]
async fn an_address_outside_the_grant_is_denied_on_every_open_and_reported() {
    let (allowed, forbidden) = (echo().await, echo().await);
    let (client, mut gate) = session(&[allowed]).await;
    let _open = client.open(&target(allowed)).await.unwrap();
    let opened = SessionEvent::ConnectionOpened {
        to: allowed.to_string(),
    };
    assert_eq!(gate.ends.events.recv().await, Some(opened));
    for address in [forbidden, SocketAddr::from(([127, 0, 0, 2], allowed.port()))] {
        let Err(error) = client.open(&target(address)).await else {
            panic!("{address} was opened")
        };
        assert_eq!(error.kind(), ErrorKind::Denied);
        let refused = SessionEvent::RequestRefused {
            what: format!("a connection to {address}"),
        };
        assert_eq!(gate.ends.events.recv().await, Some(refused));
    }
    let _again = client.open(&target(allowed)).await.unwrap();
}

#[tokio::test]
async fn a_target_that_refuses_is_a_typed_error_and_the_session_goes_on() {
    let (closed, alive) = (RefusingPort::new().unwrap(), echo().await);
    let (client, mut gate) = session(&[closed.address(), alive]).await;
    let Err(error) = client.open(&target(closed.address())).await else {
        panic!("it was opened")
    };
    assert_eq!(error.kind(), ErrorKind::TargetUnreachable, "{error}");
    let event = gate.ends.events.recv().await.unwrap();
    assert!(
        matches!(
            event,
            SessionEvent::Problem {
                kind: ErrorKind::TargetUnreachable,
                ..
            }
        ),
        "{event:?}"
    );
    let mut stream = client.open(&target(alive)).await.unwrap();
    stream.write_all(b"still here").await.unwrap();
    stream.read_exact(&mut [0; 10]).await.unwrap();
}

#[tokio::test]
async fn a_slow_dial_blocks_nobody() {
    use jump_core::model::TargetAddress;
    use jump_core::protocol::Dialer;
    use jump_core::stream::BoxStream;

    #[derive(Debug)]
    struct Slow(u16);

    #[async_trait::async_trait]
    impl Dialer for Slow {
        async fn dial(&self, target: &TargetAddress) -> jump_core::Result<BoxStream> {
            if target.port() == self.0 {
                std::future::pending::<()>().await;
            }
            jump_testkit::gate::DirectDialer.dial(target).await
        }
    }

    let (slow, alive) = (stalled().await, echo().await);
    let dialer = std::sync::Arc::new(Slow(slow.port()));
    let (rep, _gate) = gate_behind_tcp(&[slow, alive], RecordingMode::Off, |context| {
        context.dialer = dialer
    })
    .await;
    let client = TunnelClient::connect(Box::new(rep), &options(&[alive]))
        .await
        .unwrap();
    let slow = target(slow);
    let mut waiting = Box::pin(client.open(&slow));
    assert!(futures_poll(&mut waiting).await.is_none());
    let mut stream = soon(client.open(&target(alive))).await.unwrap();
    stream.write_all(b"x").await.unwrap();
    soon(stream.read_exact(&mut [0])).await.unwrap();
    assert!(futures_poll(&mut waiting).await.is_none());
}

/// Polls a future once.
async fn futures_poll<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Option<T> {
    tokio::select! {
        biased;
        value = future => Some(value),
        () = std::future::ready(()) => None,
    }
}

#[tokio::test]
async fn more_streams_than_the_limit_are_refused_until_one_ends() {
    let address = echo().await;
    let (rep, _gate) = gate_behind_tcp(&[address], RecordingMode::Off, |context| {
        context.limits.channels = 3
    })
    .await;
    let client = TunnelClient::connect(Box::new(rep), &options(&[address]))
        .await
        .unwrap();
    let mut streams = Vec::new();
    for _ in 0..3 {
        streams.push(client.open(&target(address)).await.unwrap());
    }
    let Err(error) = client.open(&target(address)).await else {
        panic!("a fourth was opened")
    };
    assert_eq!(error.kind(), ErrorKind::ResourceLimit);
    streams.pop();
    soon(async {
        while client.open(&target(address)).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_stop_signal_ends_everything_and_the_rep_learns_why() {
    let address = echo().await;
    let (client, gate) = session(&[address]).await;
    let mut stream = client.open(&target(address)).await.unwrap();
    stream.write_all(b"hello").await.unwrap();
    soon(stream.read_exact(&mut [0; 5])).await.unwrap();
    gate.ends.stop.stop(EndReason::EndedBy("root".to_owned()));
    let outcome = soon(gate.outcome).await.unwrap();
    assert_eq!(outcome.reason, EndReason::EndedBy("root".to_owned()));
    assert_eq!((outcome.bytes_from_rep, outcome.bytes_from_target), (5, 5));
    let error = soon(client.closed()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SessionEnded);
    assert!(error.to_string().contains("ended by root"), "{error}");
    let error = soon(stream.read_u8()).await.unwrap_err();
    assert_eq!(
        jump_core::Error::from_io(ErrorKind::Internal, "", error).kind(),
        ErrorKind::SessionEnded
    );
    assert!(client.open(&target(address)).await.is_err());
}

#[tokio::test]
async fn the_stop_signal_ends_a_session_whose_rep_reads_nothing_and_whose_dial_hangs() {
    let address = stalled().await;
    let (rep, gate) = gate_behind_tcp(&[address], RecordingMode::Off, |_| {}).await;
    gate.ends.stop.stop(EndReason::Expired);
    assert_eq!(soon(gate.outcome).await.unwrap().reason, EndReason::Expired);
    drop(rep);
}

#[tokio::test]
async fn a_rep_that_goes_away_without_a_word_is_told_apart_from_one_that_closes() {
    let address = echo().await;
    let (rep, gate) = gate_behind_tcp(&[address], RecordingMode::Off, |_| {}).await;
    drop(rep);
    assert_eq!(soon(gate.outcome).await.unwrap().reason, EndReason::RepLost);
}

#[tokio::test(start_paused = true)]
async fn a_rep_that_never_greets_is_given_up_on() {
    let address = echo().await;
    let (_rep, gate) = gate_behind_tcp(&[address], RecordingMode::Off, |_| {}).await;
    let reason = gate.outcome.await.unwrap().reason;
    assert!(
        matches!(
            reason,
            EndReason::Failed {
                kind: ErrorKind::Timeout,
                ..
            }
        ),
        "{reason:?}"
    );
}

#[tokio::test]
async fn both_directions_and_the_life_of_each_stream_are_recorded() {
    let (address, forbidden) = (echo().await, stalled().await);
    let (rep, mut gate) = gate_behind_tcp(&[address], RecordingMode::Backpressure, |_| {}).await;
    let client = TunnelClient::connect(Box::new(rep), &options(&[address]))
        .await
        .unwrap();
    let mut stream = client.open(&target(address)).await.unwrap();
    stream.write_all(b"to the target and back").await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(soon(all(&mut stream)).await.unwrap(), b"to the target and back");
    assert!(client.open(&target(forbidden)).await.is_err());
    client.close().await.unwrap();
    soon(gate.outcome).await.unwrap();

    let mut queue = gate.ends.recording.take().unwrap();
    let mut lines = Vec::new();
    while let Some(record) = queue.next().await {
        let said = match TunnelRecord::read(&record.payload) {
            Some(event) => format!("{event:?}"),
            None => String::from_utf8(record.payload.to_vec()).unwrap(),
        };
        lines.push(format!("{} {:?} {said}", record.channel, record.kind));
    }
    let expected = [
        format!("1 Event Opened {{ to: \"{address}\" }}"),
        "1 FromRep to the target and back".to_owned(),
        "1 FromTarget to the target and back".to_owned(),
        "1 Event Closed { from_rep: 22, from_target: 22, complete: true }".to_owned(),
        format!("2 Event Refused {{ to: \"{forbidden}\", kind: Denied }}"),
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn a_recording_that_fails_ends_the_session_before_the_bytes_pass() {
    let address = echo().await;
    let (rep, mut gate) = gate_behind_tcp(&[address], RecordingMode::Backpressure, |_| {}).await;
    let client = TunnelClient::connect(Box::new(rep), &options(&[address]))
        .await
        .unwrap();
    let mut stream = client.open(&target(address)).await.unwrap();
    drop(gate.ends.recording.take());
    stream.write_all(b"unrecorded").await.unwrap();
    let outcome = soon(gate.outcome).await.unwrap();
    assert!(
        matches!(outcome.reason, EndReason::RecordingFailed(_)),
        "{:?}",
        outcome.reason
    );
    assert_eq!(outcome.bytes_from_rep, 0);
    assert_eq!(
        soon(client.closed()).await.unwrap_err().kind(),
        ErrorKind::Storage
    );
}

#[tokio::test]
async fn a_recording_that_is_behind_holds_its_streams_back_and_loses_nothing() {
    let address = echo().await;
    let (rep, mut gate) = gate_behind_tcp(&[address], RecordingMode::Backpressure, |_| {}).await;
    let client = TunnelClient::connect(Box::new(rep), &options(&[address]))
        .await
        .unwrap();
    let stream = client.open(&target(address)).await.unwrap();
    let (mut reader, mut writer) = tokio::io::split(stream);
    let sent = Seeded::new(3).bytes(24 << 20);
    let mut queue = gate.ends.recording.take().unwrap();
    let taking = tokio::spawn(async move {
        let mut total = 0;
        while let Some(record) = queue.next().await {
            total += if record.kind == jump_core::recording::RecordKind::Event {
                0
            } else {
                record.payload.len()
            };
        }
        (total, queue.lost())
    });
    let (got, ()) = soon(async {
        tokio::join!(all(&mut reader), async {
            writer.write_all(&sent).await.unwrap();
            writer.shutdown().await.unwrap();
        })
    })
    .await;
    assert!(got.unwrap() == sent);
    drop((client, reader, writer));
    soon(gate.outcome).await.unwrap();
    assert_eq!(
        tokio::time::timeout(LONG, taking).await.unwrap().unwrap(),
        (48 << 20, 0)
    );
}
