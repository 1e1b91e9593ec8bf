//! What a running site removes when it is old, and what it keeps however old it is.

#![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jump_core::ErrorKind;
use jump_core::audit::{Actor, AuditEvent, AuditKind, AuditLog, FileAuditLog, verify_signed_log};
use jump_core::broker::{Broker, Caller};
use jump_core::control::{RepRequest, ReportContent, ReportCursor, ReportRequest, Response};
use jump_core::export::{FileSink, Forwarder, Rotation};
use jump_core::id::{ItemId, JumpointId, SessionId, UserId};
use jump_core::keys::{SealingKey, SigningKey};
use jump_core::protocol::Registry;
use jump_core::recording::{RecordKind, RecordingFolder, RecordingInfo, verify};
use jump_core::report::{ReportFilter, ReportKind};
use jump_core::session::{EndReason, RecordingMode};
use jump_core::store::{MemoryStore, SessionRecord, SessionState};
use jump_core::time::{ManualClock, SignedDuration, Timestamp};
use jump_testkit::folder::Folder;
use jump_testkit::running_site::{RunningSite, SiteOptions};

fn days(count: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * count)
}

/// A broker whose log is a file and whose clock stands where the test wants it.
struct Logged {
    folder: Folder,
    key: SigningKey,
    clock: Arc<ManualClock>,
    log: Arc<FileAuditLog>,
    broker: Broker,
}

impl Logged {
    async fn new() -> Self {
        let folder = Folder::new().unwrap();
        let key = SigningKey::generate().unwrap();
        let clock = Arc::new(ManualClock::new("2026-01-01T12:00:00Z".parse().unwrap()));
        let log = FileAuditLog::open_signed(&folder.join("audit.log"), key.clone()).unwrap();
        let log = Arc::new(log);
        let store = Arc::new(MemoryStore::new().unwrap());
        let broker = Broker::builder(key.clone(), store, log.clone());
        let broker = broker.clock(clock.clone()).start().await.unwrap();
        Self {
            folder,
            key,
            clock,
            log,
            broker,
        }
    }

    /// So many days later something happens.
    async fn later(&self, count: i64) {
        let now = jump_core::time::Clock::now(&*self.clock) + days(count);
        self.clock.set(now);
        let event = AuditEvent {
            time: now,
            actor: Actor::System,
            peer: None,
            kind: AuditKind::TokenCreated {
                purpose: "a test".to_owned(),
            },
        };
        self.log.append(&event).await.unwrap();
        self.log.checkpoint().await.unwrap();
    }

    fn verified(&self) -> jump_core::audit::Verified {
        let path = self.folder.join("audit.log");
        let open = |path: &Path| BufReader::new(File::open(path).unwrap());
        let checkpoints = open(&FileAuditLog::checkpoints_path(&path));
        verify_signed_log(open(&path), checkpoints, &self.key.public()).unwrap()
    }

    async fn report(&self, from: ReportCursor, since: Option<Timestamp>) -> jump_core::Result<Response> {
        let request = ReportRequest {
            kind: ReportKind::Items,
            filter: ReportFilter {
                from: since,
                ..ReportFilter::default()
            },
            from,
            open: Vec::new(),
        };
        self.broker
            .request(&Caller::local(), RepRequest::Report(request))
            .await
    }
}

