//! The tunnel as a backend.

use async_trait::async_trait;
use jump_core::error::Result;
use jump_core::protocol::{Backend, Capabilities, ConnectOptions, GateContext, Outcome, Session};
use jump_core::stream::BoxStream;

use crate::client::TunnelClient;
use crate::gate;

/// Protocol Tunnel Jump, both halves, under the key `tunnel`.
#[derive(Clone, Copy, Debug, Default)]
pub struct TunnelBackend;

impl TunnelBackend {
    /// The backend, for a [`Registry`](jump_core::protocol::Registry).
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

#[async_trait]
impl Backend for TunnelBackend {
    fn protocol(&self) -> &'static str {
        "tunnel"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::byte_tunnel()
    }

    /// Opens connections to the grant's addresses for the rep, each checked when it is asked for. At most
    /// [`GateLimits::channels`](jump_core::protocol::GateLimits::channels) of them exist at once, counted from the
    /// request to the last byte; the grant's permissions do not matter, because nothing else can happen in a tunnel.
    async fn gate(&self, rep: BoxStream, context: GateContext) -> Outcome {
        gate::run(rep, context).await
    }

    async fn connect(&self, stream: BoxStream, options: ConnectOptions) -> Result<Session> {
        let client = TunnelClient::connect(stream, &options).await?;
        Ok(Session::Tunnel(Box::new(client)))
    }
}
