//! What retention leaves at the beginning of a log: the site's signed statement that the events before were removed.
//!
//! ```text
//! {"cut":{"first":1,"last":300,"hash":"<64 hex digits>","bytes":90000,...},"signature":"<base64>"}
//! ```
//!
//! It is the first line or none. The chain goes on from it: the next line is that of event `last + 1` and hangs on `hash`.
//! The signature (Ed25519) is over the statement's JSON as it stands. There is one way to write such a line, as with events.

use std::io::BufRead;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use super::line::ChainEnd;
use super::read::LogPosition;
use crate::error::{Error, ErrorKind, Result};
use crate::keys::{PublicKey, Signature, SigningKey};
use crate::time::Timestamp;

const DOMAIN: &str = "jump audit cut v1";

/// How every such line begins.
const PREFIX: &[u8] = b"{\"cut\":";

/// The longest such line, its newline included, in bytes.
pub(super) const LONGEST_CUT: u64 = 4096;

/// The longest text of why events were removed, in characters.
pub(super) const LONGEST_REASON: usize = 200;

/// What was removed by retention: the log's events up to one of them. The same stands in the event that announces it and in
/// the record at the beginning of what is left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemovedEvents {
    /// The number of the oldest event that was still there; what is before it was removed earlier.
    pub first: u64,
    /// The number of the last event that was removed; the next one is the oldest that is kept.
    pub last: u64,
    /// The hash of the last one's line, 64 hexadecimal digits.
    pub hash: String,
    /// How many bytes all lines up to it had. Positions go on counting them.
    pub bytes: u64,
    /// The earliest time of the events from `first` to `last`.
    pub oldest: Timestamp,
    /// The latest time of them.
    pub newest: Timestamp,
    /// When they were removed.
    pub at: Timestamp,
    /// Why: what was asked for.
    pub reason: String,
}

impl RemovedEvents {
    /// Where the log goes on behind them.
    pub(super) fn position(&self) -> Result<LogPosition> {
        let hash = HEXLOWER
            .decode(self.hash.as_bytes())
            .ok()
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
            .ok_or_else(|| wrong("has no readable hash"))?;
        let end = ChainEnd {
            sequence: self.last,
            hash,
        };
        Ok(LogPosition {
            end,
            offset: self.bytes,
        })
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    cut: RemovedEvents,
    signature: Signature,
}

fn wrong(what: &str) -> Error {
    Error::new(
        ErrorKind::Integrity,
        "check the audit log",
        format!("the record of removed events, in its first line, {what}"),
    )
}

fn json<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| wrong("has no form in JSON").with_source(error))
}

/// The first line of a log of which events were removed.
#[derive(Clone, Debug)]
pub(super) struct Cut {
    line: Line,
    /// Where the log goes on.
    pub(super) start: LogPosition,
    /// Bytes of this line, its newline included.
    pub(super) head: u64,
}

impl Cut {
    /// Signs the statement.
    pub(super) fn sign(removed: RemovedEvents, key: &SigningKey) -> Result<(Self, Vec<u8>)> {
        let signature = key.sign(DOMAIN, &json(&removed)?);
        let line = Line {
            cut: removed,
            signature,
        };
        let mut bytes = json(&line)?;
        bytes.push(b'\n');
        Ok((Self::read(&bytes)?, bytes))
    }

    /// Whether a line is such a one, or a damaged one of the kind.
    pub(super) fn is_one(line: &[u8]) -> bool {
        line.starts_with(PREFIX)
    }

    /// Reads the line, its newline included. The signature is not checked.
    pub(super) fn read(bytes: &[u8]) -> Result<Self> {
        let text = bytes
            .strip_suffix(b"\n")
            .filter(|_| bytes.len() as u64 <= LONGEST_CUT)
            .ok_or_else(|| wrong("is cut off"))?;
        let line: Line =
            serde_json::from_slice(text).map_err(|error| wrong("was changed").with_source(error))?;
        if json(&line)? != text {
            return Err(wrong("was changed"));
        }
        if line.cut.first == 0 || line.cut.last < line.cut.first {
            return Err(wrong("names no events"));
        }
        Ok(Self {
            start: line.cut.position()?,
            line,
            head: bytes.len() as u64,
        })
    }

    /// The record at the beginning of a log, if there is one; reads at most the first line.
    pub(super) fn at_beginning(reader: &mut impl BufRead) -> Result<Option<Self>> {
        let mut line = Vec::new();
        std::io::Read::take(reader, LONGEST_CUT)
            .read_until(b'\n', &mut line)
            .map_err(|error| Error::from_io(ErrorKind::Storage, super::read::READ, error))?;
        Self::is_one(&line).then(|| Self::read(&line)).transpose()
    }

    /// What was removed.
    pub(super) const fn removed(&self) -> &RemovedEvents {
        &self.line.cut
    }

    /// Checks that the site signed it.
    ///
    /// # Errors
    /// [`ErrorKind::Integrity`] if it did not.
    pub(super) fn verify(&self, site: &PublicKey) -> Result<()> {
        site.verify(DOMAIN, &json(&self.line.cut)?, &self.line.signature)
            .map_err(|error| wrong("was not signed by this site").with_source(error))
    }

    /// Where in the file a position of the log is; `None` for one before the first line that is left.
    pub(super) fn place(cut: Option<&Self>, offset: u64) -> Option<u64> {
        match cut {
            None => Some(offset),
            Some(cut) => offset.checked_sub(cut.start.offset)?.checked_add(cut.head),
        }
    }
}

/// The error for what is asked about events that were removed.
pub(super) fn were_removed(removed: &RemovedEvents) -> Error {
    Error::new(
        ErrorKind::NotFound,
        super::read::READ,
        format!(
            "events 1 to {} were removed by retention on {}; the oldest that is kept is event {}",
            removed.last,
            removed.at.strftime("%Y-%m-%d"),
            removed.last.saturating_add(1)
        ),
    )
}
