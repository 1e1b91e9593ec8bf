//! Running the gate of one session, from an admitted grant to the last report.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use data_encoding::HEXLOWER;
use tokio::sync::mpsc;

use super::Reports;
use super::idle::{LastByte, Watched};
use crate::audit::RecordingNote;
use crate::control::GateReport;
use crate::error::{Error, ErrorKind, Result};
use crate::id::SessionId;
use crate::keys::SigningKey;
use crate::protocol::{Backend, Dialer, EventSink, GateContext, Outcome, SessionEvent};
use crate::recording::{Recorder, RecordingFolder, RecordingInfo, RecordingTask};
use crate::session::{Credential, EndReason, Grant, RecordingMode, Stop, StopHandle};
use crate::stream::ByteStream;
use crate::time::Clock;

/// How long a gate may take to end after it was told to.
const GATE_PATIENCE: Duration = Duration::from_secs(1);
const EVENTS_WAITING: usize = 64;

/// A session whose grant was checked and is now used.
pub(crate) struct Admitted {
    grant: Arc<Grant>,
    handle: StopHandle,
    last: LastByte,
}

impl Admitted {
    /// The session of a grant that nobody has used before; its time begins.
    pub(crate) fn new(grant: Arc<Grant>) -> Self {
        Self {
            grant,
            handle: StopHandle::new().0,
            last: LastByte::now(),
        }
    }

    /// What was granted.
    pub(crate) const fn grant(&self) -> &Arc<Grant> {
        &self.grant
    }

    /// What ends the session.
    pub(crate) const fn handle(&self) -> &StopHandle {
        &self.handle
    }

    /// How long the session may last, whatever the time of day is here.
    pub(crate) fn lasts(&self) -> Duration {
        let granted = self.grant.until().duration_since(self.grant.issued());
        Duration::try_from(granted).unwrap_or(Duration::ZERO)
    }
}

/// Starts the recording that the grant asks for, if it asks for one. When this returns, its header is on stable storage.
///
/// # Errors
/// [`ErrorKind::Storage`], with `no_folder` as its message, if there is no folder to record in; what
/// [`RecordingFolder::start`] fails with.
pub(crate) async fn record(
    grant: &Grant,
    folder: Option<&RecordingFolder>,
    clock: &dyn Clock,
    no_folder: &'static str,
) -> Result<(Recorder, Option<RecordingTask>)> {
    if grant.recording() == RecordingMode::Off {
        return Ok((Recorder::off(), None));
    }
    let folder = folder.ok_or_else(|| Error::new(ErrorKind::Storage, "record the session", no_folder))?;
    let info = RecordingInfo {
        session: grant.session(),
        user_name: grant.user_name().to_owned(),
        item_name: grant.item_name().to_owned(),
        protocol: grant.protocol().to_owned(),
        started: clock.now(),
        mode: grant.recording(),
    };
    let (recorder, task) = folder.start(info).await?;
    Ok((recorder, Some(task)))
}

/// All that a gate needs.
pub(crate) struct Prepared<S> {
    pub(crate) backend: Arc<dyn Backend>,
    /// The plaintext side of the rep's stream.
    pub(crate) rep: S,
    pub(crate) credential: Option<Credential>,
    pub(crate) dialer: Arc<dyn Dialer>,
    /// The recorder, and the task that writes what it takes; none if nothing is recorded.
    pub(crate) recording: (Recorder, Option<RecordingTask>),
    /// The key from which the gate's own identity for this item is made.
    pub(crate) identity: SigningKey,
}

/// How a session ended, and what became of its recording.
struct Ended {
    outcome: Outcome,
    recording: Option<RecordingNote>,
}

impl Ended {
    const fn before_it_began(reason: EndReason) -> Self {
        Self {
            outcome: Outcome::nothing_moved(reason),
            recording: None,
        }
    }
}

/// Prepares the session with `prepare`, runs it to its end and reports it; `over` hears how it ended before the broker does.
/// `prepare` is dropped where it is if the session is ended meanwhile.
pub(crate) async fn serve<S, P>(
    admitted: Admitted,
    prepare: P,
    reports: Reports,
    over: impl FnOnce(&EndReason),
) where
    S: ByteStream,
    P: Future<Output = Result<Prepared<S>>> + Send + 'static,
{
    let session = admitted.grant.session();
    // A panic in a protocol crate ends this session, reported like any other end, and no other.
    let run = tokio::spawn(run_until(admitted, prepare, reports.clone()));
    let Ended { outcome, recording } = run.await.unwrap_or_else(|_| {
        let error = Error::new(
            ErrorKind::Internal,
            "serve the session",
            "the gate failed: this is a bug, please report it",
        );
        Ended::before_it_began(EndReason::from_error(&error))
    });
    over(&outcome.reason);
    tracing::info!(%session, reason = %outcome.reason, "session ended");
    reports
        .report(GateReport::Ended {
            session,
            outcome,
            recording,
        })
        .await;
}

