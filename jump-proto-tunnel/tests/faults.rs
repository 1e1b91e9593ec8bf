//! A network that fails between rep and gate: every stream completes or errors, none hangs.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

mod common;

use std::time::Duration;

use common::{Gate, echo, gate_behind_tcp, options, target};
use jump_core::ErrorKind;
use jump_core::protocol::TunnelSession;
use jump_core::session::{EndReason, RecordingMode};
use jump_core::stream::BoxStream;
use jump_proto_tunnel::TunnelClient;
use jump_testkit::fault_proxy::{Direction, FaultProxy, Faults, Flow};
use jump_testkit::ports;
use jump_testkit::waiting::{LONG, soon};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A session whose bytes pass a fault proxy, with one stream to an echo that has answered once.
async fn through_proxy() -> (FaultProxy, TunnelClient, BoxStream, Gate) {
    let address = echo().await;
    let (near, gate) = gate_behind_tcp(&[address], RecordingMode::Off, |_| {}).await;
    // The proxy leads to a listener whose one connection is joined to the gate's.
    let (listener, upstream) = ports::listener().await.unwrap();
    let proxy = FaultProxy::start(upstream).await.unwrap();
    let rep = TcpStream::connect(proxy.address()).await.unwrap();
    let (mut far, _) = listener.accept().await.unwrap();
    rep.set_nodelay(true).unwrap();
    far.set_nodelay(true).unwrap();
    tokio::spawn(async move {
        let mut near = near;
        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
    });
    let client = TunnelClient::connect(Box::new(rep), &options(&[address]))
        .await
        .unwrap();
    let mut stream = client.open(&target(address)).await.unwrap();
    stream.write_all(b"hello").await.unwrap();
    stream.read_exact(&mut [0; 5]).await.unwrap();
    (proxy, client, stream, gate)
}

#[tokio::test(start_paused = true)]
async fn a_link_that_stalls_for_half_a_minute_loses_nothing() {
    let (proxy, _client, mut stream, _gate) = through_proxy().await;
    proxy.freeze();
    stream.write_all(b"late").await.unwrap();
    tokio::time::sleep(Duration::from_secs(30)).await;
    proxy.thaw();
    let mut back = [0; 4];
    stream.read_exact(&mut back).await.unwrap();
    assert_eq!(&back, b"late");
}

#[tokio::test(start_paused = true)]
async fn a_link_that_stalls_for_good_is_a_timeout_at_both_sides() {
    let (proxy, client, mut stream, gate) = through_proxy().await;
    proxy.freeze();
    assert_eq!(client.closed().await.unwrap_err().kind(), ErrorKind::Timeout);
    let error = stream.read_u8().await.unwrap_err();
    assert_eq!(
        jump_core::Error::from_io(ErrorKind::Internal, "", error).kind(),
        ErrorKind::Timeout
    );
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

#[tokio::test(start_paused = true)]
async fn a_link_that_swallows_one_direction_is_noticed_by_both_sides() {
    let (proxy, client, _stream, gate) = through_proxy().await;
    proxy.change(Direction::ToUpstream, |faults| faults.flow = Flow::Drop);
    // The gate hears nothing and gives up; its goodbye still reaches the rep.
    assert_eq!(client.closed().await.unwrap_err().kind(), ErrorKind::Timeout);
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
async fn a_reset_link_ends_streams_and_session_at_once() {
    let (proxy, client, mut stream, gate) = through_proxy().await;
    proxy.reset_all();
    assert!(soon(stream.read_u8()).await.is_err());
    assert_eq!(soon(client.closed()).await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(soon(gate.outcome).await.unwrap().reason, EndReason::RepLost);
}

#[tokio::test]
async fn a_link_cut_inside_a_transfer_gives_an_error_and_never_a_short_success() {
    let (proxy, _client, stream, _gate) = through_proxy().await;
    let cut = Faults {
        cut_after: Some(300_000),
        ..Faults::default()
    };
    proxy.set(Direction::FromUpstream, cut);
    let (mut reader, mut writer) = tokio::io::split(stream);
    let writing = tokio::spawn(async move {
        let result = writer.write_all(&vec![1; 4 << 20]).await;
        let _ = writer.shutdown().await;
        result.is_ok()
    });
    let mut got = Vec::new();
    let result = soon(reader.read_to_end(&mut got)).await;
    assert!(
        result.is_err() && got.len() < 300_000,
        "{result:?} after {} bytes",
        got.len()
    );
    let _ = tokio::time::timeout(LONG, writing).await.unwrap();
}

#[tokio::test]
async fn a_slow_long_path_still_moves_everything() {
    let (proxy, client, stream, _gate) = through_proxy().await;
    for direction in Direction::BOTH {
        let slow = Faults {
            delay: Duration::from_millis(10),
            jitter: Duration::from_millis(3),
            bytes_per_second: Some(20 << 20),
            ..Faults::default()
        };
        proxy.set(direction, slow);
    }
    let (mut reader, mut writer) = tokio::io::split(stream);
    let sent = jump_testkit::seeded::Seeded::new(5).bytes(3 << 20);
    let (got, ()) = soon(async {
        tokio::join!(common::all(&mut reader), async {
            writer.write_all(&sent).await.unwrap();
            writer.shutdown().await.unwrap();
        })
    })
    .await;
    assert!(got.unwrap() == sent);
    client.close().await.unwrap();
}
