//! The columns of each type's file.

use std::fmt;

use jump_core::model::JumpMethod;

macro_rules! columns {
    ($($name:ident = $header:literal, $about:literal;)+) => {
        /// A column.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "each says what it is about")]
        pub enum Column {
            $(#[doc = $about] $name,)+
        }

        impl Column {
            /// Its header.
            #[must_use]
            pub const fn header(self) -> &'static str {
                match self {
                    $(Column::$name => $header,)+
                }
            }

            /// What its cells hold.
            #[must_use]
            pub const fn about(self) -> &'static str {
                match self {
                    $(Column::$name => $about,)+
                }
            }
        }
    };
}

columns! {
    Name = "name", "1 to 128 characters, unique in the group";
    JumpGroup = "jump_group", "the Jump Group's code name, or its name";
    Jumpoint = "jumpoint", "the Jumpoint's code name, or its name";
    Hostname = "hostname", "a DNS name or an IP address, as the Jumpoint sees it";
    Tag = "tag", "0 to 64 characters";
    Comments = "comments", "0 to 1024 characters, with line breaks";
    JumpPolicy = "jump_policy", "the Jump Policy's code name, or its name";
    SessionPolicy = "session_policy", "the session policy's code name, or its name";
    Recording = "recording", "`off`, `best_effort`, `backpressure` (default) or `fail_closed`";
    MaxDurationSeconds = "max_duration_seconds", "the longest a session may last, 1 to 4294967295; blank is the site's limit";
    CopyOf = "copy_of", "the item that it is a copy of: `GROUP/NAME` with the group's code name, or `@USER/NAME`";
    Protocol = "protocol", "`ssh` or `telnet`";
    Port = "port", "the TCP port; blank is the protocol's: 22, 23, 3389, 5900 or 16993";
    Terminal = "terminal", "`xterm` (default) or `VT100`";
    Username = "username", "the user name where no credential is injected, 0 to 128 characters";
    KeepAliveSeconds = "keep_alive_seconds", "0 to 300; 0 (default) is off";
    PinnedHostKeys = "pinned_host_keys", "at most 16 of `ALGORITHM BASE64`, as in known_hosts, with `;` between";
    TrustFirstUse = "trust_first_use", "whether the first host key is accepted and pinned: `true` or `false` (default)";
    Permissions = "permissions", "what may happen in a session, with `;` between, or `none`; blank is the default";
    ListenAddress = "listen_address", "in 127.0.0.0/24; blank is 127.0.0.1";
    TunnelDefinitions = "tunnel_definitions", "`LOCAL;REMOTE` ports, 1 to 64 pairs with `;` between; local 0 is any free port";
    Quality = "quality", "`low`, `performance`, `performance_quality`, `quality`, `best_performance` (default) or `lossless`";
    Console = "console", "the console session, not a new one: `true` or `false` (default)";
    IgnoreUntrusted = "ignore_untrusted", "whether a certificate that cannot be verified is accepted: `true` or `false` (default)";
    RequireNla = "require_nla", "whether the target has to authenticate the login first (NLA): `true` or `false` (default)";
    RdpUsername = "rdp_username", "the user name where no credential is injected, 0 to 128 characters";
    Domain = "domain", "0 to 64 characters";
    SecureAppType = "secure_app_type", "`none` (default) or `remote_app`";
    RemoteAppName = "remote_app_name", "1 to 512 characters; only with `remote_app`";
    RemoteAppParams = "remote_app_params", "0 to 512 characters; only with `remote_app`";
    PinnedCertificates = "pinned_certificates", "at most 16 SHA-256 fingerprints of 64 hexadecimal digits, with `;` between";
    TrustFirstCertificate = "trust_first_certificate", "whether the first certificate that is seen is pinned: `true` or `false` (default)";
    MinimumSecurity = "minimum_security", "the weakest login that is done: `encrypted`, `password` (default) or `none`";
    Kerberos = "kerberos", "whether Kerberos is used; the hostname is then a full domain name: `true` or `false` (default)";
    ConnectionType = "connection_type", "`active` (default) or `passive`";
    MaxOfflineMinutes = "max_offline_minutes", "0 (default) is the site's setting";
    AttendedSessionPolicy = "attended_session_policy", "the session policy while somebody is at the target: code name or name";
    UnattendedSessionPolicy = "unattended_session_policy", "the session policy while nobody is: code name or name";
    IsQuiet = "is_quiet", "whether the agent shows nothing: `true` or `false` (default)";
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.header())
    }
}

