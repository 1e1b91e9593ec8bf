//! What russh's task for the connection leaves for the session and its channels.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jump_core::protocol::SessionGoesOn;
use jump_core::{Error, ErrorKind};
use russh::client::{self, DisconnectReason, Session};
use russh::keys::PublicKeyOrCertificate;
use russh::{ChannelId, client::Msg};
use tokio::sync::watch;

use crate::failure::{cut, from_russh};

/// The longest farewell that is kept.
const FAREWELL: usize = 512;

/// Shared by a session and its channels.
#[derive(Debug)]
pub(super) struct Notes {
    /// Why the connection ended, as kind and text.
    why: Mutex<Option<(ErrorKind, String)>>,
    /// Per open channel, whether the other side has closed it.
    closed: Mutex<HashMap<u32, watch::Sender<bool>>>,
    ended: watch::Sender<bool>,
}

impl Default for Notes {
    fn default() -> Self {
        Self {
            why: Mutex::default(),
            closed: Mutex::default(),
            ended: watch::Sender::new(false),
        }
    }
}

impl Notes {
    /// The error that says why the connection ended, if that is known.
    pub(super) fn ended(&self) -> Option<Error> {
        let why = self.why.lock().unwrap_or_else(PoisonError::into_inner).clone();
        why.map(|(kind, text)| Error::new(kind, "shell session", text))
    }

    /// The program on a channel has ended; if the whole connection has, that is what is told.
    pub(super) fn channel_closed(&self) -> Error {
        let what = "write to the program";
        if *self.ended.borrow() {
            let closed = || Error::new(ErrorKind::Closed, what, "the session is closed");
            return self.ended().unwrap_or_else(closed);
        }
        let message = "it has ended and takes no more input";
        Error::new(ErrorKind::Closed, what, message).with_source(SessionGoesOn)
    }

    pub(super) async fn wait_for_end(&self) {
        // The sender is in `self`: it cannot go away.
        let _ = self.ended.subscribe().wait_for(|ended| *ended).await;
    }

    /// Watches a channel from before anything is started on it, so that its close cannot be missed.
    pub(super) fn register(&self, channel: ChannelId) {
        let sender = watch::Sender::new(*self.ended.borrow());
        self.with(|closed| closed.insert(channel.number(), sender));
    }

    /// Tells when the other side closes a channel, or has closed it.
    pub(super) fn watch(&self, channel: ChannelId) -> watch::Receiver<bool> {
        let known = self.with(|closed| closed.get(&channel.number()).map(watch::Sender::subscribe));
        known.unwrap_or_else(|| watch::channel(true).1)
    }

    pub(super) fn forget(&self, channel: ChannelId) {
        self.with(|closed| closed.remove(&channel.number()));
    }

    fn with<T>(&self, change: impl FnOnce(&mut HashMap<u32, watch::Sender<bool>>) -> T) -> T {
        change(&mut self.closed.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Answers what the other end asks of us: nothing.
#[derive(Debug)]
pub(super) struct ClientHandler {
    notes: Arc<Notes>,
}

impl ClientHandler {
    pub(super) const fn new(notes: Arc<Notes>) -> Self {
        Self { notes }
    }
}

impl Drop for ClientHandler {
    /// russh's task has ended, perhaps by a panic: nobody may wait for it any longer.
    fn drop(&mut self) {
        self.notes.ended.send_replace(true);
        self.notes.with(|closed| {
            for sender in closed.values() {
                sender.send_replace(true);
            }
        });
    }
}

/// The other end opens no channels here.
macro_rules! refuse {
    ($($name:ident($($argument:ty),*);)+) => {
        $(async fn $name(
            &mut self,
            _: russh::Channel<Msg>,
            $(_: $argument,)*
            reply: client::ChannelOpenHandle,
            _: &mut Session,
        ) -> Result<(), russh::Error> {
            reply.reject(russh::ChannelOpenFailure::AdministrativelyProhibited).await;
            Ok(())
        })+
    };
}

impl client::Handler for ClientHandler {
    type Error = russh::Error;

    /// Every key is accepted. The stream that this SSH connection runs in has authenticated the other end already, by
    /// the session key in the grant; SSH's own check could only be weaker. Over a stream without that, this client
    /// must not be used.
    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        Ok(true)
    }

    async fn channel_close(&mut self, channel: ChannelId, _: &mut Session) -> Result<(), russh::Error> {
        self.notes.with(|closed| {
            if let Some(sender) = closed.get(&channel.number()) {
                sender.send_replace(true);
            }
        });
        Ok(())
    }

    async fn disconnected(&mut self, reason: DisconnectReason<russh::Error>) -> Result<(), russh::Error> {
        let why = match reason {
            DisconnectReason::ReceivedDisconnect(info) if info.message.is_empty() => {
                (ErrorKind::Closed, "the other end closed the session".to_owned())
            }
            DisconnectReason::ReceivedDisconnect(info) => {
                (ErrorKind::Closed, cut(&info.message, FAREWELL).to_owned())
            }
            DisconnectReason::Error(russh::Error::IO(_)) => {
                (ErrorKind::Closed, "the connection was closed".to_owned())
            }
            DisconnectReason::Error(error) => {
                let error = from_russh(ErrorKind::Closed, "shell session", error);
                (error.kind(), error.context().to_owned())
            }
        };
        *self.notes.why.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
        Ok(())
    }

    refuse! {
        server_channel_open_forwarded_tcpip(&str, u32, &str, u32);
        server_channel_open_forwarded_streamlocal(&str);
        server_channel_open_agent_forward();
        server_channel_open_session();
        server_channel_open_direct_tcpip(&str, u32, &str, u32);
        server_channel_open_direct_streamlocal(&str);
        server_channel_open_x11(&str, u32);
    }
}
