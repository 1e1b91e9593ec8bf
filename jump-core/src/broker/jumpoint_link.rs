//! Connected Jumpoints.

use std::sync::Arc;

use async_trait::async_trait;

use super::reporter::Reporter;
use super::{Broker, accounting, lock, presence, retention};
use crate::audit::{Actor, AuditKind};
use crate::control::{Connection, FrameDecoder, Handler, JumpointRequest, Notice, Request, Response};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{JumpointId, SessionId};
use crate::keys::PublicKey;
use crate::model::{Jumpoint, World};
use crate::tunnel::{Socket, TlsStream};

/// A connected Jumpoint. The link number tells a new connection from the one it replaced.
#[derive(Clone, Debug)]
pub(super) struct JumpointLink {
    pub(super) link: u64,
    pub(super) key: PublicKey,
    pub(super) session_key: PublicKey,
    pub(super) connection: Connection,
}

/// A Jumpoint that has proven its key and said hello.
pub(super) struct Arrival {
    pub(super) id: JumpointId,
    pub(super) name: String,
    key: PublicKey,
    session_key: PublicKey,
    sessions: Vec<SessionId>,
}

/// What a disabled Jumpoint is told: it may come again, for it may be enabled again.
pub(super) fn disabled() -> Error {
    Error::new(
        ErrorKind::Denied,
        "connect a jumpoint",
        "the jumpoint is disabled",
    )
}

/// The Jumpoint that enrolled with this key.
pub(super) fn with_key<'w>(world: &'w World, key: &PublicKey) -> Option<&'w Arc<Jumpoint>> {
    world
        .jumpoints()
        .find(|jumpoint| jumpoint.key.as_ref() == Some(key))
}

/// Finds out which Jumpoint proved `key`.
pub(super) fn recognize(
    broker: &Broker,
    key: PublicKey,
    session_key: PublicKey,
    sessions: Vec<SessionId>,
) -> Result<Arrival> {
    let refuse = |rule| Error::new(ErrorKind::Unauthenticated, "connect a jumpoint", rule);
    let world = broker.world();
    let jumpoint = with_key(&world, &key)
        .ok_or_else(|| refuse("this key is not enrolled here: enrol with an invitation"))?;
    if !jumpoint.enabled {
        return Err(disabled());
    }
    Ok(Arrival {
        id: jumpoint.id,
        name: jumpoint.name.to_string(),
        key,
        session_key,
        sessions,
    })
}

/// Runs the connection until it closes. The newest connection of a Jumpoint wins; the end of an older one changes
/// nothing.
pub(super) async fn run(broker: &Broker, stream: TlsStream<Socket>, decoder: FrameDecoder, arrival: Arrival) {
    let link = broker.next_link();
    let handler = JumpointHandler {
        broker: broker.clone(),
        jumpoint: arrival.id,
    };
    let connection = Connection::start(stream, decoder, Arc::new(handler), broker.0.settings.heartbeat());
    let entry = JumpointLink {
        link,
        key: arrival.key,
        session_key: arrival.session_key,
        connection: connection.clone(),
    };
    // Taken stock of before the link can be used: a session that starts through it is none of these.
    let expected = presence::of_jumpoint(broker, arrival.id);
    let replaced = lock(&broker.0.jumpoints).insert(arrival.id, entry);
    if let Some(old) = replaced {
        // Either it lost its old connection unnoticed, or somebody else has its key: worth a line in the log.
        let actor = Actor::Jumpoint { jumpoint: arrival.id };
        if let Err(error) = broker.log(actor, None, AuditKind::ConnectionReplaced).await {
            connection.close(&error);
        }
        old.connection.close(&Error::new(
            ErrorKind::Conflict,
            "stay connected",
            "a newer connection with this jumpoint's key took over",
        ));
    }
    // A change between hello and here has not seen this link: look again.
    if recognize(broker, arrival.key, arrival.session_key, Vec::new()).is_err() {
        broker.enforce();
    }
    presence::reconcile(broker, &expected, &arrival.sessions, &connection).await;
    tracing::info!(jumpoint = arrival.name, "jumpoint connected");
    let error = connection.closed().await;
    tracing::info!(jumpoint = arrival.name, %error, "jumpoint disconnected");
    let was_current = {
        let mut jumpoints = lock(&broker.0.jumpoints);
        let current = jumpoints
            .get(&arrival.id)
            .is_some_and(|current| current.link == link);
        if current {
            jumpoints.remove(&arrival.id);
        }
        current
    };
    if was_current {
        presence::start_lease(broker, arrival.id);
    }
}

#[derive(Debug)]
pub(super) struct JumpointHandler {
    pub(super) broker: Broker,
    pub(super) jumpoint: JumpointId,
}

#[async_trait]
impl Handler for JumpointHandler {
    async fn request(&self, _: &Connection, request: Request) -> Result<Response> {
        match request {
            Request::Jumpoint(JumpointRequest::SessionStarted { session }) => {
                presence::started(&self.broker, Reporter::Jumpoint(self.jumpoint), session)?;
                Ok(Response::Done)
            }
            Request::Jumpoint(JumpointRequest::SessionEvent {
                session,
                number,
                event,
            }) => {
                let reporter = Reporter::Jumpoint(self.jumpoint);
                accounting::event(&self.broker, reporter, session, number, event).await?;
                Ok(Response::Done)
            }
            Request::Jumpoint(JumpointRequest::SessionEnded {
                session,
                outcome,
                recording,
            }) => {
                let reporter = Reporter::Jumpoint(self.jumpoint);
                accounting::ended(&self.broker, reporter, session, outcome, recording).await?;
                Ok(Response::Done)
            }
            Request::Jumpoint(JumpointRequest::RemoveRecording {
                session,
                hash,
                file_bytes,
                days,
            }) => {
                let file = (hash, file_bytes);
                retention::recording(&self.broker, self.jumpoint, session, file, days).await?;
                Ok(Response::Done)
            }
            Request::Rep(_) => Err(Error::new(
                ErrorKind::Protocol,
                "answer a request",
                "a jumpoint may not ask what a rep asks",
            )),
        }
    }

    async fn notice(&self, connection: &Connection, _: Notice) {
        connection.close(&Error::new(
            ErrorKind::Protocol,
            "take a notice",
            "a jumpoint has nothing to notify",
        ));
    }
}
