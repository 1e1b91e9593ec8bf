//! What the library has to say besides: for a program's own log.

use std::cell::RefCell;
use std::ffi::{c_char, c_void};
use std::fmt::{self, Write as _};

use jump_core::text::Escaped;
use tracing::dispatcher::{DefaultGuard, Dispatch};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

use crate::error::c_string;
use crate::guard::notifying;
use crate::wake::UserData;

/// How grave a line of the log is.
pub type jump_log_level = i32;

/// Something failed.
pub const JUMP_LOG_ERROR: jump_log_level = 1;
/// Something may be wrong.
pub const JUMP_LOG_WARN: jump_log_level = 2;
/// Something happened that is worth a line.
pub const JUMP_LOG_INFO: jump_log_level = 3;
/// For finding out why something happens.
pub const JUMP_LOG_DEBUG: jump_log_level = 4;
/// Everything.
pub const JUMP_LOG_TRACE: jump_log_level = 5;

/// Takes a line of the log: where in the library it comes from, and what it says, both UTF-8 that lives as long as the call. What others
/// wrote is escaped. It comes from any thread, several at once, and is for notification only: it may not call the library, wait, throw or
/// longjmp.
pub type jump_log_fn = Option<
    extern "C" fn(
        userdata: *mut c_void,
        level: jump_log_level,
        target: *const c_char,
        message: *const c_char,
    ),
>;

/// A callback that is there.
pub(crate) type Logging = extern "C" fn(*mut c_void, jump_log_level, *const c_char, *const c_char);

/// Brings lines to the callback of one context.
pub(crate) struct Log {
    pub(crate) callback: Logging,
    pub(crate) userdata: UserData,
    pub(crate) level: jump_log_level,
}

const fn number(level: &Level) -> jump_log_level {
    match *level {
        Level::ERROR => JUMP_LOG_ERROR,
        Level::WARN => JUMP_LOG_WARN,
        Level::INFO => JUMP_LOG_INFO,
        Level::DEBUG => JUMP_LOG_DEBUG,
        _ => JUMP_LOG_TRACE,
    }
}

/// Puts the fields of an event into one line, the message first.
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string does not fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

impl Subscriber for Log {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        // Other contexts, with other levels, see the same place.
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        number(metadata.level()) <= self.level
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        let target = c_string(event.metadata().target());
        let message = c_string(Escaped(&format!("{}{}", line.message, line.fields)).to_string());
        let level = number(event.metadata().level());
        notifying(|| {
            (self.callback)(self.userdata.pointer(), level, target.as_ptr(), message.as_ptr());
        });
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

thread_local! {
    /// Keeps a context's log on a thread of that context.
    static KEPT: RefCell<Option<DefaultGuard>> = const { RefCell::new(None) };
}

/// Has this thread, one of a context's own, log there as long as it lives.
pub(crate) fn log_on_this_thread(log: &Dispatch) {
    let guard = tracing::dispatcher::set_default(log);
    KEPT.with(|kept| *kept.borrow_mut() = Some(guard));
}
