//! From the queue to the file: gathers chunks, writes each with one call, and keeps the bounds on what a crash costs.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::codec::Encoder;
use super::folder::{interrupted, storage};
use super::{Queue, Record, RecordingSummary};
use crate::append_file::AppendFile;
use crate::error::{Error, ErrorKind, Result};
use crate::session::RecordingMode;

/// A chunk is written at the latest this long after its first record, so that a kill costs less than a second.
const CHUNK_AGE: Duration = Duration::from_millis(500);

/// Written data are on stable storage at the latest this long after, which bounds what a power loss costs.
const SYNC_AGE: Duration = Duration::from_secs(5);

/// How long to wait before a failed write is tried again (best effort only).
const RETRY: Duration = Duration::from_secs(1);

/// The memory that a busy recording keeps for its next chunk, in bytes. An idle one keeps none.
const KEEP: usize = 128 * 1024;

/// Writes one recording. While nothing is to be written it is a waiting task; disk calls run on a blocking thread.
#[derive(Debug)]
pub(super) struct Writer {
    encoder: Encoder,
    file: AppendFile,
    queue: Queue,
    mode: RecordingMode,
    path: PathBuf,
    /// When the first record of the open chunk came.
    open_since: Option<Instant>,
    /// When the first write that is not synced yet was made.
    unsynced_since: Option<Instant>,
    /// Set while writing fails (best effort only): records are counted as lost until then.
    retry_at: Option<Instant>,
    /// A failed sync may have cost data that were taken for written; the end says so.
    sync_failed: bool,
}

impl Writer {
    pub(super) fn new(
        encoder: Encoder,
        file: AppendFile,
        queue: Queue,
        mode: RecordingMode,
        path: PathBuf,
    ) -> Self {
        Self {
            encoder,
            file,
            queue,
            mode,
            path,
            open_since: None,
            unsynced_since: None,
            retry_at: None,
            sync_failed: false,
        }
    }

    /// Runs until every recorder is gone, or writing fails in a mode that does not go on without it. Ending drops the
    /// queue, so that the next record fails and the session ends.
    pub(super) async fn run(self) -> Result<RecordingSummary> {
        let mut writer = Box::new(self);
        loop {
            let next = match writer.wake_at() {
                Some(wake) => timeout_at(wake, writer.queue.next()).await,
                None => Ok(writer.queue.next().await),
            };
            match next {
                Ok(Some(record)) => {
                    writer.take(&record)?;
                    if !writer.is_due(Instant::now()) {
                        continue;
                    }
                }
                Ok(None) => break,
                Err(_) => {}
            }
            writer = tokio::task::spawn_blocking(move || writer.work())
                .await
                .map_err(interrupted)??;
        }
        tokio::task::spawn_blocking(move || writer.finish())
            .await
            .map_err(interrupted)?
    }

    /// When there is something to do on disk even if no record comes.
    fn wake_at(&self) -> Option<Instant> {
        let write = match self.retry_at {
            Some(retry) => Some(retry),
            None => self.open_since.map(|since| since + CHUNK_AGE),
        };
        [write, self.sync_at()].into_iter().flatten().min()
    }

    fn sync_at(&self) -> Option<Instant> {
        self.unsynced_since.map(|since| since + SYNC_AGE)
    }

    fn is_due(&self, now: Instant) -> bool {
        self.write_is_due(now) || self.sync_at().is_some_and(|sync| sync <= now)
    }

    fn write_is_due(&self, now: Instant) -> bool {
        match self.retry_at {
            Some(retry) => retry <= now,
            None => self.encoder.is_full() || self.open_since.is_some_and(|since| since + CHUNK_AGE <= now),
        }
    }

    fn take(&mut self, record: &Record) -> Result<()> {
        if self.retry_at.is_some() {
            self.queue.lose(record);
            return Ok(());
        }
        self.open_since.get_or_insert_with(Instant::now);
        self.encoder.push(record)
    }

    /// Does what is due on disk, and as long as records are waiting already, goes on with them.
    fn work(mut self: Box<Self>) -> Result<Box<Self>> {
        loop {
            let now = Instant::now();
            if self.write_is_due(now) {
                self.write_chunk()?;
            }
            if self.sync_at().is_some_and(|sync| sync <= now) {
                self.sync()?;
            }
            match self.queue.try_next() {
                Some(record) => self.take(&record)?,
                None => return Ok(self),
            }
        }
    }

