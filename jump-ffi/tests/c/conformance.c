/* The scenarios that Rust, C, C++ and Python all run against a live broker and real servers.
 * Arguments: the file of a login, a folder. It waits for a line of input where the test has to do something. */

#include <poll.h>

#include "check.h"

static const char *folder;

/* Says that it is ready, and waits until the test has done what it is to do. */
static void meanwhile(const char *ready) {
    char line[64];
    printf("ready %s\n", ready);
    fflush(stdout);
    CHECK(fgets(line, sizeof line, stdin) != NULL);
}

static jump_session *open_session(const jump_rep *rep, const char *item) {
    jump_session *session = NULL;
    GOOD(jump_session_open(rep, item, NULL, &session, &error));
    return session;
}

/* The last event of a session, and how it went. */
static jump_status end_of(const jump_session *session) {
    for (;;) {
        jump_event *event = NULL;
        jump_status how;
        int last;
        GOOD(jump_session_next_event(session, 30000, &event, &error));
        CHECK(event != NULL);
        how = jump_event_status(event);
        last = jump_event_type_of(event) == JUMP_EVENT_ENDED;
        if (last) {
            printf("ended: %s\n", jump_event_json(event));
        }
        jump_event_free(event);
        if (last) {
            FAILS(JUMP_ERR_CLOSED, jump_session_next_event(session, 0, &event, &error));
            return how;
        }
    }
}

static void list(const jump_rep *rep) {
    jump_buf *items = NULL;
    CHECK(strcmp(jump_rep_user(rep), "alice") == 0);
    GOOD(jump_rep_items(rep, NULL, &items, &error));
    CHECK(strlen(jump_buf_text(items)) == jump_buf_len(items));
    CHECK(strstr(jump_buf_text(items), "\"name\":\"box\"") != NULL);
    CHECK(strstr(jump_buf_text(items), "\"name\":\"desk\"") != NULL);
    jump_buf_free(items);
    GOOD(jump_rep_items(rep, "{\"name\": \"port\"}", &items, &error));
    CHECK(strstr(jump_buf_text(items), "\"name\":\"box\"") == NULL);
    jump_buf_free(items);
    GOOD(jump_rep_request(rep, "{\"ask\": \"item\", \"item\": \"web/box\"}", &items, &error));
    CHECK(strstr(jump_buf_text(items), "\"name\":\"box\"") != NULL);
    jump_buf_free(items);
    FAILS(JUMP_ERR_INVALID_ARGUMENT, jump_rep_items(rep, "{\"nome\": 1}", &items, &error));
    CHECK(items == NULL);
}

static void decide(const jump_rep *rep) {
    jump_buf *answer = NULL;
    GOOD(jump_why(rep, "{\"item\": \"box\"}", &answer, &error));
    CHECK(strstr(jump_buf_text(answer), "\"effect\":\"allow\"") != NULL);
    jump_buf_free(answer);
    GOOD(jump_what(rep, "{}", &answer, &error));
    CHECK(strstr(jump_buf_text(answer), "web/box") != NULL);
    jump_buf_free(answer);
    FAILS(JUMP_ERR_DENIED, jump_who(rep, "{\"item\": \"box\"}", &answer, &error));
    FAILS(JUMP_ERR_NOT_FOUND, jump_why(rep, "{\"item\": \"nowhere\"}", &answer, &error));
}

/* Reads everything that a shell says. */
static size_t read_all(const jump_shell *shell, jump_shell_output wanted, char *text, size_t capacity) {
    size_t filled = 0;
    for (;;) {
        uint8_t piece[1000];
        size_t length = 0;
        jump_shell_output whose = 0;
        GOOD(jump_shell_read(shell, -1, piece, sizeof piece, &length, &whose, &error));
        if (length == 0) {
            return filled;
        }
        if (whose == wanted) {
            CHECK(filled + length <= capacity);
            memcpy(text + filled, piece, length);
            filled += length;
        }
    }
}

