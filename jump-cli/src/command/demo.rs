//! `jump demo`.

use std::process::ExitCode;

use clap::Args;

use super::Context;
use crate::error::Failure;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Leave everything running and print how to connect from another terminal
    #[arg(long)]
    keep: bool,
    /// Do not pause between the steps
    #[arg(long)]
    fast: bool,
}

pub(crate) async fn run(context: &Context<'_>, arguments: Arguments) -> Result<ExitCode, Failure> {
    crate::demo::run(*context.output, arguments.keep, arguments.fast).await
}
