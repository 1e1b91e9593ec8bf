//! A running broker: what is behind its handle, and how it is put together.

use std::ffi::CString;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jump_core::audit::{AuditLog, FileAuditLog, LogPosition, MemoryAuditLog, ReadLimits};
use jump_core::broker::{Broker, FactorFolder, Totp};
use jump_core::control::BrokerEndpoint;
use jump_core::identity_file::{read_seed, write_seed};
use jump_core::keys::{SealingKey, SigningKey};
use jump_core::private_file::private_folder;
use jump_core::store::{JournalStore, MemoryStore, Store};
use jump_core::time::SignedDuration;
use jump_core::tunnel::{TcpTransport, Transport};
use jump_core::{Error, ErrorKind, Result};
use jump_store::SqliteStore;
use tokio::task::AbortHandle;

use crate::broker::jump_broker;
use crate::broker_options::{Options, Settings};
use crate::context::Context;
use crate::error::c_string;
use crate::event::Event;
use crate::queue::Queue;
use crate::table::Handle;

/// The kinds of a site's key files; the same as the command's.
const BROKER_KEY: &str = "jump-broker-key-1";
const RECORDING_KEY: &str = "jump-recording-key-1";
/// The most events that an audit log in memory has room for.
const MOST_EVENTS: usize = 1_000_000;
/// How much of the audit log is read at once.
const PIECE: ReadLimits = ReadLimits {
    events: 64,
    bytes: 1 << 20,
};

/// What is behind the handle.
pub(crate) struct BrokerObject {
    pub(crate) context: Arc<Context>,
    pub(crate) broker: Broker,
    pub(crate) endpoint: CString,
    pub(crate) queue: Arc<Queue>,
    running: Mutex<Option<Running>>,
}

/// What there is until it is stopped.
pub(crate) struct Running {
    pub(crate) serving: AbortHandle,
    telling: AbortHandle,
    _lock: Option<File>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.serving.abort();
        self.telling.abort();
    }
}

impl Handle for BrokerObject {
    type C = jump_broker;
    const KIND: u8 = 14;
    const NAME: &'static str = "jump_broker";
}

fn key(folder: &Path, name: &str, kind: &str) -> Result<SigningKey> {
    let path = folder.join(name);
    match read_seed(&path, kind) {
        Ok(seed) => SigningKey::from_seed(seed),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let key = SigningKey::generate()?;
            write_seed(&path, kind, key.seed())?;
            Ok(key)
        }
        Err(error) => Err(error),
    }
}

fn sealing_key(folder: &Path, name: &str, kind: &str) -> Result<SealingKey> {
    let path = folder.join(name);
    match read_seed(&path, kind) {
        Ok(seed) => Ok(SealingKey::from_seed(seed)),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let key = SealingKey::generate()?;
            write_seed(&path, kind, key.seed())?;
            Ok(key)
        }
        Err(error) => Err(error),
    }
}

/// Takes the folder for one broker; the operating system lets go of it however the process ends.
fn lock(folder: &Path) -> Result<File> {
    let what = "open the site's folder";
    private_folder(folder)?;
    let mut options = File::options();
    options.write(true).create(true).truncate(false);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(folder.join("lock"));
    let file = file.map_err(|error| Error::from_io(ErrorKind::Storage, what, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let message = format!("another broker runs on {}", folder.display());
            Err(Error::new(ErrorKind::Conflict, what, message))
        }
        Err(TryLockError::Error(error)) => Err(Error::from_io(ErrorKind::Storage, what, error)),
    }
}

/// A site in a folder: that of `jump broker`.
struct Folder {
    lock: File,
    key: SigningKey,
    recording_key: SealingKey,
    /// `None` if the site itself is kept elsewhere.
    store: Option<Arc<dyn Store>>,
    audit: Arc<dyn AuditLog>,
}

impl Folder {
    fn open(folder: &Path, with_store: bool) -> Result<Self> {
        let lock = lock(folder)?;
        let key = key(folder, "broker.key", BROKER_KEY)?;
        Ok(Self {
            lock,
            recording_key: sealing_key(folder, "recording.key", RECORDING_KEY)?,
            store: if with_store {
                Some(Arc::new(SqliteStore::open(&folder.join("site.db"))?))
            } else {
                None
            },
            audit: Arc::new(FileAuditLog::open_signed(&folder.join("audit.log"), key.clone())?),
            key,
        })
    }
}

