//! One connection to the demo target.

use std::collections::HashMap;
use std::sync::Arc;

use jump_core::secret::Secret;
use russh::server::{Auth, ChannelOpenHandle, Handler, Msg, PublicKeyOffer, Session};
use russh::{Channel, ChannelId, ChannelOpenFailure, Pty};
use subtle::ConstantTimeEq;

use super::command::{Machine, Ran};
use super::console::{Console, Said, returns};

/// Channels open at once on one connection.
const CHANNELS: usize = 16;
/// `SSH_EXTENDED_DATA_STDERR` (RFC 4254 §5.2).
const STDERR: u32 = 1;

/// What a channel is.
enum Stage {
    /// Nothing runs on it yet; whether it has a terminal.
    Waiting {
        terminal: bool,
    },
    Shell(Console),
}

/// The server's side of one connection.
pub(super) struct Visitor {
    machine: Arc<Machine>,
    password: Arc<Secret<String>>,
    channels: HashMap<ChannelId, Stage>,
}

impl Visitor {
    pub(super) fn new(machine: Arc<Machine>, password: Arc<Secret<String>>) -> Self {
        Self {
            machine,
            password,
            channels: HashMap::new(),
        }
    }

    fn say(&mut self, channel: ChannelId, said: Said, session: &mut Session) -> Result<(), russh::Error> {
        // Who does not read what is said is not listened to: nothing may pile up here.
        if session.has_pending_data(channel) {
            return Err(russh::Error::Pending);
        }
        if !said.output.is_empty() {
            session.data(channel, said.output.into_bytes())?;
        }
        if !said.errors.is_empty() {
            session.extended_data(channel, STDERR, said.errors.into_bytes())?;
        }
        if let Some(status) = said.exit {
            // russh says nothing more of a channel that we close first.
            self.channels.remove(&channel);
            session.exit_status_request(channel, status)?;
            session.eof(channel)?;
            session.close(channel)?;
        }
        Ok(())
    }
}

impl Handler for Visitor {
    type Error = russh::Error;

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, russh::Error> {
        let same = password.as_bytes().ct_eq(self.password.expose().as_bytes());
        Ok(if user == self.machine.username && bool::from(same) {
            Auth::Accept
        } else {
            Auth::reject()
        })
    }

    async fn auth_publickey_offered(&mut self, _: &str, _: PublicKeyOffer<'_>) -> Result<Auth, russh::Error> {
        Ok(Auth::reject())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        if self.channels.len() >= CHANNELS {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
        } else {
            self.channels
                .insert(channel.id(), Stage::Waiting { terminal: false });
            reply.accept().await;
        }
        Ok(())
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        _: u32,
        _: u32,
        _: u32,
        _: u32,
        _: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        match self.channels.get_mut(&channel) {
            Some(Stage::Waiting { terminal }) => {
                *terminal = true;
                session.channel_success(channel)
            }
            _ => session.channel_failure(channel),
        }
    }

    async fn env_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        _: &str,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_failure(channel)
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_failure(channel)
    }

    async fn shell_request(&mut self, channel: ChannelId, session: &mut Session) -> Result<(), russh::Error> {
        let Some(Stage::Waiting { terminal }) = self.channels.get(&channel) else {
            return session.channel_failure(channel);
        };
        let console = Console::new(self.machine.clone(), *terminal);
        let output = console.greeting();
        self.channels.insert(channel, Stage::Shell(console));
        session.channel_success(channel)?;
        self.say(
            channel,
            Said {
                output,
                ..Said::default()
            },
            session,
        )
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        let Some(Stage::Waiting { terminal }) = self.channels.get(&channel) else {
            return session.channel_failure(channel);
        };
        let terminal = *terminal;
        let Ran {
            output,
            errors,
            status,
            ..
        } = self.machine.run(&String::from_utf8_lossy(command));
        session.channel_success(channel)?;
        let said = if terminal {
            Said {
                output: returns(&(output + &errors)),
                errors: String::new(),
                exit: Some(status),
            }
        } else {
            Said {
                output,
                errors,
                exit: Some(status),
            }
        };
        self.say(channel, said, session)
    }

    async fn data(
        &mut self,
        channel: ChannelId,
        data: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        let Some(Stage::Shell(console)) = self.channels.get_mut(&channel) else {
            return Ok(());
        };
        let said = console.feed(data);
        self.say(channel, said, session)
    }

    async fn channel_eof(&mut self, channel: ChannelId, session: &mut Session) -> Result<(), russh::Error> {
        let Some(Stage::Shell(console)) = self.channels.get_mut(&channel) else {
            return Ok(());
        };
        let said = console.end();
        self.say(channel, said, session)
    }

    async fn channel_close(&mut self, channel: ChannelId, _: &mut Session) -> Result<(), russh::Error> {
        self.channels.remove(&channel);
        Ok(())
    }
}
