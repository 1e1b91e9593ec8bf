//! `jump site`: what holds for the whole site, and all of it as changes in JSON.

use std::io::Read;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use jump_core::control::{Edit, ModelEdit, RepRequest, Response, SitePatch};
use jump_core::model::{Change, Name};
use jump_core::{Error, ErrorKind};

use super::diff::Diff;
use super::objects::show;
use super::{Context, transfer};
use crate::connect::connect;
use crate::error::{Failure, surprised};
use crate::values::{given_or_cleared, yes_or_no};

/// The longest file of changes, in bytes: a control message is shorter.
const LONGEST: u64 = 1024 * 1024;
/// How many differences a dry run shows; `jump diff` can show more.
const SHOWN: u32 = 100;

#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Print roles, policies, users, teams, groups and memberships as the changes that would make them
    Show,
    /// Write the whole site by names, as TOML or JSON, without logins, keys and credentials (administrators)
    Export(transfer::ExportSiteArguments),
    /// Make the site equal to a document, all or nothing (administrators)
    Import(transfer::ImportSiteArguments),
    /// Show what holds for the whole site, or change it
    Settings {
        /// What may happen in sessions where neither the item nor the user has a policy that says so
        #[arg(long, value_name = "POLICY")]
        session_policy: Option<Name>,
        /// Whether several sessions may run on one item where its Jump Policy leaves it to the site
        #[arg(long, value_name = "YES|NO", value_parser = yes_or_no())]
        simultaneous_jumps: Option<bool>,
        /// Clear a field: session-policy
        #[arg(long, value_name = "FIELD", value_parser = ["session-policy"])]
        clear: Vec<String>,
    },
    /// Make the changes in a file, all or none; it looks like what `jump site show` prints
    Change {
        /// A JSON array of changes; `-` is standard input
        file: PathBuf,
        /// Only check whether they could be made, and show whose access would be different
        #[arg(long)]
        dry_run: bool,
    },
}

pub(crate) async fn run(context: &Context<'_>, arguments: Arguments) -> Result<(), Failure> {
    let output = context.output;
    match arguments.verb {
        Verb::Show => {
            let rep = connect(&context.home).await?;
            let Response::Site(changes) = rep.request(RepRequest::Site).await? else {
                return Err(surprised());
            };
            let text = serde_json::to_string_pretty(&changes).map_err(|error| {
                Error::new(ErrorKind::Internal, "show the site", "it has no form in JSON").with_source(error)
            })?;
            output.say(text)?;
            output.value(&changes)
        }
        Verb::Export(arguments) => transfer::export_site(context, arguments).await,
        Verb::Import(arguments) => transfer::import_site(context, arguments).await,
        Verb::Settings {
            session_policy,
            simultaneous_jumps,
            clear,
        } => {
            let patch = SitePatch {
                session_policy: given_or_cleared(session_policy, &clear, "session-policy")?,
                simultaneous_jumps,
            };
            let rep = connect(&context.home).await?;
            if patch != SitePatch::default() {
                rep.edit(Edit::Model(ModelEdit::Site(patch))).await?;
            }
            show::<SitePatch>(output, &rep, None).await
        }
        Verb::Change { file, dry_run } => {
            let changes = read(&file)?;
            let count = changes.len();
            let rep = connect(&context.home).await?;
            let edit = Edit::Change {
                changes: changes.clone(),
                dry_run,
            };
            rep.edit(edit).await?;
            if !dry_run {
                output.say(format_args!("Made {count} changes."))?;
                return output.value(&serde_json::json!({ "changes": count, "made": true }));
            }
            output.say(format_args!("The {count} changes could be made."))?;
            let diff = Diff::of(&rep, &changes, None, SHOWN).await?;
            diff.show(output, SHOWN, "`jump diff --limit`")?;
            output.value(&serde_json::json!({ "changes": count, "made": false, "diff": diff }))
        }
    }
}

pub(super) fn read(file: &PathBuf) -> Result<Vec<Change>, Failure> {
    let what = "read the changes";
    let failed = |error| Error::from_io(ErrorKind::Storage, what, error);
    let mut text = String::new();
    if file.as_os_str() == "-" {
        std::io::stdin()
            .take(LONGEST + 1)
            .read_to_string(&mut text)
            .map_err(failed)?;
    } else {
        let opened = std::fs::File::open(file).map_err(failed)?;
        opened
            .take(LONGEST + 1)
            .read_to_string(&mut text)
            .map_err(failed)?;
    }
    if text.len() as u64 > LONGEST {
        return Err(Error::new(
            ErrorKind::ResourceLimit,
            what,
            "at most 1 MiB can be changed at once",
        )
        .into());
    }
    serde_json::from_str(&text).map_err(|error| {
        Error::new(
            ErrorKind::InvalidArgument,
            what,
            format!("they are not changes: {error}"),
        )
        .into()
    })
}
