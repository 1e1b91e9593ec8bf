//! `jump up`: a whole site in one process.

use std::path::PathBuf;

use clap::Args;
use ipnet::IpNet;
use jump_core::jumpoint::{Jumpoint, NetworkPolicy};
use jump_core::{Error, ErrorKind};

use super::Context;
use super::broker::{BrokerArguments, write_invitation};
use crate::connect::backends;
use crate::error::Failure;
use crate::output::{Colour, Output};
use crate::site::{BrokerOptions, SiteFolder, SiteServer, add_jumpoint, administrator_name, set_up};
use crate::state::JumpointFile;
use crate::stop::Stop;

/// The name of the Jumpoint in this process.
const LOCAL_JUMPOINT: &str = "local";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The site's folder [default: HOME/site]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    broker: BrokerArguments,
    /// Remove finished recordings that are older; the audit log says which [default: keep all for ever]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    keep_recordings: Option<u32>,
}

pub(crate) async fn run(context: &Context<'_>, arguments: Arguments) -> Result<(), Failure> {
    let output = context.output;
    let folder = SiteFolder::new(arguments.data.unwrap_or_else(|| context.home.site()));
    let options = BrokerOptions {
        listen: arguments.broker.listen,
        public_address: arguments.broker.public_address,
        relay: None,
        vault_key: arguments.broker.vault_key,
        store: arguments.broker.store,
        export: arguments.broker.export,
        keep_audit: arguments.broker.keep_audit,
        outside: arguments.broker.outside.set_up()?,
    };
    let mut stop = Stop::listen()?;
    let mut server = SiteServer::start(&folder, &options, *output).await?;
    let identity_path = folder.jumpoint().join("identity");
    let first = !folder.is_set_up();
    if first {
        let administrator = administrator_name()?;
        set_up(&server.broker, &administrator).await?;
        add_jumpoint(&server.broker, &server.here, LOCAL_JUMPOINT, &administrator)
            .await?
            .write(&identity_path)?;
        write_invitation(&folder, &server, &administrator).await?;
    }
    folder.note_address(&server.public_address)?;

    let JumpointFile { identity, .. } = JumpointFile::read(&identity_path).map_err(no_jumpoint)?;
    let mut jumpoint = Jumpoint::builder(identity, server.here.clone(), backends())
        .network_policy(NetworkPolicy::new().allowing(loopback()?))
        .recordings(folder.recordings());
    if let Some(days) = arguments.keep_recordings {
        jumpoint = jumpoint.keep_recordings(days);
    }
    let jumpoint = jumpoint.build();
    let mut serving = tokio::spawn(async move { jumpoint.run().await });
    server.wait_for_jumpoint().await;
    greet(output, &folder, &server, first)?;
    let ended = tokio::select! {
        failure = server.failed() => Err(failure),
        error = &mut serving => Err(error.unwrap_or_else(stopped).into()),
        () = stop.told() => Ok(()),
    };
    // The Jumpoint stays until the broker has ended its sessions, so that it can say how they ended.
    server.stop().await;
    serving.abort();
    ended
}

fn stopped(error: tokio::task::JoinError) -> Error {
    Error::new(ErrorKind::Internal, "run the jumpoint", "it stopped").with_source(error)
}

/// A folder that `jump broker` set up has no Jumpoint of its own.
fn no_jumpoint(error: Error) -> Failure {
    let missing = error.kind() == ErrorKind::NotFound;
    let failure = Failure::from(error);
    if missing {
        failure.hint("this site was set up by `jump broker`: run that instead")
    } else {
        failure
    }
}

/// The machine itself: with broker and Jumpoint on it, it is what a newcomer wants to reach first.
fn loopback() -> Result<[IpNet; 2], Failure> {
    let wrong =
        |error| Error::new(ErrorKind::Internal, "permit loopback", "not a network").with_source(error);
    let parse = |text: &str| text.parse::<IpNet>().map_err(wrong);
    Ok([parse("127.0.0.0/8")?, parse("::1/128")?])
}

fn greet(output: &Output, folder: &SiteFolder, server: &SiteServer, first: bool) -> Result<(), Failure> {
    let invitation = shell_word(&folder.invitation().display().to_string());
    let commands = [
        format!("jump login < {invitation}"),
        "jump items add shell my-server --host 127.0.0.1 --user \"$USER\" --ask-password --trust-first-use"
            .to_owned(),
        "jump ssh my-server".to_owned(),
    ];
    output.value(&serde_json::json!({ "ready": {
        "address": server.public_address,
        "key": server.here.key,
        "data": folder.path(),
        "commands": if first { Some(&commands) } else { None },
    }}))?;
    let title = format!("The site is up at {}. Ctrl-C ends it.", server.public_address);
    output.say(output.paint(Colour::Bold, title))?;
    output.say(
        "Its Jumpoint \"local\" may reach this machine itself (127.0.0.0/8, ::1) and every network it is in.",
    )?;
    output.say("")?;
    if first {
        output
            .say("Three commands lead to a first session; run them in another terminal. Put the host and")?;
        output.say("user of a machine of yours into the second one:")?;
        output.say("")?;
        for command in &commands {
            output.say(format_args!("  {command}"))?;
        }
    } else {
        output.say("You are logged in from before. For another device or user: jump users invite NAME")?;
    }
    output.say("")
}

/// The text as one word of a POSIX shell.
pub(crate) fn shell_word(text: &str) -> String {
    let plain = |c: char| {
        c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+' | ':' | ',' | '=' | '@')
    };
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stays_one_word_in_a_shell() {
        assert_eq!(shell_word("/home/a/site"), "/home/a/site");
        assert_eq!(shell_word("/tmp/my site/$(id)"), "'/tmp/my site/$(id)'");
        assert_eq!(shell_word("it's"), "'it'\\''s'");
        assert_eq!(shell_word(""), "''");
    }
}
