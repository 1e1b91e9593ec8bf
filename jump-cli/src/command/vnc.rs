//! `jump vnc`: a local port for VNC viewers, and the viewer that is installed.

pub(super) mod connection;
mod viewer;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitStatus;
use std::str::FromStr;

use clap::Args;
use futures_util::stream::{FuturesUnordered, StreamExt};
use jump_core::model::ItemDetails;
use jump_core::rep::Rep;
use jump_core::text::Escaped;
use jump_core::{Error, ErrorKind, Result as JumpResult};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Child;
use tokio::sync::watch;

use super::Context;
use crate::connect::{ScreenArguments, settle};
use crate::error::{Failure, sentence, usage};
use crate::output::Output;
use crate::screen::screen_item;
use crate::stop::Stop;
use viewer::Viewer;

/// The most viewers at once; more wait until one has left.
pub(super) const VIEWERS: usize = 16;

/// What the programs that show a screen are called.
pub(super) struct Words {
    pub(super) one: &'static str,
    pub(super) listen: &'static str,
    pub(super) start: &'static str,
}

const WORDS: Words = Words {
    one: "viewer",
    listen: "listen for viewers",
    start: "start the viewer",
};

const EXAMPLES: &str = "\
Examples:
  jump vnc desk                              starts the viewer that is installed
  jump vnc desk --viewer remmina
  jump vnc desk --no-viewer --listen 5901    then, say: vncviewer 127.0.0.1::5901

Each connection to the port is a session of its own, opened when a viewer connects. Everybody who can use this
machine's loopback can connect while the command runs.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The item's name, GROUP/NAME or id
    item: String,
    /// Where to listen for viewers, on loopback; port 0 is any free port
    #[arg(long, value_name = "[ADDR:]PORT", default_value = "0")]
    listen: Listen,
    /// The viewer to start, by its name or path [default: the first that is installed]
    #[arg(long, value_name = "PROGRAM", conflicts_with = "no_viewer")]
    viewer: Option<Viewer>,
    /// Start no viewer: connect one of your own
    #[arg(long)]
    no_viewer: bool,
    // Last: its heading would go on above what follows.
    #[command(flatten)]
    session: ScreenArguments,
}

/// A port on loopback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Listen(SocketAddr);

impl FromStr for Listen {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let port = text
            .parse()
            .map(|port| (IpAddr::from(Ipv4Addr::LOCALHOST), port).into());
        let address: SocketAddr = port
            .or_else(|_| text.parse())
            .map_err(|_| "an address is PORT or ADDR:PORT, such as 5901 or 127.0.0.1:5901")?;
        if !address.ip().is_loopback() {
            return Err("the port is on loopback: whoever reaches it is let through without a password");
        }
        Ok(Self(address))
    }
}

/// How the connection of a viewer ended.
pub(super) struct Ended {
    pub(super) from: SocketAddr,
    pub(super) how: JumpResult<()>,
}

pub(crate) async fn run(context: &Context<'_>, arguments: Arguments) -> Result<(), Failure> {
    let rep = arguments.session.connect(&context.home).await?;
    let served = serve(&rep, *context.output, arguments).await;
    settle(&rep).await;
    served
}

