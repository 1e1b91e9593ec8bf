//! Edits of a Jump Item: what is given changes, the rest stays.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::{Deserialize, Deserializer, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::id::SessionPolicyId;
use crate::model::{
    Comments, ConnectionType, Field, HostKeyPolicy, Hostname, ItemDetails, Name, PortForward, Rdp,
    RdpQuality, SecureApp, ShellProtocol, Tag, Terminal, VncSecurity,
};
use crate::session::{RecordingMode, SessionPermission};

/// Tells a field that is `null`, and so cleared, from one that is absent.
pub(super) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> std::result::Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

/// What changes of a Jump Item, by names. Absent fields stay; `null` clears what may be empty (as in RFC 7396). Each field
/// takes the permission that [`needed_to_edit`](crate::access::needed_to_edit) names.
///
/// A credential that is stored on the item was sealed for its host, port and Jumpoint: when one of them changes it is
/// removed, because it would not open any more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ItemPatch {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// Its host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<Hostname>,
    /// The name of its Jumpoint, which the editor must be granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jumpoint: Option<Name>,
    /// Its tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<Tag>,
    /// Its comments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comments: Option<Comments>,
    /// The name of its Jump Policy.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub jump_policy: Option<Option<Name>>,
    /// The name of its session policy.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub session_policy: Option<Option<Name>>,
    /// How it is recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording: Option<RecordingMode>,
    /// The longest a session may last, in seconds; `null` is the site's limit.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub max_duration_seconds: Option<Option<u32>>,
    /// What is special to its type.
    #[serde(skip_serializing_if = "DetailsPatch::is_empty")]
    pub details: DetailsPatch,
}

/// What changes of the part that depends on the item's type; a field that the type does not have is an error. Ranges and
/// meanings are those of [`ItemDetails`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DetailsPatch {
    /// The target's TCP port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The protocol of a Shell Jump. The port stays as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<ShellProtocol>,
    /// The terminal of a Shell Jump.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terminal: Option<Terminal>,
    /// The user name of a Shell Jump.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<Field>,
    /// The keep-alive of a Shell Jump.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_alive_seconds: Option<u16>,
    /// The host keys of a Shell Jump.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_key: Option<HostKeyPolicy>,
    /// What may happen in a session of a Shell Jump; what is not named stays.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub permissions: BTreeMap<SessionPermission, bool>,
    /// Where a tunnel listens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen_address: Option<Ipv4Addr>,
    /// All ports of a tunnel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forwards: Option<Vec<PortForward>>,
    /// RDP's picture quality.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<RdpQuality>,
    /// RDP's console session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub console: Option<bool>,
    /// RDP: whether a certificate that cannot be verified is accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore_untrusted: Option<bool>,
    /// RDP: whether the target has to authenticate the login first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub require_nla: Option<bool>,
    /// RDP's user name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rdp_username: Option<Field>,
    /// RDP's domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<Field>,
    /// What starts in an RDP session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secure_app: Option<SecureApp>,
    /// All pinned certificates of an RDP or VNC target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pinned_certificates: Option<Vec<Field>>,
    /// VNC: whether the first certificate that is seen is pinned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust_first_certificate: Option<bool>,
    /// VNC: the weakest login that is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum_security: Option<VncSecurity>,
    /// vPro: whether Kerberos is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kerberos: Option<bool>,
    /// How a Jump Client connects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_type: Option<ConnectionType>,
    /// When a Jump Client is lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_offline_minutes: Option<u32>,
    /// The name of a Jump Client's session policy while somebody is at the target.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub attended_session_policy: Option<Option<Name>>,
    /// The name of a Jump Client's session policy while nobody is.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub unattended_session_policy: Option<Option<Name>>,
    /// Whether a Jump Client shows nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_quiet: Option<bool>,
}

fn set<T>(place: &mut T, value: &mut Option<T>) {
    if let Some(value) = value.take() {
        *place = value;
    }
}

