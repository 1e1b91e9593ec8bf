//! What the vault keeps, without the secrets.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::association::Association;
use super::cipher::SealedField;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{UserId, VaultAccountId, VaultGroupId};
use crate::model::{Comments, Name};
use crate::time::Timestamp;

/// What a user may do with an account; each role includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VaultRole {
    /// Have a Jumpoint inject it, without ever seeing it.
    Inject,
    /// The same, and check it out: see it for a while.
    InjectAndCheckout,
}

impl fmt::Display for VaultRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            VaultRole::Inject => "inject",
            VaultRole::InjectAndCheckout => "inject_and_checkout",
        })
    }
}

/// Of which type an account is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AccountKind {
    /// A user name and a password.
    UsernamePassword,
    /// A user name and an SSH private key, with its passphrase and certificate if it has them.
    Ssh,
}

impl AccountKind {
    /// Whether a credential of this type can log in over the protocol with this key.
    #[must_use]
    pub fn serves(self, protocol: &str) -> bool {
        match self {
            AccountKind::UsernamePassword => true,
            AccountKind::Ssh => protocol == "ssh",
        }
    }
}

impl fmt::Display for AccountKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AccountKind::UsernamePassword => "username_password",
            AccountKind::Ssh => "ssh",
        })
    }
}

/// An account, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Its id, never used again.
    pub id: VaultAccountId,
    /// Its name, unique in the vault whatever its case.
    pub name: Name,
    /// What it is for.
    pub description: Comments,
    /// The account group it is in.
    pub group: Option<VaultGroupId>,
    /// Of which type it is.
    pub kind: AccountKind,
    /// The user name on the target.
    pub username: String,
    /// The items it goes with; `None` is what its group says, and without a group no item.
    pub association: Option<Association>,
    /// Who may do what with it, besides what its group grants; of the two the wider role counts.
    pub grants: BTreeMap<UserId, VaultRole>,
    /// Whether it may be checked out while somebody else has it.
    pub allow_simultaneous_checkout: bool,
    /// After how many seconds a check-out ends by itself, at least 1.
    pub max_checkout_seconds: u32,
    /// When its secret was set last.
    pub secret_changed: Timestamp,
}

/// An account to be added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountDraft {
    /// Its name.
    pub name: Name,
    /// What it is for.
    #[serde(default)]
    pub description: Comments,
    /// The name of the account group it is put into.
    #[serde(default)]
    pub group: Option<Name>,
    /// Whether it may be checked out while somebody else has it.
    #[serde(default)]
    pub allow_simultaneous_checkout: bool,
    /// After how many seconds a check-out ends by itself, at least 1.
    #[serde(default = "an_hour")]
    pub max_checkout_seconds: u32,
}

const fn an_hour() -> u32 {
    3600
}

impl AccountDraft {
    /// An account of this name in no group, checked out by one user at a time and for at most an hour.
    #[must_use]
    pub fn new(name: Name) -> Self {
        Self {
            name,
            description: Comments::default(),
            group: None,
            allow_simultaneous_checkout: false,
            max_checkout_seconds: an_hour(),
        }
    }
}

/// A group of accounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountGroup {
    /// Its id, never used again.
    pub id: VaultGroupId,
    /// Its name, unique among the vault's groups whatever its case.
    pub name: Name,
    /// What it is for.
    pub description: Comments,
    /// The items that its accounts go with, where an account does not say itself.
    pub association: Association,
    /// Who may do what with all of its accounts.
    pub grants: BTreeMap<UserId, VaultRole>,
}

/// An account that somebody has seen the secret of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkout {
    /// Its number, never used again.
    pub id: u32,
    /// Which account.
    pub account: VaultAccountId,
    /// Who.
    pub user: UserId,
    /// Since when.
    pub since: Timestamp,
    /// When it ends by itself.
    pub until: Timestamp,
}

/// An account as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredAccount {
    pub(super) account: Account,
    pub(super) secret: StoredSecret,
}

/// An account's secret as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) enum StoredSecret {
    #[serde(rename = "password")]
    Password { password: SealedField },
    #[serde(rename = "private_key")]
    PrivateKey {
        private_key: SealedField,
        passphrase: Option<SealedField>,
        certificate: Option<String>,
    },
}

/// Checks a user name on a target: 1 to 256 characters, none of them invisible.
pub(super) fn check_username(username: &str) -> Result<()> {
    let seen = !username.is_empty() && username.chars().count() <= 256;
    if seen && !username.chars().any(crate::text::acts) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::InvalidArgument,
        "keep a credential",
        "its user name is 1 to 256 visible characters",
    ))
}
