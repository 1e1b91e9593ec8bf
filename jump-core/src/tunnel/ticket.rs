//! The one-time ticket with which a party of a session enters the relay.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::id::SessionId;
use crate::keys::{PublicKey, Signature, SigningKey, random_bytes};
use crate::time::Timestamp;

/// The signature's purpose: a ticket's signature is good for nothing else, and no other signature makes a ticket.
const DOMAIN: &str = "jump relay ticket v1";
/// session 16, party 1, nonce 16, expiry 8 (milliseconds since 1970, big-endian).
const BODY_LENGTH: usize = 41;
const SIGNATURE_LENGTH: usize = 64;

/// One of the two ends of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Party {
    /// The rep.
    Rep = 1,
    /// The Jumpoint.
    Jumpoint = 2,
}

impl Party {
    const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Rep),
            2 => Some(Self::Jumpoint),
            _ => None,
        }
    }
}

/// What the broker says to the relay: this party may join this session, once, until then.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ticket {
    /// The session.
    pub session: SessionId,
    /// Which end of it.
    pub party: Party,
    /// Makes the ticket unique, so that the relay can see it a second time and refuse it.
    pub nonce: [u8; 16],
    /// From this moment on it is refused. Whole milliseconds; a finer value is cut.
    pub expires: Timestamp,
}

impl Ticket {
    /// A new ticket with a random nonce.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if the system gives no random bytes.
    pub fn new(session: SessionId, party: Party, expires: Timestamp) -> Result<Self> {
        Ok(Self {
            session,
            party,
            nonce: random_bytes()?,
            expires: Timestamp::from_millisecond(expires.as_millisecond()).unwrap_or(expires),
        })
    }

    /// Signs the ticket with the broker's key.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> SignedTicket {
        let mut bytes = [0u8; SignedTicket::LENGTH];
        let body = self.body();
        let signature = key.sign(DOMAIN, &body);
        let parts = body.iter().chain(signature.as_bytes());
        for (slot, byte) in bytes.iter_mut().zip(parts) {
            *slot = *byte;
        }
        SignedTicket(bytes)
    }

    fn body(&self) -> [u8; BODY_LENGTH] {
        let mut body = [0u8; BODY_LENGTH];
        let party = [self.party as u8];
        let expires = self.expires.as_millisecond().to_be_bytes();
        let parts = self
            .session
            .as_bytes()
            .iter()
            .chain(&party)
            .chain(&self.nonce)
            .chain(&expires);
        for (slot, byte) in body.iter_mut().zip(parts) {
            *slot = *byte;
        }
        body
    }

    fn from_body(body: &[u8]) -> Option<Self> {
        let (session, rest) = body.split_first_chunk::<16>()?;
        let ([party], rest) = rest.split_first_chunk::<1>()?;
        let (nonce, rest) = rest.split_first_chunk::<16>()?;
        let expires: [u8; 8] = rest.try_into().ok()?;
        Some(Self {
            session: SessionId::from_bytes(*session),
            party: Party::from_number(*party)?,
            nonce: *nonce,
            expires: Timestamp::from_millisecond(i64::from_be_bytes(expires)).ok()?,
        })
    }
}

/// A [`Ticket`] with the broker's signature, as it travels: fixed-size bytes, or base64url text in JSON.
///
/// It is not a secret that protects a session (the keys inside the tunnel do), but who shows it first takes the place
/// of its owner at the relay, so `Debug` does not print it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SignedTicket([u8; SignedTicket::LENGTH]);

impl SignedTicket {
    /// The length in bytes.
    pub const LENGTH: usize = BODY_LENGTH + SIGNATURE_LENGTH;

    /// The ticket with these bytes; they are checked by [`SignedTicket::verify`].
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }

    /// The ticket, if `broker` signed it and `now` is before its expiry. Whether it was used before is for the relay
    /// to know.
    ///
    /// # Errors
    /// [`ErrorKind::Grant`] otherwise.
    pub fn verify(&self, broker: &PublicKey, now: Timestamp) -> Result<Ticket> {
        let refused = |context| Error::new(ErrorKind::Grant, "check a relay ticket", context);
        let ticket = self
            .signed_by(broker)
            .ok_or_else(|| refused("it is not signed by this site's broker"))?;
        if ticket.expires <= now {
            return Err(refused("it has expired, ask the broker for a new one"));
        }
        Ok(ticket)
    }

    /// The ticket, if the signature is the broker's; expiry is not looked at.
    pub(super) fn signed_by(&self, broker: &PublicKey) -> Option<Ticket> {
        let (body, signature) = self.0.split_at_checked(BODY_LENGTH)?;
        let signature = Signature::from_bytes(signature.try_into().ok()?);
        broker.verify(DOMAIN, body, &signature).ok()?;
        Ticket::from_body(body)
    }
}

