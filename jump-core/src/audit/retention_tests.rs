//! Removing old events: what goes, what stays, and that nothing else can be made to look like it.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::writer::{LogFile, Work};
use super::*;
use crate::append_file::AppendFile;
use crate::append_file::faulty::Faulty;
use crate::error::ErrorKind;
use crate::id::{ItemId, JumpointId, SessionId};
use crate::keys::SigningKey;
use crate::time::{SignedDuration, Timestamp};

fn noon(day: i64) -> Timestamp {
    let first: Timestamp = "2026-01-01T12:00:00Z".parse().unwrap();
    first + SignedDuration::from_hours(24 * day)
}

/// An event of a day.
fn event(day: i64) -> AuditEvent {
    AuditEvent {
        time: noon(day),
        actor: Actor::System,
        peer: Some(format!("day {day}")),
        kind: AuditKind::BrokerStarted,
    }
}

/// Everything of before this day.
fn before(day: i64) -> RemovalBound {
    RemovalBound {
        older_than: noon(day),
        delivered: u64::MAX,
        running: HashSet::new(),
        now: noon(1000),
        reason: "older than 90 days".to_owned(),
    }
}

/// One event a day with a checkpoint behind each.
async fn log_days(log: &FileAuditLog, days: std::ops::Range<i64>) {
    for day in days {
        log.append(&event(day)).await.unwrap();
        log.checkpoint().await.unwrap();
    }
}

async fn remove(log: &FileAuditLog, bound: RemovalBound) -> Option<RemovedEvents> {
    let removal = log.prepare_removal(bound).await.unwrap()?;
    let removed = removal.removed().clone();
    log.append(&announcement(&removed)).await.unwrap();
    log.remove(removal).await.unwrap();
    Some(removed)
}

fn announcement(removed: &RemovedEvents) -> AuditEvent {
    AuditEvent {
        time: removed.at,
        actor: Actor::System,
        peer: None,
        kind: AuditKind::EventsRemoved(removed.clone()),
    }
}

/// A folder with a log in it, and what is found there.
struct Scene {
    _folder: tempfile::TempDir,
    path: PathBuf,
    key: SigningKey,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            path: folder.path().join("audit.log"),
            _folder: folder,
            key: SigningKey::generate().unwrap(),
        }
    }

    fn open(&self) -> FileAuditLog {
        FileAuditLog::open_signed(&self.path, self.key.clone()).unwrap()
    }

    fn log(&self) -> Vec<u8> {
        std::fs::read(&self.path).unwrap()
    }

    fn checkpoints(&self) -> Vec<u8> {
        std::fs::read(FileAuditLog::checkpoints_path(&self.path)).unwrap()
    }

    fn check(&self) -> crate::Result<Verified> {
        self.check_bytes(&self.log(), &self.checkpoints())
    }

    fn check_bytes(&self, log: &[u8], checkpoints: &[u8]) -> crate::Result<Verified> {
        verify_signed_log(log, checkpoints, &self.key.public())
    }

    /// The numbers of the events that are there.
    fn numbers(&self) -> Vec<u64> {
        let bytes = self.log();
        LogReader::new(bytes.as_slice())
            .map(|entry| entry.unwrap().sequence)
            .collect()
    }
}

fn refused(result: crate::Result<Verified>) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity, "{error}");
    error.context().to_owned()
}

