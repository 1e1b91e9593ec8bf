//! Reading a log from a position on, while it is being written.

use serde::{Deserialize, Serialize};

use super::line::ChainEnd;
use super::{AuditEvent, RemovedEvents};
use crate::error::{Error, ErrorKind, Result};

pub(super) const READ: &str = "read the audit log";

/// A place in a log: behind the event of this number. It names the hash of that event, so that a position of another log, or
/// of one that was changed, is noticed. The default is the very beginning, which a log of which old events were removed does not
/// have any more: see [`AuditLog::start`](super::AuditLog::start).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct LogPosition {
    pub(super) end: ChainEnd,
    /// Bytes of the lines before it, those that were removed included.
    pub(super) offset: u64,
}

impl LogPosition {
    /// How many events are before it.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.end.sequence
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    sequence: u64,
    offset: u64,
    hash: String,
}

impl From<LogPosition> for Written {
    fn from(position: LogPosition) -> Self {
        Self {
            sequence: position.end.sequence,
            offset: position.offset,
            hash: data_encoding::HEXLOWER.encode(&position.end.hash),
        }
    }
}

impl TryFrom<Written> for LogPosition {
    type Error = Error;
    fn try_from(written: Written) -> Result<Self> {
        let hash = data_encoding::HEXLOWER
            .decode(written.hash.as_bytes())
            .ok()
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::InvalidArgument,
                    READ,
                    "a position has a hash of 64 hexadecimal digits",
                )
            })?;
        Ok(Self {
            end: ChainEnd {
                sequence: written.sequence,
                hash,
            },
            offset: written.offset,
        })
    }
}

/// Where a log begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogStart {
    /// The position before the oldest event that is there.
    pub position: LogPosition,
    /// What was removed before it, if retention removed anything.
    pub removed: Option<RemovedEvents>,
}

/// How much is read at once; at least one event is, if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimits {
    /// At most this many events.
    pub events: usize,
    /// No further event once this many bytes were read.
    pub bytes: usize,
}

/// What was read.
#[derive(Clone, Debug, Default)]
pub struct LogPage {
    /// The events, in their order.
    pub events: Vec<LoggedEvent>,
    /// Where to go on.
    pub next: LogPosition,
    /// Whether that was the end of the log at the time.
    pub at_end: bool,
}

/// An event as it stands in a log.
#[derive(Clone, Debug)]
pub struct LoggedEvent {
    /// The position before it: reading from there gives it first.
    pub at: LogPosition,
    /// The event's JSON, exactly as it was logged.
    pub json: Box<[u8]>,
}

impl LoggedEvent {
    /// Its sequence number.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.at.end.sequence.saturating_add(1)
    }

    /// The event; `None` if a newer version wrote it and this one does not know it.
    #[must_use]
    pub fn event(&self) -> Option<AuditEvent> {
        serde_json::from_slice(&self.json).ok()
    }
}

/// The error for a log that cannot be read while it is written.
pub(super) fn unreadable() -> Error {
    Error::new(
        ErrorKind::Unsupported,
        READ,
        "this kind of log gives nothing back",
    )
}

/// The error for a log that removes nothing.
pub(super) fn keeps_everything() -> Error {
    Error::new(
        ErrorKind::Unsupported,
        super::removal::REMOVE,
        "this kind of log keeps everything",
    )
}

/// The error for a position that is none of this log.
pub(super) fn no_such_position() -> Error {
    Error::new(
        ErrorKind::InvalidArgument,
        READ,
        "it has no such position: the position is another log's, or the log was changed",
    )
}
