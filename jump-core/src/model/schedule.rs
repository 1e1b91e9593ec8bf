//! Weekly schedules: when a Jump Policy lets one in.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::zone::Zone;
use crate::error::{Error, ErrorKind, Result};
use crate::time::Timestamp;

/// Minutes of a week.
const WEEK: u16 = 7 * 24 * 60;
/// Minutes of a day.
const DAY: u16 = 24 * 60;
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

fn wrong(rule: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidArgument, "read a schedule", rule)
}

/// A weekly schedule in one time zone. What counts is what the clocks on the wall show there: a window is open at every
/// instant whose local time lies in it. Where clocks go back, the repeated hour is in the window twice or not at all;
/// where they go forward, what is skipped never is.
///
/// Written as `{"timezone": …, "entries": [{"start_day": 0, "start_time": "08:00", "end_day": 0, "end_time": "17:00"}]}`
/// with days from 0 = Monday to 6 = Sunday. A start belongs to the window, an end does not. An end before its start
/// lies in the following week; `24:00` is the end of a day; start and end may not be the same moment, so all week is
/// Monday 00:00 to Sunday 24:00. No entry means never. At most 100 entries.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Schedule(Arc<Inner>);

struct Inner {
    timezone: String,
    entries: Vec<ScheduleEntry>,
    zone: Zone,
    /// Open minutes of the week, from inclusive to exclusive, in order, apart from each other; none passes the week's end.
    open: Vec<(u16, u16)>,
}

/// One window of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleEntry {
    /// 0 = Monday to 6 = Sunday.
    pub start_day: u8,
    /// From then.
    pub start_time: TimeOfDay,
    /// 0 = Monday to 6 = Sunday.
    pub end_day: u8,
    /// Until then.
    pub end_time: TimeOfDay,
}

/// Minutes since midnight, 0..=1440, written `HH:MM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeOfDay(u16);

impl FromStr for TimeOfDay {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let two = |text: &str| {
            let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| text.parse::<u16>().ok()).flatten()
        };
        let (hours, minutes) = text
            .split_once(':')
            .and_then(|(hours, minutes)| Some((two(hours)?, two(minutes)?)))
            .ok_or_else(|| wrong("a time is HH:MM"))?;
        if minutes > 59 || hours * 60 + minutes > DAY {
            return Err(wrong("a time is 00:00 to 24:00"));
        }
        Ok(Self(hours * 60 + minutes))
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl TryFrom<String> for TimeOfDay {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> String {
        time.to_string()
    }
}

impl ScheduleEntry {
    /// From a day and time to a day and time; days are 0 = Monday to 6 = Sunday, times `HH:MM`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for a day above 6, a time out of range, or an end that is its start.
    pub fn new(start_day: u8, start_time: &str, end_day: u8, end_time: &str) -> Result<Self> {
        let entry = Self {
            start_day,
            start_time: start_time.parse()?,
            end_day,
            end_time: end_time.parse()?,
        };
        entry.minutes().map(|_| entry)
    }

    fn minutes(&self) -> Result<(u16, u16)> {
        if self.start_day > 6 || self.end_day > 6 {
            return Err(wrong("a day is 0 (Monday) to 6 (Sunday)"));
        }
        if self.start_time.0 == DAY {
            return Err(wrong("a start_time is before 24:00"));
        }
        let start = u16::from(self.start_day) * DAY + self.start_time.0;
        let end = u16::from(self.end_day) * DAY + self.end_time.0;
        if start == end {
            return Err(wrong("an entry ends at another moment than it starts"));
        }
        Ok((start, end))
    }
}

/// The first three letters of a day's name.
fn name_of(day: u8) -> &'static str {
    DAYS.get(usize::from(day)).copied().unwrap_or("?")
}

impl ScheduleEntry {
    /// The day on which it starts.
    pub(super) fn day(&self) -> &'static str {
        name_of(self.start_day)
    }

    /// Whether it ends on the day on which it starts, in the same week.
    pub(super) fn is_within_a_day(&self) -> bool {
        self.end_day == self.start_day && self.end_time > self.start_time
    }
}

