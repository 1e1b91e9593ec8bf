//! The messages.

use serde::{Deserialize, Serialize};

use super::{ApprovalAnswer, ApprovalView, ItemPatch, SessionEnding, Supplied};
use super::{
    CredentialView, Explanation, GroupView, ItemView, JumpointView, ProtocolVersion, SessionView,
    TransferAnswer, TransferRequest, UserView, VaultAnswer, VaultRequest,
};
use super::{FactorAnswer, FactorRequest};
use super::{ItemQuery, MemberQuery, MemberView, ModelEdit, ModelPage, ModelQuery, NameQuery, Page};
use super::{SimulateAnswer, SimulateRequest};
use crate::audit::RecordingNote;
use crate::error::{Error, ErrorKind};
use crate::id::{ApprovalId, ItemId, JumpointId, LoginId, SessionId};
use crate::keys::{PublicKey, SealingPublicKey};
use crate::model::{
    ApprovalState, Change, Comments, Hostname, ItemDetails, JumpMethods, LoginLimits, LoginScope, Name,
    Remark, Tag, UserName,
};
use crate::protocol::{Outcome, SessionEvent};
use crate::session::{EndReason, RecordingMode, SealedCredential, SignedGrant};
use crate::text::Escaped;
use crate::time::Timestamp;
use crate::tunnel::SignedTicket;

/// Everything that travels on a control connection. [`Message::Hello`] comes first from the peer,
/// [`Message::Welcome`], [`Message::Enrolled`] or [`Message::Refused`] first from the broker.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "message", content = "body", rename_all = "snake_case")]
pub enum Message {
    /// Who is calling, and with which version.
    Hello(Hello),
    /// The broker accepts the caller.
    Welcome(Welcome),
    /// The broker accepted an enrolment; the connection closes.
    Enrolled(Enrolled),
    /// The broker does not accept the caller; the connection closes.
    Refused(WireError),
    /// A question that gets exactly one [`Message::Reply`] with the same id.
    Request {
        /// Chosen by the asker, not used twice on a connection.
        id: u64,
        /// The question.
        request: Request,
    },
    /// The answer.
    Reply {
        /// The question's id.
        id: u64,
        /// The answer or the error.
        result: Result<Response, WireError>,
    },
    /// Something to know or do that needs no answer.
    Notice(Notice),
    /// Are you there?
    Ping,
    /// Yes.
    Pong,
}

/// The first message.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Hello {
    /// The protocol version.
    pub version: ProtocolVersion,
    /// The peer's clock, to notice skew.
    pub time: Timestamp,
    /// In which role the peer comes. Who it is follows from the key it proved.
    pub role: HelloRole,
}

/// In which role a peer comes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case", deny_unknown_fields)]
pub enum HelloRole {
    /// A login of a user.
    Rep,
    /// An enrolled Jumpoint.
    Jumpoint {
        /// The key that it proves inside the tunnels of the sessions of this connection.
        session_key: PublicKey,
        /// The sessions it still runs.
        sessions: Vec<SessionId>,
    },
    /// Somebody whom the embedder's authenticator is to recognize; the key becomes a login of the user whom it names.
    LogIn {
        /// What the authenticator understands.
        proof: Secret,
        /// What the login is, for people.
        label: Name,
    },
    /// Somebody with an invitation.
    Enrol {
        /// The invitation's secret, base64url.
        secret: Secret,
        /// As what.
        enrol: Enrol,
    },
}

/// A secret on the wire: wiped when dropped, not shown by `Debug`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        Self(data_encoding::BASE64URL_NOPAD.encode(bytes))
    }

    pub(crate) fn from_text(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(crate) fn to_secret(&self) -> crate::secret::Secret<String> {
        crate::secret::Secret::new(self.0.clone())
    }

    pub(crate) fn to_bytes(&self) -> Option<crate::secret::Secret<[u8; 32]>> {
        super::invitation::decode_secret(&self.0)
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.0);
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

/// As what somebody enrols; it must be what the invitation is for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "snake_case", deny_unknown_fields)]
pub enum Enrol {
    /// A login.
    Login {
        /// What it is, for people.
        label: Name,
    },
    /// A Jumpoint.
    Jumpoint {
        /// The key to which credentials for its targets are sealed.
        sealing_key: SealingPublicKey,
    },
}

/// What the broker says to an accepted peer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Welcome {
    /// The protocol version the broker speaks.
    pub version: ProtocolVersion,
    /// The broker's clock.
    pub time: Timestamp,
    /// The peer's name: of the user, or of the Jumpoint.
    pub name: String,
    /// The Jumpoint's id, if the peer is one.
    #[serde(default)]
    pub jumpoint: Option<JumpointId>,
    /// Seconds for which a Jumpoint's sessions live on without contact to the broker.
    pub lease_seconds: u32,
    /// The key to which recordings are sealed.
    #[serde(default)]
    pub recording_key: Option<SealingPublicKey>,
}

