//! The log under concurrent callers, tampering and failing disks.

use std::path::Path;
use std::sync::Arc;

use super::line::ChainEnd;
use super::writer::LogFile;
use super::*;
use crate::append_file::AppendFile;
use crate::append_file::faulty::Faulty;
use crate::error::ErrorKind;
use crate::id::{ItemId, UserId};
use crate::model::{Change, User, UserName};
use crate::session::EndReason;

fn event(number: u32) -> AuditEvent {
    let kind = match number % 3 {
        0 => AuditKind::Refused {
            kind: ErrorKind::Denied,
            message: format!("nr {number}: \"q\"\n\u{1b}[2J ü"),
        },
        1 => AuditKind::Changed {
            changes: vec![Change::PutUser(User::new(
                UserId::new(number).unwrap(),
                UserName::new("ada").unwrap(),
            ))],
            notes: Vec::new(),
            unnoted: 0,
        },
        _ => AuditKind::BrokerStarted,
    };
    AuditEvent {
        time: "2026-01-02T03:04:05.123456789Z".parse().unwrap(),
        actor: Actor::System,
        peer: None,
        kind,
    }
}

async fn write(path: &Path, events: std::ops::Range<u32>) {
    let log = FileAuditLog::open(path).unwrap();
    for number in events {
        let sequence = log.append(&event(number)).await.unwrap();
        assert_eq!(sequence, u64::from(number) + 1);
    }
}

async fn log_of(count: u32) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    write(&path, 0..count).await;
    std::fs::read(path).unwrap()
}

fn events_in(bytes: &[u8]) -> Vec<AuditEvent> {
    LogReader::new(bytes).map(|entry| entry.unwrap().event).collect()
}

/// The line, counted from 1, that the verifier names.
fn first_bad_line(bytes: &[u8]) -> u64 {
    let error = verify_log(bytes).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
    let words = error.context().split(' ').nth(1).unwrap();
    words.parse().unwrap()
}

