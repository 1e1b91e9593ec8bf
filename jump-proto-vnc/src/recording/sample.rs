//! A recording as pictures that follow one another evenly.

use std::io::Read;
use std::time::Duration;

use jump_core::{Error, ErrorKind, Result};

use super::pictures::unfit;
use super::{OPERATION, Player, Survey};
use crate::framebuffer::Framebuffer;
use crate::wire::{Rectangle, Size};

/// A picture that differs from the one before.
pub(super) struct Sample<'a> {
    /// How long it is seen.
    pub(super) lasts: Duration,
    /// What differs; the whole of the first one.
    pub(super) changed: Rectangle,
    /// All of it, in the size of the film.
    pub(super) picture: &'a Framebuffer,
}

/// Shows what is seen at the first painted moment and then at every multiple of `every`, with the pointer, at least 1 ms
/// apart. Where nothing changed there is no picture. A screen smaller than the film stands in its middle. There are at most
/// `most` pictures.
///
/// A picture is told when it is known how long it lasts, so two are held.
pub(super) fn samples(
    mut player: Player<impl Read>,
    survey: &Survey,
    every: Duration,
    most: u32,
    told: &mut dyn FnMut(Sample<'_>) -> Result<()>,
) -> Result<u32> {
    let every = every.max(Duration::from_millis(1));
    let first = survey.painted()?;
    let mut at = first;
    let mut shown: Option<(Duration, Rectangle, Framebuffer)> = None;
    let mut count = 0_u32;
    loop {
        player.play_to(at, &mut |_, _| {})?;
        let new = on_canvas(&player, survey.largest)?;
        let changed = match &shown {
            None => Some(Rectangle::whole(survey.largest)),
            Some((_, _, before)) => difference(before, &new),
        };
        if let Some(changed) = changed {
            if let Some((since, part, picture)) = shown.take() {
                told(Sample {
                    lasts: at.saturating_sub(since),
                    changed: part,
                    picture: &picture,
                })?;
            }
            count += 1;
            if count > most {
                let message = format!("a film has at most {most} pictures: take them further apart");
                return Err(Error::new(ErrorKind::ResourceLimit, OPERATION, message));
            }
            shown = Some((at, changed, new));
        }
        let Some(next) = player.next_at()? else {
            break;
        };
        at = first + after(next.saturating_sub(first), every);
    }
    if let Some((since, part, picture)) = shown {
        told(Sample {
            lasts: survey.duration.saturating_sub(since).max(every),
            changed: part,
            picture: &picture,
        })?;
    }
    Ok(count)
}

/// The first multiple of `every` that is not before `time`.
fn after(time: Duration, every: Duration) -> Duration {
    let count = time.as_micros().div_ceil(every.as_micros().max(1));
    u64::try_from(count * every.as_micros()).map_or(Duration::MAX / 2, Duration::from_micros)
}

fn on_canvas(player: &Player<impl Read>, size: Size) -> Result<Framebuffer> {
    let seen = player.screen().seen().unwrap_or_default();
    if seen.size() == size {
        return Ok(seen);
    }
    let Size { width, height } = seen.size();
    // Colours of films have half the resolution: at an odd place they would be mixed with the black beside them.
    let before = |inner: u16, outer: u16| (outer.saturating_sub(inner) / 2) & !1;
    let middle = Rectangle {
        x: before(width, size.width),
        y: before(height, size.height),
        width,
        height,
    };
    let mut canvas = Framebuffer::new(size).map_err(unfit)?;
    canvas.paint(middle, seen.pixels()).map_err(unfit)?;
    Ok(canvas)
}

/// The smallest part outside of which two pictures of one size are the same; `None` if they are everywhere.
fn difference(one: &Framebuffer, other: &Framebuffer) -> Option<Rectangle> {
    let width = usize::from(one.size().width).max(1);
    let rows = one.pixels().chunks(width).zip(other.pixels().chunks(width));
    let mut found: Option<(u16, u16, u16, u16)> = None;
    for (y, (one, other)) in (0_u16..).zip(rows) {
        if one == other {
            continue;
        }
        let differs = || one.iter().zip(other).map(|(one, other)| one != other);
        let left = differs().position(|differs| differs)?;
        let right = one.len()
            - one
                .iter()
                .zip(other)
                .rev()
                .position(|(one, other)| one != other)?;
        let (left, right) = (u16::try_from(left).ok()?, u16::try_from(right).ok()?);
        let (x0, y0, x1, _) = found.unwrap_or((left, y, right, y));
        found = Some((x0.min(left), y0, x1.max(right), y + 1));
    }
    let (x0, y0, x1, y1) = found?;
    Some(Rectangle {
        x: x0,
        y: y0,
        width: x1 - x0,
        height: y1 - y0,
    })
}