/// What the broker says to somebody who enrolled.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Enrolled {
    /// The name it now has: of the user, or of the Jumpoint.
    pub name: String,
    /// The Jumpoint's id, if it is one.
    #[serde(default)]
    pub jumpoint: Option<JumpointId>,
}

/// A question.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "from", content = "request", rename_all = "snake_case")]
pub enum Request {
    /// From a rep.
    Rep(RepRequest),
    /// From a Jumpoint.
    Jumpoint(JumpointRequest),
}

/// What a rep may ask.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum RepRequest {
    /// Start a session on an item, named `name` or `group/name` or by id.
    Jump {
        /// Which item.
        item: String,
        /// The key that the rep proves inside the tunnel; used for this session only.
        session_key: PublicKey,
        /// Which of the credentials that one may inject on the item, by name or id; `None` is the one that is meant
        /// most closely.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        credential: Option<String>,
        /// What the item's Jump Policy asks for.
        #[serde(default)]
        supplied: Supplied,
        /// Whether the rep runs gates itself, for items of its own network. Said to brokers of version 1.1 and later.
        #[serde(default, skip_serializing_if = "is_false")]
        gates: bool,
    },
    /// What happens in a session that the rep serves itself. Only over the connection that started it (1.1).
    Gate(GateReport),
    /// Which credentials one may inject on an item.
    Credentials {
        /// Which item.
        item: String,
    },
    /// Which items are visible, if they fit into one answer.
    Items,
    /// Which visible items fit, page by page.
    FindItems(ItemQuery),
    /// One item, by name or id.
    Item {
        /// Which.
        item: String,
    },
    /// Why somebody may or may not start a session on an item.
    Why {
        /// Who; `None` is the asker. Asking about others takes an administrator.
        user: Option<UserName>,
        /// Which item.
        item: String,
        /// At which moment; `None` is now.
        at: Option<Timestamp>,
    },
    /// The latest sessions: all for an administrator, one's own for others.
    Sessions {
        /// Only running ones.
        active_only: bool,
        /// At most this many, up to 1000.
        limit: u32,
    },
    /// The next page of a report.
    Report(super::ReportRequest),
    /// End a session: an administrator any, others their own.
    EndSession {
        /// Which.
        session: SessionId,
    },
    /// Every user (administrators), if they fit into one answer.
    Users,
    /// Users, page by page (administrators).
    FindUsers(NameQuery),
    /// Every group (administrators), if they fit into one answer.
    Groups,
    /// Groups, page by page, each with its first hundred members (administrators).
    FindGroups(NameQuery),
    /// Roles, policies, teams and the like, page by page (administrators).
    Describe(ModelQuery),
    /// The direct members of a group, page by page (administrators).
    FindMembers(MemberQuery),
    /// Every Jumpoint (administrators).
    Jumpoints,
    /// Change the site.
    Edit(Edit),
    /// What the site consists of besides Jumpoints, items and logins, as changes that would make it (administrators).
    Site,
    /// Ask for an approval to jump to an item.
    RequestApproval {
        /// Which item.
        item: String,
        /// From when; `None` is now.
        start: Option<Timestamp>,
        /// For how many seconds, at least 60; `None` is two hours, or what the policy allows if that is less.
        duration_seconds: Option<u32>,
        /// Why.
        reason: Remark,
    },
    /// Answer an approval request, or take it back.
    AnswerApproval {
        /// Which.
        request: ApprovalId,
        /// How.
        answer: ApprovalAnswer,
        /// Why.
        comments: Remark,
    },
    /// One's own approval requests and those that one may answer; all for an administrator. The newest 1000.
    Approvals {
        /// Only those in this state.
        state: Option<ApprovalState>,
    },
    /// Ask the simulator.
    Simulate(SimulateRequest),
    /// Use or change the vault.
    Vault(VaultRequest),
    /// Enrol one's second factor, or reset another's.
    SecondFactor(FactorRequest),
    /// Read or change the site as a whole.
    Transfer(TransferRequest),
}

