//! Taking what a server sends: painting, noting what happened, asking for more.

use std::io;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use jump_core::screen::{Coverage, Damage, End, ResizePace};
use jump_core::{Error, ErrorKind, Result};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::Instant;

use super::pace::{Pace, Step};
use super::shared::{Shared, State};
use super::{announce, clipboard, cursor, exact, outbox};
use crate::decode::{Progress, UpdateEvent};
use crate::security::EaxOpener;
use crate::wire::{ClientMessage, CutText, Input, Rectangle, ServerMessage, Size, colours, limits};
use crate::{RfbError, RfbResult};

pub(super) const OPERATION: &str = "receive the target's screen";
/// How much is read at once.
const PIECE: usize = 64 * 1024;
/// How much of what is there already is read before it is painted: pictures that are painted together are decoded together,
/// and a stream that is encrypted gives little at once.
const TOGETHER: usize = 256 * 1024;

/// An answer is wanted (rfbproto "ClientFence", bit 31).
const FENCE_REQUEST: u32 = 1 << 31;
/// What is kept in order by taking one message after the other: BlockBefore and BlockAfter (rfbproto "ClientFence").
const FENCE_KEPT: u32 = 0b11;

/// The receiving side of a session.
pub(super) struct Receiver<R> {
    pub(super) stream: R,
    pub(super) shared: Arc<Shared>,
    pub(super) opener: Option<EaxOpener>,
    /// As it came, if the stream is encrypted.
    pub(super) sealed: Vec<u8>,
    /// In the clear. Never more than one message that is not an update, and [`TOGETHER`] and a piece.
    pub(super) buffer: Vec<u8>,
    /// What is wrong with the stream behind that.
    pub(super) broken: Option<io::Error>,
    pub(super) pace: Pace,
    pub(super) resizes: ResizePace,
    pub(super) update: Option<Update>,
    /// The server sends updates without being asked (rfbproto "EnableContinuousUpdates").
    pub(super) continuous: bool,
}

/// An update that is under way.
#[derive(Debug, Default)]
pub(super) struct Update {
    bytes: u64,
    waited: Duration,
    resized: bool,
}

/// What could be done with what is there.
enum Turn {
    Again,
    NeedsMore,
}

impl<R: AsyncRead + Unpin> Receiver<R> {
    /// Receives until the server closes the stream between two messages.
    pub(super) async fn run(mut self) -> Result<End> {
        self.open().map_err(|error| error.into_error(OPERATION))?;
        loop {
            self.take_all().await?;
            let started = Instant::now();
            let read = self.read().await?;
            if let Some(update) = &mut self.update {
                update.waited += started.elapsed();
            }
            if read == 0 {
                if self.update.is_none() && self.buffer.is_empty() && self.sealed.is_empty() {
                    return Ok(End::Closed);
                }
                let message = "the connection was cut within a message";
                return Err(Error::new(ErrorKind::Network, OPERATION, message));
            }
        }
    }

