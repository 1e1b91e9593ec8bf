//! From a profile to a connected rep.

use std::sync::Arc;

use jump_core::ErrorKind;
use jump_core::protocol::Registry;
use jump_core::rep::{JumpOptions, Rep};
use jump_proto_ssh::SshBackend;
use jump_proto_tunnel::TunnelBackend;

use crate::error::Failure;
use crate::state::{Home, LoginFile};

/// The options of a session with the credential of this name.
pub(crate) fn with_credential(credential: Option<String>) -> JumpOptions {
    let mut options = JumpOptions::default();
    options.credential = credential;
    options
}

/// Every protocol that the command speaks.
pub(crate) fn backends() -> Registry {
    Registry::new()
        .with(Arc::new(SshBackend::new()))
        .with(Arc::new(TunnelBackend::new()))
}

/// The profile's login.
pub(crate) fn login(home: &Home) -> Result<LoginFile, Failure> {
    LoginFile::read(&home.login()).map_err(|error| match error.kind() {
        ErrorKind::NotFound => {
            let message = match home.profile() {
                "default" => "you are not logged in".to_owned(),
                profile => format!("you are not logged in with the profile `{profile}`"),
            };
            Failure::from(jump_core::Error::new(
                ErrorKind::Unauthenticated,
                "log in",
                message,
            ))
            .hint("ask an administrator for an invitation and run: jump login < INVITATION")
        }
        _ => error.into(),
    })
}

/// Connects to the broker with the profile's login.
pub(crate) async fn connect(home: &Home) -> Result<Rep, Failure> {
    let login = login(home)?;
    let address = login.broker.address.clone();
    let connecting = Rep::builder(login.identity, login.broker)
        .backends(backends())
        .connect();
    Box::pin(connecting).await.map_err(|error| match error.kind() {
        ErrorKind::Unavailable | ErrorKind::Timeout => Failure::from(error).hint(format!(
            "is the broker at {address} running, and reachable from here?"
        )),
        ErrorKind::Unauthenticated => Failure::from(error).hint("ask an administrator for a new invitation"),
        _ => error.into(),
    })
}
