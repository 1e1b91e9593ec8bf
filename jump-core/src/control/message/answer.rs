//! What a broker answers, and says by itself.

use serde::{Deserialize, Serialize};

use super::hello::Secret;
use crate::control::{
    ApprovalView, CredentialView, Explanation, FactorAnswer, GroupView, ItemView, JumpointView, MemberView,
    ModelPage, Page, SessionEnding, SessionView, SimulateAnswer, TransferAnswer, UserView, VaultAnswer,
};
use crate::error::{Error, ErrorKind};
use crate::id::SessionId;
use crate::model::Change;
use crate::session::{EndReason, SealedCredential, SignedGrant};
use crate::text::Escaped;
use crate::tunnel::SignedTicket;

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
    Report(Box<crate::control::ReportPage>),
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
        Response::Invitation(Secret::from_text(text.expose()))
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
