//! What C and Python cost over Rust; and the package for Python beside asyncssh and paramiko.

use std::net::SocketAddr;

use jump_core::{Error, ErrorKind, Result};
use jump_proto_vnc::wire::{Encoding, Size};
use jump_testkit::folder::Folder;
use jump_testkit::seeded::Seeded;
use jump_testkit::vnc::PASSWORD;

use super::{Amount, interleave};
use crate::arguments::Subject;
use crate::child::Part;
use crate::decisions::facts::{Facts, Size as SiteSize};
use crate::decisions::world::{Rules, changes};
use crate::drivers::{Driver, Workshop};
use crate::openssh::Server;
use crate::report::{Goal, Section, Table};
use crate::roles::{Item, Kind};
use crate::series::Series;
use crate::site::{Gates, Site};
use crate::vnc::{Maker, record};

const SIZE: Size = Size {
    width: 1920,
    height: 1080,
};
const FRAMES: u64 = 5_000;
const DECISIONS: u64 = 5_000;
const COLD: u64 = 20;
const PIECE: usize = 1 << 20;
const RUST: &str = "Rust";
const C: &str = "C";
const SYNC: &str = "Python, blocking";
const ASYNCIO: &str = "Python, asyncio";
const ASYNCSSH: &str = "asyncssh";
const PARAMIKO: &str = "paramiko";

/// Something that is measured: its heading, its wall and CPU columns.
struct Task {
    order: String,
    wall: &'static str,
    cpu: &'static str,
    /// What a second has to be divided by.
    per: f64,
}

fn task(order: String, wall: &'static str, cpu: &'static str, per: f64) -> Task {
    Task {
        order,
        wall,
        cpu,
        per,
    }
}

fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Internal, "measure the bindings", "it failed").with_source(error)
}

/// Everything that the drivers reach.
struct Stage {
    workshop: Workshop,
    server: Server,
    _site: Site,
    _screen: Part,
    _folder: Folder,
}

fn stage(target: SocketAddr) -> Result<Stage> {
    let folder = Folder::new()?;
    let picture = folder.join("screen");
    record(Maker::Tigervnc, SIZE, &[Encoding::TIGHT], 1)?.write(&picture)?;
    let mut screen = Part::start("vnc-target", &[&picture.display().to_string(), "1"])?;
    let server = Server::start()?;
    let item = |name: &str, address, recorded, kind| Item {
        name: name.to_owned(),
        address,
        recorded,
        kind,
    };
    let account = server.account();
    let shell = || Kind::Shell(Some(account.clone()));
    let items = vec![
        item("tunnel", target, false, Kind::Tunnel),
        item(
            "screen",
            screen.hear_address()?,
            false,
            Kind::Vnc(PASSWORD.to_owned()),
        ),
        item("unrecorded", account.address, false, shell()),
        item("recorded", account.address, true, shell()),
    ];
    let site = Site::start(Gates::Real, false, items)?;
    let facts = Facts::new(
        SiteSize {
            users: 100,
            items: 1_000,
        },
        1,
    );
    let world = serde_json::to_string(&changes(&facts, Rules::Common)?).map_err(internal)?;
    let workshop = Workshop::open(&site, &world, target.port())?;
    Ok(Stage {
        workshop,
        server,
        _site: site,
        _screen: screen,
        _folder: folder,
    })
}

/// Has every driver do every task once in each round, a task's drivers side by side.
fn drive(rounds: usize, drivers: &mut [Driver], tasks: &[Task]) -> Result<Series> {
    let mut series = Series::default();
    let places = drivers.len();
    // Nothing of a first time is counted: caches, files, pages.
    for task in tasks {
        for driver in drivers.iter_mut() {
            driver.order(&task.order)?;
        }
    }
    for _ in 0..rounds {
        for task in tasks {
            interleave(1, places, |place| {
                let Some(driver) = drivers.get_mut(place) else {
                    return Ok(());
                };
                let took = driver.order(&task.order)?;
                series.push(driver.name, task.wall, took.wall / task.per);
                series.push(driver.name, task.cpu, took.cpu / task.per);
                Ok(())
            })?;
        }
    }
    Ok(series)
}

pub(crate) fn measure(subject: Subject, amount: Amount, target: SocketAddr) -> Result<Vec<Section>> {
    let stage = stage(target)?;
    let mut sections = Vec::new();
    if subject.includes(Subject::Bindings) {
        sections.push(bindings(&stage, amount)?);
    }
    if subject.includes(Subject::Libraries) {
        sections.push(libraries(&stage, amount)?);
    }
    Ok(sections)
}

