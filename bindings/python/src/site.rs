//! Broker and Jumpoint as values.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use ipnet::IpNet;
use jump_core::audit::{AuditLog, FileAuditLog, MemoryAuditLog};
use jump_core::broker::{Broker as CoreBroker, Caller};
use jump_core::control::{Invitation, RepRequest};
use jump_core::id::SessionId;
use jump_core::identity_file::{JumpointFile, read_seed, write_seed};
use jump_core::jumpoint::{self, Jumpoint as CoreJumpoint, JumpointIdentity, NetworkPolicy};
use jump_core::keys::{SealingKey, SigningKey};
use jump_core::private_file::private_folder;
use jump_core::session::EndReason;
use jump_core::store::{JournalStore, MemoryStore, Store};
use jump_core::tunnel::{TcpTransport, Transport};
use jump_core::{Error, ErrorKind, Result};
use jump_store::SqliteStore;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use tokio::task::{AbortHandle, JoinHandle};

use crate::bridge;
use crate::call::Call;
use crate::engine::{Engine, lock};
use crate::errors::raise;
use crate::plugs::Plugs;
use crate::rep::backends;
use crate::secret::Secret;
use crate::session::text;

const BROKER_KEY: &str = "jump-broker-key-1";
const RECORDING_KEY: &str = "jump-recording-key-1";
/// Events that a broker without a folder keeps.
const EVENTS: usize = 100_000;

/// A running broker with its relay. It ends when this value is dropped; `stop` ends it in order.
#[pyclass(frozen, module = "jump._jump")]
pub(crate) struct Broker {
    engine: Arc<Engine>,
    /// `None` once it was stopped.
    broker: Mutex<Option<CoreBroker>>,
    /// The threads of its tasks; what they hold goes with them. `None` once it was stopped.
    tasks: Mutex<Option<Arc<Engine>>>,
    /// Says whether anything still has the site's files open.
    audit: Weak<dyn AuditLog>,
    address: String,
    key: String,
    serving: Running<Result<()>>,
}

/// How long the site's files may stay open after a broker was stopped.
const LETTING_GO: Duration = Duration::from_secs(5);

/// Something that runs until it ends by itself or is told to.
struct Running<T> {
    abort: AbortHandle,
    /// `None` once somebody has heard how it ended.
    task: Arc<tokio::sync::Mutex<Option<JoinHandle<T>>>>,
}

impl<T> Clone for Running<T> {
    fn clone(&self) -> Self {
        Self {
            abort: self.abort.clone(),
            task: self.task.clone(),
        }
    }
}

impl<T> Running<T> {
    fn new(task: JoinHandle<T>) -> Self {
        Self {
            abort: task.abort_handle(),
            task: Arc::new(tokio::sync::Mutex::new(Some(task))),
        }
    }

    /// Waits for its end. `None` if it was told to end, or somebody has heard already. Cancel-safe.
    async fn ended(&self) -> Option<T> {
        let mut task = self.task.lock().await;
        let ended = match task.as_mut() {
            Some(running) => running.await.ok(),
            None => None,
        };
        *task = None;
        ended
    }
}

impl Broker {
    fn running(&self, py: Python<'_>) -> PyResult<CoreBroker> {
        let broker = lock(&self.broker).clone();
        let stopped = || Error::new(ErrorKind::Closed, "use a broker", "it was stopped");
        raise(py, broker.ok_or_else(stopped))
    }
}

/// The parts of a site that outlive a broker. What is kept elsewhere is not opened here.
struct Kept {
    key: SigningKey,
    recording_key: SealingKey,
    store: Option<Arc<dyn Store>>,
    audit: Option<Arc<dyn AuditLog>>,
}

/// What Python keeps of a site.
#[derive(Clone, Copy)]
struct Elsewhere {
    store: bool,
    audit: bool,
}

impl Kept {
    /// In memory only, with fresh keys.
    fn nowhere() -> Result<Self> {
        Ok(Self {
            key: SigningKey::generate()?,
            recording_key: SealingKey::generate()?,
            store: Some(Arc::new(MemoryStore::new()?)),
            audit: Some(Arc::new(MemoryAuditLog::new(EVENTS))),
        })
    }

    /// In a folder that is laid out as that of `jump broker`.
    fn in_folder(folder: &std::path::Path, elsewhere: Elsewhere) -> Result<Self> {
        private_folder(folder)?;
        let key = match read_seed(&folder.join("broker.key"), BROKER_KEY) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let key = SigningKey::generate()?;
                write_seed(&folder.join("broker.key"), BROKER_KEY, key.seed())?;
                key
            }
            seed => SigningKey::from_seed(seed?)?,
        };
        let recording_key = match read_seed(&folder.join("recording.key"), RECORDING_KEY) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let key = SealingKey::generate()?;
                write_seed(&folder.join("recording.key"), RECORDING_KEY, key.seed())?;
                key
            }
            seed => SealingKey::from_seed(seed?),
        };
        let mut kept = Self {
            key,
            recording_key,
            store: None,
            audit: None,
        };
        if !elsewhere.store {
            kept.store = Some(Arc::new(SqliteStore::open(&folder.join("site.db"))?));
        }
        if !elsewhere.audit {
            let log = FileAuditLog::open_signed(&folder.join("audit.log"), kept.key.clone())?;
            kept.audit = Some(Arc::new(log));
        }
        Ok(kept)
    }
}

