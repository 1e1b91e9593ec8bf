//! The fault proxy does each of its faults, and nothing else.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::time::Duration;

use jump_testkit::canary;
use jump_testkit::fault_proxy::{Direction, FaultProxy, Faults, Flow, Side};
use jump_testkit::hostile::{Closing, read_until_close};
use jump_testkit::ports;
use jump_testkit::seeded::Seeded;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const LONG: Duration = Duration::from_secs(20);

/// A proxy with one connection through it: the proxy, the client's socket and the server's.
async fn connected() -> (FaultProxy, TcpStream, TcpStream) {
    let (listener, address) = ports::listener().await.unwrap();
    let proxy = FaultProxy::start_seeded(address, 7).await.unwrap();
    let client = TcpStream::connect(proxy.address()).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    (proxy, client, server)
}

#[tokio::test]
async fn passes_bytes_both_ways_and_half_close_and_keeps_what_passed() {
    let (proxy, mut client, mut server) = connected().await;
    let sent = Seeded::new(1).bytes(3 << 20);
    let (back, got) = tokio::join!(
        async {
            client.write_all(&sent).await.unwrap();
            client.shutdown().await.unwrap();
            let mut back = Vec::new();
            client.read_to_end(&mut back).await.unwrap();
            back
        },
        async {
            let mut got = Vec::new();
            server.read_to_end(&mut got).await.unwrap();
            server
                .write_all(b"the answer after the half-close")
                .await
                .unwrap();
            server.shutdown().await.unwrap();
            got
        }
    );
    assert!(got == sent);
    assert_eq!(back, b"the answer after the half-close");
    let captured = proxy.captured();
    assert_eq!(captured.len(), 2);
    assert!(captured[0].bytes == sent && captured[1].direction == Direction::FromUpstream);
    assert_eq!(canary::find(&captured[1].bytes, b"the answer after").len(), 1);
}

#[tokio::test]
async fn a_stalled_direction_holds_bytes_until_it_flows_while_the_other_passes() {
    let (proxy, mut client, mut server) = connected().await;
    proxy.change(Direction::ToUpstream, |faults| faults.flow = Flow::Stall);
    client.write_all(b"waits").await.unwrap();
    server.write_all(b"passes").await.unwrap();
    let mut buffer = [0; 6];
    client.read_exact(&mut buffer).await.unwrap();
    let nothing = tokio::time::timeout(Duration::from_millis(50), server.read_u8()).await;
    assert!(nothing.is_err(), "a stalled byte arrived");
    proxy.thaw();
    let mut buffer = [0; 5];
    server.read_exact(&mut buffer).await.unwrap();
    assert_eq!(&buffer, b"waits");
}

#[tokio::test]
async fn a_dropping_direction_swallows_bytes() {
    let (proxy, mut client, mut server) = connected().await;
    proxy.change(Direction::ToUpstream, |faults| faults.flow = Flow::Drop);
    client.write_all(b"lost").await.unwrap();
    proxy
        .wait_for_bytes(Direction::ToUpstream, 4, LONG)
        .await
        .unwrap();
    proxy.thaw();
    client.write_all(b"kept").await.unwrap();
    let mut buffer = [0; 4];
    server.read_exact(&mut buffer).await.unwrap();
    assert_eq!(&buffer, b"kept");
}

#[tokio::test]
async fn corrupts_one_byte_and_cuts_after_so_many() {
    let (proxy, mut client, mut server) = connected().await;
    proxy.set(
        Direction::ToUpstream,
        Faults {
            corrupt_at: Some(2),
            cut_after: Some(4),
            ..Faults::default()
        },
    );
    client.write_all(b"abcdef").await.unwrap();
    let mut got = Vec::new();
    server.read_to_end(&mut got).await.unwrap();
    assert_eq!(got, [b'a', b'b', !b'c', b'd']);
    assert_ne!(read_until_close(&mut client, LONG).await.1, Closing::StillOpen);
}

#[tokio::test]
async fn resets_both_sides() {
    let (proxy, mut client, mut server) = connected().await;
    proxy.reset_all();
    assert_eq!(read_until_close(&mut client, LONG).await.1, Closing::Reset);
    assert_eq!(read_until_close(&mut server, LONG).await.1, Closing::Reset);
}

#[tokio::test]
async fn half_open_keeps_one_side_that_hears_nothing() {
    let (proxy, mut client, mut server) = connected().await;
    proxy.half_open(Side::Client);
    assert_ne!(read_until_close(&mut server, LONG).await.1, Closing::StillOpen);
    assert_eq!(
        read_until_close(&mut client, Duration::from_millis(50)).await.1,
        Closing::StillOpen
    );
    drop(proxy);
    assert_ne!(read_until_close(&mut client, LONG).await.1, Closing::StillOpen);
}

#[tokio::test(start_paused = true)]
async fn delay_and_bandwidth_take_the_time_they_should() {
    let (proxy, mut client, mut server) = connected().await;
    let slow = Faults {
        delay: Duration::from_secs(60),
        bytes_per_second: Some(100),
        ..Faults::default()
    };
    proxy.set(Direction::ToUpstream, slow);
    let start = tokio::time::Instant::now();
    client.write_all(&[1; 1000]).await.unwrap();
    server.read_exact(&mut [0; 1000]).await.unwrap();
    assert!(
        start.elapsed() >= Duration::from_secs(70),
        "{:?}",
        start.elapsed()
    );
}
