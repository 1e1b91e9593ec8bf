//! The parts of the tour's site, over real TCP on loopback.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use jump_core::broker::Broker;
use jump_core::control::BrokerEndpoint;
use jump_core::id::SessionId;
use jump_core::jumpoint::{Jumpoint, NetworkPolicy};
use jump_core::keys::random_bytes;
use jump_core::model::{HostKey, UserName};
use jump_core::secret::Secret;
use jump_core::tunnel::{Admission, Relay, TcpTransport, Transport};
use jump_core::{Error, ErrorKind};
use jump_proto_ssh::demo::DemoTarget;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::folder::DemoFolder;
use super::tap::Tap;
use crate::connect::backends;
use crate::error::Failure;
use crate::site::{SiteFolder, StoreArguments, add_jumpoint, set_up};

const LOOPBACK: &str = "127.0.0.1:0";
/// The target's own name.
const TARGET_NAME: &str = "web-1";
/// The target's user.
pub(super) const TARGET_USER: &str = "operator";
/// The Jumpoint's name.
pub(super) const JUMPOINT: &str = "office";

/// Everything that runs.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) home: PathBuf,
    pub(super) site: SiteFolder,
    pub(super) broker: Broker,
    pub(super) endpoint: BrokerEndpoint,
    pub(super) relay_address: String,
    pub(super) tap: Tap,
    pub(super) target_address: SocketAddr,
    pub(super) target_key: HostKey,
    /// The target's password; of the parts, only the target and the Jumpoint ever hold it.
    pub(super) password: String,
    tasks: Vec<JoinHandle<()>>,
}

impl Stage {
    pub(super) async fn start(folder: &DemoFolder) -> Result<Self, Failure> {
        let site = SiteFolder::new(folder.path().join("site"));
        let key = site.broker_key()?;
        let mut tasks = Vec::new();

        let relay_listener = TcpTransport.listen(LOOPBACK).await?;
        let relay_address = relay_listener.address();
        let relay = Relay::builder(key.public()).build();
        tasks.push(spawn(async move {
            relay.run(relay_listener, Admission::new(64, 64)).await
        }));
        let tap = Tap::start(relay_address.clone()).await?;

        let listener = TcpTransport.listen(LOOPBACK).await?;
        let endpoint = BrokerEndpoint {
            address: listener.address(),
            key: key.public(),
        };
        let recording_key = site.recording_key()?.public();
        let broker = Broker::builder(
            key,
            site.store(&StoreArguments::default()).await?,
            Arc::new(site.audit().await?),
        )
        .settings(|settings| {
            settings.public_address.clone_from(&endpoint.address);
            settings.relay_address = Some(tap.address().to_owned());
            settings.recording_key = Some(recording_key);
        })
        .without_relay()
        .start()
        .await?;
        let serving = broker.clone();
        tasks.push(spawn(async move { serving.serve(listener).await }));

        let password = BASE64URL_NOPAD.encode(&random_bytes::<18>()?);
        let seed = Secret::new(random_bytes()?);
        let target = DemoTarget::new(TARGET_NAME, TARGET_USER, Secret::new(password.clone()), &seed)?;
        let target_key = target.host_key().clone();
        let target_listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .map_err(no_port)?;
        let target_address = target_listener.local_addr().map_err(no_port)?;
        tasks.push(spawn(Arc::new(target).serve(target_listener)));

        let administrator = UserName::new("admin")?;
        set_up(&broker, &administrator).await?;
        let jumpoint = add_jumpoint(&broker, &endpoint, JUMPOINT, &administrator).await?;
        let loopback = "127.0.0.1/32".parse().map_err(not_a_network)?;
        let jumpoint = Jumpoint::builder(jumpoint.identity, endpoint.clone(), backends())
            .network_policy(NetworkPolicy::new().allowing([loopback]).only_listed())
            .recordings(site.recordings())
            .build();
        tasks.push(spawn(async move { Err(jumpoint.run().await) }));

        let home = folder.path().to_owned();
        let stage = Self {
            home,
            site,
            broker,
            endpoint,
            relay_address,
            tap,
            target_address,
            target_key,
            password,
            tasks,
        };
        stage
            .until("the Jumpoint is connected", || stage.is_online())
            .await?;
        Ok(stage)
    }

    fn is_online(&self) -> bool {
        self.broker
            .world()
            .jumpoints()
            .any(|jumpoint| self.broker.is_online(jumpoint.id))
    }

    /// Waits until a session has been accounted for.
    pub(super) async fn session_over(&self, session: SessionId) -> Result<(), Failure> {
        self.until("the session is over", || {
            !self.broker.live_sessions().contains(&session)
        })
        .await
    }

    /// Waits for something that takes a moment.
    pub(super) async fn until(&self, what: &str, holds: impl Fn() -> bool) -> Result<(), Failure> {
        const PATIENCE: Duration = Duration::from_secs(10);
        let waiting = async {
            while !holds() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.map_err(|_| {
            let message = format!("not so within {} s: {what}", PATIENCE.as_secs());
            Error::new(ErrorKind::Internal, "take the tour", message).into()
        })
    }

    pub(super) async fn stop(self) {
        self.broker.shutdown().await;
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

fn no_port(error: std::io::Error) -> Error {
    Error::from_io(ErrorKind::Network, "take a port on loopback", error)
}

fn not_a_network(error: ipnet::AddrParseError) -> Error {
    Error::new(ErrorKind::Internal, "permit loopback", "not a network").with_source(error)
}

/// Runs a part; what makes it stop is for the log, the tour notices by itself.
fn spawn(part: impl Future<Output = jump_core::Result<()>> + Send + 'static) -> JoinHandle<()> {
    tokio::spawn(async move {
        if let Err(error) = part.await {
            tracing::warn!(%error, "a part of the tour stopped");
        }
    })
}
