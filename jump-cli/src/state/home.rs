//! Where things are.

use std::path::{Path, PathBuf};

use jump_core::{Error, ErrorKind, Result};

/// The folder under which everything is kept unless a command is told otherwise.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    folder: PathBuf,
    profile: String,
}

impl Home {
    /// `folder` if given (`--home`, `JUMP_HOME`), otherwise `~/.local/share/jump`. `profile` names one of several logins.
    pub(crate) fn find(folder: Option<&Path>, profile: &str) -> Result<Self> {
        let wrong = |rule| {
            Err(Error::new(
                ErrorKind::InvalidArgument,
                "find the home of jump",
                rule,
            ))
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if profile.is_empty() || profile.starts_with('.') || !profile.chars().all(plain) {
            return wrong("a profile's name is of a-z A-Z 0-9 - _ .");
        }
        let folder = match folder {
            Some(folder) if folder.as_os_str().is_empty() => return wrong("JUMP_HOME is empty"),
            Some(folder) => folder.to_owned(),
            None => match std::env::home_dir().filter(|home| !home.as_os_str().is_empty()) {
                Some(home) => home.join(".local/share/jump"),
                None => return wrong("there is no home folder: set JUMP_HOME"),
            },
        };
        Ok(Self {
            folder: std::path::absolute(&folder).unwrap_or(folder),
            profile: profile.to_owned(),
        })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn profile(&self) -> &str {
        &self.profile
    }

    /// The folder of `jump up` and `jump broker`.
    pub(crate) fn site(&self) -> PathBuf {
        self.folder.join("site")
    }

    /// The folder of `jump jumpoint`.
    pub(crate) fn jumpoint(&self) -> PathBuf {
        self.folder.join("jumpoint")
    }

    /// The file that holds the profile's login.
    pub(crate) fn login(&self) -> PathBuf {
        self.folder.join("profiles").join(&self.profile).join("login")
    }

    /// Where sessions are recorded that the profile serves itself.
    pub(crate) fn recordings(&self) -> PathBuf {
        self.folder
            .join("profiles")
            .join(&self.profile)
            .join("recordings")
    }

    /// Where OpenSSH keeps the keys of gates, apart from the user's own list.
    pub(crate) fn known_hosts(&self) -> PathBuf {
        self.folder
            .join("profiles")
            .join(&self.profile)
            .join("known_hosts")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_cannot_leave_its_folder() {
        let home = Home::find(Some(Path::new("/x")), "work-1").unwrap();
        assert_eq!(home.login(), Path::new("/x/profiles/work-1/login"));
        for bad in ["", "..", ".", "a/b", "a\\b", "a\0"] {
            assert!(Home::find(Some(Path::new("/x")), bad).is_err(), "{bad:?}");
        }
    }
}