/// Serves viewers until the one that was started is gone, a session fails, or Ctrl-C.
async fn serve(rep: &Rep, output: Output, arguments: Arguments) -> Result<(), Failure> {
    let item = screen_item(rep, &arguments.item).await?;
    if !matches!(item.details, ItemDetails::LocalVnc(_) | ItemDetails::RemoteVnc(_)) {
        return Err(usage("this item speaks no VNC"));
    }
    let (id, options) = (item.id.to_string(), arguments.session.options(&item).await?);
    let mut stop = Stop::listen()?;
    let (listener, address) = listen(arguments.listen, &WORDS).await?;
    output.say(format_args!("{address} leads to {}", Escaped(&item.name)))?;
    output.value(&serde_json::json!({ "listening": address, "item": item.name }))?;
    let mut viewer = match &arguments.viewer {
        Some(viewer) => Some(viewer.start(address)?),
        None if arguments.no_viewer => None,
        None => viewer::start_any(address),
    };
    let starts = viewer.is_some();
    if !starts {
        output.say("Connect a VNC viewer to it; it asks for no password. Ctrl-C ends it.")?;
    }

    let (stopping, stopped) = watch::channel(false);
    let mut sessions = FuturesUnordered::new();
    let mut seen = false;
    loop {
        tokio::select! {
            accepted = listener.accept(), if sessions.len() < VIEWERS => {
                // A viewer that is gone already needs nothing.
                let Ok((local, from)) = accepted else { continue };
                seen = true;
                let (rep, stopped, id, options) = (rep.clone(), stopped.clone(), &id, &options);
                sessions.push(async move {
                    let started = |session: &str| tell_start(&output, &WORDS, from, session);
                    let how = connection::serve(rep, id, options, local, stopped, started, tell_why).await;
                    Ended { from, how }
                });
            }
            Some(ended) = sessions.next() => {
                let others = !sessions.is_empty();
                tell_end(&output, &WORDS, ended, others)?;
                if starts && viewer.is_none() && !others {
                    return Ok(());
                }
            }
            status = exited(&mut viewer) => {
                viewer = None;
                match status {
                    Some(status) if !seen && !status.success() => return Err(not_shown(&WORDS, status)),
                    // A viewer of which one runs already hands over to that one and is done.
                    _ if !seen => {}
                    _ if sessions.is_empty() => return Ok(()),
                    _ => {}
                }
            }
            () = stop.told() => break,
        }
    }
    // Every session is closed in order; what they end with is Ctrl-C.
    let _ = stopping.send(true);
    while sessions.next().await.is_some() {}
    Ok(())
}

/// A viewer that does not want to know is gone.
async fn tell_why(local: TcpStream, why: &Error) {
    let _ = connection::refuse(local, why).await;
}

pub(super) async fn listen(at: Listen, words: &Words) -> Result<(TcpListener, SocketAddr), Failure> {
    let listener = TcpListener::bind(at.0).await;
    let bound = listener.and_then(|listener| Ok((listener.local_addr()?, listener)));
    let (address, listener) = bound.map_err(|error| {
        let message = format!("cannot take {}", at.0);
        Error::new(ErrorKind::Conflict, words.listen, message).with_source(error)
    })?;
    Ok((listener, address))
}

/// Waits until the viewer that was started is gone; for ever if there is none. Cancel-safe.
pub(super) async fn exited(viewer: &mut Option<Child>) -> Option<ExitStatus> {
    match viewer {
        Some(viewer) => viewer.wait().await.ok(),
        None => std::future::pending().await,
    }
}

pub(super) fn not_shown(words: &Words, status: ExitStatus) -> Failure {
    let message = format!("it ended before it connected ({status})");
    Failure::from(Error::new(ErrorKind::Unavailable, words.start, message))
        .hint("name another with --viewer, or connect one of your own: --no-viewer")
}

/// A reader of ours that is gone is noticed at the next line.
pub(super) fn tell_start(output: &Output, words: &Words, from: SocketAddr, session: &str) {
    let one = words.one;
    let _ = output.say(format_args!("A {one} is connected: session {session}."));
    let _ = output.value(&serde_json::json!({ "opened": { "from": from, "session": session } }));
}

/// Tells how a connection ended.
///
/// # Errors
/// What went wrong, if no other one is connected: the next one would meet the same.
pub(super) fn tell_end(output: &Output, words: &Words, ended: Ended, others: bool) -> Result<(), Failure> {
    let Ended { from, how } = ended;
    match how {
        Ok(()) => {
            output.say(format_args!("The {} is gone; its session is closed.", words.one))?;
            output.value(&serde_json::json!({ "closed": { "from": from } }))
        }
        Err(error) if !others => Err(error.into()),
        Err(error) => {
            let error = sentence(&error);
            output.say(format_args!("The connection from {from} is closed: {error}"))?;
            output.value(&serde_json::json!({ "closed": { "from": from, "error": error } }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn viewers_connect_on_loopback_only() {
        let listen = |text: &str| text.parse::<Listen>().map(|at| at.0.to_string());
        assert_eq!(listen("0").unwrap(), "127.0.0.1:0");
        assert_eq!(listen("5901").unwrap(), "127.0.0.1:5901");
        assert_eq!(listen("127.0.0.2:5901").unwrap(), "127.0.0.2:5901");
        assert_eq!(listen("[::1]:5901").unwrap(), "[::1]:5901");
        for bad in [
            "",
            "0.0.0.0:5901",
            "192.0.2.1:5901",
            "[::]:5901",
            "65536",
            "localhost:1",
        ] {
            assert!(listen(bad).is_err(), "{bad}");
        }
    }
}
