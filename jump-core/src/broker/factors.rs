//! Answering what is asked about second factors.

use std::sync::Arc;

use super::{Broker, Caller, Totp};
use crate::audit::{AuditKind, FactorNote};
use crate::control::{FactorAnswer, FactorRequest, Response, WireSecret};
use crate::error::{Error, ErrorKind, Result};
use crate::id::UserId;
use crate::model::{Change, LoginScope};

fn denied(rule: &'static str) -> Error {
    Error::new(ErrorKind::Denied, "manage a second factor", rule)
}

/// Answers one request on behalf of `caller`.
pub(super) async fn answer(broker: &Broker, caller: &Caller, request: FactorRequest) -> Result<Response> {
    let totp = broker.0.totp.clone().ok_or_else(|| {
        let rule = "this site keeps no second factors";
        Error::new(ErrorKind::Unsupported, "manage a second factor", rule)
    })?;
    let now = broker.now();
    match request {
        FactorRequest::Begin { code } => {
            let user = owner(caller)?;
            let code = code.as_ref().map(crate::model::Field::as_str);
            let secret = totp.begin(user, caller.login(), code, now).await?;
            note(broker, caller, FactorNote::EnrolmentBegun).await?;
            let address = Totp::address(&broker.0.settings.public_address, caller.name(), &secret);
            let begun = FactorAnswer::Begun(WireSecret::from_text(address.expose()));
            Ok(Response::SecondFactor(begun))
        }
        FactorRequest::Confirm { code } => {
            let user = owner(caller)?;
            let confirmed = totp.confirm(user, caller.login(), code.as_str(), now);
            change(broker, caller, FactorNote::Enrolled, confirmed).await
        }
        FactorRequest::Status => {
            let since = totp.enrolled_since(owner(caller)?).await?;
            Ok(Response::SecondFactor(FactorAnswer::Since(since)))
        }
        FactorRequest::Reset { user } => {
            let world = broker.world();
            caller.must_administer(&world)?;
            let found = world.user_named(user.as_str()).ok_or_else(|| {
                let message = format!("there is no user named `{user}`");
                Error::new(ErrorKind::NotFound, "manage a second factor", message)
            })?;
            let reset = FactorNote::Reset {
                user: found.id,
                name: found.name.clone(),
            };
            change(broker, caller, reset, totp.remove(found.id)).await
        }
    }
}

/// Whose second factor it is: a login that is only for sessions says nothing about it.
fn owner(caller: &Caller) -> Result<UserId> {
    if caller.scope() != LoginScope::Everything {
        return Err(denied("this login may only be used for sessions"));
    }
    caller.user().ok_or_else(|| denied("only a user has one"))
}

async fn note(broker: &Broker, caller: &Caller, note: FactorNote) -> Result<()> {
    broker
        .log(caller.actor(), None, AuditKind::SecondFactorChanged(note))
        .await
}

/// Logs a change, makes it, and logs it too if it could not be made.
async fn change(
    broker: &Broker,
    caller: &Caller,
    what: FactorNote,
    made: impl Future<Output = Result<()>>,
) -> Result<Response> {
    note(broker, caller, what).await?;
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

/// Forgets the second factors of users who were removed.
pub(super) fn forget_removed(totp: Option<&Arc<Totp>>, changes: &[Change]) {
    let Some(totp) = totp else { return };
    for change in changes {
        if let Change::RemoveUser(user) = change {
            let (totp, user) = (totp.clone(), *user);
            tokio::spawn(async move {
                // Ids are given once, so what is left opens nothing.
                if let Err(error) = totp.remove(user).await {
                    tracing::warn!(%user, %error, "a removed user's second factor is still there");
                }
            });
        }
    }
}
