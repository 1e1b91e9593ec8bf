//! Who takes part: each with a login of their own, enrolled and connected over the network.

use jump_core::broker::{Broker, Caller};
use jump_core::control::{Edit, Invitation, RepRequest, Response};
use jump_core::model::{LoginScope, Name, UserName};
use jump_core::rep::{self, LoginIdentity, Rep};
use jump_core::tunnel::TcpTransport;

use crate::connect::backends;
use crate::error::{Failure, surprised};
use crate::state::LoginFile;

/// The people of the tour.
#[derive(Debug)]
pub(super) struct People {
    pub(super) admin: Rep,
    pub(super) alice: Rep,
    pub(super) alice_login: LoginFile,
    pub(super) bob: Rep,
}

/// Invites a user, as an administrator would, and redeems the invitation, as the user would.
pub(super) async fn log_in(broker: &Broker, user: &str) -> Result<(LoginFile, Rep), Failure> {
    let invite = Edit::InviteLogin {
        user: UserName::new(user)?,
        scope: LoginScope::Everything,
        limits: Default::default(),
    };
    let Response::Invitation(secret) = broker.request(&Caller::local(), RepRequest::Edit(invite)).await?
    else {
        return Err(surprised());
    };
    let invitation: Invitation = secret.expose().parse()?;
    let identity = LoginIdentity::generate()?;
    Box::pin(rep::enrol(
        &TcpTransport,
        &invitation,
        &identity,
        Name::new("the tour")?,
    ))
    .await?;
    let broker = invitation.broker.clone();
    let connecting = Rep::builder(identity.clone(), broker.clone())
        .backends(backends())
        .connect();
    let rep = Box::pin(connecting).await?;
    Ok((
        LoginFile {
            identity,
            broker,
            user: user.to_owned(),
        },
        rep,
    ))
}
