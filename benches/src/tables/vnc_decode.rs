//! Recorded streams of real VNC servers through our decoder and through libvncclient.

use std::path::{Path, PathBuf};

use jump_core::{Error, ErrorKind, Result};
use jump_proto_vnc::decode::Helpers;
use jump_proto_vnc::wire::{Encoding, Size};
use jump_testkit::folder::Folder;

use super::{Amount, MIB, interleave};
use crate::child::Part;
use crate::report::{Goal, Section, Table, written};
use crate::series::Series;
use crate::vnc::{Libvncclient, Maker, Replayed, record};

const OURS: &str = "jump, CPU ms";
const THEIRS: &str = "libvncclient, CPU ms";
const OUR_TIME: &str = "jump, ms";
const THEIR_TIME: &str = "libvncclient, ms";
const OPERATION: &str = "compare VNC decoders";
/// Steps in which the screen changes.
const STEPS: usize = 24;
/// How long a replayer goes over the recording again, after one pass that is not counted.
const SECONDS: f64 = 0.3;
const FULL_HD: Size = Size {
    width: 1920,
    height: 1080,
};
const ULTRA_HD: Size = Size {
    width: 3840,
    height: 2160,
};
/// JPEG quality 8 of 0 to 9, which viewers ask for by themselves (rfbproto "JPEG Quality Level Pseudo-encoding").
const QUALITY: Encoding = Encoding(-24);
/// How far two JPEG decoders may be apart in a channel: they round differently.
const LOSSY: u8 = 8;

/// One recording.
struct Case {
    name: &'static str,
    size: Size,
    maker: Maker,
    encodings: &'static [Encoding],
    /// How many times as fast as libvncclient we want to be.
    goal: f64,
    /// How far the two pictures may be apart in a channel.
    apart: u8,
}

const fn case(
    name: &'static str,
    size: Size,
    maker: Maker,
    encodings: &'static [Encoding],
    goal: f64,
) -> Case {
    Case {
        name,
        size,
        maker,
        encodings,
        goal,
        apart: if encodings.len() > 1 { LOSSY } else { 0 },
    }
}

/// TigerVNC where it has the encoding.
const CASES: [Case; 16] = [
    case("ZRLE, 1080p", FULL_HD, Maker::Tigervnc, &[Encoding::ZRLE], 1.5),
    case("ZRLE, 4K", ULTRA_HD, Maker::Tigervnc, &[Encoding::ZRLE], 1.5),
    case("Tight, 1080p", FULL_HD, Maker::Tigervnc, &[Encoding::TIGHT], 1.5),
    case("Tight, 4K", ULTRA_HD, Maker::Tigervnc, &[Encoding::TIGHT], 1.5),
    case(
        "Tight with JPEG, 1080p",
        FULL_HD,
        Maker::Tigervnc,
        &[Encoding::TIGHT, QUALITY],
        1.5,
    ),
    case(
        "Tight with JPEG, 4K",
        ULTRA_HD,
        Maker::Tigervnc,
        &[Encoding::TIGHT, QUALITY],
        1.5,
    ),
    case(
        "Hextile, 1080p",
        FULL_HD,
        Maker::Tigervnc,
        &[Encoding::HEXTILE],
        1.0,
    ),
    case(
        "Hextile, 4K",
        ULTRA_HD,
        Maker::Tigervnc,
        &[Encoding::HEXTILE],
        1.0,
    ),
    case("RRE, 1080p", FULL_HD, Maker::Tigervnc, &[Encoding::RRE], 1.0),
    case("RRE, 4K", ULTRA_HD, Maker::Tigervnc, &[Encoding::RRE], 1.0),
    case("Raw, 1080p", FULL_HD, Maker::Tigervnc, &[Encoding::RAW], 1.0),
    case("Raw, 4K", ULTRA_HD, Maker::Tigervnc, &[Encoding::RAW], 1.0),
    case("zlib, 1080p", FULL_HD, Maker::Tightvnc, &[Encoding::ZLIB], 1.0),
    case("zlib, 4K", ULTRA_HD, Maker::Tightvnc, &[Encoding::ZLIB], 1.0),
    case("CoRRE, 1080p", FULL_HD, Maker::Tightvnc, &[Encoding::CORRE], 1.0),
    case("CoRRE, 4K", ULTRA_HD, Maker::Tightvnc, &[Encoding::CORRE], 1.0),
];

/// A recording that both replay to the same picture.
struct Ready {
    case: &'static Case,
    path: PathBuf,
    mib: f64,
    apart: u8,
}

