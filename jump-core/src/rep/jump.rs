//! The sessions that a rep starts.

use std::sync::Arc;
use std::time::Duration;

use super::client::surprised;
use super::explained::explained;
use super::local::{self, CredentialSource};
use super::wire::Wire;
use super::{Rep, SessionEvents, SessionStream};
use crate::control::{Jumped, RepRequest, Response, SESSION_ALPN, Supplied};
use crate::error::{Error, ErrorKind, Result};
use crate::keys::SigningKey;
use crate::protocol::{ConnectOptions, Session};
use crate::session::Grant;
use crate::tunnel::dial_relay;

/// How long until the Jumpoint is at the other end of a new session.
const PATIENCE: Duration = Duration::from_secs(20);

/// A started session: what was granted, and the stream that leads to the gate.
#[derive(Debug)]
pub struct JumpSession {
    /// What was granted.
    pub grant: Arc<Grant>,
    /// The stream.
    pub stream: SessionStream,
    /// What the broker says about it meanwhile.
    pub events: SessionEvents,
}

/// A started session, driven by the backend of its protocol.
#[derive(Debug)]
pub struct OpenedSession {
    /// What was granted.
    pub grant: Arc<Grant>,
    /// The session.
    pub session: Session,
    /// What the broker says about it meanwhile.
    pub events: SessionEvents,
}

/// What a session is started with besides its item.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct JumpOptions {
    /// The credential to inject, by name or id; `None` is the one that is meant most closely for the item, and the
    /// item's own if there is none.
    pub credential: Option<String>,
    /// What the item's Jump Policy asks for.
    pub supplied: Supplied,
    /// With what to log in to a target that the rep opens itself, where nothing is injected; `None` is without a credential.
    /// Means nothing for other items.
    pub target_credential: Option<Arc<dyn CredentialSource>>,
}

impl Rep {
    /// Starts a session on an item and gives its stream: the gate of the item's protocol is at the other end, at the item's
    /// Jumpoint or, for an item of the rep's own network, in this process. A native client can be connected to it as it is.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`] with the reasons, [`ErrorKind::NotFound`] for what one may not even see,
    /// [`ErrorKind::Unavailable`] if the Jumpoint is offline; what the Jumpoint reports if it cannot serve the
    /// session; [`ErrorKind::Unsupported`] for an item that a rep opens itself and this one runs no gate for. Not cancel-safe: a session may have been started, and ends by itself.
    pub async fn jump(&self, item: &str) -> Result<JumpSession> {
        self.jump_with(item, &JumpOptions::default()).await
    }

    /// [`Rep::jump`] with options.
    ///
    /// # Errors
    /// As [`Rep::jump`]; [`ErrorKind::Conflict`], with names, if several credentials match the item equally closely:
    /// name one of them.
    pub async fn jump_with(&self, item: &str, options: &JumpOptions) -> Result<JumpSession> {
        // A key for this session only: it binds the end-to-end stream to the grant.
        let key = SigningKey::generate()?;
        let request = RepRequest::Jump {
            item: item.to_owned(),
            session_key: key.public(),
            credential: options.credential.clone(),
            supplied: options.supplied.clone(),
            gates: self.0.local.is_some() && self.0.version.has_local_jumps(),
        };
        let Response::Jumped(jumped) = self.request(request).await? else {
            return Err(surprised());
        };
        let Jumped { grant, ticket, relay } = *jumped;
        let grant = Arc::new(grant.verify(&self.0.broker.key, self.0.clock.now())?);
        if grant.rep_key() != key.public() {
            return Err(Error::new(
                ErrorKind::Grant,
                "start a session",
                "the grant is for another key",
            ));
        }
        let mut end = self.0.ends.watch(grant.session());
        let wire = match (grant.jumpoint_key(), ticket, &self.0.local) {
            (Some(jumpoint), Some(ticket), _) => {
                let address = relay.as_deref().unwrap_or(&self.0.broker.address);
                let joined = async {
                    let socket = dial_relay(&*self.0.transport, address, &ticket, PATIENCE).await?;
                    let tls = &self.0.tls;
                    Box::pin(tls.connect(socket, &key, &jumpoint, SESSION_ALPN, PATIENCE)).await
                };
                let tls = tokio::select! {
                    biased;
                    reason = end.ended() => return Err(reason.to_error()),
                    joined = joined => joined,
                };
                // A stream that could not be opened is often the Jumpoint's doing, and the broker knows more.
                match tls {
                    Ok(tls) => Wire::Relayed(Box::new(tls)),
                    Err(error) => return Err(end.explain(error).await),
                }
            }
            (None, None, Some(local)) => {
                let credential = options.target_credential.clone();
                let key = self.0.recording_key;
                Wire::Local(local::start(self, local, key, grant.clone(), credential, &end).await?)
            }
            _ => return Err(surprised()),
        };
        let events = SessionEvents::new(end.clone(), self.0.connection.clone());
        let stream = SessionStream::new(wire, grant.session(), end, self.clone());
        Ok(JumpSession {
            grant,
            stream,
            events,
        })
    }

    /// Starts a session on an item and drives it with the backend of its protocol.
    ///
    /// # Errors
    /// As [`Rep::jump`], and [`ErrorKind::Unsupported`] if no backend is registered for the item's protocol.
    pub async fn open(&self, item: &str) -> Result<Session> {
        self.open_with(item, &JumpOptions::default()).await
    }

    /// [`Rep::open`] with options.
    ///
    /// # Errors
    /// As [`Rep::jump_with`], and [`ErrorKind::Unsupported`] if no backend is registered for the item's protocol.
    pub async fn open_with(&self, item: &str, options: &JumpOptions) -> Result<Session> {
        self.open_session(item, options)
            .await
            .map(|opened| opened.session)
    }

    /// [`Rep::open_with`] with the grant and what the broker says about the session meanwhile.
    ///
    /// # Errors
    /// As [`Rep::open_with`].
    pub async fn open_session(&self, item: &str, options: &JumpOptions) -> Result<OpenedSession> {
        let JumpSession {
            grant,
            stream,
            events,
        } = self.jump_with(item, options).await?;
        let backend = self.0.backends.get(grant.protocol())?;
        let mut end = self.0.ends.watch(grant.session());
        match backend
            .connect(Box::new(stream), ConnectOptions::new(grant.clone()))
            .await
        {
            Ok(session) => Ok(OpenedSession {
                grant,
                session: explained(session, end, self.clone()),
                events,
            }),
            Err(error) => Err(end.explain(error).await),
        }
    }
}
