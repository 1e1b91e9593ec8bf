//! The types of Jump Items besides shells and tunnels: screens, pushed agents, installed agents, vPro.

use serde::{Deserialize, Serialize};

use super::Field;
use crate::error::{Error, ErrorKind, Result};
use crate::id::SessionPolicyId;
use crate::session::SealedCredential;

fn wrong(rule: &'static str) -> Error {
    Error::new(ErrorKind::InvalidArgument, "check a jump item", rule)
}

fn at_most(field: &Field, longest: usize, rule: &'static str) -> Result<()> {
    if field.as_str().chars().count() > longest {
        return Err(wrong(rule));
    }
    Ok(())
}

/// The picture quality of an RDP session; it cannot be changed during the session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RdpQuality {
    /// Black and white.
    Low,
    /// Few colours.
    Performance,
    /// More colours.
    PerformanceQuality,
    /// Full colour.
    Quality,
    /// Video optimized.
    #[default]
    BestPerformance,
    /// Nothing is lost.
    Lossless,
}

/// What starts in an RDP session in place of the desktop.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "secure_app_type", rename_all = "snake_case", deny_unknown_fields)]
pub enum SecureApp {
    /// The desktop.
    #[default]
    None,
    /// A RemoteApp.
    RemoteApp {
        /// Its name, 1 to 512 characters.
        remote_app_name: Field,
        /// Its parameters.
        #[serde(default)]
        remote_app_params: Field,
    },
}

/// Local or Remote RDP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rdp {
    /// The target's TCP port, 1..=65535; 3389 by default. The reference writes it behind the hostname.
    pub port: u16,
    /// The picture quality.
    pub quality: RdpQuality,
    /// The console session, not a new one.
    pub console: bool,
    /// With none pinned: whether the first certificate that is seen, which nobody verifies, is accepted and pinned; off by
    /// default.
    pub ignore_untrusted: bool,
    /// Whether the target has to authenticate the login before it shows anything (NLA: CredSSP, MS-CSSP); off by default.
    #[serde(skip_serializing_if = "is_default")]
    pub require_nla: bool,
    /// The user name where no credential is injected, at most 128 characters.
    pub rdp_username: Field,
    /// The domain, at most 64 characters.
    pub domain: Field,
    /// What starts in place of the desktop.
    pub secure_app: SecureApp,
    /// SHA-256 fingerprints of the certificates that the target may show, as 64 hexadecimal digits, at most 16.
    pub pinned_certificates: Vec<Field>,
    /// The credential that is injected, sealed to the Jumpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<SealedCredential>,
}

impl Default for Rdp {
    fn default() -> Self {
        Self {
            port: 3389,
            quality: RdpQuality::default(),
            console: false,
            ignore_untrusted: false,
            require_nla: false,
            rdp_username: Field::default(),
            domain: Field::default(),
            secure_app: SecureApp::None,
            pinned_certificates: Vec::new(),
            credential: None,
        }
    }
}

impl Rdp {
    pub(super) fn validate(&self) -> Result<()> {
        if self.port == 0 {
            return Err(wrong("port is 1 to 65535"));
        }
        at_most(&self.rdp_username, 128, "rdp_username has at most 128 characters")?;
        at_most(&self.domain, 64, "domain has at most 64 characters")?;
        if let SecureApp::RemoteApp { remote_app_name, .. } = &self.secure_app
            && remote_app_name.as_str().is_empty()
        {
            return Err(wrong("remote_app_name is 1 to 512 characters"));
        }
        certificates(&self.pinned_certificates)
    }

    /// Pins a certificate that was seen first.
    ///
    /// # Errors
    /// As for [`Vnc::pin`].
    pub(super) fn pin(&mut self, sha256: &Field) -> Result<()> {
        pin(&mut self.pinned_certificates, self.ignore_untrusted, sha256)
    }
}

/// Local or Remote VNC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Vnc {
    /// The target's TCP port, 100..=65535; 5900 by default.
    pub port: u16,
    /// SHA-256 fingerprints of the certificates or RSA keys that the target may show, as 64 hexadecimal digits, at most
    /// 16. With one of them the target has to show itself: a login without that is refused.
    pub pinned_certificates: Vec<Field>,
    /// With none pinned: whether the first certificate or key that is seen is accepted and pinned. Off by default.
    #[serde(skip_serializing_if = "is_default")]
    pub trust_first_certificate: bool,
    /// The weakest login that is done.
    #[serde(skip_serializing_if = "is_default")]
    pub minimum_security: VncSecurity,
    /// The credential that is injected, sealed to the Jumpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<SealedCredential>,
}

/// The weakest login to a VNC target that an item allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VncSecurity {
    /// Only what encrypts everything to a target whose certificate or key is checked.
    Encrypted,
    /// Also what does not show the password, and encrypts nothing after the login.
    #[default]
    Password,
    /// Also no login at all, and a password in the clear.
    None,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Default for Vnc {
    fn default() -> Self {
        Self {
            port: 5900,
            pinned_certificates: Vec::new(),
            trust_first_certificate: false,
            minimum_security: VncSecurity::default(),
            credential: None,
        }
    }
}

