//! Which permissions an edit of an item takes: one per kind of field that it changes.

use crate::error::{Error, ErrorKind, Result};
use crate::model::{
    IntelVpro, ItemDetails, JumpClient, JumpItem, ProtocolTunnel, PushJump, Rdp, RolePermission,
    RolePermissions, ShellJump, Vnc,
};

/// The permissions that one's role must have to turn `before` into `after`; none if they are the same.
///
/// * [`EditTag`](RolePermission::EditTag), [`EditComments`](RolePermission::EditComments),
///   [`EditJumpPolicy`](RolePermission::EditJumpPolicy): the field of that name.
/// * [`EditSessionPolicy`](RolePermission::EditSessionPolicy): the session policies, and an item's own switches for what may
///   happen in a session.
/// * [`EditIdentity`](RolePermission::EditIdentity): name, host, Jumpoint, port, protocol, user names, credential, what the
///   target must prove, what is started on it, the ports of a tunnel.
/// * [`EditBehavior`](RolePermission::EditBehavior): recording, longest duration, terminal, keep-alive, quality, console
///   session, connection type, what a Jump Client shows and when it is lost.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`] for what no edit changes: id, type, place (move it) and origin.
pub fn needed_to_edit(before: &JumpItem, after: &JumpItem) -> Result<RolePermissions> {
    // Taken apart field by field, so that a new field does not compile until somebody says what it takes.
    let JumpItem {
        id,
        name,
        placement,
        jumpoint,
        hostname,
        tag,
        comments,
        jump_policy,
        session_policy,
        copy_of,
        recording,
        max_duration_seconds,
        details,
    } = before;
    if *id != after.id || *placement != after.placement || *copy_of != after.copy_of {
        return Err(not_an_edit());
    }
    let mut needed = Vec::new();
    let mut takes = |changed: bool, permission| {
        if changed {
            needed.push(permission);
        }
    };
    takes(
        *name != after.name || *jumpoint != after.jumpoint || *hostname != after.hostname,
        RolePermission::EditIdentity,
    );
    takes(*tag != after.tag, RolePermission::EditTag);
    takes(*comments != after.comments, RolePermission::EditComments);
    takes(*jump_policy != after.jump_policy, RolePermission::EditJumpPolicy);
    takes(
        *session_policy != after.session_policy,
        RolePermission::EditSessionPolicy,
    );
    takes(
        *recording != after.recording || *max_duration_seconds != after.max_duration_seconds,
        RolePermission::EditBehavior,
    );
    let Changed {
        identity,
        behavior,
        session,
    } = changed(details, &after.details).ok_or_else(not_an_edit)?;
    takes(identity, RolePermission::EditIdentity);
    takes(behavior, RolePermission::EditBehavior);
    takes(session, RolePermission::EditSessionPolicy);
    Ok(needed.into_iter().collect())
}

fn not_an_edit() -> Error {
    Error::new(
        ErrorKind::InvalidArgument,
        "change an item",
        "an item's id, type, place and origin stay as they are: move or copy it, or add another",
    )
}

/// Which kinds of fields differ.
#[derive(Default)]
struct Changed {
    identity: bool,
    behavior: bool,
    session: bool,
}

/// `None` if they are of different types.
fn changed(before: &ItemDetails, after: &ItemDetails) -> Option<Changed> {
    Some(match (before, after) {
        (ItemDetails::ShellJump(before), ItemDetails::ShellJump(after)) => shell(before, after),
        (ItemDetails::ProtocolTunnel(before), ItemDetails::ProtocolTunnel(after)) => {
            let ProtocolTunnel {
                listen_address,
                forwards,
            } = before;
            Changed {
                identity: *listen_address != after.listen_address || *forwards != after.forwards,
                ..Changed::default()
            }
        }
        (ItemDetails::LocalRdp(before), ItemDetails::LocalRdp(after))
        | (ItemDetails::RemoteRdp(before), ItemDetails::RemoteRdp(after)) => rdp(before, after),
        (ItemDetails::LocalVnc(before), ItemDetails::LocalVnc(after))
        | (ItemDetails::RemoteVnc(before), ItemDetails::RemoteVnc(after)) => {
            let Vnc {
                port,
                pinned_certificates,
                trust_first_certificate,
                minimum_security,
                credential,
            } = before;
            Changed {
                identity: *port != after.port
                    || *pinned_certificates != after.pinned_certificates
                    || *trust_first_certificate != after.trust_first_certificate
                    || *minimum_security != after.minimum_security
                    || *credential != after.credential,
                ..Changed::default()
            }
        }
        (ItemDetails::LocalJump(before), ItemDetails::LocalJump(after))
        | (ItemDetails::RemoteJump(before), ItemDetails::RemoteJump(after)) => {
            let PushJump { credential } = before;
            Changed {
                identity: *credential != after.credential,
                ..Changed::default()
            }
        }
        (ItemDetails::IntelVpro(before), ItemDetails::IntelVpro(after)) => {
            let IntelVpro {
                port,
                kerberos,
                credential,
            } = before;
            Changed {
                identity: *port != after.port
                    || *kerberos != after.kerberos
                    || *credential != after.credential,
                ..Changed::default()
            }
        }
        (ItemDetails::JumpClient(before), ItemDetails::JumpClient(after)) => {
            let JumpClient {
                connection_type,
                max_offline_minutes,
                attended_session_policy,
                unattended_session_policy,
                is_quiet,
            } = before;
            Changed {
                behavior: *connection_type != after.connection_type
                    || *max_offline_minutes != after.max_offline_minutes
                    || *is_quiet != after.is_quiet,
                session: *attended_session_policy != after.attended_session_policy
                    || *unattended_session_policy != after.unattended_session_policy,
                ..Changed::default()
            }
        }
        _ => return None,
    })
}

fn shell(before: &ShellJump, after: &ShellJump) -> Changed {
    let ShellJump {
        protocol,
        port,
        terminal,
        username,
        keep_alive_seconds,
        host_key,
        permissions,
        credential,
    } = before;
    Changed {
        identity: *protocol != after.protocol
            || *port != after.port
            || *username != after.username
            || *host_key != after.host_key
            || *credential != after.credential,
        behavior: *terminal != after.terminal || *keep_alive_seconds != after.keep_alive_seconds,
        session: *permissions != after.permissions,
    }
}

fn rdp(before: &Rdp, after: &Rdp) -> Changed {
    let Rdp {
        port,
        quality,
        console,
        ignore_untrusted,
        require_nla,
        rdp_username,
        domain,
        secure_app,
        pinned_certificates,
        credential,
    } = before;
    Changed {
        // A RemoteApp keeps a rep away from the desktop: what is started is a part of what is reached.
        identity: *port != after.port
            || *ignore_untrusted != after.ignore_untrusted
            || *require_nla != after.require_nla
            || *rdp_username != after.rdp_username
            || *domain != after.domain
            || *secure_app != after.secure_app
            || *pinned_certificates != after.pinned_certificates
            || *credential != after.credential,
        behavior: *quality != after.quality || *console != after.console,
        session: false,
    }
}
