//! The `jump` command: thin, every verb is a library call.

mod arguments;
mod command;
mod connect;
mod demo;
mod error;
mod logging;
mod output;
mod screen;
mod secret_input;
mod site;
mod state;
mod stdio;
mod stop;
mod table;
mod terminal;
mod values;
mod warnings;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::Arguments;
use crate::output::Output;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let output = Output::new(arguments.global.json);
    logging::start(arguments.global.verbose, arguments.command.default_log());
    match run(arguments, &output) {
        Ok(code) => code,
        Err(failure) => {
            failure.report(&output);
            failure.exit_code()
        }
    }
}

fn run(arguments: Arguments, output: &Output) -> Result<ExitCode, error::Failure> {
    let mut builder = if arguments.command.is_server() {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        // One session needs one thread: less switching for each byte.
        tokio::runtime::Builder::new_current_thread()
    };
    let runtime = builder.enable_all().build().map_err(error::runtime)?;
    let result = runtime.block_on(Box::pin(command::run(arguments, output)));
    // A thread may wait for input that never comes; the process does not wait for it.
    runtime.shutdown_background();
    result
}
