//! The Jumpoint, with the real gates or with one that does nothing but carry bytes.

use std::sync::Arc;

use async_trait::async_trait;
use jump_core::jumpoint::{Jumpoint, JumpointIdentity, NetworkPolicy, enrol};
use jump_core::protocol::{Backend, Capabilities, ConnectOptions, GateContext, Outcome, Registry, Session};
use jump_core::session::EndReason;
use jump_core::stream::BoxStream;
use jump_core::tunnel::{Buffers, TcpTransport, pump_with};
use jump_core::{Error, ErrorKind, Result};
use jump_proto_rdp::RdpBackend;
use jump_proto_ssh::SshBackend;
use jump_proto_tunnel::TunnelBackend;
use jump_proto_vnc::VncBackend;

use super::{OPERATION, Starter};

const BUFFER: usize = 256 * 1024;
const BUFFERS_KEPT: usize = 32;

/// Is told its invitation; keeps recordings in `folder`. `gates` is `real` or `pass`.
pub(super) async fn run(mut starter: Starter, gates: &str, folder: &str) -> Result<()> {
    let invitation = starter.hear().await?.parse()?;
    let identity = JumpointIdentity::generate()?;
    enrol(&TcpTransport, &invitation, &identity).await?;
    let backends = match gates {
        "real" => Registry::new()
            .with(Arc::new(SshBackend::new()))
            .with(Arc::new(RdpBackend::new()))
            .with(Arc::new(VncBackend::new())),
        _ => Registry::new().with(Arc::new(PassThrough(Buffers::new(BUFFER, BUFFERS_KEPT)))),
    }
    .with(Arc::new(TunnelBackend::new()));
    let loopback = "127.0.0.0/8"
        .parse()
        .map_err(|_| Error::new(ErrorKind::Internal, OPERATION, "loopback is not a network"))?;
    let jumpoint = Jumpoint::builder(identity, invitation.broker, backends)
        .network_policy(NetworkPolicy::new().allowing([loopback]))
        .recordings(folder)
        .build();
    Err(jumpoint.run().await)
}

/// A gate that adds nothing to the path: it dials the target and carries bytes. Stands in for SSH.
#[derive(Debug)]
struct PassThrough(Arc<Buffers>);

#[async_trait]
impl Backend for PassThrough {
    fn protocol(&self) -> &'static str {
        "ssh"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::none()
    }

    async fn gate(&self, rep: BoxStream, mut context: GateContext) -> Outcome {
        let moved = async {
            let addresses = &context.grant.target().addresses;
            let address = addresses
                .first()
                .ok_or_else(|| Error::new(ErrorKind::Internal, OPERATION, "the grant leads nowhere"))?;
            let target = context.dialer.dial(address).await?;
            pump_with(rep, target, &self.0).await
        };
        tokio::select! {
            biased;
            reason = context.stop.stopped() => Outcome::nothing_moved(reason),
            moved = moved => match moved {
                Ok((bytes_from_rep, bytes_from_target)) => Outcome {
                    reason: EndReason::RepClosed,
                    bytes_from_rep,
                    bytes_from_target,
                },
                Err(error) => Outcome::nothing_moved(EndReason::from_error(&error)),
            },
        }
    }

    async fn connect(&self, _stream: BoxStream, _options: ConnectOptions) -> Result<Session> {
        Err(Error::new(
            ErrorKind::Unsupported,
            OPERATION,
            "it has no client half",
        ))
    }
}
