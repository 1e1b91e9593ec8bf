//! What group policies, slots, lists, Jump Policies and session policies do to a decision, rule by rule.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used
)]

use std::collections::{BTreeMap, BTreeSet};

use jump_core::access::{
    Action, Context, Decision, Effect, Gate, Given, Limit, Live, Need, PermissionRule, Reason, RoleSource,
    Verdict, decide, explain_paths, explain_permissions,
};
use jump_core::id::{
    ApprovalId, GroupId, GroupPolicyId, ItemId, JumpointId, PolicyId, RoleId, SessionPolicyId, TeamId, UserId,
};
use jump_core::model::{
    Approval, ApprovalRequest, ApprovalScope, ApprovalState, Change, CommandFilter, Field, GroupPolicy,
    Hostname, ItemDetails, JumpGroup, JumpItem, JumpMethod, JumpMethods, JumpPolicy, Jumpoint, Membership,
    Name, PathLimits, PathPattern, Placement, PolicyMembership, Rdp, Remark, Role, RolePermission, RoleSlots,
    Schedule, ScheduleEntry, SessionPolicy, Setting, ShellJump, SimultaneousJumps, SimultaneousRdp,
    SiteSettings, Team, TeamRole, User, UserName, World,
};
use jump_core::protocol::TransferDirection;
use jump_core::session::{RecordingMode, SessionPermission};
use jump_core::time::{SignedDuration, Timestamp};

const ALICE: u32 = 1;
const BOB: u32 = 2;

fn user(id: u32) -> UserId {
    UserId::new(id).unwrap()
}
fn group() -> GroupId {
    GroupId::new(1).unwrap()
}
fn item(id: u32) -> ItemId {
    ItemId::new(id).unwrap()
}
fn policy(id: u32) -> PolicyId {
    PolicyId::new(id).unwrap()
}
fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}
/// Monday, 23 November 2026, 12:00 UTC.
fn noon() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

/// Alice may start sessions on item 1 in group "web": member with "Start Sessions Only", Shell Jump, Jumpoint "berlin".
/// Item 2 is on Bob's list, item 3 on Alice's. Bob is enabled and nothing else.
struct Scene(World);

impl Scene {
    fn new() -> Self {
        let mut scene = Self(World::new().unwrap());
        let account = |id, text: &str| {
            let mut user = User::new(user(id), UserName::new(text).unwrap());
            user.allowed_methods = Some(JumpMethods::all());
            user
        };
        let jumpoint = JumpointId::new(1).unwrap();
        let shell = |id, text: &str, placement: Placement| {
            let details = ItemDetails::ShellJump(ShellJump::ssh(22));
            let host = Hostname::new("10.0.0.5").unwrap();
            Change::PutItem(JumpItem::new(
                item(id),
                name(text),
                placement,
                jumpoint,
                host,
                details,
            ))
        };
        scene.apply([
            Change::PutUser(account(ALICE, "alice")),
            Change::PutUser(account(BOB, "bob")),
            Change::PutGroup(JumpGroup::new(group(), name("web"))),
            Change::PutJumpoint(Jumpoint::new(jumpoint, name("berlin"))),
            Change::GrantJumpoint {
                user: user(ALICE),
                jumpoint,
            },
            shell(1, "web-1", group().into()),
            shell(2, "bobs", Placement::personal(user(BOB))),
            shell(3, "alices", Placement::personal(user(ALICE))),
        ]);
        scene.member(Some(Role::START_SESSIONS_ONLY), None);
        scene
    }

    fn apply(&mut self, changes: impl IntoIterator<Item = Change>) {
        let changes: Vec<Change> = changes.into_iter().collect();
        self.0.apply(&changes).unwrap();
    }

    fn member(&mut self, role: Option<RoleId>, policy: Option<PolicyId>) {
        self.apply([Change::PutMembership(Membership {
            user: user(ALICE),
            group: group(),
            role,
            policy,
        })]);
    }

    fn not_a_member(&mut self) {
        self.apply([Change::RemoveMembership {
            user: user(ALICE),
            group: group(),
        }]);
    }

