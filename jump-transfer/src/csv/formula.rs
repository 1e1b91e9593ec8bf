//! Cells that a spreadsheet would take for a formula (OWASP ASVS 1.2.10, CWE-1236).
//!
//! A value that begins with `=`, `+`, `-`, `@`, a tab, a line break or a NUL (or with the full-width form of one of the
//! signs) is written with a `'` before it. So is one that begins with any number of `'` and then one of these, so that
//! reading takes away exactly what writing added, whatever the text.

/// Whether a spreadsheet may run what begins like this, once the quotes before it are gone.
fn dangerous(text: &str) -> bool {
    text.trim_start_matches('\'')
        .starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\0', '＝', '＋', '－', '＠'])
}

/// The text as it is written.
#[must_use]
pub fn guarded(text: String) -> String {
    if dangerous(&text) {
        format!("'{text}")
    } else {
        text
    }
}

/// The text that was written.
#[must_use]
pub fn unguarded(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(rest) if dangerous(rest) => rest,
        _ => text,
    }
}
