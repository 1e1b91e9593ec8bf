//! `jump groups`.

use clap::{Args, Subcommand};
use jump_core::control::{Edit, RepRequest, Response};
use jump_core::model::{Comments, Name, UserName};

use super::Context;
use crate::connect::connect;
use crate::error::{Failure, surprised};
use crate::output::Column;

#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Add a group
    Add {
        name: Name,
        /// What it is for
        #[arg(long)]
        comments: Option<Comments>,
    },
    /// List the groups with their members
    List,
    /// Remove a group and its items; their sessions end
    Remove { name: Name },
    /// Put a user into a group, or change its role there
    AddMember {
        group: Name,
        user: UserName,
        /// "No Access", "Start Sessions Only", "Administrator" or "Auditor" [default: the user's default role]
        #[arg(long)]
        role: Option<Name>,
    },
    /// Take a user out of a group; sessions that this denies end
    RemoveMember { group: Name, user: UserName },
}

pub(crate) async fn run(context: &Context<'_>, arguments: Arguments) -> Result<(), Failure> {
    let output = context.output;
    let rep = connect(&context.home).await?;
    let (edit, done) = match arguments.verb {
        Verb::List => {
            let Response::Groups(groups) = rep.request(RepRequest::Groups).await? else {
                return Err(surprised());
            };
            return output.table(
                &groups,
                &[
                    Column {
                        name: "ID",
                        text: |group| group.id.to_string(),
                    },
                    Column {
                        name: "NAME",
                        text: |group| group.name.clone(),
                    },
                    Column {
                        name: "ITEMS",
                        text: |group| group.items.to_string(),
                    },
                    Column {
                        name: "MEMBERS",
                        text: |group| {
                            let member = |member: &jump_core::control::MemberView| {
                                let role = member.role.as_deref().unwrap_or("default role");
                                format!("{} ({role})", member.user)
                            };
                            group.members.iter().map(member).collect::<Vec<_>>().join(", ")
                        },
                    },
                ],
            );
        }
        Verb::Add { name, comments } => {
            let done = format!("Added group {name}.");
            (
                Edit::AddGroup {
                    name,
                    comments: comments.unwrap_or_default(),
                },
                done,
            )
        }
        Verb::Remove { name } => {
            let done = format!("Removed group {name} and its items.");
            (Edit::RemoveGroup { name }, done)
        }
        Verb::AddMember { group, user, role } => {
            let named = role.as_ref().map_or("the user's default role", Name::as_str);
            let done = format!("{user} is in group {group} with {named}.");
            (Edit::AddMember { group, user, role }, done)
        }
        Verb::RemoveMember { group, user } => {
            let done = format!("{user} is not in group {group} any more.");
            (Edit::RemoveMember { group, user }, done)
        }
    };
    rep.edit(edit).await?;
    output.say(done)?;
    output.value(&serde_json::json!({ "done": true }))
}