pub(crate) fn measure(amount: Amount) -> Result<Section> {
    let folder = Folder::new()?;
    let peer = Libvncclient::build()?;
    let mut ready = Vec::new();
    for case in &CASES {
        ready.push(prepare(case, &peer, &folder)?);
    }
    let mut series = Series::default();
    interleave(amount.rounds, ready.len() * 2, |place| {
        let Some(recording) = ready.get(place / 2) else {
            return Ok(());
        };
        let ([cpu, wall], replayed) = if place % 2 == 0 {
            ([OURS, OUR_TIME], ours(&recording.path, SECONDS, None)?)
        } else {
            ([THEIRS, THEIR_TIME], peer.replay(&recording.path, SECONDS, None)?)
        };
        for (name, time) in [(cpu, replayed.cpu), (wall, replayed.wall)] {
            series.push(recording.case.name, name, time.as_secs_f64() * 1e3);
        }
        Ok(())
    })?;

    let row = |ready: &Ready| {
        let name = ready.case.name;
        vec![
            name.to_owned(),
            format!("{:.1}", ready.mib),
            written(series.spread(name, THEIRS), 1),
            written(series.spread(name, OURS), 1),
            written(series.spread(name, THEIR_TIME), 1),
            written(series.spread(name, OUR_TIME), 1),
            ready.apart.to_string(),
        ]
    };
    let head = ["", "MiB", THEIRS, OURS, THEIR_TIME, OUR_TIME, "pixels apart by"].map(str::to_owned);
    let table = Table {
        head: head.to_vec(),
        rows: ready.iter().map(row).collect(),
    };
    let goal = |case: &Case| {
        let name = case.name;
        // What is decoded by several threads is to be faster; what is not, to take less.
        let (what, above, below) = if case.apart > 0 {
            ("time of libvncclient ÷ jump", THEIR_TIME, OUR_TIME)
        } else {
            ("libvncclient ÷ jump", THEIRS, OURS)
        };
        let got = series.ratio_of(name, above, below);
        Goal::at_least(case.goal, format!("{what}: {name}"), got)
    };
    let goals = CASES.iter().map(goal).collect();
    Ok(Section {
        title: "VNC decoders",
        method: format!(
            "What Xtigervnc (zlib and CoRRE: Xtightvnc) sends in one encoding for a screen of 1920×1080 or 3840×2160 on which coloured text\n\
             scrolls in an xterm and another one is moved over it and over a picture like a photograph: the whole screen, {STEPS} steps, the\n\
             whole screen again. Both decoders get the same bytes from memory, in processes of their own, and end with the same picture, or, with\n\
             JPEG, one whose channels are apart by what the table says. Ours paints RGBA, libvncclient the server's own format. One pass over the\n\
             recording, the mean of as many as make up {SECONDS} s after one that is not counted; {} rounds. *CPU* is the processor time of all threads,\n\
             the other columns are the time that a pass took. Ours decodes JPEG in as many threads as it does by default, here {}, libvncclient in\n\
             one; so with JPEG the goal is about the time, without it about CPU.",
            amount.rounds,
            Helpers::of_this_machine().most() + 1
        ),
        table,
        goals,
        series,
    })
}

/// Our decoder in a process of its own.
fn ours(recording: &Path, seconds: f64, picture: Option<&Path>) -> Result<Replayed> {
    let mut words = vec![recording.display().to_string(), seconds.to_string()];
    words.extend(picture.map(|picture| picture.display().to_string()));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Replayed::read(&Part::start("vnc-replay", &words)?.hear()?)
}

fn prepare(case: &'static Case, peer: &Libvncclient, folder: &Folder) -> Result<Ready> {
    let recording = record(case.maker, case.size, case.encodings, STEPS)?;
    let path = folder.join(case.name);
    recording.write(&path)?;
    let (one, other) = (folder.join("ours.rgb"), folder.join("theirs.rgb"));
    ours(&path, 0.0, Some(&one))?;
    peer.replay(&path, 0.0, Some(&other))?;
    let apart = apart(&one, &other)?;
    if apart > case.apart {
        let message = format!("{}: the pictures are apart by {apart}", case.name);
        return Err(Error::new(ErrorKind::Internal, OPERATION, message));
    }
    Ok(Ready {
        case,
        path,
        mib: recording.messages.len() as f64 / MIB,
        apart,
    })
}

/// The greatest difference of two pictures of the same size.
pub(super) fn apart(one: &Path, other: &Path) -> Result<u8> {
    let read =
        |path| std::fs::read(path).map_err(|error| Error::from_io(ErrorKind::Storage, OPERATION, error));
    let (one, other) = (read(one)?, read(other)?);
    if one.len() != other.len() {
        return Err(Error::new(
            ErrorKind::Internal,
            OPERATION,
            "the pictures have different sizes",
        ));
    }
    let differences = one.iter().zip(&other).map(|(one, other)| one.abs_diff(*other));
    Ok(differences.max().unwrap_or_default())
}
