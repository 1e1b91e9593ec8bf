/*
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
 */

#ifndef JUMP_H
#define JUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * The first part of the version that this header is of.
 */
#define JUMP_VERSION_MAJOR 0

/**
 * The second part.
 */
#define JUMP_VERSION_MINOR 1

/**
 * The third part.
 */
#define JUMP_VERSION_PATCH 0

/**
 * All three as one number that grows: major × 1,000,000 + minor × 1,000 + patch.
 */
#define JUMP_VERSION_NUMBER 1000

/**
 * The number in the name of the shared library, `libjump.so.0`: it moves when programs have to be built anew.
 */
#define JUMP_ABI_VERSION 0

/**
 * The left button of the pointer.
 */
#define JUMP_BUTTON_LEFT 1

/**
 * The middle one.
 */
#define JUMP_BUTTON_MIDDLE 2

/**
 * The right one.
 */
#define JUMP_BUTTON_RIGHT 4

/**
 * The one that leads back.
 */
#define JUMP_BUTTON_BACK 128

/**
 * The one that leads forward.
 */
#define JUMP_BUTTON_FORWARD 256

/**
 * A broker that runs: one site's control plane and its relay. It stops when it is freed.
 */
typedef struct jump_broker jump_broker;

/**
 * What a broker is made from.
 */
typedef struct jump_broker_options jump_broker_options;

/**
 * Bytes that a call gave, with a NUL behind the last one: free them with `jump_buf_free`, which wipes them.
 */
typedef struct jump_buf jump_buf;

/**
 * What everything else is made in: it has the threads. Whatever was made in it keeps it alive, so it can be freed at any time.
 */
typedef struct jump_context jump_context;

/**
 * What went wrong in one call: free it with `jump_error_free`. It holds no secret.
 */
typedef struct jump_error jump_error;

/**
 * Something that happened: free it with `jump_event_free`. It may be kept as long as you like.
 */
typedef struct jump_event jump_event;

/**
 * The picture of a screen, locked: as long as it is not freed the session takes nothing from the target. Look, and free it.
 */
typedef struct jump_frame jump_frame;

/**
 * A Jumpoint that runs: the agent in a remote network. It stops when it is freed.
 */
typedef struct jump_jumpoint jump_jumpoint;

/**
 * Who a Jumpoint is to its broker: keys that were enrolled, and where the broker is.
 */
typedef struct jump_jumpoint_identity jump_jumpoint_identity;

/**
 * Local ports that lead into a tunnel session. They are closed, and what is connected to them is cut, when it is freed.
 */
typedef struct jump_listener jump_listener;

/**
 * Who a rep is to its broker: a key that was enrolled, and where the broker is.
 */
typedef struct jump_login jump_login;

/**
 * A connection to a broker on behalf of a login. Sessions that were opened through it keep it alive.
 */
typedef struct jump_rep jump_rep;

/**
 * A secret that goes in and is never given back: a password, an invitation, the text of a login.
 */
typedef struct jump_secret jump_secret;

/**
 * One Jump to one item: a shell with files, a screen or a tunnel. It ends when it is freed.
 */
typedef struct jump_session jump_session;

/**
 * A shell or command that runs in a session. Several can run at once.
 */
typedef struct jump_shell jump_shell;

/**
 * A stream of bytes: to a port of the target, or of a whole session.
 */
typedef struct jump_stream jump_stream;

/**
 * A site as it stands at one moment: what decisions are made of. It never changes.
 */
typedef struct jump_world jump_world;

/**
 * How a call went: `JUMP_OK`, or one of `JUMP_ERR_…`.
 *
 * Positive numbers are the kinds of errors of the whole project, the same in Rust, C and Python and on the command line; they are
 * never renumbered, and new ones are added at the end. Negative numbers exist in C only.
 */
typedef int32_t jump_status;

/**
 * How grave a line of the log is.
 */
typedef int32_t jump_log_level;

/**
 * Takes a line of the log: where in the library it comes from, and what it says, both UTF-8 that lives as long as the call. What others
 * wrote is escaped. It comes from any thread, several at once, and is for notification only: it may not call the library, wait, throw or
 * longjmp.
 */
typedef void (*jump_log_fn)(void *userdata, jump_log_level level, const char *target, const char *message);

/**
 * What happened. Ignore numbers that you do not know: later versions have more.
 */
typedef int32_t jump_event_type;

/**
 * A rectangle in pixels, from the upper left corner.
 */
typedef struct {
  /**
   * From the left.
   */
  uint32_t x;
  /**
   * From the top.
   */
  uint32_t y;
  /**
   * To the right of `x`.
   */
  uint32_t width;
  /**
   * Below `y`.
   */
  uint32_t height;
} jump_rect;

/**
 * What a session is.
 */
typedef int32_t jump_session_kind;

/**
 * Whose output a piece is.
 */
typedef int32_t jump_shell_output;

/**
 * Says how far a transfer is: bytes so far, and in all, or less than 0 if that is not known. It is called on the thread that waits
 * for the transfer, and may call the library. What it gives ends the transfer unless it is 0.
 */
typedef int32_t (*jump_progress_fn)(void *userdata, uint64_t done, int64_t total);

/**
 * Where the pixels of a frame are.
 */
typedef struct {
  /**
   * The first pixel of the upper row: red, green, blue, alpha (255), 8 bits each. Not to be written to, and gone when the frame is
   * freed.
   */
  const uint8_t *pixels;
  /**
   * Bytes from the begin of a row to that of the next.
   */
  size_t stride;
  /**
   * In pixels.
   */
  uint32_t width;
  /**
   * In pixels.
   */
  uint32_t height;
} jump_frame_view;

/**
 * Answers a question of the library. It gets `userdata` and the question as JSON, which lives as long as the call; puts a buffer from
 * `jump_buf_new` into `answer_out` if an answer is wanted, which the library then owns; and gives `JUMP_OK`, or the `JUMP_ERR_…` that
 * the library is to fail with. It is called on threads that may wait, several at once, with nothing locked, and may call the library.
 */
typedef jump_status (*jump_answer_fn)(void *userdata, const char *question_json, jump_buf **answer_out);

/**
 * It went well.
 */
#define JUMP_OK 0

/**
 * The caller passed something that can never work: NULL, a handle that was freed or is of another kind, text that is no UTF-8.
 * Fix the call.
 */
