//! What the site consists of, by names: each object as the patch that would make it.

use std::collections::BTreeMap;

use super::find::named;
use super::model_edit::in_order;
use super::{Broker, Caller, names};
use crate::control::{
    ApprovalPatch, Described, GroupPatch, GroupPolicyPatch, JumpPolicyPatch, JumpointPatch, MembershipNames,
    ModelKind, ModelPage, ModelQuery, NotificationPatch, Page, PageQuery, PolicyPlace, RolePatch,
    SessionPolicyPatch, SettingStatus, SitePatch, SlotsPatch, TeamPatch, UserPatch,
};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{PolicyId, RoleId, SessionPolicyId, UserId};
use crate::model::{
    Approval, GroupPolicy, JumpGroup, JumpPolicy, Jumpoint, Name, PathPattern, Role, RolePermission,
    RoleSlots, SessionPolicy, Setting, Team, User, UserName, World, folded,
};
use crate::session::SessionPermission;

/// Objects of one kind (administrators).
pub(super) fn describe(broker: &Broker, caller: &Caller, query: ModelQuery) -> Result<ModelPage> {
    let world = &*broker.world();
    caller.must_administer(world)?;
    let ModelQuery { kind, name, page } = query;
    let (name, page) = (name.as_ref(), &page);
    Ok(match kind {
        ModelKind::Role => {
            let one = name.map(|name| names::role(world, name)).transpose()?;
            ModelPage::Role(rows(one, world.roles(), page, role)?)
        }
        ModelKind::JumpPolicy => {
            let one = name.map(|name| names::jump_policy(world, name)).transpose()?;
            ModelPage::JumpPolicy(rows(one, world.policies(), page, |one| jump_policy(world, one))?)
        }
        ModelKind::SessionPolicy => {
            let one = name.map(|name| names::session_policy(world, name)).transpose()?;
            ModelPage::SessionPolicy(rows(one, world.session_policies(), page, |one| {
                session_policy(one)
            })?)
        }
        ModelKind::GroupPolicy => {
            let only = name
                .map(|name| names::group_policy(world, name).map(|policy| policy.id))
                .transpose()?;
            let numbered = in_order(world).into_iter().zip(1_u32..);
            let keyed = numbered
                .filter(|(policy, _)| only.is_none_or(|only| only == policy.id))
                .map(|(policy, number)| (format!("{number:010}"), (policy, number)));
            let view = |(policy, number)| group_policy(world, policy, number);
            ModelPage::GroupPolicy(named(keyed, page, view)?)
        }
        ModelKind::Team => {
            let one = name.map(|name| names::team(world, name)).transpose()?;
            ModelPage::Team(rows(one, world.teams(), page, |one| team(world, one))?)
        }
        ModelKind::User => {
            let one = name
                .map(|name| names::user(world, &UserName::new(name.as_str())?))
                .transpose()?;
            ModelPage::User(rows(one, world.users(), page, |one| user(world, one))?)
        }
        ModelKind::Group => {
            let one = name.map(|name| names::group(world, name)).transpose()?;
            ModelPage::Group(rows(one, world.groups(), page, group)?)
        }
        ModelKind::Jumpoint => {
            let one = name.map(|name| names::jumpoint(world, name)).transpose()?;
            ModelPage::Jumpoint(rows(one, world.jumpoints(), page, jumpoint)?)
        }
        ModelKind::Site => {
            if name.is_some() {
                return Err(Error::new(
                    ErrorKind::InvalidArgument,
                    "list",
                    "the site has no name",
                ));
            }
            ModelPage::Site(Page {
                rows: vec![Described {
                    id: 0,
                    name: String::new(),
                    built_in: false,
                    value: SitePatch {
                        session_policy: Some(session_policy_name(world, world.site().session_policy)),
                        simultaneous_jumps: Some(world.site().simultaneous_jumps),
                    },
                }],
                next: None,
            })
        }
    })
}

