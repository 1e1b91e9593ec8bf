//! What must hold for any terminal output that is shown as plain text. Run by the fuzzer, and over the corpus by an
//! ordinary test.

use jump_core::text::acts;
use jump_proto_ssh::recording::TextFilter;

/// Shows the input, whole and in pieces of the length its first byte says. Panics if something that acts on a terminal
/// comes out, or if the pieces make a difference.
pub(crate) fn check(input: &[u8]) {
    let Some((length, output)) = input.split_first() else {
        return;
    };
    let mut whole = TextFilter::new();
    let shown = whole.push(output) + &whole.finish();
    assert!(
        shown
            .chars()
            .all(|shown| matches!(shown, '\n' | '\t') || !acts(shown)),
        "{shown:?}"
    );
    let mut filter = TextFilter::new();
    let mut pieces = String::new();
    for piece in output.chunks(usize::from(*length).max(1)) {
        pieces += &filter.push(piece);
    }
    pieces += &filter.finish();
    assert_eq!(pieces, shown);
}
