//! What takes something away never gives anything.

use std::collections::BTreeMap;

use jump_core::access::{Action, Decision, Effect, Obligations, decide};
use jump_core::id::{ApprovalId, GroupId, GroupPolicyId, JumpointId, PolicyId, TeamId, UserId};
use jump_core::model::{
    Approval, ApprovalRequest, ApprovalScope, ApprovalState, Change, CommandFilter, GroupPolicy, ItemDetails,
    JumpItem, JumpMethod, JumpMethods, JumpPolicy, Jumpoint, Membership, Role, RolePermission, Schedule,
    SessionPolicy, Setting, SimultaneousJumps, SimultaneousRdp, SiteSettings, Team, User, World,
};
use jump_core::session::SessionPermission;

use crate::{Scene, actions, on_random_sites, pairs};

/// Edits that only take away. Each gives the change, if the site has what it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Restriction {
    DisableUser,
    RemoveUser,
    TakeMethod,
    TakeMethodInGroupPolicy,
    EmptySlot,
    DisableJumpoint,
    SwitchJumpointOff,
    RemoveJumpoint,
    RevokeJumpoint,
    RevokeJumpointInGroupPolicy,
    TakeRolePermission,
    MembershipNoAccess,
    RemoveGroup,
    RemoveItem,
    CloseSchedule,
    MakeScheduleStrict,
    AskForApproval,
    AskAtTheDoor,
    DisallowSimultaneous,
    DisallowSimultaneousOnSite,
    NarrowApprovals,
    TakeApprovalBack,
    RemoveApproval,
    ShortenPolicy,
    ShortenItem,
    DenyInSession,
    ForgetAllowedInSession,
    FilterAllCommands,
    SwitchItemOff,
}

use Restriction::*;

const RESTRICTIONS: [Restriction; 29] = [
    DisableUser,
    RemoveUser,
    TakeMethod,
    TakeMethodInGroupPolicy,
    EmptySlot,
    DisableJumpoint,
    SwitchJumpointOff,
    RemoveJumpoint,
    RevokeJumpoint,
    RevokeJumpointInGroupPolicy,
    TakeRolePermission,
    MembershipNoAccess,
    RemoveGroup,
    RemoveItem,
    CloseSchedule,
    MakeScheduleStrict,
    AskForApproval,
    AskAtTheDoor,
    DisallowSimultaneous,
    DisallowSimultaneousOnSite,
    NarrowApprovals,
    TakeApprovalBack,
    RemoveApproval,
    ShortenPolicy,
    ShortenItem,
    DenyInSession,
    ForgetAllowedInSession,
    FilterAllCommands,
    SwitchItemOff,
];

/// Edits that look as if they only took away, and do not: what they take away may have been in something else's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Uncovering {
    /// The System slot, or a group policy's membership, applies instead.
    RemoveMembership,
    /// A lower policy, or the account's own value, applies instead.
    RemoveGroupPolicy,
    /// The same.
    LeaveGroupPolicy,
    /// The System slot applies instead of the Teams slot.
    RemoveTeam,
    /// The group policies' value applies instead of the account's.
    ForgetMethods,
    /// The next policy that says something applies: user's, then site's, then the default, which is yes.
    ForgetDeniedInSession,
    /// Its own rule for simultaneous sessions applies instead of the site's.
    GiveItemAPolicy,
    /// The item's own limit goes, and the site's, which may be longer, applies.
    ForgetItemLimit,
}

const UNCOVERING: [Uncovering; 8] = [
    Uncovering::RemoveMembership,
    Uncovering::RemoveGroupPolicy,
    Uncovering::LeaveGroupPolicy,
    Uncovering::RemoveTeam,
    Uncovering::ForgetMethods,
    Uncovering::ForgetDeniedInSession,
    Uncovering::GiveItemAPolicy,
    Uncovering::ForgetItemLimit,
];

