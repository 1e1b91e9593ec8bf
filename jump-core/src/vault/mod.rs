//! Credentials that are kept for many items: the provider contract and the built-in vault.
//!
//! A [`CredentialProvider`] is asked when a session starts. It names the credentials that the user may inject on the
//! item, and seals the chosen one to the item's Jumpoint: in the clear a credential exists inside the provider, for a
//! moment, and at the Jumpoint. A provider's credential comes before the item's own; the item's own is used only if no
//! provider has one that matches.
//!
//! The [`Vault`] is the provider in the box. Its accounts are encrypted at rest under a key derived from a
//! [`MasterKey`] that a [`KeySource`] holds, and kept in a [`VaultStore`]. Which accounts go with which items says an
//! [`Association`]; who may do what with an account says a [`VaultRole`].

mod account;
mod association;
mod checkout;
mod cipher;
mod inject;
mod keeper;
mod key_source;
mod provider;
mod state;
mod store;
#[cfg(test)]
mod tests;
mod transit;

pub use account::{Account, AccountDraft, AccountGroup, AccountKind, Checkout, VaultRole};
pub(crate) use association::same_name;
pub use association::{Association, Criteria, ItemFacts, Pattern, Patterns, Specificity};
pub use cipher::MasterKey;
pub use keeper::{GroupOrAccount, Vault};
pub use key_source::{GivenKey, KeyFile, KeySource};
pub(crate) use provider::choose;
pub use provider::{Candidate, CredentialProvider, CredentialQuery, CredentialUse};
pub use store::{MemoryVaultStore, RecordKind, VaultChange, VaultImage, VaultRecord, VaultStore};
pub(crate) use transit::seal_checked_out;
pub use transit::{open_checked_out, seal_for_vault};
