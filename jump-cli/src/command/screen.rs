//! Recordings of a screen: what `jump play` and `jump export` do with them.

mod words;

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use jump_core::protocol::Picture;
use jump_core::screen::Size;
use jump_core::text::Escaped;
use jump_core::{Error, ErrorKind};
use jump_playback::{
    Decoder, Ending, Player, SHEET_GAP, Sheet, SheetLayout, Survey, apng, png, sheet, survey,
};
use jump_proto_rdp::recording as rdp;
use jump_proto_vnc::recording as vnc;

use self::words::Told;
use super::export::Format;
use super::film;
use super::recordings::Recording;
use crate::error::{Failure, usage};
use crate::output::{Colour, Output, colourful, not_written};

/// How many small pictures an exported overview has in a row, how many in all, and what each fits into.
const SHEET: SheetLayout = SheetLayout {
    columns: 4,
    pictures: 16,
    cell: Size {
        width: 320,
        height: 240,
    },
};

/// What is to be written of a screen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    pub(crate) format: Format,
    /// The moment, for one picture; the last one if none is named.
    pub(crate) at: Option<Duration>,
    /// How far the pictures of an animation are apart.
    pub(crate) every: Duration,
    /// How many pictures in a second a film has at most.
    pub(crate) most_per_second: u8,
    /// Whether what the rep typed and copied is written, too.
    pub(crate) input: bool,
}

/// Writes what was seen.
pub(crate) fn export(
    recording: &Recording,
    wish: Wish,
    out: &mut dyn Write,
    output: &Output,
) -> Result<(), Failure> {
    if recording.is_rdp() {
        write::<rdp::ScreenDecoder>(recording, wish, out, output)
    } else {
        write::<vnc::ScreenDecoder>(recording, wish, out, output)
    }
}

fn write<D: Told>(
    recording: &Recording,
    wish: Wish,
    out: &mut dyn Write,
    output: &Output,
) -> Result<(), Failure> {
    let open = || recording.reader();
    match wish.format {
        Format::Asciicast => return Err(no_cast()),
        Format::Png => png(&moment::<D>(recording, wish.at, output)?, out)?,
        Format::Sheet => {
            let made = sheet::<D, _>(open, SHEET)?;
            png(&made.picture, out)?;
            tell_ending(&made.survey, output);
        }
        Format::Apng => tell_ending(&apng::<D, _>(open, wish.every, out)?, output),
        Format::Mp4 => film::write::<D>(recording, wish.most_per_second, out, output)?,
        Format::Text => text::<D>(recording, wish.input, out)?,
    }
    Ok(())
}

fn no_cast() -> Failure {
    usage("a screen has no text that a cast could show").hint("use --format png, sheet, apng, mp4 or text")
}

fn beyond(last: Duration, at: Duration) -> Failure {
    usage(format!(
        "the recording is {} long, so nothing is known of {}",
        clock(last),
        clock(at)
    ))
}

fn unpainted(at: Option<Duration>) -> Failure {
    let message = match at {
        Some(at) => format!("nothing was painted until {}", clock(at)),
        None => "nothing was painted: there is no picture to show".to_owned(),
    };
    Error::new(ErrorKind::NotFound, "export a recording", message).into()
}

/// What was seen at a moment, with the pointer. The recording is decoded up to there, once.
fn moment<D: Decoder>(
    recording: &Recording,
    at: Option<Duration>,
    output: &Output,
) -> Result<Picture, Failure> {
    let mut player = Player::<D, _>::new(recording.reader()?);
    let (mut painted, mut last) = (false, Duration::ZERO);
    while let Some(next) = player.next_at()?.filter(|next| at.is_none_or(|at| *next <= at)) {
        last = next;
        player.step(next, &mut |_, event| {
            painted |= D::progress(&event).painted;
        })?;
    }
    if let Some(at) = at.filter(|at| *at > last)
        && player.next_at()?.is_none()
    {
        return Err(beyond(last, at));
    }
    let Some(seen) = player.screen().seen().filter(|_| painted) else {
        return Err(unpainted(at));
    };
    if at.is_none()
        && let Some(ending) = player.play_to(last, &mut |_, _| {})?
    {
        warn(ending, last, output);
    }
    Ok(seen)
}

