//! `jump groups`.

use clap::{Args, Subcommand};
use jump_core::control::{
    Edit, ExistingEdit, GroupPatch, MemberQuery, MemberView, ModelEdit, NameQuery, PageQuery,
};
use jump_core::model::{CodeName, Comments, Name, UserName};

use super::Context;
use super::objects::{edit, show, something};
use crate::connect::connect;
use crate::error::Failure;
use crate::output::Column;
use crate::values::{given_or_cleared, given_or_emptied};

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
    /// List the groups with their first members
    List {
        /// Only groups whose name or comments hold this
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
    },
    /// Show one group
    Show { name: Name },
    /// List the direct members of a group
    Members { group: Name },
    /// Change a group; what is not named stays
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
        /// Clear a field; may be given several times
        #[arg(long, value_name = "FIELD", value_parser = ["code-name", "comments"])]
        clear: Vec<String>,
    },
    /// Remove a group and its items; their sessions end
    Remove { name: Name },
    /// Put a user into a group, or change its role there
    AddMember {
        group: Name,
        user: UserName,
        /// One of `jump roles list` [default: the user's default role]
        #[arg(long)]
        role: Option<Name>,
        /// The Jump Policy that holds for it in place of the items' [default: the one set on the item]
        #[arg(long)]
        policy: Option<Name>,
    },
    /// Take a user out of a group; sessions that this denies end
    RemoveMember { group: Name, user: UserName },
}

pub(crate) async fn run(context: &Context<'_>, arguments: Arguments) -> Result<(), Failure> {
    let output = context.output;
    let rep = connect(&context.home).await?;
    let (made, done) = match arguments.verb {
        Verb::List { search } => {
            let query = NameQuery {
                search,
                ..NameQuery::default()
            };
            let groups = rep.all_groups(query).await?;
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
                            let member = |member: &MemberView| {
                                let role = member.role.as_deref().unwrap_or("default role");
                                format!("{} ({role})", member.user)
                            };
                            let first: Vec<String> = group.members.iter().take(5).map(member).collect();
                            let more = group.member_count.saturating_sub(first.len());
                            let more = if more == 0 {
                                String::new()
                            } else {
                                format!(" and {more} more")
                            };
                            format!("{}{more}", first.join(", "))
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
        Verb::Show { name } => return show::<GroupPatch>(output, &rep, Some(name)).await,
        Verb::Members { group } => {
            let page = PageQuery::default();
            let members = rep.all_members(MemberQuery { group, page }).await?;
            return output.table(
                &members,
                &[
                    Column {
                        name: "USER",
                        text: |member| member.user.clone(),
                    },
                    Column {
                        name: "ROLE",
                        text: |member| member.role.clone().unwrap_or_else(|| "default role".to_owned()),
                    },
                    Column {
                        name: "JUMP POLICY",
                        text: |member| member.policy.clone().unwrap_or_else(|| "as the item".to_owned()),
                    },
                ],
            );
        }
        Verb::Edit {
            name,
            rename,
            code_name,
            comments,
            clear,
        } => {
            let patch = GroupPatch {
                name: rename,
                code_name: given_or_cleared(code_name, &clear, "code-name")?,
                comments: given_or_emptied(comments, &clear, "comments")?,
            };
            something(&patch)?;
            let shown = patch.name.clone().unwrap_or_else(|| name.clone());
            let done = format!("Changed group {shown}.");
            let made = ModelEdit::Group(ExistingEdit { name, patch });
            return edit::<GroupPatch>(output, &rep, made, &done, Some(shown)).await;
        }
        Verb::AddMember {
            group,
            user,
            role,
            policy,
        } => {
            let named = role.as_ref().map_or("the user's default role", Name::as_str);
            let done = format!("{user} is in group {group} with {named}.");
            let add = Edit::AddMember {
                group,
                user,
                role,
                policy,
            };
            (add, done)
        }
        Verb::RemoveMember { group, user } => {
            let done = format!("{user} is not in group {group} any more.");
            (Edit::RemoveMember { group, user }, done)
        }
    };
    rep.edit(made).await?;
    output.say(done)?;
    output.value(&serde_json::json!({ "done": true }))
}
