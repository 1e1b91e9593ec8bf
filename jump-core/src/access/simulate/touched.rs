//! Which pairs of user and item a change can touch.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{
    GroupId, GroupPolicyId, ItemId, JumpointId, PolicyId, RoleId, SessionPolicyId, TeamId, UserId,
};
use crate::model::{Change, JumpItem, Placement, PolicyMembership, World};

/// Up to this many members of a team, the lists of each are looked at; above, everything that a member may reach.
const LARGE_TEAM: usize = 100;

/// Items that a change can touch for one user. None of them is among [`Touched::items`], so none is new, gone or moved.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    /// All there are.
    pub(super) all: bool,
    /// Those in these groups and on these lists.
    pub(super) places: BTreeSet<Placement>,
    /// Those behind these Jumpoints.
    pub(super) behind: BTreeSet<JumpointId>,
}

/// Every pair for which the answer can be another after the changes: the others are decided on the same facts. Only how
/// things were and how they are then counts, not the order of the changes between; what changes take along with them
/// (the items of a removed group) was there before, or is named by another of the changes.
#[derive(Clone, Debug, Default)]
pub(super) struct Touched {
    /// Everything, for everybody.
    pub(super) all: bool,
    /// These items, for everybody; among them each that is new, gone or moved.
    pub(super) items: BTreeSet<ItemId>,
    /// More, for some.
    pub(super) users: BTreeMap<UserId, Scope>,
}

struct Worlds<'w> {
    both: [&'w World; 2],
    touched: Touched,
}

pub(super) fn touched(before: &World, after: &World, changes: &[Change]) -> Touched {
    let mut worlds = Worlds {
        both: [before, after],
        touched: Touched::default(),
    };
    for change in changes {
        worlds.note(change);
    }
    worlds.touched
}

impl<'w> Worlds<'w> {
    fn user(&mut self, user: UserId) -> &mut Scope {
        self.touched.users.entry(user).or_default()
    }

