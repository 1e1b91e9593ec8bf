//! UTF-8 in pieces.

/// Decodes UTF-8 that arrives in pieces: a character may be split between two of them. What is not UTF-8 becomes
/// U+FFFD.
#[derive(Clone, Debug, Default)]
pub(crate) struct Utf8Pieces {
    /// The start of a character, at most 3 bytes.
    pending: Vec<u8>,
}

impl Utf8Pieces {
    /// Decodes one more piece.
    pub(crate) fn push(&mut self, piece: &[u8]) -> String {
        let joined;
        let mut bytes = if self.pending.is_empty() {
            piece
        } else {
            joined = [std::mem::take(&mut self.pending).as_slice(), piece].concat();
            &joined
        };
        let mut text = String::with_capacity(bytes.len());
        loop {
            match std::str::from_utf8(bytes) {
                Ok(valid) => {
                    text.push_str(valid);
                    return text;
                }
                Err(error) => {
                    let (valid, rest) = bytes
                        .split_at_checked(error.valid_up_to())
                        .unwrap_or((&[], bytes));
                    text.push_str(std::str::from_utf8(valid).unwrap_or_default());
                    let Some(wrong) = error.error_len() else {
                        self.pending = rest.to_vec();
                        return text;
                    };
                    text.push(char::REPLACEMENT_CHARACTER);
                    bytes = rest.get(wrong..).unwrap_or_default();
                }
            }
        }
    }

    /// What is left at the end: U+FFFD if a character was not finished.
    pub(crate) fn finish(&mut self) -> &'static str {
        if std::mem::take(&mut self.pending).is_empty() {
            ""
        } else {
            "\u{fffd}"
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pieces_give_what_the_whole_gives(
            bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(0xe2), Just(0x82), Just(0xac), Just(0xf0)], 0..60),
            cut in 0..60usize,
        ) {
            let (a, b) = bytes.split_at(cut.min(bytes.len()));
            let mut pieces = Utf8Pieces::default();
            let text = pieces.push(a) + &pieces.push(b) + pieces.finish();
            prop_assert_eq!(text, String::from_utf8_lossy(&bytes));
        }
    }
}
