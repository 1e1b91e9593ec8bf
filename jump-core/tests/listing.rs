//! Lists: what is shown is what one may see, all of it and nothing else, in answers of a bounded size.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::collections::BTreeSet;

use jump_core::ErrorKind;
use jump_core::access::{Action, Context};
use jump_core::broker::Caller;
use jump_core::control::{
    ItemQuery, ItemView, MAX_FRAME, MemberQuery, NameQuery, Page, PageQuery, RepRequest, Response,
};
use jump_core::id::{GroupId, ItemId, JumpointId, UserId};
use jump_core::model::{
    Change, Comments, Hostname, ItemDetails, JumpGroup, JumpItem, JumpMethod, Jumpoint, LoginScope,
    Membership, Name, Placement, Role, ShellJump, Tag, User, UserName, World,
};
use jump_core::time::Timestamp;
use jump_testkit::callers::QuietBroker;
use jump_testkit::naive::Facts;
use jump_testkit::random_world::{Parts, RandomSite};
use jump_testkit::seeded::Seeded;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

async fn page(site: &QuietBroker, caller: &Caller, query: ItemQuery) -> Page<ItemView> {
    match site.broker.request(caller, RepRequest::FindItems(query)).await {
        Ok(Response::ItemPage(page)) => page,
        other => panic!("{other:?}"),
    }
}

/// Every page, and how many there were.
async fn pages(site: &QuietBroker, caller: &Caller, mut query: ItemQuery) -> (Vec<ItemView>, usize) {
    let (mut rows, mut pages) = (Vec::new(), 0);
    loop {
        let page = page(site, caller, query.clone()).await;
        assert!(page.rows.len() <= query.page.limit as usize);
        rows.extend(page.rows);
        pages += 1;
        match page.next {
            Some(next) => query.page.after = Some(next),
            None => return (rows, pages),
        }
    }
}

fn ids(items: &[ItemView]) -> Vec<ItemId> {
    items.iter().map(|item| item.id).collect()
}

