//! The gate's end of a recording: a bounded queue with the policy of the recording mode.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;

use super::codec::MAX_RECORD;
use crate::error::{Error, ErrorKind, Result};
use crate::session::RecordingMode;

/// What a record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum RecordKind {
    /// Bytes from the rep.
    FromRep = 0,
    /// Bytes from the target.
    FromTarget = 1,
    /// Bytes from the target's standard error, where a protocol tells it apart.
    FromTargetError = 2,
    /// An event of the protocol, in the backend's own encoding: a terminal was opened, resized, a command started.
    Event = 3,
}

impl RecordKind {
    /// The kind with this number in a recording.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(RecordKind::FromRep),
            1 => Some(RecordKind::FromTarget),
            2 => Some(RecordKind::FromTargetError),
            3 => Some(RecordKind::Event),
            _ => None,
        }
    }
}

/// One piece of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Time since the session began.
    pub at: Duration,
    /// Which channel inside the session, numbered by the backend.
    pub channel: u32,
    /// What it is.
    pub kind: RecordKind,
    /// The bytes as they passed.
    pub payload: Bytes,
}

/// Records that wait for the writer; at most the number of bytes given to [`Recorder::queue`].
#[derive(Debug)]
pub struct Queue {
    records: mpsc::Receiver<(Record, Option<OwnedSemaphorePermit>)>,
    lost: Arc<AtomicU64>,
}

impl Queue {
    /// The next record; `None` once every [`Recorder`] is gone and all was taken. Cancel-safe. Taking a record makes
    /// room for others at once.
    pub async fn next(&mut self) -> Option<Record> {
        self.records.recv().await.map(|(record, _)| record)
    }

    /// A record if one is there already.
    pub fn try_next(&mut self) -> Option<Record> {
        self.records.try_recv().ok().map(|(record, _)| record)
    }

    /// How many payload bytes were lost so far (only in [`RecordingMode::BestEffort`]).
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Counts a record that was taken but cannot be written.
    pub(super) fn lose(&self, record: &Record) {
        self.lost
            .fetch_add(record.payload.len() as u64, Ordering::Relaxed);
    }
}

/// Takes what a gate records. Cloning gives another handle on the same recording.
#[derive(Clone, Debug)]
pub struct Recorder(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    records: mpsc::Sender<(Record, Option<OwnedSemaphorePermit>)>,
    room: Arc<Semaphore>,
    capacity: u32,
    started: Instant,
    mode: RecordingMode,
    lost: Arc<AtomicU64>,
}

impl Recorder {
    /// Records nothing; for [`RecordingMode::Off`].
    #[must_use]
    pub const fn off() -> Self {
        Self(None)
    }

    /// A recorder whose clock starts now, and the queue its writer reads. `capacity` is the most payload bytes that
    /// may wait (at least 64 KiB); records are counted too, at most 4096.
    #[must_use]
    pub fn queue(mode: RecordingMode, capacity: u32) -> (Self, Queue) {
        let capacity = capacity.max(64 * 1024);
        let (sender, records) = mpsc::channel(4096);
        let lost = Arc::new(AtomicU64::new(0));
        let inner = Inner {
            records: sender,
            room: Arc::new(Semaphore::new(capacity as usize)),
            capacity,
            started: Instant::now(),
            mode,
            lost: lost.clone(),
        };
        (Self(Some(Arc::new(inner))), Queue { records, lost })
    }

