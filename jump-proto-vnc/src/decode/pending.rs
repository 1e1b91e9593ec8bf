//! Pictures of an update that helpers decode while the rest of it is read, and what was painted behind them. All of it is
//! painted and told in the order in which it came.

use std::collections::VecDeque;
use std::sync::Arc;

use super::UpdateEvent;
use super::helpers::{Helpers, Job};
use super::layout::MAX_PICTURE_PIXELS;
use super::picture::{Picture, Pixels};
use crate::framebuffer::Framebuffer;
use crate::wire::Rectangle;
use crate::{RfbError, RfbResult};

/// Smaller pictures are decoded sooner than given away.
const LEAST_PIXELS: usize = 32 * 32;
/// How many pictures may be under way for each thread, the reading one included.
const PICTURES_EACH: usize = 4;
/// How many rectangles may be held back until those before them are painted.
const MOST_HELD: usize = 1024;
/// Memory for pixels that is kept to be used again: so many pieces, of at most so many bytes. Servers' pictures have up to
/// 65536 pixels.
const MOST_ROOMS: usize = 16;
const MOST_ROOM: usize = 256 * 1024;

const FAILED: RfbError = RfbError::Protocol("a picture cannot be decoded");

/// A picture that was given away.
type Given = Arc<Job<RfbResult<Pixels>>>;

#[derive(Debug)]
enum Held {
    Picture(Rectangle, Given),
    /// Painted already, and not told.
    Painted(Rectangle),
}

/// What was read and not told. Pictures in it have no more pixels together than a single one may have, so they take no more
/// memory than that.
#[derive(Debug, Default)]
pub(super) struct Pending {
    helpers: Helpers,
    held: VecDeque<Held>,
    pictures: usize,
    pixels: usize,
    rooms: Vec<Vec<u8>>,
}

/// Where what is painted goes, and who is told.
pub(super) struct Canvas<'a> {
    pub(super) screen: &'a mut Framebuffer,
    pub(super) told: &'a mut dyn FnMut(UpdateEvent),
}

impl Canvas<'_> {
    fn painted(&mut self, part: Rectangle) {
        self.screen.mark(part);
        (self.told)(UpdateEvent::Painted(part));
    }
}

impl Pending {
    pub(super) fn new(helpers: Helpers) -> Self {
        Self {
            helpers,
            ..Self::default()
        }
    }

    /// Paints a picture, or has it decoded and paints it later. The last rectangle of an update is painted at once: a helper would
    /// have to be woken, and there is nothing to do meanwhile.
    ///
    /// # Errors
    /// What is wrong with it or with one before it.
    pub(super) fn picture(
        &mut self,
        canvas: &mut Canvas<'_>,
        part: Rectangle,
        picture: Picture,
        last: bool,
    ) -> RfbResult<()> {
        let (most, pixels) = (self.helpers.most(), part.pixels());
        let room = self.rooms.pop().unwrap_or_default();
        if most == 0 || pixels < LEAST_PIXELS || last {
            let job = Helpers::none().give(move || picture.decode(room));
            self.paint(canvas, part, &job)?;
            return self.painted(canvas, part);
        }
        while self.pictures >= (most + 1) * PICTURES_EACH || self.pixels + pixels > MAX_PICTURE_PIXELS {
            self.next(canvas)?;
        }
        let job = self.helpers.give(move || picture.decode(room));
        self.held.push_back(Held::Picture(part, job));
        self.pictures += 1;
        self.pixels += pixels;
        self.tell(canvas)
    }

    /// A rectangle was painted that [`before`](Self::before) had made way for.
    ///
    /// # Errors
    /// What is wrong with a picture before it.
    pub(super) fn painted(&mut self, canvas: &mut Canvas<'_>, part: Rectangle) -> RfbResult<()> {
        if self.held.is_empty() {
            canvas.painted(part);
            return Ok(());
        }
        self.held.push_back(Held::Painted(part));
        if self.held.len() > MOST_HELD {
            self.next(canvas)?;
        }
        self.tell(canvas)
    }

    /// Paints what a rectangle is about to paint over.
    ///
    /// # Errors
    /// What is wrong with a picture.
    pub(super) fn before(&mut self, canvas: &mut Canvas<'_>, part: Rectangle) -> RfbResult<()> {
        let over = |held: &Held| matches!(held, Held::Picture(below, _) if below.overlaps(part));
        while self.pictures > 0 && self.held.iter().any(over) {
            self.next(canvas)?;
        }
        Ok(())
    }

    /// Paints and tells everything.
    ///
    /// # Errors
    /// What is wrong with the first picture that something is wrong with.
    pub(super) fn all(&mut self, canvas: &mut Canvas<'_>) -> RfbResult<()> {
        while !self.held.is_empty() {
            self.next(canvas)?;
        }
        Ok(())
    }

