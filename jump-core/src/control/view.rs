//! What the broker shows of its objects: never a secret, and only to who may see it.

use serde::{Deserialize, Serialize};

use super::NextAnswer;
use crate::access::{Decision, ExplainedPaths, ExplainedPermission, Obligations};
use crate::id::{ApprovalId, GroupId, ItemId, JumpointId, LoginId, SessionId, UserId};
use crate::keys::{PublicKey, SealingPublicKey};
use crate::model::{ApprovalState, ItemDetails, JumpMethods, LoginScope, Sources};
use crate::session::RecordingMode;
use crate::store::SessionState;
use crate::time::Timestamp;

/// A Jump Item as its users see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemView {
    /// Its id.
    pub id: ItemId,
    /// Its name.
    pub name: String,
    /// The name of its group; for one on a personal list, `@` and the name of its owner.
    pub group: String,
    /// The name of its Jumpoint; empty if it needs none.
    pub jumpoint: String,
    /// The Jumpoint's id.
    pub jumpoint_id: Option<JumpointId>,
    /// The key to which a credential for it is sealed, once its Jumpoint enrolled.
    pub sealing_key: Option<SealingPublicKey>,
    /// Whether the Jumpoint is connected. An item that the rep opens itself is as far away as the rep says.
    pub online: bool,
    /// Its host.
    pub hostname: String,
    /// Its tag.
    pub tag: String,
    /// Its comments.
    #[serde(default)]
    pub comments: String,
    /// The name of its Jump Policy.
    #[serde(default)]
    pub jump_policy: Option<String>,
    /// The name of its session policy.
    #[serde(default)]
    pub session_policy: Option<String>,
    /// How it is recorded.
    pub recording: RecordingMode,
    /// Whether a credential is stored for it.
    pub has_credential: bool,
    /// What is special to its type, without the credential.
    pub details: ItemDetails,
}

/// A Jump Group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupView {
    /// Its id.
    pub id: GroupId,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub comments: String,
    /// How many items it owns.
    pub items: usize,
    /// How many users belong to it directly.
    #[serde(default)]
    pub member_count: usize,
    /// Who they are: all, or in a page of groups the first hundred.
    pub members: Vec<MemberView>,
}

/// An approval request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalView {
    /// Its id.
    pub id: ApprovalId,
    /// The item's name.
    pub item: String,
    /// The name of the Jump Policy that asks for it.
    pub policy: String,
    /// Who asked.
    pub requester: String,
    /// From when.
    pub start: Timestamp,
    /// Until when.
    pub end: Timestamp,
    /// Where it stands.
    pub state: ApprovalState,
    /// Why.
    pub reason: String,
    /// Who answered.
    pub answered_by: Option<String>,
    /// What they said.
    pub comments: String,
}

/// An answer to an approval request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalAnswer {
    /// Yes.
    Approve,
    /// No.
    Deny,
    /// Who asked takes it back.
    Cancel,
    /// An approver takes an approval back: sessions that rest on it end.
    Revoke,
}

/// A membership.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberView {
    /// The user's name.
    pub user: String,
    /// The role's name; `None` is the user's default role.
    pub role: Option<String>,
    /// The name of the Jump Policy that holds in place of the items'; `None` is the items'.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserView {
    /// Its id.
    pub id: UserId,
    /// Its name.
    pub name: String,
    /// Whether it may log in.
    pub enabled: bool,
    /// Whether it may administer the site.
    pub administrator: bool,
    /// Its allowed methods.
    pub allowed_methods: JumpMethods,
    /// The name of its default role.
    pub default_role: String,
    /// The names of the Jumpoints it may use.
    pub jumpoints: Vec<String>,
    /// Its logins.
    pub logins: Vec<LoginView>,
}

/// A login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginView {
    /// Its id.
    pub id: LoginId,
    /// What it is.
    pub label: String,
    /// What it may be used for.
    pub scope: LoginScope,
    /// When it stops working.
    pub expires: Option<Timestamp>,
    /// From which networks it may be used.
    #[serde(default, skip_serializing_if = "Sources::is_any")]
    pub sources: Sources,
}

/// A Jumpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JumpointView {
    /// Its id.
    pub id: JumpointId,
    /// Its name.
    pub name: String,
    /// Whether it may take sessions.
    pub enabled: bool,
    /// Whether it is connected now.
    pub online: bool,
    /// Its key, once it enrolled.
    pub key: Option<PublicKey>,
    /// How many items are behind it.
    pub items: usize,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionView {
    /// Its id.
    pub id: SessionId,
    /// Who.
    pub user: String,
    /// On what.
    pub item: String,
    /// By which protocol.
    pub protocol: String,
    /// Whether the rep serves it itself, in its own network: what is said of it is the rep's word.
    #[serde(default, skip_serializing_if = "is_false")]
    pub local: bool,
    /// When it was granted.
    pub started: Timestamp,
    /// Where it stands.
    pub state: SessionState,
}

const fn is_false(value: &bool) -> bool {
    !*value
}

/// An access decision with the names it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// Who.
    pub user: String,
    /// On what.
    pub item: String,
    /// For which moment.
    pub at: Timestamp,
    /// The answer and its reasons.
    pub decision: Decision,
    /// What would hold in the session, if one may start or would once what is needed was supplied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub obligations: Option<Obligations>,
    /// What may happen in that session, and by which rule; empty if none would start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<ExplainedPermission>,
    /// Where files may move in it, for each direction that is limited, and by which rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<ExplainedPaths>,
    /// When the answer becomes another if nobody changes anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<NextAnswer>,
}