fn sorted<T: Clone, K: Ord>(all: impl Iterator<Item = T>, key: impl Fn(&T) -> K) -> Vec<T> {
    let mut all: Vec<T> = all.collect();
    all.sort_by_key(key);
    all
}

fn a_user(scene: &mut Scene<'_>) -> Option<User> {
    let all = sorted(scene.world.users().map(|one| User::clone(one)), |one| one.id);
    scene.pick(&all)
}

fn a_jumpoint(scene: &mut Scene<'_>) -> Option<Jumpoint> {
    let all = sorted(scene.world.jumpoints().map(|one| Jumpoint::clone(one)), |one| {
        one.id
    });
    scene.pick(&all)
}

fn an_item(scene: &mut Scene<'_>, which: impl Fn(&JumpItem) -> bool) -> Option<JumpItem> {
    let all = sorted(scene.world.items().map(|one| JumpItem::clone(one)), |one| one.id);
    let some: Vec<JumpItem> = all.into_iter().filter(which).collect();
    scene.pick(&some)
}

fn a_policy(scene: &mut Scene<'_>, which: impl Fn(&JumpPolicy) -> bool) -> Option<JumpPolicy> {
    let all = sorted(scene.world.policies().map(|one| JumpPolicy::clone(one)), |one| {
        one.id
    });
    let some: Vec<JumpPolicy> = all.into_iter().filter(which).collect();
    scene.pick(&some)
}

fn a_session_policy(scene: &mut Scene<'_>) -> Option<SessionPolicy> {
    let all = sorted(
        scene
            .world
            .session_policies()
            .map(|one| SessionPolicy::clone(one)),
        |one| one.id,
    );
    scene.pick(&all)
}

fn a_group_policy(scene: &mut Scene<'_>) -> Option<GroupPolicy> {
    let all = sorted(
        scene.world.group_policies().map(|one| GroupPolicy::clone(one)),
        |one| one.id,
    );
    scene.pick(&all)
}

fn a_membership(scene: &mut Scene<'_>) -> Option<Membership> {
    let all = sorted(scene.world.memberships().copied(), |one| (one.user, one.group));
    scene.pick(&all)
}

fn an_approval(scene: &mut Scene<'_>) -> Option<ApprovalRequest> {
    let all = sorted(
        scene.world.approvals().map(|one| ApprovalRequest::clone(one)),
        |one| one.id,
    );
    scene.pick(&all)
}

fn without(methods: JumpMethods, method: JumpMethod) -> JumpMethods {
    methods.iter().filter(|one| *one != method).collect()
}

fn a_method(scene: &mut Scene<'_>) -> JumpMethod {
    scene.pick(JumpMethod::ALL).unwrap()
}

fn shorter(scene: &mut Scene<'_>, seconds: Option<u32>) -> Option<u32> {
    let most = u64::from(seconds.unwrap_or(50_000)).min(50_000);
    Some(1 + scene.random.below(most) as u32)
}