/* Reads until this has come. */
static void read_until(const jump_shell *shell, const char *wanted) {
    char text[4000] = "";
    size_t filled = 0, length = 0;
    while (strstr(text, wanted) == NULL) {
        CHECK(filled + 1 < sizeof text);
        GOOD(jump_shell_read(shell, 30000, (uint8_t *)text + filled, sizeof text - 1 - filled, &length, NULL, &error));
        CHECK(length > 0);
        filled += length;
        text[filled] = 0;
    }
}

static void shell(const jump_rep *rep) {
    /* A shell that waits for a line may write an old size back, so what waits here is a program. */
    static const char waits[] = "exec sh -c 'echo ready-$((1+1)); read line; stty size; exit 3'\n";
    jump_session *session = open_session(rep, "box");
    jump_buf *out = NULL, *err = NULL;
    jump_shell *shell = NULL;
    const char *signal = "unset";
    const char command[] = "cat; kill -TERM $$";
    static char text[100000];
    int64_t code = 0;
    size_t length;

    CHECK(jump_session_kind_of(session) == JUMP_SESSION_SHELL);
    CHECK(strstr(jump_session_grant_json(session), jump_session_id(session)) != NULL);
    GOOD(jump_session_run(session, "id -un; echo oops >&2; exit 7", &out, &err, &code, &error));
    CHECK(strcmp(jump_buf_text(out), "jumptest\n") == 0);
    CHECK(strcmp(jump_buf_text(err), "oops\n") == 0);
    CHECK(code == 7);
    jump_buf_free(out);
    jump_buf_free(err);
    GOOD(jump_session_run(session, "true", NULL, NULL, NULL, &error));

    GOOD(jump_shell_exec(session, (const uint8_t *)command, sizeof command - 1, NULL, 0, 0, &shell, &error));
    FAILS(JUMP_ERR_UNAVAILABLE, jump_shell_exit(shell, &code, &signal, &error));
    FAILS(JUMP_ERR_TIMEOUT, jump_shell_read(shell, 0, (uint8_t *)text, sizeof text, &length, NULL, &error));
    GOOD(jump_shell_write(shell, (const uint8_t *)"hello\n", 6, &error));
    {
        /* There is something to read now, and the session's descriptor says so. */
        struct pollfd poll_for = {0};
        jump_event *event = NULL;
        poll_for.fd = jump_session_wakeup_fd(session);
        poll_for.events = POLLIN;
        CHECK(poll(&poll_for, 1, 30000) == 1);
        GOOD(jump_session_next_event(session, 0, &event, &error));
        CHECK(jump_event_type_of(event) == JUMP_EVENT_READABLE);
        CHECK(jump_event_request_id(event) == jump_shell_request_id(shell));
        jump_event_free(event);
        CHECK(poll(&poll_for, 1, 0) == 0);
    }
    GOOD(jump_shell_finish(shell, &error));
    CHECK(read_all(shell, JUMP_SHELL_STDOUT, text, sizeof text) == 6 && memcmp(text, "hello\n", 6) == 0);
    GOOD(jump_shell_exit(shell, &code, &signal, &error));
    CHECK(code == -1 && strcmp(signal, "TERM") == 0);
    CHECK(jump_shell_free(shell) == JUMP_OK);

    GOOD(jump_shell_open(session, "vt100", 80, 24, &shell, &error));
    GOOD(jump_shell_write(shell, (const uint8_t *)waits, sizeof waits - 1, &error));
    read_until(shell, "ready-2");
    GOOD(jump_shell_resize(shell, 132, 50, &error));
    GOOD(jump_shell_write(shell, (const uint8_t *)"\n", 1, &error));
    length = read_all(shell, JUMP_SHELL_STDOUT, text, sizeof text - 1);
    text[length] = 0;
    CHECK(strstr(text, "50 132") != NULL);
    GOOD(jump_shell_exit(shell, &code, NULL, &error));
    CHECK(code == 3);
    CHECK(jump_shell_free(shell) == JUMP_OK);

    GOOD(jump_session_close(session, &error));
    CHECK(end_of(session) == JUMP_OK);
    FAILS(JUMP_ERR_CLOSED, jump_session_run(session, "true", NULL, NULL, NULL, &error));
    CHECK(jump_session_free(session) == JUMP_OK);
}

