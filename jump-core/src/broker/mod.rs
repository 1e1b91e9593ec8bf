//! The broker: one site's control plane, and its relay if it runs one.
//!
//! A [`Broker`] is a value; a process may run many, and they share nothing. It authenticates peers by the keys they
//! prove, decides with [`access::decide`](crate::access::decide), turns allowed decisions into signed grants, keeps
//! the registry of live sessions, and re-decides every live session after each change of the site. It never sees a
//! session's bytes, nor a target's credential unless it is in its own vault.

mod accept;
mod accounting;
mod approvals;
mod authenticator;
mod builder;
mod caller;
mod checks;
mod credentials;
mod edit;
mod editing;
mod endings;
mod enrol;
mod factors;
mod find;
mod following;
mod in_use;
mod invitations;
mod item_edit;
mod item_lookup;
mod jump;
mod jumpoint_link;
mod model_edit;
mod model_view;
mod names;
mod notifying;
mod presence;
mod refusals;
mod report;
mod reporter;
mod request;
mod retention;
mod sessions;
mod simulate;
#[cfg(test)]
mod tests;
mod totp;
mod transfer;
mod vault;
mod views;

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use crate::audit::{Actor, AuditEvent, AuditKind, AuditLog};
use crate::control::{Connection, RepRequest, Response};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{JumpointId, SessionId};
use crate::keys::{PublicKey, SigningKey};
use crate::model::World;
use crate::notify::NotificationCounts;
use crate::session::EndReason;
use crate::store::Store;
use crate::time::{Clock, Timestamp};
use crate::tunnel::{Admission, Relay, Tls};
use crate::vault::{CredentialProvider, Vault};

pub(crate) use authenticator::LONGEST_PROOF;
pub use authenticator::{Authenticator, LoginQuestion, Recognized};
pub use builder::{BrokerBuilder, BrokerSettings};
pub use caller::Caller;
use caller::RepLink;
pub use checks::{FactorQuestion, SecondFactor, TicketChecker, TicketQuestion};
use invitations::Invitations;
use jumpoint_link::JumpointLink;
use notifying::Notifying;
use refusals::{Denials, Refusals};
use sessions::Sessions;
pub use totp::{FactorFolder, FactorStore, Totp};

/// One site's control plane. Cheap to clone; every clone is the same broker.
#[derive(Clone)]
pub struct Broker(Arc<Inner>);

struct Inner {
    key: SigningKey,
    store: Arc<dyn Store>,
    audit: Arc<dyn AuditLog>,
    clock: Arc<dyn Clock>,
    runtime: tokio::runtime::Handle,
    tls: Tls,
    relay: Option<Relay>,
    admission: Admission,
    settings: BrokerSettings,
    world: RwLock<Arc<World>>,
    /// What is known of the store, which others change, too.
    following: following::Following,
    /// Held while the site is changed, so that changes are validated against the world they are applied to.
    editing: Arc<tokio::sync::Mutex<()>>,
    sessions: Sessions,
    jumpoints: Mutex<HashMap<JumpointId, JumpointLink>>,
    /// The last absence of each Jumpoint that is within its lease.
    absences: Mutex<HashMap<JumpointId, u64>>,
    reps: Mutex<HashMap<u64, RepLink>>,
    next_link: AtomicU64,
    refusals: Refusals,
    denials: Denials,
    /// How many reports may be made at once.
    reports: tokio::sync::Semaphore,
    invitations: Invitations,
    /// Asked in this order.
    providers: Vec<Arc<dyn CredentialProvider>>,
    /// Held while they are asked what was taken away.
    revoking: tokio::sync::Mutex<()>,
    /// The one that is among them, if the site has a vault.
    vault: Option<Arc<Vault>>,
    tickets: Option<Arc<dyn TicketChecker>>,
    second_factor: Option<Arc<dyn SecondFactor>>,
    authenticator: Option<Arc<dyn Authenticator>>,
    /// How many proofs it may be asked about at once.
    authenticating: tokio::sync::Semaphore,
    /// The same, if users enrol it themselves.
    totp: Option<Arc<Totp>>,
    notifying: Notifying,
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Broker({})", self.0.key.public())
    }
}

