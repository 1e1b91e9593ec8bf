//! Access decisions: every gate denies by itself, every answer explains itself, and nothing widens by taking away.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use jump_core::ErrorKind;
use jump_core::access::{Action, Context, Decision, Effect, Gate, Reason, RoleSource, Verdict, decide};
use jump_core::id::{GroupId, ItemId, JumpointId, RoleId, UserId};
use jump_core::model::{
    Change, Hostname, ItemDetails, JumpGroup, JumpItem, JumpMethods, Jumpoint, Membership, Name, Placement,
    Role, RolePermission, ShellJump, User, UserName, World,
};
use jump_core::time::{SignedDuration, Timestamp};
use proptest::prelude::*;

fn user() -> UserId {
    UserId::new(1).unwrap()
}
fn group() -> GroupId {
    GroupId::new(1).unwrap()
}
fn jumpoint() -> JumpointId {
    JumpointId::new(1).unwrap()
}
fn item() -> ItemId {
    ItemId::new(1).unwrap()
}

fn shell_item() -> JumpItem {
    JumpItem {
        id: item(),
        name: Name::new("web-1").unwrap(),
        placement: Placement::Shared(group()),
        jumpoint: Some(jumpoint()),
        hostname: Hostname::new("10.0.0.5").unwrap(),
        tag: Default::default(),
        comments: Default::default(),
        jump_policy: None,
        session_policy: None,
        copy_of: None,
        recording: Default::default(),
        max_duration_seconds: None,
        details: ItemDetails::ShellJump(ShellJump::ssh(22)),
    }
}

/// The changes that together let user 1 start sessions on item 1.
fn permitting(role: Option<RoleId>, default_role: RoleId) -> Vec<Change> {
    let mut alice = User::new(user(), UserName::new("alice").unwrap());
    alice.allowed_methods = Some(JumpMethods::all());
    alice.default_role = Some(default_role);
    vec![
        Change::PutUser(alice),
        Change::PutGroup(JumpGroup {
            id: group(),
            name: Name::new("web").unwrap(),
            code_name: None,
            comments: Default::default(),
        }),
        Change::PutJumpoint(Jumpoint::new(jumpoint(), Name::new("berlin").unwrap())),
        Change::PutItem(shell_item()),
        Change::PutMembership(Membership {
            user: user(),
            group: group(),
            role,
            policy: None,
        }),
        Change::GrantJumpoint {
            user: user(),
            jumpoint: jumpoint(),
        },
    ]
}

fn world(changes: &[Change]) -> World {
    let mut world = World::new().unwrap();
    world.apply(changes).unwrap();
    world
}

fn start(world: &World) -> Decision {
    decide(
        world,
        user(),
        item(),
        Action::Start,
        &Context::default(),
        Timestamp::UNIX_EPOCH,
    )
    .0
}

fn stopped_at(decision: &Decision) -> Vec<Gate> {
    decision
        .reasons
        .iter()
        .filter(|r| r.verdict() == Verdict::Stop)
        .map(Reason::gate)
        .collect()
}

#[test]
fn an_empty_world_denies() {
    let decision = start(&World::new().unwrap());
    assert_eq!(decision.effect, Effect::Deny);
    assert_eq!(
        decision.why_not(),
        "there is no such user; there is no such jump item"
    );
}

#[test]
fn all_gates_open_allow_and_every_gate_is_named() {
    let decision = start(&world(&permitting(
        Some(Role::START_SESSIONS_ONLY),
        Role::NO_ACCESS,
    )));
    assert_eq!(decision.effect, Effect::Allow);
    let gates: Vec<Gate> = decision.reasons.iter().map(Reason::gate).collect();
    assert_eq!(gates, [Gate::User, Gate::Method, Gate::Jumpoint, Gate::Role]);
    let texts: Vec<String> = decision.reasons.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts[3],
        "role \"Start Sessions Only\" (set on the membership in group \"web\") has perm_start"
    );
}