/// A different host, tag and comments for each item.
fn coloured(world: &World, random: &mut Seeded) -> Vec<Change> {
    let mut pick = |of: &[&'static str]| of[random.below(of.len() as u64) as usize];
    let mut items: Vec<JumpItem> = world.items().map(|item| JumpItem::clone(item)).collect();
    items.sort_by_key(|item| item.id);
    items
        .into_iter()
        .map(|item| {
            let host = pick(&["web.corp.example", "DB.corp.example", "192.0.2.7"]);
            Change::PutItem(JumpItem {
                hostname: Hostname::new(host).unwrap(),
                tag: Tag::new(pick(&["", "Blue", "green"])).unwrap(),
                comments: Comments::new(pick(&["", "by the Door", "ÜBER the stairs"])).unwrap(),
                ..item
            })
        })
        .collect()
}

type Test = Box<dyn Fn(&World, &JumpItem) -> bool>;

/// A question, and the same as a test of one item.
fn question(random: &mut Seeded, world: &World) -> (ItemQuery, Test) {
    let some_item: Vec<JumpItem> = world.items().map(|item| JumpItem::clone(item)).collect();
    let item = some_item[random.below(some_item.len() as u64) as usize].clone();
    let mut query = ItemQuery::default();
    query.page.limit = 1 + random.below(3) as u32;
    let of = |world: &World, item: &JumpItem| match item.placement {
        Placement::Shared(group) => world.group(group).unwrap().name.to_string(),
        Placement::Personal { personal } => format!("@{}", world.user(personal).unwrap().name),
    };
    let test: Test = match random.below(9) {
        0 => Box::new(|_, _| true),
        1 => {
            query.name = Some(item.name.as_str().to_uppercase());
            Box::new(move |_, other| other.name == item.name)
        }
        2 => {
            query.hostname = Some(item.hostname.as_str().to_uppercase());
            Box::new(move |_, other| other.hostname == item.hostname)
        }
        3 => {
            let place = of(world, &item);
            query.group = Some(place.to_uppercase());
            Box::new(move |world, other| of(world, other) == place)
        }
        4 => {
            let personal = random.below(2) == 0;
            query.personal = Some(personal);
            Box::new(move |_, other| other.placement.owner().is_some() == personal)
        }
        5 => {
            query.jumpoint = Some("N1".into());
            let one = JumpointId::new(1).unwrap();
            Box::new(move |_, other| other.jumpoint == Some(one))
        }
        6 => {
            query.tag = Some(item.tag.as_str().to_uppercase());
            Box::new(move |_, other| other.tag == item.tag)
        }
        7 => {
            query.method = Some(item.details.method());
            query.online = Some(false);
            Box::new(move |_, other| other.details.method() == item.details.method())
        }
        _ => {
            let words = ["über", "door", "corp", "blue", "n", "door by", "2.0", "none such"];
            let text = words[random.below(words.len() as u64) as usize];
            query.search = Some(text.to_uppercase());
            Box::new(move |_, other| {
                let all = [
                    other.name.as_str(),
                    other.hostname.as_str(),
                    other.tag.as_str(),
                    other.comments.as_str(),
                ];
                text.split(' ')
                    .all(|word| all.iter().any(|field| field.to_lowercase().contains(word)))
            })
        }
    };
    (query, test)
}

#[tokio::test]
async fn v19_lists_of_items_show_what_one_may_see_and_nothing_else() {
    let worlds: u64 = std::env::var("JUMP_LIST_WORLDS").map_or(300, |text| text.parse().unwrap());
    let parts = Parts::new().unwrap();
    let (mut shown, mut hidden) = (0, 0);
    for seed in 0..worlds {
        let mut random = Seeded::new(seed);
        let changes = RandomSite::new(&parts, seed).changes().unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let site = QuietBroker::start(changes.into_iter().flatten().collect(), now)
            .await
            .unwrap();
        let coloured = coloured(&site.broker.world(), &mut random);
        site.change(coloured).await.unwrap();
        let users: Vec<UserId> = site.broker.world().users().map(|user| user.id).collect();
        for user in users {
            for scope in [LoginScope::Everything, LoginScope::Sessions] {
                let Ok(caller) = site.caller(user, scope).await else {
                    assert!(!site.broker.world().user(user).unwrap().enabled);
                    continue;
                };
                let world = site.broker.world();
                let facts = Facts::of(&world);
                let all = scope == LoginScope::Everything && world.user(user).unwrap().administrator;
                let may_see = |item: &JumpItem| {
                    let answer = facts.answer(user, item.id, Action::View, &Context::default(), now);
                    all || answer.shut.is_empty()
                };
                for _ in 0..4 {
                    let (query, test) = question(&mut random, &world);
                    let (found, _) = pages(&site, &caller, query.clone()).await;
                    let found = ids(&found);
                    let set: BTreeSet<ItemId> = found.iter().copied().collect();
                    assert_eq!(set.len(), found.len(), "seed {seed}: one twice: {query:?}");
                    for item in world.items() {
                        let wanted = may_see(item) && test(&world, item);
                        let listed = set.contains(&item.id);
                        assert_eq!(
                            listed, wanted,
                            "seed {seed} {user} {scope:?}: {query:?} {item:#?}"
                        );
                        shown += usize::from(wanted);
                        hidden += usize::from(!may_see(item) && test(&world, item));
                    }
                }
                let request = site.broker.request(&caller, RepRequest::Items).await.unwrap();
                let Response::Items(items) = request else { panic!() };
                let (paged, _) = pages(&site, &caller, ItemQuery::default()).await;
                assert_eq!(items, paged, "seed {seed}");
                // Who may not see it does not find it by any other question either.
                for item in world.items() {
                    let one = RepRequest::Item {
                        item: item.id.to_string(),
                    };
                    let one = site.broker.request(&caller, one).await;
                    assert_eq!(one.is_ok(), may_see(item), "seed {seed}");
                }
                for request in [
                    RepRequest::Users,
                    RepRequest::Groups,
                    RepRequest::Jumpoints,
                    RepRequest::Site,
                    RepRequest::FindUsers(NameQuery::default()),
                    RepRequest::FindGroups(NameQuery::default()),
                ] {
                    let answer = site.broker.request(&caller, request).await;
                    assert_eq!(answer.is_ok(), all, "seed {seed}");
                }
            }
        }
    }
    assert!(shown > 100 && hidden > 100, "{shown} shown, {hidden} hidden");
}

#[tokio::test]
async fn v19_approval_requests_are_listed_for_who_asked_and_who_may_answer() {
    let parts = Parts::new().unwrap();
    let (mut shown, mut hidden) = (0, 0);
    for seed in 0..300 {
        let changes = RandomSite::new(&parts, seed).changes().unwrap();
        let site = QuietBroker::start(changes.into_iter().flatten().collect(), Timestamp::UNIX_EPOCH)
            .await
            .unwrap();
        let users: Vec<UserId> = site.broker.world().users().map(|user| user.id).collect();
        for user in users {
            let Ok(caller) = site.caller(user, LoginScope::Everything).await else {
                continue;
            };
            let world = site.broker.world();
            let request = RepRequest::Approvals { state: None };
            let answer = site.broker.request(&caller, request).await.unwrap();
            let Response::Approvals(listed) = answer else {
                panic!()
            };
            let listed: BTreeSet<_> = listed.into_iter().map(|one| one.id).collect();
            for request in world.approvals() {
                let approval = world.policy(request.policy).unwrap().approval.as_ref();
                let answers = approval.is_some_and(|approval| {
                    approval.approvers.contains(&user)
                        && (approval.self_approval || request.requester != user)
                });
                let wanted = world.user(user).unwrap().administrator || request.requester == user || answers;
                assert_eq!(listed.contains(&request.id), wanted, "seed {seed}");
                shown += usize::from(wanted);
                hidden += usize::from(!wanted);
            }
        }
    }
    assert!(shown > 100 && hidden > 100, "{shown} shown, {hidden} hidden");
}

/// `count` items in one group that `kim` sees, with `comments`.
async fn many(count: u32, comments: &str) -> (QuietBroker, Caller) {
    let (user, group) = (UserId::new(1).unwrap(), GroupId::new(1).unwrap());
    let mut changes = vec![
        Change::PutUser(User::new(user, UserName::new("kim").unwrap())),
        Change::PutGroup(JumpGroup::new(group, name("web"))),
        Change::PutJumpoint(Jumpoint::new(JumpointId::new(1).unwrap(), name("one"))),
        Change::PutMembership(Membership {
            user,
            group,
            role: Some(Role::START_SESSIONS_ONLY),
            policy: None,
        }),
    ];
    for number in 1..=count {
        let mut item = JumpItem::new(
            ItemId::new(number).unwrap(),
            name(&format!("item {number:06}")),
            group,
            JumpointId::new(1).unwrap(),
            Hostname::new("web.corp.example").unwrap(),
            ItemDetails::ShellJump(ShellJump::ssh(22)),
        );
        item.comments = Comments::new(comments).unwrap();
        changes.push(Change::PutItem(item));
    }
    let site = QuietBroker::start(changes, Timestamp::UNIX_EPOCH).await.unwrap();
    let kim = site.caller(user, LoginScope::Everything).await.unwrap();
    (site, kim)
}

#[tokio::test]
async fn an_answer_fits_a_frame_however_much_there_is() {
    // As large as comments get when they are written in JSON.
    let comments = "\n\"\u{7f}é".replace('\u{7f}', "").repeat(341);
    let (site, kim) = many(2000, &comments).await;
    let (mut query, mut seen) = (ItemQuery::default(), Vec::new());
    loop {
        let page = page(&site, &kim, query.clone()).await;
        let text = serde_json::to_vec(&page).unwrap();
        assert!(text.len() < MAX_FRAME, "{} bytes", text.len());
        seen.extend(ids(&page.rows));
        match page.next {
            Some(next) => query.page.after = Some(next),
            None => break,
        }
    }
    let wanted: Vec<ItemId> = (1..=2000).map(|number| ItemId::new(number).unwrap()).collect();
    assert_eq!(seen, wanted, "in order, each once");
    let error = site.broker.request(&kim, RepRequest::Items).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceLimit, "{error}");
}

