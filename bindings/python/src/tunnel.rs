//! A tunnel session: local ports and byte streams.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::task::Poll;

use jump_core::model::{Hostname, TargetAddress};
use jump_core::protocol::TunnelSession;
use jump_core::stream::BoxStream;
use jump_core::{Error, ErrorKind, Result};
use jump_proto_tunnel::{LocalForward, LocalListener};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::Mutex;

use crate::call::Call;
use crate::engine::{Engine, Kept, lock};
use crate::errors::raise;

/// The most bytes that one read gives.
const MOST: usize = 1 << 20;

/// A tunnel session.
#[pyclass(frozen, module = "jump._jump")]
pub(crate) struct Tunnel {
    session: Arc<Kept<Arc<dyn TunnelSession>>>,
    engine: Arc<Engine>,
}

fn gone() -> Error {
    Error::new(ErrorKind::Closed, "tunnel session", "the session is closed")
}

fn address(host: &str, port: u16) -> Result<TargetAddress> {
    TargetAddress::new(Hostname::new(host)?, port)
}

impl Tunnel {
    pub(crate) fn new(session: Box<dyn TunnelSession>, engine: &Arc<Engine>) -> Self {
        Self {
            session: Arc::new(Kept::new(Arc::from(session), engine.clone())),
            engine: engine.clone(),
        }
    }
}

#[pymethods]
impl Tunnel {
    /// Listens on a loopback address; each forward is a local port, 0 for any, and the host and port that it leads to.
    fn listen(&self, py: Python<'_>, at: &str, forwards: Vec<(u16, String, u16)>) -> PyResult<Call> {
        let at = at.parse::<Ipv4Addr>().map_err(|_| {
            let message = "give an address in 127.0.0.0/8";
            Error::new(ErrorKind::InvalidArgument, "listen for a tunnel", message)
        });
        let at = raise(py, at)?;
        let forwards = forwards
            .into_iter()
            .map(|(port, host, to)| {
                Ok(LocalForward {
                    port,
                    target: address(&host, to)?,
                })
            })
            .collect::<Result<Vec<_>>>();
        let forwards = raise(py, forwards)?;
        let session = self.session.clone();
        let engine = self.engine.clone();
        let bind = async move {
            let session = session.value().cloned().ok_or_else(gone)?;
            LocalListener::bind(session, at, forwards, None).await
        };
        Ok(Call::new(&self.engine, bind, |py, listener| {
            let listening = listener
                .forwards()
                .iter()
                .map(|(local, target)| (local.ip().to_string(), local.port(), target.to_string()))
                .collect();
            let listener = Listener {
                listening,
                listener: std::sync::Mutex::new(Some(Kept::new(listener, engine))),
            };
            Ok(Py::new(py, listener)?.into_any())
        }))
    }

    /// Opens a stream to one of the grant's addresses.
    fn open(&self, py: Python<'_>, host: &str, port: u16) -> PyResult<Call> {
        let target = raise(py, address(host, port))?;
        let session = self.session.clone();
        let engine = self.engine.clone();
        let open = async move { session.value().ok_or_else(gone)?.open(&target).await };
        Ok(Call::new(&self.engine, open, |py, stream| {
            let (read, write) = tokio::io::split(stream);
            let halves = Halves {
                read: Arc::new(Mutex::new(Reading {
                    half: Kept::new(read, engine.clone()),
                    failed: None,
                })),
                write: Arc::new(Mutex::new(Kept::new(write, engine.clone()))),
            };
            let stream = Stream {
                halves: std::sync::Mutex::new(Some(halves)),
                engine,
            };
            Ok(Py::new(py, stream)?.into_any())
        }))
    }

    /// Waits until the session has ended; raises why, unless this side closed it.
    fn closed(&self) -> Call {
        let session = self.session.clone();
        Call::unit(&self.engine, async move {
            session.value().ok_or_else(gone)?.closed().await
        })
    }

