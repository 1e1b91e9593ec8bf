//! Path limits: between which paths of the target files may move.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::name::text_field;
use crate::error::{Error, ErrorKind, Result};
use crate::text;

/// The most patterns of one direction.
const PATTERNS: usize = 32;
/// The longest pattern, in bytes.
const LONGEST: usize = 1024;
/// What the patterns of one direction may take in all, in bytes: both directions fit in a grant.
const IN_ALL: usize = 8 * 1024;

text_field! {
    /// A path of the target and everything beneath it: absolute, at most 1024 bytes, its parts divided by one `/` each
    /// and none of them `.` or `..`. In a part `*` stands for any text without `/`. `/` is every path.
    ///
    /// Case counts, also where the target's file system says otherwise: what is compared is what the target itself
    /// calls the path.
    PathPattern, "a path", |text| {
        if text.len() > LONGEST {
            return Err("a path has at most 1024 bytes");
        }
        if text.chars().any(text::acts) {
            return Err("it holds a control or invisible character");
        }
        let Some(beneath) = text.strip_prefix('/') else {
            return Err("a path is absolute: it starts with a slash");
        };
        if beneath.is_empty() {
            return Ok(());
        }
        for part in beneath.split('/') {
            match part {
                "" => return Err("a path has one slash between its parts and none at its end"),
                "." | ".." => return Err("a path has no part that is . or .."),
                "**" => return Err("write * for one part of a path: what is beneath it is included anyway"),
                _ => {}
            }
        }
        Ok(())
    }
}

impl PathPattern {
    /// Whether the path is this one or beneath it, compared part by part. `path` is what the target calls it: absolute,
    /// without links, `.` and `..`; any other is not covered.
    #[must_use]
    pub fn covers(&self, path: &[u8]) -> bool {
        let Some(mut path) = parts(path) else { return false };
        self.parts()
            .all(|pattern| path.next().is_some_and(|part| part_matches(pattern, part)))
    }

    /// Whether something that this covers may be beneath the path, or the path itself is covered.
    #[must_use]
    pub fn meets(&self, path: &[u8]) -> bool {
        let Some(mut path) = parts(path) else { return false };
        self.parts()
            .all(|pattern| path.next().is_none_or(|part| part_matches(pattern, part)))
    }

    fn parts(&self) -> impl Iterator<Item = &[u8]> {
        parts(self.as_str().as_bytes()).into_iter().flatten()
    }
}

/// The parts of an absolute path; `None` for what is not one in its plain form.
fn parts(path: &[u8]) -> Option<impl Iterator<Item = &[u8]>> {
    let beneath = path.strip_prefix(b"/")?;
    let parts = || beneath.split(|byte| *byte == b'/');
    let plain = |part: &[u8]| !matches!(part, b"" | b"." | b"..") && !part.contains(&0);
    (beneath.is_empty() || parts().all(plain)).then(|| parts().filter(|part| !part.is_empty()))
}

/// Whether a whole part matches a pattern in which `*` stands for any bytes.
fn part_matches(pattern: &[u8], mut part: &[u8]) -> bool {
    let mut pieces = pattern.split(|byte| *byte == b'*');
    let Some(rest) = pieces.next().and_then(|first| part.strip_prefix(first)) else {
        return false;
    };
    let Some(last) = pieces.next_back() else {
        return rest.is_empty();
    };
    part = rest;
    for piece in pieces.filter(|piece| !piece.is_empty()) {
        let Some(at) = part.windows(piece.len()).position(|here| here == piece) else {
            return false;
        };
        part = part.get(at + piece.len()..).unwrap_or_default();
    }
    part.ends_with(last)
}

/// Where files may be written and read, per direction. An empty list says nothing: the next session policy is asked, and
/// if none says anything there is no limit. `/` says that every path is allowed.
///
/// They bind file transfer, which a gate can read. Whoever has a shell or may run commands can do without.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PathLimits {
    /// Where files may be written, changed, moved and removed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub upload: Vec<PathPattern>,
    /// Where files may be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub download: Vec<PathPattern>,
}

impl PathLimits {
    /// Whether neither direction is limited.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.upload.is_empty() && self.download.is_empty()
    }

    /// Checks what its type does not check already.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for more than 32 paths or 8 KiB in one direction.
    pub fn validate(&self) -> Result<()> {
        for paths in [&self.upload, &self.download] {
            let bytes: usize = paths.iter().map(|path| path.as_str().len()).sum();
            if paths.len() > PATTERNS || bytes > IN_ALL {
                return Err(Error::new(
                    ErrorKind::InvalidArgument,
                    "check path limits",
                    "there are at most 32 paths of 8 KiB in all for uploads, and as many for downloads",
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> PathPattern {
        PathPattern::new(text).unwrap()
    }

    #[test]
    fn a_path_is_absolute_plain_and_short() {
        for good in [
            "/",
            "/srv",
            "/home/*/in",
            "/srv/a b",
            "/srv/..x",
            "/C:/Users/büro",
        ] {
            assert!(PathPattern::new(good).is_ok(), "{good}");
        }
        let long = format!("/{}", "x".repeat(LONGEST));
        for bad in [
            "",
            "srv",
            "./srv",
            "~/x",
            "/srv/",
            "//srv",
            "/srv//x",
            "/srv/../etc",
            "/..",
            "/.",
            "/srv/./x",
            "/srv/**",
            "/srv\0",
            "/srv\n",
            &long,
        ] {
            assert!(PathPattern::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn whole_parts_are_compared() {
        let srv = pattern("/srv/data");
        for inside in ["/srv/data", "/srv/data/x", "/srv/data/x/y"] {
            assert!(
                srv.covers(inside.as_bytes()) && srv.meets(inside.as_bytes()),
                "{inside}"
            );
        }
        for outside in [
            "/srv/database",
            "/srv/dat",
            "/etc",
            "srv/data",
            "/srv/data/../x",
            "/srv/data//x",
            "/srv/data/",
        ] {
            assert!(
                !srv.covers(outside.as_bytes()) && !srv.meets(outside.as_bytes()),
                "{outside}"
            );
        }
        for above in ["/", "/srv"] {
            assert!(
                !srv.covers(above.as_bytes()) && srv.meets(above.as_bytes()),
                "{above}"
            );
        }
        assert!(pattern("/").covers(b"/") && pattern("/").covers(b"/any\xff/thing"));
        assert!(!pattern("/").covers(b"") && !pattern("/").covers(b"/a\0b"));
    }

    #[test]
    fn a_star_stays_in_its_part() {
        for (text, path, yes) in [
            ("/home/*/in", "/home/bob/in/x", true),
            ("/home/*/in", "/home/bob/y/in", false),
            ("/home/*/in", "/home/in", false),
            ("/a*b*c", "/axxbyyc", true),
            ("/a*b*c", "/axxcyyb", false),
            ("/a*a", "/a", false),
            ("/*.log", "/.log", true),
            ("/*.log", "/x.log.gz", false),
            ("/x*", "/x", true),
        ] {
            assert_eq!(pattern(text).covers(path.as_bytes()), yes, "{text} {path}");
        }
    }

    #[test]
    fn the_number_of_paths_and_their_length_are_bounded() {
        let many = |count: usize, length: usize| PathLimits {
            upload: vec![pattern(&format!("/{}", "x".repeat(length - 1))); count],
            ..PathLimits::default()
        };
        assert!(many(32, 256).validate().is_ok() && many(8, 1024).validate().is_ok());
        assert!(many(33, 8).validate().is_err() && many(9, 1024).validate().is_err());
    }
}