#[tokio::test]
async fn a_search_for_one_of_many_looks_at_a_bounded_number_at_a_time() {
    let (site, kim) = many(25_000, "").await;
    let query = ItemQuery {
        search: Some("024999".into()),
        ..ItemQuery::default()
    };
    let (found, pages) = pages(&site, &kim, query).await;
    assert_eq!(ids(&found), [ItemId::new(24_999).unwrap()]);
    assert_eq!(pages, 3);
    // A whole name is looked up.
    let by_name = ItemQuery {
        name: Some("ITEM 024999".into()),
        method: Some(JumpMethod::ShellJump),
        ..ItemQuery::default()
    };
    let page = page(&site, &kim, by_name).await;
    assert_eq!(
        (ids(&page.rows), page.next),
        (vec![ItemId::new(24_999).unwrap()], None)
    );
}

#[tokio::test]
async fn what_is_removed_or_added_between_pages_moves_nothing_else() {
    let (site, kim) = many(30, "").await;
    let mut query = ItemQuery {
        page: PageQuery {
            limit: 10,
            after: None,
        },
        ..ItemQuery::default()
    };
    let first = page(&site, &kim, query.clone()).await;
    let last = first.rows.last().unwrap().id;
    let renamed = JumpItem {
        name: name("item 000015 b"),
        ..JumpItem::clone(site.broker.world().item(ItemId::new(20).unwrap()).unwrap())
    };
    let changes = vec![
        Change::RemoveItem(last),
        Change::RemoveItem(ItemId::new(3).unwrap()),
        Change::PutItem(renamed),
    ];
    site.change(changes).await.unwrap();
    query.page.after = first.next;
    let (rest, _) = pages(&site, &kim, query).await;
    let numbers: Vec<u32> = rest.iter().map(|item| item.id.get()).collect();
    let wanted: Vec<u32> = (11..=15).chain([20]).chain(16..=19).chain(21..=30).collect();
    assert_eq!(numbers, wanted);
}

