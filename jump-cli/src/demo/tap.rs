//! A wire tap in front of the relay: what passes here is all that the relay ever sees.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use jump_core::{Error, ErrorKind, Result};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How much is kept of each direction of each connection.
const KEPT: usize = 4 * 1024 * 1024;
const PIECE: usize = 16 * 1024;

/// The bytes of one direction of one connection.
type Wire = Arc<Mutex<Vec<u8>>>;

/// Passes connections on and keeps what was sent. Dropping it lets no more in.
#[derive(Debug)]
pub(super) struct Tap {
    address: String,
    wires: Arc<Mutex<Vec<Wire>>>,
    task: JoinHandle<()>,
}

impl Tap {
    pub(super) async fn start(relay: String) -> Result<Self> {
        let failed = |error| Error::from_io(ErrorKind::Network, "start the wire tap", error);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?.to_string();
        let wires: Arc<Mutex<Vec<Wire>>> = Arc::default();
        let task = tokio::spawn(accept(listener, relay, wires.clone()));
        Ok(Self { address, wires, task })
    }

    /// Where peers reach the relay.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// How many bytes passed.
    pub(super) fn seen(&self) -> usize {
        self.each(|bytes| bytes.len()).into_iter().sum()
    }

    /// Whether `text` passed, in one piece.
    pub(super) fn saw(&self, text: &[u8]) -> bool {
        let holds = |bytes: &[u8]| bytes.windows(text.len().max(1)).any(|window| window == text);
        self.each(holds).contains(&true)
    }

    fn each<T>(&self, look: impl Fn(&[u8]) -> T) -> Vec<T> {
        let wires = self.wires.lock().unwrap_or_else(PoisonError::into_inner).clone();
        wires
            .iter()
            .map(|wire| look(&wire.lock().unwrap_or_else(PoisonError::into_inner)))
            .collect()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, relay: String, wires: Arc<Mutex<Vec<Wire>>>) {
    while let Ok((peer, _)) = listener.accept().await {
        let Ok(upstream) = TcpStream::connect(&relay).await else {
            continue;
        };
        // A wire without this only reacts later.
        let _ = (peer.set_nodelay(true), upstream.set_nodelay(true));
        let (to, from) = (Wire::default(), Wire::default());
        wires
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend([to.clone(), from.clone()]);
        tokio::spawn(async move {
            let (mut peer_out, mut peer_in) = peer.into_split();
            let (mut relay_out, mut relay_in) = upstream.into_split();
            tokio::join!(
                pass(&mut peer_out, &mut relay_in, &to),
                pass(&mut relay_out, &mut peer_in, &from)
            )
        });
    }
}

/// Passes one direction on, to its end or its failure, either of which the other side notices by the closed socket.
async fn pass(from: &mut (impl AsyncRead + Unpin), to: &mut (impl AsyncWrite + Unpin), wire: &Wire) {
    let mut piece = vec![0u8; PIECE];
    while let Ok(length) = from.read(&mut piece).await {
        let bytes = piece.get(..length).unwrap_or_default();
        {
            let mut kept = wire.lock().unwrap_or_else(PoisonError::into_inner);
            let room = KEPT.saturating_sub(kept.len()).min(length);
            kept.extend_from_slice(bytes.get(..room).unwrap_or_default());
        }
        if length == 0 || to.write_all(bytes).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}