#[allow(clippy::too_many_lines, reason = "one line or two for each kind of edit")]
fn restrict(scene: &mut Scene<'_>, restriction: Restriction) -> Option<Change> {
    Some(match restriction {
        DisableUser => Change::PutUser(User {
            enabled: false,
            ..a_user(scene)?
        }),
        RemoveUser => Change::RemoveUser(a_user(scene)?.id),
        TakeMethod => {
            let mut user = a_user(scene)?;
            let method = a_method(scene);
            user.allowed_methods = Some(
                user.allowed_methods
                    .map_or(JumpMethods::NONE, |all| without(all, method)),
            );
            Change::PutUser(user)
        }
        TakeMethodInGroupPolicy => {
            let mut policy = a_group_policy(scene)?;
            let method = a_method(scene);
            let (Setting::Defined(all) | Setting::Final(all)) = &mut policy.allowed_methods else {
                return None;
            };
            *all = without(*all, method);
            Change::PutGroupPolicy(policy)
        }
        EmptySlot => {
            let mut user = a_user(scene)?;
            let slots = [
                &mut user.default_role,
                &mut user.personal_role,
                &mut user.team_role,
                &mut user.system_role,
            ];
            let at = scene.random.below(4) as usize;
            *slots.into_iter().nth(at)? = Some(Role::NO_ACCESS);
            Change::PutUser(user)
        }
        DisableJumpoint => Change::PutJumpoint(Jumpoint {
            enabled: false,
            ..a_jumpoint(scene)?
        }),
        SwitchJumpointOff => {
            let mut jumpoint = a_jumpoint(scene)?;
            if scene.one_in(2) {
                jumpoint.shell_jump_enabled = false;
            } else {
                jumpoint.protocol_tunnel_enabled = false;
            }
            Change::PutJumpoint(jumpoint)
        }
        RemoveJumpoint => Change::RemoveJumpoint(a_jumpoint(scene)?.id),
        RevokeJumpoint => {
            let all = sorted(scene.world.jumpoint_grants(), |one| *one);
            let (user, jumpoint): (UserId, JumpointId) = scene.pick(&all)?;
            Change::RevokeJumpoint { user, jumpoint }
        }
        RevokeJumpointInGroupPolicy => {
            let mut policy = a_group_policy(scene)?;
            policy.jumpoints.pop_first()?;
            Change::PutGroupPolicy(policy)
        }
        TakeRolePermission => {
            let all = sorted(scene.world.roles().map(|one| Role::clone(one)), |one| one.id);
            let custom: Vec<Role> = all.into_iter().filter(|one| !Role::is_built_in(one.id)).collect();
            let mut role = scene.pick(&custom)?;
            let taken = scene.pick(RolePermission::ALL)?;
            role.permissions = role.permissions.iter().filter(|one| *one != taken).collect();
            Change::PutRole(role)
        }
        MembershipNoAccess => Change::PutMembership(Membership {
            role: Some(Role::NO_ACCESS),
            ..a_membership(scene)?
        }),
        RemoveGroup => {
            let all: Vec<GroupId> = sorted(scene.world.groups().map(|one| one.id), |one| *one);
            Change::RemoveGroup(scene.pick(&all)?)
        }
        RemoveItem => Change::RemoveItem(an_item(scene, |_| true)?.id),
        CloseSchedule => {
            let mut policy = a_policy(scene, |one| one.approval.is_none())?;
            policy.schedule = Some(Schedule::new("UTC", Vec::new()).unwrap());
            policy.schedule_strict = true;
            Change::PutPolicy(policy)
        }
        MakeScheduleStrict => Change::PutPolicy(JumpPolicy {
            schedule_strict: true,
            ..a_policy(scene, |one| one.schedule.is_some())?
        }),
        AskForApproval => Change::PutPolicy(JumpPolicy {
            approval: Some(Approval {
                max_duration_minutes: 60,
                scope: ApprovalScope::Anyone,
                approvers: Default::default(),
                approver_teams: Default::default(),
                email_addresses: Vec::new(),
                self_approval: false,
            }),
            ..a_policy(scene, |one| one.schedule.is_none() && one.approval.is_none())?
        }),
        AskAtTheDoor => {
            let mut policy = a_policy(scene, |_| true)?;
            match scene.random.below(3) {
                0 => policy.reason_required = true,
                1 => policy.ticket_id_required = true,
                _ => policy.two_factor_challenge_required = true,
            }
            Change::PutPolicy(policy)
        }
        DisallowSimultaneous => {
            let mut policy = a_policy(scene, |_| true)?;
            policy.simultaneous_jumps = SimultaneousJumps::Disallow;
            policy.simultaneous_jumps_rdp = SimultaneousRdp::Disallow;
            policy.simultaneous_jump_behavior_applies_to_copies |= scene.one_in(2);
            Change::PutPolicy(policy)
        }
        DisallowSimultaneousOnSite => Change::PutSite(SiteSettings {
            simultaneous_jumps: false,
            ..*scene.world.site()
        }),
        NarrowApprovals => {
            let mut policy = a_policy(scene, |one| one.approval.is_some())?;
            policy.approval.as_mut()?.scope = ApprovalScope::Requestor;
            Change::PutPolicy(policy)
        }
        TakeApprovalBack => {
            let mut request = an_approval(scene)?;
            if request.state != ApprovalState::Approved {
                return None;
            }
            request.state = ApprovalState::Revoked;
            Change::PutApproval(request)
        }
        RemoveApproval => {
            let id: ApprovalId = an_approval(scene)?.id;
            Change::RemoveApproval(id)
        }
        ShortenPolicy => {
            let mut policy = a_policy(scene, |_| true)?;
            policy.max_duration_seconds = shorter(scene, policy.max_duration_seconds);
            Change::PutPolicy(policy)
        }
        ShortenItem => {
            let mut item = an_item(scene, |one| one.max_duration_seconds.is_some())?;
            item.max_duration_seconds = shorter(scene, item.max_duration_seconds);
            Change::PutItem(item)
        }
        DenyInSession => {
            let mut policy = a_session_policy(scene)?;
            let permission = scene.pick(SessionPermission::ALL)?;
            policy.permissions.insert(permission, false);
            Change::PutSessionPolicy(policy)
        }
        ForgetAllowedInSession => {
            let mut policy = a_session_policy(scene)?;
            policy.permissions.retain(|_, allowed| !*allowed);
            Change::PutSessionPolicy(policy)
        }
        FilterAllCommands => Change::PutSessionPolicy(SessionPolicy {
            commands: Some(CommandFilter::Only(Vec::new())),
            ..a_session_policy(scene)?
        }),
        SwitchItemOff => {
            let mut item = an_item(scene, |one| matches!(one.details, ItemDetails::ShellJump(_)))?;
            let permission = scene.pick(SessionPermission::ALL)?;
            if let ItemDetails::ShellJump(shell) = &mut item.details {
                shell.permissions.set(permission, false);
            }
            Change::PutItem(item)
        }
    })
}

