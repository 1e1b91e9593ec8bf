//! A second evaluator of access, written from the reference text: plain lists, every rule looked up by a scan.
//!
//! It shares no code with [`jump_core::access::decide`] but the types of the question and of the answer, and it knows no
//! index. It is slow and short, so that it can be compared with the text by reading.

mod duties;
mod schedule;

use std::sync::Arc;

use jump_core::access::{Action, Context, Gate, Limit, RoleSource};
use jump_core::id::{GroupId, ItemId, JumpointId, PolicyId, RoleId, UserId};
use jump_core::model::{
    ApprovalRequest, CommandFilter, GroupPolicy, ItemDetails, JumpGroup, JumpItem, JumpMethod, JumpMethods,
    JumpPolicy, Jumpoint, Membership, Name, PathLimits, Placement, Role, RolePermission, RoleSlots,
    SessionPolicy, Setting, SiteSettings, Team, User, World,
};
use jump_core::session::{RecordingMode, SessionPermissions};
use jump_core::time::Timestamp;

/// The facts of a site as lists, in whichever order the world gives them.
#[derive(Clone, Debug)]
pub struct Facts {
    site: SiteSettings,
    users: Vec<Arc<User>>,
    groups: Vec<Arc<JumpGroup>>,
    jumpoints: Vec<Arc<Jumpoint>>,
    items: Vec<Arc<JumpItem>>,
    roles: Vec<Arc<Role>>,
    policies: Vec<Arc<JumpPolicy>>,
    session_policies: Vec<Arc<SessionPolicy>>,
    group_policies: Vec<Arc<GroupPolicy>>,
    teams: Vec<Arc<Team>>,
    approvals: Vec<Arc<ApprovalRequest>>,
    memberships: Vec<Membership>,
    grants: Vec<(UserId, JumpointId)>,
}

/// What the naive evaluator answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The gates that are shut, each once, in the order in which they are checked; none is yes.
    pub shut: Vec<Gate>,
    /// The role that applies and how it reached the user; `None` where there is no such user or item.
    pub role: Option<(RoleId, RoleSource)>,
    /// What must hold, if a session may start.
    pub duties: Option<Duties>,
}

/// What must hold while a session runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duties {
    /// How it is recorded.
    pub recording: RecordingMode,
    /// What may happen.
    pub permissions: SessionPermissions,
    /// Which commands may run.
    pub commands: Option<CommandFilter>,
    /// Where files may be written and read.
    pub paths: PathLimits,
    /// When it ends.
    pub until: Timestamp,
    /// Everything that ends it then.
    pub limits: Vec<Limit>,
    /// The idle limit in seconds.
    pub idle_limit_seconds: Option<u32>,
    /// The Jump Policy that applies.
    pub policy: Option<PolicyId>,
}

impl Facts {
    /// Copies everything out of a world.
    #[must_use]
    pub fn of(world: &World) -> Self {
        Self {
            site: *world.site(),
            users: world.users().cloned().collect(),
            groups: world.groups().cloned().collect(),
            jumpoints: world.jumpoints().cloned().collect(),
            items: world.items().cloned().collect(),
            roles: world.roles().cloned().collect(),
            policies: world.policies().cloned().collect(),
            session_policies: world.session_policies().cloned().collect(),
            group_policies: world.group_policies().cloned().collect(),
            teams: world.teams().cloned().collect(),
            approvals: world.approvals().cloned().collect(),
            memberships: world.memberships().copied().collect(),
            grants: world.jumpoint_grants().collect(),
        }
    }