impl Vnc {
    pub(super) fn validate(&self) -> Result<()> {
        if self.port < 100 {
            return Err(wrong("port is 100 to 65535"));
        }
        certificates(&self.pinned_certificates)
    }
}

/// Which certificates or keys a target may show, in a grant: SHA-256 fingerprints as 64 hexadecimal digits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificatePolicy {
    /// Those that it may show. Empty means that none is known yet.
    #[serde(default)]
    pub pinned: Vec<Field>,
    /// With none pinned: whether the first one seen is accepted and pinned. Has no effect once one is pinned.
    #[serde(default)]
    pub trust_first_use: bool,
    /// The weakest login that is done.
    #[serde(default)]
    pub minimum_security: VncSecurity,
}

impl CertificatePolicy {
    /// Whether it says nothing beyond the default.
    #[must_use]
    pub fn is_default(&self) -> bool {
        is_default(self)
    }

    /// Whether one with this SHA-256 is pinned.
    #[must_use]
    pub fn pins(&self, sha256: &[u8; 32]) -> bool {
        let shown = fingerprint(sha256);
        self.pinned
            .iter()
            .any(|pin| pin.as_str().eq_ignore_ascii_case(&shown))
    }
}

/// A SHA-256 as it is pinned: 64 hexadecimal digits.
#[must_use]
pub fn fingerprint(sha256: &[u8; 32]) -> String {
    use std::fmt::Write as _;
    sha256.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Vnc {
    /// Pins a certificate or key that was seen first.
    ///
    /// # Errors
    /// [`ErrorKind::HostKey`] if another one is pinned or none is to be accepted by itself; [`ErrorKind::InvalidArgument`]
    /// if it is no fingerprint.
    pub(super) fn pin(&mut self, sha256: &Field) -> Result<()> {
        pin(
            &mut self.pinned_certificates,
            self.trust_first_certificate,
            sha256,
        )
    }
}

fn pin(pinned: &mut Vec<Field>, accepts_first: bool, sha256: &Field) -> Result<()> {
    certificates(std::slice::from_ref(sha256))?;
    if pinned
        .iter()
        .any(|pin| pin.as_str().eq_ignore_ascii_case(sha256.as_str()))
    {
        return Ok(());
    }
    if !pinned.is_empty() || !accepts_first {
        return Err(Error::new(
            ErrorKind::HostKey,
            "pin a certificate",
            "the item does not accept a new certificate",
        ));
    }
    pinned.push(sha256.clone());
    Ok(())
}

fn certificates(pinned: &[Field]) -> Result<()> {
    let fingerprint =
        |field: &Field| field.as_str().len() == 64 && field.as_str().bytes().all(|b| b.is_ascii_hexdigit());
    if pinned.len() > 16 || !pinned.iter().all(fingerprint) {
        return Err(wrong(
            "at most 16 certificates are pinned, each by 64 hexadecimal digits of SHA-256",
        ));
    }
    Ok(())
}

/// Local or Remote Jump: an agent is pushed to a Windows host for one session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PushJump {
    /// The credential that installs the agent, sealed to the Jumpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<SealedCredential>,
}

/// Intel vPro (AMT): below the operating system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IntelVpro {
    /// The target's TCP port, 1..=65535; 16993 (TLS) by default.
    pub port: u16,
    /// Whether Kerberos is used; the hostname must then be a full domain name.
    pub kerberos: bool,
    /// The credential that is injected, sealed to the Jumpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<SealedCredential>,
}

impl Default for IntelVpro {
    fn default() -> Self {
        Self {
            port: 16993,
            kerberos: false,
            credential: None,
        }
    }
}

impl IntelVpro {
    pub(super) fn validate(&self, hostname: &str) -> Result<()> {
        if self.port == 0 {
            return Err(wrong("port is 1 to 65535"));
        }
        if self.kerberos && (!hostname.contains('.') || hostname.parse::<std::net::IpAddr>().is_ok()) {
            return Err(wrong("with kerberos the hostname is a full domain name"));
        }
        Ok(())
    }
}

/// How the agent of a Jump Client connects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionType {
    /// It keeps a connection to the site.
    #[default]
    Active,
    /// It waits to be called.
    Passive,
}

/// A Jump Client: an agent that is installed on the target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JumpClient {
    /// How it connects.
    pub connection_type: ConnectionType,
    /// After how many minutes without a connection it is lost; 0 is the site's setting.
    pub max_offline_minutes: u32,
    /// The session policy while somebody is at the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attended_session_policy: Option<SessionPolicyId>,
    /// The session policy while nobody is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unattended_session_policy: Option<SessionPolicyId>,
    /// Whether the agent shows nothing.
    pub is_quiet: bool,
}

/// The terminal that a shell is told it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Terminal {
    /// xterm.
    #[default]
    #[serde(rename = "xterm")]
    Xterm,
    /// DEC VT100.
    #[serde(rename = "VT100")]
    Vt100,
}
