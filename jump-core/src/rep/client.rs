//! The rep's connection to its broker.

use std::sync::Arc;

use super::LoginIdentity;
use super::ends::Ends;
use super::local::{LocalJumps, Serving};
use crate::control::{
    Answer, BrokerEndpoint, Connection, CredentialView, Described, Describes, Dial, Edit, Explanation,
    GroupView, Heartbeat, HelloRole, ItemQuery, ItemView, MemberQuery, MemberView, ModelQuery, NameQuery,
    Page, PageQuery, ProtocolVersion, RepRequest, Request, Response, SessionView, UserView,
};
use crate::error::{Error, ErrorKind, Result};
use crate::id::SessionId;
use crate::keys::SealingPublicKey;
use crate::model::Name;
use crate::protocol::Registry;
use crate::time::{Clock, SystemClock};
use crate::tunnel::{TcpTransport, Tls, Transport};

/// A connected rep. Cheap to clone; every clone is the same connection.
#[derive(Clone, Debug)]
pub struct Rep(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) connection: Connection,
    pub(super) name: String,
    pub(super) ends: Arc<Ends>,
    pub(super) broker: BrokerEndpoint,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) tls: Tls,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) backends: Registry,
    pub(super) identity: LoginIdentity,
    pub(super) local: Option<LocalJumps>,
    /// The broker's version.
    pub(super) version: ProtocolVersion,
    /// The key to which recordings are sealed.
    pub(super) recording_key: Option<SealingPublicKey>,
    pub(super) serving: Serving,
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

    /// Waits until every session that this rep served itself is over and reported. A program that ends before loses what was
    /// not reported; the site then says that the rep went away. Cancel-safe.
    pub async fn settled(&self) {
        self.0.serving.none().await;
    }

    /// Waits until the connection to the broker is lost and says why. Cancel-safe.
    pub async fn disconnected(&self) -> Error {
        self.0.connection.closed().await
    }
}