struct seen {
    const jump_session *session;
    uint64_t done;
    int64_t total;
    int calls;
};

static int32_t progress(void *userdata, uint64_t done, int64_t total) {
    struct seen *seen = userdata;
    CHECK(done >= seen->done);
    /* It may call the library. */
    CHECK(jump_session_kind_of(seen->session) == JUMP_SESSION_SHELL);
    seen->done = done;
    seen->total = total;
    seen->calls++;
    return 0;
}

static int32_t stop_it(void *userdata, uint64_t done, int64_t total) {
    (void)userdata, (void)done, (void)total;
    return 1;
}

static void files(const jump_rep *rep) {
    jump_session *session = open_session(rep, "box");
    struct seen seen = {0};
    char local[512], back[512], remote[512];
    static uint8_t bytes[3000000], again[3000001];
    uint64_t moved = 0, request = 0;
    size_t i;
    FILE *file;

    snprintf(local, sizeof local, "%s/local", folder);
    snprintf(back, sizeof back, "%s/back", folder);
    snprintf(remote, sizeof remote, "/tmp/jump-ffi-%s", jump_session_id(session));
    for (i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 31 + i / 4096);
    }
    CHECK((file = fopen(local, "wb")) != NULL);
    CHECK(fwrite(bytes, 1, sizeof bytes, file) == sizeof bytes);
    CHECK(fclose(file) == 0);

    seen.session = session;
    GOOD(jump_session_upload(session, local, remote, progress, &seen, &moved, &error));
    CHECK(moved == sizeof bytes && seen.done == moved && seen.total == (int64_t)moved && seen.calls > 0);
    FAILS(JUMP_ERR_CLOSED, jump_session_download(session, remote, back, stop_it, NULL, NULL, &error));
    CHECK(fopen(back, "rb") == NULL);
    GOOD(jump_session_download_async(session, remote, back, &request, &error));
    for (;;) {
        jump_event *event = NULL;
        jump_event_type type;
        GOOD(jump_session_next_event(session, 30000, &event, &error));
        CHECK(event != NULL);
        type = jump_event_type_of(event);
        if (type == JUMP_EVENT_PROGRESS || type == JUMP_EVENT_TRANSFERRED) {
            CHECK(jump_event_request_id(event) == request);
            CHECK(jump_event_status(event) == JUMP_OK);
        }
        jump_event_free(event);
        if (type == JUMP_EVENT_TRANSFERRED) {
            break;
        }
    }
    CHECK((file = fopen(back, "rb")) != NULL);
    CHECK(fread(again, 1, sizeof again, file) == sizeof bytes);
    CHECK(fclose(file) == 0);
    CHECK(memcmp(bytes, again, sizeof bytes) == 0);
    FAILS(JUMP_ERR_NOT_FOUND, jump_session_download(session, "/tmp/no/such/file", back, NULL, NULL, NULL, &error));
    {
        char command[600];
        snprintf(command, sizeof command, "rm %s", remote);
        GOOD(jump_session_run(session, command, NULL, NULL, NULL, &error));
    }
    CHECK(jump_session_free(session) == JUMP_OK);
}

