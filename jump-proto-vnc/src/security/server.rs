//! The server's end of the handshake: towards a rep's viewer.

use std::fmt;
use std::mem;

use jump_core::secret::Secret;
use subtle::ConstantTimeEq;

use super::{Capability, SecurityType, vnc_auth};
use crate::wire::{Input, Version, limits};
use crate::{RfbError, RfbResult};

/// How a viewer logs in.
#[derive(Debug)]
pub enum ServerLogin {
    /// Not at all: it is reached through the session's own encryption only.
    None,
    /// With a password for this one connection (VNC authentication), for a viewer on a local port. Only its first 8
    /// bytes count, by the protocol.
    Password {
        /// What the viewer has to know.
        password: Secret<String>,
        /// 16 fresh random bytes.
        challenge: [u8; 16],
    },
    /// It cannot: it is told why, such as that the target refused the login. Cut to [`limits::MAX_REASON_BYTES`].
    Refuse(String),
}

/// What the caller has to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerStep {
    /// Send the output, then come back with more input.
    More,
    /// Send the output; the viewer is logged in and waits for the server's first words, a
    /// [`ServerInit`](crate::wire::ServerInit).
    Done(ServerSession),
    /// Send the output and close: the viewer was told that it cannot log in.
    Refused,
}

/// A viewer that is logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerSession {
    /// The version that it speaks.
    pub version: Version,
    /// Whether other viewers may stay (RFC 6143 §7.3.1).
    pub shared: bool,
    /// Whether it chose TightVNC's extensions: it then expects
    /// [`TightCapabilities`](super::TightCapabilities) right after the server's first words.
    pub tight: bool,
}

#[derive(Debug)]
enum State {
    Start,
    Version,
    Choice,
    TightChoice,
    Response,
    ClientInit,
    Over,
}

/// A viewer's login. Call [`advance`](Self::advance) once without input for the server's first message.
pub struct ServerHandshake {
    login: ServerLogin,
    state: State,
    version: Version,
    offers_tight: bool,
    tight: bool,
}

