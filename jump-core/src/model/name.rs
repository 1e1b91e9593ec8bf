//! Text fields with the limits of the reference model.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::error::{Error, ErrorKind, Result};
use crate::text;

macro_rules! text_field {
    ($(#[doc = $doc:literal])+ $name:ident, $what:literal, $check:expr) => {
        $(#[doc = $doc])+
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(smol_str::SmolStr);

        impl $name {
            /// Checks the text and takes it.
            ///
            /// # Errors
            /// [`ErrorKind::InvalidArgument`], with the rule that the text breaks.
            pub fn new(text: impl AsRef<str>) -> Result<Self> {
                let text = text.as_ref();
                let check: fn(&str) -> std::result::Result<(), &'static str> = $check;
                check(text).map_err(|rule| Error::new(ErrorKind::InvalidArgument, concat!("read ", $what), rule))?;
                Ok(Self(smol_str::SmolStr::new(text)))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl FromStr for $name {
            type Err = Error;
            fn from_str(text: &str) -> Result<Self> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;
            fn try_from(text: String) -> Result<Self> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.0.into()
            }
        }
    };
}

pub(super) use text_field;

/// The form in which names are compared: case does not matter. Character by character, so that a name folds alike
/// wherever it stands.
fn folding(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().flat_map(char::to_lowercase)
}

/// The form of a text in which names are compared, ordered and searched: each character in lower case, by itself (a
/// part of a text folds to a part of the folded text).
#[must_use]
pub fn folded(text: &str) -> String {
    folding(text).collect()
}

/// Whether two texts are the same name.
pub(crate) fn same_name(a: &str, b: &str) -> bool {
    folding(a).eq(folding(b))
}

fn prose(text: &str, longest: usize) -> std::result::Result<(), &'static str> {
    if text.chars().count() > longest {
        return Err("it is too long");
    }
    if text.chars().any(|c| !matches!(c, '\n' | '\t') && text::acts(c)) {
        return Err("it holds a control or invisible character");
    }
    Ok(())
}

fn visible(text: &str, longest: usize) -> std::result::Result<(), &'static str> {
    if text.chars().count() > longest {
        return Err("it is too long");
    }
    if text.chars().any(text::acts) {
        return Err("it holds a control or invisible character");
    }
    Ok(())
}

text_field! {
    /// The name of a Jump Item, Jump Group or Jumpoint: 1 to 128 characters, none of them invisible, no space at
    /// either end.
    Name, "a name", |text| {
        if text.is_empty() || text.trim() != text {
            return Err("a name is 1 to 128 characters without spaces at its ends");
        }
        visible(text, 128)
    }
}

text_field! {
    /// The name a user logs in with: 1 to 64 of `a-z A-Z 0-9 . _ - @`.
    UserName, "a user name", |text| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@');
        if text.is_empty() || text.len() > 64 || !text.chars().all(allowed) {
            return Err("a user name is 1 to 64 of a-z A-Z 0-9 . _ - @");
        }
        Ok(())
    }
}

text_field! {
    /// A code name: 1 to 64 of `a-z A-Z 0-9 _ -`; what imports and scripts refer to an object by. Case does not matter.
    CodeName, "a code name", |text| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if text.is_empty() || text.len() > 64 || !text.chars().all(allowed) {
            return Err("a code name is 1 to 64 of a-z A-Z 0-9 _ -");
        }
        Ok(())
    }
}

impl CodeName {
    /// The code name that an object gets when it is given none: its name in lower case, other characters as `_`, cut
    /// to 64.
    #[must_use]
    pub fn of(name: &Name) -> Self {
        let code: String = name
            .as_str()
            .chars()
            .take(64)
            .map(|c| {
                if c.is_ascii_alphanumeric() || c == '-' {
                    c.to_ascii_lowercase()
                } else {
                    '_'
                }
            })
            .collect();
        Self(SmolStr::from(code))
    }
}

text_field! {
    /// A description: 0 to 4096 characters; line breaks and tabs are allowed, other controls are not.
    Description, "a description", |text| prose(text, 4096)
}

text_field! {
    /// A reason or an answer to a request: 0 to 2048 characters, as [`Description`] otherwise.
    Remark, "a remark", |text| prose(text, 2048)
}

text_field! {
    /// A field of an item's type, such as a user name or a domain on the target: 0 to 512 characters on one line.
    Field, "a field", |text| visible(text, 512)
}

text_field! {
    /// A tag: 0 to 64 characters, none of them invisible.
    Tag, "a tag", |text| visible(text, 64)
}

text_field! {
    /// Comments: 0 to 1024 characters; line breaks and tabs are allowed, other controls are not.
    Comments, "comments", |text| {
        if text.chars().count() > 1024 {
            return Err("comments have at most 1024 characters");
        }
        if text.chars().any(|c| !matches!(c, '\n' | '\t') && text::acts(c)) {
            return Err("comments hold a control or invisible character");
        }
        Ok(())
    }
}

text_field! {
    /// A target's host: a DNS name (RFC 1123 labels, at most 128 characters, no trailing dot) or an IP address in
    /// its usual form. Shorthand, octal and hexadecimal IPv4 spellings are refused: they are how address checks
    /// are fooled.
    Hostname, "a hostname", |text| {
        if text.parse::<IpAddr>().is_ok() {
            return Ok(());
        }
        if text.is_empty() || text.len() > 128 {
            return Err("a hostname is 1 to 128 characters");
        }
        let label_ok = |label: &str| {
            !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        if !text.split('.').all(label_ok) {
            return Err("a hostname is labels of letters, digits and hyphens, joined by dots");
        }
        let last = text.rsplit('.').next().unwrap_or_default();
        let numeric = |label: &str| label.bytes().all(|b| b.is_ascii_digit())
            || label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"))
                .is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        if numeric(last) {
            return Err("an IPv4 address is four decimal numbers, such as 192.0.2.7");
        }
        Ok(())
    }
}

macro_rules! empty_by_default {
    ($($name:ident),+) => {$(
        impl Default for $name {
            fn default() -> Self {
                Self(SmolStr::default())
            }
        }
    )+};
}

empty_by_default!(Tag, Comments, Description, Remark, Field);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_limits() {
        assert!(Name::new("web-1").is_ok() && Name::new("Büro 3").is_ok());
        for bad in ["", " x", "a\nb", "a\u{1b}[2J", "a\u{202e}b", &"x".repeat(129)] {
            assert!(Name::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn addresses_in_disguise_are_not_hostnames() {
        for good in ["10.0.0.5", "::1", "db.corp.example", "localhost", "a_b.c"] {
            assert!(Hostname::new(good).is_ok(), "{good}");
        }
        for bad in [
            "127.1",
            "0177.0.0.1",
            "0x7f.1",
            "2130706433",
            "0x7f000001",
            "host.",
            "a..b",
            "a b",
            "a/b",
            "[::1]",
            "fe80::1%eth0",
        ] {
            assert!(Hostname::new(bad).is_err(), "{bad}");
        }
    }
}
