//! One cell: a field of an item as text, and back.

use std::net::Ipv4Addr;

use jump_core::error::{Error, ErrorKind, Result};
use jump_core::model::{
    Comments, Field, HostKey, Hostname, JumpMethod, Name, PortForward, ProtocolTunnel, SecureApp,
    ShellProtocol, Tag, UserName, World,
};
use jump_core::session::{RecordingMode, SessionPermission, SessionPermissions};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::column::Column;
use crate::document::{Details, Item, ItemRef, JumpClient, PushJump, Rdp, ShellJump, Vnc, Vpro};

/// An item of a type with everything at its default. Its name and host are to be set.
pub(crate) fn blank(method: JumpMethod) -> Result<Item> {
    let details = match method {
        JumpMethod::ShellJump => Details::ShellJump(ShellJump {
            protocol: ShellProtocol::Ssh,
            port: 22,
            terminal: Default::default(),
            username: Field::default(),
            keep_alive_seconds: 0,
            host_key: Default::default(),
            permissions: SessionPermissions::default(),
        }),
        JumpMethod::ProtocolTunnel => Details::ProtocolTunnel(ProtocolTunnel {
            listen_address: Ipv4Addr::LOCALHOST,
            forwards: Vec::new(),
        }),
        JumpMethod::LocalRdp => Details::LocalRdp(Rdp::default()),
        JumpMethod::RemoteRdp => Details::RemoteRdp(Rdp::default()),
        JumpMethod::LocalVnc => Details::LocalVnc(Vnc::default()),
        JumpMethod::RemoteVnc => Details::RemoteVnc(Vnc::default()),
        JumpMethod::LocalJump => Details::LocalJump(PushJump {}),
        JumpMethod::RemoteJump => Details::RemoteJump(PushJump {}),
        JumpMethod::IntelVpro => Details::IntelVpro(Vpro::default()),
        JumpMethod::JumpClient => Details::JumpClient(JumpClient::default()),
        other => {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "read items",
                format!("this version has no form for a {other}"),
            ));
        }
    };
    Ok(Item {
        group: None,
        personal: None,
        name: Name::new("-")?,
        jumpoint: None,
        hostname: Hostname::new("localhost")?,
        tag: Tag::default(),
        comments: Comments::default(),
        jump_policy: None,
        session_policy: None,
        recording: RecordingMode::default(),
        max_duration_seconds: None,
        copy_of: None,
        details,
    })
}

/// The same item, referring to others by their code names.
pub(crate) fn codes(world: &World, mut item: Item) -> Result<Item> {
    let named = |name: &Option<Name>, code: &dyn Fn(&str) -> Option<String>| -> Result<Option<Name>> {
        let Some(name) = name else { return Ok(None) };
        // A reference that leads nowhere cannot be in a world.
        Ok(Some(match code(name.as_str()) {
            Some(code) => Name::new(code)?,
            None => name.clone(),
        }))
    };
    let group = |name: &str| world.group_named(name).map(|one| one.code_name().to_string());
    let session_policy = |name: &str| {
        let same = |other: &str| crate::names::fold(other) == crate::names::fold(name);
        let mut all = world.session_policies();
        let found = all.find(|one| same(one.name.as_str()));
        found.map(|one| one.code_name().to_string())
    };
    let policy = |name: &str| {
        let same = |other: &str| crate::names::fold(other) == crate::names::fold(name);
        let found = world.policies().find(|one| same(one.name.as_str()));
        found.map(|one| one.code_name().to_string())
    };
    item.group = named(&item.group, &group)?;
    item.jumpoint = named(&item.jumpoint, &|name| {
        world.jumpoint_named(name).map(|one| one.code_name().to_string())
    })?;
    item.jump_policy = named(&item.jump_policy, &policy)?;
    item.session_policy = named(&item.session_policy, &session_policy)?;
    if let Some(reference) = &mut item.copy_of {
        reference.group = named(&reference.group, &group)?;
    }
    if let Details::JumpClient(client) = &mut item.details {
        client.attended_session_policy = named(&client.attended_session_policy, &session_policy)?;
        client.unattended_session_policy = named(&client.unattended_session_policy, &session_policy)?;
    }
    Ok(item)
}

