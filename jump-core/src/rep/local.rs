//! Local Jumps: the gate of a session in the rep's own process, for items of the rep's own network.
//!
//! The broker decides, logs and ends such a session as any other; what it cannot do is look: the events, the figures and the
//! hash of the recording are what this process says, and are marked as that. What goes wrong with the connection to the
//! broker ends the session at once.

use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use ipnet::IpNet;
use serde::Deserialize;
use tokio::sync::{oneshot, watch};

use super::Rep;
use super::ends::EndWatch;
use super::local_stream::{self, LocalStream};
use crate::control::{RepRequest, Request};
use crate::error::Result;
use crate::jumpoint::{NetworkDialer, NetworkPolicy};
use crate::keys::SealingPublicKey;
use crate::protocol::{Dialer, Registry};
use crate::recording::RecordingFolder;
use crate::serving::{Admitted, Outbox, Prepared, record, serve};
use crate::session::{Credential, EndReason, Grant};

/// What [`LocalJumps`] can be told as text: in C and Python it is JSON.
///
/// ```
/// use jump_core::rep::LocalJumpOptions;
///
/// let options: LocalJumpOptions = serde_json::from_str(r#"{"allow": ["127.0.0.0/8"], "only_listed": true}"#)?;
/// assert_eq!(options.recordings, None);
/// // A misspelt name is an error, not a default.
/// assert!(serde_json::from_str::<LocalJumpOptions>(r#"{"only_lists": true}"#).is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct LocalJumpOptions {
    /// [`NetworkPolicy::allowing`]: networks that targets may be in even if they are loopback or link-local.
    pub allow: Vec<IpNet>,
    /// [`NetworkPolicy::only_listed`]: those of `allow`, and no others.
    pub only_listed: bool,
    /// [`LocalJumps::recordings`]: the folder of recordings; `None` records nothing.
    pub recordings: Option<PathBuf>,
}

/// How a rep serves the items that it opens itself: Local VNC, and whatever else it has a gate for.
///
/// ```
/// # use jump_core::protocol::Registry;
/// # use jump_core::rep::LocalJumps;
/// let gates = Registry::new(); // .with(Arc::new(VncBackend::new()))
/// let local = LocalJumps::new(gates).recordings("/home/ada/recordings");
/// ```
#[derive(Clone, Debug)]
pub struct LocalJumps {
    gates: Registry,
    dialer: Arc<dyn Dialer>,
    recordings: Option<PathBuf>,
}

impl LocalJumps {
    /// With these gates. Targets are dialled over TCP within the default [`NetworkPolicy`], which permits no address of this
    /// machine, and nothing is recorded: only items with recording off can be opened.
    #[must_use]
    pub fn new(gates: Registry) -> Self {
        Self {
            gates,
            dialer: Arc::new(NetworkDialer::new(NetworkPolicy::new())),
            recordings: None,
        }
    }

    /// Permits targets by this policy.
    #[must_use]
    pub fn network_policy(mut self, policy: NetworkPolicy) -> Self {
        self.dialer = Arc::new(NetworkDialer::new(policy));
        self
    }

    /// Reaches targets by another dialer than TCP with a network policy.
    #[must_use]
    pub fn dialer(mut self, dialer: Arc<dyn Dialer>) -> Self {
        self.dialer = dialer;
        self
    }

    /// With these gates, as an embedder says it in a file or from another language.
    #[must_use]
    pub fn with_options(gates: Registry, options: LocalJumpOptions) -> Self {
        let mut policy = NetworkPolicy::new().allowing(options.allow);
        if options.only_listed {
            policy = policy.only_listed();
        }
        Self {
            recordings: options.recordings,
            ..Self::new(gates).network_policy(policy)
        }
    }

    /// Records sessions in this folder, sealed to the site's recording key: this process can write recordings, and cannot
    /// read them.
    #[must_use]
    pub fn recordings(mut self, folder: impl Into<PathBuf>) -> Self {
        self.recordings = Some(folder.into());
        self
    }
}

