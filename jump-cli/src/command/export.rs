//! `jump export`: a recording for other programs.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use jump_core::text::acts;
use jump_core::{Error, ErrorKind};
use jump_proto_ssh::recording::{CastOptions, asciicast, text};

use super::Context;
use super::film;
use super::recordings::{Recording, RecordingArguments, title};
use super::screen;
use crate::error::{Failure, usage};
use crate::output::{Output, not_written};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    recording: RecordingArguments,
    /// What to write [default: asciicast, or of a screen sheet]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// The moment for png: seconds, or such as 1:30.250 [default: the last one]
    #[arg(long, value_name = "TIME", value_parser = screen::time)]
    at: Option<Duration>,
    /// How far the pictures of apng are apart, in seconds [default: 1]
    #[arg(long, value_name = "TIME", value_parser = screen::time)]
    every: Option<Duration>,
    /// How many pictures mp4 has in a second at most, 1 to 60 [default: 10]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=60))]
    fps: Option<u8>,
    /// Where to write it, for you alone [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Include what was typed, which may hold passwords; of a screen in text
    #[arg(long)]
    input: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// asciicast version 2: times, colours, sizes; for asciinema
    Asciicast,
    /// What was shown, as plain text; of a screen its clipboards, names and sizes
    Text,
    /// A screen at one moment
    Png,
    /// An overview of a screen: small pictures of the whole session in one PNG
    Sheet,
    /// A screen as a lossless animation
    Apng,
    /// A screen as a film, H.264 in MP4, which is not lossless; needs a jump that is built with the feature `h264`
    Mp4,
}

impl Format {
    /// Whether it is of a screen, and no text.
    pub(crate) const fn is_picture(self) -> bool {
        matches!(self, Self::Png | Self::Sheet | Self::Apng | Self::Mp4)
    }
}

pub(crate) fn run(context: &Context<'_>, arguments: Arguments) -> Result<(), Failure> {
    let recording = arguments.recording.open(context)?;
    let format = arguments.format.unwrap_or(if recording.screen {
        Format::Sheet
    } else {
        Format::Asciicast
    });
    for (given, option, of, name) in [
        (arguments.at.is_some(), "--at", Format::Png, "png"),
        (arguments.every.is_some(), "--every", Format::Apng, "apng"),
        (arguments.fps.is_some(), "--fps", Format::Mp4, "mp4"),
    ] {
        if given && format != of {
            return Err(usage(format!("{option} is for --format {name}")));
        }
    }
    if format == Format::Mp4 {
        film::check()?;
    }
    if screen::would_garble(format, arguments.output.is_some()) {
        return Err(usage("a terminal shows no pictures").hint("say where to write it with -o"));
    }
    if format.is_picture() && !recording.screen {
        return Err(usage("the recording is of no screen").hint("use --format asciicast or text"));
    }
    let path = arguments.output.as_deref();
    let mut out = destination(path)?;
    let written = write(&recording, format, &arguments, &mut out, context.output);
    drop(out);
    // Half a picture is worth nothing.
    let half = written.is_err() && format.is_picture();
    if let Some(path) = path.filter(|path| half && path.is_file()) {
        let _ = std::fs::remove_file(path);
    }
    written
}

fn write(
    recording: &Recording,
    format: Format,
    arguments: &Arguments,
    out: &mut dyn Write,
    output: &Output,
) -> Result<(), Failure> {
    if recording.screen {
        let wish = screen::Wish {
            format,
            at: arguments.at,
            every: arguments.every.unwrap_or(Duration::from_secs(1)),
            most_per_second: arguments.fps.unwrap_or(film::USUAL),
            input: arguments.input,
        };
        screen::export(recording, wish, out, output)?;
        return out.flush().map_err(not_written);
    }
    let channels = match (format, recording.watchable.as_slice()) {
        (_, []) => {
            return Err(Error::new(
                ErrorKind::NotFound,
                "export a recording",
                "nothing was shown in it",
            )
            .into());
        }
        // A cast shows one screen.
        (Format::Asciicast, [_, _, ..]) => {
            let list: Vec<String> = recording
                .watchable
                .iter()
                .map(|one| format!("{}: {}", one.channel, title(one)))
                .collect();
            return Err(usage(format!(
                "the session has several channels; say which: {}",
                list.join("; ")
            ))
            .hint("add --channel NUMBER"));
        }
        (_, channels) => channels,
    };
    for summary in channels {
        let records = recording.records()?;
        match format {
            Format::Text => text(records, summary.channel, &mut *out)?,
            _ => {
                let options = CastOptions {
                    input: arguments.input,
                    started: Some(recording.info.started.as_second()),
                    title: Some(format!(
                        "{} on {}",
                        recording.info.user_name, recording.info.item_name
                    )),
                };
                asciicast(records, summary.channel, &options, &mut *out)?;
            }
        }
    }
    out.flush().map_err(not_written)
}

pub(crate) fn destination(path: Option<&Path>) -> Result<Box<dyn Write>, Failure> {
    let Some(path) = path else {
        let stdout = BufWriter::new(io::stdout());
        return Ok(if io::stdout().is_terminal() {
            Box::new(Harmless(stdout))
        } else {
            Box::new(stdout)
        });
    };
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).map_err(|error| {
        Error::new(ErrorKind::Storage, "write the export", path.display().to_string()).with_source(error)
    })?;
    Ok(Box::new(BufWriter::new(file)))
}

/// A terminal gets no character that acts on it; every write is whole characters, as the exporters make them.
struct Harmless<W>(W);

impl<W: Write> Write for Harmless<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let mut shown = String::with_capacity(text.len());
        for character in text.chars() {
            if acts(character) && !matches!(character, '\n' | '\t') {
                shown.extend(character.escape_unicode());
            } else {
                shown.push(character);
            }
        }
        self.0.write_all(shown.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_nothing_that_acts() {
        let mut out = Harmless(Vec::new());
        out.write_all("a\u{1b}]52;c;x\u{7}\u{9b}2J\u{202e}ü\n".as_bytes())
            .unwrap();
        assert_eq!(
            String::from_utf8(out.0).unwrap(),
            "a\\u{1b}]52;c;x\\u{7}\\u{9b}2J\\u{202e}ü\n"
        );
    }
}