#define JUMP_ERR_INVALID_ARGUMENT 1

/**
 * There is no such object, or the caller may not know of it.
 */
#define JUMP_ERR_NOT_FOUND 2

/**
 * The access decision was no; the reasons are in the message.
 */
#define JUMP_ERR_DENIED 3

/**
 * The peer's identity was not accepted: unknown key, wrong or used token.
 */
#define JUMP_ERR_UNAUTHENTICATED 4

/**
 * The object exists already, or was changed by somebody else in the meantime.
 */
#define JUMP_ERR_CONFLICT 5

/**
 * A limit on size, number or rate was reached.
 */
#define JUMP_ERR_RESOURCE_LIMIT 6

/**
 * Something did not answer in time; or there is nothing yet, for a call that was told not to wait.
 */
#define JUMP_ERR_TIMEOUT 7

/**
 * The other part is not there now: Jumpoint offline, broker or relay not reachable.
 */
#define JUMP_ERR_UNAVAILABLE 8

/**
 * The stream, session or connection is closed.
 */
#define JUMP_ERR_CLOSED 9

/**
 * The session was ended by a decision: revoked, ended by an administrator, expired.
 */
#define JUMP_ERR_SESSION_ENDED 10

/**
 * The peer broke the protocol; the message says how.
 */
#define JUMP_ERR_PROTOCOL 11

/**
 * The peer's key is not the one that was pinned.
 */
#define JUMP_ERR_UNTRUSTED_PEER 12

/**
 * The target could not be reached, or the Jumpoint's network policy forbids it.
 */
#define JUMP_ERR_TARGET_UNREACHABLE 13

/**
 * The target refused the injected credential, or none is stored.
 */
#define JUMP_ERR_TARGET_AUTHENTICATION 14

/**
 * The target's host key or certificate is unknown or has changed.
 */
#define JUMP_ERR_HOST_KEY 15

/**
 * Stored data does not verify: a recording or audit log was damaged or tampered with.
 */
#define JUMP_ERR_INTEGRITY 16

/**
 * Our own disk or database failed.
 */
#define JUMP_ERR_STORAGE 17

/**
 * The network failed under us.
 */
#define JUMP_ERR_NETWORK 18

/**
 * The feature, version or algorithm is not supported here.
 */
#define JUMP_ERR_UNSUPPORTED 19

/**
 * A grant or relay ticket is expired, replayed, for somebody else, or badly signed.
 */
#define JUMP_ERR_GRANT 20

/**
 * The clocks of two parts differ by more than the protocol allows.
 */
#define JUMP_ERR_CLOCK_SKEW 21

/**
 * A bug in this library; please report it.
 */
#define JUMP_ERR_INTERNAL 22

/**
 * The call panicked, which is a bug in this library. The process goes on, and so do other handles; free the handle that was used.
 */
#define JUMP_ERR_PANIC -1

/**
 * Something failed.
 */
#define JUMP_LOG_ERROR 1

/**
 * Something may be wrong.
 */
#define JUMP_LOG_WARN 2

/**
 * Something happened that is worth a line.
 */
#define JUMP_LOG_INFO 3

/**
 * For finding out why something happens.
 */
#define JUMP_LOG_DEBUG 4

/**
 * Everything.
 */
#define JUMP_LOG_TRACE 5

/**
 * No event: what `jump_event_type_of` gives for NULL.
 */
#define JUMP_EVENT_NONE 0

/**
 * Time will end the session; JSON: `at`, `seconds_left`, `rule`. Of several the latest counts.
 */
#define JUMP_EVENT_ENDING 1

/**
 * It is over, and this is the last event: of a session, with its reason as JSON; of a Jumpoint or broker that had to stop. The
 * status says how: `JUMP_OK` if in order, `JUMP_ERR_SESSION_ENDED` if by a decision.
 */
#define JUMP_EVENT_ENDED 2

/**
 * The shell or stream of this request id can be read from, which a read with the time-out 0 could not do before. Comes once for
 * such a read.
 */
#define JUMP_EVENT_READABLE 3

/**
 * Parts of the picture have changed: see `jump_event_damage`.
 */
#define JUMP_EVENT_DAMAGE 4

/**
 * The screen has another size; JSON: `width`, `height`. Everything on it may have changed.
 */
#define JUMP_EVENT_RESIZED 5

/**
 * The pointer has another shape, or none. JSON: `width`, `height`, `hotspot_x`, `hotspot_y`, or `null`.
 */
#define JUMP_EVENT_CURSOR 6

/**
 * The target moved the pointer; JSON: `x`, `y`.
 */
#define JUMP_EVENT_POINTER_MOVED 7

/**
 * The target's clipboard has a text, at most 1 MiB; JSON: `text`.
 */
#define JUMP_EVENT_CLIPBOARD 8

/**
 * The target rang its bell.
 */
#define JUMP_EVENT_BELL 9

/**
 * The desktop has another name; JSON: `name`.
 */
#define JUMP_EVENT_NAME 10

/**
 * How far the transfer of this request id is; JSON: `done`, `total` or `null`. Of several the latest counts.
 */
#define JUMP_EVENT_PROGRESS 11

/**
 * The transfer of this request id is over: with `JUMP_OK` it is complete, and JSON has `bytes`; otherwise JSON has `error`.
 */
#define JUMP_EVENT_TRANSFERRED 12

/**
 * A program connected to a listener of the session; JSON: `from`, `to`, and `error` if it was refused. With `error` alone: the listener's
 * connections cannot be told any more.
 */
#define JUMP_EVENT_CONNECTION 13

/**
 * The broker wrote an event to its audit log; JSON: `sequence`, `event`. With another status than `JUMP_OK`: its events cannot be told
 * any more, and JSON has `error`; the broker and its log go on.
 */
#define JUMP_EVENT_AUDIT 14

/**
 * The connection to the broker is lost, and the status says how: `JUMP_ERR_CLOSED`, `JUMP_ERR_NETWORK` or `JUMP_ERR_TIMEOUT`. The session
 * may go on, but nobody tells why it will end, nor that it did: reads do.
 */
#define JUMP_EVENT_BROKER_LOST 15

/**
 * No living session.
 */
#define JUMP_SESSION_NONE 0

