//! How often a target may change the size of its screen: every change is a new picture of up to 135 MiB for whoever shows it.

use std::time::Duration;

use tokio::time::Instant;

/// How many changes may follow each other at once.
const BURST: u32 = 16;
/// Behind them there is one in this time.
const INTERVAL: Duration = Duration::from_millis(100);

/// A bucket of changes. Whoever takes too many from it waits, and with that the target.
#[derive(Debug)]
pub(super) struct ResizePace {
    /// When the bucket is full, if nothing is taken until then.
    full_at: Instant,
}

impl ResizePace {
    pub(super) fn new() -> Self {
        Self {
            full_at: Instant::now(),
        }
    }

    /// A change came: waits if it is one too many. Cancel-safe.
    pub(super) async fn took(&mut self) {
        self.full_at = self.full_at.max(Instant::now()) + INTERVAL;
        let owed = self.full_at.saturating_duration_since(Instant::now());
        tokio::time::sleep(owed.saturating_sub(INTERVAL.saturating_mul(BURST))).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_storm_is_held_to_ten_changes_a_second_and_a_few_are_not_held_at_all() {
        let mut pace = ResizePace::new();
        let started = Instant::now();
        for _ in 0..BURST {
            pace.took().await;
        }
        assert_eq!(started.elapsed(), Duration::ZERO);
        for _ in 0..1000 {
            pace.took().await;
        }
        assert!(started.elapsed() >= Duration::from_secs(99));
    }
}
