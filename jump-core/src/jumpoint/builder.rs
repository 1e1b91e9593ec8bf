//! Putting a Jumpoint together, enrolling it and running it.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{NetworkDialer, NetworkPolicy, link};
use crate::control::{self, BrokerEndpoint, Connection, Enrol, Enrolled, Invitation};
use crate::error::{Error, Result};
use crate::id::SessionId;
use crate::keys::{SealingKey, SigningKey};
use crate::protocol::{Dialer, Registry};
use crate::session::{EndReason, StopHandle, UsedGrants};
use crate::time::{Clock, SystemClock};
use crate::tunnel::{TcpTransport, Tls, Transport};

/// The keys that make a Jumpoint who it is. They are made where it runs and never leave it.
#[derive(Debug)]
pub struct JumpointIdentity {
    /// The key that it proves to the broker.
    pub key: SigningKey,
    /// The key that opens the credentials of its targets.
    pub sealing_key: SealingKey,
}

impl JumpointIdentity {
    /// Fresh random keys.
    pub fn generate() -> Result<Self> {
        Ok(Self {
            key: SigningKey::generate()?,
            sealing_key: SealingKey::generate()?,
        })
    }
}

/// Enrols an identity with the broker that sent the invitation; afterwards [`Jumpoint::run`] can connect.
///
/// # Errors
/// [`ErrorKind::Unauthenticated`](crate::ErrorKind::Unauthenticated) if the invitation is used, expired or for
/// something else. Not cancel-safe: the invitation may be spent.
pub async fn enrol(
    transport: &dyn Transport,
    invitation: &Invitation,
    identity: &JumpointIdentity,
) -> Result<Enrolled> {
    let as_jumpoint = Enrol::Jumpoint {
        sealing_key: identity.sealing_key.public(),
    };
    control::enrol(
        transport,
        &Tls::ring(),
        &SystemClock,
        invitation,
        &identity.key,
        as_jumpoint,
    )
    .await
}

/// The agent in a remote network. Cheap to clone; every clone is the same Jumpoint.
#[derive(Clone)]
pub struct Jumpoint(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) identity: JumpointIdentity,
    pub(super) broker: BrokerEndpoint,
    pub(super) backends: Registry,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) tls: Tls,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) dialer: Arc<dyn Dialer>,
    pub(super) recordings: Option<PathBuf>,
    pub(super) keep_recordings: Option<u32>,
    /// The connection to the broker, while there is one.
    pub(super) linked: Mutex<Option<Connection>>,
    pub(super) reconnect_spread: Duration,
    pub(super) sessions: Mutex<HashMap<SessionId, StopHandle>>,
    pub(super) used_grants: Mutex<UsedGrants>,
}

impl fmt::Debug for Jumpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Jumpoint({})", self.0.identity.key.public())
    }
}

impl Jumpoint {
    /// Starts putting a Jumpoint together: who it is, whom it obeys, which protocols it serves.
    #[must_use]
    pub fn builder(
        identity: JumpointIdentity,
        broker: BrokerEndpoint,
        backends: Registry,
    ) -> JumpointBuilder {
        JumpointBuilder {
            identity,
            broker,
            backends,
            transport: Arc::new(TcpTransport),
            tls: Tls::ring(),
            clock: Arc::new(SystemClock),
            dialer: Arc::new(NetworkDialer::new(NetworkPolicy::new())),
            recordings: None,
            keep_recordings: None,
            reconnect_spread: Duration::from_secs(5),
        }
    }

    /// Connects to the broker and serves sessions, reconnecting for ever with growing, random pauses.
    ///
    /// Returns only if the broker says that this Jumpoint is not enrolled, was removed, speaks another version, or that
    /// another agent with its key took over: trying again cannot help. Dropping the future ends every session and disconnects.
    pub async fn run(&self) -> Error {
        link::run(self).await
    }

    /// The sessions that run now.
    #[must_use]
    pub fn sessions(&self) -> Vec<SessionId> {
        super::session::lock(&self.0.sessions).keys().copied().collect()
    }

    pub(super) fn end_all(&self, reason: &EndReason) {
        for stop in super::session::lock(&self.0.sessions).values() {
            stop.stop(reason.clone());
        }
    }
}

/// Puts a [`Jumpoint`] together.
#[derive(Debug)]
pub struct JumpointBuilder {
    identity: JumpointIdentity,
    broker: BrokerEndpoint,
    backends: Registry,
    transport: Arc<dyn Transport>,
    tls: Tls,
    clock: Arc<dyn Clock>,
    dialer: Arc<dyn Dialer>,
    recordings: Option<PathBuf>,
    keep_recordings: Option<u32>,
    reconnect_spread: Duration,
}

impl JumpointBuilder {
    /// Reaches broker and relay by another transport than TCP.
    #[must_use]
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = transport;
        self
    }

    /// Uses another TLS engine than rustls with ring.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }

    /// Uses another clock than the machine's.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Permits targets by this policy; the default permits no loopback and no link-local address.
    #[must_use]
    pub fn network_policy(mut self, policy: NetworkPolicy) -> Self {
        self.dialer = Arc::new(NetworkDialer::new(policy));
        self
    }

    /// Reaches targets by another dialer than TCP with a network policy.
    #[must_use]
    pub fn dialer(mut self, dialer: Arc<dyn Dialer>) -> Self {
        self.dialer = dialer;
        self
    }

    /// Records sessions in this folder, sealed to the site's recording key. Without it, only sessions with recording
    /// off are served.
    #[must_use]
    pub fn recordings(mut self, folder: impl Into<PathBuf>) -> Self {
        self.recordings = Some(folder.into());
        self
    }

    /// Removes finished recordings that are older than so many days, one to 36,500, with the broker's consent: see
    /// [`Jumpoint::remove_old_recordings`]. Without it, recordings are kept for ever.
    #[must_use]
    pub const fn keep_recordings(mut self, days: u32) -> Self {
        self.keep_recordings = Some(days);
        self
    }

    /// Spreads the first try after a lost connection over this time; five seconds by default. A fleet of thousands
    /// wants thirty, so that it does not come back in one second.
    #[must_use]
    pub const fn reconnect_spread(mut self, spread: Duration) -> Self {
        self.reconnect_spread = spread;
        self
    }

    /// The Jumpoint; it does nothing until [`Jumpoint::run`].
    #[must_use]
    pub fn build(self) -> Jumpoint {
        Jumpoint(Arc::new(Inner {
            identity: self.identity,
            broker: self.broker,
            backends: self.backends,
            transport: self.transport,
            tls: self.tls,
            clock: self.clock,
            dialer: self.dialer,
            recordings: self.recordings,
            keep_recordings: self.keep_recordings,
            linked: Mutex::default(),
            reconnect_spread: self.reconnect_spread,
            sessions: Mutex::default(),
            used_grants: Mutex::default(),
        }))
    }
}
