//! A vault's records, read, checked and indexed; and the changes that are made to them.

use std::collections::BTreeMap;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::account::{Account, AccountGroup, Checkout, StoredAccount, StoredSecret, VaultRole};
use super::association::{Association, ItemFacts, Specificity, same_name};
use super::cipher::{Keys, MasterKey};
use super::key_source::KeySource;
use super::store::{RecordKind, VaultChange, VaultImage, VaultRecord};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{UserId, VaultAccountId, VaultGroupId};
use crate::keys::random_bytes;
use crate::secret::Secret;
use crate::session::{Credential, CredentialSecret};

/// Which vault it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    /// The version of the records' form.
    version: u32,
    /// The vault's random id, in hex.
    vault: String,
    /// Tells the master key from others, in hex.
    key: String,
    /// The last id that was given, to whatever.
    pub(super) last_id: u32,
}

const VERSION: u32 = 1;

/// Everything in the vault at one revision.
#[derive(Debug)]
pub(super) struct State {
    pub(super) revision: u64,
    pub(super) keys: Arc<Keys>,
    pub(super) header: Header,
    pub(super) groups: BTreeMap<VaultGroupId, AccountGroup>,
    pub(super) accounts: BTreeMap<VaultAccountId, StoredAccount>,
    pub(super) checkouts: BTreeMap<u32, Checkout>,
}

fn damaged(what: &'static str) -> Error {
    Error::new(ErrorKind::Integrity, "read the vault", what)
}

fn from_json<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    // What the parser says may repeat what it read.
    serde_json::from_slice(body).map_err(|_| damaged("a record cannot be read"))
}

fn sixteen(hex: &str) -> Option<[u8; 16]> {
    HEXLOWER.decode(hex.as_bytes()).ok()?.try_into().ok()
}

