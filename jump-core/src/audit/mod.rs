//! The audit log: what happened, in order, durable, and tamper-evident.

mod change_fields;
mod change_note;
mod change_object;
mod checkpoint;
mod event;
mod factor_note;
mod file;
mod line;
mod memory;
mod read;
mod vault_note;
mod verify;
mod writer;

#[cfg(test)]
mod change_tests;
#[cfg(test)]
mod read_tests;
#[cfg(test)]
mod tests;

use std::fmt::Debug;

use async_trait::async_trait;

use crate::error::Result;

pub use change_fields::{Fields, REDACTED, fields_of};
pub(crate) use change_note::ChangeNotes;
pub use change_note::{ChangeNote, ChangeVerb, ChangedObject, CopySource, ItemNote, ItemPlace};
pub use checkpoint::Checkpoint;
pub use event::{Actor, AuditEvent, AuditKind, RecordingNote, SessionPlace};
pub use factor_note::FactorNote;
pub use file::FileAuditLog;
pub use memory::MemoryAuditLog;
pub use read::{LogPage, LogPosition, LoggedEvent, ReadLimits};
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
    /// changed; [`ErrorKind::Integrity`](crate::ErrorKind::Integrity) for a line that was changed;
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
}
