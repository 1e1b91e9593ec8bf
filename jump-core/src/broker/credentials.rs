//! The credential of a session: a provider's if one matches, otherwise the item's own.

use std::sync::Arc;
use std::time::Duration;

use super::{Broker, Caller, sessions};
use crate::audit::AuditKind;
use crate::control::CredentialView;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ItemId, SessionId, UserId};
use crate::model::{ItemDetails, JumpItem, World};
use crate::session::{EndReason, SealedCredential};
use crate::vault::{Candidate, CredentialProvider, CredentialQuery, CredentialUse, ItemFacts, choose};

/// How long a provider may take for one answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Which provider's credential a session was given.
#[derive(Clone, Debug)]
pub(super) struct Injected {
    provider: Arc<dyn CredentialProvider>,
    candidate: Candidate,
}

impl Injected {
    /// What is logged before the Jumpoint gets the credential.
    pub(super) fn attempt(&self, session: SessionId, item: ItemId) -> AuditKind {
        AuditKind::CredentialInjectionAttempt {
            session,
            item,
            provider: self.provider.name().to_owned(),
            credential: self.candidate.id.clone(),
            name: self.candidate.name.clone(),
        }
    }

    /// What is logged if the target refused it.
    pub(super) fn refused(&self, session: SessionId, item: ItemId, message: &str) -> AuditKind {
        AuditKind::CredentialInjectionFailed {
            session: Some(session),
            item,
            provider: self.provider.name().to_owned(),
            credential: Some(self.candidate.id.clone()),
            name: Some(self.candidate.name.clone()),
            kind: ErrorKind::TargetAuthentication,
            message: message.to_owned(),
        }
    }
}

/// The credential of a session that is about to start.
#[derive(Debug, Default)]
pub(super) struct Picked {
    pub(super) sealed: Option<SealedCredential>,
    /// Set if it is a provider's.
    pub(super) injected: Option<Injected>,
}

/// What providers are asked about an item; `None` if its type uses no credential, or there is nobody to seal to.
fn query<'a>(world: &'a World, user: UserId, item: &'a JumpItem) -> Result<Option<CredentialQuery<'a>>> {
    let uses_none = matches!(
        item.details,
        ItemDetails::ProtocolTunnel(_) | ItemDetails::JumpClient(_)
    );
    let Some(jumpoint) = item.jumpoint.filter(|_| !uses_none) else {
        return Ok(None);
    };
    let sealing_key = world.jumpoint(jumpoint).and_then(|jumpoint| jumpoint.sealing_key);
    let (Some(sealing_key), Some(target)) = (sealing_key, item.targets()?.into_iter().next()) else {
        return Ok(None);
    };
    Ok(Some(CredentialQuery {
        user,
        user_name: world.user(user).map_or("", |user| user.name.as_str()),
        item: ItemFacts::from(item),
        protocol: item.details.protocol(),
        target,
        jumpoint,
        sealing_key,
    }))
}

/// Within the time it has.
async fn patiently<T>(answer: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(PATIENCE, answer).await.unwrap_or_else(|_| {
        Err(Error::new(
            ErrorKind::Timeout,
            "ask a credential provider",
            "it did not answer in time",
        ))
    })
}

/// What the rep hears of a provider's failure: the rest is for the site's own log.
fn failed(provider: &dyn CredentialProvider, error: &Error) -> Error {
    let message = format!(
        "the credential provider \"{}\" failed: ask an administrator to look into the audit log",
        provider.name()
    );
    Error::new(error.kind(), "inject a credential", message).retryable(error.is_retryable())
}