/// The one, or a page of all.
fn rows<'w, T: HasName + 'w, P: serde::Serialize>(
    one: Option<&'w std::sync::Arc<T>>,
    all: impl Iterator<Item = &'w std::sync::Arc<T>>,
    page: &PageQuery,
    view: impl Fn(&'w T) -> Described<P>,
) -> Result<Page<Described<P>>> {
    if let Some(one) = one {
        return Ok(Page {
            rows: vec![view(one)],
            next: None,
        });
    }
    named(all.map(|one| (folded(one.name()), &**one)), page, view)
}

trait HasName {
    fn name(&self) -> &str;
}

macro_rules! has_name {
    ($($type:ty),+) => {$(
        impl HasName for $type {
            fn name(&self) -> &str {
                self.name.as_str()
            }
        }
    )+};
}

has_name!(Role, JumpPolicy, SessionPolicy, Team, User, JumpGroup, Jumpoint);

fn described<P>(id: u32, name: &str, value: P) -> Described<P> {
    Described {
        id,
        name: name.to_owned(),
        built_in: false,
        value,
    }
}

fn role_name(world: &World, id: Option<RoleId>) -> Option<Name> {
    world.role(id?).map(|role| role.name.clone())
}

fn policy_name(world: &World, id: Option<PolicyId>) -> Option<Name> {
    world.policy(id?).map(|policy| policy.name.clone())
}

fn session_policy_name(world: &World, id: Option<SessionPolicyId>) -> Option<Name> {
    world.session_policy(id?).map(|policy| policy.name.clone())
}

fn user_names(world: &World, users: impl Iterator<Item = UserId>) -> BTreeMap<UserName, bool> {
    users
        .filter_map(|id| Some((world.user(id)?.name.clone(), true)))
        .collect()
}

fn role(role: &Role) -> Described<RolePatch> {
    let permissions = RolePermission::ALL
        .iter()
        .map(|one| (*one, role.permissions.contains(*one)))
        .collect();
    Described {
        built_in: Role::is_built_in(role.id),
        ..described(
            role.id.get(),
            role.name.as_str(),
            RolePatch {
                name: None,
                description: Some(role.description.clone()),
                permissions,
            },
        )
    }
}

fn jump_policy(world: &World, policy: &JumpPolicy) -> Described<JumpPolicyPatch> {
    let notification = &policy.notification;
    let value = JumpPolicyPatch {
        name: None,
        code_name: Some(policy.code_name.clone()),
        description: Some(policy.description.clone()),
        schedule: Some(policy.schedule.clone()),
        schedule_strict: Some(policy.schedule_strict),
        approval: Some(policy.approval.as_ref().map(|one| approval(world, one))),
        reason_required: Some(policy.reason_required),
        ticket_id_required: Some(policy.ticket_id_required),
        two_factor_challenge_required: Some(policy.two_factor_challenge_required),
        simultaneous_jumps: Some(policy.simultaneous_jumps),
        simultaneous_jump_behavior_applies_to_copies: Some(
            policy.simultaneous_jump_behavior_applies_to_copies,
        ),
        simultaneous_jumps_rdp: Some(policy.simultaneous_jumps_rdp),
        notification: Some(NotificationPatch {
            session_start: Some(notification.session_start),
            session_end: Some(notification.session_end),
            email_addresses: Some(notification.email_addresses.clone()),
            display_name: Some(notification.display_name.clone()),
        }),
        recordings_disabled: Some(policy.recordings_disabled),
        recording_mode: Some(policy.recording_mode),
        max_duration_seconds: Some(policy.max_duration_seconds),
        idle_limit_seconds: Some(policy.idle_limit_seconds),
    };
    described(policy.id.get(), policy.name.as_str(), value)
}

fn approval(world: &World, approval: &Approval) -> ApprovalPatch {
    let teams = approval.approver_teams.iter();
    ApprovalPatch {
        max_duration_minutes: Some(approval.max_duration_minutes),
        scope: Some(approval.scope),
        approvers: user_names(world, approval.approvers.iter().copied()),
        approver_teams: teams
            .filter_map(|id| Some((world.team(*id)?.name.clone(), true)))
            .collect(),
        email_addresses: Some(approval.email_addresses.clone()),
        self_approval: Some(approval.self_approval),
    }
}

fn session_policy(policy: &SessionPolicy) -> Described<SessionPolicyPatch> {
    let permissions = SessionPermission::ALL
        .iter()
        .map(|one| (*one, policy.permissions.get(one).copied()))
        .collect();
    let named = |paths: &Vec<PathPattern>| (!paths.is_empty()).then(|| paths.clone());
    let value = SessionPolicyPatch {
        name: None,
        code_name: Some(policy.code_name.clone()),
        description: Some(policy.description.clone()),
        permissions,
        commands: Some(policy.commands.clone()),
        upload_paths: Some(named(&policy.paths.upload)),
        download_paths: Some(named(&policy.paths.download)),
    };
    described(policy.id.get(), policy.name.as_str(), value)
}

fn group_policy(world: &World, policy: &GroupPolicy, number: u32) -> Described<GroupPolicyPatch> {
    let slots = |slots: &RoleSlots| SlotsPatch {
        default: Some(role_name(world, slots.default)),
        personal: Some(role_name(world, slots.personal)),
        team: Some(role_name(world, slots.team)),
        system: Some(role_name(world, slots.system)),
    };
    let (roles_status, roles) = match &policy.roles {
        Setting::NotDefined => (SettingStatus::NotDefined, SlotsPatch::default()),
        Setting::Defined(roles) => (SettingStatus::Defined, slots(roles)),
        Setting::Final(roles) => (SettingStatus::Final, slots(roles)),
    };
    let (status, list) = match &policy.memberships {
        Setting::NotDefined => (SettingStatus::NotDefined, [].as_slice()),
        Setting::Defined(list) => (SettingStatus::Defined, list.as_slice()),
        Setting::Final(list) => (SettingStatus::Final, list.as_slice()),
    };
    let memberships = list
        .iter()
        .filter_map(|one| {
            let names = MembershipNames {
                role: role_name(world, one.role),
                policy: policy_name(world, one.policy),
            };
            Some((world.group(one.group)?.name.clone(), Some(names)))
        })
        .collect();
    let value = GroupPolicyPatch {
        name: None,
        place: Some(PolicyPlace::Number(number)),
        members: user_names(world, policy.members.iter().copied()),
        allowed_methods: Some(policy.allowed_methods.clone()),
        roles_status: Some(roles_status),
        roles,
        memberships_status: Some(status),
        memberships,
        jumpoints: policy
            .jumpoints
            .iter()
            .filter_map(|id| Some((world.jumpoint(*id)?.name.clone(), true)))
            .collect(),
    };
    described(policy.id.get(), policy.name.as_str(), value)
}

fn team(world: &World, team: &Team) -> Described<TeamPatch> {
    let members = team.members.iter();
    let value = TeamPatch {
        name: None,
        members: members
            .filter_map(|(id, role)| Some((world.user(*id)?.name.clone(), Some(*role))))
            .collect(),
    };
    described(team.id.get(), team.name.as_str(), value)
}

fn user(world: &World, user: &User) -> Described<UserPatch> {
    let value = UserPatch {
        name: None,
        enabled: Some(user.enabled),
        administrator: Some(user.administrator),
        allowed_methods: Some(user.allowed_methods),
        default_role: Some(role_name(world, user.default_role)),
        personal_role: Some(role_name(world, user.personal_role)),
        team_role: Some(role_name(world, user.team_role)),
        system_role: Some(role_name(world, user.system_role)),
        session_policy: Some(session_policy_name(world, user.session_policy)),
    };
    described(user.id.get(), user.name.as_str(), value)
}

fn group(group: &JumpGroup) -> Described<GroupPatch> {
    let value = GroupPatch {
        name: None,
        code_name: Some(group.code_name.clone()),
        comments: Some(group.comments.clone()),
    };
    described(group.id.get(), group.name.as_str(), value)
}

fn jumpoint(jumpoint: &Jumpoint) -> Described<JumpointPatch> {
    let value = JumpointPatch {
        name: None,
        code_name: Some(jumpoint.code_name.clone()),
        comments: Some(jumpoint.comments.clone()),
        enabled: Some(jumpoint.enabled),
        shell_jump_enabled: Some(jumpoint.shell_jump_enabled),
        protocol_tunnel_enabled: Some(jumpoint.protocol_tunnel_enabled),
    };
    described(jumpoint.id.get(), jumpoint.name.as_str(), value)
}
