//! Serving one session at the Jumpoint: check the grant, join the relay, let the rep in, run the gate.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use data_encoding::HEXLOWER;
use tokio::sync::mpsc;

use super::Jumpoint;
use super::idle::{LastByte, Watched};
use super::outbox::{Outbox, Reports};
use crate::audit::RecordingNote;
use crate::control::{JumpointRequest, OpenSession, SESSION_ALPN};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{JumpointId, SessionId};
use crate::keys::SigningKey;
use crate::protocol::{Backend, EventSink, GateContext, Outcome, SessionEvent};
use crate::recording::{Recorder, RecordingFolder, RecordingInfo, RecordingTask};
use crate::session::{
    Credential, CredentialBinding, EndReason, Grant, RecordingMode, SealedCredential, Stop, StopHandle,
};
use crate::tunnel::{RelayedSocket, TlsStream, dial_relay};

/// How long the rep has to come: the relay waits less.
const REP_PATIENCE: Duration = Duration::from_secs(30);
/// How long a gate may take to end after it was told to.
const GATE_PATIENCE: Duration = Duration::from_secs(1);
const EVENTS_WAITING: usize = 64;

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the sessions of one broker connection share.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) jumpoint: Jumpoint,
    pub(super) id: Option<JumpointId>,
    pub(super) session_key: SigningKey,
    pub(super) recordings: Option<RecordingFolder>,
    pub(super) outbox: Outbox,
}

/// A session whose grant was checked and is now used.
pub(super) struct Admitted {
    grant: Arc<Grant>,
    handle: StopHandle,
    stop: Stop,
    last: LastByte,
}

impl Admitted {
    /// How long the session may last, whatever the time of day is here.
    pub(super) fn lasts(&self) -> Duration {
        let granted = self.grant.until().duration_since(self.grant.issued());
        Duration::try_from(granted).unwrap_or(Duration::ZERO)
    }
}

/// Checks everything about the grant that the Jumpoint can check, and marks it used.
///
/// # Errors
/// [`ErrorKind::Grant`] if it is badly signed, expired, used before, for another Jumpoint or another connection.
pub(super) fn admit(served: &Served, open: &OpenSession) -> Result<Admitted> {
    let inner = &served.jumpoint.0;
    let now = inner.clock.now();
    let grant = open.grant.verify(&inner.broker.key, now)?;
    let refuse = |rule| Error::new(ErrorKind::Grant, "check a grant", rule);
    if Some(grant.jumpoint()) != served.id {
        return Err(refuse("it is for another jumpoint"));
    }
    if grant.jumpoint_key() != served.session_key.public() {
        return Err(refuse("it is for another connection of this jumpoint"));
    }
    lock(&inner.used_grants).redeem(&grant, now)?;
    let (handle, stop) = StopHandle::new();
    let mut sessions = lock(&inner.sessions);
    if sessions.contains_key(&grant.session()) {
        return Err(refuse("its session runs already"));
    }
    sessions.insert(grant.session(), handle.clone());
    Ok(Admitted {
        grant: Arc::new(grant),
        handle,
        stop,
        last: LastByte::now(),
    })
}

/// Runs the session to its end and reports it.
pub(super) async fn serve(served: Arc<Served>, open: OpenSession, admitted: Admitted) {
    let session = admitted.grant.session();
    let reports = served.outbox.session();
    let jumpoint = served.jumpoint.clone();
    // A panic in a protocol crate ends this session, reported like any other end, and no other.
    let run = tokio::spawn(run_until(served, open, admitted, reports.clone()));
    let Ended { outcome, recording } = run.await.unwrap_or_else(|_| {
        let error = Error::new(
            ErrorKind::Internal,
            "serve the session",
            "the gate failed: this is a bug, please report it",
        );
        Ended::before_it_began(EndReason::from_error(&error))
    });
    lock(&jumpoint.0.sessions).remove(&session);
    tracing::info!(%session, reason = %outcome.reason, "session ended");
    reports
        .report(JumpointRequest::SessionEnded {
            session,
            outcome,
            recording,
        })
        .await;
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

async fn run(served: Arc<Served>, open: OpenSession, admitted: Admitted, reports: Reports) -> Ended {
    let session = admitted.grant.session();
    let mut stop = admitted.stop.clone();
    let start = Box::pin(async {
        let started = start(&served, open, &admitted).await?;
        reports.report(JumpointRequest::SessionStarted { session }).await;
        Ok::<_, Error>(started)
    });
    let started = tokio::select! {
        biased;
        reason = stop.stopped() => return Ended::before_it_began(reason),
        started = start => started,
    };
    let started = match started {
        Ok(started) => started,
        Err(error) => return Ended::before_it_began(EndReason::from_error(&error)),
    };
    let events = tokio::spawn(forward_events(started.events, session, reports));
    let rep = Watched {
        stream: started.rep,
        last: admitted.last.clone(),
    };
    let gate = started.backend.gate(Box::new(rep), started.context);
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
                tracing::warn!(session = %admitted.grant.session(), %error, "the recording failed");
            }
            Err(error) => outcome.reason = EndReason::RecordingFailed(error.to_string()),
        }
    }
    let _ = events.await;
    Ended { outcome, recording }
}

