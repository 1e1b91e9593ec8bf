//! What an embedder plugs in to check tickets and second factors. Without a checker what is asked for counts as not given.

use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

use async_trait::async_trait;

use super::{Broker, Caller};
use crate::access::{Decision, Given, Need, Reason};
use crate::control::Supplied;
use crate::error::Result;
use crate::id::{LoginId, UserId};
use crate::model::JumpItem;
use crate::time::Timestamp;

/// How long a checker may take; then the answer is no.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a ticket system is asked.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TicketQuestion<'a> {
    /// The ticket id that the user gave, 1 to 512 characters.
    pub ticket: &'a str,
    /// Who wants to jump.
    pub user: UserId,
    /// That user's name.
    pub user_name: &'a str,
    /// To which item.
    pub item: &'a JumpItem,
}

/// Asks a ticket system. An error, or no answer within ten seconds, is a no.
#[async_trait]
pub trait TicketChecker: Send + Sync + Debug + 'static {
    /// Whether the ticket lets this user jump to this item now. Dropped when it takes too long.
    async fn check(&self, question: TicketQuestion<'_>) -> Result<bool>;
}

/// What a second factor is asked.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FactorQuestion<'a> {
    /// Whose code it is said to be.
    pub user: UserId,
    /// Through which of the user's logins it was given: guesses of one must not lock out another.
    pub source: Option<LoginId>,
    /// The code, 1 to 512 characters.
    pub code: &'a str,
    /// The moment.
    pub now: Timestamp,
}

impl<'a> FactorQuestion<'a> {
    /// A question about a code that came through no login.
    #[must_use]
    pub const fn new(user: UserId, code: &'a str, now: Timestamp) -> Self {
        Self {
            user,
            source: None,
            code,
            now,
        }
    }
}

/// Checks the code of a second factor. An error, or no answer within ten seconds, is a no.
#[async_trait]
pub trait SecondFactor: Send + Sync + Debug + 'static {
    /// Whether the code is this user's and was not used before. Dropped when it takes too long; a code may be used up then.
    async fn verify(&self, question: FactorQuestion<'_>) -> Result<bool>;
}

/// What the user says it gives, before anything was checked.
pub(super) fn claimed(supplied: &Supplied) -> Given {
    Given {
        reason: !supplied.reason.as_str().trim().is_empty(),
        ticket: supplied.ticket.is_some(),
        second_factor: supplied.code.is_some(),
        schedule_override: supplied.schedule_override,
    }
}

/// What remains of the claims after those were checked on which the decision rests; the second factor last, so that its code
/// is not used up for nothing.
pub(super) async fn check(
    broker: &Broker,
    supplied: &Supplied,
    decision: &Decision,
    caller: &Caller,
    question: (UserId, &str, &JumpItem),
) -> Given {
    let (user, user_name, item) = question;
    let rests_on = |wanted: Need| {
        let given = |reason: &Reason| matches!(reason, Reason::Given { need, .. } if *need == wanted);
        decision.reasons.iter().any(given)
    };
    let mut given = claimed(supplied);
    if rests_on(Need::Ticket) {
        given.ticket = match (&broker.0.tickets, &supplied.ticket) {
            (Some(checker), Some(ticket)) => {
                let question = TicketQuestion {
                    ticket: ticket.as_str(),
                    user,
                    user_name,
                    item,
                };
                patiently("the ticket system", checker.check(question)).await
            }
            _ => false,
        };
        if !given.ticket {
            return given;
        }
    }
    if rests_on(Need::SecondFactor) {
        given.second_factor = match (&broker.0.second_factor, &supplied.code) {
            (Some(factor), Some(code)) => {
                let question = FactorQuestion {
                    user,
                    source: caller.login(),
                    code: code.as_str(),
                    now: broker.now(),
                };
                patiently("the second factor", factor.verify(question)).await
            }
            _ => false,
        };
    }
    given
}

async fn patiently(what: &str, answer: impl Future<Output = Result<bool>>) -> bool {
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => {
            tracing::warn!(%error, "{what} could not be asked");
            false
        }
        Err(_) => {
            tracing::warn!("{what} did not answer in time");
            false
        }
    }
}
