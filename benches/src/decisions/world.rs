//! The site as our [`World`].

use jump_core::Result;
use jump_core::access::{Action, Context, Effect, Given, Live, decide};
use jump_core::id::{GroupId, GroupPolicyId, ItemId, JumpointId, PolicyId, RoleId, SessionPolicyId, UserId};
use jump_core::model::{
    Change, GroupPolicy, Hostname, ItemDetails, JumpGroup, JumpItem, JumpPolicy, Jumpoint, Membership, Name,
    PolicyMembership, PortForward, ProtocolTunnel, Role as JumpItemRole, RolePermission, RolePermissions,
    Schedule, ScheduleEntry, SessionPolicy, Setting, ShellJump, SimultaneousJumps, User as Account, UserName,
    World,
};
use jump_core::session::SessionPermission;
use jump_core::time::Timestamp;

use super::facts::{self, Facts, GROUPS, Policy, ROLES, Role};
use super::questions::Question;

/// The four built-in roles come first.
const FIRST_ROLE: u32 = 5;
/// A Wednesday, 11:00 in Vienna.
pub(crate) const NOW: i64 = 1_794_996_000;

/// Which rules the site has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rules {
    /// Those that can be said in Cedar as well.
    Common,
    /// Besides, every item's policy has a strict schedule in a time zone with summer time, items, users and site have session
    /// policies, and every user is in three group policies.
    All,
}

pub(crate) fn build(facts: &Facts, rules: Rules) -> Result<World> {
    World::restore(changes(facts, rules)?, 1)
}

/// What makes the site, in an order in which references lead backwards.
pub(crate) fn changes(facts: &Facts, rules: Rules) -> Result<Vec<Change>> {
    let mut changes = vec![];
    session_policies(rules, &mut changes)?;
    for number in 0..ROLES {
        let permissions = if facts::starts(number) {
            RolePermissions::only(RolePermission::Start)
        } else {
            RolePermissions::only(RolePermission::EditTag)
        };
        changes.push(Change::PutRole(JumpItemRole {
            id: role_id(number)?,
            name: Name::new(format!("role {number}"))?,
            description: Default::default(),
            permissions,
        }));
    }
    for number in 0..GROUPS {
        let name = Name::new(format!("group {number}"))?;
        changes.push(Change::PutGroup(JumpGroup::new(GroupId::new(number + 1)?, name)));
    }
    for (number, enabled) in (0..).zip(&facts.jumpoint_enabled) {
        let mut jumpoint = Jumpoint::new(
            JumpointId::new(number + 1)?,
            Name::new(format!("jumpoint {number}"))?,
        );
        jumpoint.enabled = *enabled;
        jumpoint.shell_jump_enabled = true;
        jumpoint.protocol_tunnel_enabled = true;
        changes.push(Change::PutJumpoint(jumpoint));
    }
    policies(rules, &mut changes)?;
    users(facts, rules, &mut changes)?;
    items(facts, rules, &mut changes)?;
    if rules == Rules::All {
        group_policies(facts, &mut changes)?;
    }
    Ok(changes)
}

fn role_id(number: u32) -> Result<RoleId> {
    RoleId::new(FIRST_ROLE + number)
}

fn session_policies(rules: Rules, changes: &mut Vec<Change>) -> Result<()> {
    if rules == Rules::Common {
        return Ok(());
    }
    for number in 1..=3 {
        let mut policy = SessionPolicy::new(
            SessionPolicyId::new(number)?,
            Name::new(format!("session {number}"))?,
        );
        // Each says something of every third permission.
        for (at, permission) in (1..).zip(SessionPermission::ALL) {
            if at % 3 == number - 1 {
                policy.permissions.insert(*permission, at % 2 == 0);
            }
        }
        changes.push(Change::PutSessionPolicy(policy));
    }
    changes.push(Change::PutSite(jump_core::model::SiteSettings {
        session_policy: Some(SessionPolicyId::new(3)?),
        simultaneous_jumps: true,
    }));
    Ok(())
}

/// One Jump Policy for each thing to ask for; the one that asks for nothing is needed for its schedule only.
fn policies(rules: Rules, changes: &mut Vec<Change>) -> Result<()> {
    for (number, asks) in (1..).zip(Policy::ALL) {
        let mut policy = JumpPolicy::new(PolicyId::new(number)?, Name::new(format!("policy {number}"))?);
        match asks {
            Policy::None => {}
            Policy::Reason => policy.reason_required = true,
            Policy::Ticket => policy.ticket_id_required = true,
            Policy::Exclusive => policy.simultaneous_jumps = SimultaneousJumps::Disallow,
        }
        if rules == Rules::All {
            let days = (0..5)
                .map(|day| ScheduleEntry::new(day, "07:30", day, "19:00"))
                .collect::<Result<Vec<_>>>()?;
            policy.schedule = Some(Schedule::new("Europe/Vienna", days)?);
        }
        changes.push(Change::PutPolicy(policy));
    }
    if rules == Rules::Common {
        changes.push(Change::PutSite(jump_core::model::SiteSettings {
            session_policy: None,
            simultaneous_jumps: true,
        }));
    }
    Ok(())
}

