//! What a filter is told, and what it says.

use bytes::BytesMut;
use jump_core::session::{RdpLogin, SessionPermissions};
use zeroize::Zeroizing;

use super::super::record::Refused;
use crate::wire::connect::Asked;

/// Who logs in to the target.
#[derive(Debug)]
pub struct TargetLogin {
    /// The domain; may be empty.
    pub domain: String,
    /// The user's name.
    pub user: String,
    /// The password; empty if the target has it from CredSSP, `None` if the rep's client says it.
    pub password: Option<Zeroizing<String>>,
}

/// What a [`Filter`](super::Filter) is told.
#[derive(Debug)]
pub struct FilterOptions {
    /// What may happen.
    pub permissions: SessionPermissions,
    /// What the target selected (MS-RDPBCGR §2.2.1.2.1, `selectedProtocol`).
    pub selected: u32,
    /// What each leg asked for.
    pub asked: Asked,
    /// Who logs in; the rep's own login passes if nobody is named.
    pub login: Option<TargetLogin>,
    /// What the item asks the target for.
    pub item: RdpLogin,
}

/// What is passed on of a message.
#[derive(Debug)]
pub enum Forward {
    /// Nothing: it was dropped, or its rest has not come.
    Nothing,
    /// This.
    Bytes(BytesMut),
    /// This, which holds a password.
    Login {
        /// What the target gets.
        bytes: Zeroizing<Vec<u8>>,
        /// The same without the password, as it is recorded.
        recorded: Vec<u8>,
    },
}

/// A channel that was not let through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedChannel {
    /// Its name, as the peer says it.
    pub name: String,
    /// What it is.
    pub what: Refused,
}

/// What becomes of a message.
#[derive(Debug)]
pub struct Verdict {
    /// What is passed on.
    pub forward: Forward,
    /// What the target is told in the rep's place.
    pub(super) answer: Vec<u8>,
    /// Why it was not passed on.
    pub dropped: Option<Refused>,
    /// Channels that were refused by it.
    pub channels: Vec<RefusedChannel>,
}

impl Verdict {
    pub(super) fn pass(message: BytesMut) -> Self {
        Self {
            forward: Forward::Bytes(message),
            answer: Vec::new(),
            dropped: None,
            channels: Vec::new(),
        }
    }

    pub(super) const fn nothing(dropped: Option<Refused>) -> Self {
        Self {
            forward: Forward::Nothing,
            answer: Vec::new(),
            dropped,
            channels: Vec::new(),
        }
    }
}
