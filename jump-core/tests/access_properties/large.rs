//! More than fits on a page, or in one look: nothing is lost between two pages, and nobody looks at what cannot matter.

use std::collections::BTreeSet;

use jump_core::access::simulate::{
    DiffCursor, ItemCursor, Kind, MOST_STEPS, Proposal, Question, Window, what, who,
};
use jump_core::id::{GroupId, ItemId, UserId};
use jump_core::model::{
    Change, Hostname, ItemDetails, JumpClient, JumpGroup, JumpItem, JumpMethods, Membership, Name, Placement,
    Role, User, UserName, World,
};
use jump_core::time::Timestamp;

const GROUPS: u32 = 300;
const ITEMS: u32 = 30_000;

fn user(number: u32) -> UserId {
    UserId::new(number).unwrap()
}

fn group(number: u32) -> GroupId {
    GroupId::new(number).unwrap()
}

fn membership(who: u32, place: u32) -> Change {
    Change::PutMembership(Membership {
        user: user(who),
        group: group(place),
        role: Some(Role::START_SESSIONS_ONLY),
        policy: None,
    })
}

fn item(number: u32) -> Change {
    Change::PutItem(JumpItem::new(
        ItemId::new(number).unwrap(),
        Name::new(format!("item-{number}")).unwrap(),
        Placement::Shared(group(1 + number % GROUPS)),
        None,
        Hostname::new("host.example").unwrap(),
        ItemDetails::JumpClient(JumpClient::default()),
    ))
}

fn person(number: u32, system: bool) -> User {
    let mut user = User::new(user(number), UserName::new(format!("user-{number}")).unwrap());
    user.allowed_methods = Some(JumpMethods::all());
    user.system_role = system.then_some(Role::START_SESSIONS_ONLY);
    user
}

/// User 1 gets everywhere, user 2 into group 7, users 3 to 40 nowhere.
fn site() -> World {
    let groups = (1..=GROUPS).map(|number| {
        Change::PutGroup(JumpGroup::new(
            group(number),
            Name::new(format!("group-{number}")).unwrap(),
        ))
    });
    let people = (1..=40).map(|number| Change::PutUser(person(number, number == 1)));
    let changes = groups
        .chain(people)
        .chain((1..=ITEMS).map(item))
        .chain([membership(2, 7)]);
    World::restore(changes, 0).unwrap()
}

fn question() -> Question {
    Question::start(Timestamp::from_second(1_800_000_000).unwrap())
}

#[test]
fn pages_of_a_large_site_lose_nothing_and_each_costs_little() {
    let world = site();
    let question = question();
    // More than one look for the first, one look for the second: the other groups are passed over.
    for (number, expected) in [(1, ITEMS), (2, ITEMS / GROUPS), (3, 0)] {
        let mut window: Window<ItemCursor> = Window::first(usize::MAX);
        let (mut seen, mut pages) = (BTreeSet::new(), 0);
        loop {
            let page = what(&world, user(number), &question, &window, |_| true);
            assert!(page.rows.len() <= MOST_STEPS);
            pages += 1;
            seen.extend(page.rows.into_iter().map(|(_, row)| row.item));
            match page.next {
                Some(next) => window.after = Some(next),
                None => break,
            }
        }
        assert_eq!(
            (seen.len(), pages),
            (expected as usize, 1 + usize::from(number == 1))
        );
    }
    let page = who(&world, ItemId::new(6).unwrap(), &question, &Window::first(100));
    let users: Vec<UserId> = page.rows.iter().map(|(_, row)| row.user).collect();
    assert_eq!((users, page.next), (vec![user(1), user(2)], None));
}

fn differences(world: &World, changes: &[Change]) -> (Vec<(UserId, ItemId, Kind)>, usize) {
    let proposal = Proposal::new(world, changes).unwrap();
    let mut window: Window<DiffCursor> = Window::first(usize::MAX);
    let (mut rows, mut pages) = (Vec::new(), 0);
    loop {
        let page = proposal.differences(&question(), &window);
        pages += 1;
        rows.extend(page.rows.iter().map(|(_, row)| (row.user, row.item, row.kind())));
        match page.next {
            Some(next) => window.after = Some(next),
            None => return (rows, pages),
        }
    }
}

#[test]
fn a_change_of_a_large_site_is_looked_at_where_it_matters_and_everywhere_there() {
    let world = site();
    let distinct =
        |rows: &[(UserId, ItemId, Kind)]| rows.iter().map(|row| row.1).collect::<BTreeSet<_>>().len();
    let items = ITEMS as usize;
    // One user, everything: as long as it takes.
    let (rows, pages) = differences(&world, &[Change::PutUser(person(1, false))]);
    assert_eq!((rows.len(), distinct(&rows), pages), (items, items, 2));
    assert!(rows.iter().all(|row| row.0 == user(1) && row.2 == Kind::Lost));
    // One user, one group of 300.
    let (rows, pages) = differences(&world, &[membership(3, 9)]);
    assert_eq!(
        (rows.len(), distinct(&rows), pages),
        (items / 300, items / 300, 1)
    );
    assert!(rows.iter().all(|row| row.0 == user(3) && row.2 == Kind::Gained));
    // Every item, for everybody: only who may get there is asked.
    let moved: Vec<Change> = (1..=ITEMS)
        .filter(|number| number % GROUPS != 6)
        .map(|number| {
            let Change::PutItem(item) = item(number) else {
                unreachable!()
            };
            Change::PutItem(JumpItem {
                placement: Placement::Shared(group(7)),
                ..item
            })
        })
        .collect();
    let (rows, pages) = differences(&world, &moved);
    assert_eq!((rows.len(), distinct(&rows)), (moved.len(), moved.len()));
    assert!(rows.iter().all(|row| row.0 == user(2) && row.2 == Kind::Gained));
    assert_eq!(pages, 4, "two users may reach 29,900 items, the other 38 none");
    // What changes nothing.
    assert_eq!(
        differences(&world, &[Change::PutUser(person(2, false))]),
        (vec![], 1)
    );
}
