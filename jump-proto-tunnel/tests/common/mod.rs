//! A rep and a gate with a real TCP connection between them, and real targets.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

use std::net::SocketAddr;
use std::sync::Arc;

use jump_core::model::{Hostname, TargetAddress};
use jump_core::protocol::{Backend, ConnectOptions, GateContext, Outcome};
use jump_core::session::{Grant, RecordingMode};
use jump_proto_tunnel::{TunnelBackend, TunnelClient};
use jump_testkit::gate::{GateEnds, context};
use jump_testkit::ports;
use jump_testkit::world::Site;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub fn target(address: SocketAddr) -> TargetAddress {
    TargetAddress::new(Hostname::new(address.ip().to_string()).unwrap(), address.port()).unwrap()
}

/// A grant of a real decision for a tunnel to these addresses.
pub fn grant(targets: &[SocketAddr], recording: RecordingMode) -> Grant {
    let mut site = Site::new(*targets.first().unwrap(), targets).unwrap();
    let item = site.tunnel;
    site.edit_item(item, |item| item.recording = recording).unwrap();
    site.grant(item).unwrap()
}

/// A gate that runs, with its ends and its outcome to come.
pub struct Gate {
    pub ends: GateEnds,
    pub outcome: JoinHandle<Outcome>,
}

/// Starts a gate behind one end of a new TCP connection and gives the other end.
pub async fn gate_behind_tcp(
    targets: &[SocketAddr],
    recording: RecordingMode,
    adjust: impl FnOnce(&mut GateContext),
) -> (TcpStream, Gate) {
    let (mut context, ends) = context(grant(targets, recording), None);
    adjust(&mut context);
    let (rep, gate) = ports::tcp_pair().await.unwrap();
    rep.set_nodelay(true).unwrap();
    gate.set_nodelay(true).unwrap();
    let outcome = tokio::spawn(async move { TunnelBackend::new().gate(Box::new(gate), context).await });
    (rep, Gate { ends, outcome })
}

pub fn options(targets: &[SocketAddr]) -> ConnectOptions {
    ConnectOptions::new(Arc::new(grant(targets, RecordingMode::Off)))
}

/// A client and a gate that records nothing.
pub async fn session(targets: &[SocketAddr]) -> (TunnelClient, Gate) {
    let (rep, gate) = gate_behind_tcp(targets, RecordingMode::Off, |_| {}).await;
    let client = TunnelClient::connect(Box::new(rep), &options(targets))
        .await
        .unwrap();
    (client, gate)
}

/// A target that sends back what it gets, and ends when its peer ends.
pub async fn echo() -> SocketAddr {
    serve(|mut stream| async move {
        let (mut from, mut to) = stream.split();
        let _ = tokio::io::copy(&mut from, &mut to).await;
        let _ = to.shutdown().await;
    })
    .await
}

/// A target that never reads and never sends.
pub async fn stalled() -> SocketAddr {
    serve(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await
}

/// A target that runs `handler` for each connection.
pub async fn serve<F: Future<Output = ()> + Send + 'static>(
    handler: impl Fn(TcpStream) -> F + Send + Sync + Clone + 'static,
) -> SocketAddr {
    let (listener, address) = ports::listener().await.unwrap();
    tokio::spawn(accept(listener, handler));
    address
}

async fn accept<F: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    handler: impl Fn(TcpStream) -> F + Send + Sync + Clone + 'static,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let handler = handler.clone();
        tokio::spawn(async move { handler(stream).await });
    }
}

/// Reads to the end.
pub async fn all(stream: &mut (impl AsyncReadExt + Unpin)) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.map(|_| bytes)
}
