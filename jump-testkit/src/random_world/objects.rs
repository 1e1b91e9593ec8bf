//! One random object of each kind.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use super::{RandomSite, none};
use jump_core::error::Result;
use jump_core::id::{
    ApprovalId, GroupId, GroupPolicyId, ItemId, PolicyId, RoleId, SessionPolicyId, TeamId, UserId,
};
use jump_core::model::{
    Approval, ApprovalRequest, ApprovalScope, ApprovalState, CommandFilter, GroupPolicy, IntelVpro,
    ItemDetails, JumpClient, JumpItem, JumpPolicy, PathLimits, PathPattern, Placement, PolicyMembership,
    PortForward, ProtocolTunnel, PushJump, Rdp, Remark, Role, RolePermission, RolePermissions, RoleSlots,
    SessionPolicy, ShellJump, SimultaneousJumps, SimultaneousRdp, Team, TeamRole, User, Vnc,
};
use jump_core::session::{RecordingMode, SessionPermission, SessionPermissions};

impl<'p> RandomSite<'p> {
    pub(super) fn role(&mut self, number: u32) -> Result<Role> {
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

    pub(super) fn session_policy(&mut self, number: u32) -> Result<SessionPolicy> {
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

    pub(super) fn user(&mut self, number: u32) -> Result<User> {
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

    pub(super) fn team(&mut self, number: u32) -> Result<Team> {
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

    pub(super) fn policy(&mut self, number: u32) -> Result<JumpPolicy> {
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

    pub(super) fn approval(&mut self, number: u32) -> Result<ApprovalRequest> {
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

    pub(super) fn item(&mut self, number: u32) -> Result<JumpItem> {
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

    pub(super) fn group_policy(&mut self, number: u32) -> Result<GroupPolicy> {
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
}
