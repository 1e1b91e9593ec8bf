//! Where a user may view items: one answer for a whole listing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::role::slot;
use crate::id::{GroupId, RoleId, UserId};
use crate::model::{
    GroupPolicy, Membership, Placement, Role, RolePermissions, RoleSlots, Team, TeamRole, User, World,
};

/// The groups and personal lists whose items a user may view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Visible {
    /// These and no others.
    Only(BTreeSet<Placement>),
    /// All but these.
    AllBut(BTreeSet<Placement>),
}

impl Visible {
    /// Whether items there may be viewed: whether [`decide`](super::decide) allows [`Action::View`](super::Action::View)
    /// for them.
    #[must_use]
    pub fn contains(&self, placement: Placement) -> bool {
        match self {
            Visible::Only(places) => places.contains(&placement),
            Visible::AllBut(places) => !places.contains(&placement),
        }
    }
}

/// What says where a user may view items: what a store reads instead of a world.
#[derive(Clone, Debug)]
pub struct Standing {
    user: Arc<User>,
    policies: Vec<Arc<GroupPolicy>>,
    memberships: Vec<Membership>,
    led: BTreeSet<UserId>,
}

impl Standing {
    /// The standing of a user: the account, the group policies that are about it, its direct memberships, and the teams it
    /// belongs to, each in any order. What is about others is left out.
    #[must_use]
    pub fn new<'t>(
        user: Arc<User>,
        mut policies: Vec<Arc<GroupPolicy>>,
        mut memberships: Vec<Membership>,
        teams: impl IntoIterator<Item = &'t Team>,
    ) -> Self {
        policies.retain(|policy| policy.members.contains(&user.id));
        policies.sort_by_key(|policy| (policy.position, policy.id));
        memberships.retain(|membership| membership.user == user.id);
        let led = teams
            .into_iter()
            .filter_map(|team| Some((team, *team.members.get(&user.id)?)))
            .flat_map(|(team, role): (&Team, TeamRole)| {
                let lower = team.members.iter().filter(move |(_, other)| **other < role);
                lower.map(|(id, _)| *id)
            })
            .collect();
        Self {
            user,
            policies,
            memberships,
            led,
        }
    }

    /// The custom roles that may matter; the built-in ones are known.
    #[must_use]
    pub fn roles(&self) -> BTreeSet<RoleId> {
        let mut roles: BTreeSet<RoleId> = self.user.slots().iter().collect();
        roles.extend(self.memberships.iter().filter_map(|one| one.role));
        for policy in &self.policies {
            if let Some((slots, _)) = policy.roles.get() {
                roles.extend(slots.iter());
            }
            if let Some((list, _)) = policy.memberships.get() {
                roles.extend(list.iter().filter_map(|one| one.role));
            }
        }
        roles.retain(|role| !Role::is_built_in(*role));
        roles
    }

    /// Where the user may view items, with these custom roles. A role that is not among them permits nothing.
    #[must_use]
    pub fn visible<'r>(&self, custom: impl IntoIterator<Item = &'r Role>) -> Visible {
        if !self.user.enabled {
            return Visible::Only(BTreeSet::new());
        }
        // Viewing needs any permission at all.
        let custom: BTreeSet<RoleId> = custom
            .into_iter()
            .filter(|role| role.permissions != RolePermissions::NONE)
            .map(|role| role.id)
            .collect();
        let sees = |role: RoleId| {
            if Role::is_built_in(role) {
                role != Role::NO_ACCESS
            } else {
                custom.contains(&role)
            }
        };
        let in_slot = |pick: fn(&RoleSlots) -> Option<RoleId>| {
            let policies = self.policies.iter().map(|policy| &**policy);
            sees(slot(policies, &self.user.slots(), pick).0)
        };
        let default = in_slot(|slots| slots.default);
        let elsewhere = in_slot(|slots| slots.system);
        let mut places: BTreeMap<Placement, bool> = BTreeMap::new();
        for (group, role) in self.by_policies() {
            places.insert(Placement::Shared(group), role.map_or(default, sees));
        }
        // The most specific wins: a direct membership, whatever the policies say.
        for membership in &self.memberships {
            let place = Placement::Shared(membership.group);
            places.insert(place, membership.role.map_or(default, sees));
        }
        let team = in_slot(|slots| slots.team);
        let led = self.led.iter().map(|owner| (Placement::personal(*owner), team));
        places.extend(led);
        places.insert(Placement::personal(self.user.id), in_slot(|slots| slots.personal));
        let exceptions = places
            .into_iter()
            .filter(|(_, seen)| *seen != elsewhere)
            .map(|(place, _)| place)
            .collect();
        if elsewhere {
            Visible::AllBut(exceptions)
        } else {
            Visible::Only(exceptions)
        }
    }

    /// The role that group policies give in each group: a later policy overrides an earlier one that is not final.
    fn by_policies(&self) -> BTreeMap<GroupId, Option<RoleId>> {
        let mut roles: BTreeMap<GroupId, (Option<RoleId>, bool)> = BTreeMap::new();
        for policy in &self.policies {
            let Some((memberships, last)) = policy.memberships.get() else {
                continue;
            };
            for membership in memberships {
                let place = roles.entry(membership.group).or_insert((None, false));
                if !place.1 {
                    *place = (membership.role, last);
                }
            }
        }
        roles
            .into_iter()
            .map(|(group, (role, _))| (group, role))
            .collect()
    }
}

impl Visible {
    /// Where a user of this world may view items; nowhere if there is no such user.
    #[must_use]
    pub fn of(world: &World, user: UserId) -> Self {
        let Some(account) = world.user(user) else {
            return Visible::Only(BTreeSet::new());
        };
        let memberships = world
            .groups_of(user)
            .filter_map(|group| world.membership(user, group).copied());
        let standing = Standing::new(
            account.clone(),
            world.group_policies_of(user).cloned().collect(),
            memberships.collect(),
            world.teams_of(user).map(|(team, _)| &**team),
        );
        standing.visible(world.roles().map(|role| &**role))
    }
}
