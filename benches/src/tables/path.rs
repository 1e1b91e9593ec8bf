//! Bulk in one stream, up and down.

use jump_core::Result;

use super::{Amount, MIB, failed, interleave};
use crate::candidates::{Candidate, HOP, OPENSSH, PATH};
use crate::report::{Goal, Section, Table};
use crate::series::Series;
use crate::traffic::Driver;

const UP_CPU: &str = "up, CPU s/GiB";
const DOWN_CPU: &str = "down, CPU s/GiB";
const UP_SPEED: &str = "up, MiB/s";
const DOWN_SPEED: &str = "down, MiB/s";
const WARM_UP: u64 = 16 << 20;

#[derive(Clone, Copy)]
enum Direction {
    Up,
    Down,
}

pub(crate) fn measure(amount: Amount, candidates: &[Candidate]) -> Result<Section> {
    for candidate in candidates {
        Driver::open(candidate.entrance)
            .and_then(|driver| driver.up(WARM_UP))
            .map_err(failed)?;
    }
    let mut series = Series::default();
    let runs: Vec<(&Candidate, Direction)> = candidates
        .iter()
        .flat_map(|candidate| [(candidate, Direction::Up), (candidate, Direction::Down)])
        .collect();
    interleave(amount.rounds, runs.len(), |place| {
        let Some((candidate, direction)) = runs.get(place) else {
            return Ok(());
        };
        let driver = Driver::open(candidate.entrance).map_err(failed)?;
        let before = candidate.cpu()?;
        let (time, speed, cpu) = match direction {
            Direction::Up => (driver.up(amount.bytes()), UP_SPEED, UP_CPU),
            Direction::Down => (driver.down(amount.bytes()), DOWN_SPEED, DOWN_CPU),
        };
        let used = candidate.cpu()?.saturating_sub(before);
        let time = time.map_err(failed)?.as_secs_f64();
        series.push(candidate.name, cpu, used.as_secs_f64() / amount.gib());
        series.push(candidate.name, speed, amount.bytes() as f64 / MIB / time);
        Ok(())
    })?;

    let names: Vec<&'static str> = candidates.iter().map(|candidate| candidate.name).collect();
    let columns = [
        (UP_CPU, UP_CPU, 2),
        (DOWN_CPU, DOWN_CPU, 2),
        (UP_SPEED, UP_SPEED, 0),
        (DOWN_SPEED, DOWN_SPEED, 0),
    ];
    let goal = |limit, below: &str, measure: &str| {
        let what = format!("{PATH} ÷ {below}: {measure}");
        Goal::at_most(limit, what, series.ratio(PATH, below, measure))
    };
    let goals = vec![
        goal(1.4, HOP, UP_CPU),
        goal(1.4, HOP, DOWN_CPU),
        goal(0.5, OPENSSH, UP_CPU),
        goal(0.5, OPENSSH, DOWN_CPU),
    ];
    Ok(Section {
        title: "Bulk",
        method: format!(
            "{} MiB in one stream, {} rounds. *{PATH}*: rep, broker with its relay, Jumpoint with a gate that adds\n\
             nothing; *{HOP}*: two processes with our TLS engine and pump; *{OPENSSH}*: the same topology as the whole\n\
             path, through an sshd, aes128-gcm.",
            amount.mib, amount.rounds
        ),
        table: Table::of(&series, &names, &columns),
        goals,
        series,
    })
}
