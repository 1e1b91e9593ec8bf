//! Time-based one-time passwords (RFC 6238) as a second factor, from their enrolment to their use.
//!
//! A secret is made here, shown once to its user, and counts after one right code. It is kept encrypted and never shown
//! again. A code works once. Who guesses waits: wrong codes are counted for each login that has given a right one before,
//! and for all others of the user together, so that neither a lost device nor another user can keep anybody out.

mod code;
mod guesses;
mod kept;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio::sync::OwnedMutexGuard;

use self::guesses::Guesses;
use self::kept::Keeper;
pub use self::kept::{FactorFolder, FactorStore};
use super::checks::{FactorQuestion, SecondFactor};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{LoginId, UserId};
use crate::keys::{SigningKey, random_bytes};
use crate::secret::Secret;
use crate::time::Timestamp;

/// Wrong codes after which an enrolment has to be begun anew.
const TRIES_TO_CONFIRM: u32 = 5;
/// Seconds in which an enrolment has to be confirmed.
const CONFIRM_WITHIN: i64 = 600;
/// How many used steps are remembered, for a clock that is set back.
const REMEMBERED: usize = 16;

/// Six digits, SHA-1, steps of 30 seconds, one step of clock difference either way: what authenticator applications use.
#[derive(Default)]
pub struct Totp {
    /// Without one, secrets are gone with the value.
    keeper: Option<Keeper>,
    users: Mutex<HashMap<UserId, Arc<tokio::sync::Mutex<Slot>>>>,
}

/// What is known of one user; locked while it is used, so that a slow disk delays nobody else.
#[derive(Default)]
struct Slot {
    /// Whether what is kept was read.
    read: bool,
    enrolled: Option<Enrolled>,
    pending: Option<Pending>,
    guesses: Guesses,
}

/// A secret that counts.
struct Enrolled {
    secret: Secret<Vec<u8>>,
    since: Timestamp,
    /// The steps of which codes were used, the latest of them last; at most [`REMEMBERED`].
    used: Vec<i64>,
    /// The logins that have given a right code.
    proven: Vec<LoginId>,
}

/// A secret that was shown and not confirmed.
struct Pending {
    secret: Secret<Vec<u8>>,
    since: Timestamp,
    wrong: u32,
}

impl fmt::Debug for Totp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Totp")
    }
}

fn refuse(kind: ErrorKind, rule: &'static str) -> Error {
    Error::new(kind, "enrol a second factor", rule)
}

impl Enrolled {
    fn new(secret: Secret<Vec<u8>>, since: Timestamp) -> Self {
        Self {
            secret,
            since,
            used: Vec::new(),
            proven: Vec::new(),
        }
    }

    /// The step of which this is an unused code, around now.
    fn unused_step(&self, given: &str, now: Timestamp) -> Option<i64> {
        let at = code::step(now);
        let last = self.used.iter().copied().max().unwrap_or(i64::MIN);
        // Where the clock was set back, what was used is all that tells; otherwise nothing up to the last use counts.
        let set_back = last > at.saturating_add(1);
        let unused = |step: &i64| {
            if set_back {
                !self.used.contains(step)
            } else {
                *step > last
            }
        };
        code::matching(&self.secret, given, at).filter(unused)
    }

    fn note_use(&mut self, step: i64, source: Option<LoginId>) {
        if self.used.len() >= REMEMBERED {
            self.used.remove(0);
        }
        self.used.push(step);
        if let Some(login) = source.filter(|login| !self.proven.contains(login)) {
            if self.proven.len() >= guesses::MOST_PROVEN {
                self.proven.remove(0);
            }
            self.proven.push(login);
        }
    }
}

impl Totp {
    /// Keeps secrets in a store, encrypted under a key that is derived from the site's.
    #[must_use]
    pub fn kept(store: Arc<dyn FactorStore>, site: SigningKey) -> Self {
        Self {
            keeper: Some(Keeper::new(store, site)),
            users: Mutex::default(),
        }
    }

    /// A new 160-bit secret, as RFC 4226 §4 R6 recommends.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if the system has no random bytes.
    pub fn new_secret() -> Result<Secret<Vec<u8>>> {
        Ok(Secret::new(random_bytes::<20>()?.to_vec()))
    }

    /// The `otpauth://` address that an authenticator application reads, with the secret in it. `site` and `user` are
    /// percent-encoded.
    #[must_use]
    pub fn address(site: &str, user: &str, secret: &Secret<Vec<u8>>) -> Secret<String> {
        code::address(site, user, secret)
    }

    async fn lock(&self, user: UserId) -> OwnedMutexGuard<Slot> {
        let slot = {
            let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
            users.entry(user).or_default().clone()
        };
        slot.lock_owned().await
    }

    /// The user's slot, with what is kept.
    async fn slot(&self, user: UserId) -> Result<OwnedMutexGuard<Slot>> {
        let mut slot = self.lock(user).await;
        if !slot.read {
            if let Some(keeper) = &self.keeper {
                slot.enrolled = keeper.load(user).await?;
            }
            slot.read = true;
        }
        Ok(slot)
    }

