//! Users, logins and items of a running site.

use std::net::SocketAddr;
use std::path::Path;

use super::{RunningSite, unexpected};
use jump_core::broker::Caller;
use jump_core::control::{Edit, Invitation, ItemDraft, ItemView, RepRequest, Response};
use jump_core::jumpoint::NetworkPolicy;
use jump_core::model::{
    HostKeyPolicy, Hostname, ItemDetails, JumpMethods, LoginScope, Name, PortForward, ProtocolTunnel,
    ShellJump, UserName,
};
use jump_core::protocol::Registry;
use jump_core::rep::{LocalJumps, LoginIdentity, Rep, RepBuilder};
use jump_core::session::{Credential, CredentialBinding, RecordingMode, SessionPermissions};
use jump_core::{Result, rep};

impl RunningSite {
    /// Changes the site as the embedding program.
    pub async fn edit(&self, edit: Edit) -> Result<Response> {
        self.broker
            .request(&Caller::local(), RepRequest::Edit(edit))
            .await
    }

    /// Adds a user with all methods and the Jumpoint, in group `web` with this role (`None`: not a member).
    pub async fn add_user(&self, name: &str, role: Option<&str>, administrator: bool) -> Result<()> {
        let user = UserName::new(name)?;
        self.edit(Edit::AddUser {
            name: user.clone(),
            administrator,
            allowed_methods: JumpMethods::all(),
            default_role: None,
        })
        .await?;
        self.edit(Edit::GrantJumpoint {
            jumpoint: Name::new("berlin")?,
            user: user.clone(),
        })
        .await?;
        if let Some(role) = role {
            let role = Some(Name::new(role)?);
            self.edit(Edit::AddMember {
                group: Name::new("web")?,
                user,
                role,
                policy: None,
            })
            .await?;
        }
        Ok(())
    }

    /// Adds a user with all methods, no Jumpoint and no group.
    pub async fn add_user_without_jumpoint(&self, name: &str, administrator: bool) -> Result<()> {
        self.edit(Edit::AddUser {
            name: UserName::new(name)?,
            administrator,
            allowed_methods: JumpMethods::all(),
            default_role: None,
        })
        .await
        .map(|_| ())
    }

    /// An invitation for a login of a user.
    pub async fn invite(&self, user: &str, scope: LoginScope) -> Result<Invitation> {
        match self
            .edit(Edit::InviteLogin {
                user: UserName::new(user)?,
                scope,
                limits: Default::default(),
            })
            .await?
        {
            Response::Invitation(invitation) => invitation.expose().parse(),
            _ => Err(unexpected()),
        }
    }

    /// Enrols a login of the user; gives its identity.
    pub async fn enrol(&self, user: &str) -> Result<LoginIdentity> {
        let invitation = self.invite(user, LoginScope::Everything).await?;
        let identity = LoginIdentity::generate()?;
        rep::enrol(&*self.transport, &invitation, &identity, Name::new("test")?).await?;
        Ok(identity)
    }

    /// Enrols a login of the user and connects.
    pub async fn login(&self, user: &str, backends: Registry) -> Result<Rep> {
        self.connect(self.enrol(user).await?, backends).await
    }

    /// Connects with a login.
    pub async fn connect(&self, identity: LoginIdentity, backends: Registry) -> Result<Rep> {
        self.rep(identity).backends(backends).connect().await
    }

    /// A rep with this login, still to be put together.
    #[must_use]
    pub fn rep(&self, identity: LoginIdentity) -> RepBuilder {
        Rep::builder(identity, self.endpoint.clone()).transport(self.transport.clone())
    }

    /// Enrols a login of the user and connects; this machine's addresses may be reached by what it serves itself.
    pub async fn login_local(
        &self,
        user: &str,
        backends: Registry,
        recordings: Option<&Path>,
    ) -> Result<Rep> {
        let loopback = "127.0.0.0/8".parse().map_err(|_| unexpected())?;
        let policy = NetworkPolicy::new().allowing([loopback]);
        let mut local = LocalJumps::new(backends.clone()).network_policy(policy);
        if let Some(folder) = recordings {
            local = local.recordings(folder);
        }
        let rep = self.rep(self.enrol(user).await?).backends(backends);
        rep.local_jumps(local).connect().await
    }

    /// Adds a Shell Jump item in group `web`.
    pub async fn add_shell(
        &self,
        name: &str,
        target: SocketAddr,
        recording: RecordingMode,
    ) -> Result<ItemView> {
        self.add_shell_with(
            name,
            target,
            recording,
            HostKeyPolicy::default(),
            SessionPermissions::default(),
        )
        .await
    }

    /// The same with a host key policy and permissions.
    pub async fn add_shell_with(
        &self,
        name: &str,
        target: SocketAddr,
        recording: RecordingMode,
        host_key: HostKeyPolicy,
        permissions: SessionPermissions,
    ) -> Result<ItemView> {
        let details = ItemDetails::ShellJump(ShellJump {
            host_key,
            permissions,
            ..ShellJump::ssh(target.port())
        });
        self.add_item(name, target, recording, None, details).await
    }

    /// Adds a Protocol Tunnel item in group `web` that leads to one port.
    pub async fn add_tunnel(&self, name: &str, target: SocketAddr) -> Result<ItemView> {
        let details = ItemDetails::ProtocolTunnel(ProtocolTunnel {
            listen_address: std::net::Ipv4Addr::LOCALHOST,
            forwards: vec![PortForward {
                local: 0,
                remote: target.port(),
            }],
        });
        self.add_item(name, target, RecordingMode::Off, None, details)
            .await
    }

    /// Adds an item in group `web`, behind the Jumpoint if its type needs one.
    pub async fn add_item(
        &self,
        name: &str,
        target: SocketAddr,
        recording: RecordingMode,
        max_duration_seconds: Option<u32>,
        details: ItemDetails,
    ) -> Result<ItemView> {
        let draft = ItemDraft {
            jump_policy: None,
            session_policy: None,
            name: Name::new(name)?,
            group: Name::new("web")?,
            jumpoint: match details.method().needs_jumpoint() {
                true => Some(Name::new("berlin")?),
                false => None,
            },
            hostname: Hostname::new(target.ip().to_string())?,
            tag: Default::default(),
            comments: Default::default(),
            recording,
            max_duration_seconds,
            details,
        };
        match self.edit(Edit::AddItem(Box::new(draft))).await? {
            Response::Item(item) => Ok(*item),
            _ => Err(unexpected()),
        }
    }

    /// Seals a credential to the Jumpoint and stores it on a Shell Jump item.
    pub async fn set_credential(&self, item: &ItemView, credential: &Credential) -> Result<()> {
        let world = self.broker.world();
        let target = world
            .item(item.id)
            .ok_or_else(unexpected)?
            .targets()?
            .pop()
            .ok_or_else(unexpected)?;
        let binding = CredentialBinding {
            item: item.id,
            jumpoint: item.jumpoint_id.ok_or_else(unexpected)?,
            target,
        };
        let sealed = credential.seal(&item.sealing_key.ok_or_else(unexpected)?, &binding)?;
        self.edit(Edit::SetCredential {
            item: item.id,
            credential: Some(sealed),
        })
        .await
        .map(|_| ())
    }
}