impl fmt::Debug for ServerHandshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerHandshake")
            .field("state", &self.state)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl ServerHandshake {
    /// A handshake that has not begun.
    #[must_use]
    pub const fn new(login: ServerLogin) -> Self {
        Self {
            login,
            state: State::Start,
            version: Version::V3_8,
            offers_tight: false,
            tight: false,
        }
    }

    /// The same, and the same login is offered within TightVNC's extensions, too, without a tunnel (rfbproto "Tight Security
    /// Type"). Viewers of version 3.3 are offered none.
    #[must_use]
    pub fn with_tight(self) -> Self {
        Self {
            offers_tight: true,
            ..self
        }
    }

    /// Reads what it can of the input and appends what is to be sent. The input that was not read has to be there again
    /// with the next call; more than 16 bytes are never needed at once.
    ///
    /// # Errors
    /// [`RfbError::Refused`] for a wrong password, [`RfbError::Protocol`] and [`RfbError::Unsupported`] for a peer that is
    /// no viewer or too old. The output is to be sent then, too: it tells the viewer.
    pub fn advance(&mut self, input: &mut Input<'_>, output: &mut Vec<u8>) -> RfbResult<ServerStep> {
        loop {
            let state = mem::replace(&mut self.state, State::Over);
            match state {
                State::Start => {
                    output.extend(Version::V3_8.to_bytes());
                    self.state = State::Version;
                }
                State::Version => {
                    let Some(said) = input.array() else {
                        return self.wait(State::Version);
                    };
                    self.version = Version::read(&said)?;
                    if let ServerLogin::Refuse(reason) = &self.login {
                        if self.version == Version::V3_3 {
                            output.extend([0; 4]);
                        } else {
                            output.push(0);
                        }
                        append_reason(reason, output);
                        return Ok(ServerStep::Refused);
                    }
                    let (kind, _) = self.kind();
                    self.state = if self.version == Version::V3_3 {
                        output.extend(kind.0.to_be_bytes());
                        self.start_login(output)
                    } else {
                        if self.offers_tight {
                            output.extend([2, low_byte(kind), low_byte(SecurityType::TIGHT)]);
                        } else {
                            output.extend([1, low_byte(kind)]);
                        }
                        State::Choice
                    };
                }
                State::Choice => {
                    let Some(choice) = input.u8() else {
                        return self.wait(State::Choice);
                    };
                    let (kind, within_tight) = self.kind();
                    if self.offers_tight && choice == low_byte(SecurityType::TIGHT) {
                        self.tight = true;
                        // No tunnel to choose, one login.
                        output.extend(0u32.to_be_bytes());
                        output.extend(1u32.to_be_bytes());
                        within_tight.write(output);
                        self.state = State::TightChoice;
                        continue;
                    }
                    if choice != low_byte(kind) {
                        return Err(self.not_offered(output));
                    }
                    self.state = self.start_login(output);
                }
                State::TightChoice => {
                    let Some(choice) = input.i32() else {
                        return self.wait(State::TightChoice);
                    };
                    let (_, offered) = self.kind();
                    if choice != offered.code {
                        return Err(self.not_offered(output));
                    }
                    self.state = self.start_login(output);
                }
                State::Response => {
                    let Some(response) = input.array::<{ vnc_auth::LENGTH }>() else {
                        return self.wait(State::Response);
                    };
                    let ServerLogin::Password { password, challenge } = &self.login else {
                        return Err(RfbError::Protocol("there is no password"));
                    };
                    let expected = vnc_auth::response(password.expose().as_bytes(), *challenge);
                    if !bool::from(response.ct_eq(&expected)) {
                        self.fail("the password is wrong", output);
                        return Err(RfbError::Refused("the password is wrong".to_owned()));
                    }
                    output.extend(0u32.to_be_bytes());
                    self.state = State::ClientInit;
                }
                State::ClientInit => {
                    let Some(shared) = input.u8() else {
                        return self.wait(State::ClientInit);
                    };
                    return Ok(ServerStep::Done(ServerSession {
                        version: self.version,
                        shared: shared != 0,
                        tight: self.tight,
                    }));
                }
                State::Over => return Err(RfbError::Protocol("the handshake is over")),
            }
        }
    }

    /// The login that is offered, by itself and within TightVNC's extensions.
    const fn kind(&self) -> (SecurityType, Capability) {
        match self.login {
            ServerLogin::Password { .. } => (SecurityType::VNC_AUTH, Capability::VNC_AUTH),
            ServerLogin::None | ServerLogin::Refuse(_) => (SecurityType::NONE, Capability::NO_LOGIN),
        }
    }

    fn not_offered(&self, output: &mut Vec<u8>) -> RfbError {
        self.fail("this security type is not offered", output);
        RfbError::Protocol("the viewer chose what was not offered")
    }

    fn wait(&mut self, state: State) -> RfbResult<ServerStep> {
        self.state = state;
        Ok(ServerStep::More)
    }

    /// Sends the challenge, or the result where there is no login and the version has one (rfbproto "None").
    fn start_login(&self, output: &mut Vec<u8>) -> State {
        match &self.login {
            ServerLogin::Password { challenge, .. } => {
                output.extend(challenge);
                State::Response
            }
            _ => {
                if self.version == Version::V3_8 {
                    output.extend(0u32.to_be_bytes());
                }
                State::ClientInit
            }
        }
    }

    fn fail(&self, reason: &str, output: &mut Vec<u8>) {
        output.extend(1u32.to_be_bytes());
        if self.version == Version::V3_8 {
            append_reason(reason, output);
        }
    }
}

/// The number of a type of a server's own list.
fn low_byte(kind: SecurityType) -> u8 {
    u8::try_from(kind.0).unwrap_or_default()
}

fn append_reason(reason: &str, output: &mut Vec<u8>) {
    let reason = reason
        .get(..reason.floor_char_boundary(limits::MAX_REASON_BYTES))
        .unwrap_or_default();
    output.extend(u32::try_from(reason.len()).unwrap_or_default().to_be_bytes());
    output.extend(reason.as_bytes());
}