    fn edit_user(&mut self, id: u32, edit: impl FnOnce(&mut User)) {
        let mut changed = User::clone(self.0.user(user(id)).unwrap());
        edit(&mut changed);
        self.apply([Change::PutUser(changed)]);
    }

    fn edit_item(&mut self, id: u32, edit: impl FnOnce(&mut JumpItem)) {
        let mut changed = JumpItem::clone(self.0.item(item(id)).unwrap());
        edit(&mut changed);
        self.apply([Change::PutItem(changed)]);
    }

    /// Puts Jump Policy 1 on item 1.
    fn policy(&mut self, edit: impl FnOnce(&mut JumpPolicy)) {
        let mut changed = JumpPolicy::new(policy(1), name("hours"));
        edit(&mut changed);
        self.apply([Change::PutPolicy(changed)]);
        self.edit_item(1, |item| item.jump_policy = Some(policy(1)));
    }

    fn group_policy(&mut self, id: u32, position: u32, edit: impl FnOnce(&mut GroupPolicy)) {
        let id = GroupPolicyId::new(id).unwrap();
        let mut changed = GroupPolicy::new(id, name(&format!("policy {id}")), position);
        changed.members = BTreeSet::from([user(ALICE)]);
        edit(&mut changed);
        self.apply([Change::PutGroupPolicy(changed)]);
    }

    fn ask(&self, item_id: u32, context: &Context, now: Timestamp) -> Decision {
        decide(&self.0, user(ALICE), item(item_id), Action::Start, context, now).0
    }

    fn start(&self) -> Decision {
        self.ask(1, &Context::default(), noon())
    }

    /// The role that applies to Alice on an item, and how it came.
    fn role(&self, item_id: u32) -> (String, RoleSource) {
        let decision = self.ask(item_id, &Context::default(), noon());
        decision
            .reasons
            .iter()
            .find_map(|reason| match reason {
                Reason::RolePermits { role, source, .. } | Reason::RoleLacks { role, source, .. } => {
                    Some((role.to_string(), source.clone()))
                }
                _ => None,
            })
            .unwrap()
    }
}

fn stops(decision: &Decision) -> Vec<Gate> {
    let stopped = |reason: &&Reason| reason.verdict() == Verdict::Stop;
    decision
        .reasons
        .iter()
        .filter(stopped)
        .map(Reason::gate)
        .collect()
}

fn hours(start: &str, end: &str) -> Schedule {
    Schedule::new("UTC", vec![ScheduleEntry::new(0, start, 0, end).unwrap()]).unwrap()
}

fn given(edit: impl FnOnce(&mut Given)) -> Context {
    let mut context = Context::default();
    edit(&mut context.given);
    context
}

#[test]
fn a_strict_schedule_that_is_closed_denies_and_says_when_it_opens() {
    let mut scene = Scene::new();
    scene.policy(|policy| policy.schedule = Some(hours("13:00", "17:00")));
    let decision = scene.start();
    assert_eq!(stops(&decision), [Gate::Schedule]);
    assert_eq!(
        decision.why_not(),
        "the schedule of jump policy \"hours\" is closed and opens at 2026-11-23T13:00:00Z"
    );
    assert!(decision.needs().is_empty());
    // Nobody can override a strict one.
    let decision = scene.ask(1, &given(|given| *given = Given::ALL), noon());
    assert_eq!(decision.effect, Effect::Deny);
}

#[test]
fn a_strict_schedule_that_is_open_ends_the_session_when_it_closes() {
    let mut scene = Scene::new();
    scene.policy(|policy| policy.schedule = Some(hours("11:00", "12:30")));
    let obligations = scene.start().obligations.unwrap();
    assert_eq!(obligations.until, noon() + SignedDuration::from_mins(30));
    assert_eq!(obligations.limit, Limit::Schedule);
    assert_eq!(obligations.policy, Some(policy(1)));
    let running = Context {
        session_started: Some(noon()),
        ..Context::default()
    };
    let after = noon() + SignedDuration::from_mins(30);
    assert_eq!(scene.ask(1, &running, after).effect, Effect::Deny);
}

