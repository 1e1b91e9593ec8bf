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
use super::recordings::{RecordingArguments, title};
use super::screen;
use crate::error::{Failure, usage};
use crate::output::not_written;

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
    /// How far the pictures of apng are apart, in seconds
    #[arg(long, value_name = "TIME", value_parser = screen::time, default_value = "1")]
    every: Duration,
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
}

pub(crate) fn run(context: &Context<'_>, arguments: Arguments) -> Result<(), Failure> {
    let recording = arguments.recording.open(context)?;
    let format = arguments.format.unwrap_or(if recording.screen {
        Format::Sheet
    } else {
        Format::Asciicast
    });
    if arguments.at.is_some() && format != Format::Png {
        return Err(usage("--at is for --format png"));
    }
    if screen::would_garble(format, arguments.output.is_some()) {
        return Err(usage("a terminal shows no pictures").hint("say where to write it with -o"));
    }
    let mut out = destination(arguments.output.as_deref())?;
    if recording.screen {
        let wish = screen::Wish {
            format,
            at: arguments.at,
            every: arguments.every,
            input: arguments.input,
        };
        screen::export(&recording, wish, &mut out, context.output)?;
        return out.flush().map_err(not_written);
    }
    if matches!(format, Format::Png | Format::Sheet | Format::Apng) {
        return Err(usage("the recording is of no screen").hint("use --format asciicast or text"));
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
            Format::Text => text(records, summary.channel, &mut out)?,
            _ => {
                let options = CastOptions {
                    input: arguments.input,
                    started: Some(recording.info.started.as_second()),
                    title: Some(format!(
                        "{} on {}",
                        recording.info.user_name, recording.info.item_name
                    )),
                };
                asciicast(records, summary.channel, &options, &mut out)?;
            }
        }
    }
    out.flush().map_err(not_written)?;
    Ok(())
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
