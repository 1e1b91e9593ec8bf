//! A broker on a site's folder, from its start to its clean end.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jump_core::Result;
use jump_core::audit::AuditLog;
use jump_core::broker::{Broker, Totp};
use jump_core::control::BrokerEndpoint;
use jump_core::tunnel::{TcpTransport, Transport};
use tokio::task::JoinHandle;

use super::folder::SiteLock;
use super::{ExportArguments, Exports, Narrator, Outside, SiteFolder, StoreArguments, public_address};
use crate::error::Failure;
use crate::output::Output;

/// Where a broker listens and what it tells others.
#[derive(Clone, Debug)]
pub(crate) struct BrokerOptions {
    pub(crate) listen: String,
    pub(crate) public_address: Option<String>,
    pub(crate) relay: Option<String>,
    /// The file with the vault's master key, if it is not in the usual place.
    pub(crate) vault_key: Option<PathBuf>,
    pub(crate) store: StoreArguments,
    /// Where the audit log is sent besides.
    pub(crate) export: ExportArguments,
    /// For how many days the audit log's events are kept; `None` is for ever.
    pub(crate) keep_audit: Option<u32>,
    /// Who hears of sessions, and who is asked about tickets.
    pub(crate) outside: Outside,
}

/// A running broker.
#[derive(Debug)]
pub(crate) struct SiteServer {
    pub(crate) broker: Broker,
    /// The address under which others reach it.
    pub(crate) public_address: String,
    /// The address at which it listens, for this process.
    pub(crate) here: BrokerEndpoint,
    serving: JoinHandle<Result<()>>,
    exports: Exports,
    /// Removes old events.
    keeping: Option<JoinHandle<()>>,
    _lock: SiteLock,
}

impl SiteServer {
    pub(crate) async fn start(
        folder: &SiteFolder,
        options: &BrokerOptions,
        output: Output,
    ) -> std::result::Result<Self, Failure> {
        let lock = folder.lock()?;
        let key = folder.broker_key()?;
        let recording_key = folder.recording_key()?.public();
        let store = folder.store(&options.store).await?;
        let audit: Arc<dyn AuditLog> = Arc::new(Narrator::new(folder.audit().await?, output));
        let exports = Exports::start(&options.export, folder, &audit)?;
        let listener = TcpTransport.listen(&options.listen).await?;
        let listening = listener.address();
        let public = public_address(options.public_address.as_deref(), &listening)?;
        let mut builder = Broker::builder(key.clone(), store, audit).settings(|settings| {
            settings.public_address.clone_from(&public);
            settings.relay_address.clone_from(&options.relay);
            settings.recording_key = Some(recording_key);
        });
        if options.relay.is_some() {
            builder = builder.without_relay();
        }
        if let Some(vault) = folder.vault(options.vault_key.as_deref()).await? {
            builder = builder.vault(vault);
        }
        for notifier in &options.outside.notifiers {
            builder = builder.notifier(notifier.clone());
        }
        if let Some(tickets) = &options.outside.tickets {
            builder = builder.ticket_checker(tickets.clone());
        }
        builder = builder.totp(Arc::new(Totp::kept(folder.second_factors(), key.clone())));
        let broker = builder.start().await?;
        let serving = tokio::spawn({
            let broker = broker.clone();
            async move { broker.serve(listener).await }
        });
        let keeping = options.keep_audit.map(|days| {
            let (broker, exports) = (broker.clone(), exports.progress());
            tokio::spawn(async move { broker.keep_events(days, exports).await })
        });
        let here = BrokerEndpoint {
            address: reachable_from_here(&listening),
            key: key.public(),
        };
        Ok(Self {
            broker,
            public_address: public,
            here,
            serving,
            exports,
            keeping,
            _lock: lock,
        })
    }

    /// Waits until the broker cannot serve any more.
    pub(crate) async fn failed(&mut self) -> Failure {
        match (&mut self.serving).await {
            Ok(Err(error)) => error.into(),
            _ => jump_core::Error::new(jump_core::ErrorKind::Internal, "serve", "the broker stopped").into(),
        }
    }

    /// Waits until a Jumpoint is connected, so that who is told that the site is up can use it; five seconds at most,
    /// because a disabled or renamed Jumpoint never connects.
    pub(crate) async fn wait_for_jumpoint(&self) {
        let connected = async {
            while !self
                .broker
                .world()
                .jumpoints()
                .any(|jumpoint| self.broker.is_online(jumpoint.id))
            {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(5), connected).await;
    }

    /// Takes no new connection, ends every session with a reason, and waits until that is accounted for.
    pub(crate) async fn stop(self) {
        self.serving.abort();
        // A removal that this cuts off between its event and the deed is announced again the next time.
        if let Some(keeping) = &self.keeping {
            keeping.abort();
        }
        self.broker.shutdown().await;
        self.exports.stop().await;
    }
}

/// A listening address as this machine dials it: one that means every address is reached at loopback.
fn reachable_from_here(listening: &str) -> String {
    match listening.parse::<std::net::SocketAddr>() {
        Ok(address) if address.ip().is_unspecified() => {
            let loopback: std::net::IpAddr = match address {
                std::net::SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                std::net::SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            };
            std::net::SocketAddr::new(loopback, address.port()).to_string()
        }
        _ => listening.to_owned(),
    }
}
