//! How much memory a process holds.

use jump_core::{Error, ErrorKind, Result};

/// The resident memory of a process in KiB (`VmRSS` in `/proc/PID/status`). Linux only.
///
/// # Errors
/// [`ErrorKind::NotFound`] if there is no such process, [`ErrorKind::Unsupported`] if the system does not say.
pub fn resident_kib(pid: u32) -> Result<u64> {
    status(pid, "VmRSS:")
}

/// The most resident memory that a process had at any time, in KiB (`VmHWM` in `/proc/PID/status`). Linux only.
///
/// # Errors
/// As for [`resident_kib`].
pub fn peak_kib(pid: u32) -> Result<u64> {
    status(pid, "VmHWM:")
}

fn status(pid: u32, field: &str) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))
        .map_err(|error| Error::from_io(ErrorKind::NotFound, "read a process's memory", error))?;
    status
        .lines()
        .find_map(|line| line.strip_prefix(field))
        .and_then(|rest| rest.split_ascii_whitespace().next())
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| {
            Error::new(
                ErrorKind::Unsupported,
                "read a process's memory",
                format!("its status has no {field}"),
            )
        })
}

/// How many file descriptors a process has open (`/proc/PID/fd`). Linux only.
pub fn open_files(pid: u32) -> Result<usize> {
    std::fs::read_dir(format!("/proc/{pid}/fd"))
        .map(Iterator::count)
        .map_err(|error| Error::from_io(ErrorKind::NotFound, "count a process's files", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_process_has_memory_and_files() {
        assert!(resident_kib(std::process::id()).unwrap() > 100);
        assert!(peak_kib(std::process::id()).unwrap() > 100);
        assert!(open_files(std::process::id()).unwrap() > 0);
    }
}