impl fmt::Display for ScheduleEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}–", self.day(), self.start_time)?;
        if !self.is_within_a_day() {
            write!(f, "{} ", name_of(self.end_day))?;
        }
        write!(f, "{}", self.end_time)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    timezone: String,
    entries: Vec<ScheduleEntry>,
}

impl TryFrom<Written> for Schedule {
    type Error = Error;
    fn try_from(written: Written) -> Result<Self> {
        Self::new(&written.timezone, written.entries)
    }
}

impl From<Schedule> for Written {
    fn from(schedule: Schedule) -> Self {
        Self {
            timezone: schedule.0.timezone.clone(),
            entries: schedule.0.entries.clone(),
        }
    }
}

impl Schedule {
    /// A schedule in an IANA time zone, such as `Europe/Vienna` or `UTC`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for an unknown time zone, more than 100 entries, or an entry out of range.
    pub fn new(timezone: &str, entries: Vec<ScheduleEntry>) -> Result<Self> {
        let zone = TimeZone::get(timezone)
            .map(Zone::new)
            .map_err(|error| wrong(format!("there is no time zone `{timezone}`")).with_source(error))?;
        if entries.len() > 100 {
            return Err(wrong("a schedule has at most 100 entries"));
        }
        let mut open = Vec::with_capacity(entries.len() + 1);
        for entry in &entries {
            let (start, end) = entry.minutes()?;
            if start < end {
                open.push((start, end));
            } else {
                open.push((start, WEEK));
                if end > 0 {
                    open.push((0, end));
                }
            }
        }
        open.sort_unstable();
        let mut merged: Vec<(u16, u16)> = Vec::with_capacity(open.len());
        for (start, end) in open {
            match merged.last_mut() {
                Some(last) if start <= last.1 => last.1 = last.1.max(end),
                _ => merged.push((start, end)),
            }
        }
        Ok(Self(Arc::new(Inner {
            timezone: zone.name().unwrap_or(timezone).to_owned(),
            entries,
            zone,
            open: merged,
        })))
    }

    /// The IANA name of the time zone.
    #[must_use]
    pub fn timezone(&self) -> &str {
        &self.0.timezone
    }

    /// The windows, as given.
    #[must_use]
    pub fn entries(&self) -> &[ScheduleEntry] {
        &self.0.entries
    }

    /// Whether the schedule is open.
    #[must_use]
    pub fn is_open(&self, at: Timestamp) -> bool {
        let offset = self.0.zone.stretch(at).offset;
        self.open_at_minute(minute_of_week(offset, at.as_second()))
    }

    fn open_at_minute(&self, minute: u16) -> bool {
        self.open_until(minute).is_some()
    }

    /// The end of the window that is open at this minute, in minutes of the week.
    fn open_until(&self, minute: u16) -> Option<u16> {
        let begun = self.0.open.partition_point(|(start, _)| *start <= minute);
        let (_, end) = self.0.open.get(begun.checked_sub(1)?)?;
        Some(*end).filter(|end| minute < *end)
    }

    /// The next instant at which [`is_open`](Self::is_open) is another than at `at`; `None` if there is none.
    ///
    /// Between two changes of the zone's offset the local clock runs evenly: the next edge of a window is computed, and
    /// looked for again after each change of the offset.
    #[must_use]
    pub fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        // Without windows, or open all week, no change of the clocks makes a difference.
        if self.0.open.is_empty() || self.0.open.as_slice() == [(0, WEEK)] {
            return None;
        }
        let first = self.is_open(at);
        let mut from = at;
        // A week has an edge, and there are few changes of an offset in a week; more only where a zone is absurd.
        for _ in 0..64 {
            let stretch = self.0.zone.stretch(from);
            let minute = minute_of_week(stretch.offset, from.as_second());
            if self.open_at_minute(minute) != first {
                return Some(from);
            }
            let edge = self.next_edge(stretch.offset, from.as_second(), minute)?;
            match stretch.end {
                Some(end) if end <= edge => from = Timestamp::from_second(end).ok()?,
                _ => return Timestamp::from_second(edge).ok(),
            }
        }
        None
    }

    /// The second of the next edge after `from` if the offset stayed as it is.
    fn next_edge(&self, offset: i64, from: i64, minute: u16) -> Option<i64> {
        let first = self.0.open.first()?;
        let edge = match self.open_until(minute) {
            // A window that goes on over the week's end has no edge there.
            Some(WEEK) if first.0 == 0 => WEEK + first.1,
            Some(end) => end,
            None => {
                let begun = self.0.open.partition_point(|(start, _)| *start <= minute);
                self.0.open.get(begun).map_or(WEEK + first.0, |(start, _)| *start)
            }
        };
        // From the start of the local minute that `from` is in.
        let into = (from + offset).rem_euclid(60);
        Some(from - into + i64::from(edge - minute) * 60)
    }
}

