//! What a store finds without loading the world is what the world would have said.

use std::collections::BTreeSet;

use jump_core::ErrorKind;
use jump_core::access::Facts;
use jump_core::id::{GroupId, ItemId, JumpointId, RoleId, UserId};
use jump_core::model::{
    Change, Comments, Hostname, JumpItem, JumpMethod, Membership, Name, Placement, Role, Tag, World,
};
use jump_core::store::{ItemCursor, ItemPage, ItemQuery, MAX_FACTS, Store};
use jump_testkit::random_world::{Parts, RandomSite};
use jump_testkit::seeded::Seeded;

use super::AnyStore;
use crate::data::{self, facts, group, item, jumpoint, tunnel_item, user};

/// One more than there are of each kind in random worlds: the last is unknown.
fn ids<T>(make: fn(u32) -> jump_core::Result<T>) -> Vec<T> {
    (1..=5).map(|id| make(id).unwrap()).collect()
}

fn ids_of(page: &ItemPage) -> Vec<u32> {
    page.items.iter().map(|item| item.id.get()).collect()
}

/// Any query at all.
fn random_query(random: &mut Seeded, world: &World) -> ItemQuery {
    let mut query = ItemQuery {
        limit: 1 + random.below(5) as u32,
        ..ItemQuery::default()
    };
    let mut pick = |of: usize| random.below(of as u64) as usize;
    let items: Vec<_> = world.items().collect();
    if pick(3) > 0 {
        query.viewer = Some(ids(UserId::new)[pick(5)]);
    }
    if pick(3) == 0 {
        query.text = ["n", "1", "N2", "host.", "EXAMPLE", "%", "'", "nothing"][pick(8)].to_owned();
    }
    match pick(10) {
        0 => query.name = Some(Name::new(format!("N{}", pick(5))).unwrap()),
        1 => query.hostname = Some(Hostname::new(["HOST.example", "x"][pick(2)]).unwrap()),
        2 => query.tag = Some(Tag::default()),
        3 => query.placement = Some(Placement::Shared(ids(GroupId::new)[pick(5)])),
        4 => query.placement = Some(Placement::personal(ids(UserId::new)[pick(5)])),
        _ => {}
    }
    if pick(4) == 0 {
        query.jumpoint = Some(ids(JumpointId::new)[pick(5)]);
    }
    if pick(4) == 0 {
        let some: BTreeSet<JumpMethod> = (0..6).map(|_| JumpMethod::ALL[pick(10)]).collect();
        query.methods = Some(some.into_iter().collect());
    }
    if pick(3) == 0 && !items.is_empty() {
        query.after = Some(ItemCursor::of(items[pick(items.len())]));
    }
    query
}

/// Random sites, each with an item more that is found by its tag and comments.
async fn each_world(store: &dyn Store, seeds: u64, mut check: impl AsyncFnMut(&World, &mut Seeded)) {
    let parts = Parts::new().unwrap();
    let mut expected = World::new().unwrap();
    for seed in 0..seeds {
        let mut changes = data::model::emptied(&expected);
        changes.extend(
            RandomSite::new(&parts, seed)
                .changes()
                .unwrap()
                .into_iter()
                .flatten(),
        );
        let revision = expected.revision();
        expected.apply(&changes).unwrap();
        store.commit(revision, &changes).await.unwrap();
        check(&expected, &mut Seeded::new(seed)).await;
    }
}

pub(crate) async fn pages_are_those_of_the_world(store: AnyStore) {
    let mut found = 0;
    each_world(&*store, 30, async |world, random| {
        for _ in 0..25 {
            let query = random_query(random, world);
            let page = store.items(&query).await.unwrap();
            assert_eq!(page, query.page_of(world).unwrap(), "{query:?}");
            found += page.items.len();
        }
    })
    .await;
    assert!(found > 100, "{found} items were found");
}

pub(crate) async fn facts_are_those_of_the_world(store: AnyStore) {
    each_world(&*store, 20, async |world, random| {
        let all = ids(ItemId::new);
        for user in ids(UserId::new) {
            let some: Vec<ItemId> = all.iter().copied().filter(|_| random.below(2) == 0).collect();
            for items in [&all[..], &all[..1], &some] {
                let here = store.facts(user, items).await.unwrap();
                let expected = Facts::of(world, user, items).unwrap();
                assert_eq!(
                    (here.user(), here.revision(), facts(here.world())),
                    (user, world.revision(), facts(expected.world()))
                );
            }
        }
    })
    .await;
}

