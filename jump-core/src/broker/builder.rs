//! Putting a broker together.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, RwLock, Weak};
use std::time::Duration;

use tokio::time::Instant;

use super::authenticator::{self, Authenticator};
use super::checks::{SecondFactor, TicketChecker};
use super::following::{self, Following};
use super::invitations::Invitations;
use super::notifying::{self, Notifying};
use super::refusals::{Denials, Refusals};
use super::sessions::{self, Sessions};
use super::{Broker, Inner, Totp};
use super::{accounting, credentials, presence};
use crate::audit::{Actor, AuditKind, AuditLog};
use crate::control::Heartbeat;
use crate::error::{Error, ErrorKind, Result};
use crate::keys::{SealingPublicKey, SigningKey};
use crate::notify::Notifier;
use crate::store::Store;
use crate::time::{Clock, SignedDuration, SystemClock};
use crate::tunnel::{Admission, Relay, Tls};
use crate::vault::{CredentialProvider, Vault};

/// What a broker can be told besides its parts.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BrokerSettings {
    /// The address that invitations name: where peers dial. `localhost:7422` by default.
    pub public_address: String,
    /// The address of a relay that runs apart; `None` means the broker's own address.
    pub relay_address: Option<String>,
    /// The key to which Jumpoints seal recordings. Without one, only items with recording off can be reached.
    pub recording_key: Option<SealingPublicKey>,
    /// How long a Jumpoint's sessions live on without contact, in whole seconds; at least the heartbeat. 60 seconds.
    pub lease: Duration,
    /// How long a peer has to authenticate. 10 seconds.
    pub handshake_timeout: Duration,
    /// The longest session; items and Jump Policies can only shorten it. 12 hours.
    pub max_session: SignedDuration,
    /// The most live sessions per user. 64.
    pub sessions_per_user: usize,
    /// The most connections at once per login. 64.
    pub connections_per_login: usize,
    /// How long an invitation works. 24 hours.
    pub invitation_lifetime: SignedDuration,
    /// How old what is known of the store may be when a session starts: other brokers of the site may have changed it since. The
    /// store is asked twice a second; if it has not answered for so long, no session starts until it does. 2 seconds.
    pub stale_after: Duration,
    /// Between two signs of life on a control connection. 15 seconds; silence for three of them ends it.
    pub heartbeat: Duration,
    /// How long after its first failure a notification is tried again; then twice as long each time, seven times in all. One
    /// second.
    pub notification_backoff: Duration,
}

impl Default for BrokerSettings {
    fn default() -> Self {
        Self {
            public_address: "localhost:7422".to_owned(),
            relay_address: None,
            recording_key: None,
            lease: Duration::from_secs(60),
            handshake_timeout: Duration::from_secs(10),
            max_session: SignedDuration::from_hours(12),
            sessions_per_user: 64,
            connections_per_login: 64,
            invitation_lifetime: SignedDuration::from_hours(24),
            stale_after: Duration::from_secs(2),
            heartbeat: Duration::from_secs(15),
            notification_backoff: Duration::from_secs(1),
        }
    }
}

impl BrokerSettings {
    fn check(&self, own_relay: bool) -> Result<()> {
        let day = Duration::from_secs(24 * 60 * 60);
        let wrong = |rule| Err(Error::new(ErrorKind::InvalidArgument, "start a broker", rule));
        if self.heartbeat.is_zero() || self.heartbeat > day {
            return wrong("the heartbeat is more than nothing and at most a day");
        }
        if self.lease < Duration::from_secs(1) || self.lease < self.heartbeat {
            return wrong("the lease is at least a second and at least the heartbeat");
        }
        if self.handshake_timeout.is_zero() {
            return wrong("the handshake needs some time");
        }
        if self.max_session <= SignedDuration::ZERO || self.invitation_lifetime <= SignedDuration::ZERO {
            return wrong("sessions and invitations last for some time");
        }
        if !own_relay && self.relay_address.is_none() {
            return wrong("a broker without a relay of its own needs a relay_address");
        }
        Ok(())
    }

    pub(super) fn heartbeat(&self) -> Heartbeat {
        Heartbeat {
            every: self.heartbeat,
            give_up: self.heartbeat.saturating_mul(3),
        }
    }
}

/// Puts a [`Broker`] together; everything but the three parts of [`Broker::builder`] has a default.
#[derive(Debug)]
pub struct BrokerBuilder {
    key: SigningKey,
    store: Arc<dyn Store>,
    audit: Arc<dyn AuditLog>,
    clock: Arc<dyn Clock>,
    tls: Tls,
    own_relay: bool,
    admission: Admission,
    settings: BrokerSettings,
    providers: Vec<Arc<dyn CredentialProvider>>,
    vault: Option<Arc<Vault>>,
    tickets: Option<Arc<dyn TicketChecker>>,
    second_factor: Option<Arc<dyn SecondFactor>>,
    authenticator: Option<Arc<dyn Authenticator>>,
    totp: Option<Arc<Totp>>,
    notifiers: Vec<Arc<dyn Notifier>>,
}

impl BrokerBuilder {
    pub(super) fn new(key: SigningKey, store: Arc<dyn Store>, audit: Arc<dyn AuditLog>) -> Self {
        Self {
            key,
            store,
            audit,
            clock: Arc::new(SystemClock),
            tls: Tls::ring(),
            own_relay: true,
            admission: Admission::new(1024, 256),
            settings: BrokerSettings::default(),
            providers: Vec::new(),
            vault: None,
            tickets: None,
            second_factor: None,
            authenticator: None,
            totp: None,
            notifiers: Vec::new(),
        }
    }

    /// Uses another clock than the machine's.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Uses another TLS engine than rustls with ring.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }

