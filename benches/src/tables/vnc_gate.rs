//! The same recorded stream through a plain Protocol Tunnel and through the VNC gate.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use jump_core::{Error, ErrorKind, Result};
use jump_proto_vnc::wire::{Encoding, Size};
use jump_testkit::folder::Folder;
use jump_testkit::vnc::PASSWORD;

use super::{Amount, MIB, failed, interleave};
use crate::child::Part;
use crate::report::{Goal, Section, Table};
use crate::roles::{Item, Kind};
use crate::series::Series;
use crate::site::{Gates, Site};
use crate::usage;
use crate::vnc::{LoggedIn, Maker, record};

const ALL: &str = "CPU s/GiB, all";
const JUMPOINT: &str = "Jumpoint";
const SPEED: &str = "MiB/s";
const STEPS: usize = 24;
const SIZE: Size = Size {
    width: 1920,
    height: 1080,
};
const PIECE: usize = 256 * 1024;
/// When the processes have used no time for so long, they are done with the session.
const CALM: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_secs(30);

/// What one encoding is measured as: its name, and the rows of its ways.
struct Case {
    name: &'static str,
    encoding: Encoding,
    rows: [&'static str; 4],
}

const CASES: [Case; 4] = [
    Case {
        name: "tight",
        encoding: Encoding::TIGHT,
        rows: [
            "Tight, carried",
            "Tight, tunnel",
            "Tight, gate",
            "Tight, gate, recorded",
        ],
    },
    Case {
        name: "zrle",
        encoding: Encoding::ZRLE,
        rows: [
            "ZRLE, carried",
            "ZRLE, tunnel",
            "ZRLE, gate",
            "ZRLE, gate, recorded",
        ],
    },
    Case {
        name: "hextile",
        encoding: Encoding::HEXTILE,
        rows: [
            "Hextile, carried",
            "Hextile, tunnel",
            "Hextile, gate",
            "Hextile, gate, recorded",
        ],
    },
    Case {
        name: "raw",
        encoding: Encoding::RAW,
        rows: ["Raw, carried", "Raw, tunnel", "Raw, gate", "Raw, gate, recorded"],
    },
];

/// One way to one target.
struct Run {
    name: &'static str,
    encoding: Encoding,
    entrance: SocketAddr,
    /// What the viewer gets after ServerInit.
    bytes: u64,
    /// Broker and Jumpoint.
    pids: Vec<u32>,
    jumpoint: Vec<u32>,
    rep: Part,
}

pub(crate) fn measure(amount: Amount) -> Result<Section> {
    let folder = Folder::new()?;
    let mut targets = Vec::new();
    let mut items = Vec::new();
    let mut carried = Vec::new();
    for case in &CASES {
        let recording = record(Maker::Tigervnc, SIZE, &[case.encoding], STEPS)?;
        let path = folder.join(case.name);
        recording.write(&path)?;
        let length = recording.messages.len() as u64;
        let times = amount.bytes().div_ceil(length.max(1));
        let words = [path.display().to_string(), times.to_string()];
        let mut target = Part::start("vnc-target", &words.each_ref().map(String::as_str))?;
        let address = target.hear_address()?;
        let ways = [
            (Kind::Tunnel, false),
            (Kind::Vnc(PASSWORD.to_owned()), false),
            (Kind::Vnc(PASSWORD.to_owned()), true),
        ];
        let [row, rows @ ..] = case.rows;
        carried.push(Item {
            name: row.to_owned(),
            address,
            recorded: false,
            kind: Kind::Shell(None),
        });
        for (row, (kind, recorded)) in rows.into_iter().zip(ways) {
            items.push(Item {
                name: row.to_owned(),
                address,
                recorded,
                kind,
            });
        }
        targets.push((target, length * times));
    }
    let real = Site::start(Gates::Real, false, items)?;
    let pass_through = Site::start(Gates::PassThrough, false, carried)?;
    let mut runs = Vec::new();
    for (case, (_, bytes)) in CASES.iter().zip(&targets) {
        for (name, (site, role)) in case.rows.into_iter().zip([
            (&pass_through, "rep"),
            (&real, "tunnel-rep"),
            (&real, "rep"),
            (&real, "rep"),
        ]) {
            let (rep, entrance) = site.rep(role, name)?;
            runs.push(Run {
                name,
                encoding: case.encoding,
                entrance,
                bytes: *bytes,
                pids: site.pids(),
                jumpoint: site.jumpoint(),
                rep,
            });
        }
    }

    let mut series = Series::default();
    interleave(amount.rounds, runs.len(), |place| {
        let Some(run) = runs.get(place) else { return Ok(()) };
        let mut all = run.pids.clone();
        all.push(run.rep.pid());
        let before = (usage::cpu(&all)?, usage::cpu(&run.jumpoint)?);
        let took = watch(run)?;
        calm_down(&all)?;
        let per_gib = |used: Duration| used.as_secs_f64() * (1024.0 * MIB) / run.bytes as f64;
        series.push(run.name, ALL, per_gib(usage::cpu(&all)?.saturating_sub(before.0)));
        series.push(
            run.name,
            JUMPOINT,
            per_gib(usage::cpu(&run.jumpoint)?.saturating_sub(before.1)),
        );
        series.push(run.name, SPEED, run.bytes as f64 / MIB / took.as_secs_f64());
        Ok(())
    })?;

    let names: Vec<&'static str> = CASES.iter().flat_map(|case| case.rows).collect();
    let columns = [(ALL, ALL, 2), (JUMPOINT, JUMPOINT, 2), (SPEED, SPEED, 0)];
    let goal = |case: &Case| {
        let [_, tunnel, gate, _] = case.rows;
        let what = format!("{gate} ÷ {tunnel}: {ALL}");
        Goal::at_most(1.15, what, series.ratio(gate, tunnel, ALL))
    };
    Ok(Section {
        title: "VNC gate",
        method: format!(
            "What Xtigervnc sends for the desktop of the decoders' table at 1920×1080, again and again to at least {} MiB, by a process that\n\
             lets viewers in with VNC authentication, {} rounds. *carried*: a session whose gate only carries bytes; *tunnel*: a Protocol Tunnel, and the viewer logs in itself; *gate*: a Remote\n\
             VNC, the password is injected and every message walked over; *recorded*: and kept in a sealed recording. CPU is that of rep, broker\n\
             with its relay and Jumpoint, and the Jumpoint's alone.",
            amount.mib, amount.rounds
        ),
        table: Table::of(&series, &names, &columns),
        goals: CASES.iter().map(goal).collect(),
        series,
    })
}

/// Takes everything, and hangs up.
fn watch(run: &Run) -> Result<Duration> {
    let mut viewer = LoggedIn::connect(run.entrance, &[run.encoding])?;
    let begun = Instant::now();
    viewer.ask(false)?;
    viewer.stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    let mut bytes = viewer.received.len() as u64;
    let mut piece = vec![0; PIECE];
    while bytes < run.bytes {
        let read = viewer.read(&mut piece).map_err(failed)?;
        if read == 0 {
            let message = format!("{}: {bytes} bytes came of {}", run.name, run.bytes);
            return Err(Error::new(ErrorKind::Network, "watch a recording", message));
        }
        bytes += read as u64;
    }
    Ok(begun.elapsed())
}

/// Waits until the session's end is dealt with, so that the time of all of it is accounted for.
pub(super) fn calm_down(pids: &[u32]) -> Result<()> {
    let begun = Instant::now();
    let mut used = usage::cpu(pids)?;
    while begun.elapsed() < PATIENCE {
        std::thread::sleep(CALM);
        let now = usage::cpu(pids)?;
        if now == used {
            break;
        }
        used = now;
    }
    Ok(())
}
