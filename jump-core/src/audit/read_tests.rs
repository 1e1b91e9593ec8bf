//! Reading a log while it is written.

use std::sync::Arc;

use super::*;
use crate::error::ErrorKind;

const SOME: ReadLimits = ReadLimits {
    events: 7,
    bytes: usize::MAX,
};

fn event(number: u64) -> AuditEvent {
    AuditEvent {
        time: "2026-01-02T03:04:05Z".parse().unwrap(),
        actor: Actor::System,
        peer: Some(format!("nr {number}")),
        kind: AuditKind::BrokerStarted,
    }
}

async fn append(log: &dyn AuditLog, numbers: std::ops::Range<u64>) {
    for number in numbers {
        log.append(&event(number)).await.unwrap();
    }
}

/// Every kind of log that gives its events back.
fn logs(folder: &tempfile::TempDir) -> Vec<Arc<dyn AuditLog>> {
    vec![
        Arc::new(FileAuditLog::open(&folder.path().join("audit.log")).unwrap()),
        Arc::new(MemoryAuditLog::new(10_000)),
    ]
}

async fn rest(log: &dyn AuditLog, mut from: LogPosition, most: ReadLimits) -> Vec<AuditEvent> {
    let mut events = Vec::new();
    loop {
        let page = log.read(from, most).await.unwrap();
        for logged in &page.events {
            assert_eq!(logged.sequence(), logged.at.sequence() + 1);
            events.push(logged.event().unwrap());
        }
        assert!(page.events.len() <= most.events);
        from = page.next;
        if page.at_end {
            return events;
        }
    }
}

#[tokio::test]
async fn a_log_is_read_in_pieces_from_any_position_while_it_grows() {
    let folder = tempfile::tempdir().unwrap();
    for log in logs(&folder) {
        let empty = log.read(LogPosition::default(), SOME).await.unwrap();
        assert!(empty.at_end && empty.events.is_empty() && empty.next == LogPosition::default());
        append(&*log, 0..20).await;
        let first = log.read(LogPosition::default(), SOME).await.unwrap();
        assert_eq!((first.events.len(), first.at_end), (7, false));
        let writer = tokio::spawn({
            let log = log.clone();
            async move { append(&*log, 20..60).await }
        });
        let meanwhile = rest(&*log, first.next, SOME).await;
        assert!(meanwhile.len() >= 13);
        writer.await.unwrap();
        let expected: Vec<_> = (0..60).map(event).collect();
        assert_eq!(rest(&*log, LogPosition::default(), SOME).await, expected);
        assert_eq!(rest(&*log, first.next, SOME).await, expected[7..]);
        // At least one event, however small the piece.
        let least = ReadLimits { events: 5, bytes: 0 };
        assert_eq!(log.read(first.next, least).await.unwrap().events.len(), 1);
        // A position survives being written down.
        let kept: LogPosition = serde_json::from_str(&serde_json::to_string(&first.next).unwrap()).unwrap();
        assert_eq!(kept, first.next);
    }
}

#[tokio::test]
async fn who_waits_is_woken_by_the_event_behind_the_position() {
    let folder = tempfile::tempdir().unwrap();
    for log in logs(&folder) {
        append(&*log, 0..3).await;
        log.wait_behind(2).await.unwrap();
        let waiting = tokio::spawn({
            let log = log.clone();
            async move { log.wait_behind(3).await.unwrap() }
        });
        append(&*log, 3..4).await;
        waiting.await.unwrap();
    }
}

#[tokio::test]
async fn a_position_of_another_log_or_of_none_is_refused() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let log = FileAuditLog::open(&folder.path().join("audit.log")).unwrap();
    let other = FileAuditLog::open(&elsewhere.path().join("audit.log")).unwrap();
    append(&log, 0..20).await;
    append(&other, 100..120).await;
    let all = ReadLimits {
        events: usize::MAX,
        bytes: usize::MAX,
    };
    for limits in [SOME, all] {
        // In the middle, and at the very end, where no line follows that could be compared.
        let position = other.read(LogPosition::default(), limits).await.unwrap().next;
        let error = log.read(position, SOME).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    }
    let genuine = log.read(LogPosition::default(), SOME).await.unwrap().next;
    let genuine = serde_json::to_value(genuine).unwrap();
    for (field, value) in [
        ("offset", 5_u64),
        ("offset", 1 << 60),
        ("sequence", 6),
        ("sequence", 1 << 60),
    ] {
        let mut forged = genuine.clone();
        forged[field] = value.into();
        let forged = serde_json::from_value(forged).unwrap();
        let error = log.read(forged, SOME).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{field}");
    }
}

#[tokio::test]
async fn a_position_at_the_very_end_gives_nothing_yet_and_then_what_comes() {
    let folder = tempfile::tempdir().unwrap();
    for log in logs(&folder) {
        for end in [0, 7, 8] {
            append(&*log, log_length(&*log).await..end).await;
            let all = log
                .read(
                    LogPosition::default(),
                    ReadLimits {
                        events: 99,
                        bytes: usize::MAX,
                    },
                )
                .await
                .unwrap();
            assert!(all.at_end && all.next.sequence() == end);
            let nothing = log.read(all.next, SOME).await.unwrap();
            assert!(nothing.events.is_empty() && nothing.at_end, "{end}");
            assert_eq!(nothing.next, all.next);
        }
        // As many as are asked for and not one more: that is the end only if nothing follows.
        let exactly = |events| ReadLimits {
            events,
            bytes: usize::MAX,
        };
        assert!(log.read(LogPosition::default(), exactly(8)).await.unwrap().at_end);
        assert!(!log.read(LogPosition::default(), exactly(7)).await.unwrap().at_end);
        let end = log.read(LogPosition::default(), exactly(8)).await.unwrap().next;
        append(&*log, 8..9).await;
        assert_eq!(rest(&*log, end, SOME).await, [event(8)]);
    }
}

async fn log_length(log: &dyn AuditLog) -> u64 {
    rest(log, LogPosition::default(), SOME).await.len() as u64
}

#[tokio::test]
async fn s17_a_reader_notices_what_was_changed_under_the_running_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let log = FileAuditLog::open(&path).unwrap();
    append(&log, 0..20).await;
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("nr 13", "nr 31")).unwrap();
    let first = log.read(LogPosition::default(), SOME).await.unwrap();
    let more = ReadLimits { events: 100, ..SOME };
    let error = log.read(first.next, more).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
    assert!(error.context().starts_with("line 14 "), "{error}");
}

#[tokio::test]
async fn f16_what_is_not_durable_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let log = FileAuditLog::open(&path).unwrap();
    append(&log, 0..5).await;
    // As a write leaves it that has not come to its end.
    let mut file = std::fs::File::options().append(true).open(&path).unwrap();
    std::io::Write::write_all(&mut file, b"{\"seq\":6,\"prev\":").unwrap();
    let page = log.read(LogPosition::default(), SOME).await.unwrap();
    assert_eq!((page.events.len(), page.at_end), (5, true));
}