    /// Paints and tells what need not be waited for.
    fn tell(&mut self, canvas: &mut Canvas<'_>) -> RfbResult<()> {
        let ready = |held: &Held| match held {
            Held::Picture(_, job) => job.has_ended(),
            Held::Painted(_) => true,
        };
        while self.held.front().is_some_and(ready) {
            self.next(canvas)?;
        }
        Ok(())
    }

    /// Paints and tells the next one; while a helper is at it, decodes another.
    fn next(&mut self, canvas: &mut Canvas<'_>) -> RfbResult<()> {
        let Some(first) = self.held.pop_front() else {
            return Ok(());
        };
        let part = match first {
            Held::Painted(part) => part,
            Held::Picture(part, job) => {
                self.pictures -= 1;
                self.pixels -= part.pixels();
                job.run_here();
                let mut later = self.held.iter();
                while !job.has_ended() {
                    match later.next() {
                        Some(Held::Picture(_, later)) => drop(later.run_here()),
                        Some(Held::Painted(_)) => {}
                        None => break,
                    }
                }
                if let Err(error) = self.paint(canvas, part, &job) {
                    // What came behind it does not count any more.
                    self.held.clear();
                    (self.pictures, self.pixels) = (0, 0);
                    return Err(error);
                }
                part
            }
        };
        canvas.painted(part);
        Ok(())
    }

    fn paint(&mut self, canvas: &mut Canvas<'_>, part: Rectangle, job: &Given) -> RfbResult<()> {
        let pixels = job.finish().ok_or(FAILED)??;
        pixels.paint(canvas.screen, part)?;
        let room = pixels.into_room();
        if self.rooms.len() < MOST_ROOMS && room.capacity() <= MOST_ROOM {
            self.rooms.push(room);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::picture::Kind;
    use super::*;
    use crate::wire::Size;

    fn jpeg(size: Size) -> Picture {
        let mut bytes = Vec::new();
        let pixels = vec![128; size.pixels()];
        jpeg_encoder::Encoder::new(&mut bytes, 50)
            .encode(&pixels, size.width, size.height, jpeg_encoder::ColorType::Luma)
            .unwrap();
        Picture {
            kind: Kind::Jpeg,
            size,
            bytes,
        }
    }

    /// Gives so many pictures of a size away; what was told while they were, and behind them.
    fn give(helpers: Helpers, count: u16, size: Size) -> (Vec<Rectangle>, Vec<Rectangle>) {
        let whole = Size {
            height: size.height * count,
            ..size
        };
        let mut screen = Framebuffer::new(whole).unwrap();
        let mut pending = Pending::new(helpers);
        let mut told = Vec::new();
        let mut note = |event| {
            if let UpdateEvent::Painted(part) = event {
                told.push(part);
            }
        };
        let mut canvas = Canvas {
            screen: &mut screen,
            told: &mut note,
        };
        let parts = (0..count).map(|number| Rectangle {
            y: number * size.height,
            ..Rectangle::whole(size)
        });
        for part in parts.clone() {
            pending.picture(&mut canvas, part, jpeg(size), false).unwrap();
            assert!(pending.pixels <= MAX_PICTURE_PIXELS);
            assert!(pending.pictures <= (pending.helpers.most() + 1) * PICTURES_EACH);
        }
        pending.all(&mut canvas).unwrap();
        assert_eq!((pending.pictures, pending.pixels, pending.held.len()), (0, 0, 0));
        assert!(pending.rooms.len() <= MOST_ROOMS);
        assert!(pending.rooms.iter().all(|room| room.capacity() <= MOST_ROOM));
        assert!(screen.pixels().iter().all(|pixel| *pixel == [128, 128, 128, 255]));
        (told, parts.collect())
    }

    #[test]
    fn pictures_under_way_are_few_and_have_no_more_pixels_than_one_may_have() {
        let small = Size {
            width: 64,
            height: 64,
        };
        let large = Size {
            width: 2048,
            height: 1024,
        };
        for (count, size) in [(100, small), (4, large)] {
            for helpers in [Helpers::none(), Helpers::new(1), Helpers::new(4)] {
                let (told, expected) = give(helpers, count, size);
                assert_eq!(told, expected);
            }
        }
    }

    #[test]
    fn the_last_picture_of_an_update_waits_for_nobody() {
        let size = Size {
            width: 2048,
            height: 1024,
        };
        let mut screen = Framebuffer::new(size).unwrap();
        let mut told = Vec::new();
        let mut note = |event| told.push(event);
        let mut canvas = Canvas {
            screen: &mut screen,
            told: &mut note,
        };
        let mut pending = Pending::new(Helpers::new(1));
        let part = Rectangle::whole(size);
        pending.picture(&mut canvas, part, jpeg(size), true).unwrap();
        assert!(pending.held.is_empty());
        assert!(matches!(told[..], [UpdateEvent::Painted(painted)] if painted == part));
    }
}
