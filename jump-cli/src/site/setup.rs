//! What a new site needs before anybody can do anything in it.

use jump_core::broker::{Broker, Caller};
use jump_core::control::{BrokerEndpoint, Edit, Invitation, RepRequest, Response};
use jump_core::jumpoint::{self, JumpointIdentity};
use jump_core::model::{Comments, JumpMethods, LoginScope, Name, UserName};
use jump_core::tunnel::TcpTransport;
use jump_core::{Error, ErrorKind, Result};

use crate::state::JumpointFile;

/// The group that a new site has.
const DEFAULT_GROUP: &str = "default";

/// The name of the first administrator: the user's at this machine, if it can be one.
pub(crate) fn administrator_name() -> Result<UserName> {
    let name = std::env::var("USER")
        .ok()
        .and_then(|name| UserName::new(name).ok());
    name.map_or_else(|| UserName::new("admin"), Ok)
}

async fn edit(broker: &Broker, edit: Edit) -> Result<Response> {
    broker.request(&Caller::local(), RepRequest::Edit(edit)).await
}

/// Ends what an interrupted first start began: each step is skipped if its result is there.
pub(crate) async fn set_up(broker: &Broker, administrator: &UserName) -> Result<()> {
    let group = Name::new(DEFAULT_GROUP)?;
    if broker.world().user_named(administrator.as_str()).is_none() {
        let name = administrator.clone();
        let methods = JumpMethods::all();
        edit(
            broker,
            Edit::AddUser {
                name,
                administrator: true,
                allowed_methods: methods,
                default_role: None,
            },
        )
        .await?;
    }
    if !broker.world().groups().any(|known| known.name == group) {
        edit(
            broker,
            Edit::AddGroup {
                name: group.clone(),
                comments: Comments::default(),
            },
        )
        .await?;
    }
    let user = administrator.clone();
    edit(
        broker,
        Edit::AddMember {
            group,
            user,
            role: Some(Name::new("Administrator")?),
            policy: None,
        },
    )
    .await?;
    Ok(())
}

/// An invitation for a login of a user with all the user's rights.
pub(crate) async fn invite(broker: &Broker, user: &UserName) -> Result<String> {
    let response = edit(
        broker,
        Edit::InviteLogin {
            user: user.clone(),
            scope: LoginScope::Everything,
            limits: Default::default(),
        },
    )
    .await?;
    invitation_of(&response)
}

fn invitation_of(response: &Response) -> Result<String> {
    match response {
        Response::Invitation(secret) => Ok(secret.expose().to_owned()),
        _ => Err(Error::new(
            ErrorKind::Internal,
            "set up the site",
            "the broker made no invitation",
        )),
    }
}

/// Adds a Jumpoint that runs in this process and enrols it over the network, as any other. The broker must be serving
/// at `broker_at`.
pub(crate) async fn add_jumpoint(
    broker: &Broker,
    broker_at: &BrokerEndpoint,
    name: &str,
    granted_to: &UserName,
) -> Result<JumpointFile> {
    let name = Name::new(name)?;
    let known = broker.world().jumpoints().any(|known| known.name == name);
    let (invited, jumpoint) = (name.clone(), name.clone());
    let invited = if known {
        Edit::InviteJumpoint { name: invited }
    } else {
        Edit::AddJumpoint { name: invited }
    };
    let mut invitation: Invitation = invitation_of(&edit(broker, invited).await?)?.parse()?;
    // The invitation names the address for others; this process knows a shorter way.
    invitation.broker = broker_at.clone();
    let identity = JumpointIdentity::generate()?;
    jumpoint::enrol(&TcpTransport, &invitation, &identity).await?;
    let user = granted_to.clone();
    edit(broker, Edit::GrantJumpoint { jumpoint, user }).await?;
    Ok(JumpointFile {
        identity,
        broker: broker_at.clone(),
        name: name.to_string(),
    })
}
