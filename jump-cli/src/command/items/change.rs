//! From the command line to an edit of a Jump Item, and to the items that a list shows.

use std::net::Ipv4Addr;

use clap::Args;
use jump_core::control::{DetailsPatch, ItemPatch, ItemQuery};
use jump_core::model::{
    Comments, ConnectionType, Field, HostKey, HostKeyPolicy, Hostname, Name, RdpQuality, SecureApp,
    ShellProtocol, Tag, Terminal, VncSecurity,
};
use jump_core::session::{RecordingMode, SessionPermission};

use super::draft::Forward;
use crate::error::Failure;
use crate::values::{
    Method, RECORDING, Seconds, given_or_cleared, one_of, session_permission, whole, yes_or_no,
};

pub(super) const VNC_SECURITY: &[&str] = &["encrypted", "password", "none"];
pub(super) const QUALITY: &[&str] = &[
    "low",
    "performance",
    "performance_quality",
    "quality",
    "best_performance",
    "lossless",
];

/// What may be changed of an item; a field that its type does not have is refused.
#[derive(Debug, Args)]
pub(super) struct Fields {
    /// Its new name
    #[arg(long, value_name = "NAME")]
    rename: Option<Name>,
    /// The host; a stored credential was for the old one and is removed
    #[arg(long)]
    host: Option<Hostname>,
    /// The Jumpoint; a stored credential was for the old one and is removed
    #[arg(long)]
    jumpoint: Option<Name>,
    /// A word to search by
    #[arg(long)]
    tag: Option<Tag>,
    /// Anything worth knowing
    #[arg(long)]
    comments: Option<Comments>,
    /// The Jump Policy, where the membership sets none
    #[arg(long, value_name = "POLICY")]
    jump_policy: Option<Name>,
    /// What may happen in a session
    #[arg(long, value_name = "POLICY")]
    session_policy: Option<Name>,
    /// What happens when its recording fails or cannot keep up
    #[arg(long, value_name = "MODE", value_parser = one_of::<RecordingMode>(RECORDING))]
    recording: Option<RecordingMode>,
    /// The longest a session may last, such as 8h
    #[arg(long, value_name = "TIME")]
    max_duration: Option<Seconds>,
    /// The target's port; a stored credential was for the old one and is removed
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Clear a field; may be given several times
    #[arg(long, value_name = "FIELD", value_parser = ["jump-policy", "session-policy", "max-duration", "host-key", "certificate", "attended-session-policy", "unattended-session-policy"])]
    clear: Vec<String>,
    /// The protocol
    #[arg(long, value_parser = one_of::<ShellProtocol>(&["ssh", "telnet"]), help_heading = "Shell Jump")]
    protocol: Option<ShellProtocol>,
    /// The terminal that the shell is told it has
    #[arg(long, value_parser = one_of::<Terminal>(&["xterm", "VT100"]), help_heading = "Shell Jump")]
    terminal: Option<Terminal>,
    /// The user name where no credential is injected
    #[arg(long, value_name = "NAME", help_heading = "Shell Jump")]
    username: Option<Field>,
    /// Seconds between keep-alive packets to the target; 0 is off
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u16).range(..=300), help_heading = "Shell Jump")]
    keep_alive: Option<u16>,
    /// A host key that the target may show, in place of those there are; may be given several times
    #[arg(long, value_name = "KEY", help_heading = "Shell Jump")]
    host_key: Vec<HostKey>,
    /// Forget the host keys, and accept and pin the first that is seen
    #[arg(long, conflicts_with = "host_key", help_heading = "Shell Jump")]
    trust_first_use: bool,
    /// What may happen in a session if policies allow it, such as port_forwarding; may be given several times
    #[arg(long, value_name = "PERMISSION", value_parser = session_permission, help_heading = "Shell Jump")]
    allow: Vec<SessionPermission>,
    /// What may not happen in a session, whatever policies say; may be given several times
    #[arg(long, value_name = "PERMISSION", value_parser = session_permission, help_heading = "Shell Jump")]
    deny: Vec<SessionPermission>,
    /// A local port and the remote port it leads to, in place of those there are; may be given several times
    #[arg(long, value_name = "LOCAL:REMOTE", help_heading = "Protocol Tunnel Jump")]
    forward: Vec<Forward>,
    /// Where `jump tunnel` listens, in 127.0.0.0/24
    #[arg(long, value_name = "IP", help_heading = "Protocol Tunnel Jump")]
    listen: Option<Ipv4Addr>,
    /// The picture quality
    #[arg(long, value_parser = one_of::<RdpQuality>(QUALITY), help_heading = "RDP")]
    quality: Option<RdpQuality>,
    /// Whether it is the console session
    #[arg(long, value_name = "YES|NO", value_parser = yes_or_no(), help_heading = "RDP")]
    console: Option<bool>,
    /// Whether a certificate that cannot be verified is accepted
    #[arg(long, value_name = "YES|NO", value_parser = yes_or_no(), help_heading = "RDP")]
    ignore_untrusted: Option<bool>,
    /// Whether the target has to authenticate the login first (NLA)
    #[arg(long, value_name = "YES|NO", value_parser = yes_or_no(), help_heading = "RDP")]
    require_nla: Option<bool>,
    /// The user name where no credential is injected
    #[arg(long, value_name = "NAME", help_heading = "RDP")]
    rdp_username: Option<Field>,
    /// The domain
    #[arg(long, help_heading = "RDP")]
    domain: Option<Field>,
    /// The RemoteApp that starts in place of the desktop; empty for the desktop
    #[arg(long, value_name = "NAME", help_heading = "RDP")]
    remote_app: Option<Field>,
    /// Its parameters
    #[arg(long, value_name = "TEXT", requires = "remote_app", help_heading = "RDP")]
    remote_app_params: Option<Field>,
    /// The SHA-256 of a certificate that the target may show, in place of those there are; may be given several times
    #[arg(long, value_name = "HEX", help_heading = "RDP and VNC")]
    certificate: Vec<Field>,
    /// Whether Kerberos is used
    #[arg(long, value_name = "YES|NO", value_parser = yes_or_no(), help_heading = "Intel vPro")]
    kerberos: Option<bool>,
    /// Whether the first certificate or RSA key that the target shows is accepted and pinned
    #[arg(long, value_name = "YES|NO", value_parser = yes_or_no(), help_heading = "VNC")]
    trust_first_certificate: Option<bool>,
    /// The weakest login that is done
    #[arg(long, value_parser = one_of::<VncSecurity>(VNC_SECURITY), help_heading = "VNC")]
    minimum_security: Option<VncSecurity>,
    /// How it connects
    #[arg(long, value_parser = one_of::<ConnectionType>(&["active", "passive"]), help_heading = "Jump Client")]
    connection_type: Option<ConnectionType>,
    /// After how many minutes without a connection it is lost; 0 is the site's setting
    #[arg(long, value_name = "MINUTES", help_heading = "Jump Client")]
    max_offline: Option<u32>,
    /// The session policy while somebody is at the target
    #[arg(long, value_name = "POLICY", help_heading = "Jump Client")]
    attended_session_policy: Option<Name>,
    /// The session policy while nobody is
    #[arg(long, value_name = "POLICY", help_heading = "Jump Client")]
    unattended_session_policy: Option<Name>,
    /// Whether it shows nothing
    #[arg(long, value_name = "YES|NO", value_parser = yes_or_no(), help_heading = "Jump Client")]
    quiet: Option<bool>,
}

