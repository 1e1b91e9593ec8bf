//! Who sees what in reports, compared with a table written by hand.

use std::collections::HashMap;

use super::super::Caller;
use super::scene::{Scene, a_key, item, jumpoint, name};
use crate::audit::{
    Actor, AuditEvent, AuditKind, AuditLog, ItemPlace, LogPosition, ReadLimits, SessionPlace,
};
use crate::control::{RepRequest, ReportContent, ReportCursor, ReportRequest, Response};
use crate::error::{ErrorKind, Result};
use crate::id::{GroupId, LoginId, SessionId, UserId};
use crate::model::{Change, JumpGroup, Login, LoginScope, Membership, Placement, Role, User, UserName};
use crate::protocol::SessionEvent;
use crate::report::{ReportFilter, ReportKind, ReportRow, Reporter, SessionReport};
use crate::session::EndReason;

const USERS: [&str; 6] = ["ada", "adas", "bob", "carol", "dave", "erin"];
const PLACES: [&str; 4] = ["west", "east", "personal list of carol", "unknown"];

/// Whether `who` may see what `owner` did in `place`: written down, not computed.
fn may_see(who: &str, owner: &str, place: &str) -> bool {
    who == owner
        || match who {
            // An administrator with a login for everything.
            "ada" => true,
            // An administrator, and an auditor of west, whose logins are for sessions only.
            "adas" | "erin" => false,
            // An auditor of west, and nothing in east.
            "bob" => place == "west",
            // Starts sessions in east, and looks after her own list.
            "carol" => place == "personal list of carol",
            "dave" => false,
            _ => panic!("{who}"),
        }
}

fn user(name: &str) -> UserId {
    let number = USERS.iter().position(|user| *user == name).unwrap();
    UserId::new(10 + number as u32).unwrap()
}

fn group(name: &str) -> GroupId {
    GroupId::new(if name == "west" { 2 } else { 3 }).unwrap()
}

fn placement(place: &str) -> Placement {
    match place {
        "west" | "east" => group(place).into(),
        _ => Placement::personal(user("carol")),
    }
}

struct Cast {
    scene: Scene,
    callers: HashMap<&'static str, Caller>,
}

impl Cast {
    async fn new() -> Self {
        let scene = Scene::new().await;
        let mut changes = vec![
            Change::PutGroup(JumpGroup::new(group("west"), name("west"))),
            Change::PutGroup(JumpGroup::new(group("east"), name("east"))),
        ];
        let mut keys = Vec::new();
        for who in USERS {
            let key = a_key();
            keys.push((who, key));
            changes.push(Change::PutUser(User {
                administrator: who.starts_with("ada"),
                personal_role: (who == "carol").then_some(Role::ADMINISTRATOR),
                ..User::new(user(who), UserName::new(who).unwrap())
            }));
            let scope = if who == "adas" || who == "erin" {
                LoginScope::Sessions
            } else {
                LoginScope::Everything
            };
            changes.push(Change::PutLogin(Login {
                id: LoginId::new(user(who).get()).unwrap(),
                user: user(who),
                label: name("device"),
                key,
                scope,
                expires: None,
                sources: Default::default(),
            }));
        }
        for (who, place, role) in [
            ("bob", "west", Role::AUDITOR),
            ("bob", "east", Role::NO_ACCESS),
            ("carol", "east", Role::START_SESSIONS_ONLY),
            ("erin", "west", Role::AUDITOR),
        ] {
            changes.push(Change::PutMembership(Membership {
                user: user(who),
                group: group(place),
                role: Some(role),
                policy: None,
            }));
        }
        scene.broker.commit(Actor::System, changes).await.unwrap();
        let world = scene.broker.world();
        let now = scene.broker.now();
        let callers = keys
            .into_iter()
            .map(|(who, key)| (who, Caller::from_login(&world, &key, None, now).unwrap()));
        let callers = callers.collect();
        Self { scene, callers }
    }

    async fn append(&self, who: &str, kind: AuditKind) -> LogPosition {
        let end = self.end().await;
        let actor = Actor::User {
            user: user(who),
            name: who.to_owned(),
            login: None,
        };
        let event = AuditEvent {
            time: self.scene.broker.now(),
            actor,
            peer: None,
            kind,
        };
        self.scene.audit.append(&event).await.unwrap();
        end
    }

    async fn end(&self) -> LogPosition {
        let all = ReadLimits {
            events: usize::MAX,
            bytes: usize::MAX,
        };
        self.scene
            .audit
            .read(LogPosition::default(), all)
            .await
            .unwrap()
            .next
    }

    async fn grant(&self, number: u8, who: &str, place: &str) -> LogPosition {
        let on = (place != "unknown").then(|| SessionPlace {
            item_type: "Shell Jump".to_owned(),
            protocol: "ssh".to_owned(),
            place: ItemPlace {
                placement: placement(place),
                group: place.to_owned(),
            },
            jumpoint_name: "berlin".to_owned(),
            recording: None,
        });
        let granted = AuditKind::SessionGranted {
            session: session(number),
            item: item(),
            item_name: format!("{who} {place}"),
            place: jumpoint().into(),
            on,
            reasons: String::new(),
            reason: None,
            ticket: None,
        };
        self.append(who, granted).await
    }

