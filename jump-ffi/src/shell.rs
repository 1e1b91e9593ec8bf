//! Shells and commands.

use std::ffi::c_char;
use std::sync::Arc;

use bytes::Bytes;
use jump_core::protocol::{ShellEvent, Terminal};
use jump_core::{Error, ErrorKind, Result};

use crate::buffer::{Buffer, jump_buf};
use crate::context::drop_inside;
use crate::error::jump_error;
use crate::guard::{guard, guard_free, guard_value};
use crate::pointer::{Out, OutBytes, bytes, invalid, optional_text, text};
use crate::running_shell::{Exit, Shell};
use crate::session::{jump_session, session_of};
use crate::status::jump_status;
use crate::table;

/// The most output of a command that `jump_session_run` keeps.
const MOST_OUTPUT: usize = 64 << 20;

/// A shell or command that runs in a session. Several can run at once.
pub struct jump_shell {
    _private: [u8; 0],
}

/// Whose output a piece is.
pub type jump_shell_output = i32;

/// Standard output, or everything if there is a terminal.
pub const JUMP_SHELL_STDOUT: jump_shell_output = 1;
/// Standard error.
pub const JUMP_SHELL_STDERR: jump_shell_output = 2;

/// The shell behind a handle.
fn shell_of(shell: *const jump_shell) -> Result<Arc<Shell>> {
    let shell = table::get::<Shell>(shell, "shell")?;
    shell.session.context.check()?;
    Ok(shell)
}

/// A terminal, if a size is given.
///
/// # Safety
/// As [`optional_text`].
unsafe fn terminal(kind: *const c_char, columns: u32, rows: u32) -> Result<Option<Terminal>> {
    // SAFETY: as the caller of this function promises.
    let kind = unsafe { optional_text(kind, "terminal") }?;
    if columns == 0 && rows == 0 {
        return Ok(None);
    }
    size(columns, rows)?;
    Ok(Some(Terminal {
        kind: kind.unwrap_or("xterm-256color").to_owned(),
        columns,
        rows,
    }))
}

fn size(columns: u32, rows: u32) -> Result<()> {
    if !(1..=65535).contains(&columns) || !(1..=65535).contains(&rows) {
        return Err(invalid("`columns` and `rows` are 1 to 65535"));
    }
    Ok(())
}

/// Opens an interactive shell on a terminal of `columns` × `rows` character cells, 1 to 65535 each. `terminal` is its type, such as
/// `xterm-256color`, which is what NULL stands for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_shell_open(
    session: *const jump_session,
    terminal_type: *const c_char,
    columns: u32,
    rows: u32,
    shell_out: *mut *mut jump_shell,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (shell_out, error_out) = unsafe { (Out::handle(shell_out), Out::handle(error_out)) };
    guard(&error_out, || {
        shell_out.needed("shell_out")?;
        let session = session_of(session)?;
        // SAFETY: the caller passes NULL or NUL-terminated text.
        let terminal = unsafe { terminal(terminal_type, columns, rows) }?;
        let terminal = terminal.ok_or_else(|| invalid("a shell needs a terminal with a size"))?;
        let opening = session.shell()?;
        let channel = session.wait(opening.shell(&terminal))?;
        shell_out.give(Shell::new(session, channel))
    })
}

/// Runs a command; it is bytes, because a target need not take UTF-8. With `columns` and `rows` it runs on a terminal, as in
/// `jump_shell_open`; with 0 and 0 without one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_shell_exec(
    session: *const jump_session,
    command: *const u8,
    command_length: usize,
    terminal_type: *const c_char,
    columns: u32,
    rows: u32,
    shell_out: *mut *mut jump_shell,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (shell_out, error_out) = unsafe { (Out::handle(shell_out), Out::handle(error_out)) };
    guard(&error_out, || {
        shell_out.needed("shell_out")?;
        let session = session_of(session)?;
        // SAFETY: the caller passes NULL or what the header asks for.
        let (command, terminal) = unsafe {
            (
                bytes(command, command_length, "command")?,
                terminal(terminal_type, columns, rows)?,
            )
        };
        let opening = session.shell()?;
        let channel = session.wait(opening.exec(command, terminal.as_ref()))?;
        shell_out.give(Shell::new(session, channel))
    })
}

/// Runs a command to its end, without input and terminal, and gives its output, its error output and its exit code, which is -1 if
/// a signal ended it. Each of the outputs may be NULL. `JUMP_ERR_RESOURCE_LIMIT` if it says more than 64 MiB.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_session_run(
    session: *const jump_session,
    command: *const c_char,
    stdout_out: *mut *mut jump_buf,
    stderr_out: *mut *mut jump_buf,
    exit_code_out: *mut i64,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (stdout_out, stderr_out, exit_code_out, error_out) = unsafe {
        (
            Out::handle(stdout_out),
            Out::handle(stderr_out),
            Out::new(exit_code_out),
            Out::handle(error_out),
        )
    };
    guard(&error_out, || {
        let session = session_of(session)?;
        // SAFETY: the caller passes NULL or NUL-terminated text.
        let command = unsafe { text(command, "command") }?;
        let shell = session.shell()?;
        let (stdout, stderr, status) = session.wait(async {
            let mut channel = shell.exec(command.as_bytes(), None).await?;
            channel.writer.finish().await?;
            let (mut stdout, mut stderr, mut status) = (Vec::new(), Vec::new(), None);
            while let Some(event) = channel.reader.next().await? {
                match event {
                    ShellEvent::Output(bytes) => stdout.extend_from_slice(&bytes),
                    ShellEvent::ErrorOutput(bytes) => stderr.extend_from_slice(&bytes),
                    ShellEvent::Exit(exit) => status = Some(exit),
                }
                if stdout.len() + stderr.len() > MOST_OUTPUT {
                    let message = "the command says more than 64 MiB: use jump_shell_exec";
                    return Err(Error::new(ErrorKind::ResourceLimit, "run a command", message));
                }
            }
            Ok((stdout, stderr, status))
        })?;
        if stdout_out.needed("stdout_out").is_ok() {
            stdout_out.give(Buffer::new(stdout))?;
        }
        if stderr_out.needed("stderr_out").is_ok() {
            stderr_out.give(Buffer::new(stderr))?;
        }
        exit_code_out.set(status.map_or(-1, |status| Exit::from(status).code));
        Ok(())
    })
}