#[test]
fn an_advisory_schedule_needs_the_choice_to_override_it_and_ends_nothing() {
    let mut scene = Scene::new();
    scene.policy(|policy| {
        policy.schedule = Some(hours("13:00", "17:00"));
        policy.schedule_strict = false;
    });
    assert_eq!(scene.start().needs(), [Need::ScheduleOverride]);
    let overriding = given(|given| given.schedule_override = true);
    let decision = scene.ask(1, &overriding, noon());
    assert_eq!(decision.effect, Effect::Allow);
    let open = scene.ask(1, &Context::default(), noon() + SignedDuration::from_hours(2));
    assert_eq!(open.obligations.unwrap().limit, Limit::Duration);
    let running = Context {
        session_started: Some(noon()),
        ..Context::default()
    };
    let closed = noon() + SignedDuration::from_hours(6);
    assert_eq!(scene.ask(1, &running, closed).effect, Effect::Allow);
}

fn request(requester: u32, state: ApprovalState) -> Change {
    Change::PutApproval(ApprovalRequest {
        id: ApprovalId::new(requester).unwrap(),
        policy: policy(1),
        item: item(1),
        requester: user(requester),
        start: noon(),
        duration_seconds: 600,
        reason: Remark::default(),
        state,
        answered_by: None,
        comments: Remark::default(),
    })
}

fn approval() -> Approval {
    Approval {
        max_duration_minutes: 60,
        scope: ApprovalScope::Requestor,
        approvers: BTreeSet::new(),
        approver_teams: BTreeSet::new(),
        email_addresses: Vec::new(),
        self_approval: false,
    }
}

#[test]
fn an_approval_holds_for_its_time_and_for_who_asked() {
    let mut scene = Scene::new();
    scene.policy(|policy| policy.approval = Some(approval()));
    assert_eq!(scene.start().needs(), [Need::Approval]);
    scene.apply([request(ALICE, ApprovalState::Pending)]);
    assert_eq!(stops(&scene.start()), [Gate::Approval]);
    scene.apply([request(ALICE, ApprovalState::Approved)]);
    let obligations = scene.start().obligations.unwrap();
    assert_eq!(
        (obligations.until, obligations.limit),
        (noon() + SignedDuration::from_secs(600), Limit::Approval)
    );
    let ask = |at| scene.ask(1, &Context::default(), at).effect;
    assert_eq!(ask(noon() - SignedDuration::from_secs(1)), Effect::Deny);
    assert_eq!(ask(noon() + SignedDuration::from_secs(600)), Effect::Deny);
    scene.apply([request(ALICE, ApprovalState::Revoked)]);
    assert_eq!(scene.start().effect, Effect::Deny);
    // What was taken back cannot be approved again.
    let again = scene.0.apply(&[request(ALICE, ApprovalState::Approved)]);
    assert_eq!(again.unwrap_err().kind(), jump_core::ErrorKind::Conflict);
}

#[test]
fn an_approval_for_somebody_else_counts_only_where_the_policy_says_anyone() {
    let mut scene = Scene::new();
    scene.policy(|policy| policy.approval = Some(approval()));
    scene.apply([request(BOB, ApprovalState::Approved)]);
    assert_eq!(scene.start().effect, Effect::Deny);
    scene.policy(|policy| {
        policy.approval = Some(Approval {
            scope: ApprovalScope::Anyone,
            ..approval()
        });
    });
    assert_eq!(scene.start().effect, Effect::Allow);
}

#[test]
fn what_a_policy_asks_for_at_the_door_is_named_and_is_not_asked_for_again() {
    let mut scene = Scene::new();
    scene.policy(|policy| {
        policy.reason_required = true;
        policy.ticket_id_required = true;
        policy.two_factor_challenge_required = true;
    });
    assert_eq!(
        scene.start().needs(),
        [Need::SecondFactor, Need::Ticket, Need::Reason]
    );
    for forgotten in 0..3 {
        let some = given(|given| {
            given.second_factor = forgotten != 0;
            given.ticket = forgotten != 1;
            given.reason = forgotten != 2;
        });
        assert_eq!(stops(&scene.ask(1, &some, noon())), [Gate::Requirement]);
    }
    let all = given(|given| *given = Given::ALL);
    assert_eq!(scene.ask(1, &all, noon()).effect, Effect::Allow);
    let running = Context {
        session_started: Some(noon()),
        ..Context::default()
    };
    assert_eq!(scene.ask(1, &running, noon()).effect, Effect::Allow);
    // Nothing to supply helps somebody whose role is too small.
    scene.member(Some(Role::AUDITOR), None);
    assert!(scene.start().needs().is_empty());
}

