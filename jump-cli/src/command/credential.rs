//! The credential that a Jumpoint injects: read here, sealed here, sent sealed.

use std::path::PathBuf;

use clap::Args;
use jump_core::control::{Edit, ItemView};
use jump_core::model::{Hostname, ItemDetails, TargetAddress};
use jump_core::rep::Rep;
use jump_core::secret::Secret;
use jump_core::session::{Credential, CredentialBinding, CredentialSecret};
use jump_core::text::Escaped;
use jump_core::{Error, ErrorKind};

use crate::error::{Failure, usage};
use crate::secret_input;

#[derive(Debug, Args)]
pub(crate) struct CredentialArguments {
    /// The user name on the target
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// Ask for the password at the terminal
    #[arg(long, requires = "user", group = "secret")]
    pub(crate) ask_password: bool,
    /// Read the password from standard input
    #[arg(long, requires = "user", group = "secret")]
    pub(crate) password_stdin: bool,
    /// Use the private key in this file: OpenSSH or PKCS#8 PEM
    #[arg(long, requires = "user", group = "secret", value_name = "FILE")]
    pub(crate) identity: Option<PathBuf>,
    /// The OpenSSH certificate of the key
    #[arg(long, requires = "identity", value_name = "FILE")]
    pub(crate) certificate: Option<PathBuf>,
    /// Read the key's passphrase from standard input
    #[arg(long, requires = "identity")]
    pub(crate) passphrase_stdin: bool,
}

impl CredentialArguments {
    /// The credential; `None` if the user gave none.
    pub(crate) async fn read(&self) -> Result<Option<Credential>, Failure> {
        let Some(username) = self.user.clone() else {
            return Ok(None);
        };
        let secret = if self.ask_password {
            CredentialSecret::Password(
                secret_input::ask(&format!("Password of {username} on the target")).await?,
            )
        } else if self.password_stdin {
            CredentialSecret::Password(secret_input::from_stdin()?)
        } else if let Some(path) = &self.identity {
            CredentialSecret::PrivateKey {
                pem: secret_input::from_file(path)?,
                passphrase: if self.passphrase_stdin {
                    Some(secret_input::from_stdin()?)
                } else {
                    None
                },
                certificate: match &self.certificate {
                    Some(path) => Some(secret_input::from_file(path)?.expose().trim().to_owned()),
                    None => None,
                },
            }
        } else {
            return Err(usage("--user needs a secret with it")
                .hint("add --ask-password, --password-stdin or --identity FILE"));
        };
        Ok(Some(Credential { username, secret }))
    }
}

/// Seals the credential to the item's Jumpoint, for the item's target only, and stores it.
pub(crate) async fn set(rep: &Rep, item: &ItemView, credential: &Credential) -> Result<(), Failure> {
    let key = item.sealing_key.ok_or_else(|| {
        let message = format!(
            "jumpoint \"{}\" has not enrolled yet, so there is no key to seal to",
            Escaped(&item.jumpoint)
        );
        Failure::from(Error::new(ErrorKind::Unavailable, "seal the credential", message))
            .hint("enrol it with `jump jumpoint`, then run `jump items credential`")
    })?;
    let sealed = credential.seal(&key, &binding(item)?)?;
    rep.edit(Edit::SetCredential {
        item: item.id,
        credential: Some(sealed),
    })
    .await?;
    Ok(())
}

/// What the credential is for.
pub(crate) fn binding(item: &ItemView) -> Result<CredentialBinding, Failure> {
    let ItemDetails::ShellJump(shell) = &item.details else {
        return Err(usage("this type of item uses no credential"));
    };
    let target = TargetAddress::new(Hostname::new(&item.hostname)?, shell.port)?;
    Ok(CredentialBinding {
        item: item.id,
        jumpoint: item
            .jumpoint_id
            .ok_or_else(|| usage("this item goes through no jumpoint, so nothing injects a credential"))?,
        target,
    })
}

/// The credential with a password.
pub(crate) fn with_password(username: &str, password: &str) -> Credential {
    Credential {
        username: username.to_owned(),
        secret: CredentialSecret::Password(Secret::new(password.to_owned())),
    }
}
