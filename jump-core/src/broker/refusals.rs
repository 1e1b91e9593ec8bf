//! Logging refused strangers without letting them fill the disk.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::lock;

/// At most this many refusals are logged per second; the rest are counted and named with the next that is.
const PER_SECOND: u32 = 10;

/// Says which refusals are logged.
#[derive(Debug)]
pub(super) struct Refusals(Mutex<Window>);

#[derive(Debug)]
struct Window {
    began: Instant,
    logged: u32,
    skipped: u64,
}

impl Refusals {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Window {
            began: Instant::now(),
            logged: 0,
            skipped: 0,
        }))
    }

    /// Whether this refusal is logged: with how many that were not since the last.
    pub(super) fn admit(&self) -> Option<u64> {
        let mut window = lock(&self.0);
        if window.began.elapsed() >= Duration::from_secs(1) {
            window.began = Instant::now();
            window.logged = 0;
        }
        if window.logged >= PER_SECOND {
            window.skipped += 1;
            return None;
        }
        window.logged += 1;
        Some(std::mem::take(&mut window.skipped))
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
