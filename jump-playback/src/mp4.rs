//! A film that every browser plays: H.264 in MP4.

use std::io::{Read, Write};
use std::time::Duration;

use jump_core::protocol::Picture;
use jump_core::recording::RecordingReader;
use jump_core::screen::Size;
use jump_core::{Error, ErrorKind, Result};
use jump_video::{MAX_PICTURES, VideoError, VideoSize, VideoWriter};

use super::pictures::{scaled, size_of};
use super::sample::{Sample, samples};
use super::{Decoder, Player, Survey, survey};

const WRITE: &str = "write the film";

/// A film that was written.
#[derive(Clone, Debug)]
pub struct Mp4 {
    /// What is in the recording.
    pub survey: Survey,
    /// The size of the film; smaller than [`Survey::largest`] if H.264 has none that large.
    pub size: Size,
}

/// Writes a recording as a film: what was seen from the first painted moment on, with the pointer, looked at up to
/// `most_per_second` times a second (1 to 60; others are brought into that range). Each picture lasts until something
/// changed. The film is as large as the screen ever was; a smaller one stands in its middle. A screen larger than 3840 by
/// 2160 pixels is made smaller.
///
/// `told` hears how much of the recording is written, and how long all of it is. The recording is opened twice, the output
/// is only appended to. Blocks; to stop it, let `out` fail.
///
/// # Errors
/// [`ErrorKind::NotFound`] if nothing was painted, [`ErrorKind::ResourceLimit`] for more than
/// [`MAX_PICTURES`] pictures, [`ErrorKind::Storage`] if writing fails, [`ErrorKind::Internal`] if the encoder fails, and as for
/// [`Player::step`]. A recording that is damaged, or that shows nothing, is noticed before anything is written.
pub fn mp4<D: Decoder, R: Read>(
    mut open: impl FnMut() -> Result<RecordingReader<R>>,
    most_per_second: u8,
    out: impl Write,
    told: &mut dyn FnMut(Duration, Duration),
) -> Result<Mp4> {
    let survey = survey::<D>(open()?)?;
    let begins = survey.painted()?;
    let most_per_second = most_per_second.clamp(1, 60);
    let every = Duration::from_secs(1) / u32::from(most_per_second);
    let side = |side: u32| u16::try_from(side).unwrap_or(u16::MAX);
    let size = VideoSize::fitting(side(survey.largest.width), side(survey.largest.height)).map_err(failed)?;
    let mut writer = VideoWriter::new(out, size, most_per_second).map_err(failed)?;
    let size = Size {
        width: size.width().into(),
        height: size.height().into(),
    };
    let mut until = begins;
    let each = &mut |sample: Sample<'_>| {
        let smaller: Picture;
        let picture = if size_of(sample.picture) == size {
            sample.picture
        } else {
            smaller = scaled(sample.picture, size)?;
            &smaller
        };
        writer
            .picture(picture.rgba.as_chunks().0, sample.lasts)
            .map_err(failed)?;
        until = until.saturating_add(sample.lasts);
        told(until.min(survey.duration), survey.duration);
        Ok(())
    };
    samples(Player::<D, _>::new(open()?), &survey, every, MAX_PICTURES, each)?;
    writer.finish().map_err(failed)?;
    Ok(Mp4 { survey, size })
}

fn failed(error: VideoError) -> Error {
    let kind = match error {
        VideoError::Write(error) => return Error::from_io(ErrorKind::Storage, WRITE, error),
        VideoError::TooManyPictures => ErrorKind::ResourceLimit,
        _ => ErrorKind::Internal,
    };
    Error::new(kind, WRITE, error.to_string()).with_source(error)
}
