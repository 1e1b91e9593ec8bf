//! Moving a whole site over a connection: parts of it out, staged changes in.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::{Broker, Caller};
use crate::control::{TransferAnswer, TransferRequest};
use crate::error::{Error, ErrorKind, Result};
use crate::id::ItemId;
use crate::model::{Change, JumpItem, Jumpoint, Revision, World};
use crate::store::IdKind;

/// How large a part is, as JSON, in bytes; with the last change in it, still less than a frame.
const PART: usize = 256 * 1024;
/// How much may be staged, as JSON, in bytes: what is made in one commit is one event of the audit log.
const STAGED: usize = 16 * 1024 * 1024 - 64 * 1024;

const TRANSFER: &str = "transfer the site";

/// What a connection has in hand.
#[derive(Debug, Default)]
pub(super) struct Transfer {
    reading: Option<Reading>,
    staged: Vec<Change>,
    staged_bytes: usize,
}

/// A site that is being read: as it stood when reading began.
#[derive(Debug)]
struct Reading {
    world: Arc<World>,
    first: VecDeque<Change>,
    items: std::vec::IntoIter<ItemId>,
}

impl Reading {
    fn of(world: Arc<World>) -> Self {
        let mut jumpoints: Vec<Arc<Jumpoint>> = world.jumpoints().cloned().collect();
        jumpoints.sort_by_key(|jumpoint| jumpoint.id);
        let mut grants: Vec<_> = world.jumpoint_grants().collect();
        grants.sort_unstable();
        let mut items: Vec<ItemId> = world.items().map(|item| item.id).collect();
        items.sort_unstable();
        let mut first: VecDeque<Change> = jumpoints
            .iter()
            .map(|jumpoint| {
                Change::PutJumpoint(Jumpoint {
                    key: None,
                    sealing_key: None,
                    ..Jumpoint::clone(jumpoint)
                })
            })
            .collect();
        first.extend(world.framework());
        let granted = |(user, jumpoint)| Change::GrantJumpoint { user, jumpoint };
        first.extend(grants.into_iter().map(granted));
        Self {
            world,
            first,
            items: items.into_iter(),
        }
    }

    fn next(&mut self) -> Option<Change> {
        if let Some(change) = self.first.pop_front() {
            return Some(change);
        }
        let item = self.items.by_ref().find_map(|id| self.world.item(id))?;
        let mut item = JumpItem::clone(item);
        if let Some(credential) = item.details.credential_mut() {
            *credential = None;
        }
        Some(Change::PutItem(item))
    }

    fn part(&mut self) -> Result<TransferAnswer> {
        let mut changes = Vec::new();
        let mut bytes = 0;
        let mut last = false;
        while bytes < PART {
            let Some(change) = self.next() else {
                last = true;
                break;
            };
            bytes += size(&change)?;
            changes.push(change);
        }
        Ok(TransferAnswer::Part {
            revision: self.world.revision(),
            changes,
            last,
        })
    }
}

fn size(change: &Change) -> Result<usize> {
    let text = serde_json::to_vec(change).map_err(|error| {
        Error::new(ErrorKind::Internal, TRANSFER, "a change has no form in JSON").with_source(error)
    })?;
    Ok(text.len())
}

impl Transfer {
    /// Makes the next step.
    pub(super) async fn step(
        &mut self,
        broker: &Broker,
        caller: &Caller,
        request: TransferRequest,
    ) -> Result<TransferAnswer> {
        caller.must_administer(&broker.world())?;
        match request {
            TransferRequest::Read { first } => {
                if first {
                    self.reading = Some(Reading::of(broker.world()));
                }
                let reading = self.reading.as_mut().ok_or_else(|| {
                    Error::new(
                        ErrorKind::InvalidArgument,
                        TRANSFER,
                        "reading begins with the first part",
                    )
                })?;
                let part = reading.part()?;
                if matches!(part, TransferAnswer::Part { last: true, .. }) {
                    self.reading = None;
                }
                Ok(part)
            }
            TransferRequest::FreshIds { kinds } => fresh_ids(broker, caller, kinds).await,
            TransferRequest::Stage { first, changes } => {
                if first {
                    self.forget();
                }
                self.stage(changes)
            }
            TransferRequest::Commit { revision } => {
                let staged = std::mem::take(&mut self.staged);
                self.forget();
                commit(broker, caller, revision, staged).await
            }
        }
    }

