//! Enrolment: a single-use token turns a key into an identity.

use super::Broker;
use crate::audit::{Actor, AuditKind};
use crate::control::{Enrol, Enrolled, WireSecret};
use crate::error::{Error, ErrorKind, Result};
use crate::id::LoginId;
use crate::keys::PublicKey;
use crate::model::{Change, Jumpoint, Login};
use crate::store::{IdKind, TokenHash, TokenPurpose};
use crate::tunnel::PeerAddress;

/// Redeems the token and makes `key`, which the peer has proven, what the token is for.
///
/// The token is spent first: whatever fails afterwards, it never works again.
pub(super) async fn enrol(
    broker: &Broker,
    key: PublicKey,
    peer: &PeerAddress,
    secret: &WireSecret,
    enrol: Enrol,
) -> Result<Enrolled> {
    let refuse = |rule| Error::new(ErrorKind::Unauthenticated, "enrol", rule);
    let secret = secret
        .to_bytes()
        .ok_or_else(|| refuse("the invitation is not readable"))?;
    let token = broker
        .0
        .store
        .redeem_token(&TokenHash::of(secret.expose()), broker.now())
        .await?;
    let editing = broker.begin_edit().await;
    let world = editing.world();
    let (change, enrolled, actor) = match (token.purpose, enrol) {
        (TokenPurpose::Login { user, scope, limits }, Enrol::Login { label }) => {
            let user = world
                .user(user)
                .filter(|user| user.enabled)
                .ok_or_else(|| refuse("the user was removed or disabled"))?;
            if !limits.sources.admit(peer.ip()) {
                return Err(refuse("the invitation may not be used from this address"));
            }
            if limits.expires.is_some_and(|expires| broker.now() >= expires) {
                return Err(refuse("the login would be expired already"));
            }
            let id = LoginId::new(broker.0.store.next_id(IdKind::Login).await?)?;
            let login = Login {
                id,
                user: user.id,
                label,
                key,
                scope,
                expires: limits.expires,
                sources: limits.sources,
            };
            let actor = Actor::User {
                user: user.id,
                name: user.name.to_string(),
                login: Some(id),
            };
            (
                Change::PutLogin(login),
                Enrolled {
                    name: user.name.to_string(),
                    jumpoint: None,
                },
                actor,
            )
        }
        (TokenPurpose::Jumpoint { jumpoint }, Enrol::Jumpoint { sealing_key }) => {
            let known = world
                .jumpoint(jumpoint)
                .ok_or_else(|| refuse("the jumpoint was removed"))?;
            let enrolled = Enrolled {
                name: known.name.to_string(),
                jumpoint: Some(known.id),
            };
            let known = Jumpoint {
                key: Some(key),
                sealing_key: Some(sealing_key),
                ..Jumpoint::clone(known)
            };
            (Change::PutJumpoint(known), enrolled, Actor::Jumpoint { jumpoint })
        }
        _ => return Err(refuse("the invitation is for something else")),
    };
    editing.commit(actor.clone(), vec![change]).await?;
    broker.log(actor, None, AuditKind::Enrolled).await?;
    Ok(enrolled)
}
