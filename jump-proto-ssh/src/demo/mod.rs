//! A tiny SSH server for tours and tests.
//!
//! It looks like a small machine: a few built-in commands and a few files that exist in memory only. It never runs a
//! real shell or program and touches no file. One user logs in with one password.

mod command;
mod console;
mod files;
mod server;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jump_core::model::HostKey;
use jump_core::secret::Secret;
use jump_core::stream::BoxStream;
use jump_core::{Error, ErrorKind, Result};
use russh::keys::PrivateKey;
use russh::server::Config;
use russh::{MethodKind, MethodSet};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use self::command::Machine;
use self::server::Visitor;
use crate::failure::from_russh;
use crate::{config, identity};

/// Connections served at once; further ones are closed.
const VISITORS: usize = 64;
/// A connection on which nothing happens for this long is closed.
const IDLE: Duration = Duration::from_secs(3600);
/// How long a wrong password takes.
const WRONG: Duration = Duration::from_millis(200);

/// The demo target. It serves as many connections as are given to it; each sees a machine of its own.
pub struct DemoTarget {
    machine: Arc<Machine>,
    password: Arc<Secret<String>>,
    host_key: HostKey,
    settings: Arc<Config>,
}

impl std::fmt::Debug for DemoTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DemoTarget")
            .field("host_key", &self.host_key)
            .finish_non_exhaustive()
    }
}

impl DemoTarget {
    /// A machine with this name that lets `username` in with `password`. The same seed gives the same host key.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if the seed gives no key.
    pub fn new(
        hostname: &str,
        username: &str,
        password: Secret<String>,
        host_key_seed: &Secret<[u8; 32]>,
    ) -> Result<Self> {
        let key = identity::host_key(host_key_seed)?;
        Ok(Self {
            machine: Arc::new(Machine {
                hostname: hostname.to_owned(),
                username: username.to_owned(),
                started: Instant::now(),
            }),
            password: Arc::new(password),
            host_key: shown(&key)?,
            settings: Arc::new(settings(key)),
        })
    }

    /// The key it shows, to be pinned.
    #[must_use]
    pub const fn host_key(&self) -> &HostKey {
        &self.host_key
    }

    /// Serves one connection until it ends. Dropping the future does not end a connection that has begun.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] if the other side does not speak SSH, [`ErrorKind::Closed`] if it broke off.
    pub async fn serve_stream(&self, stream: BoxStream) -> Result<()> {
        let failed = |error| from_russh(ErrorKind::Closed, "serve the demo target", error);
        let visitor = Visitor::new(self.machine.clone(), self.password.clone());
        let running = russh::server::run_stream(self.settings.clone(), stream, visitor)
            .await
            .map_err(failed)?;
        running.await.map_err(failed)
    }

    /// Serves every connection of a listener, for as long as the future lives.
    ///
    /// # Errors
    /// [`ErrorKind::Network`] if the listener fails.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) -> Result<()> {
        let mut visitors = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.map_err(|error| {
                Error::from_io(
                    ErrorKind::Network,
                    "accept a connection to the demo target",
                    error,
                )
            })?;
            while visitors.try_join_next().is_some() {}
            if visitors.len() < VISITORS {
                let demo = self.clone();
                visitors.spawn(async move {
                    // A visitor's failure is that visitor's own.
                    let _ = stream.set_nodelay(true);
                    let _ = demo.serve_stream(Box::new(stream)).await;
                });
            }
        }
    }
}

fn shown(key: &PrivateKey) -> Result<HostKey> {
    let text = key.public_key().to_openssh().map_err(|error| {
        Error::new(ErrorKind::Internal, "make the demo's host key", "it has no text").with_source(error)
    })?;
    HostKey::new(&text)
}

fn settings(key: PrivateKey) -> Config {
    Config {
        server_id: config::identification(),
        methods: MethodSet::from([MethodKind::Password].as_slice()),
        auth_rejection_time: WRONG,
        auth_rejection_time_initial: Some(Duration::ZERO),
        max_auth_attempts: 3,
        keys: vec![key],
        preferred: config::server_algorithms(None),
        inactivity_timeout: Some(IDLE),
        nodelay: true,
        ..Config::default()
    }
}
