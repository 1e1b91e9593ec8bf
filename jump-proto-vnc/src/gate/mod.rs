//! The gate: an RFB client toward the target, an RFB server toward the rep's viewer, and their messages passed on
//! between them as they came.
//!
//! The target comes first. Only when it has let us in is the viewer let in, without a login: it is inside the session's own
//! encryption. If anything fails before, the viewer is told why in its own protocol.

mod down;
mod encodings;
mod formats;
mod leg;
mod policy;
mod record;
mod target;
mod up;
mod viewer;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use jump_core::ErrorKind;
use jump_core::protocol::{EventSink, GateContext, Outcome, SessionEvent};
use jump_core::recording::{RecordKind, Recorder};
use jump_core::session::{EndReason, SessionPermissions};
use jump_core::stream::BoxStream;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout, timeout_at};

use self::formats::Formats;
use self::target::Target;
use crate::walk::Follower;
pub use record::{Refused, VncRecord};

/// How long a side may take to hear that the session ends.
const GOODBYE: Duration = Duration::from_millis(250);
/// Everything is recorded on one channel.
const CHANNEL: u32 = 0;

/// What both directions share.
struct Shared {
    permissions: SessionPermissions,
    recorder: Recorder,
    events: EventSink,
    formats: Formats,
    from_rep: AtomicU64,
    from_target: AtomicU64,
}

impl Shared {
    /// Records bytes before they are passed on.
    async fn record(&self, kind: RecordKind, bytes: Bytes) -> Result<(), EndReason> {
        self.recorder
            .record(CHANNEL, kind, bytes)
            .await
            .map_err(|error| EndReason::RecordingFailed(error.to_string()))
    }
}

/// Runs a session to its end; see [`Backend::gate`](jump_core::protocol::Backend::gate).
pub(crate) async fn run(rep: BoxStream, mut context: GateContext) -> Outcome {
    let deadline = Instant::now() + context.limits.handshake_timeout;
    let credential = context.credential.take();
    let connecting = target::connect(
        &context.grant,
        context.dialer.as_ref(),
        credential,
        &context.events,
    );
    let connected = tokio::select! {
        biased;
        reason = context.stop.stopped() => Err(reason),
        connected = timeout_at(deadline, connecting) => match connected {
            Ok(connected) => connected.map_err(|error| EndReason::from_error(&error)),
            Err(_) => Err(too_slow("the target did not finish its VNC handshake in time")),
        },
    };
    match connected {
        Ok(target) => serve(rep, *target, context, deadline).await,
        Err(reason) => {
            viewer::refuse(rep, reason.to_string()).await;
            Outcome::nothing_moved(reason)
        }
    }
}

fn too_slow(message: &str) -> EndReason {
    EndReason::Failed {
        kind: ErrorKind::Timeout,
        message: message.to_owned(),
    }
}

fn failed(error: crate::RfbError, operation: &'static str) -> EndReason {
    EndReason::from_error(&error.into_error(operation))
}

async fn serve(mut rep: BoxStream, target: Target, context: GateContext, deadline: Instant) -> Outcome {
    let shared = Shared {
        permissions: context.grant.permissions(),
        recorder: context.recorder.clone(),
        events: context.events.clone(),
        formats: Formats::default(),
        from_rep: AtomicU64::new(0),
        from_target: AtomicU64::new(0),
    };
    let mut stop = context.stop.clone();
    let starting = start(&mut rep, &target.server_init, &shared);
    let started = tokio::select! {
        biased;
        reason = stop.stopped() => Err(reason),
        started = timeout_at(deadline, starting) => match started {
            Ok(started) => started,
            Err(_) => Err(too_slow("the rep's viewer did not start the protocol in time")),
        },
    };
    let reason = match started {
        Ok(early) => {
            let (from_rep, mut to_rep) = tokio::io::split(rep);
            let mut up = up::Up::new(target.writer, &shared);
            let follower = Follower::new(target.format).on_screen(target.size);
            // Outermost, so that nothing the session waits for keeps it from ending.
            let reason = tokio::select! {
                biased;
                reason = stop.stopped() => reason,
                reason = up.run(from_rep, early) => reason,
                reason = down::run(target.reader, target.early, follower, &mut to_rep, &shared) => reason,
            };
            up.release().await;
            let _ = timeout(GOODBYE, to_rep.shutdown()).await;
            reason
        }
        Err(reason) => {
            let _ = timeout(GOODBYE, rep.shutdown()).await;
            reason
        }
    };
    let lost = shared.recorder.lost();
    if lost > 0 {
        shared
            .events
            .report(SessionEvent::RecordingLost { bytes: lost })
            .await;
    }
    Outcome {
        reason,
        bytes_from_rep: shared.from_rep.load(Ordering::Relaxed),
        bytes_from_target: shared.from_target.load(Ordering::Relaxed),
    }
}

/// Lets the viewer in and gives it the target's first words; what it sent beyond.
async fn start(rep: &mut BoxStream, server_init: &[u8], shared: &Shared) -> Result<Vec<u8>, EndReason> {
    let early = viewer::let_in(rep).await?;
    let init = Bytes::copy_from_slice(server_init);
    let length = init.len() as u64;
    shared.record(RecordKind::FromTarget, init.clone()).await?;
    let client_init = Bytes::from_static(&[target::SHARED as u8]);
    shared.record(RecordKind::FromRep, client_init).await?;
    rep.write_all(&init).await.map_err(|_| EndReason::RepLost)?;
    rep.flush().await.map_err(|_| EndReason::RepLost)?;
    shared.from_target.fetch_add(length, Ordering::Relaxed);
    Ok(early)
}
