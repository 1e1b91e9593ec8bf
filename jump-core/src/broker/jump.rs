//! Starting a session: decision, grant, log, then the two ends are told.

use super::credentials::Picked;
use super::jumpoint_link::JumpointLink;
use super::sessions::{self, LiveSession, Place};
use super::{Broker, Caller, accounting, checks, credentials, following, item_lookup, refusals};
use crate::access::{Action, Context, decide};
use crate::audit::{AuditKind, ItemPlace, SessionPlace};
use crate::control::{Connection, Jumped, Message, Notice, OpenSession, Supplied};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ItemId, SessionId, UserId};
use crate::keys::PublicKey;
use crate::model::JumpMethod;
use crate::protocol::Outcome;
use crate::session::{EndReason, GatePlace, Grant, RecordingMode, SealedCredential, SignedGrant};
use crate::store::{SessionRecord, SessionState};
use crate::time::SignedDuration;
use crate::tunnel::{Party, Ticket};

/// How long a relay ticket works.
const TICKET_LIFETIME: SignedDuration = SignedDuration::from_secs(30);

/// What a rep asks for.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    /// The item, as the user calls it.
    pub(super) item: &'a str,
    /// The credential, by name or id.
    pub(super) credential: Option<&'a str>,
    /// What its Jump Policy may ask for.
    pub(super) supplied: &'a Supplied,
    /// Whether the rep runs gates for items of its own network.
    pub(super) gates: bool,
}