fn stopped(error: tokio::task::JoinError) -> Error {
    Error::new(ErrorKind::Internal, "run a part of the site", "it stopped").with_source(error)
}

#[pymethods]
impl Broker {
    /// Starts a broker that listens at an address; in memory if there is no folder.
    #[staticmethod]
    #[pyo3(signature = (listen, folder, public_address, plugs))]
    fn start(
        py: Python<'_>,
        listen: String,
        folder: Option<PathBuf>,
        public_address: Option<String>,
        plugs: &Bound<'_, PyDict>,
    ) -> PyResult<Call> {
        let mut plugs = Plugs::of(plugs)?;
        let (engine, tasks) = raise(
            py,
            Engine::start().and_then(|engine| Ok((engine, Engine::start()?))),
        )?;
        let (journal, audit) = (plugs.journal.take(), plugs.audit.take());
        let elsewhere = Elsewhere {
            store: journal.is_some(),
            audit: audit.is_some(),
        };
        let start = async move {
            let opened = tokio::task::spawn_blocking(move || match folder {
                Some(folder) => Kept::in_folder(&folder, elsewhere),
                None => Kept::nowhere(),
            });
            let kept = opened.await.map_err(stopped)??;
            let missing = || {
                Error::new(
                    ErrorKind::Internal,
                    "start a broker",
                    "a part of the site is missing",
                )
            };
            let store: Arc<dyn Store> = match journal {
                Some(records) => Arc::new(JournalStore::open(Box::new(records)).await?),
                None => kept.store.ok_or_else(missing)?,
            };
            let audit: Arc<dyn AuditLog> = match audit {
                Some(audit) => Arc::new(audit),
                None => kept.audit.ok_or_else(missing)?,
            };
            let listener = TcpTransport.listen(&listen).await?;
            let address = public_address.unwrap_or_else(|| listener.address());
            let (key, still_open) = (kept.key.public().to_string(), Arc::downgrade(&audit));
            let recording_key = kept.recording_key.public();
            let builder = CoreBroker::builder(kept.key, store, audit).settings(|settings| {
                settings.public_address.clone_from(&address);
                settings.recording_key = Some(recording_key);
            });
            let broker = plugs.into_broker(builder).start().await?;
            let served = broker.clone();
            let serving = tokio::spawn(async move { served.serve(listener).await });
            Ok((broker, still_open, address, key, Running::new(serving)))
        };
        let start = tasks.handle().spawn(start);
        let start = async move { start.await.map_err(stopped)? };
        let kept = engine.clone();
        Ok(Call::new(
            &engine,
            start,
            move |py, (broker, audit, address, key, serving)| {
                let broker = Broker {
                    engine: kept,
                    broker: Mutex::new(Some(broker)),
                    tasks: Mutex::new(Some(tasks)),
                    audit,
                    address,
                    key,
                    serving,
                };
                Ok(Py::new(py, broker)?.into_any())
            },
        ))
    }

    /// Where others reach it.
    #[getter]
    fn address(&self) -> &str {
        &self.address
    }

    /// The key that others pin.
    #[getter]
    fn key(&self) -> &str {
        &self.key
    }

    /// Asks it anything as the embedding program, as JSON; gives the answer as JSON.
    fn request(&self, py: Python<'_>, request: &str) -> PyResult<Call> {
        let request: RepRequest = raise(py, bridge::read("ask the broker", request))?;
        let broker = self.running(py)?;
        let ask = async move { bridge::write(&broker.request(&Caller::local(), request).await?) };
        Ok(Call::new(&self.engine, ask, text))
    }

    /// Ends a live session.
    fn end_session(&self, py: Python<'_>, session: &str) -> PyResult<()> {
        let broker = self.running(py)?;
        let reason = EndReason::EndedBy("the embedding program".to_owned());
        let ended = session
            .parse::<SessionId>()
            .and_then(|session| broker.end_session(session, reason));
        raise(py, ended)
    }

    /// The ids of the sessions that run now.
    fn live_sessions(&self) -> Vec<String> {
        let broker = lock(&self.broker).clone();
        let sessions = broker.map(|broker| broker.live_sessions());
        sessions.iter().flatten().map(ToString::to_string).collect()
    }

    /// Waits until it cannot serve any more, and raises why; returns if it was stopped.
    fn stopped(&self) -> Call {
        let serving = self.serving.clone();
        Call::unit(
            &self.engine,
            async move { serving.ended().await.unwrap_or(Ok(())) },
        )
    }

