//! On whose behalf a request is answered.

use std::net::IpAddr;

use crate::audit::Actor;
use crate::control::Connection;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{LoginId, UserId};
use crate::model::{LoginScope, UserName, World};
use crate::time::Timestamp;

/// Who asks: the embedding program itself, or a user through a login that proved its key.
#[derive(Clone, Debug)]
pub struct Caller(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Local,
    Login {
        user: UserId,
        name: UserName,
        login: LoginId,
        scope: LoginScope,
        /// From where, if that is known.
        source: Option<IpAddr>,
    },
}

/// A connected rep.
#[derive(Clone, Debug)]
pub(super) struct RepLink {
    pub(super) caller: Caller,
    pub(super) connection: Connection,
}

impl Caller {
    /// The program that embeds the broker: it may administer the site, and has no user of its own.
    #[must_use]
    pub const fn local() -> Self {
        Self(Kind::Local)
    }

    /// The user behind a login, if the login may be used now, from there.
    pub(super) fn from_login(
        world: &World,
        key: &crate::keys::PublicKey,
        source: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Self> {
        let login = world.login_with_key(key).ok_or_else(|| {
            Error::new(
                ErrorKind::Unauthenticated,
                "log in",
                "this key is not enrolled here: ask for an invitation",
            )
        })?;
        let user = world.user(login.user).ok_or_else(|| {
            Error::new(
                ErrorKind::Unauthenticated,
                "log in",
                "the login's user does not exist",
            )
        })?;
        let caller = Self(Kind::Login {
            user: user.id,
            name: user.name.clone(),
            login: login.id,
            scope: login.scope,
            source,
        });
        caller.check(world, now)?;
        Ok(caller)
    }

    /// Whether the caller may still ask for anything at all.
    pub(super) fn check(&self, world: &World, now: Timestamp) -> Result<()> {
        let Kind::Login {
            user,
            name,
            login,
            source,
            ..
        } = &self.0
        else {
            return Ok(());
        };
        let refuse = |rule| Err(Error::new(ErrorKind::Unauthenticated, "log in", rule));
        let Some(login) = world.login(*login) else {
            return refuse("the login was removed");
        };
        if login.expires.is_some_and(|expires| now >= expires) {
            return refuse("the login is expired");
        }
        if !login.sources.admit(*source) {
            // Named, because whoever has the key may not be whose it is.
            let id = login.id;
            let message = source.map_or_else(
                || format!("login {id} of user {name} may only be used from certain networks"),
                |source| format!("login {id} of user {name} may not be used from {source}"),
            );
            return Err(Error::new(ErrorKind::Unauthenticated, "log in", message));
        }
        match world.user(*user) {
            Some(user) if user.enabled => Ok(()),
            Some(_) => refuse("the user is disabled"),
            None => refuse("the user was removed"),
        }
    }

    /// The user, if it is one.
    #[must_use]
    pub const fn user(&self) -> Option<UserId> {
        match &self.0 {
            Kind::Local => None,
            Kind::Login { user, .. } => Some(*user),
        }
    }

    /// A name for messages.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.0 {
            Kind::Local => "the system",
            Kind::Login { name, .. } => name.as_str(),
        }
    }

    pub(super) const fn login(&self) -> Option<LoginId> {
        match &self.0 {
            Kind::Local => None,
            Kind::Login { login, .. } => Some(*login),
        }
    }

    pub(super) const fn scope(&self) -> LoginScope {
        match &self.0 {
            Kind::Local => LoginScope::Everything,
            Kind::Login { scope, .. } => *scope,
        }
    }

    pub(super) fn actor(&self) -> Actor {
        match &self.0 {
            Kind::Local => Actor::System,
            Kind::Login {
                user, name, login, ..
            } => Actor::User {
                user: *user,
                name: name.to_string(),
                login: Some(*login),
            },
        }
    }

    /// Whether the caller may administer the site, through this login, now.
    pub(super) fn is_administrator(&self, world: &World) -> bool {
        match &self.0 {
            Kind::Local => true,
            Kind::Login { user, scope, .. } => {
                *scope == LoginScope::Everything && world.user(*user).is_some_and(|user| user.administrator)
            }
        }
    }

    pub(super) fn must_administer(&self, world: &World) -> Result<()> {
        if self.is_administrator(world) {
            Ok(())
        } else {
            Err(Error::new(
                ErrorKind::Denied,
                "administer the site",
                "this takes an administrator's login",
            ))
        }
    }
}
