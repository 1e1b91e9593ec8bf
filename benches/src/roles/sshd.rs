//! A real OpenSSH server, held by a process of its own: a login leaves orphans, and their time must not get lost.

use jump_core::{Error, ErrorKind, Result};
use jump_testkit::sshd::{HostKeyKind, Sshd, USER, UserKey};
use rustix::process::{WaitOptions, getpid, set_child_subreaper, wait};
use serde::{Deserialize, Serialize};

use super::{OPERATION, Starter, failed};

/// What one needs to log in: one line of JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) address: std::net::SocketAddr,
    pub(crate) user: String,
    /// In PEM form.
    pub(crate) private_key: String,
    pub(crate) host_key: String,
    /// A folder that the user can read.
    pub(crate) folder: std::path::PathBuf,
}

/// Tells an [`Account`] and serves until the starter is gone.
pub(super) async fn run(mut starter: Starter) -> Result<()> {
    // Orphans become children of ours, and stay in the process table with their times as long as we live.
    set_child_subreaper(Some(getpid())).map_err(|error| failed(error.into()))?;
    let sshd = Sshd::start().await?;
    let account = Account {
        address: sshd.address(),
        user: USER.to_owned(),
        private_key: sshd.user_key(UserKey::Ed25519).await?,
        host_key: sshd.host_key(HostKeyKind::Ed25519)?.as_str().to_owned(),
        folder: sshd.path(""),
    };
    let account = serde_json::to_string(&account)
        .map_err(|error| Error::new(ErrorKind::Internal, OPERATION, "no json").with_source(error))?;
    starter.tell(account)?;
    // Nothing more is said: this is the starter's end.
    let _ = starter.hear().await;
    drop(sshd);
    while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
    Ok(())
}
