//! Changing Jump Items, each part by the permission of one's role that it takes.

use super::edit::done;
use super::editing::Editing;
use super::{Broker, Caller, item_lookup, names, views};
use crate::access::{Action, Context, Effect, decide, needed_to_edit, role_permits};
use crate::control::{ItemDraft, ItemPatch, Response};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ItemId, UserId};
use crate::model::{
    Change, ItemDetails, JumpItem, Jumpoint, LoginScope, Name, Placement, RolePermission, World,
};
use crate::session::SealedCredential;
use crate::store::IdKind;

/// The caller's user, if this login may change what the user may.
fn editor(caller: &Caller) -> Option<UserId> {
    caller.user().filter(|_| caller.scope() == LoginScope::Everything)
}

/// Refuses who may not do this with the item.
pub(super) fn must_manage(
    broker: &Broker,
    caller: &Caller,
    world: &World,
    item: ItemId,
    permission: RolePermission,
) -> Result<()> {
    if caller.is_administrator(world) {
        return Ok(());
    }
    let denied = |why| Error::new(ErrorKind::Denied, "change an item", why);
    let user = editor(caller)
        .ok_or_else(|| denied("this login may only be used for sessions: log in with another".to_owned()))?;
    let action = Action::Manage(permission);
    let (decision, _) = decide(world, user, item, action, &Context::default(), broker.now());
    if decision.effect == Effect::Allow {
        Ok(())
    } else {
        Err(denied(decision.why_not()))
    }
}

/// The place of this name, if the caller's role there has the permission. Who lacks it learns from the answer not even that
/// the place exists.
fn place_for(caller: &Caller, world: &World, name: &Name, permission: RolePermission) -> Result<Placement> {
    let found = names::place(world, name);
    if caller.is_administrator(world) {
        return found;
    }
    let permits =
        |place: &Placement| editor(caller).is_some_and(|user| role_permits(world, user, *place, permission));
    found.ok().filter(permits).ok_or_else(|| {
        let message = format!("your role in \"{name}\" lacks {permission}");
        Error::new(ErrorKind::Denied, "change an item", message)
    })
}

/// The Jumpoint of this name, if the caller may use it; what one may not use does not exist.
fn jumpoint_for<'w>(caller: &Caller, world: &'w World, name: &Name) -> Result<&'w Jumpoint> {
    let jumpoint = names::jumpoint(world, name)?;
    let usable = caller.is_administrator(world)
        || editor(caller).is_some_and(|user| world.may_use_jumpoint(user, jumpoint.id));
    if usable {
        Ok(jumpoint)
    } else {
        Err(names::missing("jumpoint", name.as_str()))
    }
}

fn shown(broker: &Broker, id: ItemId) -> Result<Response> {
    let world = broker.world();
    let item = world.item(id).ok_or_else(item_lookup::not_found)?;
    Ok(Response::Item(Box::new(views::item(broker, &world, item))))
}

/// Makes the change and shows the item as it is then.
async fn put(broker: &Broker, caller: &Caller, editing: Editing, item: JumpItem) -> Result<Response> {
    let id = item.id;
    done(editing, caller, Change::PutItem(item)).await?;
    shown(broker, id)
}

pub(super) async fn add(
    broker: &Broker,
    caller: &Caller,
    editing: Editing,
    draft: ItemDraft,
) -> Result<Response> {
    let world = editing.world();
    let place = place_for(caller, &world, &draft.group, RolePermission::Add)?;
    let names_session_policy = draft.session_policy.is_some()
        || matches!(&draft.details, ItemDetails::JumpClient(client)
            if client.attended_session_policy.is_some() || client.unattended_session_policy.is_some());
    if draft.jump_policy.is_some() {
        place_for(caller, &world, &draft.group, RolePermission::EditJumpPolicy)?;
    }
    if names_session_policy {
        place_for(caller, &world, &draft.group, RolePermission::EditSessionPolicy)?;
    }
    let jumpoint = match &draft.jumpoint {
        None => None,
        Some(name) => Some(jumpoint_for(caller, &world, name)?.id),
    };
    if draft.details.credential().is_some() {
        return Err(Error::new(
            ErrorKind::InvalidArgument,
            "add an item",
            "a credential is bound to the item's id: add the item first, then set its credential",
        ));
    }
    let policies = policies(&world, draft.jump_policy.as_ref(), draft.session_policy.as_ref())?;
    let id = ItemId::new(broker.0.store.next_id(IdKind::Item).await?)?;
    let item = JumpItem {
        tag: draft.tag,
        comments: draft.comments,
        jump_policy: policies.0,
        session_policy: policies.1,
        recording: draft.recording,
        max_duration_seconds: draft.max_duration_seconds,
        ..JumpItem::new(id, draft.name, place, jumpoint, draft.hostname, draft.details)
    };
    put(broker, caller, editing, item).await
}

type Policies = (Option<crate::id::PolicyId>, Option<crate::id::SessionPolicyId>);

fn policies(world: &World, jump: Option<&Name>, session: Option<&Name>) -> Result<Policies> {
    let jump = jump.map(|name| names::jump_policy(world, name).map(|policy| policy.id));
    let session = session.map(|name| names::session_policy(world, name).map(|policy| policy.id));
    Ok((jump.transpose()?, session.transpose()?))
}