/// Who says with what to log in to the target of a session that the rep serves itself. Nothing is injected there.
#[async_trait]
pub trait CredentialSource: Send + Sync + Debug + 'static {
    /// The credential for this session; `None` is no credential. The gate starts when this returns, and the broker gives up a
    /// session that nobody has joined for a minute.
    ///
    /// # Errors
    /// Whatever ends the session before it begins.
    async fn credential(&self, grant: &Grant) -> Result<Option<Credential>>;
}

#[async_trait]
impl CredentialSource for Credential {
    /// This one, for every session.
    async fn credential(&self, _: &Grant) -> Result<Option<Credential>> {
        Ok(Some(self.duplicate()))
    }
}

/// Counts the sessions whose gates run here and that are not reported to their end.
#[derive(Debug, Default)]
pub(super) struct Serving(watch::Sender<usize>);

impl Serving {
    /// Waits until there is none. Cancel-safe.
    pub(super) async fn none(&self) {
        // Cannot fail: the sender is here.
        let _ = self.0.subscribe().wait_for(|running| *running == 0).await;
    }
}

/// One of them; counted until it is dropped.
struct Counted(Rep);

impl Counted {
    fn new(rep: Rep) -> Self {
        rep.0.serving.0.send_modify(|running| *running += 1);
        Self(rep)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.serving.0.send_modify(|running| *running -= 1);
    }
}

/// Starts the gate of a session that was granted to this rep; gives the stream to it once the recording has its header and
/// the gate starts. `end` is what the broker says about the session.
///
/// # Errors
/// Why the gate did not start.
pub(super) async fn start(
    rep: &Rep,
    local: &LocalJumps,
    recording_key: Option<SealingPublicKey>,
    grant: Arc<Grant>,
    credentials: Option<Arc<dyn CredentialSource>>,
    end: &EndWatch,
) -> Result<LocalStream> {
    let (near, far) = local_stream::pair();
    let (ready, started) = oneshot::channel();
    let admitted = Admitted::new(grant.clone());
    let prepare = {
        let (local, identity, clock) = (local.clone(), rep.0.identity.0.clone(), rep.0.clock.clone());
        async move {
            let backend = local.gates.get(grant.protocol())?;
            let credential = match credentials {
                Some(source) => source.credential(&grant).await?,
                None => None,
            };
            let folder = match (local.recordings, recording_key) {
                (Some(path), Some(key)) => Some(RecordingFolder::open(&path, key)?),
                _ => None,
            };
            let no_folder = "this rep has no place for recordings, or the site has no recording key";
            let recording = record(&grant, folder.as_ref(), &*clock, no_folder).await?;
            // Nobody waits any more who gave up: the gate will see a stream that is gone.
            let _ = ready.send(());
            Ok(Prepared {
                backend,
                rep: far,
                credential,
                dialer: local.dialer,
                recording,
                identity,
            })
        }
    };
    tokio::spawn(run(Counted::new(rep.clone()), admitted, prepare, end.clone()));
    match started.await {
        Ok(()) => Ok(near),
        Err(_) => Err(end.clone().ended().await.to_error()),
    }
}

/// Serves the session to its end, and holds the rep's connection until that is reported.
async fn run<P>(counted: Counted, admitted: Admitted, prepare: P, mut end: EndWatch)
where
    P: Future<Output = Result<Prepared<LocalStream>>> + Send + 'static,
{
    let connection = counted.0.0.connection.clone();
    // The sender is gone: there will be no other connection to report over.
    let current = watch::channel(Some(connection.clone())).1;
    let outbox = Outbox::new(current, |report| Request::Rep(RepRequest::Gate(report)));
    let (reports, delivered) = outbox.session();
    let handle = admitted.handle().clone();
    let said = end.clone();
    let serving = serve(admitted, prepare, reports, move |reason| said.served(reason));
    tokio::pin!(serving);
    let reason = tokio::select! {
        () = &mut serving => None,
        reason = end.ended() => Some(reason),
        _ = connection.closed() => Some(EndReason::LeaseLost),
    };
    if let Some(reason) = reason {
        handle.stop(reason);
        serving.await;
    }
    // Cancelled with its runtime at most.
    let _ = delivered.await;
}
