//! A store in memory, for tests and for embedders that keep their site elsewhere.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{EnrolmentToken, IdKind, ItemPage, ItemQuery, SessionRecord, Store, TokenHash, check_facts};
use crate::access::Facts;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ItemId, SessionId, UserId};
use crate::model::{Change, Revision, World};
use crate::time::Timestamp;

/// Keeps everything in memory; gone when dropped.
#[derive(Debug)]
pub struct MemoryStore(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    world: World,
    ids: HashMap<IdKind, u32>,
    tokens: HashMap<TokenHash, (EnrolmentToken, bool)>,
    sessions: HashMap<SessionId, SessionRecord>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Result<Self> {
        Ok(Self(Mutex::new(Inner {
            world: World::new()?,
            ids: HashMap::new(),
            tokens: HashMap::new(),
            sessions: HashMap::new(),
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn load(&self) -> Result<World> {
        Ok(self.lock().world.clone())
    }

    async fn revision(&self) -> Result<Revision> {
        Ok(self.lock().world.revision())
    }

    async fn items(&self, query: &ItemQuery) -> Result<ItemPage> {
        // A clone shares everything: nobody waits for a long search.
        let world = self.load().await?;
        query.page_of(&world)
    }

    async fn facts(&self, user: UserId, items: &[ItemId]) -> Result<Facts> {
        check_facts(items)?;
        let world = self.load().await?;
        Facts::of(&world, user, items)
    }

    async fn commit(&self, expected: Revision, changes: &[Change]) -> Result<Revision> {
        let mut inner = self.lock();
        if inner.world.revision() != expected {
            return Err(Error::new(
                ErrorKind::Conflict,
                "change the site",
                "it was changed in the meantime",
            )
            .retryable(true));
        }
        let revision = inner.world.apply(changes)?;
        for (kind, id) in changes.iter().filter_map(IdKind::of_put) {
            let last = inner.ids.entry(kind).or_insert(kind.reserved());
            *last = id.max(*last);
        }
        Ok(revision)
    }

    async fn next_id(&self, kind: IdKind) -> Result<u32> {
        let mut inner = self.lock();
        let last = inner.ids.entry(kind).or_insert(kind.reserved());
        if *last >= i32::MAX as u32 {
            return Err(Error::new(
                ErrorKind::ResourceLimit,
                "give an id",
                "all ids are used up",
            ));
        }
        *last += 1;
        Ok(*last)
    }

    async fn put_token(&self, token: &EnrolmentToken) -> Result<()> {
        match self.lock().tokens.entry(token.hash) {
            Entry::Occupied(_) => Err(Error::new(
                ErrorKind::Conflict,
                "keep an enrolment token",
                "there is one with this hash",
            )),
            Entry::Vacant(place) => {
                place.insert((token.clone(), false));
                Ok(())
            }
        }
    }

    async fn redeem_token(&self, hash: &TokenHash, now: Timestamp) -> Result<EnrolmentToken> {
        match self.lock().tokens.get_mut(hash) {
            Some((token, used)) if !*used && now < token.expires => {
                *used = true;
                Ok(token.clone())
            }
            _ => Err(Error::new(
                ErrorKind::Unauthenticated,
                "use an enrolment token",
                "it is unknown, used or expired",
            )),
        }
    }

    async fn put_session(&self, session: &SessionRecord) -> Result<()> {
        self.lock().sessions.insert(session.id, session.clone());
        Ok(())
    }

    async fn session(&self, id: SessionId) -> Result<Option<SessionRecord>> {
        Ok(self.lock().sessions.get(&id).cloned())
    }

    async fn sessions_after(
        &self,
        active_only: bool,
        after: Option<(Timestamp, SessionId)>,
        limit: u32,
    ) -> Result<Vec<SessionRecord>> {
        let place = |started, id| (Reverse(started), id);
        let inner = self.lock();
        let mut sessions: Vec<SessionRecord> = inner
            .sessions
            .values()
            .filter(|session| !active_only || session.state.is_active())
            .filter(|session| {
                after.is_none_or(|(started, id)| place(session.started, session.id) > place(started, id))
            })
            .cloned()
            .collect();
        sessions.sort_by_key(|session| place(session.started, session.id));
        sessions.truncate(limit as usize);
        Ok(sessions)
    }
}