/// The name that a value of an enumeration has in JSON.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}

fn read_word<T: DeserializeOwned + Default>(text: &str, rule: &str) -> Result<T, String> {
    if text.is_empty() {
        return Ok(T::default());
    }
    let word = Value::String(text.to_owned());
    serde_json::from_value(word).map_err(|_| format!("it is {rule}"))
}

fn number<T: std::str::FromStr>(text: &str, rule: &str) -> Result<T, String> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits
        .then(|| text.parse().ok())
        .flatten()
        .ok_or_else(|| format!("it is {rule}"))
}

/// A switch; a spreadsheet may have written it its own way.
fn switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Ok(true),
        "" | "false" | "no" | "0" => Ok(false),
        _ => Err("it is `true` or `false`".to_owned()),
    }
}

/// The parts of a list.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(';').map(str::trim).filter(|part| !part.is_empty())
}

fn rule(error: &Error) -> String {
    error.context().to_owned()
}

/// A name; blank is none.
fn optional(text: &str) -> Result<Option<Name>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    Name::new(text).map(Some).map_err(|error| rule(&error))
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(";")
}

/// The text of a field, without the guard against formulas.
pub(super) fn get(item: &Item, column: Column) -> String {
    let text = |name: &Option<Name>| name.as_ref().map(Name::to_string).unwrap_or_default();
    match column {
        Column::Name => item.name.to_string(),
        Column::JumpGroup => text(&item.group),
        Column::Jumpoint => text(&item.jumpoint),
        Column::Hostname => item.hostname.to_string(),
        Column::Tag => item.tag.to_string(),
        Column::Comments => item.comments.to_string(),
        Column::JumpPolicy => text(&item.jump_policy),
        Column::SessionPolicy => text(&item.session_policy),
        Column::Recording => word(&item.recording),
        Column::MaxDurationSeconds => item
            .max_duration_seconds
            .map(|seconds| seconds.to_string())
            .unwrap_or_default(),
        Column::CopyOf => match &item.copy_of {
            None => String::new(),
            Some(ItemRef {
                group: Some(group),
                name,
                ..
            }) => format!("{group}/{name}"),
            Some(ItemRef { personal, name, .. }) => {
                let user = personal.as_ref().map(UserName::to_string).unwrap_or_default();
                format!("@{user}/{name}")
            }
        },
        _ => match &item.details {
            Details::ShellJump(shell) => shell_cell(shell, column),
            Details::ProtocolTunnel(tunnel) => match column {
                Column::ListenAddress => tunnel.listen_address.to_string(),
                Column::TunnelDefinitions => joined(
                    tunnel
                        .forwards
                        .iter()
                        .map(|forward| format!("{};{}", forward.local, forward.remote)),
                ),
                _ => String::new(),
            },
            Details::LocalRdp(rdp) | Details::RemoteRdp(rdp) => rdp_cell(rdp, column),
            Details::LocalVnc(vnc) | Details::RemoteVnc(vnc) => match column {
                Column::Port => vnc.port.to_string(),
                Column::PinnedCertificates => joined(vnc.pinned_certificates.iter().map(Field::to_string)),
                Column::TrustFirstCertificate => vnc.trust_first_certificate.to_string(),
                Column::MinimumSecurity => word(&vnc.minimum_security),
                _ => String::new(),
            },
            Details::IntelVpro(vpro) => match column {
                Column::Port => vpro.port.to_string(),
                Column::Kerberos => vpro.kerberos.to_string(),
                _ => String::new(),
            },
            Details::JumpClient(client) => match column {
                Column::ConnectionType => word(&client.connection_type),
                Column::MaxOfflineMinutes => client.max_offline_minutes.to_string(),
                Column::AttendedSessionPolicy => text(&client.attended_session_policy),
                Column::UnattendedSessionPolicy => text(&client.unattended_session_policy),
                Column::IsQuiet => client.is_quiet.to_string(),
                _ => String::new(),
            },
            Details::LocalJump(PushJump {}) | Details::RemoteJump(PushJump {}) => String::new(),
        },
    }
}