    /// Writes the open chunk. In best effort a failure keeps the sealed chunk for the next try.
    fn write_chunk(&mut self) -> Result<()> {
        let full = self.encoder.is_full();
        let chunk = self.encoder.seal(self.queue.lost())?;
        match self.file.append(chunk) {
            Ok(()) => {
                self.encoder.clear(if full { KEEP } else { 0 });
                self.open_since = None;
                self.retry_at = None;
                self.unsynced_since.get_or_insert_with(Instant::now);
                Ok(())
            }
            Err(error) if self.mode == RecordingMode::BestEffort => {
                if self.retry_at.is_none() {
                    tracing::warn!(path = %self.path.display(), %error, "the recording cannot be written; data are lost until it can");
                }
                self.retry_at = Some(Instant::now() + RETRY);
                Ok(())
            }
            Err(error) => Err(storage(error)),
        }
    }

    fn sync(&mut self) -> Result<()> {
        self.unsynced_since = None;
        match self.file.sync() {
            Ok(()) => Ok(()),
            Err(error) if self.mode == RecordingMode::BestEffort => {
                tracing::warn!(path = %self.path.display(), %error, "the recording cannot be synced");
                self.sync_failed = true;
                Ok(())
            }
            Err(error) => Err(storage(error)),
        }
    }

    fn finish(mut self: Box<Self>) -> Result<RecordingSummary> {
        if !self.encoder.is_empty() {
            self.write_chunk()?;
        }
        let lost = self.queue.lost();
        if self.retry_at.is_some() {
            return Err(incomplete(format!(
                "the disk took no more: what is there plays; {lost} bytes and the last chunk are lost"
            )));
        }
        let end = self.encoder.finish(lost)?;
        self.file
            .append(end)
            .and_then(|()| self.file.sync())
            .map_err(storage)?;
        if self.sync_failed {
            return Err(incomplete(
                "syncing it failed in between: verify the file before relying on it".to_owned(),
            ));
        }
        let totals = self.encoder.totals();
        Ok(RecordingSummary {
            path: self.path,
            records: totals.records,
            bytes: totals.bytes,
            lost,
            hash: self.encoder.hash(),
        })
    }
}

