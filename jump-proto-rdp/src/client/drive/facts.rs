//! What is told of a file: its times, size and kind (MS-FSCC §2.4, §2.6).

use std::time::{SystemTime, UNIX_EPOCH};

use ironrdp_rdpdr::pdu::efs::FileAttributes;

/// Steps of 100 ns between the beginnings of time of Windows, 1601, and of Unix (MS-DTYP §2.3.3).
const EPOCH: i64 = 116_444_736_000_000_000;

/// A file or folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) folder: bool,
    pub(super) size: i64,
    pub(super) created: i64,
    pub(super) read: i64,
    pub(super) written: i64,
    pub(super) read_only: bool,
    /// Neither a file nor a folder: a device, a socket, a pipe.
    pub(super) special: bool,
}

impl Facts {
    pub(super) fn of(metadata: &std::fs::Metadata) -> Self {
        let written = metadata.modified().ok();
        Self {
            folder: metadata.is_dir(),
            size: size(metadata.len()),
            created: filetime(metadata.created().ok().or(written)),
            read: filetime(metadata.accessed().ok().or(written)),
            written: filetime(written),
            read_only: metadata.permissions().readonly(),
            special: !metadata.is_dir() && !metadata.is_file(),
        }
    }

    /// Of one that is not open.
    pub(super) fn of_entry(metadata: &cap_std::fs::Metadata) -> Self {
        let time = |time: std::io::Result<cap_std::time::SystemTime>| time.ok().map(|time| time.into_std());
        let written = time(metadata.modified());
        Self {
            folder: metadata.is_dir(),
            size: size(metadata.len()),
            created: filetime(time(metadata.created()).or(written)),
            read: filetime(time(metadata.accessed()).or(written)),
            written: filetime(written),
            read_only: metadata.permissions().readonly(),
            special: !metadata.is_dir() && !metadata.is_file(),
        }
    }

    pub(super) fn attributes(&self) -> FileAttributes {
        let kind = if self.folder {
            FileAttributes::FILE_ATTRIBUTE_DIRECTORY
        } else {
            FileAttributes::FILE_ATTRIBUTE_ARCHIVE
        };
        if self.read_only {
            kind | FileAttributes::FILE_ATTRIBUTE_READONLY
        } else {
            kind
        }
    }
}

fn size(length: u64) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// A time as Windows counts it: steps of 100 ns since 1601; 0 if it is not known.
fn filetime(time: Option<SystemTime>) -> i64 {
    let Some(time) = time else {
        return 0;
    };
    let steps = |duration: std::time::Duration| i64::try_from(duration.as_nanos() / 100).ok();
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => steps(since).and_then(|since| EPOCH.checked_add(since)),
        Err(before) => steps(before.duration()).and_then(|before| EPOCH.checked_sub(before)),
    }
    .unwrap_or(0)
    .max(0)
}

/// The time that a target means; `None` for 0 and −1, which change nothing (MS-FSCC §2.4.7).
pub(super) fn time(filetime: i64) -> Option<SystemTime> {
    if filetime <= 0 {
        return None;
    }
    let steps = std::time::Duration::from_nanos(filetime.abs_diff(EPOCH).saturating_mul(100));
    if filetime >= EPOCH {
        UNIX_EPOCH.checked_add(steps)
    } else {
        UNIX_EPOCH.checked_sub(steps)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_go_both_ways() {
        let now = UNIX_EPOCH + Duration::new(1_800_000_000, 123_456_700);
        let before = UNIX_EPOCH - Duration::new(86_400, 100);
        for moment in [UNIX_EPOCH, now, before] {
            assert_eq!(time(filetime(Some(moment))), Some(moment));
        }
        assert_eq!(filetime(Some(UNIX_EPOCH)), EPOCH);
        for nothing in [0, -1, i64::MIN] {
            assert_eq!(time(nothing), None);
        }
        let _ = time(i64::MAX);
        let _ = time(1);
    }
}