#[test]
fn each_gate_denies_by_itself_and_says_so() {
    let base = permitting(Some(Role::START_SESSIONS_ONLY), Role::NO_ACCESS);
    let cases: Vec<(Gate, Change)> = vec![
        (Gate::User, {
            let Change::PutUser(user) = &base[0] else {
                unreachable!()
            };
            Change::PutUser(User {
                enabled: false,
                ..user.clone()
            })
        }),
        (Gate::Method, {
            let Change::PutUser(user) = &base[0] else {
                unreachable!()
            };
            Change::PutUser(User {
                allowed_methods: Some(JumpMethods::NONE),
                ..user.clone()
            })
        }),
        (
            Gate::Jumpoint,
            Change::RevokeJumpoint {
                user: user(),
                jumpoint: jumpoint(),
            },
        ),
        (Gate::Jumpoint, {
            let Change::PutJumpoint(jumpoint) = &base[2] else {
                unreachable!()
            };
            Change::PutJumpoint(Jumpoint {
                enabled: false,
                ..jumpoint.clone()
            })
        }),
        (Gate::Jumpoint, {
            let Change::PutJumpoint(jumpoint) = &base[2] else {
                unreachable!()
            };
            Change::PutJumpoint(Jumpoint {
                shell_jump_enabled: false,
                ..jumpoint.clone()
            })
        }),
        (
            Gate::Role,
            Change::RemoveMembership {
                user: user(),
                group: group(),
            },
        ),
        (
            Gate::Role,
            Change::PutMembership(Membership {
                user: user(),
                group: group(),
                role: Some(Role::AUDITOR),
                policy: None,
            }),
        ),
        (
            Gate::Role,
            Change::PutMembership(Membership {
                user: user(),
                group: group(),
                role: None,
                policy: None,
            }),
        ),
    ];
    for (gate, change) in cases {
        let mut world = world(&base);
        world.apply(std::slice::from_ref(&change)).unwrap();
        let decision = start(&world);
        assert_eq!(decision.effect, Effect::Deny, "{change:?}");
        assert_eq!(stopped_at(&decision), [gate], "{change:?}");
        assert!(decision.obligations.is_none());
    }
}

#[test]
fn the_membership_role_wins_over_the_users_default() {
    let decision = start(&world(&permitting(Some(Role::NO_ACCESS), Role::ADMINISTRATOR)));
    assert_eq!(decision.effect, Effect::Deny);
    let decision = start(&world(&permitting(None, Role::ADMINISTRATOR)));
    assert_eq!(decision.effect, Effect::Allow);
    assert!(matches!(
        decision.reasons.last(),
        Some(Reason::RolePermits {
            source: RoleSource::UserDefault { by: None },
            ..
        })
    ));
}

#[test]
fn a_default_role_gives_nothing_in_a_group_one_is_not_in() {
    let mut changes = permitting(None, Role::ADMINISTRATOR);
    changes.retain(|change| !matches!(change, Change::PutMembership(_)));
    assert_eq!(stopped_at(&start(&world(&changes))), [Gate::Role]);
}

#[test]
fn being_an_administrator_of_the_site_gives_no_access_to_items() {
    let mut changes = permitting(Some(Role::NO_ACCESS), Role::NO_ACCESS);
    if let Change::PutUser(user) = &mut changes[0] {
        user.administrator = true;
    }
    assert_eq!(start(&world(&changes)).effect, Effect::Deny);
}

#[test]
fn the_time_limit_counts_from_the_start_of_the_session() {
    let world = world(&permitting(Some(Role::ADMINISTRATOR), Role::NO_ACCESS));
    let began = Timestamp::UNIX_EPOCH;
    let later = began + SignedDuration::from_mins(30);
    let context = Context {
        session_started: Some(began),
        max_session: SignedDuration::from_hours(1),
        ..Context::default()
    };
    let (decision, allowed) = decide(&world, user(), item(), Action::Start, &context, later);
    assert_eq!(
        decision.obligations.unwrap().until,
        began + SignedDuration::from_hours(1)
    );
    assert_eq!(
        allowed.unwrap().obligations().until,
        began + SignedDuration::from_hours(1)
    );
}

#[test]
fn an_item_shortens_the_sites_time_limit_and_never_lengthens_it() {
    let mut world = world(&permitting(Some(Role::ADMINISTRATOR), Role::NO_ACCESS));
    let context = Context {
        max_session: SignedDuration::from_hours(1),
        ..Context::default()
    };
    for (own, seconds) in [(600, 600), (3600, 3600), (7200, 3600), (u32::MAX, 3600)] {
        let mut limited = JumpItem::clone(world.item(item()).unwrap());
        limited.max_duration_seconds = Some(own);
        world.apply(&[Change::PutItem(limited)]).unwrap();
        let (decision, _) = decide(
            &world,
            user(),
            item(),
            Action::Start,
            &context,
            Timestamp::UNIX_EPOCH,
        );
        let until = decision.obligations.unwrap().until;
        assert_eq!(until, Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds));
    }
}

