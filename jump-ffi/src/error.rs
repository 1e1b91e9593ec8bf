//! Error objects.

use std::error::Error as _;
use std::ffi::{CString, c_char};

use jump_core::Error;
use jump_core::text::Escaped;
use serde::Serialize;

use crate::guard::{guard_free, guard_value};
use crate::status::{JUMP_ERR_PANIC, JUMP_OK, jump_status};
use crate::table::{self, Handle};

/// What went wrong in one call: free it with `jump_error_free`. It holds no secret.
pub struct jump_error {
    _private: [u8; 0],
}

/// What is behind the handle.
pub(crate) struct ErrorObject {
    status: jump_status,
    message: CString,
    detail: CString,
    retryable: bool,
}

impl Handle for ErrorObject {
    type C = jump_error;
    const KIND: u8 = 1;
    const NAME: &'static str = "jump_error";
}

#[derive(Serialize)]
struct Detail<'a> {
    status: jump_status,
    kind: &'a str,
    operation: &'a str,
    context: &'a str,
    causes: Vec<String>,
    retryable: bool,
}

/// Text for C; a NUL in it, which would cut it short, becomes a question mark.
pub(crate) fn c_string(text: impl Into<String>) -> CString {
    let mut text = text.into();
    if text.contains('\0') {
        text = text.replace('\0', "?");
    }
    CString::new(text).unwrap_or_default()
}

impl ErrorObject {
    pub(crate) fn of(error: &Error) -> Self {
        let mut causes = Vec::new();
        let mut cause = error.source();
        while let Some(one) = cause {
            causes.push(Escaped(&one.to_string()).to_string());
            cause = one.source();
        }
        let detail = Detail {
            status: error.kind().number(),
            kind: error.kind().code(),
            operation: error.operation(),
            context: error.context(),
            causes,
            retryable: error.is_retryable(),
        };
        Self {
            status: detail.status,
            message: c_string(error.to_string()),
            detail: c_string(serde_json::to_string(&detail).unwrap_or_default()),
            retryable: detail.retryable,
        }
    }

    pub(crate) fn panic(said: &str) -> Self {
        let detail = Detail {
            status: JUMP_ERR_PANIC,
            kind: "panic",
            operation: "call libjump",
            context: said,
            causes: Vec::new(),
            retryable: false,
        };
        let said = Escaped(said).to_string();
        Self {
            status: JUMP_ERR_PANIC,
            message: c_string(format!("call libjump: it panicked, please report it: {said}")),
            detail: c_string(serde_json::to_string(&detail).unwrap_or_default()),
            retryable: false,
        }
    }

    pub(crate) const fn status(&self) -> jump_status {
        self.status
    }
}

fn value<T>(error: *const jump_error, otherwise: T, of: impl FnOnce(&ErrorObject) -> T) -> T {
    guard_value(otherwise, || {
        table::get::<ErrorObject>(error, "error").map(|error| of(&error))
    })
}

/// The status, the same that the call returned. `JUMP_OK` for NULL and for what is no living error.
#[unsafe(no_mangle)]
pub extern "C" fn jump_error_code(error: *const jump_error) -> jump_status {
    value(error, JUMP_OK, |error| error.status)
}

/// What went wrong, in one line, with its causes; UTF-8. It lives as long as the error. What a peer wrote is escaped. NULL for NULL
/// and for what is no living error.
#[unsafe(no_mangle)]
pub extern "C" fn jump_error_message(error: *const jump_error) -> *const c_char {
    value(error, std::ptr::null(), |error| error.message.as_ptr())
}

/// The same in parts, as JSON: `status`, `kind`, `operation`, `context`, `causes`, `retryable`. It lives as long as the error. NULL
/// for NULL and for what is no living error.
#[unsafe(no_mangle)]
pub extern "C" fn jump_error_detail_json(error: *const jump_error) -> *const c_char {
    value(error, std::ptr::null(), |error| error.detail.as_ptr())
}

/// Whether the same call may work later without a change.
#[unsafe(no_mangle)]
pub extern "C" fn jump_error_is_retryable(error: *const jump_error) -> bool {
    value(error, false, |error| error.retryable)
}

/// Frees an error. NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn jump_error_free(error: *mut jump_error) -> jump_status {
    guard_free(|| table::take::<ErrorObject>(error, "error").map(drop))
}
