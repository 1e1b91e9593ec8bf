//! A whole site that runs in the test's own process: broker, relay, one Jumpoint, and reps on demand.

mod editing;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jump_core::audit::MemoryAuditLog;
use jump_core::broker::{Authenticator, Broker, Caller, SecondFactor, TicketChecker, Totp};
use jump_core::control::{BrokerEndpoint, Edit, Invitation, RepRequest, Response};
use jump_core::jumpoint::{Jumpoint, JumpointIdentity, NetworkPolicy};
use jump_core::keys::{SealingKey, SealingPublicKey, SigningKey};
use jump_core::model::Name;
use jump_core::notify::Notifier;
use jump_core::protocol::Registry;
use jump_core::secret::Secret;
use jump_core::store::{MemoryStore, Store};
use jump_core::time::{Clock, SystemClock};
use jump_core::tunnel::{Admission, MemoryTransport, Relay, TcpTransport, Transport};
use jump_core::vault::{CredentialProvider, Vault};
use jump_core::{Error, ErrorKind, Result, jumpoint};
use tokio::task::JoinHandle;

/// How a [`RunningSite`] is made.
#[derive(Debug)]
pub struct SiteOptions {
    /// The protocols its Jumpoint serves.
    pub backends: Registry,
    /// Real loopback TCP instead of memory.
    pub tcp: bool,
    /// Where its Jumpoint records; nowhere by default.
    pub recordings: Option<PathBuf>,
    /// Between signs of life. One second.
    pub heartbeat: Duration,
    /// A relay of its own instead of the broker's.
    pub relay_apart: bool,
    /// How long sessions outlive the broker's connection. Two seconds.
    pub lease: Duration,
    /// Its vault; none by default.
    pub vault: Option<Arc<Vault>>,
    /// Who is asked for credentials before the vault is.
    pub providers: Vec<Arc<dyn CredentialProvider>>,
    /// Its store; in memory by default.
    pub store: Option<Arc<dyn Store>>,
    /// Its clock; the machine's by default.
    pub clock: Arc<dyn Clock>,
    /// Who is asked about tickets.
    pub tickets: Option<Arc<dyn TicketChecker>>,
    /// Who checks second factors.
    pub second_factor: Option<Arc<dyn SecondFactor>>,
    /// The second factor that users enrol themselves.
    pub totp: Option<Arc<Totp>>,
    /// Who says whose a proof is.
    pub authenticator: Option<Arc<dyn Authenticator>>,
    /// Who carries notifications.
    pub notifiers: Vec<Arc<dyn Notifier>>,
}

impl SiteOptions {
    /// A site in memory with these backends.
    #[must_use]
    pub fn new(backends: Registry) -> Self {
        Self {
            backends,
            tcp: false,
            recordings: None,
            relay_apart: false,
            heartbeat: Duration::from_secs(1),
            lease: Duration::from_secs(2),
            vault: None,
            providers: Vec::new(),
            store: None,
            clock: Arc::new(SystemClock),
            tickets: None,
            second_factor: None,
            totp: None,
            authenticator: None,
            notifiers: Vec::new(),
        }
    }

    /// The same with a relay that runs apart from the broker.
    #[must_use]
    pub fn with_relay_apart(mut self) -> Self {
        self.relay_apart = true;
        self
    }

    /// The same over loopback TCP.
    #[must_use]
    pub fn over_tcp(mut self) -> Self {
        self.tcp = true;
        self
    }
}

/// A site with one enrolled Jumpoint `berlin` and a Jump Group `web`. Everything stops when it is dropped.
#[derive(Debug)]
pub struct RunningSite {
    /// The broker.
    pub broker: Broker,
    /// Where it is and the key it proves.
    pub endpoint: BrokerEndpoint,
    /// How it is reached.
    pub transport: Arc<dyn Transport>,
    /// Its audit log.
    pub audit: Arc<MemoryAuditLog>,
    /// Its store.
    pub store: Arc<dyn Store>,
    /// The key that opens its recordings.
    pub recording_key: SealingKey,
    /// Its Jumpoint.
    pub jumpoint: Jumpoint,
    stolen: (SigningKey, [u8; 32]),
    restart: Restart,
    serving: JoinHandle<()>,
    tasks: Vec<JoinHandle<()>>,
}

