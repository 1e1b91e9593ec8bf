//! When time alone changes an answer.

use super::{Question, Reach, answer};
use crate::access::applying_policy;
use crate::id::{ItemId, UserId};
use crate::model::World;
use crate::time::Timestamp;

/// The most edges that are looked at: those of a schedule that make no difference are infinitely many.
const MOST_EDGES: usize = 64;

/// When the answer's [`Reach`] becomes another if nobody changes anything: a schedule opens or closes, an approval begins
/// or ends. `None` if it stays.
#[must_use]
pub fn unchanged_until(
    world: &World,
    user: UserId,
    item: ItemId,
    question: &Question,
) -> Option<(Timestamp, Reach)> {
    let reach = |at| answer(world, user, item, &Question { at, ..*question }).reach;
    let first = reach(question.at);
    let policy = applying_policy(world, user, item)?;
    let mut at = question.at;
    for _ in 0..MOST_EDGES {
        let schedule = policy.schedule.as_ref().and_then(|one| one.next_change(at));
        let approvals = world
            .approvals_for(item)
            .filter(|request| request.policy == policy.id)
            .flat_map(|request| [request.start, request.end()])
            .filter(|edge| *edge > at);
        at = approvals.chain(schedule).min()?;
        let then = reach(at);
        if then != first {
            return Some((at, then));
        }
    }
    None
}
