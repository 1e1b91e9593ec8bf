//! The audit log as a file of JSON lines.

use std::fs::{File, TryLockError};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot, watch};

use super::checkpoint::Signer;
use super::cut::{Cut, were_removed};
use super::line::{ChainEnd, MAX_EVENT};
use super::read::{
    LogPage, LogPosition, LogStart, LoggedEvent, READ, ReadLimits, no_such_position, unreadable,
};
use super::removal::{DraftFile, PreparedRemoval, REMOVE, RemovalBound, find, is_named};
use super::verify::{Verified, verify_log, verify_signed_log};
use super::writer::{self, LogFile, Request, Work};
use super::{AuditEvent, AuditLog, LogReader};
use crate::append_file::{AppendFile, beside, private_file, sync_folder_of};
use crate::error::{Error, ErrorKind, Result};
use crate::keys::SigningKey;

/// How many events may wait for the writer; more callers wait their turn.
const QUEUE: usize = 256;

/// An append-only, hash-chained file, one event a line; only one log value in the whole machine can have it open.
///
/// Events that are appended at the same time share one write and one sync. When writing fails, every event concerned
/// gets the error and the file is cut back to the last durable line; the next append tries again, so the log recovers
/// by itself when space returns.
///
/// The chain shows every change, insertion, removal and exchange of lines, except that lines were removed at the end:
/// for that, note the number of events and the last hash elsewhere. Whoever can write the file can also write a new
/// chain from the first line on.
///
/// Old events are removed only when asked for, and only from a log with signed checkpoints. What is left begins with a signed
/// record of what is gone; numbers and positions go on as if nothing had been removed.
#[derive(Debug)]
pub struct FileAuditLog {
    /// Present until dropped.
    requests: Option<mpsc::Sender<Request>>,
    writer: Option<JoinHandle<()>>,
    /// How far the log is durable: readers see no more than that.
    durable: watch::Receiver<LogPosition>,
    /// Where readers find it.
    path: Option<PathBuf>,
    /// What signs that events were removed.
    site: Option<SigningKey>,
}

fn storage(error: io::Error) -> Error {
    Error::from_io(ErrorKind::Storage, "open the audit log", error)
}

impl FileAuditLog {
    /// Opens the log at `path`, or begins one (mode 0600).
    ///
    /// The whole chain is checked first (about a second for 500 MB). An incomplete last line, which a crash leaves, is
    /// moved to a file next to the log with `.torn` behind its name; such an event was never acknowledged.
    ///
    /// # Errors
    /// [`ErrorKind::Integrity`] if a line is wrong (the message names the first), [`ErrorKind::Conflict`] if the log
    /// is open elsewhere, [`ErrorKind::Storage`] if the file cannot be read or written.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_with(path, None)
    }

    /// The same, and signs checkpoints with the site's key: after 1000 events, with the first event after a minute, and
    /// when the log is closed. They are appended to a file next to the log, with `.checkpoints` behind its name.
    ///
    /// # Errors
    /// As [`open`](Self::open); also [`ErrorKind::Integrity`] if the log is not what the checkpoints say, above all if
    /// events are missing at its end.
    pub fn open_signed(path: &Path, site: SigningKey) -> Result<Self> {
        Self::open_with(path, Some(site))
    }

    /// Where the checkpoints of the log at `path` are.
    #[must_use]
    pub fn checkpoints_path(path: &Path) -> PathBuf {
        beside(path, ".checkpoints")
    }

    fn open_with(path: &Path, site: Option<SigningKey>) -> Result<Self> {
        let mut file = private_file()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(storage)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => Error::new(
                ErrorKind::Conflict,
                "open the audit log",
                "another broker has it open; stop that one first",
            ),
            TryLockError::Error(error) => storage(error),
        })?;
        if !is_named(&file, path).map_err(storage)? {
            return Err(Error::new(
                ErrorKind::Conflict,
                "open the audit log",
                "another broker removed old events from it just now; try again",
            ));
        }
        sync_folder_of(path).map_err(storage)?;
        // What an interrupted removal left was never the log.
        match std::fs::remove_file(draft_path(path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(storage(error)),
            _ => {}
        }
        let log = BufReader::with_capacity(256 * 1024, &file);
        let (verified, signer) = match site.clone() {
            None => (verify_log(log)?, None),
            Some(key) => {
                let (checkpoints, length) = open_checkpoints(path).map_err(storage)?;
                let verified = verify_signed_log(log, BufReader::new(&checkpoints), &key.public())?;
                let file = AppendFile::new(Box::new(checkpoints), length);
                let removed = verified.removed.as_ref().map_or(0, |removed| removed.last);
                let signer =
                    Signer::new(key, file, verified.signed, removed).at(Self::checkpoints_path(path));
                (verified, Some(signer))
            }
        };
        if verified.incomplete > 0 {
            set_torn_line_aside(path, &mut file, &verified).map_err(storage)?;
        }
        file.seek(SeekFrom::Start(0)).map_err(storage)?;
        let cut = Cut::at_beginning(&mut BufReader::new(&file))?;
        file.seek(SeekFrom::Start(verified.bytes)).map_err(storage)?;
        let end = ChainEnd {
            sequence: verified.events,
            hash: verified.last_hash,
        };
        let file = LogFile::new(AppendFile::new(Box::new(file), verified.bytes), cut);
        let mut log = Self::run(file, end, signer)?;
        log.path = Some(path.to_owned());
        log.site = site;
        Ok(log)
    }

    pub(super) fn run(file: LogFile, end: ChainEnd, signer: Option<Signer>) -> Result<Self> {
        let (requests, queue) = mpsc::channel(QUEUE);
        let offset = file.offset();
        let (written, durable) = watch::channel(LogPosition { end, offset });
        let writer = std::thread::Builder::new()
            .name("jump-audit".to_owned())
            .spawn(move || writer::run(file, end, queue, signer, &written))
            .map_err(storage)?;
        Ok(Self {
            requests: Some(requests),
            writer: Some(writer),
            durable,
            path: None,
            site: None,
        })
    }

    /// Hands work to the writer and waits until it is done.
    pub(super) async fn work(&self, work: Work) -> Result<u64> {
        let (reply, answer) = oneshot::channel();
        let requests = self.requests.as_ref().ok_or_else(stopped)?;
        requests
            .send(Request { work, reply })
            .await
            .map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

/// Where what is left of a log is written before it takes the log's place.
fn draft_path(path: &Path) -> PathBuf {
    beside(path, ".new")
}

/// Opens the checkpoints of a log, cut back to the last whole line, and says how long they are.
fn open_checkpoints(path: &Path) -> io::Result<(File, u64)> {
    let path = FileAuditLog::checkpoints_path(path);
    let mut file = private_file()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)?;
    sync_folder_of(&path)?;
    let length = file.metadata()?.len();
    // A line that a crash left incomplete is shorter than this.
    let tail = length.min(4096);
    file.seek(SeekFrom::Start(length - tail))?;
    let mut end = Vec::new();
    (&mut file).take(tail).read_to_end(&mut end)?;
    let whole = end.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let torn = (end.len() - whole) as u64;
    // More than one line's length without an end is no accident: it is left for the check to name.
    let length = if whole == 0 && length > tail {
        length
    } else {
        length - torn
    };
    file.set_len(length)?;
    file.seek(SeekFrom::Start(0))?;
    Ok((file, length))
}

