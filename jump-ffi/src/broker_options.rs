//! What a broker is made from.

use std::ffi::{c_char, c_void};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jump_core::broker::{SecondFactor, TicketChecker};
use jump_core::vault::CredentialProvider;
use jump_core::{Error, ErrorKind, Result};
use serde::Deserialize;

use crate::context::parse;
use crate::error::jump_error;
use crate::guard::{guard, guard_free};
use crate::plug::{
    Answering, AuditPlug, FactorPlug, JournalPlug, Plug, TicketPlug, VaultPlug, jump_answer_fn,
};
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
    // SAFETY: the caller passes NULL or what the header asks for.
    let error_out = unsafe { Out::handle(error_out) };
    guard(&error_out, || {
        let plug = Plug::new("the vault", UserData::new(userdata, destroy));
        let options = table::get::<Options>(options, "options")?;
        let vault = VaultPlug {
            plug,
            candidates: needed(candidates, "candidates")?,
            reveal: needed(reveal, "reveal")?,
        };
        options.plugs().providers.push(Arc::new(vault));
        Ok(())
    })
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
    // SAFETY: the caller passes NULL or what the header asks for.
    let error_out = unsafe { Out::handle(error_out) };
    guard(&error_out, || {
        let plug = Plug::new("the authenticator", UserData::new(userdata, destroy));
        let options = table::get::<Options>(options, "options")?;
        let verify = needed(verify, "verify")?;
        options.plugs().factor = Some(Arc::new(FactorPlug { plug, verify }));
        Ok(())
    })
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
    // SAFETY: the caller passes NULL or what the header asks for.
    let error_out = unsafe { Out::handle(error_out) };
    guard(&error_out, || {
        let plug = Plug::new("the ticket system", UserData::new(userdata, destroy));
        let options = table::get::<Options>(options, "options")?;
        let check = needed(check, "check")?;
        options.plugs().tickets = Some(Arc::new(TicketPlug { plug, check }));
        Ok(())
    })
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
    // SAFETY: the caller passes NULL or what the header asks for.
    let error_out = unsafe { Out::handle(error_out) };
    guard(&error_out, || {
        let plug = Plug::new("the audit log", UserData::new(userdata, destroy));
        let options = table::get::<Options>(options, "options")?;
        let append = needed(append, "append")?;
        let last = tokio::sync::Mutex::new(0);
        options.plugs().audit = Some(AuditPlug { plug, append, last });
        Ok(())
    })
}

/// Plugs in a store in place of the broker's own, as records that are only appended: `append` is told one, as JSON of one line, and has it
/// safe when it gives `JUMP_OK`; `load` answers with all of them, one a line, in their order, or with nothing. One broker uses such a store
/// at a time. Not together with `data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_broker_options_set_store(
    options: *const jump_broker_options,
    load: jump_answer_fn,
    append: jump_answer_fn,
    userdata: *mut c_void,
    destroy: Option<extern "C" fn(*mut c_void)>,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let error_out = unsafe { Out::handle(error_out) };
    guard(&error_out, || {
        let plug = Plug::new("the store", UserData::new(userdata, destroy));
        let options = table::get::<Options>(options, "options")?;
        if options.settings.data.is_some() {
            let message = "a site is kept in a folder or by callbacks, not both";
            return Err(Error::new(ErrorKind::InvalidArgument, "plug a store in", message));
        }
        let (load, append) = (needed(load, "load")?, needed(append, "append")?);
        options.plugs().journal = Some(JournalPlug { plug, load, append });
        Ok(())
    })
}

/// Frees options. NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn jump_broker_options_free(options: *mut jump_broker_options) -> jump_status {
    guard_free(|| table::take::<Options>(options, "options").map(drop))
}
