//! Jump Policies on a running site: what they ask for is asked for, and what they end stops.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jump_core::audit::{AuditKind, FactorNote};
use jump_core::broker::{FactorFolder, TicketChecker, TicketQuestion, Totp};
use jump_core::control::{
    ApprovalAnswer, ApprovalView, Edit, FactorAnswer, FactorRequest, RepRequest, Response,
};
use jump_core::id::{PolicyId, SessionId, UserId};
use jump_core::keys::SigningKey;
use jump_core::model::{
    Approval, ApprovalScope, ApprovalState, Change, Field, JumpItem, JumpPolicy, LoginScope, Name, Remark,
    Schedule, ScheduleEntry, SimultaneousJumps,
};
use jump_core::protocol::Registry;
use jump_core::rep::{JumpOptions, JumpSession, LoginIdentity, Rep};
use jump_core::secret::Secret;
use jump_core::session::{EndReason, RecordingMode};
use jump_core::store::SessionState;
use jump_core::time::{Clock, SignedDuration, Timestamp};
use jump_core::{Error, ErrorKind, Result};
use jump_testkit::echo::EchoBackend;
use jump_testkit::running_site::{RunningSite, SiteOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn policy_id() -> PolicyId {
    PolicyId::new(1).unwrap()
}

fn options() -> SiteOptions {
    SiteOptions::new(Registry::new().with(Arc::new(EchoBackend("ssh"))))
}

/// Alice and Bob may start sessions on `web-1`, under the policy that `edit` makes; Carol administers the site.
async fn site(options: SiteOptions, edit: impl FnOnce(&mut JumpPolicy)) -> RunningSite {
    let site = RunningSite::start(options).await.unwrap();
    for name in ["alice", "bob"] {
        site.add_user(name, Some("Start Sessions Only"), false)
            .await
            .unwrap();
    }
    site.add_user("carol", None, true).await.unwrap();
    site.add_shell("web-1", "127.0.0.1:9".parse().unwrap(), RecordingMode::Off)
        .await
        .unwrap();
    let mut policy = JumpPolicy::new(policy_id(), Name::new("care").unwrap());
    edit(&mut policy);
    let item = JumpItem::clone(site.broker.world().items().next().unwrap());
    change(
        &site,
        vec![
            Change::PutPolicy(policy),
            Change::PutItem(JumpItem {
                jump_policy: Some(policy_id()),
                ..item
            }),
        ],
    )
    .await;
    site
}

async fn change(site: &RunningSite, changes: Vec<Change>) {
    let dry_run = false;
    site.edit(Edit::Change { changes, dry_run }).await.unwrap();
}

async fn edit_policy(site: &RunningSite, edit: impl FnOnce(&mut JumpPolicy)) {
    let mut policy = JumpPolicy::clone(site.broker.world().policy(policy_id()).unwrap());
    edit(&mut policy);
    change(site, vec![Change::PutPolicy(policy)]).await;
}

fn user(site: &RunningSite, name: &str) -> UserId {
    site.broker.world().user_named(name).unwrap().id
}

async fn login(site: &RunningSite, name: &str) -> Rep {
    site.login(name, Registry::new()).await.unwrap()
}

fn giving(edit: impl FnOnce(&mut JumpOptions)) -> JumpOptions {
    let mut options = JumpOptions::default();
    edit(&mut options);
    options
}

async fn jump(rep: &Rep, options: &JumpOptions) -> Result<JumpSession> {
    rep.jump_with("web-1", options).await
}

/// The answer to a jump that must be refused.
async fn refused(rep: &Rep, options: &JumpOptions) -> String {
    let error = jump(rep, options).await.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    without_operation(&error)
}

/// What the broker said, without what it was doing.
fn without_operation(error: &Error) -> String {
    let (_, rest) = error.context().split_once(": ").unwrap();
    rest.to_owned()
}

async fn works(session: &mut JumpSession) {
    session.stream.write_all(b"ping").await.unwrap();
    session.stream.flush().await.unwrap();
    let mut back = [0; 4];
    session.stream.read_exact(&mut back).await.unwrap();
}

/// Waits until the stream failed and gives the reason that was stored.
async fn ended(site: &RunningSite, session: &mut JumpSession) -> EndReason {
    let mut rest = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), session.stream.read_to_end(&mut rest));
    read.await
        .expect("it must stop")
        .expect_err("it must fail with a reason");
    let id: SessionId = session.grant.session();
    site.until("the session is over", || {
        !site.broker.live_sessions().contains(&id)
    })
    .await
    .unwrap();
    match site.store.session(id).await.unwrap().unwrap().state {
        SessionState::Ended { reason, .. } => reason,
        SessionState::Active => panic!("it is active"),
    }
}

