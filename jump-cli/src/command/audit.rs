//! `jump audit`.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use data_encoding::HEXLOWER;
use jump_core::audit::{Actor, FileAuditLog, LogEntry, LogReader, Verified, verify_log, verify_signed_log};
use jump_core::keys::PublicKey;
use jump_core::text::Escaped;
use jump_core::{Error, ErrorKind};

use super::Context;
use crate::error::{Failure, usage};
use crate::output::{Output, moment};
use crate::site::SiteFolder;

#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Check that no event was changed, removed or put in
    Verify {
        /// The log [default: HOME/site/audit.log]
        file: Option<PathBuf>,
        /// The checkpoints that the site signed [default: the file next to the log, if there is one]
        #[arg(long, value_name = "FILE")]
        checkpoints: Option<PathBuf>,
        /// The site's public key, which signed them [default: that of the log's folder, or of HOME/site]
        #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
        key: Option<PublicKey>,
    },
    /// Print the events
    Show {
        /// The log [default: HOME/site/audit.log]
        file: Option<PathBuf>,
    },
}

pub(crate) fn run(context: &Context<'_>, arguments: Arguments) -> Result<(), Failure> {
    let output = context.output;
    match arguments.verb {
        Verb::Verify {
            file,
            checkpoints,
            key,
        } => {
            let (path, log) = open(context, file)?;
            let verified = check(context, &path, log, checkpoints, key)?;
            let hash = HEXLOWER.encode(&verified.last_hash);
            say_verified(output, &path, &verified)?;
            output.say(format_args!("Last hash: {hash}"))?;
            match (verified.signed, verified.events - verified.signed) {
                (0, _) => output.say(
                    "No signed checkpoint was compared, so lines removed at the end do not show: give the site's public \
                     key with --key, or compare both with what was noted elsewhere.",
                )?,
                (signed, 0) => output.say(format_args!("The site signed event {signed}, the last one."))?,
                (signed, behind) => output.say(format_args!(
                    "The site signed event {signed}; whether events were removed behind the {behind} that follow does not \
                     show."
                ))?,
            }
            if verified.incomplete > 0 {
                output.say(format_args!(
                    "{} bytes of an event that a crash cut off follow; it was never acknowledged.",
                    verified.incomplete
                ))?;
            }
            output.value(&serde_json::json!({
                "file": path, "events": verified.events, "last_hash": hash, "signed": verified.signed, "incomplete_bytes": verified.incomplete,
                "removed": verified.removed,
            }))
        }
        Verb::Show { file } => {
            let (_, log) = open(context, file)?;
            let mut log = LogReader::new(log);
            let mut begun = false;
            while let Some(entry) = log.next() {
                let entry = entry?;
                if let Some(removed) = log.removed().filter(|_| !std::mem::replace(&mut begun, true)) {
                    output.say(format_args!(
                        "        Events 1 to {} were removed by retention.",
                        removed.last
                    ))?;
                }
                output.say(line(&entry)?)?;
                output.value(&serde_json::json!({
                    "sequence": entry.sequence, "hash": HEXLOWER.encode(&entry.hash), "event": entry.event,
                }))?;
            }
            Ok(())
        }
    }
}

/// What was verified, and what is not there any more.
fn say_verified(output: &Output, path: &Path, verified: &Verified) -> Result<(), Failure> {
    let Some(removed) = &verified.removed else {
        output.say(format_args!(
            "{}: {} events, each follows the one before it, unchanged.",
            path.display(),
            verified.events
        ))?;
        return Ok(());
    };
    output.say(format_args!(
        "{}: events {} to {}, each follows the one before it, unchanged.",
        path.display(),
        removed.last + 1,
        verified.events
    ))?;
    let signed = if verified.signed >= removed.last {
        "signed by the site"
    } else {
        "the site's signature was not checked: give its public key with --key"
    };
    output.say(format_args!(
        "Events 1 to {} were removed on {} by retention ({}), {signed}.",
        removed.last,
        removed.at.strftime("%Y-%m-%d"),
        Escaped(&removed.reason)
    ))?;
    output.say(format_args!(
        "The last of them was of {}.",
        moment(removed.newest)
    ))?;
    Ok(())
}

