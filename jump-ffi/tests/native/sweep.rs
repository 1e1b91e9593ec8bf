//! A C program made out of the header: it calls every function once for each pointer that is needed, with NULL in its place and good
//! values everywhere else.

use std::fmt::Write as _;

/// A function of the header.
pub(crate) struct Function {
    pub(crate) name: String,
    parameters: Vec<Parameter>,
}

struct Parameter {
    kind: String,
    name: String,
}

/// Pointers that may be NULL, by name.
const OPTIONAL: [&str; 22] = [
    "error_out",
    "options_json",
    "query_json",
    "userdata",
    "username",
    "destroy",
    "wake",
    "progress",
    "bytes_out",
    "terminal_type",
    "stdout_out",
    "stderr_out",
    "exit_code_out",
    "signal_out",
    "whose_out",
    "rects",
    "options",
    "data",
    "text",
    "command",
    "buf",
    "error",
];

/// Optional by that name elsewhere, but not here.
const NEEDED: [(&str, &str); 10] = [
    ("jump_session_run", "command"),
    ("jump_shell_exit", "exit_code_out"),
    ("jump_broker_options_add_vault", "options"),
    ("jump_broker_options_set_authenticator", "options"),
    ("jump_broker_options_set_tickets", "options"),
    ("jump_broker_options_set_logins", "options"),
    ("jump_broker_options_add_notifier", "options"),
    ("jump_broker_options_set_audit", "options"),
    ("jump_broker_options_set_store", "options"),
    ("jump_shell_exec", "command"),
];

/// Every function that the header declares.
pub(crate) fn functions(header: &str) -> Vec<Function> {
    // Without comments and preprocessor lines a declaration ends with `;` and has one pair of parentheses, but for callbacks.
    let mut text = String::new();
    let mut rest = header;
    while let Some((before, after)) = rest.split_once("/*") {
        text.push_str(before);
        rest = after.split_once("*/").expect("a comment ends").1;
    }
    text.push_str(rest);
    let text: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .fold(String::new(), |text, line| text + line + " ");
    text.split(';')
        .map(str::trim)
        .filter(|one| !one.starts_with("typedef") && !one.starts_with('}'))
        .filter_map(function)
        .collect()
}

fn function(declaration: &str) -> Option<Function> {
    let declaration = declaration
        .rsplit_once('{')
        .map_or(declaration, |(_, after)| after);
    let (before, parameters) = declaration.trim().split_once('(')?;
    let at = before.rfind("jump_")?;
    let name = &before[at..];
    let parameters = parameters.strip_suffix(')')?;
    let mut found = Vec::new();
    let (mut depth, mut one) = (0, String::new());
    for character in parameters.chars().chain([',']) {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                found.extend(parameter(one.trim()));
                one.clear();
                continue;
            }
            _ => {}
        }
        one.push(character);
    }
    Some(Function {
        name: name.trim().to_owned(),
        parameters: found,
    })
}

fn parameter(text: &str) -> Option<Parameter> {
    if text == "void" || text.is_empty() {
        return None;
    }
    let (kind, name) = match text.split_once("(*") {
        // void (*destroy)(void*)
        Some((_, after)) => ("callback", after.split(')').next()?),
        None => {
            let at = text.rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))?;
            text.split_at(at + 1)
        }
    };
    let kind = kind.replace("const ", "").replace(' ', "");
    Some(Parameter {
        kind,
        name: name.trim().to_owned(),
    })
}

impl Parameter {
    fn is_pointer(&self) -> bool {
        self.kind.ends_with('*') || self.kind == "callback" || self.kind.ends_with("_fn")
    }

    fn is_needed(&self, function: &str) -> bool {
        let needed_here = NEEDED
            .iter()
            .any(|(name, parameter)| *name == function && *parameter == self.name);
        self.is_pointer() && (needed_here || !OPTIONAL.contains(&self.name.as_str()))
    }

    /// Something that is good for it.
    fn good(&self) -> String {
        match self.kind.as_str() {
            "char*" if self.name.ends_with("_json") => "\"{}\"".to_owned(),
            "char*" => "\"x\"".to_owned(),
            "uint8_t*" => "bytes".to_owned(),
            "void*" | "callback" | "jump_progress_fn" => "NULL".to_owned(),
            "jump_answer_fn" => "answer".to_owned(),
            "jump_log_fn" => "take_line".to_owned(),
            "size_t" => "1".to_owned(),
            "uint32_t" | "uint16_t" | "int32_t" | "int64_t" | "jump_status" => "1".to_owned(),
            "bool" => "true".to_owned(),
            kind if kind.ends_with("**") => "(void *)place".to_owned(),
            kind if kind.starts_with("jump_") && kind.ends_with('*') && !self.name.ends_with("_out") => {
                format!("good_{}", kind.trim_end_matches('*'))
            }
            _ => "(void *)place".to_owned(),
        }
    }
}

/// The program.
pub(crate) fn program() -> String {
    let header = std::fs::read_to_string(crate::build::include().join("jump/jump.h")).unwrap();
    let functions = functions(&header);
    assert!(functions.len() > 80, "the header has {}", functions.len());
    let mut text = String::from(include_str!("../c/sweep.c"));
    text.push_str("\nstatic void sweep(void) {\n");
    for function in &functions {
        let good = |without: Option<usize>| {
            let arguments: Vec<String> = function
                .parameters
                .iter()
                .enumerate()
                .map(|(place, parameter)| match without {
                    Some(left_out) if left_out == place => "NULL".to_owned(),
                    _ if parameter.name == "error_out" => "&error".to_owned(),
                    _ => parameter.good(),
                })
                .collect();
            format!("{}({})", function.name, arguments.join(", "))
        };
        // What gives a status but cannot fail is a getter or frees.
        let fails = function.parameters.iter().any(|one| one.name == "error_out")
            || ["_interrupt", "_stop"]
                .iter()
                .any(|verb| function.name.ends_with(verb));
        for (place, parameter) in function.parameters.iter().enumerate() {
            let call = good(Some(place));
            if fails && parameter.is_needed(&function.name) {
                writeln!(text, "    REFUSES({call});").unwrap();
            }
        }
        // Nothing at all: it may be fine, and it may not crash.
        let nothing: Vec<&str> = function
            .parameters
            .iter()
            .map(|one| if one.is_pointer() { "NULL" } else { "0" })
            .collect();
        writeln!(text, "    (void){}({});", function.name, nothing.join(", ")).unwrap();
    }
    text.push_str("}\n");
    text
}
