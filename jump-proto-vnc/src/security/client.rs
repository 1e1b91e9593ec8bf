//! The client's end of the handshake: towards a target.

use std::fmt;
use std::mem;

use jump_core::secret::Secret;
use rand::SeedableRng;
use rand::rngs::StdRng;
use zeroize::{Zeroize, Zeroizing};

use super::types::RsaAesKind;
use super::{
    Capability, ClientKey, EaxStream, SecurityPolicy, SecurityType, ServerKey, TightCapabilities,
    VncCredential,
};
use crate::wire::{Input, ServerInit, Version, limits};
use crate::{RfbError, RfbResult};

/// How a target is to be logged in to.
#[derive(Debug)]
pub struct ClientConfig {
    /// Which logins may be used.
    pub policy: SecurityPolicy,
    /// With what.
    pub credential: VncCredential,
    /// Whether other viewers of the target may stay (RFC 6143 §7.3.1).
    pub shared: bool,
    /// 32 fresh random bytes, for everything that has to be random.
    pub seed: Secret<[u8; 32]>,
    /// The client's key of RSA-AES; one is made if it is needed and not given.
    pub client_key: Option<ClientKey>,
}

/// What the caller has to do next.
#[derive(Debug)]
pub enum ClientStep {
    /// Send the output, then come back with more input.
    More,
    /// Send the output, then start TLS, check the server's certificate, call [`ClientHandshake::tls_started`] and go on
    /// inside. What was not read of the input belongs to TLS.
    StartTls,
    /// Check that this is the target's key and call [`ClientHandshake::accept_key`], or give up.
    VerifyKey(ServerKey),
    /// Send the output; the handshake is over. What was not read of the input belongs to the session.
    Done(Box<ClientSession>),
}

/// A target that was logged in to.
#[derive(Debug)]
pub struct ClientSession {
    /// The version that is spoken.
    pub version: Version,
    /// How the login was done.
    pub security: SecurityType,
    /// The server's first words.
    pub server_init: ServerInit,
    /// What the server can do beyond the protocol, if TightVNC's extensions are in use.
    pub tight: Option<TightCapabilities>,
    /// The encryption of everything that follows, with [`SecurityType::RA2`] and [`SecurityType::RA2_256`].
    pub stream: Option<EaxStream>,
    /// What was decrypted already and belongs to the session. Empty without `stream`.
    pub received: Vec<u8>,
}

/// Where the handshake is; named after what is waited for.
#[derive(Debug)]
pub(super) enum State {
    Version,
    Types,
    Type,
    VeNCryptVersion,
    VeNCryptAnswer,
    VeNCryptTypes,
    TlsAnswer,
    Tls,
    Tunnels,
    TightLogins,
    Login,
    Challenge,
    AppleParameters,
    RsaKey,
    RsaDecision(ServerKey),
    RsaAccepted(ServerKey),
    RsaRandom,
    RsaHash,
    RsaSubtype,
    Result,
    Reason,
    ServerInit,
    Capabilities(ServerInit),
    Over,
}

pub(super) enum Turn {
    /// Nothing was read: more input is needed.
    Wait,
    /// Go on.
    Again(State),
    /// Tell the caller.
    Tell(ClientStep, State),
}

/// What RSA-AES has to remember until the server's hash is checked.
pub(super) struct RsaExchange {
    pub(super) client_random: Zeroizing<Vec<u8>>,
    pub(super) server_key: ServerKey,
    pub(super) client_key: ClientKey,
}

/// A login to a target. Give it the server's bytes with [`advance`](Self::advance) until it is [`ClientStep::Done`].
pub struct ClientHandshake {
    pub(super) config: ClientConfig,
    pub(super) random: StdRng,
    state: State,
    pub(super) version: Version,
    offered: Vec<SecurityType>,
    pub(super) chosen: SecurityType,
    tight: bool,
    pub(super) rsa: Option<RsaExchange>,
    pub(super) stream: Option<EaxStream>,
    /// The login alone is encrypted, and it is over: the stream ends after this turn.
    pub(super) stream_ends: bool,
    received: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for ClientHandshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientHandshake")
            .field("state", &self.state)
            .field("version", &self.version)
            .field("offered", &self.offered)
            .field("chosen", &self.chosen)
            .finish_non_exhaustive()
    }
}

