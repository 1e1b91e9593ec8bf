//! A process that asks a big site's store: one question after its start, or many.

use std::path::Path;
use std::time::{Duration, Instant};

use jump_core::access::{Action, Context};
use jump_core::id::{ItemId, UserId};
use jump_core::store::{ItemQuery, Store};
use jump_core::time::Timestamp;
use jump_core::{Error, ErrorKind, Result};
use jump_store::{PostgresOptions, PostgresStore, SqliteStore};
use jump_testkit::seeded::Seeded;
use serde::{Deserialize, Serialize};

use super::{Starter, run};
use crate::big_site::{self, ALL_SEEING, NEEDLE, USERS};
use crate::usage;

/// Times in milliseconds, the number of items in the answers, and the memory of the process afterwards.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(crate) times: Vec<f64>,
    pub(crate) items: usize,
    pub(crate) memory_kib: u64,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Ask {
    /// The first 100 items that a user sees.
    Page,
    /// All items that a user sees.
    All,
    /// A text among those, which a tenth of them has.
    Search,
    /// The first 100 items of the site, as somebody sees who sees all.
    WholePage,
    /// A text that an eighth of the site's items has, as the same.
    WholeCommon,
    /// A text that one item has.
    WholeRare,
    /// Whether a user may start a session on an item.
    Decide,
    /// The same for 100 items at once.
    DecideMany,
}

pub(crate) fn build(path: &str) -> Result<()> {
    run(tokio::runtime::Builder::new_multi_thread(), async {
        let starter = Starter::listen();
        big_site::build(&*open(path).await?).await?;
        starter.tell("built")
    })
}

/// The store in this file, or in the database with this address.
async fn open(place: &str) -> Result<Box<dyn Store>> {
    if place.starts_with("postgres://") {
        // Writing a million items at once takes a while.
        let options = PostgresOptions::parse(place)?.statement_timeout(Duration::from_secs(600));
        return Ok(Box::new(PostgresStore::open(options).await?));
    }
    Ok(Box::new(SqliteStore::open(Path::new(place))?))
}

/// Answers this many questions; which users and items they are about follows from the seed.
pub(crate) fn ask(path: &str, ask: &str, seed: &str, count: &str) -> Result<()> {
    let bad = |_| Error::new(ErrorKind::InvalidArgument, "ask a store", "a bad argument");
    let ask: Ask = serde_json::from_str(ask).map_err(|error| {
        Error::new(ErrorKind::InvalidArgument, "ask a store", "no such question").with_source(error)
    })?;
    let (seed, count): (u64, u32) = (seed.parse().map_err(bad)?, count.parse().map_err(bad)?);
    run(tokio::runtime::Builder::new_current_thread(), async move {
        let starter = Starter::listen();
        let mut random = Seeded::new(seed);
        let mut asked = Asked::default();
        let store = open(path).await?;
        for _ in 0..count {
            let (items, took) = once(&*store, ask, &mut random).await?;
            asked.items += items;
            asked.times.push(took.as_secs_f64() * 1e3);
        }
        asked.memory_kib = usage::memory_kib(std::process::id())?;
        let line = serde_json::to_string(&asked)
            .map_err(|error| Error::new(ErrorKind::Internal, "ask a store", "no json").with_source(error))?;
        starter.tell(line)
    })
}

/// How many items the answer has, and what it took.
async fn once(store: &dyn Store, ask: Ask, random: &mut Seeded) -> Result<(usize, Duration)> {
    // Not the last, who sees everything.
    let user = UserId::new(1 + random.below(u64::from(USERS) - 1) as u32)?;
    let mut query = ItemQuery {
        viewer: Some(user),
        ..ItemQuery::default()
    };
    match ask {
        Ask::Page => {}
        Ask::All => query.limit = 1000,
        Ask::Search => query.text = "CITY 1".to_owned(),
        Ask::WholePage => query.viewer = Some(UserId::new(ALL_SEEING)?),
        Ask::WholeCommon => {
            query.viewer = Some(UserId::new(ALL_SEEING)?);
            query.text = "router".to_owned();
        }
        Ask::WholeRare => {
            query.viewer = Some(UserId::new(ALL_SEEING)?);
            query.text = NEEDLE.to_lowercase();
        }
        Ask::Decide => return decide(store, user, 1).await,
        Ask::DecideMany => return decide(store, user, 100).await,
    }
    let begun = Instant::now();
    let mut items = 0;
    loop {
        let page = store.items(&query).await?;
        items += page.items.len();
        query.after = page.next;
        if ask != Ask::All || query.after.is_none() {
            return Ok((items, begun.elapsed()));
        }
    }
}

/// How many of so many items that the user sees it may start a session on; finding them is not timed.
async fn decide(store: &dyn Store, user: UserId, count: u32) -> Result<(usize, Duration)> {
    let query = ItemQuery {
        viewer: Some(user),
        limit: count,
        ..ItemQuery::default()
    };
    let page = store.items(&query).await?;
    let items: Vec<ItemId> = page.items.iter().map(|item| item.id).collect();
    let now = Timestamp::UNIX_EPOCH;
    let begun = Instant::now();
    let facts = store.facts(user, &items).await?;
    let starts = |item: &&ItemId| {
        facts
            .decide(**item, Action::Start, &Context::default(), now)
            .1
            .is_some()
    };
    let allowed = items.iter().filter(starts).count();
    Ok((allowed, begun.elapsed()))
}
