//! The demo's files.

/// Every file: its path from the root, and what is in it.
const FILES: &[(&str, &str)] = &[
    (
        "README",
        "Welcome to the demo target.\n\n\
         You reached it through a Jumpoint that dialled out, a relay that saw only ciphertext,\n\
         and a gate that logged in for you: its password was never on your side.\n\
         Whatever you type here is recorded. Try `help`.\n",
    ),
    ("etc/motd", "This is not a real machine.\n"),
    (
        "var/log/pump.log",
        "08:00 pump 1 started\n08:05 pressure 2.1 bar\n08:10 pressure 2.2 bar\n",
    ),
    ("var/log/door.log", "07:58 door opened\n07:59 door closed\n"),
];

/// What a path names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A file and its contents.
    File(&'static str),
    /// A folder and the names in it, folders with a slash.
    Folder(Vec<String>),
}

/// Looks a path up; the current folder is always the root.
pub(super) fn find(path: &str) -> Option<Found> {
    let parts: Vec<&str> = path
        .split('/')
        .filter(|part| !matches!(*part, "" | "."))
        .collect();
    let path = parts.join("/");
    if let Some((_, contents)) = FILES.iter().find(|(name, _)| *name == path) {
        return Some(Found::File(contents));
    }
    let prefix = if path.is_empty() {
        String::new()
    } else {
        path + "/"
    };
    let mut names: Vec<String> = FILES
        .iter()
        .filter_map(|(name, _)| name.strip_prefix(&prefix))
        .map(|rest| match rest.split_once('/') {
            Some((folder, _)) => format!("{folder}/"),
            None => rest.to_owned(),
        })
        .collect();
    names.sort();
    names.dedup();
    (!names.is_empty()).then_some(Found::Folder(names))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_files_and_folders() {
        let folder = |path| match find(path) {
            Some(Found::Folder(names)) => names.join(" "),
            other => panic!("{other:?}"),
        };
        assert_eq!(folder("/"), "README etc/ var/");
        assert_eq!(folder("var"), "log/");
        assert_eq!(folder("./var//log/"), "door.log pump.log");
        assert!(matches!(find("/README"), Some(Found::File(text)) if text.contains("demo")));
        assert_eq!(find("../etc/passwd"), None);
    }
}
