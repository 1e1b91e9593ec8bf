//! Small random sites and questions about them, for the comparison of two evaluators of access.
//!
//! Everything follows from a seed. The sites are small and dense, so that rules meet: a handful of users, groups, policies
//! and items, with every type of item, every slot and every section of a group policy.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use jump_core::access::{Action, Context, Given, Live};
use jump_core::error::{Error, ErrorKind, Result};
use jump_core::id::{
    ApprovalId, GroupId, GroupPolicyId, ItemId, JumpointId, PolicyId, RoleId, SessionPolicyId, TeamId, UserId,
};
use jump_core::model::{
    Approval, ApprovalRequest, ApprovalScope, ApprovalState, Change, CommandFilter, Field, GroupPolicy,
    Hostname, IntelVpro, ItemDetails, JumpClient, JumpGroup, JumpItem, JumpMethod, JumpMethods, JumpPolicy,
    Jumpoint, Membership, Name, PathLimits, PathPattern, Placement, PolicyMembership, PortForward,
    ProtocolTunnel, PushJump, Rdp, Remark, Role, RolePermission, RolePermissions, RoleSlots, Schedule,
    ScheduleEntry, SessionPolicy, Setting, ShellJump, SimultaneousJumps, SimultaneousRdp, SiteSettings, Team,
    TeamRole, User, UserName, Vnc,
};
use jump_core::session::{RecordingMode, SessionPermission, SessionPermissions};
use jump_core::time::{SignedDuration, Timestamp};

use crate::seeded::Seeded;

/// What is made once and used in every site, because it takes longest to make.
#[derive(Debug)]
pub struct Parts {
    names: Vec<Name>,
    users: Vec<UserName>,
    hostname: Hostname,
    schedules: Vec<Schedule>,
    command: Field,
}

/// A question about a site.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// Who.
    pub user: UserId,
    /// With which item.
    pub item: ItemId,
    /// What.
    pub action: Action,
    /// Under which circumstances.
    pub context: Context,
    /// When.
    pub now: Timestamp,
}

/// The most there are of each kind of object.
const MOST: u32 = 4;

/// Changes of the clocks in the zones of [`Parts`], around which much is asked: autumn and spring.
const MOMENTS: [i64; 4] = [1_761_440_400, 1_762_063_200, 1_774_746_000, 1_772_953_200];

impl Parts {
    /// The parts.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if a part is not valid.
    pub fn new() -> Result<Self> {
        let all_week = [
            "UTC",
            "Europe/Vienna",
            "America/New_York",
            "Asia/Kolkata",
            "Australia/Lord_Howe",
        ];
        let windows: [&[(u8, &str, u8, &str)]; 6] = [
            &[],
            &[(0, "00:00", 6, "24:00")],
            &[
                (0, "08:00", 0, "17:00"),
                (2, "08:00", 2, "17:00"),
                (4, "08:30", 4, "12:00"),
            ],
            &[(5, "22:00", 0, "06:00"), (6, "01:00", 6, "03:30")],
            &[
                (6, "02:00", 6, "02:30"),
                (6, "02:30", 6, "03:00"),
                (6, "00:00", 6, "01:15"),
            ],
            &[(0, "00:00", 5, "24:00"), (3, "12:00", 3, "11:59")],
        ];
        let mut schedules = Vec::new();
        for zone in all_week {
            for window in windows {
                let entries = window
                    .iter()
                    .map(|(day, start, last, end)| ScheduleEntry::new(*day, start, *last, end))
                    .collect::<Result<Vec<_>>>()?;
                schedules.push(Schedule::new(zone, entries)?);
            }
        }
        Ok(Self {
            names: (0..64)
                .map(|n| Name::new(format!("n{n}")))
                .collect::<Result<_>>()?,
            users: (0..64)
                .map(|n| UserName::new(format!("u{n}")))
                .collect::<Result<_>>()?,
            hostname: Hostname::new("host.example")?,
            schedules,
            command: Field::new("uptime*")?,
        })
    }

    fn name(&self, number: u32) -> Result<Name> {
        self.names.get(number as usize).cloned().ok_or_else(none)
    }
}

fn none() -> Error {
    Error::new(ErrorKind::Internal, "make a random site", "no such part")
}

/// One random site in the making.
#[derive(Debug)]
pub struct RandomSite<'p> {
    parts: &'p Parts,
    random: Seeded,
    users: u32,
    groups: u32,
    jumpoints: u32,
    items: u32,
    roles: u32,
    policies: u32,
    session_policies: u32,
    group_policies: u32,
    teams: u32,
    approvals: u32,
}

