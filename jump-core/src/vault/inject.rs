//! The vault as a provider: which accounts match, and one of them sealed.

use async_trait::async_trait;

use super::account::StoredAccount;
use super::keeper::Vault;
use super::provider::{Candidate, CredentialProvider, CredentialQuery};
use crate::error::{Error, ErrorKind, Result};
use crate::id::VaultAccountId;
use crate::session::SealedCredential;

#[async_trait]
impl CredentialProvider for Vault {
    fn name(&self) -> &str {
        "vault"
    }

    async fn candidates(&self, query: &CredentialQuery<'_>) -> Result<Vec<Candidate>> {
        let turn = self.turn().await?;
        let state = turn.state()?;
        let candidate = |stored: &StoredAccount| {
            let account = &stored.account;
            state.role(account, query.user)?;
            let specificity = state.matches(account, &query.item)?;
            account.kind.serves(query.protocol).then(|| Candidate {
                id: account.id.to_string(),
                name: account.name.to_string(),
                specificity,
            })
        };
        Ok(state.accounts.values().filter_map(candidate).collect())
    }

    async fn seal(&self, query: &CredentialQuery<'_>, id: &str) -> Result<SealedCredential> {
        let turn = self.turn().await?;
        let state = turn.state()?;
        let account = id.parse().ok().and_then(|id| VaultAccountId::new(id).ok());
        // Looked at again: it may have been taken away since it was named.
        let usable = |stored: &&StoredAccount| {
            state.role(&stored.account, query.user).is_some()
                && state.matches(&stored.account, &query.item).is_some()
                && stored.account.kind.serves(query.protocol)
        };
        let stored = account.and_then(|id| state.accounts.get(&id)).filter(usable);
        let stored = stored.ok_or_else(|| {
            let message = "the credential may not be used on this item any more";
            Error::new(ErrorKind::NotFound, "inject a credential", message)
        })?;
        state.open(stored)?.seal(&query.sealing_key, &query.binding())
    }
}
