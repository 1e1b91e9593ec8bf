//! The channel of a RemoteApp (MS-RDPERP): it starts the item's program, and no other.

use std::ops::Range;

use bytes::BytesMut;
use jump_core::model::SecureApp;

use super::super::record::Refused;
use super::{Forward, Verdict};
use crate::wire::rail::{self, order};
use crate::wire::static_channel::{Chunks, in_chunks};
use crate::wire::{RdpResult, send_data_request};

#[derive(Debug, Default)]
pub(super) struct RemoteApp {
    chunks: Chunks,
}

impl RemoteApp {
    /// Judges the client's next chunk; `data` is where in the message. Without `input` nothing that acts passes.
    ///
    /// # Errors
    /// As for [`Chunks::take`]; [`RdpError::Limit`](crate::wire::RdpError::Limit) if the item's program has too long a name.
    pub(super) fn client(
        &mut self,
        app: &SecureApp,
        input: bool,
        (user, channel): (u16, u16),
        message: &[u8],
        data: Range<usize>,
    ) -> RdpResult<Verdict> {
        let Some(whole) = self.chunks.take(message, data)? else {
            return Ok(Verdict::nothing(None));
        };
        let said = match rail::number(&whole.content)? {
            order::EXECUTE => {
                let SecureApp::RemoteApp {
                    remote_app_name,
                    remote_app_params,
                } = app
                else {
                    return Ok(Verdict::nothing(Some(Refused::Channel)));
                };
                let order = rail::execute(remote_app_name.as_str(), remote_app_params.as_str())?;
                let mut said = Vec::new();
                for chunk in in_chunks(&order) {
                    said.extend_from_slice(&send_data_request(user, channel, &chunk)?);
                }
                said
            }
            order::ACTIVATE
            | order::SYSTEM_COMMAND
            | order::NOTIFY
            | order::WINDOW_MOVE
            | order::SYSTEM_MENU
            | order::SNAP_ARRANGE
            | order::CLOAK
                if !input =>
            {
                return Ok(Verdict::nothing(Some(Refused::KeyboardMouse)));
            }
            order::ACTIVATE
            | order::SYSTEM_PARAMETERS
            | order::SYSTEM_COMMAND
            | order::HANDSHAKE
            | order::NOTIFY
            | order::WINDOW_MOVE
            | order::CLIENT_STATUS
            | order::SYSTEM_MENU
            | order::LANGUAGE_BAR
            | order::APPLICATION_ID
            | order::LANGUAGE_IME
            | order::COMPARTMENT
            | order::CLOAK
            | order::SNAP_ARRANGE
            | order::TEXT_SCALE
            | order::CARET_BLINK => whole.into_messages()?,
            _ => return Ok(Verdict::nothing(Some(Refused::Channel))),
        };
        Ok(Verdict {
            forward: Forward::Bytes(BytesMut::from(said.as_slice())),
            ..Verdict::nothing(None)
        })
    }
}
