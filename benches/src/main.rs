//! The benchmark harness: the product beside its peers, interleaved, every part in a process of its own.

mod arguments;
mod big_site;
mod candidates;
mod child;
mod decisions;
mod drivers;
mod openssh;
mod rdp;
mod report;
mod roles;
mod series;
mod site;
mod statistics;
mod tables;
mod timed;
mod traffic;
mod usage;
mod vnc;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use jump_core::{Error, ErrorKind, Result};

use arguments::{Arguments, Subject};
use report::{Machine, Report};
use tables::Amount;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Some((first, role)) = words.split_first()
        && first == child::ROLE
    {
        return roles::play(role);
    }
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let report = measure(arguments)?;
    writeln!(std::io::stdout(), "{}", report.markdown())
        .map_err(|error| Error::from_io(ErrorKind::Storage, "print the report", error))?;
    if let Some(file) = &arguments.json {
        report.write_json(file)?;
    }
    if let Some(folder) = &arguments.publish {
        report.publish(folder)?;
    }
    Ok(())
}

fn measure(arguments: &Arguments) -> Result<Report> {
    let machine = Machine::this();
    let subject = arguments.subject;
    let amount = Amount {
        rounds: arguments.rounds,
        mib: arguments.mib,
        sessions: arguments.sessions,
        commands: arguments.commands,
    };
    let mut sections = Vec::new();
    if subject.includes(Subject::Decisions) {
        progress("decisions");
        sections.push(tables::decisions::measure(amount)?);
    }
    if subject.includes(Subject::Store) {
        progress("a store of a million items");
        sections.push(tables::store::measure(amount)?);
        sections.push(tables::store::measure_postgres(amount)?);
    }
    if subject.includes(Subject::VncDecode) {
        progress("VNC decoders");
        sections.push(tables::vnc_decode::measure(amount)?);
    }
    if subject.includes(Subject::VncGate) {
        progress("the VNC gate");
        sections.push(tables::vnc_gate::measure(amount)?);
    }
    if subject.includes(Subject::RdpSessions) {
        progress("RDP clients");
        sections.push(tables::rdp_client::sessions(amount)?);
    }
    if subject.includes(Subject::RdpDecode) {
        progress("RDP decoders");
        sections.push(tables::rdp_client::decoders(amount)?);
    }
    if subject.includes(Subject::RdpGate) {
        progress("the RDP gate");
        sections.push(tables::rdp_gate::measure(amount)?);
    }
    let mut target = child::Part::start("target", &[])?;
    let address = target.hear_address()?;
    if subject.includes(Subject::Bindings) || subject.includes(Subject::Libraries) {
        progress("C and Python");
        sections.extend(tables::bindings::measure(subject, amount, address)?);
    }
    if subject.includes(Subject::Path) || subject.includes(Subject::Latency) {
        let candidates = candidates::all(address)?;
        if subject.includes(Subject::Path) {
            progress("bulk");
            sections.push(tables::path::measure(amount, &candidates)?);
        }
        if subject.includes(Subject::Latency) {
            progress("latency");
            sections.push(tables::latency::measure(amount, &candidates)?);
        }
    }
    if subject.includes(Subject::Idle) {
        progress("idle sessions");
        sections.push(tables::idle::measure(amount, address)?);
    }
    if subject.includes(Subject::Ssh) {
        progress("ssh");
        sections.push(tables::ssh::measure(amount)?);
    }
    Ok(Report { machine, sections })
}

fn progress(subject: &str) {
    let _ = writeln!(std::io::stderr(), "measuring {subject} ...");
}
