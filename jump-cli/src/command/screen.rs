//! Recordings of a screen: what `jump play` and `jump export` do with them.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use jump_core::text::Escaped;
use jump_core::{Error, ErrorKind};
use jump_proto_vnc::framebuffer::{BLACK, Framebuffer, Rgba};
use jump_proto_vnc::recording::{
    Ending, Player, ScreenEvent, SheetLayout, Side, Survey, apng, png, sheet, survey, typed,
};
use jump_proto_vnc::wire::Size;

use super::export::Format;
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
    let open = || recording.reader();
    match wish.format {
        Format::Asciicast => {
            return Err(usage("a screen has no text that a cast could show")
                .hint("use --format png, sheet, apng or text"));
        }
        Format::Png => png(&moment(recording, wish.at)?, out)?,
        Format::Sheet => {
            let made = sheet(open, SHEET)?;
            png(&made.picture, out)?;
            warn(&made.survey, output);
        }
        Format::Apng => warn(&apng(open, wish.every, out)?, output),
        Format::Text => text(recording, wish.input, out)?,
    }
    Ok(())
}

/// What was seen at a moment, with the pointer.
fn moment(recording: &Recording, at: Option<Duration>) -> Result<Framebuffer, Failure> {
    let found = survey(recording.reader()?)?;
    let first = found.painted()?;
    let at = at.unwrap_or(found.duration);
    if at < first {
        let message = format!("nothing was painted until {}", clock(first));
        return Err(Error::new(ErrorKind::NotFound, "export a recording", message).into());
    }
    if at > found.duration {
        return Err(usage(format!("the recording is {} long", clock(found.duration))));
    }
    let mut player = Player::new(recording.reader()?);
    player.play_to(at, &mut |_, _| {})?;
    player
        .screen()
        .seen()
        .ok_or_else(|| Error::new(ErrorKind::Internal, "export a recording", "its screen is gone").into())
}

/// What can be told in words: names, sizes, clipboards, and what was typed if that is asked for.
fn text(recording: &Recording, input: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let mut lines = Vec::new();
    let mut player = Player::new(recording.reader()?);
    while let Some(at) = player.next_at()? {
        player.step(at, &mut |at, event| {
            lines.extend(words(&event, input).map(|words| (at, words)))
        })?;
        for (at, words) in lines.drain(..) {
            writeln!(out, "{} {words}", clock(at)).map_err(not_written)?;
        }
    }
    if input {
        typed(recording.reader()?, &mut |line| {
            writeln!(out, "{} typed: {}", clock(line.at), Escaped(&line.text))
                .map_err(|error| Error::from_io(ErrorKind::Storage, "write the export", error))
        })?;
    }
    Ok(())
}

fn words(event: &ScreenEvent, input: bool) -> Option<String> {
    use jump_proto_vnc::decode::UpdateEvent;
    Some(match event {
        ScreenEvent::Opened { size, name } => {
            format!("screen of {}x{}: {}", size.width, size.height, Escaped(name))
        }
        ScreenEvent::Update(UpdateEvent::Resized(size)) => {
            format!("screen of {}x{}", size.width, size.height)
        }
        ScreenEvent::Update(UpdateEvent::Name(name)) => format!("name: {}", Escaped(name)),
        ScreenEvent::Clipboard { side: Side::Rep, .. } if !input => return None,
        ScreenEvent::Clipboard { side, text } => {
            let whose = match side {
                Side::Target => "from the target",
                Side::Rep => "to the target",
            };
            match text {
                Ok(text) => format!("clipboard {whose}: {}", Escaped(text)),
                Err(error) => format!("clipboard {whose} that cannot be read: {error}"),
            }
        }
        ScreenEvent::Power(code) => format!("power request {code}"),
        ScreenEvent::NotPassed { what, messages } => {
            format!("not passed on: {} ({messages} in a row)", what.text())
        }
        _ => return None,
    })
}

/// Shows an overview in a terminal with colours, and says what there is in any other.
pub(crate) fn play(recording: &Recording, plain: bool, output: &Output) -> Result<(), Failure> {
    let found = survey(recording.reader()?)?;
    output.say(format_args!(
        "{} long, {} updates, screen of at most {}x{}",
        clock(found.duration),
        found.updates,
        found.largest.width,
        found.largest.height
    ))?;
    warn(&found, output);
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
        let made = sheet(|| recording.reader(), terminal_layout())?;
        let times: Vec<String> = made.times.iter().map(|at| clock(*at)).collect();
        let mut screen = io::stdout().lock();
        blocks(&made.picture, &mut screen).map_err(not_written)?;
        drop(screen);
        output.say(output.paint(Colour::Faint, times.join("  ")))?;
    }
    output.say(output.paint(
        Colour::Faint,
        "-- pictures: jump export --format png --at TIME, sheet or apng, and -o FILE",
    ))
}

/// Nine pictures that together fill the terminal, whose characters are two pixels high.
fn terminal_layout() -> SheetLayout {
    let (columns, rows) = crate::terminal::size();
    let third = |length: u32| u16::try_from((length.saturating_sub(4) / 3).max(1)).unwrap_or(u16::MAX);
    SheetLayout {
        columns: 3,
        pictures: 9,
        cell: Size {
            width: third(columns),
            height: third(rows.saturating_sub(6).saturating_mul(2)),
        },
    }
}

/// Draws a picture with half blocks (U+2580) in 24-bit colours (ITU-T T.416 §13.1.8, as terminals have it).
fn blocks(picture: &Framebuffer, out: &mut dyn Write) -> io::Result<()> {
    let width = usize::from(picture.size().width).max(1);
    let mut rows = picture.pixels().chunks(width);
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

/// Says what is missing at the end.
fn warn(found: &Survey, output: &Output) {
    match found.ending {
        Ending::Clean => {}
        Ending::Unclean => {
            output.complain(&"jump: the recording has no end: it was cut off, or is being written")
        }
        Ending::Lost { bytes } => output.complain(&format_args!(
            "jump: {bytes} bytes were lost while recording: what came after {} cannot be shown",
            clock(found.duration)
        )),
    }
}

/// A time since the recording began, as minutes, seconds and milliseconds.
fn clock(at: Duration) -> String {
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
    !to_file && io::stdout().is_terminal() && matches!(format, Format::Png | Format::Sheet | Format::Apng)
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
    fn two_rows_of_a_picture_are_one_line() {
        let mut picture = Framebuffer::new(Size { width: 1, height: 3 }).unwrap();
        picture
            .paint(
                jump_proto_vnc::wire::Rectangle::whole(picture.size()),
                &[[1, 2, 3, 255]; 3],
            )
            .unwrap();
        let mut out = Vec::new();
        blocks(&picture, &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "\u{1b}[38;2;1;2;3;48;2;1;2;3m▀\u{1b}[0m\n\u{1b}[38;2;1;2;3;48;2;0;0;0m▀\u{1b}[0m\n"
        );
    }
}
