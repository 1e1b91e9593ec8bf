//! Jump Items: what one can reach, and how.

use std::fmt;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::{
    Comments, Field, HostKeyPolicy, Hostname, IntelVpro, JumpClient, JumpMethod, Name, Placement, PushJump,
    Rdp, Tag, TargetAddress, Terminal, Vnc,
};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ItemId, JumpointId, PolicyId, SessionPolicyId};
use crate::session::{GatePlace, RecordingMode, SealedCredential, SessionPermissions};

/// A Jump Item: the envelope that all types share, and the details of its type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JumpItem {
    /// Its id, unique over all types.
    pub id: ItemId,
    /// Its name, unique in its Jump Group or personal list.
    pub name: Name,
    /// The Jump Group or personal list that owns it.
    #[serde(rename = "group")]
    pub placement: Placement,
    /// The Jumpoint through which it is reached; `None` for the types that need none.
    #[serde(default)]
    pub jumpoint: Option<JumpointId>,
    /// The host, as its Jumpoint resolves it, or the rep where there is none.
    pub hostname: Hostname,
    /// A word to search by.
    #[serde(default)]
    pub tag: Tag,
    /// Anything worth knowing.
    #[serde(default)]
    pub comments: Comments,
    /// The Jump Policy, where the membership sets none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jump_policy: Option<PolicyId>,
    /// What may happen in a session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_policy: Option<SessionPolicyId>,
    /// The item that this is a copy of. Copies of copies name the first; it need not exist any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy_of: Option<ItemId>,
    /// What happens when a session's recording fails or cannot keep up.
    #[serde(default)]
    pub recording: RecordingMode,
    /// The longest a session may last, in seconds, at least 1; the shortest limit of item, policy and site holds.
    #[serde(default)]
    pub max_duration_seconds: Option<u32>,
    /// What is special to the item's type.
    pub details: ItemDetails,
}

/// The part of a Jump Item that depends on its type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum ItemDetails {
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
    IntelVpro(IntelVpro),
    /// An installed agent.
    JumpClient(JumpClient),
}

/// A Shell Jump: a shell, commands and files on one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShellJump {
    /// The protocol spoken to the target.
    pub protocol: ShellProtocol,
    /// The target's TCP port.
    pub port: u16,
    /// The terminal that the shell is told it has, where the rep's client names none.
    #[serde(default)]
    pub terminal: Terminal,
    /// The user name where no credential is injected, at most 128 characters.
    #[serde(default)]
    pub username: Field,
    /// Seconds between keep-alive packets to the target, 0..=300; 0 is off.
    #[serde(default)]
    pub keep_alive_seconds: u16,
    /// Which host keys the target may show.
    #[serde(default)]
    pub host_key: HostKeyPolicy,
    /// What may happen in a session.
    #[serde(default)]
    pub permissions: SessionPermissions,
    /// The credential that the Jumpoint injects, sealed to the Jumpoint.
    #[serde(default)]
    pub credential: Option<SealedCredential>,
}

impl ShellJump {
    /// A Shell Jump over SSH to this port: no keep-alive, no host key known, default permissions, no credential.
    #[must_use]
    pub fn ssh(port: u16) -> Self {
        Self {
            protocol: ShellProtocol::Ssh,
            port,
            terminal: Terminal::default(),
            username: Field::default(),
            keep_alive_seconds: 0,
            host_key: HostKeyPolicy::default(),
            permissions: SessionPermissions::default(),
            credential: None,
        }
    }
}

/// The protocol of a [`ShellJump`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ShellProtocol {
    /// SSH version 2 (RFC 4251); default port 22.
    Ssh,
    /// Telnet (RFC 854); default port 23. Nothing on its way to the target is encrypted.
    Telnet,
}

/// A Protocol Tunnel Jump: local ports that lead to ports of one remote host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProtocolTunnel {
    /// Where the rep listens; in 127.0.0.0/24, 127.0.0.1 by default.
    #[serde(default = "loopback")]
    pub listen_address: Ipv4Addr,
    /// The permitted ports, at least one, at most 64.
    pub forwards: Vec<PortForward>,
}

/// One local port and the remote port it leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortForward {
    /// The rep's port; 0 is any free one.
    pub local: u16,
    /// The target's port, 1..=65535.
    pub remote: u16,
}

fn loopback() -> Ipv4Addr {
    Ipv4Addr::LOCALHOST
}

