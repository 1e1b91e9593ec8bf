//! Recordings of an RDP session: the same as of any screen, by its own decoder.

use std::io::{self, Write};
use std::time::Duration;

use jump_core::protocol::Picture;
use jump_core::text::Escaped;
use jump_core::{Error, ErrorKind};
use jump_proto_rdp::recording::{
    Ending, Player, SHEET_GAP, ScreenEvent, Sheet, SheetLayout, Survey, apng, png, sheet, survey, typed,
};

use super::super::export::Format;
use super::super::recordings::Recording;
use super::{Wish, clock, no_cast, tell_lost, tell_unclean};
use crate::error::Failure;
use crate::output::{Colour, Output, colourful, not_written};

/// How many small pictures an exported overview has in a row, how many in all, and what each fits into.
const SHEET: SheetLayout = SheetLayout {
    columns: 4,
    pictures: 16,
    cell: (320, 240),
};

/// Writes what was seen.
pub(super) fn export(
    recording: &Recording,
    wish: Wish,
    out: &mut dyn Write,
    output: &Output,
) -> Result<(), Failure> {
    let open = || recording.reader();
    match wish.format {
        Format::Asciicast => return Err(no_cast()),
        Format::Png => png(&moment(recording, wish.at, output)?, out)?,
        Format::Sheet => {
            let made = sheet(open, SHEET)?;
            png(&made.picture, out)?;
            tell(&made.survey, output);
        }
        Format::Apng => tell(&apng(open, wish.every, out)?, output),
        Format::Mp4 => film(recording, wish.most_per_second, out, output)?,
        Format::Text => text(recording, wish.input, out)?,
    }
    Ok(())
}

#[cfg(not(feature = "h264"))]
fn film(_: &Recording, _: u8, _: &mut dyn Write, _: &Output) -> Result<(), Failure> {
    super::film::check()
}

#[cfg(feature = "h264")]
fn film(
    recording: &Recording,
    most_per_second: u8,
    out: &mut dyn Write,
    output: &Output,
) -> Result<(), Failure> {
    use jump_proto_rdp::recording::mp4;

    let bar = super::film::bar(output);
    let made = mp4(|| recording.reader(), most_per_second, out, &mut |done, all| {
        super::film::shown(&bar, done, all);
    });
    bar.finish_and_clear();
    let made = made?;
    tell(&made.survey, output);
    super::film::tell_size(made.survey.largest, made.size, output);
    Ok(())
}

/// What was seen at a moment, with the pointer. The recording is decoded up to there, once.
fn moment(recording: &Recording, at: Option<Duration>, output: &Output) -> Result<Picture, Failure> {
    let mut player = Player::new(recording.reader()?);
    let (mut painted, mut last) = (false, Duration::ZERO);
    while let Some(next) = player.next_at()?.filter(|next| at.is_none_or(|at| *next <= at)) {
        last = next;
        player.step(next, &mut |_, event| {
            painted |= matches!(event, ScreenEvent::Painted(_))
        })?;
    }
    if let Some(at) = at.filter(|at| *at > last)
        && player.next_at()?.is_none()
    {
        return Err(super::beyond(last, at));
    }
    let Some(seen) = player.screen().seen().filter(|_| painted) else {
        return Err(super::unpainted(at));
    };
    if at.is_none()
        && let Some(ending) = player.play_to(last, &mut |_, _| {})?
    {
        warn(ending, last, output);
    }
    Ok(seen)
}

/// What can be told in words: sizes, what was refused, and what was typed if that is asked for.
fn text(recording: &Recording, input: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let mut lines = Vec::new();
    let mut player = Player::new(recording.reader()?);
    while let Some(at) = player.next_at()? {
        player.step(at, &mut |at, event| {
            lines.extend(words(&event).map(|words| (at, words)));
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

fn words(event: &ScreenEvent) -> Option<String> {
    Some(match event {
        ScreenEvent::Opened { width, height } => format!("screen of {width}x{height}"),
        ScreenEvent::NotPassed { what, messages } => {
            format!("not passed on: {} ({messages} in a row)", what.text())
        }
        ScreenEvent::ChannelRefused { name, what } => {
            format!("channel refused: {} ({})", Escaped(name), what.text())
        }
        _ => return None,
    })
}

/// Shows an overview in a terminal with colours, and says what there is in any other.
pub(super) fn play(recording: &Recording, plain: bool, output: &Output) -> Result<(), Failure> {
    let found = survey(recording.reader()?)?;
    output.say(format_args!(
        "{} long, {} updates, screen of at most {}x{}",
        clock(found.duration),
        found.updates,
        found.largest.0,
        found.largest.1
    ))?;
    tell(&found, output);
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
        let layout = super::terminal_layout(size(found.largest), crate::terminal::size());
        let made = sheet(
            || recording.reader(),
            SheetLayout {
                columns: layout.columns,
                pictures: layout.pictures,
                cell: (layout.cell.width.into(), layout.cell.height.into()),
            },
        )?;
        overview(&made, output)?;
    }
    output.say(output.paint(
        Colour::Faint,
        "-- pictures: jump export --format png --at TIME, sheet, apng or mp4, and -o FILE",
    ))
}

fn size((width, height): (u32, u32)) -> super::Size {
    let side = |side: u32| u16::try_from(side).unwrap_or(u16::MAX);
    super::Size {
        width: side(width),
        height: side(height),
    }
}

/// Draws an overview row by row, each picture's time under it.
fn overview(made: &Sheet, output: &Output) -> Result<(), Failure> {
    let cells = (made.cell.0 + SHEET_GAP) as usize;
    let row = (made.picture.width as usize).max(1) * 4;
    let mut rows = made.picture.rgba.chunks_exact(row);
    for times in made.times.chunks(made.columns.max(1).into()) {
        let strip: Vec<&[[u8; 4]]> = rows
            .by_ref()
            .take(made.cell.1 as usize)
            .map(|row| row.as_chunks().0)
            .collect();
        super::blocks(strip.into_iter(), &mut io::stdout().lock()).map_err(not_written)?;
        let times: String = times.iter().map(|at| format!("{:<cells$}", clock(*at))).collect();
        output.say(output.paint(Colour::Faint, times.trim_end()))?;
        // The gap.
        rows.by_ref().take(SHEET_GAP as usize).for_each(drop);
    }
    Ok(())
}

/// Says what is missing in a recording that was decoded whole.
fn tell(found: &Survey, output: &Output) {
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
        Ending::Unclean => tell_unclean(output),
        Ending::Lost { bytes } => tell_lost(bytes, last, output),
    }
}
