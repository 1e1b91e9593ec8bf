//! Schedules, minute by minute.

use jiff::tz::TimeZone;
use jump_core::model::Schedule;
use jump_core::time::{SignedDuration, Timestamp};

pub(super) fn later(start: Timestamp, by: SignedDuration) -> Timestamp {
    start.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// A day from 0 = Monday, and a minute of it.
type Clock = (i64, i64);

/// Whether the clocks on the wall show a time in one of the windows.
pub(super) fn open(schedule: &Schedule, at: Timestamp) -> bool {
    TimeZone::get(schedule.timezone()).is_ok_and(|zone| in_a_window(&windows(schedule), &zone, at))
}

fn windows(schedule: &Schedule) -> Vec<(Clock, Clock)> {
    let minutes = |time: &str| {
        let (hours, minutes) = time.split_once(':').unwrap_or_default();
        hours.parse::<i64>().unwrap_or(0) * 60 + minutes.parse::<i64>().unwrap_or(0)
    };
    let entries = schedule.entries().iter();
    entries
        .map(|entry| {
            let start = (i64::from(entry.start_day), minutes(&entry.start_time.to_string()));
            let end = (i64::from(entry.end_day), minutes(&entry.end_time.to_string()));
            (start, end)
        })
        .collect()
}

fn in_a_window(windows: &[(Clock, Clock)], zone: &TimeZone, at: Timestamp) -> bool {
    let local = zone.to_datetime(at);
    let day = i64::from(local.date().weekday().to_monday_zero_offset());
    let clock = (day, i64::from(local.hour()) * 60 + i64::from(local.minute()));
    windows.iter().any(|(start, end)| {
        if start < end {
            *start <= clock && clock < *end
        } else {
            // Over the end of the week.
            clock >= *start || clock < *end
        }
    })
}

/// When the schedule closes, looked for minute by minute; `None` if it is closed, or still open at `needless`.
pub(super) fn closes(schedule: &Schedule, now: Timestamp, needless: Timestamp) -> Option<Timestamp> {
    let zone = TimeZone::get(schedule.timezone()).ok()?;
    let windows = windows(schedule);
    if !in_a_window(&windows, &zone, now) {
        return None;
    }
    // Every zone's offset is a whole number of minutes in our days.
    let mut minute = now.as_second().div_euclid(60) * 60;
    // A week is the same as the next one but where clocks are changed: what stays open for two stays open.
    let two_weeks = minute + 14 * 24 * 60 * 60;
    loop {
        minute += 60;
        if minute > two_weeks {
            return None;
        }
        let at = Timestamp::from_second(minute).ok()?;
        if at > needless {
            return None;
        }
        if !in_a_window(&windows, &zone, at) {
            return Some(at);
        }
    }
}
