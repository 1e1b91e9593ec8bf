//! The vault: accounts, who may use them, and where.

use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard};

use super::account::{
    Account, AccountDraft, AccountGroup, AccountKind, StoredAccount, VaultRole, check_username,
};
use super::association::Association;
use super::checkout::gone;
use super::cipher::MasterKey;
use super::key_source::KeySource;
use super::state::State;
use super::store::{RecordKind, VaultChange, VaultStore};
use super::transit;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{UserId, VaultAccountId, VaultGroupId};
use crate::keys::{Sealed, SealingPublicKey};
use crate::model::{Comments, Name};
use crate::session::{Credential, CredentialSecret};
use crate::time::Timestamp;

/// The most accounts in a vault.
const MOST_ACCOUNTS: usize = 60_000;

/// The built-in vault. Several processes may use the same store: each call sees what the others have written, a
/// changed master key included.
///
/// The records are held in memory, encrypted as they are in the store. What was written by somebody without the master
/// key is refused; that an older state of a whole record was put back, or a record removed, is not noticed.
///
/// Every call is cancel-safe in that it is done whole or not at all; a cancelled call may have been done.
#[derive(Debug)]
pub struct Vault {
    store: Arc<dyn VaultStore>,
    keys: Arc<dyn KeySource>,
    state: Mutex<Option<State>>,
}

/// An account, or a group of accounts, by name.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupOrAccount {
    /// The account.
    Account(Name),
    /// The group.
    Group(Name),
}

pub(super) fn missing(what: &str, name: &str) -> Error {
    Error::new(
        ErrorKind::NotFound,
        "use the vault",
        format!("there is no {what} named `{name}`"),
    )
}

fn wrong(rule: &'static str) -> Error {
    Error::new(ErrorKind::InvalidArgument, "change the vault", rule)
}

fn taken(what: &str, name: &Name) -> Error {
    let message = format!("there is already {what} named `{name}`");
    Error::new(ErrorKind::Conflict, "change the vault", message)
}

fn kind_of(credential: &Credential) -> AccountKind {
    match &credential.secret {
        CredentialSecret::Password(_) => AccountKind::UsernamePassword,
        CredentialSecret::PrivateKey { .. } => AccountKind::Ssh,
    }
}

/// The vault's state, held while a call uses it.
pub(super) struct Turn<'a> {
    guard: MutexGuard<'a, Option<State>>,
    store: &'a dyn VaultStore,
}

impl Turn<'_> {
    pub(super) fn state(&self) -> Result<&State> {
        let unread = || Error::new(ErrorKind::Internal, "use the vault", "it was not read");
        self.guard.as_ref().ok_or_else(unread)
    }

    pub(super) async fn commit(self, changes: Vec<VaultChange>) -> Result<()> {
        let revision = self.state()?.revision;
        // The next call reads what is stored now.
        self.store.commit(revision, changes).await.map(|_| ())
    }
}

impl Vault {
    /// Begins a vault in an empty store, under this key.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] if there is one in it; what the store says.
    pub async fn create(store: &dyn VaultStore, key: &MasterKey) -> Result<()> {
        let image = store.load(None).await?;
        if image.as_ref().is_some_and(|image| !image.records.is_empty()) {
            return Err(Error::new(
                ErrorKind::Conflict,
                "make a vault",
                "there is one already",
            ));
        }
        let revision = image.map_or(0, |image| image.revision);
        store.commit(revision, vec![State::begin(key)?]).await.map(|_| ())
    }

    /// Opens the vault and checks every record.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is none in the store or no key; [`ErrorKind::InvalidArgument`] if the key is
    /// not this vault's; [`ErrorKind::Integrity`] if a record is not what was written; what the store says.
    pub async fn open(store: Arc<dyn VaultStore>, keys: Arc<dyn KeySource>) -> Result<Self> {
        let vault = Self {
            store,
            keys,
            state: Mutex::new(None),
        };
        vault.turn().await?;
        Ok(vault)
    }