fn incomplete(message: String) -> Error {
    Error::new(ErrorKind::Storage, "finish the recording", message)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tokio::task::JoinHandle;
    use tokio::time::sleep;

    use super::*;
    use crate::append_file::faulty::Faulty;
    use crate::id::SessionId;
    use crate::keys::SealingKey;
    use crate::recording::{Ending, RecordKind, Recorder, RecordingInfo, RecordingReader, verify};

    struct Started {
        key: SealingKey,
        disk: Faulty,
        recorder: Recorder,
        writer: JoinHandle<Result<RecordingSummary>>,
    }

    fn start(mode: RecordingMode) -> Started {
        let key = SealingKey::generate().unwrap();
        let info = RecordingInfo {
            session: SessionId::random().unwrap(),
            user_name: "ada".to_owned(),
            item_name: "box".to_owned(),
            protocol: "ssh".to_owned(),
            started: "2026-01-02T03:04:05Z".parse().unwrap(),
            mode,
        };
        let (encoder, header) = Encoder::new(&info, &key.public()).unwrap();
        let disk = Faulty::default();
        let length = header.len() as u64;
        disk.with(|faults| {
            faults.synced = header.len();
            faults.bytes = header;
        });
        let file = AppendFile::new(Box::new(disk.clone()), length);
        let (recorder, queue) = Recorder::queue(mode, 1 << 20);
        let writer = tokio::spawn(Writer::new(encoder, file, queue, mode, PathBuf::from("x")).run());
        Started {
            key,
            disk,
            recorder,
            writer,
        }
    }

    impl Started {
        async fn record(&self, payload: &[u8]) -> Result<()> {
            let payload = Bytes::copy_from_slice(payload);
            self.recorder.record(1, RecordKind::FromTarget, payload).await
        }

        /// What plays from the bytes that a kill, or a power loss, would leave.
        fn plays(&self, synced_only: bool) -> (Vec<u8>, Ending) {
            let bytes = self.disk.with(|faults| match synced_only {
                true => faults.bytes[..faults.synced].to_vec(),
                false => faults.bytes.clone(),
            });
            let mut reader = RecordingReader::open(bytes.as_slice(), &self.key).unwrap();
            let payload = (&mut reader)
                .flat_map(|record| record.expect("what is there verifies").payload)
                .collect();
            (payload, reader.ending())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_piece_is_in_the_file_half_a_second_later_and_synced_six_seconds_later() {
        let started = start(RecordingMode::Backpressure);
        started.record(b"first").await.unwrap();
        sleep(CHUNK_AGE + Duration::from_millis(100)).await;
        assert_eq!(started.plays(false).0, b"first");
        assert_eq!(started.plays(true).0, b"", "not every write is synced");
        for _ in 0..60 {
            started.record(b".").await.unwrap();
            sleep(Duration::from_millis(100)).await;
        }
        assert!(started.plays(true).0.starts_with(b"first"));
        assert_eq!(started.plays(false).1, Ending::Unclean);
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_disk_ends_a_session_that_may_not_go_on_without_its_recording() {
        for mode in [RecordingMode::Backpressure, RecordingMode::FailClosed] {
            let started = start(mode);
            started.record(&[1; 80_000]).await.unwrap();
            sleep(Duration::from_secs(1)).await;
            started
                .disk
                .with(|faults| faults.room = Some(faults.bytes.len() + 100));
            let error = loop {
                if let Err(error) = started.record(&[2; 10_000]).await {
                    break error;
                }
                sleep(Duration::from_millis(10)).await;
            };
            assert_eq!(error.kind(), ErrorKind::Storage);
            let (payload, ending) = started.plays(false);
            assert_eq!((payload, ending), (vec![1; 80_000], Ending::Unclean));
            let error = started.writer.await.unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Storage);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_session_learns_of_a_failed_recording_from_its_task() {
        let started = start(RecordingMode::Backpressure);
        started.disk.with(|faults| faults.room = Some(0));
        started.record(b"x").await.unwrap();
        let error = started.writer.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Storage, "with the recorder still there");
    }

    #[tokio::test(start_paused = true)]
    async fn best_effort_counts_what_a_full_disk_costs_and_goes_on_when_space_returns() {
        let started = start(RecordingMode::BestEffort);
        started.record(b"before ").await.unwrap();
        sleep(Duration::from_secs(1)).await;
        started
            .disk
            .with(|faults| faults.room = Some(faults.bytes.len() + 10));
        started.record(b"held ").await.unwrap();
        sleep(Duration::from_secs(3)).await;
        started.record(b"lost").await.unwrap();
        sleep(Duration::from_secs(3)).await;
        assert_eq!(started.recorder.lost(), 4);
        assert_eq!(
            started.plays(false).0,
            b"before ",
            "the half-written chunk is trimmed"
        );
        started.disk.with(|faults| faults.room = None);
        sleep(Duration::from_secs(2)).await;
        started.record(b"after").await.unwrap();
        let Started {
            key,
            disk,
            recorder,
            writer,
        } = started;
        drop(recorder);
        let summary = writer.await.unwrap().unwrap();
        assert_eq!((summary.bytes, summary.lost), (17, 4));
        let bytes = disk.with(|faults| faults.bytes.clone());
        let verified = verify(bytes.as_slice(), &key).unwrap();
        assert_eq!(verified.ending, Ending::Clean { lost_bytes: 4 });
        assert_eq!(verified.bytes, 17);
    }

    #[tokio::test(start_paused = true)]
    async fn no_failing_call_makes_a_recording_that_claims_to_be_complete_but_is_not() {
        let modes = [
            RecordingMode::Backpressure,
            RecordingMode::BestEffort,
            RecordingMode::FailClosed,
        ];
        for (mode, for_good) in modes.into_iter().flat_map(|mode| [(mode, false), (mode, true)]) {
            for nth in 0.. {
                let started = start(mode);
                started.disk.with(|faults| {
                    faults.fail_in = Some(nth);
                    faults.for_good = for_good;
                    faults.short = Some(30_000);
                });
                let mut sent = 0;
                for _ in 0..8 {
                    if started.record(&[5; 40_000]).await.is_err() {
                        break;
                    }
                    sent += 40_000;
                    sleep(Duration::from_secs(2)).await;
                }
                let Started {
                    key,
                    disk,
                    recorder,
                    writer,
                } = started;
                drop(recorder);
                let outcome = writer.await.unwrap();
                let (bytes, failures) = disk.with(|faults| (faults.bytes.clone(), faults.failures));
                let verified = verify(bytes.as_slice(), &key);
                match &outcome {
                    Ok(summary) => {
                        let verified = verified.unwrap();
                        assert_eq!(
                            verified.ending,
                            Ending::Clean {
                                lost_bytes: summary.lost
                            }
                        );
                        assert_eq!(verified.bytes + summary.lost, sent, "failing call {nth}");
                        assert!(failures == 0 || mode == RecordingMode::BestEffort);
                    }
                    // A torn end that could not be trimmed reads as a cut-off chunk.
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::Storage);
                        verified.unwrap();
                    }
                }
                if failures == 0 {
                    assert!(nth > 10 && outcome.is_ok());
                    break;
                }
            }
        }
    }
}