#[tokio::test]
async fn a_broker_removes_what_is_older_than_so_many_days_and_says_so_in_its_log_and_reports() {
    let site = Logged::new().await;
    for _ in 0..10 {
        site.later(10).await;
    }
    // The clock shows day 100; events are of the days 0, 10, 20 and so on.
    for wrong in [0, 36_501] {
        let error = site.broker.remove_old_events(wrong, &[]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    }
    assert!(site.broker.remove_old_events(100, &[]).await.unwrap().is_none());
    let removed = site.broker.remove_old_events(65, &[]).await.unwrap().unwrap();
    assert_eq!((removed.first, removed.last), (1, 4), "days 0 to 30");
    assert_eq!(removed.reason, "older than 65 days");
    assert_eq!(site.verified().removed, Some(removed.clone()));
    let start = site.log.start().await.unwrap();
    assert_eq!(start.removed.as_ref(), Some(&removed));

    // A report that reaches before the oldest event that is left says so; one that does not, does not.
    for (since, missing) in [
        (None, true),
        (Some(removed.newest), true),
        (Some(removed.newest + days(1)), false),
    ] {
        let response = site.report(ReportCursor::default(), since).await.unwrap();
        let Response::Report(page) = response else {
            panic!("{response:?}");
        };
        assert!(matches!(page.content, ReportContent::Items(_)));
        assert_eq!(page.missing_until, missing.then_some(removed.newest), "{since:?}");
    }
    // Who was in the middle of what was removed is told.
    let position = start.position;
    assert!(site.broker.remove_old_events(45, &[]).await.unwrap().is_some());
    let error = site
        .report(ReportCursor { position, row: 0 }, None)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert_eq!(site.verified().removed.unwrap().first, 5);

    // A clock that jumps back makes nothing older.
    site.clock.set("2026-01-05T12:00:00Z".parse().unwrap());
    assert!(site.broker.remove_old_events(1, &[]).await.unwrap().is_none());
}

#[tokio::test]
async fn what_an_export_still_has_to_deliver_stays_and_a_new_export_begins_with_what_is_left() {
    let site = Logged::new().await;
    for _ in 0..5 {
        site.later(10).await;
    }
    let sink = |name: &str| {
        Box::new(FileSink::new(
            site.folder.join(name),
            Rotation {
                bytes: 1_000_000,
                age: Duration::from_secs(3600),
                keep: 0,
            },
        ))
    };
    // Its folder is missing: it delivers nothing.
    let stuck = Forwarder::start(
        site.log.clone(),
        sink("missing/export"),
        site.folder.join("stuck"),
    )
    .unwrap();
    let exports = [stuck.progress()];
    assert!(
        site.broker
            .remove_old_events(15, &exports)
            .await
            .unwrap()
            .is_none()
    );
    let works = Forwarder::start(site.log.clone(), sink("first"), site.folder.join("works")).unwrap();
    works.delivered(6).await.unwrap();
    let both = [stuck.progress(), works.progress()];
    assert!(site.broker.remove_old_events(15, &both).await.unwrap().is_none());
    assert_eq!(site.verified().removed, None);
    let removed = site
        .broker
        .remove_old_events(15, &[works.progress()])
        .await
        .unwrap()
        .unwrap();
    assert_eq!(removed.last, 4);
    works.delivered(7).await.unwrap();

    let late = Forwarder::start(site.log.clone(), sink("late"), site.folder.join("late.position")).unwrap();
    late.delivered(7).await.unwrap();
    let text = std::fs::read_to_string(site.folder.join("late")).unwrap();
    let sequences: Vec<u64> = text
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["sequence"]
                .as_u64()
                .unwrap()
        })
        .collect();
    assert_eq!(sequences, [5, 6, 7]);
    assert!(text.contains("events_removed"), "{text}");
}

/// A Jumpoint's folder of recordings, with recordings of long ago in it.
struct Recorded {
    site: RunningSite,
    folder: Folder,
    key: SealingKey,
    berlin: JumpointId,
}

impl Recorded {
    async fn new() -> Self {
        let folder = Folder::new().unwrap();
        let mut options = SiteOptions::new(Registry::default());
        options.recordings = Some(folder.path().to_owned());
        let site = RunningSite::start(options).await.unwrap();
        let berlin = site.broker.world().jumpoints().next().unwrap().id;
        Self {
            site,
            folder,
            key: SealingKey::generate().unwrap(),
            berlin,
        }
    }

    /// A recording that began and was written so many days ago.
    async fn record(&self, began: i64, written: i64, finished: bool) -> (SessionId, PathBuf) {
        let session = SessionId::random().unwrap();
        let info = RecordingInfo {
            session,
            user_name: "ada".to_owned(),
            item_name: "web".to_owned(),
            protocol: "ssh".to_owned(),
            started: Timestamp::now() - days(began),
            mode: RecordingMode::Backpressure,
        };
        let recordings = RecordingFolder::open(self.folder.path(), self.key.public()).unwrap();
        let (recorder, task) = recordings.start(info).await.unwrap();
        let path = task.path().to_owned();
        let piece = bytes::Bytes::from(vec![7; 100_000]);
        recorder.record(1, RecordKind::FromTarget, piece).await.unwrap();
        drop(recorder);
        task.finish().await.unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        if !finished {
            file.set_len(file.metadata().unwrap().len() - 1).unwrap();
        }
        let day = Duration::from_secs(24 * 60 * 60);
        let now = SystemTime::now();
        let at = match u32::try_from(written) {
            Ok(ago) => now - day * ago,
            Err(_) => now + day,
        };
        file.set_modified(at).unwrap();
        (session, path)
    }