fn beside(on_item: u32, on_copies: u32) -> Context {
    Context {
        live: Live { on_item, on_copies },
        ..Context::default()
    }
}

#[test]
fn one_session_at_a_time_where_policy_or_site_says_so() {
    let mut scene = Scene::new();
    assert_eq!(scene.ask(1, &beside(3, 0), noon()).effect, Effect::Allow);
    scene.apply([Change::PutSite(SiteSettings {
        simultaneous_jumps: false,
        ..SiteSettings::default()
    })]);
    assert_eq!(stops(&scene.ask(1, &beside(1, 0), noon())), [Gate::Simultaneity]);
    assert_eq!(scene.ask(1, &beside(0, 5), noon()).effect, Effect::Allow);
    scene.policy(|policy| policy.simultaneous_jumps = SimultaneousJumps::Join);
    assert_eq!(scene.ask(1, &beside(1, 0), noon()).effect, Effect::Allow);
    scene.policy(|policy| {
        policy.simultaneous_jumps = SimultaneousJumps::Disallow;
        policy.simultaneous_jump_behavior_applies_to_copies = true;
    });
    assert_eq!(scene.ask(1, &beside(0, 1), noon()).effect, Effect::Deny);
    assert_eq!(scene.ask(1, &beside(0, 0), noon()).effect, Effect::Allow);
    // A session that runs is not ended because others do.
    let running = Context {
        session_started: Some(noon()),
        ..beside(1, 1)
    };
    assert_eq!(scene.ask(1, &running, noon()).effect, Effect::Allow);
}

#[test]
fn rdp_items_have_a_rule_of_their_own_for_simultaneous_sessions() {
    let mut scene = Scene::new();
    scene.edit_item(1, |item| item.details = ItemDetails::RemoteRdp(Rdp::default()));
    scene.policy(|policy| policy.simultaneous_jumps = SimultaneousJumps::Disallow);
    assert_eq!(scene.ask(1, &beside(1, 0), noon()).effect, Effect::Allow);
    scene.policy(|policy| policy.simultaneous_jumps_rdp = SimultaneousRdp::Disallow);
    assert_eq!(scene.ask(1, &beside(1, 0), noon()).effect, Effect::Deny);
    scene.policy(|policy| policy.simultaneous_jumps_rdp = SimultaneousRdp::NewSession);
    assert_eq!(scene.ask(1, &beside(1, 0), noon()).effect, Effect::Allow);
}

#[test]
fn the_policy_on_the_membership_holds_instead_of_the_items() {
    let mut scene = Scene::new();
    scene.policy(|policy| policy.reason_required = true);
    scene.apply([Change::PutPolicy(JumpPolicy::new(policy(2), name("free")))]);
    scene.member(Some(Role::START_SESSIONS_ONLY), Some(policy(2)));
    let obligations = scene.start().obligations.unwrap();
    assert_eq!(obligations.policy, Some(policy(2)));
}

#[test]
fn policies_say_how_a_session_is_recorded_and_how_long_it_lasts() {
    let mut scene = Scene::new();
    scene.edit_item(1, |item| {
        item.recording = RecordingMode::FailClosed;
        item.max_duration_seconds = Some(3000);
    });
    scene.policy(|policy| policy.idle_limit_seconds = Some(60));
    let plain = scene.start().obligations.unwrap();
    assert_eq!(plain.recording, RecordingMode::FailClosed);
    assert_eq!(plain.until, noon() + SignedDuration::from_secs(3000));
    assert_eq!(plain.idle_limit_seconds, Some(60));
    scene.policy(|policy| {
        policy.recording_mode = Some(RecordingMode::BestEffort);
        policy.max_duration_seconds = Some(1000);
    });
    let own = scene.start().obligations.unwrap();
    assert_eq!(own.recording, RecordingMode::BestEffort);
    assert_eq!(own.until, noon() + SignedDuration::from_secs(1000));
    scene.policy(|policy| {
        policy.recordings_disabled = true;
        policy.recording_mode = Some(RecordingMode::FailClosed);
        policy.max_duration_seconds = Some(9000);
    });
    let off = scene.start().obligations.unwrap();
    assert_eq!(off.recording, RecordingMode::Off);
    assert_eq!(off.until, noon() + SignedDuration::from_secs(3000));
}

