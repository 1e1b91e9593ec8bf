//! Warning reps before time ends their sessions.

use crate::access::{Limit, Obligations};
use crate::control::{EndingRule, SessionEnding};
use crate::id::{PolicyId, SessionId};
use crate::model::World;
use crate::time::Timestamp;

/// How many seconds before an end it is announced. The first is the documented quarter of an hour; the last leaves the time
/// to save a file.
const MARKS: [i64; 7] = [15 * 60, 10 * 60, 5 * 60, 2 * 60, 60, 30, 10];

/// When a session ends if nothing else ends it before, and what ends it then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ending {
    at: Timestamp,
    cause: Cause,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Limit(Limit, Option<PolicyId>),
    Login,
}

impl Ending {
    /// The end that a decision sets.
    pub(super) const fn of(obligations: &Obligations) -> Self {
        Self {
            at: obligations.until,
            cause: Cause::Limit(obligations.limit, obligations.policy),
        }
    }

    /// The end of the login through which the session was started.
    pub(super) const fn by_login(at: Timestamp) -> Self {
        Self {
            at,
            cause: Cause::Login,
        }
    }

    /// The one that comes first; of two at the same moment the first in the list.
    pub(super) fn first(endings: impl IntoIterator<Item = Option<Self>>) -> Option<Self> {
        endings.into_iter().flatten().min_by_key(|ending| ending.at)
    }

    fn rule(self, world: &World) -> EndingRule {
        let named = |policy: Option<PolicyId>| {
            let policy = policy.and_then(|policy| world.policy(policy));
            policy.map(|policy| policy.name.clone())
        };
        match self.cause {
            Cause::Login => EndingRule::Login,
            Cause::Limit(Limit::Schedule, policy) => {
                named(policy).map_or(EndingRule::Duration, |policy| EndingRule::Schedule { policy })
            }
            Cause::Limit(Limit::Approval, policy) => {
                named(policy).map_or(EndingRule::Duration, |policy| EndingRule::Approval { policy })
            }
            Cause::Limit(Limit::Duration, _) => EndingRule::Duration,
        }
    }
}

/// What was announced last: the end, and the mark that was passed, if one was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Warned(Option<(Ending, Option<i64>)>);

/// The announcement that is due now, if one is; it counts as made. A mark that was missed, because a clock jumped or the
/// session began later, is announced as the latest one that has passed; a clock that is set back announces again.
pub(super) fn announce(
    warned: &mut Warned,
    session: SessionId,
    ending: Ending,
    world: &World,
    now: Timestamp,
) -> Option<SessionEnding> {
    let left = ending.at.duration_since(now);
    // Rounded up, so that the first look within a mark says no less than was left.
    let seconds_left = left.as_secs() + i64::from(left.subsec_nanos() > 0);
    let mark = MARKS.into_iter().rev().find(|mark| seconds_left <= *mark);
    let moved = warned.0.is_some_and(|(told, _)| told.at != ending.at);
    let passed = mark.is_some() && warned.0.is_none_or(|(_, told)| told != mark);
    // Far away, and never announced or announced as far away: nothing to remember.
    warned.0 = (mark.is_some() || moved).then_some((ending, mark));
    if !moved && !passed {
        return None;
    }
    Some(SessionEnding {
        session,
        at: ending.at,
        seconds_left: u32::try_from(seconds_left).unwrap_or(0),
        rule: ending.rule(world),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::World;
    use crate::time::SignedDuration;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn by_duration(second: i64) -> Ending {
        Ending {
            at: at(second),
            cause: Cause::Limit(Limit::Duration, None),
        }
    }

    /// What is said at each of these moments about an end at each of these seconds: the seconds left.
    fn said(moments: impl IntoIterator<Item = (i64, i64)>) -> Vec<Option<u32>> {
        let world = World::new().unwrap();
        let session = SessionId::random().unwrap();
        let mut warned = Warned::default();
        moments
            .into_iter()
            .map(|(now, end)| {
                announce(&mut warned, session, by_duration(end), &world, at(now))
                    .map(|told| told.seconds_left)
            })
            .collect()
    }

    #[test]
    fn each_mark_is_announced_once_from_a_quarter_of_an_hour_before() {
        let told: Vec<u32> = said((0..3600).map(|now| (now, 3600)))
            .into_iter()
            .flatten()
            .collect();
        assert_eq!(told, [900, 600, 300, 120, 60, 30, 10]);
    }

    #[test]
    fn a_mark_that_was_missed_is_made_up_for_by_the_latest() {
        assert_eq!(
            said([(0, 3600), (3550, 3600), (3551, 3600)]),
            [None, Some(50), None]
        );
        // A session that is shorter than that hears at once.
        assert_eq!(said([(0, 240), (1, 240)]), [Some(240), None]);
    }

    #[test]
    fn an_end_that_moves_is_announced_again_wherever_it_moves() {
        assert_eq!(
            said([(0, 800), (1, 700), (2, 7200), (3, 7200), (4, 5000), (6300, 7200)]),
            [Some(800), Some(699), Some(7198), None, None, Some(900)]
        );
    }

    #[test]
    fn f19_a_clock_that_is_set_back_announces_again_and_one_that_jumps_does_not_skip_the_last() {
        let hour = 3600;
        assert_eq!(
            said([
                (hour, hour + 100),
                (0, hour + 100),
                (hour + 40, hour + 100),
                (hour + 99, hour + 100)
            ]),
            [Some(100), None, Some(60), Some(1)]
        );
        let end = by_duration(1000);
        let world = World::new().unwrap();
        let now = at(1000) - SignedDuration::from_millis(900_001);
        let told = announce(
            &mut Warned::default(),
            SessionId::random().unwrap(),
            end,
            &world,
            now,
        );
        assert_eq!(told, None, "a millisecond is left");
    }
}
