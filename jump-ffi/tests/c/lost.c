/* The process of the broker is killed while a session runs: whoever waits in it is told, and nothing hangs. Argument 3 is the port of an
 * sshd. */

#define _POSIX_C_SOURCE 200809L

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static jump_context *context;

static void edit(const jump_broker *broker, const char *what) {
    jump_buf *answer = NULL;
    GOOD(jump_broker_request(broker, what, &answer, &error));
    jump_buf_free(answer);
}

static jump_secret *invite(const jump_broker *broker, const char *what) {
    jump_buf *answer = NULL;
    jump_secret *secret = NULL;
    const char *begin, *end;
    GOOD(jump_broker_request(broker, what, &answer, &error));
    begin = strstr(jump_buf_text(answer), "jump-invite-1.");
    CHECK(begin != NULL && (end = strchr(begin, '"')) != NULL);
    GOOD(jump_secret_new((const uint8_t *)begin, (size_t)(end - begin), &secret, &error));
    jump_buf_free(answer);
    return secret;
}

/* The process that is killed: a broker, and a Jumpoint beside it. It leaves a login in a file and says so. */
static void serve(int ready, const char *login_path, const char *port) {
    jump_broker *broker = NULL;
    jump_jumpoint_identity *identity = NULL;
    jump_jumpoint *jumpoint = NULL;
    jump_login *login = NULL;
    jump_secret *secret;
    jump_buf *answer = NULL;
    char item[2000];
    int online = 0;

    GOOD(jump_context_new(NULL, &context, &error));
    GOOD(jump_broker_start(context, NULL, &broker, &error));
    edit(broker, "{\"ask\": \"edit\", \"edit\": \"add_group\", \"name\": \"home\", \"comments\": \"\"}");
    secret = invite(broker, "{\"ask\": \"edit\", \"edit\": \"add_jumpoint\", \"name\": \"here\"}");
    GOOD(jump_jumpoint_identity_enrol(context, secret, &identity, &error));
    GOOD(jump_jumpoint_start(context, identity, "{\"allow\": [\"127.0.0.0/8\"]}", &jumpoint, &error));
    edit(broker, "{\"ask\": \"edit\", \"edit\": \"add_user\", \"name\": \"carol\", \"administrator\": true,"
                 " \"allowed_methods\": [\"protocol_tunnel\"], \"default_role\": null}");
    edit(broker, "{\"ask\": \"edit\", \"edit\": \"add_member\", \"group\": \"home\", \"user\": \"carol\","
                 " \"role\": \"Administrator\"}");
    edit(broker, "{\"ask\": \"edit\", \"edit\": \"grant_jumpoint\", \"jumpoint\": \"here\", \"user\": \"carol\"}");
    snprintf(item, sizeof item,
             "{\"ask\": \"edit\", \"edit\": \"add_item\", \"name\": \"port\", \"group\": \"home\","
             " \"jumpoint\": \"here\", \"hostname\": \"127.0.0.1\", \"recording\": \"off\","
             " \"details\": {\"type\": \"protocol_tunnel\", \"forwards\": [{\"local\": 0, \"remote\": %s}]}}",
             port);
    edit(broker, item);
    secret = invite(broker, "{\"ask\": \"edit\", \"edit\": \"invite_login\", \"user\": \"carol\", \"scope\": \"everything\"}");
    GOOD(jump_login_enrol(context, secret, "the test", &login, &error));
    GOOD(jump_login_save(login, login_path, &error));
    while (!online) {
        GOOD(jump_broker_request(broker, "{\"ask\": \"jumpoints\"}", &answer, &error));
        online = strstr(jump_buf_text(answer), "\"online\":true") != NULL;
        jump_buf_free(answer);
    }
    CHECK(write(ready, "r", 1) == 1);
    for (;;) {
        pause();
    }
}