#[tokio::test]
async fn a_reason_is_asked_for_and_logged() {
    let site = site(options(), |policy| policy.reason_required = true).await;
    let alice = login(&site, "alice").await;
    assert_eq!(
        refused(&alice, &giving(|_| {})).await,
        "jump policy \"care\" asks for a reason"
    );
    let blank = giving(|options| options.supplied.reason = Remark::new("  \t").unwrap());
    refused(&alice, &blank).await;
    let told = giving(|options| options.supplied.reason = Remark::new("disk full").unwrap());
    works(&mut jump(&alice, &told).await.unwrap()).await;
    let logged = site.audit.events().iter().any(|event| {
        matches!(&event.kind, AuditKind::SessionGranted { reason: Some(reason), .. } if reason == "disk full")
    });
    assert!(logged);
}

#[derive(Debug)]
struct Tickets;

#[async_trait]
impl TicketChecker for Tickets {
    async fn check(&self, question: TicketQuestion<'_>) -> Result<bool> {
        match question.ticket {
            "INC-7" => Ok(question.user_name == "alice" && question.item.name.as_str() == "web-1"),
            "broken" => Err(Error::new(ErrorKind::Unavailable, "ask", "no")),
            "slow" => std::future::pending().await,
            _ => Ok(false),
        }
    }
}

#[tokio::test]
async fn a_ticket_counts_only_if_the_ticket_system_says_so_in_time() {
    let mut with_tickets = options();
    with_tickets.tickets = Some(Arc::new(Tickets));
    let site = site(with_tickets, |policy| policy.ticket_id_required = true).await;
    let alice = login(&site, "alice").await;
    let ticket = |text: &str| giving(|options| options.supplied.ticket = Some(Field::new(text).unwrap()));
    for no in ["INC-8", "broken"] {
        let why = refused(&alice, &ticket(no)).await;
        assert_eq!(why, "jump policy \"care\" asks for a ticket id", "{no}");
    }
    refused(&alice, &giving(|_| {})).await;
    refused(&login(&site, "bob").await, &ticket("INC-7")).await;
    works(&mut jump(&alice, &ticket("INC-7")).await.unwrap()).await;
    tokio::time::pause();
    refused(&alice, &ticket("slow")).await;
}

#[tokio::test]
async fn a_required_ticket_without_a_ticket_system_and_a_factor_without_a_checker_let_nobody_in() {
    let site = site(options(), |policy| policy.ticket_id_required = true).await;
    let alice = login(&site, "alice").await;
    let everything = giving(|options| {
        options.supplied.ticket = Some(Field::new("INC-7").unwrap());
        options.supplied.code = Some(Field::new("123456").unwrap());
    });
    refused(&alice, &everything).await;
    edit_policy(&site, |policy| {
        policy.ticket_id_required = false;
        policy.two_factor_challenge_required = true;
    })
    .await;
    refused(&alice, &everything).await;
}

