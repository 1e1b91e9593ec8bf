//! What a gate is given, with every end in the test's hand.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use jump_core::error::{Error, ErrorKind, Result};
use jump_core::model::TargetAddress;
use jump_core::protocol::{Dialer, EventSink, GateContext, Outcome, SessionEvent};
use jump_core::recording::{Queue, Record, Recorder};
use jump_core::secret::Secret;
use jump_core::session::{Credential, CredentialSecret, Grant, RecordingMode, StopHandle};
use jump_core::stream::BoxStream;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::waiting::soon;

/// Dials IP addresses directly, with no policy of its own.
#[derive(Clone, Copy, Debug, Default)]
pub struct DirectDialer;

#[async_trait]
impl Dialer for DirectDialer {
    async fn dial(&self, target: &TargetAddress) -> Result<BoxStream> {
        let failed = |error| Error::from_io(ErrorKind::TargetUnreachable, "connect to the target", error);
        let address: IpAddr = target.host().as_str().parse().map_err(|_| {
            Error::new(
                ErrorKind::InvalidArgument,
                "connect to the target",
                "tests dial IP addresses only",
            )
        })?;
        let stream = TcpStream::connect((address, target.port()))
            .await
            .map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        Ok(Box::new(stream))
    }
}

/// The other ends of a [`GateContext`].
#[derive(Debug)]
pub struct GateEnds {
    /// Ends the session.
    pub stop: StopHandle,
    /// What the gate reports; up to 1024 events wait.
    pub events: mpsc::Receiver<SessionEvent>,
    /// What the gate records; `None` if the grant says that nothing is. Take from it, or the gate waits.
    pub recording: Option<Queue>,
}

/// A context for a grant: [`DirectDialer`] unless another dialer is put in, room for 4 MiB of recording, and the other
/// end of everything.
pub fn context(grant: Grant, credential: Option<Credential>) -> (GateContext, GateEnds) {
    let (recorder, recording) = match grant.recording() {
        RecordingMode::Off => (Recorder::off(), None),
        mode => {
            let (recorder, queue) = Recorder::queue(mode, 4 << 20);
            (recorder, Some(queue))
        }
    };
    let (events, taken) = EventSink::channel(1024);
    let (handle, stop) = StopHandle::new();
    let context = GateContext::new(
        Arc::new(grant),
        credential,
        Arc::new(DirectDialer),
        recorder,
        events,
        stop,
        Secret::new([7; 32]),
    );
    let ends = GateEnds {
        stop: handle,
        events: taken,
        recording,
    };
    (context, ends)
}

/// A gate that runs, with all that it records taken from it.
#[derive(Debug)]
pub struct RunningGate {
    /// Ends the session.
    pub stop: StopHandle,
    /// What the gate reports; up to 1024 events wait.
    pub events: mpsc::Receiver<SessionEvent>,
    /// How the session ends.
    pub outcome: JoinHandle<Outcome>,
    /// What was recorded so far.
    pub records: Arc<Mutex<Vec<Record>>>,
    taken: Option<JoinHandle<()>>,
}

impl RunningGate {
    /// Runs a gate that was given the other side of these ends.
    pub fn start(ends: GateEnds, gate: impl Future<Output = Outcome> + Send + 'static) -> Self {
        let records = Arc::new(Mutex::new(Vec::new()));
        let taken = ends.recording.map(|mut queue| {
            let records = records.clone();
            tokio::spawn(async move {
                while let Some(record) = queue.next().await {
                    records
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(record);
                }
            })
        });
        Self {
            stop: ends.stop,
            events: ends.events,
            outcome: tokio::spawn(gate),
            records,
            taken,
        }
    }

    /// Waits until the session has ended and everything is recorded; how, and what was reported.
    ///
    /// # Panics
    /// If the gate panicked, or the session does not end.
    #[allow(clippy::expect_used, reason = "a gate that panics fails a test here")]
    pub async fn end(mut self) -> (Outcome, Vec<SessionEvent>) {
        let outcome = soon(self.outcome).await.expect("the gate does not panic");
        let mut events = Vec::new();
        while let Some(event) = self.events.recv().await {
            events.push(event);
        }
        if let Some(taken) = self.taken {
            soon(taken).await.expect("records are taken");
        }
        (outcome, events)
    }
}

/// A name and a password.
#[must_use]
pub fn login(user: &str, word: &str) -> Option<Credential> {
    Some(Credential {
        username: user.to_owned(),
        secret: CredentialSecret::Password(Secret::new(word.to_owned())),
    })
}
