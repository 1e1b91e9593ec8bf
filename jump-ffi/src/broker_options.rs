//! What a broker is made from.

use std::ffi::{c_char, c_void};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jump_core::Result;
use jump_core::broker::{Authenticator, SecondFactor, TicketChecker};
use jump_core::notify::Notifier;
use jump_core::vault::CredentialProvider;
use serde::Deserialize;

use crate::context::parse;
use crate::contracts::{AuditPlug, FactorPlug, JournalPlug, LoginPlug, NotifierPlug, TicketPlug, VaultPlug};
use crate::error::jump_error;
use crate::guard::{guard, guard_free};
use crate::plug::{Answering, Plug, jump_answer_fn};
use crate::pointer::{Out, invalid, optional_text};
use crate::status::jump_status;
use crate::table::{self, Handle};
use crate::wake::UserData;

/// What a broker is made from.
pub struct jump_broker_options {
    _private: [u8; 0],
}

/// What the JSON says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    pub(crate) data: Option<PathBuf>,
    pub(crate) listen: String,
    pub(crate) public_address: Option<String>,
    pub(crate) heartbeat_seconds: u32,
    pub(crate) lease_seconds: u32,
    pub(crate) max_session_seconds: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            data: None,
            listen: "127.0.0.1:0".to_owned(),
            public_address: None,
            heartbeat_seconds: 15,
            lease_seconds: 60,
            max_session_seconds: 12 * 60 * 60,
        }
    }
}

/// What was plugged in.
#[derive(Default)]
pub(crate) struct Plugs {
    pub(crate) providers: Vec<Arc<dyn CredentialProvider>>,
    pub(crate) authenticator: Option<Arc<dyn Authenticator>>,
    pub(crate) notifiers: Vec<Arc<dyn Notifier>>,
    pub(crate) factor: Option<Arc<dyn SecondFactor>>,
    pub(crate) tickets: Option<Arc<dyn TicketChecker>>,
    pub(crate) audit: Option<AuditPlug>,
    pub(crate) journal: Option<JournalPlug>,
}

/// What is behind the handle.
#[derive(Default)]
pub(crate) struct Options {
    settings: Settings,
    plugs: Mutex<Plugs>,
}

impl Handle for Options {
    type C = jump_broker_options;
    const KIND: u8 = 17;
    const NAME: &'static str = "jump_broker_options";
}

impl Options {
    fn plugs(&self) -> MutexGuard<'_, Plugs> {
        self.plugs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the JSON said, and what was plugged in, which is used up.
    pub(crate) fn use_up(&self) -> (Settings, Plugs) {
        (self.settings.clone(), std::mem::take(&mut *self.plugs()))
    }
}

fn needed(callback: jump_answer_fn, parameter: &str) -> Result<Answering> {
    callback.ok_or_else(|| invalid(format!("`{parameter}` is NULL")))
}

/// The body of each export that plugs something in; `destroy` is called if it cannot be.
///
/// # Safety
/// `error_out` is NULL, or valid for writing a handle.
unsafe fn plugged(
    options: *const jump_broker_options,
    name: &'static str,
    userdata: *mut c_void,
    destroy: Option<extern "C" fn(*mut c_void)>,
    error_out: *mut *mut jump_error,
    plug_in: impl FnOnce(&Options, Plug) -> Result<()>,
) -> jump_status {
    // SAFETY: as the caller of this function promises.
    let error_out = unsafe { Out::handle(error_out) };
    guard(&error_out, || {
        let plug = Plug::new(name, UserData::new(userdata, destroy));
        plug_in(&*table::get::<Options>(options, "options")?, plug)
    })
}

/// Makes options. `options_json` may be NULL: `data` is the folder for keys, SQLite store and audit log, the same as that of `jump broker`
/// (without it all is in memory, and only items with recording off can be reached); `listen` is where the broker listens, `127.0.0.1:0`
/// otherwise; `public_address` is where others reach it, if that is elsewhere; `heartbeat_seconds`, `lease_seconds`,
/// `max_session_seconds`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_broker_options_new(
    options_json: *const c_char,
    options_out: *mut *mut jump_broker_options,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (options_out, error_out) = unsafe { (Out::handle(options_out), Out::handle(error_out)) };
    guard(&error_out, || {
        options_out.needed("options_out")?;
        // SAFETY: the caller passes NULL or NUL-terminated text.
        let settings: Settings = parse(
            unsafe { optional_text(options_json, "options_json") }?,
            "options_json",
        )?;
        options_out.give(Options {
            settings,
            plugs: Mutex::default(),
        })
    })
}

