//! Answering what reps and the embedding program ask.

use super::report;
use super::reporter::Reporter;
use super::{
    Broker, Caller, accounting, approvals, credentials, edit, factors, find, item_lookup, jump, lock,
    presence, sessions, simulate, vault, views,
};
use crate::control::{Connection, GateReport, RepRequest, Response};
use crate::error::{Error, ErrorKind, Result};
use crate::id::SessionId;
use crate::session::EndReason;

/// The most sessions in one answer.
const MOST_LISTED: u32 = 1000;

/// Answers one request on behalf of `caller`. `rep` is the connection it came over, if it did.
pub(super) async fn answer(
    broker: &Broker,
    caller: &Caller,
    rep: Option<&Connection>,
    request: RepRequest,
) -> Result<Response> {
    let world = broker.world();
    caller.check(&world, broker.now())?;
    match request {
        RepRequest::Jump {
            item,
            session_key,
            credential,
            supplied,
            gates,
        } => {
            let rep = rep.ok_or_else(|| {
                Error::new(
                    ErrorKind::InvalidArgument,
                    "start a session",
                    "a jump needs a rep's connection",
                )
            })?;
            let wanted = jump::Wanted {
                item: &item,
                credential: credential.as_deref(),
                supplied: &supplied,
                gates,
            };
            let jumped = jump::jump(broker, caller, rep, wanted, session_key).await?;
            Ok(Response::Jumped(Box::new(jumped)))
        }
        RepRequest::Gate(report) => {
            let connection = rep.ok_or_else(|| {
                Error::new(
                    ErrorKind::InvalidArgument,
                    "report on a session",
                    "a report needs the rep's connection that started the session",
                )
            })?;
            gate_report(broker, Reporter::Rep { connection, caller }, report).await?;
            Ok(Response::Done)
        }
        RepRequest::Items => Ok(Response::Items(find::all_items(broker, caller)?)),
        RepRequest::FindItems(query) => Ok(Response::ItemPage(find::items(broker, caller, query)?)),
        RepRequest::FindUsers(query) => Ok(Response::UserPage(find::users(broker, caller, &query)?)),
        RepRequest::FindGroups(query) => Ok(Response::GroupPage(find::groups(broker, caller, &query)?)),
        RepRequest::Describe(query) => Ok(Response::Described(super::model_view::describe(
            broker, caller, query,
        )?)),
        RepRequest::FindMembers(query) => Ok(Response::MemberPage(find::members(broker, caller, &query)?)),
        RepRequest::Item { item } => {
            let item = item_lookup::find_visible(&world, caller, &item, broker.now())?;
            Ok(Response::Item(Box::new(views::item(broker, &world, &item))))
        }
        RepRequest::Why { user, item, at } => simulate::why(broker, caller, user.as_ref(), &item, at),
        RepRequest::Simulate(request) => Box::pin(simulate::answer(broker, caller, request)).await,
        RepRequest::Sessions { active_only, limit } => {
            let own = if caller.is_administrator(&world) {
                None
            } else {
                caller.user()
            };
            // One's own are looked for among the latest of all.
            let looked_at = if own.is_some() {
                MOST_LISTED
            } else {
                limit.min(MOST_LISTED)
            };
            let records = broker.0.store.sessions(active_only, looked_at).await?;
            let visible = records
                .into_iter()
                .filter(|record| own.is_none_or(|user| record.user == user))
                .take(limit.min(MOST_LISTED) as usize);
            Ok(Response::Sessions(visible.map(views::session).collect()))
        }
        RepRequest::EndSession { session } => end_session(broker, caller, session).await,
        RepRequest::Users => {
            caller.must_administer(&world)?;
            Ok(Response::Users(views::users(&world)))
        }
        RepRequest::Groups => {
            caller.must_administer(&world)?;
            Ok(Response::Groups(views::groups(&world)))
        }
        RepRequest::Site => {
            caller.must_administer(&world)?;
            Ok(Response::Site(world.framework()))
        }
        RepRequest::RequestApproval {
            item,
            start,
            duration_seconds,
            reason,
        } => approvals::request(broker, caller, &item, start, duration_seconds, reason).await,
        RepRequest::AnswerApproval {
            request,
            answer,
            comments,
        } => approvals::answer(broker, caller, request, answer, comments).await,
        RepRequest::Approvals { state } => Ok(approvals::list(broker, caller, state)),
        RepRequest::Jumpoints => {
            caller.must_administer(&world)?;
            let online: Vec<_> = lock(&broker.0.jumpoints).keys().copied().collect();
            Ok(Response::Jumpoints(views::jumpoints(&world, &online)))
        }
        RepRequest::Edit(edit) => edit::edit(broker, caller, edit).await,
        RepRequest::Credentials { item } => {
            let item = item_lookup::find_visible(&world, caller, &item, broker.now())?;
            let found = match caller.user() {
                Some(user) => credentials::list(broker, &world, user, &item).await?,
                None => Vec::new(),
            };
            Ok(Response::Credentials(found))
        }
        // What is read and staged belongs to a connection, whose handler has taken it already.
        RepRequest::Transfer(_) => Err(Error::new(
            ErrorKind::InvalidArgument,
            "transfer the site",
            "a transfer needs a rep's connection: an embedder has `Broker::world` and `Edit::Change`",
        )),
        RepRequest::Report(request) => Box::pin(report::answer(broker, caller, request)).await,
        RepRequest::Vault(request) => Box::pin(vault::answer(broker, caller, request)).await,
        RepRequest::SecondFactor(request) => Box::pin(factors::answer(broker, caller, request)).await,
    }
}

async fn gate_report(broker: &Broker, reporter: Reporter<'_>, report: GateReport) -> Result<()> {
    match report {
        GateReport::Started { session } => presence::started(broker, reporter, session),
        GateReport::Event {
            session,
            number,
            event,
        } => accounting::event(broker, reporter, session, number, event).await,
        GateReport::Ended {
            session,
            outcome,
            recording,
        } => accounting::ended(broker, reporter, session, outcome, recording).await,
    }
}

async fn end_session(broker: &Broker, caller: &Caller, session: SessionId) -> Result<Response> {
    let not_found = || {
        Error::new(
            ErrorKind::NotFound,
            "end a session",
            "there is no such live session of yours",
        )
    };
    let record = broker.0.store.session(session).await?.ok_or_else(not_found)?;
    let own = caller.user() == Some(record.user);
    if !own && !caller.is_administrator(&broker.world()) {
        return Err(not_found());
    }
    if !record.state.is_active() {
        return Err(not_found());
    }
    sessions::end(broker, session, EndReason::EndedBy(caller.name().to_owned()))?;
    Ok(Response::Done)
}