fn shell_cell(shell: &ShellJump, column: Column) -> String {
    match column {
        Column::Protocol => word(&shell.protocol),
        Column::Port => shell.port.to_string(),
        Column::Terminal => word(&shell.terminal),
        Column::Username => shell.username.to_string(),
        Column::KeepAliveSeconds => shell.keep_alive_seconds.to_string(),
        Column::PinnedHostKeys => joined(shell.host_key.pinned.iter().map(HostKey::to_string)),
        Column::TrustFirstUse => shell.host_key.trust_first_use.to_string(),
        Column::Permissions if shell.permissions == SessionPermissions::default() => String::new(),
        Column::Permissions if shell.permissions == SessionPermissions::NONE => "none".to_owned(),
        Column::Permissions => joined(
            SessionPermission::ALL
                .iter()
                .filter(|permission| shell.permissions.get(**permission))
                .map(|permission| permission.name().to_owned()),
        ),
        _ => String::new(),
    }
}

fn rdp_cell(rdp: &Rdp, column: Column) -> String {
    let app = match &rdp.secure_app {
        SecureApp::None => None,
        SecureApp::RemoteApp {
            remote_app_name,
            remote_app_params,
        } => Some((remote_app_name.to_string(), remote_app_params.to_string())),
    };
    match column {
        Column::Port => rdp.port.to_string(),
        Column::Quality => word(&rdp.quality),
        Column::Console => rdp.console.to_string(),
        Column::IgnoreUntrusted => rdp.ignore_untrusted.to_string(),
        Column::RequireNla => rdp.require_nla.to_string(),
        Column::RdpUsername => rdp.rdp_username.to_string(),
        Column::Domain => rdp.domain.to_string(),
        Column::SecureAppType => if app.is_some() { "remote_app" } else { "none" }.to_owned(),
        Column::RemoteAppName => app.map(|(name, _)| name).unwrap_or_default(),
        Column::RemoteAppParams => app.map(|(_, params)| params).unwrap_or_default(),
        Column::PinnedCertificates => joined(rdp.pinned_certificates.iter().map(Field::to_string)),
        _ => String::new(),
    }
}

const PORT: &str = "a port, 1 to 65535";

/// Sets a field; a blank text is its default. The columns of a row are set in the order of
/// [`columns`](super::columns): a port's default follows the protocol.
///
/// # Errors
/// The rule that the text breaks.
pub(crate) fn set(item: &mut Item, column: Column, text: &str) -> Result<(), String> {
    match column {
        Column::Name => item.name = Name::new(text).map_err(|error| rule(&error))?,
        Column::JumpGroup => item.group = optional(text)?,
        Column::Jumpoint => item.jumpoint = optional(text)?,
        Column::Hostname => item.hostname = Hostname::new(text).map_err(|error| rule(&error))?,
        Column::Tag => item.tag = Tag::new(text).map_err(|error| rule(&error))?,
        // Spreadsheets may end the lines in a cell their own way.
        Column::Comments => {
            item.comments = Comments::new(text.replace("\r\n", "\n")).map_err(|error| rule(&error))?;
        }
        Column::JumpPolicy => item.jump_policy = optional(text)?,
        Column::SessionPolicy => item.session_policy = optional(text)?,
        Column::Recording => {
            item.recording = read_word(text, "`off`, `best_effort`, `backpressure` or `fail_closed`")?;
        }
        Column::MaxDurationSeconds => {
            item.max_duration_seconds = match text {
                "" => None,
                text => match number(text, "1 to 4294967295 seconds, or blank")? {
                    0 => return Err("it is 1 to 4294967295 seconds, or blank".to_owned()),
                    seconds => Some(seconds),
                },
            };
        }
        Column::CopyOf => item.copy_of = copy_of(text)?,
        _ => return set_detail(&mut item.details, column, text),
    }
    Ok(())
}

