//! What is said about sessions, kept in the log and in the store.
//!
//! A Jumpoint repeats what was not confirmed, and nothing is confirmed before it is kept. What the broker itself has
//! to say is tried again until it is kept: a session whose end could not be stored must not count as active for ever.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use super::presence::not_running;
use super::reporter::Reporter;
use super::{Broker, item_edit, notifying};
use crate::audit::{Actor, AuditKind, RecordingNote};
use crate::control::{Message, Notice};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ItemId, JumpointId, SessionId};
use crate::model::{Change, RolePermission};
use crate::protocol::{Outcome, SessionEvent};
use crate::session::{EndReason, GatePlace};
use crate::store::{SessionRecord, SessionState};

use super::sessions::{self, LiveSession};

/// How long the relay goes on carrying what is under way when a session has ended by itself.
const LAST_BYTES: Duration = Duration::from_secs(10);
/// The most events that a rep may report of a session whose gate it runs, and the longest, in bytes of JSON: the log is not
/// for it to fill.
const REP_EVENTS: u32 = 1000;
const REP_EVENT: usize = 32 * 1024;
const TOO_MUCH: &str = "the rep reported more than 1000 events of a session, or one longer than 32 KiB";
/// The longest text of a reason, in characters.
const LONGEST_REASON: usize = 1000;

/// The end of a session on its way into the log and the store.
#[derive(Clone, Debug)]
pub(super) struct Unaccounted {
    record: SessionRecord,
    /// Who said it: whoever served the session, or the site itself where a rep served it and did not say.
    actor: Actor,
    /// What is not in the log yet, in its order.
    events: VecDeque<AuditKind>,
    /// Whether somebody is at it.
    busy: bool,
}

fn not_kept_yet() -> Error {
    Error::new(
        ErrorKind::Storage,
        "report on a session",
        "it is not on stable storage yet",
    )
    .retryable(true)
}

/// Takes a session out of the registry and accounts for it, now or later; does nothing if that was done before.
pub(super) async fn finish(broker: &Broker, session: SessionId, outcome: Outcome) {
    if let Err(error) = try_finish(broker, session, outcome, None, None).await {
        tracing::error!(%session, %error, "the end of a session is not kept yet; it will be tried again");
    }
}

