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

fn replay(target: &str, check: fn(&[u8])) {
    let folder = format!("{}/../fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let mut files = 0;
    for file in std::fs::read_dir(&folder).expect(&folder) {
        let path = file.expect("an entry").path();
        check(&std::fs::read(&path).expect("a readable file"));
        files += 1;
    }
    assert!(files >= 10, "{target} has its corpus");
}

#[test]
fn updates_in_the_corpus_keep_the_promises() {
    replay("rfb_update", rfb_update::check);
}

#[test]
fn messages_in_the_corpus_keep_the_promises() {
    replay("rfb_walker", rfb_walker::check);
}
