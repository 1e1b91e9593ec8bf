//! What is in a recording.

use std::io::Read;
use std::time::Duration;

use jump_core::Result;
use jump_core::recording::RecordingReader;
use jump_core::screen::Size;

use super::{Decoder, Ending, Player, nothing_painted};

/// What is in a recording, as far as it can be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// The time of the last thing that happened, since the recording began.
    pub duration: Duration,
    /// When the first pixel was painted; `None` if none was, and the screen is black because of that.
    pub first_painted: Option<Duration>,
    /// The greatest width and the greatest height that the screen had.
    pub largest: Size,
    /// How many updates were whole.
    pub updates: u64,
    /// Whether the target sent graphics at all.
    pub graphics: bool,
    /// How many pieces of graphics could not be decoded, and are missing in the picture.
    pub missing: u64,
    /// How it ends.
    pub ending: Ending,
}

impl Survey {
    /// Whether graphics came but nothing was painted. What the screen would show is no picture of the session then, so
    /// nobody is shown it.
    #[must_use]
    pub const fn is_unpainted(&self) -> bool {
        self.graphics && self.first_painted.is_none()
    }

    /// When the first pixel was painted.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](jump_core::ErrorKind::NotFound) if none was.
    pub fn painted(&self) -> Result<Duration> {
        self.first_painted.ok_or_else(nothing_painted)
    }
}

/// Decodes a whole recording once and says what is in it.
///
/// # Errors
/// As for [`Player::step`].
pub fn survey<D: Decoder>(records: RecordingReader<impl Read>) -> Result<Survey> {
    let mut found = Survey {
        duration: Duration::ZERO,
        first_painted: None,
        largest: Size::default(),
        updates: 0,
        graphics: false,
        missing: 0,
        ending: Ending::Unclean,
    };
    let mut player = Player::<D, _>::new(records);
    while let Some(at) = player.next_at()? {
        found.duration = at;
        player.step(at, &mut |at, event| {
            let progress = D::progress(&event);
            if let Some(size) = progress.size {
                found.largest.width = found.largest.width.max(size.width);
                found.largest.height = found.largest.height.max(size.height);
            }
            if progress.painted {
                found.first_painted.get_or_insert(at);
            }
            found.updates += u64::from(progress.updated);
        })?;
    }
    if let Some(ending) = player.play_to(Duration::MAX, &mut |_, _| {})? {
        found.ending = ending;
    }
    found.graphics = player.screen().graphics();
    found.missing = player.screen().missing();
    Ok(found)
}