fn given_by(policy: u32) -> RoleSource {
    RoleSource::GroupPolicy {
        policy: name(&format!("policy {policy}")),
    }
}

fn gives(role: Option<RoleId>) -> Vec<PolicyMembership> {
    vec![PolicyMembership {
        group: group(),
        role,
        policy: None,
    }]
}

#[test]
fn a_direct_membership_beats_group_policies_and_later_ones_beat_earlier_ones_unless_final() {
    let mut scene = Scene::new();
    scene.group_policy(1, 10, |one| {
        one.memberships = Setting::Defined(gives(Some(Role::ADMINISTRATOR)))
    });
    assert_eq!(scene.role(1).1, RoleSource::Membership);
    scene.not_a_member();
    assert_eq!(scene.role(1), ("Administrator".into(), given_by(1)));
    scene.group_policy(2, 20, |one| {
        one.memberships = Setting::Defined(gives(Some(Role::AUDITOR)))
    });
    assert_eq!(scene.role(1), ("Auditor".into(), given_by(2)));
    // What counts is the position, not the id.
    scene.group_policy(2, 5, |one| {
        one.memberships = Setting::Defined(gives(Some(Role::AUDITOR)))
    });
    assert_eq!(scene.role(1), ("Administrator".into(), given_by(1)));
    scene.group_policy(2, 5, |one| {
        one.memberships = Setting::Final(gives(Some(Role::AUDITOR)))
    });
    assert_eq!(scene.role(1), ("Auditor".into(), given_by(2)));
    // A final policy that says nothing about the group is in nobody's way.
    scene.group_policy(2, 5, |one| one.memberships = Setting::Final(vec![]));
    assert_eq!(scene.role(1), ("Administrator".into(), given_by(1)));
}

#[test]
fn a_slot_is_the_accounts_own_unless_a_group_policy_is_final() {
    let mut scene = Scene::new();
    scene.member(None, None);
    assert_eq!(
        scene.role(1),
        ("No Access".into(), RoleSource::UserDefault { by: None })
    );
    let slots = |role| RoleSlots {
        default: Some(role),
        ..RoleSlots::default()
    };
    scene.group_policy(1, 1, |one| one.roles = Setting::Defined(slots(Role::AUDITOR)));
    let by = Some(name("policy 1"));
    assert_eq!(
        scene.role(1),
        ("Auditor".into(), RoleSource::UserDefault { by: by.clone() })
    );
    scene.edit_user(ALICE, |user| user.default_role = Some(Role::ADMINISTRATOR));
    assert_eq!(
        scene.role(1),
        ("Administrator".into(), RoleSource::UserDefault { by: None })
    );
    scene.group_policy(1, 1, |one| one.roles = Setting::Final(slots(Role::AUDITOR)));
    assert_eq!(scene.role(1), ("Auditor".into(), RoleSource::UserDefault { by }));
}

#[test]
fn the_system_slot_reaches_groups_one_is_not_in_and_others_lists() {
    let mut scene = Scene::new();
    scene.not_a_member();
    assert_eq!(scene.role(1), ("No Access".into(), RoleSource::NotAMember));
    assert_eq!(scene.role(2), ("No Access".into(), RoleSource::NotOnesOwn));
    scene.edit_user(ALICE, |user| user.system_role = Some(Role::AUDITOR));
    for id in [1, 2] {
        assert_eq!(
            scene.role(id),
            ("Auditor".into(), RoleSource::System { by: None })
        );
    }
    assert_eq!(
        scene.role(3),
        ("No Access".into(), RoleSource::Personal { by: None })
    );
}

