//! What was painted, in a form in which any moment is found at once.
//!
//! A recording itself has no place to begin at but its first byte: the zlib streams of its encodings go on from
//! connection to end. So it is decoded once, and what changed with each record is kept, compressed by itself, with a
//! whole picture every few seconds. All of it stays in memory, up to a limit: on a disk it would be a copy of the
//! recording that nothing seals. What lies beyond the limit is found by playing from the start.

use std::io::{Read, Write};
use std::time::Duration;

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use jump_core::recording::RecordingReader;
use jump_core::{Error, ErrorKind, Result};

use super::{OPERATION, Player};
use crate::framebuffer::{Framebuffer, Rgba};
use crate::wire::{Rectangle, Size};
use crate::{RfbError, RfbResult};

/// What a film may hold, and how densely whole pictures stand in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilmLimits {
    /// The most time between two whole pictures.
    pub apart: Duration,
    /// The most compressed bytes of changes between two whole pictures.
    pub changes: usize,
    /// The most compressed bytes of all.
    pub bytes: usize,
}

impl Default for FilmLimits {
    /// A whole picture every 10 s or 4 MiB; 256 MiB in all.
    fn default() -> Self {
        Self {
            apart: Duration::from_secs(10),
            changes: 4 * 1024 * 1024,
            bytes: 256 * 1024 * 1024,
        }
    }
}

/// What was painted with one record.
#[derive(Debug)]
struct Change {
    at: Duration,
    size: Size,
    parts: Box<[Rectangle]>,
    /// The pixels of the parts, one after the other, compressed (RFC 1950).
    pixels: Box<[u8]>,
}

/// A whole picture and what changed after it.
#[derive(Debug)]
struct Section {
    whole: Change,
    changes: Vec<Change>,
}

/// A recording in which any moment is found at once.
#[derive(Debug)]
pub struct Film {
    sections: Vec<Section>,
    bytes: usize,
    /// Everything before this time is held; `None` if all is.
    held_until: Option<Duration>,
    duration: Duration,
}

impl Film {
    /// Decodes a recording once.
    ///
    /// # Errors
    /// As for [`Player::step`].
    pub fn new(records: RecordingReader<impl Read>, limits: FilmLimits) -> Result<Self> {
        let mut film = Self {
            sections: Vec::new(),
            bytes: 0,
            held_until: None,
            duration: Duration::ZERO,
        };
        let mut player = Player::new(records);
        let mut of_section = 0;
        while let Some(at) = player.next_at()? {
            let opened = player.screen().screen().is_some();
            player.step(at, &mut |_, _| {})?;
            film.duration = at;
            let Some(screen) = player.screen_mut().screen_mut() else {
                continue;
            };
            let damage = screen.take_damage();
            // What came is decoded to the end, so that an error is told now and not when it is looked for.
            if film.held_until.is_some() || (opened && damage.areas().is_empty()) {
                continue;
            }
            let section = film.sections.last_mut().filter(|section| {
                at.saturating_sub(section.whole.at) < limits.apart && of_section < limits.changes
            });
            let change = match section {
                Some(_) => {
                    let parts = damage.areas().iter().map(|part| Rectangle::try_from(*part));
                    let parts: Vec<_> = parts.collect::<RfbResult<_>>().map_err(unfit)?;
                    Change::new(at, screen, &parts)?
                }
                None => Change::new(at, screen, &[Rectangle::whole(screen.size())])?,
            };
            let bytes = change.bytes();
            if film.bytes + bytes > limits.bytes {
                film.held_until = Some(at);
                continue;
            }
            film.bytes += bytes;
            if let Some(section) = section {
                of_section += bytes;
                section.changes.push(change);
            } else {
                of_section = 0;
                film.sections.push(Section {
                    whole: change,
                    changes: Vec::new(),
                });
            }
        }
        Ok(film)
    }

    /// The time of the last thing that happened.
    #[must_use]
    pub const fn duration(&self) -> Duration {
        self.duration
    }

    /// How many bytes are held, compressed.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The time up to which moments are found at once; `None` if all are.
    #[must_use]
    pub const fn held_until(&self) -> Option<Duration> {
        self.held_until
    }

    /// The screen after everything that happened until `time`, without a pointer that the target does not paint: the
    /// same as if the recording is played from its start. `None` if the target had not said anything by then.
    ///
    /// `open` opens the recording, for moments that are not held.
    ///
    /// # Errors
    /// What `open` returns; as for [`Player::step`].
    pub fn seek<R: Read>(
        &self,
        time: Duration,
        open: impl FnOnce() -> Result<RecordingReader<R>>,
    ) -> Result<Option<Framebuffer>> {
        if self.held_until.is_some_and(|until| time >= until) {
            let mut player = Player::new(open()?);
            player.play_to(time, &mut |_, _| {})?;
            return Ok(player.screen().screen().cloned());
        }
        let past = self.sections.partition_point(|section| section.whole.at <= time);
        let Some(section) = past.checked_sub(1).and_then(|last| self.sections.get(last)) else {
            return Ok(None);
        };
        let mut screen = Framebuffer::new(section.whole.size).map_err(unfit)?;
        section.whole.paint(&mut screen)?;
        for change in section.changes.iter().take_while(|change| change.at <= time) {
            change.paint(&mut screen)?;
        }
        screen.take_damage();
        Ok(Some(screen))
    }
}

/// Says what is wrong with a picture that is asked for.
fn unfit(error: RfbError) -> Error {
    error.into_error(OPERATION)
}

impl Change {
    fn new(at: Duration, screen: &Framebuffer, parts: &[Rectangle]) -> Result<Self> {
        let mut pixels = ZlibEncoder::new(Vec::new(), Compression::fast());
        let mut write = || {
            for part in parts {
                for row in screen.rows(*part).map_err(std::io::Error::other)? {
                    pixels.write_all(row.as_flattened())?;
                }
            }
            pixels.try_finish()
        };
        write().map_err(|error| Error::from_io(ErrorKind::Internal, OPERATION, error))?;
        let pixels = std::mem::take(pixels.get_mut()).into_boxed_slice();
        Ok(Self {
            at,
            size: screen.size(),
            parts: parts.into(),
            pixels,
        })
    }

    fn bytes(&self) -> usize {
        self.pixels.len() + size_of_val(&*self.parts) + size_of::<Self>()
    }

    fn paint(&self, screen: &mut Framebuffer) -> Result<()> {
        screen.resize(self.size).map_err(unfit)?;
        let mut pixels = ZlibDecoder::new(&*self.pixels);
        for part in &self.parts {
            for row in screen.rows_mut(*part).map_err(unfit)? {
                let row: &mut [Rgba] = row;
                pixels
                    .read_exact(row.as_flattened_mut())
                    .map_err(|error| Error::from_io(ErrorKind::Internal, OPERATION, error))?;
            }
        }
        Ok(())
    }
}
