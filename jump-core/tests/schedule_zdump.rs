//! Schedules, compared minute by minute for a year with what `zdump` says about the same zones.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used
)]
// A test may start a program: this one has no other way to ask somebody else about time zones.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use jump_core::model::{Schedule, ScheduleEntry};
use jump_core::time::Timestamp;

// Without Morocco: its rules for this very year differ between releases of the time zone data.
const ZONES: [&str; 16] = [
    "Europe/Vienna",
    "Europe/Dublin",
    "America/New_York",
    "America/St_Johns",
    "America/Nuuk",
    "America/Sao_Paulo",
    "America/Santiago",
    "Africa/Cairo",
    "Asia/Jerusalem",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Antarctica/Troll",
    "Pacific/Apia",
    "Pacific/Chatham",
    "UTC",
];

/// From 2026-01-01T00:00:00Z, a year and a day.
const START: i64 = 1_767_225_600;
const MINUTES: i64 = 366 * 24 * 60;

/// Windows as minutes of the week, apart from `Schedule`.
type Windows = Vec<(i64, i64)>;

fn schedules() -> Vec<(Vec<ScheduleEntry>, Windows)> {
    let at = |day: i64, hour: i64, minute: i64| (day * 24 + hour) * 60 + minute;
    let entry = |a, b, c, d| ScheduleEntry::new(a, b, c, d).unwrap();
    let office: Vec<ScheduleEntry> = (0..5).map(|day| entry(day, "08:00", day, "17:30")).collect();
    let office_windows = (0..5).map(|day| (at(day, 8, 0), at(day, 17, 30))).collect();
    vec![
        (office, office_windows),
        // Across midnight, and across the week's end.
        (
            vec![entry(4, "22:15", 5, "06:45"), entry(6, "23:00", 0, "04:00")],
            vec![(at(4, 22, 15), at(5, 6, 45)), (at(6, 23, 0), at(7, 4, 0))],
        ),
        // Where clocks are changed: nights to Sunday and the hours around.
        (
            vec![
                entry(6, "01:30", 6, "02:10"),
                entry(6, "02:30", 6, "03:01"),
                entry(5, "23:59", 6, "00:20"),
                entry(4, "00:00", 4, "00:30"),
            ],
            vec![
                (at(6, 1, 30), at(6, 2, 10)),
                (at(6, 2, 30), at(6, 3, 1)),
                (at(5, 23, 59), at(6, 0, 20)),
                (at(4, 0, 0), at(4, 0, 30)),
            ],
        ),
        // Nearly always, with a hole in the night to Sunday; entries overlap and touch.
        (
            vec![
                entry(0, "00:00", 3, "12:00"),
                entry(3, "12:00", 6, "02:00"),
                entry(5, "00:00", 6, "01:00"),
                entry(6, "03:00", 6, "24:00"),
            ],
            vec![(0, at(6, 2, 0)), (at(6, 3, 0), at(7, 0, 0))],
        ),
    ]
}

/// The changes of a zone's offset, as (instant, seconds east of UTC from then on), from `zdump` alone.
fn offsets(zone: &str) -> Vec<(i64, i64)> {
    let output = std::process::Command::new("zdump")
        .args(["-v", "-c", "2024,2029", zone])
        .output()
        .expect("zdump is needed: install libc-bin and tzdata");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut offsets = vec![];
    for line in text.lines() {
        // `Europe/Vienna  Sun Mar 29 01:00:00 2026 UT = Sun Mar 29 03:00:00 2026 CEST isdst=1 gmtoff=7200`
        let Some((left, right)) = line.split_once(" = ") else {
            continue;
        };
        let Some(offset) = right
            .rsplit("gmtoff=")
            .next()
            .and_then(|text| text.trim().parse().ok())
        else {
            continue;
        };
        offsets.push((instant(left), offset));
    }
    if offsets.is_empty() {
        // A zone that never changes: one line says what its clocks show now, and none of these is such but UTC.
        let fixed = match zone {
            "UTC" => 0,
            "Asia/Kathmandu" => 5 * 3600 + 45 * 60,
            "Asia/Kolkata" => 5 * 3600 + 30 * 60,
            "America/Sao_Paulo" => -3 * 3600,
            "Pacific/Apia" => 13 * 3600,
            _ => panic!("zdump says nothing about {zone}"),
        };
        return vec![(i64::MIN, fixed)];
    }
    offsets.sort_unstable();
    offsets
}

