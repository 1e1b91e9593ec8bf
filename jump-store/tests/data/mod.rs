//! A small site for the store's tests, and a store that is opened anew for each call.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod model;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use jump_core::Result;
use jump_core::access::Facts;
use jump_core::id::{GroupId, ItemId, JumpointId, LoginId, SessionId, UserId};
use jump_core::keys::{SealingKey, SealingPublicKey, SigningKey};
use jump_core::model::{
    Change, Comments, HostKey, HostKeyPolicy, Hostname, ItemDetails, JumpGroup, JumpItem, JumpMethods,
    Jumpoint, Login, LoginScope, Membership, Name, Placement, PortForward, ProtocolTunnel, Revision, Role,
    ShellJump, ShellProtocol, SiteSettings, Tag, TargetAddress, User, UserName, World,
};
use jump_core::secret::Secret;
use jump_core::session::{
    Credential, CredentialBinding, CredentialSecret, EndReason, GatePlace, RecordingMode, SessionPermissions,
};
use jump_core::store::{
    EnrolmentToken, IdKind, ItemPage, ItemQuery, JournalStore, Records, SessionRecord, SessionState, Store,
    TokenHash,
};
use jump_core::time::{SignedDuration, Timestamp};
use jump_store::SqliteStore;

pub(crate) const HOST_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
pub(crate) const OTHER_HOST_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

pub(crate) fn user(id: u32, name: &str) -> User {
    let name = UserName::new(if name.is_empty() { "x" } else { name }).unwrap();
    let mut user = User::new(UserId::new(id).unwrap(), name);
    user.allowed_methods = Some(JumpMethods::all());
    user
}

fn named(name: &str) -> Name {
    Name::new(if name.is_empty() { "x" } else { name }).unwrap()
}

pub(crate) fn group(id: u32, name: &str) -> JumpGroup {
    JumpGroup {
        id: GroupId::new(id).unwrap(),
        name: named(name),
        code_name: None,
        comments: Comments::new("what for").unwrap(),
    }
}

/// A Jumpoint that has enrolled; its key depends on its id.
pub(crate) fn jumpoint(id: u32, name: &str) -> Jumpoint {
    let mut jumpoint = Jumpoint::new(JumpointId::new(id).unwrap(), named(name));
    jumpoint.key = Some(key(id as u8));
    jumpoint.sealing_key = Some(SealingPublicKey::from_bytes([id as u8; 32]));
    jumpoint
}

pub(crate) fn key(seed: u8) -> jump_core::keys::PublicKey {
    SigningKey::from_seed(Secret::new([seed; 32])).unwrap().public()
}

/// A Shell Jump item with a sealed credential that trusts the first host key it sees.
pub(crate) fn item(id: u32, group: u32, jumpoint: u32, name: &str) -> JumpItem {
    let target = TargetAddress::new(Hostname::new("10.0.0.1").unwrap(), 2222).unwrap();
    let binding = CredentialBinding {
        item: ItemId::new(id).unwrap(),
        jumpoint: JumpointId::new(jumpoint).unwrap(),
        target,
    };
    let credential = Credential {
        username: "root".to_owned(),
        secret: CredentialSecret::Password(Secret::new("pw".to_owned())),
    };
    let sealing_key = SealingKey::from_seed(Secret::new([1; 32])).public();
    JumpItem {
        id: ItemId::new(id).unwrap(),
        name: named(name),
        placement: Placement::Shared(GroupId::new(group).unwrap()),
        jumpoint: Some(JumpointId::new(jumpoint).unwrap()),
        hostname: Hostname::new("10.0.0.1").unwrap(),
        tag: Tag::default(),
        comments: Comments::new("line\none \"two\" 'three' \\").unwrap(),
        jump_policy: None,
        session_policy: None,
        copy_of: None,
        recording: RecordingMode::FailClosed,
        max_duration_seconds: None,
        details: ItemDetails::ShellJump(ShellJump {
            protocol: ShellProtocol::Ssh,
            port: 2222,
            terminal: Default::default(),
            username: Default::default(),
            keep_alive_seconds: 30,
            host_key: HostKeyPolicy {
                pinned: Vec::new(),
                trust_first_use: true,
            },
            permissions: SessionPermissions::default(),
            credential: Some(credential.seal(&sealing_key, &binding).unwrap()),
        }),
    }
}

pub(crate) fn tunnel_item(id: u32, group: u32, jumpoint: u32, name: &str) -> JumpItem {
    let mut item = item(id, group, jumpoint, name);
    item.details = ItemDetails::ProtocolTunnel(ProtocolTunnel {
        listen_address: Ipv4Addr::new(127, 0, 0, 9),
        forwards: vec![PortForward {
            local: 0,
            remote: 65535,
        }],
    });
    item
}

