//! Secrets come from a prompt, standard input or a file; never from the command line or the environment, where other
//! users of the machine can read them.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;

use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers};
use jump_core::secret::Secret;
use jump_core::{Error, ErrorKind, Result};
use zeroize::Zeroize;

use crate::terminal::RawMode;

/// The longest secret that is read, in bytes.
const LONGEST: usize = 64 * 1024;

fn failed(error: io::Error) -> Error {
    Error::from_io(ErrorKind::Storage, "read a secret", error)
}

fn wrong(rule: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidArgument, "read a secret", rule)
}

/// Asks at the terminal, without echo. Runs beside the runtime, so that connections stay alive meanwhile.
pub(crate) async fn ask(prompt: &str) -> Result<Secret<String>> {
    let prompt = prompt.to_owned();
    tokio::task::spawn_blocking(move || ask_now(&prompt))
        .await
        .map_err(|error| {
            Error::new(ErrorKind::Internal, "read a secret", "the prompt failed").with_source(error)
        })?
}

fn ask_now(prompt: &str) -> Result<Secret<String>> {
    if !io::stdin().is_terminal() {
        return Err(wrong(
            "there is no terminal to ask at: pass the secret on standard input",
        ));
    }
    let mut screen = io::stderr();
    // First no echo, then the prompt: a person or program that answers at once must not be echoed.
    let raw = RawMode::start()?;
    let shown = screen.write_all(format!("{prompt}: ").as_bytes());
    shown.and_then(|()| screen.flush()).map_err(failed)?;
    // Reserved in full, so that growing never leaves an unwiped copy behind.
    let mut typed = Zeroizing(String::with_capacity(LONGEST));
    let result = loop {
        let Event::Key(key) = crossterm::event::read().map_err(failed)? else {
            continue;
        };
        if key.kind == KeyEventKind::Release {
            continue;
        }
        match key.code {
            KeyCode::Char('c' | 'd') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                break Err(wrong("it was cancelled"));
            }
            KeyCode::Char('u') if key.modifiers.contains(KeyModifiers::CONTROL) => typed.0.zeroize(),
            // Control and J or M is how a line break arrives in raw mode.
            KeyCode::Enter => break Ok(()),
            KeyCode::Char('j' | 'm') if key.modifiers.contains(KeyModifiers::CONTROL) => break Ok(()),
            KeyCode::Backspace => drop(typed.0.pop()),
            KeyCode::Char(character) if typed.0.len() + character.len_utf8() <= LONGEST => {
                typed.0.push(character)
            }
            KeyCode::Char(_) => break Err(wrong("it is longer than 64 KiB")),
            _ => {}
        }
    };
    drop(raw);
    writeln!(screen).map_err(failed)?;
    result.map(|()| Secret::new(std::mem::take(&mut typed.0)))
}

struct Zeroizing(String);

impl Drop for Zeroizing {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// All of standard input, without a line break at its end.
pub(crate) fn from_stdin() -> Result<Secret<String>> {
    let mut secret = read_all(io::stdin().lock())?;
    if secret.0.ends_with('\n') {
        secret.0.pop();
        if secret.0.ends_with('\r') {
            secret.0.pop();
        }
    }
    Ok(Secret::new(std::mem::take(&mut secret.0)))
}

/// All of a file. Its mode is the user's affair: key files of other programs are read this way.
pub(crate) fn from_file(path: &Path) -> Result<Secret<String>> {
    let missing = |error| Error::from_io(ErrorKind::NotFound, "read a file", error);
    let named = |error: Error| {
        Error::new(
            error.kind(),
            error.operation(),
            format!("cannot read {}", path.display()),
        )
        .with_source(error)
    };
    let file = File::open(path).map_err(missing).map_err(named)?;
    let mut secret = read_all(file).map_err(named)?;
    Ok(Secret::new(std::mem::take(&mut secret.0)))
}

fn read_all(from: impl Read) -> Result<Zeroizing> {
    let mut bytes = Vec::with_capacity(LONGEST + 1);
    let read = from.take(LONGEST as u64 + 1).read_to_end(&mut bytes);
    if read.is_err() || bytes.len() > LONGEST {
        bytes.zeroize();
    }
    read.map_err(failed)?;
    if bytes.is_empty() {
        return Err(wrong("it is empty, or longer than 64 KiB"));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Zeroizing(text)),
        Err(error) => {
            error.into_bytes().zeroize();
            Err(wrong("it is not text"))
        }
    }
}
