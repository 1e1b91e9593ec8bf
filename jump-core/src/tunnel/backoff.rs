//! When to dial again after a connection was lost.

use std::time::Duration;

/// The scale of the second retry; it doubles with each further one.
const BASE: Duration = Duration::from_secs(1);
/// The longest scale.
const CAP: Duration = Duration::from_secs(90);
/// How long a connection must have lasted for the next loss to count as the first.
const STABLE: Duration = Duration::from_secs(60);

/// Full-jitter reconnection: every delay is uniform between nothing and a scale that grows, so that peers that lost
/// the same broker in the same second do not come back in the same second.
///
/// Pure: the randomness and the time are passed in.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    retries: u32,
}

impl Backoff {
    /// Spreads the first retry over `first` (about 30 s for a large fleet, less for a small one); the later ones over
    /// 1, 2, 4 ... 90 s.
    #[must_use]
    pub const fn new(first: Duration) -> Self {
        Self { first, retries: 0 }
    }

    /// How long to wait before the next try. `random` is uniform over all of `u64`.
    pub fn next_delay(&mut self, random: u64) -> Duration {
        let scale = self.scale();
        self.retries = self.retries.saturating_add(1);
        let nanoseconds = u64::try_from(scale.as_nanos()).unwrap_or(u64::MAX);
        let share = (u128::from(nanoseconds) * u128::from(random)) >> 64;
        Duration::from_nanos(u64::try_from(share).unwrap_or(nanoseconds))
    }

    /// Tells that a connection was up for `lasted`. Only 60 s or more start the series again: a connection that is
    /// made and lost in a loop keeps slowing down.
    pub fn disconnected_after(&mut self, lasted: Duration) {
        if lasted >= STABLE {
            self.retries = 0;
        }
    }

    /// The upper bound of the next delay.
    #[must_use]
    pub fn scale(&self) -> Duration {
        match self.retries.checked_sub(1) {
            None => self.first,
            Some(doublings) => BASE
                .saturating_mul(1u32.checked_shl(doublings).unwrap_or(u32::MAX))
                .min(CAP),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_delay_lies_within_its_scale_and_the_scale_never_passes_its_bound(
            first in 0u64..120_000, randoms in proptest::collection::vec(any::<u64>(), 1..200)
        ) {
            let first = Duration::from_millis(first);
            let mut backoff = Backoff::new(first);
            for (index, random) in randoms.into_iter().enumerate() {
                let scale = backoff.scale();
                let bound = if index == 0 { first } else { CAP };
                prop_assert!(scale <= bound);
                prop_assert!(backoff.next_delay(random) <= scale);
            }
        }

        #[test]
        fn a_short_connection_does_not_start_the_series_again(
            retries in 1usize..50, lasted in 0u64..60_000
        ) {
            let mut backoff = Backoff::new(Duration::from_secs(30));
            for _ in 0..retries {
                backoff.next_delay(u64::MAX);
            }
            let before = backoff.scale();
            backoff.disconnected_after(Duration::from_millis(lasted));
            prop_assert_eq!(backoff.scale(), before);
            backoff.disconnected_after(STABLE);
            prop_assert_eq!(backoff.scale(), Duration::from_secs(30));
        }
    }

    #[test]
    fn the_scales_are_first_then_1_2_4_up_to_90_seconds() {
        let mut backoff = Backoff::new(Duration::from_secs(30));
        let scales: Vec<u64> = (0..10)
            .map(|_| {
                let scale = backoff.scale().as_secs();
                backoff.next_delay(0);
                scale
            })
            .collect();
        assert_eq!(scales, [30, 1, 2, 4, 8, 16, 32, 64, 90, 90]);
    }

    #[test]
    fn the_extremes_of_randomness_are_the_ends_of_the_range() {
        let mut backoff = Backoff::new(Duration::from_secs(30));
        assert_eq!(backoff.clone().next_delay(0), Duration::ZERO);
        let longest = backoff.next_delay(u64::MAX);
        assert!(longest > Duration::from_millis(29_999) && longest <= Duration::from_secs(30));
    }
}
