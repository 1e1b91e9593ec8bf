//! `jump login` and `jump logout`.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::Args;
use jump_core::control::Invitation;
use jump_core::model::Name;
use jump_core::rep::{self, LoginIdentity};
use jump_core::text::Escaped;
use jump_core::tunnel::TcpTransport;
use jump_core::{Error, ErrorKind};

use super::Context;
use crate::error::Failure;
use crate::secret_input;
use crate::state::LoginFile;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Read the invitation from this file instead of standard input
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// What this login is, for people [default: this machine's name]
    #[arg(long)]
    label: Option<Name>,
}

#[derive(Debug, Args)]
pub(crate) struct LogoutArguments {}

pub(crate) async fn run(context: &Context<'_>, arguments: Arguments) -> Result<(), Failure> {
    let invitation = read_invitation(arguments.token_file.as_deref()).await?;
    let label = match arguments.label {
        Some(label) => label,
        None => Name::new(machine_name())?,
    };
    let path = context.home.login();
    // The invitation works once: find out before it is spent that there is a place for what it gives.
    let draft = path.with_extension("enrolling");
    let identity = LoginIdentity::generate()?;
    let mut login = LoginFile {
        identity,
        broker: invitation.broker.clone(),
        user: String::new(),
    };
    login.write(&draft)?;
    let enrolled = Box::pin(rep::enrol(&TcpTransport, &invitation, &login.identity, label)).await;
    let written = enrolled.and_then(|enrolled| {
        login.user = enrolled.name;
        login.write(&path)
    });
    // It held the same key, which is now where it belongs or worth nothing.
    let _ = std::fs::remove_file(&draft);
    written.map_err(|error| match error.kind() {
        ErrorKind::Unauthenticated => Failure::from(error)
            .hint("an invitation works once, for 24 hours; ask for another: jump users invite NAME"),
        _ => error.into(),
    })?;
    let output = context.output;
    output.say(format_args!(
        "Logged in to {} as {}.",
        Escaped(&login.broker.address),
        Escaped(&login.user)
    ))?;
    output.value(&serde_json::json!({ "user": login.user, "broker": login.broker }))
}

pub(crate) fn logout(context: &Context<'_>) -> Result<(), Failure> {
    let path = context.home.login();
    std::fs::remove_file(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::new(ErrorKind::NotFound, "log out", "you are not logged in"),
        _ => Error::from_io(ErrorKind::Storage, "log out", error),
    })?;
    let output = context.output;
    output.say("Logged out: the key is gone from this machine.")?;
    output.value(&serde_json::json!({ "logged_out": true }))
}

/// An invitation from a file, from standard input, or typed at a prompt.
pub(crate) async fn read_invitation(file: Option<&Path>) -> Result<Invitation, Failure> {
    let text = match file {
        Some(path) if path != Path::new("-") => secret_input::from_file(path)?,
        _ if std::io::stdin().is_terminal() => secret_input::ask("Invitation").await?,
        _ => secret_input::from_stdin()?,
    };
    Ok(text.expose().parse::<Invitation>()?)
}

/// What people call this machine.
fn machine_name() -> String {
    let name = ["/proc/sys/kernel/hostname", "/etc/hostname"]
        .iter()
        .find_map(|path| std::fs::read_to_string(path).ok())
        .or_else(|| std::env::var("HOSTNAME").ok())
        .or_else(|| std::env::var("COMPUTERNAME").ok());
    let name = name.unwrap_or_default();
    match Name::new(name.trim()) {
        Ok(name) => name.to_string(),
        Err(_) => "a machine without a name".to_owned(),
    }
}
