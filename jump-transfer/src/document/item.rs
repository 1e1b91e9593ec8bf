//! Jump Items in a document: as in the model, but by names and without credentials.

use jump_core::model::{
    Comments, ConnectionType, Field, HostKeyPolicy, Hostname, JumpMethod, Name, ProtocolTunnel, RdpQuality,
    SecureApp, ShellProtocol, Tag, Terminal, UserName, VncSecurity,
};
use jump_core::session::{RecordingMode, SessionPermissions};
use serde::{Deserialize, Serialize};

use super::is_default;

/// A Jump Item, in a Jump Group or on a personal list: exactly one of `group` and `personal` is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Its Jump Group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Name>,
    /// Whose personal list it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personal: Option<UserName>,
    /// Its name, unique there.
    pub name: Name,
    /// The Jumpoint through which it is reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jumpoint: Option<Name>,
    /// Its host.
    pub hostname: Hostname,
    /// A word to search by.
    #[serde(default, skip_serializing_if = "is_default")]
    pub tag: Tag,
    /// Anything worth knowing.
    #[serde(default, skip_serializing_if = "is_default")]
    pub comments: Comments,
    /// Its Jump Policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jump_policy: Option<Name>,
    /// Its session policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_policy: Option<Name>,
    /// What happens when a session's recording fails or cannot keep up.
    #[serde(default, skip_serializing_if = "is_default")]
    pub recording: RecordingMode,
    /// The longest a session may last, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_duration_seconds: Option<u32>,
    /// The item that it is a copy of. Copies of an item that is gone name the first among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy_of: Option<ItemRef>,
    /// What is special to its type.
    pub details: Details,
}

/// Another item, by its place and name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemRef {
    /// Its Jump Group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Name>,
    /// Whose personal list it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personal: Option<UserName>,
    /// Its name.
    pub name: Name,
}

/// Where an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// In this Jump Group.
    Group(&'a Name),
    /// On this user's personal list.
    Personal(&'a UserName),
}

fn place<'a>(group: Option<&'a Name>, personal: Option<&'a UserName>) -> Result<Place<'a>, &'static str> {
    match (group, personal) {
        (Some(group), None) => Ok(Place::Group(group)),
        (None, Some(user)) => Ok(Place::Personal(user)),
        _ => Err("an item is in a `group` or on a list that is `personal`: exactly one of them is needed"),
    }
}

impl Item {
    /// Where it is.
    ///
    /// # Errors
    /// The rule, if not exactly one place is given.
    pub fn place(&self) -> Result<Place<'_>, &'static str> {
        place(self.group.as_ref(), self.personal.as_ref())
    }
}

impl ItemRef {
    /// Where it is.
    ///
    /// # Errors
    /// The rule, if not exactly one place is given.
    pub fn place(&self) -> Result<Place<'_>, &'static str> {
        place(self.group.as_ref(), self.personal.as_ref())
    }
}

/// What is special to an item's type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Details {
    /// A shell.
    ShellJump(ShellJump),
    /// TCP to permitted ports.
    ProtocolTunnel(ProtocolTunnel),
    /// RDP in the rep's own network.
    LocalRdp(Rdp),
    /// RDP through a Jumpoint.
    RemoteRdp(Rdp),
    /// VNC in the rep's own network.
    LocalVnc(Vnc),
    /// VNC through a Jumpoint.
    RemoteVnc(Vnc),
    /// An agent that is pushed to a host of the rep's own network.
    LocalJump(PushJump),
    /// An agent that is pushed to a host through a Jumpoint.
    RemoteJump(PushJump),
    /// Intel vPro.
    IntelVpro(Vpro),
    /// An installed agent.
    JumpClient(JumpClient),
}

impl Details {
    /// The item's type.
    #[must_use]
    pub const fn method(&self) -> JumpMethod {
        match self {
            Details::ShellJump(_) => JumpMethod::ShellJump,
            Details::ProtocolTunnel(_) => JumpMethod::ProtocolTunnel,
            Details::LocalRdp(_) => JumpMethod::LocalRdp,
            Details::RemoteRdp(_) => JumpMethod::RemoteRdp,
            Details::LocalVnc(_) => JumpMethod::LocalVnc,
            Details::RemoteVnc(_) => JumpMethod::RemoteVnc,
            Details::LocalJump(_) => JumpMethod::LocalJump,
            Details::RemoteJump(_) => JumpMethod::RemoteJump,
            Details::IntelVpro(_) => JumpMethod::IntelVpro,
            Details::JumpClient(_) => JumpMethod::JumpClient,
        }
    }
}