/**
 * A shell with commands and files: `jump_shell_…`, `jump_session_upload` and the like.
 */
#define JUMP_SESSION_SHELL 1

/**
 * A screen with keyboard and pointer: `jump_screen_…`.
 */
#define JUMP_SESSION_SCREEN 2

/**
 * Byte streams to permitted ports: `jump_tunnel_…`.
 */
#define JUMP_SESSION_TUNNEL 3

/**
 * Standard output, or everything if there is a terminal.
 */
#define JUMP_SHELL_STDOUT 1

/**
 * Standard error.
 */
#define JUMP_SHELL_STDERR 2

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/* ---- Which version this is ------------------------------------------------------------------------------------------------- */

/**
 * The version of the library that runs, as `JUMP_VERSION_NUMBER`.
 */
uint32_t jump_version_number(void);

/**
 * The version of the library that runs, such as `0.1.0`: static text.
 */
const char *jump_version_string(void);

/**
 * The `JUMP_ABI_VERSION` of the library that runs.
 */
uint32_t jump_abi_version(void);

/**
 * How many handles of any kind are alive in this process: for finding what was not freed.
 */
uint64_t jump_handle_count(void);

/* ---- Statuses: what a call says about how it went -------------------------------------------------------------------------- */

/**
 * The name of a status, such as `JUMP_ERR_NOT_FOUND`: static text. `JUMP_ERR_UNKNOWN` for a number that this library does not
 * know.
 */
const char *jump_status_name(jump_status status);

/* ---- Error objects --------------------------------------------------------------------------------------------------------- */

/**
 * The status, the same that the call returned. `JUMP_OK` for NULL and for what is no living error.
 */
jump_status jump_error_code(const jump_error *error);

/**
 * What went wrong, in one line, with its causes; UTF-8. It lives as long as the error. What a peer wrote is escaped. NULL for NULL
 * and for what is no living error.
 */
const char *jump_error_message(const jump_error *error);

/**
 * The same in parts, as JSON: `status`, `kind`, `operation`, `context`, `causes`, `retryable`. It lives as long as the error. NULL
 * for NULL and for what is no living error.
 */
const char *jump_error_detail_json(const jump_error *error);

/**
 * Whether the same call may work later without a change.
 */
bool jump_error_is_retryable(const jump_error *error);

/**
 * Frees an error. NULL is fine.
 */
jump_status jump_error_free(jump_error *error);

/* ---- Results of any length, and secrets ------------------------------------------------------------------------------------ */

/**
 * Copies bytes into a buffer: what a callback answers with.
 */
jump_status jump_buf_new(const uint8_t *data, size_t length, jump_buf **buf_out, jump_error **error_out);

/**
 * The bytes; they live as long as the buffer. NULL for NULL and for what is no living buffer.
 */
const uint8_t *jump_buf_data(const jump_buf *buf);

/**
 * How many bytes, without the NUL behind the last. 0 for NULL and for what is no living buffer.
 */
size_t jump_buf_len(const jump_buf *buf);

/**
 * The same bytes for what takes text, such as JSON: they end with a NUL. NULL for NULL and for what is no living buffer.
 */
const char *jump_buf_text(const jump_buf *buf);

/**
 * Wipes and frees a buffer. NULL is fine.
 */
jump_status jump_buf_free(jump_buf *buf);

/**
 * Copies a secret, UTF-8 text of at most 64 KiB, into memory that is wiped when it is freed. Wipe your own copy.
 */
jump_status jump_secret_new(const uint8_t *text, size_t length, jump_secret **secret_out, jump_error **error_out);

/**
 * Wipes and frees a secret. NULL is fine.
 */
jump_status jump_secret_free(jump_secret *secret);

/* ---- Contexts: what everything else is made in ----------------------------------------------------------------------------- */

/**
 * Makes a context. `options_json` may be NULL; `{"threads": 2}` is how many threads it has, 1 to 64.
 */
jump_status jump_context_new(const char *options_json, jump_context **context_out, jump_error **error_out);

/**
 * Makes a context that tells `log` what happens in it; `log_level` in `options_json` is how much, `JUMP_LOG_INFO` otherwise. `destroy`,
 * if not NULL, is called with `userdata` when the library has no more use for it. The rest is as in `jump_context_new`.
 */
jump_status jump_context_new_logging(const char *options_json,
                                     jump_log_fn log,
                                     void *userdata,
                                     void (*destroy)(void*),
                                     jump_context **context_out,
                                     jump_error **error_out);

/**
 * A file descriptor that can be read from (poll it, never read it) as long as any session, broker or Jumpoint of the context has an
 * event to fetch. It belongs to the context. -1 if there is none.
 */
int32_t jump_context_wakeup_fd(const jump_context *context);

/**
 * Has `wake` called with `userdata` when a session, broker or Jumpoint of the context that had no event has got one; NULL for no
 * call any more. It comes from any thread, may stand for many events, and is for notification only: it may not call the library
 * (such a call fails), wait, throw or longjmp. `destroy`, if not NULL, is called with `userdata` when the library has no more use
 * for it. Nothing is locked meanwhile.
 */
jump_status jump_context_set_wakeup(const jump_context *context,
                                    void (*wake)(void*),
                                    void *userdata,
                                    void (*destroy)(void*),
                                    jump_error **error_out);

/**
 * Frees a context. What was made in it goes on. NULL is fine.
 */
jump_status jump_context_free(jump_context *context);

/* ---- Logins: who a rep is -------------------------------------------------------------------------------------------------- */

/**
 * Reads the login that `jump login` or `jump_login_save` wrote: a file that only its owner may read.
 */
jump_status jump_login_load(const char *path, jump_login **login_out, jump_error **error_out);

/**
 * Takes a login from the text of such a file, for programs that keep it elsewhere.
 */
jump_status jump_login_from_secret(const jump_secret *secret, jump_login **login_out, jump_error **error_out);

/**
 * Turns an invitation, which works once, into a login; `label` says what it is for people, such as the name of a device. Waits for
 * the broker. Save the login: without it nobody can log in.
 */
jump_status jump_login_enrol(const jump_context *context,
                             const jump_secret *invitation,
                             const char *label,
                             jump_login **login_out,
                             jump_error **error_out);