impl ClientHandshake {
    /// A handshake that has not begun: the server speaks first.
    #[must_use]
    pub fn new(config: ClientConfig) -> Self {
        let random = StdRng::from_seed(*config.seed.expose());
        Self {
            config,
            random,
            state: State::Version,
            version: Version::V3_8,
            offered: Vec::new(),
            chosen: SecurityType(0),
            tight: false,
            rsa: None,
            stream: None,
            stream_ends: false,
            received: Zeroizing::new(Vec::new()),
        }
    }

    /// What the server offered so far: its own list, or VeNCrypt's once that was chosen. For messages.
    #[must_use]
    pub fn offered(&self) -> &[SecurityType] {
        &self.offered
    }

    /// Reads what it can of the input and appends what is to be sent. The output may hold a password in the clear (with
    /// [`SecurityType::PLAIN`] and inside TLS): wipe it after it is sent. The input that was not read has to be there again
    /// with the next call; more than [`limits::MAX_HANDSHAKE_BYTES`] are never needed at once.
    ///
    /// # Errors
    /// [`RfbError::Refused`] with the server's reason, [`RfbError::NotAllowed`], [`RfbError::MissingCredential`] and
    /// [`RfbError::Unsupported`] if the server offers nothing that can be used, [`RfbError::Untrusted`],
    /// [`RfbError::Protocol`] and [`RfbError::Limit`]. The handshake is over then. What was appended to the output is to
    /// be dropped.
    pub fn advance(&mut self, input: &mut Input<'_>, output: &mut Vec<u8>) -> RfbResult<ClientStep> {
        let step = self.run(input, output);
        if step.is_err() {
            self.state = State::Over;
        }
        step
    }

    fn run(&mut self, input: &mut Input<'_>, output: &mut Vec<u8>) -> RfbResult<ClientStep> {
        loop {
            let turn = if self.stream.is_some() {
                self.encrypted_turn(output)?
            } else {
                self.turn(input, output)?
            };
            match turn {
                Turn::Again(state) => self.state = state,
                Turn::Tell(step, state) => {
                    self.state = state;
                    return Ok(step);
                }
                Turn::Wait => {
                    let opened = match &mut self.stream {
                        Some(stream) => stream.opener.open(input, &mut self.received)?,
                        None => false,
                    };
                    if !opened {
                        return Ok(ClientStep::More);
                    }
                    if self.received.len() > limits::MAX_HANDSHAKE_BYTES + usize::from(u16::MAX) {
                        return Err(RfbError::Limit("a handshake has at most 32 KiB at once"));
                    }
                }
            }
        }
    }

    /// One turn inside the encryption of RSA-AES.
    fn encrypted_turn(&mut self, output: &mut Vec<u8>) -> RfbResult<Turn> {
        let mut received = mem::take(&mut self.received);
        let mut clear = Zeroizing::new(Vec::with_capacity(1024));
        let mut inside = Input::new(&received);
        let turn = self.turn(&mut inside, &mut clear)?;
        let rest = Zeroizing::new(inside.rest().to_vec());
        received.zeroize();
        self.received = rest;
        if let Some(stream) = &mut self.stream {
            stream.sealer.seal(&clear, output)?;
        }
        if self.stream_ends {
            if !self.received.is_empty() {
                return Err(RfbError::Protocol("the server went on before the login"));
            }
            self.stream = None;
        }
        // The stream and what was decrypted of it go to the session together.
        if let Turn::Tell(ClientStep::Done(mut session), state) = turn {
            session.stream = self.stream.take();
            session.received = mem::take(&mut *self.received);
            return Ok(Turn::Tell(ClientStep::Done(session), state));
        }
        Ok(turn)
    }

    /// Says that TLS was started after [`ClientStep::StartTls`] and that its certificate is the target's.
    pub fn tls_started(&mut self) {
        if matches!(self.state, State::Tls) {
            self.state = State::Login;
        }
    }

    /// Says that the key of [`ClientStep::VerifyKey`] is the target's.
    pub fn accept_key(&mut self) {
        self.state = match mem::replace(&mut self.state, State::Over) {
            State::RsaDecision(key) => State::RsaAccepted(key),
            other => other,
        };
    }