impl<'p> RandomSite<'p> {
    /// The site of this seed.
    #[must_use]
    pub fn new(parts: &'p Parts, seed: u64) -> Self {
        let mut random = Seeded::new(seed);
        let mut up_to = |least: u32| least + (random.below(u64::from(MOST - least) + 1) as u32);
        let (users, groups, jumpoints, items) = (up_to(1), up_to(1), up_to(1), up_to(1));
        let (roles, policies, session_policies) = (up_to(0), up_to(0), up_to(0));
        let (group_policies, teams, approvals) = (up_to(0), up_to(0).min(2), up_to(0));
        Self {
            parts,
            random,
            users,
            groups,
            jumpoints,
            items,
            roles,
            policies,
            session_policies,
            group_policies,
            teams,
            approvals,
        }
    }

    fn one_in(&mut self, bound: u64) -> bool {
        self.random.below(bound) == 0
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> Result<T> {
        let at = self.random.below(of.len() as u64) as usize;
        of.get(at).cloned().ok_or_else(none)
    }

    /// A number from 1 to `most`.
    fn number(&mut self, most: u32) -> u32 {
        1 + self.random.below(u64::from(most.max(1))) as u32
    }

    fn user_id(&mut self) -> Result<UserId> {
        let most = self.users;
        UserId::new(self.number(most))
    }

    fn group_id(&mut self) -> Result<GroupId> {
        let most = self.groups;
        GroupId::new(self.number(most))
    }

    fn jumpoint_id(&mut self) -> Result<JumpointId> {
        let most = self.jumpoints;
        JumpointId::new(self.number(most))
    }

    fn role_id(&mut self) -> Result<RoleId> {
        let most = 4 + self.roles;
        RoleId::new(self.number(most))
    }

    fn maybe_role(&mut self) -> Result<Option<RoleId>> {
        if self.one_in(2) {
            Ok(None)
        } else {
            self.role_id().map(Some)
        }
    }

    fn maybe_policy(&mut self) -> Result<Option<PolicyId>> {
        let most = self.policies;
        if most == 0 || self.one_in(2) {
            return Ok(None);
        }
        PolicyId::new(self.number(most)).map(Some)
    }

    fn maybe_session_policy(&mut self) -> Result<Option<SessionPolicyId>> {
        let most = self.session_policies;
        if most == 0 || self.one_in(2) {
            return Ok(None);
        }
        SessionPolicyId::new(self.number(most)).map(Some)
    }

    fn methods(&mut self) -> JumpMethods {
        if self.one_in(3) {
            return JumpMethods::all();
        }
        let bits = self.random.next_u64() | self.random.next_u64();
        let all = JumpMethod::ALL.iter().enumerate();
        all.filter(|(at, _)| bits >> at & 1 == 1)
            .map(|(_, method)| *method)
            .collect()
    }

    fn setting<T>(&mut self, value: T) -> Setting<T> {
        match self.random.below(5) {
            0 | 1 => Setting::NotDefined,
            2 | 3 => Setting::Defined(value),
            _ => Setting::Final(value),
        }
    }

    fn moment(&mut self) -> Result<Timestamp> {
        let moment = self.pick(&MOMENTS)?;
        let off = self.random.below(4 * 86_400) as i64 - 2 * 86_400;
        // Often exactly on a minute, and so on an edge.
        let off = if self.one_in(2) { off / 900 * 900 } else { off };
        Timestamp::from_second(moment + off).map_err(|error| none().with_source(error))
    }

    /// The edits that make the site, in groups: within one, the order is free.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] for a bug in here.
    pub fn changes(&mut self) -> Result<Vec<Vec<Change>>> {
        let mut phases: Vec<Vec<Change>> = (0..7).map(|_| Vec::new()).collect();
        let mut put = |phase: usize, change: Change| {
            if let Some(phase) = phases.get_mut(phase) {
                phase.push(change);
            }
        };
        for number in 1..=self.session_policies {
            put(0, Change::PutSessionPolicy(self.session_policy(number)?));
        }
        for number in 1..=self.roles {
            put(0, Change::PutRole(self.role(number)?));
        }
        for number in 1..=self.groups {
            let group = JumpGroup::new(GroupId::new(number)?, self.parts.name(number)?);
            put(0, Change::PutGroup(group));
        }
        for number in 1..=self.jumpoints {
            let mut jumpoint = Jumpoint::new(JumpointId::new(number)?, self.parts.name(number)?);
            jumpoint.enabled = !self.one_in(8);
            jumpoint.shell_jump_enabled = !self.one_in(6);
            jumpoint.protocol_tunnel_enabled = !self.one_in(6);
            put(0, Change::PutJumpoint(jumpoint));
        }
        for number in 1..=self.users {
            put(1, Change::PutUser(self.user(number)?));
        }
        for number in 1..=self.teams {
            put(2, Change::PutTeam(self.team(number)?));
        }
        for number in 1..=self.policies {
            put(3, Change::PutPolicy(self.policy(number)?));
        }
        for number in 1..=self.items {
            put(4, Change::PutItem(self.item(number)?));
        }
        for user in 1..=self.users {
            let user = UserId::new(user)?;
            for group in 1..=self.groups {
                if self.one_in(3) {
                    let (group, role, policy) =
                        (GroupId::new(group)?, self.maybe_role()?, self.maybe_policy()?);
                    put(
                        5,
                        Change::PutMembership(Membership {
                            user,
                            group,
                            role,
                            policy,
                        }),
                    );
                }
            }
            for jumpoint in 1..=self.jumpoints {
                if self.one_in(2) {
                    let jumpoint = JumpointId::new(jumpoint)?;
                    put(5, Change::GrantJumpoint { user, jumpoint });
                }
            }
        }
        for number in 1..=self.group_policies {
            put(5, Change::PutGroupPolicy(self.group_policy(number)?));
        }
        for number in 1..=self.approvals {
            if self.policies > 0 {
                put(5, Change::PutApproval(self.approval(number)?));
            }
        }
        let site = SiteSettings {
            session_policy: self.maybe_session_policy()?,
            simultaneous_jumps: self.one_in(2),
        };
        put(6, Change::PutSite(site));
        Ok(phases)
    }

    fn role(&mut self, number: u32) -> Result<Role> {
        let bits = self.random.next_u64();
        let mut permissions: Vec<RolePermission> = Vec::new();
        for (at, permission) in RolePermission::ALL.iter().enumerate() {
            if bits >> at & 1 == 1 {
                permissions.push(*permission);
            }
        }
        Ok(Role {
            id: RoleId::new(4 + number)?,
            name: self.parts.name(number)?,
            description: jump_core::model::Description::default(),
            permissions: RolePermissions::from(permissions),
        })
    }

    fn session_policy(&mut self, number: u32) -> Result<SessionPolicy> {
        let mut policy = SessionPolicy::new(SessionPolicyId::new(number)?, self.parts.name(number)?);
        let bits = self.random.next_u64();
        let all = SessionPermission::ALL.iter().enumerate();
        policy.permissions = all
            .filter(|(at, _)| bits >> (2 * at) & 1 == 1)
            .map(|(at, permission)| (*permission, bits >> (2 * at + 1) & 1 == 1))
            .collect::<BTreeMap<_, _>>();
        let pattern = || vec![self.parts.command.clone()];
        policy.commands = match bits >> 60 {
            0 | 1 => Some(CommandFilter::Only(pattern())),
            2 | 3 => Some(CommandFilter::AllBut(pattern())),
            _ => None,
        };
        let paths = |which| match which & 3 {
            0 => PathPattern::new("/srv").map(|path| vec![path]),
            1 => PathPattern::new("/home/*").map(|path| vec![path]),
            _ => Ok(Vec::new()),
        };
        policy.paths = PathLimits {
            upload: paths(bits >> 50)?,
            download: paths(bits >> 52)?,
        };
        Ok(policy)
    }

    fn user(&mut self, number: u32) -> Result<User> {
        let name = self.parts.users.get(number as usize).cloned().ok_or_else(none)?;
        let mut user = User::new(UserId::new(number)?, name);
        user.enabled = !self.one_in(8);
        user.administrator = self.one_in(3);
        user.allowed_methods = if self.one_in(3) {
            None
        } else {
            Some(self.methods())
        };
        user.default_role = self.maybe_role()?;
        user.personal_role = self.maybe_role()?;
        user.team_role = self.maybe_role()?;
        user.system_role = if self.one_in(2) { None } else { self.maybe_role()? };
        user.session_policy = self.maybe_session_policy()?;
        Ok(user)
    }

    fn team(&mut self, number: u32) -> Result<Team> {
        let mut members = BTreeMap::new();
        for user in 1..=self.users {
            if !self.one_in(3) {
                let role = self.pick(&[TeamRole::Member, TeamRole::Lead, TeamRole::Manager])?;
                members.insert(UserId::new(user)?, role);
            }
        }
        Ok(Team {
            id: TeamId::new(number)?,
            name: self.parts.name(number)?,
            members,
        })
    }

    fn policy(&mut self, number: u32) -> Result<JumpPolicy> {
        let mut policy = JumpPolicy::new(PolicyId::new(number)?, self.parts.name(number)?);
        match self.random.below(4) {
            0 | 1 => policy.schedule = Some(self.pick(&self.parts.schedules)?),
            2 => policy.approval = Some(self.wanted_approval()?),
            _ => {}
        }
        policy.schedule_strict = self.one_in(2);
        policy.reason_required = self.one_in(4);
        policy.ticket_id_required = self.one_in(5);
        policy.two_factor_challenge_required = self.one_in(5);
        policy.simultaneous_jumps = self.pick(&[
            SimultaneousJumps::Global,
            SimultaneousJumps::Join,
            SimultaneousJumps::Disallow,
        ])?;
        policy.simultaneous_jumps_rdp = self.pick(&[
            SimultaneousRdp::Global,
            SimultaneousRdp::NewSession,
            SimultaneousRdp::Disallow,
        ])?;
        policy.simultaneous_jump_behavior_applies_to_copies =
            policy.simultaneous_jumps != SimultaneousJumps::Global && self.one_in(2);
        policy.recordings_disabled = self.one_in(5);
        policy.recording_mode = if self.one_in(2) {
            None
        } else {
            Some(self.recording()?)
        };
        policy.max_duration_seconds = self.maybe_seconds(1);
        policy.idle_limit_seconds = self.maybe_seconds(10);
        Ok(policy)
    }

    fn maybe_seconds(&mut self, least: u32) -> Option<u32> {
        match self.random.below(5) {
            0 => Some(least),
            1 => Some(least + self.random.below(20_000) as u32),
            2 => Some(u32::MAX),
            _ => None,
        }
    }

    fn recording(&mut self) -> Result<RecordingMode> {
        self.pick(&[
            RecordingMode::Off,
            RecordingMode::BestEffort,
            RecordingMode::Backpressure,
            RecordingMode::FailClosed,
        ])
    }

    fn wanted_approval(&mut self) -> Result<Approval> {
        Ok(Approval {
            max_duration_minutes: 480,
            scope: self.pick(&[ApprovalScope::Requestor, ApprovalScope::Anyone])?,
            approvers: BTreeSet::from([self.user_id()?]),
            approver_teams: BTreeSet::new(),
            email_addresses: Vec::new(),
            self_approval: self.one_in(2),
        })
    }

    fn approval(&mut self, number: u32) -> Result<ApprovalRequest> {
        let (items, policies) = (self.items, self.policies);
        let states = [
            ApprovalState::Approved,
            ApprovalState::Approved,
            ApprovalState::Approved,
            ApprovalState::Pending,
            ApprovalState::Denied,
            ApprovalState::Cancelled,
            ApprovalState::Revoked,
        ];
        Ok(ApprovalRequest {
            id: ApprovalId::new(number)?,
            policy: PolicyId::new(self.number(policies))?,
            item: ItemId::new(self.number(items))?,
            requester: self.user_id()?,
            start: self.moment()?,
            duration_seconds: if self.one_in(2) {
                u32::MAX
            } else {
                60 + self.random.below(400_000) as u32
            },
            reason: Remark::default(),
            state: self.pick(&states)?,
            answered_by: None,
            comments: Remark::default(),
        })
    }

    fn item(&mut self, number: u32) -> Result<JumpItem> {
        let details = self.details();
        let placement = if self.one_in(4) {
            Placement::personal(self.user_id()?)
        } else {
            Placement::Shared(self.group_id()?)
        };
        let jumpoint = if details.method().needs_jumpoint() {
            Some(self.jumpoint_id()?)
        } else {
            None
        };
        let host = self.parts.hostname.clone();
        let mut item = JumpItem::new(
            ItemId::new(number)?,
            self.parts.name(number)?,
            placement,
            jumpoint,
            host,
            details,
        );
        item.jump_policy = self.maybe_policy()?;
        item.session_policy = self.maybe_session_policy()?;
        item.copy_of = if number > 1 && self.one_in(4) {
            Some(ItemId::new(self.number(number - 1))?)
        } else {
            None
        };
        item.recording = self.recording()?;
        item.max_duration_seconds = self.maybe_seconds(1);
        Ok(item)
    }

    fn details(&mut self) -> ItemDetails {
        match self.random.below(13) {
            0..=2 => {
                let mut shell = ShellJump::ssh(22);
                let bits = self.random.next_u64();
                for (at, permission) in SessionPermission::ALL.iter().enumerate() {
                    shell.permissions.set(*permission, bits >> at & 1 == 1);
                }
                if self.one_in(2) {
                    shell.permissions = SessionPermissions::default();
                }
                ItemDetails::ShellJump(shell)
            }
            3 | 4 => ItemDetails::ProtocolTunnel(ProtocolTunnel {
                listen_address: Ipv4Addr::LOCALHOST,
                forwards: vec![
                    PortForward { local: 0, remote: 80 },
                    PortForward {
                        local: 0,
                        remote: 443,
                    },
                ],
            }),
            5 => ItemDetails::LocalRdp(Rdp::default()),
            6 => ItemDetails::RemoteRdp(Rdp::default()),
            7 => ItemDetails::LocalVnc(Vnc::default()),
            8 => ItemDetails::RemoteVnc(Vnc::default()),
            9 => ItemDetails::LocalJump(PushJump::default()),
            10 => ItemDetails::RemoteJump(PushJump::default()),
            11 => ItemDetails::IntelVpro(IntelVpro::default()),
            _ => ItemDetails::JumpClient(JumpClient::default()),
        }
    }

    fn group_policy(&mut self, number: u32) -> Result<GroupPolicy> {
        // The top of the order and the first ids stay free, for who wants to have the first word.
        let position = 1 + self.random.below(3) as u32;
        let mut policy = GroupPolicy::new(
            GroupPolicyId::new(9 - number)?,
            self.parts.name(number)?,
            position,
        );
        for user in 1..=self.users {
            if !self.one_in(3) {
                policy.members.insert(UserId::new(user)?);
            }
        }
        let methods = self.methods();
        policy.allowed_methods = self.setting(methods);
        let slots = RoleSlots {
            default: self.maybe_role()?,
            personal: self.maybe_role()?,
            team: self.maybe_role()?,
            system: self.maybe_role()?,
        };
        policy.roles = self.setting(slots);
        let mut memberships = Vec::new();
        for group in 1..=self.groups {
            if self.one_in(2) {
                memberships.push(PolicyMembership {
                    group: GroupId::new(group)?,
                    role: self.maybe_role()?,
                    policy: self.maybe_policy()?,
                });
            }
        }
        policy.memberships = self.setting(memberships);
        if self.one_in(2) {
            policy.jumpoints.insert(self.jumpoint_id()?);
        }
        Ok(policy)
    }

    /// A question about the site; now and then about a user or an item that is not there.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] for a bug in here.
    pub fn question(&mut self) -> Result<Question> {
        let now = self.moment()?;
        let action = match self.random.below(8) {
            0 => Action::View,
            1 => Action::Manage(self.pick(RolePermission::ALL)?),
            _ => Action::Start,
        };
        let session_started = if self.one_in(4) {
            let before = SignedDuration::from_secs(self.random.below(50_000) as i64);
            now.checked_sub(before).ok()
        } else {
            None
        };
        let given = Given {
            reason: !self.one_in(4),
            ticket: !self.one_in(4),
            second_factor: !self.one_in(4),
            schedule_override: !self.one_in(4),
        };
        let mut live = || match self.random.below(6) {
            0 => 1,
            1 => u32::MAX,
            _ => 0,
        };
        let live = Live {
            on_item: live(),
            on_copies: live(),
        };
        let context = Context {
            session_started,
            max_session: SignedDuration::from_mins(1 + self.random.below(900) as i64),
            given,
            live,
        };
        // One more than there are: now and then nobody, or nothing.
        let (users, items) = (self.users, self.items);
        let beyond = u32::from(self.one_in(50));
        Ok(Question {
            user: UserId::new(self.number(users) + beyond * users)?,
            item: ItemId::new(self.number(items) + u32::from(self.one_in(50)) * items)?,
            action,
            context,
            now,
        })
    }

    /// A random number below a bound, for who edits the site.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.random.below(bound)
    }
}