impl ItemDetails {
    /// The method by which the item is reached, for the user's allowed methods.
    #[must_use]
    pub const fn method(&self) -> JumpMethod {
        match self {
            ItemDetails::ShellJump(_) => JumpMethod::ShellJump,
            ItemDetails::ProtocolTunnel(_) => JumpMethod::ProtocolTunnel,
            ItemDetails::LocalRdp(_) => JumpMethod::LocalRdp,
            ItemDetails::RemoteRdp(_) => JumpMethod::RemoteRdp,
            ItemDetails::LocalVnc(_) => JumpMethod::LocalVnc,
            ItemDetails::RemoteVnc(_) => JumpMethod::RemoteVnc,
            ItemDetails::LocalJump(_) => JumpMethod::LocalJump,
            ItemDetails::RemoteJump(_) => JumpMethod::RemoteJump,
            ItemDetails::IntelVpro(_) => JumpMethod::IntelVpro,
            ItemDetails::JumpClient(_) => JumpMethod::JumpClient,
        }
    }

    /// The key of the backend that serves the item: `ssh`, `telnet`, `tunnel`, `rdp`, `vnc`, `push`, `vpro`, `client`.
    #[must_use]
    pub const fn protocol(&self) -> &'static str {
        match self {
            ItemDetails::ShellJump(ShellJump {
                protocol: ShellProtocol::Ssh,
                ..
            }) => "ssh",
            ItemDetails::ShellJump(ShellJump {
                protocol: ShellProtocol::Telnet,
                ..
            }) => "telnet",
            ItemDetails::ProtocolTunnel(_) => "tunnel",
            ItemDetails::LocalRdp(_) | ItemDetails::RemoteRdp(_) => "rdp",
            ItemDetails::LocalVnc(_) | ItemDetails::RemoteVnc(_) => "vnc",
            ItemDetails::LocalJump(_) | ItemDetails::RemoteJump(_) => "push",
            ItemDetails::IntelVpro(_) => "vpro",
            ItemDetails::JumpClient(_) => "client",
        }
    }

    /// The credential that is injected, sealed to the Jumpoint.
    #[must_use]
    pub const fn credential(&self) -> Option<&SealedCredential> {
        match self {
            ItemDetails::ShellJump(ShellJump { credential, .. })
            | ItemDetails::LocalRdp(Rdp { credential, .. })
            | ItemDetails::RemoteRdp(Rdp { credential, .. })
            | ItemDetails::LocalVnc(Vnc { credential, .. })
            | ItemDetails::RemoteVnc(Vnc { credential, .. })
            | ItemDetails::LocalJump(PushJump { credential })
            | ItemDetails::RemoteJump(PushJump { credential })
            | ItemDetails::IntelVpro(IntelVpro { credential, .. }) => credential.as_ref(),
            ItemDetails::ProtocolTunnel(_) | ItemDetails::JumpClient(_) => None,
        }
    }

    /// Where that credential is kept; `None` if the type uses none.
    pub const fn credential_mut(&mut self) -> Option<&mut Option<SealedCredential>> {
        match self {
            ItemDetails::ShellJump(ShellJump { credential, .. })
            | ItemDetails::LocalRdp(Rdp { credential, .. })
            | ItemDetails::RemoteRdp(Rdp { credential, .. })
            | ItemDetails::LocalVnc(Vnc { credential, .. })
            | ItemDetails::RemoteVnc(Vnc { credential, .. })
            | ItemDetails::LocalJump(PushJump { credential })
            | ItemDetails::RemoteJump(PushJump { credential })
            | ItemDetails::IntelVpro(IntelVpro { credential, .. }) => Some(credential),
            ItemDetails::ProtocolTunnel(_) | ItemDetails::JumpClient(_) => None,
        }
    }

    /// What the item's own switches leave possible in a session; session policies narrow it further.
    #[must_use]
    pub const fn possible(&self) -> SessionPermissions {
        match self {
            ItemDetails::ShellJump(shell) => shell.permissions,
            // The permitted ports are in the grant's addresses; nothing else can happen in a tunnel.
            ItemDetails::ProtocolTunnel(_) => SessionPermissions {
                port_forwarding: true,
                ..SessionPermissions::NONE
            },
            _ => SessionPermissions {
                shell: false,
                exec: false,
                port_forwarding: false,
                ..SessionPermissions::ALL
            },
        }
    }
}

impl fmt::Display for ItemDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.method().fmt(f)
    }
}

impl JumpItem {
    /// An item with this envelope and nothing else set.
    #[must_use]
    pub fn new(
        id: ItemId,
        name: Name,
        placement: impl Into<Placement>,
        jumpoint: impl Into<Option<JumpointId>>,
        hostname: Hostname,
        details: ItemDetails,
    ) -> Self {
        Self {
            id,
            name,
            placement: placement.into(),
            jumpoint: jumpoint.into(),
            hostname,
            tag: Tag::default(),
            comments: Comments::default(),
            jump_policy: None,
            session_policy: None,
            copy_of: None,
            recording: RecordingMode::default(),
            max_duration_seconds: None,
            details,
        }
    }

