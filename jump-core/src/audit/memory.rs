//! An audit log in memory, for tests and for embedders that keep their events elsewhere.

use async_trait::async_trait;
use tokio::sync::watch;

use super::line::ChainEnd;
use super::read::{LogPage, LogPosition, LoggedEvent, READ, ReadLimits, no_such_position};
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

    /// Positions are numbers here: nothing is hashed.
    async fn read(&self, from: LogPosition, most: ReadLimits) -> Result<LogPage> {
        let position = |sequence| LogPosition {
            end: ChainEnd {
                sequence,
                ..ChainEnd::default()
            },
            offset: 0,
        };
        let events = self.events.borrow();
        let start = usize::try_from(from.sequence()).unwrap_or(usize::MAX);
        let rest = events
            .get(start..)
            .filter(|_| from == position(from.sequence()))
            .ok_or_else(no_such_position)?;
        let mut page = LogPage {
            next: from,
            ..LogPage::default()
        };
        let mut bytes = 0;
        for event in rest.iter().take(most.events) {
            let json = serde_json::to_vec(event).map_err(|error| {
                Error::new(ErrorKind::Internal, READ, "an event has no form in JSON").with_source(error)
            })?;
            bytes += json.len();
            page.events.push(LoggedEvent {
                at: page.next,
                json: json.into(),
            });
            page.next = position(page.next.sequence() + 1);
            if bytes >= most.bytes {
                break;
            }
        }
        page.at_end = page.next.sequence() == events.len() as u64;
        Ok(page)
    }

    async fn wait_behind(&self, sequence: u64) -> Result<()> {
        let mut events = self.events.subscribe();
        let found = events.wait_for(|events| events.len() as u64 > sequence).await;
        found
            .map(drop)
            .map_err(|_| Error::new(ErrorKind::Closed, "wait for an event", "the log is closed"))
    }
}
