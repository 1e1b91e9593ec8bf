//! What the generated header is made of.

/// The sources of the header's sections, in its order.
pub const SOURCES: [&str; 20] = [
    "version.rs",
    "status.rs",
    "error.rs",
    "buffer.rs",
    "log.rs",
    "context.rs",
    "identity.rs",
    "rep.rs",
    "event.rs",
    "session.rs",
    "shell.rs",
    "transfer.rs",
    "screen.rs",
    "tunnel.rs",
    "local.rs",
    "access.rs",
    "plug.rs",
    "broker_options.rs",
    "broker.rs",
    "jumpoint.rs",
];

/// The header's beginning: what holds for every function.
pub const HEADER: &str = r#"/*
 * libjump: the Jump library for C and C++.
 *
 * Generated from jump-ffi/src: change it there. docs/c.md is the guide, with a first program.
 *
 * Handles. Everything is an opaque handle that the library makes and its _free ends. Each has one owner: you. Freeing NULL does
 * nothing. The order of freeing does not matter: what needs another object keeps it. A handle is no address: NULL, a handle that was
 * freed, one of another kind, and memory that never was a handle are JUMP_ERR_INVALID_ARGUMENT, and so is a second _free.
 * What a function gives as `const char *` lives as long as the handle it was asked of, and is gone after its _free.
 *
 * Calls. What can fail gives a jump_status, 0 if it went well. Parameters are: the handle, inputs, outputs, `error_out`. Outputs are
 * written if it went well; an output for a handle is NULL otherwise. `error_out` may be NULL; otherwise it is NULL or an error that
 * you free. NULL for any other pointer is JUMP_ERR_INVALID_ARGUMENT unless its function says what it means. Text is UTF-8 that ends
 * with NUL; bytes have a length, and NULL with the length 0 is no bytes. All of it is copied before a call returns.
 *
 * Threads. Every handle may be used from any thread, from several at once, and freed while another uses it: calls that wait for
 * a session that is freed or closed end with JUMP_ERR_CLOSED. What a frame or a `const char *` points to is yours to keep alive. A
 * context has its threads; they do not survive fork(): a child gets JUMP_ERR_UNSUPPORTED, and should make a context of its own, or
 * better call exec(). fork() while another thread is inside the library may leave locks held in the child. Do not longjmp() out of a
 * callback, nor throw.
 *
 * Events are pulled, from a queue for each session, broker and Jumpoint. A file descriptor says when there is one, and a callback
 * can. What is state (the picture, progress, "there is something to read") is told once, the newest; everything else waits for you and
 * holds the other side back meanwhile. Nothing is dropped.
 *
 * Versions. Functions and numbers are only added. Ignore events, kinds and JSON fields that you do not know.
 */"#;
