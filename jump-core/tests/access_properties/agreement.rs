//! Who, what and why are one.

use jump_core::access::simulate::{
    Answer, ItemCursor, Page, Question, Reach, Row, UserCursor, Window, answer, unchanged_until, what, who,
};
use jump_core::access::{Context, Decision, Effect, Given, Need, decide};
use jump_core::id::{ApprovalId, ItemId, UserId};
use jump_core::model::{ApprovalRequest, ApprovalState, Change, Remark, World};
use jump_core::time::{SignedDuration, Timestamp};

use crate::{BEYOND, Scene, on_random_sites, pairs};

fn question(scene: &Scene<'_>) -> Question {
    Question {
        action: scene.action,
        context: scene.context,
        at: scene.at,
    }
}

/// All pages of a few rows, put together. No page is longer than it may be, and only the last one ends the answer.
fn all<C: Clone>(most: usize, ask: impl Fn(&Window<C>) -> Page<C, Row>, denied: bool) -> Vec<Row> {
    let mut window = Window {
        denied,
        ..Window::first(most)
    };
    let mut rows = Vec::new();
    loop {
        let page = ask(&window);
        assert!(page.rows.len() <= most);
        rows.extend(page.rows.into_iter().map(|(_, row)| row));
        match page.next {
            Some(next) => window.after = Some(next),
            None => return rows,
        }
    }
}

fn decided(scene: &Scene<'_>, user: UserId, item: ItemId) -> Decision {
    decide(&scene.world, user, item, scene.action, &scene.context, scene.at).0
}

/// A world in which the user has an approval for the item, whatever Jump Policy asks for it.
fn approved(world: &World, user: UserId, item: ItemId, at: Timestamp) -> World {
    let mut approved = world.clone();
    let policies: Vec<_> = world.policies().map(|policy| policy.id).collect();
    for (number, policy) in policies.into_iter().enumerate() {
        let request = ApprovalRequest {
            id: ApprovalId::new(1000 + number as u32).unwrap(),
            policy,
            item,
            requester: user,
            start: at,
            duration_seconds: 3600,
            reason: Remark::default(),
            state: ApprovalState::Approved,
            answered_by: None,
            comments: Remark::default(),
        };
        // There may be no such user or item, and then no approval.
        let _ = approved.apply(&[Change::PutApproval(request)]);
    }
    approved
}

fn check_answer(scene: &Scene<'_>, user: UserId, item: ItemId, answer: &Answer) {
    let decision = decided(scene, user, item);
    assert_eq!(answer.reasons, decision.reasons);
    match &answer.reach {
        Reach::Now => {
            assert_eq!(decision.effect, Effect::Allow);
            assert_eq!(answer.obligations, decision.obligations);
        }
        Reach::With(needs) => {
            assert_eq!(decision.effect, Effect::Deny);
            assert_eq!(*needs, decision.needs());
            // Supplying just this, and nothing less, is enough.
            let mut context = scene.context;
            for need in needs {
                match need {
                    Need::Reason => context.given.reason = true,
                    Need::Ticket => context.given.ticket = true,
                    Need::SecondFactor => context.given.second_factor = true,
                    Need::ScheduleOverride => context.given.schedule_override = true,
                    _ => {}
                }
            }
            let with = if needs.contains(&Need::Approval) {
                approved(&scene.world, user, item, scene.at)
            } else {
                scene.world.clone()
            };
            let (then, _) = decide(&with, user, item, scene.action, &context, scene.at);
            assert_eq!(then.effect, Effect::Allow, "{needs:?} {then:?}");
            let (expected, mut said) = (then.obligations.unwrap(), answer.obligations.clone().unwrap());
            if needs.contains(&Need::Approval) {
                // How long the approval lasts is a guess in both.
                (said.until, said.limit) = (expected.until, expected.limit);
            }
            assert_eq!(said, expected);
        }
        Reach::No => {
            assert_eq!(answer.obligations, None);
            let context = Context {
                given: Given::ALL,
                ..scene.context
            };
            let with = approved(&scene.world, user, item, scene.at);
            let (then, _) = decide(&with, user, item, scene.action, &context, scene.at);
            assert_eq!(
                then.effect,
                Effect::Deny,
                "no is no, whatever is supplied: {then:?}"
            );
        }
    }
}

