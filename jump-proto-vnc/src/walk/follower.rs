//! Where a server's messages begin and end although nobody says from which one on it writes pixels in another format.
//!
//! A server changes its format when it reads SetPixelFormat (RFC 6143 §7.5.1), and says nothing. Updates that were on their
//! way are in the old format, and servers send some that nobody asked for. So every message from there on may be the first
//! in the new format, and the [`Follower`] walks over each possibility: the right one is always among them. A wrong one
//! soon comes upon something that is no message, and is dropped; a format whose pixels have the same lengths makes no
//! difference at all. Nothing waits: bytes are judged when they come. Where the possibilities do not agree on what belongs
//! to a clipboard, that is said, and it is for the caller to end the connection rather than to guess.

use std::ops::Range;

use super::{ServerMessageKind, Walker, measure_alike};
use crate::wire::{PixelFormat, Size, server_number};
use crate::{RfbError, RfbResult};

/// The most possibilities that are walked over at once.
const MAX_PLACES: usize = 8;
/// The most changes of the format that may be undecided at once.
const MAX_CHANGES: usize = MAX_PLACES - 1;

/// Walks over a server's messages, after ServerInit, in every format that it may be writing in.
#[derive(Debug)]
pub struct Follower {
    /// The format that all places have left behind comes first; what each change led to comes after it.
    formats: Vec<PixelFormat>,
    /// Never empty. The first one is the one that has changed the format the least.
    places: Vec<Place>,
    /// Bytes that were judged and are given again.
    judged: usize,
}

/// What became of bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Followed {
    /// All bytes before this one are judged.
    pub judged: usize,
    /// All bytes before this one are done with. The others are to be given again, with what follows them, and those of them
    /// that are judged are at most 2 KiB.
    pub consumed: usize,
    /// Which of the bytes that were not judged before belong to clipboards; `None` if that is undecided.
    pub clipboards: Option<Vec<Range<usize>>>,
    /// How many clipboards ended.
    pub clipboards_ended: u32,
    /// How many updates began.
    pub updates: u32,
    /// How often continuous updates ended (rfbproto "EndOfContinuousUpdates").
    pub continuous_ends: u32,
    /// How often the size of the screen changed.
    pub resizes: u32,
}

/// A possibility.
#[derive(Clone, Debug)]
struct Place {
    walker: Walker,
    /// Which of the formats it is in.
    format: usize,
    /// Up to where it has walked.
    at: usize,
    /// Whether a message is under way.
    within: bool,
    /// Whether it needs more bytes to go on.
    waits: bool,
    found: Followed,
    clipboards: Vec<Range<usize>>,
}

impl Place {
    fn new(walker: Walker) -> Self {
        Self {
            walker,
            format: 0,
            at: 0,
            within: false,
            waits: false,
            found: Followed::default(),
            clipboards: Vec::new(),
        }
    }

    /// Whether it has judged as the other one did, and will walk as that does.
    fn is_same(&self, other: &Self) -> bool {
        !self.within
            && !other.within
            && self.at == other.at
            && self.format == other.format
            && self.clipboards == other.clipboards
    }

    /// Walks to the end of a message, or as far as there is something.
    fn walk(&mut self, bytes: &[u8]) -> RfbResult<()> {
        let rest = bytes.get(self.at..).unwrap_or_default();
        let resizes = if self.within { self.walker.resizes() } else { 0 };
        let walked = self.walker.walk(rest)?;
        let started = !self.within && walked.message.is_some();
        let resized = self.walker.resizes().saturating_sub(resizes);
        self.found.resizes += u32::from(resized);
        let start = self.at;
        self.at += walked.consumed;
        self.within = walked.message.is_some() && !walked.ends;
        self.waits = !walked.ends;
        match walked.message {
            Some(ServerMessageKind::ServerCutText) => {
                self.found.clipboards_ended += u32::from(walked.ends);
                // What it could not go on with belongs to it as well.
                let end = if walked.ends { self.at } else { bytes.len() };
                match self.clipboards.last_mut().filter(|last| last.end == start) {
                    Some(last) => last.end = end,
                    None => self.clipboards.push(start..end),
                }
            }
            Some(ServerMessageKind::FramebufferUpdate) => self.found.updates += u32::from(started),
            Some(ServerMessageKind::EndOfContinuousUpdates) => {
                self.found.continuous_ends += u32::from(walked.ends);
            }
            _ => {}
        }
        Ok(())
    }

