//! Answering what is asked of the vault.

use std::sync::Arc;

use super::{Broker, Caller, item_lookup};
use crate::audit::{AuditKind, VaultNote};
use crate::control::{
    AccountGroupView, AccountView, AssociationDraft, CheckedOut, CheckoutView, CriteriaDraft, GrantView,
    Response, VaultAnswer, VaultRequest,
};
use crate::error::{Error, ErrorKind, Result};
use crate::id::UserId;
use crate::keys::SealingPublicKey;
use crate::model::{ItemDetails, LoginScope, Name, UserName, World};
use crate::vault::{
    Account, AccountGroup, AccountKind, Association, Criteria, MasterKey, Vault, VaultRole, same_name,
    seal_checked_out,
};

/// Answers one request on behalf of `caller`.
pub(super) async fn answer(broker: &Broker, caller: &Caller, request: VaultRequest) -> Result<Response> {
    let vault = broker.0.vault.clone().ok_or_else(|| {
        let rule = "this site has no vault: make one with `jump vault init` where the broker runs";
        Error::new(ErrorKind::Unsupported, "use the vault", rule)
    })?;
    let world = broker.world();
    let now = broker.now();
    match request {
        VaultRequest::List => {
            let accounts = accounts(broker, caller, &vault, &world).await?;
            return Ok(Response::Vault(VaultAnswer::Accounts(accounts)));
        }
        VaultRequest::CheckOut { account, key } => {
            return check_out(broker, caller, &vault, account, &key).await;
        }
        VaultRequest::CheckIn { account, user } => {
            return check_in(broker, caller, &vault, &world, account, user).await;
        }
        _ => {}
    }
    caller.must_administer(&world)?;
    match request {
        VaultRequest::Key => Ok(Response::Vault(VaultAnswer::Key(vault.sealing_key().await?))),
        VaultRequest::Groups => {
            let accounts = vault.accounts().await?;
            let groups = vault.groups().await?.into_iter();
            let views = groups.map(|group| group_view(&world, group, &accounts)).collect();
            Ok(Response::Vault(VaultAnswer::Groups(views)))
        }
        VaultRequest::Add { draft, secret } => {
            let credential = vault.unseal(&draft.name, &secret).await?;
            let note = VaultNote::AccountAdded {
                account: draft.name.clone(),
                username: credential.username.clone(),
            };
            let added = async { vault.add(draft, &credential, now).await.map(drop) };
            change(broker, caller, note, added).await
        }
        VaultRequest::SetSecret { account, secret } => {
            let credential = vault.unseal(&account, &secret).await?;
            let note = VaultNote::SecretSet {
                account: account.clone(),
                username: credential.username.clone(),
            };
            change(broker, caller, note, vault.set_secret(&account, &credential, now)).await
        }
        VaultRequest::Remove { account } => {
            let note = VaultNote::AccountRemoved {
                account: account.clone(),
            };
            change(broker, caller, note, vault.remove(&account)).await
        }
        VaultRequest::AddGroup { name, description } => {
            let note = VaultNote::GroupAdded { group: name.clone() };
            let added = async { vault.add_group(name, description).await.map(drop) };
            change(broker, caller, note, added).await
        }
        VaultRequest::RemoveGroup { name } => {
            let note = VaultNote::GroupRemoved { group: name.clone() };
            change(broker, caller, note, vault.remove_group(&name)).await
        }
        VaultRequest::RotateKey => {
            if !vault.keeps_its_key() {
                let rule =
                    "the broker was given its master key and cannot keep another: change it where it is kept";
                return Err(Error::new(ErrorKind::Unsupported, "change the vault's key", rule));
            }
            let key = MasterKey::generate()?;
            change(broker, caller, VaultNote::KeyChanged, vault.rotate_key(&key)).await
        }
        VaultRequest::Grant { on, user, role } => {
            let user = user_named(&world, &user)?;
            let note = VaultNote::Granted {
                on: on.clone(),
                user,
                role,
            };
            change(broker, caller, note, vault.grant(&on, user, role)).await
        }
        VaultRequest::Associate { on, with } => {
            let with = with
                .map(|draft| association(broker, caller, &world, draft))
                .transpose()?;
            let note = VaultNote::Associated {
                on: on.clone(),
                with: with.clone(),
            };
            change(broker, caller, note, vault.associate(&on, with)).await
        }
        VaultRequest::List | VaultRequest::CheckOut { .. } | VaultRequest::CheckIn { .. } => Err(Error::new(
            ErrorKind::Internal,
            "use the vault",
            "a request was handled twice",
        )),
    }
}

