//! What is in a recording.

use std::io::Read;
use std::time::Duration;

use jump_core::Result;
use jump_core::recording::RecordingReader;

use super::{Ending, Player, ScreenEvent, nothing_painted};

/// What is in a recording, as far as it can be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// The time of the last thing that happened, since the recording began.
    pub duration: Duration,
    /// When the first pixel was painted; `None` if none was, and the screen is black because of that.
    pub first_painted: Option<Duration>,
    /// The greatest width and the greatest height that the screen had, in pixels.
    pub largest: (u32, u32),
    /// How often something was painted.
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
pub fn survey(records: RecordingReader<impl Read>) -> Result<Survey> {
    let mut found = Survey {
        duration: Duration::ZERO,
        first_painted: None,
        largest: (0, 0),
        updates: 0,
        graphics: false,
        missing: 0,
        ending: Ending::Unclean,
    };
    let mut player = Player::new(records);
    while let Some(at) = player.next_at()? {
        found.duration = at;
        player.step(at, &mut |at, event| match event {
            ScreenEvent::Opened { width, height } => {
                found.largest = (found.largest.0.max(width), found.largest.1.max(height));
            }
            ScreenEvent::Painted(_) => {
                found.first_painted.get_or_insert(at);
                found.updates += 1;
            }
            _ => {}
        })?;
    }
    if let Some(ending) = player.play_to(Duration::MAX, &mut |_, _| {})? {
        found.ending = ending;
    }
    found.graphics = player.screen().graphics();
    found.missing = player.screen().missing();
    Ok(found)
}