    /// Waits for the turn and brings the state up to what is stored.
    pub(super) async fn turn(&self) -> Result<Turn<'_>> {
        let mut guard = self.state.lock().await;
        let known = guard.as_ref().map(|state| state.revision);
        if let Some(image) = self.store.load(known).await? {
            let keys = guard.as_ref().map(|state| state.keys.clone());
            // What can no longer be read or trusted is used no longer, either.
            *guard = None;
            *guard = Some(State::read(image, keys.as_ref(), &*self.keys)?);
        }
        Ok(Turn {
            guard,
            store: &*self.store,
        })
    }

    /// The key to which secrets are sealed on their way into the vault, with [`seal_for_vault`](super::seal_for_vault).
    pub async fn sealing_key(&self) -> Result<SealingPublicKey> {
        Ok(self.turn().await?.state()?.keys.transit.public())
    }

    /// Every account, by name.
    pub async fn accounts(&self) -> Result<Vec<Account>> {
        let turn = self.turn().await?;
        let mut accounts: Vec<_> = turn
            .state()?
            .accounts
            .values()
            .map(|stored| stored.account.clone())
            .collect();
        accounts.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(accounts)
    }

    /// Every account group, by name.
    pub async fn groups(&self) -> Result<Vec<AccountGroup>> {
        let turn = self.turn().await?;
        let mut groups: Vec<_> = turn.state()?.groups.values().cloned().collect();
        groups.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(groups)
    }

    /// What the user may do with the account; `None` if there is no such account.
    pub async fn role(&self, account: &Name, user: UserId) -> Result<Option<VaultRole>> {
        let turn = self.turn().await?;
        let state = turn.state()?;
        let stored = state.account_named(account.as_str());
        Ok(stored.and_then(|stored| state.role(&stored.account, user)))
    }

    /// Opens a secret that was sealed to the vault's key for the account of this name.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`], retryable, if it was sealed to another key: the vault's was changed.
    pub async fn unseal(&self, account: &Name, sealed: &Sealed) -> Result<Credential> {
        let turn = self.turn().await?;
        transit::open_for_vault(&turn.state()?.keys.transit, account, sealed)
    }

    /// Adds an account. It goes with no item and nobody may use it until somebody says otherwise, unless its group
    /// does.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] if there is one of this name; [`ErrorKind::NotFound`] if its group is not there;
    /// [`ErrorKind::InvalidArgument`]; [`ErrorKind::ResourceLimit`] at 60,000 accounts.
    pub async fn add(
        &self,
        draft: AccountDraft,
        credential: &Credential,
        now: Timestamp,
    ) -> Result<VaultAccountId> {
        check_username(&credential.username)?;
        if draft.max_checkout_seconds == 0 {
            return Err(wrong("max_checkout_seconds is at least 1"));
        }
        let turn = self.turn().await?;
        let state = turn.state()?;
        if state.account_named(draft.name.as_str()).is_some() {
            return Err(taken("an account", &draft.name));
        }
        if state.accounts.len() >= MOST_ACCOUNTS {
            let message = "the vault holds at most 60000 accounts";
            return Err(Error::new(ErrorKind::ResourceLimit, "change the vault", message));
        }
        let group = draft.group.map(|name| {
            let group = state.group_named(name.as_str());
            group
                .map(|group| group.id)
                .ok_or_else(|| missing("account group", name.as_str()))
        });
        let (id, header) = state.next_id()?;
        let id = VaultAccountId::new(id)?;
        let account = Account {
            id,
            name: draft.name,
            description: draft.description,
            group: group.transpose()?,
            kind: kind_of(credential),
            username: credential.username.clone(),
            association: None,
            grants: Default::default(),
            allow_simultaneous_checkout: draft.allow_simultaneous_checkout,
            max_checkout_seconds: draft.max_checkout_seconds,
            secret_changed: now,
        };
        let secret = state.seal(id, credential)?;
        let account = state.put_account(&StoredAccount { account, secret })?;
        turn.commit(vec![header, account]).await?;
        Ok(id)
    }

    /// Gives an account another credential: the next session gets the new one.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::InvalidArgument`].
    pub async fn set_secret(&self, account: &Name, credential: &Credential, now: Timestamp) -> Result<()> {
        check_username(&credential.username)?;
        self.change_account(account, |state, stored| {
            stored.secret = state.seal(stored.account.id, credential)?;
            stored.account.kind = kind_of(credential);
            stored.account.username.clone_from(&credential.username);
            stored.account.secret_changed = now;
            Ok(())
        })
        .await
    }

    async fn change_account(
        &self,
        name: &Name,
        change: impl FnOnce(&State, &mut StoredAccount) -> Result<()>,
    ) -> Result<()> {
        let turn = self.turn().await?;
        let state = turn.state()?;
        let found = state.account_named(name.as_str());
        let mut stored = found.cloned().ok_or_else(|| missing("account", name.as_str()))?;
        change(state, &mut stored)?;
        let changes = vec![state.put_account(&stored)?];
        turn.commit(changes).await
    }

    async fn change_group(&self, name: &Name, change: impl FnOnce(&mut AccountGroup)) -> Result<()> {
        let turn = self.turn().await?;
        let state = turn.state()?;
        let found = state.group_named(name.as_str());
        let mut group = found
            .cloned()
            .ok_or_else(|| missing("account group", name.as_str()))?;
        change(&mut group);
        let changes = vec![state.put_group(&group)?];
        turn.commit(changes).await
    }

    /// Removes an account and its check-outs.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`].
    pub async fn remove(&self, account: &Name) -> Result<()> {
        let turn = self.turn().await?;
        let state = turn.state()?;
        let stored = state.account_named(account.as_str());
        let id = stored
            .ok_or_else(|| missing("account", account.as_str()))?
            .account
            .id;
        let checkouts = state.checkouts.values().filter(|checkout| checkout.account == id);
        let mut changes: Vec<_> = checkouts.map(|checkout| gone(checkout.id)).collect();
        changes.push(VaultChange::Remove {
            kind: RecordKind::Account,
            id: id.get(),
        });
        turn.commit(changes).await
    }

    /// Adds an account group, which goes with no item and which nobody may use.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] if there is one of this name.
    pub async fn add_group(&self, name: Name, description: Comments) -> Result<VaultGroupId> {
        let turn = self.turn().await?;
        let state = turn.state()?;
        if state.group_named(name.as_str()).is_some() {
            return Err(taken("an account group", &name));
        }
        let (id, header) = state.next_id()?;
        let id = VaultGroupId::new(id)?;
        let group = AccountGroup {
            id,
            name,
            description,
            association: Association::NoJumpItems,
            grants: Default::default(),
        };
        let changes = vec![header, state.put_group(&group)?];
        turn.commit(changes).await?;
        Ok(id)
    }

    /// Removes an empty account group.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::Conflict`] if accounts are in it.
    pub async fn remove_group(&self, name: &Name) -> Result<()> {
        let turn = self.turn().await?;
        let state = turn.state()?;
        let group = state.group_named(name.as_str());
        let id = group.ok_or_else(|| missing("account group", name.as_str()))?.id;
        if state
            .accounts
            .values()
            .any(|stored| stored.account.group == Some(id))
        {
            let message = "accounts are in this group: remove them first";
            return Err(Error::new(ErrorKind::Conflict, "change the vault", message));
        }
        let changes = vec![VaultChange::Remove {
            kind: RecordKind::Group,
            id: id.get(),
        }];
        turn.commit(changes).await
    }

    /// Says what a user may do with an account or all of a group; `None` takes it away.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`].
    pub async fn grant(&self, on: &GroupOrAccount, user: UserId, role: Option<VaultRole>) -> Result<()> {
        let set = |grants: &mut std::collections::BTreeMap<UserId, VaultRole>| match role {
            Some(role) => drop(grants.insert(user, role)),
            None => drop(grants.remove(&user)),
        };
        match on {
            GroupOrAccount::Group(name) => self.change_group(name, |group| set(&mut group.grants)).await,
            GroupOrAccount::Account(name) => {
                let change = |_: &State, stored: &mut StoredAccount| {
                    set(&mut stored.account.grants);
                    Ok(())
                };
                self.change_account(name, change).await
            }
        }
    }

    /// Says with which items an account or a group goes. `None` lets an account follow its group, and takes a group
    /// from every item.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`].
    pub async fn associate(&self, on: &GroupOrAccount, association: Option<Association>) -> Result<()> {
        match on {
            GroupOrAccount::Group(name) => {
                let change = |group: &mut AccountGroup| group.association = association.unwrap_or_default();
                self.change_group(name, change).await
            }
            GroupOrAccount::Account(name) => {
                let change = |_: &State, stored: &mut StoredAccount| {
                    stored.account.association = association;
                    Ok(())
                };
                self.change_account(name, change).await
            }
        }
    }

    /// Whether the vault's key source still has a new key at the next start.
    #[must_use]
    pub fn keeps_its_key(&self) -> bool {
        self.keys.is_lasting()
    }

    /// Encrypts everything anew under another master key and has the key source keep that one. Afterwards nothing that
    /// the old key opens is left in the store.
    ///
    /// # Errors
    /// What the store or the key source says. If the key source fails last, the vault has the new key, and the source
    /// finds it. [`ErrorKind::Conflict`] if another process changes the key or the vault at the same time. After a
    /// cancelled call other processes cannot change the key until this vault's is changed again or closed.
    pub async fn rotate_key(&self, new: &MasterKey) -> Result<()> {
        let turn = self.turn().await?;
        let changes = turn.state()?.under(new)?;
        let key = MasterKey::from_text(new.to_text().expose())?;
        self.with_keys(move |keys| keys.stage(&key)).await?;
        match turn.commit(changes).await {
            Ok(()) => self.with_keys(KeySource::install).await,
            // Of any other failure nobody knows whether it came before the change or after it: the next call finds out.
            Err(error) if error.kind() == ErrorKind::Conflict => {
                self.keys.abandon();
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Has the key source write, on a thread that may wait for the disk.
    async fn with_keys(
        &self,
        write: impl FnOnce(&dyn KeySource) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        let keys = self.keys.clone();
        tokio::task::spawn_blocking(move || write(&*keys))
            .await
            .map_err(|error| {
                Error::new(
                    ErrorKind::Internal,
                    "change the vault's key",
                    "the call was stopped",
                )
                .with_source(error)
            })?
    }
}
