//! Taking what a server sends: painting, noting what happened, answering.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;
use ironrdp_connector::Sequence;
use ironrdp_connector::connection_activation::{
    ConnectionActivationFactory, ConnectionActivationSequence, ConnectionActivationState,
};
use ironrdp_core::{MonotonicInstant, WriteBuf, decode};
use ironrdp_egfx::client::GraphicsPipelineClient;
use ironrdp_graphics::image_processing::PixelFormat;
use ironrdp_pdu::Action;
use ironrdp_pdu::mcs::McsMessage;
use ironrdp_pdu::x224::X224;
use ironrdp_session::image::DecodedImage;
use ironrdp_session::{ActiveStage, ActiveStageOutput, GracefulDisconnectReason};
use jump_core::screen::{ClientState as _, End, MAX_WAITING, ResizePace};
use jump_core::{Error, ErrorKind, Result};
use tokio::io::AsyncRead;

use super::bitmaps::{Bitmaps, Kind};
use super::budget::Budget;
use super::clipboard::Clipboard;
use super::cursor;
use super::drive::{self, Drive};
use super::input::Channel;
use super::monitors::{self, MonitorsEnd};
use super::next::Next;
use super::painting;
use super::reconnect::ReconnectEnd;
use super::settings::About;
use super::shared::{Resizing, Shared, Wish};
use super::size::Size;
use super::sound::SoundSink;
use crate::error;
use crate::wire::security::begins_to_measure;

pub(super) const OPERATION: &str = "receive the target's screen";
/// The receiver, whose answers a server may be waiting for, waits only from here on.
const MAX_ANSWERS: usize = MAX_WAITING + 4 * 1024 * 1024;

/// The receiving side of a session.
pub(super) struct Receiver<R> {
    pub(super) stream: R,
    pub(super) shared: Arc<Shared>,
    /// Never more than one message and a piece.
    pub(super) buffer: BytesMut,
    pub(super) stage: ActiveStage,
    /// What IronRDP paints into. Its memory is not touched before.
    pub(super) image: DecodedImage,
    /// Until something comes that only IronRDP paints or counts.
    pub(super) bitmaps: Option<Bitmaps>,
    /// The server has begun to measure how many bytes arrive.
    pub(super) measured: bool,
    pub(super) factory: ConnectionActivationFactory,
    /// The server is about to use other settings.
    pub(super) activating: Option<ConnectionActivationSequence>,
    pub(super) clipboard: Clipboard,
    /// The id of the channel that carries the dynamic ones.
    pub(super) dynamic: Option<u16>,
    /// The id of the channel on which a server measures (MS-RDPBCGR §2.2.14).
    pub(super) message_channel: Option<u16>,
    pub(super) budget: Budget,
    pub(super) resizes: ResizePace,
    /// Which requests to paint everything again the server takes.
    pub(super) redraw: Redraw,
    pub(super) sound: Option<SoundSink>,
    pub(super) cookies: Option<ReconnectEnd>,
    pub(super) drive: Option<Drive>,
    pub(super) monitors: Option<MonitorsEnd>,
    pub(super) began: Instant,
}

/// Which requests to paint everything again a server takes (MS-RDPBCGR §2.2.7.1.1).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Redraw {
    pub(super) refresh: bool,
    pub(super) suppress: bool,
}

impl<R: AsyncRead + Unpin> Receiver<R> {
    /// Receives until the session ends in order.
    pub(super) async fn run(mut self) -> Result<End> {
        let shared = self.shared.clone();
        let mut wished = shared.outgoing.subscribe();
        loop {
            if let Some(end) = self.take_all().await? {
                return Ok(end);
            }
            self.fulfil()?;
            // A server that asks and does not listen is not read from.
            shared
                .until(&shared.room, |state| {
                    (state.outbox.len() <= MAX_ANSWERS || state.ending().end().is_some()).then_some(())
                })
                .await;
            let next = tokio::select! {
                next = self.next() => next?,
                // Its sender lives as long as `shared`.
                _ = wished.changed() => continue,
            };
            match next {
                Next::Read(0) => return self.ended(),
                Next::Read(_) => {}
                Next::Done(answers) => self.shared.say(&drive::encode(&mut self.stage, answers)?),
                Next::Monitors((layout, answer)) => {
                    // Who asked may have given up.
                    let _ = answer.send(self.arrange(&layout));
                }
                Next::Files(done) => {
                    let mut bytes = Vec::new();
                    self.clipboard.perform(&mut self.stage, done, &mut bytes)?;
                    self.shared.say(&bytes);
                    self.exchange()?;
                }
            }
        }
    }