#[test]
fn personal_lists_are_for_their_owners_and_for_higher_team_roles() {
    let mut scene = Scene::new();
    scene.edit_user(ALICE, |user| {
        user.personal_role = Some(Role::ADMINISTRATOR);
        user.team_role = Some(Role::START_SESSIONS_ONLY);
    });
    assert_eq!(
        scene.role(3),
        ("Administrator".into(), RoleSource::Personal { by: None })
    );
    let team = |alice, bob| {
        Change::PutTeam(Team {
            id: TeamId::new(1).unwrap(),
            name: name("support"),
            members: BTreeMap::from([(user(ALICE), alice), (user(BOB), bob)]),
        })
    };
    for (alice, bob, reaches) in [
        (TeamRole::Lead, TeamRole::Member, true),
        (TeamRole::Manager, TeamRole::Lead, true),
        (TeamRole::Lead, TeamRole::Lead, false),
        (TeamRole::Member, TeamRole::Manager, false),
    ] {
        scene.apply([team(alice, bob)]);
        let expected = if reaches {
            ("Start Sessions Only".into(), RoleSource::Team { by: None })
        } else {
            ("No Access".into(), RoleSource::NotOnesOwn)
        };
        assert_eq!(scene.role(2), expected, "{alice:?} {bob:?}");
    }
}

#[test]
fn methods_and_jumpoints_come_from_group_policies_too() {
    let mut scene = Scene::new();
    scene.edit_user(ALICE, |user| user.allowed_methods = None);
    scene.apply([Change::RevokeJumpoint {
        user: user(ALICE),
        jumpoint: JumpointId::new(1).unwrap(),
    }]);
    assert_eq!(stops(&scene.start()), [Gate::Method, Gate::Jumpoint]);
    scene.group_policy(1, 1, |one| {
        one.allowed_methods = Setting::Defined([JumpMethod::ShellJump].into_iter().collect());
        one.jumpoints = BTreeSet::from([JumpointId::new(1).unwrap()]);
    });
    assert_eq!(scene.start().effect, Effect::Allow);
    scene.edit_user(ALICE, |user| user.allowed_methods = Some(JumpMethods::NONE));
    assert_eq!(stops(&scene.start()), [Gate::Method]);
    scene.group_policy(1, 1, |one| {
        one.allowed_methods = Setting::Final([JumpMethod::ShellJump].into_iter().collect());
        one.jumpoints = BTreeSet::from([JumpointId::new(1).unwrap()]);
    });
    assert_eq!(scene.start().effect, Effect::Allow);
}

#[test]
fn session_policies_narrow_the_item_in_the_order_item_user_site() {
    let mut scene = Scene::new();
    let put = |id: u32, permissions: &[(SessionPermission, bool)], commands: Option<&str>| {
        let id = SessionPolicyId::new(id).unwrap();
        let mut policy = SessionPolicy::new(id, name(&format!("session {id}")));
        policy.permissions = permissions.iter().copied().collect();
        policy.commands = commands.map(|text| CommandFilter::Only(vec![Field::new(text).unwrap()]));
        Change::PutSessionPolicy(policy)
    };
    use SessionPermission::{Exec, FileUpload, PortForwarding, Sharing, Shell};
    scene.apply([
        put(1, &[(Shell, false)], None),
        put(
            2,
            &[(Shell, true), (Exec, false), (PortForwarding, true)],
            Some("uptime"),
        ),
        put(3, &[(Exec, true), (FileUpload, false)], Some("true")),
    ]);
    let id = |number| Some(SessionPolicyId::new(number).unwrap());
    scene.edit_item(1, |item| item.session_policy = id(1));
    scene.edit_user(ALICE, |user| user.session_policy = id(2));
    scene.apply([Change::PutSite(SiteSettings {
        session_policy: id(3),
        ..SiteSettings::default()
    })]);
    let obligations = scene.start().obligations.unwrap();
    let permissions = obligations.permissions;
    assert!(!permissions.shell && !permissions.exec && !permissions.file_upload);
    assert!(permissions.file_download);
    // The item's own switch is off: no policy turns it on.
    assert!(!permissions.port_forwarding);
    assert!(obligations.commands.unwrap().allows("uptime"));
    let (alice, web) = (scene.0.user(user(ALICE)).unwrap(), scene.0.item(item(1)).unwrap());
    let rules: Vec<(SessionPermission, bool, PermissionRule)> = explain_permissions(&scene.0, alice, web)
        .into_iter()
        .filter(|one| one.rule != PermissionRule::Default)
        .map(|one| (one.permission, one.allowed, one.rule))
        .collect();
    assert_eq!(
        rules,
        [
            (Shell, false, PermissionRule::ItemPolicy),
            (Exec, false, PermissionRule::UserPolicy),
            (FileUpload, false, PermissionRule::SitePolicy),
            (PortForwarding, false, PermissionRule::Item),
            (Sharing, false, PermissionRule::Item),
        ]
    );
}