/// Keeps the bytes of an incomplete last line where they do no harm, before they are cut off.
fn set_torn_line_aside(path: &Path, file: &mut File, verified: &Verified) -> io::Result<()> {
    let name = beside(path, ".torn");
    let mut torn = Vec::new();
    file.seek(SeekFrom::Start(verified.bytes))?;
    file.take(verified.incomplete).read_to_end(&mut torn)?;
    torn.push(b'\n');
    let mut aside = private_file().append(true).create(true).open(&name)?;
    aside.write_all(&torn)?;
    aside.sync_all()?;
    sync_folder_of(&name)?;
    file.set_len(verified.bytes)?;
    file.sync_all()?;
    tracing::warn!(path = %path.display(), bytes = verified.incomplete, "an incomplete last line was set aside");
    Ok(())
}

#[async_trait]
impl AuditLog for FileAuditLog {
    async fn append(&self, event: &AuditEvent) -> Result<u64> {
        let event = serde_json::to_vec(event).map_err(|error| {
            Error::new(
                ErrorKind::Internal,
                "write the audit log",
                "the event cannot be written",
            )
            .with_source(error)
        })?;
        if event.len() > MAX_EVENT {
            return Err(Error::new(
                ErrorKind::ResourceLimit,
                "write the audit log",
                "an event is at most 16 MiB; make fewer changes at once",
            ));
        }
        self.work(Work::Append(event)).await
    }

    async fn checkpoint(&self) -> Result<()> {
        self.work(Work::Checkpoint).await.map(drop)
    }

    async fn start(&self) -> Result<LogStart> {
        let path = self.path.clone().ok_or_else(unreadable)?;
        blocking(READ, move || {
            let file = File::open(&path).map_err(|error| Error::from_io(ErrorKind::Storage, READ, error))?;
            Ok(match Cut::at_beginning(&mut BufReader::new(file))? {
                None => LogStart::default(),
                Some(cut) => LogStart {
                    position: cut.start,
                    removed: Some(cut.removed().clone()),
                },
            })
        })
        .await
    }

    async fn prepare_removal(&self, bound: RemovalBound) -> Result<Option<PreparedRemoval>> {
        bound.check()?;
        let (Some(path), Some(site)) = (self.path.clone(), self.site.clone()) else {
            let rule = "the log has no signed checkpoints";
            return Err(Error::new(ErrorKind::Unsupported, REMOVE, rule));
        };
        let durable = *self.durable.borrow();
        blocking(REMOVE, move || prepare(&path, &site, durable, &bound)).await
    }

    async fn remove(&self, removal: PreparedRemoval) -> Result<()> {
        self.work(Work::Remove(Box::new(removal))).await.map(drop)
    }

