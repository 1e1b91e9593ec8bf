//! Checking credentials out and in.

use super::account::{Checkout, VaultRole};
use super::keeper::{Vault, missing};
use super::store::{RecordKind, VaultChange};
use crate::error::{Error, ErrorKind, Result};
use crate::id::UserId;
use crate::model::Name;
use crate::session::Credential;
use crate::time::{SignedDuration, Timestamp};

/// The end of a check-out.
pub(super) fn gone(checkout: u32) -> VaultChange {
    VaultChange::Remove {
        kind: RecordKind::Checkout,
        id: checkout,
    }
}

impl Vault {
    /// The check-outs that have not ended.
    pub async fn checkouts(&self, now: Timestamp) -> Result<Vec<Checkout>> {
        let turn = self.turn().await?;
        let state = turn.state()?;
        let open = state.checkouts.values().filter(|checkout| checkout.until > now);
        Ok(open.cloned().collect())
    }

    /// Shows the credential to a user who may check it out, until the check-out is ended or its time is over. Checking
    /// out again what one has shows it again.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such account or the user has no role on it; [`ErrorKind::Denied`] if the
    /// role is [`VaultRole::Inject`]; [`ErrorKind::Conflict`] if somebody else has it and only one may.
    pub async fn check_out(
        &self,
        account: &Name,
        user: UserId,
        now: Timestamp,
    ) -> Result<(Checkout, Credential)> {
        let turn = self.turn().await?;
        let state = turn.state()?;
        let not_found = || missing("account", account.as_str());
        let stored = state.account_named(account.as_str()).ok_or_else(not_found)?;
        let denied = |kind, rule| Error::new(kind, "check out a credential", rule);
        match state.role(&stored.account, user).ok_or_else(not_found)? {
            VaultRole::InjectAndCheckout => {}
            VaultRole::Inject => {
                let rule = "your role on this account is inject: it is never shown";
                return Err(denied(ErrorKind::Denied, rule));
            }
        }
        let of_account = |checkout: &&Checkout| checkout.account == stored.account.id;
        let (open, over): (Vec<_>, Vec<_>) = state
            .checkouts
            .values()
            .filter(of_account)
            .partition(|checkout| checkout.until > now);
        let others = open.iter().any(|checkout| checkout.user != user);
        if others && !stored.account.allow_simultaneous_checkout {
            let rule = "somebody else has it checked out: wait until it is checked in";
            return Err(denied(ErrorKind::Conflict, rule));
        }
        let credential = state.open(stored)?;
        if let Some(own) = open.into_iter().find(|checkout| checkout.user == user) {
            return Ok((own.clone(), credential));
        }
        let lifetime = SignedDuration::from_secs(stored.account.max_checkout_seconds.into());
        let (id, header) = state.next_id()?;
        let checkout = Checkout {
            id,
            account: stored.account.id,
            user,
            since: now,
            until: now.checked_add(lifetime).unwrap_or(Timestamp::MAX),
        };
        let mut changes: Vec<_> = over.into_iter().map(|checkout| gone(checkout.id)).collect();
        changes.extend([header, state.put_checkout(&checkout)?]);
        turn.commit(changes).await?;
        Ok((checkout, credential))
    }

    /// Ends the user's check-out of an account.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if the user has not checked it out, or its time is over.
    pub async fn check_in(&self, account: &Name, user: UserId, now: Timestamp) -> Result<()> {
        let turn = self.turn().await?;
        let state = turn.state()?;
        let none = || {
            Error::new(
                ErrorKind::NotFound,
                "check in a credential",
                "it is not checked out",
            )
        };
        let stored = state.account_named(account.as_str()).ok_or_else(none)?;
        let own = |checkout: &&Checkout| {
            checkout.account == stored.account.id && checkout.user == user && checkout.until > now
        };
        let checkout = state.checkouts.values().find(own).ok_or_else(none)?;
        let changes = vec![gone(checkout.id)];
        turn.commit(changes).await
    }
}