    async fn inside(&self, number: u8, bytes: usize) {
        let event = SessionEvent::CommandStarted {
            command: "x".repeat(bytes),
        };
        self.append(
            "dave",
            AuditKind::SessionEvent {
                session: session(number),
                event,
            },
        )
        .await;
    }

    async fn end_session(&self, number: u8) {
        let ended = AuditKind::SessionEnded {
            session: session(number),
            reason: EndReason::RepClosed,
            bytes_from_rep: u64::from(number),
            bytes_from_target: 0,
            recording: None,
        };
        self.append("dave", ended).await;
    }

    /// The whole log as one report, without asking who looks.
    async fn everything(&self, kind: ReportKind, filter: &ReportFilter) -> Vec<ReportRow> {
        let all = ReadLimits {
            events: usize::MAX,
            bytes: usize::MAX,
        };
        let log = self.scene.audit.read(LogPosition::default(), all).await.unwrap();
        let mut reporter = Reporter::new(kind, filter.clone());
        let mut rows = Vec::new();
        for logged in log.events {
            rows.extend(
                reporter
                    .push(logged.sequence(), &logged.event().unwrap())
                    .unwrap(),
            );
        }
        rows.extend(reporter.finish());
        rows
    }

    async fn page(&self, who: &str, request: ReportRequest) -> Result<crate::control::ReportPage> {
        match self
            .scene
            .broker
            .request(&self.callers[who], RepRequest::Report(request))
            .await?
        {
            Response::Report(page) => {
                let frame = serde_json::to_vec(&page).unwrap().len();
                assert!(frame < crate::control::MAX_FRAME, "{frame} bytes");
                Ok(*page)
            }
            other => panic!("{other:?}"),
        }
    }

    /// What a caller is given, and in how many pages.
    async fn given(
        &self,
        who: &str,
        kind: ReportKind,
        filter: &ReportFilter,
    ) -> Result<(Vec<ReportRow>, usize)> {
        let mut sessions = SessionReport::new(filter.clone());
        let mut open = HashMap::new();
        let (mut rows, mut pages) = (Vec::new(), 0);
        let mut from = Some(ReportCursor::default());
        while let Some(cursor) = from {
            let request = ReportRequest {
                kind,
                filter: filter.clone(),
                from: cursor,
                open: open.values().copied().collect(),
            };
            let page = self.page(who, request).await?;
            pages += 1;
            from = page.next;
            match page.content {
                ReportContent::Items(more) => rows.extend(more.into_iter().map(ReportRow::Item)),
                ReportContent::Changes(more) => rows.extend(more.into_iter().map(ReportRow::Change)),
                ReportContent::Sessions(events) => {
                    for reported in events {
                        if let AuditKind::SessionGranted { session, .. } = &reported.event.kind {
                            open.insert(*session, reported.at);
                        }
                        if let Some(row) = sessions.push(&reported.event).unwrap() {
                            open.remove(&row.session);
                            rows.push(ReportRow::Session(Box::new(row)));
                        }
                    }
                }
            }
        }
        rows.extend(
            sessions
                .finish()
                .into_iter()
                .map(|row| ReportRow::Session(Box::new(row))),
        );
        Ok((rows, pages))
    }
}

fn session(number: u8) -> SessionId {
    SessionId::from_bytes([number; 16])
}

/// Sessions of everybody everywhere, which overlap each other and the pages.
async fn busy() -> Cast {
    let cast = Cast::new().await;
    let mut number = 0;
    let mut open = Vec::new();
    for who in USERS {
        for place in PLACES {
            number += 1;
            cast.grant(number, who, place).await;
            open.push(number);
            for number in &open {
                cast.inside(*number, 4000).await;
            }
            if open.len() > 5 {
                cast.end_session(open.remove(0)).await;
            }
        }
    }
    cast
}

fn filters() -> Vec<ReportFilter> {
    let text = |text: &str| Some(text.to_owned());
    let all = ReportFilter::default;
    let mut filters = vec![
        all(),
        ReportFilter {
            session: Some(session(5)),
            ..all()
        },
    ];
    filters.extend(["dave", "nobody"].map(|user| ReportFilter {
        user: text(user),
        ..all()
    }));
    filters.extend(PLACES.map(|group| ReportFilter {
        group: text(group),
        ..all()
    }));
    filters.push(ReportFilter {
        item: text("bob west"),
        ..all()
    });
    filters
}

fn of_row(row: &ReportRow) -> (String, String) {
    // The item is named after its owner and its place.
    let item = match row {
        ReportRow::Session(row) => &row.item,
        ReportRow::Item(row) => &row.item,
        ReportRow::Change(_) => panic!("{row:?}"),
    };
    let (owner, place) = item.split_once(' ').unwrap_or(("system", "web"));
    (owner.to_owned(), place.to_owned())
}