#[test]
fn only_starting_gives_an_allowed_value() {
    let world = world(&permitting(Some(Role::ADMINISTRATOR), Role::NO_ACCESS));
    for action in [Action::View, Action::Manage(RolePermission::Remove)] {
        let (decision, allowed) = decide(
            &world,
            user(),
            item(),
            action,
            &Context::default(),
            Timestamp::UNIX_EPOCH,
        );
        assert_eq!(decision.effect, Effect::Allow);
        assert!(allowed.is_none());
    }
}

#[test]
fn removing_a_group_or_jumpoint_removes_its_items_and_keeps_every_reference_whole() {
    let changes = permitting(Some(Role::ADMINISTRATOR), Role::NO_ACCESS);
    for removal in [Change::RemoveGroup(group()), Change::RemoveJumpoint(jumpoint())] {
        let mut world = world(&changes);
        world.apply(&[removal]).unwrap();
        assert_eq!(world.items().count(), 0);
        assert_eq!(start(&world).effect, Effect::Deny);
        assert!(world.memberships().all(|m| world.group(m.group).is_some()));
        assert!(world.jumpoint_grants().all(|(_, j)| world.jumpoint(j).is_some()));
    }
}

#[test]
fn a_failed_change_leaves_the_world_as_it_was() {
    let mut world = world(&permitting(None, Role::NO_ACCESS));
    let before = world.revision();
    let renamed = Change::PutGroup(JumpGroup {
        id: group(),
        name: Name::new("x").unwrap(),
        code_name: None,
        comments: Default::default(),
    });
    assert!(
        world
            .apply(&[renamed, Change::RemoveItem(ItemId::new(99).unwrap())])
            .is_err()
    );
    assert_eq!(world.revision(), before);
    assert_eq!(world.group(group()).unwrap().name.as_str(), "web");
}

proptest! {
    /// Of the changes that permit, any subset that is missing something denies, in whatever order the rest came.
    #[test]
    fn nothing_widens_by_taking_away(keep in prop::collection::vec(any::<bool>(), 6)) {
        let changes = permitting(Some(Role::START_SESSIONS_ONLY), Role::NO_ACCESS);
        let mut world = World::new().unwrap();
        for (change, keep) in changes.iter().zip(&keep) {
            if *keep {
                // What refers to something that was left out is refused, which is fine here.
                let _ = world.apply(std::slice::from_ref(change));
            }
        }
        let expected = if keep.iter().all(|keep| *keep) { Effect::Allow } else { Effect::Deny };
        prop_assert_eq!(start(&world).effect, expected);
    }
}

/// The first two of a kind differ in case only: they are one name, wherever it is looked up or must be unique.
#[test]
fn names_that_differ_in_case_only_are_taken() {
    let taken = |first: Change, second: Change| {
        let mut world = world(&permitting(None, Role::NO_ACCESS));
        world.apply(&[first]).unwrap();
        world.apply(&[second]).map(|_| ()).unwrap_err().kind()
    };
    let group = |id, name| {
        Change::PutGroup(JumpGroup {
            id: GroupId::new(id).unwrap(),
            name: Name::new(name).unwrap(),
            code_name: None,
            comments: Default::default(),
        })
    };
    let jumpoint = |id, name| {
        Change::PutJumpoint(Jumpoint::new(
            JumpointId::new(id).unwrap(),
            Name::new(name).unwrap(),
        ))
    };
    let named = |id, name| {
        Change::PutItem(JumpItem {
            id: ItemId::new(id).unwrap(),
            name: Name::new(name).unwrap(),
            ..shell_item()
        })
    };
    assert_eq!(taken(group(7, "Büro"), group(8, "BÜRO")), ErrorKind::Conflict);
    assert_eq!(
        taken(jumpoint(7, "Büro"), jumpoint(8, "BÜRO")),
        ErrorKind::Conflict
    );
    assert_eq!(taken(named(7, "Büro"), named(8, "BÜRO")), ErrorKind::Conflict);
}
