//! Following others' commits without reading the site anew.
//!
//! Each commit leaves its changes in `recent_changes`, if they are not many. A store that knows an older version applies
//! those since then; the stamps say whether they lead from the one to the other.

use jump_core::model::{Change, Revision, World};
use jump_core::{Error, ErrorKind, Result};
use tokio_postgres::types::Type;

use super::connection::{Connection, Typed};
use super::world::{Version, column};
use crate::rows::{json, unreadable};

/// How many commits are kept.
const KEPT: i64 = 128;
/// The most bytes of one commit's changes that are kept; of more, that there was one.
const MOST: usize = 512 * 1024;

/// The changes of a commit as they are kept; `None` if they are too many.
pub(super) fn kept(changes: &[Change]) -> Result<Option<String>> {
    Ok(Some(json(&changes)?).filter(|body| body.len() <= MOST))
}

/// Makes the next version and keeps the changes that lead to it; call it in a transaction that holds the lock of the
/// version. Gives the stamp.
pub(super) async fn advance(
    connection: &Connection,
    from: &Version,
    to: Revision,
    changes: Option<&str>,
) -> Result<Option<String>> {
    let revision = number(to)?;
    let statement = "WITH next AS (
             UPDATE meta SET revision = $1, stamp = gen_random_uuid()::text RETURNING stamp
         ), added AS (
             INSERT INTO recent_changes (revision, before, stamp, body) SELECT $1, $2, stamp, $3 FROM next
             ON CONFLICT (revision) DO UPDATE SET before = excluded.before, stamp = excluded.stamp,
                 body = excluded.body
         ), removed AS (
             DELETE FROM recent_changes WHERE revision <= $4
         )
         SELECT stamp FROM next";
    let row = connection
        .first(statement, &[&revision, &from.stamp, &changes, &(revision - KEPT)])
        .await?;
    row.map(|row| column(&row, 0)).transpose()
}

/// The world at the version `to`, from the one at `from`; `None` if the way from there is not known. Call it inside a
/// transaction in which nothing changes.
pub(super) async fn follow(
    connection: &Connection,
    from: Version,
    world: World,
    to: &Version,
) -> Result<Option<World>> {
    let known = number(from.revision)?;
    let values: [Typed<'_>; 1] = [(&known, Type::INT8)];
    let statement =
        "SELECT revision, before, stamp, body FROM recent_changes WHERE revision > $1 ORDER BY revision";
    let mut commits = connection
        .ask(statement, &values, |row| {
            Ok(Commit {
                revision: column(row, 0)?,
                before: column(row, 1)?,
                stamp: column(row, 2)?,
                body: column(row, 3)?,
            })
        })
        .await?;
    let wanted = number(to.revision)?;
    commits.retain(|commit| commit.revision <= wanted);
    let (to, mut at) = (to.clone(), from);
    let applied = tokio::task::spawn_blocking(move || {
        let mut world = world;
        for commit in commits {
            if commit.before != at.stamp || commit.revision != number(at.revision)? + 1 {
                return Ok(None);
            }
            let Some(body) = &commit.body else {
                return Ok(None);
            };
            let changes: Vec<Change> =
                serde_json::from_str(body).map_err(|error| unreadable("change", error))?;
            at = Version {
                revision: world.apply(&changes)?,
                stamp: commit.stamp,
            };
        }
        Ok((at == to).then_some(world))
    });
    let applied = applied.await.unwrap_or_else(|error| {
        Err(Error::new(ErrorKind::Internal, "use the store", "the call was stopped").with_source(error))
    });
    Ok(applied.unwrap_or_else(|error| {
        tracing::warn!(%error, "other programs' changes cannot be followed; the site is read anew");
        None
    }))
}

/// One row of `recent_changes`.
struct Commit {
    revision: i64,
    before: String,
    stamp: String,
    body: Option<String>,
}

fn number(revision: Revision) -> Result<i64> {
    i64::try_from(revision).map_err(|error| unreadable("revision", error))
}