/// Plugs a vault in: it is asked for credentials when a session starts. `candidates` is asked with JSON `user`, `item`, `tag`,
/// `protocol`, `host`, `port`, and ids; it answers with an array of `{"id", "name", "specificity"}`, where the last is how closely it is
/// meant: `any`, `criteria` or `direct`. `reveal` is asked the same with the `id` that was chosen; it answers with `username` and either
/// `password`, or `private_key` and, if need be, `passphrase` and `certificate`. The answer is sealed to the Jumpoint and wiped. Several
/// vaults are asked in the order in which they were plugged in. `destroy`, if not NULL, is called with `userdata` at the end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_broker_options_add_vault(
    options: *const jump_broker_options,
    candidates: jump_answer_fn,
    reveal: jump_answer_fn,
    userdata: *mut c_void,
    destroy: Option<extern "C" fn(*mut c_void)>,
    error_out: *mut *mut jump_error,
) -> jump_status {
    let plug_in = |options: &Options, plug| {
        let vault = VaultPlug {
            plug,
            candidates: needed(candidates, "candidates")?,
            reveal: needed(reveal, "reveal")?,
        };
        options.plugs().providers.push(Arc::new(vault));
        Ok(())
    };
    // SAFETY: the caller passes NULL or what the header asks for.
    unsafe { plugged(options, "the vault", userdata, destroy, error_out, plug_in) }
}

/// Plugs in who vouches for logins: whoever proves to your own system who they are needs no invitation. `authenticate` is asked with JSON
/// `proof` (what `jump_login_authenticate` was given: a secret of a stranger, 1 byte to 12 KiB), `key`, which the login will prove,
/// `source` (an address, or `null`) and `label`. It answers `null` if the proof is nobody's; otherwise `{"user", "lifetime_seconds"}`
/// and, if need be, `scope` (`sessions`, which it is otherwise, or `everything`) and `sources`, networks from which the login may be
/// used. The user has to be there; `authenticate` may add it. An error, another answer, or none within 8 seconds is a no, and the stranger is
/// told no more. At most 32 are asked about at once; count wrong ones yourself.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_broker_options_set_logins(
    options: *const jump_broker_options,
    authenticate: jump_answer_fn,
    userdata: *mut c_void,
    destroy: Option<extern "C" fn(*mut c_void)>,
    error_out: *mut *mut jump_error,
) -> jump_status {
    let plug_in = |options: &Options, plug| {
        let authenticate = needed(authenticate, "authenticate")?;
        options.plugs().authenticator = Some(Arc::new(LoginPlug { plug, authenticate }));
        Ok(())
    };
    // SAFETY: the caller passes NULL or what the header asks for.
    unsafe { plugged(options, "the logins", userdata, destroy, error_out, plug_in) }
}

/// Plugs in who checks second factors: `verify` is asked with JSON `user_id`, `code`, `at`, and answers `true` or `false`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_broker_options_set_authenticator(
    options: *const jump_broker_options,
    verify: jump_answer_fn,
    userdata: *mut c_void,
    destroy: Option<extern "C" fn(*mut c_void)>,
    error_out: *mut *mut jump_error,
) -> jump_status {
    let plug_in = |options: &Options, plug| {
        let verify = needed(verify, "verify")?;
        options.plugs().factor = Some(Arc::new(FactorPlug { plug, verify }));
        Ok(())
    };
    // SAFETY: the caller passes NULL or what the header asks for.
    unsafe {
        plugged(
            options,
            "the authenticator",
            userdata,
            destroy,
            error_out,
            plug_in,
        )
    }
}

