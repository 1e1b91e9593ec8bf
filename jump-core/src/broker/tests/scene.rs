//! A broker with one user, one item and one Jumpoint, whose store and log fail or wait when they are told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{mpsc, watch};

use super::super::caller::Caller;
use super::super::jumpoint_link::JumpointLink;
use super::super::reporter::Reporter;
use super::super::{Broker, BrokerBuilder, jump, lock};
use crate::access::Facts;
use crate::audit::{
    Actor, AuditEvent, AuditKind, AuditLog, LogPage, LogPosition, MemoryAuditLog, ReadLimits,
};
use crate::control::{
    Connection, Edit, FrameDecoder, Handler, Heartbeat, Jumped, MAX_FRAME, Notice, RepRequest, Request,
    Response,
};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{GroupId, ItemId, JumpointId, LoginId, SessionId, UserId};
use crate::keys::{PublicKey, SigningKey};
use crate::model::{
    Change, Hostname, ItemDetails, JumpGroup, JumpItem, JumpMethods, Jumpoint, Login, LoginScope, Membership,
    Name, Placement, Revision, Role, ShellJump, User, UserName, World,
};
use crate::session::RecordingMode;
use crate::store::{
    EnrolmentToken, IdKind, ItemPage, ItemQuery, MemoryStore, SessionRecord, Store, TokenHash,
};
use crate::time::{ManualClock, Timestamp};

fn broken() -> Error {
    Error::new(ErrorKind::Storage, "store in a test", "the disk is full")
}

/// How the store says at which revision it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answers {
    AtOnce,
    After(Duration),
    Fails,
}

/// A store in memory that fails or waits when it is told to.
#[derive(Debug)]
pub(super) struct MoodyStore {
    inner: MemoryStore,
    /// Refuses session records.
    pub(super) refuses_sessions: AtomicBool,
    /// Lets session records pass.
    pub(super) sessions_pass: watch::Sender<bool>,
    /// How it says its revision.
    pub(super) answers: watch::Sender<Answers>,
    /// Makes a change and reports that it failed.
    pub(super) fails_after_commit: AtomicBool,
    /// Lets commits pass.
    pub(super) commits_pass: watch::Sender<bool>,
    /// How many commits have begun.
    pub(super) commits_begun: watch::Sender<u32>,
}

#[async_trait]
impl Store for MoodyStore {
    async fn load(&self) -> Result<World> {
        self.inner.load().await
    }

    async fn revision(&self) -> Result<Revision> {
        let answers = *self.answers.borrow();
        match answers {
            Answers::AtOnce => {}
            Answers::After(time) => tokio::time::sleep(time).await,
            Answers::Fails => return Err(broken()),
        }
        self.inner.revision().await
    }

    async fn items(&self, query: &ItemQuery) -> Result<ItemPage> {
        self.inner.items(query).await
    }

    async fn facts(&self, user: UserId, items: &[ItemId]) -> Result<Facts> {
        self.inner.facts(user, items).await
    }

    async fn commit(&self, expected: Revision, changes: &[Change]) -> Result<Revision> {
        let revision = self.inner.commit(expected, changes).await?;
        self.commits_begun.send_modify(|begun| *begun += 1);
        let _ = self.commits_pass.subscribe().wait_for(|pass| *pass).await;
        if self.fails_after_commit.swap(false, Ordering::Relaxed) {
            return Err(broken());
        }
        Ok(revision)
    }

    async fn next_id(&self, kind: IdKind) -> Result<u32> {
        self.inner.next_id(kind).await
    }

    async fn put_token(&self, token: &EnrolmentToken) -> Result<()> {
        self.inner.put_token(token).await
    }

    async fn redeem_token(&self, hash: &TokenHash, now: Timestamp) -> Result<EnrolmentToken> {
        self.inner.redeem_token(hash, now).await
    }

    async fn put_session(&self, session: &SessionRecord) -> Result<()> {
        if self.refuses_sessions.load(Ordering::Relaxed) {
            return Err(broken());
        }
        let _ = self.sessions_pass.subscribe().wait_for(|pass| *pass).await;
        self.inner.put_session(session).await
    }

    async fn session(&self, id: SessionId) -> Result<Option<SessionRecord>> {
        self.inner.session(id).await
    }

