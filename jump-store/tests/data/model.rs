//! A site with every kind of object and every type of item, at the edges of what is allowed.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use jump_core::id::{
    ApprovalId, GroupId, GroupPolicyId, ItemId, JumpointId, LoginId, PolicyId, RoleId, SessionPolicyId,
    TeamId, UserId,
};
use jump_core::model::{
    Approval, ApprovalRequest, ApprovalScope, ApprovalState, Change, CodeName, CommandFilter, Comments,
    ConnectionType, Description, Field, GroupPolicy, Hostname, IntelVpro, ItemDetails, JumpClient, JumpItem,
    JumpMethod, JumpPolicy, Login, LoginScope, Membership, Name, Notification, Placement, PolicyMembership,
    PortForward, ProtocolTunnel, PushJump, Rdp, RdpQuality, Remark, Role, RolePermission, RolePermissions,
    RoleSlots, Schedule, ScheduleEntry, SecureApp, SessionPolicy, Setting, SimultaneousJumps,
    SimultaneousRdp, SiteSettings, Tag, Team, TeamRole, Terminal, Vnc, World,
};
use jump_core::session::{RecordingMode, SessionPermission};

use super::{group, item, jumpoint, key, login, user};

/// The highest id.
pub(crate) const TOP: u32 = i32::MAX as u32;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// As many characters as fit, each of four bytes.
fn long(count: usize) -> String {
    "\u{1f5a5}".repeat(count)
}

fn role(id: u32, text: &str, permissions: impl IntoIterator<Item = RolePermission>) -> Role {
    Role {
        id: RoleId::new(id).unwrap(),
        name: name(text),
        description: Description::new(long(4096)).unwrap(),
        permissions: permissions.into_iter().collect::<RolePermissions>(),
    }
}

fn scheduled(id: u32) -> JumpPolicy {
    let entries = (0..100).map(|n| {
        let (day, hour) = (n % 7, n / 7);
        let (start, end) = (format!("{hour:02}:00"), format!("{hour:02}:59"));
        ScheduleEntry::new(day, &start, day, &end).unwrap()
    });
    let schedule = Schedule::new("Australia/Lord_Howe", entries.collect()).unwrap();
    JumpPolicy {
        code_name: Some(CodeName::new("x".repeat(64)).unwrap()),
        description: Description::new(long(1000)).unwrap(),
        schedule: Some(schedule),
        schedule_strict: false,
        reason_required: true,
        ticket_id_required: true,
        two_factor_challenge_required: true,
        simultaneous_jumps: SimultaneousJumps::Disallow,
        simultaneous_jump_behavior_applies_to_copies: true,
        simultaneous_jumps_rdp: SimultaneousRdp::NewSession,
        notification: Notification {
            session_start: true,
            session_end: true,
            email_addresses: (0..100)
                .map(|n| Field::new(format!("ops+{n}@example.test")).unwrap())
                .collect(),
            display_name: Field::new(long(255)).unwrap(),
        },
        recordings_disabled: true,
        recording_mode: Some(RecordingMode::BestEffort),
        max_duration_seconds: Some(u32::MAX),
        idle_limit_seconds: Some(10),
        ..JumpPolicy::new(PolicyId::new(id).unwrap(), name(&long(128)))
    }
}

fn approved(id: u32, text: &str) -> JumpPolicy {
    let mut policy = JumpPolicy::new(PolicyId::new(id).unwrap(), name(text));
    policy.approval = Some(Approval {
        max_duration_minutes: 524_160,
        scope: ApprovalScope::Anyone,
        approvers: [1, 2, TOP].map(|id| UserId::new(id).unwrap()).into(),
        approver_teams: [1, TOP].map(|id| TeamId::new(id).unwrap()).into(),
        email_addresses: vec![Field::new("night@example.com").unwrap()],
        self_approval: true,
    });
    policy
}