/// A change of the site, by names. All but item edits take an administrator; item edits take the matching
/// permission of one's role in the group, or an administrator.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "edit", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Edit {
    /// Adds a user.
    AddUser {
        /// Its name.
        name: UserName,
        /// Whether it may administer the site.
        administrator: bool,
        /// By which methods it may jump.
        allowed_methods: JumpMethods,
        /// The name of its default role; `None` is No Access.
        default_role: Option<Name>,
    },
    /// Enables or disables a user.
    EnableUser {
        /// Whose.
        name: UserName,
        /// Which.
        enabled: bool,
    },
    /// Removes a user.
    RemoveUser {
        /// Which.
        name: UserName,
    },
    /// Makes an invitation for a new login of a user. Everybody may for themselves, with no wider scope than they use, through a
    /// login without limits.
    InviteLogin {
        /// Whose.
        user: UserName,
        /// What the login may be used for.
        scope: LoginScope,
        /// When and from where.
        #[serde(default, skip_serializing_if = "LoginLimits::are_none")]
        limits: LoginLimits,
    },
    /// Removes a login.
    RemoveLogin {
        /// Which.
        login: LoginId,
    },
    /// Adds a Jump Group.
    AddGroup {
        /// Its name.
        name: Name,
        /// What it is for.
        comments: Comments,
    },
    /// Removes a Jump Group and its items.
    RemoveGroup {
        /// Which.
        name: Name,
    },
    /// Puts a user into a group, or changes its role there.
    AddMember {
        /// The group.
        group: Name,
        /// The user.
        user: UserName,
        /// The role's name; `None` is the user's default role.
        role: Option<Name>,
        /// The name of the Jump Policy that holds in place of the items'; `None` is the items'.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        policy: Option<Name>,
    },
    /// Takes a user out of a group.
    RemoveMember {
        /// The group.
        group: Name,
        /// The user.
        user: UserName,
    },
    /// Adds a Jumpoint and makes the invitation for its agent.
    AddJumpoint {
        /// Its name.
        name: Name,
    },
    /// Makes a new invitation for a Jumpoint that lost its key; the old key works until the new one enrolled.
    InviteJumpoint {
        /// Which.
        name: Name,
    },
    /// Removes a Jumpoint and the items behind it.
    RemoveJumpoint {
        /// Which.
        name: Name,
    },
    /// Enables or disables a Jumpoint.
    EnableJumpoint {
        /// Which.
        name: Name,
        /// Which way.
        enabled: bool,
    },
    /// Lets a user use a Jumpoint.
    GrantJumpoint {
        /// The Jumpoint.
        jumpoint: Name,
        /// The user.
        user: UserName,
    },
    /// Takes that away.
    RevokeJumpoint {
        /// The Jumpoint.
        jumpoint: Name,
        /// The user.
        user: UserName,
    },
    /// Adds a Jump Item: takes `perm_add` there, and the Jumpoint.
    AddItem(Box<ItemDraft>),
    /// Changes a Jump Item: each field takes its own permission.
    EditItem {
        /// Which.
        item: String,
        /// What changes.
        patch: Box<ItemPatch>,
    },
    /// Moves a Jump Item to another group or personal list: takes `perm_assign_jump_group` here and there.
    MoveItem {
        /// Which.
        item: String,
        /// The name of the group, or `@` and the name of the personal list's owner.
        group: Name,
    },
    /// Copies a Jump Item, with the same permissions; the copy has no credential, because that is sealed for the original.
    CopyItem {
        /// Which.
        item: String,
        /// The name of the group, or `@` and the name of the personal list's owner.
        group: Name,
        /// The copy's name; `None` is the item's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<Name>,
    },
    /// Adds, changes or removes a role, policy, team or the like, or changes a user, group, Jumpoint or the site.
    Model(ModelEdit),
    /// Makes changes as they are, all or none (administrators). New objects have ids that nobody had before.
    Change {
        /// Which.
        changes: Vec<Change>,
        /// Only check whether they could be made.
        dry_run: bool,
    },
    /// Removes a Jump Item.
    RemoveItem {
        /// Which.
        item: String,
    },
    /// Sets or removes the credential that is injected on an item.
    SetCredential {
        /// Which.
        item: ItemId,
        /// Sealed to the item's Jumpoint for the item's target.
        credential: Option<SealedCredential>,
    },
}

