//! The Jumpoint's half: dials what was granted, and nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jump_core::error::{Error, ErrorKind, Result};
use jump_core::model::TargetAddress;
use jump_core::protocol::{GateContext, Outcome, SessionEvent};
use jump_core::recording::RecordKind;
use jump_core::session::EndReason;
use jump_core::stream::BoxStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::connection::{Counts, carry};
use crate::driver::Driver;
use crate::link::{Handle, SessionEnd, Shared};
use crate::mux::Role;
use crate::record::TunnelRecord;
use crate::wire::Failure;

/// What the tasks of one session share.
struct Session {
    context: GateContext,
    bytes_from_rep: AtomicU64,
    bytes_from_target: AtomicU64,
}

/// Runs the gate until the session ends; see [`Backend::gate`](jump_core::protocol::Backend::gate).
pub(crate) async fn run(rep: BoxStream, context: GateContext) -> Outcome {
    let shared = Shared::new(Role::Gate, context.limits.channels);
    let mut driver = Driver::new(rep, shared.clone());
    let mut stop = context.stop.clone();
    let session = Arc::new(Session {
        context,
        bytes_from_rep: AtomicU64::new(0),
        bytes_from_target: AtomicU64::new(0),
    });
    let mut connections = JoinSet::new();
    let (reason, last_word) = tokio::select! {
        biased;
        reason = stop.stopped() => {
            let why = Failure::from(&reason.to_error());
            (reason, Some((why, false)))
        }
        end = drive(&mut driver, &shared, &session) => {
            (end_reason(&end), Driver::last_word(&end).map(|why| (why, true)))
        }
        error = serve(&shared, &session, &mut connections) => {
            let why = Failure::from(&error);
            (EndReason::RecordingFailed(error.to_string()), Some((why, false)))
        }
    };
    // First everything stops moving; then there is time for words.
    connections.shutdown().await;
    shared.end(&SessionEnd::Closed);
    if let Some((why, finish)) = last_word {
        driver.farewell(why, finish).await;
    }
    Outcome {
        reason,
        bytes_from_rep: session.bytes_from_rep.load(Ordering::Relaxed),
        bytes_from_target: session.bytes_from_target.load(Ordering::Relaxed),
    }
}

/// Moves the session's bytes; fails it if the rep does not greet in time.
async fn drive(driver: &mut Driver, shared: &Shared, session: &Session) -> SessionEnd {
    let greeting = timeout(session.context.limits.handshake_timeout, shared.ready());
    let mut driving = std::pin::pin!(driver.run());
    tokio::select! {
        end = &mut driving => return end,
        greeted = greeting => if greeted.is_err() {
            let message = "the rep did not start the protocol in time";
            return SessionEnd::Failed(Failure::new(ErrorKind::Timeout, message));
        }
    }
    driving.await
}

fn end_reason(end: &SessionEnd) -> EndReason {
    match end {
        SessionEnd::Closed => EndReason::RepClosed,
        SessionEnd::Bye(failure) if failure.kind == ErrorKind::Closed => EndReason::RepClosed,
        SessionEnd::Bye(failure) | SessionEnd::Failed(failure) => EndReason::Failed {
            kind: failure.kind,
            message: failure.text.clone(),
        },
        SessionEnd::Lost => EndReason::RepLost,
    }
}

/// Serves every open in a task of its own, so that a slow dial holds nobody up. There are never more tasks than streams.
/// Ends only if the recording fails.
async fn serve(shared: &Arc<Shared>, session: &Arc<Session>, connections: &mut JoinSet<Result<()>>) -> Error {
    loop {
        tokio::select! {
            (handle, target) = shared.next_open() => {
                connections.spawn(connection(handle, target, session.clone()));
            }
            Some(ended) = connections.join_next() => {
                if let Ok(Err(error)) = ended {
                    return error;
                }
            }
        }
    }
}

/// One stream from its open to its end.
///
/// # Errors
/// Only a failure of the recording, which ends the session.
async fn connection(handle: Handle, target: TargetAddress, session: Arc<Session>) -> Result<()> {
    let context = &session.context;
    let channel = handle.id();
    let record = async |record: TunnelRecord| {
        context
            .recorder
            .record(channel, RecordKind::Event, record.payload())
            .await
    };
    let to = target.to_string();
    let stream = match connect(&target, &session).await {
        Ok(stream) => stream,
        Err(error) => {
            record(TunnelRecord::Refused {
                to,
                kind: error.kind(),
            })
            .await?;
            handle.refuse(&error);
            return Ok(());
        }
    };
    context
        .events
        .report(SessionEvent::ConnectionOpened { to: to.clone() })
        .await;
    record(TunnelRecord::Opened { to }).await?;
    if handle.accept().is_err() {
        // The rep took its open back in the meantime; it counts as a stream until here, so that opening and resetting
        // in a loop makes no more dials at once than there may be streams.
        return record(TunnelRecord::Closed {
            from_rep: 0,
            from_target: 0,
            complete: false,
        })
        .await;
    }
    let counts = Counts {
        from_rep: &session.bytes_from_rep,
        from_target: &session.bytes_from_target,
        recorder: &context.recorder,
    };
    let closed = carry(handle, stream, counts).await?;
    record(closed).await
}

/// Dials the target if the grant permits it; it is checked for every stream anew.
async fn connect(target: &TargetAddress, session: &Session) -> Result<BoxStream> {
    let context = &session.context;
    if !context.grant.target().addresses.contains(target) {
        let what = format!("a connection to {target}");
        context.events.report(SessionEvent::RequestRefused { what }).await;
        let message = format!("{target} is not among the addresses of the jump item");
        return Err(Error::new(ErrorKind::Denied, "open a tunnel stream", message));
    }
    match context.dialer.dial(target).await {
        Ok(stream) => Ok(stream),
        Err(error) => {
            let problem = SessionEvent::Problem {
                kind: error.kind(),
                message: error.to_string(),
            };
            context.events.report(problem).await;
            Err(error)
        }
    }
}
