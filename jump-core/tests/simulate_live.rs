//! The simulator on a running site: who may ask, answers that are larger than a message, and sessions that would end.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what it expects"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jump_core::access::simulate::{Kind, Reach};
use jump_core::access::{Need, PermissionRule};
use jump_core::control::{
    AccessPage, DiffPage, Edit, Explanation, Look, RepRequest, Response, SimulateRequest,
};
use jump_core::id::{GroupId, PolicyId, SessionId, SessionPolicyId, UserId};
use jump_core::model::{
    Change, CommandFilter, Field, ItemDetails, JumpItem, JumpPolicy, Membership, Name, Role, SessionPolicy,
    User, UserName,
};
use jump_core::protocol::Registry;
use jump_core::rep::Rep;
use jump_core::session::{RecordingMode, SessionPermission};
use jump_core::time::{SignedDuration, Timestamp};
use jump_core::{ErrorKind, Result};
use jump_testkit::echo::EchoBackend;
use jump_testkit::running_site::{RunningSite, SiteOptions};

/// Alice, Bob and Dora may start sessions on `web-1` and `web-2`, Eve sees them only; Carol administers the site.
async fn site() -> RunningSite {
    let site = RunningSite::start(SiteOptions::new(
        Registry::new().with(Arc::new(EchoBackend("ssh"))),
    ))
    .await
    .unwrap();
    for (name, role) in [
        ("alice", "Start Sessions Only"),
        ("bob", "Start Sessions Only"),
        ("dora", "Start Sessions Only"),
        ("eve", "Auditor"),
    ] {
        site.add_user(name, Some(role), false).await.unwrap();
    }
    site.add_user("carol", None, true).await.unwrap();
    for name in ["web-1", "web-2"] {
        site.add_shell(name, "127.0.0.1:9".parse().unwrap(), RecordingMode::Off)
            .await
            .unwrap();
    }
    site
}

async fn login(site: &RunningSite, name: &str) -> Rep {
    site.login(name, Registry::new()).await.unwrap()
}

async fn make(site: &RunningSite, changes: Vec<Change>) {
    let dry_run = false;
    site.edit(Edit::Change { changes, dry_run }).await.unwrap();
}

fn user(site: &RunningSite, name: &str) -> User {
    User::clone(site.broker.world().user_named(name).unwrap())
}

fn users<C>(page: &AccessPage<C>) -> Vec<&str> {
    page.rows.iter().map(|row| row.user.as_str()).collect()
}

fn items<C>(page: &AccessPage<C>) -> Vec<&str> {
    page.rows.iter().map(|row| row.item.as_str()).collect()
}

fn denied<T: std::fmt::Debug>(answer: Result<T>) {
    assert_eq!(answer.unwrap_err().kind(), ErrorKind::Denied);
}

#[tokio::test]
async fn administrators_ask_about_anybody_and_others_about_themselves() {
    let site = site().await;
    let carol = login(&site, "carol").await;
    let who = carol.who("web-1", false, Look::first(None, 100)).await.unwrap();
    assert_eq!((users(&who), &who.next), (vec!["alice", "bob", "dora"], &None));
    let everybody = carol.who("web-1", true, Look::first(None, 100)).await.unwrap();
    assert!(users(&everybody).contains(&"eve") && users(&everybody).contains(&"carol"));
    assert_eq!(who.about, "web/web-1");

    let alice = login(&site, "alice").await;
    let own = alice.what(None, false, Look::first(None, 100)).await.unwrap();
    assert_eq!(items(&own), ["web/web-1", "web/web-2"]);
    let named = Some(UserName::new("alice").unwrap());
    let same = alice
        .what(named.clone(), false, Look::first(Some(own.at), 100))
        .await
        .unwrap();
    assert_eq!(same, own);
    assert_eq!(
        carol
            .what(named, false, Look::first(Some(own.at), 100))
            .await
            .unwrap(),
        own
    );

    // Nothing about others, not even that there are none.
    for other in ["bob", "nobody"] {
        let other = Some(UserName::new(other).unwrap());
        denied(alice.what(other, false, Look::first(None, 1)).await);
    }
    denied(alice.who("web-1", false, Look::first(None, 1)).await);
    denied(alice.who("no-such-item", false, Look::first(None, 1)).await);
    denied(alice.diff(Vec::new(), Look::first(None, 1)).await);
    // What is hidden stays hidden, among what is denied, too.
    let eve = login(&site, "eve").await;
    assert_eq!(
        items(&eve.what(None, false, Look::first(None, 100)).await.unwrap()),
        [""; 0]
    );
    let shown = eve.what(None, true, Look::first(None, 100)).await.unwrap();
    assert_eq!(items(&shown), items(&own));
    let id = user(&site, "eve").id;
    let group = site.broker.world().groups_of(id).next().unwrap();
    make(&site, vec![Change::RemoveMembership { user: id, group }]).await;
    let shown = eve.what(None, true, Look::first(None, 100)).await.unwrap();
    assert_eq!(items(&shown), [""; 0]);
}

