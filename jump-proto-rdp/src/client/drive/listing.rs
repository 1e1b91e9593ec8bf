//! What is in a folder, one by one (MS-RDPEFS §2.2.3.3.10).

use std::path::Path;

use cap_std::fs::{Dir, ReadDir};
use ironrdp_rdpdr::pdu::efs::{
    FileBothDirectoryInformation, FileDirectoryInformation, FileFullDirectoryInformation,
    FileInformationClass, FileInformationClassLevel, FileNamesInformation, NtStatus,
};

use super::answers::{Outcome, status};
use super::facts::Facts;
use super::opening::facts;
use crate::client::names;

/// A listing under way.
#[derive(Debug)]
pub(super) struct Listing {
    entries: ReadDir,
    pattern: String,
    /// Something has been found.
    found: bool,
}

impl Listing {
    /// Begins to list what matches the last name of `path`.
    pub(super) fn new(folder: &Dir, path: &str) -> Outcome<Self> {
        let pattern = path.rsplit(['\\', '/']).next().unwrap_or_default();
        Ok(Self {
            entries: folder.entries().map_err(|error| status(&error))?,
            pattern: if pattern.is_empty() {
                "*".to_owned()
            } else {
                pattern.to_owned()
            },
            found: false,
        })
    }

    /// The next file or folder that a target can have. Those that it cannot be told of by a name, that lead out of the shared
    /// folder or are neither, are not among them.
    ///
    /// # Errors
    /// Says that there is none, or none any more.
    pub(super) fn next(
        &mut self,
        shared: &Dir,
        path: &Path,
        level: &FileInformationClassLevel,
    ) -> Outcome<FileInformationClass> {
        for entry in self.entries.by_ref() {
            let entry = entry.map_err(|error| status(&error))?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            if !names::is_plain(&name) || !names::matches(&self.pattern, &name) {
                continue;
            }
            let Some(facts) = facts(shared, &path.join(&name))
                .ok()
                .filter(|facts| !facts.special)
            else {
                continue;
            };
            self.found = true;
            return told(level, facts, name);
        }
        Err(if self.found {
            NtStatus::NO_MORE_FILES
        } else {
            NtStatus::NO_SUCH_FILE
        })
    }
}

fn told(level: &FileInformationClassLevel, facts: Facts, name: String) -> Outcome<FileInformationClass> {
    let Facts {
        size,
        created,
        read,
        written,
        ..
    } = facts;
    let attributes = facts.attributes();
    Ok(match *level {
        FileInformationClassLevel::FILE_DIRECTORY_INFORMATION => {
            FileDirectoryInformation::new(created, read, written, written, size, attributes, name).into()
        }
        FileInformationClassLevel::FILE_FULL_DIRECTORY_INFORMATION => {
            FileFullDirectoryInformation::new(created, read, written, written, size, attributes, name).into()
        }
        FileInformationClassLevel::FILE_BOTH_DIRECTORY_INFORMATION => {
            FileBothDirectoryInformation::new(created, read, written, written, size, attributes, name).into()
        }
        FileInformationClassLevel::FILE_NAMES_INFORMATION => FileNamesInformation::new(name).into(),
        _ => return Err(NtStatus::NOT_SUPPORTED),
    })
}
