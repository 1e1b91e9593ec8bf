//! How a client connects.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use jump_core::Result;
use jump_core::model::{CertificatePolicy, TargetAddress};
use jump_core::protocol::Dialer;
use jump_core::secret::Secret;
use jump_core::session::{Grant, SessionPermissions};

use super::drive::SharedFolder;
use super::files::ClipboardFilesEnd;
use super::kerberos::KdcClient;
use super::monitors::{Layout, Monitor, MonitorsEnd};
use super::reconnect::{ReconnectCookie, ReconnectEnd};
use super::sound::SoundSink;
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
    /// Only with the feature `client-h264`.
    pub(super) h264: bool,
    /// How many pictures came so.
    pub(super) h264_pictures: Arc<AtomicU64>,
    pub(super) handshake_timeout: Duration,
    pub(super) sound: Option<SoundSink>,
    pub(super) folder: Option<SharedFolder>,
    pub(super) clipboard_files: Option<ClipboardFilesEnd>,
    /// Who dials the server that a client is sent to, and where the first one is.
    pub(super) follow: Option<(Arc<dyn Dialer>, TargetAddress)>,
    pub(super) cookies: Option<ReconnectEnd>,
    pub(super) reconnect: Option<ReconnectCookie>,
    pub(super) kdc: Option<Arc<dyn KdcClient>>,
    pub(super) layout: Option<Layout>,
    pub(super) monitors: Option<MonitorsEnd>,
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
            h264: false,
            h264_pictures: Arc::default(),
            handshake_timeout: Duration::from_secs(30),
            sound: None,
            folder: None,
            clipboard_files: None,
            follow: None,
            cookies: None,
            reconnect: None,
            kdc: None,
            layout: None,
            monitors: None,
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
            layout: None,
            ..self
        }
    }

    /// The monitors that are asked for, in place of one of a size; they make up one picture, whose corner is that of the
    /// leftmost and topmost ones.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`](jump_core::ErrorKind::InvalidArgument) if they do not fit together.
    pub fn monitors(self, monitors: &[Monitor]) -> Result<Self> {
        let layout = Layout::new(monitors)?;
        Ok(Self {
            size: layout.size(),
            layout: Some(layout),
            ..self
        })
    }

    /// The choice of other monitors within the session.
    #[must_use]
    pub fn monitors_end(self, end: MonitorsEnd) -> Self {
        Self {
            monitors: Some(end),
            ..self
        }
    }

    /// Whether pixels have to be exact. The server is then offered neither RemoteFX nor the graphics pipeline, without which
    /// some servers, GNOME's among them, do not serve.
    #[must_use]
    pub fn lossless(self, lossless: bool) -> Self {
        Self { lossless, ..self }
    }

    /// Whether the target may send its screen as H.264, which OpenH264 decodes, a library in C++: not by default, because a
    /// decoder is what a hostile target aims at. A gate agrees on it with nobody.
    #[cfg(feature = "client-h264")]
    #[must_use]
    pub fn h264(self, h264: bool) -> Self {
        Self { h264, ..self }
    }

    /// The longest time until the session is active; 30 seconds by default.
    #[must_use]
    pub fn handshake_timeout(self, handshake_timeout: Duration) -> Self {
        Self {
            handshake_timeout,
            ..self
        }
    }

    /// Goes where the server at `from` sends its clients before a session begins, at most three times; without this one that is
    /// an error. `dialer` says where one may go at all. The other server's certificate has to be one that is
    /// [allowed](Self::certificate), for the other server's name if authorities are asked.
    #[must_use]
    pub fn follow(self, dialer: Arc<dyn Dialer>, from: TargetAddress) -> Self {
        Self {
            follow: Some((dialer, from)),
            ..self
        }
    }

    /// Where the cookies go by which the session can be joined again; without this one they are forgotten.
    #[must_use]
    pub fn reconnect_cookies(self, end: ReconnectEnd) -> Self {
        Self {
            cookies: Some(end),
            ..self
        }
    }

    /// Joins the session again that a cookie is of. A server that does not know it any more begins with a login, as without.
    #[must_use]
    pub fn reconnect(self, cookie: ReconnectCookie) -> Self {
        Self {
            reconnect: Some(cookie),
            ..self
        }
    }

    /// Who asks the Kerberos server, where the server wants Network Level Authentication. The login's domain is the realm, and
    /// [`host`](Self::host) the server's name in it. Without this one it is NTLM.
    #[must_use]
    pub fn kerberos(self, kdc: Arc<dyn KdcClient>) -> Self {
        Self {
            kdc: Some(kdc),
            ..self
        }
    }

    /// Where the target's sound goes; without this one the target is told that nobody listens.
    #[must_use]
    pub fn sound(self, sound: SoundSink) -> Self {
        Self {
            sound: Some(sound),
            ..self
        }
    }

    /// The files on the clipboard; without this one none are exchanged.
    #[must_use]
    pub fn clipboard_files(self, end: ClipboardFilesEnd) -> Self {
        Self {
            clipboard_files: Some(end),
            ..self
        }
    }

    /// A folder that the target may use as a drive. It takes the permissions `file_upload` to be read and `file_download` to be
    /// written to; without both of them there is no drive.
    #[must_use]
    pub fn share(self, folder: SharedFolder) -> Self {
        Self {
            folder: Some(folder),
            ..self
        }
    }

    /// The stream is one to a gate of ours, as [`Rep::jump`](jump_core::rep::Rep::jump) gives it: encrypted already, and the
    /// gate logs in. What may be done is what the grant says.
    #[must_use]
    pub fn through_gate(self, grant: &Grant) -> Self {
        Self {
            inner: true,
            permissions: grant.permissions(),
            ..self
        }
    }

    /// The folder, if the target may do anything with it.
    pub(super) fn shared(&self) -> Option<&SharedFolder> {
        self.folder.as_ref().filter(|_| self.permissions.moves_files())
    }
}
