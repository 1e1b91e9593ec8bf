//! Reports of events that are put together here.

use serde_json::{Value, json};

use super::*;
use crate::audit::{AuditKind, ChangeNotes, ItemPlace, RecordingNote, SessionPlace};
use crate::id::{GroupId, ItemId, JumpointId, SessionId, UserId};
use crate::model::{
    Change, Comments, Hostname, ItemDetails, JumpGroup, JumpItem, Jumpoint, Name, Placement, ShellJump, World,
};
use crate::protocol::SessionEvent;
use crate::session::EndReason;
use crate::time::Timestamp;

/// What others could have written, to act on whoever reads it (S-30).
const EVIL: [&str; 9] = [
    "\u{1b}]0;title\u{7}",
    "\u{1b}]2;title\u{1b}\\",
    "\u{1b}]8;;http://evil\u{1b}\\link\u{1b}]8;;\u{1b}\\",
    "\u{1b}]52;c;ZXZpbA==\u{7}",
    "\u{1b}P$qm\u{1b}\\",
    "all is well\rno",
    "\u{202e}txt.exe",
    "a\u{200b}b\u{feff}",
    "one\ntwo\u{9b}31m\u{85}",
];

/// What a template engine would act on (V-05).
const TEMPLATES: &str = "{{7*7}} ${7*7} #{7*7} <%= 7*7 %> {% raw %} %(x)s $(id) `id`";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + seconds).unwrap()
}

fn by(name: &str, time: i64, kind: AuditKind) -> AuditEvent {
    let user = UserId::new(name.len() as u32).unwrap();
    AuditEvent {
        time: at(time),
        actor: Actor::User {
            user,
            name: name.to_owned(),
            login: None,
        },
        peer: None,
        kind,
    }
}

fn session(number: u8) -> SessionId {
    format!("{number:032x}").parse().unwrap()
}

fn granted(number: u8, item: &str, group: &str, reason: Option<&str>) -> AuditKind {
    AuditKind::SessionGranted {
        session: session(number),
        item: ItemId::new(u32::from(number)).unwrap(),
        item_name: item.to_owned(),
        place: JumpointId::new(1).unwrap().into(),
        on: Some(SessionPlace {
            item_type: "Shell Jump".to_owned(),
            protocol: "ssh".to_owned(),
            place: ItemPlace {
                placement: GroupId::new(1).unwrap().into(),
                group: group.to_owned(),
            },
            jumpoint_name: "lan".to_owned(),
            recording: None,
        }),
        reasons: "r".to_owned(),
        reason: reason.map(ToOwned::to_owned),
        ticket: reason.map(|_| "T-1".to_owned()),
    }
}

fn ended(number: u8) -> AuditKind {
    AuditKind::SessionEnded {
        session: session(number),
        reason: EndReason::RepClosed,
        bytes_from_rep: 10,
        bytes_from_target: 2000,
        recording: Some(RecordingNote {
            hash: "ab".repeat(32),
            bytes: 2010,
            lost: 0,
        }),
    }
}

fn inside(number: u8, event: SessionEvent) -> AuditKind {
    AuditKind::SessionEvent {
        session: session(number),
        event,
    }
}

fn report(kind: ReportKind, filter: ReportFilter, events: &[AuditEvent]) -> Vec<ReportRow> {
    let mut reporter = Reporter::new(kind, filter);
    let mut rows = Vec::new();
    for (number, event) in events.iter().enumerate() {
        rows.extend(reporter.push(number as u64 + 1, event).unwrap());
    }
    rows.extend(reporter.finish());
    rows
}

fn written(kind: ReportKind, format: ReportFormat, rows: &[ReportRow]) -> String {
    let mut writer = ReportWriter::new(kind, format, Vec::new()).with_details(true);
    for row in rows {
        writer.row(row.clone()).unwrap();
    }
    let (bytes, count) = writer.finish().unwrap();
    assert_eq!(count, rows.len() as u64);
    String::from_utf8(bytes).unwrap()
}

fn sessions() -> Vec<AuditEvent> {
    vec![
        by("ada", 0, granted(1, "db", "west", Some("disk full"))),
        by("bob", 5, granted(2, "web", "east", None)),
        by("ada", 6, inside(1, SessionEvent::ShellStarted)),
        by(
            "bob",
            7,
            inside(
                2,
                SessionEvent::CommandStarted {
                    command: "id".to_owned(),
                },
            ),
        ),
        by("ada", 3600 + 61, ended(1)),
        by("bob", 4000, granted(3, "db", "west", None)),
        by("bob", 4100, ended(2)),
    ]
}

