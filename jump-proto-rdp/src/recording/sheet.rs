//! A recording at a glance.

use std::io::Read;
use std::time::Duration;

use jump_core::Result;
use jump_core::protocol::Picture;
use jump_core::recording::RecordingReader;

use super::pictures::{black, fitting, put, scaled};
use super::{Player, Survey, survey};

/// What between pictures is left black, in pixels.
pub const GAP: u32 = 2;

/// How an overview is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SheetLayout {
    /// Pictures next to each other, 1 to 32.
    pub columns: u16,
    /// How many pictures at most, 1 to 256.
    pub pictures: u16,
    /// What each of them fits into, width and height, 1 to 1024 pixels either way.
    pub cell: (u32, u32),
}

/// Small pictures of a recording, evenly spread over its time, row by row.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// All of them. A screen that was larger at other times stands in the middle of its place.
    pub picture: Picture,
    /// How many are next to each other.
    pub columns: u16,
    /// What each has room in, width and height; the places are [`GAP`] apart.
    pub cell: (u32, u32),
    /// The time of each since the recording began.
    pub times: Vec<Duration>,
    /// What is in the recording.
    pub survey: Survey,
}

/// Makes an overview: the first painted moment, the last one, and others evenly between them. The recording is opened
/// twice. Numbers of the layout beyond their range are brought into it.
///
/// # Errors
/// [`ErrorKind::NotFound`](jump_core::ErrorKind::NotFound) if nothing was painted, and as for [`Player::step`].
pub fn sheet<R: Read>(
    mut open: impl FnMut() -> Result<RecordingReader<R>>,
    layout: SheetLayout,
) -> Result<Sheet> {
    let found = survey(open()?)?;
    let first = found.painted()?;
    let mut times = spread(first, found.duration, layout.pictures.clamp(1, 256));
    times.dedup();
    let count = u16::try_from(times.len()).unwrap_or(u16::MAX);
    let columns = layout.columns.clamp(1, 32).min(count);
    let frame = (layout.cell.0.clamp(1, 1024), layout.cell.1.clamp(1, 1024));
    let cell = fitting(found.largest, frame);
    let length = |cells: u16, side: u32| (u32::from(cells) * (side + GAP)).saturating_sub(GAP);
    let mut picture = black(length(columns, cell.0), length(count.div_ceil(columns), cell.1));
    let mut player = Player::new(open()?);
    for (index, at) in (0_u16..).zip(&times) {
        player.play_to(*at, &mut |_, _| {})?;
        let Some(seen) = player.screen().seen() else {
            continue;
        };
        let (width, height) = fitting((seen.width, seen.height), cell);
        let small = scaled(&seen, width, height)?;
        let x = u32::from(index % columns) * (cell.0 + GAP) + (cell.0 - width) / 2;
        let y = u32::from(index / columns) * (cell.1 + GAP) + (cell.1 - height) / 2;
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
