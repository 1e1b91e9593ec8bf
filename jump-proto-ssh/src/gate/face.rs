//! The leg toward the rep: an SSH server that asks for no credential.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use jump_core::session::SessionPermissions;
use russh::keys::PrivateKey;
use russh::keys::ssh_key::Certificate;
use russh::server::{
    Auth, ChannelOpenHandle, Config, Handle, Handler, Msg, PublicKeyOffer, Response, Session,
    VerifiedPublicKey,
};
use russh::{Channel, ChannelId, ChannelOpenFailure, MethodKind, MethodSet, Pty};
use tokio::sync::{mpsc, oneshot};

use super::asked::{Asked, Unanswered};
use super::hold::Hold;
use super::reporter::Reporter;
use super::up_queue::Backlog;
use crate::config;

/// Tries that a rep's client has: it may offer a few keys before it comes to `none`.
const TRIES: usize = 8;
/// The longest host name of a `direct-tcpip` channel.
const LONGEST_HOST: usize = 255;

/// What a rep wants a channel to.
#[derive(Clone, Debug)]
pub(super) enum Destination {
    /// The target itself (RFC 4254 §6.1).
    Session,
    /// A host that the target reaches (RFC 4254 §7.2).
    Host {
        host: String,
        port: u32,
        from_host: String,
        from_port: u32,
    },
}

/// A channel that a rep wants to open.
pub(super) struct Open {
    pub(super) channel: Channel<Msg>,
    pub(super) asked: Asked,
    pub(super) destination: Destination,
    pub(super) rep: Handle,
}

/// How the face speaks to a client with this identification string.
pub(super) fn settings(host_key: PrivateKey, client: Option<&[u8]>) -> Arc<Config> {
    Arc::new(Config {
        server_id: config::identification(),
        methods: only_none(),
        // Nothing can be guessed here, so nothing is slowed down.
        auth_rejection_time: Duration::ZERO,
        auth_rejection_time_initial: Some(Duration::ZERO),
        max_auth_attempts: TRIES,
        keys: vec![host_key],
        preferred: config::server_algorithms(client),
        window_size: config::WINDOW,
        maximum_packet_size: config::PACKET,
        channel_buffer_size: config::QUEUE,
        event_buffer_size: config::QUEUE,
        inactivity_timeout: None,
        nodelay: true,
        ..Config::default()
    })
}

fn only_none() -> MethodSet {
    MethodSet::from([MethodKind::None].as_slice())
}

/// A refusal that leaves `none` open.
fn refused() -> Auth {
    Auth::Reject {
        proceed_with_methods: Some(only_none()),
        partial_success: false,
    }
}

/// Answers the rep's SSH client.
///
/// The stream comes out of a tunnel that has checked the rep's session key against the grant, so `none` (RFC 4252
/// §5.2) is accepted for any user name, and that name means nothing. Every other method is refused: an offered key or
/// a password proves nothing here, and no proof can be carried from one name to another.
pub(super) struct Face {
    pub(super) permissions: SessionPermissions,
    pub(super) reporter: Reporter,
    pub(super) hold: Arc<Hold>,
    pub(super) backlog: Arc<Backlog>,
    /// Boxed, because a queue's room is allocated ahead and most sessions open few channels.
    pub(super) opens: mpsc::Sender<Box<Open>>,
    pub(super) unanswered: Arc<Unanswered>,
    pub(super) logged_in: Option<oneshot::Sender<()>>,
    pub(super) greeting: Option<String>,
}

impl Face {
    async fn open(
        &self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        destination: Destination,
        rep: Handle,
    ) {
        // If the gate is ending, nobody takes it, and it stays without an answer.
        let asked = Asked::new(reply, self.unanswered.clone());
        let _ = self
            .opens
            .send(Box::new(Open {
                channel,
                asked,
                destination,
                rep,
            }))
            .await;
    }

    async fn refuse(&self, reply: ChannelOpenHandle, what: &'static str) {
        reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
        self.reporter.refused(what).await;
    }
}

impl Handler for Face {
    type Error = russh::Error;

    async fn auth_none(&mut self, _: &str) -> Result<Auth, russh::Error> {
        Ok(Auth::Accept)
    }

