//! A large file by stock OpenSSH: through tunnel and gate, through a plain jump host, and directly.

use std::path::Path;
use std::time::Duration;

use jump_core::{Error, ErrorKind, Result};
use jump_testkit::seeded::Seeded;

use super::{Amount, MIB, interleave};
use crate::child::own_executable;
use crate::openssh::{Cipher, Server, Way};
use crate::report::{Goal, Section, Table};
use crate::roles::{Item, Kind};
use crate::series::Series;
use crate::site::{Gates, Site};
use crate::timed::timed;
use crate::usage;

const SECONDS: &str = "wall s";
const SPEED: &str = "MiB/s";
const CPU: &str = "CPU s/GiB, all";
const CLIENT: &str = "clients";
const MIDDLE: &str = "middle";
const SERVER: &str = "target's sshd";
const RECORDED: &str = "recorded";
const UNRECORDED: &str = "unrecorded";
const PIECE: usize = 1 << 20;

/// One way to get the file.
struct Run<'a> {
    name: &'static str,
    way: Way<'a>,
    cipher: Cipher,
}

pub(crate) fn measure(amount: Amount) -> Result<Section> {
    let target = Server::start()?;
    let bastion = Server::start()?;
    let file = target.account().folder.join("file");
    write_file(&file, amount.mib)?;
    let shell = |name: &str, recorded| Item {
        name: name.to_owned(),
        address: target.account().address,
        recorded,
        kind: Kind::Shell(Some(target.account().clone())),
    };
    let items = vec![shell(UNRECORDED, false), shell(RECORDED, true)];
    let site = Site::start(Gates::Real, false, items)?;
    let proxy = |item: &str| -> Result<Way<'_>> {
        let executable = own_executable()?;
        let login = site.login();
        Ok(Way::Proxy(format!(
            "{} role proxy {} {item}",
            executable.display(),
            login.display()
        )))
    };
    let runs = [
        ("direct", Way::Direct, Cipher::Stock),
        ("ssh -J", Way::Bastion(&bastion), Cipher::Stock),
        ("jump", proxy(UNRECORDED)?, Cipher::Stock),
        ("jump, recorded", proxy(RECORDED)?, Cipher::Stock),
        ("direct, aes128-gcm", Way::Direct, Cipher::Aes128Gcm),
        ("ssh -J, aes128-gcm", Way::Bastion(&bastion), Cipher::Aes128Gcm),
        ("jump, aes128-gcm", proxy(UNRECORDED)?, Cipher::Aes128Gcm),
        ("jump, recorded, aes128-gcm", proxy(RECORDED)?, Cipher::Aes128Gcm),
    ]
    .map(|(name, way, cipher)| Run { name, way, cipher });

    let mut series = Series::default();
    let mut middle = site.pids();
    middle.push(bastion.pid());
    interleave(amount.rounds, runs.len(), |place| {
        let Some(run) = runs.get(place) else { return Ok(()) };
        let before = (usage::cpu(&middle)?, usage::cpu(&[target.pid()])?);
        let mut ssh = target.command(&run.way, run.cipher);
        ssh.push(format!("cat {}", file.display()));
        let took = timed(&ssh)?;
        target.wait_until_idle()?;
        bastion.wait_until_idle()?;
        let used = (
            usage::cpu(&middle)?.saturating_sub(before.0),
            usage::cpu(&[target.pid()])?.saturating_sub(before.1),
        );
        let per_gib = |time: Duration| time.as_secs_f64() / amount.gib();
        series.push(run.name, SECONDS, took.wall.as_secs_f64());
        series.push(
            run.name,
            SPEED,
            amount.bytes() as f64 / MIB / took.wall.as_secs_f64(),
        );
        series.push(run.name, CPU, per_gib(took.cpu + used.0 + used.1));
        series.push(run.name, CLIENT, per_gib(took.cpu));
        series.push(run.name, MIDDLE, per_gib(used.0));
        series.push(run.name, SERVER, per_gib(used.1));
        Ok(())
    })?;

    let names: Vec<&'static str> = runs.iter().map(|run| run.name).collect();
    let columns = [
        (SPEED, SPEED, 0),
        (CPU, CPU, 2),
        (CLIENT, CLIENT, 2),
        (MIDDLE, MIDDLE, 2),
        (SERVER, SERVER, 2),
    ];
    let goal = |above: &str, below: &str| {
        let what = format!("{above} ÷ {below}: {SPEED}");
        Goal::at_least(0.9, what, series.ratio(above, below, SPEED))
    };
    let goals = vec![
        goal("jump", "ssh -J"),
        goal("jump, recorded", "ssh -J"),
        goal("jump, aes128-gcm", "ssh -J, aes128-gcm"),
        goal("jump, recorded, aes128-gcm", "ssh -J, aes128-gcm"),
    ];
    Ok(Section {
        title: "SSH",
        method: format!(
            "`ssh … cat FILE > /dev/null` of {} MiB by the stock client, {} rounds. *direct*: no jump host; *ssh -J*: through a plain\n\
             sshd as jump host; *jump*: `ProxyCommand`, tunnel, and the gate with the credential injected. *stock* leaves\n\
             the cipher to both sides. CPU s/GiB: *clients* are ssh and its proxy process, *middle* is the jump host, or\n\
             broker, relay and Jumpoint.",
            amount.mib, amount.rounds
        ),
        table: Table::of(&series, &names, &columns),
        goals,
        series,
    })
}

/// Bytes that no compressor shrinks, readable for the target's user.
fn write_file(path: &Path, mib: u64) -> Result<()> {
    let failed = |error| Error::from_io(ErrorKind::Storage, "write the file to get", error);
    let mut file = std::fs::File::create(path).map_err(failed)?;
    let piece = Seeded::new(1).bytes(PIECE);
    for _ in 0..mib {
        std::io::Write::write_all(&mut file, &piece).map_err(failed)?;
    }
    Ok(())
}
