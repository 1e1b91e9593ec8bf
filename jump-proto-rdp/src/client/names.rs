//! Names of files that a target says: nothing that it can say leads out of a folder, or means something else than a file of
//! that name, here or on another system.

use std::path::PathBuf;

use ironrdp_cliprdr::is_windows_device_name;

/// The longest name, in bytes of UTF-8, as file systems have it.
const MAX_NAME: usize = 255;
/// The longest path, in bytes of UTF-8, and the most names in it.
const MAX_PATH: usize = 4096;
const MAX_DEPTH: usize = 64;

/// Whether a name is one of a file on every system: no path, no device, no stream of another file, and nothing that is cut off.
pub(super) fn is_plain(name: &str) -> bool {
    let forbidden = |character: char| {
        character.is_control() || matches!(character, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|')
    };
    !name.is_empty()
        && name.len() <= MAX_NAME
        // Windows cuts off dots and spaces at the end; with them go `.` and `..`.
        && !name.ends_with(['.', ' '])
        && !name.chars().any(forbidden)
        && !is_device(name)
}

/// Whether Windows takes it for a device, also with an ending, and with the superscripts that are digits to it.
fn is_device(name: &str) -> bool {
    is_windows_device_name(&name.replace('¹', "1").replace('²', "2").replace('³', "3"))
}

/// What a path below a shared folder leads to, empty for the folder itself; `None` if it has anything but plain names. Both
/// separators are taken, one may be at the beginning and one at the end.
pub(super) fn below(path: &str) -> Option<PathBuf> {
    const SEPARATORS: [char; 2] = ['\\', '/'];
    if path.len() > MAX_PATH {
        return None;
    }
    let path = path.strip_prefix(SEPARATORS).unwrap_or(path);
    let path = path.strip_suffix(SEPARATORS).unwrap_or(path);
    if path.is_empty() {
        return Some(PathBuf::new());
    }
    let names = path.split(SEPARATORS);
    let plain = names.clone().all(is_plain) && names.clone().count() <= MAX_DEPTH;
    plain.then(|| names.collect())
}

/// Whether a name is what a pattern of Windows means (MS-FSCC §2.1.4.4), without a difference between capitals and others.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    if pattern == "*.*" {
        return true;
    }
    let fold = |text: &str| text.chars().flat_map(char::to_lowercase).collect::<Vec<_>>();
    let (pattern, name) = (fold(pattern), fold(name));
    let (mut at, mut of) = (0, 0);
    // Where the last star was, and what it has been taken for so far.
    let mut star = None;
    while let Some(character) = name.get(of) {
        match pattern.get(at) {
            Some('*' | '<') => {
                star = Some((at, of));
                at += 1;
            }
            Some('?' | '>') => (at, of) = (at + 1, of + 1),
            Some('"') if *character == '.' => (at, of) = (at + 1, of + 1),
            Some(wanted) if wanted == character => (at, of) = (at + 1, of + 1),
            _ => match &mut star {
                Some((stood, taken)) => {
                    *taken += 1;
                    (at, of) = (*stood + 1, *taken);
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(at).all(|left| matches!(left, '*' | '<'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What must not be taken for a path below a folder, by [`below`] or [`is_plain`].
    const HOSTILE: [&str; 41] = [
        "..",
        "../x",
        "..\\x",
        "a/../../x",
        "a\\..\\..\\x",
        "a/..",
        ".",
        "a/./b",
        "a/.",
        "//x",
        "\\\\server\\share\\x",
        "\\\\?\\C:\\x",
        "\\\\.\\COM1",
        "a//b",
        "a\\\\b",
        "C:",
        "C:\\x",
        "C:x",
        "/C:/x",
        "file:stream",
        "file::$DATA",
        "a\0b",
        "a\nb",
        "a\u{7f}b",
        "CON",
        "con",
        "NUL.txt",
        "a/COM1",
        "aux.tar.gz",
        "LPT9",
        "COM¹",
        "name.",
        "name ",
        "a/name. ",
        "... ",
        "a*b",
        "a?b",
        "a|b",
        "a\"b",
        "a<b",
        "a>b",
    ];

    #[test]
    fn s28_no_path_of_a_target_leads_out_of_its_folder() {
        for path in HOSTILE {
            assert_eq!(below(path), None, "{path:?}");
            for path in [
                format!("\\{path}"),
                format!("folder/{path}"),
                format!("folder\\{path}"),
            ] {
                assert_eq!(below(&path), None, "{path:?}");
            }
        }
        let long = "x".repeat(256);
        assert_eq!(below(&long), None);
        assert_eq!(below(&"ü".repeat(128)), None);
        assert_eq!(below(&"x/".repeat(65)), None);
        assert_eq!(below(&format!("{}x", "xx/".repeat(2000))), None);
    }

    #[test]
    fn paths_have_either_separator() {
        for (path, means) in [
            ("", ""),
            ("\\", ""),
            ("/", ""),
            ("\\a", "a"),
            ("/a/b.txt", "a/b.txt"),
            ("\\a\\b c\\.hidden\\", "a/b c/.hidden"),
            ("zwölf €/日本", "zwölf €/日本"),
        ] {
            assert_eq!(below(path), Some(PathBuf::from(means)), "{path:?}");
        }
        assert!(below(&"x".repeat(255)).is_some());
        assert!(below(&vec!["x"; 64].join("/")).is_some());
    }

    #[test]
    fn patterns_are_those_of_windows() {
        for (pattern, name, wanted) in [
            ("*", "a.txt", true),
            ("*.*", "README", true),
            ("*.txt", "A.TXT", true),
            ("*.txt", "a.txt.gz", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("<.txt", "a.b.txt", true),
            ("a>\"txt", "ab.txt", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b-d", false),
            ("", "a", false),
            ("ÄB", "äb", true),
        ] {
            assert_eq!(matches(pattern, name), wanted, "{pattern} {name}");
        }
    }

    #[test]
    fn s27_a_pattern_of_stars_takes_no_time() {
        assert!(!matches(&"*a".repeat(120), &"a".repeat(119)));
        assert!(!matches(&format!("{}b", "*".repeat(2000)), &"a".repeat(255)));
    }
}