/// Asks the providers in their order; the first that has a match decides. If none has, the item's own credential is
/// used. If one fails no session starts: what it might have said is not known.
///
/// # Errors
/// [`ErrorKind::Conflict`], with names, if several match equally closely; [`ErrorKind::NotFound`] if what the rep named
/// may not be used here; the kind of a provider's failure.
pub(super) async fn pick(
    broker: &Broker,
    caller: &Caller,
    world: &World,
    user: UserId,
    item: &JumpItem,
    wanted: Option<&str>,
) -> Result<Picked> {
    if let Some(query) = query(world, user, item)? {
        for provider in &broker.0.providers {
            let candidates = patiently(provider.candidates(&query)).await;
            let candidates = match candidates {
                Ok(candidates) => candidates,
                Err(error) => return Err(give_up(broker, caller, provider, item.id, None, error).await?),
            };
            let Some(candidate) = choose(candidates, wanted)? else {
                continue;
            };
            return match patiently(provider.seal(&query, &candidate.id)).await {
                Ok(sealed) if sealed.is_plausible() => Ok(Picked {
                    sealed: Some(sealed),
                    injected: Some(Injected {
                        provider: provider.clone(),
                        candidate,
                    }),
                }),
                Ok(_) => {
                    let rule = "a sealed credential is at most 64 KiB";
                    let error = Error::new(ErrorKind::InvalidArgument, "inject a credential", rule);
                    Err(give_up(broker, caller, provider, item.id, Some(candidate), error).await?)
                }
                Err(error) => Err(give_up(broker, caller, provider, item.id, Some(candidate), error).await?),
            };
        }
    }
    if wanted.is_some() {
        let rule = "there is no such credential for this item, or you may not use it";
        return Err(Error::new(ErrorKind::NotFound, "choose a credential", rule));
    }
    Ok(Picked {
        sealed: item.details.credential().cloned(),
        injected: None,
    })
}

/// Logs a provider's failure; gives what the rep is told.
async fn give_up(
    broker: &Broker,
    caller: &Caller,
    provider: &Arc<dyn CredentialProvider>,
    item: ItemId,
    candidate: Option<Candidate>,
    error: Error,
) -> Result<Error> {
    let (credential, name) = candidate.map(|one| (one.id, one.name)).unzip();
    let event = AuditKind::CredentialInjectionFailed {
        session: None,
        item,
        provider: provider.name().to_owned(),
        credential,
        name,
        kind: error.kind(),
        message: error.to_string(),
    };
    broker.log(caller.actor(), None, event).await?;
    Ok(failed(&**provider, &error))
}

/// The credentials that the user may name for a session on the item.
pub(super) async fn list(
    broker: &Broker,
    world: &World,
    user: UserId,
    item: &JumpItem,
) -> Result<Vec<CredentialView>> {
    let mut found = Vec::new();
    let Some(query) = query(world, user, item)? else {
        return Ok(found);
    };
    for provider in &broker.0.providers {
        let candidates = patiently(provider.candidates(&query)).await.map_err(|error| {
            tracing::warn!(provider = provider.name(), %error, "a credential provider failed");
            failed(&**provider, &error)
        })?;
        found.extend(candidates.into_iter().map(|candidate| CredentialView {
            provider: provider.name().to_owned(),
            id: candidate.id,
            name: candidate.name,
            specificity: candidate.specificity,
        }));
    }
    found.sort_by(|a, b| (b.specificity, &a.name).cmp(&(a.specificity, &b.name)));
    Ok(found)
}

/// Ends the sessions whose credential was taken away since they were given it: removed, no longer the user's to inject, or no
/// longer meant for the item. One look at a time: a provider that is slow is not asked again meanwhile.
pub(super) async fn end_revoked(broker: &Broker) {
    let Ok(_turn) = broker.0.revoking.try_lock() else {
        return;
    };
    let world = broker.world();
    for provider in &broker.0.providers {
        let mut running = Vec::new();
        for live in broker.0.sessions.lock().live.values() {
            let injected = live.injected.as_ref().filter(|_| live.ending.is_none());
            if let Some(injected) = injected.filter(|one| Arc::ptr_eq(&one.provider, provider)) {
                let candidate = &injected.candidate;
                running.push((
                    live.record.id,
                    live.record.user,
                    live.record.item,
                    candidate.clone(),
                ));
            }
        }
        if running.is_empty() {
            continue;
        }
        let (mut uses, mut of) = (Vec::new(), Vec::new());
        for (session, user, item, candidate) in running {
            // An item that is gone, or leads elsewhere, has ended its sessions already.
            let asked = world.item(item).map(|item| query(&world, user, item));
            if let Some(Ok(Some(query))) = asked {
                uses.push(CredentialUse::new(query, candidate.id));
                of.push((session, candidate.name));
            }
        }
        match patiently(provider.revoked(&uses)).await {
            Ok(gone) => {
                for (session, name) in gone.into_iter().filter_map(|position| of.get(position)) {
                    let why = format!("the credential \"{name}\" may not be used here any more");
                    let _ = sessions::end(broker, *session, EndReason::AccessRevoked(why));
                }
            }
            // What it would have said is not known; who started the session was allowed to.
            Err(error) => {
                tracing::warn!(provider = provider.name(), %error, "running sessions' credentials were not checked");
            }
        }
    }
}
