//! Our RDP client beside FreeRDP's libraries: the same recorded streams, and the same live servers.

use std::path::{Path, PathBuf};

use jump_core::{Error, ErrorKind, Result};
use jump_testkit::folder::Folder;
use jump_testkit::rdp::{PASSWORD, RdpServer, ShadowSecurity, USER, XrdpBackend};

use super::{Amount, MIB, interleave};
use crate::child::Part;
use crate::rdp::{Codecs, Freerdp, Maker, Measured, Order, Size, Wanted, record};
use crate::report::{Goal, Section, Table, written};
use crate::series::Series;

const OURS: &str = "jump";
const THEIRS: &str = "FreeRDP";
const OUR_MEMORY: &str = "jump, MiB";
const THEIR_MEMORY: &str = "FreeRDP, MiB";
const OUR_CONNECT: &str = "jump: connected, ms";
const THEIR_CONNECT: &str = "FreeRDP: connected, ms";
const OUR_PICTURE: &str = "jump: shown, ms";
const THEIR_PICTURE: &str = "FreeRDP: shown, ms";
const OPERATION: &str = "compare RDP clients";
/// Steps in which the screen changes.
const STEPS: usize = 24;
/// How many times as many rounds as asked for: waiting for a server differs more than decoding.
const MORE_ROUNDS: usize = 3;
const SIZE: Size = Size {
    width: 1920,
    height: 1080,
};

/// Lossy decoders round differently.
const LOSSY: u8 = 8;
/// Five bits are made eight in more than one way.
const SIXTEEN_BITS: u8 = 8;

/// One recording.
struct Case {
    name: &'static str,
    maker: Maker,
    codecs: Codecs,
    /// How far the two pictures may be apart in a channel.
    apart: u8,
}

const CASES: [Case; 5] = [
    Case {
        name: "bitmaps, 16 bits (xrdp)",
        maker: Maker::Xrdp,
        codecs: Codecs::Bitmaps16,
        apart: SIXTEEN_BITS,
    },
    Case {
        name: "bitmaps, 32 bits (xrdp)",
        maker: Maker::Xrdp,
        codecs: Codecs::Bitmaps,
        apart: 0,
    },
    Case {
        name: "bitmaps, 32 bits (FreeRDP shadow)",
        maker: Maker::Shadow,
        codecs: Codecs::Bitmaps,
        apart: 0,
    },
    Case {
        name: "RemoteFX (xrdp)",
        maker: Maker::Xrdp,
        codecs: Codecs::All,
        apart: LOSSY,
    },
    Case {
        name: "RemoteFX (FreeRDP shadow)",
        maker: Maker::Shadow,
        codecs: Codecs::All,
        apart: LOSSY,
    },
];

/// A recording that both show the same picture of.
struct Ready {
    case: &'static Case,
    order: Order,
    mib: f64,
    apart: u8,
    _target: Part,
}

/// The same recorded streams.
pub(crate) fn decoders(amount: Amount) -> Result<Section> {
    let peer = &Freerdp::build()?;
    let folder = Folder::new()?;
    let mut ready = Vec::new();
    for (number, case) in CASES.iter().enumerate() {
        ready.push(prepare(case, number, peer, &folder)?);
    }
    let mut series = Series::default();
    interleave(amount.rounds, ready.len() * 2, |place| {
        let Some(recording) = ready.get(place / 2) else {
            return Ok(());
        };
        let (name, memory, measured) = if place % 2 == 0 {
            (OURS, OUR_MEMORY, ours(&recording.order, None)?)
        } else {
            (THEIRS, THEIR_MEMORY, peer.session(&recording.order, None)?)
        };
        series.push(recording.case.name, name, measured.cpu.as_secs_f64() * 1e3);
        series.push(recording.case.name, memory, measured.memory as f64 / 1024.0);
        Ok(())
    })?;
    let row = |ready: &Ready| {
        let name = ready.case.name;
        vec![
            name.to_owned(),
            format!("{:.1}", ready.mib),
            written(series.spread(name, THEIRS), 0),
            written(series.spread(name, OURS), 0),
            ready.apart.to_string(),
            written(series.spread(name, THEIR_MEMORY), 1),
            written(series.spread(name, OUR_MEMORY), 1),
        ]
    };
    let head = [
        "",
        "MiB",
        "FreeRDP, ms",
        "jump, ms",
        "pixels apart by",
        THEIR_MEMORY,
        OUR_MEMORY,
    ];
    let table = Table {
        head: head.map(str::to_owned).to_vec(),
        rows: ready.iter().map(row).collect(),
    };
    let decoding = CASES.iter().map(|case| {
        let what = format!("FreeRDP ÷ jump: {}", case.name);
        Goal::at_least(1.0, what, series.ratio_of(case.name, THEIRS, OURS))
    });
    let memory = CASES.iter().map(|case| {
        let what = format!("jump ÷ FreeRDP, memory: {}", case.name);
        let got = series.ratio_of(case.name, OUR_MEMORY, THEIR_MEMORY);
        Goal::at_most(1.0, what, got)
    });
    let goals = decoding.chain(memory).collect();
    Ok(Section {
        title: "RDP decoders",
        method: format!(
            "What xrdp (Xorg) and FreeRDP's shadow server send for a screen of 1920×1080: one colour, then the desktop of the VNC decoders'\n\
             table appears, and {STEPS} steps of it. A process replays it to each client once, over TLS, as if it were the server: the same bytes to both. The pictures at the\n\
             end are apart in a channel by what the table says: lossy decoders round differently, and so does who makes eight bits of five. FreeRDP's libraries (2.11) run\n\
             without a window and decode to memory. Processor time of the client's process from the moment its session is active until nothing has changed for 0.3 s, TLS and\n\
             threads included; by how much its peak memory (VmHWM) was above what it had before it connected; {} rounds.",
            amount.rounds
        ),
        table,
        goals,
        series,
    })
}

