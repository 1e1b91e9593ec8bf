//! Removing the oldest events of a log: what may go, and putting what is left in the log's place.
//!
//! What is left is written beside the log first, behind a signed record of what is gone, while the log goes on. The log's
//! writer adds what was logged meanwhile, syncs it and gives it the log's name. Until then the log is as it was; from then on
//! it is the shorter one. At every moment one of the two is there, whole.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use serde::Deserialize;

use super::LogReader;
use super::checkpoint::Checkpoints;
use super::cut::{Cut, LONGEST_REASON, RemovedEvents};
use super::read::LogPosition;
use super::{AuditEvent, AuditKind};
use crate::append_file::{AppendFile, Storage, sync_folder_of};
use crate::error::{Error, ErrorKind, Result};
use crate::id::SessionId;
use crate::keys::{PublicKey, SigningKey};
use crate::time::Timestamp;

pub(super) const REMOVE: &str = "remove old events";

/// Which events may be removed: from the oldest on those that fulfil all of this, up to a signed checkpoint.
#[derive(Clone, Debug)]
pub struct RemovalBound {
    /// Only events of before this moment.
    pub older_than: Timestamp,
    /// Only events up to this number: what exports still have to send stays. `u64::MAX` if there is no export.
    pub delivered: u64,
    /// No event from the first on that granted one of these sessions: what still runs stays.
    pub running: HashSet<SessionId>,
    /// The present moment, which is noted.
    pub now: Timestamp,
    /// Why, which is noted; at most 200 characters.
    pub reason: String,
}

/// What of an event decides whether it may go; the same in events of any version.
#[derive(Deserialize)]
struct When {
    time: Timestamp,
}

impl RemovalBound {
    /// Whether the event may go.
    fn admits(&self, sequence: u64, json: &[u8]) -> Option<Timestamp> {
        let time = serde_json::from_slice::<When>(json).ok()?.time;
        if sequence > self.delivered || time >= self.older_than {
            return None;
        }
        if !self.running.is_empty()
            && let Ok(event) = serde_json::from_slice::<AuditEvent>(json)
            && let AuditKind::SessionGranted { session, .. } = &event.kind
            && self.running.contains(session)
        {
            return None;
        }
        Some(time)
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.reason.chars().count() > LONGEST_REASON {
            let rule = "a reason is at most 200 characters";
            return Err(Error::new(ErrorKind::InvalidArgument, REMOVE, rule));
        }
        Ok(())
    }
}

/// Looks for the last signed checkpoint up to which everything may go; the chain is checked on the way. Reads no further than
/// to the first event that stays.
pub(super) fn find(
    log: impl BufRead,
    checkpoints: impl BufRead,
    site: &PublicKey,
    bound: &RemovalBound,
) -> Result<Option<RemovedEvents>> {
    let mut log = LogReader::new(log);
    let mut checkpoints = Checkpoints::new(checkpoints, site);
    log.begin()?;
    if let Some(cut) = log.cut() {
        cut.verify(site)?;
    }
    let before = log.position().sequence();
    let mut next = checkpoints.next_from(before.saturating_add(1))?;
    let mut times: Option<(Timestamp, Timestamp)> = None;
    let mut found = None;
    while next.is_some() && log.next_line()? {
        let LogPosition { end, offset } = log.position();
        let Some(time) = bound.admits(end.sequence, log.event_json()) else {
            break;
        };
        let (oldest, newest) = times.map_or((time, time), |(old, new)| (old.min(time), new.max(time)));
        times = Some((oldest, newest));
        let Some(checkpoint) = next.filter(|checkpoint| checkpoint.sequence == end.sequence) else {
            continue;
        };
        if checkpoint.hash != end.hash {
            let message = format!("event {} is not the one that the site signed", end.sequence);
            return Err(Error::new(ErrorKind::Integrity, REMOVE, message));
        }
        found = Some(RemovedEvents {
            first: before.saturating_add(1),
            last: end.sequence,
            hash: HEXLOWER.encode(&end.hash),
            bytes: offset,
            oldest,
            newest,
            at: bound.now,
            reason: bound.reason.clone(),
        });
        next = checkpoints.next()?;
    }
    Ok(found)
}

/// Gives a written draft the log's name.
pub(super) trait Exchange: std::fmt::Debug + Send + 'static {
    /// Renames the draft.
    fn rename(&mut self) -> io::Result<()>;

    /// Makes the name durable.
    fn sync_folder(&mut self) -> io::Result<()>;

    /// Removes a draft that was not renamed.
    fn discard(&mut self);
}