fn session_policy(id: u32, text: &str, commands: Option<CommandFilter>) -> SessionPolicy {
    SessionPolicy {
        code_name: Some(CodeName::new(format!("sp-{id}")).unwrap()),
        description: Description::new("line\n\tline").unwrap(),
        permissions: SessionPermission::ALL
            .iter()
            .enumerate()
            .map(|(at, permission)| (*permission, at % 2 == 0))
            .collect(),
        commands,
        ..SessionPolicy::new(SessionPolicyId::new(id).unwrap(), name(text))
    }
}

fn patterns(count: usize) -> Vec<Field> {
    (0..count)
        .map(|n| Field::new(format!("{n} {}", "*".repeat(500))).unwrap())
        .collect()
}

fn group_policies() -> [GroupPolicy; 3] {
    let id = |id| GroupPolicyId::new(id).unwrap();
    let membership = |group, role, policy| PolicyMembership {
        group: GroupId::new(group).unwrap(),
        role,
        policy,
    };
    let mut first = GroupPolicy::new(id(1), name("staff"), 0);
    first.members = [1, 2].map(|id| UserId::new(id).unwrap()).into();
    first.allowed_methods = Setting::Final([JumpMethod::JumpClient].into_iter().collect());
    first.roles = Setting::Defined(RoleSlots {
        default: Some(Role::AUDITOR),
        system: Some(RoleId::new(TOP).unwrap()),
        ..RoleSlots::default()
    });
    first.memberships = Setting::Final(vec![
        membership(1, Some(RoleId::new(5).unwrap()), Some(PolicyId::new(1).unwrap())),
        membership(TOP, None, None),
    ]);
    first.jumpoints = [1, 2].map(|id| JumpointId::new(id).unwrap()).into();
    let mut last = GroupPolicy::new(id(TOP), name("everybody"), u32::MAX);
    last.members = [1, 2, TOP].map(|id| UserId::new(id).unwrap()).into();
    last.memberships = Setting::Defined(Vec::new());
    [first, last, GroupPolicy::new(id(2), name("says nothing"), 7)]
}

fn team(id: u32, text: &str) -> Team {
    let members = [
        (1, TeamRole::Manager),
        (2, TeamRole::Member),
        (TOP, TeamRole::Lead),
    ];
    Team {
        id: TeamId::new(id).unwrap(),
        name: name(text),
        members: members
            .map(|(id, role)| (UserId::new(id).unwrap(), role))
            .into_iter()
            .collect::<BTreeMap<_, _>>(),
    }
}

fn approval(id: u32, state: ApprovalState) -> ApprovalRequest {
    ApprovalRequest {
        id: ApprovalId::new(id).unwrap(),
        policy: PolicyId::new(2).unwrap(),
        item: ItemId::new(1).unwrap(),
        requester: UserId::new(2).unwrap(),
        start: "2026-03-29T00:59:59.999999999Z".parse().unwrap(),
        duration_seconds: u32::MAX,
        reason: Remark::new(long(2048)).unwrap(),
        state,
        answered_by: (state != ApprovalState::Pending).then(|| UserId::new(1).unwrap()),
        comments: Remark::new("no\nyes").unwrap(),
    }
}

