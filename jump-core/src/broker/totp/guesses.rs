//! Slowing down who guesses codes, and nobody else.

use std::collections::HashMap;

use crate::id::LoginId;
use crate::time::Timestamp;

/// Wrong codes in a row before a source has to wait …
pub(super) const TRIES: u32 = 5;
/// … for this long, in seconds, from the last of them.
pub(super) const WAIT: i64 = 300;
/// The most logins of a user that are told apart.
pub(super) const MOST_PROVEN: usize = 64;

/// The wrong codes of one user. A login that has given a right code before is counted for itself; all others, of which
/// somebody with a stolen login can make many, are counted together.
#[derive(Debug, Default)]
pub(super) struct Guesses {
    proven: HashMap<LoginId, Count>,
    others: Count,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    wrong: u32,
    last: Timestamp,
}

impl Default for Count {
    fn default() -> Self {
        Self {
            wrong: 0,
            last: Timestamp::MIN,
        }
    }
}

impl Guesses {
    fn count(&mut self, proven: &[LoginId], source: Option<LoginId>) -> &mut Count {
        match source.filter(|login| proven.contains(login)) {
            Some(login) => {
                // Those that are told apart no longer are forgotten.
                if self.proven.len() >= MOST_PROVEN {
                    self.proven.retain(|login, _| proven.contains(login));
                }
                self.proven.entry(login).or_default()
            }
            None => &mut self.others,
        }
    }

    /// Whether this source may try now.
    pub(super) fn may_try(&mut self, proven: &[LoginId], source: Option<LoginId>, now: Timestamp) -> bool {
        let count = self.count(proven, source);
        // A clock that is set back shortens nobody's wait.
        count.wrong < TRIES || now.duration_since(count.last).as_secs().abs() >= WAIT
    }

    pub(super) fn wrong(&mut self, proven: &[LoginId], source: Option<LoginId>, now: Timestamp) {
        let count = self.count(proven, source);
        count.wrong = count.wrong.saturating_add(1);
        count.last = now;
    }

    /// A right code clears its own source only: one that was seen must not give a guesser new tries.
    pub(super) fn right(&mut self, source: Option<LoginId>) {
        match source {
            Some(login) => drop(self.proven.remove(&login)),
            None => self.others = Count::default(),
        }
    }
}