impl DetailsPatch {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Changes what is given. `session_policy` finds session policies by name.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for a field that the type does not have; what `session_policy` says. The details may be
    /// changed in part then.
    pub fn apply(
        mut self,
        details: &mut ItemDetails,
        session_policy: impl Fn(&Name) -> Result<SessionPolicyId>,
    ) -> Result<()> {
        let method = details.method();
        match details {
            ItemDetails::ShellJump(shell) => {
                set(&mut shell.port, &mut self.port);
                set(&mut shell.protocol, &mut self.protocol);
                set(&mut shell.terminal, &mut self.terminal);
                set(&mut shell.username, &mut self.username);
                set(&mut shell.keep_alive_seconds, &mut self.keep_alive_seconds);
                set(&mut shell.host_key, &mut self.host_key);
                for (permission, allowed) in std::mem::take(&mut self.permissions) {
                    shell.permissions.set(permission, allowed);
                }
            }
            ItemDetails::ProtocolTunnel(tunnel) => {
                set(&mut tunnel.listen_address, &mut self.listen_address);
                set(&mut tunnel.forwards, &mut self.forwards);
            }
            ItemDetails::LocalRdp(rdp) | ItemDetails::RemoteRdp(rdp) => self.rdp(rdp),
            ItemDetails::LocalVnc(vnc) | ItemDetails::RemoteVnc(vnc) => {
                set(&mut vnc.port, &mut self.port);
                set(&mut vnc.pinned_certificates, &mut self.pinned_certificates);
                set(
                    &mut vnc.trust_first_certificate,
                    &mut self.trust_first_certificate,
                );
                set(&mut vnc.minimum_security, &mut self.minimum_security);
            }
            ItemDetails::LocalJump(_) | ItemDetails::RemoteJump(_) => {}
            ItemDetails::IntelVpro(vpro) => {
                set(&mut vpro.port, &mut self.port);
                set(&mut vpro.kerberos, &mut self.kerberos);
            }
            ItemDetails::JumpClient(client) => {
                let found = |name: Option<Name>| name.as_ref().map(&session_policy).transpose();
                set(&mut client.connection_type, &mut self.connection_type);
                set(&mut client.max_offline_minutes, &mut self.max_offline_minutes);
                set(&mut client.is_quiet, &mut self.is_quiet);
                if let Some(policy) = self.attended_session_policy.take() {
                    client.attended_session_policy = found(policy)?;
                }
                if let Some(policy) = self.unattended_session_policy.take() {
                    client.unattended_session_policy = found(policy)?;
                }
            }
        }
        if self.is_empty() {
            return Ok(());
        }
        let left = serde_json::to_value(&self).ok();
        let left = left.as_ref().and_then(|value| value.as_object()?.keys().next());
        let message = format!(
            "a {method} item has no `{}`",
            left.map_or("such field", String::as_str)
        );
        Err(Error::new(ErrorKind::InvalidArgument, "change an item", message))
    }

    fn rdp(&mut self, rdp: &mut Rdp) {
        set(&mut rdp.port, &mut self.port);
        set(&mut rdp.quality, &mut self.quality);
        set(&mut rdp.console, &mut self.console);
        set(&mut rdp.ignore_untrusted, &mut self.ignore_untrusted);
        set(&mut rdp.require_nla, &mut self.require_nla);
        set(&mut rdp.rdp_username, &mut self.rdp_username);
        set(&mut rdp.domain, &mut self.domain);
        set(&mut rdp.secure_app, &mut self.secure_app);
        set(&mut rdp.pinned_certificates, &mut self.pinned_certificates);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ShellJump, Vnc};

    fn no_policy(_: &Name) -> Result<SessionPolicyId> {
        panic!("none is named")
    }

    #[test]
    fn null_clears_and_absence_keeps() {
        let patch: ItemPatch = serde_json::from_str(r#"{"jump_policy":null}"#).unwrap();
        assert_eq!((patch.jump_policy, patch.session_policy), (Some(None), None));
        let text = r#"{"name":"web","details":{"port":2222,"permissions":{"exec":false}}}"#;
        let patch: ItemPatch = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&patch).unwrap(), text);
        assert!(serde_json::from_str::<ItemPatch>(r#"{"group":"x"}"#).is_err());
    }

    #[test]
    fn a_patch_changes_what_it_names_and_nothing_else() {
        let mut details = ItemDetails::ShellJump(ShellJump::ssh(22));
        let patch = DetailsPatch {
            port: Some(2222),
            permissions: BTreeMap::from([(SessionPermission::Exec, false)]),
            ..DetailsPatch::default()
        };
        patch.apply(&mut details, no_policy).unwrap();
        let mut wanted = ShellJump::ssh(2222);
        wanted.permissions.exec = false;
        assert_eq!(details, ItemDetails::ShellJump(wanted));
    }

    #[test]
    fn a_field_of_another_type_is_named() {
        let mut details = ItemDetails::RemoteVnc(Vnc::default());
        let patch = DetailsPatch {
            port: Some(5901),
            quality: Some(RdpQuality::Low),
            ..DetailsPatch::default()
        };
        let error = patch.apply(&mut details, no_policy).unwrap_err();
        assert!(
            error.to_string().contains("a Remote VNC item has no `quality`"),
            "{error}"
        );
    }
}
