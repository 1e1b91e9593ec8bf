//! Looking things up.

use std::ops::{Bound, RangeInclusive};
use std::sync::Arc;

use super::{Account, GroupPolicyEntry, ItemRules, SessionPolicyEntry, World};
use crate::id::{
    ApprovalId, GroupId, GroupPolicyId, ItemId, JumpointId, LoginId, PolicyId, RoleId, SessionPolicyId,
    TeamId, UserId,
};
use crate::keys::PublicKey;
use crate::model::name::{folded, same_name};
use crate::model::{
    ApprovalRequest, Change, GroupPolicy, JumpGroup, JumpItem, JumpMethod, JumpPolicy, Jumpoint, Login,
    Membership, Placement, Role, SessionPolicy, SiteSettings, Team, TeamRole, User,
};

macro_rules! objects {
    ($($what:literal: $one:ident, $all:ident, $field:ident, $id:ty => $object:ty, $of:expr;)+) => {
        impl World {
            $(
                #[doc = concat!("The ", $what, " with this id.")]
                #[must_use]
                pub fn $one(&self, id: $id) -> Option<&Arc<$object>> {
                    self.$field.get(id).map($of)
                }

                #[doc = concat!("Every ", $what, ", by id.")]
                pub fn $all(&self) -> impl Iterator<Item = &Arc<$object>> {
                    self.$field.values().map($of)
                }
            )+
        }
    };
}

objects! {
    "role": role, roles, roles, RoleId => Role, |one| one;
    "user": user, users, accounts, UserId => User, |account| &account.user;
    "Jump Group": group, groups, groups, GroupId => JumpGroup, |one| one;
    "Jumpoint": jumpoint, jumpoints, jumpoints, JumpointId => Jumpoint, |one| one;
    "Jump Item": item, items, items, ItemId => JumpItem, |entry| &entry.item;
    "Jump Policy": policy, policies, policies, PolicyId => JumpPolicy, |one| one;
    "session policy": session_policy, session_policies, session_policies, SessionPolicyId => SessionPolicy,
        |entry| &entry.policy;
    "group policy": group_policy, group_policies, group_policies, GroupPolicyId => GroupPolicy, |entry| &entry.policy;
    "team": team, teams, teams, TeamId => Team, |one| one;
    "approval request": approval, approvals, approvals, ApprovalId => ApprovalRequest, |one| one;
}

/// The ids from the lowest to the highest that there can be.
macro_rules! every {
    ($id:ty) => {
        <$id>::LOWEST..=<$id>::HIGHEST
    };
}

fn with<A: Copy, B: Copy>(first: A, second: &RangeInclusive<B>) -> RangeInclusive<(A, B)> {
    (first, *second.start())..=(first, *second.end())
}

/// The place that comes next in the order of [`Placement`].
pub(super) fn next_place(place: Placement) -> Option<Placement> {
    match place {
        Placement::Shared(group) => {
            Some(GroupId::new(group.get() + 1).map_or(Placement::personal(UserId::LOWEST), Placement::Shared))
        }
        Placement::Personal { personal } => UserId::new(personal.get() + 1).ok().map(Placement::personal),
    }
}

impl World {
    /// What holds for the whole site.
    #[must_use]
    pub const fn site(&self) -> &SiteSettings {
        &self.site
    }

    /// The user with this login name; case does not matter.
    #[must_use]
    pub fn user_named(&self, name: &str) -> Option<&Arc<User>> {
        self.user(*self.user_names.get(&folded(name))?)
    }

    /// The Jump Group with this name or code name, name first; case does not matter.
    #[must_use]
    pub fn group_named(&self, name: &str) -> Option<&Arc<JumpGroup>> {
        let name = folded(name);
        let id = self
            .group_names
            .get(&name)
            .or_else(|| self.group_codes.get(&name))?;
        self.group(*id)
    }

