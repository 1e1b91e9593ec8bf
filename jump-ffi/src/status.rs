//! Statuses: what a call says about how it went.

use std::ffi::c_char;

use jump_core::ErrorKind;

/// How a call went: `JUMP_OK`, or one of `JUMP_ERR_…`.
///
/// Positive numbers are the kinds of errors of the whole project, the same in Rust, C and Python and on the command line; they are
/// never renumbered, and new ones are added at the end. Negative numbers exist in C only.
pub type jump_status = i32;

/// It went well.
pub const JUMP_OK: jump_status = 0;
/// The caller passed something that can never work: NULL, a handle that was freed or is of another kind, text that is no UTF-8.
/// Fix the call.
pub const JUMP_ERR_INVALID_ARGUMENT: jump_status = 1;
/// There is no such object, or the caller may not know of it.
pub const JUMP_ERR_NOT_FOUND: jump_status = 2;
/// The access decision was no; the reasons are in the message.
pub const JUMP_ERR_DENIED: jump_status = 3;
/// The peer's identity was not accepted: unknown key, wrong or used token.
pub const JUMP_ERR_UNAUTHENTICATED: jump_status = 4;
/// The object exists already, or was changed by somebody else in the meantime.
pub const JUMP_ERR_CONFLICT: jump_status = 5;
/// A limit on size, number or rate was reached.
pub const JUMP_ERR_RESOURCE_LIMIT: jump_status = 6;
/// Something did not answer in time; or there is nothing yet, for a call that was told not to wait.
pub const JUMP_ERR_TIMEOUT: jump_status = 7;
/// The other part is not there now: Jumpoint offline, broker or relay not reachable.
pub const JUMP_ERR_UNAVAILABLE: jump_status = 8;
/// The stream, session or connection is closed.
pub const JUMP_ERR_CLOSED: jump_status = 9;
/// The session was ended by a decision: revoked, ended by an administrator, expired.
pub const JUMP_ERR_SESSION_ENDED: jump_status = 10;
/// The peer broke the protocol; the message says how.
pub const JUMP_ERR_PROTOCOL: jump_status = 11;
/// The peer's key is not the one that was pinned.
pub const JUMP_ERR_UNTRUSTED_PEER: jump_status = 12;
/// The target could not be reached, or the Jumpoint's network policy forbids it.
pub const JUMP_ERR_TARGET_UNREACHABLE: jump_status = 13;
/// The target refused the injected credential, or none is stored.
pub const JUMP_ERR_TARGET_AUTHENTICATION: jump_status = 14;
/// The target's host key or certificate is unknown or has changed.
pub const JUMP_ERR_HOST_KEY: jump_status = 15;
/// Stored data does not verify: a recording or audit log was damaged or tampered with.
pub const JUMP_ERR_INTEGRITY: jump_status = 16;
/// Our own disk or database failed.
pub const JUMP_ERR_STORAGE: jump_status = 17;
/// The network failed under us.
pub const JUMP_ERR_NETWORK: jump_status = 18;
/// The feature, version or algorithm is not supported here.
pub const JUMP_ERR_UNSUPPORTED: jump_status = 19;
/// A grant or relay ticket is expired, replayed, for somebody else, or badly signed.
pub const JUMP_ERR_GRANT: jump_status = 20;
/// The clocks of two parts differ by more than the protocol allows.
pub const JUMP_ERR_CLOCK_SKEW: jump_status = 21;
/// A bug in this library; please report it.
pub const JUMP_ERR_INTERNAL: jump_status = 22;
/// The call panicked, which is a bug in this library. The process goes on, and so do other handles; free the handle that was used.
pub const JUMP_ERR_PANIC: jump_status = -1;

/// The name of a status, such as `JUMP_ERR_NOT_FOUND`: static text. `JUMP_ERR_UNKNOWN` for a number that this library does not
/// know.
#[unsafe(no_mangle)]
pub extern "C" fn jump_status_name(status: jump_status) -> *const c_char {
    name(status).as_ptr()
}

/// The name of the kind of an error in C.
const fn name(status: jump_status) -> &'static std::ffi::CStr {
    match status {
        JUMP_OK => c"JUMP_OK",
        JUMP_ERR_INVALID_ARGUMENT => c"JUMP_ERR_INVALID_ARGUMENT",
        JUMP_ERR_NOT_FOUND => c"JUMP_ERR_NOT_FOUND",
        JUMP_ERR_DENIED => c"JUMP_ERR_DENIED",
        JUMP_ERR_UNAUTHENTICATED => c"JUMP_ERR_UNAUTHENTICATED",
        JUMP_ERR_CONFLICT => c"JUMP_ERR_CONFLICT",
        JUMP_ERR_RESOURCE_LIMIT => c"JUMP_ERR_RESOURCE_LIMIT",
        JUMP_ERR_TIMEOUT => c"JUMP_ERR_TIMEOUT",
        JUMP_ERR_UNAVAILABLE => c"JUMP_ERR_UNAVAILABLE",
        JUMP_ERR_CLOSED => c"JUMP_ERR_CLOSED",
        JUMP_ERR_SESSION_ENDED => c"JUMP_ERR_SESSION_ENDED",
        JUMP_ERR_PROTOCOL => c"JUMP_ERR_PROTOCOL",
        JUMP_ERR_UNTRUSTED_PEER => c"JUMP_ERR_UNTRUSTED_PEER",
        JUMP_ERR_TARGET_UNREACHABLE => c"JUMP_ERR_TARGET_UNREACHABLE",
        JUMP_ERR_TARGET_AUTHENTICATION => c"JUMP_ERR_TARGET_AUTHENTICATION",
        JUMP_ERR_HOST_KEY => c"JUMP_ERR_HOST_KEY",
        JUMP_ERR_INTEGRITY => c"JUMP_ERR_INTEGRITY",
        JUMP_ERR_STORAGE => c"JUMP_ERR_STORAGE",
        JUMP_ERR_NETWORK => c"JUMP_ERR_NETWORK",
        JUMP_ERR_UNSUPPORTED => c"JUMP_ERR_UNSUPPORTED",
        JUMP_ERR_GRANT => c"JUMP_ERR_GRANT",
        JUMP_ERR_CLOCK_SKEW => c"JUMP_ERR_CLOCK_SKEW",
        JUMP_ERR_INTERNAL => c"JUMP_ERR_INTERNAL",
        JUMP_ERR_PANIC => c"JUMP_ERR_PANIC",
        _ => c"JUMP_ERR_UNKNOWN",
    }
}

/// The kind with this number; an unknown number is taken for a bug of whoever gave it.
pub(crate) fn kind_of(status: jump_status) -> ErrorKind {
    let known = ErrorKind::ALL.iter().find(|kind| kind.number() == status);
    known.copied().unwrap_or(ErrorKind::Internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_error_has_a_name_in_c() {
        for kind in ErrorKind::ALL {
            let expected = format!("JUMP_ERR_{}", kind.code().to_uppercase());
            assert_eq!(name(kind.number()).to_str().unwrap(), expected);
        }
        assert_eq!(name(ErrorKind::ALL.len() as i32 + 1), c"JUMP_ERR_UNKNOWN");
    }
}
