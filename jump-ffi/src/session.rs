//! Sessions: one Jump to one item.

use std::ffi::{CString, c_char};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jump_core::model::{Field, Remark};
use jump_core::protocol::{ScreenEvent, ScreenSession, Session, ShellSession, TunnelSession};
use jump_core::rep::{JumpOptions, OpenedSession, Rep, SessionEvents, SessionNews};
use jump_core::session::Grant;
use jump_core::{Error, ErrorKind, Result};
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::AbortHandle;

use crate::context::{Context, drop_inside, parse};
use crate::error::{c_string, jump_error};
use crate::event::{Event, jump_event};
use crate::guard::{guard, guard_free, guard_value};
use crate::pointer::{Out, invalid, optional_text, text};
use crate::pull;
use crate::queue::{Key, Queue};
use crate::rep::{RepObject, jump_rep, rep_of};
use crate::status::jump_status;
use crate::table::{self, Handle};

/// How long the end of a session may take that ends in order.
const GOODBYE: Duration = Duration::from_secs(10);

/// How many transfers may run at once about which events tell.
const MOST_TRANSFERS: usize = 64;

/// One Jump to one item: a shell with files, a screen or a tunnel. It ends when it is freed.
pub struct jump_session {
    _private: [u8; 0],
}

/// What a session is.
pub type jump_session_kind = i32;

/// No living session.
pub const JUMP_SESSION_NONE: jump_session_kind = 0;
/// A shell with commands and files: `jump_shell_…`, `jump_session_upload` and the like.
pub const JUMP_SESSION_SHELL: jump_session_kind = 1;
/// A screen with keyboard and pointer: `jump_screen_…`.
pub const JUMP_SESSION_SCREEN: jump_session_kind = 2;
/// Byte streams to permitted ports: `jump_tunnel_…`.
pub const JUMP_SESSION_TUNNEL: jump_session_kind = 3;

pub(crate) enum Kind {
    Shell(Arc<dyn ShellSession>),
    Screen(Arc<dyn ScreenSession>),
    Tunnel(Arc<dyn TunnelSession>),
}

/// What is behind the handle.
pub(crate) struct SessionObject {
    pub(crate) context: Arc<Context>,
    pub(crate) kind: Kind,
    pub(crate) queue: Arc<Queue>,
    grant: Arc<Grant>,
    id: CString,
    grant_json: CString,
    /// True once it was freed or closed: then calls that wait on other threads end.
    closed: watch::Sender<bool>,
    next_request: AtomicU64,
    /// One for each transfer that may run apart at once.
    transfers: Arc<Semaphore>,
    watching: AbortHandle,
    /// Keeps the connection to the broker up.
    _rep: Rep,
}

impl Handle for SessionObject {
    type C = jump_session;
    const KIND: u8 = 8;
    const NAME: &'static str = "jump_session";
}

impl Drop for SessionObject {
    fn drop(&mut self) {
        self.watching.abort();
        self.closed.send_replace(true);
    }
}

/// What a session is opened with besides its item.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Options {
    credential: Option<String>,
    reason: Remark,
    ticket: Option<Field>,
    code: Option<Field>,
    schedule_override: bool,
}

impl Options {
    fn jump(self) -> JumpOptions {
        let mut options = JumpOptions::default();
        options.credential = self.credential;
        options.supplied.reason = self.reason;
        options.supplied.ticket = self.ticket;
        options.supplied.code = self.code;
        options.supplied.schedule_override = self.schedule_override;
        options
    }
}

/// Options for a Jump, from C.
///
/// # Safety
/// As [`optional_text`].
pub(crate) unsafe fn jump_options(options_json: *const c_char) -> Result<JumpOptions> {
    // SAFETY: as the caller of this function promises.
    let text = unsafe { optional_text(options_json, "options_json") }?;
    parse::<Options>(text, "options_json").map(Options::jump)
}

impl SessionObject {
    pub(crate) fn open(rep: &RepObject, item: &str, options: &JumpOptions) -> Result<Self> {
        let opened = rep.context.wait(rep.rep.open_session(item, options))?;
        Self::new(rep.context.clone(), rep.rep.clone(), opened)
    }

    fn new(context: Arc<Context>, rep: Rep, opened: OpenedSession) -> Result<Self> {
        let OpenedSession {
            grant,
            session,
            events,
        } = opened;
        let kind = match session {
            Session::Shell(shell) => Kind::Shell(Arc::from(shell)),
            Session::Screen(screen) => Kind::Screen(Arc::from(screen)),
            Session::Tunnel(tunnel) => Kind::Tunnel(Arc::from(tunnel)),
            _ => {
                let message = "this library has no such kind of session";
                return Err(Error::new(ErrorKind::Unsupported, "open a session", message));
            }
        };
        let queue = Arc::new(Queue::new(context.wake.clone()));
        let screen = match &kind {
            Kind::Screen(screen) => Some(screen.clone()),
            _ => None,
        };
        let told = queue.clone();
        let watching = context.run(
            "session",
            watch_over(events, screen, queue.clone()),
            move |ended| {
                if let Err(error) = ended {
                    told.end(Event::over(Some(&error)));
                }
            },
        );
        let grant_json = serde_json::to_string(&*grant).map_err(|error| {
            Error::new(
                ErrorKind::Internal,
                "open a session",
                "the grant has no form in JSON",
            )
            .with_source(error)
        })?;
        Ok(Self {
            context,
            kind,
            queue,
            id: c_string(grant.session().to_string()),
            grant_json: c_string(grant_json),
            grant,
            closed: watch::Sender::new(false),
            next_request: AtomicU64::new(1),
            transfers: Arc::new(Semaphore::new(MOST_TRANSFERS)),
            watching,
            _rep: rep,
        })
    }

