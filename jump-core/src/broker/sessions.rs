//! The registry of live sessions: how they are re-decided, ended and accounted for.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use super::{Broker, lock};
use crate::access::{Action, Context, Obligations, decide};
use crate::audit::{Actor, AuditKind, RecordingNote};
use crate::control::{Connection, Message, Notice};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{JumpointId, LoginId, SessionId, UserId};
use crate::model::{Change, World};
use crate::protocol::{Outcome, SessionEvent};
use crate::session::{EndReason, Grant};
use crate::store::{SessionRecord, SessionState};
use crate::time::{SignedDuration, Timestamp};

/// How long the Jumpoint may take to end a session itself before the relay cuts it.
const GRACE: Duration = Duration::from_millis(500);
/// How long after that the session's figures are waited for.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How long after the grant the two ends may take to meet: the life of a ticket and what the relay waits.
const JOIN_WITHIN: SignedDuration = SignedDuration::from_secs(60);

/// A session that was granted and has not ended.
#[derive(Debug)]
pub(super) struct LiveSession {
    pub(super) record: SessionRecord,
    pub(super) grant: Grant,
    pub(super) login: Option<LoginId>,
    pub(super) rep: Option<Connection>,
    /// Whether the Jumpoint has said that the rep is there.
    joined: bool,
    ending: Option<EndReason>,
    last_event: u64,
}

impl LiveSession {
    pub(super) const fn new(
        record: SessionRecord,
        grant: Grant,
        login: Option<LoginId>,
        rep: Option<Connection>,
    ) -> Self {
        Self {
            record,
            grant,
            login,
            rep,
            joined: false,
            ending: None,
            last_event: 0,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<HashMap<SessionId, LiveSession>>);

impl Sessions {
    pub(super) fn ids(&self) -> Vec<SessionId> {
        lock(&self.0).keys().copied().collect()
    }

    pub(super) fn of_user(&self, user: UserId) -> usize {
        lock(&self.0)
            .values()
            .filter(|live| live.record.user == user)
            .count()
    }

    pub(super) fn insert(&self, live: LiveSession) {
        lock(&self.0).insert(live.record.id, live);
    }

    fn select(&self, chosen: impl Fn(&LiveSession) -> bool) -> Vec<SessionId> {
        lock(&self.0)
            .values()
            .filter(|live| chosen(live))
            .map(|live| live.record.id)
            .collect()
    }
}

/// Whether a live session still is what the world allows; the reason if not.
pub(super) fn recheck(
    broker: &Broker,
    world: &World,
    grant: &Grant,
    started: Timestamp,
    now: Timestamp,
) -> Option<EndReason> {
    let context = Context {
        session_started: Some(started),
        max_session: broker.0.settings.max_session,
    };
    let (decision, allowed) = decide(world, grant.user(), grant.item(), Action::Start, &context, now);
    let Some(allowed) = allowed else {
        return Some(EndReason::AccessRevoked(decision.why_not()));
    };
    let item = world.item(grant.item())?;
    let granted = Obligations {
        recording: grant.recording(),
        permissions: grant.permissions(),
        until: allowed.obligations().until,
    };
    let same_place = item.jumpoint == grant.jumpoint()
        && item.details.protocol() == grant.protocol()
        && item
            .targets()
            .is_ok_and(|targets| targets == grant.target().addresses);
    if !same_place || *allowed.obligations() != granted {
        return Some(EndReason::AccessRevoked("the item was changed".to_owned()));
    }
    (now >= allowed.obligations().until).then_some(EndReason::Expired)
}

/// Re-decides every live session.
pub(super) fn enforce(broker: &Broker, world: &World, now: Timestamp) {
    let doomed: Vec<(SessionId, EndReason)> = lock(&broker.0.sessions.0)
        .values()
        .filter(|live| live.ending.is_none())
        .filter_map(|live| {
            recheck(broker, world, &live.grant, live.record.started, now)
                .map(|reason| (live.record.id, reason))
        })
        .collect();
    for (session, reason) in doomed {
        let _ = end(broker, session, reason);
    }
}

/// Ends the sessions whose time is over, and those that nobody joined while their tickets worked.
pub(super) fn end_overdue(broker: &Broker) {
    let now = broker.now();
    for session in broker
        .0
        .sessions
        .select(|live| live.ending.is_none() && now >= live.grant.until())
    {
        let _ = end(broker, session, EndReason::Expired);
    }
    let abandoned = |live: &LiveSession| {
        live.ending.is_none() && !live.joined && now.duration_since(live.grant.issued()) > JOIN_WITHIN
    };
    for session in broker.0.sessions.select(abandoned) {
        let _ = end(broker, session, EndReason::RepLost);
    }
}

/// Ends the sessions that were started through a login that may not be used any more.
pub(super) fn end_of_login(broker: &Broker, login: Option<LoginId>, why: &Error) {
    for session in broker
        .0
        .sessions
        .select(|live| live.login.is_some() && live.login == login)
    {
        let _ = end(
            broker,
            session,
            EndReason::AccessRevoked(why.context().to_owned()),
        );
    }
}

/// Ends a session: the rep is told, the Jumpoint cuts the stream, and if it does not the relay does.
pub(super) fn end(broker: &Broker, session: SessionId, reason: EndReason) -> Result<()> {
    let (jumpoint, rep) = {
        let mut sessions = lock(&broker.0.sessions.0);
        let live = sessions.get_mut(&session).ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                "end a session",
                "there is no such live session",
            )
        })?;
        if live.ending.is_some() {
            return Ok(());
        }
        live.ending = Some(reason.clone());
        (live.record.jumpoint, live.rep.clone())
    };
    if let Some(rep) = rep {
        rep.send_now(Message::Notice(Notice::SessionEnded {
            session,
            reason: reason.clone(),
        }));
    }
    let jumpoint = broker.jumpoint_connection(jumpoint);
    let grace = if let Some((connection, _)) = jumpoint {
        connection.send_now(Message::Notice(Notice::End {
            session,
            reason: reason.clone(),
        }));
        GRACE
    } else {
        Duration::ZERO
    };
    let broker = broker.clone();
    tokio::spawn(async move {
        tokio::time::sleep(grace).await;
        if let Some(relay) = &broker.0.relay {
            relay.end(session);
        }
        if !grace.is_zero() {
            tokio::time::sleep(LAST_WORDS).await;
        }
        finish(&broker, session, Outcome::nothing_moved(reason), None).await;
    });
    Ok(())
}

