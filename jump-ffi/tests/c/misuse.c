/* What should not happen: a bug in the library, fork(), a callback that calls back, lengths that no memory has. */

#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

/* Only in debug builds. */
extern jump_status jump_test_panic(jump_error **error_out);

static jump_rep *rep;
/* The callbacks write to the second what the program waits for at the first. */
static int told[2];

static void wake(void *userdata) {
    jump_buf *items = NULL;
    jump_status status;
    CHECK(userdata == told);
    status = jump_rep_items(rep, NULL, &items, NULL);
    CHECK(status == JUMP_ERR_INVALID_ARGUMENT && items == NULL);
    CHECK(write(told[1], "w", 1) == 1);
}

static void destroy(void *userdata) {
    CHECK(userdata == told);
    CHECK(write(told[1], "d", 1) == 1);
}

/* Waits for the next callback. */
static char callback(void) {
    char which = 0;
    CHECK(read(told[0], &which, 1) == 1);
    return which;
}

int main(int argc, char **argv) {
    jump_context *context = NULL;
    jump_login *login = NULL;
    jump_session *session = NULL;
    jump_secret *secret = NULL;
    jump_buf *buf = NULL;
    jump_event *event = NULL;
    int64_t code = 0;
    int status = 0, round;
    pid_t child;

    CHECK(argc >= 2 && pipe(told) == 0);
    GOOD(jump_context_new(NULL, &context, &error));
    GOOD(jump_login_load(argv[1], &login, &error));
    GOOD(jump_rep_connect(context, login, &rep, &error));
    GOOD(jump_session_open(rep, "box", NULL, &session, &error));

    /* A panic is a status, and everything else goes on. */
    for (round = 0; round < 3; round++) {
        jump_error *error = NULL;
        CHECK(jump_test_panic(&error) == JUMP_ERR_PANIC);
        CHECK(jump_error_code(error) == JUMP_ERR_PANIC);
        CHECK(strstr(jump_error_message(error), "as the test asked") != NULL);
        jump_error_free(error);
        CHECK(jump_test_panic(NULL) == JUMP_ERR_PANIC);
        GOOD(jump_session_run(session, "exit 5", NULL, NULL, &code, &error));
        CHECK(code == 5);
    }

    /* Lengths. */
    FAILS(JUMP_ERR_INVALID_ARGUMENT, jump_secret_new((const uint8_t *)"x", SIZE_MAX, &secret, &error));
    FAILS(JUMP_ERR_INVALID_ARGUMENT, jump_buf_new((const uint8_t *)"x", SIZE_MAX, &buf, &error));
    FAILS(JUMP_ERR_INVALID_ARGUMENT, jump_buf_new(NULL, 1, &buf, &error));
    FAILS(JUMP_ERR_INVALID_ARGUMENT, jump_secret_new((const uint8_t *)"\xff", 1, &secret, &error));
    GOOD(jump_buf_new(NULL, 0, &buf, &error));
    CHECK(jump_buf_len(buf) == 0 && strcmp(jump_buf_text(buf), "") == 0);
    jump_buf_free(buf);
    CHECK(jump_buf_len(buf) == 0 && jump_buf_data(buf) == NULL);

    /* The child of a fork has no threads: it is told so, and can make a context of its own. */
    child = fork();
    if (child == 0) {
        jump_context *own = NULL;
        jump_buf *items = NULL;
        if (jump_rep_items(rep, NULL, &items, NULL) != JUMP_ERR_UNSUPPORTED) {
            _exit(1);
        }
        _exit(jump_context_new(NULL, &own, NULL) == JUMP_OK ? 0 : 2);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);

    /* A callback that calls the library is refused; it is called when there is an event, and given up once. */
    GOOD(jump_context_set_wakeup(context, wake, told, destroy, &error));
    GOOD(jump_session_close(session, &error));
    CHECK(callback() == 'w');
    GOOD(jump_session_next_event(session, 30000, &event, &error));
    CHECK(jump_event_type_of(event) == JUMP_EVENT_ENDED);
    jump_event_free(event);
    GOOD(jump_context_set_wakeup(context, NULL, NULL, NULL, &error));
    CHECK(callback() == 'd');

    jump_session_free(session);
    jump_rep_free(rep);
    jump_login_free(login);
    jump_context_free(context);
    CHECK(jump_handle_count() == 0);
    return 0;
}
