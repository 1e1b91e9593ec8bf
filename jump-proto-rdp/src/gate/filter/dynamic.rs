//! The channel of dynamic channels (MS-RDPEDYC), in both directions.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::BytesMut;
use jump_core::session::SessionPermissions;

use super::super::channels;
use super::super::record::Refused;
use super::{Forward, RefusedChannel, Verdict};
use crate::wire::dynamic::{self, Dynamic, GRAPHICS, GraphicsVerdict};
use crate::wire::static_channel::{Chunks, Whole, one_chunk};
use crate::wire::{RdpError, RdpResult, send_data_request};

/// The most channels that are open at once.
const MOST_CHANNELS: usize = 64;

/// A channel that was let through.
#[derive(Debug, Default)]
struct Open {
    graphics: bool,
    /// How much of the client's message is still to come.
    left: usize,
    /// Whether that is dropped.
    dropping: bool,
}

#[derive(Debug)]
pub(super) struct DynamicChannels {
    permissions: SessionPermissions,
    /// Whether the graphics pipeline may be opened.
    graphics: bool,
    open: BTreeMap<u32, Open>,
    up: Chunks,
    down: Chunks,
}

impl DynamicChannels {
    pub(super) const fn new(permissions: SessionPermissions, graphics: bool) -> Self {
        Self {
            permissions,
            graphics,
            open: BTreeMap::new(),
            up: Chunks::EMPTY,
            down: Chunks::EMPTY,
        }
    }

    /// Judges the client's next chunk; `data` is where in the message.
    pub(super) fn client(&mut self, message: &[u8], data: Range<usize>) -> RdpResult<Verdict> {
        let Some(mut whole) = self.up.take(message, data)? else {
            return Ok(Verdict::nothing(None));
        };
        let content = &mut whole.content;
        let (id, part, total) = match Dynamic::read(content)? {
            Dynamic::Capabilities { .. } => {
                dynamic::clamp_version(content)?;
                return pass(whole);
            }
            Dynamic::Create { id, .. } => return self.pass_known(id, whole),
            // It may answer the server, which has closed it already.
            Dynamic::Close { .. } => return pass(whole),
            Dynamic::DataFirst { id, total, data } => (id, data, Some(total as usize)),
            Dynamic::Data { id, data } => (id, data, None),
        };
        let Some(open) = self.open.get_mut(&id) else {
            return Ok(Verdict::nothing(None));
        };
        if !open.graphics {
            return pass(whole);
        }
        let part = content.get_mut(part).unwrap_or_default();
        match total {
            None if open.left > 0 => {
                open.left = open
                    .left
                    .checked_sub(part.len())
                    .ok_or(RdpError::Protocol("a message on graphics is longer than it says"))?;
            }
            Some(_) if open.left > 0 => {
                return Err(RdpError::Protocol("a message on graphics begins within another"));
            }
            total => {
                let total = total.unwrap_or(part.len());
                let verdict = dynamic::clamp_graphics(part, total)?;
                open.dropping = verdict == GraphicsVerdict::KeptPictures;
                open.left = total.saturating_sub(part.len());
            }
        }
        if open.dropping {
            return Ok(Verdict::nothing(Some(Refused::KeptPictures)));
        }
        pass(whole)
    }

    /// Judges the server's next chunk; `data` is where in the message, `user` and `channel` those of an answer.
    pub(super) fn server(
        &mut self,
        message: &[u8],
        data: Range<usize>,
        user: u16,
        channel: u16,
    ) -> RdpResult<Verdict> {
        let Some(mut whole) = self.down.take(message, data)? else {
            return Ok(Verdict::nothing(None));
        };
        match Dynamic::read(&whole.content)? {
            Dynamic::Capabilities { .. } => {
                dynamic::clamp_version(&mut whole.content)?;
                pass(whole)
            }
            Dynamic::Create { id, rest } => {
                let name = dynamic::name(&whole.content, rest)?;
                let full = self.open.len() >= MOST_CHANNELS;
                match channels::of_dynamic(name, &self.permissions) {
                    Ok(()) if !full && (self.graphics || name != GRAPHICS) => {
                        let graphics = name == GRAPHICS;
                        self.open.insert(
                            id,
                            Open {
                                graphics,
                                ..Open::default()
                            },
                        );
                        pass(whole)
                    }
                    judged => {
                        self.open.remove(&id);
                        let refused = RefusedChannel {
                            name: name.to_owned(),
                            what: judged.err().unwrap_or(Refused::Channel),
                        };
                        let answer = one_chunk(&dynamic::refuse(&whole.content)?);
                        Ok(Verdict {
                            answer: send_data_request(user, channel, &answer)?,
                            channels: vec![refused],
                            ..Verdict::nothing(None)
                        })
                    }
                }
            }
            Dynamic::Close { id } => {
                let known = self.open.remove(&id).is_some();
                if known {
                    pass(whole)
                } else {
                    Ok(Verdict::nothing(None))
                }
            }
            Dynamic::DataFirst { id, .. } | Dynamic::Data { id, .. } => self.pass_known(id, whole),
        }
    }

    /// Passes what is of an open channel; the rest is of one that was closed or refused.
    fn pass_known(&self, id: u32, whole: Whole) -> RdpResult<Verdict> {
        if self.open.contains_key(&id) {
            pass(whole)
        } else {
            Ok(Verdict::nothing(None))
        }
    }
}

fn pass(whole: Whole) -> RdpResult<Verdict> {
    Ok(Verdict {
        forward: Forward::Bytes(BytesMut::from(whole.into_messages()?.as_slice())),
        ..Verdict::nothing(None)
    })
}
