//! What processes have used: processor time and memory, as Linux accounts for them.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use jump_core::{Error, ErrorKind, Result};

/// The numbers of one `/proc/PID/stat` (proc(5)).
struct Stat {
    parent: u32,
    /// It has ended and nobody has waited for it yet.
    ended: bool,
    /// User and system time, in ticks.
    own: u64,
    /// The same of its children that have ended and been waited for.
    children: u64,
}

/// Fields after the command's name, counted from 0: state, parent, ...
const STATE: usize = 0;
const PARENT: usize = 1;
/// utime, stime, cutime, cstime.
const TIMES: std::ops::Range<usize> = 11..15;

fn stat(text: &str) -> Option<Stat> {
    // The name is in brackets and may hold anything, brackets too.
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let parent = fields.get(PARENT)?.parse().ok()?;
    let times: Vec<u64> = fields
        .get(TIMES)?
        .iter()
        .flat_map(|field| field.parse())
        .collect();
    let [user, system, child_user, child_system] = times.as_slice() else {
        return None;
    };
    Some(Stat {
        parent,
        ended: fields.get(STATE) == Some(&"Z"),
        own: user + system,
        children: child_user + child_system,
    })
}

fn all() -> Result<HashMap<u32, Stat>> {
    let failed = |error| Error::from_io(ErrorKind::Unsupported, "read /proc", error);
    let mut processes = HashMap::new();
    for entry in fs::read_dir("/proc").map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // A process may end at any moment; its parent has then inherited its time.
        if let Ok(text) = fs::read_to_string(entry.path().join("stat"))
            && let Some(stat) = stat(&text)
        {
            processes.insert(pid, stat);
        }
    }
    Ok(processes)
}

/// Whether `pid` is `root` or one of its descendants.
fn is_under(processes: &HashMap<u32, Stat>, mut pid: u32, root: u32) -> bool {
    while pid != root {
        match processes.get(&pid) {
            Some(stat) if stat.parent != 0 => pid = stat.parent,
            _ => return false,
        }
    }
    true
}

/// User and system time of these processes and of all their descendants, those that have ended included.
pub(crate) fn cpu(roots: &[u32]) -> Result<Duration> {
    let processes = all()?;
    let ticks: u64 = processes
        .iter()
        .filter(|(pid, _)| roots.iter().any(|root| is_under(&processes, **pid, *root)))
        .map(|(_, stat)| stat.own + stat.children)
        .sum();
    Ok(duration(ticks))
}

/// User and system time of this process so far.
pub(crate) fn own_cpu() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(
        now.tv_sec.unsigned_abs(),
        u32::try_from(now.tv_nsec).unwrap_or_default(),
    )
}

/// User and system time of our own children that have ended, and of theirs.
pub(crate) fn ended_children() -> Result<Duration> {
    let own = rustix::process::getpid().as_raw_nonzero().get().unsigned_abs();
    let processes = all()?;
    Ok(processes
        .get(&own)
        .map_or(Duration::ZERO, |stat| duration(stat.children)))
}

fn duration(ticks: u64) -> Duration {
    Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second().max(1))
}

/// How many descendants of a process run.
pub(crate) fn descendants(root: u32) -> Result<usize> {
    let processes = all()?;
    let running = processes
        .iter()
        .filter(|(pid, stat)| **pid != root && !stat.ended && is_under(&processes, **pid, root));
    Ok(running.count())
}

/// Of `/proc/PID/status` (proc(5)): a number of KiB.
fn status_kib(pid: u32, key: &str) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))
        .map_err(|error| Error::from_io(ErrorKind::NotFound, "read a process's memory", error))?;
    text.lines()
        .find_map(|line| line.strip_prefix(key))
        .and_then(|rest| rest.split_ascii_whitespace().next())
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| {
            Error::new(
                ErrorKind::Unsupported,
                "read a process's memory",
                "it has no such",
            )
        })
}

/// How much memory a process has now, in KiB.
pub(crate) fn resident_kib(pid: u32) -> Result<u64> {
    status_kib(pid, "VmRSS:")
}

/// The most memory that a process has ever had, in KiB.
pub(crate) fn peak_kib(pid: u32) -> Result<u64> {
    status_kib(pid, "VmHWM:")
}

/// The memory of a process in KiB: its own pages and its share of shared ones (`Pss` in `/proc/PID/smaps_rollup`).
pub(crate) fn memory_kib(pid: u32) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))
        .map_err(|error| Error::from_io(ErrorKind::NotFound, "read a process's memory", error))?;
    text.lines()
        .find_map(|line| line.strip_prefix("Pss:"))
        .and_then(|rest| rest.split_ascii_whitespace().next())
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| Error::new(ErrorKind::Unsupported, "read a process's memory", "it has no Pss"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_with_brackets_in_its_name_is_read() {
        let text = "7 (a) (b)) S 3 7 7 0 -1 4194304 1 2 3 4 100 20 3 1 20 0 1 0 5 6 7";
        let stat = stat(text).unwrap();
        assert_eq!((stat.parent, stat.own, stat.children), (3, 120, 4));
    }

    #[test]
    fn our_own_process_uses_time_and_memory_and_descends_from_its_parent() {
        let own = std::process::id();
        let mut sum = 0u64;
        while cpu(&[own]).unwrap().is_zero() {
            sum = (0..1_000_000).fold(sum, |sum, number| sum.wrapping_mul(31) ^ number);
        }
        assert!(memory_kib(own).unwrap() > 100, "{sum}");
        assert!(descendants(std::os::unix::process::parent_id()).unwrap() > 0);
    }
}