impl Column {
    /// Whether every row of this type has something in it.
    #[must_use]
    pub const fn is_required(self) -> bool {
        matches!(
            self,
            Column::Name
                | Column::JumpGroup
                | Column::Jumpoint
                | Column::Hostname
                | Column::Protocol
                | Column::TunnelDefinitions
        )
    }

    /// The column with this header; case does not matter, and a space or hyphen is as good as `_`.
    pub(super) fn named(method: JumpMethod, header: &str) -> Option<Self> {
        let header: String = header
            .trim()
            .chars()
            .map(|c| match c {
                ' ' | '-' => '_',
                c => c.to_ascii_lowercase(),
            })
            .collect();
        columns(method)
            .into_iter()
            .find(|column| column.header() == header)
    }
}

/// The columns of a type's file, in the order in which they are written.
#[must_use]
pub fn columns(method: JumpMethod) -> Vec<Column> {
    let mut columns = vec![Column::Name, Column::JumpGroup];
    if method.needs_jumpoint() {
        columns.push(Column::Jumpoint);
    }
    columns.push(Column::Hostname);
    let special: &[Column] = match method {
        JumpMethod::ShellJump => &[
            Column::Protocol,
            Column::Port,
            Column::Terminal,
            Column::Username,
            Column::KeepAliveSeconds,
            Column::PinnedHostKeys,
            Column::TrustFirstUse,
            Column::Permissions,
        ],
        JumpMethod::ProtocolTunnel => &[Column::ListenAddress, Column::TunnelDefinitions],
        JumpMethod::LocalRdp | JumpMethod::RemoteRdp => &[
            Column::Port,
            Column::Quality,
            Column::Console,
            Column::IgnoreUntrusted,
            Column::RequireNla,
            Column::RdpUsername,
            Column::Domain,
            Column::SecureAppType,
            Column::RemoteAppName,
            Column::RemoteAppParams,
            Column::PinnedCertificates,
        ],
        JumpMethod::LocalVnc | JumpMethod::RemoteVnc => &[
            Column::Port,
            Column::PinnedCertificates,
            Column::TrustFirstCertificate,
            Column::MinimumSecurity,
        ],
        JumpMethod::IntelVpro => &[Column::Port, Column::Kerberos],
        JumpMethod::JumpClient => &[
            Column::ConnectionType,
            Column::MaxOfflineMinutes,
            Column::AttendedSessionPolicy,
            Column::UnattendedSessionPolicy,
            Column::IsQuiet,
        ],
        _ => &[],
    };
    columns.extend(special);
    columns.extend([
        Column::Tag,
        Column::Comments,
        Column::JumpPolicy,
        Column::SessionPolicy,
        Column::Recording,
        Column::MaxDurationSeconds,
        Column::CopyOf,
    ]);
    columns
}

/// The first row of a type's file.
#[must_use]
pub fn template(method: JumpMethod) -> String {
    let headers: Vec<&str> = columns(method).into_iter().map(Column::header).collect();
    headers.join(",") + "\r\n"
}

/// The name of a type, such as `shell_jump`.
#[must_use]
pub const fn method_code(method: JumpMethod) -> &'static str {
    match method {
        JumpMethod::ShellJump => "shell_jump",
        JumpMethod::ProtocolTunnel => "protocol_tunnel",
        JumpMethod::LocalRdp => "local_rdp",
        JumpMethod::RemoteRdp => "remote_rdp",
        JumpMethod::LocalVnc => "local_vnc",
        JumpMethod::RemoteVnc => "remote_vnc",
        JumpMethod::LocalJump => "local_jump",
        JumpMethod::RemoteJump => "remote_jump",
        JumpMethod::IntelVpro => "intel_vpro",
        JumpMethod::JumpClient => "jump_client",
        _ => "unknown",
    }
}
