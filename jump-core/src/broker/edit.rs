//! Changing the site, by names.

use std::sync::Arc;

use super::editing::Editing;
use super::{Broker, Caller, item_lookup};
use crate::access::{Action, Context, Effect, decide, role_permits};
use crate::audit::AuditKind;
use crate::control::{BrokerEndpoint, Edit, Invitation, ItemDraft, Response};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{GroupId, ItemId, JumpointId, UserId};
use crate::model::{
    Change, JumpGroup, JumpItem, Jumpoint, LoginScope, Membership, Name, Role, RolePermission, User,
    UserName, World,
};
use crate::session::SealedCredential;
use crate::store::{EnrolmentToken, IdKind, TokenPurpose};
use crate::time::Timestamp;

/// Makes one edit on behalf of `caller`.
pub(super) async fn edit(broker: &Broker, caller: &Caller, edit: Edit) -> Result<Response> {
    let editing = broker.begin_edit().await;
    let world = editing.world();
    // Asked before the turn came: who lost the login meanwhile changes nothing any more.
    caller.check(&world, broker.now())?;
    match edit {
        Edit::AddItem(draft) => return add_item(broker, caller, editing, *draft).await,
        Edit::RemoveItem { item } => {
            let item = item_lookup::find_visible(&world, caller, &item, broker.now())?;
            must_manage(broker, caller, &world, item.id, RolePermission::Remove)?;
            return done(editing, caller, Change::RemoveItem(item.id)).await;
        }
        Edit::SetCredential { item, credential } => {
            return set_credential(broker, caller, editing, item, credential).await;
        }
        Edit::InviteLogin { user, scope } => return invite_login(broker, caller, &world, &user, scope).await,
        _ => {}
    }
    caller.must_administer(&world)?;
    let change = match edit {
        Edit::AddUser {
            name,
            administrator,
            allowed_methods,
            default_role,
        } => {
            let default_role = default_role
                .map(|role| role_named(&world, &role).map(|role| role.id))
                .transpose()?;
            let id = UserId::new(broker.0.store.next_id(IdKind::User).await?)?;
            let user = User {
                administrator,
                allowed_methods: Some(allowed_methods),
                default_role,
                ..User::new(id, name)
            };
            Change::PutUser(user)
        }
        Edit::EnableUser { name, enabled } => Change::PutUser(User {
            enabled,
            ..User::clone(&*user_named(&world, &name)?)
        }),
        Edit::RemoveUser { name } => Change::RemoveUser(user_named(&world, &name)?.id),
        Edit::RemoveLogin { login } => Change::RemoveLogin(login),
        Edit::AddGroup { name, comments } => {
            let id = GroupId::new(broker.0.store.next_id(IdKind::Group).await?)?;
            Change::PutGroup(JumpGroup {
                comments,
                ..JumpGroup::new(id, name)
            })
        }
        Edit::RemoveGroup { name } => Change::RemoveGroup(group_named(&world, &name)?.id),
        Edit::AddMember { group, user, role } => Change::PutMembership(Membership {
            user: user_named(&world, &user)?.id,
            group: group_named(&world, &group)?.id,
            role: role
                .map(|role| role_named(&world, &role).map(|role| role.id))
                .transpose()?,
            policy: None,
        }),
        Edit::RemoveMember { group, user } => Change::RemoveMembership {
            user: user_named(&world, &user)?.id,
            group: group_named(&world, &group)?.id,
        },
        Edit::AddJumpoint { name } => {
            let id = JumpointId::new(broker.0.store.next_id(IdKind::Jumpoint).await?)?;
            editing
                .commit(caller.actor(), vec![Change::PutJumpoint(Jumpoint::new(id, name))])
                .await?;
            return invite(broker, caller, TokenPurpose::Jumpoint { jumpoint: id }).await;
        }
        Edit::InviteJumpoint { name } => {
            let jumpoint = jumpoint_named(&world, &name)?.id;
            return invite(broker, caller, TokenPurpose::Jumpoint { jumpoint }).await;
        }
        Edit::RemoveJumpoint { name } => Change::RemoveJumpoint(jumpoint_named(&world, &name)?.id),
        Edit::EnableJumpoint { name, enabled } => Change::PutJumpoint(Jumpoint {
            enabled,
            ..Jumpoint::clone(&*jumpoint_named(&world, &name)?)
        }),
        Edit::GrantJumpoint { jumpoint, user } => Change::GrantJumpoint {
            user: user_named(&world, &user)?.id,
            jumpoint: jumpoint_named(&world, &jumpoint)?.id,
        },
        Edit::RevokeJumpoint { jumpoint, user } => Change::RevokeJumpoint {
            user: user_named(&world, &user)?.id,
            jumpoint: jumpoint_named(&world, &jumpoint)?.id,
        },
        Edit::Change { changes, dry_run } => {
            if dry_run {
                World::clone(&world).apply(&changes)?;
            } else {
                editing.commit(caller.actor(), changes).await?;
            }
            return Ok(Response::Done);
        }
        Edit::AddItem(_)
        | Edit::RemoveItem { .. }
        | Edit::SetCredential { .. }
        | Edit::InviteLogin { .. } => {
            return Err(Error::new(
                ErrorKind::Internal,
                "change the site",
                "an edit was handled twice",
            ));
        }
    };
    done(editing, caller, change).await
}

