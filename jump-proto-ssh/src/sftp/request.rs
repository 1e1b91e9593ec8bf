//! What a client asks for (draft-ietf-secsh-filexfer-02 §6).

use super::rules::Deed;
use super::wire::{Fields, LIMITS, kind, open};

/// What an answer other than `SSH_FXP_STATUS` may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// `SSH_FXP_NAME`.
    Name,
    /// `SSH_FXP_ATTRS`.
    Attributes,
    /// `SSH_FXP_EXTENDED_REPLY`.
    Extended,
}

/// A change that is worth an event of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Attributes,
    Remove,
    MakeFolder,
}

/// How a handle is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HandleUse {
    /// Reads the file's bytes.
    Read,
    /// Reads the folder's names.
    List,
    /// Asks about it.
    Look(Answer),
    /// Changes it.
    Change,
}

/// A request, its paths and handles as they came. `follows`: a link that the path ends in is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request<'a> {
    Open {
        path: &'a [u8],
        upload: bool,
        download: bool,
    },
    OpenFolder {
        path: &'a [u8],
    },
    Close {
        handle: &'a [u8],
    },
    Handle {
        handle: &'a [u8],
        used: HandleUse,
    },
    Look {
        path: &'a [u8],
        follows: bool,
        answer: Answer,
    },
    /// Where does a path lead?
    RealPath {
        path: &'a [u8],
    },
    Change {
        path: &'a [u8],
        follows: bool,
        change: Change,
    },
    Rename {
        from: &'a [u8],
        to: &'a [u8],
    },
    Link {
        from: &'a [u8],
        to: &'a [u8],
    },
    Limits,
    Unknown,
}

/// Extensions that pass, by OpenSSH's PROTOCOL §4. The target's other ones are not announced to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extension {
    PosixRename,
    StatVfs,
    FStatVfs,
    HardLink,
    Fsync,
    LSetStat,
    Limits,
    ExpandPath,
}

impl Extension {
    pub(super) fn named(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"posix-rename@openssh.com" => Extension::PosixRename,
            b"statvfs@openssh.com" => Extension::StatVfs,
            b"fstatvfs@openssh.com" => Extension::FStatVfs,
            b"hardlink@openssh.com" => Extension::HardLink,
            b"fsync@openssh.com" => Extension::Fsync,
            b"lsetstat@openssh.com" => Extension::LSetStat,
            LIMITS => Extension::Limits,
            b"expand-path@openssh.com" => Extension::ExpandPath,
            _ => return None,
        })
    }
}

impl<'a> Request<'a> {
    /// Reads a request of this type from what follows its id. All of it is read: nothing may follow. Writes are not
    /// among them, because a write is not held as a whole. `None` if it cannot be read.
    pub(super) fn read(kind: u8, body: &'a [u8]) -> Option<Self> {
        let mut fields = Fields(body);
        let handle = |fields: &mut Fields<'a>, used| {
            Some(Request::Handle {
                handle: fields.handle()?,
                used,
            })
        };
        let change = |fields: &mut Fields<'a>, follows, change| {
            Some(Request::Change {
                path: fields.string()?,
                follows,
                change,
            })
        };
        let look = |fields: &mut Fields<'a>, follows, answer| {
            Some(Request::Look {
                path: fields.string()?,
                follows,
                answer,
            })
        };
        let request = match kind {
            kind::OPEN => {
                let path = fields.string()?;
                let flags = fields.u32()?;
                fields.attributes()?;
                if flags & !open::ALL != 0 {
                    return Some(Request::Unknown);
                }
                Request::Open {
                    path,
                    upload: flags & (open::WRITE | open::APPEND | open::CREAT | open::TRUNC) != 0,
                    // Without either flag servers open for reading, as open(2) does.
                    download: flags & open::READ != 0 || flags & open::WRITE == 0,
                }
            }
            kind::OPENDIR => Request::OpenFolder {
                path: fields.string()?,
            },
            kind::CLOSE => Request::Close {
                handle: fields.handle()?,
            },
            kind::READ => {
                let request = handle(&mut fields, HandleUse::Read)?;
                fields.u64()?;
                fields.u32()?;
                request
            }
            kind::READDIR => handle(&mut fields, HandleUse::List)?,
            kind::FSTAT => handle(&mut fields, HandleUse::Look(Answer::Attributes))?,
            kind::FSETSTAT => {
                let request = handle(&mut fields, HandleUse::Change)?;
                fields.attributes()?;
                request
            }
            kind::STAT => look(&mut fields, true, Answer::Attributes)?,
            kind::LSTAT => look(&mut fields, false, Answer::Attributes)?,
            kind::READLINK => look(&mut fields, false, Answer::Name)?,
            kind::REALPATH => Request::RealPath {
                path: fields.string()?,
            },
            kind::SETSTAT => {
                let request = change(&mut fields, true, Change::Attributes)?;
                fields.attributes()?;
                request
            }
            kind::MKDIR => {
                let request = change(&mut fields, false, Change::MakeFolder)?;
                fields.attributes()?;
                request
            }
            kind::REMOVE | kind::RMDIR => change(&mut fields, false, Change::Remove)?,
            kind::RENAME => Request::Rename {
                from: fields.string()?,
                to: fields.string()?,
            },
            kind::SYMLINK => Request::Link {
                from: fields.string()?,
                to: fields.string()?,
            },
            kind::EXTENDED => match Extension::named(fields.string()?) {
                None => return Some(Request::Unknown),
                Some(Extension::PosixRename) => Request::Rename {
                    from: fields.string()?,
                    to: fields.string()?,
                },
                Some(Extension::HardLink) => Request::Link {
                    from: fields.string()?,
                    to: fields.string()?,
                },
                Some(Extension::StatVfs) => look(&mut fields, true, Answer::Extended)?,
                Some(Extension::FStatVfs) => handle(&mut fields, HandleUse::Look(Answer::Extended))?,
                Some(Extension::Fsync) => handle(&mut fields, HandleUse::Change)?,
                Some(Extension::LSetStat) => {
                    let request = change(&mut fields, false, Change::Attributes)?;
                    fields.attributes()?;
                    request
                }
                Some(Extension::Limits) => Request::Limits,
                Some(Extension::ExpandPath) => Request::RealPath {
                    path: fields.string()?,
                },
            },
            _ => return Some(Request::Unknown),
        };
        fields.end()?;
        Some(request)
    }

    /// What it does with its paths; `None` if it is not about paths that the rules know.
    pub(super) const fn deed(&self) -> Option<Deed> {
        Some(match *self {
            Request::Open { upload, download, .. } => Deed::Move { upload, download },
            Request::OpenFolder { .. } | Request::Look { .. } => Deed::Look,
            Request::Change { .. } => Deed::Move {
                upload: true,
                download: false,
            },
            Request::Rename { .. } => Deed::Rename,
            Request::Link { .. } => Deed::Link,
            _ => return None,
        })
    }

    /// Its paths; the second is for two of a kind, and whether a link at their end is followed.
    pub(super) fn paths(&self) -> impl Iterator<Item = (&'a [u8], bool)> + use<'a> {
        let (one, other) = match *self {
            Request::Open { path, .. } | Request::OpenFolder { path } => (Some((path, true)), None),
            Request::RealPath { path } => (Some((path, true)), None),
            Request::Look { path, follows, .. } | Request::Change { path, follows, .. } => {
                (Some((path, follows)), None)
            }
            Request::Rename { from, to } | Request::Link { from, to } => {
                (Some((from, false)), Some((to, false)))
            }
            _ => (None, None),
        };
        one.into_iter().chain(other)
    }
}