/// The same; the end is on stable storage when this returns `Ok`.
async fn try_finish(
    broker: &Broker,
    session: SessionId,
    outcome: Outcome,
    recording: Option<RecordingNote>,
    reporter: Option<Reporter<'_>>,
) -> Result<()> {
    let told = {
        let mut registry = broker.0.sessions.lock();
        let Some(mut live) = registry.live.remove(&session) else {
            return match registry.unaccounted.get(&session) {
                Some(_) => Err(not_kept_yet()),
                None => Ok(()),
            };
        };
        let told = live.ending.is_some();
        let reason = live.ending.take().unwrap_or_else(|| outcome.reason.clone());
        notifying::ended(broker, &live, &reason, &outcome);
        if let Some(rep) = live.rep.take().filter(|_| !told) {
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
        // What the target refused was the credential's doing.
        let refused = match (&reason, &live.injected) {
            (EndReason::Failed { kind, message }, Some(injected))
                if *kind == ErrorKind::TargetAuthentication =>
            {
                Some(injected.refused(session, live.record.item, message))
            }
            _ => None,
        };
        let ended = AuditKind::SessionEnded {
            session,
            reason,
            bytes_from_rep: outcome.bytes_from_rep,
            bytes_from_target: outcome.bytes_from_target,
            recording,
        };
        let actor = match (reporter, live.record.place) {
            (None, GatePlace::Rep) => Actor::System,
            _ => live.reported_by(),
        };
        registry.unaccounted.insert(
            session,
            Unaccounted {
                actor,
                record: SessionRecord { state, ..live.record },
                events: refused.into_iter().chain([ended]).collect(),
                busy: false,
            },
        );
        told
    };
    if told {
        cut(broker, session);
    } else {
        // It ended by itself, and what the target said last may still be on its way to a slow rep.
        let broker = broker.clone();
        broker.0.runtime.clone().spawn(async move {
            tokio::time::sleep(LAST_BYTES).await;
            cut(&broker, session);
        });
    }
    account(broker, session).await
}

fn cut(broker: &Broker, session: SessionId) {
    if let Some(relay) = &broker.0.relay {
        relay.end(session);
    }
}

/// Brings the end of a session into the log and the store, unless somebody else is at it.
async fn account(broker: &Broker, session: SessionId) -> Result<()> {
    let end = match broker.0.sessions.lock().unaccounted.get_mut(&session) {
        None => return Ok(()),
        Some(end) if end.busy => return Err(not_kept_yet()),
        Some(end) => {
            end.busy = true;
            end.clone()
        }
    };
    let mut events = end.events;
    let kept = async {
        while let Some(event) = events.front() {
            broker.log(end.actor.clone(), None, event.clone()).await?;
            events.pop_front();
        }
        broker.0.store.put_session(&end.record).await
    };
    let kept = kept.await;
    let mut registry = broker.0.sessions.lock();
    if kept.is_ok() {
        registry.unaccounted.remove(&session);
    } else if let Some(end) = registry.unaccounted.get_mut(&session) {
        (end.events, end.busy) = (events, false);
    }
    kept
}

/// Tries again to account for the sessions for which that failed; gives up at the first that fails again.
pub(super) async fn retry(broker: &Broker) {
    let waiting: Vec<SessionId> = {
        let registry = broker.0.sessions.lock();
        let waiting = registry.unaccounted.iter().filter(|(_, end)| !end.busy);
        waiting.map(|(session, _)| *session).collect()
    };
    for session in waiting {
        if account(broker, session).await.is_err() {
            return;
        }
        tracing::info!(%session, "the end of a session is kept now");
    }
}

/// The sessions that run, or whose end is not kept yet.
pub(super) fn not_over(broker: &Broker) -> HashSet<SessionId> {
    let registry = broker.0.sessions.lock();
    let live = registry.live.keys();
    live.chain(registry.unaccounted.keys()).copied().collect()
}

/// Whoever serves a session reports that it ended. `Ok` says that the end is on stable storage.
pub(super) async fn ended(
    broker: &Broker,
    reporter: Reporter<'_>,
    session: SessionId,
    outcome: Outcome,
    recording: Option<RecordingNote>,
) -> Result<()> {
    let serves = broker
        .0
        .sessions
        .lock()
        .live
        .get(&session)
        .map(|live| reporter.serves(live));
    match (serves, reporter) {
        (Some(false), _) | (None, Reporter::Rep { .. }) => return Err(reporter.not_yours()),
        _ => {}
    }
    if let (Reporter::Rep { .. }, Some(note)) = (reporter, &recording) {
        plausible(note)?;
    }
    let outcome = Outcome {
        reason: credible(outcome.reason),
        ..outcome
    };
    // If it was ended here meanwhile, or is reported a second time, there is nothing to add.
    try_finish(broker, session, outcome, recording, Some(reporter)).await
}

/// Checks that the hash in a rep's note of a recording can be one: it goes into the log as it is.
fn plausible(note: &RecordingNote) -> Result<()> {
    if note.hash.len() == 64 && note.hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(());
    }
    let rule = "the hash of a recording is 64 hexadecimal digits";
    Err(Error::new(
        ErrorKind::InvalidArgument,
        "report on a session",
        rule,
    ))
}

/// What a Jumpoint or a rep may say about an end that is not the broker's doing: nothing that only the broker can know, and no
/// more than a few lines.
fn credible(reason: EndReason) -> EndReason {
    let cut = |text: String| text.chars().take(LONGEST_REASON).collect();
    match reason {
        EndReason::EndedBy(_) | EndReason::AccessRevoked(_) | EndReason::BrokerRestarted => {
            EndReason::Failed {
                kind: ErrorKind::Protocol,
                message: "whoever served the session gave a reason that is not theirs to give".to_owned(),
            }
        }
        EndReason::RecordingFailed(why) => EndReason::RecordingFailed(cut(why)),
        EndReason::Failed { kind, message } => EndReason::Failed {
            kind,
            message: cut(message),
        },
        other => other,
    }
}

