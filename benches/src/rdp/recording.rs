//! What passed between a real server and a client, as a gate passed it on.

use std::path::Path;

use jump_core::{Error, ErrorKind, Result};
use jump_proto_rdp::wire::share::{self, Control, number};
use jump_proto_rdp::wire::{Domain, Head, domain};
use serde::{Deserialize, Serialize};

const OPERATION: &str = "keep an RDP server's stream";

/// One message of the begin of a session.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) from_client: bool,
    pub(crate) bytes: Vec<u8>,
}

/// A session from the MCS Connect Initial PDU on (MS-RDPBCGR §1.3.1.1).
#[derive(Debug)]
pub(crate) struct Recording {
    /// Both sides' messages up to the server's Font Map PDU, in their order.
    pub(crate) handshake: Vec<Message>,
    /// What the server sent after that.
    pub(crate) graphics: Vec<u8>,
}

fn storage(error: std::io::Error) -> Error {
    Error::from_io(ErrorKind::Storage, OPERATION, error)
}

impl Recording {
    /// Of the bytes that a gate passed on: whether the client sent them, and what they are.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] if they are not whole messages, or no session becomes active.
    pub(crate) fn of(passed: &[(bool, impl AsRef<[u8]>)]) -> Result<Self> {
        let cut = || Error::new(ErrorKind::Protocol, OPERATION, "it does not hold whole messages");
        let mut handshake = Vec::new();
        let mut graphics = Vec::new();
        let mut active = false;
        for (from_client, bytes) in passed {
            let mut rest = bytes.as_ref();
            while !rest.is_empty() {
                let head = Head::read(rest).map_err(|error| error.into_error(OPERATION))?;
                let length = head.ok_or_else(cut)?.length;
                let (message, after) = rest.split_at_checked(length).ok_or_else(cut)?;
                rest = after;
                if !active {
                    active = !from_client && ends_handshake(message);
                    handshake.push(Message {
                        from_client: *from_client,
                        bytes: message.to_vec(),
                    });
                } else if !from_client {
                    graphics.extend_from_slice(message);
                }
            }
        }
        if !active {
            let message = "no session becomes active in it";
            return Err(Error::new(ErrorKind::Protocol, OPERATION, message));
        }
        Ok(Self { handshake, graphics })
    }

    /// Two files: graphics as they are in `path`, and the handshake beside it.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let handshake = serde_json::to_vec(&self.handshake)
            .map_err(|error| Error::new(ErrorKind::Internal, OPERATION, "no json").with_source(error))?;
        std::fs::write(path.with_extension("handshake"), handshake).map_err(storage)?;
        std::fs::write(path, &self.graphics).map_err(storage)
    }

    pub(crate) fn read(path: &Path) -> Result<Self> {
        let handshake = std::fs::read(path.with_extension("handshake")).map_err(storage)?;
        let handshake = serde_json::from_slice(&handshake)
            .map_err(|error| Error::new(ErrorKind::Internal, OPERATION, "no json").with_source(error))?;
        let graphics = std::fs::read(path).map_err(storage)?;
        Ok(Self { handshake, graphics })
    }
}

/// Whether it is the server's Font Map PDU (MS-RDPBCGR §2.2.1.22).
fn ends_handshake(message: &[u8]) -> bool {
    let Ok(Domain::SendDataIndication(data)) = domain(message) else {
        return false;
    };
    let content = message.get(data.range).unwrap_or_default();
    share::is_one_part(content)
        && share::parts(content).is_ok_and(|parts| {
            parts
                .iter()
                .any(|part| part.control == Control::Data(number::FONT_MAP))
        })
}
