//! Reads a log and checks its chain.

use std::io::{BufRead, Read};
use std::ops::Range;

use super::AuditEvent;
use super::checkpoint::Checkpoints;
use super::line::{ChainEnd, MAX_LINE};
use super::read::LogPosition;
use crate::error::{Error, ErrorKind, Result};
use crate::keys::PublicKey;

/// What [`verify_log`] found: every whole line follows the one before it, unchanged.
///
/// A chain alone cannot show that lines are missing at its end: a log that was cut off after a line verifies. Up to
/// [`signed`](Self::signed) a checkpoint shows it; behind that compare [`events`](Self::events) and
/// [`last_hash`](Self::last_hash) with what was noted elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Events in the log.
    pub events: u64,
    /// The hash of the last line; zeros if there is none.
    pub last_hash: [u8; 32],
    /// Bytes of whole lines.
    pub bytes: u64,
    /// Bytes of an incomplete last line behind them. A crash in the middle of an append leaves such a line; its event
    /// was never acknowledged.
    pub incomplete: u64,
    /// How many events a signed checkpoint vouches for: from the first up to this one. 0 if none was compared.
    pub signed: u64,
}

/// One event, as it stands in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Its sequence number, counted from 1.
    pub sequence: u64,
    /// What happened.
    pub event: AuditEvent,
    /// The hash of its line.
    pub hash: [u8; 32],
}

/// Reads the whole log and checks the chain.
///
/// # Errors
/// [`ErrorKind::Integrity`], naming the first line that is wrong; [`ErrorKind::Storage`] if reading fails.
pub fn verify_log(reader: impl BufRead) -> Result<Verified> {
    let mut log = LogReader::new(reader);
    while log.next_line()? {}
    Ok(log.verified(0))
}

/// Reads the whole log, checks the chain, and compares it with the checkpoints that `site` signed.
///
/// # Errors
/// As [`verify_log`]; also [`ErrorKind::Integrity`] if a checkpoint was not signed by the site, names another hash than the
/// log has there, or names an event that the log does not reach.
pub fn verify_signed_log(
    reader: impl BufRead,
    checkpoints: impl BufRead,
    site: &PublicKey,
) -> Result<Verified> {
    let mut log = LogReader::new(reader);
    let mut checkpoints = Checkpoints::new(checkpoints, site);
    let mut next = checkpoints.next()?;
    let mut signed = 0;
    while log.next_line()? {
        if let Some(checkpoint) = next.filter(|checkpoint| checkpoint.sequence == log.end.sequence) {
            if checkpoint.hash != log.end.hash {
                let message = format!(
                    "events {} to {} are not those that the site signed: the log was written anew",
                    signed + 1,
                    checkpoint.sequence
                );
                return Err(Error::new(ErrorKind::Integrity, "check the audit log", message));
            }
            signed = checkpoint.sequence;
            next = checkpoints.next()?;
        }
    }
    if let Some(checkpoint) = next {
        let message = format!(
            "it ends with event {}, but the site signed event {}: events were removed at the end",
            log.end.sequence, checkpoint.sequence
        );
        return Err(Error::new(ErrorKind::Integrity, "check the audit log", message));
    }
    Ok(log.verified(signed))
}

/// Gives the events of a log, each after its line was checked. After an error of [`ErrorKind::Integrity`] or
/// [`ErrorKind::Storage`] nothing more comes.
#[derive(Debug)]
pub struct LogReader<R> {
    reader: R,
    line: Vec<u8>,
    /// Where in `line` the event of the line read last stands.
    event: Range<usize>,
    end: ChainEnd,
    bytes: u64,
    incomplete: u64,
    done: bool,
}

impl<R: BufRead> LogReader<R> {
    /// Reads from the log's beginning.
    #[must_use]
    pub fn new(reader: R) -> Self {
        Self {
            reader,
            line: Vec::new(),
            event: 0..0,
            end: ChainEnd::default(),
            bytes: 0,
            incomplete: 0,
            done: false,
        }
    }

    /// Reads on from a position.
    pub(super) fn resume(reader: R, from: LogPosition) -> Self {
        Self {
            end: from.end,
            bytes: from.offset,
            ..Self::new(reader)
        }
    }

    /// Where it stands, behind the line read last.
    pub(super) const fn position(&self) -> LogPosition {
        LogPosition {
            end: self.end,
            offset: self.bytes,
        }
    }

    /// The next event's JSON, after its line was checked.
    pub(super) fn next_json(&mut self) -> Result<Option<Box<[u8]>>> {
        Ok(if self.next_line()? {
            Some(self.line.get(self.event.clone()).unwrap_or_default().into())
        } else {
            None
        })
    }

    const fn verified(&self, signed: u64) -> Verified {
        Verified {
            events: self.end.sequence,
            last_hash: self.end.hash,
            bytes: self.bytes,
            incomplete: self.incomplete,
            signed,
        }
    }

    /// Reads and checks the next whole line; false at the end.
    fn next_line(&mut self) -> Result<bool> {
        if self.done {
            return Ok(false);
        }
        // Stays so unless a whole line that follows is found.
        self.done = true;
        self.line.clear();
        let limit = MAX_LINE as u64;
        (&mut self.reader)
            .take(limit)
            .read_until(b'\n', &mut self.line)
            .map_err(|error| Error::from_io(ErrorKind::Storage, "read the audit log", error))?;
        let length = self.line.len();
        let Some(line) = self.line.strip_suffix(b"\n") else {
            if length >= MAX_LINE {
                return Err(self.wrong("is longer than 16 MiB"));
            }
            self.incomplete = length as u64;
            return Ok(false);
        };
        let (event, end) = self.end.read(line).map_err(|what| self.wrong(what))?;
        self.event = event;
        self.end = end;
        self.bytes += length as u64;
        self.done = false;
        Ok(true)
    }

    fn wrong(&self, what: &str) -> Error {
        let number = self.end.sequence.saturating_add(1);
        Error::new(
            ErrorKind::Integrity,
            "check the audit log",
            format!("line {number} {what}"),
        )
    }

    fn entry(&self) -> Result<LogEntry> {
        let bytes = self.line.get(self.event.clone()).unwrap_or_default();
        let event = serde_json::from_slice(bytes).map_err(|error| {
            Error::new(
                ErrorKind::Unsupported,
                "read the audit log",
                format!(
                    "line {} holds an event that this version does not know",
                    self.end.sequence
                ),
            )
            .with_source(error)
        })?;
        Ok(LogEntry {
            sequence: self.end.sequence,
            event,
            hash: self.end.hash,
        })
    }
}

impl<R: BufRead> Iterator for LogReader<R> {
    type Item = Result<LogEntry>;

    /// The next event. An event of a newer version gives [`ErrorKind::Unsupported`], and reading goes on behind it.
    fn next(&mut self) -> Option<Result<LogEntry>> {
        match self.next_line() {
            Ok(true) => Some(self.entry()),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        }
    }
}
