//! The RDP client that is installed here, and how it is told where to connect.
//!
//! It is a program of the list below, started without a shell, and told nothing but the address of our own port and a login
//! that proves nothing.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::str::FromStr;

use jump_core::{Error, ErrorKind};
use tokio::process::Child;

use crate::error::Failure;

/// How a client is told the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// FreeRDP's options. The certificate is one that the gate makes for the session: nobody could know it.
    FreeRdp,
    /// `rdp://HOST:PORT`.
    Url,
    /// The same, after `-c`.
    Remmina,
    /// `/v:HOST:PORT`.
    Windows,
}

/// The clients that can be started, the first that is there if none is named.
const KNOWN: &[(&str, Form)] = &[
    ("xfreerdp3", Form::FreeRdp),
    ("xfreerdp", Form::FreeRdp),
    ("sdl-freerdp3", Form::FreeRdp),
    ("sdl-freerdp", Form::FreeRdp),
    ("wlfreerdp", Form::FreeRdp),
    ("remmina", Form::Remmina),
    ("krdc", Form::Url),
    ("mstsc", Form::Windows),
    ("mstsc.exe", Form::Windows),
];

/// What of our own environment is no business of a client's.
const OURS: &[&str] = &["JUMP_STORE_PASSWORD", "JUMP_VAULT_KEY"];

/// A client that the user named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Viewer {
    program: PathBuf,
    form: Form,
}

impl FromStr for Viewer {
    type Err = String;

    /// Reads a name of the list, or a path that ends with one.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = Path::new(text).file_name().and_then(|name| name.to_str());
        match KNOWN.iter().find(|(known, _)| Some(*known) == name) {
            Some((_, form)) => Ok(Self {
                program: text.into(),
                form: *form,
            }),
            None => Err(format!("the clients that can be started are {}", names())),
        }
    }
}

/// The names of the clients that can be started.
fn names() -> String {
    let names: Vec<&str> = KNOWN.iter().map(|(name, _)| *name).collect();
    names.join(", ")
}

impl Viewer {
    /// Starts it on the address.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such program.
    pub(super) fn start(&self, address: SocketAddr) -> Result<Child, Failure> {
        run(&self.program, self.form, address).map_err(|error| {
            let kind = match error.kind() {
                std::io::ErrorKind::NotFound => ErrorKind::NotFound,
                _ => ErrorKind::Unavailable,
            };
            let message = format!("{} does not start", self.program.display());
            Failure::from(Error::new(kind, "start the client", message).with_source(error))
                .hint("install it, or connect a client of your own: --no-viewer")
        })
    }
}

/// Starts the first client that is installed, if there is one and a screen for it.
pub(super) fn start_any(address: SocketAddr) -> Option<Child> {
    let screen = cfg!(not(unix))
        || cfg!(target_os = "macos")
        || ["DISPLAY", "WAYLAND_DISPLAY"]
            .iter()
            .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    let mut known = KNOWN.iter().filter(|_| screen);
    known.find_map(|(name, form)| run(Path::new(name), *form, address).ok())
}

#[allow(
    clippy::disallowed_methods,
    reason = "the user asked for a client, and it is told nothing that a peer said"
)]
fn run(program: &Path, form: Form, address: SocketAddr) -> std::io::Result<Child> {
    let mut command = tokio::process::Command::new(program);
    command.args(arguments(form, address));
    for name in OURS {
        command.env_remove(name);
    }
    // Standard output is ours; what the client has to complain about is for the user.
    command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()
}

fn arguments(form: Form, address: SocketAddr) -> Vec<String> {
    match form {
        Form::FreeRdp => vec![
            format!("/v:{address}"),
            "/u:rep".to_owned(),
            "/p:none".to_owned(),
            "/sec:tls".to_owned(),
            "/cert:ignore".to_owned(),
            "+clipboard".to_owned(),
            "/dynamic-resolution".to_owned(),
        ],
        Form::Url => vec![format!("rdp://{address}")],
        Form::Remmina => vec!["-c".to_owned(), format!("rdp://{address}")],
        Form::Windows => vec![format!("/v:{address}")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_clients_are_started() {
        for (name, form) in KNOWN {
            assert_eq!(name.parse::<Viewer>().unwrap().form, *form);
        }
        let path: Viewer = "/opt/freerdp/bin/xfreerdp".parse().unwrap();
        assert_eq!(path.program, Path::new("/opt/freerdp/bin/xfreerdp"));
        for bad in ["", "sh", "/bin/sh", "xfreerdp -c x", "xfreerdp/..", "xterm"] {
            assert!(bad.parse::<Viewer>().is_err(), "{bad}");
        }
    }

    #[test]
    fn clients_are_told_the_address_in_their_own_words() {
        let six = "[::1]:3390".parse().unwrap();
        assert_eq!(arguments(Form::FreeRdp, six).first().unwrap(), "/v:[::1]:3390");
        assert_eq!(arguments(Form::Remmina, six), ["-c", "rdp://[::1]:3390"]);
    }
}
