//! Reads a log and checks its chain.

use std::io::{BufRead, Read};
use std::ops::Range;

use super::checkpoint::Checkpoints;
use super::cut::{Cut, RemovedEvents};
use super::line::{ChainEnd, MAX_LINE};
use super::read::LogPosition;
use super::{AuditEvent, AuditKind};
use crate::error::{Error, ErrorKind, Result};
use crate::keys::PublicKey;

/// What [`verify_log`] found: every whole line follows the one before it, unchanged.
///
/// A chain alone cannot show that lines are missing at its end: a log that was cut off after a line verifies. Up to
/// [`signed`](Self::signed) a checkpoint shows it; behind that compare [`events`](Self::events) and
/// [`last_hash`](Self::last_hash) with what was noted elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The number of the last event: how many were ever logged, those that were removed included.
    pub events: u64,
    /// The hash of the last line; zeros if there is none.
    pub last_hash: [u8; 32],
    /// Bytes of whole lines in the file.
    pub bytes: u64,
    /// Bytes of an incomplete last line behind them. A crash in the middle of an append leaves such a line; its event
    /// was never acknowledged.
    pub incomplete: u64,
    /// How many events a signed checkpoint vouches for: from the first up to this one. 0 if none was compared.
    pub signed: u64,
    /// What retention removed from the log's beginning, if it did. Whether the site signed that is checked by
    /// [`verify_signed_log`] only.
    pub removed: Option<RemovedEvents>,
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
    let mut announced = false;
    while log.next_line()? {
        announced = announced || log.announces_its_cut();
    }
    log.verified(0, announced)
}

/// Reads the whole log, checks the chain, and compares it with the checkpoints that `site` signed.
///
/// # Errors
/// As [`verify_log`]; also [`ErrorKind::Integrity`] if a checkpoint was not signed by the site, names another hash than the
/// log has there, or names an event that the log does not reach; or if the record of removed events was not signed by the
/// site, or more were removed by the time of a checkpoint.
pub fn verify_signed_log(
    reader: impl BufRead,
    checkpoints: impl BufRead,
    site: &PublicKey,
) -> Result<Verified> {
    let mut log = LogReader::new(reader);
    let mut checkpoints = Checkpoints::new(checkpoints, site);
    log.begin()?;
    let mut signed = 0;
    if let Some(cut) = &log.cut {
        cut.verify(site)?;
        signed = cut.start.sequence();
    }
    let mut announced = false;
    // What a checkpoint says of events that are not there any more cannot be compared.
    let mut next = checkpoints.next_from(signed)?;
    loop {
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
        if !log.next_line()? {
            break;
        }
        announced = announced || log.announces_its_cut();
    }
    if let Some(checkpoint) = next {
        let message = format!(
            "it ends with event {}, but the site signed event {}: events were removed at the end",
            log.end.sequence, checkpoint.sequence
        );
        return Err(Error::new(ErrorKind::Integrity, "check the audit log", message));
    }
    let removed = log.cut.as_ref().map_or(0, |cut| cut.start.sequence());
    if checkpoints.removed() > removed {
        let message = format!(
            "it begins with event {}, but the site signed that events 1 to {} were removed: its beginning was exchanged",
            removed + 1,
            checkpoints.removed()
        );
        return Err(Error::new(ErrorKind::Integrity, "check the audit log", message));
    }
    log.verified(signed, announced)
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
    /// Whether nothing was read yet: only there a record of removed events can stand.
    fresh: bool,
    cut: Option<Cut>,
    /// Whether `line` holds the next line already.
    filled: bool,
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
            fresh: true,
            cut: None,
            filled: false,
            done: false,
        }
    }

    /// What retention removed from the log's beginning, if it did; known once something was read. That the site signed it is
    /// not checked here.
    #[must_use]
    pub fn removed(&self) -> Option<&RemovedEvents> {
        self.cut.as_ref().map(Cut::removed)
    }

    /// The first line, if it is a record of removed events.
    pub(super) const fn cut(&self) -> Option<&Cut> {
        self.cut.as_ref()
    }

    /// Reads on from a position.
    pub(super) fn resume(reader: R, from: LogPosition) -> Self {
        Self {
            end: from.end,
            bytes: from.offset,
            fresh: false,
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
            Some(self.event_json().into())
        } else {
            None
        })
    }

    fn verified(&self, signed: u64, announced: bool) -> Result<Verified> {
        if let Some(removed) = self.removed().filter(|_| !announced) {
            let message = format!(
                "no event in it says that events 1 to {} were removed: its beginning was exchanged",
                removed.last
            );
            return Err(Error::new(ErrorKind::Integrity, "check the audit log", message));
        }
        Ok(Verified {
            events: self.end.sequence,
            last_hash: self.end.hash,
            bytes: Cut::place(self.cut.as_ref(), self.bytes).unwrap_or_default(),
            incomplete: self.incomplete,
            signed,
            removed: self.removed().cloned(),
        })
    }

    /// Whether the event read last says what the first line says: that the events before were removed.
    fn announces_its_cut(&self) -> bool {
        let Some(removed) = self.removed() else {
            return false;
        };
        let bytes = self.event_json();
        let named = std::str::from_utf8(bytes).is_ok_and(|text| text.contains("\"events_removed\""));
        named
            && serde_json::from_slice(bytes)
                .is_ok_and(|event: AuditEvent| event.kind == AuditKind::EventsRemoved(removed.clone()))
    }

    /// The JSON of the event read last.
    pub(super) fn event_json(&self) -> &[u8] {
        self.line.get(self.event.clone()).unwrap_or_default()
    }

    /// Reads the next line with its newline, or what there is without one.
    fn fill(&mut self) -> Result<usize> {
        self.line.clear();
        (&mut self.reader)
            .take(MAX_LINE as u64)
            .read_until(b'\n', &mut self.line)
            .map_err(|error| Error::from_io(ErrorKind::Storage, "read the audit log", error))
    }

    /// Reads the record of removed events, if the log begins with one. Another first line stays for [`Self::next_line`].
    pub(super) fn begin(&mut self) -> Result<()> {
        if !self.fresh {
            return Ok(());
        }
        self.fresh = false;
        // Stays so if the first line is damaged.
        self.done = true;
        self.fill()?;
        if Cut::is_one(&self.line) {
            let cut = Cut::read(&self.line)?;
            (self.end, self.bytes) = (cut.start.end, cut.start.offset);
            self.cut = Some(cut);
            self.fill()?;
        }
        self.done = false;
        self.filled = true;
        Ok(())
    }

    /// Reads and checks the next whole line; false at the end.
    pub(super) fn next_line(&mut self) -> Result<bool> {
        if self.done {
            return Ok(false);
        }
        self.begin()?;
        // Stays so unless a whole line that follows is found.
        self.done = true;
        if !std::mem::take(&mut self.filled) {
            self.fill()?;
        }
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
        // Lines and events have the same numbers only while nothing was removed.
        let word = if self.cut.is_some() { "event" } else { "line" };
        Error::new(
            ErrorKind::Integrity,
            "check the audit log",
            format!("{word} {number} {what}"),
        )
    }

    fn entry(&self) -> Result<LogEntry> {
        let event = serde_json::from_slice(self.event_json()).map_err(|error| {
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