/// Reads `Zone  Sun Mar 29 01:00:00 2026 UT`.
fn instant(text: &str) -> i64 {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [_, _, month, day, time, year, "UT"] = words[..] else {
        panic!("zdump wrote {text}");
    };
    let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let month = 1 + months.iter().position(|name| *name == month).unwrap() as i64;
    let (day, year): (i64, i64) = (day.parse().unwrap(), year.parse().unwrap());
    let clock: Vec<i64> = time.split(':').map(|part| part.parse().unwrap()).collect();
    // Days since 1970 in the proleptic Gregorian calendar: count in years that begin in March.
    let shifted = if month <= 2 { year - 1 } else { year };
    let days = 365 * shifted + shifted.div_euclid(4) - shifted.div_euclid(100)
        + shifted.div_euclid(400)
        + (153 * ((month + 9) % 12) + 2) / 5
        + day
        - 1
        - 719_468;
    days * 86_400 + clock[0] * 3600 + clock[1] * 60 + clock[2]
}

/// Whether the windows hold the local minute of this instant.
fn open(windows: &Windows, second: i64, offset: i64) -> bool {
    let minute = (second + offset).div_euclid(60);
    // 5 January 1970 was a Monday.
    let minute = (minute - 4 * 24 * 60).rem_euclid(7 * 24 * 60);
    windows
        .iter()
        .any(|(from, to)| (*from..*to).contains(&minute) || (*from..*to).contains(&(minute + 7 * 24 * 60)))
}

fn compare(zone: &str) {
    let offsets = offsets(zone);
    let schedules: Vec<(Schedule, Windows)> = schedules()
        .into_iter()
        .map(|(entries, windows)| (Schedule::new(zone, entries).unwrap(), windows))
        .collect();
    // The windows about the changed hour everywhere, the others by turns.
    let turn = zone.len() % 3;
    let chosen = [2, [0, 1, 3][turn]];
    for index in chosen {
        let (schedule, windows) = &schedules[index];
        let mut changes = vec![];
        let mut before = None;
        let mut transition = 0;
        for minute in 0..MINUTES {
            let second = START + minute * 60;
            while offsets.get(transition + 1).is_some_and(|(at, _)| *at <= second) {
                transition += 1;
            }
            let expected = open(windows, second, offsets[transition].1);
            let at = Timestamp::from_second(second).unwrap();
            assert_eq!(schedule.is_open(at), expected, "{zone}, schedule {index}, {at}");
            if before.is_some_and(|before| before != expected) {
                changes.push(at);
            }
            before = Some(expected);
        }
        assert!(
            changes.len() > 90,
            "{zone}, schedule {index}: {} changes",
            changes.len()
        );
        let end = Timestamp::from_second(START + (MINUTES - 1) * 60).unwrap();
        let mut at = Timestamp::from_second(START).unwrap();
        let mut found = vec![];
        while let Some(next) = schedule.next_change(at).filter(|next| *next <= end) {
            found.push(next);
            at = next;
        }
        assert_eq!(found, changes, "{zone}, schedule {index}");
    }
}

#[test]
fn every_minute_of_a_year_agrees_with_zdump_in_sixteen_zones() {
    std::thread::scope(|scope| {
        let workers: Vec<_> = ZONES
            .chunks(6)
            .map(|zones| scope.spawn(move || zones.iter().for_each(|zone| compare(zone))))
            .collect();
        for worker in workers {
            worker.join().unwrap();
        }
    });
}

#[test]
fn the_oracle_reads_dates_as_the_calendar_does() {
    assert_eq!(instant("x  Thu Jan  1 00:00:00 1970 UT"), 0);
    assert_eq!(instant("x  Thu Jan  1 00:00:00 2026 UT"), START);
    assert_eq!(instant("x  Sun Feb 29 23:59:59 2032 UT"), 1_961_711_999);
}
