//! The first messages of a connection, in both directions.

use serde::{Deserialize, Serialize};

use crate::control::ProtocolVersion;
use crate::id::{JumpointId, SessionId};
use crate::keys::{PublicKey, SealingPublicKey};
use crate::model::Name;
use crate::time::Timestamp;

/// The first message.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Hello {
    /// The protocol version.
    pub version: ProtocolVersion,
    /// The peer's clock, to notice skew.
    pub time: Timestamp,
    /// In which role the peer comes. Who it is follows from the key it proved.
    pub role: HelloRole,
}

/// In which role a peer comes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case", deny_unknown_fields)]
pub enum HelloRole {
    /// A login of a user.
    Rep,
    /// An enrolled Jumpoint.
    Jumpoint {
        /// The key that it proves inside the tunnels of the sessions of this connection.
        session_key: PublicKey,
        /// The sessions it still runs.
        sessions: Vec<SessionId>,
    },
    /// Somebody whom the embedder's authenticator is to recognize; the key becomes a login of the user whom it names.
    LogIn {
        /// What the authenticator understands.
        proof: Secret,
        /// What the login is, for people.
        label: Name,
    },
    /// Somebody with an invitation.
    Enrol {
        /// The invitation's secret, base64url.
        secret: Secret,
        /// As what.
        enrol: Enrol,
    },
}

/// A secret on the wire: wiped when dropped, not shown by `Debug`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        Self(data_encoding::BASE64URL_NOPAD.encode(bytes))
    }

    pub(crate) fn from_text(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(crate) fn to_secret(&self) -> crate::secret::Secret<String> {
        crate::secret::Secret::new(self.0.clone())
    }

    pub(crate) fn to_bytes(&self) -> Option<crate::secret::Secret<[u8; 32]>> {
        crate::control::invitation::decode_secret(&self.0)
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.0);
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

/// As what somebody enrols; it must be what the invitation is for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "snake_case", deny_unknown_fields)]
pub enum Enrol {
    /// A login.
    Login {
        /// What it is, for people.
        label: Name,
    },
    /// A Jumpoint.
    Jumpoint {
        /// The key to which credentials for its targets are sealed.
        sealing_key: SealingPublicKey,
    },
}

/// What the broker says to an accepted peer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Welcome {
    /// The protocol version the broker speaks.
    pub version: ProtocolVersion,
    /// The broker's clock.
    pub time: Timestamp,
    /// The peer's name: of the user, or of the Jumpoint.
    pub name: String,
    /// The Jumpoint's id, if the peer is one.
    #[serde(default)]
    pub jumpoint: Option<JumpointId>,
    /// Seconds for which a Jumpoint's sessions live on without contact to the broker.
    pub lease_seconds: u32,
    /// The key to which recordings are sealed.
    #[serde(default)]
    pub recording_key: Option<SealingPublicKey>,
}

/// What the broker says to somebody who enrolled.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Enrolled {
    /// The name it now has: of the user, or of the Jumpoint.
    pub name: String,
    /// The Jumpoint's id, if it is one.
    #[serde(default)]
    pub jumpoint: Option<JumpointId>,
}

impl Secret {
    /// The text.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}
