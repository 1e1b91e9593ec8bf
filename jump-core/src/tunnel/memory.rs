//! A network in memory: for tests, and for embedders that run several parts in one process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;

use super::transport::{Listener, PeerAddress, Socket, Transport};
use crate::error::{Error, ErrorKind, Result};

/// What one direction of a connection holds before its writer waits.
const PIPE_SIZE: usize = 64 * 1024;
/// Connections that wait to be accepted before a dialler waits.
const BACKLOG: usize = 128;

/// A network in memory. Clones share it; addresses are names that listeners pick.
#[derive(Clone, Debug, Default)]
pub struct MemoryTransport {
    listeners: Arc<Mutex<HashMap<String, mpsc::Sender<DuplexStream>>>>,
}

impl MemoryTransport {
    /// A new network on which nobody listens yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl Transport for MemoryTransport {
    async fn dial(&self, address: &str) -> Result<Socket> {
        let nobody = || {
            Error::new(
                ErrorKind::Unavailable,
                "connect in memory",
                format!("nobody listens at {address}"),
            )
        };
        let listener = {
            let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
            listeners.get(address).cloned().ok_or_else(nobody)?
        };
        let (near, far) = tokio::io::duplex(PIPE_SIZE);
        listener.send(far).await.map_err(|_| nobody())?;
        Ok(Socket::Memory(near))
    }

    async fn listen(&self, address: &str) -> Result<Box<dyn Listener>> {
        let (sender, incoming) = mpsc::channel(BACKLOG);
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        if listeners.get(address).is_some_and(|present| !present.is_closed()) {
            return Err(Error::new(
                ErrorKind::Unavailable,
                "listen in memory",
                format!("somebody listens at {address} already"),
            ));
        }
        listeners.insert(address.to_owned(), sender);
        Ok(Box::new(Bound {
            address: address.to_owned(),
            incoming,
            accepted: 0,
        }))
    }
}

#[derive(Debug)]
struct Bound {
    address: String,
    incoming: mpsc::Receiver<DuplexStream>,
    accepted: u64,
}

#[async_trait]
impl Listener for Bound {
    fn address(&self) -> String {
        self.address.clone()
    }

    async fn accept(&mut self) -> Result<(Socket, PeerAddress)> {
        // The transport holds a sender: when it is gone, nobody can dial any more.
        let Some(stream) = self.incoming.recv().await else {
            return Err(Error::new(
                ErrorKind::Closed,
                "accept in memory",
                "the network is gone",
            ));
        };
        self.accepted += 1;
        let peer = PeerAddress::memory(&format!("{}#{}", self.address, self.accepted));
        Ok((Socket::Memory(stream), peer))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn clones_share_one_network_and_others_do_not() {
        let network = MemoryTransport::new();
        let mut listener = network.listen("broker").await.unwrap();
        let mut near = network.clone().dial("broker").await.unwrap();
        let (mut far, peer) = listener.accept().await.unwrap();
        near.write_all(b"hello").await.unwrap();
        let mut got = [0u8; 5];
        far.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"hello");
        assert_eq!(peer.to_string(), "memory:broker#1");
        let stranger = MemoryTransport::new().dial("broker").await.unwrap_err();
        assert_eq!(stranger.kind(), ErrorKind::Unavailable);
    }

    #[tokio::test]
    async fn an_address_is_free_again_when_its_listener_is_dropped() {
        let network = MemoryTransport::new();
        let first = network.listen("a").await.unwrap();
        assert!(network.listen("a").await.is_err(), "taken");
        drop(first);
        assert_eq!(
            network.dial("a").await.unwrap_err().kind(),
            ErrorKind::Unavailable
        );
        network.listen("a").await.unwrap();
    }
}
