//! A time zone that remembers when its clocks change.

use std::sync::OnceLock;

use jiff::tz::TimeZone;

use crate::time::Timestamp;

/// Seconds of one remembered part of the time, in bits: a little more than a year.
const PART_BITS: u32 = 25;
/// The first part that is remembered begins in February 2023.
const FIRST_PART: i64 = 50;
/// The last one ends in 2065. Outside of them everything is worked out each time.
const PARTS: usize = 40;
/// Changes that are remembered of one part; only an absurd zone has more.
const CHANGES: usize = 64;

/// A time zone. Working out an offset from a rule such as "the last Sunday of March" takes longer than the rest of a
/// decision, so it is done once for each year; the answers depend on nothing but the zone and the time asked about.
pub(super) struct Zone {
    zone: TimeZone,
    parts: [OnceLock<Box<[Stretch]>>; PARTS],
}

/// A stretch of time in which a zone's clocks run evenly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    /// Seconds that local time is ahead of UTC.
    pub(super) offset: i64,
    /// The second, since 1970, at which it is over; `None` is never.
    pub(super) end: Option<i64>,
}

impl Stretch {
    fn goes_on(&self, second: i64) -> bool {
        self.end.is_none_or(|end| second < end)
    }
}

impl Zone {
    pub(super) fn new(zone: TimeZone) -> Self {
        Self {
            zone,
            parts: [const { OnceLock::new() }; PARTS],
        }
    }

    /// Its IANA name.
    pub(super) fn name(&self) -> Option<&str> {
        self.zone.iana_name()
    }

    /// The stretch that an instant lies in.
    pub(super) fn stretch(&self, at: Timestamp) -> Stretch {
        let second = at.as_second();
        let number = second >> PART_BITS;
        let part = usize::try_from(number - FIRST_PART).ok();
        part.and_then(|part| self.parts.get(part))
            .map(|part| part.get_or_init(|| self.part(number)))
            .and_then(|part| part.iter().find(|stretch| stretch.goes_on(second)))
            .map_or_else(|| self.worked_out(at), |stretch| *stretch)
    }

    /// The stretches of a part of the time, in order; the last one may go on after it.
    fn part(&self, number: i64) -> Box<[Stretch]> {
        let end = (number + 1) << PART_BITS;
        let mut stretches = Vec::new();
        let mut from = Some(number << PART_BITS);
        while let Some(at) = from.and_then(|from| Timestamp::from_second(from).ok())
            && stretches.len() < CHANGES
        {
            let stretch = self.worked_out(at);
            from = stretch.end.filter(|one| *one < end);
            stretches.push(stretch);
        }
        stretches.into()
    }

    fn worked_out(&self, at: Timestamp) -> Stretch {
        let change = self.zone.following(at).next();
        Stretch {
            offset: i64::from(self.zone.to_offset(at).seconds()),
            end: change.map(|change| change.timestamp().as_second()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_remembered_is_what_is_worked_out(
            // From 1970 to 2100: before, in and after what is remembered.
            seconds in prop::collection::vec(0i64..4_102_444_800, 1..50),
            // Two changes a year, half an hour, around Ramadan, none.
            name in prop::sample::select(vec!["Europe/Vienna", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"]),
        ) {
            let zone = Zone::new(TimeZone::get(name).unwrap());
            for second in seconds {
                let at = Timestamp::from_second(second).unwrap();
                prop_assert_eq!(zone.stretch(at), zone.worked_out(at));
                // At the change itself, and just before.
                let Some(end) = zone.stretch(at).end else { continue };
                let change = Timestamp::from_second(end).unwrap();
                prop_assert_eq!(zone.stretch(change), zone.worked_out(change));
                let before = Timestamp::new(end - 1, 999_999_999).unwrap();
                prop_assert_eq!(zone.stretch(before), zone.worked_out(before));
            }
        }
    }
}
