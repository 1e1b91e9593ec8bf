//! The audit log as a file of JSON lines.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot, watch};

use super::checkpoint::Signer;
use super::line::{ChainEnd, MAX_EVENT};
use super::read::{LogPage, LogPosition, LoggedEvent, READ, ReadLimits, no_such_position, unreadable};
use super::verify::{Verified, verify_log, verify_signed_log};
use super::writer::{self, Request};
use super::{AuditEvent, AuditLog, LogReader};
use crate::append_file::{AppendFile, private_file, sync_folder_of};
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
#[derive(Debug)]
pub struct FileAuditLog {
    /// Present until dropped.
    requests: Option<mpsc::Sender<Request>>,
    writer: Option<JoinHandle<()>>,
    /// How far the log is durable: readers see no more than that.
    durable: watch::Receiver<LogPosition>,
    /// Where readers find it.
    path: Option<PathBuf>,
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
        sync_folder_of(path).map_err(storage)?;
        let log = BufReader::with_capacity(256 * 1024, &file);
        let (verified, signer) = match site {
            None => (verify_log(log)?, None),
            Some(key) => {
                let (checkpoints, length) = open_checkpoints(path).map_err(storage)?;
                let verified = verify_signed_log(log, BufReader::new(&checkpoints), &key.public())?;
                let file = AppendFile::new(Box::new(checkpoints), length);
                (verified, Some(Signer::new(key, file, verified.signed)))
            }
        };
        if verified.incomplete > 0 {
            set_torn_line_aside(path, &mut file, &verified).map_err(storage)?;
        }
        file.seek(SeekFrom::Start(verified.bytes)).map_err(storage)?;
        let end = ChainEnd {
            sequence: verified.events,
            hash: verified.last_hash,
        };
        let mut log = Self::run(AppendFile::new(Box::new(file), verified.bytes), end, signer)?;
        log.path = Some(path.to_owned());
        Ok(log)
    }

    pub(super) fn run(file: AppendFile, end: ChainEnd, signer: Option<Signer>) -> Result<Self> {
        let (requests, queue) = mpsc::channel(QUEUE);
        let offset = file.length();
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
        })
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    PathBuf::from(name)
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
        let (reply, answer) = oneshot::channel();
        let request = Request {
            event: Some(event),
            reply,
        };
        let requests = self.requests.as_ref().ok_or_else(stopped)?;
        requests.send(request).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    async fn checkpoint(&self) -> Result<()> {
        let (reply, answer) = oneshot::channel();
        let requests = self.requests.as_ref().ok_or_else(stopped)?;
        requests
            .send(Request { event: None, reply })
            .await
            .map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?.map(drop)
    }

    async fn read(&self, from: LogPosition, most: ReadLimits) -> Result<LogPage> {
        let path = self.path.clone().ok_or_else(unreadable)?;
        let durable = *self.durable.borrow();
        let read = tokio::task::spawn_blocking(move || read(&path, from, durable, most)).await;
        read.map_err(|error| Error::new(ErrorKind::Internal, READ, "it failed").with_source(error))?
    }

    async fn wait_behind(&self, sequence: u64) -> Result<()> {
        let mut durable = self.durable.clone();
        let found = durable.wait_for(|end| end.sequence() > sequence).await;
        found.map(drop).map_err(|_| stopped())
    }
}

/// Reads lines of which it is known that they are whole and durable, and checks them again.
fn read(path: &Path, from: LogPosition, durable: LogPosition, most: ReadLimits) -> Result<LogPage> {
    if from.offset > durable.offset || from.sequence() > durable.sequence() {
        return Err(no_such_position());
    }
    let failed = |error| Error::from_io(ErrorKind::Storage, READ, error);
    let mut file = File::open(path).map_err(failed)?;
    file.seek(SeekFrom::Start(from.offset)).map_err(failed)?;
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
