//! Access: who may do what, as JSON in and JSON out.

use std::ffi::c_char;
use std::sync::Arc;

use jump_core::access::{Action, Context as Circumstances, Decision, Given, decide};
use jump_core::control::{Look, RepRequest, Response};
use jump_core::id::{ItemId, UserId};
use jump_core::model::{Change, JumpItem, UserName, World};
use jump_core::time::{SignedDuration, Timestamp};
use jump_core::{Error, ErrorKind, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::buffer::{Buffer, jump_buf};
use crate::context::parse_needed;
use crate::error::jump_error;
use crate::guard::{guard, guard_free};
use crate::pointer::{Out, text};
use crate::rep::{jump_rep, rep_of};
use crate::status::jump_status;
use crate::table::{self, Handle};

/// The most rows that one answer about many has.
const ROWS: u32 = 1000;

/// A site as it stands at one moment: what decisions are made of. It never changes.
pub struct jump_world {
    _private: [u8; 0],
}

/// What is behind the handle.
pub(crate) struct WorldObject(pub(crate) Arc<World>);

impl Handle for WorldObject {
    type C = jump_world;
    const KIND: u8 = 13;
    const NAME: &'static str = "jump_world";
}

/// Who or what, by id or by name.
#[derive(Deserialize)]
#[serde(untagged)]
enum Named {
    Id(u32),
    Name(String),
}

fn missing(what: &'static str) -> Error {
    Error::new(ErrorKind::NotFound, "decide", format!("there is no such {what}"))
}

impl Named {
    /// A user that there is not is decided about, too: the answer is no.
    fn user(&self, world: &World) -> Result<UserId> {
        match self {
            Self::Id(id) => UserId::new(*id),
            Self::Name(name) => {
                let user = world.user_named(name).ok_or_else(|| missing("user"))?;
                Ok(user.id)
            }
        }
    }

    fn item(&self, world: &World) -> Result<ItemId> {
        let name = match self {
            Self::Id(id) => return ItemId::new(*id),
            Self::Name(name) => name,
        };
        if let Some((group, name)) = name.split_once('/') {
            let group = world.group_named(group).ok_or_else(|| missing("item"))?;
            let in_group = |item: &&Arc<JumpItem>| item.placement.group() == Some(group.id);
            let item = world.items_named(name).find(in_group);
            return item.map(|item| item.id).ok_or_else(|| missing("item"));
        }
        let mut items = world.items_named(name);
        match (items.next(), items.next()) {
            (Some(item), None) => Ok(item.id),
            (None, _) => Err(missing("item")),
            _ => Err(Error::new(
                ErrorKind::Conflict,
                "decide",
                "several groups have an item of this name: say GROUP/NAME",
            )),
        }
    }
}

/// A question about one user and one item.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    user: Named,
    item: Named,
    #[serde(default = "start")]
    action: Action,
    at: Option<Timestamp>,
    #[serde(default)]
    given: Given,
    session_started: Option<Timestamp>,
    max_session_seconds: Option<u32>,
}

const fn start() -> Action {
    Action::Start
}

impl Question {
    fn decide(&self, world: &World) -> Result<Decision> {
        let mut circumstances = Circumstances {
            session_started: self.session_started,
            given: self.given,
            ..Circumstances::default()
        };
        if let Some(seconds) = self.max_session_seconds {
            circumstances.max_session = SignedDuration::from_secs(i64::from(seconds));
        }
        let (user, item) = (self.user.user(world)?, self.item.item(world)?);
        let now = self.at.unwrap_or_else(Timestamp::now);
        Ok(decide(world, user, item, self.action, &circumstances, now).0)
    }
}

/// The world behind a handle.
fn world_of(world: *const jump_world) -> Result<Arc<WorldObject>> {
    table::get::<WorldObject>(world, "world")
}

/// Makes a site out of the changes that would make it, as a JSON array in an order in which references lead backwards. The site of
/// a broker in this process is to be had from `jump_broker_world`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_world_new(
    changes_json: *const c_char,
    world_out: *mut *mut jump_world,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (world_out, error_out) = unsafe { (Out::handle(world_out), Out::handle(error_out)) };
    guard(&error_out, || {
        world_out.needed("world_out")?;
        // SAFETY: the caller passes NULL or NUL-terminated text.
        let changes: Vec<Change> =
            parse_needed(unsafe { text(changes_json, "changes_json") }?, "changes_json")?;
        world_out.give(WorldObject(Arc::new(World::restore(changes, 0)?)))
    })
}