/// Decides, and if the answer is yes makes the session known everywhere it must be known before it may start.
pub(super) async fn jump(
    broker: &Broker,
    caller: &Caller,
    rep: &Connection,
    wanted: Wanted<'_>,
    rep_key: PublicKey,
) -> Result<Jumped> {
    let Wanted {
        item,
        credential,
        supplied,
        gates,
    } = wanted;
    let operation = "start a session";
    let user = caller
        .user()
        .ok_or_else(|| Error::new(ErrorKind::InvalidArgument, operation, "only a user can jump"))?;
    following::fresh(broker).await?;
    let world = broker.world();
    let now = broker.now();
    // What the user may see comes first, so that a name is not ambiguous because of items that are hidden; what is
    // hidden is looked up all the same, so that the attempt is logged.
    let item = match item_lookup::find_visible(&world, caller, item, now) {
        // Several that are hidden are no more than none.
        Err(error) if error.kind() == ErrorKind::NotFound => {
            item_lookup::find_any(&world, item).map_err(|_| item_lookup::not_found())?
        }
        found => found?,
    };
    let most = broker.0.settings.sessions_per_user;
    // Taken before the decision, which then sees every other session that runs or is about to: of two that start at once
    // where one may, the second is refused.
    let place = Place::take(broker, &world, user, &item, most);
    let mut context = Context {
        max_session: broker.0.settings.max_session,
        given: checks::claimed(supplied),
        live: place.as_ref().map(Place::others).unwrap_or_default(),
        ..Context::default()
    };
    let (mut decision, mut allowed) = decide(&world, user, item.id, Action::Start, &context, now);
    if let Some(claimed) = &allowed {
        let question = (user, claimed.user_name(), &*item);
        let given = Box::pin(checks::check(broker, supplied, &decision, caller, question)).await;
        if given != context.given {
            context.given = given;
            (decision, allowed) = decide(&world, user, item.id, Action::Start, &context, now);
        }
    }
    let Some(allowed) = allowed else {
        return Err(if item_lookup::may_view(&world, user, item.id, now) {
            log_denied(broker, caller, user, item.id, decision.why_not()).await?;
            Error::new(ErrorKind::Denied, operation, decision.why_not())
        } else {
            // Somebody who may not even see the item learns nothing about it, not even from how long a line in the
            // log takes.
            let (broker, caller) = (broker.clone(), caller.clone());
            tokio::spawn(async move {
                let denied = log_denied(&broker, &caller, user, item.id, decision.why_not());
                if let Err(error) = denied.await {
                    tracing::error!(%error, "a refused jump could not be logged");
                }
            });
            item_lookup::not_found()
        });
    };
    if allowed.obligations().recording != RecordingMode::Off && broker.0.settings.recording_key.is_none() {
        return Err(Error::new(
            ErrorKind::InvalidArgument,
            operation,
            "the item is to be recorded, but the site has no recording key",
        ));
    }
    let Some(_place) = place else {
        let message = format!("you have {most} sessions open, which is the limit");
        return Err(Error::new(ErrorKind::ResourceLimit, operation, message));
    };
    let gate = item.gate_place()?;
    let offline = || {
        let jumpoint = gate.jumpoint().and_then(|id| world.jumpoint(id));
        let name = jumpoint.map_or("?", |jumpoint| jumpoint.name.as_str());
        Error::new(
            ErrorKind::Unavailable,
            operation,
            format!("jumpoint \"{name}\" is offline"),
        )
    };
    let (link, picked) = match gate {
        GatePlace::Jumpoint(jumpoint) => {
            let link = broker.jumpoint_link(jumpoint).ok_or_else(offline)?;
            let picked = credentials::pick(broker, caller, &world, user, &item, credential);
            (Some(link), Box::pin(picked).await?)
        }
        GatePlace::Rep => (None, opened_by_rep(item.details.method(), gates, credential)?),
    };
    // A provider may have taken its time.
    let now = broker.now();

    let session = SessionId::random()?;
    let session_key = link.as_ref().map(|link| link.session_key);
    let grant = Grant::issue(session, &allowed, &item, rep_key, session_key, now)?;
    let signed = grant.sign(&broker.0.key)?;

    // Written down first: a session that nobody recorded as started must not start.
    let record = SessionRecord {
        id: session,
        user,
        user_name: allowed.user_name().to_owned(),
        item: item.id,
        item_name: item.name.to_string(),
        place: gate,
        protocol: item.details.protocol().to_owned(),
        broker: Some(broker.0.key.public()),
        started: now,
        state: SessionState::Active,
        recording_removed: None,
    };
    let reasons: Vec<String> = decision.reasons.iter().map(ToString::to_string).collect();
    let granted = AuditKind::SessionGranted {
        session,
        item: item.id,
        item_name: item.name.to_string(),
        place: gate,
        on: Some(SessionPlace {
            item_type: item.details.to_string(),
            protocol: item.details.protocol().to_owned(),
            place: ItemPlace::of(&world, item.placement),
            jumpoint_name: gate
                .jumpoint()
                .and_then(|id| world.jumpoint(id))
                .map_or_else(String::new, |jumpoint| jumpoint.name.to_string()),
            recording: Some(grant.recording()),
        }),
        reasons: reasons.join("; "),
        reason: context.given.reason.then(|| supplied.reason.to_string()),
        ticket: context
            .given
            .ticket
            .then(|| supplied.ticket.as_ref().map(ToString::to_string))
            .flatten(),
    };
    broker.log(caller.actor(), None, granted).await?;
    let stored = broker.0.store.put_session(&record).await;
    let attempt = picked
        .injected
        .as_ref()
        .map(|injected| injected.attempt(session, item.id));
    let mut live = LiveSession::new(
        record,
        grant,
        &allowed,
        caller.login(),
        Some(rep.clone()),
        link.as_ref().map(|link| link.key),
    );
    live.injected = picked.injected;
    let policy = allowed.obligations().policy;
    live.policy = policy.and_then(|policy| world.policy(policy)).cloned();
    broker.0.sessions.insert(live);
    if let Err(error) = stored {
        // It is in the log: its end must be, too.
        let reason = EndReason::from_error(&error);
        accounting::finish(broker, session, Outcome::nothing_moved(reason)).await;
        return Err(error);
    }
    if let Some(attempt) = attempt
        && let Err(error) = broker.log(caller.actor(), None, attempt).await
    {
        let _ = sessions::end(broker, session, EndReason::from_error(&error));
        return Err(error);
    }
    // A change while the above was written has not seen this session: look again before anybody can use it.
    still_allowed(broker, caller, session).await?;
    match (gate, link) {
        (GatePlace::Jumpoint(jumpoint), Some(link)) => {
            // The grant names the key of one connection: if that is gone, nobody can serve the session.
            let current = broker
                .jumpoint_link(jumpoint)
                .filter(|current| current.link == link.link && !current.connection.is_closed());
            let Some(link) = current else {
                sessions::end(broker, session, EndReason::JumpointLost)?;
                return Err(offline());
            };
            let told = through_jumpoint(broker, &link, session, signed, picked.sealed);
            told.inspect_err(|error| drop(sessions::end(broker, session, EndReason::from_error(error))))
        }
        _ => {
            // Whoever looks for the sessions of a connection that is gone may have looked before this one was there.
            if rep.is_closed() {
                sessions::end(broker, session, EndReason::RepLost)?;
                return Err(EndReason::RepLost.to_error());
            }
            Ok(Jumped {
                grant: signed,
                ticket: None,
                relay: None,
            })
        }
    }
}

