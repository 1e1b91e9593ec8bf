//! `jump broker`.

use std::path::PathBuf;

use clap::Args;
use jump_core::model::UserName;

use super::Context;
use crate::error::Failure;
use crate::site::{
    BrokerOptions, ExportArguments, OutsideArguments, SiteFolder, SiteServer, StoreArguments,
    administrator_name, invite, set_up,
};
use crate::state::write_private;
use crate::stop::Stop;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The site's folder [default: HOME/site]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    broker: BrokerArguments,
    /// The address of a relay that runs apart; without it this process relays
    #[arg(long, value_name = "HOST:PORT")]
    relay: Option<String>,
}

/// What `jump up` and `jump broker` have in common.
#[derive(Debug, Args)]
pub(crate) struct BrokerArguments {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:7422", value_name = "IP:PORT")]
    pub(crate) listen: String,
    /// The address that invitations name, if it is not the one above
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) public_address: Option<String>,
    /// The file with the vault's master key [default: JUMP_VAULT_KEY, or vault.key in the site's folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) vault_key: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
    #[command(flatten)]
    pub(crate) export: ExportArguments,
    /// Remove events of the audit log that are older; what was removed is signed [default: keep all for ever]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub(crate) keep_audit: Option<u32>,
    #[command(flatten)]
    pub(crate) outside: OutsideArguments,
}

pub(crate) async fn run(context: &Context<'_>, arguments: Arguments) -> Result<(), Failure> {
    let output = context.output;
    let folder = SiteFolder::new(arguments.data.unwrap_or_else(|| context.home.site()));
    let options = BrokerOptions {
        listen: arguments.broker.listen,
        public_address: arguments.broker.public_address,
        relay: arguments.relay,
        vault_key: arguments.broker.vault_key,
        store: arguments.broker.store,
        export: arguments.broker.export,
        keep_audit: arguments.broker.keep_audit,
        outside: arguments.broker.outside.set_up()?,
    };
    let mut stop = Stop::listen()?;
    let mut server = SiteServer::start(&folder, &options, *output).await?;
    if !folder.is_set_up() {
        let administrator = administrator_name()?;
        set_up(&server.broker, &administrator).await?;
        write_invitation(&folder, &server, &administrator).await?;
        folder.note_address(&server.public_address)?;
        output.say(format_args!(
            "This is a new site. Its administrator is \"{administrator}\"; the invitation is in"
        ))?;
        output.say(format_args!("  {}", folder.invitation().display()))?;
        output.say("Log in with it once, within 24 hours:")?;
        output.say(format_args!("  jump login < {}", folder.invitation().display()))?;
        output.say("Then add a Jumpoint; this writes the invitation for its agent, `jump jumpoint`:")?;
        output.say("  jump jumpoints add NAME --token-file FILE")?;
    }
    folder.note_address(&server.public_address)?;
    output.say(format_args!(
        "The broker serves at {}; Ctrl-C ends it.",
        server.public_address
    ))?;
    output.say(format_args!(
        "A relay that runs apart takes its tickets with: jump relay --broker-key {}",
        server.here.key
    ))?;
    output.value(&serde_json::json!({
        "ready": { "address": server.public_address, "key": server.here.key, "data": folder.path() }
    }))?;
    let ended = tokio::select! {
        failure = server.failed() => Err(failure),
        () = stop.told() => Ok(()),
    };
    server.stop().await;
    ended
}

/// Puts an invitation for the administrator where only the administrator can read it.
pub(crate) async fn write_invitation(
    folder: &SiteFolder,
    server: &SiteServer,
    administrator: &UserName,
) -> Result<(), Failure> {
    let invitation = invite(&server.broker, administrator).await?;
    write_private(&folder.invitation(), format!("{invitation}\n").as_bytes())?;
    Ok(())
}
