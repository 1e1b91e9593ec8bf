//! From what a decoder gives to the picture that callers see.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ironrdp_pdu::Action;
use ironrdp_pdu::geometry::ExclusiveRectangle;
use jump_core::protocol::{Area, BYTES_PER_PIXEL};
use jump_core::screen::{self, Coverage, End, Painted as _};
use jump_core::{Error, ErrorKind, Result};
use tokio::io::AsyncRead;

use super::bitmaps::Kind;
use super::picture::{Picture, area};
use super::receive::{OPERATION, Receiver};
use super::size::Size;
use crate::error;

/// A decoder that panics is a server's fault as much as ours, and ends this session only.
pub(super) fn failed() -> Error {
    let message = "the decoder failed at what the server sent";
    Error::new(ErrorKind::Protocol, OPERATION, message)
}

/// A picture in bands, so that it is not in memory once more.
pub(super) fn bands(picture: &Picture) -> impl Iterator<Item = (ExclusiveRectangle, Vec<u8>)> {
    const ROWS: u16 = 64;
    let Size { width, height } = picture.size;
    let bytes = usize::from(width) * usize::from(ROWS) * BYTES_PER_PIXEL;
    let tops = (0..height).step_by(ROWS.into());
    let bands = picture.bytes().chunks(bytes.max(1));
    bands.zip(tops).map(move |(pixels, top)| {
        let band = ExclusiveRectangle {
            left: 0,
            top,
            right: width,
            bottom: top.saturating_add(ROWS).min(height),
        };
        (band, pixels.to_vec())
    })
}

impl<R: AsyncRead + Unpin> Receiver<R> {
    /// Paints what a message holds, if it is bitmaps, and says what it is.
    pub(super) async fn paint(&mut self, action: Action, message: &[u8]) -> Result<Kind> {
        let Some(bitmaps) = &mut self.bitmaps else {
            return Ok(Kind::NotPainted);
        };
        let kind = bitmaps.sort(action, message);
        if kind != Kind::Bitmaps {
            return Ok(kind);
        }
        let mut picture = self.shared.picture.write().await;
        let painted = catch_unwind(AssertUnwindSafe(|| bitmaps.paint(action, message, &mut picture)));
        drop(picture);
        let Some(parts) = painted.map_err(|_| failed())? else {
            return Ok(Kind::Others);
        };
        self.tell(&parts);
        Ok(Kind::Bitmaps)
    }

    /// Lets IronRDP paint from here on, over what was painted without it, and gives it what is kept.
    pub(super) async fn hand_over(&mut self) -> Result<Option<End>> {
        let Some(bitmaps) = self.bitmaps.take() else {
            return Ok(None);
        };
        if bitmaps.painted {
            let picture = self.shared.picture.read().await;
            self.stage
                .composite_rgba32(&mut self.image, bands(&picture))
                .map_err(|error| error::session(&error, OPERATION))?;
        }
        for message in bitmaps.kept() {
            if let Some(end) = self.process(Action::FastPath, message).await? {
                return Ok(Some(end));
            }
        }
        Ok(None)
    }

    /// Copies what was decoded into the picture that callers see. Waits while somebody looks at it.
    pub(super) async fn show(&mut self) -> Result<()> {
        let regions = self.stage.take_damage_regions();
        let size = Size::of_screen(self.image.width(), self.image.height(), OPERATION)?;
        let resized = size != self.shared.lock().size;
        if regions.is_empty() && !resized {
            return Ok(());
        }
        if resized {
            self.resizes.took(1).await;
        }
        let areas: Vec<_> = regions.iter().map(|region| area(region, size)).collect();
        let mut picture = self.shared.picture.write().await;
        if resized {
            picture.resize(size)?;
        }
        for part in &areas {
            picture.paint(self.image.data(), *part);
        }
        drop(picture);
        if resized {
            let mut state = self.shared.lock();
            state.size = size;
            state.sizes += 1;
            state.events.resized(size);
            state.events.damaged(screen::Size::from(size).whole());
            if state.unpainted.is_some() {
                state.unpainted = Some(Coverage::new(size));
            }
        }
        self.tell(&areas);
        Ok(())
    }

    /// Tells callers what was painted.
    fn tell(&self, parts: &[Area]) {
        let mut state = self.shared.lock();
        for part in parts {
            state.events.damaged(*part);
            if let Some(unpainted) = &mut state.unpainted {
                unpainted.paint(*part);
                if unpainted.is_whole() {
                    state.unpainted = None;
                }
            }
        }
        drop(state);
        self.shared.news.send_replace(());
    }
}
