//! A small site, quickly: one user who may do everything, one Jumpoint, one Shell Jump item and one tunnel item.

use std::net::{Ipv4Addr, SocketAddr};

use jump_core::access::{Action, Allowed, Context, decide};
use jump_core::error::{Error, ErrorKind, Result};
use jump_core::id::{GroupId, ItemId, JumpointId, SessionId, UserId};
use jump_core::keys::{SealingKey, SigningKey};
use jump_core::model::{
    Change, Comments, Hostname, ItemDetails, JumpGroup, JumpItem, JumpMethods, Jumpoint, Membership, Name,
    Placement, PortForward, ProtocolTunnel, Role, ShellJump, Tag, User, UserName, World,
};
use jump_core::session::{Grant, RecordingMode, SignedGrant};
use jump_core::time::Timestamp;

/// A site with the user `alice`, the group `servers`, the Jumpoint `branch` and two items. Change the world through
/// [`Site::world`] and [`World::apply`] before asking for grants.
#[derive(Debug)]
pub struct Site {
    /// The facts.
    pub world: World,
    /// `alice`: enabled, every method, Administrator of the group, granted the Jumpoint.
    pub alice: UserId,
    /// The group `servers`.
    pub group: GroupId,
    /// The Jumpoint `branch`.
    pub jumpoint: JumpointId,
    /// The Shell Jump item `shell`.
    pub shell: ItemId,
    /// The Protocol Tunnel item `tunnel`.
    pub tunnel: ItemId,
    /// The broker's key.
    pub broker_key: SigningKey,
    /// The Jumpoint's own key, as enrolled.
    pub jumpoint_key: SigningKey,
    /// The key to which credentials for the Jumpoint's targets are sealed.
    pub sealing_key: SealingKey,
    /// The rep's session key of every grant made here.
    pub rep_session_key: SigningKey,
    /// The Jumpoint's session key of every grant made here.
    pub jumpoint_session_key: SigningKey,
}