    async fn sessions_after(
        &self,
        active_only: bool,
        after: Option<(Timestamp, SessionId)>,
        limit: u32,
    ) -> Result<Vec<SessionRecord>> {
        self.inner.sessions_after(active_only, after, limit).await
    }
}

/// A log in memory that fails when it is told to.
#[derive(Debug)]
pub(super) struct MoodyLog {
    inner: MemoryAuditLog,
    /// Refuses events.
    pub(super) refuses: AtomicBool,
    /// Lets events pass.
    pub(super) passes: watch::Sender<bool>,
}

#[async_trait]
impl AuditLog for MoodyLog {
    async fn read(&self, from: LogPosition, most: ReadLimits) -> Result<LogPage> {
        self.inner.read(from, most).await
    }

    async fn append(&self, event: &AuditEvent) -> Result<u64> {
        if self.refuses.load(Ordering::Relaxed) {
            return Err(broken());
        }
        let _ = self.passes.subscribe().wait_for(|pass| *pass).await;
        self.inner.append(event).await
    }
}

/// The far end of a connection: keeps what it is told.
#[derive(Debug)]
struct Listening(mpsc::Sender<Notice>);

#[async_trait]
impl Handler for Listening {
    async fn request(&self, _: &Connection, _: Request) -> Result<Response> {
        Ok(Response::Done)
    }

    async fn notice(&self, _: &Connection, notice: Notice) {
        let _ = self.0.send(notice).await;
    }
}

/// A connection to the broker whose far end is in the test's hands.
pub(super) struct Peer {
    /// The broker's end.
    pub(super) connection: Connection,
    /// What the far end was told.
    pub(super) notices: mpsc::Receiver<Notice>,
    _far: Connection,
}

impl Peer {
    pub(super) fn new() -> Self {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let (sender, notices) = mpsc::channel(1024);
        let start = |stream, handler| {
            Connection::start(
                stream,
                FrameDecoder::new(MAX_FRAME),
                handler,
                Heartbeat::default(),
            )
        };
        let (ignored, _) = mpsc::channel(1);
        Self {
            connection: start(near, Arc::new(Listening(ignored))),
            _far: start(far, Arc::new(Listening(sender))),
            notices,
        }
    }
}

/// A broker whose user `alice` may start sessions on item `web-1` behind Jumpoint `berlin`, and who is a login's user.
pub(super) struct Scene {
    pub(super) broker: Broker,
    pub(super) store: Arc<MoodyStore>,
    pub(super) audit: Arc<MoodyLog>,
    /// Alice's login.
    pub(super) alice: Caller,
}

pub(super) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(super) fn jumpoint() -> JumpointId {
    JumpointId::new(1).unwrap()
}

/// What the Jumpoint says.
pub(super) fn by_berlin() -> Reporter<'static> {
    Reporter::Jumpoint(jumpoint())
}

pub(super) fn item() -> ItemId {
    ItemId::new(1).unwrap()
}

