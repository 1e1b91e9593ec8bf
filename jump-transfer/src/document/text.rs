//! Documents as text: JSON and TOML.

use std::collections::BTreeMap;
use std::fmt;

use jump_core::error::{Error, ErrorKind, Result};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, de};

use super::{Document, VERSION};

/// The longest document, in bytes: 16 MiB. What is made of a longer one would not fit the audit log's event either.
pub const MAX_DOCUMENT: usize = 16 * 1024 * 1024;

const READ: &str = "read a site document";

/// How a document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON (RFC 8259), indented.
    Json,
    /// TOML 1.0.
    Toml,
}

/// What is read first, so that a newer document is refused for its version and not for what is new in it.
#[derive(Deserialize)]
struct Head {
    version: Option<i64>,
}

impl Document {
    /// Reads a document.
    ///
    /// # Errors
    /// [`ErrorKind::ResourceLimit`] for more than [`MAX_DOCUMENT`] bytes, [`ErrorKind::Unsupported`] for another
    /// version, [`ErrorKind::InvalidArgument`] with line and column for anything that is not such a document: unknown
    /// keys, keys that come twice, values out of range.
    pub fn parse(text: &[u8], format: Format) -> Result<Self> {
        if text.len() > MAX_DOCUMENT {
            return Err(Error::new(
                ErrorKind::ResourceLimit,
                READ,
                "a document has at most 16 MiB",
            ));
        }
        let text = std::str::from_utf8(text).map_err(|error| {
            let before = text.get(..error.valid_up_to()).unwrap_or_default();
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            invalid(format!("line {line} is not UTF-8"))
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        match format {
            Format::Json => {
                let wrong = |error: serde_json::Error| invalid(error.to_string());
                check_version(serde_json::from_str::<Head>(text).map_err(wrong)?.version)?;
                serde_json::from_str(text).map_err(wrong)
            }
            Format::Toml => {
                let wrong = |error: toml::de::Error| invalid(at_line(text, &error));
                check_version(toml::from_str::<Head>(text).map_err(wrong)?.version)?;
                toml::from_str(text).map_err(wrong)
            }
        }
    }

    /// Writes the document; the same document always gives the same text.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if it has no form in the format, which would be a bug.
    pub fn write(&self, format: Format) -> Result<String> {
        let failed = |error: String| {
            let message = format!("it has no form in this format: {error}");
            Error::new(ErrorKind::Internal, "write a site document", message)
        };
        match format {
            Format::Json => {
                let mut text =
                    serde_json::to_string_pretty(self).map_err(|error| failed(error.to_string()))?;
                text.push('\n');
                Ok(text)
            }
            Format::Toml => toml::to_string(self).map_err(|error| failed(error.to_string())),
        }
    }
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, READ, message)
}

fn check_version(version: Option<i64>) -> Result<()> {
    match version {
        Some(version) if version == i64::from(VERSION) => Ok(()),
        Some(version) => {
            let message = format!("it has version {version}; this program reads version {VERSION}");
            Err(Error::new(ErrorKind::Unsupported, READ, message))
        }
        None => Err(invalid(format!("it has no `version = {VERSION}`"))),
    }
}

fn at_line(text: &str, error: &toml::de::Error) -> String {
    let Some(span) = error.span() else {
        return error.message().to_owned();
    };
    let before = text.get(..span.start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("{} at line {line} column {column}", error.message())
}

/// Reads a map in which no key may come twice.
pub(super) fn once<'de, D, K, V>(deserializer: D) -> std::result::Result<BTreeMap<K, V>, D::Error>
where
    D: Deserializer<'de>,
    K: Deserialize<'de> + Ord,
    V: Deserialize<'de>,
{
    struct Once<K, V>(std::marker::PhantomData<(K, V)>);

    impl<'de, K: Deserialize<'de> + Ord, V: Deserialize<'de>> Visitor<'de> for Once<K, V> {
        type Value = BTreeMap<K, V>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a table")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
            let mut read = BTreeMap::new();
            while let Some((key, value)) = map.next_entry()? {
                if read.insert(key, value).is_some() {
                    return Err(de::Error::custom("a key comes twice"));
                }
            }
            Ok(read)
        }
    }

    deserializer.deserialize_map(Once(std::marker::PhantomData))
}
