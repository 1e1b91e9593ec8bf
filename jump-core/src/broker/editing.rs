//! Changing the site: one change at a time, decided on the world that it changes.

use std::sync::{Arc, PoisonError};

use tokio::sync::OwnedMutexGuard;

use super::{Broker, factors};
use crate::audit::{Actor, AuditKind, ChangeNote, ChangeNotes};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Change, World};

/// The right to change the site. While it is held the world stays as it is: what was looked up and checked in it still
/// holds when the change is made.
pub(super) struct Editing {
    broker: Broker,
    _turn: OwnedMutexGuard<()>,
}

impl Broker {
    /// Waits for the turn to change the site. Cancel-safe.
    pub(super) async fn begin_edit(&self) -> Editing {
        Editing {
            broker: self.clone(),
            _turn: self.0.editing.clone().lock_owned().await,
        }
    }

    /// Makes changes that depend on nothing that was looked up before.
    pub(super) async fn commit(&self, actor: Actor, changes: Vec<Change>) -> Result<()> {
        self.begin_edit().await.commit(actor, changes).await
    }

    fn replace_world(&self, world: World) {
        *self.0.world.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(world);
        self.enforce();
    }
}

impl Editing {
    /// The world that the next change changes.
    pub(super) fn world(&self) -> Arc<World> {
        self.broker.world()
    }

    /// Changes the site: validated, logged, stored, then enforced on everything that is live. Cancel-safe: once begun
    /// it is carried out, whether or not anybody waits for it.
    pub(super) async fn commit(self, actor: Actor, changes: Vec<Change>) -> Result<()> {
        let made = tokio::spawn(async move { self.make(actor, changes).await });
        made.await.unwrap_or_else(|_| {
            Err(Error::new(
                ErrorKind::Internal,
                "change the site",
                "it was not carried out: this is a bug, please report it",
            ))
        })
    }

    async fn make(&self, actor: Actor, changes: Vec<Change>) -> Result<()> {
        let broker = &self.broker;
        let current = self.world();
        let mut next = World::clone(&current);
        let ChangeNotes { notes, unnoted, .. } = ChangeNotes::apply(&mut next, &changes)?;
        let not_made = notes.iter().map(ChangeNote::without_values).collect();
        let changed = AuditKind::Changed {
            changes: changes.clone(),
            notes,
            unnoted,
        };
        broker.log(actor.clone(), None, changed).await?;
        if let Err(error) = broker.0.store.commit(current.revision(), &changes).await {
            // The store may have failed after it made the change, or somebody else may have changed the site: what it
            // holds is what counts, above all if less is allowed now.
            match broker.0.store.load().await {
                Ok(stored) if stored.revision() != current.revision() => broker.replace_world(stored),
                Ok(_) => {}
                Err(error) => tracing::error!(%error, "the site could not be read again"),
            }
            let failed = AuditKind::ChangeFailed {
                kind: error.kind(),
                message: error.to_string(),
                notes: not_made,
            };
            broker.log(actor, None, failed).await?;
            return Err(error);
        }
        broker.replace_world(next);
        factors::forget_removed(broker.0.totp.as_ref(), &changes);
        Ok(())
    }
}
