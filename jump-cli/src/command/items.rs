//! `jump items`.

mod change;
mod draft;
mod screens;

use clap::{Args, Subcommand};
use jump_core::control::{Edit, ItemDraft, ItemQuery, ItemView, Response};
use jump_core::model::{ItemDetails, Name};
use jump_core::rep::Rep;
use jump_core::session::Credential;
use jump_core::text::Escaped;

use super::objects::something;
use super::{Context, credential, transfer};
use crate::connect::connect;
use crate::error::{Failure, surprised, usage};
use crate::output::{Column, Output, yes_no};

use change::{Destination, Fields, Filter};
use draft::{ShellArguments, TunnelArguments};
use screens::{ClientArguments, PushArguments, RdpArguments, VncArguments, VproArguments};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    filter: Filter,
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
    /// List the items you may see; `jump items` is the same
    List(Filter),
    /// Show one item in full
    Show {
        /// Its name, GROUP/NAME or id
        item: String,
    },
    /// Change an item; what is not named stays
    Edit {
        /// Its name, GROUP/NAME or id
        item: String,
        #[command(flatten)]
        fields: Box<Fields>,
    },
    /// Move an item to another group or personal list
    Move {
        /// Its name, GROUP/NAME or id
        item: String,
        #[command(flatten)]
        to: Destination,
    },
    /// Copy an item, without its credential
    Copy {
        /// Its name, GROUP/NAME or id
        item: String,
        #[command(flatten)]
        to: Destination,
        /// The copy's name [default: the item's]
        #[arg(long)]
        name: Option<Name>,
    },
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
    /// A Local RDP item: RDP in the rep's own network
    LocalRdp(Box<RdpArguments>),
    /// A Remote RDP item: RDP through a Jumpoint
    RemoteRdp(Box<RdpArguments>),
    /// A Local VNC item: VNC in the rep's own network
    LocalVnc(VncArguments),
    /// A Remote VNC item: VNC through a Jumpoint
    RemoteVnc(VncArguments),
    /// A Local Jump: an agent that is pushed to a host of the rep's own network
    LocalJump(PushArguments),
    /// A Remote Jump: an agent that is pushed to a host through a Jumpoint
    RemoteJump(PushArguments),
    /// An Intel vPro item
    Vpro(VproArguments),
    /// A Jump Client: an agent that is installed on the target
    JumpClient(ClientArguments),
}

