//! The objects as the world keeps them: beside what was put, what decisions read of it, in few words and in one place.
//!
//! Each entry follows from its object here and nowhere else.

use std::num::NonZeroU32;
use std::sync::Arc;

use crate::id::{GroupId, GroupPolicyId, JumpointId, PolicyId, RoleId, SessionPolicyId, TeamId, UserId};
use crate::model::{
    GroupPolicy, JumpItem, JumpMethod, JumpMethods, Membership, Placement, PolicyMembership, RoleSlots,
    SessionPolicy, User, UserName,
};
use crate::session::{PermissionBits, RecordingMode};

/// What decisions read of an item.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ItemRules {
    pub(crate) placement: Placement,
    pub(crate) jumpoint: Option<JumpointId>,
    pub(crate) jump_policy: Option<PolicyId>,
    pub(crate) session_policy: Option<SessionPolicyId>,
    /// At least 1, as [`JumpItem::validate`] has it.
    pub(crate) max_duration_seconds: Option<NonZeroU32>,
    pub(crate) possible: PermissionBits,
    pub(crate) method: JumpMethod,
    pub(crate) recording: RecordingMode,
}

/// An item.
#[derive(Clone, Debug)]
pub(super) struct ItemEntry {
    pub(super) item: Arc<JumpItem>,
    pub(super) rules: ItemRules,
}

impl ItemEntry {
    pub(super) fn new(item: Arc<JumpItem>) -> Self {
        let rules = ItemRules {
            placement: item.placement,
            jumpoint: item.jumpoint,
            jump_policy: item.jump_policy,
            session_policy: item.session_policy,
            max_duration_seconds: item.max_duration_seconds.and_then(NonZeroU32::new),
            possible: item.details.possible().bits(),
            method: item.details.method(),
            recording: item.recording,
        };
        Self { item, rules }
    }
}

/// What decisions read of a user's own fields.
#[derive(Clone, Debug)]
pub(crate) struct UserRules {
    pub(crate) id: UserId,
    pub(crate) name: UserName,
    pub(crate) enabled: bool,
    pub(crate) allowed_methods: Option<JumpMethods>,
    pub(crate) slots: RoleSlots,
    pub(crate) session_policy: Option<SessionPolicyId>,
}

/// A user, and everything by which access reaches it: an edit of that copies this one user's.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) rules: UserRules,
    pub(super) user: Arc<User>,
    /// Its direct memberships, by group.
    memberships: Vec<Membership>,
    /// The Jumpoints granted to it directly, by id.
    jumpoints: Vec<JumpointId>,
    /// An index: the group policies that are about it, by position and id.
    group_policies: Vec<(u32, GroupPolicyId)>,
    /// An index: the teams that it is in, by id.
    teams: Vec<TeamId>,
}

/// A list up to this long is looked through as a whole.
const SHORT: usize = 32;

/// Puts a value into a list that is sorted by `key`, in the place of one with the same key.
fn put<T, K: Ord>(list: &mut Vec<T>, value: T, key: impl Fn(&T) -> K) {
    match list.binary_search_by_key(&key(&value), &key) {
        Ok(at) => {
            if let Some(old) = list.get_mut(at) {
                *old = value;
            }
        }
        Err(at) => list.insert(at, value),
    }
}

/// Takes what has this key out of a list that is sorted by it; whether there was one.
fn take<T, K: Ord>(list: &mut Vec<T>, wanted: &K, key: impl Fn(&T) -> K) -> bool {
    let found = list.binary_search_by_key(wanted, key);
    if let Ok(at) = found {
        list.remove(at);
    }
    found.is_ok()
}

impl Account {
    /// A user in no group, with no grant.
    pub(super) fn new(user: Arc<User>) -> Self {
        Self {
            rules: UserRules {
                id: user.id,
                name: user.name.clone(),
                enabled: user.enabled,
                allowed_methods: user.allowed_methods,
                slots: user.slots(),
                session_policy: user.session_policy,
            },
            user,
            memberships: Vec::new(),
            jumpoints: Vec::new(),
            group_policies: Vec::new(),
            teams: Vec::new(),
        }
    }

    /// Changes the user's own fields and gives the old ones.
    pub(super) fn replace(&mut self, user: Arc<User>) -> Arc<User> {
        let Self { rules, user, .. } = Self::new(user);
        self.rules = rules;
        std::mem::replace(&mut self.user, user)
    }

    pub(super) fn memberships(&self) -> &[Membership] {
        &self.memberships
    }