/**
 * Turns a proof that the site's own system understands, such as a signed token, into a login of the user whom it names: see
 * `jump_broker_options_set_logins`. `broker_json` is where the broker is and the key that it has to prove, as
 * `jump_broker_endpoint_json` gives it; `label` says what the login is. Waits for the broker. `JUMP_ERR_UNAUTHENTICATED` if the proof is not
 * accepted.
 */
jump_status jump_login_authenticate(const jump_context *context,
                                    const char *broker_json,
                                    const jump_secret *proof,
                                    const char *label,
                                    jump_login **login_out,
                                    jump_error **error_out);

/**
 * Writes a login to a file for its owner only, whole or not at all.
 */
jump_status jump_login_save(const jump_login *login, const char *path, jump_error **error_out);

/**
 * The user's name. It lives as long as the login. NULL for NULL and for what is no living login.
 */
const char *jump_login_user(const jump_login *login);

/**
 * Frees a login; its key is wiped. NULL is fine.
 */
jump_status jump_login_free(jump_login *login);

/* ---- Reps: whoever asks for a Jump ----------------------------------------------------------------------------------------- */

/**
 * Connects to the login's broker and proves the login's key. Waits at most 10 seconds.
 */
jump_status jump_rep_connect(const jump_context *context, const jump_login *login, jump_rep **rep_out, jump_error **error_out);

/**
 * The user's name. It lives as long as the rep. NULL for NULL and for what is no living rep.
 */
const char *jump_rep_user(const jump_rep *rep);

/**
 * The items that one may see, as a JSON array. `query_json` says which, and may be NULL: `name`, `hostname`, `group`, `jumpoint`,
 * `tag`, `search`, `method`, `personal`, `online`.
 */
jump_status jump_rep_items(const jump_rep *rep, const char *query_json, jump_buf **items_out, jump_error **error_out);

/**
 * Asks the broker anything, as JSON in the form of the control protocol, and gives its answer as JSON: `{"ask": "item", "item":
 * "web-1"}`; or, to change the site, `{"ask": "edit", "edit": "remove_item", "item": "web-1"}`. Not `jump`: that is
 * `jump_session_open`.
 */
jump_status jump_rep_request(const jump_rep *rep, const char *request_json, jump_buf **response_out, jump_error **error_out);

/**
 * Ends a session, by the id that is in its grant and in lists of sessions: an administrator any, others their own.
 */
jump_status jump_rep_end_session(const jump_rep *rep, const char *session_id, jump_error **error_out);

/**
 * Lets go of the connection; sessions that were opened through it go on. NULL is fine.
 */
jump_status jump_rep_free(jump_rep *rep);

/* ---- Events ---------------------------------------------------------------------------------------------------------------- */

/**
 * What happened; `JUMP_EVENT_NONE` for NULL and for what is no living event.
 */
jump_event_type jump_event_type_of(const jump_event *event);

/**
 * What the event is about: the id of a shell, a stream or a transfer; otherwise 0.
 */
uint64_t jump_event_request_id(const jump_event *event);

/**
 * How what the event is about went; `JUMP_OK` if it is about no such thing.
 */
jump_status jump_event_status(const jump_event *event);

/**
 * The event's details as JSON. It lives as long as the event. What a target or another user wrote is in it as it came: escape it
 * where you show it. NULL for NULL and for what is no living event.
 */
const char *jump_event_json(const jump_event *event);

/**
 * What has changed, of a `JUMP_EVENT_DAMAGE`: writes at most `capacity` rectangles to `rects`, which may be NULL if that is 0, and
 * gives how many there are, at most 64.
 */
size_t jump_event_damage(const jump_event *event, jump_rect *rects, size_t capacity);

/**
 * Frees an event. NULL is fine.
 */
jump_status jump_event_free(jump_event *event);

/* ---- Sessions: one Jump to one item ---------------------------------------------------------------------------------------- */

/**
 * Opens a session on an item, by id, name or `group/name`. `options_json` may be NULL: `credential` is the name of the one to inject
 * if several match; `reason`, `ticket`, `code` (of a second factor) and `schedule_override` are what the item's Jump Policy may ask
 * for. Waits until the target has let the session in.
 */
jump_status jump_session_open(const jump_rep *rep,
                              const char *item,
                              const char *options_json,
                              jump_session **session_out,
                              jump_error **error_out);

/**
 * What the session is: `JUMP_SESSION_SHELL`, `…_SCREEN` or `…_TUNNEL`; `JUMP_SESSION_NONE` for NULL and for what is no living
 * session.
 */
jump_session_kind jump_session_kind_of(const jump_session *session);

/**
 * The session's id, as it stands in lists and in the audit log. It lives as long as the session. NULL for NULL and for what is no
 * living session.
 */
const char *jump_session_id(const jump_session *session);

/**
 * What was granted, as JSON: permissions, recording, targets, end. It lives as long as the session. NULL for NULL and for what is no
 * living session.
 */
const char *jump_session_grant_json(const jump_session *session);

/**
 * The next event: waits at most `timeout_ms` milliseconds for it, not at all for 0, for ever for less. `JUMP_OK` with NULL in
 * `event_out`: there is none yet, or somebody called `jump_session_interrupt`. `JUMP_ERR_CLOSED`: there will be none any more. Events
 * of a kind that is state replace each other, and none is dropped.
 */
jump_status jump_session_next_event(const jump_session *session,
                                    int64_t timeout_ms,
                                    jump_event **event_out,
                                    jump_error **error_out);

/**
 * Ends the wait in `jump_session_next_event`, from any thread; if nobody waits, the next wait ends at once.
 */
jump_status jump_session_interrupt(const jump_session *session);

/**
 * A file descriptor that can be read from (poll it, never read it) as long as the session has an event to fetch. It belongs to the
 * session. -1 if there is none.
 */
int32_t jump_session_wakeup_fd(const jump_session *session);

/**
 * Ends the session in order, and waits until what was sent has arrived, at most 10 seconds. Calls that wait on other threads end.
 * The last event still comes.
 */
jump_status jump_session_close(const jump_session *session, jump_error **error_out);

/**
 * Frees a session. If it was not closed it ends now, without waiting. Shells, streams and frames of it have to be freed besides, in
 * any order. NULL is fine.
 */
jump_status jump_session_free(jump_session *session);

/* ---- Shells and commands --------------------------------------------------------------------------------------------------- */

