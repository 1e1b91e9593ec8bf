//! A disk that really fills up: a small `tmpfs` in a namespace of its own, so that no right is needed and nothing is
//! left behind. Where the system forbids such namespaces the same rules are still held by the unit tests, which run
//! against storage that fails on demand.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a step that fails is a test that fails"
)]

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use jump_core::ErrorKind;
use jump_core::audit::{
    Actor, AuditEvent, AuditKind, AuditLog, FileAuditLog, RemovalBound, verify_log, verify_signed_log,
};
use jump_core::id::SessionId;
use jump_core::keys::{SealingKey, SigningKey};
use jump_core::recording::{Ending, RecordKind, Recorder, RecordingFolder, RecordingInfo, verify};
use jump_core::session::RecordingMode;
use jump_core::time::Timestamp;
use jump_testkit::folder::Folder;
use jump_testkit::process::{Process, command};

const FOLDER: &str = "JUMP_TEST_SMALL_DISK";
const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_full_disk_refuses_and_ends_sessions_and_all_goes_on_when_space_returns() {
    let mut possible = command("unshare");
    possible.args([
        "--user",
        "--map-root-user",
        "--mount",
        "mount",
        "-t",
        "tmpfs",
        "none",
        "/mnt",
    ]);
    if !possible.status().await.is_ok_and(|status| status.success()) {
        println!("skipped: this system forbids unprivileged mounts");
        return;
    }
    let folder = Folder::new().unwrap();
    // Room for all that may wait in the recordings' queues once the filler is gone.
    let mut command = command("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c"]);
    command.arg("mount -t tmpfs -o size=16m none \"$1\" && exec \"$2\" --exact child_on_a_small_disk --ignored --nocapture");
    command.arg("sh").arg(folder.path());
    command.arg(std::env::current_exe().unwrap());
    command.env(FOLDER, folder.path());
    let mut process = Process::spawn(command).unwrap();
    let status = process.wait(LONG).await.unwrap();
    let closed = process.wait_for_line("\0", LONG).await.unwrap_err();
    assert!(status.success(), "{closed}");
    assert!(process.output().contains("1 passed"), "{closed}");
}

fn event() -> AuditEvent {
    AuditEvent {
        time: Timestamp::now(),
        actor: Actor::System,
        peer: None,
        kind: AuditKind::TokenCreated {
            purpose: "x".repeat(5000),
        },
    }
}

async fn piece(recorder: &Recorder) -> jump_core::Result<()> {
    let piece = Bytes::from(vec![7; 50_000]);
    recorder.record(1, RecordKind::FromTarget, piece).await
}

/// Takes all the space there is.
fn fill(path: &Path) {
    let mut file = File::create(path).unwrap();
    let full = loop {
        if let Err(error) = file.write_all(&[0; 1000]) {
            break error;
        }
    };
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
}

#[tokio::test]
#[ignore = "runs on the small disk that the test above makes"]
async fn child_on_a_small_disk() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let folder = Path::new(&folder);
    let key = SealingKey::generate().unwrap();
    let recordings = RecordingFolder::open(&folder.join("recordings"), key.public()).unwrap();
    let info = |mode| RecordingInfo {
        session: SessionId::random().unwrap(),
        user_name: "ada".to_owned(),
        item_name: "box".to_owned(),
        protocol: "ssh".to_owned(),
        started: Timestamp::now(),
        mode,
    };
    let path = folder.join("audit.jsonl");
    let log = FileAuditLog::open(&path).unwrap();
    log.append(&event()).await.unwrap();
    let (closed, closed_task) = recordings.start(info(RecordingMode::FailClosed)).await.unwrap();
    let (lossy, lossy_task) = recordings.start(info(RecordingMode::BestEffort)).await.unwrap();
    let closed_path = closed_task.path().to_owned();
    piece(&closed).await.unwrap();
    piece(&lossy).await.unwrap();

    let site = SigningKey::generate().unwrap();
    let signed_path = folder.join("signed.jsonl");
    let signed = FileAuditLog::open_signed(&signed_path, site.clone()).unwrap();
    for _ in 0..4 {
        signed.append(&event()).await.unwrap();
    }
    signed.checkpoint().await.unwrap();
    let older_than = Timestamp::now();
    for _ in 0..20 {
        signed.append(&event()).await.unwrap();
    }
    let bound = || RemovalBound {
        older_than,
        delivered: u64::MAX,
        running: Default::default(),
        now: older_than,
        reason: "a test".to_owned(),
    };

    let filler = folder.join("filler");
    fill(&filler);
    // What is left of the log has no room beside it: the log stays as it is.
    let before = std::fs::read(&signed_path).unwrap();
    let error = signed.prepare_removal(bound()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert_eq!(std::fs::read(&signed_path).unwrap(), before);
    // What it tried to write is gone; other steps find the disk as full as it was.
    assert!(!folder.join("signed.jsonl.new").exists());
    let mut logged = 1;
    let refused = loop {
        // What is left of a page still takes an event.
        match log.append(&event()).await {
            Ok(_) => logged += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(refused.kind(), ErrorKind::Storage);
    let error = loop {
        match piece(&closed).await {
            Ok(()) => tokio::task::yield_now().await,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Storage);
    let error = closed_task.finish().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
    let before = verify(File::open(&closed_path).unwrap(), &key).unwrap();
    assert_eq!(before.ending, Ending::Unclean);
    let error = recordings
        .start(info(RecordingMode::FailClosed))
        .await
        .unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::Storage,
        "no new session without its recording"
    );
    while lossy.lost() == 0 {
        piece(&lossy).await.unwrap();
        tokio::task::yield_now().await;
    }

    std::fs::remove_file(&filler).unwrap();
    assert_eq!(log.append(&event()).await.unwrap(), logged + 1);
    let verified = verify_log(BufReader::new(File::open(&path).unwrap())).unwrap();
    assert_eq!((verified.events, verified.incomplete), (logged + 1, 0));
    let removal = signed.prepare_removal(bound()).await.unwrap().unwrap();
    let announcement = AuditEvent {
        kind: AuditKind::EventsRemoved(removal.removed().clone()),
        ..event()
    };
    assert_eq!(signed.append(&announcement).await.unwrap(), 25);
    signed.remove(removal).await.unwrap();
    let open = |path: &Path| BufReader::new(File::open(path).unwrap());
    let checkpoints = open(&FileAuditLog::checkpoints_path(&signed_path));
    let verified = verify_signed_log(open(&signed_path), checkpoints, &site.public()).unwrap();
    assert_eq!((verified.events, verified.signed), (25, 25));
    assert_eq!(verified.removed.unwrap().last, 4);
    drop(lossy);
    let summary = lossy_task.finish().await.unwrap();
    let verified = verify(File::open(&summary.path).unwrap(), &key).unwrap();
    assert_eq!(
        verified.ending,
        Ending::Clean {
            lost_bytes: summary.lost
        }
    );
    assert!(summary.lost > 0);
    let (again, task) = recordings.start(info(RecordingMode::FailClosed)).await.unwrap();
    piece(&again).await.unwrap();
    drop(again);
    task.finish().await.unwrap();
    let names = std::fs::read_dir(folder.join("recordings")).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 3, "a refused start leaves nothing: {names:?}");
}