    /// Closes the session and every stream in it.
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

/// Local ports that lead into a tunnel.
#[pyclass(frozen, module = "jump._jump")]
pub(crate) struct Listener {
    listening: Vec<(String, u16, String)>,
    /// `None` once it was closed.
    listener: std::sync::Mutex<Option<Kept<LocalListener>>>,
}

#[pymethods]
impl Listener {
    /// Local host, local port and target of each forward, in the order given.
    fn forwards(&self) -> Vec<(String, u16, String)> {
        self.listening.clone()
    }

    /// Stops listening and cuts every connection.
    fn close(&self) {
        let listener = lock(&self.listener).take();
        drop(listener);
    }
}

/// A stream through a tunnel.
#[pyclass(frozen, module = "jump._jump")]
pub(crate) struct Stream {
    /// `None` once it was closed; the stream is closed when nothing holds either half.
    halves: std::sync::Mutex<Option<Halves>>,
    engine: Arc<Engine>,
}

/// The half that is read from.
struct Reading {
    half: Kept<ReadHalf<BoxStream>>,
    /// What went wrong behind the bytes that were given last.
    failed: Option<Error>,
}

impl Reading {
    /// Waits for bytes, and takes with them what else is there already, at most so many.
    async fn read(&mut self, most: usize) -> Result<Vec<u8>> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let half = self.half.value_mut().ok_or_else(gone)?;
        let mut bytes = Vec::with_capacity(most);
        let mut read = half.read_buf(&mut bytes).await.map_err(failed)?;
        while read > 0 && bytes.len() < most {
            let mut more = std::pin::pin!(half.read_buf(&mut bytes));
            read = match std::future::poll_fn(|cx| Poll::Ready(more_now(more.as_mut().poll(cx)))).await {
                Ok(read) => read,
                Err(error) => {
                    self.failed = Some(failed(error));
                    0
                }
            };
        }
        Ok(bytes)
    }
}

/// How many more bytes came without waiting.
fn more_now(poll: Poll<std::io::Result<usize>>) -> std::io::Result<usize> {
    match poll {
        Poll::Ready(read) => read,
        Poll::Pending => Ok(0),
    }
}

#[derive(Clone)]
struct Halves {
    read: Arc<Mutex<Reading>>,
    write: Arc<Mutex<Kept<WriteHalf<BoxStream>>>>,
}

impl Stream {
    fn halves(&self, py: Python<'_>) -> PyResult<Halves> {
        let halves = lock(&self.halves).clone();
        let closed = || Error::new(ErrorKind::Closed, "use a stream", "it was closed");
        raise(py, halves.ok_or_else(closed))
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::from_io(ErrorKind::Network, "tunnel stream", error)
}

#[pymethods]
impl Stream {
    /// The next bytes, at most so many; none at the end.
    fn read(&self, py: Python<'_>, most: usize) -> PyResult<Call> {
        let Halves { read, .. } = self.halves(py)?;
        let work = async move {
            let mut read = read.lock().await;
            read.read(most.clamp(1, MOST)).await
        };
        Ok(Call::short(&self.engine, work, |py, bytes| {
            Ok(PyBytes::new(py, &bytes).into_any().unbind())
        }))
    }

    /// Writes all of it; waits while the target does not take it.
    fn write(&self, py: Python<'_>, data: PyBackedBytes) -> PyResult<Call> {
        let Halves { write, .. } = self.halves(py)?;
        Ok(Call::short_unit(&self.engine, async move {
            let mut write = write.lock().await;
            write
                .value_mut()
                .ok_or_else(gone)?
                .write_all(&data)
                .await
                .map_err(failed)
        }))
    }

    /// Says that no more follows in our direction.
    fn finish(&self, py: Python<'_>) -> PyResult<Call> {
        let Halves { write, .. } = self.halves(py)?;
        Ok(Call::unit(&self.engine, async move {
            let mut write = write.lock().await;
            write
                .value_mut()
                .ok_or_else(gone)?
                .shutdown()
                .await
                .map_err(failed)
        }))
    }

    /// Closes it once no call uses it any more.
    fn close(&self) {
        let halves = lock(&self.halves).take();
        drop(halves);
    }
}