    /// Uses this key for RSA-AES, in place of one that is made when it is needed.
    pub fn use_client_key(&mut self, key: ClientKey) {
        self.config.client_key = Some(key);
    }

    /// What it means that the server closed the connection now; `rest` is the input that was not read.
    #[must_use]
    pub fn closed(&self, rest: &[u8]) -> RfbError {
        match self.state {
            // Some close before all of the reason is there, or say nothing at all.
            State::Reason => RfbError::Refused(
                String::from_utf8_lossy(rest.get(4..).unwrap_or_default())
                    .chars()
                    .take(limits::MAX_REASON_BYTES)
                    .collect(),
            ),
            State::Result => RfbError::Refused(String::new()),
            _ => RfbError::Protocol("the server closed the connection during the handshake"),
        }
    }

    fn turn(&mut self, input: &mut Input<'_>, output: &mut Vec<u8>) -> RfbResult<Turn> {
        let again = |state| Ok(Turn::Again(state));
        match mem::replace(&mut self.state, State::Over) {
            State::Version => {
                let Some(said) = input.array() else {
                    return self.wait(State::Version);
                };
                self.version = Version::read(&said)?;
                output.extend(self.version.to_bytes());
                again(if self.version == Version::V3_3 {
                    State::Type
                } else {
                    State::Types
                })
            }
            State::Type => {
                let Some(kind) = input.u32() else {
                    return self.wait(State::Type);
                };
                if kind == 0 {
                    return again(State::Reason);
                }
                self.offered = vec![SecurityType(kind)];
                self.chosen = self
                    .config
                    .policy
                    .choose_login(&self.offered, &self.config.credential)?;
                again(State::Login)
            }
            State::Types => {
                let mut ahead = *input;
                let Some(list) = ahead.u8().and_then(|count| ahead.take(usize::from(count))) else {
                    return self.wait(State::Types);
                };
                *input = ahead;
                if list.is_empty() {
                    return again(State::Reason);
                }
                self.offered = list.iter().map(|kind| SecurityType(u32::from(*kind))).collect();
                self.chosen = self
                    .config
                    .policy
                    .choose(&self.offered, &self.config.credential)?;
                // All of a list are below 256.
                output.push(u8::try_from(self.chosen.0).unwrap_or(u8::MAX));
                again(match self.chosen {
                    SecurityType::VENCRYPT => State::VeNCryptVersion,
                    SecurityType::TIGHT => State::Tunnels,
                    _ => State::Login,
                })
            }
            State::VeNCryptVersion => {
                let Some(version) = input.array::<2>() else {
                    return self.wait(State::VeNCryptVersion);
                };
                if version < [0, 2] {
                    return Err(RfbError::Unsupported("VeNCrypt before 0.2"));
                }
                output.extend([0, 2]);
                again(State::VeNCryptAnswer)
            }
            State::VeNCryptAnswer => match input.u8() {
                None => self.wait(State::VeNCryptAnswer),
                Some(0) => again(State::VeNCryptTypes),
                Some(_) => Err(RfbError::Unsupported("the server does not speak VeNCrypt 0.2")),
            },
            State::VeNCryptTypes => {
                let mut ahead = *input;
                let Some(list) = ahead.u8().and_then(|count| ahead.take(4 * usize::from(count))) else {
                    return self.wait(State::VeNCryptTypes);
                };
                *input = ahead;
                let (numbers, _) = list.as_chunks::<4>();
                self.offered = numbers
                    .iter()
                    .map(|kind| SecurityType(u32::from_be_bytes(*kind)))
                    .collect();
                self.chosen = self
                    .config
                    .policy
                    .choose_login(&self.offered, &self.config.credential)?;
                output.extend(self.chosen.0.to_be_bytes());
                again(if self.chosen.is_x509() {
                    State::TlsAnswer
                } else {
                    State::Login
                })
            }
            State::TlsAnswer => match input.u8() {
                None => self.wait(State::TlsAnswer),
                Some(1) => Ok(Turn::Tell(ClientStep::StartTls, State::Tls)),
                Some(_) => Err(RfbError::Unsupported("the server could not start TLS")),
            },
            State::Tls => Ok(Turn::Tell(ClientStep::StartTls, State::Tls)),
            State::Tunnels => {
                let Some(tunnels) = self.capabilities(input)? else {
                    return self.wait(State::Tunnels);
                };
                self.tight = true;
                if !tunnels.is_empty() {
                    if !tunnels.contains(&Capability::NO_TUNNEL) {
                        return Err(RfbError::Unsupported("the server's tunnels"));
                    }
                    output.extend(Capability::NO_TUNNEL.code.to_be_bytes());
                }
                again(State::TightLogins)
            }
            State::TightLogins => {
                let Some(logins) = self.capabilities(input)? else {
                    return self.wait(State::TightLogins);
                };
                // An empty list means that there is no login; nothing is asked for then.
                self.offered = if logins.is_empty() {
                    vec![SecurityType::NONE]
                } else {
                    logins.iter().filter_map(|login| login.login()).collect()
                };
                self.chosen = self
                    .config
                    .policy
                    .choose_login(&self.offered, &self.config.credential)?;
                if let Some(login) = logins.iter().find(|login| login.login() == Some(self.chosen)) {
                    output.extend(login.code.to_be_bytes());
                }
                again(State::Login)
            }
            State::Result => match input.u32() {
                None => self.wait(State::Result),
                Some(0) => self.logged_in(output),
                Some(1 | 2) if self.version == Version::V3_8 => again(State::Reason),
                Some(1) => Err(RfbError::Refused(String::new())),
                Some(2) => Err(RfbError::Refused("too many attempts".to_owned())),
                Some(_) => Err(RfbError::Protocol("the login has an unknown result")),
            },
            State::Reason => {
                let mut ahead = *input;
                let Some(length) = ahead.u32() else {
                    return self.wait(State::Reason);
                };
                let length = usize::try_from(length)
                    .ok()
                    .filter(|length| *length <= limits::MAX_REASON_BYTES)
                    .ok_or(RfbError::Limit("a reason has at most 4096 bytes"))?;
                match ahead.take(length) {
                    None => self.wait(State::Reason),
                    Some(reason) => Err(RfbError::Refused(String::from_utf8_lossy(reason).into_owned())),
                }
            }
            State::ServerInit => match ServerInit::read(input)? {
                None => self.wait(State::ServerInit),
                Some(init) if self.tight => again(State::Capabilities(init)),
                Some(init) => Ok(self.done(init, None)),
            },
            State::Capabilities(init) => match TightCapabilities::read(input)? {
                None => self.wait(State::Capabilities(init)),
                Some(capabilities) => Ok(self.done(init, Some(capabilities))),
            },
            State::Over => Err(RfbError::Protocol("the handshake is over")),
            login => self.login(login, input, output),
        }
    }

