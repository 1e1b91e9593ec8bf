//! Questions about the site: half of them with an open door, where users go; half of them anything.

use jump_testkit::seeded::Seeded;

use super::facts::Facts;

/// May this user start a session on this item?
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    pub(crate) user: u32,
    pub(crate) item: u32,
    pub(crate) reason: bool,
    pub(crate) ticket: bool,
    /// Sessions that run on the item already.
    pub(crate) live: u32,
}

/// That many questions. In half of them the item is in a group of the user's and behind a Jumpoint of the user's, as
/// far as a few tries find one.
pub(crate) fn questions(facts: &Facts, count: usize, seed: u64) -> Vec<Question> {
    const TRIES: usize = 4_000;
    let mut random = Seeded::new(seed);
    let (users, items) = (facts.users.len() as u64, facts.items.len() as u64);
    (0..count)
        .map(|number| {
            let user = random.below(users);
            let mut item = random.below(items);
            if number % 2 == 0
                && let Some(person) = facts.users.get(user as usize)
            {
                for _ in 0..TRIES {
                    let near = facts.items.get(item as usize).is_some_and(|item| {
                        person.memberships.iter().any(|(group, _)| *group == item.group)
                            && person.jumpoints.contains(&item.jumpoint)
                    });
                    if near {
                        break;
                    }
                    item = random.below(items);
                }
            }
            Question {
                user: user as u32,
                item: item as u32,
                reason: random.below(2) == 0,
                ticket: random.below(2) == 0,
                live: random.below(2) as u32,
            }
        })
        .collect()
}
