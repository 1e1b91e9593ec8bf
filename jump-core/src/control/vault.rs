//! What is asked of the site's vault, and what it answers. Secrets are sealed from the one end to the other.

use serde::{Deserialize, Serialize};

use crate::id::{VaultAccountId, VaultGroupId};
use crate::keys::{Sealed, SealingPublicKey};
use crate::model::{Comments, Name, UserName};
use crate::time::Timestamp;
use crate::vault::{AccountDraft, AccountKind, Association, GroupOrAccount, Patterns, VaultRole};

/// A question to the vault. All but [`List`](Self::List), [`CheckOut`](Self::CheckOut) and one's own
/// [`CheckIn`](Self::CheckIn) take an administrator.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "vault", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum VaultRequest {
    /// To which key secrets are sealed on their way in.
    Key,
    /// The accounts: all for an administrator, for others those on which they have a role.
    List,
    /// The account groups.
    Groups,
    /// Adds an account.
    Add {
        /// The account.
        draft: AccountDraft,
        /// Its credential, sealed with [`seal_for_vault`](crate::vault::seal_for_vault).
        secret: Sealed,
    },
    /// Gives an account another credential.
    SetSecret {
        /// Which account.
        account: Name,
        /// The credential, sealed with [`seal_for_vault`](crate::vault::seal_for_vault).
        secret: Sealed,
    },
    /// Removes an account.
    Remove {
        /// Which.
        account: Name,
    },
    /// Adds an account group.
    AddGroup {
        /// Its name.
        name: Name,
        /// What it is for.
        description: Comments,
    },
    /// Removes an empty account group.
    RemoveGroup {
        /// Which.
        name: Name,
    },
    /// Says what a user may do with an account or all of a group.
    Grant {
        /// With which.
        on: GroupOrAccount,
        /// Who.
        user: UserName,
        /// What; `None` is nothing.
        role: Option<VaultRole>,
    },
    /// Says with which items an account or a group goes.
    Associate {
        /// Which account or group.
        on: GroupOrAccount,
        /// The items; `None` is what an account's group says, and no item for a group.
        with: Option<AssociationDraft>,
    },
    /// Encrypts the vault anew under a fresh master key, which the broker keeps where it has the old one.
    RotateKey,
    /// Shows a credential to a user who may check it out.
    CheckOut {
        /// Which account's.
        account: Name,
        /// The key to which it is sealed; used once.
        key: SealingPublicKey,
    },
    /// Ends a check-out: one's own, or as an administrator that of a password account by somebody else.
    CheckIn {
        /// Of which account.
        account: Name,
        /// Whose; `None` is one's own.
        user: Option<UserName>,
    },
}

/// An [`Association`] by names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssociationDraft {
    /// Every item.
    AnyJumpItems,
    /// No item.
    NoJumpItems,
    /// Items that fit, as [`Criteria`](crate::vault::Criteria) has it.
    Criteria(Box<CriteriaDraft>),
}

/// [`Criteria`](crate::vault::Criteria) by names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CriteriaDraft {
    /// The names of shared Jump Groups.
    pub shared_jump_groups: Vec<Name>,
    /// Patterns for the host.
    pub host: Patterns,
    /// Patterns for the name.
    pub name: Patterns,
    /// Patterns for the tag.
    pub tag: Patterns,
    /// Patterns for the comments.
    pub comment: Patterns,
    /// Items, each by name, `group/name` or id.
    pub jump_items: Vec<String>,
}

/// What the vault answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "of", content = "vault", rename_all = "snake_case")]
#[non_exhaustive]
pub enum VaultAnswer {
    /// The vault's key.
    Key(SealingPublicKey),
    /// Accounts.
    Accounts(Vec<AccountView>),
    /// Account groups.
    Groups(Vec<AccountGroupView>),
    /// A credential that was checked out.
    CheckedOut(Box<CheckedOut>),
}

/// A credential that was checked out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CheckedOut {
    /// The account's name, as the credential is bound to it.
    pub account: Name,
    /// When the check-out ends by itself.
    pub until: Timestamp,
    /// The credential: for [`open_checked_out`](crate::vault::open_checked_out).
    pub credential: Sealed,
}

/// An account as it is shown: never its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountView {
    /// Its id.
    pub id: VaultAccountId,
    /// Its name.
    pub name: Name,
    /// What it is for.
    pub description: Comments,
    /// The name of its account group.
    pub group: Option<Name>,
    /// Of which type it is.
    pub kind: AccountKind,
    /// The user name on the target.
    pub username: String,
    /// With which items it goes; `None` is what its group says. For administrators.
    pub association: Option<Association>,
    /// Who may do what with it, besides what its group grants. For administrators.
    pub grants: Vec<GrantView>,
    /// What the asker may do with it.
    pub own_role: Option<VaultRole>,
    /// When its secret was set last.
    pub secret_changed: Timestamp,
    /// Who has it checked out. For administrators; for others their own.
    pub checked_out: Vec<CheckoutView>,
}

/// A role on an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantView {
    /// The user's name.
    pub user: String,
    /// The role.
    pub role: VaultRole,
}

/// A check-out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckoutView {
    /// The user's name.
    pub user: String,
    /// When it ends by itself.
    pub until: Timestamp,
}

/// An account group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountGroupView {
    /// Its id.
    pub id: VaultGroupId,
    /// Its name.
    pub name: Name,
    /// What it is for.
    pub description: Comments,
    /// With which items its accounts go.
    pub association: Association,
    /// Who may do what with all of its accounts.
    pub grants: Vec<GrantView>,
    /// How many accounts are in it.
    pub accounts: usize,
}

/// A credential that one may inject on an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialView {
    /// The name of the provider that keeps it.
    pub provider: String,
    /// Its id there.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How closely it is meant for the item.
    pub specificity: crate::vault::Specificity,
}
