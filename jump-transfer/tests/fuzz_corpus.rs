//! Runs the committed fuzz corpus through the checks of the fuzz targets, without a fuzzer.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a step that fails is a test that fails"
)]

#[path = "../../fuzz/checks/import_csv.rs"]
mod import_csv;
#[path = "../../fuzz/checks/import_site.rs"]
mod import_site;

use std::path::Path;

fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/corpus")
        .join(target);
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        check(&std::fs::read(entry.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count > 2, "the corpus is committed");
}

#[test]
fn files_of_items() {
    replay("import_csv", import_csv::check);
}

#[test]
fn site_documents() {
    replay("import_site", import_site::check);
}
