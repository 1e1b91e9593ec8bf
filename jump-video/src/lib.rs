//! Pictures with times as a film that every browser plays: H.264 (ITU-T H.264) in MP4 (ISO/IEC 14496-12, 14496-14 and
//! 14496-15).
//!
//! [`VideoWriter`] takes pictures and how long each is seen, and writes as it goes: the output is never sought in, so a pipe
//! will do. A picture lasts as long as it is seen, so a screen on which nothing happens costs nothing.
//!
//! A film is not lossless: colours have half the resolution of brightness (4:2:0), and both are quantized.

mod container;
mod encoder;
mod error;
mod size;
mod writer;

pub use error::{VideoError, VideoResult};
pub use size::VideoSize;
pub use writer::{MAX_PICTURES, VideoWriter};
