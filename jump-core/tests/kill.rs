//! What `kill -9` leaves of a recording and of an audit log. The tests run themselves again as the process that is
//! killed.

#![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use jump_core::ErrorKind;
use jump_core::audit::{
    Actor, AuditEvent, AuditKind, AuditLog, FileAuditLog, LogReader, RemovalBound, verify_signed_log,
};
use jump_core::id::SessionId;
use jump_core::keys::{SealingKey, SigningKey};
use jump_core::recording::{Ending, RecordKind, RecordingFolder, RecordingInfo, RecordingReader};
use jump_core::secret::Secret;
use jump_core::session::RecordingMode;
use jump_core::time::Timestamp;
use jump_testkit::folder::Folder;
use jump_testkit::process::{Process, command};
use jump_testkit::seeded::Seeded;

const FOLDER: &str = "JUMP_TEST_KILL_FOLDER";
const LONG: Duration = Duration::from_secs(60);

fn key() -> SealingKey {
    SealingKey::from_seed(Secret::new([9; 32]))
}

/// Runs one of the `child_` tests below in a process of its own, kills it once it has said `line`, and gives all it
/// said.
async fn kill_when_it_says(child: &str, folder: &Path, line: String) -> String {
    let mut command = command(std::env::current_exe().unwrap());
    command.args(["--exact", child, "--ignored", "--nocapture"]);
    command.env(FOLDER, folder);
    let mut process = Process::spawn(command).unwrap();
    process.wait_for_line(&line, LONG).await.unwrap();
    process.kill().await.unwrap();
    let closed = process.wait_for_line("\0", LONG).await.unwrap_err();
    assert_eq!(closed.kind(), ErrorKind::Closed, "{closed}");
    process.output()
}

/// The numbers of the last whole line of the form `word: a b`.
fn last_said(output: &str, word: &str) -> (u64, u64) {
    let (whole, _) = output.rsplit_once('\n').unwrap();
    let line = whole.lines().rfind(|line| line.starts_with(word)).unwrap();
    let mut words = line.split(' ').skip(1).map(|number| number.parse().unwrap());
    (words.next().unwrap(), words.next().unwrap())
}

fn folder_from_parent() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

