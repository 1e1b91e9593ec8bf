//! The demo's commands.

use std::time::Instant;

use super::files::{Found, find};

/// What every visitor sees the same.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) hostname: String,
    pub(super) username: String,
    pub(super) started: Instant,
}

/// What a line of commands did.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ran {
    pub(super) output: String,
    pub(super) errors: String,
    pub(super) status: u32,
    /// Whether the shell is to end.
    pub(super) exit: bool,
}

const HELP: &str = "\
Commands of this demo:
  help            this list
  hostname        the machine's name
  whoami          your name on it
  uptime          how long it has been up
  ls [PATH]       the files
  cat PATH...     what is in them; try `cat README`
  echo WORD...    the words again
  exit [STATUS]   leave
Commands can be joined with `;`.
";

impl Machine {
    /// Runs the commands of one line, one after the other.
    pub(super) fn run(&self, line: &str) -> Ran {
        let mut ran = Ran::default();
        for command in split(line) {
            let Some((name, arguments)) = command.split_first() else {
                continue;
            };
            ran.status = self.run_one(name, arguments, &mut ran);
            if ran.exit {
                break;
            }
        }
        ran
    }

    fn run_one(&self, name: &str, arguments: &[String], ran: &mut Ran) -> u32 {
        match name {
            "help" => ran.output.push_str(HELP),
            "hostname" => ran.output.push_str(&format!("{}\n", self.hostname)),
            "whoami" => ran.output.push_str(&format!("{}\n", self.username)),
            "uptime" => {
                let up = self.started.elapsed().as_secs();
                ran.output
                    .push_str(&format!("up {}:{:02}:{:02}\n", up / 3600, up / 60 % 60, up % 60));
            }
            "echo" => ran.output.push_str(&format!("{}\n", arguments.join(" "))),
            "ls" => return list(arguments.first().map_or("/", String::as_str), ran),
            "cat" => {
                return arguments
                    .iter()
                    .fold(0, |status, path| status.max(show(path, ran)));
            }
            "exit" => {
                ran.exit = true;
                return arguments
                    .first()
                    .map_or(Some(ran.status), |text| text.parse().ok())
                    .unwrap_or(2);
            }
            other => {
                ran.errors.push_str(&format!("{other}: not found; try help\n"));
                return 127;
            }
        }
        0
    }
}

fn list(path: &str, ran: &mut Ran) -> u32 {
    match find(path) {
        Some(Found::Folder(names)) => ran.output.push_str(&format!("{}\n", names.join("\n"))),
        Some(Found::File(_)) => ran.output.push_str(&format!("{path}\n")),
        None => {
            ran.errors.push_str(&format!("ls: {path}: no such file\n"));
            return 1;
        }
    }
    0
}

fn show(path: &str, ran: &mut Ran) -> u32 {
    let problem = match find(path) {
        Some(Found::File(contents)) => {
            ran.output.push_str(contents);
            return 0;
        }
        Some(Found::Folder(_)) => "is a folder",
        None => "no such file",
    };
    ran.errors.push_str(&format!("cat: {path}: {problem}\n"));
    1
}

/// Splits a line into commands at `;` and each into words at spaces; quotes keep words together.
fn split(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut quote = None;
    for character in line.chars() {
        match (quote, character) {
            (Some(open), same) if open == same => quote = None,
            (Some(_), other) => word.get_or_insert_default().push(other),
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, ' ' | '\t' | ';' | '\n' | '\r') => {
                if let (Some(word), Some(command)) = (word.take(), commands.last_mut()) {
                    command.push(word);
                }
                if matches!(character, ';' | '\n') {
                    commands.push(Vec::new());
                }
            }
            (None, other) => word.get_or_insert_default().push(other),
        }
    }
    if let (Some(word), Some(command)) = (word, commands.last_mut()) {
        command.push(word);
    }
    commands
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(line: &str) -> Ran {
        let machine = Machine {
            hostname: "pump-house".into(),
            username: "operator".into(),
            started: Instant::now(),
        };
        machine.run(line)
    }

    #[test]
    fn the_built_in_commands_work() {
        assert_eq!(run("hostname; whoami").output, "pump-house\noperator\n");
        assert_eq!(run("ls").output, "README\netc/\nvar/\n");
        assert!(run("cat README").output.contains("Welcome"));
        assert_eq!(run("echo 'a  b' \"c;d\" e").output, "a  b c;d e\n");
        assert!(run("uptime").output.starts_with("up 0:00:"));
        assert!(run("help").output.contains("hostname"));
        assert_eq!(run("  ;; "), Ran::default());
    }

    #[test]
    fn failures_have_a_status_and_words() {
        assert_eq!(run("reboot").status, 127);
        assert_eq!(run("cat nothing").errors, "cat: nothing: no such file\n");
        assert_eq!(run("ls /x").status, 1);
        let left = run("exit 7; echo never");
        assert_eq!((left.status, left.exit, left.output.as_str()), (7, true, ""));
        assert_eq!(run("reboot; exit").status, 127);
    }
}
