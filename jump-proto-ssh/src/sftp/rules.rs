//! What a session may do with files.

use jump_core::model::{PathLimits, PathPattern};
use jump_core::session::SessionPermissions;

/// What may happen in one direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    Denied,
    /// Everything the target allows.
    Anywhere,
    /// Only at and beneath these paths.
    Within(Vec<PathPattern>),
}

impl Access {
    fn new(allowed: bool, paths: &[PathPattern]) -> Self {
        match paths {
            _ if !allowed => Access::Denied,
            [] => Access::Anywhere,
            paths => Access::Within(paths.to_vec()),
        }
    }

    /// Whether paths decide.
    #[must_use]
    pub const fn is_limited(&self) -> bool {
        matches!(self, Access::Within(_))
    }

    /// Whether it may happen at this path, as the target calls it.
    pub(super) fn covers(&self, path: &[u8]) -> bool {
        match self {
            Access::Denied => false,
            Access::Anywhere => true,
            Access::Within(paths) => paths.iter().any(|pattern| pattern.covers(path)),
        }
    }

    /// Whether it may happen at this path or at something beneath it.
    fn meets(&self, path: &[u8]) -> bool {
        match self {
            Access::Within(paths) => paths.iter().any(|pattern| pattern.meets(path)),
            other => other.covers(path),
        }
    }
}

/// What may happen in both directions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// From the rep to the target, and every change.
    pub upload: Access,
    /// From the target to the rep.
    pub download: Access,
}

impl Rules {
    /// The rules of a session with these permissions and limits.
    #[must_use]
    pub fn new(permissions: SessionPermissions, limits: &PathLimits) -> Self {
        Self {
            upload: Access::new(permissions.file_upload, &limits.upload),
            download: Access::new(permissions.file_download, &limits.download),
        }
    }

    /// Whether paths decide in any direction.
    #[must_use]
    pub const fn are_limited(&self) -> bool {
        self.upload.is_limited() || self.download.is_limited()
    }
}

/// What a request does with its paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// Opens a file for one or both directions; a change counts as an upload.
    Move { upload: bool, download: bool },
    /// Looks at what is there.
    Look,
    /// Gives what is at the first path the name of the second.
    Rename,
    /// Makes a second name for something.
    Link,
}

/// Why something is refused, in words for the client.
pub(super) type Why = &'static str;

impl Rules {
    /// Whether the deed may happen somewhere; `true` if the paths decide.
    pub(super) fn permit(&self, deed: Deed) -> Result<bool, Why> {
        let denied = |access: &Access| matches!(access, Access::Denied);
        match deed {
            Deed::Move { upload, .. } if upload && denied(&self.upload) => {
                Err("the session policy permits no uploads and no changes")
            }
            Deed::Move { download, .. } if download && denied(&self.download) => {
                Err("the session policy permits no downloads")
            }
            Deed::Move { upload, download } => {
                Ok((upload && self.upload.is_limited()) || (download && self.download.is_limited()))
            }
            Deed::Look if denied(&self.upload) && denied(&self.download) => {
                Err("the session policy permits no file transfer")
            }
            Deed::Look => Ok(![&self.upload, &self.download].contains(&&Access::Anywhere)),
            Deed::Rename | Deed::Link if denied(&self.upload) => {
                Err("the session policy permits no uploads and no changes")
            }
            Deed::Link if self.are_limited() => Err("the session policy limits paths: links cannot be made"),
            Deed::Link => Ok(false),
            Deed::Rename => Ok(self.are_limited()),
        }
    }

    /// Whether the deed may happen at these paths, as the target calls them.
    pub(super) fn permit_at(&self, deed: Deed, paths: &[Vec<u8>]) -> Result<(), Why> {
        const ELSEWHERE: Why = "the session policy does not permit this path";
        let ok = match (deed, paths) {
            (Deed::Move { upload, download }, [path]) => {
                (!upload || self.upload.covers(path)) && (!download || self.download.covers(path))
            }
            (Deed::Look, [path]) => self.upload.covers(path) || self.download.covers(path),
            // Nothing gets into what may be downloaded that could not be downloaded where it was.
            (Deed::Rename, [from, to]) => {
                let limited = self.download.is_limited();
                self.upload.covers(from)
                    && self.upload.covers(to)
                    && (!limited || self.download.covers(from) || !self.download.meets(to))
            }
            _ => false,
        };
        ok.then_some(()).ok_or(ELSEWHERE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(path: &str) -> Access {
        Access::Within(vec![PathPattern::new(path).unwrap()])
    }

    fn rename(rules: &Rules, from: &str, to: &str) -> bool {
        let paths = [from, to].map(|path| path.as_bytes().to_vec());
        rules.permit_at(Deed::Rename, &paths).is_ok()
    }

    #[test]
    fn looking_needs_either_direction() {
        let rules = Rules {
            upload: Access::Denied,
            download: within("/out"),
        };
        assert_eq!(rules.permit(Deed::Look), Ok(true));
        assert!(rules.permit_at(Deed::Look, &[b"/out/x".to_vec()]).is_ok());
        assert!(rules.permit_at(Deed::Look, &[b"/in".to_vec()]).is_err());
        let rules = Rules {
            upload: Access::Anywhere,
            download: within("/out"),
        };
        assert_eq!(rules.permit(Deed::Look), Ok(false));
        let nothing = Rules {
            upload: Access::Denied,
            download: Access::Denied,
        };
        assert!(nothing.permit(Deed::Look).is_err());
    }

    #[test]
    fn nothing_is_renamed_into_what_may_be_downloaded() {
        let rules = Rules {
            upload: Access::Anywhere,
            download: within("/out"),
        };
        assert!(
            rename(&rules, "/a", "/b")
                && rename(&rules, "/out/a", "/out/b")
                && rename(&rules, "/out/a", "/b")
        );
        assert!(!rename(&rules, "/etc/shadow", "/out/x"));
        assert!(!rename(&rules, "/etc", "/out"), "the place itself");
        assert!(!rename(&rules, "/stage", "/"), "what the place is beneath");
        let rules = Rules {
            upload: within("/in"),
            download: Access::Anywhere,
        };
        assert!(rename(&rules, "/in/a", "/in/b"));
        assert!(!rename(&rules, "/in/a", "/b") && !rename(&rules, "/a", "/in/b"));
    }

    #[test]
    fn links_are_made_only_where_nothing_is_limited() {
        let free = Rules {
            upload: Access::Anywhere,
            download: Access::Denied,
        };
        assert_eq!(free.permit(Deed::Link), Ok(false));
        for rules in [
            Rules {
                upload: within("/in"),
                download: Access::Anywhere,
            },
            Rules {
                upload: Access::Anywhere,
                download: within("/out"),
            },
            Rules {
                upload: Access::Denied,
                download: Access::Anywhere,
            },
        ] {
            assert!(rules.permit(Deed::Link).is_err());
        }
    }
}