impl fmt::Debug for SignedTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignedTicket([ticket])")
    }
}

impl TryFrom<String> for SignedTicket {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        BASE64URL_NOPAD
            .decode(text.as_bytes())
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::InvalidArgument,
                    "read a relay ticket",
                    format!("a ticket is {} bytes in base64url without padding", Self::LENGTH),
                )
            })
    }
}

impl From<SignedTicket> for String {
    fn from(ticket: SignedTicket) -> String {
        BASE64URL_NOPAD.encode(&ticket.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn any_ticket() -> impl Strategy<Value = Ticket> {
        let party = prop_oneof![Just(Party::Rep), Just(Party::Jumpoint)];
        (
            any::<[u8; 16]>(),
            party,
            any::<[u8; 16]>(),
            0i64..4_000_000_000_000,
        )
            .prop_map(|(session, party, nonce, expires)| Ticket {
                session: SessionId::from_bytes(session),
                party,
                nonce,
                expires: Timestamp::from_millisecond(expires).unwrap(),
            })
    }

    proptest! {
        #[test]
        fn a_ticket_comes_back_from_its_bytes_and_its_text(ticket in any_ticket(), seed in any::<[u8; 32]>()) {
            let key = SigningKey::from_seed(crate::secret::Secret::new(seed)).unwrap();
            let signed = ticket.sign(&key);
            let json = serde_json::to_string(&signed).unwrap();
            let again: SignedTicket = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(&again, &signed);
            prop_assert_eq!(again.verify(&key.public(), Timestamp::MIN).unwrap(), ticket);
        }

        #[test]
        fn no_bytes_make_reading_a_body_panic(body in proptest::collection::vec(any::<u8>(), 0..BODY_LENGTH + 9)) {
            if let Some(ticket) = Ticket::from_body(&body) {
                prop_assert_eq!(ticket.body().to_vec(), body);
            }
        }

        #[test]
        fn any_changed_bit_is_refused(ticket in any_ticket(), bit in 0..SignedTicket::LENGTH * 8) {
            let key = SigningKey::generate().unwrap();
            let mut bytes = *ticket.sign(&key).as_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let refused = SignedTicket::from_bytes(bytes).verify(&key.public(), Timestamp::MIN).unwrap_err();
            prop_assert_eq!(refused.kind(), ErrorKind::Grant);
        }

        #[test]
        fn no_text_makes_reading_a_ticket_panic(text in ".{0,200}") {
            let _ = SignedTicket::try_from(text);
        }
    }

    #[test]
    fn a_ticket_ends_exactly_at_its_expiry() {
        let key = SigningKey::generate().unwrap();
        let ticket = Ticket::new(SessionId::random().unwrap(), Party::Rep, at(100)).unwrap();
        let signed = ticket.sign(&key);
        assert!(signed.verify(&key.public(), at(99)).is_ok());
        assert_eq!(
            signed.verify(&key.public(), at(100)).unwrap_err().kind(),
            ErrorKind::Grant
        );
    }

    #[test]
    fn another_brokers_ticket_is_refused() {
        let key = SigningKey::generate().unwrap();
        let ticket = Ticket::new(SessionId::random().unwrap(), Party::Jumpoint, at(100)).unwrap();
        let other = SigningKey::generate().unwrap();
        let refused = ticket.sign(&other).verify(&key.public(), at(0)).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Grant);
    }

    #[test]
    fn debug_output_does_not_hold_the_ticket() {
        let key = SigningKey::generate().unwrap();
        let signed = Ticket::new(SessionId::random().unwrap(), Party::Rep, at(1))
            .unwrap()
            .sign(&key);
        assert_eq!(format!("{signed:?}"), "SignedTicket([ticket])");
    }
}
