//! The committed corpora of the fuzz targets, for tests without a fuzzer.

use std::path::Path;

/// The files of a target's corpus.
///
/// # Panics
/// If it cannot be read, or has fewer than three files.
#[must_use]
#[allow(clippy::unwrap_used, reason = "without a corpus there is nothing to test")]
pub fn files(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/corpus")
        .join(target);
    let entries = std::fs::read_dir(&folder).unwrap();
    let files: Vec<_> = entries
        .map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
        .collect();
    assert!(files.len() > 2, "{} is committed", folder.display());
    files
}

/// Runs the check of a target over each file of its corpus.
///
/// # Panics
/// As for [`files`], and what the check finds.
pub fn replay(target: &str, check: fn(&[u8])) {
    for file in files(target) {
        check(&file);
    }
}