/// Takes a session out of the registry and accounts for it; does nothing if that was done before.
async fn finish(broker: &Broker, session: SessionId, outcome: Outcome, recording: Option<RecordingNote>) {
    let Some(live) = lock(&broker.0.sessions.0).remove(&session) else {
        return;
    };
    let told = live.ending.is_some();
    let reason = live.ending.unwrap_or(outcome.reason);
    if let Some(relay) = &broker.0.relay {
        relay.end(session);
    }
    if let Some(rep) = live.rep.filter(|_| !told) {
        rep.send_now(Message::Notice(Notice::SessionEnded {
            session,
            reason: reason.clone(),
        }));
    }
    let state = SessionState::Ended {
        at: broker.now(),
        reason: reason.clone(),
        bytes_from_rep: outcome.bytes_from_rep,
        bytes_from_target: outcome.bytes_from_target,
    };
    let ended = AuditKind::SessionEnded {
        session,
        reason,
        bytes_from_rep: outcome.bytes_from_rep,
        bytes_from_target: outcome.bytes_from_target,
        recording,
    };
    if let Err(error) = broker
        .log(
            Actor::Jumpoint {
                jumpoint: live.record.jumpoint,
            },
            None,
            ended,
        )
        .await
    {
        tracing::error!(%session, %error, "the end of a session could not be logged");
    }
    if let Err(error) = broker
        .0
        .store
        .put_session(&SessionRecord { state, ..live.record })
        .await
    {
        tracing::error!(%session, %error, "the end of a session could not be stored");
    }
}

/// A Jumpoint reports that one of its sessions ended.
pub(super) async fn ended(
    broker: &Broker,
    jumpoint: JumpointId,
    session: SessionId,
    outcome: Outcome,
    recording: Option<RecordingNote>,
) -> Result<()> {
    let own = lock(&broker.0.sessions.0)
        .get(&session)
        .map(|live| live.record.jumpoint == jumpoint);
    match own {
        Some(true) => finish(broker, session, outcome, recording).await,
        Some(false) => return Err(not_yours()),
        // Reported twice, or ended here meanwhile: both are fine.
        None => {}
    }
    Ok(())
}