fn uncover(scene: &mut Scene<'_>, edit: Uncovering) -> Option<Change> {
    Some(match edit {
        Uncovering::RemoveMembership => {
            let Membership { user, group, .. } = a_membership(scene)?;
            Change::RemoveMembership { user, group }
        }
        Uncovering::RemoveGroupPolicy => {
            let id: GroupPolicyId = a_group_policy(scene)?.id;
            Change::RemoveGroupPolicy(id)
        }
        Uncovering::LeaveGroupPolicy => {
            let mut policy = a_group_policy(scene)?;
            policy.members.pop_first()?;
            Change::PutGroupPolicy(policy)
        }
        Uncovering::RemoveTeam => {
            let all: Vec<TeamId> = sorted(
                scene.world.teams().map(|one: &std::sync::Arc<Team>| one.id),
                |one| *one,
            );
            Change::RemoveTeam(scene.pick(&all)?)
        }
        Uncovering::ForgetMethods => Change::PutUser(User {
            allowed_methods: None,
            ..a_user(scene)?
        }),
        Uncovering::ForgetDeniedInSession => {
            let mut policy = a_session_policy(scene)?;
            policy.permissions.retain(|_, allowed| *allowed);
            Change::PutSessionPolicy(policy)
        }
        Uncovering::GiveItemAPolicy => {
            let policy: PolicyId = a_policy(scene, |_| true)?.id;
            let mut item = an_item(scene, |one| one.jump_policy.is_none())?;
            item.jump_policy = Some(policy);
            Change::PutItem(item)
        }
        Uncovering::ForgetItemLimit => {
            let mut item = an_item(scene, |one| one.max_duration_seconds.is_some())?;
            item.max_duration_seconds = None;
            Change::PutItem(item)
        }
    })
}