async fn done(editing: Editing, caller: &Caller, change: Change) -> Result<Response> {
    editing.commit(caller.actor(), vec![change]).await?;
    Ok(Response::Done)
}

fn must_manage(
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
    if caller.scope() != LoginScope::Everything {
        return Err(denied("this login may only be used for sessions".to_owned()));
    }
    let user = caller.user().ok_or_else(item_lookup::not_found)?;
    let (decision, _) = decide(
        world,
        user,
        item,
        Action::Manage(permission),
        &Context::default(),
        broker.now(),
    );
    if decision.effect == Effect::Allow {
        Ok(())
    } else {
        Err(denied(decision.why_not()))
    }
}

async fn add_item(broker: &Broker, caller: &Caller, editing: Editing, draft: ItemDraft) -> Result<Response> {
    let world = editing.world();
    let administrator = caller.is_administrator(&world);
    let user = caller.user().filter(|_| caller.scope() == LoginScope::Everything);
    // Who may not add to a group, or may not use a Jumpoint, learns from the answer not even that it exists.
    let may_add = |group: &Arc<JumpGroup>| {
        administrator || user.is_some_and(|user| role_permits(&world, user, group.id, RolePermission::Add))
    };
    let group = match group_named(&world, &draft.group) {
        Ok(group) if may_add(&group) => group,
        Err(error) if administrator => return Err(error),
        _ => {
            let message = format!(
                "your role in group \"{}\" lacks {}",
                draft.group,
                RolePermission::Add
            );
            return Err(Error::new(ErrorKind::Denied, "add an item", message));
        }
    };
    let may_use = |jumpoint: &Arc<Jumpoint>| {
        administrator || user.is_some_and(|user| world.may_use_jumpoint(user, jumpoint.id))
    };
    let jumpoint = match &draft.jumpoint {
        None => None,
        Some(name) => Some(
            jumpoint_named(&world, name)
                .ok()
                .filter(may_use)
                .ok_or_else(|| missing("jumpoint", name.as_str()))?
                .id,
        ),
    };
    if draft.details.credential().is_some() {
        return Err(Error::new(
            ErrorKind::InvalidArgument,
            "add an item",
            "a credential is bound to the item's id: add the item first, then set its credential",
        ));
    }
    let id = ItemId::new(broker.0.store.next_id(IdKind::Item).await?)?;
    let item = JumpItem {
        tag: draft.tag,
        comments: draft.comments,
        jump_policy: None,
        session_policy: None,
        copy_of: None,
        recording: draft.recording,
        max_duration_seconds: draft.max_duration_seconds,
        ..JumpItem::new(id, draft.name, group.id, jumpoint, draft.hostname, draft.details)
    };
    editing
        .commit(caller.actor(), vec![Change::PutItem(item)])
        .await?;
    let world = broker.world();
    let item = world.item(id).ok_or_else(item_lookup::not_found)?;
    Ok(Response::Item(Box::new(super::views::item(broker, &world, item))))
}

