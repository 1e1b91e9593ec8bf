//! The registry of live sessions: how they start, are re-decided and are ended.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;

use super::accounting::{self, Unaccounted};
use super::credentials::Injected;
use super::endings::{self, Ending, Warned};
use super::{Broker, lock};
use crate::access::{Action, Allowed, Context, Live, Obligations, decide};
use crate::control::{Connection, Message, Notice};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ItemId, LoginId, SessionId, UserId};
use crate::keys::PublicKey;
use crate::model::{JumpItem, JumpPolicy, World};
use crate::protocol::Outcome;
use crate::session::{EndReason, GatePlace, Grant};
use crate::store::SessionRecord;
use crate::time::Timestamp;

/// How long the Jumpoint may take to end a session itself before the relay cuts it.
const GRACE: Duration = Duration::from_millis(500);
/// How long after that the session's figures are waited for.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(5);

/// How long after the grant the two ends may take to meet: the life of a ticket and what the relay waits.
const JOIN_WITHIN: Duration = Duration::from_secs(60);

/// A session that was granted and has not ended.
#[derive(Debug)]
pub(super) struct LiveSession {
    pub(super) record: SessionRecord,
    pub(super) grant: Grant,
    pub(super) login: Option<LoginId>,
    pub(super) rep: Option<Connection>,
    /// The key that the Jumpoint proved on the connection through which the session started, if it goes through one.
    pub(super) jumpoint_identity: Option<PublicKey>,
    /// The provider's credential that its Jumpoint was given, if it was one.
    pub(super) injected: Option<Injected>,
    /// Since when it is here.
    pub(super) since: Instant,
    /// Whether whoever serves it has said that the rep is there.
    pub(super) joined: bool,
    pub(super) ending: Option<EndReason>,
    /// When it ends by what was granted, and what ends it then.
    granted: Ending,
    /// The Jump Policy under which it was granted: it says who hears of it.
    pub(super) policy: Option<Arc<JumpPolicy>>,
    /// What the rep was told about its end.
    warned: Warned,
    /// The last event that is in the log.
    pub(super) last_event: u64,
    /// How many events a rep that serves it has reported.
    pub(super) said: u32,
    /// Whether the next one is on its way there.
    pub(super) logging: bool,
}

impl LiveSession {
    pub(super) fn new(
        record: SessionRecord,
        grant: Grant,
        allowed: &Allowed,
        login: Option<LoginId>,
        rep: Option<Connection>,
        jumpoint_identity: Option<PublicKey>,
    ) -> Self {
        Self {
            granted: Ending::of(allowed.obligations()),
            warned: Warned::default(),
            policy: None,
            record,
            grant,
            login,
            rep,
            jumpoint_identity,
            injected: None,
            since: Instant::now(),
            joined: false,
            ending: None,
            last_event: 0,
            said: 0,
            logging: false,
        }
    }
}

/// Every session that somebody may ask about without asking the store.
#[derive(Debug, Default)]
pub(super) struct Registry {
    pub(super) live: HashMap<SessionId, LiveSession>,
    /// Over, but their ends are not in the log and the store yet.
    pub(super) unaccounted: HashMap<SessionId, Unaccounted>,
    /// Those that are about to start.
    starting: Vec<Starting>,
}

#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<Registry>);

impl Sessions {
    pub(super) fn lock(&self) -> MutexGuard<'_, Registry> {
        lock(&self.0)
    }

    pub(super) fn ids(&self) -> Vec<SessionId> {
        self.lock().live.keys().copied().collect()
    }

    /// Whether every session is over and accounted for.
    pub(super) fn is_empty(&self) -> bool {
        let registry = self.lock();
        registry.live.is_empty() && registry.unaccounted.is_empty()
    }

    pub(super) fn insert(&self, live: LiveSession) {
        self.lock().live.insert(live.record.id, live);
    }

    pub(super) fn select(&self, chosen: impl Fn(&LiveSession) -> bool) -> Vec<SessionId> {
        self.lock()
            .live
            .values()
            .filter(|live| chosen(live))
            .map(|live| live.record.id)
            .collect()
    }
}

/// A place among the sessions, for one that is about to start; given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    broker: Broker,
    starting: Starting,
    others: Live,
}