/// A Shell Jump.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShellJump {
    /// The protocol spoken to the target.
    pub protocol: ShellProtocol,
    /// The target's TCP port.
    pub port: u16,
    /// The terminal that the shell is told it has.
    #[serde(default, skip_serializing_if = "is_default")]
    pub terminal: Terminal,
    /// The user name where no credential is injected.
    #[serde(default, skip_serializing_if = "is_default")]
    pub username: Field,
    /// Seconds between keep-alive packets; 0 is off.
    #[serde(default, skip_serializing_if = "is_default")]
    pub keep_alive_seconds: u16,
    /// Which host keys the target may show.
    #[serde(default, skip_serializing_if = "is_default")]
    pub host_key: HostKeyPolicy,
    /// What may happen in a session.
    #[serde(default, skip_serializing_if = "is_default")]
    pub permissions: SessionPermissions,
}

/// Local or Remote RDP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rdp {
    /// The target's TCP port.
    pub port: u16,
    /// The picture quality.
    #[serde(skip_serializing_if = "is_default")]
    pub quality: RdpQuality,
    /// The console session, not a new one.
    #[serde(skip_serializing_if = "is_default")]
    pub console: bool,
    /// Whether a certificate that cannot be verified is accepted.
    #[serde(skip_serializing_if = "is_default")]
    pub ignore_untrusted: bool,
    /// Whether the target has to authenticate the login first (NLA).
    #[serde(skip_serializing_if = "is_default")]
    pub require_nla: bool,
    /// The user name where no credential is injected.
    #[serde(skip_serializing_if = "is_default")]
    pub rdp_username: Field,
    /// The domain.
    #[serde(skip_serializing_if = "is_default")]
    pub domain: Field,
    /// What starts in place of the desktop.
    #[serde(skip_serializing_if = "is_default")]
    pub secure_app: SecureApp,
    /// SHA-256 fingerprints of the certificates that the target may show.
    #[serde(skip_serializing_if = "is_default")]
    pub pinned_certificates: Vec<Field>,
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
        }
    }
}

/// Local or Remote VNC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Vnc {
    /// The target's TCP port.
    pub port: u16,
    /// SHA-256 fingerprints of the certificates that the target may show.
    #[serde(skip_serializing_if = "is_default")]
    pub pinned_certificates: Vec<Field>,
    /// Whether the first certificate that is seen is pinned.
    #[serde(skip_serializing_if = "is_default")]
    pub trust_first_certificate: bool,
    /// The weakest login that is done.
    #[serde(skip_serializing_if = "is_default")]
    pub minimum_security: VncSecurity,
}

impl Default for Vnc {
    fn default() -> Self {
        Self {
            port: 5900,
            pinned_certificates: Vec::new(),
            trust_first_certificate: false,
            minimum_security: VncSecurity::default(),
        }
    }
}

/// Local or Remote Jump.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PushJump {}

/// Intel vPro.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Vpro {
    /// The target's TCP port.
    pub port: u16,
    /// Whether Kerberos is used.
    #[serde(skip_serializing_if = "is_default")]
    pub kerberos: bool,
}

impl Default for Vpro {
    fn default() -> Self {
        Self {
            port: 16993,
            kerberos: false,
        }
    }
}

/// A Jump Client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JumpClient {
    /// How its agent connects.
    #[serde(skip_serializing_if = "is_default")]
    pub connection_type: ConnectionType,
    /// After how many minutes without a connection it is lost; 0 is the site's setting.
    #[serde(skip_serializing_if = "is_default")]
    pub max_offline_minutes: u32,
    /// The session policy while somebody is at the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attended_session_policy: Option<Name>,
    /// The session policy while nobody is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unattended_session_policy: Option<Name>,
    /// Whether the agent shows nothing.
    #[serde(skip_serializing_if = "is_default")]
    pub is_quiet: bool,
}