/// A Jump Item to be added.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemDraft {
    /// Its name.
    pub name: Name,
    /// The name of its group, or `@` and the name of the personal list's owner.
    pub group: Name,
    /// The name of its Jumpoint, if its type needs one.
    #[serde(default)]
    pub jumpoint: Option<Name>,
    /// Its host.
    pub hostname: Hostname,
    /// Its tag.
    #[serde(default)]
    pub tag: Tag,
    /// Anything worth knowing.
    #[serde(default)]
    pub comments: Comments,
    /// The name of its Jump Policy; takes `perm_edit_jump_policy`, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jump_policy: Option<Name>,
    /// The name of its session policy; takes `perm_edit_session_policy`, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_policy: Option<Name>,
    /// How it is recorded.
    #[serde(default)]
    pub recording: RecordingMode,
    /// The longest a session may last, in seconds.
    #[serde(default)]
    pub max_duration_seconds: Option<u32>,
    /// What is special to its type.
    pub details: ItemDetails,
}

const fn is_false(value: &bool) -> bool {
    !*value
}

/// What whoever runs a session's gate says about it; the answer means that it is on stable storage.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "report", rename_all = "snake_case", deny_unknown_fields)]
pub enum GateReport {
    /// The rep has joined the session and its gate starts.
    Started {
        /// Which.
        session: SessionId,
    },
    /// Something happened in a session.
    Event {
        /// Which session.
        session: SessionId,
        /// Counts the session's events from 1, so that one sent twice is logged once.
        number: u64,
        /// What.
        event: SessionEvent,
    },
    /// A session ended.
    Ended {
        /// Which.
        session: SessionId,
        /// How.
        outcome: Outcome,
        /// Its recording, if there is one that was closed properly.
        #[serde(default)]
        recording: Option<RecordingNote>,
    },
}

impl From<GateReport> for JumpointRequest {
    /// The same as a Jumpoint has said it since version 1.0.
    fn from(report: GateReport) -> Self {
        match report {
            GateReport::Started { session } => JumpointRequest::SessionStarted { session },
            GateReport::Event {
                session,
                number,
                event,
            } => JumpointRequest::SessionEvent {
                session,
                number,
                event,
            },
            GateReport::Ended {
                session,
                outcome,
                recording,
            } => JumpointRequest::SessionEnded {
                session,
                outcome,
                recording,
            },
        }
    }
}

/// What a Jumpoint may say that needs an answer: the answer means that it is on stable storage.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum JumpointRequest {
    /// The rep has joined the session and its gate starts.
    SessionStarted {
        /// Which.
        session: SessionId,
    },
    /// Something happened in a session.
    SessionEvent {
        /// Which session.
        session: SessionId,
        /// Counts the session's events from 1, so that one sent twice is logged once.
        number: u64,
        /// What.
        event: SessionEvent,
    },
    /// A session ended.
    SessionEnded {
        /// Which.
        session: SessionId,
        /// How.
        outcome: Outcome,
        /// Its recording, if there is one that was closed properly.
        #[serde(default)]
        recording: Option<RecordingNote>,
    },
    /// The recording of a session that is over is older than recordings are kept here: may it go? Refused with
    /// [`ErrorKind::Denied`](crate::ErrorKind::Denied) if it may not.
    RemoveRecording {
        /// Of which session.
        session: SessionId,
        /// The last link of its hash chain, SHA-256 in hex.
        hash: String,
        /// How many bytes its file has.
        file_bytes: u64,
        /// For how many days recordings are kept here; counted from 1.
        days: u32,
    },
}

