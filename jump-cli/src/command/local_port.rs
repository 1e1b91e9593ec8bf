//! A local port for the programs of a protocol: each connection to it is a session of its own.

pub(super) mod connection;
mod program;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitStatus;
use std::str::FromStr;

use futures_util::stream::{FuturesUnordered, StreamExt};
use jump_core::control::ItemView;
use jump_core::rep::{JumpOptions, Rep};
use jump_core::text::Escaped;
use jump_core::{Error, ErrorKind, Result as JumpResult};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Child;
use tokio::sync::watch;

pub(super) use self::program::{Form, Program, Programs, Wanted};
use crate::error::{Failure, sentence};
use crate::output::Output;
use crate::stop::Stop;

/// The most connections at once; more wait until one has left.
const CONNECTIONS: usize = 16;

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

impl Listen {
    /// Takes the port.
    pub(super) async fn bind(self) -> Result<(TcpListener, SocketAddr), Failure> {
        let listener = TcpListener::bind(self.0).await;
        let bound = listener.and_then(|listener| Ok((listener.local_addr()?, listener)));
        let (address, listener) = bound.map_err(|error| {
            let message = format!("cannot take {}", self.0);
            Error::new(ErrorKind::Conflict, "listen on a local port", message).with_source(error)
        })?;
        Ok((listener, address))
    }
}

/// What a port leads to, and who connects to it.
pub(super) struct LocalPort<'a> {
    pub(super) rep: &'a Rep,
    pub(super) output: Output,
    pub(super) item: &'a ItemView,
    pub(super) options: &'a JumpOptions,
    pub(super) listener: TcpListener,
    pub(super) address: SocketAddr,
    pub(super) programs: &'static Programs,
    pub(super) wanted: Wanted<'a>,
    /// What is said if none is started.
    pub(super) invitation: &'static str,
}

/// How a connection ended.
struct Ended {
    from: SocketAddr,
    how: JumpResult<()>,
}

impl LocalPort<'_> {
    /// Serves connections until the program that was started is gone, a session fails, or Ctrl-C. `refuse` tells a program in
    /// its own protocol why there is no session.
    pub(super) async fn serve(
        self,
        mut stop: Stop,
        refuse: impl AsyncFn(TcpStream, &Error),
    ) -> Result<(), Failure> {
        let (output, programs, id) = (self.output, self.programs, self.item.id.to_string());
        let (address, name) = (self.address, &self.item.name);
        output.say(format_args!("{address} leads to {}", Escaped(name)))?;
        output.value(&serde_json::json!({ "listening": address, "item": name }))?;
        let mut program = programs.start(&self.wanted, address)?;
        let starts = program.is_some();
        if !starts {
            output.say(self.invitation)?;
        }

        let (stopping, stopped) = watch::channel(false);
        let mut sessions = FuturesUnordered::new();
        let mut seen = false;
        loop {
            tokio::select! {
                accepted = self.listener.accept(), if sessions.len() < CONNECTIONS => {
                    // A program that is gone already needs nothing.
                    let Ok((local, from)) = accepted else { continue };
                    seen = true;
                    let (rep, stopped, id, refuse) = (self.rep.clone(), stopped.clone(), &id, &refuse);
                    let options = self.options;
                    sessions.push(async move {
                        let started = |session: &str| tell_start(&output, programs.noun, from, session);
                        let how = connection::serve(rep, id, options, local, stopped, started, refuse).await;
                        Ended { from, how }
                    });
                }
                Some(ended) = sessions.next() => {
                    let others = !sessions.is_empty();
                    tell_end(&output, programs.noun, ended, others)?;
                    if starts && program.is_none() && !others {
                        return Ok(());
                    }
                }
                status = exited(&mut program) => {
                    program = None;
                    match status {
                        Some(status) if !seen && !status.success() => return Err(programs.not_shown(status)),
                        // A program of which one runs already hands over to that one and is done.
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
}

/// Waits until the program that was started is gone; for ever if there is none. Cancel-safe.
async fn exited(program: &mut Option<Child>) -> Option<ExitStatus> {
    match program {
        Some(program) => program.wait().await.ok(),
        None => std::future::pending().await,
    }
}

/// A reader of ours that is gone is noticed at the next line.
fn tell_start(output: &Output, noun: &str, from: SocketAddr, session: &str) {
    let _ = output.say(format_args!("A {noun} is connected: session {session}."));
    let _ = output.value(&serde_json::json!({ "opened": { "from": from, "session": session } }));
}

/// Tells how a connection ended.
///
/// # Errors
/// What went wrong, if no other program is connected: the next one would meet the same.
fn tell_end(output: &Output, noun: &str, ended: Ended, others: bool) -> Result<(), Failure> {
    let Ended { from, how } = ended;
    match how {
        Ok(()) => {
            output.say(format_args!("The {noun} is gone; its session is closed."))?;
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
    fn programs_connect_on_loopback_only() {
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
