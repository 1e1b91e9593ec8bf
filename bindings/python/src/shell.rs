//! A shell session: commands, terminals and files.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use jump_core::protocol::{
    ExitStatus, Progress, ShellChannel, ShellEvent, ShellReader, ShellSession, ShellWriter, Terminal,
};
use jump_core::{Error, ErrorKind, Result};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;
use tokio::sync::Mutex;

use crate::call::Call;
use crate::engine::{Engine, Kept, lock};
use crate::errors::raise;

type Session = Arc<Kept<Box<dyn ShellSession>>>;
/// Kind, columns and rows of a terminal.
type TerminalParts = (String, u32, u32);

fn terminal((kind, columns, rows): TerminalParts) -> Terminal {
    Terminal { kind, columns, rows }
}

fn gone() -> Error {
    Error::new(ErrorKind::Closed, "shell session", "the session is closed")
}

/// A shell session.
#[pyclass(frozen, module = "jump._jump")]
pub(crate) struct Shell {
    session: Session,
    engine: Arc<Engine>,
}

impl Shell {
    pub(crate) fn new(session: Box<dyn ShellSession>, engine: &Arc<Engine>) -> Self {
        Self {
            session: Arc::new(Kept::new(session, engine.clone())),
            engine: engine.clone(),
        }
    }
}

/// What a command said in all.
#[derive(Default)]
struct Said {
    output: Vec<u8>,
    errors: Vec<u8>,
    status: Option<ExitStatus>,
}

#[pymethods]
impl Shell {
    /// Runs a command to its end; gives standard output, standard error, and exit code or signal.
    #[pyo3(signature = (command, input, terminal_of, limit))]
    fn run(
        &self,
        command: Vec<u8>,
        input: Vec<u8>,
        terminal_of: Option<TerminalParts>,
        limit: usize,
    ) -> Call {
        let session = self.session.clone();
        let run = async move {
            let session = session.value().ok_or_else(gone)?;
            let on = terminal_of.map(terminal);
            let ShellChannel {
                mut reader,
                mut writer,
            } = session.exec(&command, on.as_ref()).await?;
            let feed = async {
                // A command may end without having read its input.
                if !input.is_empty() {
                    ignore_closed(writer.write(input.into()).await)?;
                }
                ignore_closed(writer.finish().await)
            };
            let read = read_all(&mut *reader, limit);
            let ((), said) = tokio::try_join!(feed, read)?;
            Ok(said)
        };
        Call::new(&self.engine, run, |py, said| {
            let (code, signal) = status_parts(said.status);
            let (output, errors) = (PyBytes::new(py, &said.output), PyBytes::new(py, &said.errors));
            Ok((output, errors, code, signal)
                .into_pyobject(py)?
                .into_any()
                .unbind())
        })
    }

    /// Starts a command, or an interactive shell if there is none; gives the running process.
    #[pyo3(signature = (command, terminal_of))]
    fn start(&self, command: Option<Vec<u8>>, terminal_of: Option<TerminalParts>) -> Call {
        let session = self.session.clone();
        let start = async move {
            let session = session.value().ok_or_else(gone)?;
            let on = terminal_of.map(terminal);
            match (command, on) {
                (Some(command), on) => session.exec(&command, on.as_ref()).await,
                (None, Some(on)) => session.shell(&on).await,
                (None, None) => {
                    let message = "an interactive shell needs a terminal";
                    Err(Error::new(ErrorKind::InvalidArgument, "start a shell", message))
                }
            }
        };
        let engine = self.engine.clone();
        Call::new(&self.engine, start, move |py, channel: ShellChannel| {
            let halves = Halves {
                reader: Arc::new(Mutex::new(Kept::new(channel.reader, engine.clone()))),
                writer: Arc::new(Mutex::new(Kept::new(channel.writer, engine.clone()))),
            };
            let process = Process {
                halves: std::sync::Mutex::new(Some(halves)),
                engine,
            };
            Ok(Py::new(py, process)?.into_any())
        })
    }

    /// Copies a local file to the target; gives the number of bytes.
    fn upload(&self, local: PathBuf, remote: String) -> Call {
        let session = self.session.clone();
        Call::reporting(
            &self.engine,
            |shared| async move {
                let session = session.value().ok_or_else(gone)?;
                let report = move |progress: Progress| shared.report(progress);
                session.upload(&local, &remote, &report).await
            },
            number,
        )
    }

    /// Copies a file of the target to a local path; gives the number of bytes.
    fn download(&self, remote: String, local: PathBuf) -> Call {
        let session = self.session.clone();
        Call::reporting(
            &self.engine,
            |shared| async move {
                let session = session.value().ok_or_else(gone)?;
                let report = move |progress: Progress| shared.report(progress);
                session.download(&remote, &local, &report).await
            },
            number,
        )
    }

    /// Says goodbye and closes the session.
    fn close(&self) -> Call {
        let session = self.session.clone();
        Call::unit(&self.engine, async move {
            match session.value() {
                Some(session) => session.close().await,
                None => Ok(()),
            }
        })
    }
}

