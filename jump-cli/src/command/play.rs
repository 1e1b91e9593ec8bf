//! `jump play`: a recording as it was seen.

mod replay;

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use clap::Args;
use jump_core::recording::RecordKind;
use jump_core::text::Escaped;
use jump_core::{Error, ErrorKind};
use jump_proto_ssh::recording::text;

use super::Context;
use super::recordings::{Recording, RecordingArguments, title};
use super::screen;
use crate::error::{Failure, usage};
use crate::output::{Colour, moment, not_written};
use crate::stop::Stop;
use crate::terminal::{INTERRUPT, Keys, RawMode};
use replay::Replay;

/// No pause is longer than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Ends every state that a replay may have left: colours, the alternate screen, a hidden cursor, margins, line drawing.
const RESET: &str = "\u{1b}[0m\u{1b}[?1049l\u{1b}[?25h\u{1b}[r\u{1b}(B";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    recording: RecordingArguments,
    /// How many times faster
    #[arg(long, default_value_t = 1.0, value_name = "N")]
    speed: f64,
    /// Print what was shown as plain text, at once; what a pipe gets always
    #[arg(long)]
    text: bool,
}

pub(crate) async fn run(context: &Context<'_>, arguments: Arguments) -> Result<(), Failure> {
    if !(arguments.speed.is_finite() && arguments.speed > 0.0) {
        return Err(usage("--speed is more than 0"));
    }
    let recording = arguments.recording.open(context)?;
    let output = context.output;
    if output.json() {
        return Err(usage("there is no JSON of a recording").hint("use: jump export --format asciicast"));
    }
    let info = &recording.info;
    let heading = format!(
        "{} on {}, {}",
        Escaped(&info.user_name),
        Escaped(&info.item_name),
        moment(info.started)
    );
    output.say(output.paint(Colour::Bold, heading))?;
    let plain = arguments.text || !io::stdout().is_terminal();
    if recording.screen {
        return screen::play(&recording, plain, output);
    }
    let mut keys = Keys::of_person().filter(|_| !plain);
    if keys.is_some() && !recording.watchable.is_empty() {
        output.say(output.paint(Colour::Faint, "-- q quits, space pauses"))?;
    }
    for summary in &recording.watchable {
        output.say(output.paint(Colour::Faint, format!("-- {}", Escaped(&title(summary)))))?;
        if plain {
            text(recording.records()?, summary.channel, &mut io::stdout().lock())?;
            continue;
        }
        let raw = keys.is_some().then(RawMode::start).transpose()?;
        let played = play(&recording, summary.channel, arguments.speed, keys.as_mut()).await;
        print(RESET)?;
        drop(raw);
        output.say("")?;
        if played? == Played::Left {
            return Ok(());
        }
    }
    if recording.watchable.is_empty() {
        output.say("Nothing was shown in this session.")?;
    }
    Ok(())
}

/// How the playing of a channel came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Played {
    /// All of it was shown.
    Whole,
    /// The viewer has seen enough.
    Left,
}

/// What the viewer wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Pause,
    Quit,
    Interrupt,
}

/// Waits for a key that means something; for ever without a keyboard. Cancel-safe.
async fn wish(keys: Option<&mut Keys>) -> Wish {
    let Some(keys) = keys else {
        return std::future::pending().await;
    };
    loop {
        match keys.next().await {
            b'q' | b'Q' => return Wish::Quit,
            b' ' => return Wish::Pause,
            INTERRUPT => return Wish::Interrupt,
            _ => {}
        }
    }
}

/// Writes a channel's output in its own time, through the filter.
async fn play(
    recording: &Recording,
    channel: u32,
    speed: f64,
    mut keys: Option<&mut Keys>,
) -> Result<Played, Failure> {
    let interrupted = || Error::new(ErrorKind::Closed, "play the recording", "it was interrupted");
    let mut stop = Stop::listen()?;
    let mut filter = Replay::default();
    let mut before = None;
    for record in recording.records()? {
        let record = record?;
        let shown = matches!(record.kind, RecordKind::FromTarget | RecordKind::FromTargetError);
        if record.channel != channel || !shown {
            continue;
        }
        let pause = before.map_or(Duration::ZERO, |before| record.at.saturating_sub(before));
        before = Some(record.at);
        let pause = Duration::try_from_secs_f64(pause.as_secs_f64() / speed).unwrap_or(LONGEST_PAUSE);
        let due = tokio::time::sleep(pause.min(LONGEST_PAUSE));
        tokio::pin!(due);
        let mut paused = false;
        loop {
            tokio::select! {
                () = &mut due, if !paused => break,
                () = stop.told() => return Err(interrupted().into()),
                wanted = wish(keys.as_deref_mut()) => match wanted {
                    Wish::Pause => paused = !paused,
                    Wish::Quit => return Ok(Played::Left),
                    Wish::Interrupt => return Err(interrupted().into()),
                },
            }
        }
        let shown = filter.take(&record.payload);
        // With a keyboard the terminal is in raw mode, and does not begin a line by itself.
        let raw = keys.is_some();
        print(&if raw { lines_begun(&shown) } else { shown })?;
    }
    Ok(Played::Whole)
}

/// The text with a carriage return before each line feed that has none.
fn lines_begun(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\n', "\r\n")
}

fn print(text: &str) -> Result<(), Failure> {
    let mut screen = io::stdout().lock();
    screen
        .write_all(text.as_bytes())
        .and_then(|()| screen.flush())
        .map_err(not_written)
}
