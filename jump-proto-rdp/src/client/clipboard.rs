//! The clipboard, both ways (MS-RDPECLIP): text, and what [`files`](super::files) does with files. Only what one side has is
//! announced; the other fetches it.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use ironrdp_cliprdr::backend::CliprdrBackend;
use ironrdp_cliprdr::pdu::{
    ClipboardFormat, ClipboardFormatId, ClipboardFormatName, ClipboardGeneralCapabilityFlags,
    FileContentsRequest, FileContentsResponse, FileDescriptor, FormatDataRequest, FormatDataResponse,
    LockDataId, OwnedFormatDataResponse,
};
use ironrdp_cliprdr::{Client, CliprdrClient, CliprdrSvcMessages};
use ironrdp_pdu::PduResult;
use ironrdp_session::ActiveStage;
use jump_core::session::SessionPermissions;
use jump_core::{Error, ErrorKind, Result};
use tokio::sync::oneshot;

use super::files::{Done, Exchange, OfferedFiles};
use crate::error;

/// The longest text, in bytes of UTF-8.
pub(super) const MAX_BYTES: usize = 1 << 20;
const OPERATION: &str = "exchange the clipboard";

/// What a server wants or said, newest only.
#[derive(Debug, Default)]
struct Wishes {
    /// It waits to hear what this side has.
    announce: bool,
    /// It has heard it, and may be told of something else.
    ready: bool,
    /// It has a text.
    fetch: bool,
    /// It wants this side's text, or another format that there is none of, so many times.
    text: u8,
    other: u8,
    /// A text of its own has come.
    received: Option<String>,
    /// It sent a text that is too long or is none.
    wrong: Option<&'static str>,
    /// What both sides can.
    capabilities: Option<ClipboardGeneralCapabilityFlags>,
    /// It has files; their list is this format of it.
    files: Option<ClipboardFormatId>,
    /// The list came, and what the server keeps it under.
    listed: Option<(Vec<FileDescriptor>, Option<u32>)>,
    /// It wants parts of files.
    asked: Vec<FileContentsRequest>,
    /// Parts of its files came, or will not.
    pieces: Vec<(u32, Option<Bytes>)>,
    /// It keeps what this side has, or does so no longer.
    locks: Vec<(u32, bool)>,
}

/// What IronRDP tells of the channel, until the receiver has time for it.
#[derive(Clone, Debug)]
pub(super) struct Backend {
    wishes: Arc<Mutex<Wishes>>,
    /// Files may be exchanged.
    files: bool,
}

ironrdp_core::impl_as_any!(Backend);

impl Backend {
    pub(super) fn new(files: bool) -> Self {
        Self {
            wishes: Arc::default(),
            files,
        }
    }