/// What a broker is made from, again and again.
#[derive(Debug)]
struct Restart {
    key: SigningKey,
    relay: Option<String>,
    recording_key: SealingPublicKey,
    heartbeat: Duration,
    lease: Duration,
    vault: Option<Arc<Vault>>,
    providers: Vec<Arc<dyn CredentialProvider>>,
    clock: Arc<dyn Clock>,
    tickets: Option<Arc<dyn TicketChecker>>,
    second_factor: Option<Arc<dyn SecondFactor>>,
    totp: Option<Arc<Totp>>,
    authenticator: Option<Arc<dyn Authenticator>>,
    notifiers: Vec<Arc<dyn Notifier>>,
}

impl Restart {
    async fn broker(
        &self,
        address: &str,
        store: Arc<dyn Store>,
        audit: Arc<MemoryAuditLog>,
    ) -> Result<Broker> {
        let mut builder = Broker::builder(self.key.clone(), store, audit).settings(|settings| {
            settings.public_address = address.to_owned();
            settings.relay_address = self.relay.clone();
            settings.recording_key = Some(self.recording_key);
            settings.heartbeat = self.heartbeat;
            settings.lease = self.lease;
            settings.notification_backoff = Duration::from_millis(5);
        });
        if self.relay.is_some() {
            builder = builder.without_relay();
        }
        for provider in &self.providers {
            builder = builder.credential_provider(provider.clone());
        }
        if let Some(vault) = &self.vault {
            builder = builder.vault(vault.clone());
        }
        builder = builder.clock(self.clock.clone());
        if let Some(tickets) = &self.tickets {
            builder = builder.ticket_checker(tickets.clone());
        }
        if let Some(factor) = &self.second_factor {
            builder = builder.second_factor(factor.clone());
        }
        if let Some(totp) = &self.totp {
            builder = builder.totp(totp.clone());
        }
        if let Some(authenticator) = &self.authenticator {
            builder = builder.authenticator(authenticator.clone());
        }
        for notifier in &self.notifiers {
            builder = builder.notifier(notifier.clone());
        }
        builder.start().await
    }
}

impl Drop for RunningSite {
    fn drop(&mut self) {
        self.serving.abort();
        for task in &self.tasks {
            task.abort();
        }
    }
}

fn unexpected() -> Error {
    Error::new(
        ErrorKind::Internal,
        "set up a test site",
        "the broker answered another question",
    )
}

