//! A recording at a glance.

use std::io::Read;
use std::time::Duration;

use jump_core::Result;
use jump_core::recording::RecordingReader;

use super::pictures::{fitting, scaled, unfit};
use super::{Player, Survey, survey};
use crate::framebuffer::Framebuffer;
use crate::wire::{Rectangle, Size};

/// What between pictures is left black, in pixels.
pub const GAP: u16 = 2;

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
    pub picture: Framebuffer,
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
/// [`ErrorKind::NotFound`](jump_core::ErrorKind::NotFound) if nothing was painted,
/// [`ErrorKind::ResourceLimit`](jump_core::ErrorKind::ResourceLimit) if the whole would be larger than a framebuffer may be,
/// and as for [`Player::step`].
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
    let frame = Size {
        width: layout.cell.width.clamp(1, 1024),
        height: layout.cell.height.clamp(1, 1024),
    };
    let cell = fitting(found.largest, frame);
    let length = |cells: u16, side: u16| cells.saturating_mul(side + GAP).saturating_sub(GAP);
    let mut picture = Framebuffer::new(Size {
        width: length(columns, cell.width),
        height: length(count.div_ceil(columns), cell.height),
    })
    .map_err(unfit)?;
    let mut player = Player::new(open()?);
    for (index, at) in (0_u16..).zip(&times) {
        player.play_to(*at, &mut |_, _| {})?;
        let seen = player.screen().seen().unwrap_or_default();
        let small = scaled(&seen, fitting_within(seen.size(), cell)).map_err(unfit)?;
        let place = Rectangle {
            x: (index % columns) * (cell.width + GAP) + (cell.width - small.size().width) / 2,
            y: (index / columns) * (cell.height + GAP) + (cell.height - small.size().height) / 2,
            width: small.size().width,
            height: small.size().height,
        };
        picture.paint(place, small.pixels()).map_err(unfit)?;
    }
    Ok(Sheet {
        picture,
        columns,
        cell,
        times,
        survey: found,
    })
}

/// As [`fitting`], but nothing of a screen without pixels.
fn fitting_within(size: Size, cell: Size) -> Size {
    if size.pixels() == 0 {
        Size::default()
    } else {
        fitting(size, cell)
    }
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