/**
 * Opens an interactive shell on a terminal of `columns` × `rows` character cells, 1 to 65535 each. `terminal` is its type, such as
 * `xterm-256color`, which is what NULL stands for.
 */
jump_status jump_shell_open(const jump_session *session,
                            const char *terminal_type,
                            uint32_t columns,
                            uint32_t rows,
                            jump_shell **shell_out,
                            jump_error **error_out);

/**
 * Runs a command; it is bytes, because a target need not take UTF-8. With `columns` and `rows` it runs on a terminal, as in
 * `jump_shell_open`; with 0 and 0 without one.
 */
jump_status jump_shell_exec(const jump_session *session,
                            const uint8_t *command,
                            size_t command_length,
                            const char *terminal_type,
                            uint32_t columns,
                            uint32_t rows,
                            jump_shell **shell_out,
                            jump_error **error_out);

/**
 * Runs a command to its end, without input and terminal, and gives its output, its error output and its exit code, which is -1 if
 * a signal ended it. Each of the outputs may be NULL. `JUMP_ERR_RESOURCE_LIMIT` if it says more than 64 MiB.
 */
jump_status jump_session_run(const jump_session *session,
                             const char *command,
                             jump_buf **stdout_out,
                             jump_buf **stderr_out,
                             int64_t *exit_code_out,
                             jump_error **error_out);

/**
 * The shell's id: events are about it under this number. 0 for NULL and for what is no living shell.
 */
uint64_t jump_shell_request_id(const jump_shell *shell);

/**
 * Reads output, at most `capacity` bytes; 0 bytes are the end. Waits at most `timeout_ms` milliseconds for it, for ever for less
 * than 0; if there is none then it fails with `JUMP_ERR_TIMEOUT`. With 0 it does not wait, and `JUMP_EVENT_READABLE` comes as soon as
 * it would not have to. `whose_out`, which may be NULL, says whether it is output or error output. Output that nobody reads holds
 * the target back.
 */
jump_status jump_shell_read(const jump_shell *shell,
                            int64_t timeout_ms,
                            uint8_t *buffer,
                            size_t capacity,
                            size_t *length_out,
                            jump_shell_output *whose_out,
                            jump_error **error_out);

/**
 * Writes all of `data` to the shell's input; waits while the target does not take it.
 */
jump_status jump_shell_write(const jump_shell *shell, const uint8_t *data, size_t length, jump_error **error_out);

/**
 * Says that no more input follows.
 */
jump_status jump_shell_finish(const jump_shell *shell, jump_error **error_out);

/**
 * Changes the size of the terminal, 1 to 65535 each way.
 */
jump_status jump_shell_resize(const jump_shell *shell, uint32_t columns, uint32_t rows, jump_error **error_out);

/**
 * Sends a signal by its name without `SIG`, such as `INT`.
 */
jump_status jump_shell_signal(const jump_shell *shell, const char *name, jump_error **error_out);

/**
 * How it ended, which is known once a read has given 0 bytes: the code, or -1 and the signal's name without `SIG`. The name lives as
 * long as the shell; `signal_out` may be NULL, and NULL is written to it if no signal ended it. `JUMP_ERR_UNAVAILABLE` if it is not
 * known.
 */
jump_status jump_shell_exit(const jump_shell *shell,
                            int64_t *exit_code_out,
                            const char **signal_out,
                            jump_error **error_out);

/**
 * Frees a shell; what runs in it is hung up. NULL is fine.
 */
jump_status jump_shell_free(jump_shell *shell);

/* ---- Files, from and to the target of a shell session ---------------------------------------------------------------------- */

/**
 * Copies a local file to the target and waits until it is complete there. `progress`, which may be NULL, is told how far it is;
 * `bytes_out`, which may be NULL, is how many were moved.
 */
jump_status jump_session_upload(const jump_session *session,
                                const char *local_path,
                                const char *remote_path,
                                jump_progress_fn progress,
                                void *userdata,
                                uint64_t *bytes_out,
                                jump_error **error_out);

/**
 * Copies a file of the target to a local path; it has another name until it is complete. The rest is as in `jump_session_upload`.
 */
jump_status jump_session_download(const jump_session *session,
                                  const char *remote_path,
                                  const char *local_path,
                                  jump_progress_fn progress,
                                  void *userdata,
                                  uint64_t *bytes_out,
                                  jump_error **error_out);

/**
 * Begins to copy a local file to the target and does not wait: events of the session with the id in `request_id_out` say how far it
 * is and how it ended, `JUMP_EVENT_PROGRESS` and `JUMP_EVENT_TRANSFERRED`.
 */
jump_status jump_session_upload_async(const jump_session *session,
                                      const char *local_path,
                                      const char *remote_path,
                                      uint64_t *request_id_out,
                                      jump_error **error_out);

/**
 * Begins to copy a file of the target to a local path and does not wait: see `jump_session_upload_async`.
 */
jump_status jump_session_download_async(const jump_session *session,
                                        const char *remote_path,
                                        const char *local_path,
                                        uint64_t *request_id_out,
                                        jump_error **error_out);

/* ---- Screens: picture, keyboard, pointer, clipboard ------------------------------------------------------------------------ */

/**
 * Waits until the whole screen has been painted once, at most `timeout_ms` milliseconds, for ever for less than 0.
 * `JUMP_ERR_TIMEOUT` if it was not.
 */
jump_status jump_screen_painted(const jump_session *session, int64_t timeout_ms, jump_error **error_out);

/**
 * Locks the picture and says where it is: nothing is copied. Free the frame soon: it holds the target back. It may hold a part of an
 * update whose rest is still under way.
 */
jump_status jump_screen_frame_acquire(const jump_session *session,
                                      jump_frame **frame_out,
                                      jump_frame_view *view_out,
                                      jump_error **error_out);

/**
 * Lets go of a frame; its pixels may not be looked at any more. NULL is fine.
 */
jump_status jump_frame_free(jump_frame *frame);

/**
 * A copy of the picture, once the screen has been painted, as a PNG file. Takes the permission `screenshot`.
 */
jump_status jump_screen_png(const jump_session *session, jump_buf **png_out, jump_error **error_out);

/**
 * Presses or releases a key, by its X11 keysym: what it means, not where it is.
 */
jump_status jump_screen_key(const jump_session *session, uint32_t keysym, bool pressed, jump_error **error_out);

