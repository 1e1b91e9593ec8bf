//! `jump jumpoints`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jump_core::control::{Edit, ExistingEdit, JumpointPatch, ModelEdit, RepRequest, Response};
use jump_core::model::{CodeName, Comments, Name, UserName};

use super::Context;
use super::objects::{edit, show, something};
use crate::connect::connect;
use crate::error::{Failure, surprised};
use crate::output::{Column, Output, yes_no};
use crate::state::write_private;
use crate::values::{given_or_cleared, given_or_emptied, yes_or_no};

#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Add a Jumpoint and make the invitation for its agent
    Add {
        name: Name,
        /// Write the invitation to this file, for you alone, instead of standard output
        #[arg(long, value_name = "FILE")]
        token_file: Option<PathBuf>,
    },
    /// List the Jumpoints
    List,
    /// Show one Jumpoint
    Show { name: Name },
    /// Change a Jumpoint; what is not named stays
    Edit {
        name: Name,
        /// Its new name
        #[arg(long, value_name = "NAME")]
        rename: Option<Name>,
        /// What scripts and imports call it
        #[arg(long)]
        code_name: Option<CodeName>,
        /// What it is for
        #[arg(long)]
        comments: Option<Comments>,
        /// Whether Shell Jump is allowed through it
        #[arg(long, value_name = "YES|NO", value_parser = yes_or_no())]
        shell: Option<bool>,
        /// Whether Protocol Tunnel Jump is allowed through it
        #[arg(long, value_name = "YES|NO", value_parser = yes_or_no())]
        tunnel: Option<bool>,
        /// Clear a field; may be given several times
        #[arg(long, value_name = "FIELD", value_parser = ["code-name", "comments"])]
        clear: Vec<String>,
    },
    /// Remove a Jumpoint and the items behind it; their sessions end
    Remove { name: Name },
    /// Let a disabled Jumpoint in again
    Enable { name: Name },
    /// Keep a Jumpoint out; its sessions end
    Disable { name: Name },
    /// Let a user use a Jumpoint
    Grant { name: Name, user: UserName },
    /// Take that away; sessions that this denies end
    Revoke { name: Name, user: UserName },
    /// Make a new invitation for a Jumpoint that lost its key
    Invite {
        name: Name,
        /// Write the invitation to this file, for you alone, instead of standard output
        #[arg(long, value_name = "FILE")]
        token_file: Option<PathBuf>,
    },
}

pub(crate) async fn run(context: &Context<'_>, arguments: Arguments) -> Result<(), Failure> {
    let output = context.output;
    let rep = connect(&context.home).await?;
    let (made, done) = match arguments.verb {
        Verb::List => {
            let Response::Jumpoints(jumpoints) = rep.request(RepRequest::Jumpoints).await? else {
                return Err(surprised());
            };
            return output.table(
                &jumpoints,
                &[
                    Column {
                        name: "ID",
                        text: |jumpoint| jumpoint.id.to_string(),
                    },
                    Column {
                        name: "NAME",
                        text: |jumpoint| jumpoint.name.clone(),
                    },
                    Column {
                        name: "ENABLED",
                        text: |jumpoint| yes_no(jumpoint.enabled),
                    },
                    Column {
                        name: "ENROLLED",
                        text: |jumpoint| yes_no(jumpoint.key.is_some()),
                    },
                    Column {
                        name: "ONLINE",
                        text: |jumpoint| yes_no(jumpoint.online),
                    },
                    Column {
                        name: "ITEMS",
                        text: |jumpoint| jumpoint.items.to_string(),
                    },
                ],
            );
        }
        Verb::Add { name, token_file } => {
            let invitation = rep.edit(Edit::AddJumpoint { name }).await?;
            return hand_over(output, &invitation, token_file.as_deref(), "jump jumpoint");
        }
        Verb::Invite { name, token_file } => {
            let invitation = rep.edit(Edit::InviteJumpoint { name }).await?;
            return hand_over(output, &invitation, token_file.as_deref(), "jump jumpoint");
        }
        Verb::Show { name } => return show::<JumpointPatch>(output, &rep, Some(name)).await,
        Verb::Edit {
            name,
            rename,
            code_name,
            comments,
            shell,
            tunnel,
            clear,
        } => {
            let patch = JumpointPatch {
                name: rename,
                code_name: given_or_cleared(code_name, &clear, "code-name")?,
                comments: given_or_emptied(comments, &clear, "comments")?,
                enabled: None,
                shell_jump_enabled: shell,
                protocol_tunnel_enabled: tunnel,
            };
            something(&patch)?;
            let shown = patch.name.clone().unwrap_or_else(|| name.clone());
            let done = format!("Changed Jumpoint {shown}.");
            let made = ModelEdit::Jumpoint(ExistingEdit { name, patch });
            return edit::<JumpointPatch>(output, &rep, made, &done, Some(shown)).await;
        }
        Verb::Remove { name } => {
            let done = format!("Removed Jumpoint {name} and the items behind it.");
            (Edit::RemoveJumpoint { name }, done)
        }
        Verb::Enable { name } => {
            let done = format!("Jumpoint {name} is enabled.");
            (Edit::EnableJumpoint { name, enabled: true }, done)
        }
        Verb::Disable { name } => {
            let done = format!("Jumpoint {name} is disabled.");
            (Edit::EnableJumpoint { name, enabled: false }, done)
        }
        Verb::Grant { name, user } => {
            let done = format!("{user} may use Jumpoint {name}.");
            (Edit::GrantJumpoint { jumpoint: name, user }, done)
        }
        Verb::Revoke { name, user } => {
            let done = format!("{user} may not use Jumpoint {name} any more.");
            (Edit::RevokeJumpoint { jumpoint: name, user }, done)
        }
    };
    rep.edit(made).await?;
    output.say(done)?;
    output.value(&serde_json::json!({ "done": true }))
}

/// Gives an invitation to the user: into a file for the user alone, or alone on standard output, so that it can be
/// piped to whoever redeems it.
pub(crate) fn hand_over(
    output: &Output,
    invitation: &Response,
    file: Option<&Path>,
    redeemed_by: &str,
) -> Result<(), Failure> {
    let Response::Invitation(secret) = invitation else {
        return Err(surprised());
    };
    if let Some(path) = file {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        write_private(&path, format!("{}\n", secret.expose()).as_bytes())?;
        let word = super::up::shell_word(&path.display().to_string());
        output.say(format_args!(
            "The invitation is in {word}; it works once, for 24 hours:"
        ))?;
        output.say(format_args!("  {redeemed_by} < {word}"))?;
        return output.value(&serde_json::json!({ "token_file": path }));
    }
    output.complain(&format_args!(
        "This invitation works once, for 24 hours, on the standard input of `{redeemed_by}`:"
    ));
    output.say(secret.expose())?;
    output.value(&serde_json::json!({ "invitation": secret.expose() }))
}
