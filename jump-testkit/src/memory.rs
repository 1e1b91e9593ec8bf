//! How much memory a process holds.

use jump_core::{Error, ErrorKind, Result};

/// The resident memory of a process in KiB (`VmRSS` in `/proc/PID/status`). Linux only.
///
/// # Errors
/// [`ErrorKind::NotFound`] if there is no such process, [`ErrorKind::Unsupported`] if the system does not say.
pub fn resident_kib(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))
        .map_err(|error| Error::from_io(ErrorKind::NotFound, "read a process's memory", error))?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_ascii_whitespace().next())
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| {
            Error::new(
                ErrorKind::Unsupported,
                "read a process's memory",
                "its status has no VmRSS",
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
        assert!(open_files(std::process::id()).unwrap() > 0);
    }
}
