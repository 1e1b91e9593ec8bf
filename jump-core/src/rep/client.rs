//! The rep's connection to its broker, and the sessions it starts.

use std::sync::Arc;
use std::time::Duration;

use super::ends::Ends;
use super::explained::explained;
use super::local::{self, CredentialSource, LocalJumps, Serving};
use super::wire::Wire;
use super::{LoginIdentity, SessionEvents, SessionStream};
use crate::control::Supplied;
use crate::control::{
    Answer, BrokerEndpoint, Connection, CredentialView, Described, Describes, Dial, Edit, Explanation,
    GroupView, Heartbeat, HelloRole, ItemQuery, ItemView, Jumped, MemberQuery, MemberView, ModelQuery,
    NameQuery, Page, PageQuery, ProtocolVersion, RepRequest, Request, Response, SESSION_ALPN, SessionView,
    UserView,
};
use crate::error::{Error, ErrorKind, Result};
use crate::id::SessionId;
use crate::keys::{SealingPublicKey, SigningKey};
use crate::model::Name;
use crate::protocol::{ConnectOptions, Registry, Session};
use crate::session::Grant;
use crate::time::{Clock, SystemClock};
use crate::tunnel::{TcpTransport, Tls, Transport, dial_relay};

/// How long until the Jumpoint is at the other end of a new session.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connected rep. Cheap to clone; every clone is the same connection.
#[derive(Clone, Debug)]
pub struct Rep(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    connection: Connection,
    name: String,
    ends: Arc<Ends>,
    broker: BrokerEndpoint,
    transport: Arc<dyn Transport>,
    tls: Tls,
    clock: Arc<dyn Clock>,
    backends: Registry,
    identity: LoginIdentity,
    local: Option<LocalJumps>,
    /// The broker's version.
    version: ProtocolVersion,
    /// The key to which recordings are sealed.
    recording_key: Option<SealingPublicKey>,
    serving: Serving,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.connection.close(&Error::new(
            ErrorKind::Closed,
            "stay connected",
            "the rep is done",
        ));
    }
}

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

/// Puts a [`Rep`] together.
#[derive(Debug)]
pub struct RepBuilder {
    identity: LoginIdentity,
    broker: BrokerEndpoint,
    transport: Arc<dyn Transport>,
    tls: Tls,
    clock: Arc<dyn Clock>,
    backends: Registry,
    local: Option<LocalJumps>,
}

impl RepBuilder {
    /// Reaches broker and relay by another transport than TCP.
    #[must_use]
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = transport;
        self
    }

    /// Uses another TLS engine than rustls with ring.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }

    /// Uses another clock than the machine's.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The protocols that [`Rep::open`] can drive. [`Rep::jump`] needs none.
    #[must_use]
    pub fn backends(mut self, backends: Registry) -> Self {
        self.backends = backends;
        self
    }

    /// Serves the items that a rep opens itself, such as Local VNC. Without it they are refused.
    #[must_use]
    pub fn local_jumps(mut self, local: LocalJumps) -> Self {
        self.local = Some(local);
        self
    }

    /// Connects and proves the login's key.
    ///
    /// # Errors
    /// [`ErrorKind::UntrustedPeer`] if the broker does not prove the pinned key, [`ErrorKind::Unauthenticated`] if it
    /// does not know the login, [`ErrorKind::Unavailable`] or [`ErrorKind::Timeout`] if it cannot be reached.
    /// Cancel-safe.
    pub async fn connect(self) -> Result<Rep> {
        let dial = Dial {
            transport: &*self.transport,
            tls: &self.tls,
            clock: &*self.clock,
            broker: &self.broker,
            key: &self.identity.0,
        };
        let dialled = match Box::pin(dial.connect(HelloRole::Rep)).await? {
            Answer::Accepted(dialled) => *dialled,
            Answer::Refused(error) => return Err(error),
        };
        let ends = Arc::new(Ends::default());
        let connection = Connection::start(
            dialled.stream,
            dialled.decoder,
            ends.clone(),
            Heartbeat::default(),
        );
        Ok(Rep(Arc::new(Inner {
            connection,
            name: dialled.welcome.name,
            ends,
            broker: self.broker,
            transport: self.transport,
            tls: self.tls,
            clock: self.clock,
            backends: self.backends,
            identity: self.identity,
            local: self.local,
            version: dialled.welcome.version,
            recording_key: dialled.welcome.recording_key,
            serving: Serving::default(),
        })))
    }
}

pub(super) fn surprised() -> Error {
    Error::new(
        ErrorKind::Protocol,
        "ask the broker",
        "it answered another question",
    )
}

impl Rep {
    /// Starts putting a rep together: who it is and where its broker is.
    #[must_use]
    pub fn builder(identity: LoginIdentity, broker: BrokerEndpoint) -> RepBuilder {
        RepBuilder {
            identity,
            broker,
            transport: Arc::new(TcpTransport),
            tls: Tls::ring(),
            clock: Arc::new(SystemClock),
            backends: Registry::new(),
            local: None,
        }
    }

    /// The user's name.
    #[must_use]
    pub fn user_name(&self) -> &str {
        &self.0.name
    }

    /// Asks the broker anything. Cancel-safe: a request that was sent is carried out.
    pub async fn request(&self, request: RepRequest) -> Result<Response> {
        self.0.connection.request(Request::Rep(request)).await
    }

    /// The items one may see, all of them.
    pub async fn items(&self) -> Result<Vec<ItemView>> {
        self.all_items(ItemQuery::default()).await
    }

