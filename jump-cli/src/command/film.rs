//! A recorded screen as a film, where that is built in.

use std::io::Write;

use super::recordings::Recording;
use crate::error::Failure;
use crate::output::Output;

/// Pictures in a second at most, if nobody says how many.
pub(crate) const USUAL: u8 = 10;

/// Fails where films are not built in.
#[cfg(not(feature = "h264"))]
pub(crate) fn check() -> Result<(), Failure> {
    use jump_core::{Error, ErrorKind};

    let error = Error::new(
        ErrorKind::Unsupported,
        "export a recording",
        "this jump is built without films: they need its feature `h264`",
    );
    Err(Failure::from(error).hint("build it with `--features h264`, or use --format apng"))
}

/// Fails where films are not built in.
#[cfg(feature = "h264")]
pub(crate) fn check() -> Result<(), Failure> {
    Ok(())
}

#[cfg(not(feature = "h264"))]
#[expect(
    clippy::extra_unused_type_parameters,
    reason = "it is called as the one that makes films"
)]
pub(crate) fn write<D>(_: &Recording, _: u8, _: &mut dyn Write, _: &Output) -> Result<(), Failure> {
    check()
}

/// Writes it, shows how far it is, and says what is not as it was.
#[cfg(feature = "h264")]
pub(crate) fn write<D: jump_playback::Decoder>(
    recording: &Recording,
    most_per_second: u8,
    out: &mut dyn Write,
    output: &Output,
) -> Result<(), Failure> {
    use jump_playback::mp4;

    let bar = bar(output);
    let made = mp4::<D, _>(|| recording.reader(), most_per_second, out, &mut |done, all| {
        shown(&bar, done, all);
    });
    bar.finish_and_clear();
    let made = made?;
    super::screen::tell_ending(&made.survey, output);
    let (was, is) = (made.survey.largest, made.size);
    if is != was {
        output.complain(&format_args!(
            "jump: the screen had {}x{} pixels, more than a film may have: it was made {}x{}",
            was.width, was.height, is.width, is.height
        ));
    }
    Ok(())
}

/// A bar that says how much of a film is written.
#[cfg(feature = "h264")]
fn bar(output: &Output) -> indicatif::ProgressBar {
    use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

    let bar = if output.json() {
        ProgressBar::hidden()
    } else {
        ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr())
    };
    let style = ProgressStyle::with_template("{bar:30} {percent}% of {msg} {eta}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

#[cfg(feature = "h264")]
fn shown(bar: &indicatif::ProgressBar, done: std::time::Duration, all: std::time::Duration) {
    let milliseconds = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    if bar.length().is_none() {
        bar.set_length(milliseconds(all));
        bar.set_message(super::screen::clock(all));
    }
    bar.set_position(milliseconds(done));
}