    async fn auth_password(&mut self, _: &str, _: &str) -> Result<Auth, russh::Error> {
        Ok(refused())
    }

    async fn auth_publickey_offered(&mut self, _: &str, _: PublicKeyOffer<'_>) -> Result<Auth, russh::Error> {
        Ok(refused())
    }

    async fn auth_publickey(&mut self, _: &str, _: VerifiedPublicKey<'_>) -> Result<Auth, russh::Error> {
        Ok(refused())
    }

    async fn auth_openssh_certificate(&mut self, _: &str, _: &Certificate) -> Result<Auth, russh::Error> {
        Ok(refused())
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _: &str,
        _: &str,
        _: Option<Response<'a>>,
    ) -> Result<Auth, russh::Error> {
        Ok(refused())
    }

    async fn authentication_banner(&mut self) -> Result<Option<String>, russh::Error> {
        Ok(self.greeting.take())
    }

    async fn auth_succeeded(&mut self, _: &mut Session) -> Result<(), russh::Error> {
        if let Some(logged_in) = self.logged_in.take() {
            let _ = logged_in.send(());
        }
        Ok(())
    }

    fn adjust_window(&mut self, _: ChannelId, _: u32) -> u32 {
        self.backlog.next_window()
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        self.open(channel, reply, Destination::Session, session.handle())
            .await;
        Ok(())
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        host: &str,
        port: u32,
        from_host: &str,
        from_port: u32,
        reply: ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        if !self.permissions.port_forwarding {
            self.refuse(reply, "a forwarded connection (direct-tcpip)").await;
        } else if host.len() > LONGEST_HOST || port > u16::MAX.into() {
            reply.reject(ChannelOpenFailure::ConnectFailed).await;
        } else {
            let destination = Destination::Host {
                host: host.to_owned(),
                port,
                from_host: crate::failure::cut(from_host, LONGEST_HOST).to_owned(),
                from_port,
            };
            self.open(channel, reply, destination, session.handle()).await;
        }
        Ok(())
    }

    async fn channel_open_x11(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        self.refuse(reply, "an x11 channel").await;
        Ok(())
    }

    async fn channel_open_forwarded_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        self.refuse(reply, "a forwarded-tcpip channel").await;
        Ok(())
    }

    async fn channel_open_direct_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        self.refuse(reply, "a forwarded unix socket").await;
        Ok(())
    }

    async fn tcpip_forward(&mut self, _: &str, _: &mut u32, _: &mut Session) -> Result<bool, russh::Error> {
        self.reporter.refused("a remote forwarding (tcpip-forward)").await;
        Ok(false)
    }

    async fn streamlocal_forward(&mut self, _: &str, _: &mut Session) -> Result<bool, russh::Error> {
        self.reporter.refused("a remote unix socket forwarding").await;
        Ok(false)
    }

    async fn agent_request(&mut self, _: ChannelId, _: &mut Session) -> Result<bool, russh::Error> {
        self.reporter.refused("agent forwarding").await;
        Ok(false)
    }

    async fn x11_request(
        &mut self,
        channel: ChannelId,
        _: bool,
        _: &str,
        _: &str,
        _: u32,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        self.reporter.refused("x11 forwarding").await;
        session.channel_failure(channel)
    }

    // The requests below reach the channel's own task as messages. Here they only stop the reading until they have
    // been answered.

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        _: u32,
        _: u32,
        _: u32,
        _: u32,
        _: &[(Pty, u32)],
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        self.hold.asked(channel.number());
        Ok(())
    }

    async fn env_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        _: &str,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        self.hold.asked(channel.number());
        Ok(())
    }

    async fn shell_request(&mut self, channel: ChannelId, _: &mut Session) -> Result<(), russh::Error> {
        self.hold.asked(channel.number());
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _: &[u8],
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        self.hold.asked(channel.number());
        Ok(())
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        self.hold.asked(channel.number());
        Ok(())
    }
}

/// The text shown to a rep's client when the gate ends the connection.
pub(super) fn goodbye(reason: &jump_core::session::EndReason) -> Cow<'static, str> {
    Cow::Owned(crate::failure::cut(&reason.to_string(), 512).to_owned())
}
