//! A recording at a glance.

use std::io::Read;
use std::time::Duration;

use jump_core::protocol::{BYTES_PER_PIXEL, Picture};
use jump_core::recording::RecordingReader;
use jump_core::screen::Size;
use jump_core::{Error, ErrorKind, Result};

use super::pictures::{black, fitting, put, scaled, size_of};
use super::{Decoder, OPERATION, Player, Survey, survey};

/// What between pictures is left black, in pixels.
pub const GAP: u32 = 2;
/// The most bytes of an overview.
const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// How an overview is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SheetLayout {
    /// Pictures next to each other, 1 to 32.
    pub columns: u16,
    /// How many pictures at most, 1 to 256.
    pub pictures: u16,
    /// What each of them fits into, 1 to 1024 pixels either way.
    pub cell: Size,
}

/// Small pictures of a recording, evenly spread over its time, row by row.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// All of them. A screen that was larger at other times stands in the middle of its place.
    pub picture: Picture,
    /// How many are next to each other.
    pub columns: u16,
    /// What each has room in; the places are [`GAP`] apart.
    pub cell: Size,
    /// The time of each since the recording began.
    pub times: Vec<Duration>,
    /// What is in the recording.
    pub survey: Survey,
}

/// Makes an overview: the first painted moment, the last one, and others evenly between them. The recording is opened
/// twice. Numbers of the layout beyond their range are brought into it.
///
/// # Errors
/// [`ErrorKind::NotFound`] if nothing was painted, [`ErrorKind::ResourceLimit`] if the whole would have more than 256 MiB, and as for
/// [`Player::step`].
pub fn sheet<D: Decoder, R: Read>(
    mut open: impl FnMut() -> Result<RecordingReader<R>>,
    layout: SheetLayout,
) -> Result<Sheet> {
    let found = survey::<D>(open()?)?;
    let first = found.painted()?;
    let mut times = spread(first, found.duration, layout.pictures.clamp(1, 256));
    times.dedup();
    let count = u16::try_from(times.len()).unwrap_or(u16::MAX);
    let columns = layout.columns.clamp(1, 32).min(count);
    let frame = Size {
        width: layout.cell.width.clamp(1, 1024),
        height: layout.cell.height.clamp(1, 1024),
    };
    let cell = fitting(found.largest, frame);
    let length = |cells: u16, side: u32| (u32::from(cells) * (side + GAP)).saturating_sub(GAP);
    let size = Size {
        width: length(columns, cell.width),
        height: length(count.div_ceil(columns), cell.height),
    };
    if size.pixels() > MAX_BYTES / BYTES_PER_PIXEL as u64 {
        let message = "an overview has at most 256 MiB: ask for fewer or smaller pictures";
        return Err(Error::new(ErrorKind::ResourceLimit, OPERATION, message));
    }
    let mut picture = black(size);
    let mut player = Player::<D, _>::new(open()?);
    for (index, at) in (0_u16..).zip(&times) {
        player.play_to(*at, &mut |_, _| {})?;
        let Some(seen) = player.screen().seen() else {
            continue;
        };
        let of = size_of(&seen);
        if of.pixels() == 0 {
            continue;
        }
        let inner = fitting(of, cell);
        let small = scaled(&seen, inner)?;
        let x = u32::from(index % columns) * (cell.width + GAP) + (cell.width - inner.width) / 2;
        let y = u32::from(index / columns) * (cell.height + GAP) + (cell.height - inner.height) / 2;
        put(&mut picture, &small, x, y);
    }
    Ok(Sheet {
        picture,
        columns,
        cell,
        times,
        survey: found,
    })
}

fn spread(first: Duration, last: Duration, count: u16) -> Vec<Duration> {
    let length = last.saturating_sub(first);
    let parts = u32::from(count.saturating_sub(1)).max(1);
    let mut times: Vec<_> = (0..u32::from(count))
        .map(|n| first + (length / parts).saturating_mul(n))
        .collect();
    // The parts are rounded.
    if count > 1
        && let Some(end) = times.last_mut()
    {
        *end = last.max(first);
    }
    times
}