static void screen(const jump_rep *rep) {
    jump_session *session = open_session(rep, "desk");
    jump_frame *frame = NULL;
    jump_frame_view view;
    jump_buf *png = NULL, *name = NULL;
    jump_shell *shell = NULL;

    CHECK(jump_session_kind_of(session) == JUMP_SESSION_SCREEN);
    GOOD(jump_screen_painted(session, 30000, &error));
    GOOD(jump_screen_frame_acquire(session, &frame, &view, &error));
    CHECK(view.width == 640 && view.height == 480 && view.stride >= 640 * 4);
    CHECK(view.pixels[3] == 255 && view.pixels[view.stride * 479 + 639 * 4 + 3] == 255);
    CHECK(jump_frame_free(frame) == JUMP_OK);
    GOOD(jump_screen_png(session, &png, &error));
    CHECK(jump_buf_len(png) > 60 && memcmp(jump_buf_data(png), "\x89PNG\r\n\x1a\n", 8) == 0);
    jump_buf_free(png);
    GOOD(jump_screen_name(session, &name, &error));
    jump_buf_free(name);
    GOOD(jump_screen_pointer(session, 20, 30, JUMP_BUTTON_LEFT, &error));
    GOOD(jump_screen_pointer(session, 20, 30, 0, &error));
    GOOD(jump_screen_scroll(session, 0, 1, &error));
    GOOD(jump_screen_key(session, 0xffe1, true, &error));
    GOOD(jump_screen_key(session, 0xffe1, false, &error));
    GOOD(jump_screen_type(session, "jump \xc3\xa4\n", &error));
    GOOD(jump_screen_set_clipboard(session, "from C", &error));
    FAILS(JUMP_ERR_INVALID_ARGUMENT, jump_screen_pointer(session, 4000, 0, 0, &error));
    FAILS(JUMP_ERR_INVALID_ARGUMENT, jump_screen_pointer(session, 0, 0, 0x8000, &error));
    GOOD(jump_screen_resize(session, 800, 600, &error));
    for (;;) {
        jump_event *event = NULL;
        jump_event_type type;
        GOOD(jump_session_next_event(session, 30000, &event, &error));
        CHECK(event != NULL);
        type = jump_event_type_of(event);
        if (type == JUMP_EVENT_DAMAGE) {
            jump_rect rects[64];
            size_t count = jump_event_damage(event, rects, 64);
            CHECK(count >= 1 && count <= 64 && rects[0].width > 0);
            CHECK(jump_event_damage(event, NULL, 0) == count);
        }
        if (type == JUMP_EVENT_RESIZED) {
            CHECK(strstr(jump_event_json(event), "800") != NULL);
        }
        jump_event_free(event);
        if (type == JUMP_EVENT_RESIZED) {
            break;
        }
    }
    FAILS(JUMP_ERR_INVALID_ARGUMENT, jump_shell_open(session, NULL, 80, 24, &shell, &error));
    GOOD(jump_session_close(session, &error));
    CHECK(jump_session_free(session) == JUMP_OK);
}

static void rdp(const jump_rep *rep) {
    jump_session *session = open_session(rep, "win");
    jump_frame *frame = NULL;
    jump_frame_view view;

    CHECK(jump_session_kind_of(session) == JUMP_SESSION_SCREEN);
    GOOD(jump_screen_painted(session, 30000, &error));
    GOOD(jump_screen_frame_acquire(session, &frame, &view, &error));
    CHECK(view.width == 640 && view.height == 480 && view.stride >= 640 * 4);
    CHECK(view.pixels[view.stride * 479 + 639 * 4 + 3] == 255);
    CHECK(jump_frame_free(frame) == JUMP_OK);
    GOOD(jump_screen_pointer(session, 20, 30, JUMP_BUTTON_LEFT, &error));
    GOOD(jump_screen_pointer(session, 20, 30, 0, &error));
    GOOD(jump_screen_type(session, "jump\n", &error));
    GOOD(jump_session_close(session, &error));
    CHECK(jump_session_free(session) == JUMP_OK);
}

