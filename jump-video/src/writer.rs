//! A film, picture by picture.

use std::io::Write;
use std::time::Duration;

use crate::container::{Index, TIMESCALE, begin, data_header};
use crate::encoder::Encoder;
use crate::{VideoError, VideoResult, VideoSize};

/// The most pictures in one film: its index, which is written at the end, is at most 20 MB then.
pub const MAX_PICTURES: u32 = 1_000_000;

/// Pictures are written together once they have this many bytes.
const CHUNK: usize = 1024 * 1024;

/// A player that is sent to some moment decodes no more than this much of the film before it.
const KEYS_APART: u64 = 10 * TIMESCALE as u64;

/// Writes a film. It holds one picture, what the encoder keeps of those before it, up to 1 MiB that was encoded, and at most
/// 20 bytes of index per picture.
///
/// What was written is no film before [`finish`](Self::finish).
pub struct VideoWriter<W> {
    out: W,
    written: u64,
    size: VideoSize,
    encoder: Encoder,
    index: Index,
    chunk: Vec<u8>,
    pictures_of_chunk: u32,
    until: Duration,
    /// When the last picture began that can be begun with.
    key: Option<u64>,
}

impl<W> std::fmt::Debug for VideoWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VideoWriter")
            .field("size", &self.size)
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}

impl<W: Write> VideoWriter<W> {
    /// Begins a film of pictures of this size. No more than `most_per_second` pictures come in a second (at least 1): by that
    /// the level is chosen which a player must have (ITU-T H.264 Annex A).
    ///
    /// # Errors
    /// [`VideoError::Encoder`] if the encoder cannot be made.
    pub fn new(out: W, size: VideoSize, most_per_second: u8) -> VideoResult<Self> {
        Ok(Self {
            out,
            written: 0,
            size,
            encoder: Encoder::new(size, most_per_second.max(1))?,
            index: Index::default(),
            chunk: Vec::new(),
            pictures_of_chunk: 0,
            until: Duration::ZERO,
            key: None,
        })
    }

    /// Adds a picture that is seen this long: row by row from the upper left corner, red, green and blue; the fourth byte of a
    /// pixel is not looked at. Times are kept to the millisecond, without a sum of what was rounded; a picture is seen at
    /// most 49 days.
    ///
    /// # Errors
    /// [`VideoError::Pixels`] if the picture has another size; [`VideoError::TooManyPictures`]; [`VideoError::Encoder`];
    /// [`VideoError::Write`]. After an error there is no film.
    pub fn picture(&mut self, pixels: &[[u8; 4]], lasts: Duration) -> VideoResult<()> {
        if pixels.len() != self.size.pixels() {
            return Err(VideoError::Pixels {
                wanted: self.size.pixels(),
                found: pixels.len(),
            });
        }
        if self.index.pictures() >= MAX_PICTURES {
            return Err(VideoError::TooManyPictures);
        }
        let begins = milliseconds(self.until);
        self.until = self.until.saturating_add(lasts);
        let lasts = milliseconds(self.until) - begins;
        let wanted = self.key.is_none_or(|key| begins - key >= KEYS_APART);
        let before = self.chunk.len();
        let key = self.encoder.encode(pixels, begins, wanted, &mut self.chunk)?;
        if key {
            self.key = Some(begins);
        }
        let length = u32::try_from(self.chunk.len() - before)
            .map_err(|_| VideoError::Encoder("a picture is too large".to_owned()))?;
        self.index
            .picture(length, u32::try_from(lasts).unwrap_or(u32::MAX), key);
        self.pictures_of_chunk += 1;
        if self.chunk.len() >= CHUNK {
            self.write_chunk()?;
        }
        Ok(())
    }

    /// Writes what is left, and the index; the output, with everything written to it.
    ///
    /// # Errors
    /// [`VideoError::NoPicture`]; [`VideoError::Container`]; [`VideoError::Write`].
    pub fn finish(mut self) -> VideoResult<W> {
        if self.index.pictures() == 0 {
            return Err(VideoError::NoPicture);
        }
        self.write_chunk()?;
        let mut index = Vec::new();
        self.index
            .write(self.size, &self.encoder.into_parameters(), &mut index)?;
        self.out.write_all(&index)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn write_chunk(&mut self) -> VideoResult<()> {
        if self.pictures_of_chunk == 0 {
            return Ok(());
        }
        let mut before = Vec::new();
        if self.written == 0 {
            begin(&mut before)?;
        }
        data_header(self.chunk.len(), &mut before)?;
        self.out.write_all(&before)?;
        self.out.write_all(&self.chunk)?;
        let place = self.written + before.len() as u64;
        self.written = place + self.chunk.len() as u64;
        self.index.chunk(place, self.pictures_of_chunk);
        self.pictures_of_chunk = 0;
        self.chunk.clear();
        Ok(())
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
