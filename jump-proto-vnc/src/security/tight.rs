//! TightVNC's extensions of the handshake (rfbproto "Tight Security Type", "ServerInit").

use super::SecurityType;
use crate::wire::{Input, limits};
use crate::{RfbError, RfbResult};

const TOO_MANY: RfbError = RfbError::Limit("a server lists at most 512 capabilities");

/// Something that a peer can do; all three parts say which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Capability {
    /// Its number.
    pub code: i32,
    /// Who defined it.
    pub vendor: [u8; 4],
    /// Its name.
    pub signature: [u8; 8],
}

impl Capability {
    /// Its length on the wire in bytes.
    pub const LENGTH: usize = 16;

    /// The tunnel that is none.
    pub const NO_TUNNEL: Self = Self::new(0, *b"TGHT", *b"NOTUNNEL");
    /// [`SecurityType::NONE`].
    pub const NO_LOGIN: Self = Self::new(1, *b"STDV", *b"NOAUTH__");
    /// [`SecurityType::VNC_AUTH`].
    pub const VNC_AUTH: Self = Self::new(2, *b"STDV", *b"VNCAUTH_");

    /// From its parts.
    #[must_use]
    pub const fn new(code: i32, vendor: [u8; 4], signature: [u8; 8]) -> Self {
        Self {
            code,
            vendor,
            signature,
        }
    }

    /// Reads it, if all of it is there.
    pub fn read(input: &mut Input<'_>) -> Option<Self> {
        let mut bytes = Input::new(input.take(Self::LENGTH)?);
        Some(Self::new(bytes.i32()?, bytes.array()?, bytes.array()?))
    }

    /// Appends its bytes.
    pub fn write(self, output: &mut Vec<u8>) {
        output.extend(self.code.to_be_bytes());
        output.extend(self.vendor);
        output.extend(self.signature);
    }

    /// Reads `count` of them, if all are there.
    ///
    /// # Errors
    /// [`RfbError::Limit`] for more than [`limits::MAX_CAPABILITIES`].
    pub(crate) fn read_list(input: &mut Input<'_>, count: u32) -> RfbResult<Option<Vec<Self>>> {
        if count > limits::MAX_CAPABILITIES {
            return Err(TOO_MANY);
        }
        let mut ahead = *input;
        let list = (0..count).map(|_| Self::read(&mut ahead)).collect();
        if let Some(list) = list {
            *input = ahead;
            return Ok(Some(list));
        }
        Ok(None)
    }

    /// The login it means, if that is known here.
    pub(crate) fn login(self) -> Option<SecurityType> {
        match self {
            Self::NO_LOGIN => Some(SecurityType::NONE),
            Self::VNC_AUTH => Some(SecurityType::VNC_AUTH),
            _ => None,
        }
    }
}

/// What a server with TightVNC's extensions adds to its first words (rfbproto "ServerInit").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TightCapabilities {
    /// Messages that it may send.
    pub server_messages: Vec<Capability>,
    /// Messages that it understands.
    pub client_messages: Vec<Capability>,
    /// Encodings that it may use.
    pub encodings: Vec<Capability>,
}

impl TightCapabilities {
    /// Reads them, if all are there.
    pub(crate) fn read(input: &mut Input<'_>) -> RfbResult<Option<Self>> {
        let mut ahead = *input;
        let mut head = || Some([ahead.u16()?, ahead.u16()?, ahead.u16()?, ahead.u16()?]);
        let Some([server, client, encodings, _]) = head() else {
            return Ok(None);
        };
        let mut list = |count: u16| Capability::read_list(&mut ahead, u32::from(count));
        let (Some(server_messages), Some(client_messages), Some(encodings)) =
            (list(server)?, list(client)?, list(encodings)?)
        else {
            return Ok(None);
        };
        *input = ahead;
        Ok(Some(Self {
            server_messages,
            client_messages,
            encodings,
        }))
    }

    /// Appends their bytes: a server's words after its [`ServerInit`](crate::wire::ServerInit).
    ///
    /// # Errors
    /// [`RfbError::Limit`] for a list of more than [`limits::MAX_CAPABILITIES`]; nothing is appended then.
    pub fn write(&self, output: &mut Vec<u8>) -> RfbResult<()> {
        let lists = [&self.server_messages, &self.client_messages, &self.encodings];
        let mut head = [0; 8];
        for (count, list) in head.chunks_exact_mut(2).zip(lists) {
            let length = u16::try_from(list.len())
                .ok()
                .filter(|length| u32::from(*length) <= limits::MAX_CAPABILITIES)
                .ok_or(TOO_MANY)?;
            count.copy_from_slice(&length.to_be_bytes());
        }
        output.extend(head);
        lists.into_iter().flatten().for_each(|one| one.write(output));
        Ok(())
    }
}
