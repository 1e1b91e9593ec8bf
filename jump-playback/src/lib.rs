//! Recorded screens: what a protocol's own [`Decoder`] makes of the recording of a session is played, looked at and written here,
//! for every protocol in the same way.
//!
//! [`Player`] pulls a recording through a decoder up to a time; [`survey`] says what is in one. Of what it paints [`png()`] makes a
//! picture, [`sheet`] an overview, [`apng`] a lossless animation and, with the feature `h264`, `mp4` a film; [`Lines`] puts
//! together what was typed. No exporter holds more than four pictures at a time.
//!
//! If graphics came and nothing was painted all the same, that is said, and no black picture is made of it.

mod apng;
mod decoder;
#[cfg(feature = "h264")]
mod mp4;
mod pictures;
mod player;
mod sample;
mod sheet;
mod survey;
mod typed;

pub use apng::apng;
pub use decoder::{Decoder, Progress};
#[cfg(feature = "h264")]
pub use mp4::{Mp4, mp4};
pub use pictures::{png, scaled};
pub use player::{Ending, Player, Step};
pub use sheet::{GAP as SHEET_GAP, Sheet, SheetLayout, sheet};
pub use survey::{Survey, survey};
pub use typed::{Lines, Modifier, Typed};

use jump_core::{Error, ErrorKind};

const OPERATION: &str = "decode a recording";

fn nothing_painted() -> Error {
    Error::new(
        ErrorKind::NotFound,
        OPERATION,
        "graphics came, but nothing was painted: there is no picture to show",
    )
}