#[test]
fn path_limits_come_from_the_most_specific_policy_that_names_paths() {
    let mut scene = Scene::new();
    let id = |number| SessionPolicyId::new(number).unwrap();
    let put = |number: u32, upload: &[&str], download: &[&str]| {
        let mut policy = SessionPolicy::new(id(number), name(&format!("session {number}")));
        let patterns = |paths: &[&str]| paths.iter().map(|path| PathPattern::new(path).unwrap()).collect();
        policy.paths = PathLimits {
            upload: patterns(upload),
            download: patterns(download),
        };
        Change::PutSessionPolicy(policy)
    };
    assert_eq!(scene.start().obligations.unwrap().paths, PathLimits::default());
    scene.apply([
        put(1, &[], &["/srv/item"]),
        put(2, &[], &["/srv/user"]),
        put(3, &["/srv/site", "/tmp"], &["/"]),
    ]);
    scene.edit_item(1, |item| item.session_policy = Some(id(1)));
    scene.edit_user(ALICE, |user| user.session_policy = Some(id(2)));
    scene.apply([Change::PutSite(SiteSettings {
        session_policy: Some(id(3)),
        ..SiteSettings::default()
    })]);
    let paths = scene.start().obligations.unwrap().paths;
    let texts = |paths: &[PathPattern]| {
        paths
            .iter()
            .map(|path| path.as_str().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(texts(&paths.upload), ["/srv/site", "/tmp"]);
    assert_eq!(texts(&paths.download), ["/srv/item"]);
    let (alice, web) = (scene.0.user(user(ALICE)).unwrap(), scene.0.item(item(1)).unwrap());
    let rules: Vec<_> = explain_paths(&scene.0, alice, web)
        .into_iter()
        .map(|one| (one.direction, one.rule, one.policy.to_string()))
        .collect();
    assert_eq!(
        rules,
        [
            (
                TransferDirection::Upload,
                PermissionRule::SitePolicy,
                "session 3".to_owned()
            ),
            (
                TransferDirection::Download,
                PermissionRule::ItemPolicy,
                "session 1".to_owned()
            ),
        ]
    );
    let too_many = ["/x"; 33];
    assert!(scene.0.apply(&[put(4, &too_many, &[])]).is_err());
}

#[test]
fn a_custom_role_permits_what_it_says_and_built_in_ones_cannot_be_changed() {
    let mut scene = Scene::new();
    let id = RoleId::new(5).unwrap();
    let role = |permissions: &[RolePermission]| Role {
        id,
        name: name("Taggers"),
        description: Default::default(),
        permissions: permissions.iter().copied().collect(),
    };
    scene.apply([Change::PutRole(role(&[
        RolePermission::Start,
        RolePermission::EditTag,
    ]))]);
    scene.member(Some(id), None);
    assert_eq!(scene.start().effect, Effect::Allow);
    let manage = |permission| {
        let action = Action::Manage(permission);
        decide(
            &scene.0,
            user(ALICE),
            item(1),
            action,
            &Context::default(),
            noon(),
        )
        .0
        .effect
    };
    assert_eq!(manage(RolePermission::EditTag), Effect::Allow);
    assert_eq!(manage(RolePermission::EditComments), Effect::Deny);
    let mut built_in = role(&[RolePermission::Start]);
    built_in.id = Role::NO_ACCESS;
    assert!(scene.0.apply(&[Change::PutRole(built_in)]).is_err());
    let used = scene.0.apply(&[Change::RemoveRole(id)]).unwrap_err();
    assert_eq!(used.kind(), jump_core::ErrorKind::Conflict);
}