    /// Reads what is there, at least something; 0 at the end of the stream.
    async fn read(&mut self) -> Result<usize> {
        let into = match self.opener {
            Some(_) => &mut self.sealed,
            None => &mut self.buffer,
        };
        let failed = |error| Error::from_io(ErrorKind::Network, OPERATION, error);
        if let Some(error) = self.broken.take() {
            return Err(failed(error));
        }
        into.reserve(PIECE);
        let mut read = self.stream.read_buf(into).await.map_err(failed)?;
        while read > 0 && read < TOGETHER {
            into.reserve(PIECE);
            let more = tokio::select! {
                biased;
                more = self.stream.read_buf(into) => more,
                () = std::future::ready(()) => break,
            };
            match more {
                // It says so again.
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) => {
                    self.broken = Some(error);
                    break;
                }
            }
        }
        self.open().map_err(|error| error.into_error(OPERATION))?;
        Ok(read)
    }

    fn open(&mut self) -> RfbResult<()> {
        let Some(opener) = &mut self.opener else {
            return Ok(());
        };
        let mut input = Input::new(&self.sealed);
        while opener.open(&mut input, &mut self.buffer)? {}
        let read = input.consumed();
        self.sealed.drain(..read);
        Ok(())
    }

    /// Takes every message that is there, and every part of an update.
    async fn take_all(&mut self) -> Result<()> {
        let mut buffer = mem::take(&mut self.buffer);
        let mut taken = 0;
        loop {
            let rest = buffer.get(taken..).unwrap_or_default();
            let (used, turn) = if self.update.is_some() {
                self.paint(rest).await
            } else {
                // A server that asks and does not listen is not read from.
                let shared = self.shared.clone();
                let room = |state: &mut State| (state.outbox.len() <= outbox::MAX_ANSWERS).then_some(());
                shared.until(&shared.room, room).await;
                self.take_one(rest).await
            }
            .map_err(|error| error.into_error(OPERATION))?;
            taken += used;
            if matches!(turn, Turn::NeedsMore) {
                break;
            }
        }
        buffer.drain(..taken);
        self.buffer = buffer;
        Ok(())
    }

    /// Paints what is there of an update. Waits while somebody looks at the picture.
    async fn paint(&mut self, bytes: &[u8]) -> RfbResult<(usize, Turn)> {
        let mut events = Vec::new();
        let mut decoder = self.shared.picture.write().await;
        let decoded = decoder.decode(bytes, &mut |event| events.push(event));
        let damage = decoder.screen_mut().take_damage();
        drop(decoder);
        let resizes = self.note_all(events, &damage)?;
        let decoded = decoded?;
        self.resizes.took(resizes).await;
        if let Some(update) = &mut self.update {
            update.bytes += decoded.consumed as u64;
        }
        if decoded.progress != Progress::Finished {
            return Ok((decoded.consumed, Turn::NeedsMore));
        }
        let update = self.update.take().unwrap_or_default();
        self.updated(&update)?;
        Ok((decoded.consumed, Turn::Again))
    }

    /// Notes what came of an update; how often the size changed in it.
    fn note_all(&mut self, events: Vec<UpdateEvent>, damage: &Damage) -> RfbResult<u32> {
        let mut resizes = 0;
        let mut state = self.shared.lock();
        for event in events {
            if let UpdateEvent::Resized(_) = event
                && let Some(update) = &mut self.update
            {
                update.resized = true;
                resizes += 1;
            }
            note(&mut state, event)?;
        }
        for part in damage.areas() {
            state.events.damaged(*part);
        }
        drop(state);
        self.shared.news.send_replace(());
        self.shared.outgoing.send_replace(());
        Ok(resizes)
    }

    /// After an update: asks for what the link is good for, and for the next one if that was not done yet.
    fn updated(&mut self, update: &Update) -> RfbResult<()> {
        let step = self.pace.measure(update.bytes, update.waited);
        if step.is_none() && !update.resized {
            return Ok(());
        }
        let mut state = self.shared.lock();
        let rectangle = Rectangle::whole(state.size);
        if step.is_some() {
            state.hints = self.pace.encodings().collect();
            announce(&mut state)?;
        }
        if self.continuous && update.resized {
            state.outbox.push(&ClientMessage::ContinuousUpdates {
                enabled: true,
                rectangle,
            })?;
        }
        // What was asked for before covers the old size only.
        if step == Some(Step::Finer) || (update.resized && !self.continuous) {
            state.outbox.push(&ClientMessage::UpdateRequest {
                incremental: false,
                rectangle,
            })?;
        }
        drop(state);
        self.shared.outgoing.send_replace(());
        Ok(())
    }

    /// Takes the message at the front.
    async fn take_one(&mut self, bytes: &[u8]) -> RfbResult<(usize, Turn)> {
        let mut input = Input::new(bytes);
        let Some(frame) = ServerMessage::next(&mut input)? else {
            return Ok((0, Turn::NeedsMore));
        };
        if let ServerMessage::Update { rectangles } = frame.message {
            self.shared.picture.write().await.start(rectangles)?;
            self.update = Some(Update::default());
        } else if let ServerMessage::ColourMap {
            first,
            colours: bytes,
        } = frame.message
        {
            let colours: Vec<_> = colours(bytes).collect();
            self.shared.picture.write().await.set_colours(first, &colours)?;
        }
        let mut state = self.shared.lock();
        match frame.message {
            ServerMessage::Update { .. } if !self.continuous => {
                // Asked for while this one arrives, so that the next one is on its way when this one is painted.
                let rectangle = Rectangle::whole(state.size);
                state.outbox.push(&ClientMessage::UpdateRequest {
                    incremental: true,
                    rectangle,
                })?;
            }
            ServerMessage::Update { .. } | ServerMessage::ColourMap { .. } | ServerMessage::Xvp { .. } => {}
            ServerMessage::Bell => state.events.bell(),
            ServerMessage::CutText(text) => receive_clipboard(&mut state, text)?,
            // The first one says that the server can (rfbproto "ContinuousUpdates Pseudo-encoding").
            ServerMessage::EndOfContinuousUpdates => {
                self.continuous = true;
                let rectangle = Rectangle::whole(state.size);
                state.outbox.push(&ClientMessage::ContinuousUpdates {
                    enabled: true,
                    rectangle,
                })?;
            }
            ServerMessage::Fence { flags, payload } => {
                state.server.fences = true;
                if flags & FENCE_REQUEST == 0 {
                    exact::fence(&mut state, payload)?;
                } else {
                    let flags = flags & FENCE_KEPT;
                    state.outbox.push(&ClientMessage::Fence { flags, payload })?;
                }
            }
        }
        drop(state);
        self.shared.news.send_replace(());
        self.shared.outgoing.send_replace(());
        Ok((input.consumed(), Turn::Again))
    }
}