/// An answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "answer", content = "value", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Response {
    /// Done.
    Done,
    /// A session was granted.
    Jumped(Box<Jumped>),
    /// Items.
    Items(Vec<ItemView>),
    /// Some items.
    ItemPage(Page<ItemView>),
    /// Some users.
    UserPage(Page<UserView>),
    /// Some groups.
    GroupPage(Page<GroupView>),
    /// Roles, policies, teams or the like.
    Described(ModelPage),
    /// Some members of a group.
    MemberPage(Page<MemberView>),
    /// One item.
    Item(Box<ItemView>),
    /// A decision with its reasons.
    Explanation(Box<Explanation>),
    /// Sessions.
    Sessions(Vec<SessionView>),
    /// A page of a report.
    Report(Box<super::ReportPage>),
    /// Users.
    Users(Vec<UserView>),
    /// Groups.
    Groups(Vec<GroupView>),
    /// What the site consists of.
    Site(Vec<Change>),
    /// Approval requests.
    Approvals(Vec<ApprovalView>),
    /// Jumpoints.
    Jumpoints(Vec<JumpointView>),
    /// An invitation, as text; a secret until it was used.
    Invitation(Secret),
    /// Credentials that one may inject on an item.
    Credentials(Vec<CredentialView>),
    /// What the simulator answers.
    Simulated(Box<SimulateAnswer>),
    /// What the vault answers.
    Vault(VaultAnswer),
    /// About a second factor.
    SecondFactor(FactorAnswer),
    /// A step of a transfer.
    Transfer(TransferAnswer),
}

impl Response {
    pub(crate) fn invitation(text: &crate::secret::Secret<String>) -> Self {
        Response::Invitation(Secret(text.expose().clone()))
    }
}

impl Secret {
    /// The text.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// A granted session, as the rep is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Jumped {
    /// The grant.
    pub grant: SignedGrant,
    /// The rep's ticket at the relay; `None` if the rep serves the session itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<SignedTicket>,
    /// The relay's address; `None` is the broker's own.
    pub relay: Option<String>,
}

/// Something to know or do.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "notice", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Notice {
    /// To a Jumpoint: serve this session.
    Open(Box<OpenSession>),
    /// To a Jumpoint: end this session now.
    End {
        /// Which.
        session: SessionId,
        /// Why.
        reason: EndReason,
    },
    /// To a rep: a session of its own ended.
    SessionEnded {
        /// Which.
        session: SessionId,
        /// Why.
        reason: EndReason,
    },
    /// To a rep: a session of its own is about to end.
    SessionEnding(SessionEnding),
    /// To anybody: the connection closes, and why.
    Closing(WireError),
}

/// A session for a Jumpoint to serve.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OpenSession {
    /// The grant.
    pub grant: SignedGrant,
    /// The Jumpoint's ticket at the relay.
    pub ticket: SignedTicket,
    /// The relay's address; `None` is the broker's own.
    pub relay: Option<String>,
    /// The credential to inject.
    pub credential: Option<SealedCredential>,
}

/// An error on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireError {
    /// Its kind.
    pub kind: ErrorKind,
    /// Its message.
    pub message: String,
    /// Whether trying again can help.
    pub retryable: bool,
}

impl From<&Error> for WireError {
    /// What failed inside this part, its disk, its database, is said without the cause: that is for its own log.
    fn from(error: &Error) -> Self {
        let message = match error.kind() {
            ErrorKind::Storage | ErrorKind::Internal => {
                format!("{}: {}", error.operation(), Escaped(error.context()))
            }
            _ => error.to_string(),
        };
        Self {
            kind: error.kind(),
            message,
            retryable: error.is_retryable(),
        }
    }
}

impl WireError {
    /// The error as the receiver reports it.
    #[must_use]
    pub fn into_error(self, operation: &'static str) -> Error {
        Error::new(self.kind, operation, self.message).retryable(self.retryable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s40_what_failed_inside_stays_inside() {
        let cause = std::io::Error::other("no such table: secrets in /var/lib/site.db");
        for kind in [ErrorKind::Storage, ErrorKind::Internal] {
            let error =
                Error::new(kind, "change the site", "i/o failed").with_source(std::io::Error::other("x"));
            assert_eq!(WireError::from(&error).message, "change the site: i/o failed");
        }
        let error = Error::new(ErrorKind::TargetUnreachable, "reach the target", "web-1").with_source(cause);
        assert!(
            WireError::from(&error).message.contains("no such table"),
            "causes outside help"
        );
    }
}
