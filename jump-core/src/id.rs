//! Identifiers. Object ids are small numbers given by the site and never reused; session ids are random.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

const fn at_least_one(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    }
}

macro_rules! object_ids {
    ($($(#[doc = $doc:literal])+ $name:ident;)+) => {$(
        $(#[doc = $doc])+
        ///
        /// 1..=2147483647, as in the reference model; given by the site, never reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "u32", into = "u32")]
        pub struct $name(NonZeroU32);

        impl $name {
            /// The lowest there can be.
            pub const LOWEST: Self = Self(NonZeroU32::MIN);
            /// The highest there can be.
            pub const HIGHEST: Self = Self(at_least_one(i32::MAX as u32));

            /// The id with this number, if it is in range.
            pub fn new(number: u32) -> Result<Self> {
                NonZeroU32::new(number)
                    .filter(|number| number.get() <= i32::MAX as u32)
                    .map(Self)
                    .ok_or_else(|| {
                        Error::new(ErrorKind::InvalidArgument, "read an id", "ids are 1 to 2147483647")
                    })
            }

            /// The number.
            #[must_use]
            pub const fn get(self) -> u32 {
                self.0.get()
            }
        }

        impl TryFrom<u32> for $name {
            type Error = Error;
            fn try_from(number: u32) -> Result<Self> {
                Self::new(number)
            }
        }

        impl From<$name> for u32 {
            fn from(id: $name) -> u32 {
                id.get()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

object_ids! {
    /// A user of the site.
    UserId;
    /// A shared Jump Group.
    GroupId;
    /// A Jump Item, of whichever type.
    ItemId;
    /// A Jumpoint.
    JumpointId;
    /// A Jump Item Role.
    RoleId;
    /// A way for a user to log in.
    LoginId;
    /// A Jump Policy.
    PolicyId;
    /// A session policy.
    SessionPolicyId;
    /// A group policy.
    GroupPolicyId;
    /// A team.
    TeamId;
    /// An approval request.
    ApprovalId;
    /// An account in the vault.
    VaultAccountId;
    /// A group of accounts in the vault.
    VaultGroupId;
}

impl RoleId {
    pub(crate) const fn builtin(number: u32) -> Self {
        Self(at_least_one(number))
    }
}

/// A session, 128 random bits. Knowing one gives no access to anything.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionId([u8; 16]);

impl SessionId {
    /// A fresh random id.
    pub fn random() -> Result<Self> {
        crate::keys::random_bytes().map(Self)
    }

    /// The id with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({self})")
    }
}

impl FromStr for SessionId {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        HEXLOWER
            .decode(text.as_bytes())
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::InvalidArgument,
                    "read a session id",
                    "a session id is 32 hex digits",
                )
            })
    }
}

impl TryFrom<String> for SessionId {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<SessionId> for String {
    fn from(id: SessionId) -> String {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_outside_the_range_are_refused_in_json_too() {
        assert!(UserId::new(0).is_err() && UserId::new(u32::MAX).is_err());
        assert!(serde_json::from_str::<ItemId>("0").is_err());
        assert_eq!(serde_json::from_str::<ItemId>("7").unwrap().get(), 7);
    }

    #[test]
    fn session_ids_round_trip_as_text() {
        let id = SessionId::random().unwrap();
        assert_eq!(id.to_string().parse::<SessionId>().unwrap(), id);
        assert!("xyz".parse::<SessionId>().is_err());
    }
}
