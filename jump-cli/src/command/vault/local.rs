//! What is done in the site's own folder: making the vault, and changing a key that the broker does not keep.

use std::path::PathBuf;

use clap::Args;
use jump_core::control::VaultRequest;
use jump_core::vault::MasterKey;
use jump_core::{Error, ErrorKind};

use super::{Context, folder, tell};
use crate::connect::connect;
use crate::error::Failure;
use crate::secret_input;
use crate::site::KEY_VARIABLE;

#[derive(Debug, Args)]
pub(super) struct FolderArguments {
    /// The site's folder [default: HOME/site]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Put the master key into this file; without it the key in JUMP_VAULT_KEY is used, or `vault.key` in the folder
    /// is written
    #[arg(long, value_name = "FILE")]
    vault_key: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct RotateArguments {
    /// Change to the key on standard input, while the broker is stopped: for a key that is kept in JUMP_VAULT_KEY
    #[arg(long)]
    new_key_stdin: bool,
    /// The site's folder [default: HOME/site]
    #[arg(long, value_name = "DIR", requires = "new_key_stdin")]
    data: Option<PathBuf>,
}

/// Makes a vault.
pub(super) async fn init(context: &Context<'_>, arguments: FolderArguments) -> Result<(), Failure> {
    let output = context.output;
    let folder = folder(context, arguments.data);
    let key = folder.make_vault(arguments.vault_key.as_deref()).await?;
    output.say(format_args!("Made a vault in {}.", folder.path().display()))?;
    match &key {
        Some(path) => output.say(format_args!(
            "Its master key is in {}: keep a copy elsewhere, for without it the vault is lost.",
            path.display()
        ))?,
        None => output.say(format_args!("Its master key is the one in {KEY_VARIABLE}."))?,
    }
    if let Some(path) = arguments.vault_key.as_deref() {
        output.say(format_args!(
            "Start the broker with: --vault-key {}",
            super::super::up::shell_word(&path.display().to_string())
        ))?;
    }
    output.say("A broker that runs on this folder now has to be started again.")?;
    output.value(&serde_json::json!({ "vault": folder.path(), "key": key }))
}

/// Changes the master key: the broker does it if it keeps the key.
pub(super) async fn rotate(context: &Context<'_>, arguments: RotateArguments) -> Result<(), Failure> {
    let output = context.output;
    if !arguments.new_key_stdin {
        let rep = connect(&context.home).await?;
        let done = "The vault is encrypted under a new master key.".to_owned();
        return tell(&rep, output, VaultRequest::RotateKey, done).await;
    }
    let key = MasterKey::from_text(secret_input::from_stdin()?.expose())?;
    let folder = folder(context, arguments.data);
    let _lock = folder.lock()?;
    let vault = folder.vault(None).await?.ok_or_else(|| {
        let message = format!("there is none in {}", folder.path().display());
        Error::new(ErrorKind::NotFound, "open the vault", message)
    })?;
    vault.rotate_key(&key).await?;
    output.say(format_args!(
        "The vault is encrypted under the new key: start the broker with it in {KEY_VARIABLE}."
    ))?;
    output.value(&serde_json::json!({ "done": true }))
}
