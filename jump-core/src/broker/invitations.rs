//! How many logins users may invite by themselves, so that nobody fills the store.

use std::collections::HashMap;
use std::sync::Mutex;

use super::lock;
use crate::error::{Error, ErrorKind, Result};
use crate::id::UserId;
use crate::model::World;
use crate::time::Timestamp;

/// The most invitations of a user that have not expired, used or not.
const OPEN: usize = 16;
/// The most logins that a user may bring it to.
const LOGINS: usize = 64;

/// When the invitations expire that users made for themselves since the broker started.
#[derive(Debug, Default)]
pub(super) struct Invitations(Mutex<HashMap<UserId, Vec<Timestamp>>>);

impl Invitations {
    /// Counts one more that a user makes for itself.
    ///
    /// # Errors
    /// [`ErrorKind::ResourceLimit`] if it has made too many, or has too many logins.
    pub(super) fn admit(
        &self,
        world: &World,
        user: UserId,
        now: Timestamp,
        expires: Timestamp,
    ) -> Result<()> {
        let full = |message: String| {
            Err(Error::new(
                ErrorKind::ResourceLimit,
                "make an invitation",
                message,
            ))
        };
        if world.logins().filter(|login| login.user == user).count() >= LOGINS {
            return full(format!(
                "you have {LOGINS} logins: ask an administrator to remove some"
            ));
        }
        let mut invitations = lock(&self.0);
        invitations.retain(|_, open| {
            open.retain(|expires| now < *expires);
            !open.is_empty()
        });
        let open = invitations.entry(user).or_default();
        if open.len() >= OPEN {
            return full(format!("you made {OPEN} invitations already: use those, or wait"));
        }
        open.push(expires);
        Ok(())
    }
}
