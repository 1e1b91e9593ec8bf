//! The leg toward the target.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jump_core::model::HostKeyPolicy;
use jump_core::protocol::{Dialer, SessionEvent};
use jump_core::session::{Credential, EndReason, Grant};
use jump_core::{Error, ErrorKind, Result};
use russh::client::{self, ChannelOpenHandle, DisconnectReason, Msg, Session};
use russh::keys::PublicKeyOrCertificate;
use russh::{Channel, ChannelOpenFailure};
use tokio::sync::oneshot;

use super::auth::{self, Login};
use super::host_key::{self, Verdict};
use super::reporter::Reporter;
use crate::config;
use crate::failure::{cut, from_russh};
use crate::leg::{Leg, Scissors};

const OPERATION: &str = "connect to the target";
/// The longest greeting (RFC 4252 §5.4) that is passed on.
const GREETING: usize = 4096;

/// What the handler, which russh owns, leaves for the gate.
#[derive(Debug, Default)]
struct Notes {
    refusal: Option<Error>,
    greeting: String,
    /// The target has no login method left for us: russh then ends the connection by itself.
    no_method_left: bool,
    end: Option<EndReason>,
}

/// The target, logged in to.
pub(super) struct Target {
    pub(super) handle: Arc<client::Handle<TargetHandler>>,
    /// Resolves when russh's task for this leg has ended, in whatever way.
    pub(super) gone: oneshot::Receiver<()>,
    /// Whether that was seen.
    pub(super) ended: bool,
    pub(super) scissors: Scissors,
    notes: Arc<Mutex<Notes>>,
}

impl Target {
    /// The target's greeting, to be shown to the rep.
    pub(super) fn greeting(&self) -> Option<String> {
        let greeting = lock(&self.notes).greeting.clone();
        (!greeting.is_empty()).then_some(greeting)
    }

    /// Why the leg ended.
    pub(super) fn end(&self) -> EndReason {
        let panicked = || EndReason::Failed {
            kind: ErrorKind::Internal,
            message: "the SSH library failed on what the target sent; only this session ended".to_owned(),
        };
        lock(&self.notes).end.take().unwrap_or_else(panicked)
    }
}

fn lock(notes: &Mutex<Notes>) -> std::sync::MutexGuard<'_, Notes> {
    notes.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Dials the target, checks its host key and logs in.
pub(super) async fn connect(
    grant: &Grant,
    dialer: &dyn Dialer,
    credential: Option<Credential>,
    reporter: &Reporter,
) -> Result<Target> {
    let aim = grant.target();
    let address = aim.addresses.first().ok_or_else(|| {
        Error::new(
            ErrorKind::InvalidArgument,
            OPERATION,
            "the grant names no address",
        )
    })?;
    let stream = dialer.dial(address).await?;
    let (leg, scissors) = Leg::new(stream, None);
    let notes = Arc::new(Mutex::new(Notes::default()));
    let (alive, mut gone) = oneshot::channel();
    let handler = TargetHandler {
        policy: aim.host_key.clone(),
        reporter: reporter.clone(),
        notes: notes.clone(),
        _alive: alive,
    };
    let keep_alive = (aim.keep_alive_seconds > 0).then(|| Duration::from_secs(aim.keep_alive_seconds.into()));
    let settings = Arc::new(config::client(&aim.host_key.pinned, keep_alive));
    let mut handle = match client::connect_stream(settings, leg, handler).await {
        Ok(handle) => handle,
        Err(error) => {
            let refusal = lock(&notes).refusal.take();
            return Err(refusal.unwrap_or_else(|| from_russh(ErrorKind::TargetUnreachable, OPERATION, error)));
        }
    };

    let credential = credential.map(Arc::new);
    let login = auth::login(&mut handle, credential.as_ref()).await?;
    let named = credential.map(|credential| (credential.secret.to_string(), credential.username.clone()));
    match (login, named) {
        (Login::Accepted, Some((kind, username))) => {
            reporter
                .report(SessionEvent::CredentialInjected { kind, username })
                .await;
        }
        (Login::Refused(error), named) => {
            if handle.is_closed() {
                let _ = (&mut gone).await;
                if !lock(&notes).no_method_left {
                    return Err(Error::new(
                        ErrorKind::TargetUnreachable,
                        OPERATION,
                        "the target closed the connection during the login",
                    ));
                }
            }
            if let Some((kind, username)) = named {
                reporter
                    .report(SessionEvent::CredentialRefused { kind, username })
                    .await;
            }
            return Err(error);
        }
        _ => {}
    }
    Ok(Target {
        handle: Arc::new(handle),
        gone,
        ended: false,
        scissors,
        notes,
    })
}

/// What the target may ask of us: nothing but to prove itself and to greet.
#[derive(Debug)]
pub(super) struct TargetHandler {
    policy: HostKeyPolicy,
    reporter: Reporter,
    notes: Arc<Mutex<Notes>>,
    /// Dropped with the handler when russh's task ends, also by a panic.
    _alive: oneshot::Sender<()>,
}

/// A target cannot open channels: no forwarded port, agent or display was ever asked for.
async fn refuse(reply: ChannelOpenHandle) -> Result<(), russh::Error> {
    reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
    Ok(())
}

impl client::Handler for TargetHandler {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        let key = match host_key::from_russh(shown) {
            Ok(key) => key,
            Err(error) => {
                lock(&self.notes).refusal = Some(error);
                return Ok(false);
            }
        };
        match host_key::check(&self.policy, &key) {
            Verdict::Pinned => Ok(true),
            Verdict::FirstSeen => {
                self.reporter.report(SessionEvent::HostKeyFirstSeen { key }).await;
                Ok(true)
            }
            Verdict::Refused(why) => {
                lock(&self.notes).refusal =
                    Some(Error::new(ErrorKind::HostKey, "check the target's host key", why));
                self.reporter.report(SessionEvent::HostKeyRefused { key }).await;
                Ok(false)
            }
        }
    }

    async fn auth_banner(&mut self, banner: &str, _: &mut Session) -> Result<(), russh::Error> {
        let mut notes = lock(&self.notes);
        let room = GREETING.saturating_sub(notes.greeting.len());
        notes.greeting.push_str(cut(banner, room));
        Ok(())
    }

    async fn disconnected(&mut self, reason: DisconnectReason<russh::Error>) -> Result<(), russh::Error> {
        if matches!(reason, DisconnectReason::Error(russh::Error::NoAuthMethod)) {
            lock(&self.notes).no_method_left = true;
        }
        let end = match reason {
            DisconnectReason::ReceivedDisconnect(_)
            | DisconnectReason::Error(russh::Error::IO(_) | russh::Error::Disconnect | russh::Error::HUP) => {
                EndReason::TargetClosed
            }
            DisconnectReason::Error(error) => {
                EndReason::from_error(&from_russh(ErrorKind::Network, "talk to the target", error))
            }
        };
        lock(&self.notes).end = Some(end);
        Ok(())
    }

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_session(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_direct_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_direct_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_x11(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        refuse(reply).await
    }
}
