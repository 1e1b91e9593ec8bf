//! `jump tunnel`: local ports until Ctrl-C.

use std::sync::Arc;

use clap::Args;
use jump_core::model::{Hostname, ItemDetails, TargetAddress};
use jump_core::protocol::{Session, TunnelSession};
use jump_core::text::Escaped;
use jump_proto_tunnel::{LocalEvent, LocalForward, LocalListener};
use tokio::sync::mpsc;

use super::Context;
use crate::connect::{SessionArguments, connect};
use crate::error::{Failure, surprised, usage};
use crate::output::Output;
use crate::stop::Stop;
use crate::warnings;

const EVENTS_WAITING: usize = 64;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The item's name, GROUP/NAME or id
    item: String,
    #[command(flatten)]
    session: SessionArguments,
}

pub(crate) async fn run(context: &Context<'_>, arguments: Arguments) -> Result<(), Failure> {
    let rep = connect(&context.home).await?;
    let item = rep.item(&arguments.item).await?;
    let ItemDetails::ProtocolTunnel(tunnel) = &item.details else {
        return Err(usage("this item is no tunnel").hint("open it with: jump ssh ITEM"));
    };
    let host = Hostname::new(&item.hostname)?;
    let forwards = tunnel
        .forwards
        .iter()
        .map(|forward| {
            Ok(LocalForward {
                port: forward.local,
                target: TargetAddress::new(host.clone(), forward.remote)?,
            })
        })
        .collect::<jump_core::Result<Vec<_>>>()?;
    let opened = Box::pin(rep.open_session(&item.id.to_string(), &arguments.session.options())).await?;
    let Session::Tunnel(session) = opened.session else {
        return Err(surprised());
    };
    let session: Arc<dyn TunnelSession> = Arc::from(session);
    let mut stop = Stop::listen()?;
    let (sender, events) = mpsc::channel(EVENTS_WAITING);
    let listener =
        LocalListener::bind(session.clone(), tunnel.listen_address, forwards, Some(sender)).await?;
    let output = context.output;
    for (local, target) in listener.forwards() {
        output.say(format_args!("{local} leads to {}", Escaped(&target.to_string())))?;
        output.value(&serde_json::json!({ "listening": local, "target": target.to_string() }))?;
    }
    output.say("Ctrl-C ends it.")?;
    let ended = tokio::select! {
        closed = session.closed() => closed.map_err(Failure::from),
        never = tell(*output, events) => never,
        never = warnings::tell(opened.events, warnings::Line::Plain) => match never {},
        () = stop.told() => Ok(()),
    };
    drop(listener);
    // It is over either way.
    let _ = tokio::time::timeout(std::time::Duration::from_secs(1), session.close()).await;
    ended
}

/// Tells what happens to single connections.
async fn tell(output: Output, mut events: mpsc::Receiver<LocalEvent>) -> Result<(), Failure> {
    while let Some(event) = events.recv().await {
        match event {
            LocalEvent::Opened { from, to } => {
                output.value(&serde_json::json!({ "opened": { "from": from, "to": to.to_string() } }))?;
            }
            LocalEvent::Refused { from, to, error } => {
                output.say(format_args!("a connection from {from} was refused: {error}"))?;
                let refused =
                    serde_json::json!({ "from": from, "to": to.to_string(), "error": error.to_string() });
                output.value(&serde_json::json!({ "refused": refused }))?;
            }
            _ => {}
        }
    }
    std::future::pending().await
}
