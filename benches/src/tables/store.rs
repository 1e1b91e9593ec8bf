//! A site of a million items in SQLite and in PostgreSQL: listing, searching and deciding without loading it.

use std::fs::File;
use std::path::PathBuf;
use std::time::Instant;

use jump_core::{Error, ErrorKind, Result};
use jump_testkit::folder::Folder;
use jump_testkit::postgres::Postgres;
use rustix::fs::{Advice, fadvise};
use tokio::runtime::Runtime;

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
    /// To a fresh process, from its start to its answer; the site may be in the machine's memory.
    Cold,
    /// The same, the site dropped from the machine's memory before.
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

/// Where the site is.
enum Place {
    File(PathBuf),
    Server(Box<Server>),
}

struct Server {
    database: Postgres,
    runtime: Runtime,
}

impl Place {
    /// As the other processes are told.
    fn address(&self) -> String {
        match self {
            Place::File(path) => path.display().to_string(),
            Place::Server(server) => server.database.socket_address(),
        }
    }

    /// Its size in bytes.
    fn size(&self) -> Result<u64> {
        let mut size = 0;
        for path in self.files()? {
            size += std::fs::metadata(&path).map_err(looking)?.len();
        }
        Ok(size)
    }

    fn files(&self) -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        let mut folders = match self {
            Place::File(path) => return Ok(vec![path.clone()]),
            Place::Server(server) => vec![server.database.data().join("base")],
        };
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).map_err(looking)? {
                let path = entry.map_err(looking)?.path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.push(path);
                }
            }
        }
        Ok(found)
    }

    /// Waits until the disk has what was written, so that no question waits for that.
    fn flush(&self) -> Result<()> {
        for path in self.files()? {
            File::open(path)
                .and_then(|file| file.sync_all())
                .map_err(looking)?;
        }
        Ok(())
    }

    /// Takes what is stored from the machine's memory, and from the server's.
    fn forget(&mut self) -> Result<()> {
        if let Place::Server(server) = self {
            server.runtime.block_on(server.database.stop_fast())?;
        }
        for path in self.files()? {
            let file = File::open(path).map_err(looking)?;
            file.sync_all().map_err(looking)?;
            fadvise(&file, 0, None, Advice::DontNeed).map_err(|error| looking(error.into()))?;
        }
        if let Place::Server(server) = self {
            server.runtime.block_on(server.database.start_again())?;
        }
        Ok(())
    }
}

fn looking(error: std::io::Error) -> Error {
    Error::from_io(ErrorKind::Storage, "look at the site's files", error)
}

/// The site in SQLite.
pub(crate) fn measure(amount: Amount) -> Result<Section> {
    let folder = Folder::new()?;
    measure_in("SQLite", amount, Place::File(folder.join("site.db")))
}

/// The site in PostgreSQL.
pub(crate) fn measure_postgres(amount: Amount) -> Result<Section> {
    let runtime = Runtime::new().map_err(looking)?;
    // What a small server has by default, but for waiting for the disk when the site is written.
    let settings = Postgres::builder()
        .setting("shared_buffers=128MB")
        .setting("max_wal_size=256MB");
    let database = runtime.block_on(settings.start())?;
    measure_in(
        "PostgreSQL",
        amount,
        Place::Server(Box::new(Server { database, runtime })),
    )
}

fn measure_in(engine: &'static str, amount: Amount, mut place: Place) -> Result<Section> {
    let begun = Instant::now();
    Part::start("store-build", &[&place.address()])?.hear()?;
    let built = begun.elapsed().as_secs_f64();
    if let Place::Server(server) = &place {
        // As the server does by itself some time later.
        for command in ["VACUUM ANALYZE", "CHECKPOINT"] {
            server.runtime.block_on(server.database.run(command))?;
        }
    }
    place.flush()?;
    let size = place.size()?;
    let mut series = Series::default();
    let mut seed = 0;
    interleave(amount.rounds, CANDIDATES.len(), |number| {
        let Some(candidate) = CANDIDATES.get(number) else {
            return Ok(());
        };
        seed += 1_000;
        let (times, items, memory) = ask(candidate, &mut place, seed)?;
        series.push(candidate.name, P50, quantile(&times, 0.5));
        series.push(candidate.name, P95, quantile(&times, 0.95));
        series.push(candidate.name, FOUND, items as f64 / times.len().max(1) as f64);
        series.push(candidate.name, MEMORY, memory as f64 / 1024.0);
        Ok(())
    })?;
    Ok(section(engine, amount, built, size, series))
}

/// The time of each question, the number of items in all answers, and the most memory that a process had.
fn ask(candidate: &Candidate, place: &mut Place, seed: u64) -> Result<(Vec<f64>, usize, u64)> {
    let question = serde_json::to_string(&candidate.ask)
        .map_err(|error| Error::new(ErrorKind::Internal, "ask a store", "no json").with_source(error))?;
    let text = place.address();
    let put = |seed: u64, count: usize| -> Result<Asked> {
        let (seed, count) = (seed.to_string(), count.to_string());
        let answer = Part::start("store-ask", &[&text, &question, &seed, &count])?.hear()?;
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
            place.forget()?;
        }
        let begun = Instant::now();
        let asked = put(seed + number, 1)?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
        items += asked.items;
        memory = memory.max(asked.memory_kib);
    }
    Ok((times, items, memory))
}

fn section(engine: &'static str, amount: Amount, built: f64, size: u64, series: Series) -> Section {
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
        title: match engine {
            "SQLite" => "Store",
            _ => "Store: PostgreSQL",
        },
        method: format!(
            "{engine}, {ITEMS} items in {GROUPS} groups, {USERS} users, each in {OWN_GROUPS} groups by itself and in {POLICY_GROUPS} by a\n\
             group policy; {:.1} GB, written in {built:.0} s. {} rounds, users and items by chance. *cold*: a fresh process, from\n\
             before its start to its answer, opening included; the site is in the machine's memory as far as it has room. *from disk*:\n\
             the same after it was dropped from there, and a server was started again. *open*: a process that has the store open already. Nothing loads\n\
             the site. Items are read and parsed whole; pages have 100 items, *all* 1,000. The items of a group lie far apart, as if\n\
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