impl Fields {
    pub(super) fn patch(self) -> Result<ItemPatch, Failure> {
        let cleared = self.clear.clone();
        Ok(ItemPatch {
            name: self.rename.clone(),
            hostname: self.host.clone(),
            jumpoint: self.jumpoint.clone(),
            tag: self.tag.clone(),
            comments: self.comments.clone(),
            jump_policy: given_or_cleared(self.jump_policy.clone(), &cleared, "jump-policy")?,
            session_policy: given_or_cleared(self.session_policy.clone(), &cleared, "session-policy")?,
            recording: self.recording,
            max_duration_seconds: given_or_cleared(
                self.max_duration.map(|time| time.0),
                &cleared,
                "max-duration",
            )?,
            details: self.details()?,
        })
    }

    fn details(self) -> Result<DetailsPatch, Failure> {
        let cleared = &self.clear;
        let pinned = whole(&self.host_key, cleared, "host-key")?;
        let host_key = (pinned.is_some() || self.trust_first_use).then(|| HostKeyPolicy {
            pinned: pinned.unwrap_or_default(),
            trust_first_use: self.trust_first_use,
        });
        let allowed = self.allow.into_iter().map(|one| (one, true));
        let permissions = allowed.chain(self.deny.into_iter().map(|one| (one, false)));
        let params = self.remote_app_params.unwrap_or_default();
        let secure_app = self.remote_app.map(|name| match name.as_str() {
            "" => SecureApp::None,
            _ => SecureApp::RemoteApp {
                remote_app_name: name,
                remote_app_params: params,
            },
        });
        Ok(DetailsPatch {
            port: self.port,
            protocol: self.protocol,
            terminal: self.terminal,
            username: self.username,
            keep_alive_seconds: self.keep_alive,
            host_key,
            permissions: permissions.collect(),
            listen_address: self.listen,
            forwards: (!self.forward.is_empty())
                .then(|| self.forward.iter().map(|forward| forward.0).collect()),
            quality: self.quality,
            console: self.console,
            ignore_untrusted: self.ignore_untrusted,
            require_nla: self.require_nla,
            rdp_username: self.rdp_username,
            domain: self.domain,
            secure_app,
            pinned_certificates: whole(&self.certificate, cleared, "certificate")?,
            trust_first_certificate: self.trust_first_certificate,
            minimum_security: self.minimum_security,
            kerberos: self.kerberos,
            connection_type: self.connection_type,
            max_offline_minutes: self.max_offline,
            attended_session_policy: given_or_cleared(
                self.attended_session_policy,
                cleared,
                "attended-session-policy",
            )?,
            unattended_session_policy: given_or_cleared(
                self.unattended_session_policy,
                cleared,
                "unattended-session-policy",
            )?,
            is_quiet: self.quiet,
        })
    }
}

