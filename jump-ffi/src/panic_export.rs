//! An export that panics, for the test of what a panic does. It is in debug builds only, and not in the header: a feature would make
//! two libraries of one name.

use crate::error::jump_error;
use crate::guard::guard;
use crate::pointer::Out;
use crate::status::jump_status;

/// Panics.
#[unsafe(no_mangle)]
#[allow(clippy::panic, reason = "that is what it is for")]
pub unsafe extern "C" fn jump_test_panic(error_out: *mut *mut jump_error) -> jump_status {
    // SAFETY: the caller passes NULL or a place for a handle.
    let error_out = unsafe { Out::handle(error_out) };
    guard(&error_out, || panic!("as the test asked"))
}
