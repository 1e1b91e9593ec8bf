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

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::panic,
        reason = "a step that fails is a test that fails"
    )]

    use jump_core::model::Field;

    use super::*;
    use crate::wire::{Domain, domain};

    const LINE: (u16, u16) = (1007, 1005);

    /// What passes of an order of the client, and why nothing does.
    fn judged(app: &SecureApp, input: bool, order: &[u8]) -> (Option<Vec<u8>>, Option<Refused>) {
        let chunk = in_chunks(order).next().unwrap();
        let said = send_data_request(LINE.0, LINE.1, &chunk).unwrap();
        let data = said.len() - chunk.len()..said.len();
        let verdict = RemoteApp::default()
            .client(app, input, LINE, &said, data)
            .unwrap();
        let passed = match verdict.forward {
            Forward::Bytes(bytes) => {
                let Ok(Domain::SendDataRequest(data)) = domain(&bytes) else {
                    panic!("{bytes:?}");
                };
                let mut chunks = Chunks::default();
                Some(chunks.take(&bytes, data.range).unwrap().unwrap().content)
            }
            _ => None,
        };
        (passed, verdict.dropped)
    }

    #[test]
    fn the_items_program_starts_whatever_the_client_names() {
        let app = SecureApp::RemoteApp {
            remote_app_name: Field::new("||calc").unwrap(),
            remote_app_params: Field::new("/a").unwrap(),
        };
        let others = rail::execute("cmd.exe", "/c format").unwrap();
        let (passed, dropped) = judged(&app, true, &others);
        assert_eq!(
            (passed, dropped),
            (Some(rail::execute("||calc", "/a").unwrap()), None)
        );
        assert_eq!(
            judged(&SecureApp::None, true, &others),
            (None, Some(Refused::Channel))
        );
    }

    #[test]
    fn orders_that_act_take_input_and_unknown_ones_never_pass() {
        let order = |number: u16| [&number.to_le_bytes()[..], &[8, 0, 0, 0, 0, 0]].concat();
        let handshake = order(order::HANDSHAKE);
        for input in [true, false] {
            assert_eq!(
                judged(&SecureApp::None, input, &handshake),
                (Some(handshake.clone()), None)
            );
            let unknown = order(0x7f);
            assert_eq!(
                judged(&SecureApp::None, input, &unknown),
                (None, Some(Refused::Channel))
            );
        }
        for number in [order::ACTIVATE, order::SYSTEM_COMMAND, order::WINDOW_MOVE] {
            let acts = order(number);
            assert_eq!(judged(&SecureApp::None, true, &acts), (Some(acts.clone()), None));
            assert_eq!(
                judged(&SecureApp::None, false, &acts),
                (None, Some(Refused::KeyboardMouse))
            );
        }
    }
}
