//! The client's part of each login.

use jump_core::secret::Secret;
use rand::Rng;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::client::{ClientHandshake, ClientStep, RsaExchange, State, Turn};
use super::types::Method;
use super::{ClientKey, SecurityType, ServerKey, apple_dh, vnc_auth};
use crate::wire::{Input, Version};
use crate::{RfbError, RfbResult};

const NO_PASSWORD: RfbError = RfbError::MissingCredential("the server wants a password");
const NO_LOGIN: RfbError = RfbError::MissingCredential("the server wants a user name and a password");

impl ClientHandshake {
    pub(super) fn login(
        &mut self,
        state: State,
        input: &mut Input<'_>,
        output: &mut Vec<u8>,
    ) -> RfbResult<Turn> {
        let again = |state| Ok(Turn::Again(state));
        match state {
            State::Login => match self.chosen.method() {
                // Before 3.8 there is no result where there was no login (rfbproto "None").
                Some(Method::None) if self.version < Version::V3_8 && self.chosen == SecurityType::NONE => {
                    self.logged_in(output)
                }
                Some(Method::None) => again(State::Result),
                Some(Method::VncAuth) => again(State::Challenge),
                Some(Method::AppleDh) => again(State::AppleParameters),
                Some(Method::RsaAes(_)) => again(State::RsaKey),
                Some(Method::Plain) => {
                    self.plain(output)?;
                    again(State::Result)
                }
                None => Err(RfbError::Unsupported("this login")),
            },
            State::Challenge => {
                let Some(challenge) = input.array() else {
                    return self.wait(State::Challenge);
                };
                let password = self.config.credential.password().ok_or(NO_PASSWORD)?;
                output.extend(vnc_auth::response(password.expose().as_bytes(), challenge));
                again(State::Result)
            }
            State::AppleParameters => {
                let Some(parameters) = apple_dh::Parameters::read(input)? else {
                    return self.wait(State::AppleParameters);
                };
                let (user, password) = self.config.credential.login().ok_or(NO_LOGIN)?;
                output.extend(parameters.answer(user, password, &mut self.random)?);
                again(State::Result)
            }
            State::RsaKey => match ServerKey::read(input)? {
                None => self.wait(State::RsaKey),
                Some(key) => Ok(Turn::Tell(
                    ClientStep::VerifyKey(key.clone()),
                    State::RsaDecision(key),
                )),
            },
            State::RsaDecision(key) => Ok(Turn::Tell(
                ClientStep::VerifyKey(key.clone()),
                State::RsaDecision(key),
            )),
            State::RsaAccepted(key) => {
                self.rsa_start(key, output)?;
                again(State::RsaRandom)
            }
            State::RsaRandom => self.rsa_random(input),
            State::RsaHash => self.rsa_hash(input, output),
            State::RsaSubtype => match input.u8() {
                None => self.wait(State::RsaSubtype),
                Some(subtype) => {
                    self.rsa_credential(subtype, output)?;
                    self.stream_ends = !self.rsa_kind()?.whole;
                    again(State::Result)
                }
            },
            _ => Err(RfbError::Protocol("the handshake is over")),
        }
    }

    /// A user name and a password in the clear (rfbproto "Plain subtype").
    fn plain(&self, output: &mut Vec<u8>) -> RfbResult<()> {
        let (user, password) = self.config.credential.login().ok_or(NO_LOGIN)?;
        let password = password.expose().as_bytes();
        let too_long = |_| RfbError::Unsupported("a user name or password of more than 4 GiB");
        let lengths = [
            u32::try_from(user.len()).map_err(too_long)?,
            u32::try_from(password.len()).map_err(too_long)?,
        ];
        // All at once: a buffer that grows leaves copies of the password behind.
        output.reserve(8 + user.len() + password.len());
        output.extend(lengths.map(u32::to_be_bytes).as_flattened());
        output.extend(user.as_bytes());
        output.extend(password);
        Ok(())
    }

    /// The client's key and random number; the key was accepted.
    fn rsa_start(&mut self, server_key: ServerKey, output: &mut Vec<u8>) -> RfbResult<()> {
        let mut client_random = Zeroizing::new(vec![0; self.rsa_kind()?.random_length()]);
        self.random.fill_bytes(&mut client_random);
        let sealed = server_key.encrypt(&client_random, &mut self.random)?;
        // Only now: a key takes its time, and a server whose key is none is not worth it.
        let client_key = match self.config.client_key.take() {
            Some(key) => key,
            None => ClientKey::with_random(&mut self.random)?,
        };
        output.extend(client_key.wire());
        output.extend(sealed);
        self.rsa = Some(RsaExchange {
            client_random,
            server_key,
            client_key,
        });
        Ok(())
    }

    /// The server's random number: both keys follow from it, and everything is encrypted from here on.
    fn rsa_random(&mut self, input: &mut Input<'_>) -> RfbResult<Turn> {
        let kind = self.rsa_kind()?;
        let exchange = self.rsa.as_ref().ok_or(OUT_OF_ORDER)?;
        let Some(server_random) = exchange.client_key.read_random(kind, input)? else {
            return self.wait(State::RsaRandom);
        };
        self.stream = kind.client_stream(&server_random, &exchange.client_random);
        Ok(Turn::Again(State::RsaHash))
    }

    /// The server's hash of both keys, which only the one who has the key can send.
    fn rsa_hash(&mut self, input: &mut Input<'_>, output: &mut Vec<u8>) -> RfbResult<Turn> {
        let kind = self.rsa_kind()?;
        let exchange = self.rsa.as_ref().ok_or(OUT_OF_ORDER)?;
        let client_key = exchange.client_key.wire();
        let server_key = exchange.server_key.wire();
        let expected = kind.hash(server_key, &client_key);
        let Some(hash) = input.take(expected.len()) else {
            return self.wait(State::RsaHash);
        };
        if !bool::from(hash.ct_eq(&expected)) {
            return Err(RfbError::Untrusted("the server's hash is not that of the keys"));
        }
        output.extend(kind.hash(&client_key, server_key).iter());
        self.rsa = None;
        Ok(Turn::Again(State::RsaSubtype))
    }

    /// A user name, which is empty where only a password is wanted, and a password.
    fn rsa_credential(&self, subtype: u8, output: &mut Vec<u8>) -> RfbResult<()> {
        let credential = &self.config.credential;
        let (user, password): (&str, &Secret<String>) = match subtype {
            1 => credential.login().ok_or(NO_LOGIN)?,
            2 => ("", credential.password().ok_or(NO_PASSWORD)?),
            _ => return Err(RfbError::Protocol("the server wants unknown credentials")),
        };
        for text in [user.as_bytes(), password.expose().as_bytes()] {
            let length = u8::try_from(text.len())
                .map_err(|_| RfbError::Unsupported("a user name or password of more than 255 bytes"))?;
            output.push(length);
            output.extend(text);
        }
        Ok(())
    }
}

const OUT_OF_ORDER: RfbError = RfbError::Protocol("the RSA keys were not exchanged");