    /// Asks for other monitors.
    fn arrange(&mut self, layout: &monitors::Layout) -> Result<()> {
        if !self.clipboard.permissions.keyboard_mouse {
            let why = "the grant does not permit it";
            return Err(monitors::refused(ErrorKind::Denied, why));
        }
        let encoded = self
            .stage
            .encode_monitor_layout(&layout.later()?)
            .ok_or_else(|| {
                monitors::refused(ErrorKind::Unsupported, "the target cannot change its monitors")
            })?;
        self.shared
            .say(&encoded.map_err(|error| error::session(&error, OPERATION))?);
        Ok(())
    }

    fn ended(&self) -> Result<End> {
        if self.buffer.is_empty() {
            return Ok(End::Closed);
        }
        let message = "the connection was cut within a message";
        Err(Error::new(ErrorKind::Network, OPERATION, message))
    }

    /// Takes every message that is there.
    async fn take_all(&mut self) -> Result<Option<End>> {
        loop {
            let found = ironrdp_pdu::find_size(&self.buffer)
                .map_err(|error| Error::new(ErrorKind::Protocol, OPERATION, error.report().to_string()))?;
            let Some(found) = found.filter(|found| found.length <= self.buffer.len()) else {
                return Ok(None);
            };
            if found.length == 0 {
                let message = "a message without a byte";
                return Err(Error::new(ErrorKind::Protocol, OPERATION, message));
            }
            let message = self.buffer.split_to(found.length);
            if let Some(end) = self.take(found.action, message).await? {
                return Ok(Some(end));
            }
        }
    }

    async fn take(&mut self, action: Action, message: BytesMut) -> Result<Option<End>> {
        let kind = match action {
            Action::FastPath => {
                self.budget.fast_path(&message)?;
                // Nothing can be painted before the size is known.
                if self.activating.is_some() {
                    return Ok(None);
                }
                self.paint(action, &message).await?
            }
            Action::X224 => {
                if let Some(chunk) = self.chunk(&message) {
                    self.budget
                        .chunk(chunk.user_data.as_ref(), self.dynamic == Some(chunk.channel_id))?;
                    // IronRDP counts bytes of graphics for it.
                    self.measured |= Some(chunk.channel_id) == self.message_channel
                        && begins_to_measure(chunk.user_data.as_ref());
                    match self.measured || self.stage.get_dvc::<GraphicsPipelineClient>().is_some() {
                        true => Kind::Others,
                        false => Kind::NotPainted,
                    }
                } else if self.change_settings(&message).await? {
                    return Ok(None);
                } else {
                    self.paint(action, &message).await?
                }
            }
        };
        match kind {
            Kind::Kept | Kind::Bitmaps => return Ok(None),
            Kind::NotPainted => {}
            Kind::Others => {
                if let Some(end) = self.hand_over().await? {
                    return Ok(Some(end));
                }
            }
        }
        self.process(action, &message).await
    }

    /// Lets IronRDP take a message.
    pub(super) async fn process(&mut self, action: Action, message: &[u8]) -> Result<Option<End>> {
        let at = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let at = Some(MonotonicInstant::from_millis(at));
        let processed = catch_unwind(AssertUnwindSafe(|| {
            self.stage.process(&mut self.image, action, message, at)
        }));
        let outputs = match processed {
            Ok(outputs) => outputs.map_err(|error| error::session(&error, OPERATION))?,
            Err(_) => return Err(painting::failed()),
        };
        self.show().await?;
        let end = self.note_all(outputs)?;
        self.recover()?;
        self.exchange()?;
        Ok(end)
    }