pub(crate) async fn run(context: &Context<'_>, arguments: Arguments) -> Result<(), Failure> {
    let output = context.output;
    match arguments.verb.unwrap_or(Verb::List(arguments.filter)) {
        Verb::Import(arguments) => transfer::import_items(context, arguments).await,
        Verb::Export(arguments) => transfer::export_items(context, arguments).await,
        Verb::Template(arguments) => transfer::template(output, &arguments),
        Verb::List(filter) => {
            let query = filter.query();
            let filtered = query != ItemQuery::default();
            let items = connect(&context.home).await?.all_items(query).await?;
            list(output, &items, filtered)
        }
        Verb::Show { item } => show(output, &connect(&context.home).await?.item(&item).await?),
        Verb::Edit { item, fields } => {
            let patch = fields.patch()?;
            something(&patch)?;
            let rep = connect(&context.home).await?;
            let before = rep.item(&item).await?;
            let patch = Box::new(patch);
            let item = before.id.to_string();
            let after = edited(&rep, Edit::EditItem { item, patch }).await?;
            output.say(format_args!("Changed {}.", Escaped(&after.name)))?;
            if before.has_credential && !after.has_credential {
                output.say(format_args!(
                    "Its credential was sealed for where it led before and is removed; set it with: jump items credential {}",
                    super::up::shell_word(&after.name)
                ))?;
            }
            output.value(&after)
        }
        Verb::Move { item, to } => {
            let rep = connect(&context.home).await?;
            let group = to.place(rep.user_name())?;
            let moved = edited(&rep, Edit::MoveItem { item, group }).await?;
            output.say(format_args!(
                "{} is in {} now.",
                Escaped(&moved.name),
                Escaped(&moved.group)
            ))?;
            output.value(&moved)
        }
        Verb::Copy { item, to, name } => {
            let rep = connect(&context.home).await?;
            let group = to.place(rep.user_name())?;
            let copy = edited(&rep, Edit::CopyItem { item, group, name }).await?;
            output.say(format_args!(
                "Copied to {}/{}.",
                Escaped(&copy.group),
                Escaped(&copy.name)
            ))?;
            if copy.details.clone().credential_mut().is_some() {
                output.say("The copy has no credential of its own: set one with `jump items credential`, or use the vault.")?;
            }
            output.value(&copy)
        }
        Verb::Remove { item } => {
            connect(&context.home)
                .await?
                .edit(Edit::RemoveItem { item: item.clone() })
                .await?;
            output.say(format_args!("Removed {}.", Escaped(&item)))?;
            output.value(&serde_json::json!({ "removed": item }))
        }
        Verb::Add(kind) => {
            let injects = match &kind {
                Add::LocalVnc(arguments) => !arguments.credential.are_none(),
                Add::LocalRdp(arguments) => !arguments.credential.are_none(),
                _ => false,
            };
            if injects {
                return Err(credential::nothing_injects());
            }
            // Asked for first: nothing is half done if the user thinks better of it.
            let secret = match &kind {
                Add::Shell(arguments) => arguments.credential.read_of_user().await?,
                Add::RemoteVnc(arguments) => arguments.credential.read().await?,
                Add::RemoteRdp(arguments) => arguments.credential.read_of_user().await?,
                _ => None,
            };
            let rep = connect(&context.home).await?;
            let draft = match &kind {
                Add::Shell(arguments) => arguments.draft(&rep).await,
                Add::Tunnel(arguments) => arguments.draft(&rep).await,
                Add::LocalRdp(arguments) => arguments.draft(&rep, true).await,
                Add::RemoteRdp(arguments) => arguments.draft(&rep, false).await,
                Add::LocalVnc(arguments) => arguments.draft(&rep, true).await,
                Add::RemoteVnc(arguments) => arguments.draft(&rep, false).await,
                Add::LocalJump(arguments) => arguments.draft(&rep, true).await,
                Add::RemoteJump(arguments) => arguments.draft(&rep, false).await,
                Add::Vpro(arguments) => arguments.draft(&rep).await,
                Add::JumpClient(arguments) => arguments.draft(&rep).await,
            };
            told(output, &add(&rep, draft?, secret).await?)
        }
        Verb::Credential {
            item,
            credential: from,
            remove,
        } => {
            let secret = from.read().await?;
            let rep = connect(&context.home).await?;
            let item = rep.item(&item).await?;
            match (secret, remove) {
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

/// Adds the item, and then the credential for where it leads.
async fn add(rep: &Rep, draft: ItemDraft, secret: Option<Credential>) -> Result<ItemView, Failure> {
    let item = edited(rep, Edit::AddItem(Box::new(draft))).await?;
    let Some(secret) = secret else {
        return Ok(item);
    };
    credential::set(rep, &item, secret).await?;
    Ok(rep.item(&item.id.to_string()).await?)
}

/// The item that an edit leaves.
async fn edited(rep: &Rep, edit: Edit) -> Result<ItemView, Failure> {
    match rep.edit(edit).await? {
        Response::Item(item) => Ok(*item),
        _ => Err(surprised()),
    }
}

/// A line per field, or JSON.
fn show(output: &Output, item: &ItemView) -> Result<(), Failure> {
    super::objects::lines(output, item)?;
    output.value(item)
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
        ItemDetails::ProtocolTunnel(_) => output.say(format_args!(
            "Open it with: jump tunnel {}",
            super::up::shell_word(&item.name)
        ))?,
        ItemDetails::LocalVnc(_) | ItemDetails::RemoteVnc(_) => output.say(format_args!(
            "Open it with: jump vnc {}",
            super::up::shell_word(&item.name)
        ))?,
        ItemDetails::LocalRdp(_) | ItemDetails::RemoteRdp(_) => output.say(format_args!(
            "Open it with: jump rdp {}",
            super::up::shell_word(&item.name)
        ))?,
        _ => {}
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
        ItemDetails::LocalRdp(rdp) | ItemDetails::RemoteRdp(rdp) => {
            format!("{}:{}", Escaped(&item.hostname), rdp.port)
        }
        ItemDetails::LocalVnc(vnc) | ItemDetails::RemoteVnc(vnc) => {
            format!("{}:{}", Escaped(&item.hostname), vnc.port)
        }
        ItemDetails::IntelVpro(vpro) => format!("{}:{}", Escaped(&item.hostname), vpro.port),
        _ => item.hostname.clone(),
    }
}

fn list(output: &Output, items: &[ItemView], filtered: bool) -> Result<(), Failure> {
    if items.is_empty() {
        output.say(if filtered {
            "There is no such item that you may see."
        } else {
            "There is no item that you may see. Add one: jump items add --help"
        })?;
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
                // Whoever opens an item without a Jumpoint finds out.
                text: |item| {
                    item.jumpoint_id
                        .map_or_else(|| "-".to_owned(), |_| yes_no(item.online))
                },
            },
            Column {
                name: "CREDENTIAL",
                text: |item| yes_no(item.has_credential),
            },
            Column {
                name: "RECORDING",
                text: |item| item.recording.to_string(),
            },
            Column {
                name: "TAG",
                text: |item| item.tag.clone(),
            },
        ],
    )
}
