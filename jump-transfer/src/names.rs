//! How names are compared.

/// The key under which a name is found: case does not matter, character by character, as in the site itself.
pub(crate) fn fold(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}
