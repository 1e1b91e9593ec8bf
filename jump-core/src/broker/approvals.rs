//! Approval requests: asked for by who wants to jump, answered by whom the Jump Policy names. Each is a change of the site, so a
//! session that rests on one ends when it is taken back.

use super::{Broker, Caller, item_lookup, notifying};
use crate::access::applying_policy;
use crate::control::{ApprovalAnswer, ApprovalView, Response};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ApprovalId, UserId};
use crate::model::{ApprovalRequest, ApprovalState, Change, Remark, User, World};
use crate::store::IdKind;
use crate::time::{SignedDuration, Timestamp};

/// The most requests of one user that nobody answered yet.
const PENDING: usize = 20;

fn wrong(kind: ErrorKind, rule: &str) -> Error {
    Error::new(kind, "use an approval", rule)
}

fn not_found() -> Error {
    wrong(
        ErrorKind::NotFound,
        "there is no such approval request, or you may not see it",
    )
}

/// Asks for an approval. Requests that are over are forgotten on this occasion.
pub(super) async fn request(
    broker: &Broker,
    caller: &Caller,
    item: &str,
    start: Option<Timestamp>,
    duration_seconds: Option<u32>,
    reason: Remark,
) -> Result<Response> {
    let editing = broker.begin_edit().await;
    let (world, now) = (editing.world(), broker.now());
    caller.check(&world, now)?;
    let user = caller
        .user()
        .ok_or_else(|| wrong(ErrorKind::InvalidArgument, "only a user can ask for one"))?;
    let item = item_lookup::find_visible(&world, caller, item, now)?;
    let policy = applying_policy(&world, user, item.id)
        .ok_or_else(|| wrong(ErrorKind::InvalidArgument, "this item needs no approval"))?;
    let approval = policy
        .approval
        .as_ref()
        .ok_or_else(|| wrong(ErrorKind::InvalidArgument, "this item needs no approval"))?;
    let longest = approval.max_duration_minutes.saturating_mul(60);
    let duration = duration_seconds.unwrap_or_else(|| ApprovalRequest::DEFAULT_DURATION_SECONDS.min(longest));
    if duration > longest {
        let message = format!(
            "at most {} minutes can be approved",
            approval.max_duration_minutes
        );
        return Err(wrong(ErrorKind::InvalidArgument, &message));
    }
    let day = SignedDuration::from_hours(24);
    let over = |request: &ApprovalRequest| now.duration_since(request.end()) > day;
    let own =
        |request: &ApprovalRequest| request.requester == user && request.state == ApprovalState::Pending;
    if world
        .approvals()
        .filter(|request| own(request) && !over(request))
        .count()
        >= PENDING
    {
        return Err(wrong(
            ErrorKind::ResourceLimit,
            "you have 20 requests that nobody answered yet",
        ));
    }
    let id = ApprovalId::new(broker.0.store.next_id(IdKind::Approval).await?)?;
    let mut changes: Vec<Change> = world
        .approvals()
        .filter(|request| over(request))
        .map(|request| Change::RemoveApproval(request.id))
        .collect();
    changes.push(Change::PutApproval(ApprovalRequest {
        id,
        policy: policy.id,
        item: item.id,
        requester: user,
        start: start.unwrap_or(now),
        duration_seconds: duration,
        reason,
        state: ApprovalState::Pending,
        answered_by: None,
        comments: Remark::default(),
    }));
    editing.commit(caller.actor(), changes).await?;
    let world = broker.world();
    let request = world.approval(id).ok_or_else(not_found)?;
    if let Some(policy) = world.policy(request.policy) {
        notifying::approval_requested(broker, &world, policy, request);
    }
    Ok(Response::Approvals(vec![view(&world, request)]))
}

