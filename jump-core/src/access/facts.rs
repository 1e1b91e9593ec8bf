//! What a decision about one user and some items looks at, without the rest of the world.

use std::collections::{BTreeMap, BTreeSet};

use super::{Action, Allowed, Context, Decision, decide};
use crate::error::Result;
use crate::id::{GroupId, ItemId, JumpointId, PolicyId, RoleId, SessionPolicyId, UserId};
use crate::model::{
    ApprovalState, Change, GroupPolicy, ItemDetails, JumpPolicy, Membership, Revision, Role, Setting, Team,
    User, World,
};
use crate::time::Timestamp;

/// What [`decide`] looks at for one user and some items, at one revision: its answers are those of the whole world.
///
/// Everything else is left out, and what is there is pared down to what decisions read: other users to their names, teams
/// and group policies to what they say about this user and these items, Jump Policies to what they ask for (without who
/// may approve). It is for deciding, not for showing or editing.
#[derive(Clone, Debug)]
pub struct Facts {
    user: UserId,
    world: World,
}

impl Facts {
    /// The facts of a world that is in memory.
    ///
    /// # Errors
    /// None for a world that is consistent, and every world is.
    pub fn of(world: &World, user: UserId, items: &[ItemId]) -> Result<Self> {
        let mut facts = FactsBuilder::new(user);
        facts.add(Change::PutSite(*world.site()));
        if let Some(user) = world.user(user) {
            facts.add(Change::PutUser(User::clone(user)));
        }
        for policy in world.group_policies_of(user) {
            facts.add(Change::PutGroupPolicy(GroupPolicy::clone(policy)));
        }
        for (team, _) in world.teams_of(user) {
            facts.add(Change::PutTeam(Team::clone(team)));
        }
        for item in items.iter().filter_map(|id| world.item(*id)) {
            facts.add(Change::PutItem((**item).clone()));
            let group = item.placement.group();
            if let Some(membership) = group.and_then(|group| world.membership(user, group)) {
                facts.add(Change::PutMembership(*membership));
            }
            let granted = |jumpoint: &JumpointId| world.is_granted(user, *jumpoint);
            if let Some(jumpoint) = item.jumpoint.filter(granted) {
                facts.add(Change::GrantJumpoint { user, jumpoint });
            }
            for request in world.approvals_for(item.id) {
                facts.add(Change::PutApproval((**request).clone()));
            }
        }
        let wanted = facts.wanted();
        macro_rules! add {
            ($($ids:ident, $find:ident, $change:path;)+) => {
                $(for object in wanted.$ids.iter().filter_map(|id| world.$find(*id)) {
                    facts.add($change((**object).clone()));
                })+
            };
        }
        add! {
            users, user, Change::PutUser;
            groups, group, Change::PutGroup;
            jumpoints, jumpoint, Change::PutJumpoint;
            roles, role, Change::PutRole;
            policies, policy, Change::PutPolicy;
            session_policies, session_policy, Change::PutSessionPolicy;
        }
        facts.finish(world.revision())
    }

    /// Whose.
    #[must_use]
    pub const fn user(&self) -> UserId {
        self.user
    }

    /// The revision of the world they are of.
    #[must_use]
    pub const fn revision(&self) -> Revision {
        self.world.revision()
    }

    /// They as a world: for [`decide`] and what else of this module asks about this user and these items.
    #[must_use]
    pub const fn world(&self) -> &World {
        &self.world
    }

    /// [`decide`]s for this user. An item that the facts are not about is unknown, and so denied.
    #[must_use]
    pub fn decide(
        &self,
        item: ItemId,
        action: Action,
        context: &Context,
        now: Timestamp,
    ) -> (Decision, Option<Allowed>) {
        decide(&self.world, self.user, item, action, context, now)
    }
}

/// The ids of what [`FactsBuilder::wanted`] asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Users.
    pub users: BTreeSet<UserId>,
    /// Jump Groups.
    pub groups: BTreeSet<GroupId>,
    /// Jumpoints.
    pub jumpoints: BTreeSet<JumpointId>,
    /// Custom roles.
    pub roles: BTreeSet<RoleId>,
    /// Jump Policies.
    pub policies: BTreeSet<PolicyId>,
    /// Session policies.
    pub session_policies: BTreeSet<SessionPolicyId>,
}

/// Puts [`Facts`] together from what a store reads, in two rounds of one read transaction.
///
/// 1. [`add`](Self::add) the site, the user, the items, and of the user: its group policies and teams, its memberships in the
///    groups of the items, its grants of their Jumpoints; of the items: the approval requests that are approved. More does
///    no harm.
/// 2. Add what [`wanted`](Self::wanted) names, and [`finish`](Self::finish).
#[derive(Debug)]
pub struct FactsBuilder {
    user: UserId,
    /// By kind and id, in an order in which references lead backwards.
    kept: BTreeMap<(u8, u32, u32), Change>,
    groups: BTreeSet<GroupId>,
    owners: BTreeSet<UserId>,
    jumpoints: BTreeSet<JumpointId>,
}

