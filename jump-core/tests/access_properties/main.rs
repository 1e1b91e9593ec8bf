//! What holds for every site, on random ones: the simulator agrees with `decide`, restrictions restrict, order does not
//! matter, and a difference is found where there is one and nowhere else.
//!
//! `JUMP_PROPERTY_WORLDS` says how many sites for each, `JUMP_PROPERTY_SEED` from which seed on.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test says what it expects"
)]

mod agreement;
mod differences;
mod large;
mod order;
mod restrictions;

use jump_core::access::{Action, Context, Given, Live, Need, decide};
use jump_core::id::{ApprovalId, ItemId, UserId};
use jump_core::model::{
    ApprovalRequest, ApprovalState, Change, JumpMethods, Membership, Remark, Role, RolePermission, User,
    World,
};
use jump_core::time::{SignedDuration, Timestamp};
use jump_testkit::random_world::{Parts, RandomSite};
use jump_testkit::seeded::Seeded;

/// More than there are of users and of items in a random site.
pub(crate) const BEYOND: u32 = 5;

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().expect("a number"))
}

/// Runs a check on many random sites.
pub(crate) fn on_random_sites(worlds: u64, mut check: impl FnMut(&mut Scene<'_>)) {
    let parts = Parts::new().unwrap();
    let first = number("JUMP_PROPERTY_SEED", 0);
    for seed in first..first + number("JUMP_PROPERTY_WORLDS", worlds) {
        check(&mut Scene::new(&parts, seed));
    }
}

/// A random site, and what is asked about it.
pub(crate) struct Scene<'p> {
    pub(crate) parts: &'p Parts,
    pub(crate) seed: u64,
    pub(crate) phases: Vec<Vec<Change>>,
    pub(crate) world: World,
    pub(crate) random: Seeded,
    pub(crate) action: Action,
    pub(crate) context: Context,
    pub(crate) at: Timestamp,
}

impl<'p> Scene<'p> {
    fn new(parts: &'p Parts, seed: u64) -> Self {
        let mut site = RandomSite::new(parts, seed);
        let mut phases = site.changes().unwrap();
        let question = site.question().unwrap();
        let mut world = World::restore(phases.iter().flatten().cloned(), 0).unwrap();
        // Random sites deny most. In every other one, more gates are open, so that the rest can be seen to matter.
        if seed.is_multiple_of(2) {
            let more = eased(&world, &mut Seeded::new(seed), question.now);
            world.apply(&more).unwrap();
            phases.push(more);
        }
        // What is supplied already is not needed any more.
        let (action, context) = if seed.is_multiple_of(4) {
            (Action::Start, Context::default())
        } else {
            (question.action, question.context)
        };
        Self {
            parts,
            seed,
            phases,
            world,
            random: Seeded::new(!seed),
            action,
            context,
            at: question.now,
        }
    }

    pub(crate) fn pick<T: Clone>(&mut self, of: &[T]) -> Option<T> {
        of.get(self.random.below(of.len() as u64) as usize).cloned()
    }

    pub(crate) fn one_in(&mut self, bound: u64) -> bool {
        self.random.below(bound) == 0
    }

    /// Circumstances that may matter: a session that runs, others beside it, anything supplied.
    pub(crate) fn contexts(&mut self) -> Vec<Context> {
        let mut contexts = vec![self.context, Context::default()];
        for given in [Given::default(), Given::ALL] {
            for session_started in [None, self.at.checked_sub(SignedDuration::from_mins(7)).ok()] {
                let live = Live {
                    on_item: self.random.below(2) as u32,
                    on_copies: self.random.below(2) as u32,
                };
                contexts.push(Context {
                    session_started,
                    given,
                    live,
                    ..Context::default()
                });
            }
        }
        contexts
    }

    pub(crate) fn start(&self) -> bool {
        self.action == Action::Start
    }
}

/// Changes that open what is often shut, in no order that matters.
fn eased(world: &World, random: &mut Seeded, at: Timestamp) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut users: Vec<User> = world.users().map(|one| User::clone(one)).collect();
    users.sort_by_key(|one| one.id);
    for user in &users {
        changes.push(Change::PutUser(User {
            enabled: true,
            allowed_methods: Some(JumpMethods::all()),
            ..user.clone()
        }));
        for jumpoint in world.jumpoints() {
            let (user, jumpoint) = (user.id, jumpoint.id);
            changes.push(Change::GrantJumpoint { user, jumpoint });
        }
        for group in world
            .groups()
            .filter(|group| world.membership(user.id, group.id).is_none())
        {
            changes.push(Change::PutMembership(Membership {
                user: user.id,
                group: group.id,
                role: Some(Role::START_SESSIONS_ONLY),
                policy: None,
            }));
        }
    }
    let mut policies: Vec<_> = world
        .policies()
        .filter(|one| one.approval.is_some())
        .map(|one| one.id)
        .collect();
    policies.sort();
    let mut items: Vec<_> = world.items().map(|one| one.id).collect();
    items.sort();
    for policy in policies {
        for item in &items {
            let number = 100 + policy.get() * 10 + item.get();
            let off = SignedDuration::from_mins(random.below(240) as i64 - 180);
            changes.push(Change::PutApproval(ApprovalRequest {
                id: ApprovalId::new(number).unwrap(),
                policy,
                item: *item,
                requester: users[random.below(users.len() as u64) as usize].id,
                start: at.checked_add(off).unwrap(),
                duration_seconds: 7200,
                reason: Remark::default(),
                state: ApprovalState::Approved,
                answered_by: None,
                comments: Remark::default(),
            }));
        }
    }
    changes
}

/// Every pair, and some that are not there.
pub(crate) fn pairs() -> impl Iterator<Item = (UserId, ItemId)> {
    let items = || (1..=BEYOND).map(|number| ItemId::new(number).unwrap());
    let users = (1..=BEYOND).map(|number| UserId::new(number).unwrap());
    users.flat_map(move |user| items().map(move |item| (user, item)))
}

/// Everything that one may want to do.
pub(crate) fn actions() -> impl Iterator<Item = Action> {
    let manage = RolePermission::ALL.iter().copied().map(Action::Manage);
    [Action::Start, Action::View].into_iter().chain(manage)
}

#[test]
fn s09_the_empty_world_denies_everything() {
    let world = World::new().unwrap();
    let parts = Parts::new().unwrap();
    for seed in 0..100 {
        let mut scene = Scene::new(&parts, seed);
        for context in scene.contexts() {
            for action in actions() {
                for (user, item) in pairs() {
                    let (decision, allowed) = decide(&world, user, item, action, &context, scene.at);
                    assert!(allowed.is_none() && decision.obligations.is_none());
                    assert_eq!(decision.effect, jump_core::access::Effect::Deny);
                    assert_eq!(decision.needs(), Vec::<Need>::new());
                }
            }
        }
    }
}