    /// The item that this and its copies have in common.
    #[must_use]
    pub fn original(&self) -> ItemId {
        self.copy_of.unwrap_or(self.id)
    }

    /// Where the gate of a session on it runs.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for a type that is reached through an agent of its own.
    pub fn gate_place(&self) -> Result<GatePlace> {
        match (self.jumpoint, self.details.method()) {
            (Some(jumpoint), _) => Ok(GatePlace::Jumpoint(jumpoint)),
            (None, JumpMethod::LocalVnc | JumpMethod::LocalRdp | JumpMethod::LocalJump) => Ok(GatePlace::Rep),
            (None, method) => {
                let message = format!("a {method} item has no gate to go through");
                Err(Error::new(ErrorKind::Unsupported, "find an item's gate", message))
            }
        }
    }

    /// The address of a sealed credential: the first target.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if the item leads nowhere.
    pub fn credential_target(&self) -> Result<TargetAddress> {
        self.targets()?.into_iter().next().ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidArgument,
                "find a credential's target",
                "this type of item uses no credential",
            )
        })
    }

    /// Checks every field that its own type does not check already.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`], naming the first field out of range.
    pub fn validate(&self) -> Result<()> {
        let wrong = |rule| Err(Error::new(ErrorKind::InvalidArgument, "check a jump item", rule));
        if self.max_duration_seconds == Some(0) {
            return wrong("max_duration_seconds is at least 1");
        }
        let method = self.details.method();
        if method.needs_jumpoint() && self.jumpoint.is_none() {
            return wrong("this type of item needs a jumpoint");
        }
        if !method.needs_jumpoint() && self.jumpoint.is_some() {
            return wrong("this type of item goes through no jumpoint");
        }
        if self
            .details
            .credential()
            .is_some_and(|credential| !credential.is_plausible())
        {
            return wrong("a sealed credential is at most 64 KiB");
        }
        match &self.details {
            ItemDetails::ShellJump(shell) => {
                if shell.port == 0 {
                    return wrong("port is 1 to 65535");
                }
                if shell.keep_alive_seconds > 300 {
                    return wrong("keep_alive_seconds is 0 to 300");
                }
                if shell.host_key.pinned.len() > 16 {
                    return wrong("at most 16 host keys are pinned");
                }
                if shell.username.as_str().chars().count() > 128 {
                    return wrong("username has at most 128 characters");
                }
                Ok(())
            }
            ItemDetails::ProtocolTunnel(tunnel) => {
                if tunnel.listen_address.octets()[..3] != [127, 0, 0] {
                    return wrong("listen_address is in 127.0.0.0/24");
                }
                if tunnel.forwards.is_empty() || tunnel.forwards.len() > 64 {
                    return wrong("a protocol tunnel has 1 to 64 forwards");
                }
                if tunnel.forwards.iter().any(|forward| forward.remote == 0) {
                    return wrong("a remote port is 1 to 65535");
                }
                Ok(())
            }
            ItemDetails::LocalRdp(rdp) | ItemDetails::RemoteRdp(rdp) => rdp.validate(),
            ItemDetails::LocalVnc(vnc) | ItemDetails::RemoteVnc(vnc) => vnc.validate(),
            ItemDetails::IntelVpro(vpro) => vpro.validate(self.hostname.as_str()),
            ItemDetails::LocalJump(_) | ItemDetails::RemoteJump(_) | ItemDetails::JumpClient(_) => Ok(()),
        }
    }

    /// The addresses a session on this item may reach; nothing else is ever dialled.
    pub fn targets(&self) -> Result<Vec<TargetAddress>> {
        match &self.details {
            ItemDetails::ShellJump(shell) => Ok(vec![TargetAddress::new(self.hostname.clone(), shell.port)?]),
            ItemDetails::ProtocolTunnel(tunnel) => tunnel
                .forwards
                .iter()
                .map(|forward| TargetAddress::new(self.hostname.clone(), forward.remote))
                .collect(),
            ItemDetails::LocalRdp(Rdp { port, .. })
            | ItemDetails::RemoteRdp(Rdp { port, .. })
            | ItemDetails::LocalVnc(Vnc { port, .. })
            | ItemDetails::RemoteVnc(Vnc { port, .. })
            | ItemDetails::IntelVpro(IntelVpro { port, .. }) => {
                Ok(vec![TargetAddress::new(self.hostname.clone(), *port)?])
            }
            // Microsoft-DS, by which an agent is pushed.
            ItemDetails::LocalJump(_) | ItemDetails::RemoteJump(_) => {
                Ok(vec![TargetAddress::new(self.hostname.clone(), 445)?])
            }
            ItemDetails::JumpClient(_) => Ok(Vec::new()),
        }
    }
}