impl Site {
    /// The site whose shell item leads to `shell`, and whose tunnel item leads to the ports of `tunnel` on the host of
    /// its first address. Port numbers must not be 0.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for a port 0, no tunnel address, or tunnel addresses on different hosts.
    pub fn new(shell: SocketAddr, tunnel: &[SocketAddr]) -> Result<Self> {
        let host = tunnel.first().map(SocketAddr::ip);
        if tunnel.iter().any(|address| Some(address.ip()) != host) {
            let message = "the addresses of a tunnel item are on one host";
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                "build a test site",
                message,
            ));
        }
        let host = host.ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidArgument,
                "build a test site",
                "the tunnel item needs an address",
            )
        })?;
        let mut site = Self {
            world: World::new()?,
            alice: UserId::new(1)?,
            group: GroupId::new(1)?,
            jumpoint: JumpointId::new(1)?,
            shell: ItemId::new(1)?,
            tunnel: ItemId::new(2)?,
            broker_key: SigningKey::generate()?,
            jumpoint_key: SigningKey::generate()?,
            sealing_key: SealingKey::generate()?,
            rep_session_key: SigningKey::generate()?,
            jumpoint_session_key: SigningKey::generate()?,
        };
        let mut alice = User::new(site.alice, UserName::new("alice")?);
        alice.allowed_methods = Some(JumpMethods::all());
        let mut jumpoint = Jumpoint::new(site.jumpoint, Name::new("branch")?);
        jumpoint.key = Some(site.jumpoint_key.public());
        jumpoint.sealing_key = Some(site.sealing_key.public());
        let shell_details = ItemDetails::ShellJump(ShellJump::ssh(shell.port()));
        let forward = |address: &SocketAddr| PortForward {
            local: 0,
            remote: address.port(),
        };
        let tunnel_details = ItemDetails::ProtocolTunnel(ProtocolTunnel {
            listen_address: Ipv4Addr::LOCALHOST,
            forwards: tunnel.iter().map(forward).collect(),
        });
        let changes = [
            Change::PutUser(alice),
            Change::PutGroup(JumpGroup {
                id: site.group,
                name: Name::new("servers")?,
                code_name: None,
                comments: Comments::default(),
            }),
            Change::PutJumpoint(jumpoint),
            Change::GrantJumpoint {
                user: site.alice,
                jumpoint: site.jumpoint,
            },
            Change::PutMembership(Membership {
                user: site.alice,
                group: site.group,
                role: Some(Role::ADMINISTRATOR),
                policy: None,
            }),
            Change::PutItem(site.item(site.shell, "shell", shell.ip().to_string(), shell_details)?),
            Change::PutItem(site.item(site.tunnel, "tunnel", host.to_string(), tunnel_details)?),
        ];
        site.world.apply(&changes)?;
        Ok(site)
    }

    fn item(&self, id: ItemId, name: &str, host: String, details: ItemDetails) -> Result<JumpItem> {
        Ok(JumpItem {
            id,
            name: Name::new(name)?,
            placement: Placement::Shared(self.group),
            jumpoint: Some(self.jumpoint),
            hostname: Hostname::new(host)?,
            tag: Tag::default(),
            comments: Comments::default(),
            jump_policy: None,
            session_policy: None,
            copy_of: None,
            recording: RecordingMode::default(),
            max_duration_seconds: None,
            details,
        })
    }

    /// Puts a changed copy of an item into the world.
    pub fn edit_item(&mut self, id: ItemId, edit: impl FnOnce(&mut JumpItem)) -> Result<()> {
        let mut item = self.item_of(id)?.clone();
        edit(&mut item);
        self.world.apply(&[Change::PutItem(item)]).map(|_| ())
    }

    fn item_of(&self, id: ItemId) -> Result<&JumpItem> {
        let missing = || Error::new(ErrorKind::NotFound, "find a test item", "there is no such item");
        self.world.item(id).map(|item| &**item).ok_or_else(missing)
    }

    /// Decides whether `alice` may start a session on an item now.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`], with the reasons.
    pub fn decide(&self, item: ItemId) -> Result<Allowed> {
        let now = Timestamp::now();
        let (decision, allowed) = decide(
            &self.world,
            self.alice,
            item,
            Action::Start,
            &Context::default(),
            now,
        );
        allowed.ok_or_else(|| Error::new(ErrorKind::Denied, "start a test session", decision.why_not()))
    }

    /// A grant for a new session of `alice` on an item, from a real decision.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`] if the decision is no.
    pub fn grant(&self, item: ItemId) -> Result<Grant> {
        Grant::issue(
            SessionId::random()?,
            &self.decide(item)?,
            self.item_of(item)?,
            self.rep_session_key.public(),
            self.jumpoint_session_key.public(),
            Timestamp::now(),
        )
    }

    /// The same grant as it travels.
    pub fn signed_grant(&self, item: ItemId) -> Result<SignedGrant> {
        self.grant(item)?.sign(&self.broker_key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> Site {
        let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Site::new(at(22), &[at(80), at(443)]).unwrap()
    }

    #[test]
    fn grants_both_items_with_their_addresses() {
        let site = site();
        let shell = site.grant(site.shell).unwrap();
        assert_eq!((shell.protocol(), shell.user_name()), ("ssh", "alice"));
        let tunnel = site.signed_grant(site.tunnel).unwrap();
        let tunnel = tunnel
            .verify(&site.broker_key.public(), Timestamp::now())
            .unwrap();
        let addresses: Vec<String> = tunnel
            .target()
            .addresses
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(addresses, ["127.0.0.1:80", "127.0.0.1:443"]);
    }

    #[test]
    fn a_denied_user_gets_no_grant() {
        let mut site = site();
        let gone = Change::RevokeJumpoint {
            user: site.alice,
            jumpoint: site.jumpoint,
        };
        site.world.apply(&[gone]).unwrap();
        assert_eq!(site.grant(site.shell).unwrap_err().kind(), ErrorKind::Denied);
    }
}
