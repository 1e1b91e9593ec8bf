/* A task of the library panics: what it was for ends with JUMP_ERR_INTERNAL, and everything else goes on. */

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"

/* Only in debug builds. */
extern jump_status jump_test_panic_in(const jump_context *context, const char *task, jump_error **error_out);

static jump_context *context;

/* Waits for the next event and checks what it says. */
static void hears(const jump_session *session, jump_event_type type, jump_status status) {
    jump_event *event = NULL;
    GOOD(jump_session_next_event(session, 30000, &event, &error));
    CHECK(event != NULL && jump_event_type_of(event) == type);
    CHECK(jump_event_status(event) == status);
    if (status != JUMP_OK) {
        CHECK(strstr(jump_event_json(event), "panicked") != NULL);
    }
    jump_event_free(event);
}

static void runs(const jump_session *session) {
    int64_t code = 0;
    GOOD(jump_session_run(session, "exit 5", NULL, NULL, &code, &error));
    CHECK(code == 5);
}

static void connect_to(uint16_t port) {
    struct sockaddr_in to = {0};
    int there = socket(AF_INET, SOCK_STREAM, 0);
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(there >= 0 && connect(there, (struct sockaddr *)&to, sizeof to) == 0);
    {
        char banner[4];
        CHECK(recv(there, banner, 4, MSG_WAITALL) == 4 && memcmp(banner, "SSH-", 4) == 0);
    }
    close(there);
}

int main(int argc, char **argv) {
    jump_login *login = NULL;
    jump_rep *rep = NULL;
    jump_session *session = NULL, *other = NULL;
    jump_listener *listener = NULL;
    jump_broker *broker = NULL;
    jump_jumpoint_identity *identity = NULL;
    jump_jumpoint *jumpoint = NULL;
    jump_secret *secret = NULL;
    jump_event *event = NULL;
    jump_buf *answer = NULL;
    const char *begin, *end;
    char path[600];
    uint64_t request = 0;
    uint16_t port = 0;
    int64_t seen;

    CHECK(argc >= 3);
    GOOD(jump_context_new(NULL, &context, &error));
    GOOD(jump_login_load(argv[1], &login, &error));
    GOOD(jump_rep_connect(context, login, &rep, &error));
    GOOD(jump_session_open(rep, "box", NULL, &other, &error));

    /* What watches over a session. */
    GOOD(jump_test_panic_in(context, "session", &error));
    GOOD(jump_session_open(rep, "box", NULL, &session, &error));
    hears(session, JUMP_EVENT_ENDED, JUMP_ERR_INTERNAL);
    FAILS(JUMP_ERR_CLOSED, jump_session_next_event(session, 30000, &event, &error));
    jump_session_free(session);
    runs(other);

    /* What moves a file, with somebody who waits for it and without. */
    snprintf(path, sizeof path, "%s/panics", argv[2]);
    GOOD(jump_test_panic_in(context, "move a file", &error));
    FAILS(JUMP_ERR_INTERNAL, jump_session_download(other, "/etc/hostname", path, NULL, NULL, NULL, &error));
    GOOD(jump_test_panic_in(context, "move a file", &error));
    GOOD(jump_session_download_async(other, "/etc/hostname", path, &request, &error));
    hears(other, JUMP_EVENT_TRANSFERRED, JUMP_ERR_INTERNAL);
    GOOD(jump_session_download(other, "/etc/hostname", path, NULL, NULL, NULL, &error));
    runs(other);

    /* What tells of the connections of a listener, which goes on to serve them. */
    GOOD(jump_session_open(rep, "port", NULL, &session, &error));
    GOOD(jump_test_panic_in(context, "tell of connections", &error));
    GOOD(jump_tunnel_listen(session, NULL, &listener, &error));
    hears(session, JUMP_EVENT_CONNECTION, JUMP_ERR_INTERNAL);
    GOOD(jump_listener_port(listener, 0, &port, &error));
    for (seen = 0; seen < 40; seen++) {
        connect_to(port);
    }
    jump_listener_free(listener);
    jump_session_free(session);

    /* What tells of a broker's log; the broker goes on. */
    GOOD(jump_test_panic_in(context, "tell the events", &error));
    GOOD(jump_broker_start(context, NULL, &broker, &error));
    GOOD(jump_broker_next_event(broker, 30000, &event, &error));
    CHECK(jump_event_type_of(event) == JUMP_EVENT_AUDIT && jump_event_status(event) == JUMP_ERR_INTERNAL);
    jump_event_free(event);
    GOOD(jump_broker_request(broker, "{\"ask\": \"edit\", \"edit\": \"add_jumpoint\", \"name\": \"here\"}", &answer, &error));
    begin = strstr(jump_buf_text(answer), "jump-invite-1.");
    CHECK(begin != NULL && (end = strchr(begin, '"')) != NULL);
    GOOD(jump_secret_new((const uint8_t *)begin, (size_t)(end - begin), &secret, &error));
    jump_buf_free(answer);
    GOOD(jump_jumpoint_identity_enrol(context, secret, &identity, &error));
    jump_secret_free(secret);

    /* What runs a Jumpoint; another one can be started with the same keys. */
    GOOD(jump_test_panic_in(context, "run the jumpoint", &error));
    GOOD(jump_jumpoint_start(context, identity, NULL, &jumpoint, &error));
    GOOD(jump_jumpoint_next_event(jumpoint, 30000, &event, &error));
    CHECK(jump_event_type_of(event) == JUMP_EVENT_ENDED && jump_event_status(event) == JUMP_ERR_INTERNAL);
    jump_event_free(event);
    jump_jumpoint_free(jumpoint);
    GOOD(jump_jumpoint_start(context, identity, NULL, &jumpoint, &error));
    for (;;) {
        int online;
        GOOD(jump_broker_request(broker, "{\"ask\": \"jumpoints\"}", &answer, &error));
        online = strstr(jump_buf_text(answer), "\"online\":true") != NULL;
        jump_buf_free(answer);
        if (online) {
            break;
        }
    }
    jump_jumpoint_free(jumpoint);
    jump_jumpoint_identity_free(identity);
    jump_broker_free(broker);

    /* What serves a broker: whoever runs it is told, and can still ask it and stop it. */
    GOOD(jump_test_panic_in(context, "serve", &error));
    GOOD(jump_broker_start(context, NULL, &broker, &error));
    do {
        jump_event_free(event);
        GOOD(jump_broker_next_event(broker, 30000, &event, &error));
        CHECK(event != NULL);
    } while (jump_event_type_of(event) != JUMP_EVENT_ENDED);
    CHECK(jump_event_status(event) == JUMP_ERR_INTERNAL);
    jump_event_free(event);
    GOOD(jump_broker_request(broker, "{\"ask\": \"jumpoints\"}", &answer, &error));
    jump_buf_free(answer);
    GOOD(jump_broker_stop(broker, &error));
    jump_broker_free(broker);

    runs(other);
    jump_session_free(other);
    jump_rep_free(rep);
    jump_login_free(login);
    jump_context_free(context);
    CHECK(jump_handle_count() == 0);
    return 0;
}
