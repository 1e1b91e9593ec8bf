//! Logging who was refused without letting them fill the disk.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::lock;
use crate::id::UserId;

/// At most this many refusals are logged per second, of strangers together and of each user; the rest are counted and
/// named with the next that is.
const PER_SECOND: u32 = 10;

/// Says which refusals of strangers are logged.
#[derive(Debug)]
pub(super) struct Refusals(Mutex<Window>);

/// Says which refused jumps of users are logged: each user has a budget, so that nobody's attempts hide another's.
#[derive(Debug, Default)]
pub(super) struct Denials(Mutex<HashMap<UserId, Window>>);

/// The text of a refusal, and how many before it were not logged.
pub(super) fn with_unlogged(text: String, unlogged: u64) -> String {
    if unlogged == 0 {
        text
    } else {
        format!("{text} (and {unlogged} refusals before it that were not logged)")
    }
}

#[derive(Debug)]
struct Window {
    began: Instant,
    logged: u32,
    skipped: u64,
}

impl Window {
    fn new() -> Self {
        Self {
            began: Instant::now(),
            logged: 0,
            skipped: 0,
        }
    }

    fn admit(&mut self) -> Option<u64> {
        if self.began.elapsed() >= Duration::from_secs(1) {
            self.began = Instant::now();
            self.logged = 0;
        }
        if self.logged >= PER_SECOND {
            self.skipped += 1;
            return None;
        }
        self.logged += 1;
        Some(std::mem::take(&mut self.skipped))
    }
}

impl Refusals {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Window::new()))
    }

    /// Whether this refusal is logged: with how many that were not since the last.
    pub(super) fn admit(&self) -> Option<u64> {
        lock(&self.0).admit()
    }
}

impl Denials {
    /// The same for a refusal of a user.
    pub(super) fn admit(&self, user: UserId) -> Option<u64> {
        lock(&self.0).entry(user).or_insert_with(Window::new).admit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_counted_and_named_with_the_next_that_is_logged() {
        let refusals = Refusals::new();
        let logged = (0..1000).filter(|_| refusals.admit().is_some()).count();
        assert_eq!(logged, PER_SECOND as usize);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(refusals.admit(), Some(1000 - u64::from(PER_SECOND)));
        assert_eq!(refusals.admit(), Some(0));
    }
}