    pub(crate) fn grant(&self) -> &Grant {
        &self.grant
    }

    pub(crate) fn next_request(&self) -> u64 {
        self.next_request.fetch_add(1, Ordering::Relaxed)
    }

    /// The right to one more transfer.
    ///
    /// # Errors
    /// [`ErrorKind::ResourceLimit`] if too many run.
    pub(crate) fn one_more_transfer(&self) -> Result<OwnedSemaphorePermit> {
        self.transfers.clone().try_acquire_owned().map_err(|_| {
            let message = "64 transfers run in this session: wait for one to end";
            Error::new(ErrorKind::ResourceLimit, "move a file", message)
        })
    }

    /// Waits on the calling thread until the future is done, or the session is freed or closed.
    ///
    /// # Errors
    /// What the future says; [`ErrorKind::Closed`].
    pub(crate) fn wait<T>(&self, future: impl Future<Output = Result<T>>) -> Result<T> {
        self.context.wait(self.until_closed(future))
    }

    /// The future, unless the session is freed or closed before it is done.
    pub(crate) async fn until_closed<T>(&self, future: impl Future<Output = Result<T>>) -> Result<T> {
        let mut closed = self.closed.subscribe();
        tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => {
                Err(Error::new(ErrorKind::Closed, "session", "it was closed here"))
            }
            done = future => done,
        }
    }

    pub(crate) fn shell(&self) -> Result<Arc<dyn ShellSession>> {
        match &self.kind {
            Kind::Shell(shell) => Ok(shell.clone()),
            _ => Err(invalid("the session is no shell: see jump_session_kind_of")),
        }
    }

    pub(crate) fn screen(&self) -> Result<Arc<dyn ScreenSession>> {
        match &self.kind {
            Kind::Screen(screen) => Ok(screen.clone()),
            _ => Err(invalid("the session is no screen: see jump_session_kind_of")),
        }
    }

    pub(crate) fn tunnel(&self) -> Result<Arc<dyn TunnelSession>> {
        match &self.kind {
            Kind::Tunnel(tunnel) => Ok(tunnel.clone()),
            _ => Err(invalid("the session is no tunnel: see jump_session_kind_of")),
        }
    }

    async fn say_goodbye(&self) -> Result<()> {
        match &self.kind {
            Kind::Shell(shell) => shell.close().await,
            Kind::Screen(screen) => screen.close().await,
            Kind::Tunnel(tunnel) => tunnel.close().await,
        }
    }
}

/// The next event of a screen, once there is room for it.
async fn look(screen: Option<&dyn ScreenSession>, queue: &Queue) -> Result<Option<ScreenEvent>> {
    let Some(screen) = screen else { return Ok(None) };
    queue.has_room().await;
    screen.next_event().await
}

/// Brings what happens in a session into its queue.
async fn watch_over(mut news: SessionEvents, screen: Option<Arc<dyn ScreenSession>>, queue: Arc<Queue>) {
    let mut listening = true;
    let mut looking = screen.is_some();
    loop {
        tokio::select! {
            biased;
            said = news.next(), if listening => match said {
                Ok(Some(SessionNews::Ended(reason))) => return queue.end(Event::ended(&reason)),
                Ok(Some(news)) => {
                    if let Some(event) = Event::of_news(&news) {
                        queue.coalesce(Key::Ending, event);
                    }
                }
                Ok(None) => return,
                Err(error) => {
                    listening = false;
                    queue.add(Event::broker_lost(&error));
                    if !looking {
                        return;
                    }
                }
            },
            seen = look(screen.as_deref(), &queue), if looking => match seen {
                Ok(Some(event)) => {
                    if let Some(event) = Event::of_screen(event) {
                        queue.add(event);
                    }
                }
                seen => {
                    looking = false;
                    if !listening {
                        return queue.end(Event::over(seen.err().as_ref()));
                    }
                }
            },
        }
    }
}

/// The session behind a handle.
pub(crate) fn session_of(session: *const jump_session) -> Result<Arc<SessionObject>> {
    let session = table::get::<SessionObject>(session, "session")?;
    session.context.check()?;
    Ok(session)
}

