//! Opening a file or folder: what a target wants, and what becomes of it (MS-SMB2 §2.2.13, which MS-RDPEFS §2.2.1.4.1 means).

use std::fs::File;
use std::path::{Path, PathBuf};

use cap_std::fs::{Dir, OpenOptions};
use ironrdp_rdpdr::pdu::efs::{
    CreateDisposition, CreateOptions, DesiredAccess, DeviceCreateRequest, Information, NtStatus,
};

use super::Rights;
use super::answers::{Outcome, status};
use super::facts::Facts;
use super::listing::Listing;
use crate::client::names;

/// A file or folder that a target has open.
#[derive(Debug)]
pub(super) struct Open {
    /// Where it is in the shared folder; empty for that folder.
    pub(super) path: PathBuf,
    pub(super) kind: Kind,
    /// It is removed when it is closed.
    pub(super) doomed: bool,
    /// It may be written to, renamed and removed.
    pub(super) changeable: bool,
}

#[derive(Debug)]
pub(super) enum Kind {
    File {
        file: File,
        readable: bool,
        writable: bool,
    },
    Folder {
        folder: Dir,
        listing: Option<Listing>,
    },
}

/// What is wanted of a file.
#[derive(Clone, Copy, Debug)]
struct Access {
    read: bool,
    write: bool,
    /// Its name or what is told of it is to be changed.
    change: bool,
}

impl Access {
    fn of(wanted: &DesiredAccess, rights: Rights) -> Self {
        let has = |flags: DesiredAccess| wanted.intersects(flags);
        let everything = has(DesiredAccess::GENERIC_ALL);
        let most = has(DesiredAccess::MAXIMUM_ALLOWED);
        Self {
            read: everything
                || (most && rights.read)
                || has(DesiredAccess::FILE_READ_DATA_OR_FILE_LIST_DIRECTORY | DesiredAccess::GENERIC_READ),
            write: everything
                || (most && rights.write)
                || has(DesiredAccess::FILE_WRITE_DATA_OR_FILE_ADD_FILE
                    | DesiredAccess::FILE_APPEND_DATA_OR_FILE_ADD_SUBDIRECTORY
                    | DesiredAccess::GENERIC_WRITE),
            change: has(DesiredAccess::DELETE | DesiredAccess::FILE_WRITE_ATTRIBUTES),
        }
    }
}

/// How something may come to be (MS-SMB2 §2.2.13, `CreateDisposition`).
#[derive(Clone, Copy, Debug)]
struct Disposition {
    /// One that is there is opened.
    open: bool,
    /// One that is not there is made.
    create: bool,
    /// One that is there is emptied.
    empty: bool,
}

impl Disposition {
    fn of(disposition: CreateDisposition) -> Outcome<(Self, Information)> {
        let (open, create, empty, opened) = match disposition {
            CreateDisposition::FILE_SUPERSEDE => (true, true, true, Information::FILE_SUPERSEDED),
            CreateDisposition::FILE_OPEN => (true, false, false, Information::FILE_OPENED),
            CreateDisposition::FILE_CREATE => (false, true, false, Information::FILE_CREATED),
            CreateDisposition::FILE_OPEN_IF => (true, true, false, Information::FILE_OPENED),
            CreateDisposition::FILE_OVERWRITE => (true, false, true, Information::FILE_OVERWRITTEN),
            CreateDisposition::FILE_OVERWRITE_IF => (true, true, true, Information::FILE_OVERWRITTEN),
            _ => return Err(NtStatus::INVALID_PARAMETER),
        };
        Ok((Self { open, create, empty }, opened))
    }
}

/// Opens what a target asks for.
pub(super) fn open(
    folder: &Dir,
    rights: Rights,
    request: &DeviceCreateRequest,
) -> Outcome<(Open, Information)> {
    let path = names::below(&request.path).ok_or(NtStatus::OBJECT_NAME_INVALID)?;
    let access = Access::of(&request.desired_access, rights);
    let (disposition, opened) = Disposition::of(request.create_disposition)?;
    let doomed = request
        .create_options
        .contains(CreateOptions::FILE_DELETE_ON_CLOSE);
    let there = match facts(folder, &path) {
        Ok(facts) if facts.special => return Err(NtStatus::ACCESS_DENIED),
        Ok(facts) => Some(facts),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(status(&error)),
    };
    let changes = doomed || access.change || there.is_none() || disposition.empty;
    let is_folder = match there {
        Some(_) if !disposition.open => return Err(NtStatus::OBJECT_NAME_COLLISION),
        None if !disposition.create => return Err(missing(folder, &path)),
        Some(facts) => facts.folder,
        None => request
            .create_options
            .contains(CreateOptions::FILE_DIRECTORY_FILE),
    };
    // To a folder the same bits mean what is in it, which has requests of its own.
    if (changes || (access.write && !is_folder)) && !rights.write
        || (access.read && !is_folder && !rights.read)
    {
        return Err(NtStatus::ACCESS_DENIED);
    }
    if is_folder
        && request
            .create_options
            .contains(CreateOptions::FILE_NON_DIRECTORY_FILE)
    {
        return Err(NtStatus::FILE_IS_A_DIRECTORY);
    }
    if !is_folder
        && request
            .create_options
            .contains(CreateOptions::FILE_DIRECTORY_FILE)
    {
        return Err(NtStatus::NOT_A_DIRECTORY);
    }
    let failed = |error: std::io::Error| status(&error);
    let kind = if is_folder {
        if there.is_none() {
            folder.create_dir(&path).map_err(failed)?;
        }
        let folder = folder.open_dir(here(&path)).map_err(failed)?;
        Kind::Folder {
            folder,
            listing: None,
        }
    } else {
        let writable = access.write && rights.write;
        let file = open_file(
            folder,
            &path,
            there.is_none(),
            writable || disposition.empty,
            disposition.empty,
        )?;
        Kind::File {
            file,
            readable: access.read,
            writable,
        }
    };
    let opened = if there.is_none() {
        Information::FILE_CREATED
    } else {
        opened
    };
    let open = Open {
        doomed: doomed && !path.as_os_str().is_empty(),
        path,
        kind,
        changeable: rights.write,
    };
    Ok((open, opened))
}

fn open_file(folder: &Dir, path: &Path, create: bool, write: bool, empty: bool) -> Outcome<File> {
    let failed = |error: std::io::Error| status(&error);
    let mut options = OpenOptions::new();
    // What is told of a file is read from it, also where its bytes may not be.
    options.read(true).write(write || create).create_new(create);
    #[cfg(unix)]
    {
        use cap_std::fs::OpenOptionsExt;
        // Should it have become a pipe by now, nobody waits for its other end.
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    }
    let file = folder.open_with(path, &options).map_err(failed)?.into_std();
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(NtStatus::ACCESS_DENIED);
    }
    if empty {
        file.set_len(0).map_err(failed)?;
    }
    Ok(file)
}

/// What there is at a place, behind symbolic links that stay in the folder.
pub(super) fn facts(folder: &Dir, path: &Path) -> std::io::Result<Facts> {
    folder
        .metadata(here(path))
        .map(|metadata| Facts::of_entry(&metadata))
}

/// The shared folder itself has no name in it.
pub(super) fn here(path: &Path) -> &Path {
    if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    }
}

/// Whether it is the file that is missing, or a folder on the way to it.
fn missing(folder: &Dir, path: &Path) -> NtStatus {
    match path.parent().map(|parent| facts(folder, parent)) {
        Some(Ok(facts)) if facts.folder => NtStatus::NO_SUCH_FILE,
        _ => NtStatus::OBJECT_PATH_NOT_FOUND,
    }
}
