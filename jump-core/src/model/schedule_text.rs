//! Windows of a week as people write them.

use super::ScheduleEntry;
use crate::error::{Error, ErrorKind, Result};

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

fn wrong() -> Error {
    Error::new(
        ErrorKind::InvalidArgument,
        "read a schedule",
        "a window is such as `Mon 08:00 - Fri 18:00`, `Sat 10:00 - 14:00` or, for each day, `Mon-Fri 08:00 - 17:00`",
    )
}

/// `Mon`, `monday`: the first three letters count, the rest must be the day's.
fn day(text: &str) -> Result<u8> {
    let full = [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ];
    let text = text.to_ascii_lowercase();
    (0..)
        .zip(DAYS.iter().zip(full))
        .find(|(_, (short, long))| text == **short || text == *long)
        .map(|(number, _)| number)
        .ok_or_else(wrong)
}

impl ScheduleEntry {
    /// Reads a window of the week: from a day and time to a day and time (`Mon 08:00 - Fri 18:00`), within a day
    /// (`Sat 10:00 - 14:00`), or the same on each of several days (`Mon-Fri 08:00 - 17:00`). A window within a day whose end is
    /// not after its start ends on the next day. Days are English, in full or three letters, in any case.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for anything else.
    pub fn read(text: &str) -> Result<Vec<Self>> {
        let text = text.replace('–', "-");
        let words: Vec<&str> = text.split([' ', '-']).filter(|word| !word.is_empty()).collect();
        let is_time = |word: &str| word.contains(':');
        match words.as_slice() {
            [first, from, last, to] if is_time(from) && is_time(to) => {
                Ok(vec![Self::new(day(first)?, from, day(last)?, to)?])
            }
            [one, from, to] if is_time(from) && is_time(to) => Ok(vec![within(day(one)?, from, to)?]),
            [first, last, from, to] if is_time(from) && is_time(to) => {
                let (first, last) = (day(first)?, day(last)?);
                let count = (last + 7 - first) % 7 + 1;
                (0..count).map(|n| within((first + n) % 7, from, to)).collect()
            }
            _ => Err(wrong()),
        }
    }
}

impl ScheduleEntry {
    /// Windows as people write them, each as [`read`](Self::read) takes it: those that are the same on days that follow each
    /// other are written once, `Mon–Fri 08:00–18:00`.
    #[must_use]
    pub fn write_all(entries: &[Self]) -> Vec<String> {
        let follows = |one: &Self, next: &Self| {
            one.is_within_a_day()
                && next.is_within_a_day()
                && (one.start_time, one.end_time) == (next.start_time, next.end_time)
                && next.start_day == one.start_day + 1
        };
        entries
            .chunk_by(follows)
            .filter_map(|days| match days {
                [first, .., last] => Some(format!("{}–{last}", first.day())),
                [one] => Some(one.to_string()),
                [] => None,
            })
            .collect()
    }
}

fn within(day: u8, from: &str, to: &str) -> Result<ScheduleEntry> {
    let entry = ScheduleEntry::new(day, from, (day + 1) % 7, to)?;
    if entry.end_time > entry.start_time {
        ScheduleEntry::new(day, from, day, to)
    } else {
        Ok(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(text: &str) -> Vec<(u8, String, u8, String)> {
        ScheduleEntry::read(text)
            .unwrap()
            .iter()
            .map(|one| {
                (
                    one.start_day,
                    one.start_time.to_string(),
                    one.end_day,
                    one.end_time.to_string(),
                )
            })
            .collect()
    }

    fn entry(start_day: u8, start: &str, end_day: u8, end: &str) -> (u8, String, u8, String) {
        (start_day, start.to_owned(), end_day, end.to_owned())
    }

    #[test]
    fn windows_are_written_once_for_days_that_follow_each_other_and_read_again() {
        for (text, written) in [
            ("Mon-Fri 08:00 - 18:00", &["Mon–Fri 08:00–18:00"][..]),
            ("Mon-Tue 08:00 - 18:00", &["Mon–Tue 08:00–18:00"]),
            ("Mon 08:00 - Fri 18:00", &["Mon 08:00–Fri 18:00"]),
            ("Sat 22:00 - 06:00", &["Sat 22:00–Sun 06:00"]),
            (
                "Sat-Sun 22:00 - 06:00",
                &["Sat 22:00–Sun 06:00", "Sun 22:00–Mon 06:00"],
            ),
            (
                "Sat-Mon 08:00 - 17:00",
                &["Sat–Sun 08:00–17:00", "Mon 08:00–17:00"],
            ),
        ] {
            let windows = ScheduleEntry::read(text).unwrap();
            assert_eq!(ScheduleEntry::write_all(&windows), written);
            let again: Vec<_> = written
                .iter()
                .flat_map(|window| ScheduleEntry::read(window).unwrap())
                .collect();
            assert_eq!(again, windows);
        }
        assert!(ScheduleEntry::write_all(&[]).is_empty());
    }

    #[test]
    fn windows_are_read_as_people_write_them() {
        assert_eq!(entries("Mon 08:00 - Fri 18:00"), [entry(0, "08:00", 4, "18:00")]);
        assert_eq!(entries("sunday 22:00-mon 06:00"), [entry(6, "22:00", 0, "06:00")]);
        assert_eq!(entries("Sat 10:00–14:00"), [entry(5, "10:00", 5, "14:00")]);
        assert_eq!(entries("Sat 22:00 - 06:00"), [entry(5, "22:00", 6, "06:00")]);
        assert_eq!(entries("Sat 00:00 - 24:00"), [entry(5, "00:00", 5, "24:00")]);
        assert_eq!(
            entries("Sat-Mon 08:00 - 17:00"),
            [
                entry(5, "08:00", 5, "17:00"),
                entry(6, "08:00", 6, "17:00"),
                entry(0, "08:00", 0, "17:00")
            ]
        );
        for bad in [
            "",
            "Mon",
            "Mon 08:00",
            "Mon 8:00 - 9:00",
            "Mo 08:00 - 09:00",
            "Mon 08:00 - Fri",
            "Mon 08:00 - Fri 25:00",
            "08:00 - 17:00",
            "Mon Tue Wed 08:00 - 09:00",
        ] {
            assert!(ScheduleEntry::read(bad).is_err(), "{bad}");
        }
    }
}