    /// The Jumpoint with this name or code name, name first; case does not matter.
    #[must_use]
    pub fn jumpoint_named(&self, name: &str) -> Option<&Arc<Jumpoint>> {
        let name = folded(name);
        let id = self
            .jumpoint_names
            .get(&name)
            .or_else(|| self.jumpoint_codes.get(&name))?;
        self.jumpoint(*id)
    }

    /// The role with this name; case does not matter.
    #[must_use]
    pub fn role_named(&self, name: &str) -> Option<&Arc<Role>> {
        self.roles().find(|role| same_name(role.name.as_str(), name))
    }

    /// The Jump Policy with this name or code name; case does not matter.
    #[must_use]
    pub fn policy_named(&self, name: &str) -> Option<&Arc<JumpPolicy>> {
        self.policies().find(|policy| {
            same_name(policy.name.as_str(), name) || same_name(policy.code_name().as_str(), name)
        })
    }

    /// The session policy with this name or code name; case does not matter.
    #[must_use]
    pub fn session_policy_named(&self, name: &str) -> Option<&Arc<SessionPolicy>> {
        self.session_policies().find(|policy| {
            same_name(policy.name.as_str(), name) || same_name(policy.code_name().as_str(), name)
        })
    }

    /// The group policy with this name; case does not matter.
    #[must_use]
    pub fn group_policy_named(&self, name: &str) -> Option<&Arc<GroupPolicy>> {
        self.group_policies()
            .find(|policy| same_name(policy.name.as_str(), name))
    }

    /// The team with this name; case does not matter.
    #[must_use]
    pub fn team_named(&self, name: &str) -> Option<&Arc<Team>> {
        self.teams().find(|team| same_name(team.name.as_str(), name))
    }

    /// The items in a group or on a personal list, by name.
    pub fn items_in(&self, placement: Placement) -> impl Iterator<Item = &Arc<JumpItem>> {
        self.item_names
            .range((placement, String::new())..)
            .take_while(move |((place, _), _)| *place == placement)
            .filter_map(|(_, id)| self.item(*id))
    }