    /// What belongs to clipboards of the bytes that are new.
    fn clipboards(&self, new: Range<usize>) -> Vec<Range<usize>> {
        let new = |part: &Range<usize>| part.start.max(new.start)..part.end.min(new.end);
        self.clipboards
            .iter()
            .map(new)
            .filter(|part| !part.is_empty())
            .collect()
    }
}

impl Follower {
    /// Follows a server that writes pixels in this format.
    #[must_use]
    pub fn new(format: PixelFormat) -> Self {
        Self {
            formats: vec![format],
            places: vec![Place::new(Walker::new(format))],
            judged: 0,
        }
    }

    /// From a ServerInit on, which says the size of the screen: another size is a change.
    #[must_use]
    pub fn on_screen(mut self, size: Size) -> Self {
        for place in &mut self.places {
            place.walker = place.walker.clone().on_screen(size);
        }
        self
    }

    /// The server may write in another format from any message on of which nothing was given yet, after those that were
    /// said before.
    ///
    /// # Errors
    /// [`RfbError::Limit`] for the eighth change that no message has decided.
    pub fn may_change(&mut self, format: PixelFormat) -> RfbResult<()> {
        if self
            .formats
            .last()
            .is_some_and(|last| measure_alike(*last, format))
        {
            return Ok(());
        }
        if self.formats.len() > MAX_CHANGES {
            return Err(RfbError::Limit(
                "the pixel format is changed again and again before anything is painted",
            ));
        }
        self.formats.push(format);
        Ok(())
    }

    /// Whether it is known what the server writes in, as far as it matters here.
    #[must_use]
    pub const fn is_decided(&self) -> bool {
        self.formats.len() == 1
    }

    /// Follows the server on. `bytes` begin with those that are given again. Where only one possibility is left, it stops
    /// behind the message that completes `most_resizes` changes of the screen's size.
    ///
    /// # Errors
    /// What the server did wrong. Where the next message would begin is not known then, and the follower is of no use any
    /// more.
    pub fn follow(&mut self, bytes: &[u8], most_resizes: u32) -> RfbResult<Followed> {
        let mut judged = bytes.len();
        while let Some(index) = self.next(bytes.len()) {
            self.branch(index, bytes)?;
            let Some(place) = self.places.get_mut(index) else {
                break;
            };
            if let Err(error) = place.walk(bytes) {
                self.places.remove(index);
                if self.places.is_empty() {
                    return Err(error);
                }
            } else if let [only] = &self.places[..]
                && only.found.resizes >= most_resizes
                && only.at > self.judged
            {
                judged = only.at;
                break;
            }
            self.join();
        }
        Ok(self.report(judged))
    }

    /// The place that is behind all others of those that can go on: the one with the oldest format of them.
    fn next(&self, length: usize) -> Option<usize> {
        let can_go_on = |place: &Place| !place.waits && place.at < length;
        let ahead = |(_, place): &(usize, &Place)| (place.at, place.format);
        self.places
            .iter()
            .enumerate()
            .filter(|(_, place)| can_go_on(place))
            .min_by_key(ahead)
            .map(|(index, _)| index)
    }

    /// At the beginning of an update: it may be in any of the formats that come after the place's.
    fn branch(&mut self, index: usize, bytes: &[u8]) -> RfbResult<()> {
        let begins = |place: &&Place| {
            !place.within
                && place.format + 1 < self.formats.len()
                && bytes.get(place.at) == Some(&server_number::UPDATE)
        };
        let Some(place) = self.places.get(index).filter(begins).cloned() else {
            return Ok(());
        };
        for (format, pixels) in self.formats.iter().enumerate().skip(place.format + 1) {
            let mut other = place.clone();
            other.walker.set_format(*pixels)?;
            other.format = format;
            if self.places.iter().any(|place| place.is_same(&other)) {
                continue;
            }
            if self.places.len() == MAX_PLACES {
                return Err(RfbError::Limit("it cannot be told where messages begin"));
            }
            self.places.push(other);
        }
        Ok(())
    }

    /// Places that walk the same way from here on are one.
    fn join(&mut self) {
        let mut index = 0;
        while let Some(place) = self.places.get(index) {
            if self.places.iter().take(index).any(|other| other.is_same(place)) {
                self.places.remove(index);
            } else {
                index += 1;
            }
        }
    }

