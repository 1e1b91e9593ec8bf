//! Memory of sessions that do nothing.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use jump_core::{Error, ErrorKind, Result};

use super::{Amount, failed};
use crate::report::{Goal, Section, Table};
use crate::roles::{Item, Kind};
use crate::series::Series;
use crate::site::{Gates, Site};
use crate::traffic::{Driver, Echo};
use crate::usage;

const FRESH: &str = "fresh, KiB";
const USED: &str = "after 64 KiB each, KiB";
const CPU: &str = "CPU, ms per s for all";
const ALL: &str = "all parts";
const RELAY: &str = "relay";
/// Sessions before those that count, for what is the same for one session and for thousands.
const FIRST: usize = 64;
/// How many are opened at the same time.
const AT_ONCE: usize = 16;
/// Until a part has given back what opening took.
const SETTLE: Duration = Duration::from_secs(1);
const WATCH: Duration = Duration::from_secs(2);
/// Rep, relay, broker, Jumpoint and this process have two descriptors per session, and some.
const FILES: usize = 500;

pub(crate) fn measure(amount: Amount, target: SocketAddr) -> Result<Section> {
    let sessions = amount.sessions.min(open_files_limit().saturating_sub(FILES) / 2);
    let mut series = Series::default();
    let mut names = Vec::new();
    for _ in 0..amount.rounds {
        names = round(sessions, target, &mut series)?;
    }
    names.push(ALL);
    let goals = vec![
        Goal::at_most(30.0, "KiB per idle session, all parts", series.spread(ALL, USED)),
        Goal::at_most(3.0, "KiB per idle session, relay", series.spread(RELAY, USED)),
    ];
    let columns = [(FRESH, FRESH, 1), (USED, USED, 1), (CPU, CPU, 1)];
    Ok(Section {
        title: "Idle sessions",
        method: format!(
            "{sessions} real sessions of one rep, which has a local port; the relay runs apart. Growth of each process's\n\
             memory (PSS) per session, before and after each session has carried 64 KiB there and back; {} rounds, each\n\
             with a fresh site. Kernel memory is not in it. The processor time is that of all the sessions together.",
            amount.rounds
        ),
        table: Table::of(&series, &names, &columns),
        goals,
        series,
    })
}

/// One site, and its parts' names.
fn round(sessions: usize, target: SocketAddr, series: &mut Series) -> Result<Vec<&'static str>> {
    let item = Item {
        name: "target".to_owned(),
        address: target,
        recorded: false,
        kind: Kind::Shell(None),
    };
    let site = Site::start(Gates::PassThrough, true, vec![item])?;
    let (rep, entrance) = site.rep("rep", "target")?;
    let parts: Vec<(&'static str, u32)> = std::iter::once(&rep)
        .chain(&site.parts)
        .map(|part| (part.name(), part.pid()))
        .collect();

    let mut open = connect(entrance, FIRST)?;
    thread::sleep(SETTLE);
    let before = memory(&parts)?;
    open.extend(connect(entrance, sessions)?);
    thread::sleep(SETTLE);
    push(series, &parts, &before, &memory(&parts)?, sessions, FRESH);

    for echo in &mut open {
        echo.block().map_err(failed)?;
    }
    thread::sleep(SETTLE);
    push(series, &parts, &before, &memory(&parts)?, sessions, USED);

    let mut sum = 0.0;
    let idle: Vec<Duration> = each_cpu(&parts)?;
    thread::sleep(WATCH);
    for (((name, _), before), after) in parts.iter().zip(idle).zip(each_cpu(&parts)?) {
        let per_second = after.saturating_sub(before).as_secs_f64() * 1e3 / WATCH.as_secs_f64();
        series.push(name, CPU, per_second);
        sum += per_second;
    }
    series.push(ALL, CPU, sum);
    Ok(parts.iter().map(|(name, _)| *name).collect())
}

fn connect(entrance: SocketAddr, sessions: usize) -> Result<Vec<Echo>> {
    let threads: Vec<_> = (0..AT_ONCE)
        .map(|number| {
            let share = sessions / AT_ONCE + usize::from(number < sessions % AT_ONCE);
            thread::spawn(move || {
                (0..share)
                    .map(|_| Driver::open(entrance).and_then(Driver::echo))
                    .collect::<std::io::Result<Vec<Echo>>>()
            })
        })
        .collect();
    let mut open = Vec::with_capacity(sessions);
    for thread in threads {
        let some = thread
            .join()
            .map_err(|_| Error::new(ErrorKind::Internal, "open sessions", "a thread failed"))?;
        open.extend(some.map_err(failed)?);
    }
    Ok(open)
}

fn memory(parts: &[(&'static str, u32)]) -> Result<Vec<u64>> {
    parts.iter().map(|(_, pid)| usage::memory_kib(*pid)).collect()
}

fn each_cpu(parts: &[(&'static str, u32)]) -> Result<Vec<Duration>> {
    parts.iter().map(|(_, pid)| usage::cpu(&[*pid])).collect()
}

fn push(
    series: &mut Series,
    parts: &[(&'static str, u32)],
    before: &[u64],
    after: &[u64],
    sessions: usize,
    measure: &'static str,
) {
    let mut sum = 0.0;
    for (((name, _), before), after) in parts.iter().zip(before).zip(after) {
        let per_session = (*after as f64 - *before as f64) / sessions as f64;
        series.push(name, measure, per_session);
        sum += per_session;
    }
    series.push(ALL, measure, sum);
}

/// The most descriptors that this process and the parts may have.
fn open_files_limit() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    limit
        .and_then(|limit| usize::try_from(limit).ok())
        .unwrap_or(usize::MAX)
}
