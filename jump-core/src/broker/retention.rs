//! Removing what need not be kept any longer: old events of the audit log, and recordings at the Jumpoints.

use std::time::Duration;

use super::{Broker, accounting};
use crate::audit::{Actor, AuditKind, RemovalBound, RemovedEvents};
use crate::error::{Error, ErrorKind, Result};
use crate::export::Delivered;
use crate::id::{JumpointId, SessionId};
use crate::session::GatePlace;
use crate::store::SessionState;
use crate::time::SignedDuration;

/// How often old events are looked for.
const EVERY: Duration = Duration::from_secs(60 * 60);

/// The shortest time for which anything is kept.
const SHORTEST: SignedDuration = SignedDuration::from_hours(24);

impl Broker {
    /// Removes the audit log's events that are older than `days`, from the oldest on and up to a signed checkpoint; gives what
    /// was removed, `None` if nothing had to go. Left are, besides what is younger: everything from the first event on that one
    /// of `exports` still has to deliver, or that granted a session that still runs.
    ///
    /// The removal is an event itself, durable before anything is removed. Not cancel-safe: a cancelled removal may happen.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for less than one day or more than 36,500; as
    /// [`AuditLog::prepare_removal`](crate::audit::AuditLog::prepare_removal) and
    /// [`AuditLog::remove`](crate::audit::AuditLog::remove).
    pub async fn remove_old_events(&self, days: u32, exports: &[Delivered]) -> Result<Option<RemovedEvents>> {
        if !(1..=36_500).contains(&days) {
            let rule = "events are kept for one day to 36,500";
            return Err(Error::new(ErrorKind::InvalidArgument, "remove old events", rule));
        }
        let now = self.now();
        let kept = SHORTEST.saturating_mul(i32::try_from(days).unwrap_or(i32::MAX));
        let Ok(older_than) = now.checked_sub(kept) else {
            return Ok(None);
        };
        let bound = RemovalBound {
            older_than,
            delivered: exports.iter().map(Delivered::sequence).min().unwrap_or(u64::MAX),
            running: accounting::not_over(self),
            now,
            reason: format!("older than {days} days"),
        };
        let Some(removal) = self.0.audit.prepare_removal(bound).await? else {
            return Ok(None);
        };
        let removed = removal.removed().clone();
        self.log(Actor::System, None, AuditKind::EventsRemoved(removed.clone()))
            .await?;
        if let Err(error) = self.0.audit.remove(removal).await {
            let not_removed = AuditKind::EventsNotRemoved {
                last: removed.last,
                kind: error.kind(),
                message: error.to_string(),
            };
            self.log(Actor::System, None, not_removed).await?;
            return Err(error);
        }
        Ok(Some(removed))
    }

    /// Does that now and every hour, for as long as it is polled; failures are reported and tried again. Not cancel-safe: a
    /// removal that was begun may happen.
    pub async fn keep_events(&self, days: u32, exports: Vec<Delivered>) {
        loop {
            match self.remove_old_events(days, &exports).await {
                Ok(None) => {}
                Ok(Some(removed)) => {
                    tracing::info!(
                        first = removed.first,
                        last = removed.last,
                        "old events were removed"
                    );
                }
                Err(error) => tracing::error!(%error, "old events could not be removed; it is tried again"),
            }
            tokio::time::sleep(EVERY).await;
        }
    }
}

/// A Jumpoint wants to remove a recording that it need not keep any longer. `Ok` says that it may: the session is over and was
/// accounted for long enough ago by this clock, too, and the removal is in the log.
pub(super) async fn recording(
    broker: &Broker,
    jumpoint: JumpointId,
    session: SessionId,
    (hash, file_bytes): (String, u64),
    days: u32,
) -> Result<()> {
    let refuse = |rule| Err(Error::new(ErrorKind::Denied, "remove a recording", rule));
    if hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let rule = "a hash is 64 hexadecimal digits";
        return Err(Error::new(ErrorKind::InvalidArgument, "remove a recording", rule));
    }
    if accounting::not_over(broker).contains(&session) {
        return refuse("its session is not over");
    }
    let Some(mut record) = broker.0.store.session(session).await? else {
        return refuse("its session is not known here");
    };
    if record.place != GatePlace::Jumpoint(jumpoint) {
        return refuse("its session was another jumpoint's");
    }
    let SessionState::Ended { at, .. } = record.state else {
        return refuse("its session is not over");
    };
    let now = broker.now();
    let kept = SHORTEST.saturating_mul(i32::try_from(days.max(1)).unwrap_or(i32::MAX));
    if now.duration_since(at) < kept {
        return refuse("its session ended too short a time ago by the broker's clock");
    }
    let removed = AuditKind::RecordingRemoved {
        session,
        hash,
        file_bytes,
        days,
    };
    broker.log(Actor::Jumpoint { jumpoint }, None, removed).await?;
    if record.recording_removed.is_none() {
        record.recording_removed = Some(now);
        broker.0.store.put_session(&record).await?;
    }
    Ok(())
}