    fn forget(&mut self) {
        self.staged = Vec::new();
        self.staged_bytes = 0;
    }

    fn stage(&mut self, changes: Vec<Change>) -> Result<TransferAnswer> {
        for change in &changes {
            check(change)?;
            self.staged_bytes += size(change)?;
        }
        if self.staged_bytes > STAGED {
            self.forget();
            let message = "at most 16 MiB can be changed at once: split it";
            return Err(Error::new(ErrorKind::ResourceLimit, TRANSFER, message));
        }
        self.staged.extend(changes);
        Ok(TransferAnswer::Done)
    }
}

/// Refuses what a transfer is not for: who may log in, keys, credentials, approvals.
fn check(change: &Change) -> Result<()> {
    let wrong = |rule| Err(Error::new(ErrorKind::InvalidArgument, TRANSFER, rule));
    match change {
        Change::PutLogin(_) | Change::RemoveLogin(_) => wrong("logins are not transferred"),
        Change::PutApproval(_) | Change::RemoveApproval(_) => wrong("approvals are not transferred"),
        Change::PinHostKey { .. } => wrong("host keys are transferred with their items"),
        Change::PinCertificate { .. } => wrong("certificates are transferred with their items"),
        Change::PutJumpoint(jumpoint) if jumpoint.key.is_some() || jumpoint.sealing_key.is_some() => {
            wrong("keys are not transferred: a jumpoint enrols with an invitation")
        }
        Change::PutItem(item) if item.details.credential().is_some() => {
            wrong("credentials are not transferred: set them where they are entered")
        }
        _ => Ok(()),
    }
}

/// Gives an existing object what is not transferred.
fn complete(world: &World, change: Change) -> Change {
    match change {
        Change::PutJumpoint(mut jumpoint) => {
            if let Some(old) = world.jumpoint(jumpoint.id) {
                jumpoint.key = old.key;
                jumpoint.sealing_key = old.sealing_key;
            }
            Change::PutJumpoint(jumpoint)
        }
        Change::PutItem(mut item) => {
            let credential = world.item(item.id).and_then(|old| old.details.credential());
            if let (Some(place), Some(credential)) = (item.details.credential_mut(), credential) {
                *place = Some(credential.clone());
            }
            Change::PutItem(item)
        }
        other => other,
    }
}

/// Takes one id of each kind from the store. Those behind it are given to nobody as long as nothing is committed: whoever
/// takes the next one commits it in the same turn, and what is committed makes another revision.
async fn fresh_ids(broker: &Broker, caller: &Caller, kinds: BTreeSet<IdKind>) -> Result<TransferAnswer> {
    let editing = broker.begin_edit().await;
    caller.check(&editing.world(), broker.now())?;
    let mut first = Vec::new();
    for kind in kinds {
        first.push((kind, broker.0.store.next_id(kind).await?));
    }
    Ok(TransferAnswer::FreshIds { first })
}

async fn commit(
    broker: &Broker,
    caller: &Caller,
    revision: Revision,
    staged: Vec<Change>,
) -> Result<TransferAnswer> {
    let editing = broker.begin_edit().await;
    let world = editing.world();
    // Asked before the turn came: who lost the right meanwhile changes nothing any more.
    caller.check(&world, broker.now())?;
    caller.must_administer(&world)?;
    if world.revision() != revision {
        let message = "the site was changed in the meantime";
        return Err(Error::new(ErrorKind::Conflict, TRANSFER, message).retryable(true));
    }
    if !staged.is_empty() {
        let changes = staged
            .into_iter()
            .map(|change| complete(&world, change))
            .collect();
        editing.commit(caller.actor(), changes).await?;
    }
    Ok(TransferAnswer::Done)
}
