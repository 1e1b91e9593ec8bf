//! What the children do: one role per process.

mod broker;
mod driver;
mod hop;
mod jumpoint;
mod proxy;
mod rdp_target;
mod rep;
mod sshd;
mod stock_hop;
mod store;
mod target;
mod vnc_target;

use std::future::Future;
use std::io::Write;
use std::process::ExitCode;

use jump_core::{Error, ErrorKind, Result};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;

pub(crate) use broker::{Item, Kind, SiteOrder};
pub(crate) use rep::Login;
pub(crate) use sshd::Account;
pub(crate) use store::{Ask, Asked};

const OPERATION: &str = "play a role";

/// The line to the process that started us.
struct Starter(mpsc::Receiver<String>);

impl Starter {
    /// Ends this process when the starter is gone.
    fn listen() -> Self {
        Self::lines_and_then(|| std::process::exit(0))
    }

    /// Ends only the lines when the starter is gone: the role has something to tidy up.
    fn lines() -> Self {
        Self::lines_and_then(|| ())
    }

    fn lines_and_then(gone: impl FnOnce() + Send + 'static) -> Self {
        let (sender, lines) = mpsc::channel(16);
        std::thread::spawn(move || {
            for line in std::io::stdin().lines().map_while(std::result::Result::ok) {
                if sender.blocking_send(line).is_err() {
                    break;
                }
            }
            gone();
        });
        Self(lines)
    }

    async fn hear(&mut self) -> Result<String> {
        self.0
            .recv()
            .await
            .ok_or_else(|| Error::new(ErrorKind::Closed, OPERATION, "the starter is gone"))
    }

    fn tell(&self, line: impl std::fmt::Display) -> Result<()> {
        let mut output = std::io::stdout().lock();
        writeln!(output, "{line}")
            .and_then(|()| output.flush())
            .map_err(failed)
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::from_io(ErrorKind::Internal, OPERATION, error)
}

/// As the `jump` command does: parts that serve many have the runtime of a server, a rep has one thread.
fn run(mut builder: Builder, role: impl Future<Output = Result<()>>) -> Result<()> {
    let runtime: Runtime = builder.enable_all().build().map_err(failed)?;
    let result = runtime.block_on(role);
    runtime.shutdown_background();
    result
}

fn vnc_replay(recording: &str, seconds: &str, picture: &[&str]) -> Result<()> {
    let seconds = seconds.parse().map_err(|_| {
        Error::new(
            ErrorKind::InvalidArgument,
            OPERATION,
            "this is no number of seconds",
        )
    })?;
    crate::vnc::replay(recording.as_ref(), seconds, picture.first().map(AsRef::as_ref))
}

/// Plays the role that the command line names.
pub(crate) fn play(arguments: &[String]) -> ExitCode {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let server = Builder::new_multi_thread;
    let single = Builder::new_current_thread;
    let result = match words.as_slice() {
        ["target"] => target::run(),
        ["store-build", path] => store::build(path),
        ["store-ask", path, ask, seed, count] => store::ask(path, ask, seed, count),
        ["driver", login, changes, folder, port] => driver::run(login, changes, folder, port),
        ["rdp-target", recording, times] => rdp_target::run(recording.as_ref(), times),
        ["rdp-session", order @ ..] => run(single(), async { Box::pin(crate::rdp::play(order)).await }),
        ["vnc-target", recording, times] => vnc_target::run(recording.as_ref(), times),
        ["vnc-replay", recording, seconds, picture @ ..] => vnc_replay(recording, seconds, picture),
        ["timed", command @ ..] => crate::timed::run(command),
        ["broker"] => run(server(), async {
            Box::pin(broker::broker(Starter::listen())).await
        }),
        ["relay"] => run(server(), async { broker::relay(Starter::listen()).await }),
        ["jumpoint", gates, folder] => run(server(), async {
            jumpoint::run(Starter::listen(), gates, folder).await
        }),
        ["rep", login, item] => run(single(), async { rep::run(Starter::listen(), login, item).await }),
        ["tunnel-rep", login, item] => run(single(), async {
            rep::run_tunnel(Starter::listen(), login, item).await
        }),
        ["sshd"] => run(single(), async { Box::pin(sshd::run(Starter::lines())).await }),
        ["proxy", login, item] => run(single(), async { proxy::run(login, item).await }),
        ["hop-back", target] => run(server(), async { hop::back(Starter::listen(), target).await }),
        ["hop-front", back] => run(single(), async { hop::front(Starter::listen(), back).await }),
        ["stock-back", target] => run(server(), async {
            stock_hop::back(Starter::listen(), target).await
        }),
        ["stock-front", back] => run(single(), async {
            stock_hop::front(Starter::listen(), back).await
        }),
        _ => Err(Error::new(
            ErrorKind::InvalidArgument,
            OPERATION,
            "there is no such role",
        )),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{}: {error}", words.first().unwrap_or(&"?"));
            ExitCode::FAILURE
        }
    }
}