    /// Runs no relay of its own; [`BrokerSettings::relay_address`] must name one.
    #[must_use]
    pub fn without_relay(mut self) -> Self {
        self.own_relay = false;
        self
    }

    /// Bounds the connections that have not authenticated yet: in all, and from one source. 1024 and 256 by default.
    #[must_use]
    pub fn admission(mut self, admission: Admission) -> Self {
        self.admission = admission;
        self
    }

    /// Asks this provider for a credential when a session starts. Providers are asked in the order in which they are
    /// added, and the first that has a match decides; if none has, the item's own credential is used.
    #[must_use]
    pub fn credential_provider(mut self, provider: Arc<dyn CredentialProvider>) -> Self {
        self.providers.push(provider);
        self
    }

    /// Asks this ticket system about the ticket ids that Jump Policies require. Without one no such Jump is allowed.
    #[must_use]
    pub fn ticket_checker(mut self, checker: Arc<dyn TicketChecker>) -> Self {
        self.tickets = Some(checker);
        self
    }

    /// Checks the second factors that Jump Policies require. Without one no such Jump is allowed.
    #[must_use]
    pub fn second_factor(mut self, factor: Arc<dyn SecondFactor>) -> Self {
        self.second_factor = Some(factor);
        self
    }

    /// Checks one-time passwords as second factors, and lets users enrol them: see
    /// [`FactorRequest`](crate::control::FactorRequest).
    #[must_use]
    pub fn totp(mut self, totp: Arc<Totp>) -> Self {
        self.totp = Some(totp.clone());
        self.second_factor(totp)
    }

    /// Lets users log in by what this authenticator accepts as a proof, beside invitations: see [`rep::log_in`](crate::rep::log_in).
    #[must_use]
    pub fn authenticator(mut self, authenticator: Arc<dyn Authenticator>) -> Self {
        self.authenticator = Some(authenticator);
        self
    }

    /// Tells this notifier of what Jump Policies want others to know; each one is told.
    #[must_use]
    pub fn notifier(mut self, notifier: Arc<dyn Notifier>) -> Self {
        self.notifiers.push(notifier);
        self
    }

    /// Gives the site a vault: it becomes a provider, and administrators can change it. A second call replaces the
    /// first one's in what administrators see.
    #[must_use]
    pub fn vault(mut self, vault: Arc<Vault>) -> Self {
        self.vault = Some(vault.clone());
        self.credential_provider(vault)
    }

    /// Changes the settings.
    #[must_use]
    pub fn settings(mut self, change: impl FnOnce(&mut BrokerSettings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// Loads the site, takes stock of the sessions that an earlier run left behind, and starts the broker. It serves
    /// nobody until [`Broker::serve`] is called.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for settings that cannot work; what the store or the audit log says.
    pub async fn start(self) -> Result<Broker> {
        self.settings.check(self.own_relay)?;
        let asked = Instant::now();
        let world = self.store.load().await?;
        let (notifying, lanes) = Notifying::new(self.notifiers);
        let inner = |broker: &Weak<Inner>| Inner {
            relay: self.own_relay.then(|| {
                let broker = broker.clone();
                Relay::builder(self.key.public())
                    .clock(self.clock.clone())
                    .handshake_timeout(self.settings.handshake_timeout)
                    .on_end(move |session| {
                        if let Some(inner) = broker.upgrade() {
                            presence::stream_closed(&Broker(inner), session);
                        }
                    })
                    .build()
            }),
            key: self.key,
            store: self.store,
            audit: self.audit,
            clock: self.clock,
            runtime: tokio::runtime::Handle::current(),
            tls: self.tls,
            admission: self.admission,
            settings: self.settings,
            world: RwLock::new(Arc::new(world)),
            following: Following::since(asked),
            editing: Arc::default(),
            sessions: Sessions::default(),
            jumpoints: Mutex::new(HashMap::new()),
            absences: Mutex::default(),
            reps: Mutex::new(HashMap::new()),
            next_link: AtomicU64::new(1),
            refusals: Refusals::new(),
            denials: Denials::default(),
            reports: tokio::sync::Semaphore::new(2),
            invitations: Invitations::default(),
            providers: self.providers,
            revoking: tokio::sync::Mutex::default(),
            vault: self.vault,
            tickets: self.tickets,
            second_factor: self.second_factor,
            authenticator: self.authenticator,
            authenticating: tokio::sync::Semaphore::new(authenticator::AT_ONCE),
            totp: self.totp,
            notifying,
        };
        let broker = Broker(Arc::new_cyclic(inner));
        broker.log(Actor::System, None, AuditKind::BrokerStarted).await?;
        presence::close_left_behind(&broker).await?;
        notifying::start(&broker, lanes);
        tokio::spawn(watch_the_clock(Arc::downgrade(&broker.0)));
        Ok(broker)
    }
}

/// Ends what time ends; one timer for all sessions. Stops when the broker is dropped.
async fn watch_the_clock(broker: Weak<Inner>) {
    let mut tick = tokio::time::interval(Duration::from_millis(250));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut ticks: u64 = 0;
    loop {
        tick.tick().await;
        let Some(inner) = broker.upgrade() else { return };
        let broker = Broker(inner);
        sessions::end_overdue(&broker);
        ticks += 1;
        // Logins expire and limits on the length of sessions change: a full check costs a microsecond a session.
        if ticks.is_multiple_of(2) {
            broker.enforce();
            // On a task of its own: sessions must end on time while the log or the store hangs.
            let again = broker.clone();
            tokio::spawn(async move { accounting::retry(&again).await });
            let looking = broker.clone();
            tokio::spawn(async move { following::look(&looking).await });
            tokio::spawn(async move { credentials::end_revoked(&broker).await });
        }
    }
}
