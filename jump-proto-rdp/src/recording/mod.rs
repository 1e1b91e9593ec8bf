//! Decodes the recording of an RDP session.
//!
//! The recording holds the bytes of both directions as the gate passed them on, from the MCS Connect Initial PDU on
//! (MS-RDPBCGR §2.2.1.3); everything that is needed to decode them is in it. What the gate left out is not.
//!
//! [`ScreenDecoder`] takes the bytes. [`Player`] pulls them out of a recording up to a time; [`survey`] says what is in one. Of
//! what they paint [`png()`] makes a picture, [`sheet`] an overview, [`apng`] a lossless animation and, with the feature `h264`, `mp4`
//! a film; [`typed`] reads what was typed.
//!
//! The gate lets both sides agree only on what is decoded here. If graphics came and nothing was painted all the same, that
//! is said, and no black picture is made of it.

mod apng;
mod decoder;
mod keyboard;
#[cfg(feature = "h264")]
mod mp4;
mod pictures;
mod player;
mod sample;
mod server;
mod sheet;
mod survey;
mod typed;

pub use apng::apng;
pub use decoder::{ScreenDecoder, ScreenEvent};
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