    /// Says what was found, and makes ready for the bytes that come next.
    fn report(&mut self, judged: usize) -> Followed {
        let new = self.judged..judged;
        let mut each = self.places.iter().map(|place| place.clipboards(new.clone()));
        let first = each.next().unwrap_or_default();
        let clipboards = each.all(|other| other == first).then_some(first);
        let consumed = self.places.iter().map(|place| place.at).fold(judged, usize::min);
        let found = self.places.first().map(|place| place.found.clone());
        for place in &mut self.places {
            place.at -= consumed;
            place.waits = false;
            place.found = Followed::default();
            place.clipboards.clear();
        }
        self.judged = judged - consumed;
        // What all have left behind does not come again.
        let left = self
            .places
            .iter()
            .map(|place| place.format)
            .min()
            .unwrap_or_default();
        self.formats.drain(..left);
        for place in &mut self.places {
            place.format -= left;
        }
        Followed {
            judged,
            consumed,
            clipboards,
            ..found.unwrap_or_default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BELL: [u8; 1] = [2];
    const TEXT: [u8; 10] = [3, 0, 0, 0, 0, 0, 0, 2, b'h', b'i'];

    /// An update of 2×2 raw pixels.
    fn raw(bytes_per_pixel: usize, value: u8) -> Vec<u8> {
        let mut update = vec![0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0, 2, 0, 0, 0, 0];
        update.resize(update.len() + 4 * bytes_per_pixel, value);
        update
    }

    /// The bytes that belong to clipboards, given in pieces of this length; `None` if they cannot be told.
    fn clipboards(follower: &mut Follower, bytes: &[u8], piece: usize) -> Option<Vec<usize>> {
        let (mut from, mut to) = (0, 0);
        let mut found = Vec::new();
        while to < bytes.len() {
            to = (to + piece).min(bytes.len());
            let followed = follower.follow(&bytes[from..to], u32::MAX).unwrap();
            assert_eq!(from + followed.judged, to, "bytes are judged when they come");
            found.extend(followed.clipboards?.into_iter().flatten().map(|at| from + at));
            from += followed.consumed;
        }
        Some(found)
    }

    #[test]
    fn a_change_of_the_format_may_hold_from_any_update_on() {
        for old in 0..4 {
            for piece in [1, 2, 3, 7, 1000] {
                let mut follower = Follower::new(PixelFormat::BGRX8888);
                follower.may_change(PixelFormat::BGR233).unwrap();
                // A cursor that nobody asked for, a text, and updates in the old format; then ones in the new.
                let before = [raw(4, 0xee), BELL.to_vec()].concat().repeat(old);
                let after = [raw(1, 0xee), BELL.to_vec(), raw(1, 0xee)].concat();
                let bytes = [&before[..], &TEXT, &after, &TEXT, &BELL].concat();
                let second = before.len() + TEXT.len() + after.len();
                let expected: Vec<usize> = (before.len()..before.len() + 10)
                    .chain(second..second + 10)
                    .collect();
                assert_eq!(
                    clipboards(&mut follower, &bytes, piece),
                    Some(expected),
                    "{old} updates in the old format, in pieces of {piece}"
                );
                assert!(follower.is_decided());
            }
        }
    }

    #[test]
    fn a_format_whose_pixels_are_as_long_makes_no_difference() {
        let mut follower = Follower::new(PixelFormat::BGRX8888);
        follower.may_change(PixelFormat::RGBX8888).unwrap();
        assert!(follower.is_decided());
    }

    #[test]
    fn what_is_a_clipboard_in_one_format_and_pixels_in_the_other_is_undecided() {
        let mut follower = Follower::new(PixelFormat::BGRX8888);
        follower.may_change(PixelFormat::BGR233).unwrap();
        // In the new format a text follows the four pixels; in the old one it is pixels itself, and nothing is wrong.
        let bytes = [&raw(1, 1)[..], &TEXT, &BELL, &BELL].concat();
        assert_eq!(clipboards(&mut follower, &bytes, 1000), None);
    }

    #[test]
    fn only_so_many_changes_may_be_undecided() {
        let mut follower = Follower::new(PixelFormat::BGRX8888);
        for change in 0..MAX_CHANGES {
            let format = [PixelFormat::BGR233, PixelFormat::RGB565][change % 2];
            follower.may_change(format).unwrap();
        }
        let next = follower.may_change(PixelFormat::RGB565);
        assert!(matches!(next, Err(RfbError::Limit(_))));
        // However long it is undecided, there are never more places than that.
        for _ in 0..1000 {
            follower.follow(&[0, 0, 0, 0], u32::MAX).unwrap();
            assert!(follower.places.len() <= MAX_PLACES);
        }
    }

    #[test]
    fn what_no_format_explains_is_an_error() {
        let mut follower = Follower::new(PixelFormat::BGRX8888);
        follower.may_change(PixelFormat::BGR233).unwrap();
        let bytes = [&raw(2, 0xee)[..], &[0xee; 64]].concat();
        assert!(follower.follow(&bytes, u32::MAX).is_err());
    }
}
