//! Replays a recording through our decoder, and times it.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use jump_core::{Error, ErrorKind, Result};
use jump_proto_vnc::decode::{Progress, UpdateDecoder};
use jump_proto_vnc::wire::{Input, ServerMessage};
use jump_proto_vnc::{RfbError, RfbResult};
use rustix::time::{ClockId, clock_gettime};

use super::Recording;

const OPERATION: &str = "replay a VNC server's stream";

/// What a replayer says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Replayed {
    /// Processor time of one pass over the recording.
    pub(crate) pass: Duration,
}

impl Replayed {
    /// Reads the line that a replayer prints: nanoseconds.
    pub(crate) fn read(line: &str) -> Result<Self> {
        let nanos = line
            .trim()
            .parse()
            .map_err(|_| Error::new(ErrorKind::Internal, OPERATION, "this line is no time"))?;
        Ok(Self {
            pass: Duration::from_nanos(nanos),
        })
    }
}

/// Replays `recording` as `replay.c` does, and prints the same line: one pass that is not counted, then as many as make up
/// `seconds`. `picture` gets the screen as R, G and B of each pixel.
pub(crate) fn replay(recording: &Path, seconds: f64, picture: Option<&Path>) -> Result<()> {
    let recording = Recording::read(recording)?;
    let (first, decoder) = pass(&recording)?;
    let passes = (seconds / first.as_secs_f64().max(1e-9)) as u32 + 1;
    if let Some(picture) = picture {
        write_picture(&decoder, picture)?;
    }
    drop(decoder);
    let mut total = Duration::ZERO;
    for _ in 0..passes {
        total += pass(&recording)?.0;
    }
    writeln!(std::io::stdout(), "{}", (total / passes).as_nanos()).map_err(storage)
}

fn storage(error: std::io::Error) -> Error {
    Error::from_io(ErrorKind::Storage, OPERATION, error)
}

fn pass(recording: &Recording) -> Result<(Duration, UpdateDecoder)> {
    let wrong = |error: RfbError| error.into_error(OPERATION);
    // It is black: its pages are there before the clock runs.
    let mut decoder = UpdateDecoder::new(recording.size, recording.format).map_err(wrong)?;
    let begun = cpu();
    decode(&mut decoder, &recording.messages).map_err(wrong)?;
    Ok((cpu().saturating_sub(begun), decoder))
}

fn decode(decoder: &mut UpdateDecoder, messages: &[u8]) -> RfbResult<()> {
    let mut input = Input::new(messages);
    while !input.rest().is_empty() {
        let cut = RfbError::Protocol("the recording is cut");
        let frame = ServerMessage::next(&mut input)?.ok_or(cut.clone())?;
        if let ServerMessage::Update { rectangles } = frame.message {
            decoder.start(rectangles)?;
            let decoded = decoder.decode(input.rest(), &mut |_| ())?;
            if decoded.progress != Progress::Finished {
                return Err(cut);
            }
            input.take(decoded.consumed);
            // As who shows the picture does.
            decoder.screen_mut().take_damage();
        }
    }
    Ok(())
}

fn write_picture(decoder: &UpdateDecoder, path: &Path) -> Result<()> {
    let pixels = decoder.screen().pixels().iter();
    let rgb: Vec<u8> = pixels
        .flat_map(|&[red, green, blue, _]| [red, green, blue])
        .collect();
    std::fs::write(path, rgb).map_err(storage)
}

/// Processor time of this process so far.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}
