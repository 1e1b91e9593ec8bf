//! Everything a decision depends on, in memory and indexed.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

use super::name::{folded, same_name};
use super::{Change, ItemDetails, JumpGroup, JumpItem, JumpMethod, Jumpoint, Login, Membership, Role, User};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{GroupId, ItemId, JumpointId, LoginId, RoleId, UserId};
use crate::keys::PublicKey;

/// Counts the writes to a world; a decision made at one revision is checked again at the next.
pub type Revision = u64;

/// The facts of one site: a value with no clock, lock or connection in it.
///
/// It keeps itself consistent: every reference leads somewhere, names that must be unique are, and removing an
/// object removes what depends on it.
#[derive(Clone, Debug)]
pub struct World {
    revision: Revision,
    roles: HashMap<RoleId, Arc<Role>>,
    users: HashMap<UserId, Arc<User>>,
    groups: HashMap<GroupId, Arc<JumpGroup>>,
    jumpoints: HashMap<JumpointId, Arc<Jumpoint>>,
    items: HashMap<ItemId, Arc<JumpItem>>,
    memberships: HashMap<(UserId, GroupId), Membership>,
    jumpoint_grants: HashSet<(UserId, JumpointId)>,
    logins: HashMap<LoginId, Login>,
    login_keys: HashMap<PublicKey, LoginId>,
    user_names: HashMap<String, UserId>,
    item_names: HashMap<(GroupId, String), ItemId>,
}

fn wrong(kind: ErrorKind, message: String) -> Error {
    Error::new(kind, "change the site", message)
}

fn existing<K: Hash + Eq + Copy + std::fmt::Display, V>(
    map: &HashMap<K, V>,
    id: K,
    what: &str,
) -> Result<()> {
    if map.contains_key(&id) {
        Ok(())
    } else {
        Err(wrong(ErrorKind::NotFound, format!("there is no {what} {id}")))
    }
}