#[tokio::test]
async fn old_events_go_up_to_a_checkpoint_and_the_chain_goes_on_over_restarts_and_further_removals() {
    let scene = Scene::new();
    let log = scene.open();
    log_days(&log, 0..10).await;
    let removed = remove(&log, before(6)).await.unwrap();
    assert_eq!((removed.first, removed.last), (1, 6));
    assert_eq!((removed.oldest, removed.newest), (noon(0), noon(5)));
    assert_eq!(scene.numbers(), [7, 8, 9, 10, 11]);
    assert_eq!(log.append(&event(20)).await.unwrap(), 12);
    drop(log);
    let log = scene.open();
    assert!(
        remove(&log, before(6)).await.is_none(),
        "nothing is left to remove"
    );
    log_days(&log, 21..24).await;
    // The first announcement is as old as it says: it stays, and what is behind it.
    let removed = remove(&log, before(9)).await.unwrap();
    assert_eq!((removed.first, removed.last), (7, 9));
    drop(log);
    let verified = scene.check().unwrap();
    assert_eq!((verified.events, verified.signed), (16, 16));
    assert_eq!(verified.removed, Some(removed));
    assert_eq!(verified.bytes, scene.log().len() as u64);
    assert_eq!(verify_log(scene.log().as_slice()).unwrap().events, 16);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        for path in [scene.path.clone(), FileAuditLog::checkpoints_path(&scene.path)] {
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}

#[tokio::test]
async fn what_is_young_not_delivered_of_a_running_session_or_not_signed_stays() {
    let scene = Scene::new();
    let log = scene.open();
    let session = SessionId::random().unwrap();
    log_days(&log, 0..3).await;
    let granted = AuditKind::SessionGranted {
        session,
        item: ItemId::new(1).unwrap(),
        item_name: "web".to_owned(),
        place: JumpointId::new(1).unwrap().into(),
        on: None,
        reasons: String::new(),
        reason: None,
        ticket: None,
    };
    log.append(&AuditEvent {
        kind: granted,
        ..event(3)
    })
    .await
    .unwrap();
    log.checkpoint().await.unwrap();
    log_days(&log, 4..6).await;
    // A clock that was wrong for a moment: what is behind the young event stays with it.
    log_days(&log, 500..501).await;
    log_days(&log, 6..8).await;
    // No checkpoint vouches for this one yet.
    log.append(&event(9)).await.unwrap();
    let last = async |bound| {
        let removal = log.prepare_removal(bound).await.unwrap();
        removal.map(|removal| removal.removed().last)
    };
    assert_eq!(last(before(0)).await, None);
    assert_eq!(last(before(100)).await, Some(6));
    assert_eq!(
        last(before(600)).await,
        Some(9),
        "not the tenth, which is not signed"
    );
    let delivered = |delivered| RemovalBound {
        delivered,
        ..before(100)
    };
    assert_eq!(last(delivered(0)).await, None);
    assert_eq!(last(delivered(5)).await, Some(5));
    let running = RemovalBound {
        running: HashSet::from([session]),
        ..before(100)
    };
    assert_eq!(last(running).await, Some(3));
    // Nothing of it left a trace.
    drop(log);
    assert_eq!(scene.check().unwrap().events, 10);
    assert_eq!(
        std::fs::read_dir(scene.path.parent().unwrap()).unwrap().count(),
        2
    );
}

#[tokio::test]
async fn positions_mean_the_same_after_a_removal_and_one_that_lies_in_it_is_told_so() {
    let scene = Scene::new();
    let log = scene.open();
    log_days(&log, 0..10).await;
    let all = ReadLimits {
        events: 100,
        bytes: usize::MAX,
    };
    let page = log.read(LogPosition::default(), all).await.unwrap();
    let positions: Vec<_> = page.events.iter().map(|logged| logged.at).collect();
    assert_eq!(log.start().await.unwrap(), LogStart::default());
    let removed = remove(&log, before(6)).await.unwrap();
    for (number, position) in positions.iter().enumerate() {
        match log.read(*position, all).await {
            Ok(page) => {
                assert!(number >= 6);
                assert_eq!(page.events[0].event().unwrap(), event(number as i64));
                assert!(page.at_end && page.next.sequence() == 11);
            }
            Err(error) => {
                assert!(number < 6);
                assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
                assert!(
                    error
                        .context()
                        .contains("events 1 to 6 were removed by retention"),
                    "{error}"
                );
            }
        }
    }
    let start = log.start().await.unwrap();
    assert_eq!((start.position, start.removed), (positions[6], Some(removed)));
    let mut forged = serde_json::to_value(positions[7]).unwrap();
    forged["offset"] = 5.into();
    let error = log
        .read(serde_json::from_value(forged).unwrap(), all)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}

#[tokio::test]
async fn events_are_appended_and_read_while_old_ones_are_removed() {
    let scene = Scene::new();
    let log = Arc::new(scene.open());
    log_days(&log, 0..40).await;
    let writer = tokio::spawn({
        let log = log.clone();
        async move {
            for day in 500..700 {
                log.append(&event(day)).await.unwrap();
            }
        }
    });
    let reader = tokio::spawn({
        let log = log.clone();
        async move {
            let some = ReadLimits {
                events: 3,
                bytes: usize::MAX,
            };
            let mut position = log.start().await.unwrap().position;
            let mut seen = 0;
            while seen < 200 {
                match log.read(position, some).await {
                    Ok(page) => {
                        for logged in &page.events {
                            seen += u64::from(logged.event().unwrap().time >= noon(500));
                        }
                        position = page.next;
                    }
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
                        position = log.start().await.unwrap().position;
                    }
                }
                log.wait_behind(0).await.unwrap();
                tokio::task::yield_now().await;
            }
        }
    });
    for day in 1..40 {
        assert!(remove(&log, before(day)).await.is_some());
    }
    writer.await.unwrap();
    reader.await.unwrap();
    drop(log);
    assert_eq!(scene.check().unwrap().events, 40 + 200 + 39);
}

