//! An animation without loss (APNG, W3C "Portable Network Graphics (PNG) Specification (Third Edition)").

use std::io::{Read, Write};
use std::time::Duration;

use jump_core::Result;
use jump_core::recording::RecordingReader;

use super::pictures::{not_written, rgb, rows};
use super::sample::{Sample, samples};
use super::{Decoder, Player, Survey, survey};

/// The most pictures in one animation.
const MAX_PICTURES: u32 = 100_000;

/// Writes a recording as an animation that is played once: what was seen every so often, with the pointer, and how long.
/// It is as large as the screen ever was; a smaller one stands in its middle. A picture holds only the part that changed.
/// The recording is opened three times, because an animation says at its beginning how many pictures it has.
///
/// # Errors
/// [`ErrorKind::NotFound`](jump_core::ErrorKind::NotFound) if nothing was painted,
/// [`ErrorKind::ResourceLimit`](jump_core::ErrorKind::ResourceLimit) for more than 100 000 pictures,
/// [`ErrorKind::Storage`](jump_core::ErrorKind::Storage) if writing fails, and as for [`Player::step`].
pub fn apng<D: Decoder, R: Read>(
    mut open: impl FnMut() -> Result<RecordingReader<R>>,
    every: Duration,
    out: impl Write,
) -> Result<Survey> {
    let found = survey::<D>(open()?)?;
    let player = Player::<D, _>::new(open()?);
    let count = samples(player, &found, every, MAX_PICTURES, &mut |_| Ok(()))?;
    let mut encoder = ::png::Encoder::new(out, found.largest.width, found.largest.height);
    encoder.set_color(::png::ColorType::Rgb);
    encoder.set_depth(::png::BitDepth::Eight);
    encoder.set_animated(count, 1).map_err(not_written)?;
    let mut writer = encoder.write_header().map_err(not_written)?;
    let player = Player::<D, _>::new(open()?);
    samples(player, &found, every, MAX_PICTURES, &mut |sample| {
        picture(&mut writer, &sample)
    })?;
    writer.finish().map_err(not_written)?;
    Ok(found)
}

fn picture(writer: &mut ::png::Writer<impl Write>, sample: &Sample<'_>) -> Result<()> {
    let part = sample.changed;
    let (left, right) = (part.x as usize * 4, (part.x + part.width) as usize * 4);
    let bytes: Vec<u8> = rows(sample.picture)
        .skip(part.y as usize)
        .take(part.height as usize)
        .flat_map(|row| rgb(row.get(left..right).unwrap_or_default()))
        .collect();
    let (numerator, denominator) = delay(sample.lasts);
    let mut write = || {
        writer.set_frame_delay(numerator, denominator)?;
        writer.reset_frame_position()?;
        writer.set_frame_dimension(part.width, part.height)?;
        writer.set_frame_position(part.x, part.y)?;
        writer.write_image_data(&bytes)
    };
    write().map_err(not_written)
}

/// A fraction of seconds: milliseconds up to 65.535 s, seconds above; the longest is 65 535 s.
fn delay(lasts: Duration) -> (u16, u16) {
    match u16::try_from(lasts.as_millis()) {
        Ok(milliseconds) => (milliseconds, 1000),
        Err(_) => (u16::try_from(lasts.as_secs()).unwrap_or(u16::MAX), 1),
    }
}
