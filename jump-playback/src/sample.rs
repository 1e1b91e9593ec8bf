//! A recording as pictures that follow one another evenly.

use std::io::Read;
use std::time::Duration;

use jump_core::protocol::{Area, Picture};
use jump_core::screen::Size;
use jump_core::{Error, ErrorKind, Result};

use super::pictures::{black, put, rows, size_of};
use super::{Decoder, OPERATION, Player, Survey};

/// A picture that differs from the one before.
pub(super) struct Sample<'a> {
    /// How long it is seen.
    pub(super) lasts: Duration,
    /// What differs; the whole of the first one.
    pub(super) changed: Area,
    /// All of it, in the size of the film.
    pub(super) picture: &'a Picture,
}

/// Shows what is seen at the first painted moment and then at every multiple of `every`, with the pointer, at least 1 ms
/// apart. Where nothing changed there is no picture. A screen smaller than the film stands in its middle. There are at most
/// `most` pictures.
///
/// A picture is told when it is known how long it lasts, so two are held.
pub(super) fn samples<D: Decoder>(
    mut player: Player<D, impl Read>,
    survey: &Survey,
    every: Duration,
    most: u32,
    told: &mut dyn FnMut(Sample<'_>) -> Result<()>,
) -> Result<u32> {
    let every = every.max(Duration::from_millis(1));
    let first = survey.painted()?;
    let mut at = first;
    let mut shown: Option<(Duration, Area, Picture)> = None;
    let mut count = 0_u32;
    loop {
        player.play_to(at, &mut |_, _| {})?;
        let new = on_canvas(player.screen(), survey.largest);
        let changed = match &shown {
            None => Some(survey.largest.whole()),
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

fn on_canvas(screen: &impl Decoder, size: Size) -> Picture {
    let Some(seen) = screen.seen() else {
        return black(size);
    };
    if size_of(&seen) == size {
        return seen;
    }
    // Colours of films have half the resolution: at an odd place they would be mixed with the black beside them.
    let before = |inner: u32, outer: u32| (outer.saturating_sub(inner) / 2) & !1;
    let mut canvas = black(size);
    let (x, y) = (before(seen.width, size.width), before(seen.height, size.height));
    put(&mut canvas, &seen, x, y);
    canvas
}

/// The smallest part outside of which two pictures of one size are the same; `None` if they are everywhere.
fn difference(one: &Picture, other: &Picture) -> Option<Area> {
    let mut found: Option<(u32, u32, u32, u32)> = None;
    for (y, (one, other)) in (0_u32..).zip(rows(one).zip(rows(other))) {
        if one == other {
            continue;
        }
        let pixels = || one.as_chunks::<4>().0.iter().zip(other.as_chunks::<4>().0);
        let left = pixels().position(|(one, other)| one != other)?;
        let same = pixels().rev().position(|(one, other)| one != other)?;
        let (left, right) = (
            u32::try_from(left).ok()?,
            u32::try_from(one.len() / 4 - same).ok()?,
        );
        let (x0, y0, x1, _) = found.unwrap_or((left, y, right, y));
        found = Some((x0.min(left), y0, x1.max(right), y + 1));
    }
    let (x0, y0, x1, y1) = found?;
    Some(Area {
        x: x0,
        y: y0,
        width: x1 - x0,
        height: y1 - y0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_found_to_the_pixel() {
        let size = Size { width: 7, height: 5 };
        let before = black(size);
        assert_eq!(difference(&before, &before), None);
        for (x0, y0, x1, y1) in [(0, 0, 6, 4), (2, 1, 4, 3), (3, 2, 3, 2), (6, 0, 6, 4)] {
            let mut after = before.clone();
            for (x, y) in [(x0, y0), (x1, y1)] {
                after.rgba[(y * 7 + x) * 4] = 9;
            }
            let wanted = [x0, y0, x1 - x0 + 1, y1 - y0 + 1].map(|side| side as u32);
            let Area { x, y, width, height } = difference(&before, &after).unwrap();
            assert_eq!([x, y, width, height], wanted);
        }
    }
}
