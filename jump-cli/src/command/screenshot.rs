//! `jump screenshot`: the picture on an item's screen, as PNG.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use jump_core::text::Escaped;
use jump_core::{Error, ErrorKind};

use super::Context;
use crate::connect::ScreenArguments;
use crate::error::{Failure, usage};
use crate::output::not_written;
use crate::screen::with_screen;
use crate::state::write_private;

/// How long the target may take to paint the whole screen once.
const PATIENCE: Duration = Duration::from_secs(30);

const EXAMPLES: &str = "\
Examples:
  jump screenshot desk -o desk.png
  jump screenshot desk | display";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The item's name, GROUP/NAME or id
    item: String,
    /// The PNG file to write, `-` for standard output [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    // Last: its heading would go on above what follows.
    #[command(flatten)]
    session: ScreenArguments,
}

pub(crate) async fn run(context: &Context<'_>, arguments: Arguments) -> Result<(), Failure> {
    let output = context.output;
    let file = match &arguments.output {
        Some(path) if path.as_os_str() != "-" => Some(destination(path)?),
        _ if std::io::stdout().is_terminal() => {
            return Err(usage("a terminal shows no pictures").hint("say which file: -o FILE.png"));
        }
        _ if output.json() => {
            return Err(
                usage("the picture and JSON do not go to the same place").hint("say which file: -o FILE.png")
            );
        }
        _ => None,
    };
    let picture = with_screen(
        context,
        &arguments.item,
        arguments.session,
        async |screen, progress| {
            progress.set_message("waiting for the picture");
            tokio::time::timeout(PATIENCE, screen.screenshot())
                .await
                .unwrap_or_else(|_| {
                    let message = "the target did not paint its screen in time";
                    Err(Error::new(ErrorKind::Timeout, "take a screenshot", message))
                })
        },
    )
    .await?;
    let mut png = Vec::new();
    jump_playback::png(&picture, &mut png)?;
    let Some(file) = file else {
        let mut to = std::io::stdout().lock();
        return to.write_all(&png).and_then(|()| to.flush()).map_err(not_written);
    };
    write_private(&file, &png)?;
    let (width, height) = (picture.width, picture.height);
    output.say(format_args!(
        "Wrote {} ({width} × {height} pixels).",
        Escaped(&file.display().to_string())
    ))?;
    output.value(&serde_json::json!({ "file": file, "width": width, "height": height }))
}

/// The file, in a folder that exists: better known before a session is started.
fn destination(path: &Path) -> Result<PathBuf, Failure> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let name = path.file_name().filter(|_| !path.is_dir());
    let Some(name) = name else {
        return Err(usage(format!("{} is a folder", path.display())));
    };
    if !folder.is_dir() {
        return Err(usage(format!("there is no folder {}", folder.display())));
    }
    Ok(folder.join(name))
}
