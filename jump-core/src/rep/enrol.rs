//! Turning an invitation, or what the site's authenticator accepts, into a login.

use crate::broker::LONGEST_PROOF;
use crate::control::{self, BrokerEndpoint, Dial, Enrol, Enrolled, Invitation};
use crate::error::{Error, ErrorKind, Result};
use crate::keys::SigningKey;
use crate::model::Name;
use crate::secret::Secret;
use crate::time::SystemClock;
use crate::tunnel::{Tls, Transport};

/// The key that a login proves. It is made where it is used and never leaves it.
#[derive(Clone, Debug)]
pub struct LoginIdentity(pub SigningKey);

impl LoginIdentity {
    /// A fresh random key.
    pub fn generate() -> Result<Self> {
        SigningKey::generate().map(Self)
    }
}

/// Enrols a login with the broker that sent the invitation. `label` says what the login is, such as a device's name.
///
/// # Errors
/// [`ErrorKind::Unauthenticated`](crate::ErrorKind::Unauthenticated) if the invitation is used, expired or for
/// something else. Not cancel-safe: the invitation may be spent.
pub async fn enrol(
    transport: &dyn Transport,
    invitation: &Invitation,
    identity: &LoginIdentity,
    label: Name,
) -> Result<Enrolled> {
    control::enrol(
        transport,
        &Tls::ring(),
        &SystemClock,
        invitation,
        &identity.0,
        Enrol::Login { label },
    )
    .await
}

/// Shows the broker a proof that its embedder's [`Authenticator`](crate::broker::Authenticator) understands, and makes `identity` a
/// login of the user whom that recognizes. `label` says what the login is. Waits at most ten seconds for each step.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`] for a proof that is empty or longer than 12 KiB; [`ErrorKind::Unauthenticated`] if the broker has
/// no authenticator or it does not accept the proof; [`ErrorKind::ResourceLimit`] if too many log in at once, or the user has too many
/// logins; [`ErrorKind::UntrustedPeer`] if the broker is another one. Not cancel-safe: the login may have been made.
pub async fn log_in(
    transport: &dyn Transport,
    broker: &BrokerEndpoint,
    proof: &Secret<String>,
    identity: &LoginIdentity,
    label: Name,
) -> Result<Enrolled> {
    if !(1..=LONGEST_PROOF).contains(&proof.expose().len()) {
        let rule = "a proof has 1 byte to 12 KiB";
        return Err(Error::new(ErrorKind::InvalidArgument, "log in", rule));
    }
    let dial = Dial {
        transport,
        tls: &Tls::ring(),
        clock: &SystemClock,
        broker,
        key: &identity.0,
    };
    control::log_in(&dial, proof.expose(), label).await
}