#[tokio::test]
async fn events_come_back_in_order_and_a_reopened_log_goes_on_with_its_chain() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    write(&path, 0..5).await;
    write(&path, 5..9).await;
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(events_in(&bytes), (0..9).map(event).collect::<Vec<_>>());
    let verified = verify_log(bytes.as_slice()).unwrap();
    assert_eq!((verified.events, verified.incomplete), (9, 0));
    let last: serde_json::Value =
        serde_json::from_slice(bytes.split(|b| *b == b'\n').nth(8).unwrap()).unwrap();
    assert_eq!(last["seq"], 9);
    assert_eq!(last["hash"], data_encoding::HEXLOWER.encode(&verified.last_hash));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn every_kind_of_event_can_be_read_again() {
    let session = crate::id::SessionId::random().unwrap();
    let kinds = [
        AuditKind::Connected,
        AuditKind::Enrolled,
        AuditKind::SessionDenied {
            item: ItemId::new(3).unwrap(),
            reasons: String::new(),
        },
        AuditKind::SessionEnded {
            session,
            reason: EndReason::Failed {
                kind: ErrorKind::HostKey,
                message: "m".to_owned(),
            },
            bytes_from_rep: u64::MAX,
            bytes_from_target: 0,
            recording: None,
        },
        AuditKind::SessionEnded {
            session,
            reason: EndReason::RepClosed,
            bytes_from_rep: 0,
            bytes_from_target: 0,
            recording: None,
        },
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let log = FileAuditLog::open(&path).unwrap();
    for kind in &kinds {
        let mut event = event(2);
        event.kind = kind.clone();
        event.peer = Some("10.0.0.1:5".to_owned());
        log.append(&event).await.unwrap();
    }
    let read = events_in(&std::fs::read(&path).unwrap());
    assert!(read.iter().map(|event| &event.kind).eq(&kinds));
}

#[tokio::test]
async fn every_changed_byte_names_its_line() {
    let bytes = log_of(4).await;
    let mut line = 1;
    for position in 0..bytes.len() {
        for flip in [1, 0x20, 0x80] {
            let mut damaged = bytes.clone();
            damaged[position] ^= flip;
            if position + 1 == bytes.len() {
                assert!(
                    verify_log(damaged.as_slice()).unwrap().incomplete > 0,
                    "the last newline"
                );
            } else {
                assert_eq!(first_bad_line(&damaged), line, "byte {position}");
            }
        }
        line += u64::from(bytes[position] == b'\n');
    }
}

#[tokio::test]
async fn removed_inserted_swapped_and_foreign_lines_are_named() {
    let bytes = log_of(5).await;
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let of = |order: &[usize]| {
        order
            .iter()
            .flat_map(|index| lines[*index])
            .copied()
            .collect::<Vec<u8>>()
    };
    for (order, bad) in [
        (vec![1, 2, 3, 4], 1),
        (vec![0, 2, 3, 4], 2),
        (vec![0, 1, 2, 4], 4),
        (vec![0, 1, 1, 2, 3, 4], 3),
        (vec![0, 2, 1, 3, 4], 2),
        (vec![0, 1, 2, 3, 4, 4], 6),
    ] {
        assert_eq!(first_bad_line(&of(&order)), bad, "{order:?}");
    }
    let mut inserted = of(&[0, 1]);
    inserted.extend_from_slice(b"{}\n");
    assert_eq!(first_bad_line(&inserted), 3);
    let mut blank = of(&[0, 1]);
    blank.extend_from_slice(b"\n");
    assert_eq!(first_bad_line(&blank), 3);
    // Another log's lines, from the same point on, hang on another chain.
    let mut foreign = of(&[0]);
    let mut other = Vec::new();
    let end = ChainEnd::default().write(b"{\"x\":1}", &mut Vec::new());
    let _ = end.write(b"{}", &mut other);
    foreign.extend_from_slice(&other);
    assert_eq!(first_bad_line(&foreign), 2);
}

#[tokio::test]
async fn a_log_cut_off_behind_a_line_verifies_and_elsewhere_says_that_it_is_incomplete() {
    let bytes = log_of(3).await;
    for length in 0..=bytes.len() {
        let verified = verify_log(&bytes[..length]).unwrap();
        let whole = bytes[..length].iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(verified.events, whole as u64);
        assert_eq!(verified.bytes + verified.incomplete, length as u64);
        assert_eq!(
            verified.incomplete == 0,
            length == 0 || bytes[length - 1] == b'\n'
        );
    }
}

#[tokio::test]
async fn an_endless_line_is_refused_with_bounded_memory() {
    let mut bytes = log_of(1).await;
    bytes.resize(bytes.len() + (20 << 20), b'x');
    assert_eq!(first_bad_line(&bytes), 2);
}

#[tokio::test]
async fn a_torn_last_line_is_set_aside_and_the_log_goes_on() {
    let bytes = log_of(3).await;
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let whole = lines[0].len() + lines[1].len();
    for cut in [1, 40, lines[2].len() - 1] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        std::fs::write(&path, &bytes[..whole + cut]).unwrap();
        write(&path, 2..4).await;
        let after = std::fs::read(&path).unwrap();
        assert_eq!(events_in(&after), (0..4).map(event).collect::<Vec<_>>());
        let torn = std::fs::read(folder.path().join("audit.jsonl.torn")).unwrap();
        assert_eq!(torn, [&lines[2][..cut], b"\n"].concat());
    }
}

#[tokio::test]
async fn a_broken_chain_is_not_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let mut bytes = log_of(3).await;
    bytes[10] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let error = FileAuditLog::open(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}

#[tokio::test]
async fn two_logs_cannot_have_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let first = FileAuditLog::open(&path).unwrap();
    assert_eq!(FileAuditLog::open(&path).unwrap_err().kind(), ErrorKind::Conflict);
    drop(first);
    FileAuditLog::open(&path).unwrap();
}

#[tokio::test]
async fn concurrent_callers_get_one_number_each_and_keep_the_chain() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let log = Arc::new(FileAuditLog::open(&path).unwrap());
    let tasks: Vec<_> = (0..32)
        .map(|_| {
            let log = log.clone();
            tokio::spawn(async move {
                let mut numbers = Vec::new();
                for number in 0..20 {
                    numbers.push(log.append(&event(number)).await.unwrap());
                }
                assert!(numbers.is_sorted());
                numbers
            })
        })
        .collect();
    let mut numbers = Vec::new();
    for task in tasks {
        numbers.extend(task.await.unwrap());
    }
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(1..=640));
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(verify_log(bytes.as_slice()).unwrap().events, 640);
}

fn on(disk: &Faulty) -> FileAuditLog {
    FileAuditLog::run(
        LogFile::new(AppendFile::new(Box::new(disk.clone()), 0), None),
        ChainEnd::default(),
        None,
    )
    .unwrap()
}