/// A draft in the file system.
#[derive(Debug)]
pub(super) struct DraftFile {
    pub(super) draft: PathBuf,
    pub(super) log: PathBuf,
}

impl Exchange for DraftFile {
    fn rename(&mut self) -> io::Result<()> {
        std::fs::rename(&self.draft, &self.log)
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        sync_folder_of(&self.log)
    }

    fn discard(&mut self) {
        // What is left of it is written over the next time.
        drop(std::fs::remove_file(&self.draft));
    }
}

/// A removal that is ready: what is left was written beside the log, but for what is logged from now on. Dropping it leaves
/// the log as it is.
#[derive(Debug)]
pub struct PreparedRemoval {
    removed: RemovedEvents,
    cut: Cut,
    /// `None` once it took the log's place.
    draft: Option<AppendFile>,
    /// The log's file; what stands from `copied` on is not in the draft yet.
    source: Box<dyn Source>,
    copied: u64,
    exchange: Box<dyn Exchange>,
}

/// What the log's bytes are read from.
pub(super) trait Source: Read + std::fmt::Debug + Send + 'static {}
impl Source for File {}

impl Drop for PreparedRemoval {
    fn drop(&mut self) {
        if self.draft.is_some() {
            self.exchange.discard();
        }
    }
}

impl PreparedRemoval {
    /// What it will remove; what the event must say that announces it.
    #[must_use]
    pub const fn removed(&self) -> &RemovedEvents {
        &self.removed
    }

    /// Writes the record of what is gone. `source` stands at `kept`, a place in the log's file: the first line that stays.
    pub(super) fn begin(
        removed: RemovedEvents,
        site: &SigningKey,
        draft: Box<dyn Storage>,
        source: Box<dyn Source>,
        kept: u64,
        exchange: Box<dyn Exchange>,
    ) -> Result<Self> {
        let (cut, line) = Cut::sign(removed.clone(), site)?;
        let mut removal = Self {
            removed,
            cut,
            draft: Some(AppendFile::new(draft, 0)),
            source,
            copied: kept,
            exchange,
        };
        if let Some(draft) = &mut removal.draft {
            draft.append(&line).map_err(failed)?;
        }
        Ok(removal)
    }

    /// Copies up to a place in the log's file, and syncs what was copied.
    pub(super) fn copy_to(&mut self, end: u64) -> io::Result<()> {
        let Some(draft) = &mut self.draft else {
            return Ok(());
        };
        let mut piece = vec![0; 256 * 1024];
        while self.copied < end {
            let most = usize::try_from(end - self.copied)
                .unwrap_or(usize::MAX)
                .min(piece.len());
            let (space, _) = piece.split_at_mut_checked(most).unwrap_or_default();
            let read = match self.source.read(space) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            draft.append(space.get(..read).unwrap_or_default())?;
            self.copied += read as u64;
        }
        draft.sync()
    }

    /// Takes the place of a log whose file has `end` bytes: gives the file to go on with, its first line, and what makes the
    /// exchange durable, which must succeed before anything else is written. An error leaves the log as it was.
    pub(super) fn exchange(mut self, end: u64) -> io::Result<(AppendFile, Cut, Unsettled)> {
        self.copy_to(end)?;
        self.exchange.rename()?;
        let file = self
            .draft
            .take()
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        let exchange = std::mem::replace(&mut self.exchange, Box::new(Nothing));
        Ok((file, self.cut.clone(), Unsettled(exchange)))
    }
}

/// An exchange whose name may not be durable yet.
#[derive(Debug)]
pub(super) struct Unsettled(Box<dyn Exchange>);

impl Unsettled {
    pub(super) fn settle(&mut self) -> io::Result<()> {
        self.0.sync_folder()
    }
}

/// What is left to do once everything was done.
#[derive(Debug)]
struct Nothing;

impl Exchange for Nothing {
    fn rename(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn discard(&mut self) {}
}

pub(super) fn failed(error: io::Error) -> Error {
    Error::from_io(ErrorKind::Storage, REMOVE, error)
}

/// Whether the file that was opened still has this name; it may have been exchanged between opening and locking.
pub(super) fn is_named(file: &File, path: &Path) -> io::Result<bool> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let (opened, named) = (file.metadata()?, path.metadata()?);
        Ok((opened.dev(), opened.ino()) == (named.dev(), named.ino()))
    }
    // Elsewhere an open file cannot be renamed over.
    #[cfg(not(unix))]
    {
        let _ = (file, path);
        Ok(true)
    }
}