/// The minute of the local week, from Monday 00:00. 1 January 1970 was a Thursday.
fn minute_of_week(offset: i64, second: i64) -> u16 {
    let minutes = (second + offset).div_euclid(60) + i64::from(3 * DAY);
    u16::try_from(minutes.rem_euclid(i64::from(WEEK))).unwrap_or(0)
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        self.0.timezone == other.0.timezone && self.0.entries == other.0.entries
    }
}

impl Eq for Schedule {}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Schedule({self})")
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, entry) in self.0.entries.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            entry.fmt(f)?;
        }
        if self.0.entries.is_empty() {
            f.write_str("never")?;
        }
        write!(f, " {}", self.0.timezone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn schedule(zone: &str, entries: &[(u8, &str, u8, &str)]) -> Schedule {
        let entries = entries
            .iter()
            .map(|(a, b, c, d)| ScheduleEntry::new(*a, b, *c, d).unwrap());
        Schedule::new(zone, entries.collect()).unwrap()
    }

    #[test]
    fn a_start_is_in_the_window_and_an_end_is_not() {
        let office = schedule("UTC", &[(0, "08:00", 0, "17:00")]);
        for (time, open) in [
            ("2026-11-23T07:59:59.999999999Z", false),
            ("2026-11-23T08:00:00Z", true),
            ("2026-11-23T16:59:59.999999999Z", true),
            ("2026-11-23T17:00:00Z", false),
            ("2026-11-24T09:00:00Z", false),
        ] {
            assert_eq!(office.is_open(at(time)), open, "{time}");
        }
        let middle = at("2026-11-23T12:34:56.7Z");
        assert_eq!(office.next_change(middle), Some(at("2026-11-23T17:00:00Z")));
        assert_eq!(
            office.next_change(at("2026-11-23T17:00:00Z")),
            Some(at("2026-11-30T08:00:00Z"))
        );
        assert_eq!(
            office.next_change(at("2026-11-23T07:59:59.5Z")),
            Some(at("2026-11-23T08:00:00Z"))
        );
    }

    #[test]
    fn all_week_and_never_do_not_change() {
        let now = at("2026-03-29T00:30:00Z");
        let always = schedule(
            "Europe/Vienna",
            &[(0, "00:00", 3, "12:00"), (3, "12:00", 6, "24:00")],
        );
        assert!(always.is_open(now) && always.next_change(now).is_none());
        let never = schedule("Europe/Vienna", &[]);
        assert!(!never.is_open(now) && never.next_change(now).is_none());
        assert_eq!(never.to_string(), "never Europe/Vienna");
    }

    #[test]
    fn a_window_over_the_weeks_end_is_one_window() {
        let weekend = schedule("UTC", &[(4, "18:00", 0, "06:00")]);
        let sunday = at("2026-11-22T23:59:00Z");
        assert_eq!(weekend.next_change(sunday), Some(at("2026-11-23T06:00:00Z")));
        let monday = at("2026-11-23T05:59:30Z");
        assert!(weekend.is_open(monday) && weekend.next_change(monday) == Some(at("2026-11-23T06:00:00Z")));
    }

    #[test]
    fn an_hour_that_comes_twice_is_open_twice() {
        // 25 October 2026: 03:00 CEST becomes 02:00 CET.
        let night = schedule("Europe/Vienna", &[(6, "02:15", 6, "02:45")]);
        let mut edges = vec![];
        let mut from = at("2026-10-24T12:00:00Z");
        while let Some(edge) = night
            .next_change(from)
            .filter(|edge| *edge < at("2026-10-26T00:00:00Z"))
        {
            edges.push(edge.to_string());
            from = edge;
        }
        assert_eq!(
            edges,
            [
                "2026-10-25T00:15:00Z",
                "2026-10-25T00:45:00Z",
                "2026-10-25T01:15:00Z",
                "2026-10-25T01:45:00Z"
            ]
        );
    }

    #[test]
    fn what_is_not_a_schedule_is_refused() {
        let refused = |a, b, c, d| ScheduleEntry::new(a, b, c, d).unwrap_err().context().to_owned();
        assert_eq!(
            refused(7, "08:00", 0, "09:00"),
            "a day is 0 (Monday) to 6 (Sunday)"
        );
        assert_eq!(refused(0, "8:00", 0, "09:00"), "a time is HH:MM");
        assert_eq!(refused(0, "08:00", 0, "24:01"), "a time is 00:00 to 24:00");
        assert_eq!(refused(0, "24:00", 1, "09:00"), "a start_time is before 24:00");
        assert_eq!(
            refused(0, "08:00", 0, "08:00"),
            "an entry ends at another moment than it starts"
        );
        let error = Schedule::new("Europe/Atlantis", vec![]).unwrap_err();
        assert_eq!(error.context(), "there is no time zone `Europe/Atlantis`");
        let many = vec![ScheduleEntry::new(0, "08:00", 0, "09:00").unwrap(); 101];
        assert!(Schedule::new("UTC", many).is_err());
        for json in [
            r#"{"timezone":"UTC","entries":[],"more":1}"#,
            r#"{"timezone":"UTC","entries":[{"start_day":0,"start_time":"08:00","end_day":0,"end_time":"08:00"}]}"#,
            r#"{"timezone":"UTC","entries":[{"start_day":0,"start_time":"+8:00","end_day":0,"end_time":"09:00"}]}"#,
        ] {
            assert!(serde_json::from_str::<Schedule>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn a_schedule_is_written_by_the_documented_names() {
        let json = r#"{"timezone":"Europe/Vienna","entries":[{"start_day":0,"start_time":"08:00","end_day":4,"end_time":"24:00"}]}"#;
        let read: Schedule = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), json);
        assert_eq!(read.to_string(), "Mon 08:00–Fri 24:00 Europe/Vienna");
    }

    proptest::proptest! {
        #[test]
        fn the_next_change_is_where_being_open_changes_and_order_never_matters(
            entries in proptest::collection::vec((0..7u8, 0..1440u16, 0..7u8, 0..=1440u16), 0..6),
            zone in proptest::sample::select(vec!["UTC", "Europe/Vienna", "Australia/Lord_Howe", "America/Nuuk"]),
            second in 1_767_225_600..1_798_761_600i64,
        ) {
            let entries: Vec<ScheduleEntry> = entries
                .into_iter()
                .map(|(start_day, start, end_day, end)| ScheduleEntry {
                    start_day,
                    start_time: TimeOfDay(start),
                    end_day,
                    end_time: TimeOfDay(end),
                })
                .filter(|entry| entry.minutes().is_ok())
                .collect();
            let reversed = Schedule::new(zone, entries.iter().rev().copied().collect()).unwrap();
            let schedule = Schedule::new(zone, entries).unwrap();
            let from = Timestamp::from_second(second).unwrap();
            let now = schedule.is_open(from);
            let change = schedule.next_change(from);
            proptest::prop_assert_eq!(change, reversed.next_change(from));
            // By the minute, for eight days at most.
            let minute = second - second.rem_euclid(60);
            let stepped = (1..8 * 24 * 60)
                .map(|step| Timestamp::from_second(minute + step * 60).unwrap())
                .find(|at| schedule.is_open(*at) != now);
            if let Some(stepped) = stepped {
                proptest::prop_assert_eq!(change, Some(stepped));
            }
            proptest::prop_assert_eq!(reversed.is_open(from), now);
        }
    }
}
