//! How often a target may change the size of its screen: every change is a new picture of up to 256 MiB for whoever shows it.

use std::time::Duration;

use tokio::time::Instant;

/// How many changes may follow each other at once.
const BURST: u32 = 16;
/// Behind them there is one in this time.
const INTERVAL: Duration = Duration::from_millis(100);

/// A bucket of changes. Whoever takes too many from it waits, and with that the target.
#[derive(Debug)]
pub struct ResizePace {
    /// When the bucket is full, if nothing is taken until then.
    full_at: Instant,
}

impl Default for ResizePace {
    fn default() -> Self {
        Self::new()
    }
}

impl ResizePace {
    /// A full one.
    #[must_use]
    pub fn new() -> Self {
        Self {
            full_at: Instant::now(),
        }
    }

    /// How many changes may come now; at least one.
    #[must_use]
    pub fn left(&self) -> u32 {
        let owed = self.full_at.saturating_duration_since(Instant::now());
        let owed = owed.as_millis().div_ceil(INTERVAL.as_millis());
        BURST
            .saturating_sub(u32::try_from(owed).unwrap_or(u32::MAX))
            .max(1)
    }

    /// So many changes came: waits if that was too many. Cancel-safe.
    pub async fn took(&mut self, changes: u32) {
        if changes == 0 {
            return;
        }
        self.full_at = self.full_at.max(Instant::now()) + INTERVAL.saturating_mul(changes);
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
            pace.took(1).await;
        }
        assert_eq!((started.elapsed(), pace.left()), (Duration::ZERO, 1));
        for _ in 0..1000 {
            pace.took(1).await;
        }
        assert!(started.elapsed() >= Duration::from_secs(99));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(pace.left(), BURST);
    }
}