/// What can be told in words: names, sizes, clipboards, and what was typed if that is asked for.
fn text<D: Told>(recording: &Recording, input: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let mut lines = Vec::new();
    let mut player = Player::<D, _>::new(recording.reader()?);
    while let Some(at) = player.next_at()? {
        player.step(at, &mut |at, event| {
            lines.extend(D::words(&event, input).map(|words| (at, words)))
        })?;
        for (at, words) in lines.drain(..) {
            writeln!(out, "{} {words}", clock(at)).map_err(not_written)?;
        }
    }
    if input {
        D::typed(recording.reader()?, &mut |line| {
            writeln!(out, "{} typed: {}", clock(line.at), Escaped(&line.text))
                .map_err(|error| Error::from_io(ErrorKind::Storage, "write the export", error))
        })?;
    }
    Ok(())
}

/// Shows an overview in a terminal with colours, and says what there is in any other.
pub(crate) fn play(recording: &Recording, plain: bool, output: &Output) -> Result<(), Failure> {
    if recording.is_rdp() {
        show::<rdp::ScreenDecoder>(recording, plain, output)
    } else {
        show::<vnc::ScreenDecoder>(recording, plain, output)
    }
}

fn show<D: Decoder>(recording: &Recording, plain: bool, output: &Output) -> Result<(), Failure> {
    let found = survey::<D>(recording.reader()?)?;
    output.say(format_args!(
        "{} long, {} updates, screen of at most {}x{}",
        clock(found.duration),
        found.updates,
        found.largest.width,
        found.largest.height
    ))?;
    tell_ending(&found, output);
    if found.is_unpainted() {
        return output.say(output.paint(
            Colour::Bad,
            "Graphics came, but nothing was painted: there is no picture to show.",
        ));
    }
    if found.first_painted.is_none() {
        return output.say("Nothing was shown in this session.");
    }
    if !plain && colourful(&io::stdout()) {
        let made = sheet::<D, _>(
            || recording.reader(),
            terminal_layout(found.largest, crate::terminal::size()),
        )?;
        overview(&made, output)?;
    }
    output.say(output.paint(
        Colour::Faint,
        "-- pictures: jump export --format png --at TIME, sheet, apng or mp4, and -o FILE",
    ))
}

/// Three pictures in a row as wide as the terminal, and as many rows as it has room for besides a line of times for each and
/// four of words. Characters are two pixels high.
fn terminal_layout(largest: Size, (columns, rows): (u32, u32)) -> SheetLayout {
    let width = (columns.saturating_sub(2 * SHEET_GAP) / 3).max(1);
    let lines = rows.saturating_sub(4).max(2);
    let height = width.saturating_mul(largest.height) / largest.width.max(1);
    let height = height.clamp(1, (lines - 1) * 2);
    let rows = (lines / (height.div_ceil(2) + 1)).max(1);
    SheetLayout {
        columns: 3,
        pictures: u16::try_from(3 * rows).unwrap_or(u16::MAX),
        cell: Size { width, height },
    }
}

/// Draws an overview row by row, each picture's time under it.
fn overview(made: &Sheet, output: &Output) -> Result<(), Failure> {
    let cells = (made.cell.width + SHEET_GAP) as usize;
    let row = (made.picture.width as usize).max(1) * 4;
    let mut rows = made.picture.rgba.chunks_exact(row);
    for times in made.times.chunks(made.columns.max(1).into()) {
        let strip = rows
            .by_ref()
            .take(made.cell.height as usize)
            .map(|row| row.as_chunks().0);
        blocks(strip, &mut io::stdout().lock()).map_err(not_written)?;
        let times: String = times.iter().map(|at| format!("{:<cells$}", clock(*at))).collect();
        output.say(output.paint(Colour::Faint, times.trim_end()))?;
        // The gap.
        rows.by_ref().take(SHEET_GAP as usize).for_each(drop);
    }
    Ok(())
}

/// Red, green, blue and opacity.
type Rgba = [u8; 4];

const BLACK: Rgba = [0, 0, 0, 255];

