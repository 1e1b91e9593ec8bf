//! Reports for those who may see them. The audit log is read a bounded piece at a time; each row is given only to a caller who
//! may see it as the world is now.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use super::{Broker, Caller};
use crate::access::role_permits;
use crate::audit::{Actor, AuditEvent, AuditKind, LogPage, LogPosition, ReadLimits};
use crate::control::{
    MOST_OPEN, ReportContent, ReportCursor, ReportPage, ReportRequest, ReportedEvent, Response,
};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{SessionId, UserId};
use crate::model::{LoginScope, Placement, RolePermission, World};
use crate::protocol::SessionEvent;
use crate::report::{ReportFilter, ReportKind, change_rows, item_rows, session_of};
use crate::session::EndReason;

/// How much of the log is looked at for one page.
const LOOKED_AT: ReadLimits = ReadLimits {
    events: 10_000,
    bytes: 4 * 1024 * 1024,
};
/// A page is full once it has this many bytes of JSON; a frame has 1 MiB.
const FULL: usize = 512 * 1024;
/// An event that would not fit a frame together with a page is named, not given: 384 KiB.
const LONGEST: usize = 384 * 1024;

/// Answers with the next page.
pub(super) async fn answer(broker: &Broker, caller: &Caller, mut request: ReportRequest) -> Result<Response> {
    let world = broker.world();
    if request.kind == ReportKind::Changes {
        caller.must_administer(&world)?;
    }
    if request.open.len() > MOST_OPEN {
        return Err(Error::new(
            ErrorKind::ResourceLimit,
            "make a report",
            "more than 4096 sessions are open at once: choose a user, an item or a shorter time",
        ));
    }
    // Reading costs time and memory: a few at a time, whoever asks.
    let _turn = broker.0.reports.acquire().await.map_err(|error| {
        Error::new(ErrorKind::Closed, "make a report", "the broker stops").with_source(error)
    })?;
    let mut missing_until = None;
    if request.from.position == LogPosition::default() {
        let start = broker.0.audit.start().await?;
        request.from.position = start.position;
        missing_until = request.filter.missing_until(start.removed.as_ref());
    }
    let mut viewer = Viewer::new(&world, caller);
    let mut page = Page::new(request.from);
    let content = match request.kind {
        ReportKind::Sessions => sessions(broker, &mut viewer, &request, &mut page).await?,
        ReportKind::Items => {
            let log = broker.0.audit.read(request.from.position, LOOKED_AT).await?;
            ReportContent::Items(page.rows(&log, |_, event| {
                let rows = item_rows(event).into_iter();
                Ok(rows
                    .filter(|row| request.filter.admits_item(row) && viewer.sees(row.placement))
                    .collect())
            })?)
        }
        ReportKind::Changes => {
            let log = broker.0.audit.read(request.from.position, LOOKED_AT).await?;
            ReportContent::Changes(page.rows(&log, |sequence, event| {
                let rows = change_rows(sequence, event)?.into_iter();
                Ok(rows.filter(|row| request.filter.admits_change(row)).collect())
            })?)
        }
    };
    Ok(Response::Report(Box::new(ReportPage {
        content,
        next: page.next,
        missing_until,
    })))
}

/// The events of the sessions that the caller may see and wants to see.
async fn sessions(
    broker: &Broker,
    viewer: &mut Viewer<'_>,
    request: &ReportRequest,
    page: &mut Page,
) -> Result<ReportContent> {
    let mut wanted = HashSet::new();
    for position in &request.open {
        wanted.extend(granted_at(broker, viewer, &request.filter, *position).await?);
    }
    let log = broker.0.audit.read(request.from.position, LOOKED_AT).await?;
    let mut at = request.from.position;
    let positions: HashMap<u64, LogPosition> = log
        .events
        .iter()
        .map(|logged| (logged.sequence(), logged.at))
        .collect();
    let mut events = page.rows(&log, |sequence, event| {
        at = positions.get(&sequence).copied().unwrap_or(at);
        let session = match viewer.granted(&request.filter, event) {
            Some(session) => {
                wanted.insert(session);
                Some(session)
            }
            None => session_of(event),
        };
        if !session.is_some_and(|session| wanted.contains(&session)) {
            return Ok(Vec::new());
        }
        Ok(vec![ReportedEvent {
            at,
            event: viewer.shown(event),
            recording_removed: None,
        }])
    })?;
    for reported in &mut events {
        if let AuditKind::SessionEnded {
            session,
            recording: Some(_),
            ..
        } = &reported.event.kind
        {
            // The event that says so comes long after this one.
            let kept = broker.0.store.session(*session).await?;
            reported.recording_removed = kept.and_then(|record| record.recording_removed);
        }
    }
    Ok(ReportContent::Sessions(events))
}

