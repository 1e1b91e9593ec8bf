//! The task that takes a log to a sink.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::{Sink, records};
use crate::append_file::private_file;
use crate::audit::{AuditLog, LogPosition, ReadLimits};
use crate::error::{Error, ErrorKind, Result};

/// How much is read and sent at once.
const PIECE: ReadLimits = ReadLimits {
    events: 256,
    bytes: 1024 * 1024,
};
/// The first wait after a failure; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Pieces that were sent and may still be lost; further ones are taken together.
const PIECES: usize = 1024;

/// Takes an audit log to a sink, from where it was the last time, for as long as it is kept.
///
/// The position is kept in a file, and moves on only when what is before it has arrived as far as the sink can know. Without
/// that file everything is sent from the beginning.
#[derive(Debug)]
pub struct Forwarder {
    stop: watch::Sender<bool>,
    delivered: watch::Receiver<u64>,
    /// Present until it is stopped.
    task: Option<JoinHandle<()>>,
}

impl Drop for Forwarder {
    /// Ends at once; what was not delivered is sent the next time.
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl Forwarder {
    /// Starts. `position` is the file in which the position is kept.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if the position cannot be read, [`ErrorKind::Integrity`] if the file holds no position.
    pub fn start(log: Arc<dyn AuditLog>, sink: Box<dyn Sink>, position: PathBuf) -> Result<Self> {
        let delivered = read_position(&position)?;
        let (stop, stopped) = watch::channel(false);
        // Whether the position is one of this log shows when the log is read.
        let (told, told_to) = watch::channel(0);
        let forwarding = Forwarding {
            log,
            sink,
            file: position,
            delivered,
            sent: delivered,
            pending: VecDeque::new(),
            told,
            failures: 0,
        };
        Ok(Self {
            stop,
            delivered: told_to,
            task: Some(tokio::spawn(forwarding.run(stopped))),
        })
    }

    /// Waits until the log's first `sequence` events have arrived, as far as the sink can know. Cancel-safe.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`] if it was stopped before.
    pub async fn delivered(&self, sequence: u64) -> Result<()> {
        let mut delivered = self.delivered.clone();
        let reached = delivered.wait_for(|reached| *reached >= sequence).await;
        reached
            .map(drop)
            .map_err(|_| Error::new(ErrorKind::Closed, "send the audit log", "it was stopped"))
    }

    /// How far it has come, for whoever wants to remove what was sent.
    #[must_use]
    pub fn progress(&self) -> Delivered {
        Delivered(self.delivered.clone())
    }

    /// Sends what the log holds by now, if the sink takes it within `patience`, and stops.
    pub async fn stop(mut self, patience: Duration) {
        let _ = self.stop.send(true);
        if let Some(task) = &mut self.task {
            // If it takes longer, dropping this ends it.
            let _ = tokio::time::timeout(patience, task).await;
        }
    }
}

/// How far a [`Forwarder`] has come. Cheap to clone; stays where it was when the forwarder ends.
#[derive(Clone, Debug)]
pub struct Delivered(watch::Receiver<u64>);

impl Delivered {
    /// The log's first so many events have arrived, as far as the sink can know; 0 until it was compared with the log.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        *self.0.borrow()
    }
}

struct Forwarding {
    log: Arc<dyn AuditLog>,
    sink: Box<dyn Sink>,
    file: PathBuf,
    /// What is before it has arrived.
    delivered: LogPosition,
    /// What is before it was handed over.
    sent: LogPosition,
    /// What was handed over, and when it counts as delivered.
    pending: VecDeque<(Instant, LogPosition)>,
    told: watch::Sender<u64>,
    failures: u32,
}