/**
 * Types a text: each character is pressed and released. A line end is Return.
 */
jump_status jump_screen_type(const jump_session *session, const char *typed, jump_error **error_out);

/**
 * Moves the pointer to a pixel and says which buttons are held there, `JUMP_BUTTON_…` added up.
 */
jump_status jump_screen_pointer(const jump_session *session, uint32_t x, uint32_t y, uint16_t buttons, jump_error **error_out);

/**
 * Turns the wheel at the pointer's place: steps to the right and down, negative to the left and up, −100 to 100 each.
 */
jump_status jump_screen_scroll(const jump_session *session, int32_t right, int32_t down, jump_error **error_out);

/**
 * Gives the target's clipboard a text of at most 1 MiB.
 */
jump_status jump_screen_set_clipboard(const jump_session *session, const char *clipboard, jump_error **error_out);

/**
 * Asks for another size of the screen in pixels; `JUMP_EVENT_RESIZED` says when it has one.
 */
jump_status jump_screen_resize(const jump_session *session, uint32_t width, uint32_t height, jump_error **error_out);

/**
 * The desktop's name, as the target says it: escape it where you show it.
 */
jump_status jump_screen_name(const jump_session *session, jump_buf **name_out, jump_error **error_out);

/* ---- Tunnels: byte streams to the target's ports, and local ports that lead there; and the raw stream of any session -------- */

/**
 * Opens a stream to one of the grant's addresses. `JUMP_ERR_DENIED` for another one, `JUMP_ERR_TARGET_UNREACHABLE` if nobody answers.
 */
jump_status jump_tunnel_open(const jump_session *session,
                             const char *host,
                             uint16_t port,
                             jump_stream **stream_out,
                             jump_error **error_out);

/**
 * Starts a session on an item and gives its raw byte stream, encrypted end to end up to the gate of the item's protocol, which a
 * client of another make can be connected to. `options_json` is as in `jump_session_open`. The session ends when the stream is freed.
 */
jump_status jump_rep_jump(const jump_rep *rep,
                          const char *item,
                          const char *options_json,
                          jump_stream **stream_out,
                          jump_error **error_out);

/**
 * The stream's id: events are about it under this number. 0 for a stream of `jump_rep_jump`, for NULL and for what is no living stream.
 */
uint64_t jump_stream_request_id(const jump_stream *stream);

/**
 * Reads at most `capacity` bytes, straight into `buffer`; 0 bytes are the end. Waits at most `timeout_ms` milliseconds, for ever for
 * less than 0; if there is none then it fails with `JUMP_ERR_TIMEOUT`. With 0 it does not wait, and, for a stream of a tunnel session,
 * `JUMP_EVENT_READABLE` comes as soon as it would not have to.
 */
jump_status jump_stream_read(const jump_stream *stream,
                             int64_t timeout_ms,
                             uint8_t *buffer,
                             size_t capacity,
                             size_t *length_out,
                             jump_error **error_out);

/**
 * Writes all of `data`; waits while the target does not take it.
 */
jump_status jump_stream_write(const jump_stream *stream, const uint8_t *data, size_t length, jump_error **error_out);

/**
 * Says that no more bytes follow; reading goes on.
 */
jump_status jump_stream_finish(const jump_stream *stream, jump_error **error_out);

/**
 * Frees a stream; if it was not at its end it is cut. NULL is fine.
 */
jump_status jump_stream_free(jump_stream *stream);

/**
 * Opens local ports on a loopback address that lead to the grant's addresses. `options_json` may be NULL: `address` is 127.0.0.1
 * otherwise, `forwards` are `{"local": 0, "host": "db", "port": 5432}`, where `local` 0 is any free port; without them each address of
 * the grant gets a free port. Whoever connects to such a port is let through.
 */
jump_status jump_tunnel_listen(const jump_session *session,
                               const char *options_json,
                               jump_listener **listener_out,
                               jump_error **error_out);

/**
 * The local port of the forward with this number, from 0. `JUMP_ERR_NOT_FOUND` if there is none.
 */
jump_status jump_listener_port(const jump_listener *listener, size_t index, uint16_t *port_out, jump_error **error_out);

/**
 * Closes the ports and cuts what is connected to them. NULL is fine.
 */
jump_status jump_listener_free(jump_listener *listener);

/* ---- Items that a rep opens itself, in the network that the program is in: Local VNC, Local RDP ---------------------------- */

/**
 * As `jump_rep_connect`, with options. With `local_jumps` in `options_json` this process opens the items itself that have no Jumpoint, in
 * the network that it is in: `{"local_jumps": {}}`, where `allow`, `only_listed` and `recordings` mean what they do in
 * `jump_jumpoint_start`. Without it such items are refused with `JUMP_ERR_UNSUPPORTED`.
 */
jump_status jump_rep_connect_with(const jump_context *context,
                                  const jump_login *login,
                                  const char *options_json,
                                  jump_rep **rep_out,
                                  jump_error **error_out);

/**
 * As `jump_session_open`, for an item that the rep opens itself: nothing is injected there, so this is what logs in to the target.
 * `username` may be NULL where the target has no names (VNC). It means nothing for other items, whose Jumpoint logs in.
 */
jump_status jump_session_open_as(const jump_rep *rep,
                                 const char *item,
                                 const char *options_json,
                                 const char *username,
                                 const jump_secret *password,
                                 jump_session **session_out,
                                 jump_error **error_out);

/**
 * Waits until the broker knows how the sessions ended that the rep served itself, at most `timeout_ms` milliseconds, for ever for less than
 * 0; `JUMP_ERR_TIMEOUT` if it does not by then. Call it before the program ends: what was not told by then is lost, and the site says that
 * the rep went away.
 */
jump_status jump_rep_settle(const jump_rep *rep,
                            int64_t timeout_ms,
                            jump_error **error_out);

/* ---- Access: who may do what, as JSON in and JSON out ---------------------------------------------------------------------- */

/**
 * Makes a site out of the changes that would make it, as a JSON array in an order in which references lead backwards. The site of
 * a broker in this process is to be had from `jump_broker_world`.
 */
jump_status jump_world_new(const char *changes_json, jump_world **world_out, jump_error **error_out);

