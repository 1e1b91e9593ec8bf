//! Backends and the registry that holds them.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{GateContext, Outcome, Session};
use crate::error::{Error, ErrorKind, Result};
use crate::session::Grant;
use crate::stream::BoxStream;

/// What a backend can do; the conformance tests ask for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Its client gives a [`Session::Shell`].
    pub shell: bool,
    /// Its client gives a [`Session::Tunnel`].
    pub tunnel: bool,
    /// Its client gives a [`Session::Screen`].
    pub screen: bool,
    /// Its shell sessions can move files.
    pub file_transfer: bool,
    /// Unmodified native clients work through the session's byte stream.
    pub native_clients: bool,
}

impl Capabilities {
    /// No capability.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            shell: false,
            tunnel: false,
            screen: false,
            file_transfer: false,
            native_clients: false,
        }
    }

    /// A shell with files that native clients can use.
    #[must_use]
    pub const fn native_shell() -> Self {
        Self {
            shell: true,
            tunnel: false,
            screen: false,
            file_transfer: true,
            native_clients: true,
        }
    }

    /// A screen that native clients can show, too.
    #[must_use]
    pub const fn native_screen() -> Self {
        Self {
            shell: false,
            tunnel: false,
            screen: true,
            file_transfer: false,
            native_clients: true,
        }
    }

    /// A tunnel.
    #[must_use]
    pub const fn byte_tunnel() -> Self {
        Self {
            shell: false,
            tunnel: true,
            screen: false,
            file_transfer: false,
            native_clients: false,
        }
    }
}

/// What the client half is told.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// The grant of the session, as the rep received it.
    pub grant: Arc<Grant>,
    /// The longest time until the protocol's own handshake is done.
    pub handshake_timeout: Duration,
}

impl ConnectOptions {
    /// Options for a session, with a handshake time-out of 30 seconds.
    #[must_use]
    pub const fn new(grant: Arc<Grant>) -> Self {
        Self {
            grant,
            handshake_timeout: Duration::from_secs(30),
        }
    }
}

/// One protocol, both halves. Registered by value in a [`Registry`]; there is no global list.
#[async_trait]
pub trait Backend: Send + Sync + Debug + 'static {
    /// The key that grants name it by, such as `ssh`.
    fn protocol(&self) -> &'static str;

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Runs the gate until the session ends, one way or the other, and says how it ended.
    ///
    /// `rep` is the plaintext side of the tunnel: the peer has been authenticated by its session key. The gate dials
    /// only through the context's dialer, injects the context's credential, and ends as soon as the context's stop
    /// signal is given. Not cancel-safe: dropping the future cuts both legs.
    async fn gate(&self, rep: BoxStream, context: GateContext) -> Outcome;

    /// Starts the client half over `stream`. Not cancel-safe: dropping the future closes the stream.
    async fn connect(&self, stream: BoxStream, options: ConnectOptions) -> Result<Session>;
}

/// The backends of one application.
#[derive(Clone, Debug, Default)]
pub struct Registry(BTreeMap<&'static str, Arc<dyn Backend>>);

impl Registry {
    /// An empty registry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The registry with one more backend; a second one for the same protocol replaces the first.
    #[must_use]
    pub fn with(mut self, backend: Arc<dyn Backend>) -> Self {
        self.0.insert(backend.protocol(), backend);
        self
    }

    /// The backend for a protocol.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`], listing what is registered.
    pub fn get(&self, protocol: &str) -> Result<Arc<dyn Backend>> {
        self.0.get(protocol).cloned().ok_or_else(|| {
            let known: Vec<&str> = self.0.keys().copied().collect();
            let message = format!(
                "no backend for `{protocol}`; registered are: {}",
                known.join(", ")
            );
            Error::new(ErrorKind::Unsupported, "choose a protocol backend", message)
        })
    }
}
