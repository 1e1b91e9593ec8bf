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
use crate::error::{Failure, usage};
use crate::output::{Colour, moment, not_written};
use crate::stop::Stop;
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
    for summary in &recording.watchable {
        output.say(output.paint(Colour::Faint, format!("-- {}", Escaped(&title(summary)))))?;
        if plain {
            text(recording.records()?, summary.channel, &mut io::stdout().lock())?;
        } else {
            let played = play(&recording, summary.channel, arguments.speed).await;
            print(RESET)?;
            played?;
            output.say("")?;
        }
    }
    if recording.watchable.is_empty() {
        output.say("Nothing was shown in this session.")?;
    }
    Ok(())
}

/// Writes a channel's output in its own time, through the filter.
async fn play(recording: &Recording, channel: u32, speed: f64) -> Result<(), Failure> {
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
        tokio::select! {
            () = tokio::time::sleep(pause.min(LONGEST_PAUSE)) => {}
            () = stop.told() => {
                return Err(Error::new(ErrorKind::Closed, "play the recording", "it was interrupted").into());
            }
        }
        print(&filter.take(&record.payload))?;
    }
    Ok(())
}

fn print(text: &str) -> Result<(), Failure> {
    let mut screen = io::stdout().lock();
    screen
        .write_all(text.as_bytes())
        .and_then(|()| screen.flush())
        .map_err(not_written)
}