    pub(crate) fn membership(&self, group: GroupId) -> Option<&Membership> {
        let at = self
            .memberships
            .binary_search_by_key(&group, |membership| membership.group)
            .ok()?;
        self.memberships.get(at)
    }

    pub(super) fn put_membership(&mut self, membership: Membership) {
        put(&mut self.memberships, membership, |one| one.group);
    }

    pub(super) fn remove_membership(&mut self, group: GroupId) -> bool {
        take(&mut self.memberships, &group, |one| one.group)
    }

    pub(super) fn jumpoints(&self) -> &[JumpointId] {
        &self.jumpoints
    }

    pub(crate) fn is_granted(&self, jumpoint: JumpointId) -> bool {
        if self.jumpoints.len() > SHORT {
            return self.jumpoints.binary_search(&jumpoint).is_ok();
        }
        // Without a branch, nothing waits for one value before it asks memory for the next.
        self.jumpoints
            .iter()
            .fold(false, |found, one| found | (*one == jumpoint))
    }

    pub(super) fn grant(&mut self, jumpoint: JumpointId) {
        put(&mut self.jumpoints, jumpoint, |one| *one);
    }

    pub(super) fn revoke(&mut self, jumpoint: JumpointId) -> bool {
        take(&mut self.jumpoints, &jumpoint, |one| *one)
    }

    pub(super) fn group_policies(&self) -> &[(u32, GroupPolicyId)] {
        &self.group_policies
    }

    pub(super) fn list_group_policy(&mut self, position: u32, policy: GroupPolicyId) {
        put(&mut self.group_policies, (position, policy), |one| *one);
    }

    pub(super) fn unlist_group_policy(&mut self, position: u32, policy: GroupPolicyId) {
        take(&mut self.group_policies, &(position, policy), |one| *one);
    }

    pub(super) fn teams(&self) -> &[TeamId] {
        &self.teams
    }

    pub(super) fn list_team(&mut self, team: TeamId) {
        put(&mut self.teams, team, |one| *one);
    }

    pub(super) fn unlist_team(&mut self, team: TeamId) {
        take(&mut self.teams, &team, |one| *one);
    }
}

/// A group policy.
#[derive(Clone, Debug)]
pub(crate) struct GroupPolicyEntry {
    pub(crate) policy: Arc<GroupPolicy>,
    /// The memberships that it gives, by group.
    memberships: Arc<[PolicyMembership]>,
    last: bool,
}

impl GroupPolicyEntry {
    pub(super) fn new(policy: Arc<GroupPolicy>) -> Self {
        let (list, last) = policy
            .memberships
            .get()
            .map_or((&[][..], false), |(list, last)| (list.as_slice(), last));
        let mut memberships = list.to_vec();
        memberships.sort_unstable_by_key(|one| one.group);
        Self {
            memberships: memberships.into(),
            last,
            policy,
        }
    }

    /// Its membership in a group, and whether that is final.
    pub(crate) fn membership(&self, group: GroupId) -> Option<(&PolicyMembership, bool)> {
        let at = self
            .memberships
            .binary_search_by_key(&group, |one| one.group)
            .ok()?;
        Some((self.memberships.get(at)?, self.last))
    }

    /// Whether it puts a role into a slot or on a membership.
    pub(super) fn gives(&self, role: RoleId) -> bool {
        let slots = self.policy.roles.get();
        slots.is_some_and(|(slots, _)| slots.iter().any(|one| one == role))
            || self.memberships.iter().any(|one| one.role == Some(role))
    }

    /// Whether it puts a Jump Policy on a membership.
    pub(super) fn asks(&self, policy: PolicyId) -> bool {
        self.memberships.iter().any(|one| one.policy == Some(policy))
    }
}

/// A session policy.
#[derive(Clone, Debug)]
pub(crate) struct SessionPolicyEntry {
    pub(crate) policy: Arc<SessionPolicy>,
    /// What it says something of.
    pub(crate) defined: PermissionBits,
    /// What it allows.
    pub(crate) allowed: PermissionBits,
}

impl SessionPolicyEntry {
    pub(super) fn new(policy: Arc<SessionPolicy>) -> Self {
        let said = |allowed: &[bool]| {
            policy
                .permissions
                .iter()
                .filter(|(_, one)| allowed.contains(one))
                .map(|(permission, _)| *permission)
                .collect()
        };
        Self {
            defined: said(&[true, false]),
            allowed: said(&[true]),
            policy,
        }
    }
}