/**
 * Decides whether a user may do something with an item, and says why: a pure function of the site, the question and the moment.
 * The question is JSON: `user` and `item` by name or id; `action` is `start` otherwise, or `view` or `{"manage": PERMISSION}`; `at` is
 * now otherwise; `given` is what was supplied and checked, such as `{"reason": true, "ticket": false, "second_factor": false,
 * "schedule_override": false}`; `session_started`, `max_session_seconds`. The answer has `effect`, `obligations`, `reasons`.
 */
jump_status jump_decide(const jump_world *world,
                        const char *question_json,
                        jump_buf **decision_out,
                        jump_error **error_out);

/**
 * Frees a site. NULL is fine.
 */
jump_status jump_world_free(jump_world *world);

/**
 * Why a user may or may not start a session on an item of a running site: JSON with `item`, and `user` (oneself otherwise; others take
 * an administrator) and `at` (now otherwise). The answer has `decision`, with its reasons, and what holds in the session.
 */
jump_status jump_why(const jump_rep *rep,
                     const char *question_json,
                     jump_buf **answer_out,
                     jump_error **error_out);

/**
 * Who may start a session on an item of a running site, as a JSON array: asked with JSON `item`, `denied` (also who may not) and `at`
 * (now otherwise). Administrators only.
 */
jump_status jump_who(const jump_rep *rep,
                     const char *question_json,
                     jump_buf **answer_out,
                     jump_error **error_out);

/**
 * On which items of a running site a user may start a session, as a JSON array: asked with JSON `user` (oneself otherwise; others take
 * an administrator), `denied` and `at` (now otherwise).
 */
jump_status jump_what(const jump_rep *rep,
                      const char *question_json,
                      jump_buf **answer_out,
                      jump_error **error_out);

/* ---- What a broker is made from -------------------------------------------------------------------------------------------- */

/**
 * Makes options. `options_json` may be NULL: `data` is the folder for keys, SQLite store and audit log, the same as that of `jump broker`
 * (without it all is in memory, and only items with recording off can be reached); `listen` is where the broker listens, `127.0.0.1:0`
 * otherwise; `public_address` is where others reach it, if that is elsewhere; `heartbeat_seconds`, `lease_seconds`,
 * `max_session_seconds`.
 */
jump_status jump_broker_options_new(const char *options_json,
                                    jump_broker_options **options_out,
                                    jump_error **error_out);

/**
 * Plugs a vault in: it is asked for credentials when a session starts. `candidates` is asked with JSON `user`, `item`, `tag`,
 * `protocol`, `host`, `port`, and ids; it answers with an array of `{"id", "name", "specificity"}`, where the last is how closely it is
 * meant: `any`, `criteria` or `direct`. `reveal` is asked the same with the `id` that was chosen; it answers with `username` and either
 * `password`, or `private_key` and, if need be, `passphrase` and `certificate`. The answer is sealed to the Jumpoint and wiped. Several
 * vaults are asked in the order in which they were plugged in. `destroy`, if not NULL, is called with `userdata` at the end.
 */
jump_status jump_broker_options_add_vault(const jump_broker_options *options,
                                          jump_answer_fn candidates,
                                          jump_answer_fn reveal,
                                          void *userdata,
                                          void (*destroy)(void*),
                                          jump_error **error_out);

/**
 * Plugs in who vouches for logins: whoever proves to your own system who they are needs no invitation. `authenticate` is asked with JSON
 * `proof` (what `jump_login_authenticate` was given: a secret of a stranger, 1 byte to 12 KiB), `key`, which the login will prove,
 * `source` (an address, or `null`) and `label`. It answers `null` if the proof is nobody's; otherwise `{"user", "lifetime_seconds"}`
 * and, if need be, `scope` (`sessions`, which it is otherwise, or `everything`) and `sources`, networks from which the login may be
 * used. The user has to be there; `authenticate` may add it. An error, another answer, or none within 8 seconds is a no, and the stranger is
 * told no more. At most 32 are asked about at once; count wrong ones yourself.
 */
jump_status jump_broker_options_set_logins(const jump_broker_options *options,
                                           jump_answer_fn authenticate,
                                           void *userdata,
                                           void (*destroy)(void*),
                                           jump_error **error_out);

/**
 * Plugs in who checks second factors: `verify` is asked with JSON `user_id`, `code`, `at`, and answers `true` or `false`.
 */
jump_status jump_broker_options_set_authenticator(const jump_broker_options *options,
                                                  jump_answer_fn verify,
                                                  void *userdata,
                                                  void (*destroy)(void*),
                                                  jump_error **error_out);

/**
 * Plugs in who checks tickets: `check` is asked with JSON `ticket`, `user`, `item`, and ids, and answers `true` or `false`.
 */
jump_status jump_broker_options_set_tickets(const jump_broker_options *options,
                                            jump_answer_fn check,
                                            void *userdata,
                                            void (*destroy)(void*),
                                            jump_error **error_out);

/**
 * Plugs in an audit log in place of the broker's own: `append` is told each event, as JSON `sequence` (from 1 with each start of the
 * broker) and `event`, one after the other. An event has to be safe when it gives `JUMP_OK`: nothing happens before, and nothing happens
 * if it gives an error. There is no `JUMP_EVENT_AUDIT` then.
 */
jump_status jump_broker_options_set_audit(const jump_broker_options *options,
                                          jump_answer_fn append,
                                          void *userdata,
                                          void (*destroy)(void*),
                                          jump_error **error_out);

/**
 * Plugs in a store in place of the broker's own, as records that are only appended: `append` is told one, as JSON of one line, and has it
 * safe when it gives `JUMP_OK`; `load` answers with all of them, one a line, in their order, or with nothing. One broker uses such a store
 * at a time. Keys and audit log are in the folder `data` nevertheless: without one, a broker that starts again has another key, and no login
 * of before.
 */
jump_status jump_broker_options_set_store(const jump_broker_options *options,
                                          jump_answer_fn load,
                                          jump_answer_fn append,
                                          void *userdata,
                                          void (*destroy)(void*),
                                          jump_error **error_out);

/**
 * Plugs in who carries notifications, which Jump Policies ask for: `notify` is told one, as JSON `id`, `time`, `site`, `policy`, `event`
 * (`session_started`, `session_ended`, `approval_requested`) and `detail`, and has delivered it when it gives `JUMP_OK`. It has 15
 * seconds. What fails with an error that may pass (`JUMP_ERR_UNAVAILABLE`, `JUMP_ERR_TIMEOUT`, `JUMP_ERR_NETWORK`) is told again under the
 * same id, later and later; what is given up is in the audit log. Sessions do not wait for it. Each of several is told everything.
 */
