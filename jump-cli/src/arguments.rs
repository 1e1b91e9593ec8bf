//! The command line.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand};

use crate::command::{
    approvals, audit, broker, click, cp, demo, diff, export, group_policies, groups, items, jumpoint,
    jumpoints, login, play, policies, proxy, rdp, relay, report, roles, screenshot, session_policies,
    sessions, simulate, site, ssh, ssh_config, teams, tunnel, type_text, up, users, vault, vnc, why,
};
use crate::error::EXIT_CODES;

/// Securely reach computers and network devices in any network; everything is logged.
///
/// Start with `jump demo` for a tour, or with `jump up` for a site of your own.
#[derive(Debug, Parser)]
#[command(name = "jump", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every verb understands.
#[derive(Clone, Debug, Args)]
pub(crate) struct Global {
    /// Where keys, logins and sites are kept [default: ~/.local/share/jump]
    #[arg(
        long,
        global = true,
        env = "JUMP_HOME",
        hide_env_values = true,
        value_name = "DIR"
    )]
    pub(crate) home: Option<PathBuf>,
    /// Which login to use, if you have several
    #[arg(
        long,
        global = true,
        env = "JUMP_PROFILE",
        hide_env_values = true,
        default_value = "default"
    )]
    pub(crate) profile: String,
    /// Print JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Log more on standard error; up to three times, or set JUMP_LOG
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Take the tour: everything in one process, on loopback, with a target of its own
    Demo(demo::Arguments),
    /// Run a site: broker, relay and a Jumpoint in one process
    Up(up::Arguments),
    /// Run a broker, with its relay unless one runs apart
    Broker(broker::Arguments),
    /// Run a relay apart from the broker
    Relay(relay::Arguments),
    /// Run a Jumpoint: the agent in a remote network
    Jumpoint(jumpoint::Arguments),
    /// Log in with an invitation, read from standard input, a file or a prompt
    Login(login::Arguments),
    /// Forget the login
    Logout(login::LogoutArguments),
    /// Manage Jump Items: what can be reached
    Items(items::Arguments),
    /// Manage Jump Groups and who belongs to them
    Groups(groups::Arguments),
    /// Manage users
    Users(users::Arguments),
    /// Manage Jump Item Roles: what one may do with the items of a group
    Roles(roles::Arguments),
    /// Manage Jump Policies: when one may jump, and what must be done first
    Policies(policies::Arguments),
    /// Manage session policies: what may happen in a session
    SessionPolicies(session_policies::Arguments),
    /// Manage group policies: settings for many users at once
    GroupPolicies(group_policies::Arguments),
    /// Manage teams: who leads whom
    Teams(teams::Arguments),
    /// Ask for approvals, and answer requests
    Approvals(approvals::Arguments),
    /// Show or change what holds for the whole site
    Site(site::Arguments),
    /// Manage Jumpoints
    Jumpoints(jumpoints::Arguments),
    /// Manage the vault: credentials that Jumpoints inject
    Vault(vault::Arguments),
    /// Open a shell on an item, or run a command there
    Ssh(ssh::Arguments),
    /// Copy a file to or from an item
    Cp(cp::Arguments),
    /// Connect standard input and output to a session: for OpenSSH's ProxyCommand
    Proxy(proxy::Arguments),
    /// Print an OpenSSH configuration that reaches items through `jump proxy`
    SshConfig(ssh_config::Arguments),
    /// Open the local ports of a tunnel item, until Ctrl-C
    Tunnel(tunnel::Arguments),
    /// Open a local port for VNC viewers on an item, and start the viewer that is installed
    Vnc(vnc::Arguments),
    /// Open a local port for RDP clients on an item, and start the client that is installed
    Rdp(rdp::Arguments),
    /// Take a picture of an item's screen, as PNG
    Screenshot(screenshot::Arguments),
    /// Type a text, or press keys, on an item's screen
    Type(type_text::Arguments),
    /// Click on an item's screen
    Click(click::Arguments),
    /// Explain why you, or somebody, may or may not start a session on an item
    Why(why::Arguments),
    /// List who may start a session on an item
    Who(simulate::WhoArguments),
    /// List on which items you, or somebody, may start a session
    What(simulate::WhatArguments),
    /// Show whose access changes would change, without making them
    Diff(diff::Arguments),
    /// List sessions, or end one
    Sessions(sessions::Arguments),
    /// Report sessions, what happened to items, or changes
    Report(report::Arguments),
    /// Play a recording
    Play(play::Arguments),
    /// Convert a recording
    Export(export::Arguments),
    /// Verify or show the audit log
    Audit(audit::Arguments),
}

impl Command {
    /// Whether the verb serves others and so wants all cores.
    pub(crate) const fn is_server(&self) -> bool {
        matches!(
            self,
            Self::Demo(_) | Self::Up(_) | Self::Broker(_) | Self::Relay(_) | Self::Jumpoint(_)
        )
    }

    /// What the verb logs without being asked: a server warns.
    pub(crate) const fn default_log(&self) -> Option<&'static str> {
        match self {
            // The one thing an agent must say by itself: whether it reaches its broker.
            Self::Jumpoint(_) => Some("warn,jump_core::jumpoint::link=info"),
            Self::Up(_) | Self::Broker(_) | Self::Relay(_) => Some("warn"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn an_invitation_or_password_on_the_command_line_is_refused() {
        for line in [
            ["jump", "login", "jump-invite-1.abc"].as_slice(),
            &["jump", "login", "--token", "jump-invite-1.abc"],
            &["jump", "jumpoint", "jump-invite-1.abc"],
            &[
                "jump",
                "items",
                "credential",
                "web",
                "--user",
                "u",
                "--password",
                "x",
            ],
            &["jump", "vault", "add", "web", "--user", "u", "--password", "x"],
            &[
                "jump",
                "vault",
                "set",
                "web",
                "--user",
                "u",
                "--password-stdin",
                "x",
            ],
            &["jump", "vault", "rotate-key", "--new-key-stdin", "x"],
        ] {
            assert!(Arguments::try_parse_from(line).is_err(), "{line:?}");
        }
    }

    #[test]
    fn a_remote_command_keeps_its_own_options() {
        let line = ["jump", "ssh", "web", "ls", "-l", "--json", "-v"];
        let arguments = Arguments::try_parse_from(line).unwrap();
        let Command::Ssh(ssh) = arguments.command else {
            panic!("not ssh")
        };
        assert_eq!(ssh.command, ["ls", "-l", "--json", "-v"]);
        assert!(!arguments.global.json);
    }
}