/// A log of this many days of which this many were removed, closed.
async fn cut_log(days: i64, removed: i64) -> Scene {
    let scene = Scene::new();
    let log = scene.open();
    log_days(&log, 0..days).await;
    assert!(remove(&log, before(removed)).await.is_some());
    drop(log);
    scene
}

/// The first line's JSON, changed and signed with this key, in place of the log's.
fn with_cut(log: &[u8], key: &SigningKey, change: impl FnOnce(&mut RemovedEvents)) -> Vec<u8> {
    let end = log.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let mut removed = cut::Cut::read(&log[..end]).unwrap().removed().clone();
    change(&mut removed);
    let (_, line) = cut::Cut::sign(removed, key).unwrap();
    [&line, &log[end..]].concat()
}

#[tokio::test]
async fn a_record_of_removed_events_that_is_unsigned_anothers_or_does_not_fit_is_refused() {
    let scene = cut_log(10, 6).await;
    let (log, checkpoints) = (scene.log(), scene.checkpoints());
    let again = with_cut(&log, &scene.key, |_| ());
    assert_eq!(again, log, "the test changes what it says and nothing else");

    let stranger = SigningKey::generate().unwrap();
    let said = refused(scene.check_bytes(&with_cut(&log, &stranger, |_| ()), &checkpoints));
    assert!(said.contains("was not signed by this site"), "{said}");

    let text = String::from_utf8(log.clone()).unwrap();
    let signature = &text[text.find(",\"signature\"").unwrap()..text.find("}\n").unwrap()];
    let unsigned = text.replacen(signature, "", 1);
    let said = refused(scene.check_bytes(unsigned.as_bytes(), &checkpoints));
    assert!(said.contains("the record of removed events"), "{said}");

    // Signed, but it does not meet the first event that is left.
    let short = with_cut(&log, &scene.key, |removed| removed.last -= 1);
    let said = refused(scene.check_bytes(&short, &checkpoints));
    assert!(said.starts_with("event 6 does not follow"), "{said}");
    // It meets it, but says something else than the event that announced it.
    let other = with_cut(&log, &scene.key, |removed| removed.newest = noon(4));
    let said = refused(scene.check_bytes(&other, &checkpoints));
    assert!(said.contains("no event in it says"), "{said}");
    assert!(verify_log(other.as_slice()).is_err());

    // Without the record the log begins in the middle of nothing.
    let end = log.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let said = refused(scene.check_bytes(&log[end..], &checkpoints));
    assert!(said.starts_with("line 1 does not follow"), "{said}");
    // A second one, in the middle.
    let twice = [&log[..end], &log].concat();
    refused(scene.check_bytes(&twice, &checkpoints));
    // A broker does not go on with any of them.
    std::fs::write(&scene.path, &short).unwrap();
    let error = FileAuditLog::open_signed(&scene.path, scene.key.clone()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
}

#[tokio::test]
async fn an_older_beginning_put_back_is_refused_with_and_without_the_events_that_it_had() {
    let scene = Scene::new();
    let log = scene.open();
    log_days(&log, 0..10).await;
    let whole = scene.log();
    remove(&log, before(3)).await.unwrap();
    let first = scene.log();
    remove(&log, before(6)).await.unwrap();
    let second = scene.log();
    log_days(&log, 1001..1003).await;
    drop(log);
    let (now, checkpoints) = (scene.log(), scene.checkpoints());
    let new = &now[second.len()..];
    // The old record, and behind it what is left now.
    let lines = |bytes: &[u8]| {
        bytes
            .split_inclusive(|byte| *byte == b'\n')
            .map(<[u8]>::to_vec)
            .collect::<Vec<_>>()
    };
    let old = [lines(&first)[..1].concat(), lines(&now)[1..].concat()].concat();
    let said = refused(scene.check_bytes(&old, &checkpoints));
    assert!(said.starts_with("event 4 does not follow"), "{said}");
    // The old record with all its events; the chain fits.
    let announced = lines(&second).last().unwrap().clone();
    let old = [&first, announced.as_slice(), new].concat();
    assert_eq!(verify_log(old.as_slice()).unwrap().events, 14);
    let said = refused(scene.check_bytes(&old, &checkpoints));
    assert!(said.contains("its beginning was exchanged"), "{said}");
    // And everything that ever was.
    let announcements = lines(&first).last().unwrap().clone();
    let old = [&whole, announcements.as_slice(), &announced, new].concat();
    assert_eq!(verify_log(old.as_slice()).unwrap().events, 14);
    let said = refused(scene.check_bytes(&old, &checkpoints));
    assert!(said.contains("its beginning was exchanged"), "{said}");
}

#[tokio::test]
async fn every_changed_byte_of_a_shortened_log_shows_and_the_first_bad_event_is_named() {
    let scene = cut_log(6, 4).await;
    let (log, checkpoints) = (scene.log(), scene.checkpoints());
    let mut number = 4;
    for position in 0..log.len() - 1 {
        for flip in [1, 0x20] {
            let mut damaged = log.clone();
            damaged[position] ^= flip;
            let said = refused(scene.check_bytes(&damaged, &checkpoints));
            match number {
                4 => assert!(
                    said.contains("the record of removed events") || said.starts_with("line 1 "),
                    "byte {position}: {said}"
                ),
                _ => assert!(
                    said.starts_with(&format!("event {number} ")),
                    "byte {position}: {said}"
                ),
            }
        }
        number += u64::from(log[position] == b'\n');
    }
}

#[tokio::test]
async fn what_an_interrupted_removal_left_is_no_part_of_the_log() {
    let scene = cut_log(10, 6).await;
    let draft = crate::append_file::beside(&scene.path, ".new");
    std::fs::write(&draft, b"half of it").unwrap();
    let log = scene.open();
    assert!(!draft.exists());
    // One that was made ready and never done.
    let removal = log.prepare_removal(before(8)).await.unwrap().unwrap();
    let error = log.prepare_removal(before(8)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    drop(removal);
    assert!(!draft.exists());
    assert!(log.prepare_removal(before(8)).await.unwrap().is_some());
    assert_eq!(scene.numbers(), [7, 8, 9, 10, 11]);
}

#[tokio::test]
async fn nothing_is_removed_from_a_log_that_nobody_signs_or_that_was_changed() {
    let scene = Scene::new();
    let log = FileAuditLog::open(&scene.path).unwrap();
    log.append(&event(0)).await.unwrap();
    let error = log.prepare_removal(before(5)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    drop(log);
    let log = scene.open();
    log_days(&log, 1..5).await;
    let text = std::fs::read_to_string(&scene.path).unwrap();
    std::fs::write(&scene.path, text.replace("day 2", "day 9")).unwrap();
    let error = log.prepare_removal(before(9)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
    let long = RemovalBound {
        reason: "x".repeat(201),
        ..before(9)
    };
    let error = log.prepare_removal(long).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}

#[tokio::test]
async fn checkpoints_of_removed_events_go_with_them_and_older_copies_still_hold() {
    let scene = Scene::new();
    let log = scene.open();
    log_days(&log, 0..10).await;
    let old = scene.checkpoints();
    remove(&log, before(6)).await.unwrap();
    let sequences = || {
        let checkpoints = scene.checkpoints();
        checkpoints
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice::<Checkpoint>(line).unwrap().sequence)
            .collect::<Vec<_>>()
    };
    assert_eq!(sequences(), [6, 7, 8, 9, 10, 11]);
    assert_eq!(scene.check().unwrap().signed, 11);
    assert_eq!(scene.check_bytes(&scene.log(), &old).unwrap().signed, 10);
    // A chain that was written anew behind the record shows by them, as ever.
    let foreign = {
        let other = cut_log(12, 6).await;
        with_cut(&other.log(), &scene.key, |_| ())
    };
    assert!(scene.check_bytes(&foreign, &scene.checkpoints()).is_err());
}

/// Which of the two files has the log's name, at the moment and after a power loss.
#[derive(Debug, Default)]
struct Names {
    exchanged: bool,
    durable: bool,
    /// The calls that are still to come before every one fails.
    fail_in: Option<usize>,
}

impl Names {
    fn step(&mut self) -> std::io::Result<()> {
        match &mut self.fail_in {
            Some(0) => Err(std::io::Error::from_raw_os_error(5)),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

#[derive(Clone, Debug, Default)]
struct Folder(Arc<Mutex<Names>>);

impl removal::Exchange for Folder {
    fn rename(&mut self) -> std::io::Result<()> {
        let mut names = self.0.lock().unwrap();
        names.step()?;
        names.exchanged = true;
        Ok(())
    }

    fn sync_folder(&mut self) -> std::io::Result<()> {
        let mut names = self.0.lock().unwrap();
        names.step()?;
        names.durable = names.exchanged;
        Ok(())
    }

    fn discard(&mut self) {}
}

/// Reads what was written to storage in memory.
#[derive(Debug)]
struct Reading(Faulty, usize);

impl removal::Source for Reading {}

impl std::io::Read for Reading {
    fn read(&mut self, space: &mut [u8]) -> std::io::Result<usize> {
        let read = self.0.with(|faults| {
            let mut rest = faults.bytes.get(self.1..).unwrap_or_default();
            std::io::Read::read(&mut rest, space)
        })?;
        self.1 += read;
        Ok(read)
    }
}

/// A power loss leaves what was synced, under the names that were synced; a kill leaves what was written.
#[tokio::test]
async fn f16_every_acknowledged_event_survives_a_power_loss_at_any_step_of_a_removal() {
    let key = SigningKey::generate().unwrap();
    for failing in ["log", "draft", "folder"] {
        for nth in 0.. {
            let (disk, draft, folder) = (Faulty::default(), Faulty::default(), Folder::default());
            let file = AppendFile::new(Box::new(disk.clone()), 0);
            let log = FileAuditLog::run(LogFile::new(file, None), Default::default(), None).unwrap();
            for day in 0..6 {
                log.append(&event(day)).await.unwrap();
            }
            let bytes = disk.with(|faults| faults.bytes.clone());
            let mut reader = LogReader::new(bytes.as_slice());
            for _ in 0..4 {
                reader.next().unwrap().unwrap();
            }
            let kept = reader.position().offset;
            let removed = RemovedEvents {
                first: 1,
                last: 4,
                hash: data_encoding::HEXLOWER.encode(&reader.position().end.hash),
                bytes: kept,
                oldest: noon(0),
                newest: noon(3),
                at: noon(1000),
                reason: "older than 90 days".to_owned(),
            };
            let fail = |faulty: &Faulty| {
                faulty.with(|faults| {
                    faults.fail_in = Some(nth);
                    faults.for_good = true;
                    faults.short = Some(100);
                });
            };
            match failing {
                "log" => fail(&disk),
                "draft" => fail(&draft),
                _ => folder.0.lock().unwrap().fail_in = Some(nth),
            }
            let mut acknowledged = 6;
            let prepared = PreparedRemoval::begin(
                removed.clone(),
                &key,
                Box::new(draft.clone()),
                Box::new(Reading(disk.clone(), usize::try_from(kept).unwrap())),
                kept,
                Box::new(folder.clone()),
            );
            let prepared = prepared.and_then(|mut prepared| {
                let copied = prepared.copy_to(bytes.len() as u64);
                copied.map(|()| prepared).map_err(removal::failed)
            });
            for more in [event(7), announcement(&removed), event(8)] {
                if let Ok(sequence) = log.append(&more).await {
                    acknowledged = sequence;
                }
            }
            if let Ok(prepared) = prepared
                && acknowledged >= 8
            {
                let _ = log.work(Work::Remove(Box::new(prepared))).await;
            }
            for more in [event(9), event(10)] {
                if let Ok(sequence) = log.append(&more).await {
                    acknowledged = sequence;
                }
            }
            drop(log);
            let names = folder.0.lock().unwrap();
            for (power_loss, exchanged) in [(false, names.exchanged), (true, names.durable)] {
                let of = if exchanged { &draft } else { &disk };
                let left = of.with(|faults| match power_loss {
                    true => faults.bytes[..faults.synced].to_vec(),
                    false => faults.bytes.clone(),
                });
                let what = format!("{failing}, call {nth}, power loss: {power_loss}");
                let verified = verify_log(left.as_slice()).unwrap_or_else(|error| panic!("{what}: {error}"));
                assert!(
                    verified.events >= acknowledged,
                    "{what}: {verified:?}, {acknowledged}"
                );
                assert_eq!(verified.removed.is_some(), exchanged, "{what}");
            }
            let failed = disk.with(|faults| faults.failures) + draft.with(|faults| faults.failures);
            let folder_failed = names.fail_in == Some(0);
            if failed == 0 && !folder_failed {
                assert!(names.durable && acknowledged == 11 && nth > 1, "{failing}");
                break;
            }
        }
    }
}

/// What is done to a log behind its owner's back.
#[derive(Clone, Debug)]
enum Tampering {
    Nothing,
    Flip(usize, u8),
    Delete(usize),
    Insert(usize, usize),
    Swap(usize, usize),
    Truncate(usize),
    MoveCut(usize),
    OlderBeginning(usize),
}

fn tampering() -> impl Strategy<Value = Tampering> {
    let any = || 0..10_000_usize;
    prop_oneof![
        Just(Tampering::Nothing),
        (any(), 1..=255_u8).prop_map(|(at, bits)| Tampering::Flip(at, bits)),
        any().prop_map(Tampering::Delete),
        (any(), any()).prop_map(|(from, to)| Tampering::Insert(from, to)),
        (any(), any()).prop_map(|(one, other)| Tampering::Swap(one, other)),
        any().prop_map(Tampering::Truncate),
        any().prop_map(Tampering::MoveCut),
        any().prop_map(Tampering::OlderBeginning),
    ]
}

/// Does it to the lines; `versions` are the log's earlier states.
fn tamper(lines: &mut Vec<Vec<u8>>, what: &Tampering, versions: &[Vec<Vec<u8>>]) {
    let count = lines.len();
    match *what {
        Tampering::Nothing => {}
        Tampering::Flip(at, bits) => {
            let line = &mut lines[at % count];
            let length = line.len();
            line[at / count % length] ^= bits;
        }
        Tampering::Delete(at) => drop(lines.remove(at % count)),
        Tampering::Insert(from, to) => lines.insert(to % (count + 1), lines[from % count].clone()),
        Tampering::Swap(one, other) => lines.swap(one % count, other % count),
        Tampering::Truncate(at) => {
            let mut bytes = lines.concat();
            bytes.truncate(at % bytes.len());
            *lines = split(&bytes);
        }
        Tampering::MoveCut(to) => {
            let cut = lines.remove(0);
            lines.insert(to % count, cut);
        }
        Tampering::OlderBeginning(which) => {
            let older = &versions[which % versions.len()];
            // Everything that was there then, and what came since.
            let last = older.last().unwrap();
            let from = lines.iter().position(|line| line == last).map_or(1, |at| at + 1);
            *lines = older.iter().chain(&lines[from..]).cloned().collect();
        }
    }
}

fn split(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes
        .split_inclusive(|byte| *byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_log_verifies_exactly_if_nobody_touched_it_and_its_first_bad_record_is_named(
        days in 4..20_i64,
        cuts in proptest::collection::vec(1..20_i64, 1..4),
        ways in proptest::collection::vec(tampering(), 12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (scene, versions, removed) = runtime.block_on(async {
            let scene = Scene::new();
            let log = scene.open();
            log_days(&log, 0..days).await;
            let mut versions = Vec::new();
            let mut removed = 0;
            for cut in cuts {
                let before_it = split(&scene.log());
                if let Some(gone) = remove(&log, before(cut)).await {
                    versions.push(before_it);
                    removed = gone.last;
                }
            }
            log_days(&log, 1001..1003).await;
            drop(log);
            (scene, versions, removed)
        });
        prop_assert!(removed > 0 && !versions.is_empty());
        let (original, checkpoints) = (split(&scene.log()), scene.checkpoints());
        for way in ways {
            let mut lines = original.clone();
            tamper(&mut lines, &way, &versions);
            let result = scene.check_bytes(&lines.concat(), &checkpoints);
            let wrong = original.iter().zip(&lines).position(|(was, is)| was != is);
            let torn = lines.last().is_none_or(|last| last.last() != Some(&b'\n'));
            match (wrong, &result) {
                (None, Ok(verified)) if lines.len() == original.len() => {
                    prop_assert_eq!(verified.events, removed + original.len() as u64 - 1);
                }
                (_, Ok(verified)) => prop_assert!(false, "{way:?} was accepted: {verified:?}"),
                (wrong, Err(error)) => {
                    prop_assert!(lines != original, "untouched, and refused: {error}");
                    prop_assert_eq!(error.kind(), ErrorKind::Integrity);
                    let said = error.context();
                    let at = wrong.unwrap_or_else(|| original.len().min(lines.len()));
                    if matches!(way, Tampering::OlderBeginning(_)) {
                        prop_assert!(said.contains("exchanged") || said.contains("does not follow"), "{said}");
                    } else if at == 0 {
                        let names = ["the record of removed events", "line 1 ", "it ends with event 0"];
                        prop_assert!(names.iter().any(|name| said.contains(name)), "{way:?}: {said}");
                    } else if at == lines.len() || at + 1 == lines.len() && torn {
                        prop_assert!(said.contains("events were removed at the end"), "{way:?}: {said}");
                    } else {
                        let named = format!("event {} ", removed + at as u64);
                        prop_assert!(said.starts_with(&named), "{way:?} at {at}: {said}");
                    }
                }
            }
        }
    }
}
