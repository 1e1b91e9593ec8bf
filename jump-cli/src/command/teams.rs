//! `jump teams`.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use jump_core::control::{EditVerb, ModelEdit, NamedEdit, TeamPatch};
use jump_core::model::{Name, TeamRole, UserName};

use super::Context;
use super::objects::{edit, show};
use crate::connect::connect;
use crate::error::Failure;
use crate::output::Column;
use crate::values::one_of;

#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

const ROLES: &[&str] = &["member", "lead", "manager"];

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the teams with their members
    List,
    /// Show one team
    Show { name: Name },
    /// Add a team
    Add { name: Name },
    /// Give a team another name
    Rename { name: Name, to: Name },
    /// Remove a team
    Remove { name: Name },
    /// Put a user into a team, or change its place there
    AddMember {
        team: Name,
        user: UserName,
        /// Its place: leads see members' personal lists, managers also those of leads
        #[arg(long, value_parser = one_of::<TeamRole>(ROLES), default_value = "member")]
        role: TeamRole,
    },
    /// Take a user out of a team
    RemoveMember { team: Name, user: UserName },
}

fn role_name(role: TeamRole) -> &'static str {
    match role {
        TeamRole::Member => "member",
        TeamRole::Lead => "lead",
        TeamRole::Manager => "manager",
    }
}

pub(crate) async fn run(context: &Context<'_>, arguments: Arguments) -> Result<(), Failure> {
    let output = context.output;
    let rep = connect(&context.home).await?;
    let (verb, name, patch, done) = match arguments.verb {
        Verb::List => {
            return output.table(
                &rep.described::<TeamPatch>(None).await?,
                &[
                    Column {
                        name: "ID",
                        text: |team| team.id.to_string(),
                    },
                    Column {
                        name: "NAME",
                        text: |team| team.name.clone(),
                    },
                    Column {
                        name: "MEMBERS",
                        text: |team| {
                            let members = team.value.members.iter();
                            let each = members
                                .map(|(name, role)| format!("{name} ({})", role.map_or("", role_name)));
                            each.collect::<Vec<_>>().join(", ")
                        },
                    },
                ],
            );
        }
        Verb::Show { name } => return show::<TeamPatch>(output, &rep, Some(name)).await,
        Verb::Add { name } => {
            let done =
                format!("Added team {name}. Put users into it with: jump teams add-member {name} USER");
            (EditVerb::Add, name, TeamPatch::default(), done)
        }
        Verb::Rename { name, to } => {
            let done = format!("Team {name} is {to} now.");
            let patch = TeamPatch {
                name: Some(to),
                ..TeamPatch::default()
            };
            (EditVerb::Edit, name, patch, done)
        }
        Verb::Remove { name } => {
            let done = format!("Removed team {name}.");
            (EditVerb::Remove, name, TeamPatch::default(), done)
        }
        Verb::AddMember { team, user, role } => {
            let done = format!("{user} is in team {team} as {}.", role_name(role));
            (EditVerb::Edit, team, member(user, Some(role)), done)
        }
        Verb::RemoveMember { team, user } => {
            let done = format!("{user} is not in team {team} any more.");
            (EditVerb::Edit, team, member(user, None), done)
        }
    };
    let shown = match (&patch.name, verb) {
        (_, EditVerb::Remove) => None,
        (Some(renamed), _) => Some(renamed.clone()),
        (None, _) => Some(name.clone()),
    };
    let made = ModelEdit::Team(NamedEdit { verb, name, patch });
    edit::<TeamPatch>(output, &rep, made, &done, shown).await
}

fn member(user: UserName, role: Option<TeamRole>) -> TeamPatch {
    TeamPatch {
        name: None,
        members: BTreeMap::from([(user, role)]),
    }
}
