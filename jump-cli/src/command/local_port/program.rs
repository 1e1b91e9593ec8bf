//! The programs that are installed here and speak a protocol, and how they are told where to connect.
//!
//! The one place of the command that starts a process: a program of a fixed list, without a shell, told nothing but the address
//! of our own port and, where it wants one, a login that proves nothing.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use jump_core::{Error, ErrorKind};
use tokio::process::Child;

use crate::error::Failure;

/// How a program is told the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::command) enum Form {
    /// `HOST::PORT`.
    TwoColons,
    /// `SCHEME://HOST:PORT`.
    Url(&'static str),
    /// The same, after `-c`.
    Remmina(&'static str),
    /// FreeRDP's options. The certificate is one that the gate makes for the session: nobody could know it.
    FreeRdp,
    /// `/v:HOST:PORT`.
    Windows,
}

/// The programs for a protocol.
#[derive(Debug)]
pub(in crate::command) struct Programs {
    /// What one is called.
    pub(in crate::command) noun: &'static str,
    /// What starting one is called in an error.
    pub(in crate::command) start: &'static str,
    /// Those that can be started, the first that is there if none is named.
    pub(in crate::command) known: &'static [(&'static str, Form)],
}

/// What of our own environment is no business of a program's.
const OURS: &[&str] = &["JUMP_STORE_PASSWORD", "JUMP_VAULT_KEY"];

/// A program that the user named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::command) struct Program {
    path: PathBuf,
    form: Form,
}

/// Which program is to be started.
#[derive(Debug)]
pub(in crate::command) enum Wanted<'a> {
    Named(&'a Program),
    /// The first that is installed.
    Any,
    None,
}

impl<'a> Wanted<'a> {
    /// What the arguments say.
    pub(in crate::command) fn of(named: Option<&'a Program>, none: bool) -> Self {
        match named {
            Some(program) => Self::Named(program),
            None if none => Self::None,
            None => Self::Any,
        }
    }
}

impl Programs {
    /// Reads a name of the list, or a path that ends with one.
    ///
    /// # Errors
    /// What can be started, if that cannot.
    pub(in crate::command) fn named(&self, text: &str) -> Result<Program, String> {
        let name = Path::new(text).file_name().and_then(|name| name.to_str());
        match self.known.iter().find(|(known, _)| Some(*known) == name) {
            Some((_, form)) => Ok(Program {
                path: text.into(),
                form: *form,
            }),
            None => {
                let names: Vec<&str> = self.known.iter().map(|(name, _)| *name).collect();
                let names = names.join(", ");
                Err(format!("the {}s that can be started are {names}", self.noun))
            }
        }
    }

    /// Starts what is wanted on the address; none without a screen for it, or if none is installed, unless one was named.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such program.
    pub(super) fn start(&self, wanted: &Wanted<'_>, address: SocketAddr) -> Result<Option<Child>, Failure> {
        match wanted {
            Wanted::None => Ok(None),
            Wanted::Any => {
                let mut known = self.known.iter().filter(|_| has_screen());
                Ok(known.find_map(|(name, form)| run(Path::new(name), *form, address).ok()))
            }
            Wanted::Named(Program { path, form }) => match run(path, *form, address) {
                Ok(child) => Ok(Some(child)),
                Err(error) => {
                    let kind = match error.kind() {
                        std::io::ErrorKind::NotFound => ErrorKind::NotFound,
                        _ => ErrorKind::Unavailable,
                    };
                    let message = format!("{} does not start", path.display());
                    let error = Error::new(kind, self.start, message).with_source(error);
                    let hint = format!("install it, or connect a {} of your own: --no-viewer", self.noun);
                    Err(Failure::from(error).hint(hint))
                }
            },
        }
    }

    /// One that was started showed nothing.
    pub(super) fn not_shown(&self, status: ExitStatus) -> Failure {
        let message = format!("it ended before it connected ({status})");
        Failure::from(Error::new(ErrorKind::Unavailable, self.start, message))
            .hint("name another with --viewer, or connect one of your own: --no-viewer")
    }
}

fn has_screen() -> bool {
    cfg!(not(unix))
        || cfg!(target_os = "macos")
        || ["DISPLAY", "WAYLAND_DISPLAY"]
            .iter()
            .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

#[allow(
    clippy::disallowed_methods,
    reason = "the user asked for a program, and it is told nothing that a peer said"
)]
fn run(program: &Path, form: Form, address: SocketAddr) -> std::io::Result<Child> {
    let mut command = tokio::process::Command::new(program);
    command.args(arguments(form, address));
    for name in OURS {
        command.env_remove(name);
    }
    // Standard output is ours; what the program has to complain about is for the user.
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
        Form::Url(scheme) => vec![format!("{scheme}://{host}:{port}")],
        Form::Remmina(scheme) => vec!["-c".to_owned(), format!("{scheme}://{host}:{port}")],
        Form::FreeRdp => vec![
            format!("/v:{host}:{port}"),
            "/u:rep".to_owned(),
            "/p:none".to_owned(),
            "/sec:tls".to_owned(),
            "/cert:ignore".to_owned(),
            "+clipboard".to_owned(),
            "/dynamic-resolution".to_owned(),
        ],
        Form::Windows => vec![format!("/v:{host}:{port}")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{rdp, vnc};

    #[test]
    fn only_known_programs_are_started() {
        for programs in [&vnc::VIEWERS, &rdp::CLIENTS] {
            for (name, form) in programs.known {
                assert_eq!(programs.named(name).unwrap().form, *form);
            }
        }
        let path = vnc::VIEWERS.named("/opt/tigervnc/bin/vncviewer").unwrap();
        assert_eq!(path.path, Path::new("/opt/tigervnc/bin/vncviewer"));
        for bad in [
            "",
            "sh",
            "/bin/sh",
            "vncviewer -c x",
            "vncviewer/..",
            "xterm",
            "xfreerdp",
        ] {
            assert!(vnc::VIEWERS.named(bad).is_err(), "{bad}");
        }
        for bad in ["", "/bin/sh", "xfreerdp -c x", "xfreerdp/..", "vncviewer"] {
            assert!(rdp::CLIENTS.named(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn programs_are_told_the_address_in_their_own_words() {
        let four = "127.0.0.1:5901".parse().unwrap();
        let six = "[::1]:5901".parse().unwrap();
        assert_eq!(arguments(Form::TwoColons, four), ["127.0.0.1::5901"]);
        assert_eq!(arguments(Form::TwoColons, six), ["[::1]::5901"]);
        assert_eq!(arguments(Form::Remmina("vnc"), six), ["-c", "vnc://[::1]:5901"]);
        assert_eq!(arguments(Form::Url("rdp"), four), ["rdp://127.0.0.1:5901"]);
        assert_eq!(arguments(Form::FreeRdp, six).first().unwrap(), "/v:[::1]:5901");
        assert_eq!(arguments(Form::Windows, four), ["/v:127.0.0.1:5901"]);
    }
}