/// Every type of item, with all its fields at their limits; all have sealed credentials where the type has one.
fn details() -> Vec<ItemDetails> {
    let ItemDetails::ShellJump(mut shell) = item(1, 1, 1, "x").details else {
        return Vec::new();
    };
    let credential = shell.credential.clone();
    let certificates: Vec<Field> = (0..16)
        .map(|n| Field::new(format!("{n:064x}")).unwrap())
        .collect();
    shell.port = u16::MAX;
    shell.terminal = Terminal::Vt100;
    shell.username = Field::new(long(128)).unwrap();
    shell.keep_alive_seconds = 300;
    let rdp = Rdp {
        port: 1,
        quality: RdpQuality::Lossless,
        console: true,
        ignore_untrusted: true,
        require_nla: false,
        rdp_username: Field::new(long(128)).unwrap(),
        domain: Field::new(long(64)).unwrap(),
        secure_app: SecureApp::RemoteApp {
            remote_app_name: Field::new(long(512)).unwrap(),
            remote_app_params: Field::new(long(512)).unwrap(),
        },
        pinned_certificates: certificates.clone(),
        credential: credential.clone(),
    };
    let vnc = Vnc {
        port: 100,
        pinned_certificates: certificates,
        trust_first_certificate: true,
        minimum_security: jump_core::model::VncSecurity::None,
        credential: credential.clone(),
    };
    let push = PushJump {
        credential: credential.clone(),
    };
    vec![
        ItemDetails::ShellJump(shell),
        ItemDetails::ProtocolTunnel(ProtocolTunnel {
            listen_address: Ipv4Addr::new(127, 0, 0, 255),
            forwards: (0..64)
                .map(|n| PortForward {
                    local: n,
                    remote: u16::MAX - n,
                })
                .collect(),
        }),
        ItemDetails::LocalRdp(rdp.clone()),
        ItemDetails::RemoteRdp(rdp),
        ItemDetails::LocalVnc(vnc.clone()),
        ItemDetails::RemoteVnc(vnc),
        ItemDetails::LocalJump(push.clone()),
        ItemDetails::RemoteJump(push),
        ItemDetails::IntelVpro(IntelVpro {
            port: 1,
            kerberos: true,
            credential,
        }),
        ItemDetails::JumpClient(JumpClient {
            connection_type: ConnectionType::Passive,
            max_offline_minutes: u32::MAX,
            attended_session_policy: Some(SessionPolicyId::new(1).unwrap()),
            unattended_session_policy: Some(SessionPolicyId::new(TOP).unwrap()),
            is_quiet: true,
        }),
    ]
}

/// Each type of item once in a group and once, as a copy of that, on a personal list.
fn items() -> Vec<JumpItem> {
    let mut items = Vec::new();
    for (id, details) in (1..).zip(details()) {
        let mut shared = item(id, 1, 1, &format!("item {id} {}", long(100)));
        shared.jumpoint = shared.jumpoint.filter(|_| details.method().needs_jumpoint());
        shared.hostname = Hostname::new(format!("{0}.{0}", "h".repeat(63))).unwrap();
        shared.tag = Tag::new(long(64)).unwrap();
        shared.comments = Comments::new(long(1024)).unwrap();
        shared.jump_policy = Some(PolicyId::new(2).unwrap());
        shared.session_policy = Some(SessionPolicyId::new(1).unwrap());
        shared.max_duration_seconds = Some(u32::MAX);
        shared.details = details;
        let mut copy = shared.clone();
        copy.id = ItemId::new(TOP - id).unwrap();
        copy.placement = Placement::personal(UserId::new(2).unwrap());
        copy.copy_of = Some(shared.id);
        copy.hostname = Hostname::new("2001:db8::1").unwrap();
        if matches!(copy.details, ItemDetails::IntelVpro(_)) {
            copy.hostname = Hostname::new("vpro.example").unwrap();
        }
        copy.recording = RecordingMode::Off;
        items.extend([shared, copy]);
    }
    items
}

