//! `jump diff`: what changes would change, before they are made.

use std::path::PathBuf;

use clap::Args;
use jump_core::access::Obligations;
use jump_core::access::simulate::{Answer, Kind};
use jump_core::control::{DifferenceView, EndingView};
use jump_core::model::{Change, CommandFilter, PathPattern};
use jump_core::rep::Rep;
use jump_core::session::SessionPermission;
use jump_core::time::Timestamp;
use serde::Serialize;

use super::Context;
use super::simulate::{Gathered, Part, gather, say_if_more, why};
use super::site;
use crate::connect::connect;
use crate::error::Failure;
use crate::output::{Colour, Column, Output, moment};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A JSON array of changes, as for `jump site change`; `-` is standard input
    file: PathBuf,
    /// At which moment, such as 2027-01-31T22:00:00+01:00 [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// At most this many rows
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
}

pub(crate) async fn run(context: &Context<'_>, arguments: Arguments) -> Result<(), Failure> {
    let changes = site::read(&arguments.file)?;
    let rep = connect(&context.home).await?;
    let diff = Diff::of(&rep, &changes, arguments.at, arguments.limit).await?;
    diff.show(context.output, arguments.limit, "--limit")?;
    context.output.value(&diff)
}

/// What changes would change.
#[derive(Debug, Serialize)]
pub(super) struct Diff {
    at: Timestamp,
    differences: Vec<DifferenceView>,
    /// Whether there are more.
    more: bool,
    sessions: Vec<EndingView>,
    sessions_in_all: usize,
}

impl Diff {
    pub(super) async fn of(
        rep: &Rep,
        changes: &[Change],
        at: Option<Timestamp>,
        limit: u32,
    ) -> Result<Self, Failure> {
        let mut ending = None;
        let found = gather(limit, at, async |look| {
            let page = rep.diff(changes.to_vec(), look).await?;
            ending.get_or_insert((page.sessions, page.sessions_in_all));
            let (at, rows, next) = (page.at, page.rows, page.next);
            Ok(Part { at, rows, next })
        })
        .await?;
        let Gathered { at, rows, more } = found;
        let (sessions, sessions_in_all) = ending.unwrap_or_default();
        Ok(Self {
            at,
            differences: rows,
            more,
            sessions,
            sessions_in_all,
        })
    }

    pub(super) fn show(&self, output: &Output, limit: u32, how: &str) -> Result<(), Failure> {
        if output.json() {
            return Ok(());
        }
        if self.differences.is_empty() {
            let line = format!("Nobody's access would be different at {}.", moment(self.at));
            output.say(output.paint(Colour::Bold, line))?;
        } else {
            let line = format!("Access that would be different at {}:", moment(self.at));
            output.say(output.paint(Colour::Bold, line))?;
            output.table(&self.differences, DIFFERENCES)?;
            say_if_more(output, self.more, limit, how)?;
        }
        output.say("")?;
        if self.sessions.is_empty() {
            return output.say(output.paint(Colour::Bold, "No running session would end."));
        }
        let line = match self.sessions_in_all {
            1 => "One running session would end:".to_owned(),
            all => format!("{all} running sessions would end:"),
        };
        output.say(output.paint(Colour::Bold, line))?;
        output.table(&self.sessions, SESSIONS)?;
        if self.sessions.len() < self.sessions_in_all {
            output.say(format_args!("Only the first {} are shown.", self.sessions.len()))?;
        }
        Ok(())
    }
}

const DIFFERENCES: &[Column<DifferenceView>] = &[
    Column {
        name: "USER",
        text: |row| row.user.clone(),
    },
    Column {
        name: "ITEM",
        text: |row| row.item.clone(),
    },
    Column {
        name: "NOW",
        text: |row| row.before.reach.to_string(),
    },
    Column {
        name: "THEN",
        text: |row| row.after.reach.to_string(),
    },
    Column {
        name: "WHY",
        text: |row| match row.kind {
            Kind::Gained | Kind::Lost => why(&row.after),
            Kind::Changed => changed(&row.before, &row.after),
        },
    },
];

