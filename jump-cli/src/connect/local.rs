//! Items that the command opens itself, in the network that it runs in: what they are reached with, and where it is recorded.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use ipnet::IpNet;
use jump_core::control::ItemView;
use jump_core::jumpoint::NetworkPolicy;
use jump_core::model::{ItemDetails, VncSecurity};
use jump_core::rep::{JumpOptions, LocalJumps, Rep};
use jump_core::text::Escaped;

use super::{SessionArguments, backends, connect_with};
use crate::command::credential::{PasswordArguments, with_password};
use crate::error::{Failure, usage};
use crate::secret_input;
use crate::state::Home;

/// How long the broker may take to hear how the sessions ended that were served here.
const REPORTS: Duration = Duration::from_secs(5);

/// What a session may be asked for with whose item may be a local one.
#[derive(Debug, Default, Args)]
pub(crate) struct ScreenArguments {
    #[command(flatten)]
    session: SessionArguments,
    #[command(
        flatten,
        next_help_heading = "Items that you open yourself (Local VNC, Local RDP)"
    )]
    local: LocalArguments,
}

#[derive(Debug, Default, Args)]
struct LocalArguments {
    #[command(flatten)]
    password: PasswordArguments,
    /// Reach targets in this network, too, even if they are this machine's own or link-local; may be given several times
    #[arg(long, value_name = "CIDR")]
    allow: Vec<IpNet>,
}

impl LocalArguments {
    fn are_none(&self) -> bool {
        self.allow.is_empty() && self.password.are_none()
    }
}

impl ScreenArguments {
    /// Connects to the broker with the profile's login, ready to serve local items.
    pub(crate) async fn connect(&self, home: &Home) -> Result<Rep, Failure> {
        let policy = NetworkPolicy::new().allowing(self.local.allow.iter().copied());
        let local = LocalJumps::new(backends())
            .network_policy(policy)
            .recordings(home.recordings());
        connect_with(home, Some(local)).await
    }

    /// What a session on this item is asked for with. Reads or asks for the password of a local item's target.
    pub(crate) async fn options(self, item: &ItemView) -> Result<JumpOptions, Failure> {
        let Self { session, local } = self;
        let mut options = session.options();
        if item.details.method().needs_jumpoint() {
            if !local.are_none() {
                return Err(usage(
                    "this item goes through a jumpoint, which reaches its target and logs in there",
                )
                .hint("--user, --ask-password, --password-stdin and --allow are for items that you open yourself"));
            }
            return Ok(options);
        }
        let user = match &item.details {
            ItemDetails::LocalRdp(rdp) => rdp.rdp_username.as_str(),
            _ => "",
        };
        let credential = match local.password.read().await? {
            None if asks(item) => {
                let prompt = format!("Password of {} (Enter for none)", Escaped(&item.name));
                let password = secret_input::ask(&prompt).await?;
                (!password.expose().is_empty()).then(|| with_password(user, password.expose()))
            }
            Some(mut given) if given.username.is_empty() => {
                given.username = user.to_owned();
                Some(given)
            }
            given => given,
        };
        let nobody = credential.as_ref().is_some_and(|given| given.username.is_empty());
        if nobody && matches!(item.details, ItemDetails::LocalRdp(_)) {
            return Err(usage("the item does not say who logs in").hint("say it with --user NAME"));
        }
        if let Some(credential) = credential {
            options.target_credential = Some(Arc::new(credential));
        }
        Ok(options)
    }

    /// Whether the password is read from standard input.
    pub(crate) const fn reads_stdin(&self) -> bool {
        self.local.password.reads_stdin()
    }
}

/// Whether somebody is there to be asked for the password of the item's target, and it has one.
fn asks(item: &ItemView) -> bool {
    let may_have_none =
        matches!(&item.details, ItemDetails::LocalVnc(vnc) if vnc.minimum_security == VncSecurity::None);
    !may_have_none && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Waits until the broker knows how the sessions ended that were served here: a command that ends before takes that with it.
pub(crate) async fn settle(rep: &Rep) {
    if tokio::time::timeout(REPORTS, rep.settled()).await.is_err() {
        tracing::warn!("the broker did not hear in time how the session ended");
    }
}