    /// "Effective may start = method allowed ∧ Jumpoint allowed and enabled ∧ role.perm_start ∧ policy"; for anything
    /// else the role alone.
    #[must_use]
    pub fn answer(
        &self,
        user: UserId,
        item: ItemId,
        action: Action,
        context: &Context,
        now: Timestamp,
    ) -> Answer {
        let user = self.users.iter().find(|one| one.id == user);
        let item = self.items.iter().find(|one| one.id == item);
        let mut shut = Vec::new();
        if !user.is_some_and(|user| user.enabled) {
            shut.push(Gate::User);
        }
        if item.is_none() {
            shut.push(Gate::Item);
        }
        let (Some(user), Some(item)) = (user, item) else {
            return Answer {
                shut,
                role: None,
                duties: None,
            };
        };
        let (role, source, membership_policy) = self.role(user, item.placement);
        let permitted = self.permits(role, item.placement, action);
        let mut duties = None;
        if action == Action::Start {
            if !self.methods(user).contains(item.details.method()) {
                shut.push(Gate::Method);
            }
            if !self.jumpoint_open(user.id, item) {
                shut.push(Gate::Jumpoint);
            }
            if !permitted {
                shut.push(Gate::Role);
            }
            let policy = membership_policy
                .or(item.jump_policy)
                .and_then(|id| self.policies.iter().find(|policy| policy.id == id));
            if let Some(policy) = policy {
                self.policy_gates(user, item, policy, context, now, &mut shut);
            }
            if self.in_use(item, policy, context) {
                shut.push(Gate::Simultaneity);
            }
            if shut.is_empty() {
                duties = Some(self.duties(user, item, policy, context, now));
            }
        } else if !permitted {
            shut.push(Gate::Role);
        }
        Answer {
            shut,
            role: Some((role, source)),
            duties,
        }
    }

    /// Whether the role that applies to an enabled user in a place has the permission.
    #[must_use]
    pub fn may(&self, user: UserId, place: Placement, permission: RolePermission) -> bool {
        let user = self.users.iter().find(|one| one.id == user && one.enabled);
        user.is_some_and(|user| {
            let (role, _, _) = self.role(user, place);
            self.permits(role, place, Action::Manage(permission))
        })
    }

    /// Whether a user may use a Jumpoint.
    #[must_use]
    pub fn may_use(&self, user: UserId, jumpoint: JumpointId) -> bool {
        self.grants.contains(&(user, jumpoint))
            || self
                .policies_about(user)
                .iter()
                .any(|policy| policy.jumpoints.iter().any(|one| *one == jumpoint))
    }

    /// The Jump Policy that applies when a user jumps to an item: the membership's, or else the item's.
    #[must_use]
    pub fn policy(&self, user: UserId, item: ItemId) -> Option<&JumpPolicy> {
        let user = self.users.iter().find(|one| one.id == user)?;
        let item = self.items.iter().find(|one| one.id == item)?;
        let id = self.role(user, item.placement).2.or(item.jump_policy)?;
        self.policies.iter().find(|one| one.id == id).map(|one| &**one)
    }

    fn policies_about(&self, user: UserId) -> Vec<&GroupPolicy> {
        let mut policies: Vec<&GroupPolicy> = self
            .group_policies
            .iter()
            .map(|policy| &**policy)
            .filter(|policy| policy.members.iter().any(|member| *member == user))
            .collect();
        policies.sort_by_key(|policy| (policy.position, policy.id));
        policies
    }

    /// What everybody says, from the top down: the first final word; else `own`; else the last word.
    fn word<T: Copy>(said: &[(T, bool, &Name)], own: Option<T>) -> Option<(T, Option<Name>)> {
        if let Some((value, _, name)) = said.iter().find(|(_, last, _)| *last) {
            return Some((*value, Some((*name).clone())));
        }
        if let Some(value) = own {
            return Some((value, None));
        }
        said.last()
            .map(|(value, _, name)| (*value, Some((*name).clone())))
    }

    fn methods(&self, user: &User) -> JumpMethods {
        let mut said = Vec::new();
        for policy in self.policies_about(user.id) {
            match &policy.allowed_methods {
                Setting::NotDefined => {}
                Setting::Defined(methods) => said.push((*methods, false, &policy.name)),
                Setting::Final(methods) => said.push((*methods, true, &policy.name)),
            }
        }
        Self::word(&said, user.allowed_methods).map_or(JumpMethods::NONE, |(methods, _)| methods)
    }

    fn slot(
        &self,
        user: &User,
        own: Option<RoleId>,
        of: fn(&RoleSlots) -> Option<RoleId>,
    ) -> (RoleId, Option<Name>) {
        let mut said = Vec::new();
        for policy in self.policies_about(user.id) {
            let (slots, last) = match &policy.roles {
                Setting::NotDefined => continue,
                Setting::Defined(slots) => (slots, false),
                Setting::Final(slots) => (slots, true),
            };
            if let Some(role) = of(slots) {
                said.push((role, last, &policy.name));
            }
        }
        Self::word(&said, own).unwrap_or((Role::NO_ACCESS, None))
    }

