//! The simulator's answers: who may, what may one, what would a change change, and why.

use serde::Serialize;

use super::{Broker, Caller, item_lookup, lock, sessions, views};
use crate::access::simulate::{
    Difference, ItemCursor, Page, Proposal, Question, Row, UserCursor, Window, answer as decided,
    unchanged_until, what, who,
};
use crate::access::{Context, explain_paths, explain_permissions};
use crate::control::{
    AccessPage, AccessView, DiffPage, DifferenceView, EndingView, Explanation, Look, NextAnswer, Response,
    SimulateAnswer, SimulateRequest,
};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ItemId, UserId};
use crate::model::{Change, User, UserName, World};
use crate::time::Timestamp;

/// The most rows in one answer.
const MOST_ROWS: u32 = 1000;
/// An answer ends with the row that makes it larger than this, in bytes of JSON: with room to spare, a message's limit
/// being 1 MiB. One row has at most some 300 KiB, most of which are two command filters.
const LARGE: usize = 256 * 1024;

/// Answers one question on behalf of `caller`.
pub(super) async fn answer(broker: &Broker, caller: &Caller, request: SimulateRequest) -> Result<Response> {
    let (broker, caller) = (broker.clone(), caller.clone());
    // It may take some ten milliseconds, for which nobody else should have to wait.
    let work = broker.0.runtime.clone().spawn_blocking(move || {
        let simulated = match request {
            SimulateRequest::Who { item, denied, look } => who_may(&broker, &caller, &item, denied, look)?,
            SimulateRequest::What { user, denied, look } => what_may(&broker, &caller, user, denied, look)?,
            SimulateRequest::Diff { changes, look } => diff(&broker, &caller, &changes, look)?,
        };
        Ok(Response::Simulated(Box::new(simulated)))
    });
    work.await.unwrap_or_else(|_| {
        Err(Error::new(
            ErrorKind::Internal,
            "simulate access",
            "it was not carried out: this is a bug, please report it",
        ))
    })
}

impl Broker {
    /// What the simulator asks: somebody who supplied nothing yet, and no other session.
    fn question(&self, at: Option<Timestamp>) -> Question {
        Question {
            context: Context {
                max_session: self.0.settings.max_session,
                ..Context::default()
            },
            ..Question::start(at.unwrap_or_else(|| self.now()))
        }
    }
}

fn window<C>(look: &Look<C>, denied: bool) -> Window<C>
where
    C: Clone,
{
    Window {
        after: look.after.clone(),
        most: look.limit.clamp(1, MOST_ROWS) as usize,
        denied,
    }
}

/// As many rows as fit into an answer, and where to go on.
fn fitting<C, R, V: Serialize>(page: Page<C, R>, view: impl Fn(R) -> V) -> Result<(Vec<V>, Option<C>)> {
    let (mut views, mut bytes) = (Vec::new(), 0_usize);
    let mut rows = page.rows.into_iter().peekable();
    while let Some((at, row)) = rows.next() {
        let view = view(row);
        let text = serde_json::to_vec(&view).map_err(|error| {
            Error::new(
                ErrorKind::Internal,
                "simulate access",
                "an answer has no form in JSON",
            )
            .with_source(error)
        })?;
        views.push(view);
        bytes = bytes.saturating_add(text.len());
        if bytes > LARGE && rows.peek().is_some() {
            return Ok((views, Some(at)));
        }
    }
    Ok((views, page.next))
}

fn user_name(world: &World, user: UserId) -> String {
    world
        .user(user)
        .map(|user| user.name.to_string())
        .unwrap_or_default()
}

/// The item as `group/name`.
fn item_name(world: &World, item: ItemId) -> Option<String> {
    let item = world.item(item)?;
    Some(format!("{}/{}", views::place(world, item.placement), item.name))
}

fn access_view(world: &World, row: Row) -> AccessView {
    AccessView {
        user: user_name(world, row.user),
        item: item_name(world, row.item).unwrap_or_default(),
        item_id: row.item,
        answer: row.answer,
    }
}

fn who_may(
    broker: &Broker,
    caller: &Caller,
    item: &str,
    denied: bool,
    look: Look<UserCursor>,
) -> Result<SimulateAnswer> {
    let world = broker.world();
    caller.must_administer(&world)?;
    let item = item_lookup::find_visible(&world, caller, item, broker.now())?;
    let question = broker.question(look.at);
    let page = who(&world, item.id, &question, &window(&look, denied));
    let (rows, next) = fitting(page, |row| access_view(&world, row))?;
    Ok(SimulateAnswer::Who(AccessPage {
        about: item_name(&world, item.id).unwrap_or_default(),
        at: question.at,
        rows,
        next,
    }))
}

