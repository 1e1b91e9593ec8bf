//! The table of security tests names only tests that exist.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a step that fails is a test that fails"
)]

use std::collections::BTreeSet;
use std::path::Path;

/// A row of the table: id, tests, file.
fn rows(table: &str) -> Vec<(&str, Vec<&str>, &str)> {
    table
        .lines()
        .filter_map(|line| {
            let inner = line.strip_prefix("| ")?.strip_suffix(" |")?;
            let mut cells = inner.split('|').map(str::trim);
            let id = cells.next()?;
            let _what = cells.next()?;
            let (tests, file) = (cells.next()?, cells.next()?);
            let tests = tests.split(", ").map(|test| test.trim_matches('`')).collect();
            (id != "id").then_some((id, tests, file))
        })
        .collect()
}

#[test]
fn every_test_that_the_table_names_is_in_its_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let table = std::fs::read_to_string(root.join("docs/security-tests.md")).unwrap();
    let rows = rows(&table);
    let lines = table.lines().filter(|line| line.starts_with("| ")).count();
    assert_eq!(rows.len() + 1, lines, "every line but the head is a row");
    let mut missing = Vec::new();
    for (id, tests, file) in &rows {
        let source =
            std::fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{id}: {file}: {error}"));
        for test in tests {
            // Pytest takes every function for a test that begins so, and skips what is marked.
            if file.ends_with(".py") {
                let at = source.find(&format!("def {test}("));
                let marked = at.is_some_and(|at| {
                    let before = source.split_at(at).0.lines().rev().take(3);
                    before.into_iter().any(|line| line.contains("skip"))
                });
                if at.is_none() || marked || !test.starts_with("test_") {
                    missing.push(format!("{id}: {test} in {file}"));
                }
                continue;
            }
            let Some(at) = source.find(&format!("fn {test}(")) else {
                missing.push(format!("{id}: {test} in {file}"));
                continue;
            };
            // It is a test, and one that runs by itself.
            let before: Vec<&str> = source.split_at(at).0.lines().rev().take(6).collect();
            let attribute = before
                .iter()
                .any(|line| line.contains("test]") || line.contains("test("));
            let ignored = before.iter().take(2).any(|line| line.contains("#[ignore"));
            if !attribute || ignored {
                missing.push(format!("{id}: {test} in {file} is no test that runs"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    let shown: BTreeSet<&str> = rows.iter().map(|(id, ..)| *id).collect();
    for id in [
        "V-03", "V-06", "V-11", "V-18", "V-19", "S-13", "S-15", "S-17", "S-26", "S-27", "F-14", "F-16",
        "F-17", "F-19",
    ] {
        assert!(shown.contains(id), "{id}");
    }
}
