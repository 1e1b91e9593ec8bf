//! Runs the committed fuzz corpora through the checks of the fuzz targets, without a fuzzer, and over what is near them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a step that fails is a test that fails"
)]

use jump_testkit::corpus;
use proptest::prelude::*;

#[path = "../../fuzz/checks/rdp_filter.rs"]
mod rdp_filter;
#[path = "../../fuzz/checks/rdp_wire.rs"]
mod rdp_wire;

#[test]
fn rdp_filter() {
    corpus::replay("rdp_filter", rdp_filter::check);
}

#[test]
fn rdp_wire() {
    corpus::replay("rdp_wire", rdp_wire::check);
}

#[test]
fn a_seed_that_is_cut_or_has_one_wrong_byte_harms_nothing() {
    for file in corpus::files("rdp_wire") {
        for length in 0..file.len() {
            rdp_wire::check(&file[..length]);
        }
        for at in 1..file.len() {
            for wrong in [0, 0x7f, 0x80, 0xff, file[at] ^ 1] {
                let mut changed = file.clone();
                changed[at] = wrong;
                rdp_wire::check(&changed);
            }
        }
    }
}

/// The places of a session's records, each with its length.
fn records(file: &[u8]) -> Vec<(usize, usize)> {
    let mut places = Vec::new();
    let mut at = 2;
    while let Some(&[_, high, low]) = file.get(at..).and_then(|rest| rest.first_chunk()) {
        let length = usize::from(u16::from_be_bytes([high, low]));
        places.push((at + 3, length));
        at += 3 + length;
    }
    places
}

#[test]
fn a_session_with_one_message_cut_or_wrong_harms_nothing() {
    for file in corpus::files("rdp_filter") {
        // What comes later is graphics.
        for (start, length) in records(&file).into_iter().take(40) {
            let end = (start + length).min(file.len());
            for at in (start..end).take(600) {
                for wrong in [0, 0xff, file[at].wrapping_add(1)] {
                    let mut changed = file[..end].to_vec();
                    changed[at] = wrong;
                    rdp_filter::check(&changed);
                }
                rdp_filter::check(&file[..at]);
            }
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_harm_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        rdp_wire::check(&bytes);
        rdp_filter::check(&bytes);
    }
}