#[tokio::test]
async fn a_full_disk_refuses_events_and_the_log_goes_on_when_space_returns() {
    let disk = Faulty::default();
    let log = on(&disk);
    log.append(&event(0)).await.unwrap();
    disk.with(|faults| faults.room = Some(faults.bytes.len() + 50));
    for _ in 0..3 {
        let error = log.append(&event(1)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Storage);
        let verified = disk.with(|faults| verify_log(faults.bytes.as_slice()).unwrap());
        assert_eq!(
            (verified.events, verified.incomplete),
            (1, 0),
            "no torn line is left"
        );
    }
    disk.with(|faults| faults.room = None);
    assert_eq!(log.append(&event(2)).await.unwrap(), 2);
    assert_eq!(disk.with(|faults| events_in(&faults.bytes)), [event(0), event(2)]);
}

#[tokio::test]
async fn no_failing_call_loses_an_acknowledged_event_or_breaks_the_chain() {
    for for_good in [false, true] {
        for nth in 0.. {
            let disk = Faulty::default();
            disk.with(|faults| {
                faults.fail_in = Some(nth);
                faults.for_good = for_good;
                faults.short = Some(70);
            });
            let log = on(&disk);
            let mut acknowledged = Vec::new();
            for number in 0..4 {
                if log.append(&event(number)).await.is_ok() {
                    acknowledged.push(event(number));
                }
            }
            // What a kill leaves, and what a power loss leaves.
            for synced_only in [false, true] {
                let bytes = disk.with(|faults| match synced_only {
                    true => faults.bytes[..faults.synced].to_vec(),
                    false => faults.bytes.clone(),
                });
                verify_log(bytes.as_slice()).unwrap();
                let events = events_in(&bytes);
                assert!(
                    events.starts_with(&acknowledged),
                    "call {nth}, synced only: {synced_only}"
                );
            }
            let failures = disk.with(|faults| faults.failures);
            if failures == 0 {
                assert!(nth > 10 && acknowledged.len() == 4);
                break;
            }
            assert!(
                for_good || acknowledged.len() == 3,
                "one failing call costs one event"
            );
        }
    }
}

#[tokio::test]
async fn an_event_that_is_too_long_is_refused_and_harms_nothing() {
    let disk = Faulty::default();
    let log = on(&disk);
    let mut long = event(2);
    long.kind = AuditKind::TokenCreated {
        purpose: "x".repeat(17 << 20),
    };
    let error = log.append(&long).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceLimit);
    assert_eq!(log.append(&event(0)).await.unwrap(), 1);
}

#[tokio::test]
async fn an_unknown_event_of_a_newer_version_verifies_and_is_skipped_over() {
    let mut bytes = Vec::new();
    let json = serde_json::to_vec(&event(0)).unwrap();
    let end = ChainEnd::default().write(b"{\"event\":\"from_the_future\"}", &mut bytes);
    let _ = end.write(&json, &mut bytes);
    assert_eq!(verify_log(bytes.as_slice()).unwrap().events, 2);
    let mut reader = LogReader::new(bytes.as_slice());
    let error = reader.next().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(reader.next().unwrap().unwrap().event, event(0));
}

#[tokio::test]
async fn the_log_in_memory_is_bounded_and_wakes_who_waits() {
    let log = Arc::new(MemoryAuditLog::new(2));
    let waiting = tokio::spawn({
        let log = log.clone();
        async move { log.wait_for(|found| *found == event(1)).await }
    });
    log.append(&event(0)).await.unwrap();
    assert_eq!(log.append(&event(1)).await.unwrap(), 2);
    assert_eq!(waiting.await.unwrap().unwrap(), event(1));
    let error = log.append(&event(2)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceLimit);
    assert_eq!(log.events(), [event(0), event(1)]);
}

/// Lines behind the first bad one are not given as events.
#[tokio::test]
async fn reading_stops_at_the_first_bad_line() {
    let mut bytes = log_of(3).await;
    let second = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 5;
    bytes[second] ^= 1;
    let mut reader = LogReader::new(bytes.as_slice());
    assert!(reader.next().unwrap().is_ok());
    assert!(reader.next().unwrap().is_err());
    assert!(reader.next().is_none());
}

/// A closed log of this many events with its checkpoints, and the site's key.
async fn signed(
    folder: &Path,
    runs: &[std::ops::Range<u32>],
) -> (std::path::PathBuf, crate::keys::SigningKey) {
    let key = crate::keys::SigningKey::generate().unwrap();
    let path = folder.join("audit.jsonl");
    for events in runs {
        let log = FileAuditLog::open_signed(&path, key.clone()).unwrap();
        for number in events.clone() {
            log.append(&event(number)).await.unwrap();
        }
    }
    (path, key)
}

fn check(log: &[u8], checkpoints: &[u8], key: &crate::keys::SigningKey) -> crate::Result<Verified> {
    verify_signed_log(log, checkpoints, &key.public())
}

