//! Warnings before time ends a session, and every edge that a clock makes, on a running site.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jump_core::ErrorKind;
use jump_core::control::{
    ApprovalAnswer, ApprovalView, Edit, EndingRule, RepRequest, Response, SessionEnding,
};
use jump_core::id::{PolicyId, SessionId};
use jump_core::model::{
    Approval, ApprovalScope, Change, JumpItem, JumpPolicy, Login, Name, Remark, Schedule, ScheduleEntry,
};
use jump_core::protocol::Registry;
use jump_core::rep::{JumpSession, Rep, SessionNews};
use jump_core::session::{EndReason, RecordingMode};
use jump_core::store::SessionState;
use jump_core::time::{Clock, SignedDuration, Timestamp};
use jump_testkit::echo::EchoBackend;
use jump_testkit::running_site::{RunningSite, SiteOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The machine's clock and a difference. Peers connect while there is none: the broker refuses who is five minutes off.
#[derive(Debug, Default)]
struct Shifted(Mutex<SignedDuration>);

impl Clock for Shifted {
    fn now(&self) -> Timestamp {
        Timestamp::now() + *self.0.lock().unwrap()
    }
}

impl Shifted {
    /// Moves the clock so that it shows this moment now.
    fn show(&self, moment: Timestamp) {
        *self.0.lock().unwrap() = moment.duration_since(Timestamp::now());
    }

    /// So that this is left until that moment, within a second.
    fn leave(&self, left: SignedDuration, end: Timestamp) {
        self.show(end - left);
    }
}

struct Scene {
    site: RunningSite,
    clock: Arc<Shifted>,
    alice: Rep,
}

fn policy_id() -> PolicyId {
    PolicyId::new(1).unwrap()
}

fn mins(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

fn secs(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

/// Alice, and `web-1` under the policy that `edit` makes.
async fn scene(edit: impl FnOnce(&mut JumpPolicy)) -> Scene {
    let clock = Arc::new(Shifted::default());
    let mut options = SiteOptions::new(Registry::new().with(Arc::new(EchoBackend("ssh"))));
    options.clock = clock.clone();
    let site = RunningSite::start(options).await.unwrap();
    for name in ["alice", "bob"] {
        site.add_user(name, Some("Start Sessions Only"), false)
            .await
            .unwrap();
    }
    site.add_shell("web-1", "127.0.0.1:9".parse().unwrap(), RecordingMode::Off)
        .await
        .unwrap();
    let mut policy = JumpPolicy::new(policy_id(), Name::new("care").unwrap());
    edit(&mut policy);
    let item = JumpItem::clone(site.broker.world().items().next().unwrap());
    let item = JumpItem {
        jump_policy: Some(policy_id()),
        ..item
    };
    let alice = site.login("alice", Registry::new()).await.unwrap();
    let scene = Scene { site, clock, alice };
    scene
        .change(vec![Change::PutPolicy(policy), Change::PutItem(item)])
        .await;
    scene
}

impl Scene {
    async fn change(&self, changes: Vec<Change>) {
        let dry_run = false;
        self.site.edit(Edit::Change { changes, dry_run }).await.unwrap();
    }

    async fn edit_policy(&self, edit: impl FnOnce(&mut JumpPolicy)) {
        let mut policy = JumpPolicy::clone(self.site.broker.world().policy(policy_id()).unwrap());
        edit(&mut policy);
        self.change(vec![Change::PutPolicy(policy)]).await;
    }

    /// From now on bob has to approve.
    async fn require_approval(&self) {
        let bob = self.site.broker.world().user_named("bob").unwrap().id;
        let approval = Approval {
            max_duration_minutes: 120,
            scope: ApprovalScope::Requestor,
            approvers: BTreeSet::from([bob]),
            approver_teams: BTreeSet::new(),
            email_addresses: Vec::new(),
            self_approval: false,
        };
        self.edit_policy(|policy| policy.approval = Some(approval)).await;
    }

    async fn ask_for(&self, seconds: u32) -> ApprovalView {
        let ask = RepRequest::RequestApproval {
            item: "web-1".into(),
            start: None,
            duration_seconds: Some(seconds),
            reason: Remark::default(),
        };
        match self.alice.request(ask).await.unwrap() {
            Response::Approvals(mut asked) => asked.remove(0),
            other => panic!("{other:?}"),
        }
    }

    /// Alice asks from this moment on and bob approves: the request and its end.
    async fn approved_for(&self, seconds: u32) -> (ApprovalView, Timestamp) {
        let asked = self.ask_for(seconds).await;
        let answer = RepRequest::AnswerApproval {
            request: asked.id,
            answer: ApprovalAnswer::Approve,
            comments: Remark::default(),
        };
        let bob = self.site.login("bob", Registry::new()).await.unwrap();
        bob.request(answer).await.unwrap();
        let end = asked.end;
        (asked, end)
    }

    /// Until when alice would be let in by the clock at that moment.
    fn open_at(&self, at: Timestamp) -> Option<Timestamp> {
        let world = self.site.broker.world();
        let item = world.items().next().unwrap().id;
        let alice = world.user_named("alice").unwrap().id;
        let (context, action) = (
            jump_core::access::Context::default(),
            jump_core::access::Action::Start,
        );
        let (decision, allowed) = jump_core::access::decide(&world, alice, item, action, &context, at);
        assert_eq!(decision.obligations.is_some(), allowed.is_some());
        decision.obligations.map(|obligations| obligations.until)
    }

    async fn jump(&self) -> JumpSession {
        let mut session = self.alice.jump("web-1").await.unwrap();
        works(&mut session).await;
        session
    }

    /// The reason with which the stream was cut and the session was stored.
    async fn ended(&self, session: &mut JumpSession) -> EndReason {
        let mut rest = Vec::new();
        let read = session.stream.read_to_end(&mut rest);
        let read = tokio::time::timeout(Duration::from_secs(20), read).await;
        read.expect("it must stop").expect_err("with a reason");
        let id: SessionId = session.grant.session();
        let over = || !self.site.broker.live_sessions().contains(&id);
        self.site.until("the session is over", over).await.unwrap();
        match self.site.store.session(id).await.unwrap().unwrap().state {
            SessionState::Ended { reason, .. } => reason,
            SessionState::Active => panic!("it is active"),
        }
    }
}

async fn works(session: &mut JumpSession) {
    session.stream.write_all(b"ping").await.unwrap();
    session.stream.flush().await.unwrap();
    let mut back = [0; 4];
    session.stream.read_exact(&mut back).await.unwrap();
}

async fn news(session: &mut JumpSession) -> SessionNews {
    let next = tokio::time::timeout(Duration::from_secs(20), session.events.next());
    next.await.expect("there is news").unwrap().expect("it goes on")
}

async fn warning(session: &mut JumpSession) -> SessionEnding {
    match news(session).await {
        SessionNews::Ending(ending) => ending,
        other => panic!("{other:?}"),
    }
}

/// Nothing was said until now: what the broker says comes before the answer to what it is asked later.
async fn nothing_was_said(scene: &Scene, session: &mut JumpSession) {
    scene.alice.items().await.unwrap();
    let next = std::pin::pin!(session.events.next());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(next.poll(&mut context).is_pending());
}

/// Open until that moment, from two hours before it; schedules know whole minutes.
fn open_until(until: Timestamp) -> Schedule {
    let moment = |at: Timestamp| {
        let text = at.to_string();
        let days = (at.as_second().div_euclid(86_400) + 3).rem_euclid(7);
        (u8::try_from(days).unwrap(), text[11..16].to_owned())
    };
    let ((start_day, start_time), (end_day, end_time)) = (moment(until - mins(120)), moment(until));
    let entry = ScheduleEntry::new(start_day, &start_time, end_day, &end_time).unwrap();
    Schedule::new("UTC", vec![entry]).unwrap()
}

/// The whole minute that is at least this far away.
fn in_minutes(minutes: i64) -> Timestamp {
    let at = Timestamp::now() + mins(minutes + 1);
    Timestamp::from_second(at.as_second().div_euclid(60) * 60).unwrap()
}

fn by_schedule() -> EndingRule {
    EndingRule::Schedule {
        policy: Name::new("care").unwrap(),
    }
}

#[tokio::test]
async fn a_strict_schedules_end_is_announced_from_a_quarter_of_an_hour_before_and_again() {
    let end = in_minutes(40);
    let scene = scene(|policy| policy.schedule = Some(open_until(end))).await;
    let mut session = scene.jump().await;
    for (left, mark) in [
        (900, 900),
        (600, 600),
        (299, 300),
        (119, 120),
        (59, 60),
        (29, 30),
        (9, 10),
    ] {
        scene.clock.leave(secs(left), end);
        let told = warning(&mut session).await;
        assert_eq!((told.session, told.at), (session.grant.session(), end));
        assert_eq!(told.rule, by_schedule());
        let seconds = i64::from(told.seconds_left);
        assert!(
            seconds <= left && seconds > left - 20 && seconds <= mark,
            "{told:?}"
        );
    }
    scene.clock.show(end);
    let reason = scene.ended(&mut session).await;
    assert!(
        matches!(reason, EndReason::Expired | EndReason::AccessRevoked(_)),
        "{reason:?}"
    );
    // The end is the last of the news.
    assert!(matches!(news(&mut session).await, SessionNews::Ended(_)));
    assert_eq!(session.events.next().await.unwrap(), None);
}

#[tokio::test]
async fn an_edit_that_moves_the_end_is_told_at_once_and_an_advisory_schedule_announces_nothing() {
    let scene = scene(|_| {}).await;
    let mut session = scene.jump().await;
    let soon = in_minutes(5);
    // Advisory: it ends nothing, so nothing is said.
    scene
        .edit_policy(|policy| {
            policy.schedule = Some(open_until(soon));
            policy.schedule_strict = false;
        })
        .await;
    nothing_was_said(&scene, &mut session).await;
    scene.edit_policy(|policy| policy.schedule_strict = true).await;
    let told = warning(&mut session).await;
    assert_eq!((told.at, told.rule), (soon, by_schedule()));
    let later = in_minutes(9);
    scene
        .edit_policy(|policy| policy.schedule = Some(open_until(later)))
        .await;
    assert_eq!(warning(&mut session).await.at, later);
    // Far away now, and still worth a word to who was told that it is near.
    let far = in_minutes(90);
    scene
        .edit_policy(|policy| policy.schedule = Some(open_until(far)))
        .await;
    let told = warning(&mut session).await;
    assert!(told.at == far && told.seconds_left > 3600, "{told:?}");
    // The shortest limit counts, and the reason is its own.
    scene
        .edit_policy(|policy| policy.max_duration_seconds = Some(600))
        .await;
    let told = warning(&mut session).await;
    assert_eq!(told.rule, EndingRule::Duration);
    assert!(told.at <= Timestamp::now() + mins(10));
    works(&mut session).await;
}

#[tokio::test]
async fn s10_the_end_of_the_longest_duration_is_announced_and_ends_the_session() {
    let scene = scene(|policy| policy.max_duration_seconds = Some(3600)).await;
    let mut session = scene.jump().await;
    let end = session.grant.until();
    scene.clock.leave(secs(59), end);
    let told = warning(&mut session).await;
    assert_eq!((told.at, told.rule), (end, EndingRule::Duration));
    scene.clock.show(end);
    assert_eq!(scene.ended(&mut session).await, EndReason::Expired);
}

#[tokio::test]
async fn s10_the_end_of_an_approval_is_announced_and_ends_the_session() {
    let scene = scene(|_| {}).await;
    scene.require_approval().await;
    let (_, end) = scene.approved_for(3600).await;
    let mut session = scene.jump().await;
    scene.clock.leave(mins(5), end);
    let told = warning(&mut session).await;
    let policy = Name::new("care").unwrap();
    assert_eq!((told.at, told.rule), (end, EndingRule::Approval { policy }));
    scene.clock.show(end);
    let reason = scene.ended(&mut session).await;
    assert!(
        matches!(reason, EndReason::Expired | EndReason::AccessRevoked(_)),
        "{reason:?}"
    );
}

/// Lets alice's login expire at this moment.
async fn expire(scene: &Scene, expires: Timestamp) {
    let world = scene.site.broker.world();
    let alice = world.user_named("alice").unwrap().id;
    let login = world.logins().find(|login| login.user == alice).unwrap();
    let login = Login {
        expires: Some(expires),
        ..Login::clone(login)
    };
    scene.change(vec![Change::PutLogin(login)]).await;
}

#[tokio::test]
async fn s10_v06_a_logins_expiry_is_announced_and_ends_its_live_session() {
    let scene = scene(|_| {}).await;
    let mut session = scene.jump().await;
    let end = in_minutes(30);
    expire(&scene, end).await;
    scene.clock.leave(mins(2), end);
    let told = warning(&mut session).await;
    assert_eq!((told.at, told.rule), (end, EndingRule::Login));
    scene.clock.show(end);
    let reason = scene.ended(&mut session).await;
    assert_eq!(reason, EndReason::AccessRevoked("the login is expired".into()));
    // And the connection with it.
    let closed = tokio::time::timeout(Duration::from_secs(20), scene.alice.disconnected());
    assert_eq!(
        closed.await.unwrap().kind(),
        jump_core::ErrorKind::Unauthenticated
    );
}

#[tokio::test]
async fn f19_a_clock_that_is_set_back_ends_nothing_and_warns_again() {
    let scene = scene(|policy| policy.max_duration_seconds = Some(7200)).await;
    let mut session = scene.jump().await;
    let end = session.grant.until();
    scene.clock.leave(mins(5), end);
    assert_eq!(warning(&mut session).await.at, end);
    // An hour back; an edit makes the broker look.
    scene.clock.leave(mins(65), end);
    scene.edit_policy(|policy| policy.reason_required = true).await;
    works(&mut session).await;
    // An hour ahead again: said again. Had it ended meanwhile, this were its end.
    scene.clock.leave(mins(4), end);
    let told = warning(&mut session).await;
    assert!(told.at == end && told.seconds_left <= 240, "{told:?}");
    works(&mut session).await;
    // A day back: before the session began.
    scene.clock.leave(mins(25 * 60), end);
    scene.edit_policy(|policy| policy.reason_required = false).await;
    works(&mut session).await;
    scene.clock.show(end + mins(60));
    assert_eq!(scene.ended(&mut session).await, EndReason::Expired);
}

#[tokio::test]
async fn f19_a_window_ends_by_the_wall_clock_when_summer_time_begins_and_after_2038() {
    // Vienna, 2039-03-27: the clocks go from 02:00 to 03:00, so 03:30 there is 01:30 UTC; in winter it were 02:30.
    let night = Schedule::new(
        "Europe/Vienna",
        vec![ScheduleEntry::new(6, "00:00", 6, "03:30").unwrap()],
    )
    .unwrap();
    let end: Timestamp = "2039-03-27T01:30:00Z".parse().unwrap();
    let scene = scene(|_| {}).await;
    let mut session = scene.jump().await;
    // Twelve years on a session is long over; it gets the time by limits that are as long.
    let reason = {
        scene.clock.show(end - mins(60));
        scene.ended(&mut session).await
    };
    assert_eq!(reason, EndReason::Expired);
    scene.edit_policy(|policy| policy.schedule = Some(night)).await;
    assert_eq!(scene.open_at(end - secs(1)), Some(end), "it is open");
    assert_eq!(scene.open_at(end), None, "it is closed");
}

#[tokio::test]
async fn f19_a_clock_that_is_set_makes_an_approval_neither_longer_nor_earlier_nor_whole_again() {
    let scene = scene(|_| {}).await;
    scene.require_approval().await;
    let (asked, end) = scene.approved_for(3600).await;
    let start = asked.start;
    let mut session = scene.jump().await;
    // Ahead and back within its time: nothing ends, and it ends when it was to end.
    for minute in [50, 10] {
        scene.clock.show(start + mins(minute));
        scene
            .edit_policy(|policy| policy.max_duration_seconds = Some(86_400))
            .await;
        works(&mut session).await;
        assert_eq!(scene.open_at(start + mins(minute)), Some(end));
    }
    scene.clock.show(end + mins(60));
    let reason = scene.ended(&mut session).await;
    assert!(
        matches!(reason, EndReason::Expired | EndReason::AccessRevoked(_)),
        "{reason:?}"
    );
    // Back: it is what it was, and is not answered again.
    scene.clock.show(start + mins(20));
    assert_eq!(scene.open_at(start + mins(20)), Some(end));
    let answer = RepRequest::AnswerApproval {
        request: asked.id,
        answer: ApprovalAnswer::Approve,
        comments: Remark::default(),
    };
    scene.clock.show(Timestamp::now());
    let bob = scene.site.login("bob", Registry::new()).await.unwrap();
    assert_eq!(bob.request(answer).await.unwrap_err().kind(), ErrorKind::Conflict);
    // Before its time it lets nobody in, nor keeps anybody in.
    let mut session = scene.jump().await;
    assert_eq!(scene.open_at(start - secs(1)), None);
    scene.clock.show(start - mins(60));
    scene
        .edit_policy(|policy| policy.max_duration_seconds = Some(80_000))
        .await;
    let reason = scene.ended(&mut session).await;
    assert!(matches!(reason, EndReason::AccessRevoked(_)), "{reason:?}");
    // A clock that is two days ahead for a while: what was over by it is forgotten, and stays so.
    scene.clock.show(end + mins(48 * 60));
    scene.ask_for(600).await;
    scene.clock.show(start + mins(20));
    assert_eq!(scene.open_at(start + mins(20)), None);
}