    /// A page of the items one may see and that fit.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for a limit or a position out of range.
    pub async fn find_items(&self, query: ItemQuery) -> Result<Page<ItemView>> {
        match self.request(RepRequest::FindItems(query)).await? {
            Response::ItemPage(page) => Ok(page),
            _ => Err(surprised()),
        }
    }

    /// All items one may see and that fit, from this page on.
    ///
    /// # Errors
    /// As [`Rep::find_items`].
    pub async fn all_items(&self, mut query: ItemQuery) -> Result<Vec<ItemView>> {
        let mut items = Vec::new();
        loop {
            let page = self.find_items(query.clone()).await?;
            items.extend(page.rows);
            match page.next {
                Some(next) => query.page.after = Some(next),
                None => return Ok(items),
            }
        }
    }

    /// All users whose name holds the words that are searched for (administrators).
    ///
    /// # Errors
    /// [`ErrorKind::Denied`] to others.
    pub async fn all_users(&self, mut query: NameQuery) -> Result<Vec<UserView>> {
        let mut users = Vec::new();
        loop {
            let Response::UserPage(page) = self.request(RepRequest::FindUsers(query.clone())).await? else {
                return Err(surprised());
            };
            users.extend(page.rows);
            match page.next {
                Some(next) => query.page.after = Some(next),
                None => return Ok(users),
            }
        }
    }

    /// All groups whose name or comments hold the words that are searched for, each with its first hundred members
    /// (administrators).
    ///
    /// # Errors
    /// [`ErrorKind::Denied`] to others.
    pub async fn all_groups(&self, mut query: NameQuery) -> Result<Vec<GroupView>> {
        let mut groups = Vec::new();
        loop {
            let Response::GroupPage(page) = self.request(RepRequest::FindGroups(query.clone())).await? else {
                return Err(surprised());
            };
            groups.extend(page.rows);
            match page.next {
                Some(next) => query.page.after = Some(next),
                None => return Ok(groups),
            }
        }
    }

    /// All objects of a kind, or the one of a name, each as the patch that would make it (administrators).
    ///
    /// # Errors
    /// [`ErrorKind::Denied`] to others, [`ErrorKind::NotFound`] if there is none of that name.
    pub async fn described<P: Describes>(&self, name: Option<Name>) -> Result<Vec<Described<P>>> {
        let mut found = Vec::new();
        let mut page = PageQuery::default();
        loop {
            let query = ModelQuery {
                kind: P::KIND,
                name: name.clone(),
                page: page.clone(),
            };
            let Response::Described(answer) = self.request(RepRequest::Describe(query)).await? else {
                return Err(surprised());
            };
            let answer = P::of(answer).ok_or_else(surprised)?;
            found.extend(answer.rows);
            match answer.next {
                Some(next) => page.after = Some(next),
                None => return Ok(found),
            }
        }
    }

    /// All direct members of a group (administrators).
    ///
    /// # Errors
    /// [`ErrorKind::Denied`] to others, [`ErrorKind::NotFound`] if there is no such group.
    pub async fn all_members(&self, mut query: MemberQuery) -> Result<Vec<MemberView>> {
        let mut members = Vec::new();
        loop {
            let Response::MemberPage(page) = self.request(RepRequest::FindMembers(query.clone())).await?
            else {
                return Err(surprised());
            };
            members.extend(page.rows);
            match page.next {
                Some(next) => query.page.after = Some(next),
                None => return Ok(members),
            }
        }
    }

    /// One item, by id, name or `group/name`.
    pub async fn item(&self, item: &str) -> Result<ItemView> {
        match self
            .request(RepRequest::Item {
                item: item.to_owned(),
            })
            .await?
        {
            Response::Item(item) => Ok(*item),
            _ => Err(surprised()),
        }
    }

    /// Why oneself may or may not start a session on an item now.
    pub async fn why(&self, item: &str) -> Result<Explanation> {
        match self
            .request(RepRequest::Why {
                user: None,
                item: item.to_owned(),
                at: None,
            })
            .await?
        {
            Response::Explanation(explanation) => Ok(*explanation),
            _ => Err(surprised()),
        }
    }

    /// The credentials that one may inject on an item, the closest first.
    pub async fn credentials(&self, item: &str) -> Result<Vec<CredentialView>> {
        let item = item.to_owned();
        match self.request(RepRequest::Credentials { item }).await? {
            Response::Credentials(credentials) => Ok(credentials),
            _ => Err(surprised()),
        }
    }

    /// The latest sessions.
    pub async fn sessions(&self, active_only: bool, limit: u32) -> Result<Vec<SessionView>> {
        match self.request(RepRequest::Sessions { active_only, limit }).await? {
            Response::Sessions(sessions) => Ok(sessions),
            _ => Err(surprised()),
        }
    }

    /// Ends a session.
    pub async fn end_session(&self, session: SessionId) -> Result<()> {
        self.request(RepRequest::EndSession { session }).await.map(|_| ())
    }

    /// Changes the site.
    pub async fn edit(&self, edit: Edit) -> Result<Response> {
        self.request(RepRequest::Edit(edit)).await
    }

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

    /// Waits until every session that this rep served itself is over and reported. A program that ends before loses what was
    /// not reported; the site then says that the rep went away. Cancel-safe.
    pub async fn settled(&self) {
        self.0.serving.none().await;
    }

    pub(super) fn serving(&self) -> &Serving {
        &self.0.serving
    }

    pub(super) fn identity(&self) -> &SigningKey {
        &self.0.identity.0
    }

    pub(super) fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.0.connection
    }

    /// Waits until the connection to the broker is lost and says why. Cancel-safe.
    pub async fn disconnected(&self) -> Error {
        self.0.connection.closed().await
    }
}