impl Forwarding {
    async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        loop {
            let ending = *stopped.borrow();
            match self.send_some().await {
                Ok(false) => {}
                Ok(true) if ending => {
                    if self.sink.close().await {
                        self.arrived(self.sent);
                    }
                    return;
                }
                Ok(true) => {
                    let due = self.pending.front().map(|(due, _)| *due);
                    tokio::select! {
                        more = self.log.wait_behind(self.sent.sequence()) => match more {
                            Ok(()) => {}
                            Err(error) => {
                                tracing::error!(%error, "the audit log is not sent any more");
                                return;
                            }
                        },
                        error = self.sink.broken() => self.failed(&error, &mut stopped).await,
                        () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
                        _ = stopped.changed() => {}
                    }
                }
                Err(_) if ending => return,
                Err(error) => self.failed(&error, &mut stopped).await,
            }
            self.count();
        }
    }

    /// Sends the next piece; true if there was nothing left to send.
    async fn send_some(&mut self) -> Result<bool> {
        let page = match self.log.read(self.sent, PIECE).await {
            Err(error) if error.kind() == ErrorKind::InvalidArgument && self.sent.sequence() > 0 => {
                // Another log: better everything twice than anything not at all.
                tracing::error!(%error, "the audit log is sent again from its beginning");
                self.go_to(LogPosition::default());
                return Ok(false);
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                // Only what was removed before this export was there, or while it was switched off.
                let start = self.log.start().await?;
                tracing::warn!(%error, "events that were removed were never sent here; the oldest that are left follow");
                self.go_to(start.position);
                return Ok(false);
            }
            page => page?,
        };
        self.tell();
        if page.events.is_empty() {
            return Ok(true);
        }
        let mut batch = Vec::new();
        for logged in &page.events {
            batch.extend(records(logged)?);
        }
        self.sink.send(&batch).await?;
        self.sent = page.next;
        let due = Instant::now() + self.sink.grace();
        if self.pending.len() >= PIECES
            && let Some(last) = self.pending.back_mut()
        {
            *last = (due, self.sent);
        } else {
            self.pending.push_back((due, self.sent));
        }
        Ok(false)
    }

    fn go_to(&mut self, position: LogPosition) {
        (self.sent, self.delivered) = (position, position);
        self.pending.clear();
        self.told.send_replace(0);
    }

    fn tell(&self) {
        let reached = self.delivered.sequence();
        self.told
            .send_if_modified(|told| std::mem::replace(told, reached) != reached);
    }

    /// Counts what has held long enough as delivered.
    fn count(&mut self) {
        let now = Instant::now();
        let mut reached = None;
        while let Some((due, position)) = self.pending.front()
            && *due <= now
        {
            reached = Some(*position);
            self.pending.pop_front();
        }
        if let Some(position) = reached {
            self.arrived(position);
        }
    }

    fn arrived(&mut self, position: LogPosition) {
        self.delivered = position;
        self.failures = 0;
        if let Err(error) = write_position(&self.file, position) {
            tracing::error!(%error, "how far the audit log was sent could not be kept: some will be sent twice");
        }
        self.tell();
    }

    /// Goes back to what has arrived, and waits.
    async fn failed(&mut self, error: &Error, stopped: &mut watch::Receiver<bool>) {
        self.sent = self.delivered;
        self.pending.clear();
        self.sink.reset().await;
        let wait = FIRST_WAIT
            .saturating_mul(1 << self.failures.min(10))
            .min(LONGEST_WAIT);
        if self.failures == 0 {
            tracing::warn!(%error, sink = ?self.sink, "the audit log could not be sent; it is tried again");
        }
        self.failures = self.failures.saturating_add(1);
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = stopped.changed() => {}
        }
    }
}

fn read_position(path: &Path) -> Result<LogPosition> {
    let operation = "read how far the audit log was sent";
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
            let message = format!(
                "{} holds no position; remove it to send everything again",
                path.display()
            );
            Error::new(ErrorKind::Integrity, operation, message).with_source(error)
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(LogPosition::default()),
        Err(error) => Err(Error::from_io(ErrorKind::Storage, operation, error)),
    }
}

/// Replaces the file. It is not synced: an older position only means that something is sent twice.
fn write_position(path: &Path, position: LogPosition) -> std::io::Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let mut file = private_file()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&part)?;
    serde_json::to_writer(&mut file, &position)?;
    drop(file);
    std::fs::rename(&part, path)
}
