//! Pumping bytes between two streams: counts, ends, errors, bounds and fairness.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test helpers"
)]

mod tunnel_support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use jump_core::ErrorKind;
use jump_core::stream::BoxStream;
use jump_core::tunnel::{Buffers, Socket, TlsStream, pump, pump_with};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tunnel_support::{exchange, noise, secure, tcp_pair, tls_pair, within};

/// A client socket and a target socket with a whole tunnel between them, and the two pumps that drive it.
async fn through_a_tunnel() -> (
    Socket,
    Socket,
    [tokio::task::JoinHandle<jump_core::Result<(u64, u64)>>; 2],
) {
    let (client, rep_side) = tcp_pair().await;
    let (target, jumpoint_side) = tcp_pair().await;
    let (rep, jumpoint) = within(tls_pair()).await;
    let pumps = [
        tokio::spawn(pump(rep_side, rep)),
        tokio::spawn(pump(jumpoint, jumpoint_side)),
    ];
    (client, target, pumps)
}

#[tokio::test]
async fn bytes_and_ends_pass_a_whole_tunnel_and_are_counted() {
    let (client, target, pumps) = through_a_tunnel().await;
    let (up, down) = (noise(1, 4_000_003), noise(2, 3_000_011));
    let ((_, got_down), (_, got_up)) =
        within(async { tokio::join!(exchange(client, &up), exchange(target, &down)) }).await;
    assert!(got_up == up && got_down == down);
    let [rep, jumpoint] = pumps;
    let counted = (4_000_003, 3_000_011);
    assert_eq!(within(rep).await.unwrap().unwrap(), counted);
    assert_eq!(within(jumpoint).await.unwrap().unwrap(), counted);
}

#[tokio::test]
async fn a_request_that_ends_gets_its_answer() {
    let (mut client, mut target, _pumps) = through_a_tunnel().await;
    within(async {
        client.write_all(b"GET").await.unwrap();
        client.shutdown().await.unwrap();
        let mut request = String::new();
        target.read_to_string(&mut request).await.unwrap();
        assert_eq!(request, "GET");
        target.write_all(b"OK").await.unwrap();
        drop(target);
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "OK");
    })
    .await;
}