async fn set_credential(
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

async fn invite_login(
    broker: &Broker,
    caller: &Caller,
    world: &World,
    user: &UserName,
    scope: LoginScope,
) -> Result<Response> {
    let user = user_named(world, user);
    let own = caller.user().is_some() && user.as_ref().is_ok_and(|user| Some(user.id) == caller.user());
    let wider = scope == LoginScope::Everything && caller.scope() != LoginScope::Everything;
    // What enrols does not expire, so a login that does may not make more of itself.
    let lasting = caller
        .login()
        .and_then(|login| world.login(login))
        .is_some_and(|login| login.expires.is_some());
    if !own || wider || lasting {
        caller.must_administer(world)?;
    }
    if let Some(user) = caller.user().filter(|_| !caller.is_administrator(world)) {
        let now = broker.now();
        broker.0.invitations.admit(world, user, now, expiry(broker)?)?;
    }
    invite(
        broker,
        caller,
        TokenPurpose::Login {
            user: user?.id,
            scope,
        },
    )
    .await
}

async fn invite(broker: &Broker, caller: &Caller, purpose: TokenPurpose) -> Result<Response> {
    let endpoint = BrokerEndpoint {
        address: broker.0.settings.public_address.clone(),
        key: broker.public_key(),
    };
    let invitation = Invitation::new(endpoint)?;
    let named = match &purpose {
        TokenPurpose::Jumpoint { jumpoint } => format!("jumpoint {jumpoint}"),
        TokenPurpose::Login { user, scope } => format!("a login of user {user} for {scope:?}"),
    };
    broker
        .log(caller.actor(), None, AuditKind::TokenCreated { purpose: named })
        .await?;
    let expires = expiry(broker)?;
    broker
        .0
        .store
        .put_token(&EnrolmentToken {
            hash: invitation.hash(),
            purpose,
            expires,
        })
        .await?;
    Ok(Response::invitation(&invitation.reveal()))
}

/// When an invitation that is made now expires.
fn expiry(broker: &Broker) -> Result<Timestamp> {
    let lifetime = broker.0.settings.invitation_lifetime;
    broker.now().checked_add(lifetime).map_err(|error| {
        Error::new(
            ErrorKind::InvalidArgument,
            "make an invitation",
            "its lifetime is too long",
        )
        .with_source(error)
    })
}

fn missing(what: &str, name: &str) -> Error {
    Error::new(
        ErrorKind::NotFound,
        "change the site",
        format!("there is no {what} named `{name}`"),
    )
}

fn user_named(world: &World, name: &UserName) -> Result<Arc<User>> {
    world
        .user_named(name.as_str())
        .cloned()
        .ok_or_else(|| missing("user", name.as_str()))
}

fn group_named(world: &World, name: &Name) -> Result<Arc<JumpGroup>> {
    world
        .group_named(name.as_str())
        .cloned()
        .ok_or_else(|| missing("group", name.as_str()))
}

fn jumpoint_named(world: &World, name: &Name) -> Result<Arc<Jumpoint>> {
    world
        .jumpoint_named(name.as_str())
        .cloned()
        .ok_or_else(|| missing("jumpoint", name.as_str()))
}

fn role_named(world: &World, name: &Name) -> Result<Arc<Role>> {
    world
        .role_named(name.as_str())
        .cloned()
        .ok_or_else(|| missing("role", name.as_str()))
}