    /// Ends every session with a reason, accounts for it, closes every connection, and lets go of the site's files.
    fn stop(&self) -> Call {
        let (serving, audit) = (self.serving.clone(), self.audit.clone());
        let (broker, tasks) = (lock(&self.broker).take(), lock(&self.tasks).take());
        Call::unit(&self.engine, async move {
            serving.abort.abort();
            // How it ended is for whoever asks with `stopped`.
            let _ = serving.ended().await;
            if let (Some(broker), Some(tasks)) = (broker, tasks) {
                let ending = tasks.handle().spawn(async move { broker.shutdown().await });
                ending.await.map_err(stopped)?;
            }
            let let_go = async {
                while audit.strong_count() > 0 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            tokio::time::timeout(LETTING_GO, let_go).await.map_err(|_| {
                let message = "something still holds the site's files";
                Error::new(ErrorKind::Timeout, "stop a broker", message)
            })
        })
    }

    fn __repr__(&self) -> String {
        format!("Broker(address={:?})", self.address)
    }
}

/// A running Jumpoint. It ends when this value is dropped, and its sessions with it.
#[pyclass(frozen, module = "jump._jump")]
pub(crate) struct Jumpoint {
    engine: Arc<Engine>,
    jumpoint: CoreJumpoint,
    name: String,
    running: Running<Error>,
}

#[pymethods]
impl Jumpoint {
    /// Starts the Jumpoint whose keys and recordings are in a folder; with an invitation it enrols first.
    #[staticmethod]
    #[pyo3(signature = (folder, invitation, allow, only_listed))]
    fn start(
        py: Python<'_>,
        folder: PathBuf,
        invitation: Option<&Secret>,
        allow: Vec<String>,
        only_listed: bool,
    ) -> PyResult<Call> {
        let invitation = invitation
            .map(|text| text.text().parse::<Invitation>())
            .transpose();
        let invitation = raise(py, invitation)?;
        let networks = allow
            .iter()
            .map(|text| {
                text.parse::<IpNet>().map_err(|_| {
                    let message = format!("`{text}` is no network, such as 192.0.2.0/24");
                    Error::new(ErrorKind::InvalidArgument, "start a jumpoint", message)
                })
            })
            .collect::<Result<Vec<_>>>();
        let mut policy = NetworkPolicy::new().allowing(raise(py, networks)?);
        if only_listed {
            policy = policy.only_listed();
        }
        let engine = raise(py, Engine::start())?;
        let start = async move {
            let folder = std::path::absolute(&folder).unwrap_or(folder);
            let path = folder.join("identity");
            if let Some(invitation) = invitation {
                enrol(&path, &invitation).await?;
            }
            let kept = JumpointFile::read(&path)?;
            let jumpoint = CoreJumpoint::builder(kept.identity, kept.broker, backends())
                .network_policy(policy)
                .recordings(folder.join("recordings"))
                .build();
            let runs = jumpoint.clone();
            let running = tokio::spawn(async move { runs.run().await });
            Ok((jumpoint, kept.name, running))
        };
        let kept = engine.clone();
        Ok(Call::new(&engine, start, move |py, (jumpoint, name, running)| {
            let jumpoint = Jumpoint {
                engine: kept,
                jumpoint,
                name,
                running: Running::new(running),
            };
            Ok(Py::new(py, jumpoint)?.into_any())
        }))
    }

    /// Its name.
    #[getter]
    fn name(&self) -> &str {
        &self.name
    }

    /// The ids of the sessions that it serves now.
    fn sessions(&self) -> Vec<String> {
        self.jumpoint.sessions().iter().map(ToString::to_string).collect()
    }

    /// Waits until it cannot serve any more, and raises why; returns if it was stopped.
    fn stopped(&self) -> Call {
        let running = self.running.clone();
        Call::unit(
            &self.engine,
            async move { running.ended().await.map_or(Ok(()), Err) },
        )
    }

    /// Ends its sessions and disconnects.
    fn stop(&self) -> Call {
        let running = self.running.clone();
        Call::unit(&self.engine, async move {
            running.abort.abort();
            // How it ended is for whoever asks with `stopped`.
            let _ = running.ended().await;
            Ok(())
        })
    }

    fn __repr__(&self) -> String {
        format!("Jumpoint(name={:?})", self.name)
    }
}

/// Enrols with the broker that sent the invitation. It works once: that there is a place for what it gives is found out first.
async fn enrol(path: &std::path::Path, invitation: &Invitation) -> Result<()> {
    let mut file = JumpointFile {
        identity: JumpointIdentity::generate()?,
        broker: invitation.broker.clone(),
        name: String::new(),
    };
    let draft = path.with_extension("enrolling");
    file.write(&draft)?;
    let enrolled = Box::pin(jumpoint::enrol(&TcpTransport, invitation, &file.identity)).await;
    let kept = enrolled.and_then(|enrolled| {
        file.name = enrolled.name;
        file.write(path)
    });
    // It held the same keys, which are now where they belong or worth nothing.
    let _ = std::fs::remove_file(&draft);
    kept
}