#[test]
fn a_session_is_one_row_with_what_happened_inside() {
    let rows = report(ReportKind::Sessions, ReportFilter::default(), &sessions());
    let [
        ReportRow::Session(first),
        ReportRow::Session(second),
        ReportRow::Session(third),
    ] = rows.as_slice()
    else {
        panic!("{rows:?}")
    };
    assert_eq!(
        (
            first.user.as_str(),
            first.item.as_str(),
            first.group.as_str(),
            first.protocol.as_str()
        ),
        ("ada", "db", "west", "ssh")
    );
    assert_eq!(
        (first.duration_seconds, first.ended_normally),
        (Some(3661), Some(true))
    );
    assert_eq!(
        (first.bytes_from_rep, first.bytes_from_target),
        (Some(10), Some(2000))
    );
    assert_eq!(
        (first.reason.as_deref(), first.ticket.as_deref()),
        (Some("disk full"), Some("T-1"))
    );
    assert_eq!(first.recording.as_ref().unwrap().hash, "ab".repeat(32));
    let types: Vec<_> = first
        .events
        .iter()
        .map(|event| event.event_type.as_str())
        .collect();
    assert_eq!(
        types,
        ["Session Start", "Command Shell Session Started", "Session End"]
    );
    assert_eq!(second.events[1].data["command"], "id");
    assert_eq!((third.session, third.ended), (session(3), None), "it still runs");
    let text = written(ReportKind::Sessions, ReportFormat::Text, &rows);
    assert!(
        text.contains("1:01:01") && text.contains("still running"),
        "{text}"
    );
    assert!(text.contains("    reason: disk full\n"), "{text}");
}

#[test]
fn filters_narrow_by_time_user_item_group_and_session() {
    let count = |filter: ReportFilter| {
        report(ReportKind::Sessions, filter, &sessions())
            .iter()
            .map(|row| match row {
                ReportRow::Session(row) => row.session.to_string().chars().last().unwrap(),
                _ => panic!(),
            })
            .collect::<String>()
    };
    let text = |text: &str| Some(text.to_owned());
    let all = ReportFilter::default;
    assert_eq!(
        count(ReportFilter {
            from: Some(at(5)),
            ..all()
        }),
        "23"
    );
    assert_eq!(
        count(ReportFilter {
            to: Some(at(5)),
            ..all()
        }),
        "1"
    );
    assert_eq!(
        count(ReportFilter {
            user: text("BOB"),
            ..all()
        }),
        "23"
    );
    assert_eq!(
        count(ReportFilter {
            item: text("db"),
            ..all()
        }),
        "13"
    );
    assert_eq!(
        count(ReportFilter {
            item: text("2"),
            ..all()
        }),
        "2"
    );
    assert_eq!(
        count(ReportFilter {
            item: text("west/db"),
            ..all()
        }),
        "13"
    );
    assert_eq!(
        count(ReportFilter {
            item: text("east/db"),
            ..all()
        }),
        ""
    );
    assert_eq!(
        count(ReportFilter {
            group: text("east"),
            ..all()
        }),
        "2"
    );
    assert_eq!(
        count(ReportFilter {
            session: Some(session(3)),
            ..all()
        }),
        "3"
    );
    assert_eq!(
        count(ReportFilter {
            user: text("bob"),
            group: text("west"),
            ..all()
        }),
        "3"
    );
}

fn changes() -> Vec<AuditEvent> {
    let (west, east) = (GroupId::new(1).unwrap(), GroupId::new(2).unwrap());
    let named = |text: &str| Name::new(text).unwrap();
    let jumpoint = JumpointId::new(1).unwrap();
    let item = |id: u32, name: &str, group: GroupId, port: u16| {
        let details = ItemDetails::ShellJump(ShellJump::ssh(port));
        let host = Hostname::new("db.example").unwrap();
        JumpItem::new(
            ItemId::new(id).unwrap(),
            named(name),
            Placement::Shared(group),
            jumpoint,
            host,
            details,
        )
    };
    let copy = JumpItem {
        copy_of: Some(ItemId::new(1).unwrap()),
        ..item(2, "copy", east, 22)
    };
    let mut commented = item(1, "db", east, 2222);
    commented.comments = Comments::new(TEMPLATES).unwrap();
    let steps = [
        vec![
            Change::PutGroup(JumpGroup::new(west, named("west"))),
            Change::PutGroup(JumpGroup::new(east, named("east"))),
            Change::PutJumpoint(Jumpoint::new(jumpoint, named("lan"))),
        ],
        vec![Change::PutItem(item(1, "db", west, 22))],
        vec![Change::PutItem(copy)],
        vec![Change::PutItem(item(1, "db", east, 22))],
        vec![Change::PutItem(commented)],
        vec![Change::RemoveGroup(east)],
    ];
    let mut world = World::new().unwrap();
    let mut events = Vec::new();
    for (number, changes) in steps.into_iter().enumerate() {
        let ChangeNotes { notes, unnoted, .. } = ChangeNotes::apply(&mut world, &changes).unwrap();
        events.push(by(
            "ada",
            number as i64,
            AuditKind::Changed {
                changes,
                notes,
                unnoted,
            },
        ));
    }
    events.insert(3, by("bob", 3, granted(1, "db", "west", None)));
    events
}

