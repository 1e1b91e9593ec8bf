//! What a rep may ask of the target, by the grant's permissions.
//!
//! "No file transfer" is advice, not a boundary: whoever has a shell or may run commands can move files with them. It
//! keeps honest users and tools from doing so by accident. The subsystem `sftp` is read by the gate, see
//! [`sftp`](crate::sftp): where it is all that is permitted, directions and path limits are boundaries.

use jump_core::model::{CommandFilter, PathLimits};
use jump_core::session::SessionPermissions;

/// The subsystem that moves files.
pub(super) const SFTP: &str = "sftp";

/// Why a command moves no files where paths are limited.
pub(super) const BY_PATHS: &str =
    "file transfer by a command, because paths are limited (use sftp, or scp without -O),";

/// Variables that a rep may set on the target (RFC 4254 §6.4): the terminal and the language, nothing that changes
/// how programs are found or loaded.
pub(super) fn env_allowed(name: &str, value: &str) -> bool {
    let named = matches!(name, "TERM" | "LANG" | "LC_ALL")
        || name.strip_prefix("LC_").is_some_and(|rest| {
            !rest.is_empty() && rest.len() <= 32 && rest.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
        });
    named && value.len() <= 256 && value.bytes().all(|b| b.is_ascii_graphic())
}

/// Which way a command moves files, if it is the far end of a file transfer tool: `scp -t`, `sftp-server`,
/// `rsync --server`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transfer {
    Upload,
    Download,
    Either,
}

impl Transfer {
    fn of(command: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(command);
        let program = |word: &str| word.rsplit('/').next().unwrap_or_default().to_owned();
        // Any word counts, so that `env scp`, `exec rsync` or `cd x && scp` are seen too.
        let words: Vec<String> = text
            .split(|c: char| c.is_whitespace() || matches!(c, ';' | '&' | '|' | '(' | ')' | '\'' | '"' | '`'))
            .map(program)
            .collect();
        let has = |name: &str| words.iter().any(|word| word == name);
        if has("sftp-server") {
            return Some(Transfer::Either);
        }
        if has("scp") {
            return Some(match (has("-t"), has("-f")) {
                (true, false) => Transfer::Upload,
                (false, true) => Transfer::Download,
                _ => Transfer::Either,
            });
        }
        (has("rsync") && has("--server")).then(|| {
            if has("--sender") {
                Transfer::Download
            } else {
                Transfer::Upload
            }
        })
    }

    fn allowed(self, permissions: SessionPermissions, paths: &PathLimits) -> Result<(), String> {
        let (up, down) = (self != Transfer::Download, self != Transfer::Upload);
        if (up && !permissions.file_upload) || (down && !permissions.file_download) {
            return Err("file transfer by a command".to_owned());
        }
        if (up && !paths.upload.is_empty()) || (down && !paths.download.is_empty()) {
            return Err(BY_PATHS.to_owned());
        }
        Ok(())
    }
}

/// Whether a shell may be opened, or what to say instead.
pub(super) fn shell(permissions: SessionPermissions) -> Result<(), String> {
    permissions
        .shell
        .then_some(())
        .ok_or_else(|| "a shell".to_owned())
}

/// Whether a command may run, or what to say instead.
pub(super) fn exec(
    permissions: SessionPermissions,
    filter: Option<&CommandFilter>,
    paths: &PathLimits,
    command: &[u8],
) -> Result<(), String> {
    if !permissions.exec {
        return Err("a command".to_owned());
    }
    // What cannot be read cannot be compared with a pattern.
    let allowed = |filter: &CommandFilter| std::str::from_utf8(command).is_ok_and(|text| filter.allows(text));
    if !filter.is_none_or(allowed) {
        return Err("this command, by the session policy".to_owned());
    }
    Transfer::of(command).map_or(Ok(()), |transfer| transfer.allowed(permissions, paths))
}