/// Which items to list.
#[derive(Debug, Args)]
pub(super) struct Filter {
    /// Only items with this name; case does not matter here and below
    #[arg(long)]
    name: Option<String>,
    /// Only items with this host
    #[arg(long)]
    host: Option<String>,
    /// Only items of this group, or of a user's personal list: @USER
    #[arg(long)]
    group: Option<String>,
    /// Only items on personal lists
    #[arg(long, conflicts_with = "shared")]
    personal: bool,
    /// Only items in shared groups
    #[arg(long)]
    shared: bool,
    /// Only items behind this Jumpoint
    #[arg(long)]
    jumpoint: Option<String>,
    /// Only items with this tag
    #[arg(long)]
    tag: Option<String>,
    /// Only items with all these words in their name, host, tag or comments
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only items of this type
    #[arg(long = "type", value_name = "TYPE", value_enum)]
    method: Option<Method>,
    /// Only items whose Jumpoint is connected
    #[arg(long, conflicts_with = "offline")]
    online: bool,
    /// Only items whose Jumpoint is not connected
    #[arg(long)]
    offline: bool,
}

impl Filter {
    pub(super) fn query(self) -> ItemQuery {
        let either = |yes: bool, no: bool| (yes || no).then_some(yes);
        ItemQuery {
            name: self.name,
            hostname: self.host,
            group: self.group,
            personal: either(self.personal, self.shared),
            jumpoint: self.jumpoint,
            tag: self.tag,
            search: self.search,
            method: self.method.map(Into::into),
            online: either(self.online, self.offline),
            ..ItemQuery::default()
        }
    }
}

/// Where an item goes.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Destination {
    /// The group, or a user's personal list: @USER
    group: Option<Name>,
    /// Your own personal list
    #[arg(long)]
    personal: bool,
}

impl Destination {
    pub(super) fn place(self, user: &str) -> Result<Name, Failure> {
        match self.group {
            Some(group) => Ok(group),
            None => Ok(Name::new(format!("@{user}"))?),
        }
    }
}
