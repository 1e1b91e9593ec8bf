//! `jump users`.

mod totp;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use ipnet::IpNet;
use jump_core::control::{Edit, LoginView, ModelEdit, NameQuery, UserEdit, UserPatch};
use jump_core::id::LoginId;
use jump_core::model::{JumpMethods, LoginLimits, LoginScope, Name, Sources, UserName};
use jump_core::time::Timestamp;

use super::Context;
use super::jumpoints::hand_over;
use super::objects::{edit, show, something};
use crate::connect::connect;
use crate::error::Failure;
use crate::output::{Column, yes_no};
use crate::values::{MethodOrAll, given_or_cleared, methods, methods_named, network, yes_or_no};

#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Add a user, who may do nothing until groups and Jumpoints are granted
    Add {
        name: UserName,
        /// A method by which it may jump, or `all`, or `none`; may be given several times [default: those of its group policies]
        #[arg(long)]
        method: Vec<MethodOrAll>,
        /// It may administer the site
        #[arg(long)]
        admin: bool,
        /// The role that applies in groups where its membership names none [default: No Access]
        #[arg(long, value_name = "ROLE")]
        default_role: Option<Name>,
    },
    /// List the users
    List {
        /// Only users whose name holds this
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
    },
    /// Show one user with its roles
    Show { name: UserName },
    /// Change a user; what is not named stays
    Edit {
        name: UserName,
        #[command(flatten)]
        fields: Box<Fields>,
    },
    /// Remove a user; its sessions end
    Remove { name: UserName },
    /// Let a disabled user in again
    Enable { name: UserName },
    /// Keep a user out; its sessions end
    Disable { name: UserName },
    /// Remove one login of a user, such as a lost device; its sessions end
    RemoveLogin {
        /// The login's id, as `jump users list` shows it
        #[arg(value_parser = clap::value_parser!(u32).range(1..))]
        login: u32,
    },
    /// Make an invitation for a login: works once, for 24 hours
    Invite {
        name: UserName,
        /// The login may only start sessions, whatever the user may
        #[arg(long)]
        sessions_only: bool,
        /// The login may only be used from this network or address, such as 192.0.2.0/24; may be given several times
        #[arg(long, value_name = "NETWORK", value_parser = network)]
        from: Vec<IpNet>,
        /// The login stops working then, such as at 2027-01-31T22:00:00Z
        #[arg(long, value_name = "TIME")]
        expires: Option<Timestamp>,
        /// Write the invitation to this file, for you alone, instead of standard output
        #[arg(long, value_name = "FILE")]
        token_file: Option<PathBuf>,
    },
    /// Enrol your second factor, for Jump Policies that ask for one
    Totp(totp::Arguments),
}

#[derive(Debug, Args)]
struct Fields {
    /// Its new name
    #[arg(long, value_name = "NAME")]
    rename: Option<UserName>,
    /// Whether it may administer the site
    #[arg(long, value_name = "YES|NO", value_parser = yes_or_no())]
    admin: Option<bool>,
    /// A method by which it may jump, in place of those there are, or `all`, or `none`; may be given several times
    #[arg(long)]
    method: Vec<MethodOrAll>,
    /// The role in groups where its membership names none
    #[arg(long, value_name = "ROLE")]
    default_role: Option<Name>,
    /// The role on its own personal list
    #[arg(long, value_name = "ROLE")]
    personal_role: Option<Name>,
    /// The role on personal lists of team members with a lower team role
    #[arg(long, value_name = "ROLE")]
    team_role: Option<Name>,
    /// The role everywhere else; anything but "No Access" shows it groups it is not in, and others' personal lists
    #[arg(long, value_name = "ROLE")]
    system_role: Option<Name>,
    /// What may happen in its sessions where the item has no session policy
    #[arg(long, value_name = "POLICY")]
    session_policy: Option<Name>,
    /// Clear a field, so that its group policies or the site decide; may be given several times
    #[arg(long, value_name = "FIELD", value_parser = ["method", "default-role", "personal-role", "team-role", "system-role", "session-policy"])]
    clear: Vec<String>,
}