/// Logs a change, makes it, and logs it too if it could not be made.
async fn change(
    broker: &Broker,
    caller: &Caller,
    note: VaultNote,
    made: impl Future<Output = Result<()>>,
) -> Result<Response> {
    broker
        .log(caller.actor(), None, AuditKind::VaultChanged(note))
        .await?;
    if let Err(error) = made.await {
        let failed = AuditKind::ChangeFailed {
            kind: error.kind(),
            message: error.to_string(),
            notes: Vec::new(),
        };
        broker.log(caller.actor(), None, failed).await?;
        return Err(error);
    }
    Ok(Response::Done)
}

fn user_named(world: &World, name: &UserName) -> Result<UserId> {
    world
        .user_named(name.as_str())
        .map(|user| user.id)
        .ok_or_else(|| {
            let message = format!("there is no user named `{name}`");
            Error::new(ErrorKind::NotFound, "use the vault", message)
        })
}

/// The user on whose behalf something is checked out or in: whoever only may hold sessions may not.
fn acting_user(caller: &Caller) -> Result<UserId> {
    let denied = |rule| Error::new(ErrorKind::Denied, "check out a credential", rule);
    if caller.scope() != LoginScope::Everything {
        return Err(denied("this login may only be used for sessions"));
    }
    caller.user().ok_or_else(|| denied("only a user can"))
}

async fn check_out(
    broker: &Broker,
    caller: &Caller,
    vault: &Arc<Vault>,
    account: Name,
    key: &SealingPublicKey,
) -> Result<Response> {
    let user = acting_user(caller)?;
    let (checkout, credential) = vault.check_out(&account, user, broker.now()).await?;
    let credential = seal_checked_out(key, &account, &credential)?;
    // Nobody sees the credential before it is on stable storage who did.
    let event = AuditKind::CredentialCheckedOut {
        account: checkout.account,
        name: account.clone(),
        until: checkout.until,
    };
    broker.log(caller.actor(), None, event).await?;
    Ok(Response::Vault(VaultAnswer::CheckedOut(Box::new(CheckedOut {
        account,
        until: checkout.until,
        credential,
    }))))
}

async fn check_in(
    broker: &Broker,
    caller: &Caller,
    vault: &Arc<Vault>,
    world: &World,
    account: Name,
    user: Option<UserName>,
) -> Result<Response> {
    let user = match user {
        None => acting_user(caller)?,
        Some(user) => {
            let user = user_named(world, &user);
            if user.as_ref().ok() != caller.user().as_ref() {
                caller.must_administer(world)?;
                must_hold_a_password(vault, &account).await?;
            }
            user?
        }
    };
    vault.check_in(&account, user, broker.now()).await?;
    let event = AuditKind::CredentialCheckedIn { name: account, user };
    broker.log(caller.actor(), None, event).await?;
    Ok(Response::Done)
}

/// A key that somebody has seen is not taken back by saying so.
async fn must_hold_a_password(vault: &Vault, account: &Name) -> Result<()> {
    let accounts = vault.accounts().await?;
    let named = |known: &&Account| same_name(known.name.as_str(), account.as_str());
    match accounts.iter().find(named) {
        Some(found) if found.kind == AccountKind::Ssh => Err(Error::new(
            ErrorKind::InvalidArgument,
            "check in a credential",
            "an ssh account is not checked in for somebody else: give it another key instead",
        )),
        _ => Ok(()),
    }
}

