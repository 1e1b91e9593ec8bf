//! Items as a document has them.

use std::collections::HashMap;

use jump_core::error::{Error, ErrorKind, Result};
use jump_core::id::{ItemId, SessionPolicyId};
use jump_core::model;
use jump_core::model::{ItemDetails, JumpItem, Placement, World};

use super::{Namer, all};
use crate::document::{Details, Item, JumpClient, PushJump, Rdp, ShellJump, Vnc, Vpro};
use crate::names::fold;

/// The items that stand for originals that are gone: the first copy of each.
#[derive(Debug, Default)]
pub(crate) struct Originals(HashMap<ItemId, ItemId>);

impl Originals {
    /// Looks through all items.
    pub(crate) fn of(world: &World) -> Result<Self> {
        let mut first: HashMap<ItemId, (PlaceKey, ItemId)> = HashMap::new();
        for item in world.items() {
            let Some(gone) = item.copy_of.filter(|id| world.item(*id).is_none()) else {
                continue;
            };
            let key = key(world, item)?;
            match first.get(&gone) {
                Some((other, _)) if *other <= key => {}
                _ => {
                    first.insert(gone, (key, item.id));
                }
            }
        }
        Ok(Self(
            first.into_iter().map(|(gone, (_, id))| (gone, id)).collect(),
        ))
    }

    /// The item that a document names as the original of this one.
    pub(crate) fn named(&self, world: &World, item: &JumpItem) -> Option<ItemId> {
        let original = item.copy_of?;
        if world.item(original).is_some() {
            return Some(original);
        }
        self.0.get(&original).copied().filter(|first| *first != item.id)
    }
}

/// By what items are sorted: shared before personal, by place, by name.
type PlaceKey = (bool, String, String);

pub(super) fn key(world: &World, item: &JumpItem) -> Result<PlaceKey> {
    let namer = Namer(world);
    let (personal, place) = match item.placement {
        Placement::Shared(group) => (false, fold(namer.group(group)?.as_str())),
        Placement::Personal { personal } => (true, fold(namer.user(personal)?.as_str())),
    };
    Ok((personal, place, fold(item.name.as_str())))
}

pub(super) fn items(world: &World) -> Result<Vec<Item>> {
    let originals = Originals::of(world)?;
    let mut sorted = world
        .items()
        .map(|item| Ok((key(world, item)?, item)))
        .collect::<Result<Vec<_>>>()?;
    sorted.sort_by(|(a, _), (b, _)| a.cmp(b));
    all(sorted.into_iter(), |(_, one)| item(world, &originals, one))
}

/// One item.
pub(crate) fn item(world: &World, originals: &Originals, item: &JumpItem) -> Result<Item> {
    let namer = Namer(world);
    let JumpItem {
        id: _,
        name,
        placement,
        jumpoint,
        hostname,
        tag,
        comments,
        jump_policy,
        session_policy,
        copy_of: _,
        recording,
        max_duration_seconds,
        details: own,
    } = item;
    let (group, personal) = namer.place(*placement)?;
    let copy_of = originals
        .named(world, item)
        .and_then(|id| world.item(id))
        .map(|original| namer.item_ref(original))
        .transpose()?;
    Ok(Item {
        group,
        personal,
        name: name.clone(),
        jumpoint: jumpoint.map(|id| namer.jumpoint(id)).transpose()?,
        hostname: hostname.clone(),
        tag: tag.clone(),
        comments: comments.clone(),
        jump_policy: jump_policy.map(|id| namer.policy(id)).transpose()?,
        session_policy: session_policy.map(|id| namer.session_policy(id)).transpose()?,
        recording: *recording,
        max_duration_seconds: *max_duration_seconds,
        copy_of,
        details: details(namer, own)?,
    })
}

fn details(namer: Namer<'_>, details: &ItemDetails) -> Result<Details> {
    Ok(match details {
        ItemDetails::ShellJump(shell) => {
            let model::ShellJump {
                protocol,
                port,
                terminal,
                username,
                keep_alive_seconds,
                host_key,
                permissions,
                credential: _,
            } = shell;
            Details::ShellJump(ShellJump {
                protocol: *protocol,
                port: *port,
                terminal: *terminal,
                username: username.clone(),
                keep_alive_seconds: *keep_alive_seconds,
                host_key: host_key.clone(),
                permissions: *permissions,
            })
        }
        ItemDetails::ProtocolTunnel(tunnel) => Details::ProtocolTunnel(tunnel.clone()),
        ItemDetails::LocalRdp(one) => Details::LocalRdp(rdp(one)),
        ItemDetails::RemoteRdp(one) => Details::RemoteRdp(rdp(one)),
        ItemDetails::LocalVnc(one) => Details::LocalVnc(vnc(one)),
        ItemDetails::RemoteVnc(one) => Details::RemoteVnc(vnc(one)),
        ItemDetails::LocalJump(model::PushJump { credential: _ }) => Details::LocalJump(PushJump {}),
        ItemDetails::RemoteJump(model::PushJump { credential: _ }) => Details::RemoteJump(PushJump {}),
        ItemDetails::IntelVpro(vpro) => {
            let model::IntelVpro {
                port,
                kerberos,
                credential: _,
            } = vpro;
            Details::IntelVpro(Vpro {
                port: *port,
                kerberos: *kerberos,
            })
        }
        ItemDetails::JumpClient(client) => {
            let model::JumpClient {
                connection_type,
                max_offline_minutes,
                attended_session_policy,
                unattended_session_policy,
                is_quiet,
            } = client;
            let policy = |id: &Option<SessionPolicyId>| id.map(|id| namer.session_policy(id)).transpose();
            Details::JumpClient(JumpClient {
                connection_type: *connection_type,
                max_offline_minutes: *max_offline_minutes,
                attended_session_policy: policy(attended_session_policy)?,
                unattended_session_policy: policy(unattended_session_policy)?,
                is_quiet: *is_quiet,
            })
        }
        other => {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "export an item",
                format!("this version has no form for a {other}"),
            ));
        }
    })
}

fn rdp(rdp: &model::Rdp) -> Rdp {
    let model::Rdp {
        port,
        quality,
        console,
        ignore_untrusted,
        require_nla,
        rdp_username,
        domain,
        secure_app,
        pinned_certificates,
        credential: _,
    } = rdp;
    Rdp {
        port: *port,
        quality: *quality,
        console: *console,
        ignore_untrusted: *ignore_untrusted,
        require_nla: *require_nla,
        rdp_username: rdp_username.clone(),
        domain: domain.clone(),
        secure_app: secure_app.clone(),
        pinned_certificates: pinned_certificates.clone(),
    }
}

fn vnc(vnc: &model::Vnc) -> Vnc {
    let model::Vnc {
        port,
        pinned_certificates,
        trust_first_certificate,
        minimum_security,
        credential: _,
    } = vnc;
    Vnc {
        port: *port,
        pinned_certificates: pinned_certificates.clone(),
        trust_first_certificate: *trust_first_certificate,
        minimum_security: *minimum_security,
    }
}
