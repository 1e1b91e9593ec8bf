//! How recordings of VNC are played.

use jump_core::ErrorKind;
use jump_core::protocol::Picture;
use jump_playback::{Decoder, Progress};

use super::{OPERATION, ScreenDecoder, ScreenEvent};
use crate::decode::{Helpers, UpdateEvent};
use crate::{RfbError, VncRecord};

impl Decoder for ScreenDecoder {
    type Event = ScreenEvent;
    type Error = RfbError;

    /// JPEG is decoded by [`Helpers::of_this_machine`], which end with the decoder.
    fn for_playing() -> Self {
        Self::new().with_helpers(Helpers::of_this_machine())
    }

    fn take_target(&mut self, bytes: &[u8], told: &mut dyn FnMut(ScreenEvent)) -> Result<(), RfbError> {
        self.target(bytes, told)
    }

    fn take_client(&mut self, bytes: &[u8], told: &mut dyn FnMut(ScreenEvent)) -> Result<(), RfbError> {
        self.client(bytes, told)
    }

    fn take_note(&mut self, note: &[u8], told: &mut dyn FnMut(ScreenEvent)) {
        if let Some(note) = VncRecord::read(note) {
            self.note(&note, told);
        }
    }

    fn progress(event: &ScreenEvent) -> Progress {
        let mut progress = Progress::default();
        match event {
            ScreenEvent::Opened { size, .. } | ScreenEvent::Update(UpdateEvent::Resized(size)) => {
                progress.size = Some((*size).into());
            }
            ScreenEvent::Update(UpdateEvent::Painted(part)) => progress.painted = part.pixels() > 0,
            ScreenEvent::Updated => progress.updated = true,
            _ => {}
        }
        progress
    }

    fn kind(error: &RfbError) -> ErrorKind {
        error.clone().into_error(OPERATION).kind()
    }

    fn seen(&self) -> Option<Picture> {
        self.seen().map(Picture::from)
    }

    fn graphics(&self) -> bool {
        self.screen().is_some()
    }

    /// What cannot be decoded is an error.
    fn missing(&self) -> u64 {
        0
    }
}
