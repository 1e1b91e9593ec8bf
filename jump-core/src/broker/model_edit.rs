//! Changing roles, policies, teams, users, groups and Jumpoints, by names.

use std::collections::{BTreeMap, BTreeSet};

use super::{Broker, in_use, names};
use crate::control::{
    ApprovalPatch, EditVerb, ExistingEdit, GroupPatch, GroupPolicyPatch, JumpPolicyPatch, JumpointPatch,
    MembershipNames, ModelEdit, NamedEdit, PolicyPlace, RolePatch, SessionPolicyPatch, SettingStatus,
    SitePatch, SlotsPatch, TeamPatch, UserEdit,
};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{GroupPolicyId, PolicyId, RoleId, SessionPolicyId, TeamId};
use crate::model::{
    Approval, ApprovalScope, Change, Description, GroupPolicy, JumpGroup, JumpPolicy, Jumpoint, Name,
    PolicyMembership, Role, RolePermissions, RoleSlots, SessionPolicy, Setting, SiteSettings, Team, User,
    World,
};
use crate::store::IdKind;

/// The changes that make an edit.
pub(super) async fn changes(broker: &Broker, world: &World, edit: ModelEdit) -> Result<Vec<Change>> {
    Ok(match edit {
        ModelEdit::Role(edit) => vec![role(broker, world, edit).await?],
        ModelEdit::JumpPolicy(edit) => vec![jump_policy(broker, world, *edit).await?],
        ModelEdit::SessionPolicy(edit) => vec![session_policy(broker, world, edit).await?],
        ModelEdit::GroupPolicy(edit) => group_policy(broker, world, *edit).await?,
        ModelEdit::Team(edit) => vec![team(broker, world, edit).await?],
        ModelEdit::User(edit) => vec![Change::PutUser(user(world, edit)?)],
        ModelEdit::Group(edit) => vec![Change::PutGroup(group(world, edit)?)],
        ModelEdit::Jumpoint(edit) => vec![Change::PutJumpoint(jumpoint(world, edit)?)],
        ModelEdit::Site(patch) => vec![Change::PutSite(site(world, patch)?)],
    })
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn taken(what: &str, name: &Name) -> Error {
    let message = format!("there is a {what} named `{name}` already: edit it, or choose another name");
    Error::new(ErrorKind::Conflict, "change the site", message)
}

/// Refuses a removal that is also a change: whoever sent it meant something else.
fn only_removes<P: Default + PartialEq>(edit: &NamedEdit<P>) -> Result<()> {
    if edit.verb == EditVerb::Remove && edit.patch != P::default() {
        return Err(Error::new(
            ErrorKind::InvalidArgument,
            "change the site",
            "what is removed cannot be changed at the same time",
        ));
    }
    Ok(())
}

/// Adds what is named with `true`, removes what is named with `false`.
fn merge<K: Ord, N>(
    set: &mut BTreeSet<K>,
    named: &BTreeMap<N, bool>,
    find: impl Fn(&N) -> Result<K>,
) -> Result<()> {
    for (name, belongs) in named {
        let found = find(name)?;
        if *belongs {
            set.insert(found);
        } else {
            set.remove(&found);
        }
    }
    Ok(())
}

fn role_id(world: &World, name: &Name) -> Result<RoleId> {
    names::role(world, name).map(|role| role.id)
}

fn maybe_role(world: &World, name: Option<&Name>) -> Result<Option<RoleId>> {
    name.map(|name| role_id(world, name)).transpose()
}

async fn role(broker: &Broker, world: &World, edit: NamedEdit<RolePatch>) -> Result<Change> {
    only_removes(&edit)?;
    let mut role = match edit.verb {
        EditVerb::Add if names::role(world, &edit.name).is_ok() => return Err(taken("role", &edit.name)),
        EditVerb::Add => Role {
            id: RoleId::new(broker.0.store.next_id(IdKind::Role).await?)?,
            name: edit.name,
            description: Description::default(),
            permissions: RolePermissions::NONE,
        },
        EditVerb::Edit | EditVerb::Remove => Role::clone(names::role(world, &edit.name)?),
    };
    if Role::is_built_in(role.id) {
        let message = format!(
            "\"{}\" is built in and stays as it is: add a role of your own",
            role.name
        );
        return Err(Error::new(ErrorKind::InvalidArgument, "change a role", message));
    }
    if edit.verb == EditVerb::Remove {
        in_use::role(world, &role)?;
        return Ok(Change::RemoveRole(role.id));
    }
    let patch = edit.patch;
    set(&mut role.name, patch.name);
    set(&mut role.description, patch.description);
    let mut permissions: BTreeSet<_> = role.permissions.iter().collect();
    merge(&mut permissions, &patch.permissions, |permission| Ok(*permission))?;
    role.permissions = permissions.into_iter().collect();
    Ok(Change::PutRole(role))
}

async fn jump_policy(broker: &Broker, world: &World, edit: NamedEdit<JumpPolicyPatch>) -> Result<Change> {
    only_removes(&edit)?;
    let mut policy = match edit.verb {
        EditVerb::Add if names::jump_policy(world, &edit.name).is_ok() => {
            return Err(taken("jump policy", &edit.name));
        }
        EditVerb::Add => {
            let id = PolicyId::new(broker.0.store.next_id(IdKind::Policy).await?)?;
            JumpPolicy::new(id, edit.name)
        }
        EditVerb::Edit => JumpPolicy::clone(names::jump_policy(world, &edit.name)?),
        EditVerb::Remove => {
            let policy = names::jump_policy(world, &edit.name)?;
            in_use::jump_policy(world, policy)?;
            return Ok(Change::RemovePolicy(policy.id));
        }
    };
    let patch = edit.patch;
    set(&mut policy.name, patch.name);
    set(&mut policy.code_name, patch.code_name);
    set(&mut policy.description, patch.description);
    set(&mut policy.schedule, patch.schedule);
    set(&mut policy.schedule_strict, patch.schedule_strict);
    match patch.approval {
        None => {}
        Some(None) => policy.approval = None,
        Some(Some(patch)) => policy.approval = Some(approval(world, policy.approval.take(), patch)?),
    }
    set(&mut policy.reason_required, patch.reason_required);
    set(&mut policy.ticket_id_required, patch.ticket_id_required);
    set(
        &mut policy.two_factor_challenge_required,
        patch.two_factor_challenge_required,
    );
    set(&mut policy.simultaneous_jumps, patch.simultaneous_jumps);
    set(
        &mut policy.simultaneous_jump_behavior_applies_to_copies,
        patch.simultaneous_jump_behavior_applies_to_copies,
    );
    set(&mut policy.simultaneous_jumps_rdp, patch.simultaneous_jumps_rdp);
    if let Some(patch) = patch.notification {
        let notification = &mut policy.notification;
        set(&mut notification.session_start, patch.session_start);
        set(&mut notification.session_end, patch.session_end);
        set(&mut notification.email_addresses, patch.email_addresses);
        set(&mut notification.display_name, patch.display_name);
    }
    set(&mut policy.recordings_disabled, patch.recordings_disabled);
    set(&mut policy.recording_mode, patch.recording_mode);
    set(&mut policy.max_duration_seconds, patch.max_duration_seconds);
    set(&mut policy.idle_limit_seconds, patch.idle_limit_seconds);
    Ok(Change::PutPolicy(policy))
}

fn approval(world: &World, before: Option<Approval>, patch: ApprovalPatch) -> Result<Approval> {
    let mut approval = before.unwrap_or(Approval {
        max_duration_minutes: Approval::DEFAULT_DURATION_MINUTES,
        scope: ApprovalScope::default(),
        approvers: BTreeSet::new(),
        approver_teams: BTreeSet::new(),
        email_addresses: Vec::new(),
        self_approval: false,
    });
    set(&mut approval.max_duration_minutes, patch.max_duration_minutes);
    set(&mut approval.scope, patch.scope);
    set(&mut approval.email_addresses, patch.email_addresses);
    set(&mut approval.self_approval, patch.self_approval);
    merge(&mut approval.approvers, &patch.approvers, |name| {
        names::user(world, name).map(|user| user.id)
    })?;
    merge(&mut approval.approver_teams, &patch.approver_teams, |name| {
        names::team(world, name).map(|team| team.id)
    })?;
    Ok(approval)
}

async fn session_policy(
    broker: &Broker,
    world: &World,
    edit: NamedEdit<SessionPolicyPatch>,
) -> Result<Change> {
    only_removes(&edit)?;
    let mut policy = match edit.verb {
        EditVerb::Add if names::session_policy(world, &edit.name).is_ok() => {
            return Err(taken("session policy", &edit.name));
        }
        EditVerb::Add => {
            let id = SessionPolicyId::new(broker.0.store.next_id(IdKind::SessionPolicy).await?)?;
            SessionPolicy::new(id, edit.name)
        }
        EditVerb::Edit => SessionPolicy::clone(names::session_policy(world, &edit.name)?),
        EditVerb::Remove => {
            let policy = names::session_policy(world, &edit.name)?;
            in_use::session_policy(world, policy)?;
            return Ok(Change::RemoveSessionPolicy(policy.id));
        }
    };
    let patch = edit.patch;
    set(&mut policy.name, patch.name);
    set(&mut policy.code_name, patch.code_name);
    set(&mut policy.description, patch.description);
    set(&mut policy.commands, patch.commands);
    set(
        &mut policy.paths.upload,
        patch.upload_paths.map(Option::unwrap_or_default),
    );
    set(
        &mut policy.paths.download,
        patch.download_paths.map(Option::unwrap_or_default),
    );
    for (permission, state) in patch.permissions {
        match state {
            Some(allowed) => policy.permissions.insert(permission, allowed),
            None => policy.permissions.remove(&permission),
        };
    }
    Ok(Change::PutSessionPolicy(policy))
}

/// The group policies from the top down.
pub(super) fn in_order(world: &World) -> Vec<&GroupPolicy> {
    let mut policies: Vec<&GroupPolicy> = world.group_policies().map(|policy| &**policy).collect();
    policies.sort_by_key(|policy| (policy.position, policy.id));
    policies
}

async fn group_policy(
    broker: &Broker,
    world: &World,
    edit: NamedEdit<GroupPolicyPatch>,
) -> Result<Vec<Change>> {
    only_removes(&edit)?;
    let mut policy = match edit.verb {
        EditVerb::Add if names::group_policy(world, &edit.name).is_ok() => {
            return Err(taken("group policy", &edit.name));
        }
        EditVerb::Add => {
            let id = GroupPolicyId::new(broker.0.store.next_id(IdKind::GroupPolicy).await?)?;
            GroupPolicy::new(id, edit.name, u32::MAX)
        }
        EditVerb::Edit => GroupPolicy::clone(names::group_policy(world, &edit.name)?),
        EditVerb::Remove => {
            let id = names::group_policy(world, &edit.name)?.id;
            return Ok(vec![Change::RemoveGroupPolicy(id)]);
        }
    };
    let patch = edit.patch;
    set(&mut policy.name, patch.name);
    merge(&mut policy.members, &patch.members, |name| {
        names::user(world, name).map(|user| user.id)
    })?;
    merge(&mut policy.jumpoints, &patch.jumpoints, |name| {
        names::jumpoint(world, name).map(|jumpoint| jumpoint.id)
    })?;
    set(&mut policy.allowed_methods, patch.allowed_methods);
    slots(world, &mut policy, patch.roles_status, patch.roles)?;
    memberships(world, &mut policy, patch.memberships_status, patch.memberships)?;
    // A new one stands at the bottom, whatever the numbers there are.
    let place = match (edit.verb, patch.place) {
        (EditVerb::Add, None) => Some(PolicyPlace::Bottom),
        (_, place) => place,
    };
    Ok(placed(world, policy, place))
}

/// What a section of a policy says and how that counts.
fn opened<T: Default>(setting: &mut Setting<T>) -> (T, SettingStatus) {
    match std::mem::take(setting) {
        Setting::NotDefined => (T::default(), SettingStatus::NotDefined),
        Setting::Defined(value) => (value, SettingStatus::Defined),
        Setting::Final(value) => (value, SettingStatus::Final),
    }
}

/// The section again. What was said for the first time is defined, unless the status says otherwise.
fn closed<T>(
    value: T,
    before: SettingStatus,
    status: Option<SettingStatus>,
    said: bool,
) -> Result<Setting<T>> {
    let otherwise = match before {
        SettingStatus::NotDefined if said => SettingStatus::Defined,
        before => before,
    };
    match status.unwrap_or(otherwise) {
        SettingStatus::NotDefined if said => Err(Error::new(
            ErrorKind::InvalidArgument,
            "change a group policy",
            "what is given and the status not_defined contradict each other",
        )),
        SettingStatus::NotDefined => Ok(Setting::NotDefined),
        SettingStatus::Defined => Ok(Setting::Defined(value)),
        SettingStatus::Final => Ok(Setting::Final(value)),
    }
}

fn slots(
    world: &World,
    policy: &mut GroupPolicy,
    status: Option<SettingStatus>,
    patch: SlotsPatch,
) -> Result<()> {
    let mut said = false;
    let (mut slots, before): (RoleSlots, _) = opened(&mut policy.roles);
    for (slot, named) in [
        (&mut slots.default, patch.default),
        (&mut slots.personal, patch.personal),
        (&mut slots.team, patch.team),
        (&mut slots.system, patch.system),
    ] {
        if let Some(name) = named {
            *slot = maybe_role(world, name.as_ref())?;
            said |= name.is_some();
        }
    }
    policy.roles = closed(slots, before, status, said)?;
    Ok(())
}

fn memberships(
    world: &World,
    policy: &mut GroupPolicy,
    status: Option<SettingStatus>,
    changed: BTreeMap<Name, Option<MembershipNames>>,
) -> Result<()> {
    let (mut list, before): (Vec<PolicyMembership>, _) = opened(&mut policy.memberships);
    let mut said = false;
    for (group, membership) in changed {
        let group = names::group(world, &group)?.id;
        let found = list.iter().position(|one| one.group == group);
        let Some(membership) = membership else {
            if let Some(at) = found {
                list.remove(at);
            }
            continue;
        };
        said = true;
        let given = PolicyMembership {
            group,
            role: maybe_role(world, membership.role.as_ref())?,
            policy: membership
                .policy
                .map(|name| names::jump_policy(world, &name).map(|policy| policy.id))
                .transpose()?,
        };
        match found.and_then(|at| list.get_mut(at)) {
            Some(place) => *place = given,
            None => list.push(given),
        }
    }
    policy.memberships = closed(list, before, status, said)?;
    Ok(())
}

/// The policy at its place, and whatever else has to be numbered anew for that.
fn placed(world: &World, policy: GroupPolicy, place: Option<PolicyPlace>) -> Vec<Change> {
    let Some(place) = place else {
        return vec![Change::PutGroupPolicy(policy)];
    };
    let mut order = in_order(world);
    let last = order.len();
    let now = order.iter().position(|one| one.id == policy.id);
    order.retain(|one| one.id != policy.id);
    let wanted = match place {
        PolicyPlace::Up => now.unwrap_or(last).saturating_sub(1),
        PolicyPlace::Down => now.unwrap_or(last).saturating_add(1),
        PolicyPlace::Top => 0,
        PolicyPlace::Bottom => last,
        PolicyPlace::Number(number) => (number as usize).saturating_sub(1),
    };
    let mut order: Vec<GroupPolicy> = order.into_iter().cloned().collect();
    order.insert(wanted.min(order.len()), policy.clone());
    let mut changes = Vec::new();
    for (mut one, number) in order.into_iter().zip(1..) {
        if one.position != number || one.id == policy.id {
            one.position = number;
            changes.push(Change::PutGroupPolicy(one));
        }
    }
    changes
}

async fn team(broker: &Broker, world: &World, edit: NamedEdit<TeamPatch>) -> Result<Change> {
    only_removes(&edit)?;
    let mut team = match edit.verb {
        EditVerb::Add if names::team(world, &edit.name).is_ok() => return Err(taken("team", &edit.name)),
        EditVerb::Add => Team {
            id: TeamId::new(broker.0.store.next_id(IdKind::Team).await?)?,
            name: edit.name,
            members: BTreeMap::new(),
        },
        EditVerb::Edit => Team::clone(names::team(world, &edit.name)?),
        EditVerb::Remove => {
            let team = names::team(world, &edit.name)?;
            in_use::team(world, team)?;
            return Ok(Change::RemoveTeam(team.id));
        }
    };
    set(&mut team.name, edit.patch.name);
    for (name, role) in edit.patch.members {
        let user = names::user(world, &name)?.id;
        match role {
            Some(role) => team.members.insert(user, role),
            None => team.members.remove(&user),
        };
    }
    Ok(Change::PutTeam(team))
}

fn user(world: &World, edit: UserEdit) -> Result<User> {
    let mut user = User::clone(names::user(world, &edit.name)?);
    let patch = edit.patch;
    set(&mut user.name, patch.name);
    set(&mut user.enabled, patch.enabled);
    set(&mut user.administrator, patch.administrator);
    set(&mut user.allowed_methods, patch.allowed_methods);
    for (slot, named) in [
        (&mut user.default_role, patch.default_role),
        (&mut user.personal_role, patch.personal_role),
        (&mut user.team_role, patch.team_role),
        (&mut user.system_role, patch.system_role),
    ] {
        if let Some(name) = named {
            *slot = maybe_role(world, name.as_ref())?;
        }
    }
    if let Some(name) = patch.session_policy {
        user.session_policy = maybe_session_policy(world, name.as_ref())?;
    }
    Ok(user)
}

fn maybe_session_policy(world: &World, name: Option<&Name>) -> Result<Option<SessionPolicyId>> {
    name.map(|name| names::session_policy(world, name).map(|policy| policy.id))
        .transpose()
}

fn group(world: &World, edit: ExistingEdit<GroupPatch>) -> Result<JumpGroup> {
    let mut group = JumpGroup::clone(names::group(world, &edit.name)?);
    set(&mut group.name, edit.patch.name);
    set(&mut group.code_name, edit.patch.code_name);
    set(&mut group.comments, edit.patch.comments);
    Ok(group)
}

fn jumpoint(world: &World, edit: ExistingEdit<JumpointPatch>) -> Result<Jumpoint> {
    let mut jumpoint = Jumpoint::clone(names::jumpoint(world, &edit.name)?);
    let patch = edit.patch;
    set(&mut jumpoint.name, patch.name);
    set(&mut jumpoint.code_name, patch.code_name);
    set(&mut jumpoint.comments, patch.comments);
    set(&mut jumpoint.enabled, patch.enabled);
    set(&mut jumpoint.shell_jump_enabled, patch.shell_jump_enabled);
    set(
        &mut jumpoint.protocol_tunnel_enabled,
        patch.protocol_tunnel_enabled,
    );
    Ok(jumpoint)
}

fn site(world: &World, patch: SitePatch) -> Result<SiteSettings> {
    let mut site = *world.site();
    if let Some(name) = patch.session_policy {
        site.session_policy = maybe_session_policy(world, name.as_ref())?;
    }
    set(&mut site.simultaneous_jumps, patch.simultaneous_jumps);
    Ok(site)
}