/* An item without a Jumpoint: this process is the gate. */
static void local(const jump_context *context, const jump_login *login, const jump_rep *without) {
    jump_rep *rep = NULL;
    jump_session *session = NULL;
    jump_secret *password = NULL, *wrong = NULL;
    jump_frame *frame = NULL;
    jump_frame_view view;
    jump_buf *rows = NULL;

    GOOD(jump_secret_new((const uint8_t *)"secret12", 8, &password, &error));
    GOOD(jump_secret_new((const uint8_t *)"another", 7, &wrong, &error));
    FAILS(JUMP_ERR_UNSUPPORTED, jump_session_open_as(without, "here", NULL, NULL, password, &session, &error));
    FAILS(JUMP_ERR_INVALID_ARGUMENT, jump_rep_connect_with(context, login, "{\"local_jumps\": 1}", &rep, &error));
    /* Nothing of this machine is reached unless it is named; the gate says so as a VNC server would. */
    GOOD(jump_rep_connect_with(context, login, "{\"local_jumps\": {}}", &rep, &error));
    FAILS(JUMP_ERR_TARGET_AUTHENTICATION, jump_session_open_as(rep, "here", NULL, NULL, password, &session, &error));
    CHECK(jump_rep_free(rep) == JUMP_OK);
    GOOD(jump_rep_connect_with(context, login, "{\"local_jumps\": {\"allow\": [\"127.0.0.0/8\"]}}", &rep, &error));
    FAILS(JUMP_ERR_TARGET_AUTHENTICATION, jump_session_open_as(rep, "here", NULL, NULL, wrong, &session, &error));
    GOOD(jump_session_open_as(rep, "here", NULL, NULL, password, &session, &error));
    CHECK(strstr(jump_session_grant_json(session), "\"jumpoint\":\"rep\"") != NULL);
    GOOD(jump_screen_painted(session, 30000, &error));
    GOOD(jump_screen_frame_acquire(session, &frame, &view, &error));
    CHECK(view.width > 0 && view.height > 0 && view.pixels[3] == 255);
    CHECK(jump_frame_free(frame) == JUMP_OK);
    GOOD(jump_screen_type(session, "jump\n", &error));
    FAILS(JUMP_ERR_TIMEOUT, jump_rep_settle(rep, 0, &error));
    GOOD(jump_session_close(session, &error));
    CHECK(jump_session_free(session) == JUMP_OK);
    GOOD(jump_rep_settle(rep, 30000, &error));
    GOOD(jump_rep_request(rep, "{\"ask\": \"sessions\", \"active_only\": true, \"limit\": 10}", &rows, &error));
    CHECK(strstr(jump_buf_text(rows), "here") == NULL);
    jump_buf_free(rows);
    jump_secret_free(password);
    jump_secret_free(wrong);
    CHECK(jump_rep_free(rep) == JUMP_OK);
}

static void tunnel(const jump_rep *rep, const char *host, uint16_t port) {
    jump_session *session = open_session(rep, "port");
    jump_stream *stream = NULL;
    jump_listener *listener = NULL;
    uint8_t banner[4];
    size_t length = 0;
    uint16_t local = 0;

    CHECK(jump_session_kind_of(session) == JUMP_SESSION_TUNNEL);
    GOOD(jump_tunnel_open(session, host, port, &stream, &error));
    /* An SSH server speaks first. */
    GOOD(jump_stream_read(stream, 30000, banner, 4, &length, &error));
    CHECK(length == 4 && memcmp(banner, "SSH-", 4) == 0);
    GOOD(jump_stream_write(stream, (const uint8_t *)"SSH-2.0-jump\r\n", 14, &error));
    GOOD(jump_stream_finish(stream, &error));
    do {
        uint8_t rest[500];
        GOOD(jump_stream_read(stream, 30000, rest, sizeof rest, &length, &error));
    } while (length > 0);
    CHECK(jump_stream_free(stream) == JUMP_OK);
    FAILS(JUMP_ERR_DENIED, jump_tunnel_open(session, host, port ^ 1, &stream, &error));
    CHECK(stream == NULL);

    GOOD(jump_tunnel_listen(session, NULL, &listener, &error));
    GOOD(jump_listener_port(listener, 0, &local, &error));
    CHECK(local != 0);
    FAILS(JUMP_ERR_NOT_FOUND, jump_listener_port(listener, 1, &local, &error));
    CHECK(jump_listener_free(listener) == JUMP_OK);
    CHECK(jump_session_free(session) == JUMP_OK);
}