#[test]
fn the_jump_item_report_has_the_documented_events() {
    let rows = report(ReportKind::Items, ReportFilter::default(), &changes());
    let said: Vec<_> = rows
        .iter()
        .map(|row| match row {
            ReportRow::Item(row) => {
                format!(
                    "{} {} {} {} {}",
                    row.actor, row.event, row.item_type, row.item, row.group
                )
            }
            _ => panic!(),
        })
        .collect();
    let expected = [
        "ada Created Shell Jump db west",
        "ada Copied From Shell Jump db west",
        "ada Copied To Shell Jump copy east",
        "bob Session Started Shell Jump db west",
        "ada Moved From Shell Jump db west",
        "ada Moved To Shell Jump db east",
        "ada Deleted Shell Jump copy east",
        "ada Deleted Shell Jump db east",
    ];
    assert_eq!(said, expected);
    let east = ReportFilter {
        group: Some("east".to_owned()),
        item: Some("db".to_owned()),
        ..ReportFilter::default()
    };
    assert_eq!(report(ReportKind::Items, east, &changes()).len(), 2);
}

#[test]
fn the_changes_report_says_old_and_new() {
    let rows = report(ReportKind::Changes, ReportFilter::default(), &changes());
    let ReportRow::Change(edit) = &rows[6] else {
        panic!("{rows:?}")
    };
    assert_eq!(
        (edit.event.as_str(), edit.actor.as_str()),
        ("jump_item_changed", "ada")
    );
    let fields = json!({"old_port": 22, "new_port": 2222, "old_comments": "", "new_comments": TEMPLATES});
    assert_eq!(json!(edit.fields), fields);
    let ReportRow::Change(added) = &rows[3] else {
        panic!()
    };
    assert_eq!(added.fields["new_hostname"], "db.example");
    let text = written(ReportKind::Changes, ReportFormat::Text, &rows);
    assert!(text.contains("port: 22 → 2222"), "{text}");
    assert!(text.contains("group: 1 → 2"), "{text}");
    assert!(text.contains("removed with what it depended on"), "{text}");
}

#[test]
fn a_change_that_failed_is_said_to_have_failed() {
    let mut events = changes();
    let AuditKind::Changed { notes, .. } = events[1].kind.clone() else {
        panic!()
    };
    let failed = AuditKind::ChangeFailed {
        kind: crate::ErrorKind::Storage,
        message: "disk full".to_owned(),
        notes,
    };
    events.insert(2, by("ada", 2, failed));
    let filter = ReportFilter {
        item: Some("db".to_owned()),
        ..ReportFilter::default()
    };
    let items = report(ReportKind::Items, filter.clone(), &events);
    assert!(
        matches!(&items[1], ReportRow::Item(row) if row.event == ItemEvent::ChangeFailed),
        "{items:?}"
    );
    let rows = report(ReportKind::Changes, filter, &events);
    let ReportRow::Change(row) = &rows[1] else {
        panic!()
    };
    assert_eq!(row.event, "change_failed");
    assert_eq!(
        row.remark.as_deref(),
        Some("jump_item_added was not made: disk full")
    );
}

#[test]
fn v05_templates_come_out_as_they_went_in() {
    let rows = report(ReportKind::Changes, ReportFilter::default(), &changes());
    let unescaped = |text: String| text.replace("\\\"", "\"").replace("\"\"", "\"");
    for format in [
        ReportFormat::Text,
        ReportFormat::Json,
        ReportFormat::JsonLines,
        ReportFormat::Csv,
    ] {
        let out = unescaped(written(ReportKind::Changes, format, &rows));
        assert!(out.contains(TEMPLATES), "{format:?}: {out}");
    }
    let one = by("ada", 0, granted(1, TEMPLATES, TEMPLATES, Some(TEMPLATES)));
    let rows = report(ReportKind::Sessions, ReportFilter::default(), &[one]);
    for format in [
        ReportFormat::Text,
        ReportFormat::Json,
        ReportFormat::JsonLines,
        ReportFormat::Csv,
    ] {
        let out = written(ReportKind::Sessions, format, &rows);
        assert_eq!(out.matches(TEMPLATES).count(), 3, "{format:?}: {out}");
    }
}

