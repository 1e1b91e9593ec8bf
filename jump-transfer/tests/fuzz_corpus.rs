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

use jump_testkit::corpus::replay;

#[test]
fn files_of_items() {
    replay("import_csv", import_csv::check);
}

#[test]
fn site_documents() {
    replay("import_site", import_site::check);
}
