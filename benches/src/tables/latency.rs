//! Small messages there and back, alone and beside a bulk stream.

use std::thread;
use std::time::Duration;

use jump_core::{Error, ErrorKind, Result};

use super::{Amount, failed, interleave};
use crate::candidates::{Candidate, HOP, OPENSSH, PATH};
use crate::report::{Goal, Section, Table};
use crate::series::Series;
use crate::statistics::quantile;
use crate::traffic::Driver;

const ALONE_P50: &str = "alone, p50 µs";
const ALONE_P99: &str = "alone, p99 µs";
const BESIDE_P50: &str = "beside bulk, p50 µs";
const BESIDE_P99: &str = "beside bulk, p99 µs";
const DURING: Duration = Duration::from_secs(1);
/// Between two messages beside bulk, as an interactive user has.
const PAUSE: Duration = Duration::from_millis(1);
const WARM_UP: Duration = Duration::from_millis(50);
/// More than any candidate moves while messages are measured.
const ENDLESS: u64 = 1 << 40;

pub(crate) fn measure(amount: Amount, candidates: &[Candidate]) -> Result<Section> {
    let mut series = Series::default();
    interleave(amount.rounds, candidates.len(), |place| {
        let Some(candidate) = candidates.get(place) else {
            return Ok(());
        };
        let mut echo = open(candidate)?;
        let alone = echo.pings(DURING, Duration::ZERO).map_err(failed)?;
        push(&mut series, candidate, &alone, ALONE_P50, ALONE_P99);

        let bulk = Driver::open(candidate.entrance).map_err(failed)?;
        let stop = bulk.stop_handle().map_err(failed)?;
        // Ends with an error, because it is hung up on.
        let busy = thread::spawn(move || bulk.down(ENDLESS));
        let beside = echo.pings(DURING, PAUSE);
        if busy.is_finished() {
            let message = format!("the bulk stream of {} ended early", candidate.name);
            return Err(Error::new(ErrorKind::Network, "measure latency", message));
        }
        stop.stop().map_err(failed)?;
        let _ = busy.join();
        push(
            &mut series,
            candidate,
            &beside.map_err(failed)?,
            BESIDE_P50,
            BESIDE_P99,
        );
        Ok(())
    })?;

    let names: Vec<&'static str> = candidates.iter().map(|candidate| candidate.name).collect();
    let columns = [ALONE_P50, ALONE_P99, BESIDE_P50, BESIDE_P99].map(|measure| (measure, measure, 0));
    let goals = vec![
        Goal::at_most(
            1.5,
            format!("{PATH} ÷ {HOP}: {ALONE_P50}"),
            series.ratio(PATH, HOP, ALONE_P50),
        ),
        Goal::at_most(
            0.3,
            format!("{PATH} ÷ {OPENSSH}: {BESIDE_P50}"),
            series.ratio(PATH, OPENSSH, BESIDE_P50),
        ),
    ];
    Ok(Section {
        title: "Latency",
        method: format!(
            "64 bytes there and back, one at a time for {} s, {} rounds; *beside bulk*: one message each millisecond\n\
             while another connection of the same candidate downloads as fast as it can.",
            DURING.as_secs(),
            amount.rounds
        ),
        table: Table::of(&series, &names, &columns),
        goals,
        series,
    })
}

fn open(candidate: &Candidate) -> Result<crate::traffic::Echo> {
    let mut echo = Driver::open(candidate.entrance)
        .and_then(Driver::echo)
        .map_err(failed)?;
    echo.pings(WARM_UP, Duration::ZERO).map_err(failed)?;
    Ok(echo)
}

fn push(
    series: &mut Series,
    candidate: &Candidate,
    times: &[Duration],
    p50: &'static str,
    p99: &'static str,
) {
    let micros: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1e6).collect();
    series.push(candidate.name, p50, quantile(&micros, 0.5));
    series.push(candidate.name, p99, quantile(&micros, 0.99));
}