/// Everything, in an order in which references lead backwards.
pub(crate) fn full_site() -> Vec<Change> {
    let all_permissions = RolePermission::ALL.iter().copied();
    let mut changes = vec![
        Change::PutRole(role(5, "operator", all_permissions)),
        Change::PutRole(role(TOP, "nobody", [])),
        Change::PutSessionPolicy(session_policy(1, "read only", None)),
        Change::PutSessionPolicy(session_policy(2, "few", Some(CommandFilter::Only(patterns(64))))),
        Change::PutSessionPolicy(session_policy(
            TOP,
            "most",
            Some(CommandFilter::AllBut(patterns(1))),
        )),
        Change::PutSite(SiteSettings {
            session_policy: Some(SessionPolicyId::new(TOP).unwrap()),
            simultaneous_jumps: false,
        }),
    ];
    let mut admin = user(1, &"a".repeat(64));
    admin.administrator = true;
    admin.default_role = Some(Role::ADMINISTRATOR);
    admin.personal_role = Some(RoleId::new(5).unwrap());
    admin.team_role = Some(Role::AUDITOR);
    admin.system_role = Some(RoleId::new(TOP).unwrap());
    admin.session_policy = Some(SessionPolicyId::new(2).unwrap());
    let mut disabled = user(TOP, "last@example.test");
    disabled.enabled = false;
    disabled.allowed_methods = None;
    changes.extend([admin, user(2, "b"), disabled].map(Change::PutUser));
    changes.extend([team(1, "network"), team(TOP, "servers")].map(Change::PutTeam));
    let policies = [scheduled(1), approved(2, "four eyes"), approved(TOP, "six eyes")];
    changes.extend(policies.map(Change::PutPolicy));
    let mut last = group(TOP, &long(128));
    last.code_name = Some(CodeName::new("Z".repeat(64)).unwrap());
    changes.extend([group(1, "servers"), last].map(Change::PutGroup));
    changes.extend([jumpoint(1, "branch"), jumpoint(2, "factory")].map(Change::PutJumpoint));
    changes.extend(group_policies().map(Change::PutGroupPolicy));
    changes.extend(items().into_iter().map(Change::PutItem));
    let states = [
        ApprovalState::Pending,
        ApprovalState::Approved,
        ApprovalState::Denied,
        ApprovalState::Cancelled,
        ApprovalState::Revoked,
    ];
    let requests = (1..).zip(states).map(|(id, state)| approval(id, state));
    changes.extend(requests.map(Change::PutApproval));
    let membership = |user, group, role, policy: Option<u32>| {
        Change::PutMembership(Membership {
            user: UserId::new(user).unwrap(),
            group: GroupId::new(group).unwrap(),
            role,
            policy: policy.map(|id| PolicyId::new(id).unwrap()),
        })
    };
    changes.extend([
        membership(1, 1, Some(RoleId::new(5).unwrap()), Some(1)),
        membership(1, TOP, None, None),
        membership(2, 1, None, Some(2)),
        Change::GrantJumpoint {
            user: UserId::new(2).unwrap(),
            jumpoint: JumpointId::new(1).unwrap(),
        },
        Change::PutLogin(login(1, 1, 1)),
        Change::PutLogin(Login {
            id: LoginId::new(TOP).unwrap(),
            key: key(2),
            scope: LoginScope::Sessions,
            expires: None,
            ..login(2, 2, 2)
        }),
    ]);
    changes
}

/// Takes everything out of a world, what refers to others first.
pub(crate) fn emptied(world: &World) -> Vec<Change> {
    let mut changes = vec![Change::PutSite(SiteSettings::default())];
    changes.extend(world.approvals().map(|one| Change::RemoveApproval(one.id)));
    changes.extend(
        world
            .group_policies()
            .map(|one| Change::RemoveGroupPolicy(one.id)),
    );
    changes.extend(world.groups().map(|one| Change::RemoveGroup(one.id)));
    changes.extend(world.users().map(|one| Change::RemoveUser(one.id)));
    changes.extend(world.jumpoints().map(|one| Change::RemoveJumpoint(one.id)));
    changes.extend(world.policies().map(|one| Change::RemovePolicy(one.id)));
    changes.extend(world.teams().map(|one| Change::RemoveTeam(one.id)));
    changes.extend(
        world
            .session_policies()
            .map(|one| Change::RemoveSessionPolicy(one.id)),
    );
    let custom = world.roles().filter(|one| !Role::is_built_in(one.id));
    changes.extend(custom.map(|one| Change::RemoveRole(one.id)));
    changes
}