/// A session that is about to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Starting {
    user: UserId,
    item: ItemId,
    original: ItemId,
}

impl Place {
    /// Takes a place, if the user has fewer than `most` sessions.
    pub(super) fn take(
        broker: &Broker,
        world: &World,
        user: UserId,
        item: &JumpItem,
        most: usize,
    ) -> Option<Self> {
        let starting = Starting {
            user,
            item: item.id,
            original: item.original(),
        };
        let mut registry = broker.0.sessions.lock();
        let running = registry
            .live
            .values()
            .filter(|live| live.ending.is_none())
            .map(|live| Starting {
                user: live.record.user,
                item: live.record.item,
                original: world
                    .item(live.record.item)
                    .map_or(live.record.item, |item| item.original()),
            });
        let mut others = Live::default();
        let mut of_user = 0;
        for other in running.chain(registry.starting.iter().copied()) {
            if other.item == item.id {
                others.on_item = others.on_item.saturating_add(1);
            } else if other.original == starting.original {
                others.on_copies = others.on_copies.saturating_add(1);
            }
            of_user += usize::from(other.user == user);
        }
        // One that is ending still has its place.
        let ending = |live: &&LiveSession| live.ending.is_some() && live.record.user == user;
        if of_user + registry.live.values().filter(ending).count() >= most {
            return None;
        }
        registry.starting.push(starting);
        drop(registry);
        Some(Self {
            broker: broker.clone(),
            starting,
            others,
        })
    }

    /// The other sessions that ran or were about to start when the place was taken.
    pub(super) const fn others(&self) -> Live {
        self.others
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut registry = self.broker.0.sessions.lock();
        let at = registry.starting.iter().position(|other| *other == self.starting);
        if let Some(at) = at {
            registry.starting.swap_remove(at);
        }
    }
}

/// Whether a live session still is what the world allows, and when it ends; the reason if it is not.
fn recheck(
    broker: &Broker,
    world: &World,
    live: &LiveSession,
    now: Timestamp,
) -> std::result::Result<Ending, EndReason> {
    let revoked = |why: &str| Err(EndReason::AccessRevoked(why.to_owned()));
    let grant = &live.grant;
    let context = Context {
        session_started: Some(live.record.started),
        max_session: broker.0.settings.max_session,
        ..Context::default()
    };
    let (decision, allowed) = decide(world, grant.user(), grant.item(), Action::Start, &context, now);
    let Some(allowed) = allowed else {
        return revoked(&decision.why_not());
    };
    let Some(item) = world.item(grant.item()) else {
        return revoked("the item was removed");
    };
    let now_due = allowed.obligations();
    let granted = Obligations {
        recording: grant.recording(),
        permissions: grant.permissions(),
        commands: grant.commands().cloned(),
        paths: grant.paths().clone(),
        idle_limit_seconds: grant.idle_limit_seconds(),
        until: now_due.until,
        limit: now_due.limit,
        policy: now_due.policy,
    };
    let same_place = item.gate_place().is_ok_and(|place| place == grant.place())
        && item.details.protocol() == grant.protocol()
        && item
            .targets()
            .is_ok_and(|targets| targets == grant.target().addresses);
    if !same_place || *now_due != granted {
        return revoked("the item was changed");
    }
    let jumpoint = grant.place().jumpoint().and_then(|id| world.jumpoint(id));
    let identity = jumpoint.and_then(|jumpoint| jumpoint.key);
    if identity != live.jumpoint_identity {
        return revoked("the jumpoint was enrolled anew");
    }
    if now >= now_due.until {
        return Err(EndReason::Expired);
    }
    let login = live.login.and_then(|login| world.login(login));
    let by_login = login.and_then(|login| login.expires).map(Ending::by_login);
    let ends = [Some(live.granted), Some(Ending::of(now_due)), by_login];
    Ok(Ending::first(ends).unwrap_or(live.granted))
}

/// Why a session that was just put into the registry may not go on, if so: it was ended meanwhile, or what the
/// decision was made on has changed.
pub(super) fn recheck_new(broker: &Broker, session: SessionId) -> Option<EndReason> {
    let (world, now) = (broker.world(), broker.now());
    match broker.0.sessions.lock().live.get(&session) {
        Some(live) => live
            .ending
            .clone()
            .or_else(|| recheck(broker, &world, live, now).err()),
        None => Some(EndReason::BrokerRestarted),
    }
}

