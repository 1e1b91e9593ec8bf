//! The log: off unless asked for, always on standard error.

use tracing_subscriber::EnvFilter;

/// Starts the log. `JUMP_LOG` (in the form of `RUST_LOG`) goes before `-v`; without both, `unasked` is logged.
pub(crate) fn start(verbose: u8, unasked: Option<&'static str>) {
    let by_count = match (verbose, unasked) {
        (0, Some(filter)) => filter,
        (0, None) => return start_if_asked(),
        (1, _) => "warn,jump_core=info,jump_store=info,jump_proto_ssh=info,jump_proto_tunnel=info",
        (2, _) => "debug",
        _ => "trace",
    };
    let filter = std::env::var("JUMP_LOG").unwrap_or_else(|_| by_count.to_owned());
    start_with(&filter);
}

fn start_if_asked() {
    if let Ok(filter) = std::env::var("JUMP_LOG") {
        start_with(&filter);
    }
}

fn start_with(filter: &str) {
    let filter = EnvFilter::builder().parse_lossy(filter);
    // There is one process-wide logger, and the command is the one who may set it.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(crate::output::colourful(&std::io::stderr()))
        .try_init();
}
