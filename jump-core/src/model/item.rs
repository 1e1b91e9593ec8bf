//! Jump Items: what one can reach, and how.

use std::fmt;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::{Comments, HostKeyPolicy, Hostname, JumpMethod, Name, Tag, TargetAddress};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{GroupId, ItemId, JumpointId};
use crate::session::{RecordingMode, SealedCredential, SessionPermissions};

/// A Jump Item: the envelope that all types share, and the details of its type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JumpItem {
    /// Its id, unique over all types.
    pub id: ItemId,
    /// Its name, unique in its Jump Group.
    pub name: Name,
    /// The Jump Group that owns it.
    pub group: GroupId,
    /// The Jumpoint through which it is reached.
    pub jumpoint: JumpointId,
    /// The host, as the Jumpoint resolves it.
    pub hostname: Hostname,
    /// A word to search by.
    #[serde(default)]
    pub tag: Tag,
    /// Anything worth knowing.
    #[serde(default)]
    pub comments: Comments,
    /// What happens when a session's recording fails or cannot keep up.
    #[serde(default)]
    pub recording: RecordingMode,
    /// The longest a session may last, in seconds; `None` is the site's limit.
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
}

/// A Shell Jump: a shell, commands and files on one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShellJump {
    /// The protocol spoken to the target.
    pub protocol: ShellProtocol,
    /// The target's TCP port.
    pub port: u16,
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
        }
    }

    /// The key of the backend that serves the item: `ssh`, `tunnel`.
    #[must_use]
    pub const fn protocol(&self) -> &'static str {
        match self {
            ItemDetails::ShellJump(ShellJump {
                protocol: ShellProtocol::Ssh,
                ..
            }) => "ssh",
            ItemDetails::ProtocolTunnel(_) => "tunnel",
        }
    }
}

impl fmt::Display for ItemDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.method().fmt(f)
    }
}

impl JumpItem {
    /// Checks every field that its own type does not check already.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`], naming the first field out of range.
    pub fn validate(&self) -> Result<()> {
        let wrong = |rule| Err(Error::new(ErrorKind::InvalidArgument, "check a jump item", rule));
        if self.max_duration_seconds == Some(0) {
            return wrong("max_duration_seconds is at least 1");
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
                if shell
                    .credential
                    .as_ref()
                    .is_some_and(|credential| !credential.is_plausible())
                {
                    return wrong("a sealed credential is at most 64 KiB");
                }
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
            }
        }
        Ok(())
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
        }
    }
}
