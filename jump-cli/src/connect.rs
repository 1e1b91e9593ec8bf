//! From a profile to a connected rep.

mod local;

use std::sync::Arc;

use jump_core::ErrorKind;
use jump_core::model::{Field, Remark};
use jump_core::protocol::Registry;
use jump_core::rep::{JumpOptions, LocalJumps, Rep};
use jump_proto_rdp::RdpBackend;
use jump_proto_ssh::SshBackend;
use jump_proto_tunnel::TunnelBackend;
use jump_proto_vnc::VncBackend;

use crate::error::Failure;
use crate::state::{Home, LoginFile};

pub(crate) use local::{ScreenArguments, settle};

/// What a session may be asked for with.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct SessionArguments {
    /// Which of the credentials that you may inject here, if several match: `jump vault match ITEM` lists them
    #[arg(long, value_name = "NAME")]
    credential: Option<String>,
    /// Why you need the session, where the item's Jump Policy asks for a reason
    #[arg(long, value_name = "TEXT")]
    reason: Option<Remark>,
    /// The ticket id, where the item's Jump Policy asks for one
    #[arg(long, value_name = "ID")]
    ticket: Option<Field>,
    /// The code of your second factor, where the item's Jump Policy asks for one: `jump users totp enrol` makes one
    #[arg(long, value_name = "CODE")]
    code: Option<Field>,
    /// Jump although the item's advisory schedule is closed
    #[arg(long)]
    override_schedule: bool,
}

impl SessionArguments {
    pub(crate) fn options(self) -> JumpOptions {
        let mut options = JumpOptions::default();
        options.credential = self.credential;
        options.supplied.reason = self.reason.unwrap_or_default();
        options.supplied.ticket = self.ticket;
        options.supplied.code = self.code;
        options.supplied.schedule_override = self.override_schedule;
        options
    }
}

/// Every protocol that the command speaks.
pub(crate) fn backends() -> Registry {
    Registry::new()
        .with(Arc::new(SshBackend::new()))
        .with(Arc::new(TunnelBackend::new()))
        .with(Arc::new(VncBackend::new()))
        .with(Arc::new(RdpBackend::new()))
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
    connect_with(home, None).await
}

/// The same; `local` says how local items are served, if they are.
async fn connect_with(home: &Home, local: Option<LocalJumps>) -> Result<Rep, Failure> {
    let login = login(home)?;
    let address = login.broker.address.clone();
    let mut rep = Rep::builder(login.identity, login.broker).backends(backends());
    if let Some(local) = local {
        rep = rep.local_jumps(local);
    }
    Box::pin(rep.connect()).await.map_err(|error| match error.kind() {
        ErrorKind::Unavailable | ErrorKind::Timeout => Failure::from(error).hint(format!(
            "is the broker at {address} running, and reachable from here?"
        )),
        ErrorKind::Unauthenticated => Failure::from(error).hint("ask an administrator for a new invitation"),
        _ => error.into(),
    })
}