/// A site with many groups, of which one user sees every other by membership, one all but one, one nothing.
fn many_groups() -> Vec<Change> {
    let mut changes = vec![
        Change::PutJumpoint(jumpoint(1, "branch")),
        Change::PutJumpoint(jumpoint(2, "plant")),
    ];
    changes.extend((1..=3).map(|id| {
        let mut user = user(id, &format!("user-{id}"));
        user.system_role = (id == 2).then_some(Role::AUDITOR);
        Change::PutUser(user)
    }));
    let member = |user: u32, group: u32, role: RoleId| {
        Change::PutMembership(Membership {
            user: UserId::new(user).unwrap(),
            group: GroupId::new(group).unwrap(),
            role: Some(role),
            policy: None,
        })
    };
    for id in 1..=600 {
        changes.push(Change::PutGroup(group(id, &format!("group {id}"))));
        let name = format!("{:03} web", (id * 7919) % 1000);
        let mut shell = item(2 * id, id, 1, &name);
        if id % 50 == 0 {
            shell.tag = Tag::new("\u{dc}ber").unwrap();
        }
        shell.comments = Comments::new(if id % 100 == 3 { "Rack \u{3a3} 100%" } else { "" }).unwrap();
        changes.push(Change::PutItem(shell));
        changes.push(Change::PutItem(tunnel_item(
            2 * id + 1,
            id,
            2,
            &format!("{name} ports"),
        )));
        if id % 2 == 0 {
            changes.push(member(1, id, Role::START_SESSIONS_ONLY));
        }
    }
    changes.push(member(2, 7, Role::NO_ACCESS));
    let mut own = item(9999, 1, 1, "000 mine");
    own.placement = Placement::personal(UserId::new(1).unwrap());
    changes.push(Change::PutItem(own));
    changes
}

pub(crate) async fn a_listing_over_many_groups_goes_through_all_of_them_once(store: AnyStore) {
    store.commit(0, &many_groups()).await.unwrap();
    let world = store.load().await.unwrap();
    let tunnels = Some([JumpMethod::ProtocolTunnel].into_iter().collect());
    let texts = ["", "web", "WEB P", "\u{3c3} 100%", "\u{fc}BER", "none of these"];
    for viewer in [None, Some(1), Some(2), Some(3)] {
        for text in texts {
            for (methods, behind) in [(None, None), (tunnels, None), (None, Some(1)), (tunnels, Some(1))] {
                let mut query = ItemQuery {
                    viewer: viewer.map(|id| UserId::new(id).unwrap()),
                    text: text.to_owned(),
                    methods,
                    jumpoint: behind.map(|id| JumpointId::new(id).unwrap()),
                    limit: 1000,
                    ..ItemQuery::default()
                };
                let all: Vec<u32> = ids_of(&query.page_of(&world).unwrap());
                query.limit = 333;
                let mut found = Vec::new();
                loop {
                    let page = store.items(&query).await.unwrap();
                    found.extend(ids_of(&page));
                    query.after = page.next;
                    if query.after.is_none() || found.len() >= 999 {
                        break;
                    }
                }
                found.truncate(1000);
                assert_eq!(found, all[..found.len()], "{query:?}");
                assert!(found.len() >= all.len().min(999), "{query:?}");
            }
        }
    }
    let count = async |viewer: u32| {
        let query = ItemQuery {
            viewer: Some(UserId::new(viewer).unwrap()),
            limit: 1000,
            ..ItemQuery::default()
        };
        store.items(&query).await.unwrap().items.len()
    };
    assert_eq!((count(1).await, count(3).await, count(4).await), (600, 0, 0));
}

/// An item with this name, tag and comments.
fn told(id: u32, name: &str, tag: &str, comments: &str) -> JumpItem {
    let mut item = item(id, 1, 1, name);
    item.tag = Tag::new(tag).unwrap();
    item.comments = Comments::new(comments).unwrap();
    item
}