#[tokio::test]
async fn pages_that_cannot_be_are_refused() {
    let (site, kim) = many(3, "").await;
    for (limit, after) in [
        (0, None),
        (1001, None),
        (1, Some("x".to_owned())),
        (1, Some("e30".to_owned())),
        (1, Some("A".repeat(100_000))),
    ] {
        let query = ItemQuery {
            page: PageQuery { limit, after },
            ..ItemQuery::default()
        };
        let error = site
            .broker
            .request(&kim, RepRequest::FindItems(query))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    }
    let long = ItemQuery {
        search: Some("x".repeat(1025)),
        ..ItemQuery::default()
    };
    let refused = site.broker.request(&kim, RepRequest::FindItems(long)).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidArgument);
}

#[tokio::test]
async fn users_groups_and_members_come_in_pages_too() {
    let mut changes = Vec::new();
    for number in 1..=1500 {
        let user = UserId::new(number).unwrap();
        let called = UserName::new(format!("user-{number:04}-{}", "x".repeat(50))).unwrap();
        changes.push(Change::PutUser(User::new(user, called)));
        let group = GroupId::new(number).unwrap();
        let mut made = JumpGroup::new(group, name(&format!("group {number:04}")));
        made.comments = Comments::new("\n".repeat(900)).unwrap();
        changes.push(Change::PutGroup(made));
        changes.push(Change::PutMembership(Membership {
            user,
            group: GroupId::new(1).unwrap(),
            role: Some(Role::START_SESSIONS_ONLY),
            policy: None,
        }));
    }
    let site = QuietBroker::start(changes, Timestamp::UNIX_EPOCH).await.unwrap();
    let local = Caller::local();
    let ask = |request| site.broker.request(&local, request);
    let (mut users, mut groups, mut members) = (Vec::new(), Vec::new(), Vec::new());
    let mut query = NameQuery::default();
    loop {
        let Response::UserPage(page) = ask(RepRequest::FindUsers(query.clone())).await.unwrap() else {
            panic!()
        };
        assert!(serde_json::to_vec(&page).unwrap().len() < MAX_FRAME);
        users.extend(page.rows.into_iter().map(|user| user.id.get()));
        let Some(next) = page.next else { break };
        query.page.after = Some(next);
    }
    let mut query = NameQuery::default();
    loop {
        let Response::GroupPage(page) = ask(RepRequest::FindGroups(query.clone())).await.unwrap() else {
            panic!()
        };
        assert!(serde_json::to_vec(&page).unwrap().len() < MAX_FRAME);
        groups.extend(page.rows);
        let Some(next) = page.next else { break };
        query.page.after = Some(next);
    }
    assert_eq!((groups[0].members.len(), groups[0].member_count), (100, 1500));
    let mut query = MemberQuery {
        group: name("group 0001"),
        page: PageQuery {
            limit: 400,
            after: None,
        },
    };
    loop {
        let Response::MemberPage(page) = ask(RepRequest::FindMembers(query.clone())).await.unwrap() else {
            panic!()
        };
        members.extend(page.rows.into_iter().map(|member| member.user));
        let Some(next) = page.next else { break };
        query.page.after = Some(next);
    }
    let all: Vec<u32> = (1..=1500).collect();
    let groups: Vec<u32> = groups.iter().map(|group| group.id.get()).collect();
    assert_eq!((users, groups), (all.clone(), all));
    assert_eq!(members.len(), 1500);
    let search = NameQuery {
        search: Some("1234".into()),
        ..NameQuery::default()
    };
    let Response::UserPage(page) = ask(RepRequest::FindUsers(search)).await.unwrap() else {
        panic!()
    };
    assert_eq!((page.rows.len(), page.rows[0].id.get()), (1, 1234));
}
