//! Changing the site, by names.

use super::editing::Editing;
use super::{Broker, Caller, item_edit, model_edit, names};
use crate::audit::AuditKind;
use crate::control::{BrokerEndpoint, Edit, Invitation, Response};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{GroupId, JumpointId, UserId};
use crate::model::{Change, JumpGroup, Jumpoint, LoginLimits, LoginScope, Membership, User, UserName, World};
use crate::store::{EnrolmentToken, IdKind, TokenPurpose};
use crate::time::Timestamp;

/// Makes one edit on behalf of `caller`.
pub(super) async fn edit(broker: &Broker, caller: &Caller, edit: Edit) -> Result<Response> {
    let editing = broker.begin_edit().await;
    let world = editing.world();
    // Asked before the turn came: who lost the login meanwhile changes nothing any more.
    caller.check(&world, broker.now())?;
    match edit {
        Edit::AddItem(draft) => return item_edit::add(broker, caller, editing, *draft).await,
        Edit::EditItem { item, patch } => {
            return item_edit::edit(broker, caller, editing, &item, *patch).await;
        }
        Edit::MoveItem { item, group } => {
            return item_edit::shift(broker, caller, editing, &item, &group).await;
        }
        Edit::CopyItem { item, group, name } => {
            return item_edit::copy(broker, caller, editing, &item, &group, name).await;
        }
        Edit::RemoveItem { item } => return item_edit::remove(broker, caller, editing, &item).await,
        Edit::SetCredential { item, credential } => {
            return item_edit::set_credential(broker, caller, editing, item, credential).await;
        }
        Edit::InviteLogin { user, scope, limits } => {
            return invite_login(broker, caller, &world, &user, (scope, limits)).await;
        }
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
                .map(|role| names::role(&world, &role).map(|role| role.id))
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
            ..User::clone(names::user(&world, &name)?)
        }),
        Edit::RemoveUser { name } => Change::RemoveUser(names::user(&world, &name)?.id),
        Edit::RemoveLogin { login } => Change::RemoveLogin(login),
        Edit::AddGroup { name, comments } => {
            let id = GroupId::new(broker.0.store.next_id(IdKind::Group).await?)?;
            Change::PutGroup(JumpGroup {
                comments,
                ..JumpGroup::new(id, name)
            })
        }
        Edit::RemoveGroup { name } => Change::RemoveGroup(names::group(&world, &name)?.id),
        Edit::AddMember {
            group,
            user,
            role,
            policy,
        } => Change::PutMembership(Membership {
            user: names::user(&world, &user)?.id,
            group: names::group(&world, &group)?.id,
            role: role
                .map(|role| names::role(&world, &role).map(|role| role.id))
                .transpose()?,
            policy: policy
                .map(|policy| names::jump_policy(&world, &policy).map(|policy| policy.id))
                .transpose()?,
        }),
        Edit::RemoveMember { group, user } => {
            let (user, group) = (names::user(&world, &user)?, names::group(&world, &group)?);
            if world.membership(user.id, group.id).is_none() {
                let message = format!("user `{}` is not in group `{}`", user.name, group.name);
                return Err(Error::new(ErrorKind::NotFound, "change the site", message));
            }
            Change::RemoveMembership {
                user: user.id,
                group: group.id,
            }
        }
        Edit::AddJumpoint { name } => {
            let id = JumpointId::new(broker.0.store.next_id(IdKind::Jumpoint).await?)?;
            editing
                .commit(caller.actor(), vec![Change::PutJumpoint(Jumpoint::new(id, name))])
                .await?;
            return invite(broker, caller, TokenPurpose::Jumpoint { jumpoint: id }).await;
        }
        Edit::InviteJumpoint { name } => {
            let jumpoint = names::jumpoint(&world, &name)?.id;
            return invite(broker, caller, TokenPurpose::Jumpoint { jumpoint }).await;
        }
        Edit::RemoveJumpoint { name } => Change::RemoveJumpoint(names::jumpoint(&world, &name)?.id),
        Edit::EnableJumpoint { name, enabled } => Change::PutJumpoint(Jumpoint {
            enabled,
            ..Jumpoint::clone(names::jumpoint(&world, &name)?)
        }),
        Edit::GrantJumpoint { jumpoint, user } => Change::GrantJumpoint {
            user: names::user(&world, &user)?.id,
            jumpoint: names::jumpoint(&world, &jumpoint)?.id,
        },
        Edit::RevokeJumpoint { jumpoint, user } => {
            let (user, jumpoint) = (names::user(&world, &user)?, names::jumpoint(&world, &jumpoint)?);
            if !world.jumpoints_granted_to(user.id).any(|one| one == jumpoint.id) {
                let message = format!(
                    "jumpoint `{}` is not granted to user `{}` itself",
                    jumpoint.name, user.name
                );
                return Err(Error::new(ErrorKind::NotFound, "change the site", message));
            }
            Change::RevokeJumpoint {
                user: user.id,
                jumpoint: jumpoint.id,
            }
        }
        Edit::Model(edit) => {
            let changes = model_edit::changes(broker, &world, edit).await?;
            editing.commit(caller.actor(), changes).await?;
            return Ok(Response::Done);
        }
        Edit::Change { changes, dry_run } => {
            if dry_run {
                World::clone(&world).apply(&changes)?;
            } else {
                editing.commit(caller.actor(), changes).await?;
            }
            return Ok(Response::Done);
        }
        Edit::AddItem(_)
        | Edit::EditItem { .. }
        | Edit::MoveItem { .. }
        | Edit::CopyItem { .. }
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

pub(super) async fn done(editing: Editing, caller: &Caller, change: Change) -> Result<Response> {
    editing.commit(caller.actor(), vec![change]).await?;
    Ok(Response::Done)
}

async fn invite_login(
    broker: &Broker,
    caller: &Caller,
    world: &World,
    user: &UserName,
    (scope, limits): (LoginScope, LoginLimits),
) -> Result<Response> {
    let user = names::user(world, user);
    let own = caller.user().is_some() && user.as_ref().is_ok_and(|user| Some(user.id) == caller.user());
    let wider = scope == LoginScope::Everything && caller.scope() != LoginScope::Everything;
    // What enrols may be used for longer and from elsewhere, so a login that is limited may not make more of itself.
    let limited = caller
        .login()
        .and_then(|login| world.login(login))
        .is_some_and(|login| login.expires.is_some() || !login.sources.is_any());
    if !own || wider || limited {
        caller.must_administer(world)?;
    }
    if limits.expires.is_some_and(|expires| broker.now() >= expires) {
        return Err(Error::new(
            ErrorKind::InvalidArgument,
            "make an invitation",
            "the login would be expired already",
        ));
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
            limits,
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
        TokenPurpose::Login {
            user,
            scope,
            limits: LoginLimits { expires, sources },
        } => {
            let until = expires.map_or_else(String::new, |expires| format!(" until {expires}"));
            format!("a login of user {user} for {scope:?} from {sources}{until}")
        }
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
