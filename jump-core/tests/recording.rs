//! A folder of recordings on a real disk.

#![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

use std::fs::File;
use std::io::BufReader;

use bytes::Bytes;
use jump_core::ErrorKind;
use jump_core::id::SessionId;
use jump_core::keys::SealingKey;
use jump_core::recording::{Ending, RecordKind, RecordingFolder, RecordingInfo, RecordingReader, verify};
use jump_core::session::RecordingMode;

fn info(mode: RecordingMode) -> RecordingInfo {
    RecordingInfo {
        session: SessionId::random().unwrap(),
        user_name: "ada".to_owned(),
        item_name: "box".to_owned(),
        protocol: "ssh".to_owned(),
        started: "2026-01-02T03:04:05Z".parse().unwrap(),
        mode,
    }
}

#[tokio::test]
async fn what_was_recorded_plays_back_and_nothing_of_it_stands_in_the_folder_in_clear() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("a/recordings");
    let key = SealingKey::generate().unwrap();
    let recordings = RecordingFolder::open(&folder, key.public()).unwrap();
    let info = info(RecordingMode::Backpressure);
    let (recorder, task) = recordings.start(info.clone()).await.unwrap();
    let second = recorder.clone();
    let canary = b"canary-7d1f";
    let mut expected = Vec::new();
    for number in 0..2000u32 {
        let payload = [canary.as_slice(), &number.to_be_bytes(), &[0x41; 300]].concat();
        let handle = if number % 2 == 0 { &recorder } else { &second };
        handle
            .record(number % 3, RecordKind::FromTarget, Bytes::from(payload.clone()))
            .await
            .unwrap();
        expected.push(payload);
    }
    drop((recorder, second));
    let summary = task.finish().await.unwrap();
    assert_eq!((summary.records, summary.lost), (2000, 0));
    assert_eq!(summary.bytes, 2000 * 315);
    assert_eq!(summary.path, folder.join(format!("{}.jrec", info.session)));

    let mut reader = RecordingReader::open(BufReader::new(File::open(&summary.path).unwrap()), &key).unwrap();
    assert_eq!(*reader.info(), info);
    let played: Vec<Vec<u8>> = (&mut reader)
        .map(|record| record.unwrap().payload.to_vec())
        .collect();
    assert_eq!(played, expected);
    assert_eq!(reader.ending(), Ending::Clean { lost_bytes: 0 });
    let verified = verify(File::open(&summary.path).unwrap(), &key).unwrap();
    assert_eq!(verified.hash, summary.hash);

    let files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(
        files,
        std::slice::from_ref(&summary.path),
        "no other file is left"
    );
    let bytes = std::fs::read(&summary.path).unwrap();
    assert!(!bytes.windows(canary.len()).any(|window| window == canary));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&summary.path)), (0o700, 0o600));
    }
}

#[tokio::test]
async fn a_record_of_16_mib_on_one_line_plays_back_and_a_larger_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let key = SealingKey::generate().unwrap();
    let recordings = RecordingFolder::open(folder.path(), key.public()).unwrap();
    let (recorder, task) = recordings.start(info(RecordingMode::FailClosed)).await.unwrap();
    let line = Bytes::from(vec![b'x'; 16 << 20]);
    recorder
        .record(1, RecordKind::FromTarget, line.clone())
        .await
        .unwrap();
    let too_long = Bytes::from(vec![b'x'; (16 << 20) + 1]);
    let error = recorder
        .record(1, RecordKind::FromTarget, too_long)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    drop(recorder);
    let path = task.finish().await.unwrap().path;
    let mut reader = RecordingReader::open(File::open(path).unwrap(), &key).unwrap();
    assert_eq!(reader.next().unwrap().unwrap().payload, line);
    assert!(reader.next().is_none());
}

#[tokio::test]
async fn a_second_recording_of_one_session_and_mode_off_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let key = SealingKey::generate().unwrap();
    let recordings = RecordingFolder::open(folder.path(), key.public()).unwrap();
    let once = info(RecordingMode::BestEffort);
    let (recorder, task) = recordings.start(once.clone()).await.unwrap();
    recorder
        .record(1, RecordKind::Event, Bytes::from_static(b"x"))
        .await
        .unwrap();
    drop(recorder);
    let error = recordings.start(once).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let summary = task.finish().await.unwrap();
    let verified = verify(File::open(summary.path).unwrap(), &key).unwrap();
    assert_eq!(verified.records, 1, "the first is untouched");
    let error = recordings.start(info(RecordingMode::Off)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