impl Scene {
    pub(super) async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    /// The same with what is added to the broker.
    pub(super) async fn with(add: impl FnOnce(BrokerBuilder) -> BrokerBuilder) -> Self {
        let store = Arc::new(MoodyStore {
            inner: MemoryStore::new().unwrap(),
            refuses_sessions: AtomicBool::new(false),
            sessions_pass: watch::Sender::new(true),
            answers: watch::Sender::new(Answers::AtOnce),
            fails_after_commit: AtomicBool::new(false),
            commits_pass: watch::Sender::new(true),
            commits_begun: watch::Sender::new(0),
        });
        let audit = Arc::new(MoodyLog {
            inner: MemoryAuditLog::new(100_000),
            refuses: AtomicBool::new(false),
            passes: watch::Sender::new(true),
        });
        let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        let builder = Broker::builder(SigningKey::generate().unwrap(), store.clone(), audit.clone());
        let broker = add(builder.clock(clock)).start().await.unwrap();
        let (user, group) = (UserId::new(1).unwrap(), GroupId::new(1).unwrap());
        let mut alice = User::new(user, UserName::new("alice").unwrap());
        alice.allowed_methods = Some(JumpMethods::all());
        let mut berlin = Jumpoint::new(jumpoint(), name("berlin"));
        berlin.key = Some(SigningKey::generate().unwrap().public());
        let key = SigningKey::generate().unwrap().public();
        let changes = vec![
            Change::PutUser(alice),
            Change::PutLogin(Login {
                id: LoginId::new(1).unwrap(),
                user,
                label: name("device"),
                key,
                scope: LoginScope::Everything,
                expires: None,
                sources: Default::default(),
            }),
            Change::PutGroup(JumpGroup {
                id: group,
                name: name("web"),
                code_name: None,
                comments: Default::default(),
            }),
            Change::PutJumpoint(berlin),
            Change::PutItem(JumpItem {
                id: item(),
                name: name("web-1"),
                placement: Placement::Shared(group),
                jumpoint: Some(jumpoint()),
                hostname: Hostname::new("10.0.0.5").unwrap(),
                tag: Default::default(),
                comments: Default::default(),
                jump_policy: None,
                session_policy: None,
                copy_of: None,
                recording: RecordingMode::Off,
                max_duration_seconds: None,
                details: ItemDetails::ShellJump(ShellJump::ssh(22)),
            }),
            Change::PutMembership(Membership {
                user,
                group,
                role: Some(Role::ADMINISTRATOR),
                policy: None,
            }),
            Change::GrantJumpoint {
                user,
                jumpoint: jumpoint(),
            },
        ];
        broker.commit(Actor::System, changes).await.unwrap();
        let alice = Caller::from_login(&broker.world(), &key, None, broker.now()).unwrap();
        Self {
            broker,
            store,
            audit,
            alice,
        }
    }

    /// Connects the Jumpoint.
    pub(super) fn connect_jumpoint(&self) -> Peer {
        let peer = Peer::new();
        let link = JumpointLink {
            link: self.broker.next_link(),
            key: self.broker.world().jumpoint(jumpoint()).unwrap().key.unwrap(),
            session_key: a_key(),
            connection: peer.connection.clone(),
        };
        lock(&self.broker.0.jumpoints).insert(jumpoint(), link);
        peer
    }

    /// Starts a session of alice's.
    pub(super) async fn jump(&self, rep: &Peer) -> Result<Jumped> {
        Self::jump_as(&self.broker, &self.alice, &rep.connection).await
    }

    pub(super) async fn jump_as(broker: &Broker, caller: &Caller, rep: &Connection) -> Result<Jumped> {
        Self::jump_to(broker, caller, rep, "web-1").await
    }

    pub(super) async fn jump_to(
        broker: &Broker,
        caller: &Caller,
        rep: &Connection,
        item: &str,
    ) -> Result<Jumped> {
        let wanted = jump::Wanted {
            item,
            credential: None,
            supplied: &Default::default(),
            gates: true,
        };
        jump::jump(broker, caller, rep, wanted, a_key()).await
    }

    /// Changes the site as another broker does.
    pub(super) async fn changed_elsewhere(&self, changes: &[Change]) {
        let revision = self.store.inner.revision().await.unwrap();
        self.store.inner.commit(revision, changes).await.unwrap();
    }

    pub(super) async fn edit_as(&self, caller: &Caller, edit: Edit) -> Result<Response> {
        self.broker.request(caller, RepRequest::Edit(edit)).await
    }

    /// Makes an edit that the store holds back until `commits_pass`, and waits until it got there.
    pub(super) async fn edit_held_back(&self, edit: Edit) -> tokio::task::JoinHandle<Result<Response>> {
        let mut begun = self.store.commits_begun.subscribe();
        let before = *begun.borrow_and_update();
        self.store.commits_pass.send_replace(false);
        let broker = self.broker.clone();
        let held =
            tokio::spawn(async move { broker.request(&Caller::local(), RepRequest::Edit(edit)).await });
        begun.wait_for(|begun| *begun > before).await.unwrap();
        held
    }

    /// What was logged behind the first `known` events.
    pub(super) fn logged_behind(&self, known: usize) -> Vec<AuditEvent> {
        self.audit.inner.events().split_off(known)
    }

    pub(super) fn logged(&self, wanted: impl Fn(&AuditKind) -> bool) -> usize {
        self.audit
            .inner
            .events()
            .iter()
            .filter(|event| wanted(&event.kind))
            .count()
    }
}

pub(super) fn a_key() -> PublicKey {
    SigningKey::generate().unwrap().public()
}

/// Lets every task that can go on do so.
pub(super) async fn settle() {
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
}