/// The user who is asked about: oneself, or for an administrator anybody.
fn asked_about(caller: &Caller, world: &World, user: Option<&UserName>) -> Result<std::sync::Arc<User>> {
    let asked = match user {
        Some(name) => world.user_named(name.as_str()),
        None => caller.user().and_then(|id| world.user(id)),
    };
    let about_self = asked.is_some_and(|asked| Some(asked.id) == caller.user());
    if !about_self {
        caller.must_administer(world)?;
    }
    asked.cloned().ok_or_else(|| {
        let name = user.map_or("", UserName::as_str);
        let message = format!("there is no user `{name}`");
        Error::new(ErrorKind::NotFound, "explain a decision", message)
    })
}

fn what_may(
    broker: &Broker,
    caller: &Caller,
    user: Option<UserName>,
    denied: bool,
    look: Look<ItemCursor>,
) -> Result<SimulateAnswer> {
    let (world, now) = (broker.world(), broker.now());
    let user = asked_about(caller, &world, user.as_ref())?;
    let administrator = caller.is_administrator(&world);
    let shown = |item| administrator || item_lookup::may_view(&world, user.id, item, now);
    let question = broker.question(look.at);
    let page = what(&world, user.id, &question, &window(&look, denied), shown);
    let (rows, next) = fitting(page, |row| access_view(&world, row))?;
    Ok(SimulateAnswer::What(AccessPage {
        about: user.name.to_string(),
        at: question.at,
        rows,
        next,
    }))
}

fn diff(
    broker: &Broker,
    caller: &Caller,
    changes: &[Change],
    look: Look<crate::access::simulate::DiffCursor>,
) -> Result<SimulateAnswer> {
    let (world, now) = (broker.world(), broker.now());
    caller.must_administer(&world)?;
    let proposal = Proposal::new(&world, changes)?;
    let after = proposal.after();
    let question = broker.question(look.at);
    let page = proposal.differences(&question, &window(&look, false));
    let (rows, next) = fitting(page, |row: Difference| DifferenceView {
        user: after
            .user(row.user)
            .map_or_else(|| user_name(&world, row.user), |user| user.name.to_string()),
        item: item_name(after, row.item)
            .or_else(|| item_name(&world, row.item))
            .unwrap_or_default(),
        item_id: row.item,
        kind: row.kind(),
        before: row.before,
        after: row.after,
    })?;
    let (sessions, sessions_in_all) = if look.after.is_none() {
        endings(broker, after, now)
    } else {
        (Vec::new(), 0)
    };
    Ok(SimulateAnswer::Diff(DiffPage {
        at: question.at,
        rows,
        sessions,
        sessions_in_all,
        next,
    }))
}

/// The live sessions that would end, those that started first at the beginning, and how many there are.
fn endings(broker: &Broker, after: &World, now: Timestamp) -> (Vec<EndingView>, usize) {
    let locked_out: Vec<_> = lock(&broker.0.reps)
        .values()
        .filter_map(|rep| Some((rep.caller.login()?, rep.caller.check(after, now).err()?)))
        .collect();
    let mut endings: Vec<EndingView> = sessions::would_end(broker, after, now, &locked_out)
        .into_iter()
        .map(|(record, reason)| EndingView {
            id: record.id,
            user: record.user_name,
            item: record.item_name,
            started: record.started,
            reason,
        })
        .collect();
    endings.sort_by_key(|one| (one.started, one.id));
    let all = endings.len();
    endings.truncate(MOST_ROWS as usize);
    (endings, all)
}

/// Why somebody may or may not start a session on an item.
pub(super) fn why(
    broker: &Broker,
    caller: &Caller,
    user: Option<&UserName>,
    item: &str,
    at: Option<Timestamp>,
) -> Result<Response> {
    let world = broker.world();
    let user = asked_about(caller, &world, user)?;
    let item = item_lookup::find_visible(&world, caller, item, broker.now())?;
    let question = broker.question(at);
    let Question { action, context, at } = &question;
    let (decision, _) = crate::access::decide(&world, user.id, item.id, *action, context, *at);
    let answer = decided(&world, user.id, item.id, &question);
    let next = unchanged_until(&world, user.id, item.id, &question);
    Ok(Response::Explanation(Box::new(Explanation {
        user: user.name.to_string(),
        item: item.name.to_string(),
        at: *at,
        decision,
        permissions: if answer.reach.is_no() {
            Vec::new()
        } else {
            explain_permissions(&world, &user, &item)
        },
        paths: if answer.reach.is_no() {
            Vec::new()
        } else {
            explain_paths(&world, &user, &item)
        },
        obligations: answer.obligations,
        next: next.map(|(at, reach)| NextAnswer { at, reach }),
    })))
}