/// Whether a subsystem (RFC 4254 §6.5) may be opened, or what to say instead. `sftp` is filtered, so one direction is
/// enough; any other is a command of the target's choosing.
pub(super) fn subsystem(permissions: SessionPermissions, name: &str) -> Result<(), String> {
    let allowed = if name == SFTP {
        permissions.moves_files()
    } else {
        permissions.exec
    };
    allowed
        .then_some(())
        .ok_or_else(|| format!("the subsystem {}", crate::failure::cut(name, 64)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jump_core::model::{Field, PathPattern};

    #[test]
    fn only_terminal_and_language_may_be_set() {
        for (name, value) in [
            ("TERM", "xterm"),
            ("LANG", "de_DE.UTF-8"),
            ("LC_ALL", "C"),
            ("LC_TIME", "C"),
        ] {
            assert!(env_allowed(name, value), "{name}");
        }
        for (name, value) in [
            ("LD_PRELOAD", "/tmp/x.so"),
            ("PATH", "/tmp"),
            ("LC_", "C"),
            ("LC_all", "C"),
            ("LANGUAGE", "C"),
            ("LANG", "C\nLD_PRELOAD=/tmp/x.so"),
            ("BASH_ENV", "x"),
        ] {
            assert!(!env_allowed(name, value), "{name}={value}");
        }
    }

    #[test]
    fn file_transfer_commands_and_their_direction_are_recognised() {
        for (command, transfer) in [
            ("scp -t /tmp", Transfer::Upload),
            ("/usr/bin/scp -f x", Transfer::Download),
            ("rsync --server -e.LsfxC . /tmp", Transfer::Upload),
            ("rsync --server --sender -e.LsfxC . /tmp", Transfer::Download),
            ("env scp -t .", Transfer::Upload),
            ("/usr/lib/openssh/sftp-server", Transfer::Either),
            ("cd /; scp -t .", Transfer::Upload),
            ("scp a b", Transfer::Either),
        ] {
            assert_eq!(Transfer::of(command.as_bytes()), Some(transfer), "{command}");
        }
        for command in ["ls", "rsync -n a b", "echo scpx", "man-scp"] {
            assert_eq!(Transfer::of(command.as_bytes()), None, "{command}");
        }
    }

    #[test]
    fn one_direction_alone_can_be_allowed() {
        let up = SessionPermissions {
            file_download: false,
            ..SessionPermissions::default()
        };
        let run = |command: &[u8]| exec(up, None, &PathLimits::default(), command);
        assert!(run(b"scp -t /tmp").is_ok() && run(b"scp -f /etc/passwd").is_err());
        assert!(run(b"/usr/lib/openssh/sftp-server").is_err());
        assert!(subsystem(up, "sftp").is_ok());
    }

    #[test]
    fn commands_move_no_files_in_a_direction_whose_paths_are_limited() {
        let limits = PathLimits {
            upload: vec![PathPattern::new("/srv").unwrap()],
            download: Vec::new(),
        };
        let run = |command: &[u8]| exec(SessionPermissions::default(), None, &limits, command);
        assert!(run(b"scp -f x").is_ok() && run(b"rsync --server --sender . x").is_ok());
        for refused in [
            &b"scp -t /srv"[..],
            b"rsync --server . /srv",
            b"/usr/lib/openssh/sftp-server",
        ] {
            assert!(run(refused).unwrap_err().contains("use sftp"));
        }
    }

    #[test]
    fn a_command_filter_is_asked_and_what_it_cannot_read_is_refused() {
        let filter = CommandFilter::AllBut(vec![Field::new("*reboot*").unwrap()]);
        let run = |command: &[u8]| {
            exec(
                SessionPermissions::default(),
                Some(&filter),
                &PathLimits::default(),
                command,
            )
        };
        assert!(run(b"uptime").is_ok());
        assert!(run(b"sudo reboot").is_err() && run(b"\xff\xfe").is_err());
    }

    #[test]
    fn a_subsystem_that_is_not_sftp_counts_as_a_command() {
        let files_only = SessionPermissions {
            shell: false,
            exec: false,
            ..SessionPermissions::default()
        };
        assert!(subsystem(files_only, "sftp").is_ok() && subsystem(files_only, "netconf").is_err());
        let no_files = SessionPermissions {
            file_upload: false,
            file_download: false,
            ..SessionPermissions::default()
        };
        assert!(subsystem(no_files, "sftp").is_err() && subsystem(no_files, "netconf").is_ok());
    }
}
