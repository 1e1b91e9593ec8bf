//! How recordings of RDP are played.

use jump_core::ErrorKind;
use jump_core::protocol::Picture;
use jump_core::screen::Size;
use jump_playback::{Decoder, Progress};

use super::{ScreenDecoder, ScreenEvent};
use crate::RdpRecord;
use crate::wire::RdpError;

impl Decoder for ScreenDecoder {
    type Event = ScreenEvent;
    type Error = RdpError;

    fn for_playing() -> Self {
        Self::new()
    }

    fn take_target(&mut self, bytes: &[u8], told: &mut dyn FnMut(ScreenEvent)) -> Result<(), RdpError> {
        self.target(bytes, told)
    }

    fn take_client(&mut self, bytes: &[u8], told: &mut dyn FnMut(ScreenEvent)) -> Result<(), RdpError> {
        self.client(bytes, told)
    }

    fn take_note(&mut self, note: &[u8], told: &mut dyn FnMut(ScreenEvent)) {
        if let Some(note) = RdpRecord::read(note) {
            self.note(&note, told);
        }
    }

    fn progress(event: &ScreenEvent) -> Progress {
        match *event {
            ScreenEvent::Opened { width, height } => Progress {
                size: Some(Size { width, height }),
                ..Progress::default()
            },
            ScreenEvent::Painted(_) => Progress {
                painted: true,
                updated: true,
                ..Progress::default()
            },
            _ => Progress::default(),
        }
    }

    fn kind(error: &RdpError) -> ErrorKind {
        error.into_error("decode a recording").kind()
    }

    fn seen(&self) -> Option<Picture> {
        self.seen()
    }

    fn graphics(&self) -> bool {
        self.graphics()
    }

    fn missing(&self) -> u64 {
        self.missing()
    }
}