pub(crate) fn login(id: u32, user: u32, seed: u8) -> Login {
    Login {
        id: LoginId::new(id).unwrap(),
        user: UserId::new(user).unwrap(),
        label: Name::new("laptop").unwrap(),
        key: key(seed),
        scope: LoginScope::Everything,
        expires: Some("2030-01-01T00:00:00.000000001Z".parse().unwrap()),
        sources: Default::default(),
    }
}

fn membership(user: u32, group: u32, role: Option<jump_core::id::RoleId>) -> Change {
    Change::PutMembership(Membership {
        user: UserId::new(user).unwrap(),
        group: GroupId::new(group).unwrap(),
        role,
        policy: None,
    })
}

fn grant(user: u32, jumpoint: u32) -> Change {
    Change::GrantJumpoint {
        user: UserId::new(user).unwrap(),
        jumpoint: JumpointId::new(jumpoint).unwrap(),
    }
}

/// Two of everything, all connected; objects 1 depend on each other.
pub(crate) fn site() -> Vec<Change> {
    vec![
        Change::PutUser(user(1, "alice")),
        Change::PutUser(user(2, "bob")),
        Change::PutGroup(group(1, "servers")),
        Change::PutGroup(group(2, "routers")),
        Change::PutJumpoint(jumpoint(1, "branch")),
        Change::PutJumpoint(jumpoint(2, "factory")),
        Change::PutItem(item(1, 1, 1, "shell")),
        Change::PutItem(tunnel_item(2, 1, 2, "ports")),
        Change::PutItem(item(3, 2, 1, "shell")),
        membership(1, 1, Some(Role::ADMINISTRATOR)),
        membership(1, 2, None),
        membership(2, 1, Some(Role::AUDITOR)),
        grant(1, 1),
        grant(1, 2),
        grant(2, 1),
        Change::PutLogin(login(1, 1, 1)),
        Change::PutLogin(login(2, 2, 2)),
    ]
}

/// Every kind of change at least once, each possible after those before it.
pub(crate) fn every_change() -> Vec<Change> {
    let mut changes = site();
    let mut renamed = item(3, 1, 2, "renamed");
    renamed.hostname = Hostname::new("host.example").unwrap();
    changes.extend([
        Change::PutUser(user(1, "Alice")),
        Change::PutGroup(group(2, "switches")),
        Change::PutJumpoint(Jumpoint::new(JumpointId::new(2).unwrap(), named("plant"))),
        Change::PutItem(renamed),
        Change::PinHostKey {
            item: ItemId::new(1).unwrap(),
            key: HostKey::new(HOST_KEY).unwrap(),
        },
        membership(2, 1, None),
        grant(1, 1),
        Change::PutLogin(login(1, 2, 9)),
        Change::RevokeJumpoint {
            user: UserId::new(1).unwrap(),
            jumpoint: JumpointId::new(2).unwrap(),
        },
        Change::RemoveMembership {
            user: UserId::new(1).unwrap(),
            group: GroupId::new(2).unwrap(),
        },
        Change::RemoveLogin(LoginId::new(2).unwrap()),
        Change::RemoveItem(ItemId::new(2).unwrap()),
        Change::RemoveGroup(GroupId::new(2).unwrap()),
        Change::RemoveUser(UserId::new(2).unwrap()),
        Change::RemoveJumpoint(JumpointId::new(1).unwrap()),
    ]);
    changes
}

/// Every fact in a world as JSON, in one order.
pub(crate) fn facts(world: &World) -> Vec<String> {
    let grant = |(user, jumpoint)| Change::GrantJumpoint { user, jumpoint };
    let mut changes = world.framework();
    changes.retain(|change| *change != Change::PutSite(SiteSettings::default()));
    changes.extend(world.jumpoints().map(|one| Change::PutJumpoint((**one).clone())));
    changes.extend(world.items().map(|one| Change::PutItem((**one).clone())));
    changes.extend(world.approvals().map(|one| Change::PutApproval((**one).clone())));
    changes.extend(world.logins().map(|one| Change::PutLogin(one.clone())));
    changes.extend(world.jumpoint_grants().map(grant));
    let mut facts: Vec<String> = changes
        .iter()
        .map(|change| serde_json::to_string(change).unwrap())
        .collect();
    facts.sort();
    facts
}

/// Panics with what differs, shortened, if two worlds do.
pub(crate) fn assert_same(world: &World, expected: &World, when: &str) {
    let (here, there) = (facts(world), facts(expected));
    let short = |fact: &String| fact.chars().take(200).collect::<String>();
    let only = |some: &[String], others: &[String]| -> Vec<String> {
        some.iter()
            .filter(|fact| !others.contains(fact))
            .map(short)
            .collect()
    };
    assert!(
        here == there,
        "{when}: kept {:#?}, expected {:#?}",
        only(&here, &there),
        only(&there, &here)
    );
}

