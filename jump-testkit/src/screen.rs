//! What tests do with a session on a screen.

use jump_core::protocol::{Keysym, ScreenEvent, ScreenSession};

use crate::waiting::soon;

/// The next event of a session that goes on.
///
/// # Panics
/// If there is none.
#[allow(clippy::expect_used, reason = "a session that is over fails a test here")]
pub async fn next(session: &dyn ScreenSession) -> ScreenEvent {
    soon(session.next_event())
        .await
        .expect("the session is in order")
        .expect("the session goes on")
}

/// The first event that `wanted` finds something in.
///
/// # Panics
/// If there is none.
pub async fn event<T>(session: &dyn ScreenSession, mut wanted: impl FnMut(ScreenEvent) -> Option<T>) -> T {
    loop {
        if let Some(found) = wanted(next(session).await) {
            return found;
        }
    }
}

/// Presses a key and lets it go.
///
/// # Panics
/// If it cannot be sent.
#[allow(clippy::expect_used, reason = "a key that is not sent fails a test here")]
pub async fn press(session: &dyn ScreenSession, key: Keysym) {
    for pressed in [true, false] {
        session.key(key, pressed).await.expect("a key is sent");
    }
}
