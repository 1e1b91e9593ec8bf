//! The verbs, one file each.

pub(crate) mod approvals;
pub(crate) mod audit;
pub(crate) mod broker;
pub(crate) mod click;
pub(crate) mod cp;
pub(crate) mod credential;
pub(crate) mod demo;
pub(crate) mod diff;
pub(crate) mod export;
mod film;
pub(crate) mod group_policies;
pub(crate) mod groups;
pub(crate) mod items;
pub(crate) mod jumpoint;
pub(crate) mod jumpoints;
mod local_port;
pub(crate) mod login;
pub(crate) mod objects;
pub(crate) mod play;
pub(crate) mod policies;
pub(crate) mod proxy;
pub(crate) mod rdp;
pub(crate) mod recordings;
pub(crate) mod relay;
pub(crate) mod report;
pub(crate) mod roles;
mod screen;
pub(crate) mod screenshot;
pub(crate) mod session_policies;
pub(crate) mod sessions;
pub(crate) mod simulate;
pub(crate) mod site;
pub(crate) mod ssh;
pub(crate) mod ssh_config;
pub(crate) mod teams;
pub(crate) mod transfer;
pub(crate) mod tunnel;
pub(crate) mod type_text;
pub(crate) mod up;
pub(crate) mod users;
pub(crate) mod vault;
pub(crate) mod vnc;
pub(crate) mod why;

use std::process::ExitCode;

use crate::arguments::{self, Command};
use crate::error::Failure;
use crate::output::Output;
use crate::state::Home;

/// What every verb is given besides its own arguments.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) home: Home,
    pub(crate) output: &'a Output,
}

/// Runs the verb.
pub(crate) async fn run(arguments: arguments::Arguments, output: &Output) -> Result<ExitCode, Failure> {
    let global = arguments.global;
    let context = Context {
        home: Home::find(global.home.as_deref(), &global.profile)?,
        output,
    };
    let context = &context;
    // Each future is boxed: the largest verb must not decide the size of all.
    match arguments.command {
        Command::Demo(arguments) => return Box::pin(demo::run(context, arguments)).await,
        Command::Ssh(arguments) => return Box::pin(ssh::run(context, arguments)).await,
        Command::Up(arguments) => Box::pin(up::run(context, arguments)).await,
        Command::Broker(arguments) => Box::pin(broker::run(context, arguments)).await,
        Command::Relay(arguments) => Box::pin(relay::run(context, arguments)).await,
        Command::Jumpoint(arguments) => Box::pin(jumpoint::run(context, arguments)).await,
        Command::Login(arguments) => Box::pin(login::run(context, arguments)).await,
        Command::Logout(_) => login::logout(context),
        Command::Items(arguments) => Box::pin(items::run(context, arguments)).await,
        Command::Groups(arguments) => Box::pin(groups::run(context, arguments)).await,
        Command::Users(arguments) => Box::pin(users::run(context, arguments)).await,
        Command::Roles(arguments) => Box::pin(roles::run(context, arguments)).await,
        Command::Policies(arguments) => Box::pin(policies::run(context, arguments)).await,
        Command::SessionPolicies(arguments) => Box::pin(session_policies::run(context, arguments)).await,
        Command::GroupPolicies(arguments) => Box::pin(group_policies::run(context, arguments)).await,
        Command::Teams(arguments) => Box::pin(teams::run(context, arguments)).await,
        Command::Approvals(arguments) => Box::pin(approvals::run(context, arguments)).await,
        Command::Site(arguments) => Box::pin(site::run(context, arguments)).await,
        Command::Jumpoints(arguments) => Box::pin(jumpoints::run(context, arguments)).await,
        Command::Vault(arguments) => Box::pin(vault::run(context, arguments)).await,
        Command::Cp(arguments) => Box::pin(cp::run(context, arguments)).await,
        Command::Proxy(arguments) => Box::pin(proxy::run(context, arguments)).await,
        Command::SshConfig(arguments) => Box::pin(ssh_config::run(context, arguments)).await,
        Command::Tunnel(arguments) => Box::pin(tunnel::run(context, arguments)).await,
        Command::Vnc(arguments) => Box::pin(vnc::run(context, arguments)).await,
        Command::Rdp(arguments) => Box::pin(rdp::run(context, arguments)).await,
        Command::Screenshot(arguments) => Box::pin(screenshot::run(context, arguments)).await,
        Command::Type(arguments) => Box::pin(type_text::run(context, arguments)).await,
        Command::Click(arguments) => Box::pin(click::run(context, arguments)).await,
        Command::Who(arguments) => Box::pin(simulate::who(context, arguments)).await,
        Command::What(arguments) => Box::pin(simulate::what(context, arguments)).await,
        Command::Diff(arguments) => Box::pin(diff::run(context, arguments)).await,
        Command::Why(arguments) => Box::pin(why::run(context, arguments)).await,
        Command::Sessions(arguments) => Box::pin(sessions::run(context, arguments)).await,
        Command::Report(arguments) => Box::pin(report::run(context, arguments)).await,
        Command::Play(arguments) => Box::pin(play::run(context, arguments)).await,
        Command::Export(arguments) => export::run(context, arguments),
        Command::Audit(arguments) => audit::run(context, arguments),
    }?;
    Ok(ExitCode::SUCCESS)
}