    /// The groups and personal lists that hold items, in order. It skips over the items.
    pub fn places(&self) -> impl Iterator<Item = Placement> + '_ {
        let mut from = Some(Placement::Shared(GroupId::LOWEST));
        std::iter::from_fn(move || {
            let ((place, _), _) = self.item_names.range((from?, String::new())..).next()?;
            from = next_place(*place);
            Some(*place)
        })
    }

    /// The items of a place by name, those after this name in the form in which names are compared.
    pub(crate) fn items_in_after<'w>(
        &'w self,
        place: Placement,
        after: Option<&str>,
    ) -> impl Iterator<Item = &'w Arc<JumpItem>> + use<'w> {
        let start = match after {
            Some(name) => Bound::Excluded((place, name.to_owned())),
            None => Bound::Included((place, String::new())),
        };
        self.item_names
            .range((start, Bound::Unbounded))
            .take_while(move |((other, _), _)| *other == place)
            .filter_map(|(_, id)| self.item(*id))
    }

    /// The items with this name, in whichever group; case does not matter.
    pub fn items_named(&self, name: &str) -> impl Iterator<Item = &Arc<JumpItem>> {
        let name = folded(name);
        self.items_named
            .range((name.clone(), ItemId::LOWEST)..=(name, ItemId::HIGHEST))
            .filter_map(|(_, id)| self.item(*id))
    }

    /// Every item by name and id, those after this one: a folded name, as [`folded`](crate::model::folded) gives it, and
    /// an id.
    pub fn items_after(&self, name: &str, id: ItemId) -> impl Iterator<Item = &Arc<JumpItem>> {
        self.items_named
            .range((Bound::Excluded((name.to_owned(), id)), Bound::Unbounded))
            .filter_map(|(_, id)| self.item(*id))
    }

    /// The item with this name in a group or on a personal list; case does not matter.
    #[must_use]
    pub fn item_in(&self, placement: Placement, name: &str) -> Option<&Arc<JumpItem>> {
        self.item(*self.item_names.get(&(placement, folded(name)))?)
    }

    /// The items behind a Jumpoint, by id.
    pub fn items_behind(&self, jumpoint: JumpointId) -> impl Iterator<Item = &Arc<JumpItem>> {
        self.items_behind
            .range(with(jumpoint, &every!(ItemId)))
            .filter_map(|(_, id)| self.item(*id))
    }

    /// A user, and everything by which access reaches it.
    pub(crate) fn account(&self, user: UserId) -> Option<&Account> {
        self.accounts.get(user).map(|account| &**account)
    }

    /// What decisions read of an item.
    pub(crate) fn item_rules(&self, item: ItemId) -> Option<&ItemRules> {
        self.items.get(item).map(|entry| &entry.rules)
    }

    /// What decisions read of a session policy.
    pub(crate) fn session_policy_entry(&self, policy: SessionPolicyId) -> Option<&SessionPolicyEntry> {
        self.session_policies.get(policy)
    }

    /// The group policies that are about a user, from the top down.
    pub(crate) fn policies_about<'w>(
        &'w self,
        account: &'w Account,
    ) -> impl DoubleEndedIterator<Item = &'w GroupPolicyEntry> + Clone {
        let policies = account.group_policies().iter();
        policies.filter_map(|(_, id)| self.group_policies.get(*id))
    }

    /// A user's direct membership in a group.
    #[must_use]
    pub fn membership(&self, user: UserId, group: GroupId) -> Option<&Membership> {
        self.account(user)?.membership(group)
    }

    /// Every direct membership, by user and group.
    pub fn memberships(&self) -> impl Iterator<Item = &Membership> {
        self.accounts.values().flat_map(|account| account.memberships())
    }

    /// The direct memberships in a group, by user.
    pub fn members_of(&self, group: GroupId) -> impl Iterator<Item = &Membership> {
        self.members
            .range(with(group, &every!(UserId)))
            .filter_map(|(group, user)| self.membership(*user, *group))
    }

    /// The groups of which a user is a direct member, by id.
    pub fn groups_of(&self, user: UserId) -> impl Iterator<Item = GroupId> {
        let memberships = self.account(user).map(Account::memberships);
        memberships
            .unwrap_or_default()
            .iter()
            .map(|membership| membership.group)
    }

    /// Whether the user may use the Jumpoint: granted directly, or by a group policy.
    #[must_use]
    pub fn may_use_jumpoint(&self, user: UserId, jumpoint: JumpointId) -> bool {
        self.account(user)
            .is_some_and(|account| account.is_granted(jumpoint) || self.gives_jumpoint(account, jumpoint))
    }

    /// Whether one of the account's group policies grants the Jumpoint.
    pub(crate) fn gives_jumpoint(&self, account: &Account, jumpoint: JumpointId) -> bool {
        self.policies_about(account)
            .any(|entry| entry.policy.jumpoints.contains(&jumpoint))
    }

    /// Whether the user is granted the Jumpoint directly.
    pub(crate) fn is_granted(&self, user: UserId, jumpoint: JumpointId) -> bool {
        self.account(user)
            .is_some_and(|account| account.is_granted(jumpoint))
    }

    /// Every direct Jumpoint grant, by user and Jumpoint.
    pub fn jumpoint_grants(&self) -> impl Iterator<Item = (UserId, JumpointId)> {
        self.accounts.values().flat_map(|account| {
            let jumpoints = account.jumpoints().iter();
            jumpoints.map(|jumpoint| (account.rules.id, *jumpoint))
        })
    }

    /// The Jumpoints that are granted directly to a user, by id.
    pub fn jumpoints_granted_to(&self, user: UserId) -> impl Iterator<Item = JumpointId> {
        let jumpoints = self.account(user).map(Account::jumpoints);
        jumpoints.unwrap_or_default().iter().copied()
    }

    /// The group policies that are about a user, from the top down.
    pub fn group_policies_of(&self, user: UserId) -> impl DoubleEndedIterator<Item = &Arc<GroupPolicy>> {
        let policies = self.account(user).map(Account::group_policies);
        let policies = policies.unwrap_or_default().iter();
        policies.filter_map(|(_, id)| self.group_policy(*id))
    }

    /// The teams of a user, and its role in each.
    pub fn teams_of(&self, user: UserId) -> impl Iterator<Item = (&Arc<Team>, TeamRole)> {
        let teams = self.account(user).map(Account::teams);
        teams.unwrap_or_default().iter().filter_map(move |id| {
            let team = self.team(*id)?;
            Some((team, *team.members.get(&user)?))
        })
    }

    /// The approval requests for an item, by id.
    pub fn approvals_for(&self, item: ItemId) -> impl Iterator<Item = &Arc<ApprovalRequest>> {
        self.approvals_of
            .range(with(item, &every!(ApprovalId)))
            .filter_map(|(_, id)| self.approval(*id))
    }

    /// A login.
    #[must_use]
    pub fn login(&self, id: LoginId) -> Option<&Login> {
        self.logins.get(&id)
    }

    /// The login that proves this key.
    #[must_use]
    pub fn login_with_key(&self, key: &PublicKey) -> Option<&Login> {
        self.logins.get(self.login_keys.get(key)?)
    }

    /// Every login, in no order.
    pub fn logins(&self) -> impl Iterator<Item = &Login> {
        self.logins.values()
    }

    /// The logins of a user, by id.
    pub fn logins_of(&self, user: UserId) -> impl Iterator<Item = &Login> {
        self.logins_of
            .range(with(user, &every!(LoginId)))
            .filter_map(|(_, id)| self.logins.get(id))
    }

    /// What the site consists of besides Jumpoints, items, logins and approvals: changes in an order in which references lead
    /// backwards, each kind by id.
    #[must_use]
    pub fn framework(&self) -> Vec<Change> {
        fn sorted<T: Clone, K: Ord>(
            objects: impl Iterator<Item = impl std::ops::Deref<Target = T>>,
            key: impl Fn(&T) -> K,
        ) -> Vec<T> {
            let mut objects: Vec<T> = objects.map(|object| T::clone(&object)).collect();
            objects.sort_by_key(key);
            objects
        }
        let roles = sorted(self.roles().map(|one| &**one), |one: &Role| one.id)
            .into_iter()
            .filter(|role| !Role::is_built_in(role.id));
        let mut changes: Vec<Change> = roles.map(Change::PutRole).collect();
        let session_policies = sorted(
            self.session_policies().map(|one| &**one),
            |one: &SessionPolicy| one.id,
        );
        changes.extend(session_policies.into_iter().map(Change::PutSessionPolicy));
        changes.push(Change::PutSite(self.site));
        let users = sorted(self.users().map(|one| &**one), |one: &User| one.id);
        changes.extend(users.into_iter().map(Change::PutUser));
        let teams = sorted(self.teams().map(|one| &**one), |one: &Team| one.id);
        changes.extend(teams.into_iter().map(Change::PutTeam));
        let policies = sorted(self.policies().map(|one| &**one), |one: &JumpPolicy| one.id);
        changes.extend(policies.into_iter().map(Change::PutPolicy));
        let groups = sorted(self.groups().map(|one| &**one), |one: &JumpGroup| one.id);
        changes.extend(groups.into_iter().map(Change::PutGroup));
        let memberships = sorted(self.memberships(), |one: &Membership| (one.group, one.user));
        changes.extend(memberships.into_iter().map(Change::PutMembership));
        let group_policies = sorted(self.group_policies().map(|one| &**one), |one: &GroupPolicy| {
            one.id
        });
        changes.extend(group_policies.into_iter().map(Change::PutGroupPolicy));
        changes
    }

    /// Whether sessions of this method may go through the Jumpoint, by its own switches.
    #[must_use]
    pub const fn jumpoint_allows(jumpoint: &Jumpoint, method: JumpMethod) -> bool {
        match method {
            JumpMethod::ShellJump => jumpoint.shell_jump_enabled,
            JumpMethod::ProtocolTunnel => jumpoint.protocol_tunnel_enabled,
            _ => true,
        }
    }
}