#[test]
fn s09_who_what_and_why_agree_with_the_decision_on_every_pair() {
    let mut kinds = [0; 3];
    on_random_sites(600, |scene| {
        let question = question(scene);
        for (user, item) in pairs() {
            let answer = answer(&scene.world, user, item, &question);
            check_answer(scene, user, item, &answer);
            kinds[match answer.reach {
                Reach::Now => 0,
                Reach::With(_) => 1,
                Reach::No => 2,
            }] += 1;
        }
        let most = 1 + scene.random.below(3) as usize;
        for denied in [false, true] {
            let wanted = |user, item| {
                let answer = answer(&scene.world, user, item, &question);
                (denied || !answer.reach.is_no()).then_some(Row { user, item, answer })
            };
            for number in 1..=BEYOND {
                let item = ItemId::new(number).unwrap();
                let ask = |window: &Window<UserCursor>| who(&scene.world, item, &question, window);
                let mut users: Vec<_> = scene.world.users().map(|user| user.id).collect();
                users.sort_by_key(|id| scene.world.user(*id).unwrap().name.to_string());
                let expected: Vec<Row> = users.into_iter().filter_map(|user| wanted(user, item)).collect();
                assert_eq!(
                    all(most, ask, denied),
                    expected,
                    "seed {}: who, {item}",
                    scene.seed
                );

                let user = UserId::new(number).unwrap();
                let ask = |window: &Window<ItemCursor>| what(&scene.world, user, &question, window, |_| true);
                let mut items: Vec<_> = scene.world.items().cloned().collect();
                items.sort_by_key(|item| (item.placement, item.name.to_string()));
                let expected: Vec<Row> = items.iter().filter_map(|item| wanted(user, item.id)).collect();
                assert_eq!(
                    all(most, ask, denied),
                    expected,
                    "seed {}: what, {user}",
                    scene.seed
                );
            }
        }
    });
    assert!(
        kinds.iter().all(|count| *count > 100),
        "each kind of answer is met: {kinds:?}"
    );
}

#[test]
fn an_answer_holds_until_it_is_said_to_change() {
    let (mut changes, mut stays) = (0, 0);
    on_random_sites(500, |scene| {
        let question = question(scene);
        for (user, item) in pairs() {
            let reach = |at| answer(&scene.world, user, item, &Question { at, ..question }).reach;
            let first = reach(question.at);
            let weeks = SignedDuration::from_hours(24 * 7 * 3);
            let end = match unchanged_until(&scene.world, user, item, &question) {
                Some((at, then)) => {
                    assert!(at > question.at);
                    assert_ne!(then, first);
                    assert_eq!(reach(at), then);
                    changes += 1;
                    at
                }
                None => {
                    stays += 1;
                    question.at.checked_add(weeks).unwrap()
                }
            };
            let between = end.as_second().saturating_sub(question.at.as_second());
            for _ in 0..4 {
                let second = question.at.as_second() + scene.random.below(between as u64) as i64;
                assert_eq!(
                    reach(Timestamp::from_second(second).unwrap()),
                    first,
                    "seed {}: user {user}, item {item}, at {second}",
                    scene.seed
                );
            }
            let last = end.checked_sub(SignedDuration::from_nanos(1)).unwrap();
            assert_eq!(
                reach(last),
                first,
                "seed {}: user {user}, item {item}",
                scene.seed
            );
        }
    });
    assert!(changes > 100 && stays > 500, "{changes} {stays}");
}