    /// Stays where it is until there is more input.
    pub(super) fn wait(&mut self, state: State) -> RfbResult<Turn> {
        self.state = state;
        Ok(Turn::Wait)
    }

    fn capabilities(&self, input: &mut Input<'_>) -> RfbResult<Option<Vec<Capability>>> {
        let mut ahead = *input;
        let Some(count) = ahead.u32() else {
            return Ok(None);
        };
        let list = Capability::read_list(&mut ahead, count)?;
        if list.is_some() {
            *input = ahead;
        }
        Ok(list)
    }

    /// The login is done: ClientInit (RFC 6143 §7.3.1).
    pub(super) fn logged_in(&self, output: &mut Vec<u8>) -> RfbResult<Turn> {
        output.push(u8::from(self.config.shared));
        Ok(Turn::Again(State::ServerInit))
    }

    fn done(&self, server_init: ServerInit, tight: Option<TightCapabilities>) -> Turn {
        let session = ClientSession {
            version: self.version,
            security: self.chosen,
            server_init,
            tight,
            stream: None,
            received: Vec::new(),
        };
        Turn::Tell(ClientStep::Done(Box::new(session)), State::Over)
    }

    /// Which form of RSA-AES was chosen.
    pub(super) fn rsa_kind(&self) -> RfbResult<RsaAesKind> {
        match self.chosen.method() {
            Some(super::types::Method::RsaAes(kind)) => Ok(kind),
            _ => Err(RfbError::Protocol("this login has no RSA key")),
        }
    }
}
