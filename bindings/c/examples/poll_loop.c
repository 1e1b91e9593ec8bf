/* Runs a command on several items at once, in one thread that waits in poll(): poll_loop LOGIN COMMAND ITEM... */

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jump/jump.h"

enum { MOST = 64 };

struct job {
    const char *item;
    jump_session *session;
    jump_shell *shell;
    int done;
};

static int say(const char *item, jump_error *error) {
    fprintf(stderr, "%s: %s\n", item, error ? jump_error_message(error) : "it failed");
    jump_error_free(error);
    return 1;
}

/* Shows what a command has said so far; at the end its exit code. */
static int drain(struct job *job) {
    for (;;) {
        uint8_t text[4096];
        size_t length = 0;
        jump_error *error = NULL;
        jump_status status = jump_shell_read(job->shell, 0, text, sizeof text, &length, NULL, &error);
        if (status == JUMP_ERR_TIMEOUT) {
            /* Nothing yet: there will be an event. */
            jump_error_free(error);
            return 0;
        }
        if (status != JUMP_OK || length == 0) {
            int64_t code = -1;
            job->done = 1;
            if (status != JUMP_OK) {
                return say(job->item, error);
            }
            (void)jump_shell_exit(job->shell, &code, NULL, NULL);
            printf("%s: exit code %d\n", job->item, (int)code);
            return code != 0;
        }
        printf("%s: %.*s", job->item, (int)length, (const char *)text);
    }
}

/* Fetches the events of a session. */
static int events(struct job *job) {
    int failed = 0;
    for (;;) {
        jump_event *event = NULL;
        jump_event_type type;
        if (jump_session_next_event(job->session, 0, &event, NULL) != JUMP_OK || !event) {
            return failed;
        }
        type = jump_event_type_of(event);
        if (type == JUMP_EVENT_READABLE || type == JUMP_EVENT_ENDED) {
            failed |= drain(job);
        }
        jump_event_free(event);
    }
}

int main(int argc, char **argv) {
    static struct job jobs[MOST];
    struct pollfd waiting[MOST];
    jump_context *context = NULL;
    jump_login *login = NULL;
    jump_rep *rep = NULL;
    jump_error *error = NULL;
    int count = argc - 3, number, running, failed = 0;

    if (count < 1 || count > MOST) {
        fprintf(stderr, "usage: poll_loop LOGIN COMMAND ITEM...\n");
        return 2;
    }
    if (jump_context_new(NULL, &context, &error) != JUMP_OK || jump_login_load(argv[1], &login, &error) != JUMP_OK ||
        jump_rep_connect(context, login, &rep, &error) != JUMP_OK) {
        failed = say("poll_loop", error);
        count = 0;
    }
    for (number = 0; number < count; number++) {
        struct job *job = &jobs[number];
        job->item = argv[3 + number];
        if (jump_session_open(rep, job->item, NULL, &job->session, &error) != JUMP_OK ||
            jump_shell_exec(job->session, (const uint8_t *)argv[2], strlen(argv[2]), NULL, 0, 0, &job->shell, &error) !=
                JUMP_OK) {
            failed |= say(job->item, error);
            error = NULL;
            job->done = 1;
        } else {
            failed |= drain(job);
        }
    }
    for (;;) {
        for (running = number = 0; number < count; number++) {
            if (!jobs[number].done) {
                waiting[number].fd = jump_session_wakeup_fd(jobs[number].session);
                running++;
            } else {
                waiting[number].fd = -1;
            }
            waiting[number].events = POLLIN;
            waiting[number].revents = 0;
        }
        if (running == 0 || poll(waiting, (nfds_t)count, -1) < 0) {
            break;
        }
        for (number = 0; number < count; number++) {
            if (waiting[number].revents) {
                failed |= events(&jobs[number]);
            }
        }
    }
    for (number = 0; number < count; number++) {
        jump_shell_free(jobs[number].shell);
        jump_session_free(jobs[number].session);
    }
    jump_rep_free(rep);
    jump_login_free(login);
    jump_context_free(context);
    return failed;
}
