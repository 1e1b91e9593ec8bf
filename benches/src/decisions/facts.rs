//! The facts of a made-up site, before anybody's engine has them.

use jump_core::model::JumpMethod;
use jump_testkit::seeded::Seeded;

pub(crate) const GROUPS: u32 = 1_000;
pub(crate) const JUMPOINTS: u32 = 200;
/// Roles that may start sessions and roles that may not, by turns.
pub(crate) const ROLES: u32 = 20;
const GROUPS_OF_USER: u64 = 8;
const JUMPOINTS_OF_USER: u64 = 20;

/// How large the site is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) users: u32,
    pub(crate) items: u32,
}

/// What a membership says of the role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// This one.
    Own(u32),
    /// The user's default.
    Default,
}

/// A user; everything by number, from 0.
#[derive(Debug)]
pub(crate) struct User {
    pub(crate) enabled: bool,
    pub(crate) methods: Vec<JumpMethod>,
    pub(crate) default_role: Option<u32>,
    pub(crate) system_role: Option<u32>,
    pub(crate) memberships: Vec<(u32, Role)>,
    pub(crate) jumpoints: Vec<u32>,
}

/// An item.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item {
    pub(crate) tunnel: bool,
    pub(crate) group: u32,
    pub(crate) jumpoint: u32,
    pub(crate) policy: Policy,
}

/// What an item's Jump Policy asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    None,
    Reason,
    Ticket,
    Exclusive,
}

impl Policy {
    pub(crate) const ALL: [Policy; 4] = [Policy::None, Policy::Reason, Policy::Ticket, Policy::Exclusive];
}

/// The site.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) users: Vec<User>,
    pub(crate) items: Vec<Item>,
    pub(crate) jumpoint_enabled: Vec<bool>,
}

/// Whether a role may start sessions.
pub(crate) const fn starts(role: u32) -> bool {
    role.is_multiple_of(2)
}

impl Facts {
    pub(crate) fn new(size: Size, seed: u64) -> Self {
        let mut random = Seeded::new(seed);
        let users = (0..size.users).map(|_| user(&mut random)).collect();
        let items = (0..size.items)
            .map(|_| Item {
                tunnel: random.below(3) == 0,
                group: below(&mut random, GROUPS),
                jumpoint: below(&mut random, JUMPOINTS),
                policy: match random.below(10) {
                    0 | 1 => Policy::Reason,
                    2 => Policy::Ticket,
                    3 | 4 => Policy::Exclusive,
                    _ => Policy::None,
                },
            })
            .collect();
        let jumpoint_enabled = (0..JUMPOINTS).map(|_| random.below(20) > 0).collect();
        Self {
            users,
            items,
            jumpoint_enabled,
        }
    }
}

fn below(random: &mut Seeded, bound: u32) -> u32 {
    random.below(u64::from(bound)) as u32
}

fn user(random: &mut Seeded) -> User {
    let methods = match random.below(4) {
        0 => vec![JumpMethod::ShellJump],
        _ => vec![
            JumpMethod::ShellJump,
            JumpMethod::ProtocolTunnel,
            JumpMethod::RemoteRdp,
        ],
    };
    let mut memberships: Vec<(u32, Role)> = (0..GROUPS_OF_USER)
        .map(|_| {
            let role = match random.below(3) {
                0 => Role::Default,
                _ => Role::Own(below(random, ROLES)),
            };
            (below(random, GROUPS), role)
        })
        .collect();
    memberships.sort_by_key(|(group, _)| *group);
    memberships.dedup_by_key(|(group, _)| *group);
    let mut jumpoints: Vec<u32> = (0..JUMPOINTS_OF_USER).map(|_| below(random, JUMPOINTS)).collect();
    jumpoints.sort_unstable();
    jumpoints.dedup();
    User {
        enabled: random.below(20) > 0,
        methods,
        default_role: (random.below(2) == 0).then(|| below(random, ROLES)),
        system_role: (random.below(50) == 0).then(|| below(random, ROLES)),
        memberships,
        jumpoints,
    }
}