impl State {
    /// Reads and checks every record. The key is `known`'s, or is asked for.
    pub(super) fn read(image: VaultImage, known: Option<&Arc<Keys>>, source: &dyn KeySource) -> Result<Self> {
        let header = image
            .records
            .iter()
            .find(|record| record.kind == RecordKind::Header);
        let record = header.ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                "open the vault",
                "there is no vault yet: make one first",
            )
        })?;
        let header: Header = from_json(&record.body)?;
        if header.version != VERSION {
            let message = format!("the vault is of version {}: use a newer program", header.version);
            return Err(Error::new(ErrorKind::Unsupported, "open the vault", message));
        }
        let vault = sixteen(&header.vault).ok_or_else(|| damaged("its header cannot be read"))?;
        let keys = match known.filter(|keys| HEXLOWER.encode(&keys.fingerprint) == header.key) {
            Some(keys) => keys.clone(),
            None => {
                let fits = |key: &MasterKey| {
                    key.fingerprint(&vault)
                        .is_ok_and(|print| HEXLOWER.encode(&print) == header.key)
                };
                Arc::new(Keys::new(&source.load(&fits)?, vault)?)
            }
        };
        let mut state = Self {
            revision: image.revision,
            keys: keys.clone(),
            header,
            groups: BTreeMap::new(),
            accounts: BTreeMap::new(),
            checkouts: BTreeMap::new(),
        };
        for record in &image.records {
            keys.check(record.kind, record.id, &record.body, &record.tag)?;
            let own = match record.kind {
                RecordKind::Header => record.id == 0,
                RecordKind::Group => {
                    let group: AccountGroup = from_json(&record.body)?;
                    let own = group.id.get() == record.id;
                    state.groups.insert(group.id, group);
                    own
                }
                RecordKind::Account => {
                    let stored: StoredAccount = from_json(&record.body)?;
                    let own = stored.account.id.get() == record.id;
                    state.accounts.insert(stored.account.id, stored);
                    own
                }
                RecordKind::Checkout => {
                    let checkout: Checkout = from_json(&record.body)?;
                    let own = checkout.id == record.id;
                    state.checkouts.insert(checkout.id, checkout);
                    own
                }
            };
            if !own {
                return Err(damaged("a record stands in another one's place"));
            }
        }
        Ok(state)
    }

    /// The first record of a new vault.
    pub(super) fn begin(master: &MasterKey) -> Result<VaultChange> {
        let vault = random_bytes::<16>()?;
        let keys = Keys::new(master, vault)?;
        let header = Header {
            version: VERSION,
            vault: HEXLOWER.encode(&vault),
            key: HEXLOWER.encode(&keys.fingerprint),
            last_id: 0,
        };
        put(&keys, RecordKind::Header, 0, &header)
    }

    /// Everything again under another master key.
    pub(super) fn under(&self, master: &MasterKey) -> Result<Vec<VaultChange>> {
        let vault = sixteen(&self.header.vault).ok_or_else(|| damaged("its header cannot be read"))?;
        let keys = Keys::new(master, vault)?;
        let header = Header {
            key: HEXLOWER.encode(&keys.fingerprint),
            ..self.header.clone()
        };
        let mut changes = vec![put(&keys, RecordKind::Header, 0, &header)?];
        for group in self.groups.values() {
            changes.push(put(&keys, RecordKind::Group, group.id.get(), group)?);
        }
        for stored in self.accounts.values() {
            let id = stored.account.id;
            let secret = seal_secret(&keys, id, &self.open(stored)?)?;
            let account = stored.account.clone();
            changes.push(put(
                &keys,
                RecordKind::Account,
                id.get(),
                &StoredAccount { account, secret },
            )?);
        }
        for checkout in self.checkouts.values() {
            changes.push(put(&keys, RecordKind::Checkout, checkout.id, checkout)?);
        }
        Ok(changes)
    }

    /// The next id, and the change that says that it is given.
    pub(super) fn next_id(&self) -> Result<(u32, VaultChange)> {
        let id = self
            .header
            .last_id
            .checked_add(1)
            .filter(|id| *id <= i32::MAX as u32);
        let used_up = || Error::new(ErrorKind::ResourceLimit, "give an id", "all ids are used up");
        let last_id = id.ok_or_else(used_up)?;
        let header = Header {
            last_id,
            ..self.header.clone()
        };
        Ok((last_id, put(&self.keys, RecordKind::Header, 0, &header)?))
    }

    pub(super) fn put_group(&self, group: &AccountGroup) -> Result<VaultChange> {
        put(&self.keys, RecordKind::Group, group.id.get(), group)
    }

    pub(super) fn put_account(&self, stored: &StoredAccount) -> Result<VaultChange> {
        put(&self.keys, RecordKind::Account, stored.account.id.get(), stored)
    }

    pub(super) fn put_checkout(&self, checkout: &Checkout) -> Result<VaultChange> {
        put(&self.keys, RecordKind::Checkout, checkout.id, checkout)
    }

    pub(super) fn seal(&self, account: VaultAccountId, credential: &Credential) -> Result<StoredSecret> {
        seal_secret(&self.keys, account, credential)
    }

    /// The account's credential in the clear: to be dropped at once.
    pub(super) fn open(&self, stored: &StoredAccount) -> Result<Credential> {
        let id = stored.account.id;
        let open = |field, sealed| self.keys.open(id, field, sealed);
        let secret = match &stored.secret {
            StoredSecret::Password { password } => CredentialSecret::Password(open("password", password)?),
            StoredSecret::PrivateKey {
                private_key,
                passphrase,
                certificate,
            } => CredentialSecret::PrivateKey {
                pem: open("private_key", private_key)?,
                passphrase: passphrase
                    .as_ref()
                    .map(|sealed| open("passphrase", sealed))
                    .transpose()?,
                certificate: certificate.clone(),
            },
        };
        Ok(Credential {
            username: stored.account.username.clone(),
            secret,
        })
    }

    fn group_of(&self, account: &Account) -> Option<&AccountGroup> {
        account.group.and_then(|group| self.groups.get(&group))
    }

    /// What the user may do with the account: the wider of what the account and its group grant.
    pub(super) fn role(&self, account: &Account, user: UserId) -> Option<VaultRole> {
        let by_group = self.group_of(account).and_then(|group| group.grants.get(&user));
        account.grants.get(&user).max(by_group).copied()
    }

    /// Whether the account goes with the item, and how closely.
    pub(super) fn matches(&self, account: &Account, item: &ItemFacts<'_>) -> Option<Specificity> {
        let by_group = || self.group_of(account).map(|group| &group.association);
        let association = account.association.as_ref().or_else(by_group);
        association.and_then(|association: &Association| association.matches(item))
    }

    pub(super) fn account_named(&self, name: &str) -> Option<&StoredAccount> {
        let named = |stored: &&StoredAccount| same_name(stored.account.name.as_str(), name);
        self.accounts.values().find(named)
    }

    pub(super) fn group_named(&self, name: &str) -> Option<&AccountGroup> {
        self.groups
            .values()
            .find(|group| same_name(group.name.as_str(), name))
    }
}

fn put(keys: &Keys, kind: RecordKind, id: u32, value: &impl Serialize) -> Result<VaultChange> {
    let body = serde_json::to_vec(value).map_err(|error| {
        Error::new(
            ErrorKind::Internal,
            "change the vault",
            "a record cannot be written as json",
        )
        .with_source(error)
    })?;
    let tag = keys.tag(kind, id, &body);
    Ok(VaultChange::Put(VaultRecord { kind, id, body, tag }))
}

fn seal_secret(keys: &Keys, account: VaultAccountId, credential: &Credential) -> Result<StoredSecret> {
    let seal = |field, secret: &Secret<String>| keys.seal(account, field, secret);
    Ok(match &credential.secret {
        CredentialSecret::Password(password) => StoredSecret::Password {
            password: seal("password", password)?,
        },
        CredentialSecret::PrivateKey {
            pem,
            passphrase,
            certificate,
        } => StoredSecret::PrivateKey {
            private_key: seal("private_key", pem)?,
            passphrase: passphrase
                .as_ref()
                .map(|secret| seal("passphrase", secret))
                .transpose()?,
            certificate: certificate.clone(),
        },
    })
}
