//! What is asked of the server for how fast its updates arrive.
//!
//! | rung | from, in Mbit/s | compression | JPEG quality |
//! |---|---|---|---|
//! | 0 | 40 | 1 | none: exact |
//! | 1 | 10 | 2 | 8 |
//! | 2 | 2.5 | 5 | 6 |
//! | 3 | 0.6 | 7 | 4 |
//! | 4 | 0 | 9 | 1 |
//!
//! An exact session climbs the same ladder without JPEG. A rung is left after [`PATIENCE`] measures in a row that ask for
//! another; upwards only with half as much again as it needs, so that a link at the border stays where it is.

use std::time::Duration;

use crate::wire::Encoding;

/// Updates that are shorter say more about the server than about the link.
const SMALLEST_BYTES: u64 = 16 * 1024;
/// Measures in a row before a rung is left.
const PATIENCE: u8 = 3;

#[derive(Debug)]
struct Rung {
    /// The least speed in bits a second.
    from: u64,
    compression: u8,
    quality: Option<u8>,
}

const LADDER: [Rung; 5] = [
    Rung {
        from: 40_000_000,
        compression: 1,
        quality: None,
    },
    Rung {
        from: 10_000_000,
        compression: 2,
        quality: Some(8),
    },
    Rung {
        from: 2_500_000,
        compression: 5,
        quality: Some(6),
    },
    Rung {
        from: 600_000,
        compression: 7,
        quality: Some(4),
    },
    Rung {
        from: 0,
        compression: 9,
        quality: Some(1),
    },
];

/// Where on the ladder a session is.
#[derive(Debug)]
pub(super) struct Pace {
    lossless: bool,
    rung: usize,
    wanted: usize,
    in_a_row: u8,
}

impl Pace {
    /// At the top: the first update is exact, and measures the link.
    pub(super) const fn new(lossless: bool) -> Self {
        Self {
            lossless,
            rung: 0,
            wanted: 0,
            in_a_row: 0,
        }
    }

    /// Notes an update of so many bytes that took so long to arrive, without the time in which nobody read; whether
    /// [`encodings`](Self::encodings) are others from here on, and whether what is on the screen was less exact.
    pub(super) fn measure(&mut self, bytes: u64, took: Duration) -> Option<Step> {
        if bytes < SMALLEST_BYTES {
            return None;
        }
        let nanos = took.as_nanos().max(1);
        let speed = u64::try_from(u128::from(bytes) * 8 * 1_000_000_000 / nanos).unwrap_or(u64::MAX);
        let fits = |rung: &Rung, place: usize| {
            let needs = if place < self.rung {
                rung.from.saturating_mul(3) / 2
            } else {
                rung.from
            };
            speed >= needs
        };
        let wanted = LADDER
            .iter()
            .enumerate()
            .find(|(place, rung)| fits(rung, *place))
            .map_or(LADDER.len() - 1, |(place, _)| place);
        self.in_a_row = if wanted == self.rung {
            0
        } else if self.in_a_row > 0 && (wanted < self.rung) == (self.wanted < self.rung) {
            self.in_a_row + 1
        } else {
            1
        };
        self.wanted = wanted;
        if self.in_a_row < PATIENCE {
            return None;
        }
        self.in_a_row = 0;
        let step = if wanted < self.rung && !self.lossless {
            Step::Finer
        } else {
            Step::Other
        };
        self.rung = wanted;
        Some(step)
    }

    /// What to announce now, best first.
    pub(super) fn encodings(&self) -> impl Iterator<Item = Encoding> + use<> {
        let rung = LADDER.get(self.rung);
        let quality = rung
            .and_then(|rung| rung.quality)
            .filter(|_| !self.lossless)
            .map(Encoding::jpeg_quality);
        rung.map(|rung| Encoding::compression(rung.compression))
            .into_iter()
            .chain(quality)
    }
}

/// A move on the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// What is on the screen stays as good as what will come.
    Other,
    /// What is on the screen is worse than what will come: it is to be asked for again.
    Finer,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An update of 100 kB at so many kbit/s.
    fn at(pace: &mut Pace, kbits: u64) -> Option<Step> {
        pace.measure(100_000, Duration::from_micros(800_000_000 / kbits))
    }

    fn asked(pace: &Pace) -> Vec<i32> {
        pace.encodings().map(|encoding| encoding.0).collect()
    }

    #[test]
    fn a_slow_link_gets_jpeg_after_three_updates_and_a_fast_one_exact_pixels_again() {
        let mut pace = Pace::new(false);
        assert_eq!(asked(&pace), [-255]);
        assert_eq!([at(&mut pace, 1000), at(&mut pace, 1000)], [None, None]);
        assert_eq!(at(&mut pace, 1000), Some(Step::Other));
        assert_eq!(asked(&pace), [-249, -28]);
        for _ in 0..2 {
            assert_eq!(at(&mut pace, 500_000), None);
        }
        assert_eq!(at(&mut pace, 500_000), Some(Step::Finer));
        assert_eq!(asked(&pace), [-255]);
    }

    #[test]
    fn a_link_at_the_border_and_small_updates_change_nothing() {
        let mut pace = Pace::new(false);
        for _ in 0..3 {
            at(&mut pace, 9_900);
        }
        let before = asked(&pace);
        for _ in 0..9 {
            assert_eq!(at(&mut pace, 10_100), None);
            assert_eq!(at(&mut pace, 9_900), None);
            assert_eq!(pace.measure(900, Duration::from_secs(9)), None);
        }
        assert_eq!(asked(&pace), before);
    }

    #[test]
    fn an_exact_session_never_asks_for_jpeg_and_never_for_what_it_has() {
        let mut pace = Pace::new(true);
        for kbits in [900_000, 20_000, 3_000, 700, 1, 700, 3_000, 20_000, 900_000] {
            for _ in 0..3 {
                assert_ne!(at(&mut pace, kbits), Some(Step::Finer));
            }
            let asked = asked(&pace);
            assert!(
                asked.iter().all(|encoding| (-255..=-247).contains(encoding)),
                "{asked:?}"
            );
        }
    }
}