impl FactsBuilder {
    /// Facts of this user.
    #[must_use]
    pub const fn new(user: UserId) -> Self {
        Self {
            user,
            kept: BTreeMap::new(),
            groups: BTreeSet::new(),
            owners: BTreeSet::new(),
            jumpoints: BTreeSet::new(),
        }
    }

    /// Takes a stored object, as the change that puts it; one that decisions do not read is left out.
    pub fn add(&mut self, object: Change) {
        let key = match &object {
            Change::PutRole(role) if !Role::is_built_in(role.id) => (0, role.id.get(), 0),
            Change::PutSessionPolicy(policy) => (1, policy.id.get(), 0),
            Change::PutSite(_) => (2, 0, 0),
            Change::PutUser(user) => (3, user.id.get(), 0),
            Change::PutTeam(team) if team.members.contains_key(&self.user) => (4, team.id.get(), 0),
            Change::PutPolicy(policy) => (5, policy.id.get(), 0),
            Change::PutGroup(group) => (6, group.id.get(), 0),
            Change::PutJumpoint(jumpoint) => (7, jumpoint.id.get(), 0),
            Change::PutGroupPolicy(policy) if policy.members.contains(&self.user) => (8, policy.id.get(), 0),
            Change::PutItem(item) => {
                self.groups.extend(item.placement.group());
                self.owners.extend(item.placement.owner());
                self.jumpoints.extend(item.jumpoint);
                (9, item.id.get(), 0)
            }
            Change::PutApproval(request) if request.state == ApprovalState::Approved => {
                (10, request.id.get(), 0)
            }
            Change::PutMembership(Membership { user, group, .. }) if *user == self.user => {
                (11, user.get(), group.get())
            }
            Change::GrantJumpoint { user, jumpoint } if *user == self.user => {
                (12, user.get(), jumpoint.get())
            }
            _ => return,
        };
        self.kept.insert(key, object);
    }

    /// What is still missing; call it once, after the first round.
    #[must_use]
    pub fn wanted(&mut self) -> Wanted {
        self.pare();
        let mut wanted = Wanted {
            users: self.owners.clone(),
            groups: self.groups.clone(),
            jumpoints: self.jumpoints.clone(),
            ..Wanted::default()
        };
        for object in self.kept.values() {
            wanted.refer(object);
        }
        wanted.users.remove(&self.user);
        wanted.roles.retain(|role| !Role::is_built_in(*role));
        wanted
    }

    /// The facts, at this revision.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if something that was wanted was not added.
    pub fn finish(mut self, revision: Revision) -> Result<Facts> {
        self.pare();
        let world = World::restore(self.kept.into_values(), revision)?;
        Ok(Facts {
            user: self.user,
            world,
        })
    }

    /// Reduces what is kept to what is about the user and the items.
    fn pare(&mut self) {
        let Self {
            user: subject,
            kept,
            groups,
            owners,
            jumpoints,
        } = self;
        kept.retain(|_, object| {
            match object {
                Change::PutUser(user) if user.id != *subject => {
                    *user = User::new(user.id, user.name.clone());
                }
                Change::PutTeam(team) => {
                    team.members.retain(|id, _| id == subject || owners.contains(id));
                    return team.members.len() > 1;
                }
                Change::PutPolicy(JumpPolicy {
                    approval: Some(approval),
                    ..
                }) => {
                    approval.approvers.clear();
                    approval.approver_teams.clear();
                }
                Change::PutGroupPolicy(policy) => {
                    policy.members.retain(|id| id == subject);
                    policy.jumpoints.retain(|id| jumpoints.contains(id));
                    if let Setting::Defined(list) | Setting::Final(list) = &mut policy.memberships {
                        list.retain(|membership| groups.contains(&membership.group));
                    }
                }
                Change::PutMembership(membership) => return groups.contains(&membership.group),
                Change::GrantJumpoint { jumpoint, .. } => return jumpoints.contains(jumpoint),
                _ => {}
            }
            true
        });
    }
}

impl Wanted {
    /// Adds what an object refers to.
    fn refer(&mut self, object: &Change) {
        match object {
            Change::PutSite(site) => self.session_policies.extend(site.session_policy),
            Change::PutUser(user) => {
                self.roles.extend(user.slots().iter());
                self.session_policies.extend(user.session_policy);
            }
            Change::PutTeam(team) => self.users.extend(team.members.keys()),
            Change::PutItem(item) => {
                self.policies.extend(item.jump_policy);
                self.session_policies.extend(item.session_policy);
                if let ItemDetails::JumpClient(client) = &item.details {
                    self.session_policies.extend(client.attended_session_policy);
                    self.session_policies.extend(client.unattended_session_policy);
                }
            }
            Change::PutGroupPolicy(policy) => {
                if let Some((slots, _)) = policy.roles.get() {
                    self.roles.extend(slots.iter());
                }
                for membership in policy.memberships.get().into_iter().flat_map(|(list, _)| list) {
                    self.roles.extend(membership.role);
                    self.policies.extend(membership.policy);
                }
            }
            Change::PutApproval(request) => {
                self.users.insert(request.requester);
                self.policies.insert(request.policy);
            }
            Change::PutMembership(membership) => {
                self.roles.extend(membership.role);
                self.policies.extend(membership.policy);
            }
            _ => {}
        }
    }
}
