//! The tour: a whole site in one process, shown step by step, that checks itself on the way.

mod folder;
mod people;
mod scenery;
mod stage;
mod steps;
mod tap;
mod teller;

use std::process::ExitCode;

use jump_core::{Error, ErrorKind};

use crate::error::Failure;
use crate::output::Output;
use crate::stop::Stop;

use folder::DemoFolder;
use teller::Teller;

/// Takes the tour. It touches nothing outside a temporary folder, which it removes, and loopback.
pub(crate) async fn run(output: Output, keep: bool, fast: bool) -> Result<ExitCode, Failure> {
    let mut stop = Stop::listen()?;
    let folder = DemoFolder::make()?;
    let teller = Teller::new(output, fast);
    let tour = tour(&teller, &folder, keep);
    tokio::select! {
        toured = Box::pin(tour) => toured?,
        () = stop.told() => {
            output.say("")?;
            if !teller.is_complete() {
                return Err(Error::new(ErrorKind::Closed, "take the tour", "it was interrupted").into());
            }
        }
    }
    teller.summary()?;
    Ok(ExitCode::SUCCESS)
}

async fn tour(teller: &Teller, folder: &DemoFolder, keep: bool) -> Result<(), Failure> {
    teller.say(format_args!(
        "A whole site in this one process, on 127.0.0.1 only. Its files are in {} and go away with it.",
        folder.path().display()
    ))?;
    let stage = Box::pin(scenery::start(teller, folder)).await?;
    let people = Box::pin(scenery::set_up(teller, &stage)).await?;
    Box::pin(steps::denied(teller, &stage, &people)).await?;
    let said = Box::pin(steps::allowed(teller, &stage, &people)).await?;
    steps::relay(teller, &stage, &said).await?;
    steps::recording(teller, &stage, &said).await?;
    Box::pin(steps::revoked(teller, &stage, &people)).await?;
    steps::audit(teller, &stage).await?;
    teller.complete();
    if keep {
        Box::pin(steps::keep(teller, &stage, &people)).await?;
        // Until Ctrl-C, which the caller waits for.
        std::future::pending::<()>().await;
    }
    stage.stop().await;
    teller.say("")?;
    teller.say("That was the tour. For a site of your own: jump up")?;
    teller.say("An item can be a screen, too: jump items add remote-vnc --help, then jump vnc ITEM")
}
