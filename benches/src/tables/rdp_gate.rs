//! The same recorded stream through a plain Protocol Tunnel and through the RDP gate.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use jump_core::{Error, ErrorKind, Result};
use jump_testkit::folder::Folder;
use jump_testkit::rdp::{PASSWORD, USER};

use super::vnc_gate::calm_down;
use super::{Amount, MIB, interleave};
use crate::child::Part;
use crate::rdp::{Codecs, Encryption, Maker, Recording, Size, graphics, record};
use crate::report::{Goal, Section, Table};
use crate::roles::{Item, Kind};
use crate::series::Series;
use crate::site::{Gates, Site};
use crate::usage;

const ALL: &str = "CPU s/GiB, all";
const WITH_CLIENT: &str = "with the client's TLS";
const JUMPOINT: &str = "Jumpoint";
const SPEED: &str = "MiB/s";
const MEMORY: &str = "Jumpoint, MiB more";
/// Sessions at once whose memory is measured.
const HELD: usize = 16;
const STEPS: usize = 24;
const SIZE: Size = Size {
    width: 1920,
    height: 1080,
};

/// What one stream is measured as.
struct Case {
    file: &'static str,
    codecs: Codecs,
    /// Its ways.
    rows: [&'static str; 4],
}

const CASES: [Case; 2] = [
    Case {
        file: "bitmaps",
        codecs: Codecs::Bitmaps,
        rows: [
            "bitmaps, tunnel",
            "bitmaps, gate, jump's client",
            "bitmaps, gate, native client",
            "bitmaps, gate, recorded",
        ],
    },
    Case {
        file: "remotefx",
        codecs: Codecs::All,
        rows: [
            "RemoteFX, tunnel",
            "RemoteFX, gate, jump's client",
            "RemoteFX, gate, native client",
            "RemoteFX, gate, recorded",
        ],
    },
];

/// One way to one target.
struct Run<'a> {
    name: &'static str,
    encryption: Encryption,
    entrance: SocketAddr,
    recording: &'a Recording,
    /// What the client gets after the handshake.
    bytes: u64,
    /// Broker, Jumpoint and rep.
    pids: Vec<u32>,
    jumpoint: Vec<u32>,
    _rep: Part,
}

/// What each of [`HELD`] sessions with all buffers full adds to the Jumpoint's memory, in MiB.
fn memory(run: &Run<'_>, jumpoint: u32) -> Result<f64> {
    let before = usage::memory_kib(jumpoint)?;
    let once = run.recording.graphics.len() as u64;
    let mut held = Vec::new();
    for _ in 0..HELD {
        held.push(graphics(run.entrance, run.recording, run.encryption, once)?);
    }
    calm_down(&run.pids)?;
    let grown = usage::memory_kib(jumpoint)?.saturating_sub(before);
    drop(held);
    calm_down(&run.pids)?;
    Ok(grown as f64 / 1024.0 / HELD as f64)
}

