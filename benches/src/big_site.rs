//! A site of a million items in a store, written commit by commit.

use jump_core::id::{GroupId, GroupPolicyId, ItemId, JumpointId, PolicyId, UserId};
use jump_core::model::{
    Change, Comments, GroupPolicy, Hostname, ItemDetails, JumpGroup, JumpItem, JumpMethods, JumpPolicy,
    Jumpoint, Membership, Name, Placement, PolicyMembership, Role, RoleSlots, Setting, ShellJump, Tag, User,
    UserName,
};
use jump_core::session::RecordingMode;
use jump_core::store::Store;
use jump_core::{Error, ErrorKind, Result};
use jump_testkit::seeded::Seeded;

pub(crate) const ITEMS: u32 = 1_000_000;
pub(crate) const USERS: u32 = 10_000;
pub(crate) const GROUPS: u32 = 10_000;
/// Groups in which a user is a member, by itself and by its group policy.
pub(crate) const OWN_GROUPS: u32 = 10;
pub(crate) const POLICY_GROUPS: u32 = 5;
const JUMPOINTS: u32 = 200;
const POLICIES: u32 = 20;
const GROUP_POLICIES: u32 = 100;
/// Changes in one commit.
const AT_ONCE: usize = 20_000;
const SEED: u64 = 20_261_124;

/// A user who sees every item, by its system role. Like all the others but for that.
pub(crate) const ALL_SEEING: u32 = USERS;
/// A text in the comments of one item only.
pub(crate) const NEEDLE: &str = "Rack 77-B";

/// Writes the site into an empty store.
pub(crate) async fn build(store: &dyn Store) -> Result<()> {
    let mut writer = Writer {
        store,
        revision: 0,
        changes: Vec::new(),
    };
    let mut random = Seeded::new(SEED);
    for id in 1..=POLICIES {
        let mut policy = JumpPolicy::new(PolicyId::new(id)?, Name::new(format!("policy {id}"))?);
        policy.reason_required = id % 2 == 0;
        writer.put(Change::PutPolicy(policy)).await?;
    }
    for id in 1..=JUMPOINTS {
        let jumpoint = Jumpoint::new(JumpointId::new(id)?, Name::new(format!("jumpoint {id}"))?);
        writer.put(Change::PutJumpoint(jumpoint)).await?;
    }
    for id in 1..=GROUPS {
        let group = JumpGroup::new(GroupId::new(id)?, Name::new(format!("group {id}"))?);
        writer.put(Change::PutGroup(group)).await?;
    }
    for id in 1..=USERS {
        users(id, &mut random, &mut writer).await?;
    }
    for id in 1..=GROUP_POLICIES {
        writer
            .put(Change::PutGroupPolicy(group_policy(id, &mut random)?))
            .await?;
    }
    for id in 1..=ITEMS {
        writer.put(Change::PutItem(item(id, &mut random)?)).await?;
    }
    writer.commit().await
}

struct Writer<'s> {
    store: &'s dyn Store,
    revision: u64,
    changes: Vec<Change>,
}

impl Writer<'_> {
    async fn put(&mut self, change: Change) -> Result<()> {
        self.changes.push(change);
        if self.changes.len() < AT_ONCE {
            return Ok(());
        }
        self.commit().await
    }

    async fn commit(&mut self) -> Result<()> {
        self.revision = self.store.commit(self.revision, &self.changes).await?;
        self.changes.clear();
        Ok(())
    }
}

fn one_of(count: u32, random: &mut Seeded) -> u32 {
    1 + (random.next_u64() % u64::from(count)) as u32
}

/// A user with its memberships and grants.
async fn users(number: u32, random: &mut Seeded, writer: &mut Writer<'_>) -> Result<()> {
    let id = UserId::new(number)?;
    let mut user = User::new(id, UserName::new(format!("user-{number}"))?);
    user.allowed_methods = Some(JumpMethods::all());
    user.system_role = (number == ALL_SEEING).then_some(Role::ADMINISTRATOR);
    writer.put(Change::PutUser(user)).await?;
    for _ in 0..OWN_GROUPS {
        let membership = Membership {
            user: id,
            group: GroupId::new(one_of(GROUPS, random))?,
            role: (random.below(2) == 0).then_some(Role::START_SESSIONS_ONLY),
            policy: None,
        };
        writer.put(Change::PutMembership(membership)).await?;
    }
    for _ in 0..5 {
        let jumpoint = JumpointId::new(one_of(JUMPOINTS, random))?;
        writer.put(Change::GrantJumpoint { user: id, jumpoint }).await?;
    }
    Ok(())
}

/// A policy for every hundredth user.
fn group_policy(number: u32, random: &mut Seeded) -> Result<GroupPolicy> {
    let name = Name::new(format!("group policy {number}"))?;
    let mut policy = GroupPolicy::new(GroupPolicyId::new(number)?, name, number);
    policy.members = (number..=USERS)
        .step_by(GROUP_POLICIES as usize)
        .map(UserId::new)
        .collect::<Result<_>>()?;
    policy.roles = Setting::Defined(RoleSlots {
        default: Some(Role::START_SESSIONS_ONLY),
        ..RoleSlots::default()
    });
    let mut groups: Vec<u32> = (0..POLICY_GROUPS).map(|_| one_of(GROUPS, random)).collect();
    groups.sort_unstable();
    groups.dedup();
    let memberships = groups.into_iter().map(|group| {
        Ok(PolicyMembership {
            group: GroupId::new(group)?,
            role: Some(Role::START_SESSIONS_ONLY),
            policy: None,
        })
    });
    policy.memberships = Setting::Defined(memberships.collect::<Result<_>>()?);
    policy.jumpoints = (0..20)
        .map(|_| JumpointId::new(one_of(JUMPOINTS, random)))
        .collect::<Result<_>>()?;
    Ok(policy)
}

fn item(number: u32, random: &mut Seeded) -> Result<JumpItem> {
    const KINDS: [&str; 8] = ["web", "db", "mail", "Router", "switch", "Backup", "build", "file"];
    let place = random.below(KINDS.len() as u64) as usize;
    let kind = KINDS
        .get(place)
        .ok_or_else(|| Error::new(ErrorKind::Internal, "make a site", "no such kind"))?;
    let city = random.below(50);
    let comments = if number == ITEMS / 2 {
        NEEDLE.to_owned()
    } else {
        format!(
            "Rack {}-A, bought {}, ask the owner before a restart",
            random.below(77),
            2015 + random.below(11)
        )
    };
    Ok(JumpItem {
        id: ItemId::new(number)?,
        name: Name::new(format!("{kind} {:07}", random.below(10_000_000)))
            .and_then(|name| Name::new(format!("{name} #{number}")))?,
        placement: Placement::Shared(GroupId::new(1 + number % GROUPS)?),
        jumpoint: Some(JumpointId::new(one_of(JUMPOINTS, random))?),
        hostname: Hostname::new(format!("h{number}.city{city}.example.test"))?,
        tag: Tag::new(format!("city {city}"))?,
        comments: Comments::new(comments)?,
        jump_policy: number
            .is_multiple_of(4)
            .then(|| PolicyId::new(1 + number % POLICIES))
            .transpose()?,
        session_policy: None,
        copy_of: None,
        recording: RecordingMode::default(),
        max_duration_seconds: None,
        details: ItemDetails::ShellJump(ShellJump::ssh(22)),
    })
}