fn copy_of(text: &str) -> Result<Option<ItemRef>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || "it is `GROUP/NAME` with the group's code name, or `@USER/NAME`".to_owned();
    let (place, name) = text.split_once('/').ok_or_else(wrong)?;
    let name = Name::new(name).map_err(|_| wrong())?;
    Ok(Some(match place.strip_prefix('@') {
        Some(user) => ItemRef {
            group: None,
            personal: Some(UserName::new(user).map_err(|_| wrong())?),
            name,
        },
        None => ItemRef {
            group: Some(Name::new(place).map_err(|_| wrong())?),
            personal: None,
            name,
        },
    }))
}

fn set_detail(details: &mut Details, column: Column, text: &str) -> Result<(), String> {
    match details {
        Details::ShellJump(shell) => set_shell(shell, column, text),
        Details::ProtocolTunnel(tunnel) => set_tunnel(tunnel, column, text),
        Details::LocalRdp(rdp) | Details::RemoteRdp(rdp) => set_rdp(rdp, column, text),
        Details::LocalVnc(vnc) | Details::RemoteVnc(vnc) => {
            match column {
                Column::Port => vnc.port = port(text, Vnc::default().port)?,
                Column::PinnedCertificates => vnc.pinned_certificates = fields(text)?,
                Column::TrustFirstCertificate => vnc.trust_first_certificate = switch(text)?,
                Column::MinimumSecurity => {
                    vnc.minimum_security = read_word(text, "`encrypted`, `password` or `none`")?;
                }
                _ => return Err(foreign()),
            }
            Ok(())
        }
        Details::IntelVpro(vpro) => {
            match column {
                Column::Port => vpro.port = port(text, Vpro::default().port)?,
                Column::Kerberos => vpro.kerberos = switch(text)?,
                _ => return Err(foreign()),
            }
            Ok(())
        }
        Details::JumpClient(client) => set_client(client, column, text),
        Details::LocalJump(PushJump {}) | Details::RemoteJump(PushJump {}) => Err(foreign()),
    }
}

fn foreign() -> String {
    "this type of item has no such column".to_owned()
}

fn port(text: &str, default: u16) -> Result<u16, String> {
    match text {
        "" => Ok(default),
        text => match number(text, PORT)? {
            0 => Err(format!("it is {PORT}")),
            port => Ok(port),
        },
    }
}

fn field(text: &str) -> Result<Field, String> {
    Field::new(text).map_err(|error| rule(&error))
}

fn fields(text: &str) -> Result<Vec<Field>, String> {
    parts(text).map(field).collect()
}

fn set_shell(shell: &mut ShellJump, column: Column, text: &str) -> Result<(), String> {
    match column {
        Column::Protocol => {
            shell.protocol = match text {
                "ssh" => ShellProtocol::Ssh,
                "telnet" => ShellProtocol::Telnet,
                _ => return Err("it is `ssh` or `telnet`".to_owned()),
            };
        }
        Column::Port => {
            let default = if shell.protocol == ShellProtocol::Telnet {
                23
            } else {
                22
            };
            shell.port = port(text, default)?;
        }
        Column::Terminal => shell.terminal = read_word(text, "`xterm` or `VT100`")?,
        Column::Username => shell.username = field(text)?,
        Column::KeepAliveSeconds => {
            shell.keep_alive_seconds = if text.is_empty() {
                0
            } else {
                number(text, "0 to 300 seconds")?
            };
        }
        Column::PinnedHostKeys => {
            let keys: Result<Vec<HostKey>> = parts(text).map(HostKey::new).collect();
            shell.host_key.pinned = keys.map_err(|error| rule(&error))?;
        }
        Column::TrustFirstUse => shell.host_key.trust_first_use = switch(text)?,
        Column::Permissions => shell.permissions = permissions(text)?,
        _ => return Err(foreign()),
    }
    Ok(())
}

