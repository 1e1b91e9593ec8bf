//! One answer: not only yes or no, but also "yes, if".

use std::fmt;

use serde::{Deserialize, Serialize};

use super::decide;
use crate::access::{Action, Context, Effect, Given, Need, Obligations, Reason, Verdict, applying_policy};
use crate::id::{ApprovalId, ItemId, UserId};
use crate::model::{ApprovalRequest, ApprovalState, Change, Remark, World};
use crate::time::Timestamp;

/// What is asked about every pair of user and item.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// What the user wants to do with the item.
    pub action: Action,
    /// Under which circumstances; the default is somebody who supplied nothing yet.
    pub context: Context,
    /// At which moment.
    pub at: Timestamp,
}

impl Question {
    /// Whether a session may start at this moment, by somebody who supplied nothing yet, while no other runs.
    #[must_use]
    pub fn start(at: Timestamp) -> Self {
        Self {
            action: Action::Start,
            context: Context::default(),
            at,
        }
    }
}

/// Whether a user gets there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Yes, as it stands.
    Now,
    /// Once this was supplied, all of it; nothing else is in the way.
    With(Vec<Need>),
    /// No, whatever is supplied.
    No,
}

impl Reach {
    /// Whether the answer is no.
    #[must_use]
    pub const fn is_no(&self) -> bool {
        matches!(self, Reach::No)
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reach::Now => f.write_str("yes"),
            Reach::With(needs) => {
                f.write_str("with ")?;
                for (at, need) in needs.iter().enumerate() {
                    let between = match at {
                        0 => "",
                        at if at + 1 == needs.len() => " and ",
                        _ => ", ",
                    };
                    write!(f, "{between}{need}")?;
                }
                Ok(())
            }
            Reach::No => f.write_str("no"),
        }
    }
}

/// The answer about one user and one item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Whether the user gets there.
    pub reach: Reach,
    /// What would hold in the session, if one may start now or once the needs are supplied. An approval that is needed is
    /// taken to begin at the moment that is asked about and to last as long as the Jump Policy allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub obligations: Option<Obligations>,
    /// Why: one reason per gate, as decided with what the question supplies.
    pub reasons: Vec<Reason>,
}

impl Answer {
    /// The reasons that made the answer what it is: the shut gates of a no; otherwise the rule that gave the role.
    pub fn deciding(&self) -> impl Iterator<Item = &Reason> {
        let no = self.reach.is_no();
        self.reasons.iter().filter(move |reason| {
            if no {
                reason.verdict() == Verdict::Stop
            } else {
                matches!(reason, Reason::RolePermits { .. })
            }
        })
    }

    /// Whether both are the same for the user: reach and what would hold in the session, whatever the reasons.
    #[must_use]
    pub fn same_effect(&self, other: &Answer) -> bool {
        self.reach == other.reach && self.obligations == other.obligations
    }
}

/// The answer about one user and one item: [`decide`]'s, and what it would be if the needs were supplied.
#[must_use]
pub fn answer(world: &World, user: UserId, item: ItemId, question: &Question) -> Answer {
    let Question { action, context, at } = question;
    let (decision, _) = decide(world, user, item, *action, context, *at);
    let needs = decision.needs();
    let (reach, obligations) = if decision.effect == Effect::Allow {
        (Reach::Now, decision.obligations)
    } else if needs.is_empty() {
        (Reach::No, None)
    } else {
        let obligations = supplied(world, user, item, question, &needs);
        (Reach::With(needs), obligations)
    };
    Answer {
        reach,
        obligations,
        reasons: decision.reasons,
    }
}

/// What would hold once the needs are supplied, from the same decision.
fn supplied(
    world: &World,
    user: UserId,
    item: ItemId,
    question: &Question,
    needs: &[Need],
) -> Option<Obligations> {
    let Question { action, context, at } = question;
    let has = |need| needs.contains(&need);
    let given = &context.given;
    let context = Context {
        given: Given {
            reason: given.reason || has(Need::Reason),
            ticket: given.ticket || has(Need::Ticket),
            second_factor: given.second_factor || has(Need::SecondFactor),
            schedule_override: given.schedule_override || has(Need::ScheduleOverride),
        },
        ..*context
    };
    let decided = |world: &World| decide(world, user, item, *action, &context, *at).0.obligations;
    if !has(Need::Approval) {
        return decided(world);
    }
    let policy = applying_policy(world, user, item)?;
    let minutes = policy.approval.as_ref()?.max_duration_minutes;
    // A copy of the world shares everything with the original, so this costs little.
    let mut approved = world.clone();
    approved
        .apply(&[Change::PutApproval(ApprovalRequest {
            id: ApprovalId::HIGHEST,
            policy: policy.id,
            item,
            requester: user,
            start: *at,
            duration_seconds: minutes.saturating_mul(60),
            reason: Remark::default(),
            state: ApprovalState::Approved,
            answered_by: None,
            comments: Remark::default(),
        })])
        .ok()?;
    decided(&approved)
}
