//! `jump ssh`: our own client.

mod escape;
mod input;

use std::process::ExitCode;

use clap::Args;
use jump_core::protocol::{ExitStatus, Session, ShellChannel, ShellEvent, ShellReader, ShellSession};
use jump_core::{Error, ErrorKind};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::Context;
use crate::connect::{SessionArguments, connect};
use crate::error::{Failure, usage};
use crate::stdio::{LISTENER_GONE, StandardOutput};
use crate::stop::Stop;
use crate::terminal::{self, RawMode};
use crate::warnings;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The item's name, GROUP/NAME or id
    item: String,
    #[command(flatten)]
    session: SessionArguments,
    /// Run the command on a terminal
    #[arg(short = 't', long)]
    terminal: bool,
    /// A command to run instead of a shell
    #[arg(trailing_var_arg = true)]
    pub(crate) command: Vec<String>,
}

pub(crate) async fn run(context: &Context<'_>, arguments: Arguments) -> Result<ExitCode, Failure> {
    let interactive = terminal::is_interactive();
    if arguments.command.is_empty() && !interactive {
        return Err(usage("a shell needs a terminal").hint("give a command: jump ssh ITEM -- COMMAND"));
    }
    if arguments.terminal && !interactive {
        return Err(usage("-t needs a terminal"));
    }
    let rep = connect(&context.home).await?;
    let opened = Box::pin(rep.open_session(&arguments.item, &arguments.session.options())).await?;
    let session = match opened.session {
        Session::Shell(session) => session,
        Session::Tunnel(_) => {
            return Err(usage("this item is no shell").hint("open it with: jump tunnel ITEM"));
        }
        _ => return Err(usage("this item is no shell").hint("open it with: jump vnc ITEM or jump rdp ITEM")),
    };
    let on_terminal = (arguments.command.is_empty() || arguments.terminal).then(terminal::describe);
    let channel = match (&on_terminal, arguments.command.is_empty()) {
        (Some(terminal), true) => session.shell(terminal).await?,
        _ => {
            session
                .exec(arguments.command.join(" ").as_bytes(), on_terminal.as_ref())
                .await?
        }
    };
    // Raw mode ends before anything about the end is printed.
    let raw = on_terminal.is_some().then(RawMode::start).transpose()?;
    let line = if raw.is_some() {
        warnings::Line::Raw
    } else {
        warnings::Line::Plain
    };
    let status = tokio::select! {
        status = drive(&*session, channel, raw.is_some()) => status,
        never = warnings::tell(opened.events, line) => match never {},
    };
    drop(raw);
    Ok(exit_code(&status?))
}

async fn drive(session: &dyn ShellSession, channel: ShellChannel, raw: bool) -> Result<ExitStatus, Failure> {
    let mut stop = Stop::listen()?;
    let ShellChannel { mut reader, writer } = channel;
    let status = tokio::select! {
        status = Box::pin(show(&mut *reader)) => status,
        () = Box::pin(input::forward(writer, raw)) => Err(Error::new(ErrorKind::Closed, "session", "closed by the rep")),
        () = stop.told() => Ok(ExitStatus::Signal("INT".to_owned())),
    };
    // The command has ended; a goodbye that fails changes nothing about that.
    let _ = tokio::time::timeout(std::time::Duration::from_secs(1), session.close()).await;
    match status {
        // Whoever read our output went away, as in `| head`: what SIGPIPE would have done.
        Err(error) if error.operation() == LISTENER_GONE => Ok(ExitStatus::Signal("PIPE".to_owned())),
        status => Ok(status?),
    }
}

/// Writes what comes until the command's end.
async fn show(reader: &mut dyn ShellReader) -> jump_core::Result<ExitStatus> {
    let mut status = None;
    let mut output = StandardOutput::open().map_err(not_shown)?;
    let mut errors = tokio::io::stderr();
    while let Some(event) = reader.next().await? {
        match event {
            ShellEvent::Output(bytes) => write(&mut output, &bytes).await?,
            ShellEvent::ErrorOutput(bytes) => write(&mut errors, &bytes).await?,
            ShellEvent::Exit(exit) => status = Some(exit),
        }
    }
    status.ok_or_else(|| {
        Error::new(
            ErrorKind::Closed,
            "session",
            "the command ended without saying how",
        )
    })
}

async fn write(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> jump_core::Result<()> {
    to.write_all(bytes).await.map_err(not_shown)?;
    to.flush().await.map_err(not_shown)
}

fn not_shown(error: std::io::Error) -> Error {
    Error::from_io(ErrorKind::Storage, "write the output", error)
}

/// The command's own exit code; 128 and the signal's number if a signal ended it, as shells have it.
fn exit_code(status: &ExitStatus) -> ExitCode {
    match status {
        // Exit codes have eight bits (POSIX `wait`); one that does not fit is still a failure.
        ExitStatus::Code(code) => ExitCode::from(u8::try_from(*code).unwrap_or(255)),
        ExitStatus::Signal(name) => ExitCode::from(128 + signal_number(name)),
    }
}

/// The number of a signal of RFC 4254 §6.10 on Linux; 127 for one that is not known.
fn signal_number(name: &str) -> u8 {
    match name {
        "HUP" => 1,
        "INT" => 2,
        "QUIT" => 3,
        "ILL" => 4,
        "ABRT" => 6,
        "FPE" => 8,
        "KILL" => 9,
        "USR1" => 10,
        "SEGV" => 11,
        "USR2" => 12,
        "PIPE" => 13,
        "ALRM" => 14,
        "TERM" => 15,
        _ => 127,
    }
}