const SESSIONS: &[Column<EndingView>] = &[
    Column {
        name: "SESSION",
        text: |row| row.id.to_string(),
    },
    Column {
        name: "USER",
        text: |row| row.user.clone(),
    },
    Column {
        name: "ITEM",
        text: |row| row.item.clone(),
    },
    Column {
        name: "STARTED",
        text: |row| moment(row.started),
    },
    Column {
        name: "WHY",
        text: |row| row.reason.to_string(),
    },
];

/// What is another in a session that may start before and after.
fn changed(before: &Answer, after: &Answer) -> String {
    let mut parts = Vec::new();
    if let (Some(before), Some(after)) = (&before.obligations, &after.obligations) {
        duties(before, after, &mut parts);
    }
    parts.join("; ")
}

fn duties(before: &Obligations, after: &Obligations, parts: &mut Vec<String>) {
    let only = |one: &Obligations, other: &Obligations| {
        let names: Vec<&str> = SessionPermission::ALL
            .iter()
            .filter(|permission| one.permissions.get(**permission) && !other.permissions.get(**permission))
            .map(|permission| permission.name())
            .collect();
        names.join(", ")
    };
    for (verb, names) in [("loses", only(before, after)), ("gains", only(after, before))] {
        if !names.is_empty() {
            parts.push(format!("{verb} {names}"));
        }
    }
    if before.commands != after.commands {
        parts.push(format!("commands: {}", commands(after.commands.as_ref())));
    }
    for (direction, before, after) in [
        ("uploads", &before.paths.upload, &after.paths.upload),
        ("downloads", &before.paths.download, &after.paths.download),
    ] {
        if before != after {
            parts.push(format!("{direction}: {}", paths(after)));
        }
    }
    if before.recording != after.recording {
        parts.push(format!(
            "recording {} instead of {}",
            after.recording, before.recording
        ));
    }
    if before.until != after.until {
        let (now, then) = (moment(before.until), moment(after.until));
        parts.push(format!("until {then} instead of {now}"));
    }
    if before.idle_limit_seconds != after.idle_limit_seconds {
        let limit = |seconds: Option<u32>| match seconds {
            Some(seconds) => format!("{seconds} s"),
            None => "none".to_owned(),
        };
        parts.push(format!(
            "idle limit {} instead of {}",
            limit(after.idle_limit_seconds),
            limit(before.idle_limit_seconds)
        ));
    }
    match (before.policy, after.policy) {
        (None, Some(_)) => parts.push("a jump policy applies".to_owned()),
        (Some(_), None) => parts.push("no jump policy applies".to_owned()),
        (before, after) if before != after => parts.push("another jump policy applies".to_owned()),
        _ => {}
    }
    // What ends a session at the same moment is of little interest, but it is a difference.
    if parts.is_empty() && before.limit != after.limit {
        parts.push("another limit ends it then".to_owned());
    }
}

/// Where files may move, in words.
pub(super) fn paths(paths: &[PathPattern]) -> String {
    let texts: Vec<&str> = paths.iter().map(PathPattern::as_str).collect();
    match texts.as_slice() {
        [] | ["/"] => "anywhere".to_owned(),
        texts => format!("only beneath {}", texts.join(", ")),
    }
}

/// Which commands may run without a shell, in words.
pub(super) fn commands(filter: Option<&CommandFilter>) -> String {
    let list = |patterns: &[jump_core::model::Field]| {
        let texts: Vec<&str> = patterns.iter().map(jump_core::model::Field::as_str).collect();
        texts.join(", ")
    };
    match filter {
        None => "any".to_owned(),
        Some(CommandFilter::Only(patterns)) if patterns.is_empty() => "none".to_owned(),
        Some(CommandFilter::Only(patterns)) => format!("only {}", list(patterns)),
        Some(CommandFilter::AllBut(patterns)) => format!("all but {}", list(patterns)),
    }
}
