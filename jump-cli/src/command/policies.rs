//! `jump policies`: Jump Policies.

mod fields;

use clap::{Args, Subcommand};
use jump_core::control::{Described, EditVerb, JumpPolicyPatch, ModelEdit, NamedEdit};
use jump_core::model::{Name, ScheduleEntry};
use jump_core::rep::Rep;

use super::Context;
use super::objects::{edit, show, something};
use crate::connect::connect;
use crate::error::Failure;
use crate::output::{Column, Output};
use fields::Fields;

#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the Jump Policies with what they ask for
    List,
    /// Show one Jump Policy
    Show { name: Name },
    /// Add a Jump Policy
    ///
    /// For example: jump policies add office --schedule 'Mon-Fri 08:00 - 18:00' --zone Europe/Berlin
    Add {
        name: Name,
        #[command(flatten)]
        fields: Box<Fields>,
    },
    /// Change a Jump Policy; what is not named stays
    Edit {
        name: Name,
        /// Its new name
        #[arg(long, value_name = "NAME")]
        rename: Option<Name>,
        #[command(flatten)]
        fields: Box<Fields>,
    },
    /// Remove a Jump Policy that nothing refers to
    Remove { name: Name },
}

pub(crate) async fn run(context: &Context<'_>, arguments: Arguments) -> Result<(), Failure> {
    let output = context.output;
    let change = |verb, name: &Name, patch| {
        let name = name.clone();
        ModelEdit::JumpPolicy(Box::new(NamedEdit { verb, name, patch }))
    };
    let (made, done, shown) = match arguments.verb {
        Verb::List => {
            let rep = connect(&context.home).await?;
            return output.table(
                &rep.described::<JumpPolicyPatch>(None).await?,
                &[
                    Column {
                        name: "ID",
                        text: |policy| policy.id.to_string(),
                    },
                    Column {
                        name: "NAME",
                        text: |policy| policy.name.clone(),
                    },
                    Column {
                        name: "WHEN",
                        text: when,
                    },
                    Column {
                        name: "ASKS FOR",
                        text: asks_for,
                    },
                    Column {
                        name: "LIMITS",
                        text: limits,
                    },
                ],
            );
        }
        Verb::Show { name } => {
            let rep = connect(&context.home).await?;
            return show::<JumpPolicyPatch>(output, &rep, Some(name)).await;
        }
        Verb::Add { name, fields } => {
            let made = change(EditVerb::Add, &name, fields.patch(None)?);
            let done =
                format!("Added Jump Policy {name}. Set it with: jump items edit ITEM --jump-policy {name}");
            (made, done, Some(name))
        }
        Verb::Edit { name, rename, fields } => {
            let shown = rename.clone().unwrap_or_else(|| name.clone());
            let patch = fields.patch(rename)?;
            something(&patch)?;
            let made = change(EditVerb::Edit, &name, patch);
            (made, format!("Changed Jump Policy {shown}."), Some(shown))
        }
        Verb::Remove { name } => {
            let made = change(EditVerb::Remove, &name, JumpPolicyPatch::default());
            (made, format!("Removed Jump Policy {name}."), None)
        }
    };
    let rep = connect(&context.home).await?;
    edit::<JumpPolicyPatch>(output, &rep, made, &done, shown.clone()).await?;
    match shown {
        Some(name) if !output.json() => warn(output, &rep, name).await,
        _ => Ok(()),
    }
}

/// Points out an approval that nobody can give: nobody gets in any more then, which is easily meant otherwise.
async fn warn(output: &Output, rep: &Rep, name: Name) -> Result<(), Failure> {
    let policies = rep.described::<JumpPolicyPatch>(Some(name)).await?;
    let approvals = policies
        .iter()
        .filter_map(|policy| policy.value.approval.as_ref()?.as_ref());
    for approval in approvals {
        if approval.approvers.is_empty() && approval.approver_teams.is_empty() {
            output.say("Nobody may approve yet: say who with --approver or --approver-team.")?;
        }
    }
    Ok(())
}

fn when(policy: &Described<JumpPolicyPatch>) -> String {
    let value = &policy.value;
    match value.schedule.as_ref().and_then(Option::as_ref) {
        None => "always".to_owned(),
        Some(schedule) => {
            let entries = ScheduleEntry::write_all(schedule.entries());
            let entries = if entries.is_empty() {
                "never".to_owned()
            } else {
                entries.join("; ")
            };
            let kind = if value.schedule_strict == Some(true) {
                "strict"
            } else {
                "advisory"
            };
            format!("{entries} {} ({kind})", schedule.timezone())
        }
    }
}

fn asks_for(policy: &Described<JumpPolicyPatch>) -> String {
    let value = &policy.value;
    let approval = value.approval.as_ref().is_some_and(Option::is_some);
    let asked = [
        (approval, "approval"),
        (value.reason_required == Some(true), "reason"),
        (value.ticket_id_required == Some(true), "ticket"),
        (value.two_factor_challenge_required == Some(true), "second factor"),
    ];
    let asked: Vec<&str> = asked
        .iter()
        .filter(|(so, _)| *so)
        .map(|(_, what)| *what)
        .collect();
    asked.join(", ")
}

fn limits(policy: &Described<JumpPolicyPatch>) -> String {
    let value = &policy.value;
    let seconds =
        |limit: Option<Option<u32>>, what: &str| limit.flatten().map(|seconds| format!("{what} {seconds} s"));
    let limits = [
        seconds(value.max_duration_seconds, "duration"),
        seconds(value.idle_limit_seconds, "idle"),
        value
            .recordings_disabled
            .unwrap_or(false)
            .then(|| "no recording".to_owned()),
    ];
    limits.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
