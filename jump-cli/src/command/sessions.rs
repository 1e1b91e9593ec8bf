//! `jump sessions`.

use clap::{Args, Subcommand};
use jump_core::control::SessionView;
use jump_core::id::SessionId;
use jump_core::store::SessionState;

use super::Context;
use crate::connect::connect;
use crate::error::Failure;
use crate::output::{Column, moment};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Only running ones
    #[arg(long)]
    active: bool,
    /// At most this many, the latest first
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// End a running session: your own, or any if you are an administrator
    End {
        /// Its id
        id: SessionId,
    },
}

pub(crate) async fn run(context: &Context<'_>, arguments: Arguments) -> Result<(), Failure> {
    let output = context.output;
    let rep = connect(&context.home).await?;
    if let Some(Verb::End { id }) = arguments.verb {
        rep.end_session(id).await?;
        output.say(format_args!("Session {id} ends."))?;
        return output.value(&serde_json::json!({ "ended": id }));
    }
    let sessions = rep.sessions(arguments.active, arguments.limit).await?;
    if sessions.is_empty() {
        output.say(if arguments.active {
            "No session is running."
        } else {
            "There was no session yet."
        })?;
        return output.value(&sessions);
    }
    output.table(
        &sessions,
        &[
            Column {
                name: "ID",
                text: |session| session.id.to_string(),
            },
            Column {
                name: "USER",
                text: |session| session.user.clone(),
            },
            Column {
                name: "ITEM",
                text: |session| session.item.clone(),
            },
            Column {
                name: "PROTOCOL",
                text: |session| match session.local {
                    true => format!("{}, local", session.protocol),
                    false => session.protocol.clone(),
                },
            },
            Column {
                name: "STARTED",
                text: |session| moment(session.started),
            },
            Column {
                name: "STATE",
                text: state,
            },
        ],
    )
}

fn state(session: &SessionView) -> String {
    match &session.state {
        SessionState::Active => "active".to_owned(),
        SessionState::Ended { at, reason, .. } => format!("ended {}: {reason}", moment(*at)),
    }
}