#[tokio::test]
async fn a_second_factor_opens_one_session() {
    let totp = Arc::new(Totp::default());
    let mut with_factor = options();
    with_factor.second_factor = Some(totp.clone());
    let site = site(with_factor, |policy| policy.two_factor_challenge_required = true).await;
    let secret = Secret::new(b"12345678901234567890".to_vec());
    totp.enrol(user(&site, "alice"), secret, Timestamp::now())
        .await
        .unwrap();
    let alice = login(&site, "alice").await;
    let wrong = giving(|options| options.supplied.code = Some(Field::new("not a code").unwrap()));
    assert_eq!(
        refused(&alice, &wrong).await,
        "jump policy \"care\" asks for a second factor"
    );
    refused(&alice, &giving(|_| {})).await;
    let right = giving(|options| {
        let code = code_now(b"12345678901234567890");
        options.supplied.code = Some(Field::new(code).unwrap());
    });
    works(&mut jump(&alice, &right).await.unwrap()).await;
    // Used once; and it was alice's.
    refused(&alice, &right).await;
    refused(&login(&site, "bob").await, &right).await;
}

/// RFC 6238, apart from ours.
fn code_now(secret: &[u8]) -> String {
    let step = u64::try_from(Timestamp::now().as_second()).unwrap() / 30;
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = ring::hmac::sign(&key, &step.to_be_bytes());
    let at = usize::from(tag.as_ref()[19] & 15);
    let word = u32::from_be_bytes(tag.as_ref()[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", word % 1_000_000)
}

#[tokio::test]
async fn of_two_that_start_at_once_where_one_may_one_does() {
    let site = site(options(), |policy| {
        policy.simultaneous_jumps = SimultaneousJumps::Disallow
    })
    .await;
    let (alice, bob) = (login(&site, "alice").await, login(&site, "bob").await);
    for _ in 0..10 {
        let none = JumpOptions::default();
        let (first, second) = tokio::join!(jump(&alice, &none), jump(&bob, &none));
        assert_ne!(first.is_ok(), second.is_ok());
        let started: Vec<SessionId> = site.broker.live_sessions();
        assert!(started.len() <= 1);
        drop((first, second));
        site.until("both are over", || site.broker.live_sessions().is_empty())
            .await
            .unwrap();
    }
    // And one after the other, too.
    let _running = jump(&alice, &JumpOptions::default()).await.unwrap();
    let why = refused(&bob, &JumpOptions::default()).await;
    assert_eq!(
        why,
        "there is a session on the item, and jump policy \"care\" allows one at a time"
    );
}

/// Open from an hour ago until `until`, on today's and the neighbouring days of the week.
fn open_until(until: Timestamp) -> Schedule {
    let start = until - SignedDuration::from_hours(2);
    let moment = |at: Timestamp| {
        let text = at.to_string();
        let days = (at.as_second().div_euclid(86_400) + 3).rem_euclid(7);
        (u8::try_from(days).unwrap(), text[11..16].to_owned())
    };
    let ((start_day, start_time), (end_day, end_time)) = (moment(start), moment(until));
    let entry = ScheduleEntry::new(start_day, &start_time, end_day, &end_time).unwrap();
    Schedule::new("UTC", vec![entry]).unwrap()
}

#[derive(Debug)]
struct Shifted(Mutex<SignedDuration>);

impl Clock for Shifted {
    fn now(&self) -> Timestamp {
        Timestamp::now() + *self.0.lock().unwrap()
    }
}

#[tokio::test]
async fn s10_the_end_of_a_strict_schedules_window_ends_the_session() {
    let clock = Arc::new(Shifted(Mutex::new(SignedDuration::ZERO)));
    let mut shifted = options();
    shifted.clock = clock.clone();
    let end = Timestamp::now() + SignedDuration::from_mins(61);
    let site = site(shifted, |policy| policy.schedule = Some(open_until(end))).await;
    let alice = login(&site, "alice").await;
    let mut session = jump(&alice, &JumpOptions::default()).await.unwrap();
    works(&mut session).await;
    *clock.0.lock().unwrap() = SignedDuration::from_mins(62);
    let reason = ended(&site, &mut session).await;
    assert!(
        matches!(reason, EndReason::Expired | EndReason::AccessRevoked(_)),
        "{reason:?}"
    );
    let why = refused(&alice, &JumpOptions::default()).await;
    assert!(
        why.starts_with("the schedule of jump policy \"care\" is closed and opens at "),
        "{why}"
    );
}

#[tokio::test]
async fn s10_a_schedule_that_is_changed_ends_the_session_at_once_or_at_its_new_end() {
    let site = site(options(), |_| {}).await;
    let alice = login(&site, "alice").await;
    let mut session = jump(&alice, &JumpOptions::default()).await.unwrap();
    works(&mut session).await;
    // A change that alters nothing about this session leaves it alone.
    edit_policy(&site, |policy| policy.reason_required = true).await;
    let end = Timestamp::now() + SignedDuration::from_mins(61);
    edit_policy(&site, |policy| policy.schedule = Some(open_until(end))).await;
    works(&mut session).await;
    let over = Timestamp::now() - SignedDuration::from_mins(61);
    edit_policy(&site, |policy| policy.schedule = Some(open_until(over))).await;
    let reason = ended(&site, &mut session).await;
    assert!(
        matches!(&reason, EndReason::AccessRevoked(why) if why.contains("is closed")),
        "{reason:?}"
    );
}

async fn approvals(rep: &Rep, request: RepRequest) -> Result<Vec<ApprovalView>> {
    match rep.request(request).await? {
        Response::Approvals(found) => Ok(found),
        other => panic!("{other:?}"),
    }
}

fn ask() -> RepRequest {
    RepRequest::RequestApproval {
        item: "web-1".into(),
        start: None,
        duration_seconds: Some(600),
        reason: Remark::new("patch").unwrap(),
    }
}

fn list() -> RepRequest {
    RepRequest::Approvals { state: None }
}

fn answer(view: &ApprovalView, answer: ApprovalAnswer) -> RepRequest {
    RepRequest::AnswerApproval {
        request: view.id,
        answer,
        comments: Remark::new("ok").unwrap(),
    }
}

#[tokio::test]
async fn s10_an_approval_lets_in_and_ends_the_session_when_it_is_taken_back() {
    let site = site(options(), |_| {}).await;
    let bob_id = user(&site, "bob");
    edit_policy(&site, |policy| {
        policy.approval = Some(Approval {
            max_duration_minutes: 60,
            scope: ApprovalScope::Requestor,
            approvers: BTreeSet::from([bob_id]),
            approver_teams: BTreeSet::new(),
            email_addresses: Vec::new(),
            self_approval: false,
        });
    })
    .await;
    let (alice, bob, carol) = (
        login(&site, "alice").await,
        login(&site, "bob").await,
        login(&site, "carol").await,
    );
    assert_eq!(
        refused(&alice, &JumpOptions::default()).await,
        "jump policy \"care\" asks for an approval: request one"
    );
    let request = approvals(&alice, ask()).await.unwrap().remove(0);
    assert_eq!(
        (request.state, request.requester.as_str()),
        (ApprovalState::Pending, "alice")
    );
    // Whom the policy does not name does not answer, not even oneself or an administrator.
    for rep in [&alice, &carol] {
        let error = approvals(rep, answer(&request, ApprovalAnswer::Approve))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
    }
    refused(&alice, &JumpOptions::default()).await;
    assert_eq!(
        approvals(&bob, list()).await.unwrap(),
        std::slice::from_ref(&request)
    );
    approvals(&bob, answer(&request, ApprovalAnswer::Approve))
        .await
        .unwrap();
    let mut session = jump(&alice, &JumpOptions::default()).await.unwrap();
    works(&mut session).await;
    refused(&bob, &JumpOptions::default()).await;
    let again = approvals(&bob, answer(&request, ApprovalAnswer::Deny))
        .await
        .unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Conflict);
    approvals(&bob, answer(&request, ApprovalAnswer::Revoke))
        .await
        .unwrap();
    let reason = ended(&site, &mut session).await;
    assert!(matches!(reason, EndReason::AccessRevoked(_)), "{reason:?}");
    refused(&alice, &JumpOptions::default()).await;
}

#[tokio::test]
async fn v19_requests_are_seen_by_who_asked_and_who_may_answer() {
    let site = site(options(), |_| {}).await;
    let bob_id = user(&site, "bob");
    edit_policy(&site, |policy| {
        policy.approval = Some(Approval {
            max_duration_minutes: 5,
            scope: ApprovalScope::Requestor,
            approvers: BTreeSet::from([bob_id]),
            approver_teams: BTreeSet::new(),
            email_addresses: Vec::new(),
            self_approval: true,
        });
    })
    .await;
    site.add_user("dave", Some("Start Sessions Only"), false)
        .await
        .unwrap();
    let (alice, dave) = (login(&site, "alice").await, login(&site, "dave").await);
    let too_long = approvals(&alice, ask()).await.unwrap_err();
    assert_eq!(without_operation(&too_long), "at most 5 minutes can be approved");
    let short = RepRequest::RequestApproval {
        item: "web-1".into(),
        start: None,
        duration_seconds: None,
        reason: Remark::default(),
    };
    let request = approvals(&alice, short.clone()).await.unwrap().remove(0);
    assert_eq!(
        request.end.duration_since(request.start),
        SignedDuration::from_mins(5)
    );
    assert!(approvals(&dave, list()).await.unwrap().is_empty());
    let foreign = approvals(&dave, answer(&request, ApprovalAnswer::Approve))
        .await
        .unwrap_err();
    let mut unknown = request.clone();
    unknown.id = jump_core::id::ApprovalId::new(999).unwrap();
    let nothing = approvals(&dave, answer(&unknown, ApprovalAnswer::Approve))
        .await
        .unwrap_err();
    assert_eq!(
        (foreign.kind(), foreign.to_string()),
        (nothing.kind(), nothing.to_string())
    );
    approvals(&alice, answer(&request, ApprovalAnswer::Cancel))
        .await
        .unwrap();
    assert_eq!(
        approvals(&alice, list()).await.unwrap()[0].state,
        ApprovalState::Cancelled
    );
    // Where the policy says so, who is named approves its own.
    let bob = login(&site, "bob").await;
    let own = approvals(&bob, short).await.unwrap().remove(0);
    approvals(&bob, answer(&own, ApprovalAnswer::Approve))
        .await
        .unwrap();
    works(&mut jump(&bob, &JumpOptions::default()).await.unwrap()).await;
}

#[tokio::test]
async fn changes_as_they_are_take_an_administrator_and_are_made_all_or_none() {
    let site = site(options(), |_| {}).await;
    let policy = |id: u32, name: &str| {
        Change::PutPolicy(JumpPolicy::new(
            PolicyId::new(id).unwrap(),
            Name::new(name).unwrap(),
        ))
    };
    let edit = |changes: Vec<Change>, dry_run| RepRequest::Edit(Edit::Change { changes, dry_run });
    let alice = login(&site, "alice").await;
    let error = alice
        .request(edit(vec![policy(2, "two")], true))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert_eq!(
        alice.request(RepRequest::Site).await.unwrap_err().kind(),
        ErrorKind::Denied
    );
    let carol = login(&site, "carol").await;
    let before = site.broker.world().revision();
    carol.request(edit(vec![policy(2, "two")], true)).await.unwrap();
    let half = carol
        .request(edit(vec![policy(2, "two"), policy(3, "Two")], false))
        .await
        .unwrap_err();
    assert_eq!(half.kind(), ErrorKind::Conflict);
    assert_eq!(site.broker.world().revision(), before);
    carol.request(edit(vec![policy(2, "two")], false)).await.unwrap();
    // What is shown makes the same site again.
    let Response::Site(shown) = carol.request(RepRequest::Site).await.unwrap() else {
        panic!("no site");
    };
    assert!(shown.contains(&policy(2, "two")));
    carol.request(edit(shown.clone(), false)).await.unwrap();
    let Response::Site(again) = carol.request(RepRequest::Site).await.unwrap() else {
        panic!("no site");
    };
    assert_eq!(shown, again);
}

async fn factor(rep: &Rep, request: FactorRequest) -> Result<Response> {
    rep.request(RepRequest::SecondFactor(request)).await
}

/// Begins an enrolment; gives the secret as an application reads it.
async fn enrol_factor(rep: &Rep) -> Vec<u8> {
    let begun = factor(rep, FactorRequest::Begin { code: None }).await.unwrap();
    let Response::SecondFactor(FactorAnswer::Begun(address)) = begun else {
        panic!("{begun:?}");
    };
    assert!(!format!("{address:?}").contains("otpauth"));
    let text = address.expose();
    let (_, secret) = text.split_once("?secret=").unwrap();
    let (secret, _) = secret.split_once('&').unwrap();
    data_encoding::BASE32_NOPAD.decode(secret.as_bytes()).unwrap()
}

#[tokio::test]
async fn s34_a_user_enrols_a_second_factor_and_only_with_it_or_an_administrator_another() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(FactorFolder::new(folder.path()));
    let mut with_factor = options();
    with_factor.totp = Some(Arc::new(Totp::kept(store, SigningKey::generate().unwrap())));
    let site = site(with_factor, |policy| policy.two_factor_challenge_required = true).await;
    let alice = login(&site, "alice").await;
    let secret = enrol_factor(&alice).await;
    let with_code = |secret: &[u8]| {
        let code = Field::new(code_now(secret)).unwrap();
        giving(|options| options.supplied.code = Some(code))
    };
    // Not before it is confirmed.
    refused(&alice, &with_code(&secret)).await;
    let wrong = Field::new("000000x").unwrap();
    let error = factor(&alice, FactorRequest::Confirm { code: wrong })
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    let code = Field::new(code_now(&secret)).unwrap();
    factor(&alice, FactorRequest::Confirm { code }).await.unwrap();
    // What confirmed it is used up; whoever has the device alone makes no other one.
    refused(&alice, &with_code(&secret)).await;
    let error = factor(&alice, FactorRequest::Begin { code: None })
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    let status = factor(&alice, FactorRequest::Status).await.unwrap();
    assert!(matches!(
        status,
        Response::SecondFactor(FactorAnswer::Since(Some(_)))
    ));

    // A login for sessions does not touch it, nor does another user.
    let invitation = site.invite("alice", LoginScope::Sessions).await.unwrap();
    let identity = LoginIdentity::generate().unwrap();
    let label = Name::new("phone").unwrap();
    jump_core::rep::enrol(&*site.transport, &invitation, &identity, label)
        .await
        .unwrap();
    let phone = site.connect(identity, Registry::new()).await.unwrap();
    let reset = || FactorRequest::Reset {
        user: jump_core::model::UserName::new("alice").unwrap(),
    };
    for (rep, request) in [
        (&phone, FactorRequest::Begin { code: None }),
        (&phone, FactorRequest::Status),
        (&login(&site, "bob").await, reset()),
        (&alice, reset()),
    ] {
        let error = factor(rep, request).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
    }
    // An administrator resets it, and that is logged.
    let carol = login(&site, "carol").await;
    factor(&carol, reset()).await.unwrap();
    let status = factor(&alice, FactorRequest::Status).await.unwrap();
    assert!(matches!(
        status,
        Response::SecondFactor(FactorAnswer::Since(None))
    ));
    let notes: Vec<FactorNote> = site
        .audit
        .events()
        .into_iter()
        .filter_map(|event| match event.kind {
            AuditKind::SecondFactorChanged(note) => Some(note),
            _ => None,
        })
        .collect();
    assert_eq!(notes[..2], [FactorNote::EnrolmentBegun, FactorNote::Enrolled]);
    assert!(matches!(notes.last(), Some(FactorNote::Reset { .. })));
    let log = format!("{:?}", site.audit.events());
    assert!(!log.contains(&data_encoding::BASE32_NOPAD.encode(&secret)));

    // Enrolled again, it opens a session, and goes with the user.
    let secret = enrol_factor(&alice).await;
    let code = Field::new(code_now(&secret)).unwrap();
    factor(&alice, FactorRequest::Confirm { code }).await.unwrap();
    let file = folder.path().join(format!("{}.factor", user(&site, "alice")));
    assert!(file.exists());
    site.edit(Edit::RemoveUser {
        name: jump_core::model::UserName::new("alice").unwrap(),
    })
    .await
    .unwrap();
    site.until("it is forgotten", || !file.exists()).await.unwrap();
}
