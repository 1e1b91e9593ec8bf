//! Items that a rep opens itself, in the network that the program is in: Local VNC, Local RDP.

use std::ffi::c_char;
use std::sync::Arc;

use jump_core::rep::{LocalJumpOptions, LocalJumps, Rep};
use jump_core::secret::Secret;
use jump_core::session::{Credential, CredentialSecret};
use jump_core::{Error, ErrorKind};
use serde::Deserialize;

use crate::buffer::{SecretText, jump_secret};
use crate::context::{backends, context_of, jump_context, parse, patience};
use crate::error::jump_error;
use crate::guard::guard;
use crate::identity::{Login, jump_login};
use crate::pointer::{Out, optional_text, text};
use crate::rep::{RepObject, jump_rep, rep_of};
use crate::session::{SessionObject, jump_options, jump_session};
use crate::status::jump_status;
use crate::table;

/// What a connection can be told.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Options {
    local_jumps: Option<LocalJumpOptions>,
}

/// As `jump_rep_connect`, with options. With `local_jumps` in `options_json` this process opens the items itself that have no Jumpoint, in
/// the network that it is in: `{"local_jumps": {}}`, where `allow`, `only_listed` and `recordings` mean what they do in
/// `jump_jumpoint_start`. Without it such items are refused with `JUMP_ERR_UNSUPPORTED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_rep_connect_with(
    context: *const jump_context,
    login: *const jump_login,
    options_json: *const c_char,
    rep_out: *mut *mut jump_rep,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (rep_out, error_out) = unsafe { (Out::handle(rep_out), Out::handle(error_out)) };
    guard(&error_out, || {
        rep_out.needed("rep_out")?;
        let context = context_of(context)?;
        let login = table::get::<Login>(login, "login")?;
        // SAFETY: the caller passes NULL or NUL-terminated text.
        let options = unsafe { optional_text(options_json, "options_json") }?;
        let options: Options = parse(options, "options_json")?;
        let mut rep = Rep::builder(login.identity(), login.broker()).backends(backends());
        if let Some(local) = options.local_jumps {
            rep = rep.local_jumps(LocalJumps::with_options(backends(), local));
        }
        rep_out.give(RepObject::connect(context, rep)?)
    })
}

/// As `jump_session_open`, for an item that the rep opens itself: nothing is injected there, so this is what logs in to the target.
/// `username` may be NULL where the target has no names (VNC). It means nothing for other items, whose Jumpoint logs in.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_session_open_as(
    rep: *const jump_rep,
    item: *const c_char,
    options_json: *const c_char,
    username: *const c_char,
    password: *const jump_secret,
    session_out: *mut *mut jump_session,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (session_out, error_out) = unsafe { (Out::handle(session_out), Out::handle(error_out)) };
    guard(&error_out, || {
        session_out.needed("session_out")?;
        let rep = rep_of(rep)?;
        // SAFETY: the caller passes NULL or NUL-terminated text.
        let (item, username, mut options) = unsafe {
            (
                text(item, "item")?,
                optional_text(username, "username")?,
                jump_options(options_json)?,
            )
        };
        let password = table::get::<SecretText>(password, "password")?;
        options.target_credential = Some(Arc::new(Credential {
            username: username.unwrap_or_default().to_owned(),
            secret: CredentialSecret::Password(Secret::new(password.expose().to_owned())),
        }));
        session_out.give(SessionObject::open(&rep, item, &options)?)
    })
}

/// Waits until the broker knows how the sessions ended that the rep served itself, at most `timeout_ms` milliseconds, for ever for less than
/// 0; `JUMP_ERR_TIMEOUT` if it does not by then. Call it before the program ends: what was not told by then is lost, and the site says that
/// the rep went away.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_rep_settle(
    rep: *const jump_rep,
    timeout_ms: i64,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let error_out = unsafe { Out::handle(error_out) };
    guard(&error_out, || {
        let rep = rep_of(rep)?;
        rep.context.wait(async {
            let settled = rep.rep.settled();
            match patience(timeout_ms) {
                None => settled.await,
                Some(time) => tokio::time::timeout(time, settled).await.map_err(|_| {
                    let message = "the broker has not heard of every session's end yet";
                    Error::new(ErrorKind::Timeout, "settle", message)
                })?,
            }
            Ok(())
        })
    })
}
