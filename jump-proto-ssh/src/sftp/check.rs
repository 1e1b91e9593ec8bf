//! Asking the target where paths lead, before they are used.

use bytes::Bytes;

use super::error::{Side, Violation};
use super::rules::Deed;
use super::tally::Pending;
use super::wire::{self, Fields, code, kind};

/// A path as the client wrote it.
#[derive(Debug)]
struct Wanted {
    path: Vec<u8>,
    /// Whether a link that it ends in is followed.
    follows: bool,
}

/// Where the question about one path stands.
#[derive(Debug)]
enum Stage {
    /// The target is asked for the real name of the whole path.
    Whole,
    /// The target is asked for the real name of the folder; `absent`: then whether there is nothing of that name in it.
    Folder { name: Vec<u8>, absent: bool },
    /// The target, which knows no real name of this path, is asked whether it is really nothing: a link that leads
    /// nowhere would be followed when a file is made.
    Absent(Vec<u8>),
}

/// What an answer leads to.
#[derive(Debug)]
pub(super) enum Progress {
    /// To the next question.
    Again,
    /// Every path is known.
    Known,
    /// The request is refused with this code.
    Refused(u32, &'static str),
}

/// A request that waits until its paths are known. While it waits, nothing else of the client is looked at, so that
/// requests keep their order and nothing that the client itself does comes between question and use.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) packet: Bytes,
    pub(super) id: u32,
    pub(super) deed: Deed,
    pub(super) pending: Pending,
    wanted: std::vec::IntoIter<Wanted>,
    now: Option<(Wanted, Stage)>,
    /// The real names, so far.
    pub(super) known: Vec<Vec<u8>>,
    /// The id of the filter's own question, once it was asked.
    pub(super) asked: Option<u32>,
}

/// The folder and the name in it; `None` if the last part is no name.
fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let (folder, name) = match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => {
            let (folder, name) = path.split_at_checked(at + 1)?;
            (if at == 0 { folder } else { path.get(..at)? }, name)
        }
        None => (b".".as_slice(), path),
    };
    // A backslash divides parts where the target runs Windows: then this would not be a name.
    let is_name = !matches!(name, b"" | b"." | b"..") && !name.contains(&b'\\');
    is_name.then_some((folder, name))
}

impl Check {
    pub(super) fn new<'a>(
        packet: Bytes,
        id: u32,
        deed: Deed,
        pending: Pending,
        paths: impl Iterator<Item = (&'a [u8], bool)>,
    ) -> Self {
        let wanted: Vec<Wanted> = paths
            .map(|(path, follows)| Wanted {
                path: path.to_vec(),
                follows,
            })
            .collect();
        let mut check = Self {
            packet,
            id,
            deed,
            pending,
            wanted: wanted.into_iter(),
            now: None,
            known: Vec::new(),
            asked: None,
        };
        check.begin_next();
        check
    }

    /// Begins with the next path; `false` if there is none.
    fn begin_next(&mut self) -> bool {
        self.now = self.wanted.next().map(|wanted| {
            let folder = split(&wanted.path).filter(|_| !wanted.follows);
            let stage = folder.map_or(Stage::Whole, |(_, name)| Stage::Folder {
                name: name.to_vec(),
                absent: false,
            });
            (wanted, stage)
        });
        self.now.is_some()
    }

    /// The question to put to the target under this id.
    pub(super) fn question(&mut self, id: u32) -> Option<Bytes> {
        self.asked = Some(id);
        let (wanted, stage) = self.now.as_ref()?;
        Some(match stage {
            Stage::Whole => wire::about_path(kind::REALPATH, id, &wanted.path),
            Stage::Folder { .. } => wire::about_path(kind::REALPATH, id, split(&wanted.path)?.0),
            Stage::Absent(path) => wire::about_path(kind::LSTAT, id, path),
        })
    }

    /// Takes the target's answer: its type, and what follows the id.
    pub(super) fn answer(&mut self, kind: u8, body: &[u8]) -> Result<Progress, Violation> {
        const LOST: Progress = Progress::Refused(
            code::PERMISSION_DENIED,
            "the target does not say where the path leads",
        );
        self.asked = None;
        let malformed = Violation::Malformed(Side::Target);
        let mut fields = Fields(body);
        let Some((wanted, stage)) = self.now.take() else {
            return Err(Violation::WrongAnswer);
        };
        let known = match (stage, kind) {
            (Stage::Absent(_), kind::ATTRS) => {
                let why = "the path ends in a link that leads nowhere";
                return Ok(Progress::Refused(code::PERMISSION_DENIED, why));
            }
            (Stage::Absent(path), kind::STATUS) => match fields.u32().ok_or(malformed)? {
                code::NO_SUCH_FILE => path,
                _ => return Ok(LOST),
            },
            (Stage::Whole, kind::NAME) => one_name(fields).ok_or(malformed)?,
            (Stage::Folder { name, absent }, kind::NAME) => {
                let mut path = one_name(fields).ok_or(malformed)?;
                if !path.ends_with(b"/") {
                    path.push(b'/');
                }
                path.extend_from_slice(&name);
                if absent {
                    self.now = Some((wanted, Stage::Absent(path)));
                    return Ok(Progress::Again);
                }
                path
            }
            (stage, kind::STATUS) => {
                // Some servers give no real name to what is not there yet.
                let status = fields.u32().ok_or(malformed)?;
                let missing = matches!(status, code::NO_SUCH_FILE | code::FAILURE);
                return Ok(match (stage, split(&wanted.path)) {
                    (Stage::Whole, Some((_, name))) if missing => {
                        let name = name.to_vec();
                        self.now = Some((wanted, Stage::Folder { name, absent: true }));
                        Progress::Again
                    }
                    _ if status == code::NO_SUCH_FILE => Progress::Refused(status, "no such file"),
                    _ => LOST,
                });
            }
            _ => return Err(Violation::WrongAnswer),
        };
        self.known.push(known);
        Ok(if self.begin_next() {
            Progress::Again
        } else {
            Progress::Known
        })
    }
}

/// The one name of the answer to `SSH_FXP_REALPATH` (§6.11).
fn one_name(mut fields: Fields<'_>) -> Option<Vec<u8>> {
    if fields.u32()? != 1 {
        return None;
    }
    let name = fields.string()?.to_vec();
    fields.string()?;
    fields.attributes()?;
    fields.end()?;
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_split_only_before_a_name() {
        for (path, parts) in [
            ("/a/b", Some(("/a", "b"))),
            ("/a", Some(("/", "a"))),
            ("a", Some((".", "a"))),
            ("a//b", Some(("a/", "b"))),
            ("a/..", None),
            ("a/.", None),
            ("a/", None),
            ("/", None),
            ("", None),
            ("..", None),
            ("a/b\\..\\c", None),
        ] {
            let parts = parts.map(|(folder, name)| (folder.as_bytes(), name.as_bytes()));
            assert_eq!(split(path.as_bytes()), parts, "{path}");
        }
    }
}