/// Plugs in who checks tickets: `check` is asked with JSON `ticket`, `user`, `item`, and ids, and answers `true` or `false`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_broker_options_set_tickets(
    options: *const jump_broker_options,
    check: jump_answer_fn,
    userdata: *mut c_void,
    destroy: Option<extern "C" fn(*mut c_void)>,
    error_out: *mut *mut jump_error,
) -> jump_status {
    let plug_in = |options: &Options, plug| {
        let check = needed(check, "check")?;
        options.plugs().tickets = Some(Arc::new(TicketPlug { plug, check }));
        Ok(())
    };
    // SAFETY: the caller passes NULL or what the header asks for.
    unsafe {
        plugged(
            options,
            "the ticket system",
            userdata,
            destroy,
            error_out,
            plug_in,
        )
    }
}

/// Plugs in an audit log in place of the broker's own: `append` is told each event, as JSON `sequence` (from 1 with each start of the
/// broker) and `event`, one after the other. An event has to be safe when it gives `JUMP_OK`: nothing happens before, and nothing happens
/// if it gives an error. There is no `JUMP_EVENT_AUDIT` then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_broker_options_set_audit(
    options: *const jump_broker_options,
    append: jump_answer_fn,
    userdata: *mut c_void,
    destroy: Option<extern "C" fn(*mut c_void)>,
    error_out: *mut *mut jump_error,
) -> jump_status {
    let plug_in = |options: &Options, plug| {
        let append = needed(append, "append")?;
        let last = tokio::sync::Mutex::new(0);
        options.plugs().audit = Some(AuditPlug { plug, append, last });
        Ok(())
    };
    // SAFETY: the caller passes NULL or what the header asks for.
    unsafe { plugged(options, "the audit log", userdata, destroy, error_out, plug_in) }
}

/// Plugs in a store in place of the broker's own, as records that are only appended: `append` is told one, as JSON of one line, and has it
/// safe when it gives `JUMP_OK`; `load` answers with all of them, one a line, in their order, or with nothing. One broker uses such a store
/// at a time. Keys and audit log are in the folder `data` nevertheless: without one, a broker that starts again has another key, and no login
/// of before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_broker_options_set_store(
    options: *const jump_broker_options,
    load: jump_answer_fn,
    append: jump_answer_fn,
    userdata: *mut c_void,
    destroy: Option<extern "C" fn(*mut c_void)>,
    error_out: *mut *mut jump_error,
) -> jump_status {
    let plug_in = |options: &Options, plug| {
        let (load, append) = (needed(load, "load")?, needed(append, "append")?);
        options.plugs().journal = Some(JournalPlug { plug, load, append });
        Ok(())
    };
    // SAFETY: the caller passes NULL or what the header asks for.
    unsafe { plugged(options, "the store", userdata, destroy, error_out, plug_in) }
}

/// Plugs in who carries notifications, which Jump Policies ask for: `notify` is told one, as JSON `id`, `time`, `site`, `policy`, `event`
/// (`session_started`, `session_ended`, `approval_requested`) and `detail`, and has delivered it when it gives `JUMP_OK`. It has 15
/// seconds. What fails with an error that may pass (`JUMP_ERR_UNAVAILABLE`, `JUMP_ERR_TIMEOUT`, `JUMP_ERR_NETWORK`) is told again under the
/// same id, later and later; what is given up is in the audit log. Sessions do not wait for it. Each of several is told everything.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_broker_options_add_notifier(
    options: *const jump_broker_options,
    notify: jump_answer_fn,
    userdata: *mut c_void,
    destroy: Option<extern "C" fn(*mut c_void)>,
    error_out: *mut *mut jump_error,
) -> jump_status {
    let plug_in = |options: &Options, plug| {
        let notify = needed(notify, "notify")?;
        options
            .plugs()
            .notifiers
            .push(Arc::new(NotifierPlug { plug, notify }));
        Ok(())
    };
    // SAFETY: the caller passes NULL or what the header asks for.
    unsafe { plugged(options, "the notifier", userdata, destroy, error_out, plug_in) }
}

/// Frees options. NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn jump_broker_options_free(options: *mut jump_broker_options) -> jump_status {
    guard_free(|| table::take::<Options>(options, "options").map(drop))
}
