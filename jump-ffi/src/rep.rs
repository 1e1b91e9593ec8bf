//! Reps: whoever asks for a Jump.

use std::ffi::{CString, c_char};
use std::sync::Arc;

use jump_core::Result;
use jump_core::control::{ItemQuery, RepRequest};
use jump_core::id::SessionId;
use jump_core::rep::{Rep, RepBuilder};

use crate::buffer::{Buffer, jump_buf};
use crate::context::{Context, backends, context_of, drop_inside, jump_context, parse, parse_needed};
use crate::error::{c_string, jump_error};
use crate::guard::{guard, guard_free, guard_value};
use crate::identity::{Login, jump_login};
use crate::pointer::{Out, invalid, optional_text, text};
use crate::status::jump_status;
use crate::table::{self, Handle};

/// A connection to a broker on behalf of a login. Sessions that were opened through it keep it alive.
pub struct jump_rep {
    _private: [u8; 0],
}

/// What is behind the handle.
pub(crate) struct RepObject {
    pub(crate) context: Arc<Context>,
    pub(crate) rep: Rep,
    user: CString,
}

impl Handle for RepObject {
    type C = jump_rep;
    const KIND: u8 = 7;
    const NAME: &'static str = "jump_rep";
}

impl RepObject {
    pub(crate) fn connect(context: Arc<Context>, rep: RepBuilder) -> Result<Self> {
        let rep = context.wait(rep.connect())?;
        let user = c_string(rep.user_name());
        Ok(Self { context, rep, user })
    }

    /// Asks the broker and gives the answer as JSON.
    pub(crate) fn ask(&self, request: RepRequest) -> Result<Buffer> {
        let response = self.context.wait(self.rep.request(request))?;
        Buffer::json(&response)
    }
}

/// The rep behind a handle.
pub(crate) fn rep_of(rep: *const jump_rep) -> Result<Arc<RepObject>> {
    let rep = table::get::<RepObject>(rep, "rep")?;
    rep.context.check()?;
    Ok(rep)
}

/// Connects to the login's broker and proves the login's key. Waits at most 10 seconds.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_rep_connect(
    context: *const jump_context,
    login: *const jump_login,
    rep_out: *mut *mut jump_rep,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (rep_out, error_out) = unsafe { (Out::handle(rep_out), Out::handle(error_out)) };
    guard(&error_out, || {
        rep_out.needed("rep_out")?;
        let context = context_of(context)?;
        let login = table::get::<Login>(login, "login")?;
        let rep = Rep::builder(login.identity(), login.broker()).backends(backends());
        rep_out.give(RepObject::connect(context, rep)?)
    })
}

/// The user's name. It lives as long as the rep. NULL for NULL and for what is no living rep.
#[unsafe(no_mangle)]
pub extern "C" fn jump_rep_user(rep: *const jump_rep) -> *const c_char {
    guard_value(std::ptr::null(), || {
        table::get::<RepObject>(rep, "rep").map(|rep| rep.user.as_ptr())
    })
}

/// The items that one may see, as a JSON array. `query_json` says which, and may be NULL: `name`, `hostname`, `group`, `jumpoint`,
/// `tag`, `search`, `method`, `personal`, `online`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_rep_items(
    rep: *const jump_rep,
    query_json: *const c_char,
    items_out: *mut *mut jump_buf,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (items_out, error_out) = unsafe { (Out::handle(items_out), Out::handle(error_out)) };
    guard(&error_out, || {
        items_out.needed("items_out")?;
        let rep = rep_of(rep)?;
        // SAFETY: the caller passes NULL or NUL-terminated text.
        let query: ItemQuery = parse(unsafe { optional_text(query_json, "query_json") }?, "query_json")?;
        let items = rep.context.wait(rep.rep.all_items(query))?;
        items_out.give(Buffer::json(&items)?)
    })
}

/// Asks the broker anything, as JSON in the form of the control protocol, and gives its answer as JSON: `{"ask": "item", "item":
/// "web-1"}`; or, to change the site, `{"ask": "edit", "edit": "remove_item", "item": "web-1"}`. Not `jump`: that is
/// `jump_session_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_rep_request(
    rep: *const jump_rep,
    request_json: *const c_char,
    response_out: *mut *mut jump_buf,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (response_out, error_out) = unsafe { (Out::handle(response_out), Out::handle(error_out)) };
    guard(&error_out, || {
        response_out.needed("response_out")?;
        let rep = rep_of(rep)?;
        // SAFETY: the caller passes NULL or NUL-terminated text.
        let request = parse_needed(unsafe { text(request_json, "request_json") }?, "request_json")?;
        match request {
            RepRequest::Jump { .. } => return Err(invalid("a session is opened by jump_session_open")),
            RepRequest::Gate(_) => {
                return Err(invalid("a session that is served here is reported by itself"));
            }
            _ => {}
        }
        response_out.give(rep.ask(request)?)
    })
}

/// Ends a session, by the id that is in its grant and in lists of sessions: an administrator any, others their own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_rep_end_session(
    rep: *const jump_rep,
    session_id: *const c_char,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let error_out = unsafe { Out::handle(error_out) };
    guard(&error_out, || {
        let rep = rep_of(rep)?;
        // SAFETY: the caller passes NULL or NUL-terminated text.
        let session: SessionId = unsafe { text(session_id, "session_id") }?.parse()?;
        rep.context.wait(rep.rep.end_session(session))
    })
}

/// Lets go of the connection; sessions that were opened through it go on. NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn jump_rep_free(rep: *mut jump_rep) -> jump_status {
    guard_free(|| {
        if let Some(rep) = table::take::<RepObject>(rep, "rep")? {
            drop_inside(&rep.context.clone(), rep);
        }
        Ok(())
    })
}
