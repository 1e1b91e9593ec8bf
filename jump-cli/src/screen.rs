//! From an item to a screen that one can drive: one way for every protocol that has one.

pub(crate) mod keys;

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jump_core::control::ItemView;
use jump_core::model::ItemDetails;
use jump_core::protocol::{ScreenSession, Session};
use jump_core::rep::Rep;
use jump_core::text::Escaped;
use jump_core::{Error, ErrorKind, Result};

use crate::command::Context;
use crate::connect::{ScreenArguments, settle};
use crate::error::{Failure, surprised, usage};
use crate::stop::Stop;
use crate::warnings;

/// How long the goodbye may take after something has failed.
const GOODBYE: Duration = Duration::from_secs(1);
/// How long it may take until everything has been sent that was done.
const LAST_WORDS: Duration = Duration::from_secs(20);

/// Opens a session on the item's screen, does `work` there and closes the session.
///
/// # Errors
/// What the session could not be started for, what `work` fails with, or why the session ended meanwhile.
pub(crate) async fn with_screen<T>(
    context: &Context<'_>,
    item: &str,
    arguments: ScreenArguments,
    work: impl AsyncFnOnce(&dyn ScreenSession, &ProgressBar) -> Result<T>,
) -> std::result::Result<T, Failure> {
    let rep = arguments.connect(&context.home).await?;
    let done = on_screen(&rep, context, item, arguments, work).await;
    settle(&rep).await;
    done
}

async fn on_screen<T>(
    rep: &Rep,
    context: &Context<'_>,
    item: &str,
    arguments: ScreenArguments,
    work: impl AsyncFnOnce(&dyn ScreenSession, &ProgressBar) -> Result<T>,
) -> std::result::Result<T, Failure> {
    let item = screen_item(rep, item).await?;
    let (id, options) = (item.id.to_string(), arguments.options(&item).await?);
    let progress = progress(context.output.json());
    progress.set_message(format!("opening a session on {}", Escaped(&item.name)));
    // From here on there is somebody to say goodbye to.
    let mut stop = Stop::listen()?;
    let opened = tokio::select! {
        opened = Box::pin(rep.open_session(&id, &options)) => opened?,
        () = stop.told() => return Err(interrupted()),
    };
    let Session::Screen(session) = opened.session else {
        return Err(surprised());
    };
    let done = tokio::select! {
        done = Box::pin(work(&*session, &progress)) => done.map_err(Failure::from),
        never = warnings::tell(opened.events, warnings::Line::Plain) => match never {},
        () = stop.told() => Err(interrupted()),
    };
    progress.finish_and_clear();
    if done.is_err() {
        // A goodbye that fails changes nothing about that.
        let _ = tokio::time::timeout(GOODBYE, session.close()).await;
        return done;
    }
    match tokio::time::timeout(LAST_WORDS, session.close()).await {
        Ok(closed) => closed?,
        Err(_) => {
            let message = "the target did not take everything in time";
            return Err(Error::new(ErrorKind::Timeout, "session", message).into());
        }
    }
    done
}

/// The item, if it has a screen.
pub(crate) async fn screen_item(rep: &Rep, item: &str) -> std::result::Result<ItemView, Failure> {
    let item = rep.item(item).await?;
    match &item.details {
        ItemDetails::LocalVnc(_)
        | ItemDetails::RemoteVnc(_)
        | ItemDetails::LocalRdp(_)
        | ItemDetails::RemoteRdp(_) => Ok(item),
        ItemDetails::ShellJump(_) => Err(no_screen("jump ssh ITEM")),
        ItemDetails::ProtocolTunnel(_) => Err(no_screen("jump tunnel ITEM")),
        _ => Err(usage("this item has no screen that can be reached")),
    }
}

fn no_screen(command: &str) -> Failure {
    usage("this item has no screen").hint(format!("open it with: {command}"))
}

fn interrupted() -> Failure {
    Error::new(ErrorKind::Closed, "session", "it was interrupted").into()
}

/// A spinner on a terminal, nothing elsewhere.
fn progress(silent: bool) -> ProgressBar {
    let target = if silent {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    };
    let spinner = ProgressBar::with_draw_target(None, target);
    spinner.enable_steady_tick(Duration::from_millis(100));
    match ProgressStyle::with_template("{spinner} {msg}") {
        Ok(style) => spinner.with_style(style),
        Err(_) => spinner,
    }
}
