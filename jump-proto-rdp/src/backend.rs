//! RDP as a backend.

use async_trait::async_trait;
use jump_core::error::Result;
use jump_core::protocol::{Backend, Capabilities, ConnectOptions, GateContext, Outcome, Session};
use jump_core::stream::BoxStream;

use crate::{client, gate};

/// Local and Remote RDP under the key `rdp`.
#[derive(Clone, Copy, Debug, Default)]
pub struct RdpBackend;

impl RdpBackend {
    /// The backend, for a [`Registry`](jump_core::protocol::Registry).
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

#[async_trait]
impl Backend for RdpBackend {
    fn protocol(&self) -> &'static str {
        "rdp"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::native_screen()
    }

    async fn gate(&self, rep: BoxStream, context: GateContext) -> Outcome {
        gate::run(rep, context).await
    }

    async fn connect(&self, stream: BoxStream, options: ConnectOptions) -> Result<Session> {
        client::connect(stream, options).await
    }
}
