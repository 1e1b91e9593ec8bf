//! Small random sites and questions about them, for the comparison of two evaluators of access.
//!
//! Everything follows from a seed. The sites are small and dense, so that rules meet: a handful of users, groups, policies
//! and items, with every type of item, every slot and every section of a group policy.

mod objects;

use jump_core::access::{Action, Context, Given, Live};
use jump_core::error::{Error, ErrorKind, Result};
use jump_core::id::{GroupId, ItemId, JumpointId, PolicyId, RoleId, SessionPolicyId, UserId};
use jump_core::model::{
    Change, Field, Hostname, JumpGroup, JumpMethod, JumpMethods, Jumpoint, Membership, Name, RolePermission,
    Schedule, ScheduleEntry, Setting, SiteSettings, UserName,
};
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
