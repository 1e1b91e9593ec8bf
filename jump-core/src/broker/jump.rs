//! Starting a session: decision, grant, log, then the two ends are told.

use super::sessions::{self, LiveSession};
use super::{Broker, Caller, item_lookup};
use crate::access::{Action, Context, decide};
use crate::audit::AuditKind;
use crate::control::{Connection, Jumped, Message, Notice, OpenSession};
use crate::error::{Error, ErrorKind, Result};
use crate::id::SessionId;
use crate::keys::PublicKey;
use crate::model::{ItemDetails, World};
use crate::session::{Grant, RecordingMode};
use crate::store::{SessionRecord, SessionState};
use crate::time::SignedDuration;
use crate::tunnel::{Party, Ticket};

/// How long a relay ticket works.
const TICKET_LIFETIME: SignedDuration = SignedDuration::from_secs(30);

/// Decides, and if the answer is yes makes the session known everywhere it must be known before it may start.
pub(super) async fn jump(
    broker: &Broker,
    caller: &Caller,
    rep: &Connection,
    item: &str,
    rep_key: PublicKey,
) -> Result<Jumped> {
    let operation = "start a session";
    let user = caller
        .user()
        .ok_or_else(|| Error::new(ErrorKind::InvalidArgument, operation, "only a user can jump"))?;
    let world = broker.world();
    let now = broker.now();
    // What the user may see comes first, so that a name is not ambiguous because of items that are hidden; what is
    // hidden is looked up all the same, so that the attempt is logged.
    let item = match item_lookup::find_visible(&world, caller, item, now) {
        Err(error) if error.kind() == ErrorKind::NotFound => item_lookup::find_any(&world, item)?,
        found => found?,
    };
    let context = Context {
        session_started: None,
        max_session: broker.0.settings.max_session,
    };
    let (decision, allowed) = decide(&world, user, item.id, Action::Start, &context, now);
    let Some(allowed) = allowed else {
        let denied = AuditKind::SessionDenied {
            item: item.id,
            reasons: decision.why_not(),
        };
        broker.log(caller.actor(), None, denied).await?;
        // Somebody who may not even see the item learns nothing about it.
        return Err(if item_lookup::may_view(&world, user, item.id, now) {
            Error::new(ErrorKind::Denied, operation, decision.why_not())
        } else {
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
    if broker.0.sessions.of_user(user) >= broker.0.settings.sessions_per_user {
        let message = format!(
            "you have {} sessions open, which is the limit",
            broker.0.settings.sessions_per_user
        );
        return Err(Error::new(ErrorKind::ResourceLimit, operation, message));
    }
    let (jumpoint, jumpoint_key) = broker.jumpoint_connection(item.jumpoint).ok_or_else(|| {
        let name = world
            .jumpoint(item.jumpoint)
            .map_or("?", |jumpoint| jumpoint.name.as_str());
        Error::new(
            ErrorKind::Unavailable,
            operation,
            format!("jumpoint \"{name}\" is offline"),
        )
    })?;

    let session = SessionId::random()?;
    let grant = Grant::issue(session, &allowed, &item, rep_key, jumpoint_key, now)?;
    let signed = grant.sign(&broker.0.key)?;
    let expires = now.checked_add(TICKET_LIFETIME).unwrap_or(now);
    let rep_ticket = Ticket::new(session, Party::Rep, expires)?.sign(&broker.0.key);
    let jumpoint_ticket = Ticket::new(session, Party::Jumpoint, expires)?.sign(&broker.0.key);

    // Written down first: a session that nobody recorded as started must not start.
    let record = SessionRecord {
        id: session,
        user,
        user_name: allowed.user_name().to_owned(),
        item: item.id,
        item_name: item.name.to_string(),
        jumpoint: item.jumpoint,
        protocol: item.details.protocol().to_owned(),
        started: now,
        state: SessionState::Active,
    };
    let reasons: Vec<String> = decision.reasons.iter().map(ToString::to_string).collect();
    let granted = AuditKind::SessionGranted {
        session,
        item: item.id,
        item_name: item.name.to_string(),
        jumpoint: item.jumpoint,
        reasons: reasons.join("; "),
    };
    broker.log(caller.actor(), None, granted).await?;
    broker.0.store.put_session(&record).await?;
    broker.0.sessions.insert(LiveSession::new(
        record,
        grant.clone(),
        caller.login(),
        Some(rep.clone()),
    ));
    // A change while the above was written has not seen this session: look again before anybody can use it.
    still_allowed(broker, caller, &broker.world(), &grant)?;

    let credential = match &item.details {
        ItemDetails::ShellJump(shell) => shell.credential.clone(),
        ItemDetails::ProtocolTunnel(_) => None,
    };
    let relay = broker.0.settings.relay_address.clone();
    let open = OpenSession {
        grant: signed.clone(),
        ticket: jumpoint_ticket,
        relay: relay.clone(),
        credential,
    };
    jumpoint.send_now(Message::Notice(Notice::Open(Box::new(open))));
    Ok(Jumped {
        grant: signed,
        ticket: rep_ticket,
        relay,
    })
}

fn still_allowed(broker: &Broker, caller: &Caller, world: &World, grant: &Grant) -> Result<()> {
    let now = broker.now();
    let reason = match caller.check(world, now) {
        Err(error) => Some(crate::session::EndReason::AccessRevoked(
            error.context().to_owned(),
        )),
        Ok(()) => sessions::recheck(broker, world, grant, grant.issued(), now),
    };
    match reason {
        None => Ok(()),
        Some(reason) => {
            let error = reason.to_error();
            sessions::end(broker, grant.session(), reason)?;
            Err(error)
        }
    }
}
