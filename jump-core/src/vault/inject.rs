//! The vault as a provider: which accounts match, and one of them sealed.

use async_trait::async_trait;

use super::account::StoredAccount;
use super::keeper::Vault;
use super::provider::{Candidate, CredentialProvider, CredentialQuery, CredentialUse};
use super::state::State;
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
        // Looked at again: it may have been taken away since it was named.
        let stored = usable(state, query, id).ok_or_else(|| {
            let message = "the credential may not be used on this item any more";
            Error::new(ErrorKind::NotFound, "inject a credential", message)
        })?;
        state.open(stored)?.seal(&query.sealing_key, &query.binding())
    }

    /// One look at the vault for all of them. A new secret in an account takes nothing away: the sessions that used the old one
    /// have logged in already.
    async fn revoked(&self, uses: &[CredentialUse<'_>]) -> Result<Vec<usize>> {
        let turn = self.turn().await?;
        let state = turn.state()?;
        let gone = |(_, one): &(usize, &CredentialUse<'_>)| usable(state, &one.query, &one.id).is_none();
        let gone = uses.iter().enumerate().filter(gone);
        Ok(gone.map(|(position, _)| position).collect())
    }
}

/// The account with this id, if the user may inject it on the item.
fn usable<'a>(state: &'a State, query: &CredentialQuery<'_>, id: &str) -> Option<&'a StoredAccount> {
    let account = VaultAccountId::new(id.parse().ok()?).ok()?;
    state.accounts.get(&account).filter(|stored| {
        state.role(&stored.account, query.user).is_some()
            && state.matches(&stored.account, &query.item).is_some()
            && stored.account.kind.serves(query.protocol)
    })
}
