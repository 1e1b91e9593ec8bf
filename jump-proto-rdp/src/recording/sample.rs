//! A recording as pictures that follow one another evenly.

use std::io::Read;
use std::time::Duration;

use jump_core::protocol::Picture;
use jump_core::{Error, ErrorKind, Result};

use super::pictures::{black, put};
use super::{OPERATION, Player, Survey};

/// Shows what is seen at the first painted moment and then at every multiple of `every`, with the pointer, at least 1 ms
/// apart, and how long. Where nothing changed there is no picture. A screen smaller than the film stands in its middle. There
/// are at most `most` pictures.
///
/// A picture is told when it is known how long it lasts, so two are held.
pub(super) fn samples(
    mut player: Player<impl Read>,
    survey: &Survey,
    every: Duration,
    most: u32,
    told: &mut dyn FnMut(&Picture, Duration) -> Result<()>,
) -> Result<u32> {
    let every = every.max(Duration::from_millis(1));
    let first = survey.painted()?;
    let mut at = first;
    let mut shown: Option<(Duration, Picture)> = None;
    let mut count = 0_u32;
    loop {
        player.play_to(at, &mut |_, _| {})?;
        let new = on_canvas(&player, survey.largest);
        if shown.as_ref().is_none_or(|(_, before)| *before != new) {
            if let Some((since, picture)) = shown.take() {
                told(&picture, at.saturating_sub(since))?;
            }
            count += 1;
            if count > most {
                let message = format!("a film has at most {most} pictures: take them further apart");
                return Err(Error::new(ErrorKind::ResourceLimit, OPERATION, message));
            }
            shown = Some((at, new));
        }
        let Some(next) = player.next_at()? else {
            break;
        };
        at = first + after(next.saturating_sub(first), every);
    }
    if let Some((since, picture)) = shown {
        told(&picture, survey.duration.saturating_sub(since).max(every))?;
    }
    Ok(count)
}

/// The first multiple of `every` that is not before `time`.
fn after(time: Duration, every: Duration) -> Duration {
    let count = time.as_micros().div_ceil(every.as_micros().max(1));
    u64::try_from(count * every.as_micros()).map_or(Duration::MAX / 2, Duration::from_micros)
}

fn on_canvas(player: &Player<impl Read>, (width, height): (u32, u32)) -> Picture {
    let mut canvas = black(width, height);
    if let Some(seen) = player.screen().seen() {
        if (seen.width, seen.height) == (width, height) {
            return seen;
        }
        // Colours of films have half the resolution: at an odd place they would be mixed with the black beside them.
        let before = |inner: u32, outer: u32| (outer.saturating_sub(inner) / 2) & !1;
        put(
            &mut canvas,
            &seen,
            before(seen.width, width),
            before(seen.height, height),
        );
    }
    canvas
}
