//! A session: what was granted, what may happen in it, and how it ends.
//!
//! A session exists only because the broker signed a [`Grant`] for it; a [`Grant`] is made only from an
//! [`Allowed`](crate::access::Allowed) decision, which has no public constructor.

mod credential;
mod end;
mod grant;
mod permissions;
mod place;

pub use credential::{Credential, CredentialBinding, CredentialSecret, SealedCredential};
pub use end::{EndReason, Stop, StopHandle};
pub(crate) use grant::{CLOCK_LEEWAY, UsedGrants};
pub use grant::{Grant, GrantId, GrantTarget, RdpLogin, SignedGrant};
pub(crate) use permissions::PermissionBits;
pub use permissions::{RecordingMode, SessionPermission, SessionPermissions};
pub use place::GatePlace;
