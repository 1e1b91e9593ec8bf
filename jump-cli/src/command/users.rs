//! `jump users`.

mod totp;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jump_core::control::{Edit, LoginView, RepRequest, Response};
use jump_core::id::LoginId;
use jump_core::model::{JumpMethod, JumpMethods, LoginScope, Name, UserName};

use super::Context;
use super::jumpoints::hand_over;
use crate::connect::connect;
use crate::error::{Failure, surprised};
use crate::output::{Column, yes_no};

#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Method {
    /// Shell Jump
    Shell,
    /// Protocol Tunnel Jump
    Tunnel,
    /// Every method
    All,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Add a user, who may do nothing until groups and Jumpoints are granted
    Add {
        name: UserName,
        /// A method by which it may jump; may be given several times
        #[arg(long, value_enum)]
        method: Vec<Method>,
        /// It may administer the site
        #[arg(long)]
        admin: bool,
        /// The role that applies in groups where its membership names none [default: No Access]
        #[arg(long, value_name = "ROLE")]
        default_role: Option<Name>,
    },
    /// List the users
    List,
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
        /// Write the invitation to this file, for you alone, instead of standard output
        #[arg(long, value_name = "FILE")]
        token_file: Option<PathBuf>,
    },
    /// Enrol your second factor, for Jump Policies that ask for one
    Totp(totp::Arguments),
}

pub(crate) async fn run(context: &Context<'_>, arguments: Arguments) -> Result<(), Failure> {
    let output = context.output;
    let rep = connect(&context.home).await?;
    let (edit, done) = match arguments.verb {
        Verb::List => {
            let Response::Users(users) = rep.request(RepRequest::Users).await? else {
                return Err(surprised());
            };
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
                        text: |user| join(user.allowed_methods.iter().map(|method| method.to_string())),
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
                        text: |user| {
                            let named = |login: &LoginView| format!("{} ({})", login.label, login.id);
                            join(user.logins.iter().map(named))
                        },
                    },
                ],
            );
        }
        Verb::Totp(arguments) => return totp::run(output, &rep, arguments).await,
        Verb::Invite {
            name,
            sessions_only,
            token_file,
        } => {
            let scope = if sessions_only {
                LoginScope::Sessions
            } else {
                LoginScope::Everything
            };
            let invitation = rep.edit(Edit::InviteLogin { user: name, scope }).await?;
            return hand_over(output, &invitation, token_file.as_deref(), "jump login");
        }
        Verb::Add {
            name,
            method,
            admin,
            default_role,
        } => {
            let done = format!("Added user {name}. Invite it with: jump users invite {name}");
            let allowed_methods = methods(&method);
            (
                Edit::AddUser {
                    name,
                    administrator: admin,
                    allowed_methods,
                    default_role,
                },
                done,
            )
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
    rep.edit(edit).await?;
    output.say(done)?;
    output.value(&serde_json::json!({ "done": true }))
}

fn methods(named: &[Method]) -> JumpMethods {
    let each = |method: &Method| match method {
        Method::Shell => vec![JumpMethod::ShellJump],
        Method::Tunnel => vec![JumpMethod::ProtocolTunnel],
        Method::All => JumpMethod::ALL.to_vec(),
    };
    named.iter().flat_map(each).collect()
}

fn join(words: impl Iterator<Item = String>) -> String {
    words.collect::<Vec<_>>().join(", ")
}