/// Changes the fields that a patch names. What they take is decided by what is different afterwards; a policy's name is
/// looked up only for who may set one.
pub(super) async fn edit(
    broker: &Broker,
    caller: &Caller,
    editing: Editing,
    item: &str,
    patch: ItemPatch,
) -> Result<Response> {
    let world = editing.world();
    let before = item_lookup::find_visible(&world, caller, item, broker.now())?;
    let must = |permission| must_manage(broker, caller, &world, before.id, permission);
    if patch.jump_policy.is_some() {
        must(RolePermission::EditJumpPolicy)?;
    }
    let details = &patch.details;
    if patch.session_policy.is_some()
        || details.attended_session_policy.is_some()
        || details.unattended_session_policy.is_some()
    {
        must(RolePermission::EditSessionPolicy)?;
    }
    if patch.jumpoint.is_some() {
        must(RolePermission::EditIdentity)?;
    }
    let after = patched(caller, &world, &before, patch)?;
    for permission in needed_to_edit(&before, &after)?.iter() {
        must(permission)?;
    }
    if after == *before {
        return shown(broker, before.id);
    }
    put(broker, caller, editing, after).await
}

fn patched(caller: &Caller, world: &World, before: &JumpItem, patch: ItemPatch) -> Result<JumpItem> {
    let mut item = before.clone();
    if let Some(name) = patch.name {
        item.name = name;
    }
    if let Some(hostname) = patch.hostname {
        item.hostname = hostname;
    }
    if let Some(name) = patch.jumpoint {
        item.jumpoint = Some(jumpoint_for(caller, world, &name)?.id);
    }
    if let Some(tag) = patch.tag {
        item.tag = tag;
    }
    if let Some(comments) = patch.comments {
        item.comments = comments;
    }
    if let Some(name) = patch.jump_policy {
        item.jump_policy = policies(world, name.as_ref(), None)?.0;
    }
    if let Some(name) = patch.session_policy {
        item.session_policy = policies(world, None, name.as_ref())?.1;
    }
    if let Some(recording) = patch.recording {
        item.recording = recording;
    }
    if let Some(seconds) = patch.max_duration_seconds {
        item.max_duration_seconds = seconds;
    }
    patch.details.apply(&mut item.details, |name| {
        names::session_policy(world, name).map(|policy| policy.id)
    })?;
    // Sealed for where the item led: it would not open any more.
    let leads = |item: &JumpItem| (item.jumpoint, item.credential_target().ok());
    if leads(&item) != leads(before)
        && let Some(credential) = item.details.credential_mut()
    {
        *credential = None;
    }
    Ok(item)
}

/// Moves an item. Its policies, credential and approvals stay with it.
pub(super) async fn shift(
    broker: &Broker,
    caller: &Caller,
    editing: Editing,
    item: &str,
    group: &Name,
) -> Result<Response> {
    let (item, place) = origin_and_destination(broker, caller, &editing, item, group)?;
    if item.placement == place {
        return Err(Error::new(
            ErrorKind::InvalidArgument,
            "move an item",
            "it is there already",
        ));
    }
    let moved = JumpItem {
        placement: place,
        ..item
    };
    put(broker, caller, editing, moved).await
}

/// Copies an item, but not its credential, which is sealed for the original, nor approvals for it.
pub(super) async fn copy(
    broker: &Broker,
    caller: &Caller,
    editing: Editing,
    item: &str,
    group: &Name,
    name: Option<Name>,
) -> Result<Response> {
    let (item, place) = origin_and_destination(broker, caller, &editing, item, group)?;
    let id = ItemId::new(broker.0.store.next_id(IdKind::Item).await?)?;
    let mut copy = JumpItem {
        id,
        copy_of: Some(item.original()),
        name: name.unwrap_or_else(|| item.name.clone()),
        placement: place,
        ..item
    };
    if let Some(credential) = copy.details.credential_mut() {
        *credential = None;
    }
    put(broker, caller, editing, copy).await
}

fn origin_and_destination(
    broker: &Broker,
    caller: &Caller,
    editing: &Editing,
    item: &str,
    group: &Name,
) -> Result<(JumpItem, Placement)> {
    let world = editing.world();
    let item = item_lookup::find_visible(&world, caller, item, broker.now())?;
    must_manage(broker, caller, &world, item.id, RolePermission::AssignJumpGroup)?;
    let place = place_for(caller, &world, group, RolePermission::AssignJumpGroup)?;
    Ok((JumpItem::clone(&item), place))
}

pub(super) async fn remove(
    broker: &Broker,
    caller: &Caller,
    editing: Editing,
    item: &str,
) -> Result<Response> {
    let world = editing.world();
    let item = item_lookup::find_visible(&world, caller, item, broker.now())?;
    must_manage(broker, caller, &world, item.id, RolePermission::Remove)?;
    done(editing, caller, Change::RemoveItem(item.id)).await
}

pub(super) async fn set_credential(
    broker: &Broker,
    caller: &Caller,
    editing: Editing,
    id: ItemId,
    credential: Option<SealedCredential>,
) -> Result<Response> {
    let world = editing.world();
    let mut item = JumpItem::clone(item_lookup::with_id(&world, caller, id, broker.now())?);
    must_manage(broker, caller, &world, id, RolePermission::EditIdentity)?;
    let place = item.details.credential_mut().ok_or_else(|| {
        Error::new(
            ErrorKind::InvalidArgument,
            "set a credential",
            "this type of item uses none",
        )
    })?;
    *place = credential;
    done(editing, caller, Change::PutItem(item)).await
}