fn association(
    broker: &Broker,
    caller: &Caller,
    world: &World,
    draft: AssociationDraft,
) -> Result<Association> {
    let draft = match draft {
        AssociationDraft::AnyJumpItems => return Ok(Association::AnyJumpItems),
        AssociationDraft::NoJumpItems => return Ok(Association::NoJumpItems),
        AssociationDraft::Criteria(draft) => draft,
    };
    let CriteriaDraft {
        shared_jump_groups,
        host,
        name,
        tag,
        comment,
        jump_items,
    } = *draft;
    let group = |wanted: &Name| {
        let named = world.group_named(wanted.as_str());
        named.map(|group| group.id).ok_or_else(|| {
            let message = format!("there is no group named `{wanted}`");
            Error::new(ErrorKind::NotFound, "use the vault", message)
        })
    };
    let item = |wanted: &String| {
        let item = item_lookup::find_visible(world, caller, wanted, broker.now())?;
        match &item.details {
            ItemDetails::ShellJump(_) | ItemDetails::RemoteRdp(_) | ItemDetails::JumpClient(_) => Ok(item.id),
            _ => Err(Error::new(
                ErrorKind::InvalidArgument,
                "use the vault",
                "items of this type cannot be named directly: use criteria",
            )),
        }
    };
    Ok(Association::Criteria(Box::new(Criteria {
        shared_jump_groups: shared_jump_groups.iter().map(group).collect::<Result<_>>()?,
        host,
        name,
        tag,
        comment,
        jump_items: jump_items.iter().map(item).collect::<Result<_>>()?,
    })))
}

fn user_name(world: &World, user: UserId) -> String {
    let known = world.user(user).map(|user| user.name.to_string());
    known.unwrap_or_else(|| format!("removed user {user}"))
}

fn grants<'a>(
    world: &World,
    grants: impl IntoIterator<Item = (&'a UserId, &'a VaultRole)>,
) -> Vec<GrantView> {
    let view = |(user, role): (&UserId, &VaultRole)| GrantView {
        user: user_name(world, *user),
        role: *role,
    };
    grants.into_iter().map(view).collect()
}

fn group_view(world: &World, group: AccountGroup, accounts: &[Account]) -> AccountGroupView {
    AccountGroupView {
        id: group.id,
        accounts: accounts
            .iter()
            .filter(|account| account.group == Some(group.id))
            .count(),
        name: group.name,
        description: group.description,
        association: group.association,
        grants: grants(world, &group.grants),
    }
}

/// The accounts that the caller may know of.
async fn accounts(
    broker: &Broker,
    caller: &Caller,
    vault: &Vault,
    world: &World,
) -> Result<Vec<AccountView>> {
    let administrator = caller.is_administrator(world);
    let groups = vault.groups().await?;
    let checkouts = vault.checkouts(broker.now()).await?;
    let accounts = vault.accounts().await?.into_iter();
    let view = |account: Account| {
        let group = account
            .group
            .and_then(|id| groups.iter().find(|group| group.id == id));
        let own_role = caller.user().and_then(|user| {
            let by_group = group.and_then(|group| group.grants.get(&user));
            account.grants.get(&user).max(by_group).copied()
        });
        if !administrator && own_role.is_none() {
            return None;
        }
        let seen = checkouts.iter().filter(|checkout| {
            checkout.account == account.id && (administrator || Some(checkout.user) == caller.user())
        });
        Some(AccountView {
            id: account.id,
            group: group.map(|group| group.name.clone()),
            kind: account.kind,
            own_role,
            checked_out: seen
                .map(|checkout| CheckoutView {
                    user: user_name(world, checkout.user),
                    until: checkout.until,
                })
                .collect(),
            grants: if administrator {
                grants(world, &account.grants)
            } else {
                Vec::new()
            },
            association: account.association.filter(|_| administrator),
            name: account.name,
            description: account.description,
            username: account.username,
            secret_changed: account.secret_changed,
        })
    };
    Ok(accounts.filter_map(view).collect())
}