#[tokio::test]
async fn an_answer_larger_than_a_message_comes_in_parts() {
    let site = site().await;
    // 64 patterns of 255 characters for every session: three megabytes for 200 users.
    let mut policy = SessionPolicy::new(SessionPolicyId::new(1).unwrap(), Name::new("long").unwrap());
    let pattern = |number: usize| Field::new(format!("{number}{}", "x".repeat(250))).unwrap();
    policy.commands = Some(CommandFilter::AllBut((0..64).map(pattern).collect()));
    let group: GroupId = site.broker.world().groups().next().unwrap().id;
    let mut settings = *site.broker.world().site();
    settings.session_policy = Some(policy.id);
    let mut changes = vec![Change::PutSessionPolicy(policy), Change::PutSite(settings)];
    let template = user(&site, "alice");
    let jumpoint = site.broker.world().jumpoints().next().unwrap().id;
    for number in 0..200 {
        let id = UserId::new(1000 + number).unwrap();
        let name = UserName::new(format!("many-{number:03}")).unwrap();
        changes.push(Change::PutUser(User {
            id,
            name,
            ..template.clone()
        }));
        changes.push(Change::GrantJumpoint { user: id, jumpoint });
        changes.push(Change::PutMembership(Membership {
            user: id,
            group,
            role: Some(Role::START_SESSIONS_ONLY),
            policy: None,
        }));
    }
    make(&site, changes).await;
    let carol = login(&site, "carol").await;
    let mut look = Look::first(None, 1000);
    let (mut names, mut pages) = (Vec::new(), 0);
    loop {
        let page = carol.who("web-1", false, look).await.unwrap();
        pages += 1;
        names.extend(page.rows.into_iter().map(|row| row.user));
        let Some(next) = page.next else { break };
        look = Look {
            at: Some(page.at),
            after: Some(next),
            limit: 1000,
        };
    }
    assert!(pages > 5, "{pages}");
    assert_eq!(names.len(), 203);
    assert!(
        names.windows(2).all(|pair| pair[0] < pair[1]),
        "each once, in order"
    );
}

async fn jump(rep: &Rep, item: &str) -> SessionId {
    let session = rep.jump(item).await.unwrap();
    let id = session.grant.session();
    // Kept open for as long as the test runs.
    std::mem::forget(session);
    id
}

#[tokio::test]
async fn a_diff_names_the_sessions_that_end_when_the_changes_are_made_and_no_other() {
    let site = site().await;
    let mut sessions = BTreeMap::new();
    let mut reps = Vec::new();
    for name in ["alice", "bob", "dora"] {
        let rep = login(&site, name).await;
        for item in ["web-1", "web-2"] {
            sessions.insert((name, item), jump(&rep, item).await);
        }
        reps.push(rep);
    }
    let world = site.broker.world();
    let id = user(&site, "alice").id;
    let group = world.groups_of(id).next().unwrap();
    let mut web_2 = JumpItem::clone(world.items_named("web-2").next().unwrap());
    let ItemDetails::ShellJump(shell) = &mut web_2.details else {
        panic!("it is a shell");
    };
    // Alice loses her role, Bob his login; on web-2 there is no shell any more. Eve's rights are no matter of items.
    shell.permissions.shell = false;
    let login = world.logins_of(user(&site, "bob").id).next().unwrap().id;
    let changes = vec![
        Change::RemoveMembership { user: id, group },
        Change::RemoveLogin(login),
        Change::PutItem(web_2),
        Change::PutUser(User {
            administrator: true,
            ..user(&site, "eve")
        }),
    ];
    let carol = self::login(&site, "carol").await;
    let diff: DiffPage = carol.diff(changes.clone(), Look::first(None, 100)).await.unwrap();
    let told: BTreeSet<SessionId> = diff.sessions.iter().map(|one| one.id).collect();
    assert_eq!(diff.sessions_in_all, told.len());
    let pairs: BTreeSet<(&str, &str, Kind)> = diff
        .rows
        .iter()
        .map(|row| (row.user.as_str(), row.item.rsplit('/').next().unwrap(), row.kind))
        .collect();
    // Asking changed nothing.
    assert_eq!(site.broker.live_sessions().len(), 6);
    assert_eq!(
        pairs,
        BTreeSet::from([
            ("alice", "web-1", Kind::Lost),
            ("alice", "web-2", Kind::Lost),
            ("bob", "web-2", Kind::Changed),
            ("dora", "web-2", Kind::Changed),
        ])
    );
    make(&site, changes).await;
    let kept: BTreeSet<SessionId> = sessions
        .values()
        .copied()
        .filter(|id| !told.contains(id))
        .collect();
    site.until("what was told has ended", || {
        site.broker.live_sessions().into_iter().collect::<BTreeSet<_>>() == kept
    })
    .await
    .unwrap();
    assert_eq!(kept, BTreeSet::from([sessions[&("dora", "web-1")]]));
}

