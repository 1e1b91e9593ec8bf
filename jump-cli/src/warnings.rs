//! Telling on standard error that a session is about to end: never in the session's own bytes.

use std::convert::Infallible;

use jump_core::rep::{SessionEvents, SessionNews};

use crate::output::complain;

/// What a line ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A line feed.
    Plain,
    /// On a terminal in raw mode, in the middle of whatever is on it: on a line of its own.
    Raw,
}

/// Prints every warning until it is dropped. Cancel-safe.
pub(crate) async fn tell(mut events: SessionEvents, line: Line) -> Infallible {
    // The end itself is told by whoever drives the session.
    while let Ok(Some(SessionNews::Ending(ending))) = events.next().await {
        complain(&match line {
            Line::Plain => format!("jump: {ending}\n"),
            Line::Raw => format!("\r\njump: {ending}\r\n"),
        });
    }
    std::future::pending().await
}
