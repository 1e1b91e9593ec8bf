//! How a client connects.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use jump_core::Result;
use jump_core::session::SessionPermissions;
use jump_core::tls::ServerCertificate;

use crate::decode::Helpers;
use crate::security::{SecurityPolicy, ServerKey, VncCredential};

/// Gives the credential when it is needed.
pub(super) type Ask = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = Result<VncCredential>> + Send>> + Send>;

/// What a client logs in with.
pub struct Login(pub(super) Source);

pub(super) enum Source {
    Given(VncCredential),
    Asked(Ask),
}

impl Login {
    /// This credential.
    #[must_use]
    pub const fn with(credential: VncCredential) -> Self {
        Self(Source::Given(credential))
    }

    /// Asks somebody, once, before the handshake begins. Their time is not counted as the handshake's.
    pub fn ask<F>(ask: impl FnOnce() -> F + Send + 'static) -> Self
    where
        F: Future<Output = Result<VncCredential>> + Send + 'static,
    {
        Self(Source::Asked(Box::new(move || Box::pin(ask()))))
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login")
    }
}

/// Says whether an RSA key is the server's (rfbproto "RSA-AES Security Type").
pub(super) type KeyCheck = Box<dyn Fn(&ServerKey) -> bool + Send + Sync>;

/// How a [`VncClient`](super::VncClient) connects. By default it logs in with nothing, trusts no server's identity, may do
/// everything, and shows exact pixels only.
pub struct VncClientOptions {
    pub(super) policy: SecurityPolicy,
    pub(super) login: Login,
    pub(super) certificate: Option<ServerCertificate>,
    pub(super) key: KeyCheck,
    pub(super) permissions: SessionPermissions,
    pub(super) shared: bool,
    pub(super) lossless: bool,
    pub(super) helpers: Helpers,
    pub(super) handshake_timeout: Duration,
}

impl Default for VncClientOptions {
    fn default() -> Self {
        Self {
            policy: SecurityPolicy::default(),
            login: Login::with(VncCredential::None),
            certificate: None,
            key: Box::new(|_| false),
            permissions: SessionPermissions::ALL,
            shared: true,
            lossless: true,
            helpers: Helpers::of_this_machine(),
            handshake_timeout: Duration::from_secs(30),
        }
    }
}

impl VncClientOptions {
    /// Which logins may be used.
    #[must_use]
    pub fn policy(self, policy: SecurityPolicy) -> Self {
        Self { policy, ..self }
    }

    /// With what.
    #[must_use]
    pub fn login(self, login: Login) -> Self {
        Self { login, ..self }
    }

    /// Which certificate the server may show; without this one none is accepted.
    #[must_use]
    pub fn certificate(self, certificate: ServerCertificate) -> Self {
        Self {
            certificate: Some(certificate),
            ..self
        }
    }

    /// Who says whether an RSA key is the server's; without this one none is accepted.
    #[must_use]
    pub fn server_key(self, check: impl Fn(&ServerKey) -> bool + Send + Sync + 'static) -> Self {
        Self {
            key: Box::new(check),
            ..self
        }
    }

    /// What may be done in the session. The rest is refused before anything is sent.
    #[must_use]
    pub fn permissions(self, permissions: SessionPermissions) -> Self {
        Self { permissions, ..self }
    }

    /// Whether other viewers may stay (RFC 6143 §7.3.1); they may by default.
    #[must_use]
    pub fn shared(self, shared: bool) -> Self {
        Self { shared, ..self }
    }

    /// Whether pixels have to be exact. Otherwise a slow link gets JPEG.
    #[must_use]
    pub fn lossless(self, lossless: bool) -> Self {
        Self { lossless, ..self }
    }

    /// Who decodes JPEG beside the session's task; by default threads of the session's own, as many as
    /// [`Helpers::of_this_machine`] says, of which none starts before there is JPEG.
    #[must_use]
    pub fn helpers(self, helpers: Helpers) -> Self {
        Self { helpers, ..self }
    }

    /// The longest time until the server's first words about its screen; 30 seconds by default.
    #[must_use]
    pub fn handshake_timeout(self, handshake_timeout: Duration) -> Self {
        Self {
            handshake_timeout,
            ..self
        }
    }
}

impl fmt::Debug for VncClientOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VncClientOptions")
            .field("policy", &self.policy)
            .field("permissions", &self.permissions)
            .field("shared", &self.shared)
            .field("lossless", &self.lossless)
            .field("helpers", &self.helpers)
            .field("handshake_timeout", &self.handshake_timeout)
            .finish_non_exhaustive()
    }
}