    /// Whether an object is another, new or gone.
    fn differs<T: PartialEq>(&self, pick: impl Fn(&'w World) -> T) -> bool {
        let [before, after] = self.both;
        pick(before) != pick(after)
    }

    fn placed(&mut self, place: Placement) {
        for world in self.both {
            let items = world.items_in(place).map(|item| item.id);
            self.touched.items.extend(items);
        }
    }

    fn items_where(&mut self, which: impl Fn(&JumpItem) -> bool) {
        for world in self.both {
            let items = world.items().filter(|item| which(item)).map(|item| item.id);
            self.touched.items.extend(items);
        }
    }

    fn note(&mut self, change: &Change) {
        match change {
            Change::PutUser(user) => {
                if self.differs(|world| world.user(user.id)) {
                    self.user(user.id).all = true;
                }
            }
            Change::RemoveUser(id) => self.remove_user(*id),
            // What a group or a login is called, and how one logs in, is no part of any decision.
            Change::PutGroup(_)
            | Change::PutLogin(_)
            | Change::RemoveLogin(_)
            | Change::PinHostKey { .. }
            | Change::PinCertificate { .. } => {}
            Change::RemoveGroup(id) => self.placed(Placement::Shared(*id)),
            Change::PutJumpoint(jumpoint) => {
                if self.differs(|world| world.jumpoint(jumpoint.id)) {
                    self.jumpoint(jumpoint.id);
                }
            }
            Change::RemoveJumpoint(id) => self.jumpoint(*id),
            Change::PutItem(item) => {
                self.touched.items.insert(item.id);
            }
            Change::RemoveItem(id) => {
                self.touched.items.insert(*id);
            }
            Change::PutMembership(membership) => self.member(membership.user, membership.group),
            Change::RemoveMembership { user, group } => self.member(*user, *group),
            Change::GrantJumpoint { user, jumpoint } | Change::RevokeJumpoint { user, jumpoint } => {
                self.user(*user).behind.insert(*jumpoint);
            }
            Change::PutRole(role) => {
                if self.differs(|world| world.role(role.id)) {
                    self.role(role.id);
                }
            }
            Change::RemoveRole(id) => self.role(*id),
            Change::PutPolicy(policy) => {
                if self.differs(|world| world.policy(policy.id)) {
                    self.policy(policy.id);
                }
            }
            Change::RemovePolicy(id) => self.policy(*id),
            Change::PutSessionPolicy(policy) => {
                if self.differs(|world| world.session_policy(policy.id)) {
                    self.session_policy(policy.id);
                }
            }
            Change::RemoveSessionPolicy(id) => self.session_policy(*id),
            Change::PutGroupPolicy(policy) => {
                if self.differs(|world| world.group_policy(policy.id)) {
                    self.group_policy(policy.id);
                }
            }
            Change::RemoveGroupPolicy(id) => self.group_policy(*id),
            Change::PutTeam(team) => self.team(team.id),
            Change::RemoveTeam(id) => self.team(*id),
            Change::PutApproval(request) => {
                self.touched.items.insert(request.item);
            }
            Change::RemoveApproval(id) => {
                let requests = self.both.into_iter().filter_map(|world| world.approval(*id));
                let items: Vec<ItemId> = requests.map(|request| request.item).collect();
                self.touched.items.extend(items);
            }
            Change::PutSite(_) => self.touched.all |= self.differs(|world| *world.site()),
        }
    }

    fn remove_user(&mut self, id: UserId) {
        self.user(id).all = true;
        self.placed(Placement::personal(id));
        // An approval may hold for others, too.
        for world in self.both {
            let requests = world.approvals().filter(|request| request.requester == id);
            self.touched.items.extend(requests.map(|request| request.item));
        }
    }

    fn jumpoint(&mut self, id: JumpointId) {
        for world in self.both {
            let items = world.items_behind(id).map(|item| item.id);
            self.touched.items.extend(items);
        }
    }

    fn member(&mut self, user: UserId, group: GroupId) {
        self.user(user).places.insert(Placement::Shared(group));
    }

    /// Everybody with the role in a slot or through a membership.
    fn role(&mut self, id: RoleId) {
        for world in self.both {
            for user in world.users() {
                if user.slots().iter().any(|role| role == id) {
                    self.user(user.id).all = true;
                }
            }
            for membership in world.memberships().filter(|one| one.role == Some(id)) {
                self.member(membership.user, membership.group);
            }
            for policy in world.group_policies() {
                let slots = policy.roles.get();
                if slots.is_some_and(|(slots, _)| slots.iter().any(|role| role == id)) {
                    for user in &policy.members {
                        self.user(*user).all = true;
                    }
                }
            }
            self.given(world, |membership| membership.role == Some(id));
        }
    }

    /// Everybody in a group policy that gives such a membership.
    fn given(&mut self, world: &World, which: impl Fn(&PolicyMembership) -> bool) {
        for policy in world.group_policies() {
            let memberships = policy.memberships.get();
            for membership in memberships.into_iter().flat_map(|(list, _)| list) {
                if which(membership) {
                    for user in &policy.members {
                        self.member(*user, membership.group);
                    }
                }
            }
        }
    }

    fn policy(&mut self, id: PolicyId) {
        self.items_where(|item| item.jump_policy == Some(id));
        for world in self.both {
            for membership in world.memberships().filter(|one| one.policy == Some(id)) {
                self.member(membership.user, membership.group);
            }
            self.given(world, |membership| membership.policy == Some(id));
        }
    }

    fn session_policy(&mut self, id: SessionPolicyId) {
        self.items_where(|item| item.session_policy == Some(id));
        for world in self.both {
            self.touched.all |= world.site().session_policy == Some(id);
            for user in world.users().filter(|user| user.session_policy == Some(id)) {
                self.user(user.id).all = true;
            }
        }
    }

    fn group_policy(&mut self, id: GroupPolicyId) {
        for world in self.both {
            let members = world.group_policy(id).map(|policy| &policy.members);
            for user in members.into_iter().flatten() {
                self.user(*user).all = true;
            }
        }
    }

    /// Members see the personal lists of members with lower team roles.
    fn team(&mut self, id: TeamId) {
        let teams = self.both.into_iter().filter_map(|world| world.team(id));
        let members: BTreeSet<UserId> = teams.flat_map(|team| team.members.keys().copied()).collect();
        for user in &members {
            let large = members.len() > LARGE_TEAM;
            let scope = self.user(*user);
            scope.all |= large;
            if !large {
                scope
                    .places
                    .extend(members.iter().map(|owner| Placement::personal(*owner)));
            }
        }
    }
}