/// A Jumpoint reports an event of one of its sessions.
pub(super) async fn event(
    broker: &Broker,
    jumpoint: JumpointId,
    session: SessionId,
    number: u64,
    event: SessionEvent,
) -> Result<()> {
    let item = {
        let mut sessions = lock(&broker.0.sessions.0);
        let Some(live) = sessions.get_mut(&session) else {
            return Ok(());
        };
        if live.record.jumpoint != jumpoint {
            return Err(not_yours());
        }
        if number <= live.last_event {
            return Ok(());
        }
        live.last_event = number;
        live.record.item
    };
    let actor = Actor::Jumpoint { jumpoint };
    if let SessionEvent::HostKeyFirstSeen { key } = &event {
        let pin = Change::PinHostKey {
            item,
            key: key.clone(),
        };
        if let Err(error) = broker.commit(actor.clone(), vec![pin]).await {
            // Another session saw a different key first: this one must not go on.
            let _ = end(broker, session, EndReason::from_error(&error));
        }
    }
    broker
        .log(actor, None, AuditKind::SessionEvent { session, event })
        .await
}

fn not_yours() -> Error {
    Error::new(
        ErrorKind::Denied,
        "report on a session",
        "it is another jumpoint's",
    )
}

/// A Jumpoint reports that the rep has joined a session.
pub(super) fn started(broker: &Broker, jumpoint: JumpointId, session: SessionId) -> Result<()> {
    match lock(&broker.0.sessions.0).get_mut(&session) {
        Some(live) if live.record.jumpoint == jumpoint => live.joined = true,
        Some(_) => return Err(not_yours()),
        None => {}
    }
    Ok(())
}

/// The live sessions that go through a Jumpoint.
pub(super) fn of_jumpoint(broker: &Broker, jumpoint: JumpointId) -> Vec<SessionId> {
    broker.0.sessions.select(|live| live.record.jumpoint == jumpoint)
}

/// Compares the sessions that a Jumpoint says it runs with those it should run.
pub(super) fn reconcile(
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
            finish(
                &broker,
                session,
                Outcome::nothing_moved(EndReason::JumpointLost),
                None,
            )
            .await;
        });
    }
    for session in running.iter().filter(|session| !expected.contains(session)) {
        let reason = EndReason::BrokerRestarted;
        connection.send_now(Message::Notice(Notice::End {
            session: *session,
            reason,
        }));
    }
}

/// The Jumpoint is gone: if it is not back within the lease, its sessions are over.
pub(super) fn start_lease(broker: &Broker, jumpoint: JumpointId) {
    let broker = broker.clone();
    tokio::spawn(async move {
        tokio::time::sleep(broker.0.settings.lease).await;
        if broker.is_online(jumpoint) {
            return;
        }
        for session in of_jumpoint(&broker, jumpoint) {
            finish(
                &broker,
                session,
                Outcome::nothing_moved(EndReason::JumpointLost),
                None,
            )
            .await;
        }
    });
}

/// The stream of a session is gone at the relay. A session is one stream, so it is over; if the Jumpoint does not
/// say how it ended, this is how.
pub(super) fn stream_closed(broker: &Broker, session: SessionId) {
    let broker = broker.clone();
    tokio::spawn(async move {
        let jumpoint = lock(&broker.0.sessions.0)
            .get(&session)
            .map(|live| live.record.jumpoint);
        let Some(jumpoint) = jumpoint else { return };
        // A connected Jumpoint reports in a moment; a killed one never does.
        let patience = if broker.is_online(jumpoint) {
            LAST_WORDS
        } else {
            Duration::from_millis(200)
        };
        tokio::time::sleep(patience).await;
        finish(
            &broker,
            session,
            Outcome::nothing_moved(EndReason::JumpointLost),
            None,
        )
        .await;
    });
}

/// Sessions that an earlier run of the broker left active: their relay is gone with it, so they are over. A session
/// through a relay that runs apart is ended by its Jumpoint when it reconnects.
pub(super) async fn close_left_behind(broker: &Broker) -> Result<()> {
    loop {
        let batch = broker.0.store.sessions(true, 1000).await?;
        if batch.is_empty() {
            return Ok(());
        }
        for record in batch {
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
