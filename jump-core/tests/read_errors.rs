//! The n-th read fails, is interrupted or gives less than was asked for (F-17): what is read back from an audit log or a recording
//! is right as far as it goes, an error is a storage error and not damage, and nothing half read passes for the whole.
#![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

use std::fs::File;
use std::io::{self, BufReader, Read};

use bytes::Bytes;
use jump_core::audit::{Actor, AuditEvent, AuditKind, AuditLog, FileAuditLog, LogReader, verify_log};
use jump_core::id::SessionId;
use jump_core::keys::SealingKey;
use jump_core::recording::{Ending, RecordKind, RecordingFolder, RecordingInfo, RecordingReader, verify};
use jump_core::session::RecordingMode;
use jump_core::time::Timestamp;
use jump_core::{Error, ErrorKind};
use jump_testkit::folder::Folder;

/// Gives a few bytes at a time, is interrupted before every third read, and fails at the n-th.
struct Failing<'a> {
    bytes: &'a [u8],
    reads: usize,
    fails_at: Option<usize>,
}

impl<'a> Failing<'a> {
    fn new(bytes: &'a [u8], fails_at: Option<usize>) -> Self {
        Self {
            bytes,
            reads: 0,
            fails_at,
        }
    }
}

impl Read for Failing<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.reads += 1;
        if self.fails_at == Some(self.reads) {
            return Err(io::Error::other("the disk does not answer"));
        }
        if self.reads.is_multiple_of(3) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let short = into.len().min(1 + self.reads % 700);
        let given = self.bytes.len().min(short);
        let (now, rest) = self.bytes.split_at(given);
        into.get_mut(..given).unwrap().copy_from_slice(now);
        self.bytes = rest;
        Ok(given)
    }
}

fn is_the_disks(error: &Error) {
    assert_eq!(error.kind(), ErrorKind::Storage, "{error}");
}

#[tokio::test]
async fn f17_the_nth_read_of_an_audit_log_fails_and_what_was_read_before_is_right() {
    let folder = Folder::new().unwrap();
    let path = folder.join("audit.jsonl");
    let log = FileAuditLog::open(&path).unwrap();
    for number in 0..40 {
        let purpose = format!("{number} {}", "x".repeat(number * 37 % 900));
        let event = AuditEvent {
            time: Timestamp::UNIX_EPOCH,
            actor: Actor::System,
            peer: None,
            kind: AuditKind::TokenCreated { purpose },
        };
        log.append(&event).await.unwrap();
    }
    let bytes = std::fs::read(&path).unwrap();
    let whole = verify_log(BufReader::new(bytes.as_slice())).unwrap();
    let small = |fails_at| BufReader::with_capacity(512, Failing::new(&bytes, fails_at));
    // Short reads and interruptions alone are no errors.
    assert_eq!(verify_log(small(None)).unwrap(), whole);
    let mut failed = 0;
    for fails_at in 1.. {
        match verify_log(small(Some(fails_at))) {
            Ok(verified) => {
                assert_eq!(verified, whole);
                break;
            }
            Err(error) => is_the_disks(&error),
        }
        let mut entries = LogReader::new(small(Some(fails_at)));
        let mut read = 0;
        let error = loop {
            match entries.next().unwrap() {
                Ok(entry) => read = entry.sequence,
                Err(error) => break error,
            }
        };
        is_the_disks(&error);
        assert!(read <= whole.events);
        assert!(
            entries.next().is_none(),
            "it does not go on behind what it could not read"
        );
        failed += 1;
    }
    assert!(failed > 40, "{failed}");
}

#[tokio::test]
async fn f17_the_nth_read_of_a_recording_fails_and_it_is_neither_damaged_nor_complete() {
    let folder = Folder::new().unwrap();
    let key = SealingKey::generate().unwrap();
    let recordings = RecordingFolder::open(folder.path(), key.public()).unwrap();
    let info = RecordingInfo {
        session: SessionId::random().unwrap(),
        user_name: "ada".to_owned(),
        item_name: "box".to_owned(),
        protocol: "ssh".to_owned(),
        started: Timestamp::UNIX_EPOCH,
        mode: RecordingMode::FailClosed,
    };
    let (recorder, task) = recordings.start(info).await.unwrap();
    for number in 0..60u8 {
        let piece = Bytes::from(vec![number; 700]);
        recorder.record(1, RecordKind::FromTarget, piece).await.unwrap();
    }
    drop(recorder);
    let path = task.finish().await.unwrap().path;
    let mut bytes = Vec::new();
    File::open(path).unwrap().read_to_end(&mut bytes).unwrap();
    let whole = verify(bytes.as_slice(), &key).unwrap();
    assert_eq!(whole.records, 60);
    let again = verify(Failing::new(&bytes, None), &key).unwrap();
    assert_eq!(
        (again.hash, again.ending),
        (whole.hash, Ending::Clean { lost_bytes: 0 })
    );
    let mut failed = 0;
    for fails_at in 1.. {
        match verify(Failing::new(&bytes, Some(fails_at)), &key) {
            Ok(verified) => {
                assert_eq!(verified.hash, whole.hash);
                break;
            }
            Err(error) => is_the_disks(&error),
        }
        failed += 1;
        let Ok(mut reader) = RecordingReader::open(Failing::new(&bytes, Some(fails_at)), &key) else {
            continue;
        };
        let mut played = 0;
        let error = loop {
            match reader.next().unwrap() {
                Ok(record) => {
                    assert!(record.payload.iter().all(|byte| *byte == played));
                    played += 1;
                }
                Err(error) => break error,
            }
        };
        is_the_disks(&error);
        assert!(reader.next().is_none());
        assert_eq!(reader.ending(), Ending::Unclean);
    }
    assert!(failed > 20, "{failed}");
}
