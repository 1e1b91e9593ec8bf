//! Enrolment tokens as a store keeps them: hashed, expiring, used once.

use serde::{Deserialize, Serialize};

use crate::id::{JumpointId, UserId};
use crate::keys::sha256_parts;
use crate::model::{LoginLimits, LoginScope};
use crate::time::Timestamp;

/// The hash of a token's 256-bit secret; the secret itself is never stored. A plain hash suffices because the secret
/// is random, not chosen by a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TokenHash(pub [u8; 32]);

impl TokenHash {
    /// The hash of a secret.
    #[must_use]
    pub fn of(secret: &[u8; 32]) -> Self {
        Self(sha256_parts(&[b"jump enrolment token v1", secret]))
    }
}

/// What a token enrols. The kinds cannot be exchanged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "enrols", rename_all = "snake_case")]
#[non_exhaustive]
pub enum TokenPurpose {
    /// The agent of this Jumpoint.
    Jumpoint {
        /// Which.
        jumpoint: JumpointId,
    },
    /// A login of this user.
    Login {
        /// Whose.
        user: UserId,
        /// What the login may be used for.
        scope: LoginScope,
        /// When and from where.
        #[serde(default, skip_serializing_if = "LoginLimits::are_none")]
        limits: LoginLimits,
    },
}

/// A token: single use, short-lived, for one purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolmentToken {
    /// The hash of its secret.
    pub hash: TokenHash,
    /// What it enrols.
    pub purpose: TokenPurpose,
    /// When it stops working.
    pub expires: Timestamp,
}