impl World {
    /// A world with the built-in roles and nothing else, at revision 0.
    pub fn new() -> Result<Self> {
        let roles = Role::built_in()?
            .into_iter()
            .map(|role| (role.id, Arc::new(role)))
            .collect();
        Ok(Self {
            revision: 0,
            roles,
            users: HashMap::new(),
            groups: HashMap::new(),
            jumpoints: HashMap::new(),
            items: HashMap::new(),
            memberships: HashMap::new(),
            jumpoint_grants: HashSet::new(),
            logins: HashMap::new(),
            login_keys: HashMap::new(),
            user_names: HashMap::new(),
            item_names: HashMap::new(),
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
    /// [`ErrorKind::NotFound`] for a reference that leads nowhere, [`ErrorKind::Conflict`] for a name that is
    /// taken, [`ErrorKind::InvalidArgument`] for a field out of range.
    pub fn apply(&mut self, changes: &[Change]) -> Result<Revision> {
        let mut next = self.clone();
        for change in changes {
            next.apply_one(change)?;
        }
        next.revision += 1;
        *self = next;
        Ok(self.revision)
    }

    fn apply_one(&mut self, change: &Change) -> Result<()> {
        match change {
            Change::PutUser(user) => self.put_user(user),
            Change::RemoveUser(id) => self.remove_user(*id),
            Change::PutGroup(group) => self.put_group(group),
            Change::RemoveGroup(id) => self.remove_group(*id),
            Change::PutJumpoint(jumpoint) => self.put_jumpoint(jumpoint),
            Change::RemoveJumpoint(id) => self.remove_jumpoint(*id),
            Change::PutItem(item) => self.put_item(item),
            Change::RemoveItem(id) => self.remove_item(*id),
            Change::PutMembership(membership) => self.put_membership(*membership),
            Change::RemoveMembership { user, group } => match self.memberships.remove(&(*user, *group)) {
                Some(_) => Ok(()),
                None => Err(wrong(
                    ErrorKind::NotFound,
                    format!("user {user} is not in group {group}"),
                )),
            },
            Change::GrantJumpoint { user, jumpoint } => {
                existing(&self.users, *user, "user")?;
                existing(&self.jumpoints, *jumpoint, "jumpoint")?;
                self.jumpoint_grants.insert((*user, *jumpoint));
                Ok(())
            }
            Change::RevokeJumpoint { user, jumpoint } => {
                if self.jumpoint_grants.remove(&(*user, *jumpoint)) {
                    Ok(())
                } else {
                    Err(wrong(
                        ErrorKind::NotFound,
                        format!("user {user} is not granted jumpoint {jumpoint}"),
                    ))
                }
            }
            Change::PutLogin(login) => self.put_login(login),
            Change::RemoveLogin(id) => {
                let login = self
                    .logins
                    .remove(id)
                    .ok_or_else(|| wrong(ErrorKind::NotFound, format!("there is no login {id}")))?;
                self.login_keys.remove(&login.key);
                Ok(())
            }
            Change::PinHostKey { item, key } => self.pin_host_key(*item, key),
        }
    }

    fn put_user(&mut self, user: &User) -> Result<()> {
        existing(&self.roles, user.default_role, "role")?;
        let name = folded(user.name.as_str());
        if self.user_names.get(&name).is_some_and(|id| *id != user.id) {
            return Err(wrong(
                ErrorKind::Conflict,
                format!("the user name `{}` is taken", user.name),
            ));
        }
        if let Some(old) = self.users.insert(user.id, Arc::new(user.clone())) {
            self.user_names.remove(&folded(old.name.as_str()));
        }
        self.user_names.insert(name, user.id);
        Ok(())
    }

    fn remove_user(&mut self, id: UserId) -> Result<()> {
        let user = self
            .users
            .remove(&id)
            .ok_or_else(|| wrong(ErrorKind::NotFound, format!("there is no user {id}")))?;
        self.user_names.remove(&folded(user.name.as_str()));
        self.memberships.retain(|(member, _), _| *member != id);
        self.jumpoint_grants.retain(|(member, _)| *member != id);
        self.logins.retain(|_, login| login.user != id);
        let logins = &self.logins;
        self.login_keys.retain(|_, login| logins.contains_key(login));
        Ok(())
    }

    fn put_login(&mut self, login: &Login) -> Result<()> {
        existing(&self.users, login.user, "user")?;
        if self.login_keys.get(&login.key).is_some_and(|id| *id != login.id) {
            return Err(wrong(
                ErrorKind::Conflict,
                "the key is another login's already".to_owned(),
            ));
        }
        if let Some(old) = self.logins.insert(login.id, login.clone()) {
            self.login_keys.remove(&old.key);
        }
        self.login_keys.insert(login.key, login.id);
        Ok(())
    }

    fn put_group(&mut self, group: &JumpGroup) -> Result<()> {
        if self
            .groups
            .values()
            .any(|other| other.id != group.id && same_name(other.name.as_str(), group.name.as_str()))
        {
            return Err(wrong(
                ErrorKind::Conflict,
                format!("the group name `{}` is taken", group.name),
            ));
        }
        self.groups.insert(group.id, Arc::new(group.clone()));
        Ok(())
    }

    fn remove_group(&mut self, id: GroupId) -> Result<()> {
        existing(&self.groups, id, "group")?;
        self.groups.remove(&id);
        self.remove_items(|item| item.group == id);
        self.memberships.retain(|(_, group), _| *group != id);
        Ok(())
    }

    fn put_jumpoint(&mut self, jumpoint: &Jumpoint) -> Result<()> {
        let clash = |other: &&Arc<Jumpoint>| {
            other.id != jumpoint.id
                && (same_name(other.name.as_str(), jumpoint.name.as_str())
                    || (other.key.is_some() && other.key == jumpoint.key))
        };
        if self.jumpoints.values().find(clash).is_some() {
            return Err(wrong(
                ErrorKind::Conflict,
                format!("the name or key of jumpoint `{}` is taken", jumpoint.name),
            ));
        }
        self.jumpoints.insert(jumpoint.id, Arc::new(jumpoint.clone()));
        Ok(())
    }

    fn remove_jumpoint(&mut self, id: JumpointId) -> Result<()> {
        existing(&self.jumpoints, id, "jumpoint")?;
        self.jumpoints.remove(&id);
        self.remove_items(|item| item.jumpoint == id);
        self.jumpoint_grants.retain(|(_, jumpoint)| *jumpoint != id);
        Ok(())
    }

    fn put_item(&mut self, item: &JumpItem) -> Result<()> {
        item.validate()?;
        existing(&self.groups, item.group, "group")?;
        existing(&self.jumpoints, item.jumpoint, "jumpoint")?;
        let key = (item.group, folded(item.name.as_str()));
        if self.item_names.get(&key).is_some_and(|id| *id != item.id) {
            return Err(wrong(
                ErrorKind::Conflict,
                format!("the group has an item named `{}` already", item.name),
            ));
        }
        if let Some(old) = self.items.insert(item.id, Arc::new(item.clone())) {
            self.item_names.remove(&(old.group, folded(old.name.as_str())));
        }
        self.item_names.insert(key, item.id);
        Ok(())
    }

    fn remove_item(&mut self, id: ItemId) -> Result<()> {
        existing(&self.items, id, "item")?;
        self.remove_items(|item| item.id == id);
        Ok(())
    }

    fn remove_items(&mut self, doomed: impl Fn(&JumpItem) -> bool) {
        self.items.retain(|_, item| !doomed(item));
        let items = &self.items;
        self.item_names.retain(|_, id| items.contains_key(id));
    }

    fn put_membership(&mut self, membership: Membership) -> Result<()> {
        existing(&self.users, membership.user, "user")?;
        existing(&self.groups, membership.group, "group")?;
        if let Some(role) = membership.role {
            existing(&self.roles, role, "role")?;
        }
        self.memberships
            .insert((membership.user, membership.group), membership);
        Ok(())
    }

    fn pin_host_key(&mut self, id: ItemId, key: &super::HostKey) -> Result<()> {
        let mut item = self
            .items
            .get(&id)
            .map(|item| JumpItem::clone(item))
            .ok_or_else(|| wrong(ErrorKind::NotFound, format!("there is no item {id}")))?;
        let ItemDetails::ShellJump(shell) = &mut item.details else {
            return Err(wrong(
                ErrorKind::InvalidArgument,
                format!("item {id} has no host key"),
            ));
        };
        if shell.host_key.pinned.contains(key) {
            return Ok(());
        }
        if !shell.host_key.pinned.is_empty() || !shell.host_key.trust_first_use {
            return Err(wrong(
                ErrorKind::HostKey,
                format!("item {id} does not accept a new host key"),
            ));
        }
        shell.host_key.pinned.push(key.clone());
        self.items.insert(id, Arc::new(item));
        Ok(())
    }

    /// A role.
    #[must_use]
    pub fn role(&self, id: RoleId) -> Option<&Arc<Role>> {
        self.roles.get(&id)
    }

    /// Every role, in no order.
    pub fn roles(&self) -> impl Iterator<Item = &Arc<Role>> {
        self.roles.values()
    }

    /// A user.
    #[must_use]
    pub fn user(&self, id: UserId) -> Option<&Arc<User>> {
        self.users.get(&id)
    }

    /// The user with this login name; case does not matter.
    #[must_use]
    pub fn user_named(&self, name: &str) -> Option<&Arc<User>> {
        self.user_names
            .get(&folded(name))
            .and_then(|id| self.users.get(id))
    }

    /// Every user, in no order.
    pub fn users(&self) -> impl Iterator<Item = &Arc<User>> {
        self.users.values()
    }

    /// A Jump Group.
    #[must_use]
    pub fn group(&self, id: GroupId) -> Option<&Arc<JumpGroup>> {
        self.groups.get(&id)
    }

    /// Every Jump Group, in no order.
    pub fn groups(&self) -> impl Iterator<Item = &Arc<JumpGroup>> {
        self.groups.values()
    }

    /// A Jumpoint.
    #[must_use]
    pub fn jumpoint(&self, id: JumpointId) -> Option<&Arc<Jumpoint>> {
        self.jumpoints.get(&id)
    }

    /// Every Jumpoint, in no order.
    pub fn jumpoints(&self) -> impl Iterator<Item = &Arc<Jumpoint>> {
        self.jumpoints.values()
    }

    /// A Jump Item.
    #[must_use]
    pub fn item(&self, id: ItemId) -> Option<&Arc<JumpItem>> {
        self.items.get(&id)
    }

    /// Every Jump Item, in no order.
    pub fn items(&self) -> impl Iterator<Item = &Arc<JumpItem>> {
        self.items.values()
    }

    /// A user's direct membership in a group.
    #[must_use]
    pub fn membership(&self, user: UserId, group: GroupId) -> Option<&Membership> {
        self.memberships.get(&(user, group))
    }

    /// Every membership, in no order.
    pub fn memberships(&self) -> impl Iterator<Item = &Membership> {
        self.memberships.values()
    }

    /// Whether the user was granted the Jumpoint.
    #[must_use]
    pub fn may_use_jumpoint(&self, user: UserId, jumpoint: JumpointId) -> bool {
        self.jumpoint_grants.contains(&(user, jumpoint))
    }

    /// Every Jumpoint grant, in no order.
    pub fn jumpoint_grants(&self) -> impl Iterator<Item = (UserId, JumpointId)> {
        self.jumpoint_grants.iter().copied()
    }

    /// A login.
    #[must_use]
    pub fn login(&self, id: LoginId) -> Option<&Login> {
        self.logins.get(&id)
    }

    /// The login that proves this key.
    #[must_use]
    pub fn login_with_key(&self, key: &PublicKey) -> Option<&Login> {
        self.login_keys.get(key).and_then(|id| self.logins.get(id))
    }

    /// Every login, in no order.
    pub fn logins(&self) -> impl Iterator<Item = &Login> {
        self.logins.values()
    }

    /// Whether sessions of this method may go through the Jumpoint, by its own switches.
    #[must_use]
    pub fn jumpoint_allows(jumpoint: &Jumpoint, method: JumpMethod) -> bool {
        match method {
            JumpMethod::ShellJump => jumpoint.shell_jump_enabled,
            JumpMethod::ProtocolTunnel => jumpoint.protocol_tunnel_enabled,
        }
    }
}