/// Runs the session, and ends it at its time even if the broker cannot be asked any more.
async fn run_until(served: Arc<Served>, open: OpenSession, admitted: Admitted, reports: Reports) -> Ended {
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
    let run = Box::pin(run(served, open, admitted, reports));
    tokio::pin!(deadline, idle, run);
    tokio::select! {
        ended = &mut run => return ended,
        () = &mut deadline => handle.stop(EndReason::Expired),
        () = &mut idle => handle.stop(EndReason::Idle),
    }
    run.await
}

struct Started {
    backend: Arc<dyn Backend>,
    rep: TlsStream<RelayedSocket>,
    context: GateContext,
    recording: Option<RecordingTask>,
    events: mpsc::Receiver<SessionEvent>,
}

/// Everything up to the gate. The relay is dialled while the recording's header is written.
async fn start(served: &Served, mut open: OpenSession, admitted: &Admitted) -> Result<Started> {
    let grant = &admitted.grant;
    let inner = &served.jumpoint.0;
    let backend = inner.backends.get(grant.protocol())?;
    let credential = open_credential(served, grant, open.credential.take())?;
    let (rep, recording) =
        tokio::try_join!(join_relay(served, grant, &open), start_recording(served, grant))?;
    let (recorder, recording) = recording;
    let identity_seed = inner
        .identity
        .key
        .derive("gate identity v1", &grant.item().get().to_be_bytes())?;
    let (sink, events) = EventSink::channel(EVENTS_WAITING);
    let context = GateContext::new(
        grant.clone(),
        credential,
        inner.dialer.clone(),
        recorder,
        sink,
        admitted.stop.clone(),
        identity_seed,
    );
    Ok(Started {
        backend,
        rep,
        context,
        recording,
        events,
    })
}

fn open_credential(
    served: &Served,
    grant: &Grant,
    sealed: Option<SealedCredential>,
) -> Result<Option<Credential>> {
    let (Some(sealed), Some(target)) = (sealed, grant.target().addresses.first()) else {
        return Ok(None);
    };
    let binding = CredentialBinding {
        item: grant.item(),
        jumpoint: grant.jumpoint(),
        target: target.clone(),
    };
    sealed
        .open(&served.jumpoint.0.identity.sealing_key, &binding)
        .map(Some)
}

async fn join_relay(served: &Served, grant: &Grant, open: &OpenSession) -> Result<TlsStream<RelayedSocket>> {
    let inner = &served.jumpoint.0;
    let address = open.relay.as_deref().unwrap_or(&inner.broker.address);
    let socket = dial_relay(&*inner.transport, address, &open.ticket, REP_PATIENCE).await?;
    let rep = grant.rep_key();
    let stream = inner.tls.accept(
        socket,
        &[],
        &served.session_key,
        Some(&rep),
        SESSION_ALPN,
        REP_PATIENCE,
    );
    Box::pin(stream).await
}

async fn start_recording(served: &Served, grant: &Grant) -> Result<(Recorder, Option<RecordingTask>)> {
    if grant.recording() == RecordingMode::Off {
        return Ok((Recorder::off(), None));
    }
    let folder = served.recordings.as_ref().ok_or_else(|| {
        let rule = "this jumpoint has no place for recordings, or the site has no recording key";
        Error::new(ErrorKind::Storage, "record the session", rule)
    })?;
    let info = RecordingInfo {
        session: grant.session(),
        user_name: grant.user_name().to_owned(),
        item_name: grant.item_name().to_owned(),
        protocol: grant.protocol().to_owned(),
        started: served.jumpoint.0.clock.now(),
        mode: grant.recording(),
    };
    let (recorder, task) = folder.start(info).await?;
    Ok((recorder, Some(task)))
}

async fn forward_events(mut events: mpsc::Receiver<SessionEvent>, session: SessionId, reports: Reports) {
    let mut number = 0;
    while let Some(event) = events.recv().await {
        number += 1;
        reports
            .report(JumpointRequest::SessionEvent {
                session,
                number,
                event,
            })
            .await;
    }
}