#[tokio::test]
async fn s17_events_that_are_missing_at_the_end_show_by_the_signed_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let (path, key) = signed(folder.path(), &[0..5, 5..9]).await;
    let log = std::fs::read(&path).unwrap();
    let checkpoints = std::fs::read(FileAuditLog::checkpoints_path(&path)).unwrap();
    assert_eq!(
        checkpoints.split(|b| *b == b'\n').count(),
        3,
        "one at each closing"
    );
    let verified = check(&log, &checkpoints, &key).unwrap();
    assert_eq!((verified.events, verified.signed), (9, 9));
    let ends: Vec<usize> = (0..log.len())
        .filter(|at| log[*at] == b'\n')
        .map(|at| at + 1)
        .collect();
    for end in std::iter::once(0).chain(ends[..8].iter().copied()) {
        let cut = &log[..end];
        assert!(verify_log(cut).is_ok());
        let error = check(cut, &checkpoints, &key).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Integrity);
        assert!(
            error.context().contains("events were removed at the end"),
            "{error}"
        );
    }
    // The same when it is opened: a broker does not go on with it.
    std::fs::write(&path, &log[..ends[6]]).unwrap();
    let error = FileAuditLog::open_signed(&path, key).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
}

#[tokio::test]
async fn s17_a_log_that_was_written_anew_or_is_another_sites_shows_by_the_signed_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let (path, key) = signed(folder.path(), std::slice::from_ref(&(0..6))).await;
    let checkpoints = std::fs::read(FileAuditLog::checkpoints_path(&path)).unwrap();
    let log = std::fs::read(&path).unwrap();
    // A whole chain of other events, as long.
    let elsewhere = tempfile::tempdir().unwrap();
    let (other_path, other_key) = signed(elsewhere.path(), std::slice::from_ref(&(3..9))).await;
    let other = std::fs::read(&other_path).unwrap();
    let other_checkpoints = std::fs::read(FileAuditLog::checkpoints_path(&other_path)).unwrap();
    assert!(verify_log(other.as_slice()).is_ok());
    for (log, checkpoints) in [
        (&other, &checkpoints),
        (&other, &other_checkpoints),
        (&log, &other_checkpoints),
    ] {
        let error = check(log, checkpoints, &key).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Integrity);
    }
    assert!(check(&other, &other_checkpoints, &other_key).is_ok());
}

#[tokio::test]
async fn s17_every_flipped_byte_of_a_checkpoint_shows_but_a_line_cut_by_a_crash_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let (path, key) = signed(folder.path(), &[0..3, 3..4]).await;
    let log = std::fs::read(&path).unwrap();
    let checkpoints = std::fs::read(FileAuditLog::checkpoints_path(&path)).unwrap();
    for at in 0..checkpoints.len() - 1 {
        let mut damaged = checkpoints.clone();
        damaged[at] ^= 1;
        assert!(check(&log, &damaged, &key).is_err(), "byte {at}");
    }
    let first = checkpoints.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for end in first..checkpoints.len() {
        assert_eq!(check(&log, &checkpoints[..end], &key).unwrap().signed, 3);
        std::fs::write(FileAuditLog::checkpoints_path(&path), &checkpoints[..end]).unwrap();
        drop(FileAuditLog::open_signed(&path, key.clone()).unwrap());
    }
    let swapped: Vec<u8> = [&checkpoints[first..], &checkpoints[..first]].concat();
    assert!(check(&log, &swapped, &key).is_err());
}

#[tokio::test]
async fn a_checkpoint_is_signed_after_a_thousand_events() {
    let folder = tempfile::tempdir().unwrap();
    let key = crate::keys::SigningKey::generate().unwrap();
    let path = folder.path().join("audit.jsonl");
    let log = Arc::new(FileAuditLog::open_signed(&path, key.clone()).unwrap());
    let writers: Vec<_> = (0..2002)
        .map(|number| {
            let log = log.clone();
            tokio::spawn(async move { log.append(&event(number)).await.unwrap() })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    log.append(&event(0)).await.unwrap();
    // Asked for one, it vouches for everything without being closed.
    log.checkpoint().await.unwrap();
    let checkpoints = std::fs::read(FileAuditLog::checkpoints_path(&path)).unwrap();
    let verified = check(&std::fs::read(&path).unwrap(), &checkpoints, &key).unwrap();
    assert_eq!(verified.signed, 2003);
    assert!(
        checkpoints.split(|b| *b == b'\n').count() > 2,
        "one on the way, one at the end"
    );
}