    /// The chunk of a static channel that a message is.
    fn chunk<'a>(&self, message: &'a [u8]) -> Option<ironrdp_pdu::mcs::SendDataIndication<'a>> {
        match decode::<X224<McsMessage<'_>>>(message).ok()?.0 {
            McsMessage::SendDataIndication(data) if data.channel_id != self.factory.io_channel_id() => {
                Some(data)
            }
            _ => None,
        }
    }

    fn note_all(&mut self, outputs: Vec<ActiveStageOutput>) -> Result<Option<End>> {
        for output in outputs {
            let event = match output {
                ActiveStageOutput::ResponseFrame(bytes) => {
                    self.shared.say(&bytes);
                    continue;
                }
                ActiveStageOutput::DeactivateAll => {
                    self.activating = Some(self.factory.create());
                    continue;
                }
                ActiveStageOutput::AutoReconnectCookie(cookie) => {
                    if let Some(cookies) = &self.cookies {
                        cookies.note(cookie);
                    }
                    continue;
                }
                ActiveStageOutput::Terminate(reason) => return terminated(reason).map(Some),
                ActiveStageOutput::ServerRedirection(_) => {
                    let message = "the server sends its clients to another one, which is not followed";
                    return Err(Error::new(ErrorKind::Unsupported, OPERATION, message));
                }
                other => other,
            };
            let mut state = self.shared.lock();
            match event {
                ActiveStageOutput::PointerDefault => state.events.cursor(Some(cursor::arrow())),
                ActiveStageOutput::PointerHidden => state.events.cursor(None),
                ActiveStageOutput::PointerBitmap(pointer) => state.events.cursor(cursor::shape(&pointer)),
                ActiveStageOutput::PointerPosition { x, y } => state.events.moved(x, y),
                // Damage is taken by itself; the rest is about what this client does not do.
                _ => continue,
            }
            drop(state);
            self.shared.news.send_replace(());
        }
        Ok(None)
    }

    /// Asks for everything once more if something could not be decoded.
    fn recover(&mut self) -> Result<()> {
        if !self.stage.take_bitmap_recovery_request() {
            return Ok(());
        }
        let Redraw { refresh, suppress } = self.redraw;
        let (width, height) = (self.image.width(), self.image.height());
        let frames = self
            .stage
            .request_full_redraw(width, height, refresh, suppress)
            .map_err(|error| error::session(&error, OPERATION))?;
        for frame in frames {
            self.shared.say(&frame);
        }
        Ok(())
    }

    /// Answers the clipboard, and notes whether the screen can have another size.
    fn exchange(&mut self) -> Result<()> {
        let mut answers = Vec::new();
        let text = self.clipboard.answer(&mut self.stage, &mut answers)?;
        self.shared.say(&answers);
        let resizing = self.stage.display_control_ready() == Some(true);
        let mut state = self.shared.lock();
        let newly = resizing && state.resizing == Resizing::Unknown;
        if newly {
            state.resizing = Resizing::Possible;
        }
        let heard = text.is_some();
        if let Some(text) = text {
            state.events.clipboard(text);
        }
        drop(state);
        if newly || heard {
            self.shared.news.send_replace(());
        }
        Ok(())
    }

    /// Does what callers wished for.
    fn fulfil(&mut self) -> Result<()> {
        loop {
            let wish = self.shared.lock().wishes.pop_front();
            let Some(wish) = wish else {
                return Ok(());
            };
            self.shared.room.send_replace(());
            let mut bytes = Vec::new();
            match wish {
                Wish::Clipboard(text) => self.clipboard.offer(&mut self.stage, text, &mut bytes)?,
                Wish::Resize(Size { width, height }) => {
                    let encoded = self.stage.encode_resize(width.into(), height.into(), None, None);
                    if let Some(encoded) = encoded {
                        bytes = encoded.map_err(|error| error::session(&error, OPERATION))?;
                    }
                }
            }
            self.shared.say(&bytes);
        }
    }

    /// Takes a message that is about the server's settings, and says whether it was.
    async fn change_settings(&mut self, message: &[u8]) -> Result<bool> {
        let waits = self.activating.as_ref().map(|sequence| {
            matches!(
                sequence.connection_activation_state(),
                ConnectionActivationState::CapabilitiesExchange
            )
        });
        match (About::of(message), waits) {
            // The server has thought better of the settings that it was about to use.
            (About::Deactivation, Some(_)) => self.activating = Some(self.factory.create()),
            (About::Settings, None | Some(false)) => {
                self.activating = Some(self.factory.create());
                self.activate(message).await?;
            }
            (About::Settings, Some(true)) | (About::Finalization, Some(false)) => {
                self.activate(message).await?;
            }
            // The end of an exchange that another one has overtaken.
            (About::Finalization, None | Some(true)) => {}
            // Nothing can be painted before the size is known.
            (About::Graphics, Some(_)) => {}
            (About::Deactivation | About::Graphics, None) | (About::Other, _) => return Ok(false),
        }
        Ok(true)
    }

    /// A step of the sequence in which a server changes its settings (MS-RDPBCGR §1.3.1.3).
    async fn activate(&mut self, message: &[u8]) -> Result<()> {
        let Some(mut sequence) = self.activating.take() else {
            return Ok(());
        };
        let mut output = WriteBuf::new();
        let stepped = sequence.step(message, None, &mut output);
        stepped.map_err(|error| error::connector(&error, OPERATION))?;
        self.shared.say(output.filled());
        // Some steps only speak.
        while sequence.next_pdu_hint().is_none() && !sequence.state().is_terminal() {
            let mut output = WriteBuf::new();
            let stepped = sequence.step_no_input(&mut output);
            stepped.map_err(|error| error::connector(&error, OPERATION))?;
            self.shared.say(output.filled());
        }
        match sequence.connection_activation_state() {
            ConnectionActivationState::Finalized {
                desktop_size,
                share_id,
                input_flags,
                static_channel_chunk_size,
                enable_server_pointer,
                pointer_software_rendering,
                refresh_rect_support,
                suppress_output_support,
                ..
            } => {
                let (io, user) = (sequence.io_channel_id(), sequence.user_channel_id());
                let size = Size::of_screen(desktop_size.width, desktop_size.height, OPERATION)?;
                self.stage.reactivate(
                    io,
                    user,
                    share_id,
                    enable_server_pointer,
                    pointer_software_rendering,
                    static_channel_chunk_size,
                );
                self.redraw = Redraw {
                    refresh: refresh_rect_support,
                    suppress: suppress_output_support,
                };
                self.budget = Budget::of(size.pixels());
                self.image = DecodedImage::new(PixelFormat::RgbA32, size.width, size.height);
                self.bitmaps = (!self.measured).then(Bitmaps::over_picture);
                self.shared.lock().input.channel = Channel {
                    user,
                    io,
                    share: share_id,
                    flags: input_flags,
                };
                self.show().await
            }
            ConnectionActivationState::Redirected { .. } => {
                let message = "the server sends its clients to another one, which is not followed";
                Err(Error::new(ErrorKind::Unsupported, OPERATION, message))
            }
            _ => {
                self.activating = Some(sequence);
                Ok(())
            }
        }
    }
}

/// How a server says that it ends a session.
fn terminated(reason: GracefulDisconnectReason) -> Result<End> {
    match reason {
        GracefulDisconnectReason::UserInitiated | GracefulDisconnectReason::ServerInitiated => {
            Ok(End::Closed)
        }
        GracefulDisconnectReason::Other(why) => {
            let message = format!("the server ended the session: {why}");
            Err(Error::new(ErrorKind::Closed, OPERATION, message))
        }
    }
}