impl BrokerObject {
    pub(crate) async fn start(context: Arc<Context>, options: &Options) -> Result<Self> {
        let (settings, plugs) = options.use_up();
        let folder = match settings.data.clone() {
            Some(path) => {
                let with_store = plugs.journal.is_none();
                let opened = tokio::task::spawn_blocking(move || Folder::open(&path, with_store)).await;
                let failed =
                    |error| Error::new(ErrorKind::Internal, "open the site", "it failed").with_source(error);
                Some(opened.map_err(failed)??)
            }
            None => None,
        };
        let reads_back = plugs.audit.is_none();
        let (lock, key, recording_key, store, audit) = match folder {
            Some(folder) => (
                Some(folder.lock),
                folder.key,
                Some(folder.recording_key.public()),
                folder.store,
                folder.audit,
            ),
            None => {
                let audit: Arc<dyn AuditLog> = Arc::new(MemoryAuditLog::new(MOST_EVENTS));
                (None, SigningKey::generate()?, None, None, audit)
            }
        };
        let store: Arc<dyn Store> = match (plugs.journal, store) {
            (Some(records), _) => Arc::new(JournalStore::open(Box::new(records)).await?),
            (None, Some(store)) => store,
            (None, None) => Arc::new(MemoryStore::new()?),
        };
        let audit: Arc<dyn AuditLog> = match plugs.audit {
            Some(audit) => Arc::new(audit),
            None => audit,
        };
        // Events are told from here on.
        let told_from = if reads_back {
            last_position(&*audit).await?
        } else {
            LogPosition::default()
        };
        let listener = TcpTransport.listen(&settings.listen).await?;
        let listening = listener.address();
        let public = settings
            .public_address
            .clone()
            .unwrap_or_else(|| listening.clone());
        let mut builder = Broker::builder(key.clone(), store, audit.clone()).settings(|own| {
            own.public_address.clone_from(&public);
            own.recording_key = recording_key;
            own.heartbeat = Duration::from_secs(settings.heartbeat_seconds.into());
            own.lease = Duration::from_secs(settings.lease_seconds.into());
            own.max_session = SignedDuration::from_secs(settings.max_session_seconds.into());
        });
        for provider in plugs.providers {
            builder = builder.credential_provider(provider);
        }
        if let Some(authenticator) = plugs.authenticator {
            builder = builder.authenticator(authenticator);
        }
        for notifier in plugs.notifiers {
            builder = builder.notifier(notifier);
        }
        if let Some(tickets) = plugs.tickets {
            builder = builder.ticket_checker(tickets);
        }
        match (plugs.factor, &settings) {
            (Some(factor), _) => builder = builder.second_factor(factor),
            (None, Settings { data: Some(data), .. }) => {
                let kept = Arc::new(FactorFolder::new(data.join("second-factors")));
                builder = builder.totp(Arc::new(Totp::kept(kept, key.clone())));
            }
            (None, _) => {}
        }
        let broker = builder.start().await?;
        let queue = Arc::new(Queue::new(context.wake.clone()));
        let (serves, over) = (broker.clone(), queue.clone());
        let serve = async move { serves.serve(listener).await };
        let serving = context.run("serve", serve, move |ended| {
            let stopped = |error: &Error| error.kind() == ErrorKind::Closed;
            let error = ended.and_then(|served| served).err();
            over.end(Event::over(error.as_ref().filter(|error| !stopped(error))));
        });
        let (teller, silent) = (queue.clone(), queue.clone());
        let tells = async move {
            if reads_back {
                tell(&*audit, told_from, &teller).await
            } else {
                Ok(())
            }
        };
        let telling = context.run("tell the events", tells, move |ended| {
            if let Err(error) = ended.and_then(|told| told)
                && error.kind() != ErrorKind::Closed
            {
                silent.add(Event::audit_lost(&error));
            }
        });
        let endpoint = BrokerEndpoint {
            address: public,
            key: key.public(),
        };
        let endpoint = serde_json::to_string(&endpoint).map_err(|error| {
            Error::new(
                ErrorKind::Internal,
                "start a broker",
                "its address has no form in JSON",
            )
            .with_source(error)
        })?;
        Ok(Self {
            context,
            broker,
            endpoint: c_string(endpoint),
            queue,
            running: Mutex::new(Some(Running {
                serving,
                telling,
                _lock: lock,
            })),
        })
    }

    pub(crate) fn take_running(&self) -> Option<Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Behind the last event of the log.
async fn last_position(audit: &dyn AuditLog) -> Result<LogPosition> {
    let mut position = audit.start().await?.position;
    loop {
        let page = audit.read(position, PIECE).await?;
        if page.events.is_empty() {
            return Ok(position);
        }
        position = page.next;
    }
}

/// Brings the events of the log into the queue; who does not fetch them holds this up, and not the broker.
async fn tell(audit: &dyn AuditLog, mut position: LogPosition, queue: &Queue) -> Result<()> {
    loop {
        audit.wait_behind(position.sequence()).await?;
        let page = audit.read(position, PIECE).await?;
        for logged in &page.events {
            // An event of a newer version is told as it is.
            let event = serde_json::from_slice(&logged.json).unwrap_or_default();
            queue.has_room().await;
            queue.add(Event::audit(logged.sequence(), &event));
        }
        position = page.next;
    }
}
