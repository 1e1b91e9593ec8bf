//! Replays a recording through our decoder, and times it.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use jump_core::{Error, ErrorKind, Result};
use jump_proto_vnc::decode::{Helpers, Progress, UpdateDecoder};
use jump_proto_vnc::wire::{Input, ServerMessage};
use jump_proto_vnc::{RfbError, RfbResult};

use super::Recording;
use crate::usage::own_cpu;

const OPERATION: &str = "replay a VNC server's stream";

/// What a replayer says of one pass over the recording.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Replayed {
    /// Processor time, of all threads.
    pub(crate) cpu: Duration,
    /// The time that it took.
    pub(crate) wall: Duration,
}

impl Replayed {
    /// Reads the line that a replayer prints: both in nanoseconds.
    pub(crate) fn read(line: &str) -> Result<Self> {
        let times: Option<Vec<u64>> = line.split_whitespace().map(|word| word.parse().ok()).collect();
        let Some(&[cpu, wall]) = times.as_deref() else {
            return Err(Error::new(
                ErrorKind::Internal,
                OPERATION,
                "this line is no times",
            ));
        };
        let [cpu, wall] = [cpu, wall].map(Duration::from_nanos);
        Ok(Self { cpu, wall })
    }
}

/// Replays `recording` as `replay.c` does, and prints the same line: one pass that is not counted, then as many as make up
/// `seconds`. `picture` gets the screen as R, G and B of each pixel.
pub(crate) fn replay(recording: &Path, seconds: f64, picture: Option<&Path>) -> Result<()> {
    let recording = Recording::read(recording)?;
    // As a session has them: they are there for all of it.
    let helpers = Helpers::of_this_machine();
    let (first, decoder) = pass(&recording, &helpers)?;
    let passes = (seconds / first.cpu.as_secs_f64().max(1e-9)) as u32 + 1;
    if let Some(picture) = picture {
        write_picture(&decoder, picture)?;
    }
    drop(decoder);
    let (mut cpu, mut wall) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..passes {
        let (took, _) = pass(&recording, &helpers)?;
        cpu += took.cpu;
        wall += took.wall;
    }
    let [cpu, wall] = [cpu, wall].map(|time| (time / passes).as_nanos());
    writeln!(std::io::stdout(), "{cpu} {wall}").map_err(storage)
}

fn storage(error: std::io::Error) -> Error {
    Error::from_io(ErrorKind::Storage, OPERATION, error)
}

fn pass(recording: &Recording, helpers: &Helpers) -> Result<(Replayed, UpdateDecoder)> {
    let wrong = |error: RfbError| error.into_error(OPERATION);
    // It is black: its pages are there before the clock runs.
    let decoder = UpdateDecoder::new(recording.size, recording.format).map_err(wrong)?;
    let mut decoder = decoder.with_helpers(helpers.clone());
    let (begun, started) = (own_cpu(), Instant::now());
    decode(&mut decoder, &recording.messages).map_err(wrong)?;
    let took = Replayed {
        wall: started.elapsed(),
        cpu: own_cpu().saturating_sub(begun),
    };
    Ok((took, decoder))
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
