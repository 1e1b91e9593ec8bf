//! The one thread that writes a log: everything that waits is written and synced together.

use tokio::sync::{mpsc, oneshot, watch};

use super::checkpoint::Signer;
use super::line::ChainEnd;
use super::read::LogPosition;
use crate::append_file::AppendFile;
use crate::error::{Error, ErrorKind, Result};

/// No more is gathered once a batch has this many bytes: 1 MiB.
const BATCH: usize = 1024 * 1024;

/// The memory that is held ready for the next batch, in bytes.
const KEEP: usize = 64 * 1024;

/// An event, as JSON, and who waits for it; without an event a checkpoint is asked for.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) event: Option<Vec<u8>>,
    pub(super) reply: oneshot::Sender<Result<u64>>,
}

/// Runs until every sender is gone and all was written.
pub(super) fn run(
    mut file: AppendFile,
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
        while let Some(Request { event, reply }) = request {
            match event {
                Some(event) => next = next.write(&event, &mut lines),
                None => asked = true,
            }
            waiting.push((next.sequence, reply));
            request = (lines.len() < BATCH).then(|| requests.try_recv().ok()).flatten();
        }
        let outcome = if lines.is_empty() {
            Ok(())
        } else {
            append(&mut file, &lines)
        };
        if outcome.is_ok() {
            end = next;
            let offset = file.length();
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
    }
    if let Some(signer) = &mut signer {
        signer.sign(end);
    }
}

/// Writes and syncs, or leaves the file as it was. After a failed sync nobody can say what is on the disk: the lines
/// are cut off, and with them the pages that may have been lost, before anything is written again.
fn append(file: &mut AppendFile, lines: &[u8]) -> std::io::Result<()> {
    let before = file.length();
    file.append(lines)?;
    let synced = file.sync();
    if synced.is_err() {
        file.cut_to(before);
    }
    synced
}