/* Somebody else ends the session while a call waits in it: the call says so, and the last event. */
static void is_ended(const jump_rep *rep, const char *how) {
    jump_session *session = open_session(rep, "box");
    jump_shell *shell = NULL;
    uint8_t byte;
    size_t length;
    GOOD(jump_shell_exec(session, (const uint8_t *)"sleep 600", 9, NULL, 0, 0, &shell, &error));
    printf("session %s\n", jump_session_id(session));
    meanwhile(how);
    FAILS(JUMP_ERR_SESSION_ENDED, jump_shell_read(shell, 30000, &byte, 1, &length, NULL, &error));
    FAILS(JUMP_ERR_SESSION_ENDED, jump_session_run(session, "true", NULL, NULL, NULL, &error));
    CHECK(end_of(session) == JUMP_ERR_SESSION_ENDED);
    CHECK(jump_shell_free(shell) == JUMP_OK);
    CHECK(jump_session_free(session) == JUMP_OK);
}

static void errors(const jump_context *context, const jump_login *login, const jump_rep *rep) {
    jump_session *session = (jump_session *)"not touched unless it is written";
    jump_login *none = NULL;
    jump_rep *freed = NULL;
    jump_status status;

    FAILS(JUMP_ERR_NOT_FOUND, jump_session_open(rep, "nowhere", NULL, &session, &error));
    CHECK(session == NULL);
    FAILS(JUMP_ERR_INVALID_ARGUMENT, jump_session_open(rep, "\xff\xfe", NULL, &session, &error));
    FAILS(JUMP_ERR_INVALID_ARGUMENT, jump_session_open(rep, NULL, NULL, &session, &error));
    FAILS(JUMP_ERR_NOT_FOUND, jump_login_load("/no/such/file", &none, &error));
    /* Handles of another kind, freed, made up. */
    FAILS(JUMP_ERR_INVALID_ARGUMENT, jump_session_open((const jump_rep *)login, "box", NULL, &session, &error));
    FAILS(JUMP_ERR_INVALID_ARGUMENT, jump_session_open((const jump_rep *)&session, "box", NULL, &session, &error));
    GOOD(jump_rep_connect(context, login, &freed, &error));
    CHECK(jump_rep_free(freed) == JUMP_OK);
    CHECK(jump_rep_free(freed) == JUMP_ERR_INVALID_ARGUMENT);
    FAILS(JUMP_ERR_INVALID_ARGUMENT, jump_rep_items(freed, NULL, NULL, &error));
    CHECK(jump_rep_user(freed) == NULL);
    CHECK(jump_rep_free(NULL) == JUMP_OK);
    /* Without a place for the error the number says it. */
    status = jump_session_open(rep, "nowhere", NULL, &session, NULL);
    CHECK(status == JUMP_ERR_NOT_FOUND);
    CHECK(strcmp(jump_status_name(status), "JUMP_ERR_NOT_FOUND") == 0);
    CHECK(strcmp(jump_status_name(12345), "JUMP_ERR_UNKNOWN") == 0);
}

int main(int argc, char **argv) {
    jump_context *context = NULL;
    jump_login *login = NULL;
    jump_rep *rep = NULL;
    unsigned long port;

    CHECK(argc == 4);
    folder = argv[2];
    port = strtoul(argv[3], NULL, 10);
    CHECK(jump_version_number() == JUMP_VERSION_NUMBER);
    CHECK(jump_version_number() == JUMP_VERSION_MAJOR * 1000000 + JUMP_VERSION_MINOR * 1000 + JUMP_VERSION_PATCH);
    CHECK(jump_abi_version() == JUMP_ABI_VERSION);
    CHECK(jump_handle_count() == 0);

    GOOD(jump_context_new(NULL, &context, &error));
    GOOD(jump_login_load(argv[1], &login, &error));
    CHECK(strcmp(jump_login_user(login), "alice") == 0);
    GOOD(jump_rep_connect(context, login, &rep, &error));
    list(rep);
    decide(rep);
    errors(context, login, rep);
    shell(rep);
    files(rep);
    screen(rep);
    rdp(rep);
    local(context, login, rep);
    tunnel(rep, "127.0.0.1", (uint16_t)port);
    is_ended(rep, "kill");
    is_ended(rep, "revoke");
    /* In any order. */
    jump_context_free(context);
    jump_login_free(login);
    CHECK(jump_rep_free(rep) == JUMP_OK);
    CHECK(jump_handle_count() == 0);
    printf("all scenarios\n");
    return 0;
}