int main(int argc, char **argv) {
    jump_login *login = NULL;
    jump_rep *rep = NULL;
    jump_session *session = NULL, *late = NULL;
    jump_stream *stream = NULL, *second = NULL;
    jump_event *event = NULL;
    jump_buf *answer = NULL;
    struct pollfd poll_for = {0};
    char path[600], said;
    uint8_t banner[64];
    size_t length;
    jump_status status;
    int ready[2], how, lost = 0;
    pid_t site;

    CHECK(argc == 4 && pipe(ready) == 0);
    snprintf(path, sizeof path, "%s/lost", argv[2]);
    /* Before there is a thread. */
    site = fork();
    if (site == 0) {
        serve(ready[1], path, argv[3]);
    }
    CHECK(site > 0 && close(ready[1]) == 0);
    CHECK(read(ready[0], &said, 1) == 1);

    GOOD(jump_context_new(NULL, &context, &error));
    GOOD(jump_login_load(path, &login, &error));
    GOOD(jump_rep_connect(context, login, &rep, &error));
    GOOD(jump_session_open(rep, "port", NULL, &session, &error));
    GOOD(jump_tunnel_open(session, "127.0.0.1", (uint16_t)strtoul(argv[3], NULL, 10), &stream, &error));
    GOOD(jump_stream_read(stream, 30000, banner, 4, &length, &error));
    poll_for.fd = jump_session_wakeup_fd(session);
    poll_for.events = POLLIN;
    CHECK(poll(&poll_for, 1, 0) == 0);
    CHECK(kill(site, SIGKILL) == 0 && waitpid(site, &how, 0) == site);

    /* Whoever reads is told that it is over. */
    do {
        status = jump_stream_read(stream, 30000, banner, sizeof banner, &length, NULL);
    } while (status == JUMP_OK && length > 0);
    CHECK(status == JUMP_ERR_CLOSED || status == JUMP_ERR_NETWORK);
    /* And whoever waits for events that nobody tells why. */
    CHECK(poll(&poll_for, 1, 30000) == 1);
    while (!lost) {
        GOOD(jump_session_next_event(session, 30000, &event, &error));
        CHECK(event != NULL);
        lost = jump_event_type_of(event) == JUMP_EVENT_BROKER_LOST;
        if (lost) {
            status = jump_event_status(event);
            CHECK(status == JUMP_ERR_CLOSED || status == JUMP_ERR_NETWORK || status == JUMP_ERR_TIMEOUT);
            CHECK(strstr(jump_event_json(event), "\"error\"") != NULL);
        }
        jump_event_free(event);
    }
    status = jump_tunnel_open(session, "127.0.0.1", 1, &second, NULL);
    CHECK(status != JUMP_OK && status != JUMP_ERR_PANIC && status != JUMP_ERR_INTERNAL);
    /* The connection does not come back by itself; a new one is refused as long as nobody is there. */
    status = jump_rep_items(rep, NULL, &answer, NULL);
    CHECK(status == JUMP_ERR_CLOSED || status == JUMP_ERR_NETWORK || status == JUMP_ERR_UNAVAILABLE);
    status = jump_session_open(rep, "port", NULL, &late, NULL);
    CHECK(status == JUMP_ERR_CLOSED || status == JUMP_ERR_NETWORK || status == JUMP_ERR_UNAVAILABLE);
    jump_rep_free(rep);
    FAILS(JUMP_ERR_UNAVAILABLE, jump_rep_connect(context, login, &rep, &error));
    /* What is closed now ends in order. */
    jump_stream_free(stream);
    (void)jump_session_close(session, NULL);
    GOOD(jump_session_next_event(session, 30000, &event, &error));
    CHECK(jump_event_type_of(event) == JUMP_EVENT_ENDED);
    jump_event_free(event);
    jump_session_free(session);
    jump_login_free(login);
    jump_context_free(context);
    CHECK(jump_handle_count() == 0);
    return 0;
}
