//! What the broker said about the ends of sessions, for streams that want to tell their user.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::control::{Connection, Handler, Notice, Request, Response, SessionEnding};
use crate::error::{Error, ErrorKind, Result};
use crate::id::SessionId;
use crate::protocol::SessionGoesOn;
use crate::session::EndReason;

/// How long a failure waits for the broker to say why.
const WHY_PATIENCE: Duration = Duration::from_secs(3);
/// Sessions whose end is kept although nobody watches them yet; a broker that names more must not fill the memory.
const UNWATCHED: usize = 256;

/// What the broker has said about one session.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// The latest warning.
    pub(super) ending: Option<SessionEnding>,
    /// Why it is over.
    pub(super) ended: Option<EndReason>,
}

/// A watch per session that this rep has open.
#[derive(Debug, Default)]
pub(super) struct Ends(Mutex<HashMap<SessionId, watch::Sender<Known>>>);

/// Watches one session; the last one to be dropped forgets it.
pub(super) struct EndWatch {
    ends: Arc<Ends>,
    session: SessionId,
    end: watch::Receiver<Known>,
}

impl Ends {
    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, watch::Sender<Known>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches a session. What the broker said just before is not lost: it is kept until somebody watched.
    pub(super) fn watch(self: &Arc<Self>, session: SessionId) -> EndWatch {
        let end = self
            .lock()
            .entry(session)
            .or_insert_with(|| watch::channel(Known::default()).0)
            .subscribe();
        EndWatch {
            ends: self.clone(),
            session,
            end,
        }
    }

    fn note(&self, session: SessionId, change: impl FnOnce(&mut Known)) {
        let mut ends = self.lock();
        if !ends.contains_key(&session) && ends.len() >= UNWATCHED {
            ends.retain(|_, end| end.receiver_count() > 0);
        }
        ends.entry(session)
            .or_insert_with(|| watch::channel(Known::default()).0)
            .send_modify(change);
    }
}

impl EndWatch {
    /// The reason, if the broker has said it.
    pub(super) fn known(&self) -> Option<EndReason> {
        self.end.borrow().ended.clone()
    }

    /// Waits until the broker has said something else about the session than `seen`, or that it is over, and gives all
    /// it has said. Cancel-safe.
    pub(super) async fn news(&mut self, seen: Option<&SessionEnding>) -> Known {
        let new = |known: &Known| known.ended.is_some() || known.ending.as_ref() != seen;
        match self.end.wait_for(new).await {
            Ok(known) => known.clone(),
            Err(_) => Known {
                ending: None,
                ended: Some(EndReason::RepLost),
            },
        }
    }

    /// Waits until the broker says that the session is over. Cancel-safe.
    pub(super) async fn ended(&mut self) -> EndReason {
        match self.end.wait_for(|known| known.ended.is_some()).await {
            Ok(known) => known.ended.clone().unwrap_or(EndReason::RepLost),
            // Cannot be: the sender stays as long as this watch.
            Err(_) => EndReason::RepLost,
        }
    }

    /// Notes why the session is over that was served here, unless the broker has said it.
    pub(super) fn served(&self, reason: &EndReason) {
        self.ends.note(self.session, |known| {
            known.ended.get_or_insert_with(|| reason.clone());
        });
    }

    /// Waits a moment for the reason.
    pub(super) async fn why(&mut self) -> Option<EndReason> {
        timeout(WHY_PATIENCE, self.ended()).await.ok()
    }

    /// The error that says why the session ended, if `error` may be no more than a consequence of that.
    pub(super) async fn explain(&mut self, error: Error) -> Error {
        let own = std::error::Error::source(&error).is_some_and(|source| source.is::<SessionGoesOn>());
        let consequence = matches!(
            error.kind(),
            ErrorKind::Closed
                | ErrorKind::Network
                | ErrorKind::Unavailable
                | ErrorKind::Protocol
                | ErrorKind::Timeout
                | ErrorKind::SessionEnded
        );
        if own || !consequence {
            return error;
        }
        match self.why().await {
            Some(reason) if !reason.is_normal() => reason.to_error(),
            _ => error,
        }
    }
}

impl Clone for EndWatch {
    fn clone(&self) -> Self {
        Self {
            ends: self.ends.clone(),
            session: self.session,
            end: self.end.clone(),
        }
    }
}

impl fmt::Debug for EndWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EndWatch({})", self.session)
    }
}

impl Drop for EndWatch {
    fn drop(&mut self) {
        let mut ends = self.ends.lock();
        // This receiver is still counted.
        if ends
            .get(&self.session)
            .is_some_and(|end| end.receiver_count() <= 1)
        {
            ends.remove(&self.session);
        }
    }
}

#[async_trait]
impl Handler for Ends {
    async fn request(&self, _: &Connection, _: Request) -> Result<Response> {
        Err(Error::new(
            ErrorKind::Protocol,
            "answer a request",
            "a rep answers no requests",
        ))
    }

    async fn notice(&self, _: &Connection, notice: Notice) {
        match notice {
            Notice::SessionEnded { session, reason } => {
                self.note(session, |known| known.ended = Some(reason));
            }
            Notice::SessionEnding(ending) => {
                self.note(ending.session, |known| known.ending = Some(ending));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn an_end_that_came_first_is_seen_and_the_last_watch_forgets_it() {
        let ends = Arc::new(Ends::default());
        let session = SessionId::random().unwrap();
        ends.note(session, |known| known.ended = Some(EndReason::Expired));
        let mut watch = ends.watch(session);
        let second = watch.clone();
        assert_eq!(watch.ended().await, EndReason::Expired);
        drop(watch);
        assert_eq!(second.known(), Some(EndReason::Expired));
        drop(second);
        assert!(ends.lock().is_empty());
    }

    #[tokio::test]
    async fn an_error_of_a_session_that_goes_on_waits_for_no_reason() {
        let ends = Arc::new(Ends::default());
        let mut watch = ends.watch(SessionId::random().unwrap());
        let closed = || Error::new(ErrorKind::Closed, "write", "it has ended");
        let its_own = closed().with_source(SessionGoesOn);
        let said = watch.explain(its_own).now_or_never().expect("it is said at once");
        assert_eq!(said.kind(), ErrorKind::Closed);
        assert!(
            watch.explain(closed()).now_or_never().is_none(),
            "this one may have a reason"
        );
    }

    #[tokio::test]
    async fn ends_that_nobody_watches_do_not_pile_up() {
        let ends = Arc::new(Ends::default());
        let watched = ends.watch(SessionId::random().unwrap());
        for _ in 0..10 * UNWATCHED {
            ends.note(SessionId::random().unwrap(), |known| {
                known.ended = Some(EndReason::RepLost);
            });
        }
        assert!(ends.lock().len() <= UNWATCHED + 1);
        assert!(ends.lock().contains_key(&watched.session));
    }
}