pub(crate) fn measure(amount: Amount) -> Result<Section> {
    let folder = Folder::new()?;
    let mut targets = Vec::new();
    let mut items = Vec::new();
    for case in &CASES {
        let recording = record(Maker::Xrdp, SIZE, case.codecs, STEPS)?;
        let path = folder.join(case.file);
        recording.write(&path)?;
        let length = recording.graphics.len() as u64;
        let times = amount.bytes().div_ceil(length.max(1));
        let words = [path.display().to_string(), times.to_string()];
        let mut target = Part::start("rdp-target", &words.each_ref().map(String::as_str))?;
        let address = target.hear_address()?;
        let rdp = || Kind::Rdp(USER.to_owned(), PASSWORD.to_owned());
        let ways = [
            (Kind::Tunnel, false),
            (rdp(), false),
            (rdp(), false),
            (rdp(), true),
        ];
        for (row, (kind, recorded)) in case.rows.into_iter().zip(ways) {
            items.push(Item {
                name: row.to_owned(),
                address,
                recorded,
                kind,
            });
        }
        targets.push((target, recording, length * times));
    }
    let site = Site::start(Gates::Real, false, items)?;
    let mut runs = Vec::new();
    for (case, (_, recording, bytes)) in CASES.iter().zip(&targets) {
        for (name, (role, encryption)) in case.rows.into_iter().zip([
            ("tunnel-rep", Encryption::Tls),
            ("rep", Encryption::Inner),
            ("rep", Encryption::Tls),
            ("rep", Encryption::Tls),
        ]) {
            let (rep, entrance) = site.rep(role, name)?;
            let mut pids = site.pids();
            pids.push(rep.pid());
            runs.push(Run {
                name,
                encryption,
                entrance,
                recording,
                bytes: *bytes,
                pids,
                jumpoint: site.jumpoint(),
                _rep: rep,
            });
        }
    }

    let mut series = Series::default();
    interleave(amount.rounds, runs.len(), |place| {
        let Some(run) = runs.get(place) else { return Ok(()) };
        let before = (
            usage::cpu(&run.pids)?,
            usage::cpu(&run.jumpoint)?,
            usage::own_cpu(),
        );
        let begun = Instant::now();
        drop(graphics(run.entrance, run.recording, run.encryption, run.bytes)?);
        let (took, client) = (begun.elapsed(), usage::own_cpu().saturating_sub(before.2));
        calm_down(&run.pids)?;
        let per_gib = |used: Duration| used.as_secs_f64() * (1024.0 * MIB) / run.bytes as f64;
        let all = usage::cpu(&run.pids)?.saturating_sub(before.0);
        series.push(run.name, ALL, per_gib(all));
        series.push(run.name, WITH_CLIENT, per_gib(all + client));
        let jumpoint = usage::cpu(&run.jumpoint)?.saturating_sub(before.1);
        series.push(run.name, JUMPOINT, per_gib(jumpoint));
        series.push(run.name, SPEED, run.bytes as f64 / MIB / took.as_secs_f64());
        Ok(())
    })?;
    let [jumpoint] = site.jumpoint()[..] else {
        return Err(Error::new(
            ErrorKind::Internal,
            "measure memory",
            "there is one Jumpoint",
        ));
    };
    for run in &runs {
        series.push(run.name, MEMORY, memory(run, jumpoint)?);
    }

    let names: Vec<&'static str> = CASES.iter().flat_map(|case| case.rows).collect();
    let columns = [
        (ALL, ALL, 2),
        (WITH_CLIENT, WITH_CLIENT, 2),
        (JUMPOINT, JUMPOINT, 2),
        (SPEED, SPEED, 0),
        (MEMORY, MEMORY, 2),
    ];
    let goals = CASES.iter().flat_map(|case| {
        let [tunnel, own, native, _] = case.rows;
        [own, native].map(|gate| {
            let what = format!("{gate} ÷ {tunnel}: {WITH_CLIENT}");
            Goal::at_most(1.2, what, series.ratio(gate, tunnel, WITH_CLIENT))
        })
    });
    let goals = goals.collect();
    Ok(Section {
        title: "RDP gate",
        method: format!(
            "What xrdp (Xorg) sends for the desktop of the decoders' table, its begin once and its graphics again and again to at least {} MiB, by a process that takes\n\
             every login within TLS, {} rounds. *tunnel*: a Protocol Tunnel, and TLS from the client to the target; *gate*: a Remote RDP, TLS to the target ends in\n\
             the gate, the password is injected and every message judged; *jump's client* has no TLS of its own within the session's, a *native* one has it up to the gate;\n\
             *recorded*: a native one, and all of it kept in a sealed recording. CPU is that of rep, broker with its relay and Jumpoint; together with a client that decrypts and\n\
             decodes nothing; and the Jumpoint's alone. The last column is what each of {HELD} sessions adds to the\n\
             Jumpoint's memory (Pss) whose client has taken the graphics once and then takes no more, while the target goes on; one way is measured after the other,\n\
             and what the Jumpoint has kept of an earlier one is used again, so the greatest figure counts.",
            amount.mib, amount.rounds
        ),
        table: Table::of(&series, &names, &columns),
        goals,
        series,
    })
}