/// Draws a picture with half blocks (U+2580) in 24-bit colours (ITU-T T.416 §13.1.8, as terminals have it).
fn blocks<'a>(mut rows: impl Iterator<Item = &'a [Rgba]>, out: &mut dyn Write) -> io::Result<()> {
    while let Some(upper) = rows.next() {
        let mut lower = rows.next().unwrap_or_default().iter();
        for above in upper {
            let [r, g, b, _]: Rgba = *above;
            let [r2, g2, b2, _] = lower.next().copied().unwrap_or(BLACK);
            write!(out, "\u{1b}[38;2;{r};{g};{b};48;2;{r2};{g2};{b2}m\u{2580}")?;
        }
        writeln!(out, "\u{1b}[0m")?;
    }
    Ok(())
}

/// Says what is missing at the end of a recording that was decoded whole.
pub(super) fn tell_ending(found: &Survey, output: &Output) {
    warn(found.ending, found.duration, output);
    if found.missing > 0 {
        output.complain(&format_args!(
            "jump: {} pieces of graphics cannot be decoded and are missing in the picture",
            found.missing
        ));
    }
}

fn warn(ending: Ending, last: Duration, output: &Output) {
    match ending {
        Ending::Clean => {}
        Ending::Unclean => {
            output.complain(&"jump: the recording has no end: it was cut off, or is being written");
        }
        Ending::Lost { bytes } => output.complain(&format_args!(
            "jump: {bytes} bytes were lost while recording: what came after {} cannot be shown",
            clock(last)
        )),
    }
}

/// A time since the recording began, as minutes, seconds and milliseconds.
pub(super) fn clock(at: Duration) -> String {
    let (seconds, milliseconds) = (at.as_secs(), at.subsec_millis());
    format!("{}:{:02}.{milliseconds:03}", seconds / 60, seconds % 60)
}

/// A moment in a recording: seconds, such as `90` or `12.5`, or minutes and seconds, such as `1:30.250`.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    let (minutes, seconds) = text.split_once(':').unwrap_or(("0", text));
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_digit() || c == '.');
    let wrong = || "a time is such as 90, 12.5 or 1:30.250".to_owned();
    let minutes: u32 = minutes.parse().map_err(|_| wrong())?;
    let seconds: f64 = seconds
        .parse()
        .ok()
        .filter(|_| plain(seconds))
        .ok_or_else(wrong)?;
    Duration::try_from_secs_f64(seconds + f64::from(minutes) * 60.0).map_err(|_| wrong())
}

/// Whether what is written is no text, and would go to a terminal.
pub(crate) fn would_garble(format: Format, to_file: bool) -> bool {
    !to_file && io::stdout().is_terminal() && format.is_picture()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_as_it_is_written() {
        for (text, milliseconds) in [
            ("90", 90_000),
            ("12.5", 12_500),
            ("1:30.250", 90_250),
            ("0:00.001", 1),
        ] {
            let read = time(text).unwrap();
            assert_eq!(read, Duration::from_millis(milliseconds), "{text}");
            assert_eq!(time(&clock(read)), Ok(read));
        }
        for bad in ["", ":", "x", "-1", "1:-2", "inf", "1e400", "1:2:3", "nan"] {
            assert!(time(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_overview_has_room_in_the_terminal() {
        let wide = Size {
            width: 1280,
            height: 800,
        };
        let tall = Size {
            width: 50,
            height: 5000,
        };
        for (largest, terminal, pictures) in [
            (wide, (80, 24), 6),
            (wide, (160, 50), 6),
            (wide, (200, 20), 3),
            (tall, (80, 24), 3),
            (wide, (1, 1), 3),
        ] {
            let layout = terminal_layout(largest, terminal);
            assert_eq!(layout.pictures, pictures, "{largest:?} {terminal:?}");
            let lines = u32::from(pictures) / 3 * (layout.cell.height.div_ceil(2) + 1) + 4;
            assert!(lines <= terminal.1.max(6), "{layout:?} {terminal:?}");
            let columns = 3 * layout.cell.width + 2 * SHEET_GAP;
            assert!(columns <= terminal.0.max(7), "{layout:?} {terminal:?}");
        }
    }

    #[test]
    fn two_rows_of_a_picture_are_one_line() {
        let mut out = Vec::new();
        blocks([[1, 2, 3, 255]; 3].chunks(1), &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "\u{1b}[38;2;1;2;3;48;2;1;2;3m▀\u{1b}[0m\n\u{1b}[38;2;1;2;3;48;2;0;0;0m▀\u{1b}[0m\n"
        );
    }
}
