//! Logins: the keys with which users prove who they are.

use serde::{Deserialize, Serialize};

use super::{Name, Sources};
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
    /// From which networks it may be used.
    #[serde(default, skip_serializing_if = "Sources::is_any")]
    pub sources: Sources,
}

/// When and from where a login may be used. The default is always and from anywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoginLimits {
    /// When it stops working; `None` is never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// From which networks it may enrol and be used.
    #[serde(skip_serializing_if = "Sources::is_any")]
    pub sources: Sources,
}

impl LoginLimits {
    /// Whether there are none.
    #[must_use]
    pub const fn are_none(&self) -> bool {
        self.expires.is_none() && self.sources.is_any()
    }
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
