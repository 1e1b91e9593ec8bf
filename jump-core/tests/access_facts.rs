//! Deciding from the facts about one user gives what deciding from the whole world gives.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::BTreeSet;

use jump_core::access::{Action, Context, Effect, Facts, Visible, decide, role_permits};
use jump_core::id::{GroupId, ItemId, JumpointId, UserId};
use jump_core::model::{Change, JumpMethod, JumpMethods, Placement, Revision, RolePermission, World, folded};
use jump_core::store::{ItemCursor, ItemQuery};
use jump_core::time::Timestamp;
use jump_testkit::random_world::{Parts, RandomSite};

const WORLDS: u64 = 2_000;

/// One more than there are of each kind: the last is unknown.
fn ids<T>(make: fn(u32) -> jump_core::Result<T>) -> Vec<T> {
    (1..=5).map(|id| make(id).unwrap()).collect()
}

fn each_world(mut check: impl FnMut(&World, &mut RandomSite<'_>)) {
    let parts = Parts::new().unwrap();
    for seed in 0..WORLDS {
        let mut site = RandomSite::new(&parts, seed);
        let changes: Vec<Change> = site.changes().unwrap().into_iter().flatten().collect();
        let world = World::restore(changes, seed as Revision).unwrap();
        check(&world, &mut site);
    }
}

#[test]
fn a_decision_from_facts_is_the_decision_of_the_whole_world() {
    let (mut asked, mut allowed) = (0, 0);
    each_world(|world, site| {
        let all = ids(ItemId::new);
        for user in ids(UserId::new) {
            let about_all = Facts::of(world, user, &all).unwrap();
            assert_eq!((about_all.user(), about_all.revision()), (user, world.revision()));
            for item in &all {
                let facts = Facts::of(world, user, &[*item]).unwrap();
                assert!(facts.world().items().count() <= 1);
                let question = site.question().unwrap();
                let (context, now) = (question.context, question.now);
                for action in [
                    Action::Start,
                    Action::View,
                    Action::Manage(RolePermission::EditTag),
                    question.action,
                ] {
                    let expected = decide(world, user, *item, action, &context, now).0;
                    assert_eq!(facts.decide(*item, action, &context, now).0, expected);
                    assert_eq!(about_all.decide(*item, action, &context, now).0, expected);
                    asked += 1;
                    allowed += usize::from(expected.effect == Effect::Allow);
                }
            }
        }
    });
    assert!(allowed * 20 > asked, "only {allowed} of {asked} were allowed");
}

#[test]
fn an_item_that_facts_are_not_about_is_denied() {
    each_world(|world, _| {
        let facts = Facts::of(world, UserId::LOWEST, &[]).unwrap();
        let denied = facts.decide(
            ItemId::LOWEST,
            Action::View,
            &Context::default(),
            Timestamp::UNIX_EPOCH,
        );
        assert_eq!(denied.0.effect, Effect::Deny);
    });
}

#[test]
fn visible_places_are_those_where_the_role_permits_anything() {
    let (mut seen, mut asked) = (0, 0);
    each_world(|world, _| {
        for user in ids(UserId::new) {
            let visible = Visible::of(world, user);
            let groups = world.groups().map(|group| Placement::Shared(group.id));
            let lists = world.users().map(|owner| Placement::personal(owner.id));
            for place in groups.chain(lists) {
                let expected = RolePermission::ALL
                    .iter()
                    .any(|permission| role_permits(world, user, place, *permission));
                assert_eq!(visible.contains(place), expected, "{user} {place:?}");
                asked += 1;
                seen += usize::from(expected);
            }
        }
    });
    assert!(seen * 10 > asked && seen * 10 < asked * 9, "{seen} of {asked}");
}

/// The listing, written the long way.
fn listed(world: &World, query: &ItemQuery) -> Vec<ItemId> {
    let mut items: Vec<_> = world
        .items()
        .filter(|item| {
            let viewed = query.viewer.is_none_or(|user| {
                let (context, now) = (Context::default(), Timestamp::UNIX_EPOCH);
                decide(world, user, item.id, Action::View, &context, now).0.effect == Effect::Allow
            });
            let found = folded(item.name.as_str()).contains(&query.text)
                || item.hostname.as_str().contains(&query.text);
            viewed
                && found
                && query.placement.is_none_or(|place| place == item.placement)
                && query.jumpoint.is_none_or(|one| item.jumpoint == Some(one))
                && query
                    .methods
                    .is_none_or(|some| some.contains(item.details.method()))
        })
        .map(|item| ItemCursor::of(item))
        .collect();
    items.sort();
    items.into_iter().map(|place| place.id).collect()
}

#[test]
fn pages_list_what_may_be_viewed_in_order_and_once() {
    let mut listed_items = 0;
    each_world(|world, site| {
        let mut query = ItemQuery {
            limit: 1 + site.below(3) as u32,
            ..ItemQuery::default()
        };
        let mut pick = |of: u64| site.below(of);
        if pick(4) > 0 {
            query.viewer = Some(ids(UserId::new)[pick(5) as usize]);
        }
        query.text = ["", "", "n", "1", "host.", "nothing"][pick(6) as usize].to_owned();
        match pick(6) {
            0 => query.placement = Some(Placement::Shared(ids(GroupId::new)[pick(5) as usize])),
            1 => query.placement = Some(Placement::personal(ids(UserId::new)[pick(5) as usize])),
            2 => query.jumpoint = Some(ids(JumpointId::new)[pick(5) as usize]),
            3 => {
                let some: BTreeSet<JumpMethod> = (0..5).map(|_| JumpMethod::ALL[pick(10) as usize]).collect();
                query.methods = Some(some.into_iter().collect::<JumpMethods>());
            }
            _ => {}
        }
        let mut found = Vec::new();
        loop {
            let page = query.page_of(world).unwrap();
            assert_eq!(page.revision, world.revision());
            assert!(page.items.len() <= query.limit as usize);
            found.extend(page.items.iter().map(|item| item.id));
            match page.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
        assert_eq!(found, listed(world, &query), "{query:?}");
        listed_items += found.len();
    });
    assert!(listed_items > 500, "{listed_items} items were listed");
}