#[tokio::test]
async fn v19_a_report_is_everything_filtered_by_what_one_may_see() {
    let cast = busy().await;
    let mut most_pages = 0;
    for filter in filters() {
        let sessions = cast.everything(ReportKind::Sessions, &filter).await;
        let items = cast.everything(ReportKind::Items, &filter).await;
        for who in USERS {
            let expected: Vec<_> = sessions
                .iter()
                .filter(|row| {
                    let (owner, place) = of_row(row);
                    may_see(who, &owner, &place)
                })
                .cloned()
                .collect();
            let (given, pages) = cast.given(who, ReportKind::Sessions, &filter).await.unwrap();
            most_pages = most_pages.max(pages);
            assert_eq!(given, expected, "sessions for {who}: {filter:?}");

            // One's own doings give no right to the Jump Item report.
            let expected: Vec<_> = items
                .iter()
                .filter(|row| {
                    let (_, place) = of_row(row);
                    may_see(who, "somebody else", &place)
                })
                .cloned()
                .collect();
            let (given, _) = cast.given(who, ReportKind::Items, &filter).await.unwrap();
            assert_eq!(given, expected, "items for {who}: {filter:?}");

            let changes = cast.given(who, ReportKind::Changes, &filter).await;
            if who == "ada" {
                assert_eq!(
                    changes.unwrap().0,
                    cast.everything(ReportKind::Changes, &filter).await
                );
            } else {
                assert_eq!(changes.unwrap_err().kind(), ErrorKind::Denied, "{who}");
            }
        }
    }
    assert!(most_pages > 1, "the log does not fit one page");
    let (all, _) = cast
        .given("ada", ReportKind::Sessions, &ReportFilter::default())
        .await
        .unwrap();
    assert_eq!(all.len(), USERS.len() * PLACES.len());
}

#[tokio::test]
async fn v19_naming_a_session_gives_no_right_to_it() {
    let cast = Cast::new().await;
    let carols = cast.grant(1, "carol", "east").await;
    let daves = cast.grant(2, "dave", "east").await;
    let request = |from: LogPosition, open: Vec<LogPosition>| ReportRequest {
        kind: ReportKind::Sessions,
        filter: ReportFilter::default(),
        from: ReportCursor {
            position: from,
            row: 0,
        },
        open,
    };
    let behind = cast.end().await;
    cast.inside(1, 10).await;
    cast.inside(2, 10).await;
    let events = |page: crate::control::ReportPage| match page.content {
        ReportContent::Sessions(events) => events,
        other => panic!("{other:?}"),
    };
    // Dave says that he is in the middle of both.
    let given = events(
        cast.page("dave", request(behind, vec![carols, daves]))
            .await
            .unwrap(),
    );
    assert_eq!(given.len(), 1);
    assert!(matches!(&given[0].event.kind, AuditKind::SessionEvent { session: of, .. } if *of == session(2)));
    let by_id = ReportFilter {
        session: Some(session(1)),
        ..ReportFilter::default()
    };
    assert_eq!(
        cast.given("dave", ReportKind::Sessions, &by_id).await.unwrap().0,
        []
    );
    // What is no position of the log is none.
    let beyond = serde_json::from_value(serde_json::json!({
        "sequence": 1_000_000, "offset": 0, "hash": "0".repeat(64),
    }));
    let error = cast
        .page("dave", request(beyond.unwrap(), Vec::new()))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    let many = cast
        .page("dave", request(behind, vec![daves; 5000]))
        .await
        .unwrap_err();
    assert_eq!(many.kind(), ErrorKind::ResourceLimit);
}

#[tokio::test]
async fn v19_losing_the_role_takes_the_reports_away() {
    let cast = Cast::new().await;
    cast.grant(1, "carol", "west").await;
    let filter = ReportFilter::default();
    assert_eq!(
        cast.given("bob", ReportKind::Sessions, &filter)
            .await
            .unwrap()
            .0
            .len(),
        1
    );
    let (bob, west) = (user("bob"), group("west"));
    let change = Change::RemoveMembership {
        user: bob,
        group: west,
    };
    cast.scene
        .broker
        .commit(Actor::System, vec![change])
        .await
        .unwrap();
    assert_eq!(
        cast.given("bob", ReportKind::Sessions, &filter).await.unwrap().0,
        []
    );
    assert_eq!(cast.given("bob", ReportKind::Items, &filter).await.unwrap().0, []);
}

#[tokio::test]
async fn an_event_with_more_rows_than_a_page_comes_in_several() {
    let cast = Cast::new().await;
    let many: Vec<_> = (100..4100)
        .map(|id| {
            Change::PutGroup(JumpGroup::new(
                GroupId::new(id).unwrap(),
                name(&format!("group {id}")),
            ))
        })
        .collect();
    cast.scene.broker.commit(Actor::System, many).await.unwrap();
    let filter = ReportFilter::default();
    let (rows, pages) = cast.given("ada", ReportKind::Changes, &filter).await.unwrap();
    assert!(pages > 1);
    assert_eq!(rows, cast.everything(ReportKind::Changes, &filter).await);
}
