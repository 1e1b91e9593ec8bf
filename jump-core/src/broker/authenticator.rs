//! Logins that the embedder vouches for: whoever proves to its own system who they are needs no invitation.

use std::fmt::Debug;
use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;

use super::Broker;
use crate::audit::{Actor, AuditKind};
use crate::control::{Enrolled, WireSecret};
use crate::error::{Error, ErrorKind, Result};
use crate::id::LoginId;
use crate::keys::PublicKey;
use crate::model::{Change, Login, LoginScope, Name, Sources, UserName};
use crate::secret::Secret;
use crate::store::IdKind;
use crate::time::Timestamp;
use crate::tunnel::PeerAddress;

/// How long an authenticator may take; then the answer is no. Less than a caller waits for the broker's answer.
const PATIENCE: Duration = Duration::from_secs(8);
/// How many proofs are checked at once; whoever comes beside them is told to come later.
pub(super) const AT_ONCE: usize = 32;
/// The most logins that count at once for a user whom the authenticator names.
const LOGINS: usize = 64;
/// The longest proof in bytes: plain text of that length fits a frame of a stranger.
pub(crate) const LONGEST_PROOF: usize = 12 * 1024;

/// What an authenticator is asked.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct LoginQuestion<'a> {
    /// What was sent as a proof: whatever the embedder's own system understands, such as a signed token. 1 byte to 12 KiB, from
    /// somebody who is not known yet.
    pub proof: &'a Secret<String>,
    /// The key that the login will prove; it was proven on this connection. A proof that names it is worth nothing to a thief.
    pub key: PublicKey,
    /// From where, if that is known.
    pub source: Option<IpAddr>,
    /// What the login says it is, such as the name of a device.
    pub label: &'a Name,
    /// The moment.
    pub now: Timestamp,
}

/// Whose proof it was, and what the login may.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recognized {
    /// The user's name. The user has to be there and enabled; the authenticator may add it first, as nothing is locked meanwhile.
    pub user: UserName,
    /// When the login stops working: a proof can be shown again, so a login by it does not last for ever.
    pub expires: Timestamp,
    /// What the login may be used for. [`LoginScope::Sessions`] unless it is changed.
    pub scope: LoginScope,
    /// From which networks. Any unless it is changed.
    pub sources: Sources,
}

impl Recognized {
    /// This user, until then, for sessions.
    #[must_use]
    pub const fn new(user: UserName, expires: Timestamp) -> Self {
        Self {
            user,
            expires,
            scope: LoginScope::Sessions,
            sources: Sources::ANY,
        }
    }
}

/// Says whose proof something is. What it says becomes a login like any other: it can be seen, limited and removed, and it ends
/// with its user. An error, a panic, or no answer within eight seconds is a no. It is asked beside invitations, which go on working.
///
/// Proofs come from strangers, at most 32 at once: it is the authenticator that counts wrong ones, because only it knows whose they
/// may be.
#[async_trait]
pub trait Authenticator: Send + Sync + Debug + 'static {
    /// Whose proof it is; `None` if it is nobody's. Dropped when it takes too long.
    ///
    /// # Errors
    /// That it could not be found out. It goes to the program's log, so it must hold no secret; the stranger is told no more than
    /// that the proof was not accepted.
    async fn authenticate(&self, question: LoginQuestion<'_>) -> Result<Option<Recognized>>;
}

fn refuse(rule: &'static str) -> Error {
    Error::new(ErrorKind::Unauthenticated, "log in", rule)
}

/// Asks the authenticator, and gives `key`, which the peer has proven, to a new login of the user whom it names.
pub(super) async fn log_in(
    broker: &Broker,
    key: PublicKey,
    peer: &PeerAddress,
    proof: &WireSecret,
    label: Name,
) -> Result<Enrolled> {
    let recognized = ask(broker, key, peer, proof, &label).await?;
    let now = broker.now();
    if recognized.expires <= now {
        return Err(refuse("the login would be expired already"));
    }
    if !recognized.sources.admit(peer.ip()) {
        return Err(refuse("the login may not be used from this address"));
    }
    let editing = broker.begin_edit().await;
    let world = editing.world();
    let user = world
        .user_named(recognized.user.as_str())
        .filter(|user| user.enabled)
        .ok_or_else(|| refuse("the user is not there or is disabled"))?;
    // What is over makes room, so that a user who logs in every day has one login and not hundreds.
    let over = |login: &&Login| login.expires.is_some_and(|expires| expires <= now);
    let (over, counting): (Vec<_>, Vec<_>) = world.logins_of(user.id).partition(over);
    if counting.len() >= LOGINS {
        let message = format!("the user has {LOGINS} logins, which is the limit");
        return Err(Error::new(ErrorKind::ResourceLimit, "log in", message));
    }
    let id = LoginId::new(broker.0.store.next_id(IdKind::Login).await?)?;
    let login = Login {
        id,
        user: user.id,
        label,
        key,
        scope: recognized.scope,
        expires: Some(recognized.expires),
        sources: recognized.sources,
    };
    let actor = Actor::User {
        user: user.id,
        name: user.name.to_string(),
        login: Some(id),
    };
    let enrolled = Enrolled {
        name: user.name.to_string(),
        jumpoint: None,
    };
    let mut changes: Vec<Change> = over.iter().map(|login| Change::RemoveLogin(login.id)).collect();
    changes.push(Change::PutLogin(login));
    editing.commit(actor.clone(), changes).await?;
    broker
        .log(actor, Some(peer.to_string()), AuditKind::Enrolled)
        .await?;
    Ok(enrolled)
}

/// What the authenticator says, or why not.
async fn ask(
    broker: &Broker,
    key: PublicKey,
    peer: &PeerAddress,
    proof: &WireSecret,
    label: &Name,
) -> Result<Recognized> {
    let Some(authenticator) = broker.0.authenticator.clone() else {
        return Err(refuse("this broker takes no proofs: ask for an invitation"));
    };
    let proof = proof.to_secret();
    if !(1..=LONGEST_PROOF).contains(&proof.expose().len()) {
        return Err(refuse("a proof has 1 byte to 12 KiB"));
    }
    let Ok(_turn) = broker.0.authenticating.try_acquire() else {
        let message = "too many log in at once: try again";
        return Err(Error::new(ErrorKind::ResourceLimit, "log in", message).retryable(true));
    };
    let (label, source, now) = (label.clone(), peer.ip(), broker.now());
    // On a task of its own, so that a panic there is an answer here.
    let mut asked = tokio::task::JoinSet::new();
    asked.spawn(async move {
        let question = LoginQuestion {
            proof: &proof,
            key,
            source,
            label: &label,
            now,
        };
        authenticator.authenticate(question).await
    });
    let answer = match tokio::time::timeout(PATIENCE, asked.join_next()).await {
        Ok(Some(Ok(Ok(answer)))) => answer,
        Ok(Some(Ok(Err(error)))) => {
            tracing::warn!(%error, "the authenticator could not be asked");
            None
        }
        Ok(_) => {
            tracing::error!("the authenticator panicked");
            None
        }
        Err(_) => {
            tracing::warn!("the authenticator did not answer in time");
            None
        }
    };
    answer.ok_or_else(|| refuse("the proof was not accepted"))
}
