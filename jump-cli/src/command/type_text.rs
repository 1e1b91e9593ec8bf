//! `jump type`: keys on an item's screen.

use clap::Args;
use jump_core::text::Escaped;
use tokio::io::AsyncReadExt;

use super::Context;
use crate::connect::ScreenArguments;
use crate::error::{Failure, usage};
use crate::screen::{keys, with_screen};

/// The longest text, in bytes.
const LONGEST: usize = 64 * 1024;

#[derive(Debug, Args)]
#[command(after_help = help())]
pub(crate) struct Arguments {
    /// The item's name, GROUP/NAME or id
    item: String,
    /// What to type, `-` to read it from standard input: for what others on this machine must not see
    text: String,
    /// Type braces as they are
    #[arg(long)]
    literal: bool,
    // Last: its heading would go on above what follows.
    #[command(flatten)]
    session: ScreenArguments,
}

fn help() -> String {
    format!(
        "{}\n\nExamples:\n  jump type desk 'ls -l{{Return}}'\n  jump type desk '{{Ctrl+Alt+Delete}}'\n  \
         jump type desk - --literal < notes.txt",
        keys::NAMES
    )
}

pub(crate) async fn run(context: &Context<'_>, arguments: Arguments) -> Result<(), Failure> {
    let text = match arguments.text.as_str() {
        "-" if arguments.session.reads_stdin() => {
            return Err(usage("the text and the password do not come from the same place"));
        }
        "-" => standard_input().await?,
        text => text.to_owned(),
    };
    if text.len() > LONGEST {
        return Err(usage("a text to type has at most 64 KiB"));
    }
    let strokes = if arguments.literal {
        keys::literal(&text)?
    } else {
        keys::strokes(&text)?
    };
    let count = strokes.len();
    if count == 0 {
        return Err(usage("there is nothing to type"));
    }
    with_screen(
        context,
        &arguments.item,
        arguments.session,
        async |screen, progress| {
            for (at, stroke) in strokes.iter().enumerate() {
                progress.set_message(format!("typing key {} of {count}", at + 1));
                stroke.press(screen).await?;
            }
            Ok(())
        },
    )
    .await?;
    let output = context.output;
    let keys = if count == 1 { "key" } else { "keys" };
    output.say(format_args!(
        "Typed {count} {keys} on {}.",
        Escaped(&arguments.item)
    ))?;
    output.value(&serde_json::json!({ "typed": count }))
}

async fn standard_input() -> Result<String, Failure> {
    let mut bytes = Vec::new();
    // One more than is taken, to see that it is too long.
    let read = tokio::io::stdin()
        .take(LONGEST as u64 + 1)
        .read_to_end(&mut bytes)
        .await;
    read.map_err(|error| usage(format!("standard input cannot be read: {error}")))?;
    String::from_utf8(bytes).map_err(|_| usage("the text on standard input is not UTF-8"))
}
