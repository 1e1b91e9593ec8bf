//! The fuzzer's checks, over its corpus.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a step that fails is a test that fails"
)]

#[path = "../../fuzz/checks/rfb_update.rs"]
mod rfb_update;
#[path = "../../fuzz/checks/rfb_walker.rs"]
mod rfb_walker;

use jump_testkit::corpus::replay;

#[test]
fn updates_in_the_corpus_keep_the_promises() {
    replay("rfb_update", rfb_update::check);
}

#[test]
fn messages_in_the_corpus_keep_the_promises() {
    replay("rfb_walker", rfb_walker::check);
}
