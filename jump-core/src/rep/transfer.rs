//! Reading a whole site, and changing it as a whole: what import and export are made of.

use std::collections::BTreeSet;

use super::Rep;
use crate::control::{RepRequest, Response, TransferAnswer, TransferRequest};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Change, Revision, World};
use crate::store::IdKind;

/// How much is staged at once, as JSON, in bytes.
const PART: usize = 256 * 1024;

impl Rep {
    /// The site as it stands, without keys, logins, credentials and approvals. Takes an administrator. Cancel-safe.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`] without an administrator's login; what the connection fails with.
    pub async fn read_site(&self) -> Result<World> {
        let mut all = Vec::new();
        let mut first = true;
        loop {
            match self.transfer(TransferRequest::Read { first }).await? {
                TransferAnswer::Part {
                    revision,
                    changes,
                    last,
                } => {
                    all.extend(changes);
                    if last {
                        return World::restore(all, revision);
                    }
                }
                _ => return Err(surprised()),
            }
            first = false;
        }
    }

    /// The first of ids that no object ever had, for each kind; for changes that are then committed on the revision that the
    /// site has now. Takes an administrator. Cancel-safe, but ids that were given are not given again.
    ///
    /// # Errors
    /// As [`Rep::read_site`].
    pub async fn fresh_ids(&self, kinds: BTreeSet<IdKind>) -> Result<Vec<(IdKind, u32)>> {
        match self.transfer(TransferRequest::FreshIds { kinds }).await? {
            TransferAnswer::FreshIds { first } => Ok(first),
            _ => Err(surprised()),
        }
    }

    /// Makes changes in one commit, all or none, if the site still has the revision on which they were planned. Jumpoints keep
    /// their keys and items their credentials, which [`Rep::read_site`] does not show. Takes an administrator. Not
    /// cancel-safe: it may or may not have been made.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`], retryable, if the site was changed meanwhile; [`ErrorKind::ResourceLimit`] for more than
    /// 16 MiB of changes; what [`World::apply`] says; as [`Rep::read_site`].
    pub async fn change_site(&self, revision: Revision, changes: Vec<Change>) -> Result<()> {
        let (mut part, mut bytes, mut first) = (Vec::new(), 0, true);
        for change in changes {
            let text = serde_json::to_vec(&change).map_err(|error| {
                Error::new(
                    ErrorKind::Internal,
                    "change the site",
                    "a change has no form in JSON",
                )
                .with_source(error)
            })?;
            if bytes + text.len() > PART && !part.is_empty() {
                let changes = std::mem::take(&mut part);
                self.transfer(TransferRequest::Stage { first, changes }).await?;
                (bytes, first) = (0, false);
            }
            bytes += text.len();
            part.push(change);
        }
        let changes = part;
        self.transfer(TransferRequest::Stage { first, changes }).await?;
        self.transfer(TransferRequest::Commit { revision }).await?;
        Ok(())
    }

    async fn transfer(&self, request: TransferRequest) -> Result<TransferAnswer> {
        match self.request(RepRequest::Transfer(request)).await? {
            Response::Transfer(answer) => Ok(answer),
            _ => Err(surprised()),
        }
    }
}

fn surprised() -> Error {
    Error::new(
        ErrorKind::Protocol,
        "transfer the site",
        "the broker answered another question",
    )
}
