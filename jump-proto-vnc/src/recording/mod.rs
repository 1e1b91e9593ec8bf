//! Decodes the recording of a VNC session.
//!
//! The recording holds the bytes of both directions as they passed after the login: the target's from its ServerInit on
//! (RFC 6143 §7.3.2), the client's from its ClientInit on (§7.3.1). What the gate left out is not in it. A client's
//! SetPixelFormat (§7.5.1) stands where it was passed on, which is when every update that was asked for had begun: it holds
//! for those that were asked for after it.
//!
//! [`ScreenDecoder`] takes the bytes. [`Player`] pulls them out of a recording up to a time; [`survey`] says what is in one.
//! Of what they paint [`png()`] makes a picture, [`sheet`] an overview, [`apng`] a lossless animation and, with the feature
//! `h264`, `mp4` a film.
//! [`Film`] holds what was painted in a form in which any moment is found at once; [`typed`] reads what was typed.
//!
//! Nothing is decoded further than a limit of [`limits`](crate::wire::limits), and no exporter holds more than three
//! pictures at a time.

mod apng;
mod client;
mod decoder;
mod film;
mod formats;
#[cfg(feature = "h264")]
mod mp4;
mod pictures;
mod player;
mod pointer;
mod sample;
mod sheet;
mod survey;
mod typed;

pub use apng::apng;
pub use decoder::{ScreenDecoder, ScreenEvent, Side};
pub use film::{Film, FilmLimits};
#[cfg(feature = "h264")]
pub use mp4::{Mp4, mp4};
pub use pictures::{png, scaled};
pub use player::{Ending, Player, Step};
pub use sheet::{GAP as SHEET_GAP, Sheet, SheetLayout, sheet};
pub use survey::{Survey, survey};
pub use typed::{Typed, typed};

use jump_core::{Error, ErrorKind};

const OPERATION: &str = "decode a recording";

fn nothing_painted() -> Error {
    Error::new(
        ErrorKind::NotFound,
        OPERATION,
        "graphics came, but nothing was painted: there is no picture to show",
    )
}
