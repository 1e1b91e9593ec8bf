//! The store contract: what a site keeps, typed, transactional and versioned.

mod item_query;
mod journal;
mod memory;
mod session_record;
mod token;

use std::fmt::Debug;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::access::Facts;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ItemId, SessionId, UserId};
use crate::model::{Change, Revision, World};
use crate::time::Timestamp;

pub use item_query::{ItemCursor, ItemPage, ItemQuery};
pub use journal::{JournalStore, Records};
pub use memory::MemoryStore;
pub use session_record::{SessionRecord, SessionState};
pub use token::{EnrolmentToken, TokenHash, TokenPurpose};

/// A kind of object that gets its id from the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdKind {
    /// Users.
    User,
    /// Jump Groups.
    Group,
    /// Jumpoints.
    Jumpoint,
    /// Jump Items.
    Item,
    /// Logins.
    Login,
    /// Custom roles.
    Role,
    /// Jump Policies.
    Policy,
    /// Session policies.
    SessionPolicy,
    /// Group policies.
    GroupPolicy,
    /// Teams.
    Team,
    /// Approval requests.
    Approval,
}

impl IdKind {
    /// Every kind.
    pub const ALL: &'static [IdKind] = &[
        Self::User,
        Self::Group,
        Self::Jumpoint,
        Self::Item,
        Self::Login,
        Self::Role,
        Self::Policy,
        Self::SessionPolicy,
        Self::GroupPolicy,
        Self::Team,
        Self::Approval,
    ];

    /// The last number that is taken from the beginning: the built-in roles have 1 to 4.
    #[must_use]
    pub const fn reserved(self) -> u32 {
        match self {
            Self::Role => 4,
            _ => 0,
        }
    }

    /// Its name, such as `jump_policy`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
            Self::Jumpoint => "jumpoint",
            Self::Item => "item",
            Self::Login => "login",
            Self::Role => "role",
            Self::Policy => "policy",
            Self::SessionPolicy => "session_policy",
            Self::GroupPolicy => "group_policy",
            Self::Team => "team",
            Self::Approval => "approval",
        }
    }

    /// The kind and number of the object that a change adds or replaces; `None` if it does neither. A store never
    /// gives such a number again.
    #[must_use]
    pub const fn of_put(change: &Change) -> Option<(Self, u32)> {
        match change {
            Change::PutUser(user) => Some((Self::User, user.id.get())),
            Change::PutGroup(group) => Some((Self::Group, group.id.get())),
            Change::PutJumpoint(jumpoint) => Some((Self::Jumpoint, jumpoint.id.get())),
            Change::PutItem(item) => Some((Self::Item, item.id.get())),
            Change::PutLogin(login) => Some((Self::Login, login.id.get())),
            Change::PutRole(role) => Some((Self::Role, role.id.get())),
            Change::PutPolicy(policy) => Some((Self::Policy, policy.id.get())),
            Change::PutSessionPolicy(policy) => Some((Self::SessionPolicy, policy.id.get())),
            Change::PutGroupPolicy(policy) => Some((Self::GroupPolicy, policy.id.get())),
            Change::PutTeam(team) => Some((Self::Team, team.id.get())),
            Change::PutApproval(request) => Some((Self::Approval, request.id.get())),
            _ => None,
        }
    }
}

/// The most items that [`Store::facts`] may be asked about at once.
pub const MAX_FACTS: usize = 1000;

/// Refuses a question about more than [`MAX_FACTS`] items.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`].
pub fn check_facts(items: &[ItemId]) -> Result<()> {
    if items.len() > MAX_FACTS {
        return Err(Error::new(
            ErrorKind::InvalidArgument,
            "read what a decision needs",
            "ask about at most 1000 items at once",
        ));
    }
    Ok(())
}

/// Where a site keeps its model, enrolment tokens and sessions. Every method is atomic and durable when it returns
/// `Ok`; none is half done after an error or a crash.
#[async_trait]
pub trait Store: Send + Sync + Debug + 'static {
    /// The world as it stands, with its revision.
    async fn load(&self) -> Result<World>;

    /// The revision of the world in the store, without the world: what several brokers of a site ask again and again, to learn
    /// of each other's changes. Cost: one row. It waits for no commit that runs.
    async fn revision(&self) -> Result<Revision>;

    /// A page of items, without loading the world: of one revision, read in one transaction, in which what the viewer may
    /// see is decided, too. Two pages of one listing may be of two revisions.
    ///
    /// Cost: the rows that say what the viewer may see (its memberships, group policies and teams), then the items of a
    /// page, found by index where the query says in which places, behind which Jumpoint, or with which name. A search for a
    /// text reads the texts of all items that the rest of the query leaves, until the page is full.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] as [`ItemQuery::validate`].
    async fn items(&self, query: &ItemQuery) -> Result<ItemPage>;

    /// What [`decide`](crate::access::decide) looks at for a user and at most [`MAX_FACTS`] items, without loading the world:
    /// of one revision, read in one transaction. What does not exist is left out, and so denied.
    ///
    /// Cost: the rows themselves, found by index; the user's group policies and teams are read whole.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for more items.
    async fn facts(&self, user: UserId, items: &[ItemId]) -> Result<Facts>;

    /// Applies all changes if the store is still at revision `expected`, or none.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] if it is not; otherwise what
    /// [`World::apply`] says.
    async fn commit(&self, expected: Revision, changes: &[Change]) -> Result<Revision>;

    /// A new id of this kind: never given before, and never used by an object, not even by one that was removed since.
    ///
    /// # Errors
    /// [`ErrorKind::ResourceLimit`] if all 2147483647 are used up.
    async fn next_id(&self, kind: IdKind) -> Result<u32>;

    /// Keeps a token.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] if there is one with the same hash, used or not.
    async fn put_token(&self, token: &EnrolmentToken) -> Result<()>;

    /// Marks the token as used and gives it: of any number of concurrent calls exactly one succeeds, once for ever.
    ///
    /// # Errors
    /// [`ErrorKind::Unauthenticated`] if there is no such token, or it was used,
    /// or `now` is past its end; the three are not told apart.
    async fn redeem_token(&self, hash: &TokenHash, now: Timestamp) -> Result<EnrolmentToken>;

    /// Adds or replaces the record of a session.
    async fn put_session(&self, session: &SessionRecord) -> Result<()>;

    /// The record of a session.
    async fn session(&self, id: SessionId) -> Result<Option<SessionRecord>>;

    /// The latest sessions, newest first, at most `limit`; only active ones if asked.
    async fn sessions(&self, active_only: bool, limit: u32) -> Result<Vec<SessionRecord>> {
        self.sessions_after(active_only, None, limit).await
    }

    /// The same, those that come after the session with this start and id. Sessions with the same start are ordered by id.
    async fn sessions_after(
        &self,
        active_only: bool,
        after: Option<(Timestamp, SessionId)>,
        limit: u32,
    ) -> Result<Vec<SessionRecord>>;
}