#[tokio::test]
#[ignore = "the process that the recording test kills"]
async fn child_records_until_it_is_killed() {
    let Some(folder) = folder_from_parent() else {
        return;
    };
    let recordings = RecordingFolder::open(&folder, key().public()).unwrap();
    let info = RecordingInfo {
        session: SessionId::random().unwrap(),
        user_name: "ada".to_owned(),
        item_name: "box".to_owned(),
        protocol: "ssh".to_owned(),
        started: Timestamp::now(),
        mode: RecordingMode::Backpressure,
    };
    println!();
    let (recorder, _task) = recordings.start(info).await.unwrap();
    let started = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_millis(2));
    for number in 0u64.. {
        ticks.tick().await;
        let mut piece = number.to_be_bytes().to_vec();
        piece.resize(8 + usize::try_from(number * 37 % 3000).unwrap(), 7);
        let piece = Bytes::from(piece);
        recorder.record(1, RecordKind::FromTarget, piece).await.unwrap();
        println!("recorded: {number} {}", started.elapsed().as_micros());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_recording_plays_to_within_one_second() {
    let mut random = Seeded::new(15);
    let runs: Vec<_> = (0..8)
        .map(|_| {
            let pieces = random.below(900);
            tokio::spawn(async move {
                let folder = Folder::new().unwrap();
                let child = "child_records_until_it_is_killed";
                let output = kill_when_it_says(child, folder.path(), format!("recorded: {pieces} ")).await;
                let (pieces, killed) = last_said(&output, "recorded:");
                let file = std::fs::read_dir(folder.path()).unwrap().next().unwrap();
                let file = BufReader::new(File::open(file.unwrap().path()).unwrap());
                let mut reader = RecordingReader::open(file, &key()).unwrap();
                let mut played = 0u64;
                for record in &mut reader {
                    let payload = record.unwrap().payload;
                    assert_eq!(payload.get(..8), Some(played.to_be_bytes().as_slice()), "no gap");
                    played += 1;
                }
                assert_eq!(reader.ending(), Ending::Unclean);
                let missing = Duration::from_micros(killed).saturating_sub(reader.duration());
                assert!(
                    missing <= Duration::from_secs(1),
                    "{missing:?} are missing: {played} pieces of {pieces}"
                );
            })
        })
        .collect();
    for run in runs {
        run.await.unwrap();
    }
}

fn event(number: u64) -> AuditEvent {
    AuditEvent {
        time: Timestamp::now(),
        actor: Actor::System,
        peer: None,
        kind: AuditKind::TokenCreated {
            purpose: format!(
                "{number} {}",
                "x".repeat(usize::try_from(number * 31 % 5000).unwrap())
            ),
        },
    }
}

#[tokio::test]
#[ignore = "the process that the audit test kills"]
async fn child_logs_until_it_is_killed() {
    let Some(folder) = folder_from_parent() else {
        return;
    };
    let log = FileAuditLog::open(&folder.join("audit.jsonl")).unwrap();
    println!();
    loop {
        let appends = (0..4).map(|number| {
            let log = &log;
            async move {
                let sequence = log.append(&event(number)).await.unwrap();
                println!("durable: {sequence} 0");
            }
        });
        futures_util::future::join_all(appends).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_audit_log_verifies_goes_on_and_has_every_acknowledged_event() {
    let mut random = Seeded::new(17);
    let folder = Folder::new().unwrap();
    let path = folder.join("audit.jsonl");
    let mut acknowledged = 0;
    for _ in 0..8 {
        let last = acknowledged + 1 + random.below(60);
        let child = "child_logs_until_it_is_killed";
        let output = kill_when_it_says(child, folder.path(), format!("durable: {last} ")).await;
        acknowledged = last_said(&output, "durable:").0;
        let read = LogReader::new(BufReader::new(File::open(&path).unwrap()));
        let events = read.map(|entry| entry.unwrap().sequence).last().unwrap();
        assert!(
            events >= acknowledged,
            "{acknowledged} were acknowledged, {events} are there"
        );
        acknowledged = events;
    }
    let log = FileAuditLog::open(&path).unwrap();
    assert_eq!(log.append(&event(1)).await.unwrap(), acknowledged + 1);
}

fn site_key() -> SigningKey {
    SigningKey::from_seed(Secret::new([8; 32])).unwrap()
}

#[tokio::test]
#[ignore = "the process that the retention test kills"]
async fn child_removes_old_events_until_it_is_killed() {
    let Some(folder) = folder_from_parent() else {
        return;
    };
    let log = FileAuditLog::open_signed(&folder.join("audit.jsonl"), site_key()).unwrap();
    println!();
    let logging = async {
        for number in 0.. {
            let sequence = log.append(&event(number % 20)).await.unwrap();
            println!("durable: {sequence} 0");
        }
    };
    let removing = async {
        loop {
            log.checkpoint().await.unwrap();
            let now = Timestamp::now();
            let bound = RemovalBound {
                older_than: now,
                delivered: u64::MAX,
                running: Default::default(),
                now,
                reason: "a test".to_owned(),
            };
            let Some(removal) = log.prepare_removal(bound).await.unwrap() else {
                continue;
            };
            let removed = removal.removed().clone();
            let announcement = AuditEvent {
                kind: AuditKind::EventsRemoved(removed.clone()),
                ..event(0)
            };
            let sequence = log.append(&announcement).await.unwrap();
            println!("durable: {sequence} 0");
            log.remove(removal).await.unwrap();
            println!("removed: {} 0", removed.last);
        }
    };
    futures_util::future::join(logging, removing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_killed_while_old_events_are_removed_is_the_old_or_the_new_one_whole() {
    let mut random = Seeded::new(19);
    let folder = Folder::new().unwrap();
    let path = folder.join("audit.jsonl");
    let mut acknowledged = 0;
    for _ in 0..12 {
        let last = acknowledged + 1 + random.below(60);
        let child = "child_removes_old_events_until_it_is_killed";
        let output = kill_when_it_says(child, folder.path(), format!("durable: {last} ")).await;
        acknowledged = last_said(&output, "durable:").0;
        let open = |path: &Path| BufReader::new(File::open(path).unwrap());
        let checkpoints = open(&FileAuditLog::checkpoints_path(&path));
        let verified = verify_signed_log(open(&path), checkpoints, &site_key().public()).unwrap();
        assert!(
            verified.events >= acknowledged,
            "{acknowledged} were acknowledged, {} are there",
            verified.events
        );
        let removed = verified.removed.map_or(0, |removed| removed.last);
        if output.contains("\nremoved: ") {
            assert!(removed >= last_said(&output, "removed:").0);
        }
        let mut numbers = LogReader::new(open(&path)).map(|entry| entry.unwrap().sequence);
        assert_eq!(numbers.next(), Some(removed + 1));
        acknowledged = verified.events;
    }
    let log = FileAuditLog::open_signed(&path, site_key()).unwrap();
    assert!(
        log.start().await.unwrap().removed.is_some(),
        "something was removed"
    );
    assert_eq!(log.append(&event(1)).await.unwrap(), acknowledged + 1);
}
