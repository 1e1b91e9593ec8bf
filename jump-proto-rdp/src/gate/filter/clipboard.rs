//! The clipboard's channel (MS-RDPECLIP), each direction by itself.
//!
//! Whoever may not give its clipboard away is heard out in the other's place, and whoever asks for it is told that there is
//! nothing, so that both ends go on as if the other's clipboard were empty. What is long, the data, is passed on as it comes;
//! only short messages are put together.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;

use bytes::BytesMut;
use jump_core::session::SessionPermissions;

use super::super::channels::Clipboards;
use super::super::record::Refused;
use super::{Forward, Verdict};
use crate::wire::clipboard::{self, Header, Kind};
use crate::wire::static_channel::{ChunkHead, Chunks, Whole, in_chunks};
use crate::wire::{RdpError, RdpResult, send_data_indication, send_data_request};

/// The most requests for data that a side may leave unanswered.
const MOST_REQUESTS: usize = 64;
/// The most bytes of answers that wait until a side's own message has ended.
const MOST_ANSWERS: usize = 64 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

impl Side {
    const fn other(self) -> Self {
        match self {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        }
    }
}

/// What becomes of a message that has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Pass,
    /// Data that the other side has asked for.
    PassData,
    Drop,
    Collect(Header),
}

/// A side and its clipboard.
#[derive(Debug, Default)]
struct Half {
    /// Whether the other may have what is on its clipboard, and files of it.
    may: bool,
    files: bool,
    /// The message that is under way, and how much of it is still to come.
    open: Option<(Way, usize)>,
    chunks: Chunks,
    /// What is said in its place, as whole messages.
    answers: Vec<u8>,
    /// Lists of its formats that the other has not confirmed.
    lists: u32,
    /// Answers that it owes, in their order: its own, or that there is nothing.
    owes: VecDeque<bool>,
    /// Formats of its last list that lead to files and were left out.
    left_out: BTreeSet<u32>,
    /// Whether it has listed its formats, and whether it has long names for them.
    listed: bool,
    long: bool,
}

#[derive(Debug)]
pub(super) struct Clipboard {
    client: Half,
    server: Half,
}

/// Where a chunk was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) user: u16,
    pub(super) channel: u16,
}

impl Line {
    /// A message in chunks, as a side says it.
    fn said(self, side: Side, content: &[u8]) -> RdpResult<Vec<u8>> {
        let mut messages = Vec::with_capacity(content.len() + 64);
        for chunk in in_chunks(content) {
            let message = match side {
                Side::Client => send_data_request(self.user, self.channel, &chunk)?,
                Side::Server => send_data_indication(self.user, self.channel, &chunk)?,
            };
            messages.extend_from_slice(&message);
        }
        Ok(messages)
    }
}

impl Clipboard {
    pub(super) fn new(permissions: &SessionPermissions) -> Self {
        let may = Clipboards::of(permissions);
        let half = |may, files| Half {
            may,
            files,
            ..Half::default()
        };
        Self {
            client: half(may.to_target, may.files_to_target),
            server: half(may.from_target, may.files_from_target),
        }
    }

