//! What is logged of changes of the vault.

use serde::{Deserialize, Serialize};

use crate::id::UserId;
use crate::model::Name;
use crate::vault::{Association, GroupOrAccount, VaultRole};

/// A change of the vault, without any secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
#[non_exhaustive]
pub enum VaultNote {
    /// An account was added.
    AccountAdded {
        /// Its name.
        account: Name,
        /// Its user name on the target.
        username: String,
    },
    /// An account was given another credential.
    SecretSet {
        /// Its name.
        account: Name,
        /// Its user name on the target.
        username: String,
    },
    /// An account was removed.
    AccountRemoved {
        /// Its name.
        account: Name,
    },
    /// An account group was added.
    GroupAdded {
        /// Its name.
        group: Name,
    },
    /// An account group was removed.
    GroupRemoved {
        /// Its name.
        group: Name,
    },
    /// The vault was encrypted anew under a fresh master key.
    KeyChanged,
    /// What a user may do was changed.
    Granted {
        /// With which account or group.
        on: GroupOrAccount,
        /// Who.
        user: UserId,
        /// What; `None` is nothing.
        role: Option<VaultRole>,
    },
    /// The items that an account or group goes with were changed.
    Associated {
        /// Which account or group.
        on: GroupOrAccount,
        /// The items; `None` is what an account's group says, and no item for a group.
        with: Option<Association>,
    },
}
