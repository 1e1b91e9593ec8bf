//! A store that an embedding program keeps, as records that are only appended.
//!
//! Each call that changes the store is one record. It is kept before it takes effect, and what it did is found again by doing
//! all of them anew, in order, on a store in memory. A call that failed is found to fail again. One process uses such a
//! store at a time.

use std::fmt::Debug;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{EnrolmentToken, IdKind, ItemPage, ItemQuery, MemoryStore, SessionRecord, Store, TokenHash};
use crate::access::Facts;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ItemId, SessionId, UserId};
use crate::model::{Change, Revision, World};
use crate::time::Timestamp;

/// Where an embedding program keeps the records of a [`JournalStore`]: any place that can append and give everything back.
///
/// Records hold hashes of enrolment tokens and public keys, and no secret.
#[async_trait]
pub trait Records: Debug + Send + Sync {
    /// Every record so far, in order: one a line, empty lines are passed by.
    ///
    /// # Errors
    /// What the program says; the store is not opened then.
    async fn load(&self) -> Result<String>;

    /// Keeps a record, JSON on one line without its end. It is safe when this returns: it is what the store promises for each change. Not
    /// called again before it has returned.
    ///
    /// # Errors
    /// What the program says; the change is not made then.
    async fn append(&self, record: &str) -> Result<()>;
}

/// One call that changes the store.
#[derive(Serialize)]
#[serde(tag = "record", rename_all = "snake_case")]
enum Record {
    Commit(Commit),
    NextId(NextId),
    PutToken(PutToken),
    RedeemToken(RedeemToken),
    PutSession(PutSession),
}

/// Which, as it is found first: the rest is read in its own form, because a tagged enum takes what it holds through a form in which a map's
/// keys cannot be numbers.
#[derive(Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
enum Kind {
    Commit,
    NextId,
    PutToken,
    RedeemToken,
    PutSession,
}

#[derive(Deserialize, Serialize)]
struct Commit {
    expected: Revision,
    changes: Vec<Change>,
}

#[derive(Deserialize, Serialize)]
struct NextId {
    kind: IdKind,
}

#[derive(Deserialize, Serialize)]
struct PutToken {
    token: EnrolmentToken,
}

#[derive(Deserialize, Serialize)]
struct RedeemToken {
    hash: TokenHash,
    now: Timestamp,
}

#[derive(Deserialize, Serialize)]
struct PutSession {
    session: Box<SessionRecord>,
}

impl Record {
    fn read(line: &str) -> serde_json::Result<Self> {
        Ok(match serde_json::from_str(line)? {
            Kind::Commit => Self::Commit(serde_json::from_str(line)?),
            Kind::NextId => Self::NextId(serde_json::from_str(line)?),
            Kind::PutToken => Self::PutToken(serde_json::from_str(line)?),
            Kind::RedeemToken => Self::RedeemToken(serde_json::from_str(line)?),
            Kind::PutSession => Self::PutSession(serde_json::from_str(line)?),
        })
    }
}

/// A store on [`Records`]: everything is in memory as well, so reading asks nobody.
#[derive(Debug)]
pub struct JournalStore {
    records: Box<dyn Records>,
    memory: MemoryStore,
    /// Held while a record is kept and done, so that both have one order.
    writing: tokio::sync::Mutex<()>,
}

fn damaged(line: usize) -> Error {
    Error::new(
        ErrorKind::Integrity,
        "load the store",
        format!("record {line} is damaged"),
    )
}

impl JournalStore {
    /// Opens the store with what was kept.
    ///
    /// # Errors
    /// [`ErrorKind::Integrity`] for a record that is damaged; what the embedding program says.
    pub async fn open(records: Box<dyn Records>) -> Result<Self> {
        let memory = MemoryStore::new()?;
        for (number, line) in records.load().await?.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let record = Record::read(line).map_err(|_| damaged(number + 1))?;
            // What failed then fails now.
            match record {
                Record::Commit(commit) => drop(memory.commit(commit.expected, &commit.changes).await),
                Record::NextId(next) => drop(memory.next_id(next.kind).await),
                Record::PutToken(put) => drop(memory.put_token(&put.token).await),
                Record::RedeemToken(redeem) => drop(memory.redeem_token(&redeem.hash, redeem.now).await),
                Record::PutSession(put) => drop(memory.put_session(&put.session).await),
            }
        }
        Ok(Self {
            records,
            memory,
            writing: tokio::sync::Mutex::default(),
        })
    }

    async fn keep(&self, record: &Record) -> Result<()> {
        let line = serde_json::to_string(record).map_err(|error| {
            Error::new(
                ErrorKind::Internal,
                "write the store",
                "a record has no form in JSON",
            )
            .with_source(error)
        })?;
        self.records.append(&line).await
    }
}

#[async_trait]
impl Store for JournalStore {
    async fn load(&self) -> Result<World> {
        self.memory.load().await
    }

    async fn revision(&self) -> Result<Revision> {
        self.memory.revision().await
    }

    async fn items(&self, query: &ItemQuery) -> Result<ItemPage> {
        self.memory.items(query).await
    }

    async fn facts(&self, user: UserId, items: &[ItemId]) -> Result<Facts> {
        self.memory.facts(user, items).await
    }

    async fn commit(&self, expected: Revision, changes: &[Change]) -> Result<Revision> {
        let _order = self.writing.lock().await;
        let record = Record::Commit(Commit {
            expected,
            changes: changes.to_vec(),
        });
        self.keep(&record).await?;
        self.memory.commit(expected, changes).await
    }

    async fn next_id(&self, kind: IdKind) -> Result<u32> {
        let _order = self.writing.lock().await;
        self.keep(&Record::NextId(NextId { kind })).await?;
        self.memory.next_id(kind).await
    }

    async fn put_token(&self, token: &EnrolmentToken) -> Result<()> {
        let _order = self.writing.lock().await;
        let record = Record::PutToken(PutToken { token: token.clone() });
        self.keep(&record).await?;
        self.memory.put_token(token).await
    }

    async fn redeem_token(&self, hash: &TokenHash, now: Timestamp) -> Result<EnrolmentToken> {
        let _order = self.writing.lock().await;
        self.keep(&Record::RedeemToken(RedeemToken { hash: *hash, now }))
            .await?;
        self.memory.redeem_token(hash, now).await
    }

    async fn put_session(&self, session: &SessionRecord) -> Result<()> {
        let _order = self.writing.lock().await;
        let record = Record::PutSession(PutSession {
            session: Box::new(session.clone()),
        });
        self.keep(&record).await?;
        self.memory.put_session(session).await
    }

    async fn session(&self, id: SessionId) -> Result<Option<SessionRecord>> {
        self.memory.session(id).await
    }

    async fn sessions_after(
        &self,
        active_only: bool,
        after: Option<(Timestamp, SessionId)>,
        limit: u32,
    ) -> Result<Vec<SessionRecord>> {
        self.memory.sessions_after(active_only, after, limit).await
    }
}