impl RunningSite {
    /// Starts the site and waits until its Jumpoint is connected.
    pub async fn start(options: SiteOptions) -> Result<Self> {
        let transport: Arc<dyn Transport> = if options.tcp {
            Arc::new(TcpTransport)
        } else {
            Arc::new(MemoryTransport::new())
        };
        let listener = transport
            .listen(if options.tcp { "127.0.0.1:0" } else { "broker" })
            .await?;
        let address = listener.address();
        let key = SigningKey::generate()?;
        let recording_key = SealingKey::generate()?;
        let store = match options.store {
            Some(store) => store,
            None => Arc::new(MemoryStore::new()?),
        };
        let audit = Arc::new(MemoryAuditLog::new(100_000));
        let endpoint = BrokerEndpoint {
            address: address.clone(),
            key: key.public(),
        };
        let mut tasks = Vec::new();
        let relay = if options.relay_apart {
            let listener = transport
                .listen(if options.tcp { "127.0.0.1:0" } else { "relay" })
                .await?;
            let address = listener.address();
            let relay = Relay::builder(key.public()).build();
            tasks.push(tokio::spawn(async move {
                let _ = relay.run(listener, Admission::new(1024, 256)).await;
            }));
            Some(address)
        } else {
            None
        };
        let restart = Restart {
            key,
            relay,
            recording_key: recording_key.public(),
            heartbeat: options.heartbeat,
            lease: options.lease,
            vault: options.vault,
            providers: options.providers,
            clock: options.clock,
            tickets: options.tickets,
            second_factor: options.second_factor,
            totp: options.totp,
            authenticator: options.authenticator,
            notifiers: options.notifiers,
        };
        let broker = restart.broker(&address, store.clone(), audit.clone()).await?;
        let served = broker.clone();
        let serving = tokio::spawn(async move {
            let _ = served.serve(listener).await;
        });

        let local = Caller::local();
        let edit = |edit| broker.request(&local, RepRequest::Edit(edit));
        edit(Edit::AddGroup {
            name: Name::new("web")?,
            comments: Default::default(),
        })
        .await?;
        let Response::Invitation(invitation) = edit(Edit::AddJumpoint {
            name: Name::new("berlin")?,
        })
        .await?
        else {
            return Err(unexpected());
        };
        let invitation: Invitation = invitation.expose().parse()?;
        let identity = JumpointIdentity::generate()?;
        let stolen = (identity.key.clone(), *identity.sealing_key.seed().expose());
        jumpoint::enrol(&*transport, &invitation, &identity).await?;
        let mut builder = Jumpoint::builder(identity, endpoint.clone(), options.backends)
            .transport(transport.clone())
            .reconnect_spread(Duration::from_millis(50))
            .network_policy(
                NetworkPolicy::new().allowing(["127.0.0.0/8".parse().map_err(|_| unexpected())?]),
            );
        if let Some(folder) = options.recordings {
            builder = builder.recordings(folder);
        }
        let jumpoint = builder.build();
        let running = jumpoint.clone();
        tasks.push(tokio::spawn(async move {
            let _ = running.run().await;
        }));
        let site = Self {
            broker,
            endpoint,
            transport,
            audit,
            store,
            recording_key,
            jumpoint,
            stolen,
            restart,
            serving,
            tasks,
        };
        site.until("the jumpoint is connected", || site.is_online())
            .await?;
        Ok(site)
    }

    /// Stops the broker and starts another one with the same key, store, log and address.
    pub async fn restart_broker(&mut self) -> Result<()> {
        self.serving.abort();
        self.broker.shutdown().await;
        let address = self.endpoint.address.clone();
        self.broker = self
            .restart
            .broker(&address, self.store.clone(), self.audit.clone())
            .await?;
        let listener = self.transport.listen(&address).await?;
        let served = self.broker.clone();
        self.serving = tokio::spawn(async move {
            let _ = served.serve(listener).await;
        });
        self.until("the jumpoint is back", || self.is_online()).await
    }

    /// Makes the broker unreachable: it accepts nobody any more, and loses every connection it has without a word.
    pub fn cut_off_broker(&self) {
        self.serving.abort();
        self.broker.disconnect_all();
    }

    /// Whether the Jumpoint is connected.
    #[must_use]
    pub fn is_online(&self) -> bool {
        self.broker
            .world()
            .jumpoints()
            .all(|jumpoint| self.broker.is_online(jumpoint.id))
    }

    /// The Jumpoint's identity, as somebody has it who stole its files.
    pub fn stolen_identity(&self) -> JumpointIdentity {
        let (key, seed) = &self.stolen;
        JumpointIdentity {
            key: key.clone(),
            sealing_key: SealingKey::from_seed(Secret::new(*seed)),
        }
    }

    /// Stops the Jumpoint as if its machine had lost power: its tasks are dropped and every socket with them.
    pub async fn stop_jumpoint(&self) {
        if let Some(task) = self.tasks.last() {
            task.abort();
        }
        let _ = self.until("the jumpoint is gone", || !self.is_online()).await;
    }

    /// Whether the Jumpoint gave up for good.
    #[must_use]
    pub fn jumpoint_stopped(&self) -> bool {
        self.tasks.last().is_some_and(JoinHandle::is_finished)
    }

    /// Waits until something is so; at most ten seconds.
    pub async fn until(&self, what: &'static str, so: impl Fn() -> bool) -> Result<()> {
        let wait = async {
            while !so() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), wait)
            .await
            .map_err(|_| Error::new(ErrorKind::Timeout, "wait in a test", what))
    }
}
