//! What passed a proxy.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use super::Direction;

/// The most bytes that a proxy keeps, over all its connections.
const KEPT: usize = 64 << 20;

/// The bytes of one direction of one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// Which connection, counted from 0 in the order of accepting.
    pub connection: u64,
    /// Which way.
    pub direction: Direction,
    /// The bytes, as they were sent.
    pub bytes: Vec<u8>,
    /// Whether more came than was kept.
    pub truncated: bool,
}

#[derive(Debug)]
pub(super) struct Tap {
    state: Mutex<State>,
    to_upstream: watch::Sender<u64>,
    from_upstream: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    connections: u64,
    kept: usize,
    pieces: BTreeMap<(u64, bool), (Vec<u8>, bool)>,
}

impl Default for Tap {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            to_upstream: watch::Sender::new(0),
            from_upstream: watch::Sender::new(0),
        }
    }
}

impl Tap {
    fn count(&self, direction: Direction) -> &watch::Sender<u64> {
        match direction {
            Direction::ToUpstream => &self.to_upstream,
            Direction::FromUpstream => &self.from_upstream,
        }
    }

    pub(super) fn next_connection(&self) -> u64 {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.connections += 1;
        state.connections - 1
    }

    pub(super) fn connections(&self) -> u64 {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .connections
    }

    pub(super) fn arrived(&self, direction: Direction) -> watch::Receiver<u64> {
        self.count(direction).subscribe()
    }

    pub(super) fn keep(&self, connection: u64, direction: Direction, bytes: &[u8]) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let room = KEPT - state.kept;
        let kept = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        state.kept += kept.len();
        let entry = state
            .pieces
            .entry((connection, direction == Direction::FromUpstream))
            .or_default();
        entry.0.extend_from_slice(kept);
        entry.1 |= kept.len() < bytes.len();
        drop(state);
        self.count(direction)
            .send_modify(|arrived| *arrived += bytes.len() as u64);
    }

    pub(super) fn captured(&self) -> Vec<Captured> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = |(key, value): (&(u64, bool), &(Vec<u8>, bool))| Captured {
            connection: key.0,
            direction: if key.1 {
                Direction::FromUpstream
            } else {
                Direction::ToUpstream
            },
            bytes: value.0.clone(),
            truncated: value.1,
        };
        state.pieces.iter().map(entry).collect()
    }
}