/// Whoever serves a session reports an event of it. `Ok` says that it is on stable storage.
pub(super) async fn event(
    broker: &Broker,
    reporter: Reporter<'_>,
    session: SessionId,
    number: u64,
    event: SessionEvent,
) -> Result<()> {
    let known = {
        let mut registry = broker.0.sessions.lock();
        match registry.live.get_mut(&session) {
            Some(live) if !reporter.serves(live) => return Err(reporter.not_yours()),
            Some(live) if number <= live.last_event => return Ok(()),
            Some(live) if live.logging => return Err(not_kept_yet()),
            Some(live) => {
                if !live.may_say(reporter, &event) {
                    drop(registry);
                    let error = Error::new(ErrorKind::ResourceLimit, "report on a session", TOO_MUCH);
                    let _ = sessions::end(broker, session, EndReason::from_error(&error));
                    return Err(error);
                }
                live.logging = true;
                // What a session sees that is over already says nothing about the item any more.
                Some((live.record.item, live.ending.is_none(), live.reported_by()))
            }
            None => None,
        }
    };
    let Some((item, goes_on, actor)) = known else {
        return match reporter {
            Reporter::Jumpoint(jumpoint) => late_event(broker, jumpoint, session, event).await,
            // A rep reports over one connection, in order: what comes behind the end was never said in the session.
            Reporter::Rep { .. } => Err(reporter.not_yours()),
        };
    };
    let pin = match &event {
        SessionEvent::HostKeyFirstSeen { key } => Some(Change::PinHostKey {
            item,
            key: key.clone(),
        }),
        SessionEvent::CertificateFirstSeen { sha256 } => Some(Change::PinCertificate {
            item,
            sha256: sha256.clone(),
        }),
        _ => None,
    };
    if let (true, Some(pin)) = (goes_on && may_pin(broker, reporter, item), pin) {
        pin_first_seen(broker, actor.clone(), session, pin).await;
    }
    let logged = broker
        .log(actor, None, AuditKind::SessionEvent { session, event })
        .await;
    if let Some(live) = broker.0.sessions.lock().live.get_mut(&session) {
        live.logging = false;
        if logged.is_ok() {
            live.last_event = number;
        }
    }
    logged
}

impl LiveSession {
    /// Whether one more event of it may be logged; it counts as logged.
    fn may_say(&mut self, reporter: Reporter<'_>, event: &SessionEvent) -> bool {
        if let Reporter::Jumpoint(_) = reporter {
            return true;
        }
        self.said = self.said.saturating_add(1);
        let length = serde_json::to_vec(event).map_or(usize::MAX, |json| json.len());
        self.said <= REP_EVENTS && length <= REP_EVENT
    }
}

/// Whether what was seen first is pinned for everybody. A Jumpoint speaks for the site; a rep's word changes an item only if
/// its user may change what the target must prove.
fn may_pin(broker: &Broker, reporter: Reporter<'_>, item: ItemId) -> bool {
    match reporter {
        Reporter::Jumpoint(_) => true,
        Reporter::Rep { caller, .. } => {
            let needed = RolePermission::EditIdentity;
            item_edit::must_manage(broker, caller, &broker.world(), item, needed).is_ok()
        }
    }
}

async fn pin_first_seen(broker: &Broker, actor: Actor, session: SessionId, pin: Change) {
    if let Err(error) = broker.commit(actor, vec![pin]).await {
        // Another session saw a different key first: this one must not go on.
        let _ = sessions::end(broker, session, EndReason::from_error(&error));
    }
}

/// An event of a session that is over here. It happened all the same, so it is logged; if its confirmation is lost it
/// is logged twice, because nobody counts any more.
async fn late_event(
    broker: &Broker,
    jumpoint: JumpointId,
    session: SessionId,
    event: SessionEvent,
) -> Result<()> {
    not_running(broker, jumpoint, session);
    match broker.0.store.session(session).await? {
        Some(record) if record.place == GatePlace::Jumpoint(jumpoint) => {
            let actor = Actor::Jumpoint { jumpoint };
            let event = AuditKind::SessionEvent { session, event };
            broker.log(actor, None, event).await
        }
        _ => Err(Reporter::Jumpoint(jumpoint).not_yours()),
    }
}