/// Our client in a process of its own.
fn ours(order: &Order, picture: Option<&Path>) -> Result<Measured> {
    let words = order.words(picture);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Measured::read(&Part::start("rdp-session", &words)?.hear()?)
}

fn prepare(case: &'static Case, number: usize, peer: &Freerdp, folder: &Folder) -> Result<Ready> {
    let recording = record(case.maker, SIZE, case.codecs, STEPS)?;
    let path: PathBuf = folder.join(format!("{number}.rdp"));
    recording.write(&path)?;
    let mut target = Part::start("rdp-target", &[&path.display().to_string(), "1"])?;
    let order = Order {
        address: target.hear_address()?,
        user: USER,
        password: PASSWORD,
        nla: false,
        size: SIZE,
        lossy: case.codecs.lossy(),
        wanted: Wanted::Quiet,
    };
    let (one, other) = (folder.join("ours.rgb"), folder.join("theirs.rgb"));
    ours(&order, Some(&one))?;
    peer.session(&order, Some(&other))?;
    let apart = super::vnc_decode::apart(&one, &other)?;
    if apart > case.apart {
        let message = format!("{}: the pictures are apart by {apart}", case.name);
        return Err(Error::new(ErrorKind::Internal, OPERATION, message));
    }
    Ok(Ready {
        case,
        order,
        mib: recording.graphics.len() as f64 / MIB,
        apart,
        _target: target,
    })
}

/// A server that runs.
struct Live {
    name: &'static str,
    order: Order,
    _server: RdpServer,
}

const LIVE: [&str; 3] = [
    "FreeRDP shadow, TLS",
    "FreeRDP shadow, NLA",
    "xrdp, a new session",
];

/// The same live servers.
pub(crate) fn sessions(amount: Amount) -> Result<Section> {
    let peer = &Freerdp::build()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(super::failed)?;
    let live = runtime.block_on(start())?;
    let mut series = Series::default();
    let rounds = amount.rounds * MORE_ROUNDS;
    interleave(rounds, live.len() * 2, |place| {
        let Some(server) = live.get(place / 2) else {
            return Ok(());
        };
        let (connected, shown, measured) = if place % 2 == 0 {
            (OUR_CONNECT, OUR_PICTURE, ours(&server.order, None)?)
        } else {
            (THEIR_CONNECT, THEIR_PICTURE, peer.session(&server.order, None)?)
        };
        series.push(server.name, connected, measured.connected.as_secs_f64() * 1e3);
        series.push(server.name, shown, measured.shown.as_secs_f64() * 1e3);
        Ok(())
    })?;
    let columns = [THEIR_CONNECT, OUR_CONNECT, THEIR_PICTURE, OUR_PICTURE].map(|name| (name, name, 0));
    let goals = LIVE.iter().flat_map(|name| {
        [
            ("connected", THEIR_CONNECT, OUR_CONNECT),
            ("shown", THEIR_PICTURE, OUR_PICTURE),
        ]
        .map(|(what, theirs, ours)| {
            let what = format!("FreeRDP ÷ jump, {what}: {name}");
            Goal::at_least(1.0, what, series.ratio_of(name, theirs, ours))
        })
    });
    let goals = goals.collect();
    Ok(Section {
        title: "RDP sessions",
        method: format!(
            "Live servers with a screen of 1280×800 in one colour. *connected*: from before the TCP connection until the session is active, logged in;\n\
             *shown*: until the whole screen has the colour. Each session is a process of its own; {rounds} rounds. FreeRDP 2 sleeps for 0.1 s between two looks at a connection that\n\
             logs in, and tries once in a process for 0.3 s which of its routines are fastest: here it is woken by what comes, and has tried before."
        ),
        table: Table::of(&series, &LIVE, &columns),
        goals,
        series,
    })
}

async fn start() -> Result<Vec<Live>> {
    let size = Size {
        width: 1280,
        height: 800,
    };
    let mut live = Vec::new();
    let securities = [(ShadowSecurity::Tls, false), (ShadowSecurity::Nla, true)];
    let mut names = LIVE.into_iter();
    for ((security, nla), name) in securities.into_iter().zip(names.by_ref()) {
        let server = RdpServer::shadow_of(security, (size.width, size.height)).await?;
        server.run("xsetroot", &["-solid", "#c06020"]).await?;
        live.push((name, server, nla, "c06020"));
    }
    for name in names {
        let server = RdpServer::xrdp(XrdpBackend::Xorg).await?;
        live.push((name, server, false, "204060"));
    }
    let live = live.into_iter().map(|(name, server, nla, colour)| Live {
        name,
        order: Order {
            address: server.address(),
            user: USER,
            password: PASSWORD,
            nla,
            size,
            lossy: true,
            wanted: Wanted::Colour(colour),
        },
        _server: server,
    });
    Ok(live.collect())
}