    async fn keep(&self, user: UserId, enrolled: &Enrolled) -> Result<()> {
        match &self.keeper {
            Some(keeper) => keeper.save(user, enrolled).await,
            None => Ok(()),
        }
    }

    /// Lets a user prove itself by this secret, of 16 to 128 bytes, instead of an earlier one, without a code of it: for an
    /// embedding program that has its own way to show it.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for a secret of another length; what the store says.
    pub async fn enrol(&self, user: UserId, secret: Secret<Vec<u8>>, now: Timestamp) -> Result<()> {
        if !(16..=128).contains(&secret.expose().len()) {
            let rule = "a secret has 16 to 128 bytes";
            return Err(refuse(ErrorKind::InvalidArgument, rule));
        }
        let mut slot = self.slot(user).await?;
        let enrolled = Enrolled::new(secret, now);
        self.keep(user, &enrolled).await?;
        slot.pending = None;
        slot.enrolled = Some(enrolled);
        Ok(())
    }

    /// Makes a secret that counts once [`Totp::confirm`] has seen a code of it, within ten minutes; an enrolment that was begun
    /// before is forgotten. A user who has a second factor gives a code of it: otherwise whoever has found a device could make
    /// one of its own. Cancel-safe.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`] without that code; what the store says.
    pub async fn begin(
        &self,
        user: UserId,
        source: Option<LoginId>,
        code: Option<&str>,
        now: Timestamp,
    ) -> Result<Secret<Vec<u8>>> {
        let enrolled = self.slot(user).await?.enrolled.is_some();
        if enrolled {
            let question = FactorQuestion {
                user,
                source,
                code: code.unwrap_or_default(),
                now,
            };
            if code.is_none() || !self.verify(question).await? {
                let rule = "you have a second factor: give a code of it, or have an administrator reset it";
                return Err(refuse(ErrorKind::Denied, rule));
            }
        }
        let secret = Self::new_secret()?;
        let shown = Secret::new(secret.expose().clone());
        self.slot(user).await?.pending = Some(Pending {
            secret,
            since: now,
            wrong: 0,
        });
        Ok(shown)
    }

    /// Makes the secret count that was shown last, if this is a code of it; the code is used up. After five wrong ones it has
    /// to be begun anew. Cancel-safe: a cancelled call may have been done.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if nothing waits to be confirmed; [`ErrorKind::Denied`] for a wrong code; what the store says.
    pub async fn confirm(
        &self,
        user: UserId,
        source: Option<LoginId>,
        given: &str,
        now: Timestamp,
    ) -> Result<()> {
        let mut slot = self.slot(user).await?;
        // A clock that was set makes an enrolment old, whichever way.
        let fresh = |pending: &Pending| now.duration_since(pending.since).as_secs().abs() < CONFIRM_WITHIN;
        let Some(mut pending) = slot.pending.take().filter(fresh) else {
            let rule = "nothing waits to be confirmed: begin anew";
            return Err(refuse(ErrorKind::NotFound, rule));
        };
        let Some(step) = code::matching(&pending.secret, given, code::step(now)) else {
            pending.wrong += 1;
            if pending.wrong < TRIES_TO_CONFIRM {
                slot.pending = Some(pending);
            }
            return Err(refuse(ErrorKind::Denied, "the code is wrong"));
        };
        let mut enrolled = Enrolled::new(pending.secret, now);
        enrolled.note_use(step, source);
        self.keep(user, &enrolled).await?;
        slot.guesses = Guesses::default();
        slot.enrolled = Some(enrolled);
        Ok(())
    }

    /// Since when a user has a second factor; `None` if it has none.
    ///
    /// # Errors
    /// What the store says.
    pub async fn enrolled_since(&self, user: UserId) -> Result<Option<Timestamp>> {
        let slot = self.slot(user).await?;
        Ok(slot.enrolled.as_ref().map(|enrolled| enrolled.since))
    }

    /// Forgets a user's secret, even one that cannot be read any more: its codes are wrong from now on.
    ///
    /// # Errors
    /// What the store says; then the secret still counts.
    pub async fn remove(&self, user: UserId) -> Result<()> {
        let mut slot = self.lock(user).await;
        if let Some(keeper) = &self.keeper {
            keeper.remove(user).await?;
        }
        *slot = Slot {
            read: true,
            ..Slot::default()
        };
        Ok(())
    }
}

#[async_trait]
impl SecondFactor for Totp {
    async fn verify(&self, question: FactorQuestion<'_>) -> Result<bool> {
        let FactorQuestion {
            user,
            source,
            code,
            now,
        } = question;
        let mut slot = self.slot(user).await?;
        let Slot {
            enrolled: Some(enrolled),
            guesses,
            ..
        } = &mut *slot
        else {
            return Ok(false);
        };
        if !guesses.may_try(&enrolled.proven, source, now) {
            return Ok(false);
        }
        let Some(step) = enrolled.unused_step(code, now) else {
            guesses.wrong(&enrolled.proven, source, now);
            return Ok(false);
        };
        // Used up before anybody hears that it was right, also after a restart.
        enrolled.note_use(step, source);
        self.keep(user, enrolled).await?;
        guesses.right(source);
        Ok(true)
    }
}
