//! The table of what every language does names tests that are there.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::path::Path;

/// The scenarios that the C library and the Python package promise for every language.
const SCENARIOS: [&str; 11] = [
    "list",
    "decide",
    "shell",
    "files",
    "VNC screen",
    "RDP screen",
    "Local Jump",
    "tunnel",
    "kill",
    "revoke",
    "errors",
];

#[test]
fn every_scenario_is_there_in_every_language() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    let mut python = String::new();
    for test in ["rep", "shell", "screen", "tunnel", "access"] {
        python.push_str(&read(&format!("bindings/python/tests/test_{test}.py")));
    }
    // A function's definition, and how it is called from what runs: pytest calls by itself.
    let languages = [
        (read("jump-ffi/tests/native/in_rust.rs"), "async fn ", true),
        (read("jump-ffi/tests/c/conformance.c"), "static void ", true),
        (read("jump-ffi/tests/cpp/conformance.cpp"), "static void ", true),
        (python, "def ", false),
    ];
    let table = read("docs/conformance.md");
    let rows: Vec<Vec<&str>> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"))
        .skip(1)
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    let scenarios: Vec<&str> = rows.iter().map(|row| row[0].split(':').next().unwrap()).collect();
    assert_eq!(scenarios, SCENARIOS);
    for row in &rows {
        assert_eq!(row.len(), 1 + languages.len(), "{row:?}");
        for (cell, (source, definition, called)) in row[1..].iter().zip(&languages) {
            for name in cell.split(", ").map(|name| name.trim_matches('`')) {
                let defined = format!("{definition}{name}(");
                assert!(source.contains(&defined), "{}: {name} is not there", row[0]);
                let calls = source.matches(&format!(" {name}(")).count();
                assert!(!called || calls > 1, "{}: nobody calls {name}", row[0]);
            }
        }
    }
}