/// Approves, denies, cancels or revokes.
pub(super) async fn answer(
    broker: &Broker,
    caller: &Caller,
    id: ApprovalId,
    answer: ApprovalAnswer,
    comments: Remark,
) -> Result<Response> {
    let editing = broker.begin_edit().await;
    let world = editing.world();
    caller.check(&world, broker.now())?;
    let request = world
        .approval(id)
        .filter(|one| may_see(&world, caller, one))
        .ok_or_else(not_found)?;
    let own = caller.user() == Some(request.requester);
    let allowed = match answer {
        ApprovalAnswer::Cancel => own,
        ApprovalAnswer::Approve | ApprovalAnswer::Deny | ApprovalAnswer::Revoke => {
            may_answer(&world, caller, request)
        }
    };
    if !allowed {
        return Err(wrong(ErrorKind::Denied, "you may not answer this request"));
    }
    let mut changed = ApprovalRequest::clone(request);
    changed.state = match answer {
        ApprovalAnswer::Approve => ApprovalState::Approved,
        ApprovalAnswer::Deny => ApprovalState::Denied,
        ApprovalAnswer::Cancel => ApprovalState::Cancelled,
        ApprovalAnswer::Revoke => ApprovalState::Revoked,
    };
    if !request.state.may_become(changed.state) {
        let message = format!("request {id} is {} already", request.state);
        return Err(wrong(ErrorKind::Conflict, &message));
    }
    if !own || answer != ApprovalAnswer::Cancel {
        changed.answered_by = caller.user();
        changed.comments = comments;
    }
    editing
        .commit(caller.actor(), vec![Change::PutApproval(changed)])
        .await?;
    let world = broker.world();
    let request = world.approval(id).ok_or_else(not_found)?;
    Ok(Response::Approvals(vec![view(&world, request)]))
}

/// One's own requests and those that one may answer; all for an administrator. The newest first, at most 1000.
pub(super) fn list(broker: &Broker, caller: &Caller, state: Option<ApprovalState>) -> Response {
    let world = broker.world();
    let mut found: Vec<_> = world
        .approvals()
        .filter(|request| state.is_none_or(|state| request.state == state))
        .filter(|request| may_see(&world, caller, request))
        .collect();
    found.sort_by_key(|request| std::cmp::Reverse(request.id));
    Response::Approvals(
        found
            .into_iter()
            .take(1000)
            .map(|one| view(&world, one))
            .collect(),
    )
}

fn may_see(world: &World, caller: &Caller, request: &ApprovalRequest) -> bool {
    caller.is_administrator(world)
        || caller.user() == Some(request.requester)
        || may_answer(world, caller, request)
}

/// Only who is named by the policy answers, with a login that is for more than sessions; an administrator who is not named does
/// not.
fn may_answer(world: &World, caller: &Caller, request: &ApprovalRequest) -> bool {
    let Some(user) = caller.user() else {
        return false;
    };
    let enabled = world
        .user(user)
        .is_some_and(|user: &std::sync::Arc<User>| user.enabled);
    let approval = world
        .policy(request.policy)
        .and_then(|policy| policy.approval.as_ref());
    enabled
        && caller.scope() == crate::model::LoginScope::Everything
        && approval.is_some_and(|approval| {
            let named = approval.approvers.contains(&user)
                || world
                    .teams_of(user)
                    .any(|(team, _)| approval.approver_teams.contains(&team.id));
            named && (request.requester != user || approval.self_approval)
        })
}

fn view(world: &World, request: &ApprovalRequest) -> ApprovalView {
    let name = |user: UserId| {
        world
            .user(user)
            .map_or_else(String::new, |user| user.name.to_string())
    };
    ApprovalView {
        id: request.id,
        item: world
            .item(request.item)
            .map_or_else(String::new, |item| item.name.to_string()),
        policy: world
            .policy(request.policy)
            .map_or_else(String::new, |policy| policy.name.to_string()),
        requester: name(request.requester),
        start: request.start,
        end: request.end(),
        state: request.state,
        reason: request.reason.to_string(),
        answered_by: request.answered_by.map(name),
        comments: request.comments.to_string(),
    }
}