/// What a session gets that its rep serves itself: no credential, because the rep would see it.
///
/// # Errors
/// [`ErrorKind::Unsupported`] if the rep runs no gates; [`ErrorKind::InvalidArgument`] if it names a credential.
fn opened_by_rep(method: JumpMethod, gates: bool, credential: Option<&str>) -> Result<Picked> {
    if !gates {
        let message = format!("a {method} item is opened by the rep itself, and this one runs no gates");
        return Err(Error::new(ErrorKind::Unsupported, "start a session", message));
    }
    if credential.is_some() {
        let message = format!("no credential is injected on a {method} item: the rep would see it");
        return Err(Error::new(ErrorKind::InvalidArgument, "start a session", message));
    }
    Ok(Picked::default())
}

/// Tells the Jumpoint to serve the session; gives what the rep is told.
fn through_jumpoint(
    broker: &Broker,
    link: &JumpointLink,
    session: SessionId,
    grant: SignedGrant,
    credential: Option<SealedCredential>,
) -> Result<Jumped> {
    let now = broker.now();
    let expires = now.checked_add(TICKET_LIFETIME).unwrap_or(now);
    let ticket = |party| Ok::<_, Error>(Ticket::new(session, party, expires)?.sign(&broker.0.key));
    let (rep, jumpoint) = (ticket(Party::Rep)?, ticket(Party::Jumpoint)?);
    let relay = broker.0.settings.relay_address.clone();
    let open = OpenSession {
        grant: grant.clone(),
        ticket: jumpoint,
        relay: relay.clone(),
        credential,
    };
    let open = Message::Notice(Notice::Open(Box::new(open)));
    sessions::open(broker, session, &link.connection, open)?;
    Ok(Jumped {
        grant,
        ticket: Some(rep),
        relay,
    })
}

/// Logs a refused jump, within the user's budget for that.
async fn log_denied(
    broker: &Broker,
    caller: &Caller,
    user: UserId,
    item: ItemId,
    reasons: String,
) -> Result<()> {
    let Some(unlogged) = broker.0.denials.admit(user) else {
        return Ok(());
    };
    let reasons = refusals::with_unlogged(reasons, unlogged);
    let denied = AuditKind::SessionDenied { item, reasons };
    broker.log(caller.actor(), None, denied).await
}

async fn still_allowed(broker: &Broker, caller: &Caller, session: SessionId) -> Result<()> {
    // A store that took its time may have taken another broker's change meanwhile.
    let reason = match following::fresh(broker).await {
        Err(error) => Some(EndReason::from_error(&error)),
        Ok(()) => match caller.check(&broker.world(), broker.now()) {
            Err(error) => Some(EndReason::AccessRevoked(error.context().to_owned())),
            Ok(()) => sessions::recheck_new(broker, session),
        },
    };
    match reason {
        None => Ok(()),
        Some(reason) => {
            let error = reason.to_error();
            // It may be over already.
            let _ = sessions::end(broker, session, reason);
            Err(error)
        }
    }
}
