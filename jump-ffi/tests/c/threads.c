/* 32 threads share a context, a rep and a session; and handles are freed while other threads use them. */

#include <pthread.h>

#include "check.h"

enum { THREADS = 32 };

static jump_rep *rep;
static jump_session *session;

static void *runs(void *argument) {
    int number = *(int *)argument, round;
    for (round = 0; round < 3; round++) {
        char command[64], expected[64];
        jump_buf *out = NULL, *items = NULL;
        int64_t code = -1;
        snprintf(command, sizeof command, "echo %d-%d", number, round);
        snprintf(expected, sizeof expected, "%d-%d\n", number, round);
        GOOD(jump_session_run(session, command, &out, NULL, &code, &error));
        CHECK(code == 0 && strcmp(jump_buf_text(out), expected) == 0);
        CHECK(jump_buf_free(out) == JUMP_OK);
        GOOD(jump_rep_items(rep, NULL, &items, &error));
        CHECK(jump_buf_free(items) == JUMP_OK);
    }
    return NULL;
}

/* Whoever is first frees it; everybody else is told. */
static jump_buf *contested;

static void *frees(void *argument) {
    *(int *)argument = jump_buf_free(contested) == JUMP_OK;
    return NULL;
}

/* Waits in a session that another thread frees. */
static void *waits(void *argument) {
    jump_shell *shell = argument;
    uint8_t byte;
    size_t length;
    FAILS(JUMP_ERR_CLOSED, jump_shell_read(shell, -1, &byte, 1, &length, NULL, &error));
    return NULL;
}

static void *waits_for_events(void *argument) {
    jump_event *event = NULL;
    (void)argument;
    /* Either the end is told, or the session is gone already. */
    (void)jump_session_next_event(session, -1, &event, NULL);
    CHECK(event == NULL || jump_event_type_of(event) == JUMP_EVENT_ENDED);
    jump_event_free(event);
    return NULL;
}

int main(int argc, char **argv) {
    jump_context *context = NULL;
    jump_login *login = NULL;
    jump_shell *shell = NULL;
    pthread_t threads[THREADS];
    int numbers[THREADS], number, freed;

    CHECK(argc >= 2);
    GOOD(jump_context_new("{\"threads\": 2}", &context, &error));
    GOOD(jump_login_load(argv[1], &login, &error));
    GOOD(jump_rep_connect(context, login, &rep, &error));
    GOOD(jump_session_open(rep, "box", NULL, &session, &error));
    for (number = 0; number < THREADS; number++) {
        numbers[number] = number;
        CHECK(pthread_create(&threads[number], NULL, runs, &numbers[number]) == 0);
    }
    for (number = 0; number < THREADS; number++) {
        CHECK(pthread_join(threads[number], NULL) == 0);
    }
    GOOD(jump_buf_new((const uint8_t *)"once", 4, &contested, &error));
    for (number = 0; number < THREADS; number++) {
        CHECK(pthread_create(&threads[number], NULL, frees, &numbers[number]) == 0);
    }
    for (freed = number = 0; number < THREADS; number++) {
        CHECK(pthread_join(threads[number], NULL) == 0);
        freed += numbers[number];
    }
    CHECK(freed == 1);

    GOOD(jump_shell_exec(session, (const uint8_t *)"sleep 600", 9, NULL, 0, 0, &shell, &error));
    CHECK(pthread_create(&threads[0], NULL, waits, shell) == 0);
    CHECK(pthread_create(&threads[1], NULL, waits_for_events, NULL) == 0);
    CHECK(jump_session_free(session) == JUMP_OK);
    CHECK(pthread_join(threads[0], NULL) == 0);
    CHECK(pthread_join(threads[1], NULL) == 0);
    CHECK(jump_shell_free(shell) == JUMP_OK);
    jump_rep_free(rep);
    jump_login_free(login);
    jump_context_free(context);
    CHECK(jump_handle_count() == 0);
    return 0;
}