#[test]
fn s30_what_others_wrote_acts_on_nobody() {
    for evil in EVIL {
        let events = [
            by(evil, 0, granted(1, evil, evil, Some(evil))),
            by(
                evil,
                1,
                inside(
                    1,
                    SessionEvent::CommandStarted {
                        command: evil.to_owned(),
                    },
                ),
            ),
            by(evil, 2, ended(1)),
            by(
                "x",
                3,
                AuditKind::ChangeFailed {
                    kind: crate::ErrorKind::Storage,
                    message: evil.to_owned(),
                    notes: Vec::new(),
                },
            ),
        ];
        for kind in [ReportKind::Sessions, ReportKind::Items, ReportKind::Changes] {
            let rows = report(kind, ReportFilter::default(), &events);
            assert_eq!(rows.len(), 1);
            for (format, lines) in [
                (ReportFormat::Text, None),
                (ReportFormat::Json, Some(1)),
                (ReportFormat::JsonLines, Some(1)),
                (ReportFormat::Csv, Some(2)),
            ] {
                let out = written(kind, format, &rows);
                let bad = |c: &char| {
                    crate::text::acts(*c) && *c != '\n' && !(format == ReportFormat::Csv && *c == '\r')
                };
                assert_eq!(out.chars().find(bad), None, "{format:?}: {out:?}");
                assert!(
                    lines.is_none_or(|lines| out.lines().count() == lines),
                    "{format:?}: {out:?}"
                );
                if format == ReportFormat::Csv {
                    assert_eq!(out.matches('\r').count(), out.matches("\r\n").count());
                }
                if format == ReportFormat::JsonLines {
                    // Escaped, not changed: who reads the JSON gets what was written.
                    let read: Value = serde_json::from_str(&out).unwrap();
                    assert_eq!(read, serde_json::to_value(&rows[0]).unwrap());
                    assert!(read.to_string().contains(&serde_json::to_string(evil).unwrap()));
                }
            }
        }
    }
}

#[test]
fn a_cell_of_csv_is_never_a_formula_and_always_one_cell() {
    for (text, cell) in [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\\u{9}=1"),
        ("\r=1", "'\\u{d}=1"),
        ("\0=1", "'\\u{0}=1"),
        ("＝1", "'＝1"),
        ("a,\"b\"", "\"a,\"\"b\"\"\""),
        (
            "=HYPERLINK(\"http://x\",\"y\")",
            "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"",
        ),
        ("a;=1", "\"a;=1\""),
        ("plain text", "plain text"),
        ("a\nb", "a\\u{a}b"),
    ] {
        let rows = report(
            ReportKind::Items,
            ReportFilter::default(),
            &[by("ada", 0, granted(1, text, "g", None))],
        );
        let out = written(ReportKind::Items, ReportFormat::Csv, &rows);
        let line = out.lines().nth(1).unwrap();
        assert_eq!(
            line,
            format!("2026-01-01T00:00:00Z,ada,Session Started,Shell Jump,{cell},1,g")
        );
    }
}

#[test]
fn an_empty_report_is_whole() {
    assert_eq!(written(ReportKind::Items, ReportFormat::Json, &[]), "[]\n");
    assert_eq!(written(ReportKind::Items, ReportFormat::JsonLines, &[]), "");
    assert_eq!(written(ReportKind::Items, ReportFormat::Text, &[]), "");
    let header = "time,actor,event,item_type,item,item_id,group\r\n";
    assert_eq!(written(ReportKind::Items, ReportFormat::Csv, &[]), header);
}

#[test]
fn a_long_report_is_written_while_it_is_made() {
    let row = report(
        ReportKind::Items,
        ReportFilter::default(),
        &[by("ada", 0, granted(1, "db", "g", None))],
    )
    .remove(0);
    let many = vec![row; 2500];
    let json: Value = serde_json::from_str(&written(ReportKind::Items, ReportFormat::Json, &many)).unwrap();
    assert_eq!(json.as_array().unwrap().len(), 2500);
    let mut writer = ReportWriter::new(ReportKind::Items, ReportFormat::Text, Vec::new());
    for row in many {
        writer.row(row).unwrap();
        assert!(writer.waiting.len() < 1000);
    }
    assert_eq!(
        writer
            .finish()
            .unwrap()
            .0
            .iter()
            .filter(|byte| **byte == b'\n')
            .count(),
        2501
    );
}
