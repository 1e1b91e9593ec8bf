//! Following the store: other brokers of the site, and other programs, change it, too.
//!
//! The store is asked for its revision twice a second, and before each edit. A change that somebody else made is read and
//! enforced like one's own. While the store does not answer, sessions go on as they were decided; new ones are granted
//! only as long as what is known of the site is not older than [`BrokerSettings::stale_after`].
//!
//! [`BrokerSettings::stale_after`]: super::BrokerSettings::stale_after

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::{Broker, factors, lock};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Change, World};

/// How long the store may take to say at which revision it is.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long somebody waits who wants to start a session: for a question that runs already, and one more.
const WAITING: Duration = Duration::from_secs(5);
/// How long the store may take to give the whole site.
const LOADING: Duration = Duration::from_secs(600);
/// How often in a row an edit of our own may come in between.
const TRIES: usize = 8;

/// What is known of the store.
#[derive(Debug)]
pub(super) struct Following {
    /// The store was in the state that is in memory at this time, or later.
    confirmed: Mutex<Instant>,
    /// Held while it is asked.
    asking: tokio::sync::Mutex<()>,
    /// Whether the last question went unanswered.
    failing: AtomicBool,
}

impl Following {
    /// From a state that the store gave after this time.
    pub(super) fn since(asked: Instant) -> Self {
        Self {
            confirmed: Mutex::new(asked),
            asking: tokio::sync::Mutex::default(),
            failing: AtomicBool::new(false),
        }
    }

    fn is_stale(&self, after: Duration) -> bool {
        lock(&self.confirmed).elapsed() > after
    }
}

/// Asks the store, unless somebody is asking it already: what happens twice a second. Cancel-safe.
pub(super) async fn look(broker: &Broker) {
    let Ok(_turn) = broker.0.following.asking.try_lock() else {
        return;
    };
    report(broker, &ask(broker).await);
}

/// Makes sure that everything counts here that was in the store when this was called, or says why it cannot. Cancel-safe.
///
/// # Errors
/// Those of the store; [`ErrorKind::Timeout`] if it does not answer in time.
pub(super) async fn catch_up(broker: &Broker) -> Result<()> {
    let _turn = broker.0.following.asking.lock().await;
    let asked = ask(broker).await;
    report(broker, &asked);
    asked
}

/// Makes sure that what is known of the site is not too old to grant something. Cancel-safe.
///
/// # Errors
/// [`ErrorKind::Unavailable`], which can be tried again, if it is and the store does not answer.
pub(super) async fn fresh(broker: &Broker) -> Result<()> {
    let stale = || broker.0.following.is_stale(broker.0.settings.stale_after);
    if !stale() {
        return Ok(());
    }
    let asked = timeout(WAITING, async {
        let _turn = broker.0.following.asking.lock().await;
        // Whoever had the turn before may have had an answer.
        if !stale() {
            return Ok(());
        }
        let asked = ask(broker).await;
        report(broker, &asked);
        asked
    });
    asked.await.unwrap_or_else(|_| Err(late())).map_err(|error| {
        let rule = "the site's store does not answer, so nobody knows what is allowed now: try again later";
        Error::new(ErrorKind::Unavailable, "start a session", rule)
            .with_source(error)
            .retryable(true)
    })
}

fn late() -> Error {
    Error::new(
        ErrorKind::Timeout,
        "follow the store",
        "it did not answer in time",
    )
    .retryable(true)
}

/// One look at a time: call it with the turn to ask.
async fn ask(broker: &Broker) -> Result<()> {
    let store = &broker.0.store;
    for _ in 0..TRIES {
        let (known, begun) = (broker.world(), Instant::now());
        let revision = timeout(PATIENCE, store.revision()).await.map_err(|_| late())??;
        if revision == known.revision() {
            *lock(&broker.0.following.confirmed) = begun;
            return Ok(());
        }
        let begun = Instant::now();
        let stored = timeout(LOADING, store.load()).await.map_err(|_| late())??;
        let removed = removed_users(&known, &stored);
        let at = stored.revision();
        if broker.replace_world(&known, stored) {
            tracing::info!(revision = at, "the site was changed by another broker or program");
            *lock(&broker.0.following.confirmed) = begun;
            factors::forget_removed(broker.0.totp.as_ref(), &removed);
            return Ok(());
        }
        // An edit of our own came in between: whether it is in what was read is not known.
    }
    let rule = "the site changes faster than it can be read";
    Err(Error::new(ErrorKind::Unavailable, "follow the store", rule).retryable(true))
}

fn removed_users(known: &World, stored: &World) -> Vec<Change> {
    let stay: HashSet<_> = stored.users().map(|user| user.id).collect();
    let gone = known.users().filter(|user| !stay.contains(&user.id));
    gone.map(|user| Change::RemoveUser(user.id)).collect()
}

/// Says when the store stops answering and when it answers again, not each time in between.
fn report(broker: &Broker, asked: &Result<()>) {
    let failing = asked.is_err();
    let before = broker.0.following.failing.swap(failing, Ordering::Relaxed);
    match asked {
        Err(error) if !before => {
            tracing::error!(%error, "the store does not say whether the site was changed");
        }
        Ok(()) if before => tracing::info!("the store answers again"),
        _ => {}
    }
}
