//! What a gate is given and what it gives back.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::error::{ErrorKind, Result};
use crate::model::{Field, HostKey, TargetAddress};
use crate::recording::Recorder;
use crate::secret::Secret;
use crate::session::{Credential, EndReason, Grant, Stop};
use crate::stream::BoxStream;

/// Opens connections in the Jumpoint's network, within its network policy.
#[async_trait]
pub trait Dialer: Send + Sync + Debug {
    /// Connects to an address of the grant. Resolves once, checks every address, connects to a checked one, sets
    /// `TCP_NODELAY`.
    ///
    /// # Errors
    /// [`ErrorKind::TargetUnreachable`] if policy forbids it or nobody answers in time (10 seconds by default).
    async fn dial(&self, target: &TargetAddress) -> Result<BoxStream>;
}

/// Everything a gate may reach for.
#[derive(Debug)]
#[non_exhaustive]
pub struct GateContext {
    /// What was granted.
    pub grant: Arc<Grant>,
    /// The credential to inject; `None` if the item has none.
    pub credential: Option<Credential>,
    /// The only way out.
    pub dialer: Arc<dyn Dialer>,
    /// Where the session is recorded.
    pub recorder: Recorder,
    /// Where the gate says what happened.
    pub events: EventSink,
    /// Given when the session is to end at once.
    pub stop: Stop,
    /// Bounds.
    pub limits: GateLimits,
    /// 32 bytes, the same for every session of this item at this Jumpoint, known to nobody else: the seed of the
    /// gate's own host key, so that native clients see a stable one.
    pub identity_seed: Secret<[u8; 32]>,
}

impl GateContext {
    /// Puts a context together.
    #[must_use]
    pub fn new(
        grant: Arc<Grant>,
        credential: Option<Credential>,
        dialer: Arc<dyn Dialer>,
        recorder: Recorder,
        events: EventSink,
        stop: Stop,
        identity_seed: Secret<[u8; 32]>,
    ) -> Self {
        Self {
            grant,
            credential,
            dialer,
            recorder,
            events,
            stop,
            limits: GateLimits::default(),
            identity_seed,
        }
    }
}

/// Bounds that a gate keeps.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct GateLimits {
    /// The longest time until both legs are authenticated.
    pub handshake_timeout: Duration,
    /// The most channels or connections open at once inside the session.
    pub channels: usize,
}

impl Default for GateLimits {
    fn default() -> Self {
        Self {
            handshake_timeout: Duration::from_secs(30),
            channels: 64,
        }
    }
}

/// How a session ended and what it moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Why it ended.
    pub reason: EndReason,
    /// Payload bytes from the rep to the target.
    pub bytes_from_rep: u64,
    /// Payload bytes from the target to the rep.
    pub bytes_from_target: u64,
}

impl Outcome {
    /// A session that ended before any byte moved.
    #[must_use]
    pub const fn nothing_moved(reason: EndReason) -> Self {
        Self {
            reason,
            bytes_from_rep: 0,
            bytes_from_target: 0,
        }
    }
}

/// Which way a file went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferDirection {
    /// From the rep to the target.
    Upload,
    /// From the target to the rep.
    Download,
}

/// Something worth logging that happened in a session. Text from the rep or the target is kept as it came and
/// escaped where it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum SessionEvent {
    /// The target accepted the injected credential.
    CredentialInjected {
        /// Its kind: `password`, `private key`, `certificate`.
        kind: String,
        /// The user name on the target.
        username: String,
    },
    /// The target refused the injected credential.
    CredentialRefused {
        /// Its kind.
        kind: String,
        /// The user name on the target.
        username: String,
    },
    /// No key was pinned, the item's policy accepts the first, and this was it: the broker pins it.
    HostKeyFirstSeen {
        /// The key.
        key: HostKey,
    },
    /// The target showed a key that is not allowed; the session ended.
    HostKeyRefused {
        /// The key.
        key: HostKey,
    },
    /// No certificate was pinned, the item accepts the first, and this was it: the broker pins it.
    CertificateFirstSeen {
        /// SHA-256 of the certificate or RSA key, as 64 hexadecimal digits.
        sha256: Field,
    },
    /// The target showed a certificate or RSA key that is not allowed; the session ended.
    CertificateRefused {
        /// Its SHA-256, as 64 hexadecimal digits.
        sha256: Field,
    },
    /// A shell was opened.
    ShellStarted,
    /// A command was run; cut to 4096 bytes.
    CommandStarted {
        /// The command.
        command: String,
    },
    /// The file transfer subsystem was opened.
    FileTransferStarted,
    /// A file was moved and closed.
    FileTransferred {
        /// Which way.
        direction: TransferDirection,
        /// Its path on the target; cut to 4096 bytes.
        filename: String,
        /// How many bytes were moved.
        filesize: u64,
    },
    /// A file was not moved, or not to its end.
    FileTransferFailed {
        /// Which way.
        direction: TransferDirection,
        /// Its path on the target; cut to 4096 bytes.
        filename: String,
        /// How many bytes were moved.
        filesize: u64,
        /// Why not.
        why: String,
    },
    /// A file or an empty folder was removed.
    FileDeleted {
        /// Its path on the target; cut to 4096 bytes.
        filename: String,
    },
    /// A file or folder got another name.
    FileMoved {
        /// The path it had; cut to 4096 bytes.
        filename: String,
        /// The path it has; cut to 4096 bytes.
        destination: String,
    },
    /// A folder was made.
    DirectoryCreated {
        /// Its path on the target; cut to 4096 bytes.
        filename: String,
    },
    /// A connection was opened through the session.
    ConnectionOpened {
        /// To where.
        to: String,
    },
    /// Something was refused because the grant does not permit it.
    RequestRefused {
        /// What.
        what: String,
    },
    /// The recording lost bytes (mode `best_effort`).
    RecordingLost {
        /// How many so far.
        bytes: u64,
    },
    /// Something failed without ending the session.
    Problem {
        /// The kind.
        kind: ErrorKind,
        /// The message.
        message: String,
    },
}

/// Takes a session's events to the audit log. Bounded: a gate that says too much waits.
#[derive(Clone, Debug)]
pub struct EventSink(mpsc::Sender<SessionEvent>);

impl EventSink {
    /// A sink and the end from which its events are taken.
    #[must_use]
    pub fn channel(capacity: usize) -> (Self, mpsc::Receiver<SessionEvent>) {
        let (sender, receiver) = mpsc::channel(capacity.max(1));
        (Self(sender), receiver)
    }

    /// Reports an event; waits while the log is behind. If nobody takes events any more the session is ending, and
    /// the event is dropped with it. Cancel-safe: the event is reported or not, never twice.
    pub async fn report(&self, event: SessionEvent) {
        let _ = self.0.send(event).await;
    }
}
