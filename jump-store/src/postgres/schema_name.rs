//! The name of a site's schema.

use std::fmt;

use jump_core::{Error, ErrorKind, Result};

/// The name of the schema (namespace) in which a site's tables are. Several sites share one database, each with a
/// schema of its own; nothing of one is ever looked up in another.
///
/// 1 to 48 characters `a-z`, `0-9` and `_`, the first a letter; not `public`, `information_schema` or `pg_…`, which
/// belong to the database. So the name needs no quoting anywhere; it is quoted all the same.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SchemaName(String);

impl SchemaName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if it is not one.
    pub fn new(text: &str) -> Result<Self> {
        let letters = text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        let begins = text.starts_with(|c: char| c.is_ascii_lowercase());
        let taken = text.starts_with("pg_") || matches!(text, "public" | "information_schema");
        if letters && begins && !taken && text.len() <= 48 {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::new(
            ErrorKind::InvalidArgument,
            "name a schema",
            "it is 1 to 48 characters a-z, 0-9 and _, the first a letter, and none of the database's own names",
        ))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As it stands in SQL.
    pub(super) fn quoted(&self) -> String {
        format!("\"{}\"", self.0)
    }

    /// The number under which programs that migrate this schema wait for each other (FNV-1a, 64 bits).
    pub(super) fn lock(&self) -> i64 {
        let hash = b"jump store "
            .iter()
            .chain(self.0.as_bytes())
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
            });
        i64::from_ne_bytes(hash.to_ne_bytes())
    }
}

impl fmt::Debug for SchemaName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for SchemaName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_that_the_database_does_not_use_are_names() {
        for good in ["a", "jump", "site_2", &"x".repeat(48)] {
            assert_eq!(SchemaName::new(good).unwrap().as_str(), good);
        }
        let long = "x".repeat(49);
        let bad = [
            "",
            "_a",
            "1a",
            "Jump",
            "a-b",
            "a b",
            "a\"b",
            "a;b",
            "a\0",
            "ä",
            "pg_x",
            "public",
            "information_schema",
            &long,
        ];
        for bad in bad {
            assert!(SchemaName::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn sites_do_not_wait_for_each_other() {
        let lock = |name| SchemaName::new(name).unwrap().lock();
        assert_eq!(lock("a"), lock("a"));
        assert_ne!(lock("a"), lock("b"));
    }
}