    async fn read(&self, from: LogPosition, most: ReadLimits) -> Result<LogPage> {
        let path = self.path.clone().ok_or_else(unreadable)?;
        let durable = *self.durable.borrow();
        blocking(READ, move || read(&path, from, durable, most)).await
    }

    async fn wait_behind(&self, sequence: u64) -> Result<()> {
        let mut durable = self.durable.clone();
        let found = durable.wait_for(|end| end.sequence() > sequence).await;
        found.map(drop).map_err(|_| stopped())
    }
}

/// Runs what waits for the disk where it holds up nobody.
async fn blocking<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::new(ErrorKind::Internal, what, "it failed").with_source(error))?
}

/// Writes what will be left of the log beside it, as far as the log is durable.
fn prepare(
    path: &Path,
    site: &SigningKey,
    durable: LogPosition,
    bound: &RemovalBound,
) -> Result<Option<PreparedRemoval>> {
    let failed = |error| Error::from_io(ErrorKind::Storage, REMOVE, error);
    // Held first: whoever prepares a removal is the only one who exchanges the file.
    let draft = private_file()
        .write(true)
        .create(true)
        .truncate(false)
        .open(draft_path(path))
        .map_err(failed)?;
    draft.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => Error::new(
            ErrorKind::Conflict,
            REMOVE,
            "old events are being removed already",
        ),
        TryLockError::Error(error) => failed(error),
    })?;
    if !is_named(&draft, &draft_path(path)).unwrap_or(false) {
        let rule = "old events were removed just now";
        return Err(Error::new(ErrorKind::Conflict, REMOVE, rule));
    }
    draft.set_len(0).map_err(failed)?;
    let exchange = DraftFile {
        draft: draft_path(path),
        log: path.to_owned(),
    };
    let mut log = File::open(path).map_err(failed)?;
    let cut = Cut::at_beginning(&mut BufReader::new(&log))?;
    log.seek(SeekFrom::Start(0)).map_err(failed)?;
    let place = |offset| Cut::place(cut.as_ref(), offset).ok_or_else(no_such_position);
    let end = place(durable.offset)?;
    let checkpoints = File::open(FileAuditLog::checkpoints_path(path)).map_err(failed)?;
    let whole = BufReader::with_capacity(256 * 1024, Read::take(&log, end));
    let found = find(whole, BufReader::new(checkpoints), &site.public(), bound)
        .inspect_err(|_| drop(std::fs::remove_file(draft_path(path))))?;
    let Some(removed) = found else {
        drop(std::fs::remove_file(draft_path(path)));
        return Ok(None);
    };
    let kept = place(removed.bytes)?;
    log.seek(SeekFrom::Start(kept)).map_err(failed)?;
    let mut removal = PreparedRemoval::begin(
        removed,
        site,
        Box::new(draft),
        Box::new(log),
        kept,
        Box::new(exchange),
    )?;
    removal.copy_to(end).map_err(failed)?;
    Ok(Some(removal))
}

/// Reads lines of which it is known that they are whole and durable, and checks them again.
fn read(path: &Path, from: LogPosition, durable: LogPosition, most: ReadLimits) -> Result<LogPage> {
    if from.offset > durable.offset || from.sequence() > durable.sequence() {
        return Err(no_such_position());
    }
    let failed = |error| Error::from_io(ErrorKind::Storage, READ, error);
    let mut file = File::open(path).map_err(failed)?;
    // The file says itself where it begins: it may have been exchanged since `durable` was looked at.
    let cut = Cut::at_beginning(&mut BufReader::new(&file))?;
    if let Some(cut) = cut.as_ref().filter(|cut| from.sequence() < cut.start.sequence()) {
        return Err(were_removed(cut.removed()));
    }
    let place = Cut::place(cut.as_ref(), from.offset).ok_or_else(no_such_position)?;
    file.seek(SeekFrom::Start(place)).map_err(failed)?;
    let lines = BufReader::with_capacity(64 * 1024, file.take(durable.offset - from.offset));
    let mut log = LogReader::resume(lines, from);
    let mut page = LogPage {
        next: from,
        ..LogPage::default()
    };
    while page.events.len() < most.events {
        let json = match log.next_json() {
            // What does not follow the position may be the position's fault.
            Err(error) if error.kind() == ErrorKind::Integrity && page.events.is_empty() => {
                return Err(no_such_position().with_source(error));
            }
            json => json?,
        };
        let Some(json) = json else { break };
        page.events.push(LoggedEvent { at: page.next, json });
        page.next = log.position();
        if page.next.offset - from.offset >= most.bytes as u64 {
            break;
        }
    }
    page.at_end = page.next == durable;
    if page.events.is_empty() && !page.at_end && most.events > 0 {
        return Err(no_such_position());
    }
    Ok(page)
}

fn stopped() -> Error {
    Error::new(
        ErrorKind::Storage,
        "write the audit log",
        "its writer has stopped",
    )
}

impl Drop for FileAuditLog {
    /// Waits for the events that were handed over already; then the file is closed and may be opened again.
    fn drop(&mut self) {
        self.requests = None;
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has closed the file as well.
            drop(writer.join());
        }
    }
}