/// Decides whether a user may do something with an item, and says why: a pure function of the site, the question and the moment.
/// The question is JSON: `user` and `item` by name or id; `action` is `start` otherwise, or `view` or `{"manage": PERMISSION}`; `at` is
/// now otherwise; `given` is what was supplied and checked, such as `{"reason": true, "ticket": false, "second_factor": false,
/// "schedule_override": false}`; `session_started`, `max_session_seconds`. The answer has `effect`, `obligations`, `reasons`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_decide(
    world: *const jump_world,
    question_json: *const c_char,
    decision_out: *mut *mut jump_buf,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (decision_out, error_out) = unsafe { (Out::handle(decision_out), Out::handle(error_out)) };
    guard(&error_out, || {
        decision_out.needed("decision_out")?;
        let world = world_of(world)?;
        // SAFETY: the caller passes NULL or NUL-terminated text.
        let question: Question =
            parse_needed(unsafe { text(question_json, "question_json") }?, "question_json")?;
        decision_out.give(Buffer::json(&question.decide(&world.0)?)?)
    })
}

/// Frees a site. NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn jump_world_free(world: *mut jump_world) -> jump_status {
    guard_free(|| table::take::<WorldObject>(world, "world").map(drop))
}

/// Why somebody may or may not start a session on an item.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Why {
    user: Option<UserName>,
    item: String,
    at: Option<Timestamp>,
}

/// Who may start a session on an item.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Who {
    item: String,
    #[serde(default)]
    denied: bool,
    at: Option<Timestamp>,
}

/// On which items somebody may.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct What {
    user: Option<UserName>,
    #[serde(default)]
    denied: bool,
    at: Option<Timestamp>,
}

/// What is asked of a running broker, and answered as JSON.
///
/// # Safety
/// `question_json` is NULL or NUL-terminated text.
unsafe fn ask<Q: DeserializeOwned, A: Serialize>(
    rep: *const jump_rep,
    question_json: *const c_char,
    answer: impl AsyncFnOnce(&jump_core::rep::Rep, Q) -> Result<A>,
) -> Result<Buffer> {
    let rep = rep_of(rep)?;
    // SAFETY: as the caller of this function promises.
    let question = parse_needed(unsafe { text(question_json, "question_json") }?, "question_json")?;
    Buffer::json(&rep.context.wait(answer(&rep.rep, question))?)
}

/// Why a user may or may not start a session on an item of a running site: JSON with `item`, and `user` (oneself otherwise; others take
/// an administrator) and `at` (now otherwise). The answer has `decision`, with its reasons, and what holds in the session.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_why(
    rep: *const jump_rep,
    question_json: *const c_char,
    answer_out: *mut *mut jump_buf,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (answer_out, error_out) = unsafe { (Out::handle(answer_out), Out::handle(error_out)) };
    guard(&error_out, || {
        answer_out.needed("answer_out")?;
        // SAFETY: the caller passes NULL or NUL-terminated text.
        let answer = unsafe {
            ask(rep, question_json, async |rep, Why { user, item, at }| match rep
                .request(RepRequest::Why { user, item, at })
                .await?
            {
                Response::Explanation(explanation) => Ok(*explanation),
                _ => Err(Error::new(
                    ErrorKind::Protocol,
                    "ask the broker",
                    "it answered another question",
                )),
            })
        }?;
        answer_out.give(answer)
    })
}

/// Who may start a session on an item of a running site, as a JSON array: asked with JSON `item`, `denied` (also who may not) and `at`
/// (now otherwise). Administrators only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_who(
    rep: *const jump_rep,
    question_json: *const c_char,
    answer_out: *mut *mut jump_buf,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (answer_out, error_out) = unsafe { (Out::handle(answer_out), Out::handle(error_out)) };
    guard(&error_out, || {
        answer_out.needed("answer_out")?;
        // SAFETY: the caller passes NULL or NUL-terminated text.
        let answer = unsafe {
            ask(rep, question_json, async |rep, Who { item, denied, at }| {
                let mut look = Look::first(at, ROWS);
                let mut rows = Vec::new();
                loop {
                    let page = rep.who(&item, denied, look.clone()).await?;
                    rows.extend(page.rows);
                    if page.next.is_none() {
                        return Ok(rows);
                    }
                    (look.at, look.after) = (Some(page.at), page.next);
                }
            })
        }?;
        answer_out.give(answer)
    })
}

/// On which items of a running site a user may start a session, as a JSON array: asked with JSON `user` (oneself otherwise; others take
/// an administrator), `denied` and `at` (now otherwise).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_what(
    rep: *const jump_rep,
    question_json: *const c_char,
    answer_out: *mut *mut jump_buf,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (answer_out, error_out) = unsafe { (Out::handle(answer_out), Out::handle(error_out)) };
    guard(&error_out, || {
        answer_out.needed("answer_out")?;
        // SAFETY: the caller passes NULL or NUL-terminated text.
        let answer = unsafe {
            ask(rep, question_json, async |rep, What { user, denied, at }| {
                let mut look = Look::first(at, ROWS);
                let mut rows = Vec::new();
                loop {
                    let page = rep.what(user.clone(), denied, look.clone()).await?;
                    rows.extend(page.rows);
                    if page.next.is_none() {
                        return Ok(rows);
                    }
                    (look.at, look.after) = (Some(page.at), page.next);
                }
            })
        }?;
        answer_out.give(answer)
    })
}
