//! The backend as the registry sees it.

use async_trait::async_trait;
use jump_core::Result;
use jump_core::protocol::{Backend, Capabilities, ConnectOptions, GateContext, Outcome, Session};
use jump_core::stream::BoxStream;

use crate::{client, gate};

/// SSH version 2, registered under the key `ssh`.
#[derive(Clone, Copy, Debug, Default)]
pub struct SshBackend;

impl SshBackend {
    /// The backend. It has no state: everything a session needs is passed to it.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

#[async_trait]
impl Backend for SshBackend {
    fn protocol(&self) -> &'static str {
        "ssh"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::native_shell()
    }

    async fn gate(&self, rep: BoxStream, context: GateContext) -> Outcome {
        gate::run(rep, context).await
    }

    async fn connect(&self, stream: BoxStream, options: ConnectOptions) -> Result<Session> {
        client::connect(stream, &options).await
    }
}
