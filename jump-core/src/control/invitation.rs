//! Invitations: what a newcomer is handed once, out of band, to find the broker and prove that it was invited.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use crate::error::{Error, ErrorKind, Result};
use crate::keys::{PublicKey, random_bytes};
use crate::secret::Secret;
use crate::store::TokenHash;
use crate::text::Escaped;

const PREFIX: &str = "jump-invite-1.";

/// Where a broker is and the key it must prove.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrokerEndpoint {
    /// Its address: `host:port` for TCP.
    pub address: String,
    /// Its key, pinned.
    pub key: PublicKey,
}

/// A single-use enrolment token with the broker's address and key: all that a new Jumpoint or login needs.
///
/// As text it is one word. It is a secret until it was used: pass it in a file or on standard input, not on a
/// command line.
#[derive(Debug)]
pub struct Invitation {
    /// The broker to enrol with.
    pub broker: BrokerEndpoint,
    secret: Secret<[u8; 32]>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    address: String,
    key: PublicKey,
    secret: String,
}

impl Invitation {
    /// A fresh invitation to `broker`.
    pub fn new(broker: BrokerEndpoint) -> Result<Self> {
        Ok(Self {
            broker,
            secret: Secret::new(random_bytes()?),
        })
    }

    /// The hash under which the store knows it.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(self.secret.expose())
    }

    pub(crate) const fn secret(&self) -> &Secret<[u8; 32]> {
        &self.secret
    }

    /// The text to hand over.
    #[must_use]
    pub fn reveal(&self) -> Secret<String> {
        let mut wire = Wire {
            address: self.broker.address.clone(),
            key: self.broker.key,
            secret: BASE64URL_NOPAD.encode(self.secret.expose()),
        };
        let mut json = serde_json::to_vec(&wire).unwrap_or_default();
        let text = Secret::new(format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&json)));
        json.zeroize();
        wire.secret.zeroize();
        text
    }
}

impl FromStr for Invitation {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            Error::new(
                ErrorKind::InvalidArgument,
                "read an invitation",
                "it is one word that starts with `jump-invite-1.`",
            )
        };
        let body = text
            .trim()
            .strip_prefix(PREFIX)
            .filter(|body| body.len() <= 4096)
            .ok_or_else(wrong)?;
        let mut json = BASE64URL_NOPAD.decode(body.as_bytes()).map_err(|_| wrong())?;
        let wire = serde_json::from_slice::<Wire>(&json).map_err(|_| wrong());
        json.zeroize();
        let mut wire = wire?;
        let secret = decode_secret(&wire.secret);
        wire.secret.zeroize();
        let secret = secret.ok_or_else(wrong)?;
        Ok(Self {
            broker: BrokerEndpoint {
                address: std::mem::take(&mut wire.address),
                key: wire.key,
            },
            secret,
        })
    }
}

/// The 32 bytes that the text stands for, without a copy of them elsewhere.
pub(crate) fn decode_secret(text: &str) -> Option<Secret<[u8; 32]>> {
    let mut bytes = Zeroizing::new([0u8; 32]);
    (BASE64URL_NOPAD.decode_len(text.len()).ok()? == bytes.len()).then_some(())?;
    BASE64URL_NOPAD.decode_mut(text.as_bytes(), &mut *bytes).ok()?;
    Some(Secret::new(*bytes))
}

impl fmt::Display for Invitation {
    /// Says where it leads, not the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invitation to {}", Escaped(&self.broker.address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::SigningKey;

    #[test]
    fn an_invitation_survives_being_text() {
        let key = SigningKey::generate().unwrap().public();
        let invitation = Invitation::new(BrokerEndpoint {
            address: "broker.example:7422".into(),
            key,
        })
        .unwrap();
        let back: Invitation = format!(" {}\n", invitation.reveal().expose()).parse().unwrap();
        assert_eq!(back.broker, invitation.broker);
        assert_eq!(back.hash(), invitation.hash());
        assert!(!format!("{back:?} {back}").contains(&BASE64URL_NOPAD.encode(invitation.secret.expose())));
    }

    #[test]
    fn other_text_is_refused() {
        for bad in [
            "",
            "jump-invite-1.",
            "jump-invite-1.e30",
            "jump-invite-2.e30",
            "x".repeat(10_000).as_str(),
        ] {
            assert!(bad.parse::<Invitation>().is_err(), "{bad:.40}");
        }
    }
}
