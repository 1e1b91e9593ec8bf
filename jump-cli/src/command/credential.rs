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

/// A user name, and where its password is read from.
#[derive(Debug, Default, Args)]
pub(crate) struct PasswordArguments {
    /// The user name on the target; many VNC servers have a password only
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Ask for the password at the terminal
    #[arg(long, group = "secret")]
    ask_password: bool,
    /// Read the password from standard input
    #[arg(long, group = "secret")]
    password_stdin: bool,
}

impl PasswordArguments {
    /// Whether none of them was given.
    pub(crate) const fn are_none(&self) -> bool {
        self.user.is_none() && !self.ask_password && !self.password_stdin
    }

    /// Whether the password is read from standard input.
    pub(crate) const fn reads_stdin(&self) -> bool {
        self.password_stdin
    }

    /// The credential; `None` if the user gave none.
    pub(crate) async fn read(&self) -> Result<Option<Credential>, Failure> {
        let username = self.user.clone().unwrap_or_default();
        let password = if self.ask_password {
            let prompt = match username.as_str() {
                "" => "Password of the target".to_owned(),
                username => format!("Password of {username} on the target"),
            };
            secret_input::ask(&prompt).await?
        } else if self.password_stdin {
            secret_input::from_stdin()?
        } else if self.user.is_some() {
            return Err(usage("--user needs a secret with it")
                .hint("add --ask-password, --password-stdin or --identity FILE"));
        } else {
            return Ok(None);
        };
        let secret = CredentialSecret::Password(password);
        Ok(Some(Credential { username, secret }))
    }

    /// The same where only a user can log in.
    pub(crate) async fn read_of_user(&self) -> Result<Option<Credential>, Failure> {
        let credential = self.read().await?;
        credential.map(of_user).transpose()
    }
}

/// A user name, and where its password or private key is read from.
#[derive(Debug, Args)]
pub(crate) struct CredentialArguments {
    #[command(flatten)]
    password: PasswordArguments,
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
        let Some(path) = &self.identity else {
            return self.password.read().await;
        };
        let secret = CredentialSecret::PrivateKey {
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
        };
        let username = self.password.user.clone().unwrap_or_default();
        Ok(Some(Credential { username, secret }))
    }

    /// The same where only a user can log in.
    pub(crate) async fn read_of_user(&self) -> Result<Option<Credential>, Failure> {
        let credential = self.read().await?;
        credential.map(of_user).transpose()
    }
}

/// The credential, if it says whose it is.
fn of_user(credential: Credential) -> Result<Credential, Failure> {
    if credential.username.is_empty() {
        return Err(usage("a secret needs the user name that it is for").hint("add --user NAME"));
    }
    Ok(credential)
}

/// Seals the credential to the item's Jumpoint, for the item's target only, and stores it.
pub(crate) async fn set(rep: &Rep, item: &ItemView, credential: Credential) -> Result<(), Failure> {
    let credential = match &item.details {
        ItemDetails::LocalVnc(_) | ItemDetails::RemoteVnc(_) => credential,
        _ => of_user(credential)?,
    };
    if !item.details.method().needs_jumpoint() {
        return Err(nothing_injects());
    }
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
    let port = match &item.details {
        ItemDetails::ShellJump(shell) => shell.port,
        ItemDetails::LocalVnc(vnc) | ItemDetails::RemoteVnc(vnc) => vnc.port,
        ItemDetails::LocalRdp(rdp) | ItemDetails::RemoteRdp(rdp) => rdp.port,
        _ => return Err(usage("this type of item uses no credential")),
    };
    let target = TargetAddress::new(Hostname::new(&item.hostname)?, port)?;
    Ok(CredentialBinding {
        item: item.id,
        jumpoint: item.jumpoint_id.ok_or_else(nothing_injects)?,
        target,
    })
}

/// Why an item that goes through no Jumpoint keeps no credential.
pub(crate) fn nothing_injects() -> Failure {
    usage("this item goes through no jumpoint, so nothing injects a credential")
        .hint("whoever opens it gives the password: jump vnc|rdp ITEM --ask-password")
}

/// The credential with a password.
pub(crate) fn with_password(username: &str, password: &str) -> Credential {
    Credential {
        username: username.to_owned(),
        secret: CredentialSecret::Password(Secret::new(password.to_owned())),
    }
}
