//! The VNC viewer that is installed here, and how it is told where to connect.
//!
//! With `rdp/viewer.rs` the one place of the command that starts a process: a program of the list below, without a shell, told
//! nothing but the address of our own port.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::str::FromStr;

use jump_core::{Error, ErrorKind};
use tokio::process::Child;

use crate::error::Failure;

/// How a viewer is told the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// `HOST::PORT`.
    TwoColons,
    /// `vnc://HOST:PORT`.
    Url,
    /// The same, after `-c`.
    Remmina,
}

/// The viewers that can be started, the first that is there if none is named.
const KNOWN: &[(&str, Form)] = &[
    ("xtigervncviewer", Form::TwoColons),
    ("vncviewer", Form::TwoColons),
    ("xtightvncviewer", Form::TwoColons),
    ("ssvncviewer", Form::TwoColons),
    ("remmina", Form::Remmina),
    ("remote-viewer", Form::Url),
    ("krdc", Form::Url),
];

/// What of our own environment is no business of a viewer's.
const OURS: &[&str] = &["JUMP_STORE_PASSWORD", "JUMP_VAULT_KEY"];

/// A viewer that the user named.
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
            None => Err(format!("the viewers that can be started are {}", names())),
        }
    }
}

/// The names of the viewers that can be started.
pub(super) fn names() -> String {
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
            Failure::from(Error::new(kind, "start the viewer", message).with_source(error))
                .hint("install it, or connect a viewer of your own: --no-viewer")
        })
    }
}

/// Starts the first viewer that is installed, if there is one and a screen for it.
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
    reason = "the user asked for a viewer, and it is told nothing that a peer said"
)]
fn run(program: &Path, form: Form, address: SocketAddr) -> std::io::Result<Child> {
    let mut command = tokio::process::Command::new(program);
    command.args(arguments(form, address));
    for name in OURS {
        command.env_remove(name);
    }
    // Standard output is ours; what the viewer has to complain about is for the user.
    command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()
}

fn arguments(form: Form, address: SocketAddr) -> Vec<String> {
    let port = address.port();
    let host = match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    };
    match form {
        Form::TwoColons => vec![format!("{host}::{port}")],
        Form::Url => vec![format!("vnc://{host}:{port}")],
        Form::Remmina => vec!["-c".to_owned(), format!("vnc://{host}:{port}")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_viewers_are_started() {
        for (name, form) in KNOWN {
            assert_eq!(name.parse::<Viewer>().unwrap().form, *form);
        }
        let path: Viewer = "/opt/tigervnc/bin/vncviewer".parse().unwrap();
        assert_eq!(path.program, Path::new("/opt/tigervnc/bin/vncviewer"));
        for bad in ["", "sh", "/bin/sh", "vncviewer -c x", "vncviewer/..", "xterm"] {
            assert!(bad.parse::<Viewer>().is_err(), "{bad}");
        }
    }

    #[test]
    fn viewers_are_told_the_address_in_their_own_words() {
        let four = "127.0.0.1:5901".parse().unwrap();
        let six = "[::1]:5901".parse().unwrap();
        assert_eq!(arguments(Form::TwoColons, four), ["127.0.0.1::5901"]);
        assert_eq!(arguments(Form::TwoColons, six), ["[::1]::5901"]);
        assert_eq!(arguments(Form::Remmina, six), ["-c", "vnc://[::1]:5901"]);
    }
}
