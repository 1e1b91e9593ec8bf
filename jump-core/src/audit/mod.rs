//! The audit log: what happened, in order, durable, and tamper-evident.

mod change_fields;
mod change_note;
mod change_object;
mod checkpoint;
mod cut;
mod event;
mod factor_note;
mod file;
mod line;
mod memory;
mod read;
mod removal;
mod vault_note;
mod verify;
mod writer;

#[cfg(test)]
mod change_tests;
#[cfg(test)]
mod read_tests;
#[cfg(test)]
mod retention_tests;
#[cfg(test)]
mod tests;

use std::fmt::Debug;

use async_trait::async_trait;

use crate::error::Result;

pub use change_fields::{Fields, REDACTED, fields_of};
pub(crate) use change_note::ChangeNotes;
pub use change_note::{ChangeNote, ChangeVerb, ChangedObject, CopySource, ItemNote, ItemPlace};
pub use checkpoint::Checkpoint;
pub use cut::RemovedEvents;
pub use event::{Actor, AuditEvent, AuditKind, RecordingNote, SessionPlace};
pub use factor_note::FactorNote;
pub use file::FileAuditLog;
pub use memory::MemoryAuditLog;
pub use read::{LogPage, LogPosition, LogStart, LoggedEvent, ReadLimits};
pub use removal::{PreparedRemoval, RemovalBound};
pub use vault_note::VaultNote;
pub use verify::{LogEntry, LogReader, Verified, verify_log, verify_signed_log};

/// Takes events. An event is on stable storage when `append` returns `Ok`; a session is not started, and no
/// administrative change is made, before its event is.
#[async_trait]
pub trait AuditLog: Send + Sync + Debug + 'static {
    /// Appends an event and gives its sequence number, counted from 1. Concurrent calls are ordered one way or the
    /// other. Not cancel-safe: a cancelled event may have been written.
    async fn append(&self, event: &AuditEvent) -> Result<u64>;

    /// Vouches for everything that was appended so far, where the log can: a broker that stops asks for it. Does nothing by
    /// default. Cancel-safe.
    async fn checkpoint(&self) -> Result<()> {
        Ok(())
    }

    /// Reads the events behind `from`, the oldest first. Works while others append; gives nothing that is not durable.
    /// Cancel-safe.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported), as by default, if the log gives nothing back;
    /// [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument) for a position of another log, or of one that was
    /// changed; [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) for one whose next event retention removed: go on from
    /// [`start`](Self::start); [`ErrorKind::Integrity`](crate::ErrorKind::Integrity) for a line that was changed;
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) if reading fails.
    async fn read(&self, from: LogPosition, most: ReadLimits) -> Result<LogPage> {
        let _ = (from, most);
        Err(read::unreadable())
    }

    /// Waits until the log has more than `sequence` events. Cancel-safe.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) as above; an error if there will be no more.
    async fn wait_behind(&self, sequence: u64) -> Result<()> {
        let _ = sequence;
        Err(read::unreadable())
    }

    /// Where the log begins: its very beginning, as by default, or behind what retention removed. Cancel-safe.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    async fn start(&self) -> Result<LogStart> {
        Ok(LogStart::default())
    }

    /// Makes ready to remove the oldest events; `None` if none may go. Nothing is removed yet: append
    /// [`AuditKind::EventsRemoved`] with what it says, then call [`remove`](Self::remove). Cancel-safe.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported), as by default, if the log removes nothing;
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) if another removal is under way;
    /// [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument) for a reason that is too long;
    /// [`ErrorKind::Integrity`](crate::ErrorKind::Integrity) if the events are not those that were signed;
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) if the disk fails or is full.
    async fn prepare_removal(&self, bound: RemovalBound) -> Result<Option<PreparedRemoval>> {
        let _ = bound;
        Err(read::keeps_everything())
    }

    /// Removes what was made ready and announced. Not cancel-safe: a cancelled removal may happen.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) if it failed; then the log goes on, with or without what was to go.
    async fn remove(&self, removal: PreparedRemoval) -> Result<()> {
        drop(removal);
        Err(read::keeps_everything())
    }
}
