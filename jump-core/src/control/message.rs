//! The messages.

mod answer;
mod edit;
mod gate;
mod hello;

use serde::{Deserialize, Serialize};

use self::edit::is_false;
use super::{
    ApprovalAnswer, FactorRequest, ItemQuery, MemberQuery, ModelQuery, NameQuery, SimulateRequest, Supplied,
    TransferRequest, VaultRequest,
};
use crate::id::{ApprovalId, SessionId};
use crate::keys::PublicKey;
use crate::model::{ApprovalState, Remark, UserName};
use crate::time::Timestamp;

pub use self::answer::{Jumped, Notice, OpenSession, Response, WireError};
pub use self::edit::{Edit, ItemDraft};
pub use self::gate::{GateReport, JumpointRequest};
pub use self::hello::{Enrol, Enrolled, Hello, HelloRole, Secret, Welcome};

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
