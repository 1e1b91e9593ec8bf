//! The control protocol between the broker, its Jumpoints and its reps.
//!
//! Length-delimited JSON over TLS 1.3 with raw public keys. Each side proves its key in the handshake; who a peer is
//! follows from that key alone, never from a field it sent. Before a peer is authenticated at most 16 KiB are read
//! from it and it has ten seconds; afterwards a message has at most 1 MiB.

mod connection;
#[cfg(test)]
mod connection_tests;
mod dial;
mod ending;
mod factor;
mod frame;
mod invitation;
mod item_patch;
mod message;
mod model_edit;
mod query;
mod report;
mod simulate;
mod supplied;
mod transfer;
mod vault;
mod version;
mod view;

pub(crate) use connection::{Connection, Handler, Heartbeat, read_message, write_message};
pub(crate) use dial::{Answer, Dial, Dialled, enrol, log_in};
pub use ending::{EndingRule, SessionEnding};
pub use factor::{FactorAnswer, FactorRequest};
pub use frame::{FrameDecoder, MAX_FRAME, MAX_FRAME_BEFORE_AUTHENTICATION, encode_frame};
pub use invitation::{BrokerEndpoint, Invitation};
pub use item_patch::{DetailsPatch, ItemPatch};
pub use message::{
    Edit, Enrol, Enrolled, GateReport, Hello, HelloRole, ItemDraft, Jumped, JumpointRequest, Message, Notice,
    OpenSession, RepRequest, Request, Response, Secret as WireSecret, Welcome, WireError,
};
pub use model_edit::{
    ApprovalPatch, Described, Describes, EditVerb, ExistingEdit, GroupPatch, GroupPolicyPatch,
    JumpPolicyPatch, JumpointPatch, MembershipNames, ModelEdit, ModelKind, ModelPage, ModelQuery, NamedEdit,
    NotificationPatch, PolicyPlace, RolePatch, SessionPolicyPatch, SettingStatus, SitePatch, SlotsPatch,
    TeamPatch, UserEdit, UserPatch,
};
pub use query::{ItemQuery, MemberQuery, NameQuery, Page, PageQuery};
pub use report::{MOST_OPEN, ReportContent, ReportCursor, ReportPage, ReportRequest, ReportedEvent};
pub use simulate::{
    AccessPage, AccessView, DiffPage, DifferenceView, EndingView, Look, NextAnswer, SimulateAnswer,
    SimulateRequest,
};
pub use supplied::Supplied;
pub use transfer::{TransferAnswer, TransferRequest};
pub use vault::{
    AccountGroupView, AccountView, AssociationDraft, CheckedOut, CheckoutView, CredentialView, CriteriaDraft,
    GrantView, VaultAnswer, VaultRequest,
};
pub use version::ProtocolVersion;
pub use view::{ApprovalAnswer, ApprovalView};
pub use view::{
    Explanation, GroupView, ItemView, JumpointView, LoginView, MemberView, SessionView, UserView,
};

/// The ALPN name of a control connection (RFC 7301).
pub const CONTROL_ALPN: &str = "jump-control/1";
/// The ALPN name of a session's stream (RFC 7301).
pub const SESSION_ALPN: &str = "jump-session/1";