    /// What the broker knows of a session: through which Jumpoint, and how many days ago it ended.
    async fn know(&self, session: SessionId, jumpoint: JumpointId, ended: Option<i64>) {
        let state = ended.map_or(SessionState::Active, |ago| SessionState::Ended {
            at: Timestamp::now() - days(ago),
            reason: EndReason::RepClosed,
            bytes_from_rep: 0,
            bytes_from_target: 0,
        });
        let record = SessionRecord {
            id: session,
            user: UserId::new(1).unwrap(),
            user_name: "ada".to_owned(),
            item: ItemId::new(1).unwrap(),
            item_name: "web".to_owned(),
            place: jumpoint.into(),
            protocol: "ssh".to_owned(),
            broker: None,
            started: Timestamp::now() - days(50),
            state,
            recording_removed: None,
        };
        self.site.store.put_session(&record).await.unwrap();
    }

    fn removals(&self) -> Vec<AuditKind> {
        let events = self.site.audit.events().into_iter().map(|event| event.kind);
        events
            .filter(|kind| matches!(kind, AuditKind::RecordingRemoved { .. }))
            .collect()
    }
}

#[tokio::test]
async fn an_old_recording_goes_once_its_session_is_accounted_for_and_the_log_says_which() {
    let recorded = Recorded::new().await;
    let (old, old_path) = recorded.record(40, 40, true).await;
    recorded.know(old, recorded.berlin, Some(40)).await;
    let known = verify(File::open(&old_path).unwrap(), &recorded.key).unwrap();
    let bytes = old_path.metadata().unwrap().len();

    let elsewhere = JumpointId::new(77).unwrap();
    let mut stay = Vec::new();
    for (began, written, finished, jumpoint, ended) in [
        // Young by its own words, by the file, by the broker's; of a time to come.
        (20, 40, true, recorded.berlin, Some(Some(40))),
        (40, 20, true, recorded.berlin, Some(Some(40))),
        (40, 40, true, recorded.berlin, Some(Some(20))),
        (40, -1, true, recorded.berlin, Some(Some(40))),
        // Not finished, not over, another's, unknown.
        (40, 40, false, recorded.berlin, Some(Some(40))),
        (40, 40, true, recorded.berlin, Some(None)),
        (40, 40, true, elsewhere, Some(Some(40))),
        (40, 40, true, recorded.berlin, None),
    ] {
        let (session, path) = recorded.record(began, written, finished).await;
        if let Some(ended) = ended {
            recorded.know(session, jumpoint, ended).await;
        }
        stay.push(path);
    }
    let other = recorded.folder.write("notes.txt", "no recording").unwrap();
    stay.push(other);

    assert_eq!(recorded.site.jumpoint.remove_old_recordings(60).await.unwrap(), 0);
    assert!(recorded.removals().is_empty());
    assert_eq!(recorded.site.jumpoint.remove_old_recordings(30).await.unwrap(), 1);
    assert!(!old_path.exists());
    for path in stay {
        assert!(path.exists(), "{}", path.display());
    }
    let hash = data_encoding::HEXLOWER.encode(&known.hash);
    let noted = AuditKind::RecordingRemoved {
        session: old,
        hash,
        file_bytes: bytes,
        days: 30,
    };
    assert_eq!(recorded.removals(), [noted]);
    let record = recorded.site.store.session(old).await.unwrap().unwrap();
    assert!(record.recording_removed.is_some());
    assert_eq!(recorded.site.jumpoint.remove_old_recordings(30).await.unwrap(), 0);
}

#[tokio::test]
async fn without_the_brokers_word_no_recording_goes() {
    let recorded = Recorded::new().await;
    let (old, path) = recorded.record(40, 40, true).await;
    recorded.know(old, recorded.berlin, Some(40)).await;
    recorded.site.cut_off_broker();
    recorded
        .site
        .until("the jumpoint is gone", || !recorded.site.is_online())
        .await
        .unwrap();
    // Whether it has noticed or not.
    let error = recorded
        .site
        .jumpoint
        .remove_old_recordings(30)
        .await
        .unwrap_err();
    assert!(
        error.kind() == ErrorKind::Unavailable || error.is_retryable(),
        "{error}"
    );
    assert!(path.exists());
    let error = recorded.site.jumpoint.remove_old_recordings(0).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}
