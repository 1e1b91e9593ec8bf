//! The smallest backend that keeps the gate contract: it sends back what it gets. For tests of everything around gates.

use async_trait::async_trait;
use bytes::Bytes;
use jump_core::protocol::{
    Backend, Capabilities, ConnectOptions, GateContext, Outcome, Session, SessionEvent,
};
use jump_core::recording::RecordKind;
use jump_core::session::EndReason;
use jump_core::stream::BoxStream;
use jump_core::{Error, ErrorKind, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Stands in for a protocol under that protocol's own name. A line `panic` makes its gate panic.
#[derive(Debug)]
pub struct EchoBackend(pub &'static str);

#[async_trait]
impl Backend for EchoBackend {
    fn protocol(&self) -> &'static str {
        self.0
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::none()
    }

    async fn gate(&self, mut rep: BoxStream, mut context: GateContext) -> Outcome {
        let mut moved = 0;
        context.events.report(SessionEvent::ShellStarted).await;
        let mut buffer = vec![0u8; 64 * 1024];
        let reason = loop {
            let read = tokio::select! {
                biased;
                reason = context.stop.stopped() => break reason,
                read = rep.read(&mut buffer) => read,
            };
            let bytes = match read {
                Ok(0) => {
                    let _ = rep.shutdown().await;
                    break EndReason::RepClosed;
                }
                Ok(read) => Bytes::copy_from_slice(buffer.get(..read).unwrap_or_default()),
                Err(_) => break EndReason::RepLost,
            };
            assert!(bytes.as_ref() != b"panic\n", "the rep asked for it");
            if let Err(error) = context
                .recorder
                .record(0, RecordKind::FromRep, bytes.clone())
                .await
            {
                break EndReason::RecordingFailed(error.to_string());
            }
            moved += bytes.len() as u64;
            let written = tokio::select! {
                biased;
                reason = context.stop.stopped() => break reason,
                written = async { rep.write_all(&bytes).await?; rep.flush().await } => written,
            };
            if written.is_err() {
                break EndReason::RepLost;
            }
        };
        Outcome {
            reason,
            bytes_from_rep: moved,
            bytes_from_target: moved,
        }
    }

    async fn connect(&self, _stream: BoxStream, _options: ConnectOptions) -> Result<Session> {
        Err(Error::new(
            ErrorKind::Unsupported,
            "drive an echo",
            "it has no client half: use the stream",
        ))
    }
}
