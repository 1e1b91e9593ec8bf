//! Waiting for what happens, but not for ever.

use std::time::Duration;

/// A safety net only; nothing is expected to take this long.
pub const LONG: Duration = Duration::from_secs(60);

/// Fails a test that hangs instead of letting it hang.
///
/// # Panics
/// If it takes more than [`LONG`].
#[allow(clippy::panic, reason = "a test that hangs fails here")]
#[track_caller]
pub fn soon<T>(future: impl Future<Output = T>) -> impl Future<Output = T> {
    let caller = std::panic::Location::caller();
    async move {
        match tokio::time::timeout(LONG, future).await {
            Ok(value) => value,
            Err(_) => panic!("what {caller} waits for did not happen within {LONG:?}"),
        }
    }
}