fn stranger(rule: &str) -> Error {
    Error::new(ErrorKind::Unauthenticated, "stay connected", rule)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Broker {
    /// Starts putting a broker together. `key` is its identity: Jumpoints and reps pin the public half.
    #[must_use]
    pub fn builder(key: SigningKey, store: Arc<dyn Store>, audit: Arc<dyn AuditLog>) -> BrokerBuilder {
        BrokerBuilder::new(key, store, audit)
    }

    /// The key that peers pin.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.0.key.public()
    }

    /// The site as it stands.
    #[must_use]
    pub fn world(&self) -> Arc<World> {
        self.0
            .world
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// On whose behalf a login's key speaks, for a server that has seen the key proved by other means than a control
    /// connection. The login is checked again whenever something is asked for. `source` is from where it is used; a login that
    /// is limited to certain networks may not be used if that is not known.
    ///
    /// # Errors
    /// [`ErrorKind::Unauthenticated`] if no login has this key, or it may not be used now or from there.
    pub fn caller_from(&self, key: &PublicKey, source: Option<IpAddr>) -> Result<Caller> {
        Caller::from_login(&self.world(), key, source, self.now())
    }

    /// The same for a login that is used from nobody knows where.
    ///
    /// # Errors
    /// As [`Broker::caller_from`].
    pub fn caller(&self, key: &PublicKey) -> Result<Caller> {
        self.caller_from(key, None)
    }

    /// Answers a request on behalf of `caller`, as if it had come over the network; for embedders and the `jump up`
    /// of a new site. [`RepRequest::Jump`] needs a connection and is refused here.
    ///
    /// # Errors
    /// What the request's documentation says; [`ErrorKind::Denied`] if the caller may not.
    pub async fn request(&self, caller: &Caller, request: RepRequest) -> Result<Response> {
        request::answer(self, caller, None, request).await
    }

    /// Ends a live session: its stream is cut at the Jumpoint and at this broker's relay within a second.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such live session.
    pub fn end_session(&self, session: SessionId, reason: EndReason) -> Result<()> {
        sessions::end(self, session, reason)
    }

    /// The ids of the sessions that run now.
    #[must_use]
    pub fn live_sessions(&self) -> Vec<SessionId> {
        self.0.sessions.ids()
    }

    /// What became of the notifications until now.
    #[must_use]
    pub fn notifications(&self) -> NotificationCounts {
        self.0.notifying.counts()
    }

    /// Whether the Jumpoint is connected now.
    #[must_use]
    pub fn is_online(&self, jumpoint: JumpointId) -> bool {
        lock(&self.0.jumpoints).contains_key(&jumpoint)
    }

    /// Ends every session, accounts for it, and closes every control connection. Jumpoints reconnect to whoever
    /// serves the address next. Stop [`Broker::serve`] first, or newcomers are let in meanwhile. Takes at most twelve
    /// seconds. Cancel-safe: what was not ended yet ends when the broker's sockets close.
    pub async fn shutdown(&self) {
        for session in self.live_sessions() {
            let _ = sessions::end(self, session, EndReason::BrokerRestarted);
        }
        let accounted = async {
            while !self.0.sessions.is_empty() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(7), accounted).await;
        notifying::finish(self).await;
        self.disconnect_all();
        if let Err(error) = self.0.audit.checkpoint().await {
            tracing::error!(%error, "the audit log has no checkpoint at its end");
        }
    }

    /// Closes every control connection. Peers reconnect; sessions go on for the lease.
    pub fn disconnect_all(&self) {
        let why = Error::new(ErrorKind::Unavailable, "stay connected", "the broker stops");
        for rep in lock(&self.0.reps).values() {
            rep.connection.close(&why);
        }
        for link in lock(&self.0.jumpoints).values() {
            link.connection.close(&why);
        }
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    fn next_link(&self) -> u64 {
        self.0.next_link.fetch_add(1, Ordering::Relaxed)
    }

    fn jumpoint_link(&self, jumpoint: JumpointId) -> Option<JumpointLink> {
        lock(&self.0.jumpoints).get(&jumpoint).cloned()
    }

    /// Logs an event; it is on stable storage when this returns `Ok`.
    async fn log(&self, actor: Actor, peer: Option<String>, kind: AuditKind) -> Result<()> {
        let event = AuditEvent {
            time: self.now(),
            actor,
            peer,
            kind,
        };
        self.0.audit.append(&event).await.map(|_| ())
    }

    /// Re-checks every live connection and session against the world as it stands now.
    fn enforce(&self) {
        let world = self.world();
        let now = self.now();
        let reps: Vec<RepLink> = lock(&self.0.reps).values().cloned().collect();
        for rep in reps {
            if let Err(error) = rep.caller.check(&world, now) {
                // In this order, so that the rep still hears why its sessions end.
                sessions::end_of_login(self, rep.caller.login(), &error);
                rep.connection.close(&error);
            }
        }
        let gone: Vec<(Connection, Error)> = lock(&self.0.jumpoints)
            .iter()
            .filter_map(|(id, link)| {
                let why = match world.jumpoint(*id) {
                    Some(known) if known.key != Some(link.key) => stranger("the jumpoint was enrolled anew"),
                    Some(known) if !known.enabled => jumpoint_link::disabled(),
                    Some(_) => return None,
                    None => stranger("the jumpoint was removed"),
                };
                Some((link.connection.clone(), why))
            })
            .collect();
        sessions::enforce(self, &world, now);
        for (connection, why) in gone {
            connection.close(&why);
        }
    }
}