    /// Records one piece, at the current time. What "cannot keep up" means is the mode's: `best_effort` counts the
    /// bytes as lost, `backpressure` waits for room, `fail_closed` fails.
    ///
    /// Call it before forwarding the bytes, so that nothing passes unrecorded. Cancel-safe: the piece is recorded
    /// whole or not at all.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if the recording failed and its mode does not allow the session to go on; the session
    /// must end. [`ErrorKind::InvalidArgument`] if the payload is larger than
    /// [`MAX_RECORD`](super::codec::MAX_RECORD), 16 MiB.
    pub async fn record(&self, channel: u32, kind: RecordKind, payload: Bytes) -> Result<()> {
        let Some(inner) = &self.0 else { return Ok(()) };
        if payload.len() > MAX_RECORD {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                "record the session",
                "one record is at most 16 MiB; split it",
            ));
        }
        let size = u32::try_from(payload.len())
            .unwrap_or(u32::MAX)
            .min(inner.capacity);
        let record = Record {
            at: inner.started.elapsed(),
            channel,
            kind,
            payload,
        };
        match inner.mode {
            RecordingMode::Off => Ok(()),
            RecordingMode::Backpressure => {
                let room = inner
                    .room
                    .clone()
                    .acquire_many_owned(size)
                    .await
                    .map_err(|_| failed())?;
                inner
                    .records
                    .send((record, Some(room)))
                    .await
                    .map_err(|_| failed())
            }
            RecordingMode::BestEffort => {
                let length = record.payload.len() as u64;
                let sent = inner
                    .room
                    .clone()
                    .try_acquire_many_owned(size)
                    .ok()
                    .and_then(|room| inner.records.try_send((record, Some(room))).ok());
                if sent.is_none() {
                    inner.lost.fetch_add(length, Ordering::Relaxed);
                }
                Ok(())
            }
            RecordingMode::FailClosed => {
                let room = inner
                    .room
                    .clone()
                    .try_acquire_many_owned(size)
                    .map_err(|_| behind())?;
                inner.records.try_send((record, Some(room))).map_err(|_| behind())
            }
        }
    }

    /// How many payload bytes were lost so far.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.0
            .as_ref()
            .map_or(0, |inner| inner.lost.load(Ordering::Relaxed))
    }
}

fn failed() -> Error {
    Error::new(
        ErrorKind::Storage,
        "record the session",
        "the recording could not be written",
    )
}

fn behind() -> Error {
    Error::new(
        ErrorKind::Storage,
        "record the session",
        "the recording cannot keep up",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 64 * 1024;

    fn piece(length: usize) -> Bytes {
        Bytes::from(vec![7; length])
    }

    #[tokio::test]
    async fn best_effort_counts_every_byte_it_loses() {
        let (recorder, mut queue) = Recorder::queue(RecordingMode::BestEffort, SIZE as u32);
        recorder
            .record(0, RecordKind::FromRep, piece(SIZE))
            .await
            .unwrap();
        recorder.record(0, RecordKind::FromRep, piece(10)).await.unwrap();
        assert_eq!(queue.lost(), 10);
        assert_eq!(queue.next().await.unwrap().payload.len(), SIZE);
        recorder.record(0, RecordKind::FromRep, piece(10)).await.unwrap();
        assert_eq!(queue.next().await.unwrap().payload.len(), 10);
        assert_eq!(recorder.lost(), 10);
    }

    #[tokio::test]
    async fn backpressure_waits_for_room_and_loses_nothing() {
        let (recorder, mut queue) = Recorder::queue(RecordingMode::Backpressure, SIZE as u32);
        recorder
            .record(0, RecordKind::FromTarget, piece(SIZE))
            .await
            .unwrap();
        let second = tokio::spawn(async move { recorder.record(0, RecordKind::FromTarget, piece(1)).await });
        tokio::task::yield_now().await;
        assert!(!second.is_finished(), "the second piece must wait");
        assert_eq!(queue.next().await.unwrap().payload.len(), SIZE);
        assert_eq!(queue.next().await.unwrap().payload.len(), 1);
        second.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn fail_closed_fails_when_behind_and_backpressure_when_the_writer_is_gone() {
        let (recorder, _queue) = Recorder::queue(RecordingMode::FailClosed, SIZE as u32);
        recorder
            .record(0, RecordKind::FromRep, piece(SIZE))
            .await
            .unwrap();
        let error = recorder
            .record(0, RecordKind::FromRep, piece(1))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Storage);

        let (recorder, queue) = Recorder::queue(RecordingMode::Backpressure, SIZE as u32);
        drop(queue);
        assert!(recorder.record(0, RecordKind::FromRep, piece(1)).await.is_err());
    }

    #[tokio::test]
    async fn a_piece_larger_than_the_queue_still_passes() {
        let (recorder, mut queue) = Recorder::queue(RecordingMode::Backpressure, SIZE as u32);
        recorder
            .record(0, RecordKind::FromRep, piece(SIZE * 3))
            .await
            .unwrap();
        assert_eq!(queue.next().await.unwrap().payload.len(), SIZE * 3);
    }
}