pub(crate) async fn a_search_takes_its_text_literally_and_whatever_its_case(store: AnyStore) {
    let mut changes = data::site();
    changes.extend(
        [
            told(11, "50% off", "", ""),
            told(12, "under_score", "", ""),
            told(13, "it's \"quoted\"", "", ""),
            told(14, "back\\slash*", "", ""),
            told(15, "B\u{dc}RO \u{391}\u{3a3}", "Stra\u{df}e", "two\nlines"),
            told(16, "plain", "a tag", "x'); DROP TABLE items; --"),
        ]
        .map(Change::PutItem),
    );
    store.commit(0, &changes).await.unwrap();
    let find = async |text: &str| {
        let query = ItemQuery {
            text: text.to_owned(),
            ..ItemQuery::default()
        };
        let mut found = ids_of(&store.items(&query).await.unwrap());
        found.sort_unstable();
        found
    };
    for (text, expected) in [
        ("%", vec![11]),
        ("_", vec![12]),
        ("'", vec![13, 16]),
        ("\"QUOTED\"", vec![13]),
        ("\\", vec![14]),
        ("*", vec![14]),
        ("b\u{fc}ro \u{3b1}\u{3c3}", vec![15]),
        ("STRA\u{df}E", vec![15]),
        ("two\nlines", vec![15]),
        ("'); drop table", vec![16]),
        ("10.0.0.1", vec![1, 2, 3, 11, 12, 13, 14, 15, 16]),
        // No text reaches from one field into the next.
        ("plain10", vec![]),
        ("plain\u{0}10", vec![]),
        ("line\none \"TWO\" 'three' \\", vec![1, 2, 3]),
    ] {
        // The site's own items have these comments.
        let mut found = find(text).await;
        if !text.contains("TWO") && text != "10.0.0.1" {
            found.retain(|id| *id > 10);
        }
        assert_eq!(found, expected, "{text:?}");
    }
    let exactly = ItemQuery {
        name: Some(Name::new("b\u{fc}ro \u{3b1}\u{3c3}").unwrap()),
        tag: Some(Tag::new("stra\u{df}e").unwrap()),
        ..ItemQuery::default()
    };
    assert_eq!(ids_of(&store.items(&exactly).await.unwrap()), [15]);
    let part = ItemQuery {
        name: Some(Name::new("b\u{fc}ro").unwrap()),
        ..ItemQuery::default()
    };
    assert!(store.items(&part).await.unwrap().items.is_empty());
}

pub(crate) async fn a_listing_goes_on_where_it_was_although_items_come_and_go(store: AnyStore) {
    let mut changes = data::site();
    changes.extend((10..20).map(|id| Change::PutItem(item(id, 1, 1, &format!("n{id}")))));
    store.commit(0, &changes).await.unwrap();
    let mut query = ItemQuery {
        limit: 3,
        text: "n1".to_owned(),
        ..ItemQuery::default()
    };
    let first = store.items(&query).await.unwrap();
    assert_eq!(ids_of(&first), [10, 11, 12]);
    let gone = Change::RemoveItem(ItemId::new(12).unwrap());
    let new = Change::PutItem(item(30, 1, 1, "n0"));
    store.commit(1, &[gone, new]).await.unwrap();
    query.after = first.next;
    let second = store.items(&query).await.unwrap();
    assert_eq!((second.revision, ids_of(&second)), (2, vec![13, 14, 15]));
}

pub(crate) async fn questions_out_of_range_are_refused(store: AnyStore) {
    let too_long = "x".repeat(1025);
    for (limit, text) in [(0, ""), (1001, ""), (u32::MAX, ""), (10, too_long.as_str())] {
        let query = ItemQuery {
            limit,
            text: text.to_owned(),
            ..ItemQuery::default()
        };
        let error = store.items(&query).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    }
    let items: Vec<ItemId> = (1..=MAX_FACTS as u32 + 1)
        .map(|id| ItemId::new(id).unwrap())
        .collect();
    let user = UserId::new(1).unwrap();
    let error = store.facts(user, &items).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(store.facts(user, &items[1..]).await.is_ok());
}
