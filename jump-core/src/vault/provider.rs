//! The contract of whoever keeps credentials.

use std::fmt::Debug;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::association::{ItemFacts, Specificity, same_name};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{JumpointId, UserId};
use crate::keys::SealingPublicKey;
use crate::model::TargetAddress;
use crate::session::{CredentialBinding, SealedCredential};

/// For what a credential is wanted.
#[derive(Clone, Debug)]
pub struct CredentialQuery<'a> {
    /// Who starts the session.
    pub user: UserId,
    /// That user's name.
    pub user_name: &'a str,
    /// On which item.
    pub item: ItemFacts<'a>,
    /// The key of the protocol that is spoken to the target: `ssh`.
    pub protocol: &'a str,
    /// The one address to which the credential is sent.
    pub target: TargetAddress,
    /// The Jumpoint that injects it.
    pub jumpoint: JumpointId,
    /// The key to which it is sealed.
    pub sealing_key: SealingPublicKey,
}

impl CredentialQuery<'_> {
    /// What the credential is bound to when it is sealed.
    #[must_use]
    pub fn binding(&self) -> CredentialBinding {
        CredentialBinding {
            item: self.item.id,
            jumpoint: self.jumpoint,
            target: self.target.clone(),
        }
    }
}

/// A credential that a running session was given.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CredentialUse<'a> {
    /// For what: the item as it is now.
    pub query: CredentialQuery<'a>,
    /// Its id in its provider.
    pub id: String,
}

impl<'a> CredentialUse<'a> {
    pub(crate) const fn new(query: CredentialQuery<'a>, id: String) -> Self {
        Self { query, id }
    }
}

/// A credential that may be used, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Its id, unique in its provider.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How closely it is meant for the item.
    pub specificity: Specificity,
}

/// Keeps credentials and gives them to Jumpoints, never to anybody else.
///
/// Both calls must be cancel-safe: the broker gives up after ten seconds. If a call fails no session starts; what the
/// error says is written to the audit log, so it must hold no secret.
#[async_trait]
pub trait CredentialProvider: Debug + Send + Sync + 'static {
    /// A name for people and the audit log.
    fn name(&self) -> &str;

    /// The credentials that this user may inject on this item; none if this provider has none for it.
    ///
    /// # Errors
    /// Whatever keeps it from saying; the session is then refused.
    async fn candidates(&self, query: &CredentialQuery<'_>) -> Result<Vec<Candidate>>;

    /// Seals the credential with this id, one of the [candidates](Self::candidates), to the query's key and
    /// [binding](CredentialQuery::binding), with [`Credential::seal`](crate::session::Credential::seal).
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if the user may not inject it on this item any more; whatever else keeps it from doing
    /// so.
    async fn seal(&self, query: &CredentialQuery<'_>, id: &str) -> Result<SealedCredential>;

    /// Which of these, by position, may not be used any more as they are: credentials that sessions were given which still
    /// run. Such a session is ended. Asked twice a second while there are any; a provider that is asked for nothing more than
    /// a credential at a time says none.
    ///
    /// # Errors
    /// Whatever keeps it from saying; no session is ended for that.
    async fn revoked(&self, uses: &[CredentialUse<'_>]) -> Result<Vec<usize>> {
        let _ = uses;
        Ok(Vec::new())
    }
}

/// The candidate to use: the one that was asked for by name or id, otherwise the one that is meant most closely.
///
/// # Errors
/// [`ErrorKind::Conflict`], with the names, if several are meant equally closely.
pub(crate) fn choose(candidates: Vec<Candidate>, wanted: Option<&str>) -> Result<Option<Candidate>> {
    if let Some(wanted) = wanted {
        let by_name = candidates
            .iter()
            .find(|candidate| same_name(&candidate.name, wanted));
        let found = by_name.or_else(|| candidates.iter().find(|candidate| candidate.id == wanted));
        return Ok(found.cloned());
    }
    let Some(closest) = candidates.iter().map(|candidate| candidate.specificity).max() else {
        return Ok(None);
    };
    let mut closest: Vec<Candidate> = candidates
        .into_iter()
        .filter(|candidate| candidate.specificity == closest)
        .collect();
    if closest.len() > 1 {
        closest.sort_by(|a, b| a.name.cmp(&b.name));
        let names: Vec<String> = closest
            .iter()
            .take(16)
            .map(|one| format!("\"{}\"", one.name))
            .collect();
        let more = if closest.len() > names.len() {
            ", and more"
        } else {
            ""
        };
        return Err(Error::new(
            ErrorKind::Conflict,
            "choose a credential",
            format!(
                "several credentials match this item: name one of {}{more}",
                names.join(", ")
            ),
        ));
    }
    Ok(closest.pop())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(id: &str, name: &str, specificity: Specificity) -> Candidate {
        Candidate {
            id: id.into(),
            name: name.into(),
            specificity,
        }
    }

    #[test]
    fn the_closest_is_taken_a_tie_asks_and_a_name_decides() {
        use Specificity::{Any, Criteria, Direct};
        let all = || {
            vec![
                candidate("1", "any", Any),
                candidate("2", "fits", Criteria),
                candidate("3", "Named", Direct),
            ]
        };
        let chosen = |candidates, wanted| choose(candidates, wanted).unwrap().map(|one| one.id);
        assert_eq!(chosen(all(), None).as_deref(), Some("3"));
        assert_eq!(chosen(all(), Some("ANY")).as_deref(), Some("1"));
        assert_eq!(chosen(all(), Some("2")).as_deref(), Some("2"));
        assert_eq!(chosen(all(), Some("other")), None);
        assert_eq!(chosen(Vec::new(), None), None);
        let mut tied = all();
        tied.push(candidate("4", "also", Direct));
        let error = choose(tied.clone(), None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.to_string().contains("\"Named\", \"also\""), "{error}");
        assert_eq!(chosen(tied, Some("also")).as_deref(), Some("4"));
    }
}