#[tokio::test]
async fn a_small_message_is_not_kept_back_until_the_next() {
    let (mut client, mut target, _pumps) = through_a_tunnel().await;
    within(async {
        for round in 0..100u8 {
            client.write_all(&[round]).await.unwrap();
            assert_eq!(target.read_u8().await.unwrap(), round);
            target.write_all(&[round, round]).await.unwrap();
            assert_eq!(
                client.read_u16().await.unwrap(),
                u16::from_be_bytes([round, round])
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_cut_tunnel_is_an_error_of_the_pump_and_the_other_side_is_cut_too() {
    let (mut client, rep_side) = tcp_pair().await;
    let (rep, jumpoint) = within(tls_pair()).await;
    let pumping = tokio::spawn(pump(rep_side, rep));
    drop(jumpoint);
    let error = within(pumping).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network, "{error}");
    let mut rest = Vec::new();
    let _ = within(client.read_to_end(&mut rest)).await;
    assert!(rest.is_empty());
}

#[tokio::test]
async fn a_stuck_receiver_bounds_what_the_pumps_take_in() {
    let (mut client, _target, _pumps) = through_a_tunnel().await;
    let chunk = noise(4, 100_000);
    let mut accepted = 0u64;
    while let Ok(written) = tokio::time::timeout(Duration::from_secs(1), client.write(&chunk)).await {
        accepted += written.unwrap() as u64;
        assert!(accepted < 64 << 20, "nothing holds the sender back: {accepted}");
    }
}

#[tokio::test]
async fn an_idle_pump_holds_no_buffer() {
    let (mut client, rep_side) = tcp_pair().await;
    let (rep, mut jumpoint) = within(tls_pair()).await;
    let buffers = Arc::clone(rep.buffers());
    let pumping = tokio::spawn(pump(rep_side, rep));
    let sent = noise(5, 3_000_000);
    let mut got = vec![0u8; sent.len()];
    within(async { tokio::join!(client.write_all(&sent), jumpoint.read_exact(&mut got)).1 })
        .await
        .unwrap();
    assert!(got == sent);
    tunnel_support::until("the buffers are given back", || buffers.in_use() == 0).await;
    pumping.abort();
}

#[tokio::test]
async fn boxed_streams_are_pumped_too() {
    let (mut client, near) = tokio::io::duplex(100);
    let (rep, jumpoint) = within(tls_pair()).await;
    let rep: BoxStream = Box::new(rep);
    let pumping = tokio::spawn(pump(near, rep));
    let echo: TlsStream<Socket> = jumpoint;
    let echoing = tokio::spawn(async move {
        let (mut read, mut write) = tokio::io::split(echo);
        tokio::io::copy(&mut read, &mut write).await.unwrap();
        write.shutdown().await.unwrap();
    });
    let data = noise(6, 300_000);
    let (mut read, mut write) = tokio::io::split(&mut client);
    let mut got = Vec::new();
    within(async {
        tokio::join!(
            async {
                write.write_all(&data).await.unwrap();
                write.shutdown().await.unwrap();
            },
            async { read.read_to_end(&mut got).await.unwrap() }
        )
    })
    .await;
    assert!(got == data);
    within(pumping).await.unwrap().unwrap();
    within(echoing).await.unwrap();
}

/// An endless source and a bottomless sink: always ready, so only the pump's own manners let others run.
struct Endless {
    moved: Arc<AtomicU64>,
}

impl tokio::io::AsyncRead for Endless {
    fn poll_read(
        self: std::pin::Pin<&mut Self>,
        _cx: &mut std::task::Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        let length = buffer.remaining();
        buffer.advance(length);
        std::task::Poll::Ready(Ok(()))
    }
}

impl tokio::io::AsyncWrite for Endless {
    fn poll_write(
        self: std::pin::Pin<&mut Self>,
        _cx: &mut std::task::Context<'_>,
        data: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        self.moved.fetch_add(data.len() as u64, Ordering::Relaxed);
        std::task::Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(
        self: std::pin::Pin<&mut Self>,
        _cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        self: std::pin::Pin<&mut Self>,
        _cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }
}

impl jump_core::tunnel::Side for Endless {}

#[tokio::test]
async fn a_pump_that_never_has_to_wait_gives_way_after_each_mebibyte() {
    let moved = Arc::new(AtomicU64::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let buffers = Buffers::new(256 * 1024, 2);
    let (a, b) = (Endless { moved: moved.clone() }, Endless { moved: moved.clone() });
    let pumping = async {
        tokio::select! {
            ended = pump_with(a, b, &buffers) => panic!("it cannot end: {ended:?}"),
            () = async {
                while !stop.load(Ordering::Relaxed) {
                    tokio::task::yield_now().await;
                }
            } => {}
        }
    };
    let watching = async {
        let mut before = 0;
        for _ in 0..100 {
            tokio::task::yield_now().await;
            let now = moved.load(Ordering::Relaxed);
            // One quantum each way and at most one write more, for at most two turns of the pump to one of ours.
            assert!(
                now - before <= 2 * 2 * ((1 << 20) + 256 * 1024),
                "{} bytes in one turn",
                now - before
            );
            before = now;
        }
        assert!(before > 50 << 20, "the pump runs all the time: {before}");
        stop.store(true, Ordering::Relaxed);
    };
    within(async { tokio::join!(pumping, watching) }).await;
}

#[tokio::test]
async fn streams_over_memory_are_secured_and_pumped_alike() {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let (rep, jumpoint) = within(secure(near, far)).await;
    let (mut client, rep_side) = tokio::io::duplex(64 * 1024);
    let (mut target, jumpoint_side) = tokio::io::duplex(64 * 1024);
    let pumps = tokio::spawn(async move { tokio::join!(pump(rep_side, rep), pump(jumpoint_side, jumpoint)) });
    within(async {
        client.write_all(b"ping").await.unwrap();
        let mut got = [0u8; 4];
        target.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"ping");
        drop(client);
        drop(target);
    })
    .await;
    let (up, down) = within(pumps).await.unwrap();
    assert_eq!(up.unwrap(), (4, 0));
    assert_eq!(down.unwrap(), (0, 4));
}