fn bindings(stage: &Stage, amount: Amount) -> Result<Section> {
    const DOWN: &str = "down, s/GiB";
    const UP: &str = "up, s/GiB";
    const FRAME: &str = "frame, µs";
    const DECISION: &str = "decision, µs";
    let gib = amount.gib();
    let micros = |count: u64| count as f64 / 1e6;
    let tasks = [
        task(format!("down {}", amount.bytes()), DOWN, "down, CPU s/GiB", gib),
        task(format!("up {}", amount.bytes()), UP, "up, CPU s/GiB", gib),
        task(format!("frames {FRAMES}"), FRAME, "frame, CPU µs", micros(FRAMES)),
        task(
            format!("decide {DECISIONS}"),
            DECISION,
            "decision, CPU µs",
            micros(DECISIONS),
        ),
    ];
    let workshop = &stage.workshop;
    let mut drivers = [
        workshop.rust()?,
        workshop.c()?,
        workshop.python(SYNC, "sync")?,
        workshop.python(ASYNCIO, "asyncio")?,
    ];
    let series = drive(amount.rounds, &mut drivers, &tasks)?;
    let mut goals = Vec::new();
    for (limit, driver) in [(1.03, C), (1.10, SYNC), (1.10, ASYNCIO)] {
        for task in tasks.iter().take(2) {
            let what = format!("{driver} ÷ {RUST}: {}", task.wall);
            goals.push(Goal::at_most(limit, what, series.ratio(driver, RUST, task.wall)));
        }
    }
    let columns: Vec<(&'static str, &str, usize)> = tasks
        .iter()
        .flat_map(|task| [(task.wall, task.wall, 2), (task.cpu, task.cpu, 2)])
        .collect();
    Ok(Section {
        title: "C and Python",
        method: format!(
            "Programs in Rust, C and Python with sessions through the same site, {} rounds; in each, every program does every task once, a task's\n\
             programs one after the other in shuffled order. *down*, *up*: {} MiB through a stream of a tunnel session, in pieces of 256 KiB.\n\
             *frame*: the picture of a screen of 1920×1080 (8 MB) is locked, one pixel looked at, and let go, {FRAMES} times. *decision*: one question\n\
             by names on a site of 100 users and 1,000 items, {DECISIONS} times; C and Python ask and are answered in JSON, with every reason.\n\
             CPU is the program's own.",
            amount.rounds, amount.mib
        ),
        table: Table::of(&series, &[RUST, C, SYNC, ASYNCIO], &columns),
        goals,
        series,
    })
}

fn libraries(stage: &Stage, amount: Amount) -> Result<Section> {
    const COMMANDS: &str = "commands, s";
    const COLD_RUN: &str = "command in its own session, ms";
    const FILE: &str = "1 GiB, s";
    let account = stage.server.account();
    let file = account.folder.join("gib");
    write_file(&file, amount.mib)?;
    let place = file.display();
    let count = amount.commands;
    let gib = amount.gib();
    let own = |recorded: bool| {
        let (commands, download) = if recorded {
            ("recorded", "filmed")
        } else {
            ("commands", "file")
        };
        [
            task(format!("{commands} {count}"), COMMANDS, "commands, CPU s", 1.0),
            task(
                format!("cold {COLD}"),
                COLD_RUN,
                "the same, CPU ms",
                COLD as f64 / 1e3,
            ),
            task(format!("{download} {place}"), FILE, "1 GiB, CPU s", gib),
        ]
    };
    let workshop = &stage.workshop;
    // Each row is a program and what it is told.
    let mut rows = [
        (workshop.python("jump", "asyncio")?, own(false)),
        (workshop.python("jump.sync", "sync")?, own(false)),
        (workshop.python("jump, recorded", "asyncio")?, own(true)),
        (workshop.python("jump.sync, recorded", "sync")?, own(true)),
        (workshop.peer(ASYNCSSH, account)?, own(false)),
        (workshop.peer(PARAMIKO, account)?, own(false)),
    ];
    let mut series = Series::default();
    let (places, tasks) = (rows.len(), own(false).len());
    for round in 0..=amount.rounds {
        for number in 0..tasks {
            interleave(1, places, |place| {
                let Some((driver, tasks)) = rows.get_mut(place) else {
                    return Ok(());
                };
                let Some(task) = tasks.get(number) else {
                    return Ok(());
                };
                // Who never waits for the disk would leave that to the next one.
                rustix::fs::sync();
                let took = driver.order(&task.order)?;
                // The first round is not counted.
                if round > 0 {
                    series.push(driver.name, task.wall, took.wall / task.per);
                    series.push(driver.name, task.cpu, took.cpu / task.per);
                }
                Ok(())
            })?;
        }
    }
    let mut goals = Vec::new();
    for (ours, theirs) in [
        ("jump", ASYNCSSH),
        ("jump.sync", PARAMIKO),
        ("jump, recorded", ASYNCSSH),
        ("jump.sync, recorded", PARAMIKO),
    ] {
        for measure in [COMMANDS, FILE] {
            let what = format!("{theirs} ÷ {ours}: {measure}");
            goals.push(Goal::at_least(1.0, what, series.ratio(theirs, ours, measure)));
        }
    }
    let columns: Vec<(&'static str, &str, usize)> = own(false)
        .iter()
        .zip([1, 1, 2])
        .flat_map(|(task, digits)| [(task.wall, task.wall, digits), (task.cpu, task.cpu, digits)])
        .collect();
    let names: Vec<&'static str> = rows.iter().map(|(driver, _)| driver.name).collect();
    Ok(Section {
        title: "Python libraries",
        method: format!(
            "One program with one session runs `true` {count} times, one after the other; {COLD} times it connects, logs in, runs it and leaves; and it\n\
             gets a file of {} MiB by SFTP; before each of these all that was written has been brought to the disk. {} rounds after one that is not counted. *jump*\n\
             goes through a whole site: rep, broker with its relay, Jumpoint with the gate, sshd, with and without a recording of the session (the command in\n\
             its own session is recorded in every row of ours); *asyncssh* and *paramiko* connect to the same sshd directly. All use the same key, ours at the\n\
             Jumpoint. CPU is the program's own, without sshd and site.",
            amount.mib, amount.rounds
        ),
        table: Table::of(&series, &names, &columns),
        goals,
        series,
    })
}

fn write_file(path: &std::path::Path, mib: u64) -> Result<()> {
    use std::io::Write;
    let failed = |error| Error::from_io(ErrorKind::Storage, "write the file", error);
    let piece = Seeded::new(1).bytes(PIECE);
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).map_err(failed)?);
    for _ in 0..mib {
        file.write_all(&piece).map_err(failed)?;
    }
    file.flush().map_err(failed)
}