fn receive_clipboard(state: &mut State, text: CutText<'_>) -> RfbResult<()> {
    if let Some(text) = clipboard::receive(state, text)? {
        if text.len() > limits::MAX_CLIPBOARD_BYTES {
            return Err(RfbError::Limit("a clipboard has at most 1 MiB"));
        }
        state.events.clipboard(text);
    }
    Ok(())
}

/// Notes what an update said.
fn note(state: &mut State, event: UpdateEvent) -> RfbResult<()> {
    match event {
        UpdateEvent::Painted(part) => {
            if let Some(unpainted) = &mut state.unpainted {
                unpainted.paint(part);
                if unpainted.is_whole() {
                    state.unpainted = None;
                }
            }
            exact::painted(state, part)?;
        }
        UpdateEvent::Resized(size) => resized(state, size)?,
        UpdateEvent::Screens {
            reason,
            status,
            screens,
        } => {
            // 1: this client asked for it (rfbproto "ExtendedDesktopSize Pseudo-encoding").
            if reason == 1
                && let Some(asked) = state.resizing.take()
            {
                // Whoever asked may have gone.
                let _ = asked.send(status);
            }
            if reason != 1 || status == 0 {
                state.server.screens = Some(screens);
            }
        }
        UpdateEvent::Cursor(image) => state.events.cursor(cursor::shape(image)),
        UpdateEvent::PointerAt { x, y } => state.events.moved(x, y),
        UpdateEvent::Name(name) => {
            state.name.clone_from(&name);
            state.events.name(name);
        }
        UpdateEvent::ExtendedKeys => state.server.extended_keys = true,
        UpdateEvent::ExtendedMouseButtons => state.outbox.set_extended_buttons(),
        UpdateEvent::RelativePointer(_) | UpdateEvent::Locks(_) => {}
    }
    Ok(())
}

fn resized(state: &mut State, size: Size) -> RfbResult<()> {
    state.size = size;
    state.events.resized(size);
    if state.unpainted.is_some() {
        state.unpainted = Some(Coverage::new(size)).filter(|new| !new.is_whole());
    }
    exact::resized(state)
}
