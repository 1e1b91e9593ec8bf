//! What a rep hears about a session from the broker while it runs.

use std::fmt;

use super::ends::EndWatch;
use crate::control::{Connection, SessionEnding};
use crate::error::Result;
use crate::session::EndReason;

/// Something about a session that its user should know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionNews {
    /// Time will end it.
    Ending(SessionEnding),
    /// It is over; the last of its news.
    Ended(EndReason),
}

/// A session's news, to be pulled. Nothing piles up: of several warnings that nobody has pulled the latest counts, and the
/// end is never lost.
pub struct SessionEvents {
    watch: EndWatch,
    connection: Connection,
    seen: Option<SessionEnding>,
    over: bool,
}

impl fmt::Debug for SessionEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionEvents({:?})", self.watch)
    }
}

impl SessionEvents {
    pub(super) const fn new(watch: EndWatch, connection: Connection) -> Self {
        Self {
            watch,
            connection,
            seen: None,
            over: false,
        }
    }

    /// Waits for the next news; `None` after the session's end. Cancel-safe.
    ///
    /// # Errors
    /// What closed the connection to the broker: the session may go on, but nobody tells about it any more.
    pub async fn next(&mut self) -> Result<Option<SessionNews>> {
        if self.over {
            return Ok(None);
        }
        let known = tokio::select! {
            biased;
            known = self.watch.news(self.seen.as_ref()) => known,
            lost = self.connection.closed() => return Err(lost),
        };
        if let Some(reason) = known.ended {
            self.over = true;
            return Ok(Some(SessionNews::Ended(reason)));
        }
        self.seen.clone_from(&known.ending);
        Ok(known.ending.map(SessionNews::Ending))
    }
}
