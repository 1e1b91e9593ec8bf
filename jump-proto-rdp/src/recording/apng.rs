//! An animation without loss (APNG, W3C "Portable Network Graphics (PNG) Specification (Third Edition)").

use std::io::{Read, Write};
use std::time::Duration;

use jump_core::Result;
use jump_core::recording::RecordingReader;

use super::pictures::{not_written, rgb, rows};
use super::sample::samples;
use super::{Player, Survey, survey};

/// The most pictures in one animation.
const MAX_PICTURES: u32 = 100_000;

/// Writes a recording as an animation that is played once: what was seen every so often, with the pointer, and how long.
/// It is as large as the screen ever was; a smaller one stands in its middle. The recording is opened three times, because an
/// animation says at its beginning how many pictures it has.
///
/// # Errors
/// [`ErrorKind::NotFound`](jump_core::ErrorKind::NotFound) if nothing was painted,
/// [`ErrorKind::ResourceLimit`](jump_core::ErrorKind::ResourceLimit) for more than 100 000 pictures,
/// [`ErrorKind::Storage`](jump_core::ErrorKind::Storage) if writing fails, and as for [`Player::step`].
pub fn apng<R: Read>(
    mut open: impl FnMut() -> Result<RecordingReader<R>>,
    every: Duration,
    out: impl Write,
) -> Result<Survey> {
    let found = survey(open()?)?;
    let count = samples(Player::new(open()?), &found, every, MAX_PICTURES, &mut |_, _| {
        Ok(())
    })?;
    let (width, height) = found.largest;
    let mut encoder = ::png::Encoder::new(out, width, height);
    encoder.set_color(::png::ColorType::Rgb);
    encoder.set_depth(::png::BitDepth::Eight);
    encoder.set_animated(count, 1).map_err(not_written)?;
    let mut writer = encoder.write_header().map_err(not_written)?;
    let told = &mut |picture: &_, lasts: Duration| {
        let bytes: Vec<u8> = rows(picture).flat_map(rgb).collect();
        let (numerator, denominator) = delay(lasts);
        writer
            .set_frame_delay(numerator, denominator)
            .map_err(not_written)?;
        writer.write_image_data(&bytes).map_err(not_written)
    };
    samples(Player::new(open()?), &found, every, MAX_PICTURES, told)?;
    writer.finish().map_err(not_written)?;
    Ok(found)
}

/// A fraction of seconds: milliseconds up to 65.535 s, seconds above; the longest is 65 535 s.
fn delay(lasts: Duration) -> (u16, u16) {
    match u16::try_from(lasts.as_millis()) {
        Ok(milliseconds) => (milliseconds, 1000),
        Err(_) => (u16::try_from(lasts.as_secs()).unwrap_or(u16::MAX), 1),
    }
}