fn users(facts: &Facts, rules: Rules, changes: &mut Vec<Change>) -> Result<()> {
    for (number, user) in (0..).zip(&facts.users) {
        let id = UserId::new(number + 1)?;
        let mut account = Account::new(id, UserName::new(format!("user{number}"))?);
        account.enabled = user.enabled;
        account.allowed_methods = Some(user.methods.iter().copied().collect());
        account.default_role = user.default_role.map(role_id).transpose()?;
        account.system_role = user.system_role.map(role_id).transpose()?;
        if rules == Rules::All {
            account.session_policy = Some(SessionPolicyId::new(2)?);
        }
        changes.push(Change::PutUser(account));
        for (group, role) in &user.memberships {
            changes.push(Change::PutMembership(Membership {
                user: id,
                group: GroupId::new(group + 1)?,
                role: match role {
                    Role::Own(role) => Some(role_id(*role)?),
                    Role::Default => None,
                },
                policy: None,
            }));
        }
        for jumpoint in &user.jumpoints {
            let jumpoint = JumpointId::new(jumpoint + 1)?;
            changes.push(Change::GrantJumpoint { user: id, jumpoint });
        }
    }
    Ok(())
}

fn items(facts: &Facts, rules: Rules, changes: &mut Vec<Change>) -> Result<()> {
    for (number, item) in (0..).zip(&facts.items) {
        let details = if item.tunnel {
            ItemDetails::ProtocolTunnel(ProtocolTunnel {
                listen_address: std::net::Ipv4Addr::LOCALHOST,
                forwards: vec![PortForward {
                    local: 0,
                    remote: 5432,
                }],
            })
        } else {
            ItemDetails::ShellJump(ShellJump::ssh(22))
        };
        let mut made = JumpItem::new(
            ItemId::new(number + 1)?,
            Name::new(format!("item {number}"))?,
            GroupId::new(item.group + 1)?,
            JumpointId::new(item.jumpoint + 1)?,
            Hostname::new(format!("host-{number}.example"))?,
            details,
        );
        if item.policy != Policy::None || rules == Rules::All {
            let place = Policy::ALL.iter().position(|policy| *policy == item.policy);
            made.jump_policy = Some(PolicyId::new(1 + place.unwrap_or_default() as u32)?);
        }
        if rules == Rules::All {
            made.session_policy = Some(SessionPolicyId::new(1)?);
        }
        changes.push(Change::PutItem(made));
    }
    Ok(())
}

/// A hundred group policies, with memberships that nobody has already.
fn group_policies(facts: &Facts, changes: &mut Vec<Change>) -> Result<()> {
    const POLICIES: u32 = 100;
    for number in 0..POLICIES {
        let name = Name::new(format!("group policy {number}"))?;
        let mut policy = GroupPolicy::new(GroupPolicyId::new(number + 1)?, name, number);
        for user in 0..facts.users.len() as u32 {
            if [user, user / 7, user / 49]
                .iter()
                .any(|one| one % POLICIES == number)
            {
                policy.members.insert(UserId::new(user + 1)?);
            }
        }
        let memberships = (0..50)
            .map(|step| {
                Ok(PolicyMembership {
                    group: GroupId::new((number * 10 + step) % GROUPS + 1)?,
                    role: Some(role_id(step % ROLES)?),
                    policy: None,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        policy.memberships = Setting::Defined(memberships);
        changes.push(Change::PutGroupPolicy(policy));
    }
    Ok(())
}

/// A question as `decide` takes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    user: UserId,
    item: ItemId,
    context: Context,
    now: Timestamp,
}

impl Asked {
    pub(crate) fn new(question: &Question) -> Result<Self> {
        Ok(Self {
            user: UserId::new(question.user + 1)?,
            item: ItemId::new(question.item + 1)?,
            context: Context {
                given: Given {
                    reason: question.reason,
                    ticket: question.ticket,
                    ..Given::default()
                },
                live: Live {
                    on_item: question.live,
                    on_copies: 0,
                },
                ..Context::default()
            },
            now: Timestamp::from_second(NOW).unwrap_or(Timestamp::MIN),
        })
    }

    /// Whether it is allowed; the whole decision is made, with obligations and reasons.
    pub(crate) fn allowed(&self, world: &World) -> bool {
        let (decision, _) = decide(
            world,
            self.user,
            self.item,
            Action::Start,
            &self.context,
            self.now,
        );
        decision.effect == Effect::Allow
    }
}