/// Runs the session, and ends it at its time even if the broker cannot be asked any more.
async fn run_until<S, P>(admitted: Admitted, prepare: P, reports: Reports) -> Ended
where
    S: ByteStream,
    P: Future<Output = Result<Prepared<S>>> + Send,
{
    let deadline = tokio::time::sleep(admitted.lasts());
    let handle = admitted.handle.clone();
    let last = admitted.last.clone();
    let limit = admitted.grant.idle_limit_seconds();
    let idle = async {
        match limit {
            Some(seconds) => last.silent_for(Duration::from_secs(seconds.into())).await,
            None => std::future::pending().await,
        }
    };
    let run = Box::pin(run(admitted, prepare, reports));
    tokio::pin!(deadline, idle, run);
    tokio::select! {
        ended = &mut run => return ended,
        () = &mut deadline => handle.stop(EndReason::Expired),
        () = &mut idle => handle.stop(EndReason::Idle),
    }
    run.await
}

async fn run<S, P>(admitted: Admitted, prepare: P, reports: Reports) -> Ended
where
    S: ByteStream,
    P: Future<Output = Result<Prepared<S>>> + Send,
{
    let session = admitted.grant.session();
    let mut stop = admitted.handle.subscribe();
    let start = Box::pin(async {
        let started = start(prepare.await?, &admitted, stop.clone())?;
        reports.report(GateReport::Started { session }).await;
        Ok::<_, Error>(started)
    });
    let mut ended = stop.clone();
    let started = tokio::select! {
        biased;
        reason = ended.stopped() => return Ended::before_it_began(reason),
        started = start => started,
    };
    let started = match started {
        Ok(started) => started,
        Err(error) => return Ended::before_it_began(EndReason::from_error(&error)),
    };
    let events = tokio::spawn(forward_events(started.events, session, reports));
    let gate = started.backend.gate(Box::new(started.rep), started.context);
    let mut outcome = tokio::select! {
        outcome = gate => outcome,
        // Dropping a gate cuts both legs: nothing that a protocol crate waits for keeps a session alive.
        reason = async { let reason = stop.stopped().await; tokio::time::sleep(GATE_PATIENCE).await; reason } => {
            tracing::error!(%session, "the gate did not stop and was cut: this is a bug, please report it");
            Outcome::nothing_moved(reason)
        }
    };
    // Every recorder and event sink was dropped with the gate: both queues end.
    let mut recording = None;
    if let Some(task) = started.recording {
        match task.finish().await {
            Ok(summary) => {
                recording = Some(RecordingNote {
                    hash: HEXLOWER.encode(&summary.hash),
                    bytes: summary.bytes,
                    lost: summary.lost,
                });
            }
            Err(error) if admitted.grant.recording() == RecordingMode::BestEffort => {
                tracing::warn!(%session, %error, "the recording failed");
            }
            Err(error) => outcome.reason = EndReason::RecordingFailed(error.to_string()),
        }
    }
    let _ = events.await;
    Ended { outcome, recording }
}

struct Started<S> {
    backend: Arc<dyn Backend>,
    rep: Watched<S>,
    context: GateContext,
    recording: Option<RecordingTask>,
    events: mpsc::Receiver<SessionEvent>,
}

fn start<S>(prepared: Prepared<S>, admitted: &Admitted, stop: Stop) -> Result<Started<S>> {
    let grant = &admitted.grant;
    let identity_seed = prepared
        .identity
        .derive("gate identity v1", &grant.item().get().to_be_bytes())?;
    let (sink, events) = EventSink::channel(EVENTS_WAITING);
    let (recorder, recording) = prepared.recording;
    let context = GateContext::new(
        grant.clone(),
        prepared.credential,
        prepared.dialer,
        recorder,
        sink,
        stop,
        identity_seed,
    );
    Ok(Started {
        backend: prepared.backend,
        rep: Watched {
            stream: prepared.rep,
            last: admitted.last.clone(),
        },
        context,
        recording,
        events,
    })
}

async fn forward_events(mut events: mpsc::Receiver<SessionEvent>, session: SessionId, reports: Reports) {
    let mut number = 0;
    while let Some(event) = events.recv().await {
        number += 1;
        reports
            .report(GateReport::Event {
                session,
                number,
                event,
            })
            .await;
    }
}
