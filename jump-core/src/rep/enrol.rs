//! Turning an invitation into a login.

use crate::control::{self, Enrol, Enrolled, Invitation};
use crate::error::Result;
use crate::keys::SigningKey;
use crate::model::Name;
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