    const fn half(&mut self, side: Side) -> &mut Half {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// Whether something waits to be said in a side's place.
    pub(super) const fn waits(&self, side: Side) -> bool {
        match side {
            Side::Client => !self.client.answers.is_empty(),
            Side::Server => !self.server.answers.is_empty(),
        }
    }

    /// What is to be said in a side's place now; nothing while a message of its own passes.
    pub(super) fn take_answers(&mut self, side: Side) -> Vec<u8> {
        let half = self.half(side);
        if matches!(half.open, Some((Way::Pass | Way::PassData, _))) {
            return Vec::new();
        }
        std::mem::take(&mut half.answers)
    }

    fn answer(&mut self, side: Side, line: Line, content: &[u8]) -> RdpResult<()> {
        let said = line.said(side, content)?;
        let answers = &mut self.half(side).answers;
        if answers.len() + said.len() > MOST_ANSWERS {
            return Err(RdpError::Limit("a clipboard is asked for more than is answered"));
        }
        answers.extend_from_slice(&said);
        Ok(())
    }

    /// What it is that a side may not give.
    fn refused(&mut self, owner: Side) -> Refused {
        match owner {
            _ if self.half(owner).may => Refused::ClipboardFiles,
            Side::Client => Refused::ClipboardToTarget,
            Side::Server => Refused::ClipboardFromTarget,
        }
    }

    /// Judges the next chunk of a side; `data` is where in the message.
    ///
    /// # Errors
    /// [`RdpError::Protocol`] for what is no clipboard's, [`RdpError::Limit`].
    pub(super) fn judge(
        &mut self,
        from: Side,
        line: Line,
        message: BytesMut,
        data: Range<usize>,
    ) -> RdpResult<Verdict> {
        let head = ChunkHead::read(message.get(data.clone()).unwrap_or_default())?;
        let mut verdict = Verdict::nothing(None);
        let (way, left) = match self.half(from).open {
            Some(open) if !head.first => open,
            None if head.first => {
                let content = message.get(data.start + ChunkHead::LENGTH..data.end);
                let header = Header::read(content.unwrap_or_default(), head.total)?;
                (self.begin(from, line, header, &mut verdict)?, head.total)
            }
            _ => return Err(RdpError::Protocol("the chunks of a clipboard are in disorder")),
        };
        let left = head.left(left)?;
        self.half(from).open = (left > 0).then_some((way, left));
        match way {
            Way::Drop => {}
            Way::Pass => verdict.forward = Forward::Bytes(message),
            Way::PassData => {
                verdict.forward = Forward::Bytes(message);
                if left == 0 {
                    self.settle(from, line)?;
                }
            }
            Way::Collect(header) => {
                if let Some(whole) = self.half(from).chunks.take(&message, data)? {
                    self.whole(from, line, header, whole, &mut verdict)?;
                }
            }
        }
        Ok(verdict)
    }

    /// What becomes of a message that begins.
    fn begin(&mut self, from: Side, line: Line, header: Header, verdict: &mut Verdict) -> RdpResult<Way> {
        let any_files = self.client.files || self.server.files;
        let other = from.other();
        let refused = self.refused(from);
        Ok(match header.kind {
            Kind::MonitorReady if from == Side::Server => Way::Pass,
            Kind::TempDirectory if from == Side::Client => {
                if any_files {
                    Way::Pass
                } else {
                    // It says where the rep's files are, and nobody needs it.
                    Way::Drop
                }
            }
            Kind::MonitorReady | Kind::TempDirectory => {
                return Err(RdpError::Protocol(
                    "a message of the clipboard is the other side's",
                ));
            }
            Kind::Capabilities | Kind::DataRequest | Kind::FileRequest => Way::Collect(header),
            Kind::FormatList => {
                let half = self.half(from);
                let first = !std::mem::replace(&mut half.listed, true);
                if half.may {
                    half.lists = half.lists.saturating_add(1);
                    if half.files {
                        Way::Pass
                    } else {
                        Way::Collect(header)
                    }
                } else {
                    verdict.dropped = Some(refused);
                    if first && from == Side::Client {
                        // A server begins once it has heard what the client has.
                        half.lists = half.lists.saturating_add(1);
                        let said = line.said(from, &clipboard::nothing())?;
                        verdict.forward = Forward::Bytes(BytesMut::from(said.as_slice()));
                    } else {
                        self.answer(other, line, &clipboard::heard())?;
                    }
                    Way::Drop
                }
            }
            Kind::FormatListResponse => match self.half(other).lists.checked_sub(1) {
                Some(left) => {
                    self.half(other).lists = left;
                    Way::Pass
                }
                None => Way::Drop,
            },
            Kind::DataResponse => {
                if self.half(from).owes.front() == Some(&true) {
                    Way::PassData
                } else {
                    verdict.dropped = Some(refused);
                    Way::Drop
                }
            }
            Kind::FileResponse => {
                if self.half(from).files {
                    Way::Pass
                } else {
                    verdict.dropped = Some(refused);
                    Way::Drop
                }
            }
            Kind::Lock | Kind::Unlock => {
                if self.half(other).files {
                    Way::Pass
                } else {
                    Way::Drop
                }
            }
        })
    }

    /// Judges a short message that is whole.
    fn whole(
        &mut self,
        from: Side,
        line: Line,
        header: Header,
        mut whole: Whole,
        verdict: &mut Verdict,
    ) -> RdpResult<()> {
        let owner = from.other();
        match header.kind {
            Kind::Capabilities => {
                let any_files = self.client.files || self.server.files;
                self.half(from).long = clipboard::clamp(&mut whole.content, any_files)?;
            }
            Kind::FormatList => {
                let long = self.client.long && self.server.long;
                let mut formats = clipboard::formats(&whole.content, long)?;
                formats.retain(|format| format.file);
                self.half(from).left_out = formats.iter().map(|format| format.id).collect();
                if !formats.is_empty() {
                    verdict.dropped = Some(Refused::ClipboardFiles);
                    let said = line.said(from, &clipboard::without(&whole.content, &formats)?)?;
                    verdict.forward = Forward::Bytes(BytesMut::from(said.as_slice()));
                    return Ok(());
                }
            }
            Kind::DataRequest => {
                let id = clipboard::number(&whole.content)?;
                let refused = self.refused(owner);
                let half = self.half(owner);
                if half.owes.len() == MOST_REQUESTS {
                    return Err(RdpError::Limit("a clipboard is asked for more than is answered"));
                }
                let file = clipboard::leads_to_files(id) || half.left_out.contains(&id);
                if !half.may || file && !half.files {
                    verdict.dropped = Some(refused);
                    if half.owes.is_empty() {
                        return self.answer(owner, line, &clipboard::no_data());
                    }
                    half.owes.push_back(false);
                    return Ok(());
                }
                half.owes.push_back(true);
            }
            Kind::FileRequest => {
                let stream = clipboard::number(&whole.content)?;
                if !self.half(owner).files {
                    verdict.dropped = Some(self.refused(owner));
                    return self.answer(owner, line, &clipboard::no_file(stream));
                }
            }
            _ => {}
        }
        verdict.forward = Forward::Bytes(BytesMut::from(whole.into_messages()?.as_slice()));
        Ok(())
    }

    /// A side has given what it owed; what it was asked for behind that and may not give is answered now.
    fn settle(&mut self, side: Side, line: Line) -> RdpResult<()> {
        self.half(side).owes.pop_front();
        while self.half(side).owes.front() == Some(&false) {
            self.half(side).owes.pop_front();
            self.answer(side, line, &clipboard::no_data())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
