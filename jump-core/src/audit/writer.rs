//! The one thread that writes a log: everything that waits is written and synced together.

use tokio::sync::{mpsc, oneshot, watch};

use super::checkpoint::Signer;
use super::cut::Cut;
use super::line::ChainEnd;
use super::read::LogPosition;
use super::removal::{PreparedRemoval, Unsettled, failed};
use crate::append_file::AppendFile;
use crate::error::{Error, ErrorKind, Result};

/// No more is gathered once a batch has this many bytes: 1 MiB.
const BATCH: usize = 1024 * 1024;

/// The memory that is held ready for the next batch, in bytes.
const KEEP: usize = 64 * 1024;

/// What the writer is asked for.
#[derive(Debug)]
pub(super) enum Work {
    /// To write an event, as JSON.
    Append(Vec<u8>),
    /// To sign a checkpoint.
    Checkpoint,
    /// To go on without the oldest events, which an event that was written before announces.
    Remove(Box<PreparedRemoval>),
}

/// Work, and who waits for it.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) work: Work,
    pub(super) reply: oneshot::Sender<Result<u64>>,
}

/// The file that is written, and how places in it are counted.
#[derive(Debug)]
pub(super) struct LogFile {
    pub(super) file: AppendFile,
    /// Its first line, if events before were removed.
    pub(super) cut: Option<Cut>,
    /// The exchange that it comes from, until its name is durable: nothing may be written before.
    unsettled: Option<Unsettled>,
}

impl LogFile {
    pub(super) const fn new(file: AppendFile, cut: Option<Cut>) -> Self {
        Self {
            file,
            cut,
            unsettled: None,
        }
    }

    /// The offset of its end, as positions count.
    pub(super) fn offset(&self) -> u64 {
        let length = self.file.length();
        match &self.cut {
            None => length,
            Some(cut) => length.saturating_sub(cut.head).saturating_add(cut.start.offset),
        }
    }

    /// Writes and syncs, or leaves the file as it was. After a failed sync nobody can say what is on the disk: the lines
    /// are cut off, and with them the pages that may have been lost, before anything is written again.
    fn append(&mut self, lines: &[u8]) -> std::io::Result<()> {
        self.settle()?;
        let before = self.file.length();
        self.file.append(lines)?;
        let synced = self.file.sync();
        if synced.is_err() {
            self.file.cut_to(before);
        }
        synced
    }

    fn settle(&mut self) -> std::io::Result<()> {
        if let Some(unsettled) = &mut self.unsettled {
            unsettled.settle()?;
            self.unsettled = None;
        }
        Ok(())
    }

    /// How many events are durably gone.
    fn removed(&self) -> u64 {
        let cut = self.cut.as_ref().filter(|_| self.unsettled.is_none());
        cut.map_or(0, |cut| cut.start.sequence())
    }

    /// Puts what is left in the log's place. An error leaves everything as it was. If only the new file's name could not be
    /// made durable, that is made up for before anything is written: a power loss until then brings back the old file, which
    /// has everything that was acknowledged.
    fn exchange(&mut self, removal: PreparedRemoval) -> std::io::Result<()> {
        // Two exchanges whose names are not durable cannot be told apart after a power loss.
        self.settle()?;
        let (file, cut, unsettled) = removal.exchange(self.file.length())?;
        *self = Self {
            file,
            cut: Some(cut),
            unsettled: Some(unsettled),
        };
        if let Err(error) = self.settle() {
            tracing::warn!(%error, "the shortened audit log's name is not durable yet; nothing is written until it is");
        }
        Ok(())
    }
}

/// Runs until every sender is gone and all was written.
pub(super) fn run(
    mut log: LogFile,
    mut end: ChainEnd,
    mut requests: mpsc::Receiver<Request>,
    mut signer: Option<Signer>,
    durable: &watch::Sender<LogPosition>,
) {
    let mut lines = Vec::new();
    while let Some(first) = requests.blocking_recv() {
        let mut waiting = Vec::new();
        let mut next = end;
        let mut request = Some(first);
        let mut asked = false;
        let mut removal = None;
        while let Some(Request { work, reply }) = request {
            match work {
                Work::Append(event) => next = next.write(&event, &mut lines),
                Work::Checkpoint => asked = true,
                Work::Remove(prepared) => {
                    removal = Some((prepared, reply));
                    break;
                }
            }
            waiting.push((next.sequence, reply));
            request = (lines.len() < BATCH).then(|| requests.try_recv().ok()).flatten();
        }
        let outcome = if lines.is_empty() {
            Ok(())
        } else {
            log.append(&lines)
        };
        if outcome.is_ok() {
            end = next;
            let offset = log.offset();
            durable.send_replace(LogPosition { end, offset });
        }
        // Who asks for a checkpoint waits for it; who appends does not.
        if let Some(signer) = signer.as_mut().filter(|_| asked) {
            signer.sign(end);
        }
        for (sequence, reply) in waiting {
            let answer = match &outcome {
                Ok(()) => Ok(sequence),
                Err(error) => Err(Error::new(
                    ErrorKind::Storage,
                    "write the audit log",
                    format!("the event is not durable: {error}"),
                )),
            };
            // A caller that went away does not want its answer.
            drop(reply.send(answer));
        }
        lines.clear();
        lines.shrink_to(KEEP);
        if let Some(signer) = signer.as_mut().filter(|_| outcome.is_ok()) {
            signer.written(end);
        }
        let exchanged = removal.map(|(removal, reply)| (log.exchange(*removal), reply));
        if let Some(signer) = &mut signer {
            signer.removed(log.removed(), end);
        }
        if let Some((exchanged, reply)) = exchanged {
            drop(reply.send(exchanged.map(|()| end.sequence).map_err(failed)));
        }
    }
    if let Some(signer) = &mut signer {
        signer.sign(end);
    }
}