/// Opens a session on an item, by id, name or `group/name`. `options_json` may be NULL: `credential` is the name of the one to inject
/// if several match; `reason`, `ticket`, `code` (of a second factor) and `schedule_override` are what the item's Jump Policy may ask
/// for. Waits until the target has let the session in.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_session_open(
    rep: *const jump_rep,
    item: *const c_char,
    options_json: *const c_char,
    session_out: *mut *mut jump_session,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (session_out, error_out) = unsafe { (Out::handle(session_out), Out::handle(error_out)) };
    guard(&error_out, || {
        session_out.needed("session_out")?;
        let rep = rep_of(rep)?;
        // SAFETY: the caller passes NULL or NUL-terminated text.
        let (item, options) = unsafe { (text(item, "item")?, jump_options(options_json)?) };
        session_out.give(SessionObject::open(&rep, item, &options)?)
    })
}

/// What the session is: `JUMP_SESSION_SHELL`, `…_SCREEN` or `…_TUNNEL`; `JUMP_SESSION_NONE` for NULL and for what is no living
/// session.
#[unsafe(no_mangle)]
pub extern "C" fn jump_session_kind_of(session: *const jump_session) -> jump_session_kind {
    guard_value(JUMP_SESSION_NONE, || {
        let session = table::get::<SessionObject>(session, "session")?;
        Ok(match &session.kind {
            Kind::Shell(_) => JUMP_SESSION_SHELL,
            Kind::Screen(_) => JUMP_SESSION_SCREEN,
            Kind::Tunnel(_) => JUMP_SESSION_TUNNEL,
        })
    })
}

/// The session's id, as it stands in lists and in the audit log. It lives as long as the session. NULL for NULL and for what is no
/// living session.
#[unsafe(no_mangle)]
pub extern "C" fn jump_session_id(session: *const jump_session) -> *const c_char {
    guard_value(std::ptr::null(), || {
        table::get::<SessionObject>(session, "session").map(|session| session.id.as_ptr())
    })
}

/// What was granted, as JSON: permissions, recording, targets, end. It lives as long as the session. NULL for NULL and for what is no
/// living session.
#[unsafe(no_mangle)]
pub extern "C" fn jump_session_grant_json(session: *const jump_session) -> *const c_char {
    guard_value(std::ptr::null(), || {
        table::get::<SessionObject>(session, "session").map(|session| session.grant_json.as_ptr())
    })
}

/// The next event: waits at most `timeout_ms` milliseconds for it, not at all for 0, for ever for less. `JUMP_OK` with NULL in
/// `event_out`: there is none yet, or somebody called `jump_session_interrupt`. `JUMP_ERR_CLOSED`: there will be none any more. Events
/// of a kind that is state replace each other, and none is dropped.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_session_next_event(
    session: *const jump_session,
    timeout_ms: i64,
    event_out: *mut *mut jump_event,
    error_out: *mut *mut jump_error,
) -> jump_status {
    let queue = || Ok(session_of(session)?.queue.clone());
    // SAFETY: the caller passes NULL or what the header asks for.
    unsafe { pull::next_event(queue, timeout_ms, event_out, error_out) }
}

/// Ends the wait in `jump_session_next_event`, from any thread; if nobody waits, the next wait ends at once.
#[unsafe(no_mangle)]
pub extern "C" fn jump_session_interrupt(session: *const jump_session) -> jump_status {
    pull::interrupt(|| Ok(session_of(session)?.queue.clone()))
}

/// A file descriptor that can be read from (poll it, never read it) as long as the session has an event to fetch. It belongs to the
/// session. -1 if there is none.
#[unsafe(no_mangle)]
pub extern "C" fn jump_session_wakeup_fd(session: *const jump_session) -> i32 {
    pull::wakeup_fd(|| Ok(session_of(session)?.queue.clone()))
}

/// Ends the session in order, and waits until what was sent has arrived, at most 10 seconds. Calls that wait on other threads end.
/// The last event still comes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_session_close(
    session: *const jump_session,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let error_out = unsafe { Out::handle(error_out) };
    guard(&error_out, || {
        let session = session_of(session)?;
        let closed = session.context.wait(async {
            tokio::time::timeout(GOODBYE, session.say_goodbye())
                .await
                .unwrap_or_else(|_| {
                    let message = "the target did not take everything in time";
                    Err(Error::new(ErrorKind::Timeout, "close the session", message))
                })
        });
        session.closed.send_replace(true);
        // Without a connection to the broker nobody else tells of the end.
        if session.watching.is_finished() {
            session.queue.end(Event::over(None));
        }
        closed
    })
}

/// Frees a session. If it was not closed it ends now, without waiting. Shells, streams and frames of it have to be freed besides, in
/// any order. NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn jump_session_free(session: *mut jump_session) -> jump_status {
    guard_free(|| {
        if let Some(session) = table::take::<SessionObject>(session, "session")? {
            let was_closed = session.closed.send_replace(true);
            let error = Error::new(ErrorKind::Closed, "session", "it was freed");
            session.queue.end(Event::over(Some(&error)));
            // Shells and frames that are still there must not keep it open.
            let context = session.context.clone();
            if !was_closed && context.check().is_ok() {
                context.runtime().spawn(async move {
                    let _ = tokio::time::timeout(GOODBYE, session.say_goodbye()).await;
                });
            } else {
                drop_inside(&context, session);
            }
        }
        Ok(())
    })
}