/// The shell's id: events are about it under this number. 0 for NULL and for what is no living shell.
#[unsafe(no_mangle)]
pub extern "C" fn jump_shell_request_id(shell: *const jump_shell) -> u64 {
    guard_value(0, || table::get::<Shell>(shell, "shell").map(|shell| shell.id))
}

/// Reads output, at most `capacity` bytes; 0 bytes are the end. Waits at most `timeout_ms` milliseconds for it, for ever for less
/// than 0; if there is none then it fails with `JUMP_ERR_TIMEOUT`. With 0 it does not wait, and `JUMP_EVENT_READABLE` comes as soon as
/// it would not have to. `whose_out`, which may be NULL, says whether it is output or error output. Output that nobody reads holds
/// the target back.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_shell_read(
    shell: *const jump_shell,
    timeout_ms: i64,
    buffer: *mut u8,
    capacity: usize,
    length_out: *mut usize,
    whose_out: *mut jump_shell_output,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (mut buffer, length_out, whose_out, error_out) = unsafe {
        (
            OutBytes::new(buffer, capacity),
            Out::new(length_out),
            Out::new(whose_out),
            Out::handle(error_out),
        )
    };
    guard(&error_out, || {
        buffer.needed("buffer")?;
        length_out.needed("length_out")?;
        let (length, whose) = shell_of(shell)?.read(&mut buffer, timeout_ms)?;
        length_out.set(length);
        whose_out.set(whose);
        Ok(())
    })
}

/// Writes all of `data` to the shell's input; waits while the target does not take it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_shell_write(
    shell: *const jump_shell,
    data: *const u8,
    length: usize,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let error_out = unsafe { Out::handle(error_out) };
    guard(&error_out, || {
        let shell = shell_of(shell)?;
        // SAFETY: the caller passes NULL or as many bytes as it says.
        let data = Bytes::copy_from_slice(unsafe { bytes(data, length, "data") }?);
        shell
            .session
            .wait(async { shell.write.lock().await.write(data).await })
    })
}

/// Says that no more input follows.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_shell_finish(
    shell: *const jump_shell,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let error_out = unsafe { Out::handle(error_out) };
    guard(&error_out, || {
        let shell = shell_of(shell)?;
        shell
            .session
            .wait(async { shell.write.lock().await.finish().await })
    })
}

/// Changes the size of the terminal, 1 to 65535 each way.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_shell_resize(
    shell: *const jump_shell,
    columns: u32,
    rows: u32,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let error_out = unsafe { Out::handle(error_out) };
    guard(&error_out, || {
        let shell = shell_of(shell)?;
        size(columns, rows)?;
        shell
            .session
            .wait(async { shell.write.lock().await.resize(columns, rows).await })
    })
}

/// Sends a signal by its name without `SIG`, such as `INT`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_shell_signal(
    shell: *const jump_shell,
    name: *const c_char,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let error_out = unsafe { Out::handle(error_out) };
    guard(&error_out, || {
        let shell = shell_of(shell)?;
        // SAFETY: the caller passes NULL or NUL-terminated text.
        let name = unsafe { text(name, "name") }?;
        shell
            .session
            .wait(async { shell.write.lock().await.signal(name).await })
    })
}

/// How it ended, which is known once a read has given 0 bytes: the code, or -1 and the signal's name without `SIG`. The name lives as
/// long as the shell; `signal_out` may be NULL, and NULL is written to it if no signal ended it. `JUMP_ERR_UNAVAILABLE` if it is not
/// known.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_shell_exit(
    shell: *const jump_shell,
    exit_code_out: *mut i64,
    signal_out: *mut *const c_char,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (exit_code_out, signal_out, error_out) = unsafe {
        (
            Out::new(exit_code_out),
            Out::new(signal_out),
            Out::handle(error_out),
        )
    };
    guard(&error_out, || {
        exit_code_out.needed("exit_code_out")?;
        let exit = shell_of(shell)?.exit().ok_or_else(|| {
            Error::new(
                ErrorKind::Unavailable,
                "ask how it ended",
                "that is not known yet",
            )
        })?;
        exit_code_out.set(exit.code);
        // The shell holds the text, too, and nothing replaces it.
        signal_out.set(exit.signal.map_or(std::ptr::null(), |signal| signal.as_ptr()));
        Ok(())
    })
}

/// Frees a shell; what runs in it is hung up. NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn jump_shell_free(shell: *mut jump_shell) -> jump_status {
    guard_free(|| {
        if let Some(shell) = table::take::<Shell>(shell, "shell")? {
            drop_inside(&shell.session.context.clone(), shell);
        }
        Ok(())
    })
}