fn number(py: Python<'_>, number: u64) -> PyResult<Py<PyAny>> {
    Ok(number.into_pyobject(py)?.into_any().unbind())
}

fn ignore_closed(result: Result<()>) -> Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::Closed => Ok(()),
        result => result,
    }
}

/// Reads to the end, at most `limit` bytes in all.
async fn read_all(reader: &mut dyn ShellReader, limit: usize) -> Result<Said> {
    let mut said = Said::default();
    while let Some(event) = reader.next().await? {
        match event {
            ShellEvent::Output(bytes) => said.output.extend_from_slice(&bytes),
            ShellEvent::ErrorOutput(bytes) => said.errors.extend_from_slice(&bytes),
            ShellEvent::Exit(status) => said.status = Some(status),
        }
        if said.output.len() + said.errors.len() > limit {
            let message = format!("it said more than {limit} bytes: start it and read piece by piece");
            return Err(Error::new(ErrorKind::ResourceLimit, "run a command", message));
        }
    }
    Ok(said)
}

fn status_parts(status: Option<ExitStatus>) -> (Option<u32>, Option<String>) {
    match status {
        Some(ExitStatus::Code(code)) => (Some(code), None),
        Some(ExitStatus::Signal(name)) => (None, Some(name)),
        None => (None, None),
    }
}

/// A running command or shell.
#[pyclass(frozen, module = "jump._jump")]
pub(crate) struct Process {
    /// `None` once it was closed; the channel is closed when nothing holds either half.
    halves: std::sync::Mutex<Option<Halves>>,
    engine: Arc<Engine>,
}

#[derive(Clone)]
struct Halves {
    reader: Arc<Mutex<Kept<Box<dyn ShellReader>>>>,
    writer: Arc<Mutex<Kept<Box<dyn ShellWriter>>>>,
}

impl Process {
    fn halves(&self, py: Python<'_>) -> PyResult<Halves> {
        let halves = lock(&self.halves).clone();
        let closed = || Error::new(ErrorKind::Closed, "use a process", "it was closed");
        raise(py, halves.ok_or_else(closed))
    }
}

#[pymethods]
impl Process {
    /// What it says next: `("output", bytes)`, `("error", bytes)`, `("exit", code, signal)`; `None` after the end.
    fn next(&self, py: Python<'_>) -> PyResult<Call> {
        let Halves { reader, .. } = self.halves(py)?;
        let next = async move {
            let mut reader = reader.lock().await;
            match reader.value_mut() {
                Some(reader) => reader.next().await,
                None => Ok(None),
            }
        };
        let show = |py: Python<'_>, event| {
            Ok(match event {
                None => py.None(),
                Some(ShellEvent::Output(bytes)) => piece(py, "output", &bytes)?,
                Some(ShellEvent::ErrorOutput(bytes)) => piece(py, "error", &bytes)?,
                Some(ShellEvent::Exit(status)) => {
                    let (code, signal) = status_parts(Some(status));
                    ("exit", code, signal).into_pyobject(py)?.into_any().unbind()
                }
            })
        };
        Ok(Call::short(&self.engine, next, show))
    }

    /// Writes all of it; waits while the target does not take it.
    fn write(&self, py: Python<'_>, data: PyBackedBytes) -> PyResult<Call> {
        let Halves { writer, .. } = self.halves(py)?;
        Ok(Call::short_unit(&self.engine, async move {
            let mut writer = writer.lock().await;
            writer
                .value_mut()
                .ok_or_else(gone)?
                .write(Bytes::from_owner(data))
                .await
        }))
    }

    /// Says that no more input follows.
    fn finish(&self, py: Python<'_>) -> PyResult<Call> {
        let Halves { writer, .. } = self.halves(py)?;
        Ok(Call::unit(&self.engine, async move {
            let mut writer = writer.lock().await;
            writer.value_mut().ok_or_else(gone)?.finish().await
        }))
    }

    /// Changes the size of the terminal.
    fn resize(&self, py: Python<'_>, columns: u32, rows: u32) -> PyResult<Call> {
        let Halves { writer, .. } = self.halves(py)?;
        Ok(Call::unit(&self.engine, async move {
            let mut writer = writer.lock().await;
            writer.value_mut().ok_or_else(gone)?.resize(columns, rows).await
        }))
    }

    /// Sends a signal by its name without `SIG`.
    fn signal(&self, py: Python<'_>, name: String) -> PyResult<Call> {
        let Halves { writer, .. } = self.halves(py)?;
        Ok(Call::unit(&self.engine, async move {
            let mut writer = writer.lock().await;
            writer.value_mut().ok_or_else(gone)?.signal(&name).await
        }))
    }

    /// Closes its channel once no call uses it any more.
    fn close(&self) {
        let halves = lock(&self.halves).take();
        drop(halves);
    }
}

fn piece(py: Python<'_>, kind: &str, bytes: &[u8]) -> PyResult<Py<PyAny>> {
    Ok((kind, PyBytes::new(py, bytes))
        .into_pyobject(py)?
        .into_any()
        .unbind())
}
