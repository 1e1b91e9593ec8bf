//! `jump proxy`: standard input and output become the session's stream, for native clients.

use std::time::Duration;

use clap::Args;
use jump_core::model::{ItemDetails, TargetAddress};
use jump_core::protocol::Session;
use jump_core::rep::Rep;
use jump_core::session::EndReason;
use jump_core::tunnel::pump;
use jump_core::{Error, ErrorKind, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Context;
use jump_core::rep::{JumpOptions, JumpSession};

use crate::connect::{ScreenArguments, settle};
use crate::error::{Failure, surprised, usage};
use crate::stdio::{SessionSide, Stdio};
use crate::stop::Stop;
use crate::warnings;

/// How long the goodbye to the Jumpoint, and its answer, may take.
const GOODBYE: Duration = Duration::from_millis(250);

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The item's name, GROUP/NAME or id
    item: String,
    /// Of a tunnel item with several ports: which one
    #[arg(long)]
    port: Option<u16>,
    // Last: its heading would go on above what follows.
    #[command(flatten)]
    session: ScreenArguments,
}

pub(crate) async fn run(context: &Context<'_>, arguments: Arguments) -> Result<(), Failure> {
    if arguments.session.reads_stdin() {
        return Err(usage("standard input is the session's: use --ask-password"));
    }
    let rep = arguments.session.connect(&context.home).await?;
    let done = proxy(&rep, arguments).await;
    settle(&rep).await;
    done
}

async fn proxy(rep: &Rep, arguments: Arguments) -> Result<(), Failure> {
    let item = rep.item(&arguments.item).await?;
    let id = item.id.to_string();
    let options = arguments.session.options(&item).await?;
    match &item.details {
        ItemDetails::ProtocolTunnel(tunnel) => {
            let ports: Vec<u16> = tunnel.forwards.iter().map(|forward| forward.remote).collect();
            let port = match (arguments.port, ports.as_slice()) {
                (Some(port), _) => port,
                (None, [only]) => *only,
                (None, _) => return Err(usage(format!("say which port with --port: {ports:?}"))),
            };
            let target = TargetAddress::new(jump_core::model::Hostname::new(&item.hostname)?, port)?;
            through_tunnel(rep, &id, &target, &options).await
        }
        _ => shell(rep, &id, &options).await,
    }
}

/// The session's own stream. SSH knows no half-open connection: whichever side ends first, it is over.
async fn shell(rep: &Rep, item: &str, options: &JumpOptions) -> Result<(), Failure> {
    let (mut stdio, written) = Stdio::open().map_err(crate::error::runtime)?;
    let JumpSession { stream, events, .. } = Box::pin(rep.jump_with(item, options)).await?;
    let mut session = SessionSide(stream);
    // From here on there is somebody to say goodbye to.
    let mut stop = Stop::listen()?;
    let moved = tokio::select! {
        moved = pump(&mut stdio, &mut session) => moved.map(|_| ()),
        _ = written => Ok(()),
        () = stop.told() => Ok(()),
        never = warnings::tell(events, warnings::Line::Plain) => match never {},
    };
    ended(match moved {
        Ok(()) => part(&mut session).await,
        failed => failed,
    })
}

/// Says goodbye to the Jumpoint and waits for its own, so that what was sent last arrives: a socket that is closed
/// with something unread in it is reset, and takes with it what is still on its way. Then waits for the broker's word:
/// a client that was told goodbye by the Jumpoint may be gone before that is here, and even before the stream's end is.
///
/// # Errors
/// What ended the session, if that was not its client.
pub(super) async fn part(session: &mut SessionSide) -> Result<()> {
    let mut rest = [0u8; 4096];
    let parting = async {
        // A stream that cannot be shut down is closed.
        let _ = session.shutdown().await;
        loop {
            match session.read(&mut rest).await {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) => return Err(Error::from_io(ErrorKind::Network, "part", error)),
            }
        }
    };
    match tokio::time::timeout(GOODBYE, parting).await {
        Ok(Err(error)) if error.kind() != ErrorKind::Network => return Err(error),
        _ => {}
    }
    match session.0.why_over().await {
        // How a session fails whose client went away first says nothing about why it went.
        None | Some(EndReason::RepLost | EndReason::Failed { .. }) => Ok(()),
        Some(reason) if reason.is_normal() => Ok(()),
        Some(reason) => Err(reason.to_error()),
    }
}

/// One connection through a tunnel session.
async fn through_tunnel(
    rep: &Rep,
    item: &str,
    target: &TargetAddress,
    options: &JumpOptions,
) -> Result<(), Failure> {
    let opened = Box::pin(rep.open_session(item, options)).await?;
    let Session::Tunnel(session) = opened.session else {
        return Err(surprised());
    };
    let stream = session.open(target).await?;
    let mut stop = Stop::listen()?;
    let (stdio, _) = Stdio::open().map_err(crate::error::runtime)?;
    let moved = tokio::select! {
        moved = pump(stdio, stream) => moved.map(|_| ()),
        closed = session.closed() => closed,
        () = stop.told() => Ok(()),
        never = warnings::tell(opened.events, warnings::Line::Plain) => match never {},
    };
    let _ = tokio::time::timeout(GOODBYE, session.close()).await;
    ended(moved)
}

/// A client that went away without waiting, and a session that either side closed, are no failures.
fn ended(moved: Result<()>) -> Result<(), Failure> {
    match moved {
        Err(error) if error.kind() == ErrorKind::Closed => Ok(()),
        moved => Ok(moved?),
    }
}
