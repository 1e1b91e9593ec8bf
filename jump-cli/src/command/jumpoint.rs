//! `jump jumpoint`: the agent in a remote network.

use std::path::{Path, PathBuf};

use clap::Args;
use ipnet::IpNet;
use jump_core::ErrorKind;
use jump_core::control::Invitation;
use jump_core::jumpoint::{self, Jumpoint, JumpointIdentity, NetworkPolicy};
use jump_core::text::Escaped;
use jump_core::tunnel::TcpTransport;

use super::Context;
use super::login::read_invitation;
use crate::connect::backends;
use crate::error::Failure;
use crate::state::{JumpointFile, private_folder};
use crate::stop::Stop;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Where its keys and recordings are kept [default: HOME/jumpoint]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Enrol with the invitation in this file; without it, a Jumpoint that has not enrolled reads standard input
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Remove finished recordings that are older; the broker notes each in the audit log [default: keep all for ever]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    keep_recordings: Option<u32>,
    /// Permit targets in this network even if they are loopback or link-local; may be given several times
    #[arg(long, value_name = "CIDR")]
    allow: Vec<IpNet>,
    /// Permit no targets but those in the networks of --allow
    #[arg(long, requires = "allow")]
    only_listed: bool,
}

pub(crate) async fn run(context: &Context<'_>, arguments: Arguments) -> Result<(), Failure> {
    let output = context.output;
    let folder = arguments.data.unwrap_or_else(|| context.home.jumpoint());
    let path = folder.join("identity");
    let known = match JumpointFile::read(&path) {
        Ok(file) => Some(file),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error.into()),
    };
    let file = match known {
        Some(file) if arguments.token_file.is_none() => file,
        _ => {
            let invitation = read_invitation(arguments.token_file.as_deref()).await?;
            let file = enrol(&folder, &path, &invitation).await?;
            output.say(format_args!("Enrolled as Jumpoint \"{}\".", Escaped(&file.name)))?;
            file
        }
    };
    let mut policy = NetworkPolicy::new().allowing(arguments.allow);
    if arguments.only_listed {
        policy = policy.only_listed();
    }
    let mut stop = Stop::listen()?;
    let (name, broker) = (file.name, file.broker);
    let address = broker.address.clone();
    let mut jumpoint = Jumpoint::builder(file.identity, broker, backends())
        .network_policy(policy)
        .recordings(std::path::absolute(&folder).unwrap_or(folder).join("recordings"));
    if let Some(days) = arguments.keep_recordings {
        jumpoint = jumpoint.keep_recordings(days);
    }
    let jumpoint = jumpoint.build();
    output.say(format_args!(
        "Jumpoint \"{}\" serves the broker at {}; Ctrl-C ends it.",
        Escaped(&name),
        Escaped(&address)
    ))?;
    output.value(&serde_json::json!({ "ready": { "jumpoint": name, "broker": address } }))?;
    tokio::select! {
        error = jumpoint.run() => Err(error.into()),
        () = stop.told() => Ok(()),
    }
}

async fn enrol(folder: &Path, path: &Path, invitation: &Invitation) -> Result<JumpointFile, Failure> {
    // The invitation works once: find out before it is spent that there is a place for what it gives.
    private_folder(folder)?;
    let draft = path.with_extension("enrolling");
    let mut file = JumpointFile {
        identity: JumpointIdentity::generate()?,
        broker: invitation.broker.clone(),
        name: String::new(),
    };
    file.write(&draft)?;
    let enrolled = Box::pin(jumpoint::enrol(&TcpTransport, invitation, &file.identity)).await;
    let written = enrolled.and_then(|enrolled| {
        file.name = enrolled.name;
        file.write(path)
    });
    // It held the same keys, which are now where they belong or worth nothing.
    let _ = std::fs::remove_file(&draft);
    written?;
    Ok(file)
}