/// Verifies a log against everything there is to compare it with.
pub(super) fn check(
    context: &Context<'_>,
    path: &Path,
    log: BufReader<File>,
    checkpoints: Option<PathBuf>,
    key: Option<PublicKey>,
) -> Result<Verified, Failure> {
    Ok(match signed(context, path, checkpoints, key)? {
        (Some(checkpoints), Some(key)) => verify_signed_log(log, checkpoints, &key)?,
        // Without checkpoints the site's key still tells a record of removed events that is not the site's.
        (None, Some(key)) => verify_signed_log(log, std::io::empty(), &key)?,
        (_, None) => verify_log(log)?,
    })
}

/// The checkpoints to compare with, if there are any or somebody asked for them, and who must have signed them, if that is
/// known.
fn signed(
    context: &Context<'_>,
    log: &Path,
    checkpoints: Option<PathBuf>,
    key: Option<PublicKey>,
) -> Result<(Option<BufReader<File>>, Option<PublicKey>), Failure> {
    let asked = checkpoints.is_some() || key.is_some();
    let path = checkpoints.unwrap_or_else(|| FileAuditLog::checkpoints_path(log));
    // A site keeps its key in the folder of its log.
    let beside = || {
        log.parent()
            .and_then(|folder| SiteFolder::new(folder).public_key())
    };
    let own = || SiteFolder::new(context.home.site()).public_key();
    if !asked && !path.exists() {
        // Which site a log without anything beside it is of, nobody said.
        return Ok((None, beside()));
    }
    let Some(key) = key.or_else(beside).or_else(own) else {
        if asked {
            return Err(usage(
                "give the site's public key with --key to check its checkpoints",
            ));
        }
        return Ok((None, None));
    };
    let file = File::open(&path).map_err(|error| {
        let message = path.display().to_string();
        Error::new(ErrorKind::NotFound, "open the audit log's checkpoints", message).with_source(error)
    })?;
    Ok((Some(BufReader::new(file)), Some(key)))
}

pub(super) fn open(
    context: &Context<'_>,
    file: Option<PathBuf>,
) -> Result<(PathBuf, BufReader<File>), Failure> {
    let path = file.unwrap_or_else(|| SiteFolder::new(context.home.site()).audit_path());
    let log = File::open(&path).map_err(|error| {
        let kind = if error.kind() == std::io::ErrorKind::NotFound {
            ErrorKind::NotFound
        } else {
            ErrorKind::Storage
        };
        Error::new(kind, "open the audit log", path.display().to_string()).with_source(error)
    })?;
    Ok((path, BufReader::new(log)))
}

/// One event for people: when, who, what, and the rest as JSON.
fn line(entry: &LogEntry) -> Result<String, Failure> {
    let event = &entry.event;
    let who = match &event.actor {
        Actor::User { name, .. } => name.clone(),
        Actor::Jumpoint { jumpoint } => format!("jumpoint {jumpoint}"),
        Actor::Rep { name, .. } => format!("{name} (reported by the rep)"),
        Actor::System => "system".to_owned(),
        Actor::Unknown => "unknown".to_owned(),
    };
    let from = event
        .peer
        .as_deref()
        .map(|peer| format!(" from {peer}"))
        .unwrap_or_default();
    let kind = serde_json::to_value(&event.kind).map_err(|error| {
        Error::new(
            ErrorKind::Internal,
            "show the audit log",
            "an event has no form in JSON",
        )
        .with_source(error)
    })?;
    let name = kind
        .get("event")
        .and_then(|name| name.as_str())
        .unwrap_or("?")
        .to_owned();
    let detail = kind
        .get("detail")
        .map(|detail| format!(" {detail}"))
        .unwrap_or_default();
    let text = format!(
        "{:>6}  {}  {who}{from}: {name}{detail}",
        entry.sequence,
        moment(event.time)
    );
    Ok(Escaped(&text).to_string())
}
