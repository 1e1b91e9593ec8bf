//! `jump items`.

mod draft;

use clap::{Args, Subcommand};
use jump_core::control::{Edit, ItemView, Response};
use jump_core::model::ItemDetails;
use jump_core::text::Escaped;

use super::{Context, credential, transfer};
use crate::connect::connect;
use crate::error::{Failure, surprised, usage};
use crate::output::{Column, Output, yes_no};

pub(crate) use draft::{ShellArguments, TunnelArguments};

#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Add an item
    #[command(subcommand, arg_required_else_help = true)]
    Add(Add),
    /// Add or change items of one type by the rows of a CSV file, all or none (administrators)
    Import(transfer::ImportItemsArguments),
    /// Write the items of one type as CSV, without credentials (administrators)
    Export(transfer::ExportItemsArguments),
    /// Print the header row of a type's CSV file
    Template(transfer::TemplateArguments),
    /// List the items you may see
    List,
    /// Remove an item; its sessions end
    Remove {
        /// Its name, GROUP/NAME or id
        item: String,
    },
    /// Set or remove the credential that the Jumpoint injects
    #[command(arg_required_else_help = true)]
    Credential {
        /// Its name, GROUP/NAME or id
        item: String,
        #[command(flatten)]
        credential: credential::CredentialArguments,
        /// Remove the stored credential
        #[arg(long, conflicts_with_all = ["user", "secret"])]
        remove: bool,
    },
}

#[derive(Debug, Subcommand)]
enum Add {
    /// A Shell Jump: a shell, commands and files over SSH
    Shell(Box<ShellArguments>),
    /// A Protocol Tunnel Jump: local ports that lead to ports of one remote host
    Tunnel(TunnelArguments),
}

pub(crate) async fn run(context: &Context<'_>, arguments: Arguments) -> Result<(), Failure> {
    let output = context.output;
    match arguments.verb {
        Verb::List => list(output, &connect(&context.home).await?.items().await?),
        Verb::Import(arguments) => transfer::import_items(context, arguments).await,
        Verb::Export(arguments) => transfer::export_items(context, arguments).await,
        Verb::Template(arguments) => transfer::template(output, &arguments),
        Verb::Remove { item } => {
            connect(&context.home)
                .await?
                .edit(Edit::RemoveItem { item: item.clone() })
                .await?;
            output.say(format_args!("Removed {}.", Escaped(&item)))?;
            output.value(&serde_json::json!({ "removed": item }))
        }
        Verb::Add(Add::Shell(arguments)) => {
            // Asked for first: nothing is half done if the user thinks better of it.
            let secret = arguments.credential.read().await?;
            let rep = connect(&context.home).await?;
            let item = add(&rep, arguments.draft(&rep).await?).await?;
            if let Some(secret) = &secret {
                credential::set(&rep, &item, secret).await?;
            }
            told(output, &rep.item(&item.id.to_string()).await?)
        }
        Verb::Add(Add::Tunnel(arguments)) => {
            let rep = connect(&context.home).await?;
            told(output, &add(&rep, arguments.draft(&rep).await?).await?)
        }
        Verb::Credential {
            item,
            credential: from,
            remove,
        } => {
            let secret = from.read().await?;
            let rep = connect(&context.home).await?;
            let item = rep.item(&item).await?;
            match (&secret, remove) {
                (Some(secret), _) => credential::set(&rep, &item, secret).await?,
                (None, true) => {
                    rep.edit(Edit::SetCredential {
                        item: item.id,
                        credential: None,
                    })
                    .await?;
                }
                (None, false) => {
                    return Err(usage("say which credential: --user with a secret, or --remove"));
                }
            }
            output.say(format_args!(
                "The credential of {} is {}.",
                Escaped(&item.name),
                if remove {
                    "removed"
                } else {
                    "sealed to its Jumpoint and stored"
                }
            ))?;
            output.value(&rep.item(&item.id.to_string()).await?)
        }
    }
}

async fn add(rep: &jump_core::rep::Rep, draft: jump_core::control::ItemDraft) -> Result<ItemView, Failure> {
    match rep.edit(Edit::AddItem(Box::new(draft))).await? {
        Response::Item(item) => Ok(*item),
        _ => Err(surprised()),
    }
}

fn told(output: &Output, item: &ItemView) -> Result<(), Failure> {
    let name = Escaped(&item.name);
    output.say(format_args!(
        "Added {name} ({}) in group {}.",
        where_to(item),
        Escaped(&item.group)
    ))?;
    match &item.details {
        ItemDetails::ShellJump(shell) => {
            if shell.host_key.pinned.is_empty() && !shell.host_key.trust_first_use {
                output.say("No host key is known yet: pin one with --host-key, or accept the first with --trust-first-use.")?;
            }
            output.say(format_args!(
                "Open it with: jump ssh {}",
                super::up::shell_word(&item.name)
            ))?;
        }
        _ => output.say(format_args!(
            "Open it with: jump tunnel {}",
            super::up::shell_word(&item.name)
        ))?,
    }
    output.value(item)
}

/// Where the item leads, for people.
fn where_to(item: &ItemView) -> String {
    match &item.details {
        ItemDetails::ShellJump(shell) => format!("{}:{}", Escaped(&item.hostname), shell.port),
        ItemDetails::ProtocolTunnel(tunnel) => {
            let ports: Vec<String> = tunnel
                .forwards
                .iter()
                .map(|forward| forward.remote.to_string())
                .collect();
            format!("{}:{}", Escaped(&item.hostname), ports.join(","))
        }
        _ => item.hostname.clone(),
    }
}

fn list(output: &Output, items: &[ItemView]) -> Result<(), Failure> {
    if items.is_empty() {
        output.say("There is no item that you may see. Add one: jump items add --help")?;
        return output.value(&items);
    }
    output.table(
        items,
        &[
            Column {
                name: "ID",
                text: |item| item.id.to_string(),
            },
            Column {
                name: "GROUP",
                text: |item| item.group.clone(),
            },
            Column {
                name: "NAME",
                text: |item| item.name.clone(),
            },
            Column {
                name: "TYPE",
                text: |item| item.details.to_string(),
            },
            Column {
                name: "TARGET",
                text: where_to,
            },
            Column {
                name: "JUMPOINT",
                text: |item| item.jumpoint.clone(),
            },
            Column {
                name: "ONLINE",
                text: |item| yes_no(item.online),
            },
            Column {
                name: "CREDENTIAL",
                text: |item| yes_no(item.has_credential),
            },
            Column {
                name: "RECORDING",
                text: |item| item.recording.to_string(),
            },
        ],
    )
}
