//! An audit log in memory, for tests and for embedders that keep their events elsewhere.

use async_trait::async_trait;
use tokio::sync::watch;

use super::{AuditEvent, AuditLog};
use crate::error::{Error, ErrorKind, Result};

/// Keeps its events in memory, at most as many as it was made for; gone when dropped.
#[derive(Debug)]
pub struct MemoryAuditLog {
    events: watch::Sender<Vec<AuditEvent>>,
    limit: usize,
}

impl MemoryAuditLog {
    /// A log that takes `limit` events and then fails with [`ErrorKind::ResourceLimit`].
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            events: watch::Sender::new(Vec::new()),
            limit,
        }
    }

    /// A copy of every event so far.
    #[must_use]
    pub fn events(&self) -> Vec<AuditEvent> {
        self.events.borrow().clone()
    }

    /// Waits for the first event, past or future, that `wanted` accepts. Cancel-safe.
    pub async fn wait_for(&self, wanted: impl Fn(&AuditEvent) -> bool) -> Result<AuditEvent> {
        let mut events = self.events.subscribe();
        let found = events.wait_for(|events| events.iter().any(&wanted)).await;
        found
            .ok()
            .and_then(|events| events.iter().find(|event| wanted(event)).cloned())
            .ok_or_else(|| Error::new(ErrorKind::Closed, "wait for an event", "the log is closed"))
    }
}

#[async_trait]
impl AuditLog for MemoryAuditLog {
    async fn append(&self, event: &AuditEvent) -> Result<u64> {
        let mut sequence = None;
        self.events.send_if_modified(|events| {
            if events.len() < self.limit {
                events.push(event.clone());
                sequence = Some(events.len() as u64);
            }
            sequence.is_some()
        });
        sequence.ok_or_else(|| {
            Error::new(
                ErrorKind::ResourceLimit,
                "write the audit log",
                "the log in memory is full",
            )
        })
    }
}