jump_status jump_broker_options_add_notifier(const jump_broker_options *options,
                                             jump_answer_fn notify,
                                             void *userdata,
                                             void (*destroy)(void*),
                                             jump_error **error_out);

/**
 * Frees options. NULL is fine.
 */
jump_status jump_broker_options_free(jump_broker_options *options);

/* ---- Brokers inside another program ---------------------------------------------------------------------------------------- */

/**
 * Starts a broker. `options` may be NULL; what was plugged into them is used up. Peers can connect when this returns.
 */
jump_status jump_broker_start(const jump_context *context,
                              const jump_broker_options *options,
                              jump_broker **broker_out,
                              jump_error **error_out);

/**
 * Where peers reach the broker and the key that they pin, as JSON: `address`, `key`. It lives as long as the broker. NULL for NULL and for
 * what is no living broker.
 */
const char *jump_broker_endpoint_json(const jump_broker *broker);

/**
 * Asks the broker anything on behalf of the embedding program, which may do everything: as in `jump_rep_request`. `{"ask": "edit",
 * "edit": "invite_login", "user": "alice", "scope": "everything"}` makes an invitation.
 */
jump_status jump_broker_request(const jump_broker *broker,
                                const char *request_json,
                                jump_buf **response_out,
                                jump_error **error_out);

/**
 * The site as it stands, for decisions.
 */
jump_status jump_broker_world(const jump_broker *broker, jump_world **world_out, jump_error **error_out);

/**
 * Ends a live session at once; `who` is named in the audit log and told to the rep.
 */
jump_status jump_broker_end_session(const jump_broker *broker, const char *session_id, const char *who, jump_error **error_out);

/**
 * The next event of the broker, as in `jump_session_next_event`: what it writes to its audit log, `JUMP_EVENT_AUDIT`. The broker does not
 * wait for who does not fetch them.
 */
jump_status jump_broker_next_event(const jump_broker *broker,
                                   int64_t timeout_ms,
                                   jump_event **event_out,
                                   jump_error **error_out);

/**
 * Ends the wait in `jump_broker_next_event`, from any thread; if nobody waits, the next wait ends at once.
 */
jump_status jump_broker_interrupt(const jump_broker *broker);

/**
 * A file descriptor to poll for events of the broker, as `jump_session_wakeup_fd`.
 */
int32_t jump_broker_wakeup_fd(const jump_broker *broker);

/**
 * Stops the broker: takes no new connection, ends every session with a reason, and waits until that is accounted for, at most 12
 * seconds. Does nothing the second time.
 */
jump_status jump_broker_stop(const jump_broker *broker, jump_error **error_out);

/**
 * Frees a broker. If it was not stopped it stops now, without telling anybody. NULL is fine.
 */
jump_status jump_broker_free(jump_broker *broker);

/* ---- Jumpoints: the agent in a remote network, inside another program ------------------------------------------------------ */

/**
 * Turns an invitation for a Jumpoint, which works once, into its identity. Waits for the broker. Save the identity: without it the
 * Jumpoint has to be invited anew.
 */
jump_status jump_jumpoint_identity_enrol(const jump_context *context,
                                         const jump_secret *invitation,
                                         jump_jumpoint_identity **identity_out,
                                         jump_error **error_out);

/**
 * Reads the identity that `jump jumpoint` or `jump_jumpoint_identity_save` wrote: a file that only its owner may read.
 */
jump_status jump_jumpoint_identity_load(const char *path, jump_jumpoint_identity **identity_out, jump_error **error_out);

/**
 * Writes an identity to a file for its owner only, whole or not at all.
 */
jump_status jump_jumpoint_identity_save(const jump_jumpoint_identity *identity, const char *path, jump_error **error_out);

/**
 * The Jumpoint's name. It lives as long as the identity. NULL for NULL and for what is no living identity.
 */
const char *jump_jumpoint_identity_name(const jump_jumpoint_identity *identity);

/**
 * Frees an identity; its keys are wiped. NULL is fine.
 */
jump_status jump_jumpoint_identity_free(jump_jumpoint_identity *identity);

/**
 * Starts a Jumpoint: it connects to its broker, again and again if it must, and serves sessions. `options_json` may be NULL: `allow` are
 * networks that targets may be in even if they are loopback or link-local, such as `["127.0.0.0/8"]`; `only_listed` permits no others;
 * `recordings` is the folder for recordings, without which only items with recording off are served; `keep_recordings` is for how many
 * days, 1 to 36500. `JUMP_EVENT_ENDED` says that it had to stop for good.
 */
jump_status jump_jumpoint_start(const jump_context *context,
                                const jump_jumpoint_identity *identity,
                                const char *options_json,
                                jump_jumpoint **jumpoint_out,
                                jump_error **error_out);

/**
 * The ids of the sessions that run at the Jumpoint, as a JSON array.
 */
jump_status jump_jumpoint_sessions(const jump_jumpoint *jumpoint, jump_buf **sessions_out, jump_error **error_out);

/**
 * The next event of the Jumpoint, as in `jump_session_next_event`.
 */
jump_status jump_jumpoint_next_event(const jump_jumpoint *jumpoint,
                                     int64_t timeout_ms,
                                     jump_event **event_out,
                                     jump_error **error_out);

/**
 * Ends the wait in `jump_jumpoint_next_event`, from any thread; if nobody waits, the next wait ends at once.
 */
jump_status jump_jumpoint_interrupt(const jump_jumpoint *jumpoint);

/**
 * A file descriptor to poll for events of the Jumpoint, as `jump_session_wakeup_fd`.
 */
int32_t jump_jumpoint_wakeup_fd(const jump_jumpoint *jumpoint);

/**
 * Stops the Jumpoint: its sessions end and it disconnects. The last event still comes.
 */
jump_status jump_jumpoint_stop(const jump_jumpoint *jumpoint);

/**
 * Stops and frees a Jumpoint. NULL is fine.
 */
jump_status jump_jumpoint_free(jump_jumpoint *jumpoint);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* JUMP_H */