/// Tells a Jumpoint to serve a session, unless the session was ended meanwhile: a Jumpoint hears of the beginning of a
/// session before it hears of its end, or not at all.
pub(super) fn open(broker: &Broker, session: SessionId, jumpoint: &Connection, open: Message) -> Result<()> {
    let registry = broker.0.sessions.lock();
    match registry.live.get(&session).map(|live| &live.ending) {
        Some(None) => jumpoint.send_now(open),
        Some(Some(reason)) => return Err(reason.to_error()),
        None => return Err(EndReason::BrokerRestarted.to_error()),
    }
    Ok(())
}

/// Re-decides every live session, and says which end soon.
pub(super) fn enforce(broker: &Broker, world: &World, now: Timestamp) {
    let mut doomed: Vec<(SessionId, EndReason)> = Vec::new();
    for live in broker.0.sessions.lock().live.values_mut() {
        if live.ending.is_some() {
            continue;
        }
        match recheck(broker, world, live, now) {
            Err(reason) => doomed.push((live.record.id, reason)),
            Ok(ending) => {
                let told = endings::announce(&mut live.warned, live.record.id, ending, world, now);
                if let (Some(told), Some(rep)) = (told, &live.rep) {
                    rep.send_now(Message::Notice(Notice::SessionEnding(told)));
                }
            }
        }
    }
    for (session, reason) in doomed {
        let _ = end(broker, session, reason);
    }
}

/// Which live sessions would end, and why, if the site became this one: those that [`enforce`] would end, and those of
/// logins that could not be used any more.
pub(super) fn would_end(
    broker: &Broker,
    world: &World,
    now: Timestamp,
    locked_out: &[(LoginId, Error)],
) -> Vec<(SessionRecord, EndReason)> {
    let ends = |live: &LiveSession| {
        let login = locked_out.iter().find(|(login, _)| live.login == Some(*login));
        match login {
            Some((_, why)) => Some(EndReason::AccessRevoked(why.context().to_owned())),
            None => recheck(broker, world, live, now).err(),
        }
    };
    let registry = broker.0.sessions.lock();
    let live = registry.live.values().filter(|live| live.ending.is_none());
    live.filter_map(|live| Some((live.record.clone(), ends(live)?)))
        .collect()
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
    let abandoned =
        |live: &LiveSession| live.ending.is_none() && !live.joined && live.since.elapsed() > JOIN_WITHIN;
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

/// Ends a session: the rep is told, the Jumpoint cuts the stream, and if it does not the relay does. A rep that serves the
/// session itself cuts it when it is told.
pub(super) fn end(broker: &Broker, session: SessionId, reason: EndReason) -> Result<()> {
    let (place, rep) = {
        let mut registry = broker.0.sessions.lock();
        let live = registry.live.get_mut(&session).ok_or_else(|| {
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
        (live.record.place, live.rep.clone())
    };
    if let Some(rep) = &rep {
        rep.send_now(Message::Notice(Notice::SessionEnded {
            session,
            reason: reason.clone(),
        }));
    }
    let told = match place {
        GatePlace::Rep => rep.is_some_and(|rep| !rep.is_closed()),
        GatePlace::Jumpoint(jumpoint) => broker.jumpoint_link(jumpoint).is_some_and(|link| {
            link.connection.send_now(Message::Notice(Notice::End {
                session,
                reason: reason.clone(),
            }));
            true
        }),
    };
    let grace = if told { GRACE } else { Duration::ZERO };
    let ending = broker.clone();
    // Not on the caller's runtime: an embedder may call from a thread that has none.
    broker.0.runtime.spawn(async move {
        tokio::time::sleep(grace).await;
        if let Some(relay) = &ending.0.relay {
            relay.end(session);
        }
        if !grace.is_zero() {
            tokio::time::sleep(LAST_WORDS).await;
        }
        accounting::finish(&ending, session, Outcome::nothing_moved(reason)).await;
    });
    Ok(())
}
