//! Tells the tour, and keeps account of what was checked.

use std::fmt::Display;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jump_core::access::Decision;
use jump_core::text::Escaped;
use jump_core::{Error, ErrorKind};

use crate::command::why;
use crate::error::Failure;
use crate::output::{Colour, Output};

/// A pause for reading.
const PAUSE: Duration = Duration::from_millis(350);

#[derive(Debug)]
pub(super) struct Teller {
    output: Output,
    fast: bool,
    started: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    step: usize,
    checks: Vec<String>,
    complete: bool,
}

impl Teller {
    pub(super) fn new(output: Output, fast: bool) -> Self {
        Self {
            output,
            fast,
            started: Instant::now(),
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a step.
    pub(super) async fn heading(&self, title: &str) -> Result<(), Failure> {
        if !self.fast && !self.output.json() {
            tokio::time::sleep(PAUSE).await;
        }
        let number = {
            let mut state = self.state();
            state.step += 1;
            state.step
        };
        self.output.say("")?;
        self.output
            .say(self.output.paint(Colour::Bold, format!("{number}. {title}")))
    }

    pub(super) fn say(&self, line: impl Display) -> Result<(), Failure> {
        self.output.say(line)
    }

    /// A detail of a step.
    pub(super) fn detail(&self, line: impl Display) -> Result<(), Failure> {
        self.output.say(format_args!("   {line}"))
    }

    /// What a program wrote, line by line, harmless.
    pub(super) fn quote(&self, text: &str) -> Result<(), Failure> {
        for line in text.lines() {
            self.output.say(format_args!(
                "   {} {}",
                self.output.paint(Colour::Faint, "|"),
                Escaped(line)
            ))?;
        }
        Ok(())
    }

    pub(super) fn decision(&self, decision: &Decision) -> Result<(), Failure> {
        why::show(&self.output, decision)
    }

    /// Says that something holds.
    ///
    /// # Errors
    /// If it does not: the tour is a test of the installation, too, and ends there.
    pub(super) fn check(&self, what: &str, holds: bool) -> Result<(), Failure> {
        if holds {
            self.state().checks.push(what.to_owned());
            return self
                .output
                .say(format_args!("   {} {what}", self.output.paint(Colour::Good, "✓")));
        }
        self.output
            .say(format_args!("   {} {what}", self.output.paint(Colour::Bad, "✗")))?;
        let message = format!("this does not hold: {what}");
        Err(
            Failure::from(Error::new(ErrorKind::Internal, "take the tour", message))
                .hint("this is a bug: please report it with the output above"),
        )
    }

    /// Notes that every step was shown.
    pub(super) fn complete(&self) {
        self.state().complete = true;
    }

    /// Whether every step was shown.
    pub(super) fn is_complete(&self) -> bool {
        self.state().complete
    }

    /// The account, for programs.
    pub(super) fn summary(&self) -> Result<(), Failure> {
        let seconds = self.started.elapsed().as_secs_f64();
        self.output
            .value(&serde_json::json!({ "ok": true, "checks": self.state().checks, "seconds": seconds }))
    }
}
