//! Logins: the keys with which users prove who they are.

use serde::{Deserialize, Serialize};

use super::Name;
use crate::id::{LoginId, UserId};
use crate::keys::PublicKey;
use crate::time::Timestamp;

/// One device or program of a user. It enrolled with a single-use token and from then on proves its own key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// Its id.
    pub id: LoginId,
    /// Whose it is.
    pub user: UserId,
    /// What it is, for people: a device's name.
    pub label: Name,
    /// The key it proves.
    pub key: PublicKey,
    /// What it may be used for; never more than the user may.
    pub scope: LoginScope,
    /// When it stops working; `None` is never.
    #[serde(default)]
    pub expires: Option<Timestamp>,
}

/// What a login may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LoginScope {
    /// Jumps and looking at what one may reach.
    Sessions,
    /// All that the user may, administration included.
    Everything,
}
