//! The gate: an RDP client toward the target, an RDP server toward the rep's client, and their messages passed on between
//! them as they came but for the few places that have to differ.
//!
//! The target comes first. Only when it has let us in is the client let in. Both legs' encryption and logins are their own;
//! behind them [`filter`] has one verdict per message.

mod channels;
mod credssp;
pub mod filter;
mod item;
mod leg;
mod pass;
mod record;
mod rep;
mod target;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use jump_core::ErrorKind;
use jump_core::protocol::{EventSink, GateContext, Outcome, SessionEvent};
use jump_core::recording::{RecordKind, Recorder};
use jump_core::session::EndReason;
use jump_core::stream::BoxStream;
use tokio::io::AsyncWriteExt;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout, timeout_at};

use self::filter::{Filter, FilterOptions};
use self::pass::{Down, Up};
use self::rep::Client;
use self::target::Target;
use crate::wire::connect::Asked;
pub use record::{RdpRecord, Refused};
pub use rep::refuse;

/// How long a side may take to hear that the session ends.
const GOODBYE: Duration = Duration::from_millis(250);
/// Everything is recorded on one channel.
const CHANNEL: u32 = 0;

/// What both directions share.
struct Shared {
    recorder: Recorder,
    events: EventSink,
    filter: Mutex<Filter>,
    /// Whether the target may have been given half of a message.
    sending_up: AtomicBool,
    /// The filter may have something to tell the target, or the client.
    told_target: Notify,
    told_client: Notify,
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
pub async fn run(rep: BoxStream, mut context: GateContext) -> Outcome {
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
        connected = timeout_at(deadline, Box::pin(connecting)) => match connected {
            Ok(connected) => connected.map_err(|error| EndReason::from_error(&error)),
            Err(_) => Err(too_slow("the target did not finish its RDP handshake in time")),
        },
    };
    let target = match connected {
        Ok(target) => target,
        Err(reason) => {
            rep::refuse(rep).await;
            return Outcome::nothing_moved(reason);
        }
    };
    let greeting = rep::let_in(rep, target.flags);
    let greeted = tokio::select! {
        biased;
        reason = context.stop.stopped() => Err(reason),
        greeted = timeout_at(deadline, Box::pin(greeting)) => match greeted {
            Ok(Err(error)) if error.kind() == ErrorKind::Closed => Err(EndReason::RepClosed),
            Ok(greeted) => greeted.map_err(|error| EndReason::from_error(&error)),
            Err(_) => Err(too_slow("the rep's client did not begin in time")),
        },
    };
    match greeted {
        Ok(client) => serve(client, target, context).await,
        Err(reason) => Outcome::nothing_moved(reason),
    }
}

fn too_slow(message: &str) -> EndReason {
    EndReason::Failed {
        kind: ErrorKind::Timeout,
        message: message.to_owned(),
    }
}

async fn serve(client: Client, target: Target, context: GateContext) -> Outcome {
    let permissions = context.grant.permissions();
    let shared = Shared {
        recorder: context.recorder.clone(),
        events: context.events.clone(),
        filter: Mutex::new(Filter::new(FilterOptions {
            permissions,
            selected: target.selected.bits(),
            asked: Asked {
                target: target.asked.bits(),
                client: client.requested.bits(),
            },
            login: target.login,
            item: context.grant.target().rdp.clone(),
        })),
        sending_up: AtomicBool::new(false),
        told_target: Notify::new(),
        told_client: Notify::new(),
        from_rep: AtomicU64::new(0),
        from_target: AtomicU64::new(0),
    };
    let mut stop = context.stop.clone();
    let (from_rep, mut to_rep) = tokio::io::split(client.stream);
    let (from_target, mut to_target) = tokio::io::split(target.stream);
    let mut down = Down::new(&shared);
    let reason = {
        let up = Up::new(&shared);
        // Outermost, so that nothing the session waits for keeps it from ending.
        tokio::select! {
            biased;
            reason = stop.stopped() => reason,
            reason = up.run(from_rep, client.early, &mut to_target) => reason,
            reason = down.run(from_target, target.early, &mut to_rep) => reason,
        }
    };
    // A client that was given half of a message could not read what follows.
    if down.between_messages() {
        let words = pass::lock(&shared.filter).goodbye(&reason);
        let _ = timeout(GOODBYE, to_rep.write_all(&words)).await;
    }
    let _ = timeout(GOODBYE, to_rep.shutdown()).await;
    let release = pass::lock(&shared.filter).release();
    if !release.is_empty() && !shared.sending_up.load(Ordering::Relaxed) {
        let release = Bytes::from(release);
        // The target is not to suffer from a recording that is late or has failed.
        let _ = timeout(GOODBYE, shared.record(RecordKind::FromRep, release.clone())).await;
        let _ = timeout(GOODBYE, to_target.write_all(&release)).await;
    }
    let _ = timeout(GOODBYE, to_target.shutdown()).await;
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