    fn note(&self, note: impl FnOnce(&mut Wishes)) {
        note(&mut self.wishes.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn take(&self) -> Wishes {
        std::mem::take(&mut self.wishes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl CliprdrBackend for Backend {
    /// Files are exchanged as streams, so there is no folder.
    fn temporary_directory(&self) -> &'static str {
        ""
    }

    fn client_capabilities(&self) -> ClipboardGeneralCapabilityFlags {
        let text = ClipboardGeneralCapabilityFlags::USE_LONG_FORMAT_NAMES;
        if !self.files {
            return text;
        }
        text | ClipboardGeneralCapabilityFlags::STREAM_FILECLIP_ENABLED
            | ClipboardGeneralCapabilityFlags::FILECLIP_NO_FILE_PATHS
            | ClipboardGeneralCapabilityFlags::CAN_LOCK_CLIPDATA
            | ClipboardGeneralCapabilityFlags::HUGE_FILE_SUPPORT_ENABLED
    }

    fn on_ready(&mut self) {
        self.note(|wishes| wishes.ready = true);
    }

    fn on_request_format_list(&mut self) {
        self.note(|wishes| wishes.announce = true);
    }

    fn on_process_negotiated_capabilities(&mut self, capabilities: ClipboardGeneralCapabilityFlags) {
        self.note(|wishes| wishes.capabilities = Some(capabilities));
    }

    fn on_remote_copy(&mut self, formats: &[ClipboardFormat]) {
        let text = formats
            .iter()
            .any(|format| format.id() == ClipboardFormatId::CF_UNICODETEXT);
        let files = formats
            .iter()
            .find(|format| format.name() == Some(&ClipboardFormatName::FILE_LIST));
        let files = files.map(ClipboardFormat::id);
        self.note(|wishes| {
            wishes.fetch = text;
            wishes.files = files;
        });
    }

    fn on_format_data_request(&mut self, request: FormatDataRequest) {
        self.note(|wishes| {
            let asked = if request.format == ClipboardFormatId::CF_UNICODETEXT {
                &mut wishes.text
            } else {
                &mut wishes.other
            };
            *asked = asked.saturating_add(1);
        });
    }

    fn on_format_data_response(&mut self, response: FormatDataResponse<'_>) {
        // The owner may have nothing any more.
        if response.is_error() {
            return;
        }
        let text = text(response.data());
        self.note(|wishes| match text {
            Ok(text) => wishes.received = Some(text),
            Err(why) => wishes.wrong = Some(why),
        });
    }

    fn on_remote_file_list(&mut self, files: &[FileDescriptor], lock: Option<u32>) {
        self.note(|wishes| wishes.listed = Some((files.to_vec(), lock)));
    }

    fn on_file_contents_request(&mut self, request: FileContentsRequest) {
        self.note(|wishes| wishes.asked.push(request));
    }

    fn on_file_contents_response(&mut self, response: FileContentsResponse<'_>) {
        let piece = (!response.is_error()).then(|| Bytes::copy_from_slice(response.data()));
        self.note(|wishes| wishes.pieces.push((response.stream_id(), piece)));
    }

    fn on_lock(&mut self, id: LockDataId) {
        self.note(|wishes| wishes.locks.push((id.0, true)));
    }

    fn on_unlock(&mut self, id: LockDataId) {
        self.note(|wishes| wishes.locks.push((id.0, false)));
    }
}

/// A text as it stands on a clipboard of Windows: UTF-16, up to a zero, lines end with CR LF.
fn text(bytes: &[u8]) -> Result<String, &'static str> {
    // Each unit of UTF-16 is at least one byte of UTF-8.
    if bytes.len() > 2 * (MAX_BYTES + 1) {
        return Err("the server's clipboard has more than 1 MiB");
    }
    let units = bytes
        .as_chunks::<2>()
        .0
        .iter()
        .map(|unit| u16::from_le_bytes(*unit));
    let text: String = char::decode_utf16(units.take_while(|unit| *unit != 0))
        .map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect();
    let text = text.replace("\r\n", "\n");
    if text.len() > MAX_BYTES {
        return Err("the server's clipboard has more than 1 MiB");
    }
    Ok(text)
}

/// This session's side of the clipboard.
pub(super) struct Clipboard {
    pub(super) backend: Backend,
    pub(super) permissions: SessionPermissions,
    /// What the server may fetch.
    pub(super) text: Option<String>,
    /// The server has not been told that there is one: it was not ready for that.
    pub(super) untold: bool,
    pub(super) files: Option<Exchange>,
    /// Files that are offered when the server is ready for that.
    pub(super) early: Option<(Arc<OfferedFiles>, oneshot::Sender<Result<()>>)>,
    /// The server exchanges files as streams.
    pub(super) streams: bool,
}

impl Clipboard {
    /// Gives the server a text: says that there is one. What is to be sent is appended.
    pub(super) fn offer(
        &mut self,
        stage: &mut ActiveStage,
        text: String,
        output: &mut Vec<u8>,
    ) -> Result<()> {
        self.text = Some(text);
        if let Some(files) = &mut self.files {
            files.offer(None);
        }
        let ready = stage
            .get_svc_processor::<CliprdrClient>()
            .is_some_and(CliprdrClient::is_ready);
        self.untold = !ready;
        if ready {
            self.announce(stage, output)?;
        }
        Ok(())
    }

    /// Answers what the server asked since the last time; its text, if it sent one.
    ///
    /// # Errors
    /// [`ErrorKind::ResourceLimit`] if its text is too long, [`ErrorKind::Protocol`].
    pub(super) fn answer(&mut self, stage: &mut ActiveStage, output: &mut Vec<u8>) -> Result<Option<String>> {
        let wishes = self.backend.take();
        if let Some(why) = wishes.wrong {
            return Err(Error::new(ErrorKind::ResourceLimit, OPERATION, why));
        }
        if let Some(capabilities) = wishes.capabilities {
            self.streams = capabilities.contains(ClipboardGeneralCapabilityFlags::STREAM_FILECLIP_ENABLED);
        }
        self.answer_files(stage, &wishes, output)?;
        if wishes.announce || (wishes.ready && self.untold) {
            self.untold = false;
            self.announce(stage, output)?;
        }
        if wishes.fetch && self.permissions.clipboard_from_target {
            send(stage, output, |channel| {
                channel.initiate_paste(ClipboardFormatId::CF_UNICODETEXT)
            })?;
        }
        for _ in 0..wishes.text {
            let response = match &self.text {
                Some(text) => OwnedFormatDataResponse::new_unicode_string(&text.replace('\n', "\r\n")),
                None => OwnedFormatDataResponse::new_error(),
            };
            send(stage, output, |channel| channel.submit_format_data(response))?;
        }
        for _ in 0..wishes.other {
            let nothing = OwnedFormatDataResponse::new_error();
            send(stage, output, |channel| channel.submit_format_data(nothing))?;
        }
        if wishes.ready
            && let Some((files, answer)) = self.early.take()
        {
            self.offer_files(stage, files, answer, output)?;
        }
        Ok(wishes.received.filter(|_| self.permissions.clipboard_from_target))
    }

    /// What is about files in it.
    fn answer_files(&mut self, stage: &mut ActiveStage, wishes: &Wishes, output: &mut Vec<u8>) -> Result<()> {
        let Some(files) = &mut self.files else {
            return Ok(());
        };
        for (id, kept) in &wishes.locks {
            if *kept {
                files.lock(*id);
            } else {
                files.unlock(*id);
            }
        }
        for (stream, piece) in &wishes.pieces {
            files.answered(*stream, piece.clone());
        }
        if let Some((listed, lock)) = &wishes.listed
            && files.fetches()
        {
            files.copied(listed, *lock);
        }
        let refused: Vec<_> = wishes
            .asked
            .iter()
            .filter_map(|asked| files.asked(asked.clone()))
            .collect();
        if let Some(format) = wishes.files.filter(|_| files.fetches()) {
            // What was kept for a list that nobody fetches from any more is let go.
            send(stage, output, CliprdrClient::drive_timeouts)?;
            send(stage, output, |channel| channel.initiate_paste(format))?;
        }
        for refused in refused {
            self.perform(stage, refused, output)?;
        }
        Ok(())
    }

    /// Says what is to be said about files.
    pub(super) fn perform(
        &mut self,
        stage: &mut ActiveStage,
        done: Done,
        output: &mut Vec<u8>,
    ) -> Result<()> {
        match done {
            Done::Offer(files, answer) => self.offer_files(stage, files, answer, output),
            Done::Ask(request) => send(stage, output, |channel| channel.request_file_contents(request)),
            Done::Answer(answer) => send(stage, output, |channel| channel.submit_file_contents(answer)),
        }
    }

    fn offer_files(
        &mut self,
        stage: &mut ActiveStage,
        files: Arc<OfferedFiles>,
        answer: oneshot::Sender<Result<()>>,
        output: &mut Vec<u8>,
    ) -> Result<()> {
        let ready = stage
            .get_svc_processor::<CliprdrClient>()
            .map(CliprdrClient::is_ready);
        if ready == Some(false) {
            self.early = Some((files, answer));
            return Ok(());
        }
        if ready.is_none() || !self.streams {
            let message = "the target takes no files from the clipboard";
            // Who offered them may have given up.
            let _ = answer.send(Err(Error::new(ErrorKind::Unsupported, OPERATION, message)));
            return Ok(());
        }
        let told = files.descriptors();
        self.text = None;
        self.untold = false;
        if let Some(exchange) = &mut self.files {
            exchange.offer(Some(files));
        }
        send(stage, output, |channel| channel.initiate_file_copy(told))?;
        let _ = answer.send(Ok(()));
        Ok(())
    }

    fn announce(&self, stage: &mut ActiveStage, output: &mut Vec<u8>) -> Result<()> {
        let text = [ClipboardFormat::new(ClipboardFormatId::CF_UNICODETEXT)];
        let formats: &[ClipboardFormat] = if self.text.is_some() { &text } else { &[] };
        send(stage, output, |channel| channel.initiate_copy(formats))
    }
}

fn send(
    stage: &mut ActiveStage,
    output: &mut Vec<u8>,
    say: impl FnOnce(&mut CliprdrClient) -> PduResult<CliprdrSvcMessages<Client>>,
) -> Result<()> {
    let failed =
        |error: &dyn std::fmt::Display| Error::new(ErrorKind::Protocol, OPERATION, error.to_string());
    let Some(channel) = stage.get_svc_processor_mut::<CliprdrClient>() else {
        return Ok(());
    };
    let messages = say(channel).map_err(|error| failed(&error.report()))?;
    let bytes = stage
        .process_svc_processor_messages(messages)
        .map_err(|error| error::session(&error, OPERATION))?;
    output.extend(bytes);
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

    use super::*;

    fn utf16(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn a_text_ends_at_its_zero_and_has_our_line_ends() {
        assert_eq!(text(&utf16("zwölf €\r\n🙂\0rest")).unwrap(), "zwölf €\n🙂");
        assert_eq!(text(&utf16("no zero")).unwrap(), "no zero");
        assert_eq!(text(&[0x41, 0, 0x42]).unwrap(), "A");
        assert_eq!(text(&[0, 0xd8, 0x41, 0]).unwrap(), "\u{fffd}A");
        assert_eq!(text(&[]).unwrap(), "");
    }

    #[test]
    fn s27_a_text_has_at_most_a_mebibyte() {
        let longest = "x".repeat(MAX_BYTES);
        assert_eq!(text(&utf16(&longest)).unwrap().len(), MAX_BYTES);
        for long in ["x".repeat(MAX_BYTES + 1), "ü".repeat(MAX_BYTES / 2 + 1)] {
            assert!(text(&utf16(&long)).is_err());
        }
        assert!(text(&vec![1; 8 << 20]).is_err());
    }
}