impl Fields {
    fn patch(self) -> Result<UserPatch, Failure> {
        let named = (!self.method.is_empty()).then(|| methods(&self.method));
        let cleared = &self.clear;
        Ok(UserPatch {
            name: self.rename,
            enabled: None,
            administrator: self.admin,
            allowed_methods: given_or_cleared(named, cleared, "method")?,
            default_role: given_or_cleared(self.default_role, cleared, "default-role")?,
            personal_role: given_or_cleared(self.personal_role, cleared, "personal-role")?,
            team_role: given_or_cleared(self.team_role, cleared, "team-role")?,
            system_role: given_or_cleared(self.system_role, cleared, "system-role")?,
            session_policy: given_or_cleared(self.session_policy, cleared, "session-policy")?,
        })
    }
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
            let users = rep.all_users(query).await?;
            return output.table(
                &users,
                &[
                    Column {
                        name: "ID",
                        text: |user| user.id.to_string(),
                    },
                    Column {
                        name: "NAME",
                        text: |user| user.name.clone(),
                    },
                    Column {
                        name: "ENABLED",
                        text: |user| yes_no(user.enabled),
                    },
                    Column {
                        name: "ADMIN",
                        text: |user| yes_no(user.administrator),
                    },
                    Column {
                        name: "METHODS",
                        text: |user| match user.allowed_methods {
                            // Nothing of its own: its group policies may allow some.
                            none if none == JumpMethods::default() => String::new(),
                            some => methods_named(some),
                        },
                    },
                    Column {
                        name: "DEFAULT ROLE",
                        text: |user| user.default_role.clone(),
                    },
                    Column {
                        name: "JUMPOINTS",
                        text: |user| join(user.jumpoints.iter().cloned()),
                    },
                    Column {
                        name: "LOGINS",
                        text: |user| join(user.logins.iter().map(login)),
                    },
                ],
            );
        }
        Verb::Totp(arguments) => return totp::run(output, &rep, arguments).await,
        Verb::Show { name } => {
            return show::<UserPatch>(output, &rep, Some(Name::new(name.as_str())?)).await;
        }
        Verb::Edit { name, fields } => {
            let patch = fields.patch()?;
            something(&patch)?;
            let shown = patch.name.clone().unwrap_or_else(|| name.clone());
            let done = format!("Changed user {shown}.");
            let made = ModelEdit::User(UserEdit { name, patch });
            return edit::<UserPatch>(output, &rep, made, &done, Some(Name::new(shown.as_str())?)).await;
        }
        Verb::Invite {
            name,
            sessions_only,
            from,
            expires,
            token_file,
        } => {
            let limits = LoginLimits {
                expires,
                sources: Sources::new(from)?,
            };
            let scope = if sessions_only {
                LoginScope::Sessions
            } else {
                LoginScope::Everything
            };
            let invite = Edit::InviteLogin {
                user: name,
                scope,
                limits,
            };
            let invitation = rep.edit(invite).await?;
            return hand_over(output, &invitation, token_file.as_deref(), "jump login");
        }
        Verb::Add {
            name,
            method,
            admin,
            default_role,
        } => {
            let add = Edit::AddUser {
                name: name.clone(),
                administrator: admin,
                allowed_methods: methods(&method),
                default_role,
            };
            rep.edit(add).await?;
            if method.is_empty() {
                // No method at all would be a word of its own, against which no group policy counts.
                let patch = UserPatch {
                    allowed_methods: Some(None),
                    ..UserPatch::default()
                };
                let name = name.clone();
                rep.edit(Edit::Model(ModelEdit::User(UserEdit { name, patch })))
                    .await?;
            }
            output.say(format_args!(
                "Added user {name}. Invite it with: jump users invite {name}"
            ))?;
            return output.value(&serde_json::json!({ "done": true }));
        }
        Verb::Remove { name } => {
            let done = format!("Removed user {name}.");
            (Edit::RemoveUser { name }, done)
        }
        Verb::RemoveLogin { login } => {
            let done = format!("Removed login {login}.");
            let login = LoginId::new(login)?;
            (Edit::RemoveLogin { login }, done)
        }
        Verb::Enable { name } => {
            let done = format!("User {name} is enabled.");
            (Edit::EnableUser { name, enabled: true }, done)
        }
        Verb::Disable { name } => {
            let done = format!("User {name} is disabled.");
            (Edit::EnableUser { name, enabled: false }, done)
        }
    };
    rep.edit(made).await?;
    output.say(done)?;
    output.value(&serde_json::json!({ "done": true }))
}

/// A login, with its limits if it has any: `laptop (7)`, `robot (8, from 192.0.2.0/24, until 2027-01-31T22:00:00Z)`.
fn login(login: &LoginView) -> String {
    let mut said = format!("{} ({}", login.label, login.id);
    if !login.sources.is_any() {
        said += &format!(", from {}", login.sources);
    }
    if let Some(expires) = login.expires {
        said += &format!(", until {expires}");
    }
    said + ")"
}

fn join(words: impl Iterator<Item = String>) -> String {
    words.collect::<Vec<_>>().join(", ")
}
