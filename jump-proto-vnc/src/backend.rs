//! VNC as a backend.

use async_trait::async_trait;
use jump_core::error::Result;
use jump_core::protocol::{Backend, Capabilities, ConnectOptions, GateContext, Outcome, Session};
use jump_core::stream::BoxStream;

use crate::{client, gate};

/// Local and Remote VNC under the key `vnc`.
#[derive(Clone, Copy, Debug, Default)]
pub struct VncBackend;

impl VncBackend {
    /// The backend, for a [`Registry`](jump_core::protocol::Registry).
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

#[async_trait]
impl Backend for VncBackend {
    fn protocol(&self) -> &'static str {
        "vnc"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::native_screen()
    }

    /// Logs in to the target with the credential, then lets a viewer of any version in without a login and passes both
    /// directions on, each message judged by the grant's permissions. See the crate's documentation.
    async fn gate(&self, rep: BoxStream, context: GateContext) -> Outcome {
        gate::run(rep, context).await
    }

    async fn connect(&self, stream: BoxStream, options: ConnectOptions) -> Result<Session> {
        client::connect(stream, options).await
    }
}
