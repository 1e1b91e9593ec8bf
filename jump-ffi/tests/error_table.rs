//! `docs/errors.md`, the one table of errors, is what the sources say.
//!
//! To write it anew: `JUMP_WRITE_ERRORS=1 cargo test -p jump-ffi --test error_table`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use jump_core::ErrorKind;

/// The exception of each kind in Python, in the order of the numbers.
const PYTHON: [&str; 22] = [
    "InvalidArgument",
    "NotFound",
    "Denied",
    "AuthenticationFailed",
    "Conflict",
    "ResourceLimit",
    "JumpTimeout",
    "Unavailable",
    "Closed",
    "SessionEnded",
    "ProtocolError",
    "UntrustedPeer",
    "TargetUnreachable",
    "TargetAuthenticationFailed",
    "HostKeyError",
    "IntegrityError",
    "StorageError",
    "NetworkError",
    "UnsupportedError",
    "GrantError",
    "ClockSkew",
    "InternalError",
];

const BEGINNING: &str = "# Errors

One table for every language. Numbers and codes never change their meaning, and new ones are added at the end.

* In Rust an error is `jump_core::Error`; `kind()` is its `ErrorKind`.
* In C a call gives the number, and an error object with the message; 0 is `JUMP_OK`.
* In Python each kind is an exception; all are `jump.JumpError`.
* In the control protocol, in JSON and on the command line the code stands for it.

A message says what was being done and what to do about it, and holds no secret. Whether the same call may work later without a change
is said apart, by `is_retryable()` in Rust, `jump_error_is_retryable` in C and `.retryable` in Python.

| number | code | Rust | C | Python | meaning |
|---:|---|---|---|---|---|
";

const END: &str =
    "| -1 | | | `JUMP_ERR_PANIC` | | In C only: the call panicked, which is a bug in the library. Please report it. |
";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What the source says about a kind, as one line without links.
fn meaning(source: &str, kind: ErrorKind) -> String {
    let name = format!("{kind:?}");
    let declared = format!("    {name} = {}, \"{}\";", kind.number(), kind.code());
    let (before, _) = source.split_once(&declared).expect("each kind is declared");
    let mut lines: Vec<&str> = before
        .lines()
        .rev()
        .map_while(|line| line.trim().strip_prefix("/// "))
        .collect();
    lines.reverse();
    lines.join(" ")
}

fn table() -> String {
    let source = std::fs::read_to_string(root().join("jump-core/src/error.rs")).unwrap();
    let mut text = BEGINNING.to_owned();
    assert_eq!(
        PYTHON.len(),
        ErrorKind::ALL.len(),
        "a kind has no exception in Python"
    );
    for (kind, python) in ErrorKind::ALL.iter().zip(PYTHON) {
        writeln!(
            text,
            "| {} | `{}` | `{kind:?}` | `JUMP_ERR_{}` | `{python}` | {} |",
            kind.number(),
            kind.code(),
            kind.code().to_uppercase(),
            meaning(&source, *kind),
        )
        .unwrap();
    }
    text + END
}

#[test]
fn the_table_of_errors_is_what_the_sources_say() {
    let path = root().join("docs/errors.md");
    let table = table();
    if std::env::var_os("JUMP_WRITE_ERRORS").is_some() {
        std::fs::write(&path, &table).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == table,
        "docs/errors.md is old: JUMP_WRITE_ERRORS=1 cargo test -p jump-ffi --test error_table"
    );
}

#[test]
fn every_kind_has_its_number_in_the_header_and_its_class_in_python() {
    let header = std::fs::read_to_string(root().join("jump-ffi/include/jump/jump.h")).unwrap();
    for kind in ErrorKind::ALL {
        let line = format!(
            "#define JUMP_ERR_{} {}\n",
            kind.code().to_uppercase(),
            kind.number()
        );
        assert!(header.contains(&line), "the header has no {line}");
    }
    // The Python package can be checked out or not.
    let Ok(python) = std::fs::read_to_string(root().join("bindings/python/python/jump/_errors.py")) else {
        return;
    };
    for class in PYTHON {
        assert!(
            python.contains(&format!("class {class}(")),
            "Python has no {class}"
        );
    }
}
