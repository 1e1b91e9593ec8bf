//! A site of a million items in SQLite: listing, searching and deciding without loading it.

use std::fs::File;
use std::path::Path;
use std::time::Instant;

use jump_core::{Error, ErrorKind, Result};
use jump_testkit::folder::Folder;
use rustix::fs::{Advice, fadvise};

use super::{Amount, interleave};
use crate::big_site::{GROUPS, ITEMS, OWN_GROUPS, POLICY_GROUPS, USERS};
use crate::child::Part;
use crate::report::{Goal, Section, Table};
use crate::roles::{Ask, Asked};
use crate::series::Series;
use crate::statistics::quantile;

const P50: &str = "p50, ms";
const P95: &str = "p95, ms";
const FOUND: &str = "items found, or allowed";
const MEMORY: &str = "memory, MiB";

/// How a question is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Put {
    /// To a fresh process, from its start to its answer; the file may be in the machine's memory.
    Cold,
    /// The same, the file's pages dropped from the machine's memory before.
    FromDisk,
    /// To a process that has the store open.
    Warm,
}

struct Candidate {
    name: &'static str,
    put: Put,
    ask: Ask,
    /// Questions in one round.
    count: usize,
}

const fn candidate(name: &'static str, put: Put, ask: Ask, count: usize) -> Candidate {
    Candidate {
        name,
        put,
        ask,
        count,
    }
}

const COLD_PAGE: &str = "cold: a user's first 100";
const COLD_ALL: &str = "cold: all of a user's items";
const DISK_ALL: &str = "from disk: all of a user's items";

const CANDIDATES: &[Candidate] = &[
    candidate(COLD_PAGE, Put::Cold, Ask::Page, 40),
    candidate(COLD_ALL, Put::Cold, Ask::All, 40),
    candidate(DISK_ALL, Put::FromDisk, Ask::All, 10),
    candidate("open: a user's first 100", Put::Warm, Ask::Page, 200),
    candidate("open: all of a user's items", Put::Warm, Ask::All, 200),
    candidate("open: search in a user's items", Put::Warm, Ask::Search, 200),
    candidate("open: the site's first 100", Put::Warm, Ask::WholePage, 50),
    candidate(
        "open: search in the site, 1 in 8",
        Put::Warm,
        Ask::WholeCommon,
        50,
    ),
    candidate(
        "open: search in the site, 1 in 1,000,000",
        Put::Warm,
        Ask::WholeRare,
        10,
    ),
    candidate("open: facts and decision, 1 item", Put::Warm, Ask::Decide, 500),
    candidate(
        "open: facts and decision, 100 items",
        Put::Warm,
        Ask::DecideMany,
        50,
    ),
];

pub(crate) fn measure(amount: Amount) -> Result<Section> {
    let folder = Folder::new()?;
    let path = folder.join("site.db");
    let text = path.to_str().ok_or_else(|| {
        Error::new(
            ErrorKind::InvalidArgument,
            "make a site",
            "the folder's name is not text",
        )
    })?;
    let begun = Instant::now();
    Part::start("store-build", &[text])?.hear()?;
    let built = begun.elapsed().as_secs_f64();
    let size = std::fs::metadata(&path)
        .map_err(|error| Error::from_io(ErrorKind::Storage, "look at the site's file", error))?
        .len();
    let mut series = Series::default();
    let mut seed = 0;
    interleave(amount.rounds, CANDIDATES.len(), |place| {
        let Some(candidate) = CANDIDATES.get(place) else {
            return Ok(());
        };
        seed += 1_000;
        let (times, items, memory) = ask(candidate, &path, text, seed)?;
        series.push(candidate.name, P50, quantile(&times, 0.5));
        series.push(candidate.name, P95, quantile(&times, 0.95));
        series.push(candidate.name, FOUND, items as f64 / times.len().max(1) as f64);
        series.push(candidate.name, MEMORY, memory as f64 / 1024.0);
        Ok(())
    })?;
    Ok(section(amount, built, size, series))
}

/// The time of each question, the number of items in all answers, and the most memory that a process had.
fn ask(candidate: &Candidate, path: &Path, text: &str, seed: u64) -> Result<(Vec<f64>, usize, u64)> {
    let question = serde_json::to_string(&candidate.ask)
        .map_err(|error| Error::new(ErrorKind::Internal, "ask a store", "no json").with_source(error))?;
    let put = |seed: u64, count: usize| -> Result<Asked> {
        let (seed, count) = (seed.to_string(), count.to_string());
        let answer = Part::start("store-ask", &[text, &question, &seed, &count])?.hear()?;
        serde_json::from_str(&answer)
            .map_err(|error| Error::new(ErrorKind::Internal, "ask a store", "bad answer").with_source(error))
    };
    if candidate.put == Put::Warm {
        // The first questions read what all the others share.
        let mut asked = put(seed, candidate.count + 5)?;
        asked.times.drain(..5);
        let share = asked.items * candidate.count / (candidate.count + 5);
        return Ok((asked.times, share, asked.memory_kib));
    }
    let (mut times, mut items, mut memory) = (Vec::new(), 0, 0);
    for number in 0..candidate.count as u64 {
        if candidate.put == Put::FromDisk {
            forget(path)?;
        }
        let begun = Instant::now();
        let asked = put(seed + number, 1)?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
        items += asked.items;
        memory = memory.max(asked.memory_kib);
    }
    Ok((times, items, memory))
}

/// Takes the file's pages from the machine's memory.
fn forget(path: &Path) -> Result<()> {
    let failed = |error: std::io::Error| Error::from_io(ErrorKind::Storage, "forget the site's file", error);
    let file = File::open(path).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    fadvise(&file, 0, None, Advice::DontNeed).map_err(|error| failed(error.into()))
}

fn section(amount: Amount, built: f64, size: u64, series: Series) -> Section {
    let names: Vec<&'static str> = CANDIDATES.iter().map(|candidate| candidate.name).collect();
    let columns = [
        (P50, P50, 2),
        (P95, P95, 2),
        (FOUND, FOUND, 0),
        (MEMORY, MEMORY, 1),
    ];
    let goals = vec![
        Goal::at_most(
            50.0,
            "ms, cold: all of a user's items, p50",
            series.spread(COLD_ALL, P50),
        ),
        Goal::at_most(
            50.0,
            "ms, cold: all of a user's items, p95",
            series.spread(COLD_ALL, P95),
        ),
    ];
    Section {
        title: "Store",
        method: format!(
            "SQLite, {ITEMS} items in {GROUPS} groups, {USERS} users, each in {OWN_GROUPS} groups by itself and in {POLICY_GROUPS} by a\n\
             group policy; a file of {:.1} GB, written in {built:.0} s. {} rounds, users and items by chance. *cold*: a fresh process, from\n\
             before its start to its answer, opening included; the file is in the machine's memory as far as it has room. *from disk*:\n\
             the same after the file's pages were dropped from there. *open*: a process that has the store open already. Nothing loads\n\
             the site. Items are read and parsed whole; pages have 100 items, *all* 1,000. The items of a group lie far apart in the file, as if\n\
             they had been added one by one over years. *facts and decision*: may this user start a session on items that it sees. The\n\
             memory is the process's (PSS).",
            size as f64 / 1e9,
            amount.rounds,
        ),
        table: Table::of(&series, &names, &columns),
        goals,
        series,
    }
}
