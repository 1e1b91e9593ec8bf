//! `jump who` and `jump what`: many decisions at once.

use clap::Args;
use jump_core::access::simulate::Answer;
use jump_core::control::{AccessView, Look};
use jump_core::model::UserName;
use jump_core::text::Escaped;
use jump_core::time::Timestamp;
use serde::Serialize;

use super::Context;
use crate::connect::connect;
use crate::error::Failure;
use crate::output::{Colour, Column, Output, moment};

/// The most rows that are asked for at once.
const PAGE: usize = 1000;

#[derive(Debug, Args)]
pub(crate) struct WhoArguments {
    /// The item's name, GROUP/NAME or id
    item: String,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct WhatArguments {
    /// Whose access, if not your own
    #[arg(long, value_name = "NAME")]
    user: Option<UserName>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
struct Common {
    /// At which moment, such as 2027-01-31T22:00:00+01:00 [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// Show those for which the answer is no, too
    #[arg(long)]
    denied: bool,
    /// At most this many rows
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
}

/// A part of a long answer.
pub(super) struct Part<R, C> {
    pub(super) at: Timestamp,
    pub(super) rows: Vec<R>,
    pub(super) next: Option<C>,
}

/// As much of a long answer as was wanted.
pub(super) struct Gathered<R> {
    pub(super) at: Timestamp,
    pub(super) rows: Vec<R>,
    /// Whether there are more.
    pub(super) more: bool,
}

/// Asks for part after part, until there are `limit` rows and it is known whether there is another.
pub(super) async fn gather<R, C>(
    limit: u32,
    at: Option<Timestamp>,
    mut ask: impl AsyncFnMut(Look<C>) -> Result<Part<R, C>, Failure>,
) -> Result<Gathered<R>, Failure> {
    let limit = limit as usize;
    let mut rows = Vec::new();
    let mut look = Look::first(at, 0);
    loop {
        // One more than is wanted shows that there are more.
        look.limit = u32::try_from(PAGE.min(limit + 1 - rows.len())).unwrap_or(1);
        let part = ask(look).await?;
        rows.extend(part.rows);
        let more = rows.len() > limit;
        if more || part.next.is_none() {
            rows.truncate(limit);
            let at = part.at;
            return Ok(Gathered { at, rows, more });
        }
        look = Look {
            after: part.next,
            ..Look::first(Some(part.at), 0)
        };
    }
}

/// Says that an answer was cut, if it was.
pub(super) fn say_if_more(output: &Output, more: bool, limit: u32, how: &str) -> Result<(), Failure> {
    if more {
        output.say(format_args!("There are more than {limit}: {how} shows more."))?;
    }
    Ok(())
}

/// The result for programs.
#[derive(Serialize)]
struct Found<'a> {
    about: &'a str,
    at: Timestamp,
    rows: &'a [AccessView],
    more: bool,
}

pub(crate) async fn who(context: &Context<'_>, arguments: WhoArguments) -> Result<(), Failure> {
    let WhoArguments { item, common } = arguments;
    let rep = connect(&context.home).await?;
    let mut about = String::new();
    let found = gather(common.limit, common.at, async |look| {
        let page = rep.who(&item, common.denied, look).await?;
        about = page.about;
        let (at, rows, next) = (page.at, page.rows, page.next);
        Ok(Part { at, rows, next })
    })
    .await?;
    let title = format!(
        "Who may start a session on {} at {}?",
        Escaped(&about),
        moment(found.at)
    );
    let columns = &[
        Column {
            name: "USER",
            text: |row: &AccessView| row.user.clone(),
        },
        ACCESS,
        UNTIL,
        WHY,
    ];
    show(
        context.output,
        &title,
        "Nobody may.",
        &about,
        &found,
        columns,
        common.limit,
    )
}

pub(crate) async fn what(context: &Context<'_>, arguments: WhatArguments) -> Result<(), Failure> {
    let WhatArguments { user, common } = arguments;
    let rep = connect(&context.home).await?;
    let mut about = String::new();
    let found = gather(common.limit, common.at, async |look| {
        let page = rep.what(user.clone(), common.denied, look).await?;
        about = page.about;
        let (at, rows, next) = (page.at, page.rows, page.next);
        Ok(Part { at, rows, next })
    })
    .await?;
    let title = format!(
        "On what may {} start a session at {}?",
        Escaped(&about),
        moment(found.at)
    );
    let columns = &[
        Column {
            name: "ITEM",
            text: |row: &AccessView| row.item.clone(),
        },
        ACCESS,
        UNTIL,
        WHY,
    ];
    show(
        context.output,
        &title,
        "On nothing.",
        &about,
        &found,
        columns,
        common.limit,
    )
}

const ACCESS: Column<AccessView> = Column {
    name: "ACCESS",
    text: |row| row.answer.reach.to_string(),
};

/// When a session that starts at the moment that is asked about would end.
const UNTIL: Column<AccessView> = Column {
    name: "AT MOST UNTIL",
    text: |row| {
        let obligations = row.answer.obligations.as_ref();
        obligations.map_or_else(String::new, |one| moment(one.until))
    },
};

const WHY: Column<AccessView> = Column {
    name: "WHY",
    text: |row| why(&row.answer),
};

/// The reasons that decided.
pub(super) fn why(answer: &Answer) -> String {
    let reasons: Vec<String> = answer.deciding().map(ToString::to_string).collect();
    reasons.join("; ")
}

fn show(
    output: &Output,
    title: &str,
    nothing: &str,
    about: &str,
    found: &Gathered<AccessView>,
    columns: &[Column<AccessView>],
    limit: u32,
) -> Result<(), Failure> {
    if output.json() {
        let (at, rows, more) = (found.at, found.rows.as_slice(), found.more);
        return output.value(&Found {
            about,
            at,
            rows,
            more,
        });
    }
    output.say(output.paint(Colour::Bold, title))?;
    if found.rows.is_empty() {
        return output.say(nothing);
    }
    output.table(&found.rows, columns)?;
    say_if_more(output, found.more, limit, "--limit")
}