fn permissions(text: &str) -> Result<SessionPermissions, String> {
    match text.trim() {
        "" => return Ok(SessionPermissions::default()),
        "none" => return Ok(SessionPermissions::NONE),
        _ => {}
    }
    let mut allowed = SessionPermissions::NONE;
    for part in parts(text) {
        let mut all = SessionPermission::ALL.iter();
        let Some(permission) = all.find(|permission| permission.name() == part) else {
            let names: Vec<&str> = SessionPermission::ALL.iter().map(|one| one.name()).collect();
            return Err(format!(
                "`{part}` is no permission; they are {}, or `none`",
                names.join(", ")
            ));
        };
        allowed.set(*permission, true);
    }
    Ok(allowed)
}

fn set_tunnel(tunnel: &mut ProtocolTunnel, column: Column, text: &str) -> Result<(), String> {
    match column {
        Column::ListenAddress => {
            tunnel.listen_address = if text.is_empty() {
                Ipv4Addr::LOCALHOST
            } else {
                text.parse()
                    .map_err(|_| "it is an address in 127.0.0.0/24".to_owned())?
            };
        }
        Column::TunnelDefinitions => {
            let wrong = "`LOCAL;REMOTE` ports with `;` between the pairs";
            let mut ports = Vec::new();
            for part in parts(text) {
                ports.push(number::<u16>(part, wrong)?);
            }
            let (pairs, rest) = ports.as_chunks::<2>();
            if !rest.is_empty() || pairs.is_empty() || pairs.len() > 64 {
                return Err(format!("it is 1 to 64 pairs of {wrong}"));
            }
            let forwards = pairs.iter().map(|[local, remote]| PortForward {
                local: *local,
                remote: *remote,
            });
            tunnel.forwards = forwards.collect();
        }
        _ => return Err(foreign()),
    }
    Ok(())
}

fn set_rdp(rdp: &mut Rdp, column: Column, text: &str) -> Result<(), String> {
    let only = "it needs `remote_app` in secure_app_type";
    match column {
        Column::Port => rdp.port = port(text, Rdp::default().port)?,
        Column::Quality => {
            let rule =
                "`low`, `performance`, `performance_quality`, `quality`, `best_performance` or `lossless`";
            rdp.quality = read_word(text, rule)?;
        }
        Column::Console => rdp.console = switch(text)?,
        Column::IgnoreUntrusted => rdp.ignore_untrusted = switch(text)?,
        Column::RequireNla => rdp.require_nla = switch(text)?,
        Column::RdpUsername => rdp.rdp_username = field(text)?,
        Column::Domain => rdp.domain = field(text)?,
        Column::SecureAppType => match (text, &rdp.secure_app) {
            ("" | "none", _) => rdp.secure_app = SecureApp::None,
            ("remote_app", SecureApp::RemoteApp { .. }) => {}
            ("remote_app", SecureApp::None) => {
                rdp.secure_app = SecureApp::RemoteApp {
                    remote_app_name: Field::default(),
                    remote_app_params: Field::default(),
                };
            }
            _ => return Err("it is `none` or `remote_app`".to_owned()),
        },
        Column::RemoteAppName | Column::RemoteAppParams => match &mut rdp.secure_app {
            SecureApp::None if text.is_empty() => {}
            SecureApp::None => return Err(only.to_owned()),
            SecureApp::RemoteApp {
                remote_app_name,
                remote_app_params,
            } => {
                let place = if column == Column::RemoteAppName {
                    remote_app_name
                } else {
                    remote_app_params
                };
                *place = field(text)?;
            }
        },
        Column::PinnedCertificates => rdp.pinned_certificates = fields(text)?,
        _ => return Err(foreign()),
    }
    Ok(())
}

fn set_client(client: &mut JumpClient, column: Column, text: &str) -> Result<(), String> {
    match column {
        Column::ConnectionType => client.connection_type = read_word(text, "`active` or `passive`")?,
        Column::MaxOfflineMinutes => {
            client.max_offline_minutes = if text.is_empty() {
                0
            } else {
                number(text, "0 to 4294967295 minutes")?
            };
        }
        Column::AttendedSessionPolicy => client.attended_session_policy = optional(text)?,
        Column::UnattendedSessionPolicy => client.unattended_session_policy = optional(text)?,
        Column::IsQuiet => client.is_quiet = switch(text)?,
        _ => return Err(foreign()),
    }
    Ok(())
}