    /// The role, how it came, and the Jump Policy of the membership.
    fn role(&self, user: &User, placement: Placement) -> (RoleId, RoleSource, Option<PolicyId>) {
        match placement {
            Placement::Shared(group) => self.role_in_group(user, group),
            Placement::Personal { personal } if personal == user.id => {
                let (role, by) = self.slot(user, user.personal_role, |slots| slots.personal);
                (role, RoleSource::Personal { by }, None)
            }
            Placement::Personal { personal } if self.leads(user.id, personal) => {
                let (role, by) = self.slot(user, user.team_role, |slots| slots.team);
                (role, RoleSource::Team { by }, None)
            }
            Placement::Personal { .. } => self.everything_else(user, RoleSource::NotOnesOwn),
        }
    }

    /// Most specific first: the membership itself, a group policy's, the slots.
    fn role_in_group(&self, user: &User, group: GroupId) -> (RoleId, RoleSource, Option<PolicyId>) {
        let direct = self
            .memberships
            .iter()
            .find(|one| one.user == user.id && one.group == group);
        if let Some(membership) = direct {
            let (role, source) = match membership.role {
                Some(role) => (role, RoleSource::Membership),
                None => self.default_role(user),
            };
            return (role, source, membership.policy);
        }
        let mut said = Vec::new();
        for policy in self.policies_about(user.id) {
            let (list, last) = match &policy.memberships {
                Setting::NotDefined => continue,
                Setting::Defined(list) => (list, false),
                Setting::Final(list) => (list, true),
            };
            for membership in list {
                if membership.group == group {
                    said.push((*membership, last, &policy.name));
                }
            }
        }
        let Some((membership, name)) = Self::word(&said, None) else {
            return self.everything_else(user, RoleSource::NotAMember);
        };
        let (role, source) = match (membership.role, name) {
            (Some(role), Some(policy)) => (role, RoleSource::GroupPolicy { policy }),
            _ => self.default_role(user),
        };
        (role, source, membership.policy)
    }

    fn default_role(&self, user: &User) -> (RoleId, RoleSource) {
        let (role, by) = self.slot(user, user.default_role, |slots| slots.default);
        (role, RoleSource::UserDefault { by })
    }

    fn everything_else(&self, user: &User, none: RoleSource) -> (RoleId, RoleSource, Option<PolicyId>) {
        match self.slot(user, user.system_role, |slots| slots.system) {
            (Role::NO_ACCESS, _) => (Role::NO_ACCESS, none, None),
            (role, by) => (role, RoleSource::System { by }, None),
        }
    }

    /// Whether there is a team in which the other has a lower role.
    fn leads(&self, user: UserId, other: UserId) -> bool {
        let place = |team: &Team, who: UserId| {
            let found = team.members.iter().find(|(member, _)| **member == who);
            found.map(|(_, role)| *role)
        };
        self.teams
            .iter()
            .any(|team| match (place(team, user), place(team, other)) {
                (Some(user), Some(other)) => other < user,
                _ => false,
            })
    }

    fn permits(&self, role: RoleId, placement: Placement, action: Action) -> bool {
        let there = match placement {
            Placement::Shared(group) => self.groups.iter().any(|one| one.id == group),
            Placement::Personal { personal } => self.users.iter().any(|one| one.id == personal),
        };
        let Some(role) = self.roles.iter().find(|one| one.id == role) else {
            return false;
        };
        let has = |permission| role.permissions.iter().any(|one| one == permission);
        there
            && match action {
                Action::Start => has(RolePermission::Start),
                Action::View => role.permissions.iter().count() > 0,
                Action::Manage(permission) => has(permission),
                _ => false,
            }
    }

    fn jumpoint_open(&self, user: UserId, item: &JumpItem) -> bool {
        let Some(id) = item.jumpoint else {
            return matches!(
                item.details,
                ItemDetails::LocalJump(_)
                    | ItemDetails::LocalRdp(_)
                    | ItemDetails::LocalVnc(_)
                    | ItemDetails::JumpClient(_)
            );
        };
        let Some(jumpoint) = self.jumpoints.iter().find(|one| one.id == id) else {
            return false;
        };
        let switched_on = match item.details.method() {
            JumpMethod::ShellJump => jumpoint.shell_jump_enabled,
            JumpMethod::ProtocolTunnel => jumpoint.protocol_tunnel_enabled,
            _ => true,
        };
        let granted = self.grants.contains(&(user, id))
            || self.group_policies.iter().any(|policy| {
                policy.members.iter().any(|one| *one == user) && policy.jumpoints.iter().any(|one| *one == id)
            });
        jumpoint.enabled && switched_on && granted
    }
}