#[tokio::test]
async fn a_diff_of_what_cannot_be_made_is_an_error() {
    let site = site().await;
    let carol = login(&site, "carol").await;
    let nobody = Change::RemoveUser(UserId::new(99).unwrap());
    let error = carol.diff(vec![nobody], Look::first(None, 10)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn why_says_what_may_happen_in_the_session_who_says_so_and_for_how_long_it_holds() {
    let site = site().await;
    let mut policy = SessionPolicy::new(SessionPolicyId::new(1).unwrap(), Name::new("careful").unwrap());
    policy.permissions.insert(SessionPermission::FileUpload, false);
    let mut care = JumpPolicy::new(PolicyId::new(1).unwrap(), Name::new("care").unwrap());
    care.reason_required = true;
    care.approval = Some(serde_json::from_str(r#"{"max_duration_minutes": 30}"#).unwrap());
    let item = JumpItem::clone(site.broker.world().items_named("web-1").next().unwrap());
    make(
        &site,
        vec![
            Change::PutSessionPolicy(policy),
            Change::PutPolicy(care),
            Change::PutItem(JumpItem {
                session_policy: Some(SessionPolicyId::new(1).unwrap()),
                jump_policy: Some(PolicyId::new(1).unwrap()),
                ..item
            }),
        ],
    )
    .await;
    let alice = login(&site, "alice").await;
    let why: Explanation = alice.why("web-1").await.unwrap();
    assert_eq!(why.decision.needs(), [Need::Approval, Need::Reason]);
    // As if it were approved now, for as long as the policy allows.
    let obligations = why.obligations.unwrap();
    assert_eq!(
        obligations.until,
        why.at.checked_add(SignedDuration::from_mins(30)).unwrap()
    );
    let upload = why
        .permissions
        .iter()
        .find(|one| one.permission == SessionPermission::FileUpload)
        .unwrap();
    assert_eq!((upload.allowed, upload.rule), (false, PermissionRule::ItemPolicy));
    for one in &why.permissions {
        assert_eq!(
            obligations.permissions.get(one.permission),
            one.allowed,
            "{one:?}"
        );
    }
    assert_eq!(why.next, None);
    // Nothing is said of a session that cannot be.
    let eve = login(&site, "eve").await;
    let why = eve.why("web-1").await.unwrap();
    assert_eq!(
        (why.permissions.len(), why.obligations, why.next),
        (0, None, None)
    );
    // The same at a moment, and when it changes.
    let carol = login(&site, "carol").await;
    let at: Timestamp = "2027-02-01T06:00:00Z".parse().unwrap();
    let mut office = JumpPolicy::new(PolicyId::new(1).unwrap(), Name::new("care").unwrap());
    office.schedule = Some(
        jump_core::model::Schedule::new(
            "Europe/Vienna",
            vec![jump_core::model::ScheduleEntry::new(0, "08:00", 0, "17:00").unwrap()],
        )
        .unwrap(),
    );
    make(&site, vec![Change::PutPolicy(office)]).await;
    let request = RepRequest::Why {
        user: Some(UserName::new("alice").unwrap()),
        item: "web-1".to_owned(),
        at: Some(at),
    };
    let Response::Explanation(why) = carol.request(request).await.unwrap() else {
        panic!("not an explanation");
    };
    let next = why.next.unwrap();
    assert_eq!(
        (next.at, next.reach),
        ("2027-02-01T07:00:00Z".parse().unwrap(), Reach::Now)
    );
    // The broker asks itself, too.
    let request = RepRequest::Simulate(SimulateRequest::Who {
        item: "web-1".to_owned(),
        denied: false,
        look: Look::first(Some(next.at), 10),
    });
    let answer = site
        .broker
        .request(&jump_core::broker::Caller::local(), request)
        .await
        .unwrap();
    assert!(matches!(answer, Response::Simulated(_)));
}
