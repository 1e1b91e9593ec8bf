//! Changing the site: one change at a time, decided on the world that it changes.

use std::sync::{Arc, PoisonError};

use tokio::sync::OwnedMutexGuard;

use super::{Broker, factors, following};
use crate::audit::{Actor, AuditKind, ChangeNote, ChangeNotes};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Change, World};

/// The right to change the site. What was looked up and checked in [its world](Self::world) still holds when the change is
/// made: if another broker changes the site meanwhile, the change is refused.
pub(super) struct Editing {
    broker: Broker,
    world: Arc<World>,
    _turn: OwnedMutexGuard<()>,
}

impl Broker {
    /// Waits for the turn to change the site, and looks whether another broker has changed it. Cancel-safe.
    pub(super) async fn begin_edit(&self) -> Editing {
        let turn = self.0.editing.clone().lock_owned().await;
        // A store that does not say so will not take the change either.
        let _ = following::catch_up(self).await;
        Editing {
            broker: self.clone(),
            world: self.world(),
            _turn: turn,
        }
    }

    /// Makes changes that depend on nothing that was looked up before.
    pub(super) async fn commit(&self, actor: Actor, changes: Vec<Change>) -> Result<()> {
        self.begin_edit().await.commit(actor, changes).await
    }

    /// Makes another world count and enforces it, if the one that is known still counts; gives whether it does.
    pub(super) fn replace_world(&self, known: &Arc<World>, next: World) -> bool {
        {
            let mut world = self.0.world.write().unwrap_or_else(PoisonError::into_inner);
            if !Arc::ptr_eq(&world, known) {
                return false;
            }
            *world = Arc::new(next);
        }
        self.enforce();
        true
    }
}

impl Editing {
    /// The world that the next change changes.
    pub(super) fn world(&self) -> Arc<World> {
        self.world.clone()
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
        let mut next = World::clone(&self.world);
        let ChangeNotes { notes, unnoted, .. } = ChangeNotes::apply(&mut next, &changes)?;
        let not_made = notes.iter().map(ChangeNote::without_values).collect();
        let changed = AuditKind::Changed {
            changes: changes.clone(),
            notes,
            unnoted,
        };
        broker.log(actor.clone(), None, changed).await?;
        if let Err(error) = broker.0.store.commit(self.world.revision(), &changes).await {
            // The store may have failed after it made the change, or somebody else may have changed the site: what it
            // holds is what counts, above all if less is allowed now.
            if let Err(error) = following::catch_up(broker).await {
                tracing::error!(%error, "the site could not be read again");
            }
            let failed = AuditKind::ChangeFailed {
                kind: error.kind(),
                message: error.to_string(),
                notes: not_made,
            };
            broker.log(actor, None, failed).await?;
            return Err(error);
        }
        // The store had no other revision until it took this one. So if the world was replaced meanwhile, that was by one that
        // was read later and has this change in it.
        broker.replace_world(&self.world, next);
        factors::forget_removed(broker.0.totp.as_ref(), &changes);
        Ok(())
    }
}