/// The session that the event at a position granted, if the caller may see it and wants to.
async fn granted_at(
    broker: &Broker,
    viewer: &mut Viewer<'_>,
    filter: &ReportFilter,
    position: LogPosition,
) -> Result<Option<SessionId>> {
    let one = ReadLimits { events: 1, bytes: 1 };
    let found = broker.0.audit.read(position, one).await?;
    let event = found.events.first().and_then(crate::audit::LoggedEvent::event);
    Ok(event.and_then(|event| viewer.granted(filter, &event)))
}

/// What a caller may see.
struct Viewer<'w> {
    world: &'w World,
    administrator: bool,
    user: Option<UserId>,
    /// Whether the login may be used to look at others' doings.
    beyond_own: bool,
    places: HashMap<Placement, bool>,
}

impl<'w> Viewer<'w> {
    fn new(world: &'w World, caller: &Caller) -> Self {
        Self {
            world,
            administrator: caller.is_administrator(world),
            user: caller.user(),
            beyond_own: caller.scope() == LoginScope::Everything,
            places: HashMap::new(),
        }
    }

    /// Whether the caller may see reports of what happens there.
    fn sees(&mut self, placement: Option<Placement>) -> bool {
        if self.administrator {
            return true;
        }
        let (Some(user), Some(placement)) = (self.user.filter(|_| self.beyond_own), placement) else {
            return false;
        };
        let world = self.world;
        *self
            .places
            .entry(placement)
            .or_insert_with(|| role_permits(world, user, placement, RolePermission::ViewReports))
    }

    /// The session that an event grants, if the caller may see it and `filter` admits it.
    fn granted(&mut self, filter: &ReportFilter, event: &AuditEvent) -> Option<SessionId> {
        let AuditKind::SessionGranted {
            session,
            item,
            item_name,
            on,
            ..
        } = &event.kind
        else {
            return None;
        };
        let (owner, name) = match &event.actor {
            Actor::User { user, name, .. } => (Some(*user), name.as_str()),
            _ => (None, ""),
        };
        let own = owner.is_some() && owner == self.user;
        let place = on.as_ref().map(|on| &on.place);
        let group = place.map_or("", |place| place.group.as_str());
        let admitted = filter.admits_session(*session, event.time, name, (*item, item_name), group);
        (admitted && (own || self.sees(place.map(|place| place.placement)))).then_some(*session)
    }

    /// The event as the caller is shown it.
    fn shown(&self, event: &AuditEvent) -> AuditEvent {
        let mut event = event.clone();
        // Why a provider failed is for administrators; the rep heard that it did.
        if let AuditKind::CredentialInjectionFailed { message, .. } = &mut event.kind
            && !self.administrator
        {
            "an administrator sees why".clone_into(message);
        }
        let length = serde_json::to_vec(&event).map_or(usize::MAX, |json| json.len());
        if length > LONGEST {
            let kind = ErrorKind::ResourceLimit;
            let message = format!("{length} bytes that a jumpoint sent are in the audit log only");
            match &mut event.kind {
                AuditKind::SessionEvent { event, .. } => *event = SessionEvent::Problem { kind, message },
                AuditKind::SessionEnded { reason, .. } => *reason = EndReason::Failed { kind, message },
                _ => {}
            }
        }
        event
    }
}

/// A page that fills up.
struct Page {
    bytes: usize,
    /// Rows of the first event that were given already.
    skip: usize,
    next: Option<ReportCursor>,
}

impl Page {
    const fn new(from: ReportCursor) -> Self {
        Self {
            bytes: 0,
            skip: from.row as usize,
            next: None,
        }
    }

    /// Takes the rows that `make` finds in each event, until the page is full.
    fn rows<T: Serialize>(
        &mut self,
        log: &LogPage,
        mut make: impl FnMut(u64, &AuditEvent) -> Result<Vec<T>>,
    ) -> Result<Vec<T>> {
        let mut rows = Vec::new();
        for logged in &log.events {
            let skip = std::mem::take(&mut self.skip);
            // An event of a newer version is passed over: nobody here knows what it says.
            let Some(event) = logged.event() else { continue };
            for (number, row) in make(logged.sequence(), &event)?
                .into_iter()
                .enumerate()
                .skip(skip)
            {
                let length = serde_json::to_vec(&row).map_or(0, |json| json.len());
                if self.bytes.saturating_add(length) > FULL && !rows.is_empty() {
                    self.next = Some(ReportCursor {
                        position: logged.at,
                        row: u32::try_from(number).unwrap_or(u32::MAX),
                    });
                    return Ok(rows);
                }
                self.bytes = self.bytes.saturating_add(length);
                rows.push(row);
            }
        }
        self.next = (!log.at_end).then_some(ReportCursor {
            position: log.next,
            row: 0,
        });
        Ok(rows)
    }
}