/// An active session; some start at the same moment, and every second one is served by its rep.
pub(crate) fn session(number: u8) -> SessionRecord {
    let start: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
    SessionRecord {
        id: SessionId::from_bytes([number.wrapping_mul(37); 16]),
        user: UserId::new(1).unwrap(),
        user_name: "alice".to_owned(),
        item: ItemId::new(1).unwrap(),
        item_name: "shell".to_owned(),
        place: match number % 2 {
            0 => GatePlace::Rep,
            _ => JumpointId::new(1).unwrap().into(),
        },
        protocol: "ssh".to_owned(),
        broker: None,
        started: start + SignedDuration::from_nanos(i64::from(number % 7)),
        state: SessionState::Active,
        recording_removed: None,
    }
}

pub(crate) fn ended() -> SessionState {
    SessionState::Ended {
        at: "2026-01-02T04:00:00Z".parse().unwrap(),
        reason: EndReason::EndedBy("bob".to_owned()),
        bytes_from_rep: u64::MAX,
        bytes_from_target: 1,
    }
}

/// Opens its store anew for each call, or for each after a change, as if the program had been restarted in between.
#[derive(Debug)]
pub(crate) enum Reopened {
    Sqlite(PathBuf),
    /// One at a time, as it says of itself; it is opened anew when there are more records than there were.
    Journal(Lines, tokio::sync::Mutex<Last>),
}

/// The journal that was opened last, and how long its records were.
type Last = Option<(usize, Arc<JournalStore>)>;

/// The records of a journal, as a program would keep them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lines(Arc<std::sync::Mutex<String>>);

#[async_trait]
impl Records for Lines {
    async fn load(&self) -> Result<String> {
        Ok(self.0.lock().unwrap().clone())
    }

    async fn append(&self, record: &str) -> Result<()> {
        assert!(!record.contains('\n'));
        let mut lines = self.0.lock().unwrap();
        lines.push_str(record);
        lines.push('\n');
        Ok(())
    }
}

/// A store that was opened for one call.
struct Opened<'a> {
    store: Arc<dyn Store>,
    _alone: Option<tokio::sync::MutexGuard<'a, Last>>,
}

impl std::ops::Deref for Opened<'_> {
    type Target = dyn Store;

    fn deref(&self) -> &Self::Target {
        &*self.store
    }
}

impl Reopened {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self::Sqlite(path)
    }

    pub(crate) fn journal() -> Self {
        Self::Journal(Lines::default(), tokio::sync::Mutex::default())
    }

    async fn store(&self) -> Result<Opened<'_>> {
        match self {
            Self::Sqlite(path) => {
                let path = path.clone();
                let store = tokio::task::spawn_blocking(move || SqliteStore::open(&path))
                    .await
                    .unwrap()?;
                Ok(Opened {
                    store: Arc::new(store),
                    _alone: None,
                })
            }
            Self::Journal(lines, alone) => {
                let mut opened = alone.lock().await;
                let length = lines.0.lock().unwrap().len();
                let store = match &*opened {
                    Some((before, store)) if *before == length => store.clone(),
                    _ => Arc::new(JournalStore::open(Box::new(lines.clone())).await?),
                };
                *opened = Some((length, store.clone()));
                Ok(Opened {
                    store,
                    _alone: Some(opened),
                })
            }
        }
    }
}

#[async_trait]
impl Store for Reopened {
    async fn load(&self) -> Result<World> {
        self.store().await?.load().await
    }

    async fn revision(&self) -> Result<Revision> {
        self.store().await?.revision().await
    }

    async fn items(&self, query: &ItemQuery) -> Result<ItemPage> {
        self.store().await?.items(query).await
    }

    async fn facts(&self, user: UserId, items: &[ItemId]) -> Result<Facts> {
        self.store().await?.facts(user, items).await
    }

    async fn commit(&self, expected: Revision, changes: &[Change]) -> Result<Revision> {
        self.store().await?.commit(expected, changes).await
    }

    async fn next_id(&self, kind: IdKind) -> Result<u32> {
        self.store().await?.next_id(kind).await
    }

    async fn put_token(&self, token: &EnrolmentToken) -> Result<()> {
        self.store().await?.put_token(token).await
    }

    async fn redeem_token(&self, hash: &TokenHash, now: Timestamp) -> Result<EnrolmentToken> {
        self.store().await?.redeem_token(hash, now).await
    }

    async fn put_session(&self, session: &SessionRecord) -> Result<()> {
        self.store().await?.put_session(session).await
    }

    async fn session(&self, id: SessionId) -> Result<Option<SessionRecord>> {
        self.store().await?.session(id).await
    }

    async fn sessions_after(
        &self,
        active_only: bool,
        after: Option<(Timestamp, SessionId)>,
        limit: u32,
    ) -> Result<Vec<SessionRecord>> {
        self.store()
            .await?
            .sessions_after(active_only, after, limit)
            .await
    }
}
