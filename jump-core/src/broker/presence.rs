//! Jumpoints that come, go and come back, and what becomes of their sessions.

use std::time::Duration;

use super::accounting::finish;
use super::reporter::Reporter;
use super::sessions::{self, LAST_WORDS};
use super::{Broker, notifying};
use crate::audit::{Actor, AuditKind};
use crate::control::{Connection, Message, Notice};
use crate::error::Result;
use crate::id::{JumpointId, SessionId};
use crate::protocol::Outcome;
use crate::session::{EndReason, GatePlace};
use crate::store::{SessionRecord, SessionState};

use super::lock;

/// Whoever serves a session reports that its gate starts and the rep is there.
pub(super) fn started(broker: &Broker, reporter: Reporter<'_>, session: SessionId) -> Result<()> {
    match broker.0.sessions.lock().live.get_mut(&session) {
        Some(live) if reporter.serves(live) => {
            if !std::mem::replace(&mut live.joined, true) {
                notifying::started(broker, live);
            }
            return Ok(());
        }
        Some(_) => return Err(reporter.not_yours()),
        None => {}
    }
    match reporter {
        Reporter::Jumpoint(jumpoint) => {
            not_running(broker, jumpoint, session);
            Ok(())
        }
        Reporter::Rep { .. } => Err(reporter.not_yours()),
    }
}

/// The connection of a rep is gone: the sessions whose gates it ran are over.
pub(super) async fn rep_gone(broker: &Broker, connection: &Connection) {
    let sessions = broker.0.sessions.select(|live| live.served_over(connection));
    for session in sessions {
        finish(broker, session, Outcome::nothing_moved(EndReason::RepLost)).await;
    }
}

/// Tells a Jumpoint that a session of which it speaks is over.
pub(super) fn not_running(broker: &Broker, jumpoint: JumpointId, session: SessionId) {
    if let Some(link) = broker.jumpoint_link(jumpoint) {
        let reason = EndReason::BrokerRestarted;
        link.connection
            .send_now(Message::Notice(Notice::End { session, reason }));
    }
}

/// The live sessions that go through a Jumpoint.
pub(super) fn of_jumpoint(broker: &Broker, jumpoint: JumpointId) -> Vec<SessionId> {
    let there = GatePlace::Jumpoint(jumpoint);
    broker.0.sessions.select(|live| live.record.place == there)
}

/// Compares the sessions that a Jumpoint says it runs with those it should run: `expected` were live before its new
/// connection could be used.
pub(super) async fn reconcile(
    broker: &Broker,
    expected: &[SessionId],
    running: &[SessionId],
    connection: &Connection,
) {
    for session in expected.iter().filter(|session| !running.contains(session)) {
        let (broker, session) = (broker.clone(), *session);
        // The Jumpoint may still be about to report how the session ended: leave it the time.
        tokio::spawn(async move {
            tokio::time::sleep(LAST_WORDS).await;
            finish(&broker, session, Outcome::nothing_moved(EndReason::JumpointLost)).await;
        });
    }
    for session in running {
        // Looked up one by one and now: what was ended since the connection is there was told to it already, and
        // hearing it twice does no harm.
        let over = match broker.0.sessions.lock().live.get(session) {
            Some(live) => live.ending.clone(),
            None => Some(EndReason::BrokerRestarted),
        };
        let Some(reason) = over else { continue };
        let session = *session;
        let end = Message::Notice(Notice::End { session, reason });
        // Waits while the Jumpoint takes them: there may be more than the queue holds.
        if connection.send(end).await.is_err() {
            return;
        }
    }
}

/// The Jumpoint is gone: if it is not back within the lease, its sessions are over.
pub(super) fn start_lease(broker: &Broker, jumpoint: JumpointId) {
    let absence = broker.next_link();
    lock(&broker.0.absences).insert(jumpoint, absence);
    let broker = broker.clone();
    tokio::spawn(async move {
        tokio::time::sleep(broker.0.settings.lease).await;
        {
            // Of several absences only the last one counts.
            let mut absences = lock(&broker.0.absences);
            if absences.get(&jumpoint) != Some(&absence) {
                return;
            }
            absences.remove(&jumpoint);
        }
        if broker.is_online(jumpoint) {
            return;
        }
        for session in of_jumpoint(&broker, jumpoint) {
            finish(&broker, session, Outcome::nothing_moved(EndReason::JumpointLost)).await;
        }
    });
}

/// The stream of a session is gone at the relay. A session is one stream, so it is over; if the Jumpoint does not
/// say how it ended, this is how.
pub(super) fn stream_closed(broker: &Broker, session: SessionId) {
    let broker = broker.clone();
    tokio::spawn(async move {
        let jumpoint = broker
            .0
            .sessions
            .lock()
            .live
            .get(&session)
            .and_then(|live| live.record.place.jumpoint());
        let Some(jumpoint) = jumpoint else { return };
        // A connected Jumpoint reports in a moment; a killed one never does.
        let patience = if broker.is_online(jumpoint) {
            LAST_WORDS
        } else {
            Duration::from_millis(200)
        };
        tokio::time::sleep(patience).await;
        // A Jumpoint that is still there and says nothing is told, too: it may hang on to the target.
        let _ = sessions::end(&broker, session, EndReason::JumpointLost);
    });
}

/// Sessions that an earlier run of this broker left active: their relay is gone with it, so they are over. A session
/// through a relay that runs apart is ended by its Jumpoint when it reconnects. Other brokers' sessions are theirs.
pub(super) async fn close_left_behind(broker: &Broker) -> Result<()> {
    let own = broker.0.key.public();
    let mut after = None;
    loop {
        let batch = broker.0.store.sessions_after(true, after, 1000).await?;
        let Some(last) = batch.last() else {
            return Ok(());
        };
        after = Some((last.started, last.id));
        let left = batch
            .into_iter()
            .filter(|record| record.broker.is_none_or(|broker| broker == own));
        for record in left {
            let reason = EndReason::BrokerRestarted;
            let ended = AuditKind::SessionEnded {
                session: record.id,
                reason: reason.clone(),
                bytes_from_rep: 0,
                bytes_from_target: 0,
                recording: None,
            };
            broker.log(Actor::System, None, ended).await?;
            let state = SessionState::Ended {
                at: broker.now(),
                reason,
                bytes_from_rep: 0,
                bytes_from_target: 0,
            };
            broker
                .0
                .store
                .put_session(&SessionRecord { state, ..record })
                .await?;
        }
    }
}
