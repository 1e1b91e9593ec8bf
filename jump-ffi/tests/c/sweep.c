/* The frame of the program that tests/native/sweep.rs makes: a good value of each kind, and what is checked. */

#include "check.h"

static void *place[8];
static uint8_t bytes[64];

static jump_context *good_jump_context;
static jump_login *good_jump_login;
static jump_rep *good_jump_rep;
static jump_session *good_jump_session;
static jump_shell *good_jump_shell;
static jump_stream *good_jump_stream;
static jump_listener *good_jump_listener;
static jump_secret *good_jump_secret;
static jump_world *good_jump_world;
static jump_broker_options *good_jump_broker_options;
static jump_broker *good_jump_broker;
static jump_jumpoint_identity *good_jump_jumpoint_identity;
static jump_jumpoint *good_jump_jumpoint;
static int calls;

static jump_status answer(void *userdata, const char *question_json, jump_buf **answer_out) {
    (void)userdata, (void)question_json, (void)answer_out;
    return JUMP_ERR_UNSUPPORTED;
}

static void take_line(void *userdata, jump_log_level level, const char *target, const char *message) {
    (void)userdata, (void)level, (void)target, (void)message;
}

#define REFUSES(call)                                                                        \
    do {                                                                                     \
        jump_error *error = NULL;                                                            \
        jump_status status = (call);                                                         \
        (void)error;                                                                         \
        calls++;                                                                             \
        if (status != JUMP_ERR_INVALID_ARGUMENT) {                                           \
            fprintf(stderr, "%s: %s\n", #call, jump_status_name(status));                    \
            exit(1);                                                                         \
        }                                                                                    \
        jump_error_free(error);                                                              \
    } while (0)

static void sweep(void);

int main(int argc, char **argv) {
    jump_session *port = NULL;
    jump_buf *invited = NULL;
    char *invitation, *end;

    CHECK(argc >= 2);
    GOOD(jump_context_new(NULL, &good_jump_context, &error));
    GOOD(jump_login_load(argv[1], &good_jump_login, &error));
    GOOD(jump_rep_connect(good_jump_context, good_jump_login, &good_jump_rep, &error));
    GOOD(jump_session_open(good_jump_rep, "box", NULL, &good_jump_session, &error));
    GOOD(jump_shell_open(good_jump_session, NULL, 80, 24, &good_jump_shell, &error));
    GOOD(jump_session_open(good_jump_rep, "port", NULL, &port, &error));
    GOOD(jump_tunnel_listen(port, NULL, &good_jump_listener, &error));
    GOOD(jump_rep_jump(good_jump_rep, "box", NULL, &good_jump_stream, &error));
    GOOD(jump_world_new("[]", &good_jump_world, &error));
    GOOD(jump_broker_options_new(NULL, &good_jump_broker_options, &error));
    GOOD(jump_broker_start(good_jump_context, NULL, &good_jump_broker, &error));
    GOOD(jump_broker_request(good_jump_broker, "{\"ask\": \"edit\", \"edit\": \"add_jumpoint\", \"name\": \"here\"}",
                             &invited, &error));
    invitation = strstr(jump_buf_text(invited), "jump-invite-1.");
    CHECK(invitation != NULL && (end = strchr(invitation, '"')) != NULL);
    GOOD(jump_secret_new((const uint8_t *)invitation, (size_t)(end - invitation), &good_jump_secret, &error));
    jump_buf_free(invited);
    GOOD(jump_jumpoint_identity_enrol(good_jump_context, good_jump_secret, &good_jump_jumpoint_identity, &error));
    GOOD(jump_jumpoint_start(good_jump_context, good_jump_jumpoint_identity, NULL, &good_jump_jumpoint, &error));
    sweep();
    printf("%d calls refused\n", calls);
    return 0;
}
