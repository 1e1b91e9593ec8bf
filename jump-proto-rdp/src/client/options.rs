//! How a client connects.

use std::time::Duration;

use jump_core::model::CertificatePolicy;
use jump_core::secret::Secret;
use jump_core::session::SessionPermissions;

use crate::tls::ServerCertificate;

/// How a server is made sure of who logs in (MS-RDPBCGR §5.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RdpSecurity {
    /// Network Level Authentication only: CredSSP within TLS. A server that does not want it is not logged in to, and is not
    /// told the password.
    Nla,
    /// Network Level Authentication where the server has it, else the password within TLS. If the server says afterwards
    /// that it was asked for something else than was asked, somebody is in between, and it is not logged in to.
    #[default]
    NlaOrTls,
    /// The password within TLS, also where the server has more.
    Tls,
}

/// Who logs in. Never printed.
#[derive(Debug)]
pub struct RdpLogin {
    /// The user's name, also as `DOMAIN\name` or `name@domain`.
    pub user: String,
    /// The domain; empty if there is none.
    pub domain: String,
    /// The password.
    pub password: Secret<String>,
}

/// How a [`RdpClient`](super::RdpClient) connects. By default it logs in as nobody, accepts no certificate, may do
/// everything, asks for 1280 × 800 pixels and takes lossy codecs.
#[derive(Debug)]
pub struct RdpClientOptions {
    pub(super) security: RdpSecurity,
    pub(super) login: Option<RdpLogin>,
    pub(super) certificate: ServerCertificate,
    pub(super) host: String,
    pub(super) permissions: SessionPermissions,
    pub(super) size: (u16, u16),
    pub(super) lossless: bool,
    pub(super) handshake_timeout: Duration,
    /// The stream is encrypted already, and a gate of ours is at its other end.
    pub(super) inner: bool,
}

impl Default for RdpClientOptions {
    fn default() -> Self {
        Self {
            security: RdpSecurity::default(),
            login: None,
            certificate: ServerCertificate::by_policy(CertificatePolicy::default()),
            host: "localhost".to_owned(),
            permissions: SessionPermissions::ALL,
            size: (1280, 800),
            lossless: false,
            handshake_timeout: Duration::from_secs(30),
            inner: false,
        }
    }
}

impl RdpClientOptions {
    /// How the server is made sure of who logs in.
    #[must_use]
    pub fn security(self, security: RdpSecurity) -> Self {
        Self { security, ..self }
    }

    /// Who logs in.
    #[must_use]
    pub fn login(self, login: RdpLogin) -> Self {
        Self {
            login: Some(login),
            ..self
        }
    }

    /// Which certificate the server may show; without this one none is accepted.
    #[must_use]
    pub fn certificate(self, certificate: ServerCertificate) -> Self {
        Self { certificate, ..self }
    }

    /// The server's name, as CredSSP says it (MS-CSSP §3.1.5, `TERMSRV/name`).
    #[must_use]
    pub fn host(self, host: &str) -> Self {
        Self {
            host: host.to_owned(),
            ..self
        }
    }

    /// What may be done in the session. The rest is refused before anything is sent.
    #[must_use]
    pub fn permissions(self, permissions: SessionPermissions) -> Self {
        Self { permissions, ..self }
    }

    /// The size of the screen that is asked for, in pixels, 200 to 8192 either way; a server may have another.
    #[must_use]
    pub fn size(self, width: u16, height: u16) -> Self {
        Self {
            size: (width, height),
            ..self
        }
    }

    /// Whether pixels have to be exact. The server is then offered neither RemoteFX nor the graphics pipeline, without which
    /// some servers, GNOME's among them, do not serve.
    #[must_use]
    pub fn lossless(self, lossless: bool) -> Self {
        Self { lossless, ..self }
    }

    /// The longest time until the session is active; 30 seconds by default.
    #[must_use]
    pub fn handshake_timeout(self, handshake_timeout: Duration) -> Self {
        Self {
            handshake_timeout,
            ..self
        }
    }

    /// The stream is encrypted already, and a gate of ours is at its other end.
    pub(super) fn inner(self) -> Self {
        Self { inner: true, ..self }
    }
}