/// In what the second obligations allow more than the first; empty if in nothing.
fn wider_obligations(before: &Obligations, after: &Obligations) -> String {
    let more: Vec<SessionPermission> = SessionPermission::ALL
        .iter()
        .copied()
        .filter(|one| after.permissions.get(*one) && !before.permissions.get(*one))
        .collect();
    if !more.is_empty() {
        return format!("{more:?} in the session");
    }
    let runs = |obligations: &Obligations, command: &str| {
        obligations
            .commands
            .as_ref()
            .is_none_or(|filter| filter.allows(command))
    };
    for command in ["uptime", "uptime -p", "reboot"] {
        if runs(after, command) && !runs(before, command) {
            return format!("the command {command}");
        }
    }
    if after.until > before.until {
        return format!("until {} instead of {}", after.until, before.until);
    }
    String::new()
}

/// In what the second decision allows more than the first; empty if in nothing.
fn wider(before: &Decision, after: &Decision) -> String {
    match (before.effect, after.effect) {
        (Effect::Deny, Effect::Allow) => "it".to_owned(),
        (Effect::Allow, Effect::Allow) => match (&before.obligations, &after.obligations) {
            (Some(before), Some(after)) => wider_obligations(before, after),
            _ => String::new(),
        },
        _ => String::new(),
    }
}

/// The first thing that a change allows more, over every pair and every action, and whether it changed anything.
fn widened(scene: &mut Scene<'_>, change: &Change) -> (Option<String>, bool) {
    let mut after: World = scene.world.clone();
    if after.apply(std::slice::from_ref(change)).is_err() {
        return (None, false);
    }
    let contexts = scene.contexts();
    let mut effective = false;
    for (user, item) in pairs() {
        for action in actions() {
            for context in contexts
                .iter()
                .take(if action == Action::Start { usize::MAX } else { 1 })
            {
                let ask = |world: &World| decide(world, user, item, action, context, scene.at).0;
                let (before, after) = (ask(&scene.world), ask(&after));
                let what = wider(&before, &after);
                if !what.is_empty() {
                    let said = format!("user {user}, item {item}, {action}: {what}\n{before:#?}\n{after:#?}");
                    return (Some(said), true);
                }
                effective |= before.effect != after.effect || before.obligations != after.obligations;
            }
        }
    }
    (None, effective)
}

#[test]
fn s09_what_takes_away_gives_nothing_to_anybody() {
    let mut effective: BTreeMap<Restriction, u32> = BTreeMap::new();
    on_random_sites(150, |scene| {
        for restriction in RESTRICTIONS {
            let Some(change) = restrict(scene, restriction) else {
                continue;
            };
            let (wider, changed) = widened(scene, &change);
            assert!(
                wider.is_none(),
                "seed {}: {restriction:?} {change:#?} allows {}",
                scene.seed,
                wider.unwrap()
            );
            *effective.entry(restriction).or_default() += u32::from(changed);
        }
    });
    // An edit that never did anything shows nothing.
    for restriction in RESTRICTIONS {
        let times = effective.get(&restriction).copied().unwrap_or_default();
        assert!(
            times > 0,
            "{restriction:?} made a difference {times} times: {effective:?}"
        );
    }
}

#[test]
fn what_uncovers_something_else_may_give_and_so_is_no_restriction() {
    let mut gave: BTreeMap<Uncovering, u32> = BTreeMap::new();
    on_random_sites(250, |scene| {
        for edit in UNCOVERING {
            if let Some(change) = uncover(scene, edit) {
                let (wider, _) = widened(scene, &change);
                *gave.entry(edit).or_default() += u32::from(wider.is_some());
            }
        }
    });
    for edit in UNCOVERING {
        assert!(
            gave.get(&edit).is_some_and(|times| *times > 0),
            "{edit:?}: {gave:?}"
        );
    }
}
