//! Everything a decision depends on, in memory and indexed.

mod edit;
mod entry;
mod ordered;
mod read;
mod table;

use imbl::{HashMap, OrdMap, OrdSet};
use std::sync::Arc;

pub(crate) use self::entry::{Account, ItemRules, SessionPolicyEntry};
use self::entry::{GroupPolicyEntry, ItemEntry};
use self::table::Table;
use super::{
    ApprovalRequest, Change, JumpGroup, JumpPolicy, Jumpoint, Login, Placement, Role, SiteSettings, Team,
};
use crate::error::Result;
use crate::id::{
    ApprovalId, GroupId, GroupPolicyId, ItemId, JumpointId, LoginId, PolicyId, RoleId, SessionPolicyId,
    TeamId, UserId,
};
use crate::keys::PublicKey;

/// Counts the writes to a world; a decision made at one revision is checked again at the next.
pub type Revision = u64;

/// The facts of one site: a value with no clock, lock or connection in it.
///
/// It keeps itself consistent: every reference leads somewhere, names that must be unique are, and removing an
/// object removes what depends on it. A clone shares what it has in common with the original, so that an edit of a
/// site with a million items costs as much as one of a small site; it copies the pages on the way to what it changes, and
/// of a user the list of its memberships or grants.
#[derive(Clone, Debug)]
pub struct World {
    revision: Revision,
    site: SiteSettings,
    roles: Table<RoleId, Arc<Role>>,
    accounts: Table<UserId, Arc<Account>>,
    groups: Table<GroupId, Arc<JumpGroup>>,
    jumpoints: Table<JumpointId, Arc<Jumpoint>>,
    items: Table<ItemId, ItemEntry>,
    logins: HashMap<LoginId, Login>,
    policies: Table<PolicyId, Arc<JumpPolicy>>,
    session_policies: Table<SessionPolicyId, SessionPolicyEntry>,
    group_policies: Table<GroupPolicyId, GroupPolicyEntry>,
    teams: Table<TeamId, Arc<Team>>,
    approvals: Table<ApprovalId, Arc<ApprovalRequest>>,
    // Indexes: all of them follow from the above. Accounts hold two more.
    login_keys: HashMap<PublicKey, LoginId>,
    user_names: HashMap<String, UserId>,
    group_names: HashMap<String, GroupId>,
    group_codes: HashMap<String, GroupId>,
    jumpoint_names: HashMap<String, JumpointId>,
    jumpoint_codes: HashMap<String, JumpointId>,
    jumpoint_keys: HashMap<PublicKey, JumpointId>,
    item_names: OrdMap<(Placement, String), ItemId>,
    items_named: OrdSet<(String, ItemId)>,
    items_behind: OrdSet<(JumpointId, ItemId)>,
    members: OrdSet<(GroupId, UserId)>,
    logins_of: OrdSet<(UserId, LoginId)>,
    approvals_of: OrdSet<(ItemId, ApprovalId)>,
}

impl World {
    /// A world with the built-in roles and nothing else, at revision 0.
    pub fn new() -> Result<Self> {
        let mut roles = Table::new();
        for role in Role::built_in()? {
            roles.insert(role.id, Arc::new(role));
        }
        Ok(Self {
            revision: 0,
            site: SiteSettings::default(),
            roles,
            accounts: Table::new(),
            groups: Table::new(),
            jumpoints: Table::new(),
            items: Table::new(),
            logins: HashMap::new(),
            policies: Table::new(),
            session_policies: Table::new(),
            group_policies: Table::new(),
            teams: Table::new(),
            approvals: Table::new(),
            login_keys: HashMap::new(),
            user_names: HashMap::new(),
            group_names: HashMap::new(),
            group_codes: HashMap::new(),
            jumpoint_names: HashMap::new(),
            jumpoint_codes: HashMap::new(),
            jumpoint_keys: HashMap::new(),
            item_names: OrdMap::new(),
            items_named: OrdSet::new(),
            items_behind: OrdSet::new(),
            members: OrdSet::new(),
            logins_of: OrdSet::new(),
            approvals_of: OrdSet::new(),
        })
    }

    /// A world rebuilt by a store: `changes` in an order in which references lead backwards, then `revision`.
    pub fn restore(changes: impl IntoIterator<Item = Change>, revision: Revision) -> Result<Self> {
        let mut world = Self::new()?;
        for change in changes {
            world.apply_one(&change)?;
        }
        world.revision = revision;
        Ok(world)
    }

    /// The number of writes so far.
    #[must_use]
    pub const fn revision(&self) -> Revision {
        self.revision
    }

    /// Applies all changes and raises the revision by one, or applies none.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) for a reference that leads nowhere,
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) for a name that is taken or an object that is still
    /// referred to, [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument) for a field out of range.
    pub fn apply(&mut self, changes: &[Change]) -> Result<Revision> {
        self.apply_watched(changes, |_, _, _| Ok(()))
    }

    /// The same, and shows `watch` each change with its place and the world that it is about to change.
    pub(crate) fn apply_watched(
        &mut self,
        changes: &[Change],
        mut watch: impl FnMut(usize, &Self, &Change) -> Result<()>,
    ) -> Result<Revision> {
        let mut next = self.clone();
        for (number, change) in changes.iter().enumerate() {
            watch(number, &next, change)?;
            next.apply_one(change)?;
        }
        next.revision += 1;
        *self = next;
        Ok(self.revision)
    }
}
