/* Sessions that were opened and closed leave nothing behind: no handle, no descriptor, no thread. Argument 3 is how many. */

#include <dirent.h>

#include "check.h"

static int entries(const char *path) {
    DIR *folder = opendir(path);
    int count = 0;
    CHECK(folder != NULL);
    while (readdir(folder)) {
        count++;
    }
    closedir(folder);
    return count;
}

static void once(const jump_rep *rep, int orderly) {
    jump_session *session = NULL;
    jump_event *event = NULL;
    GOOD(jump_session_open(rep, "box", NULL, &session, &error));
    CHECK(jump_session_wakeup_fd(session) >= 0);
    GOOD(jump_session_run(session, "true", NULL, NULL, NULL, &error));
    if (orderly) {
        GOOD(jump_session_close(session, &error));
        GOOD(jump_session_next_event(session, 30000, &event, &error));
        CHECK(jump_event_type_of(event) == JUMP_EVENT_ENDED);
        jump_event_free(event);
    }
    CHECK(jump_session_free(session) == JUMP_OK);
}

int main(int argc, char **argv) {
    jump_context *context = NULL;
    jump_login *login = NULL;
    jump_rep *rep = NULL;
    int round, rounds, descriptors, threads;
    uint64_t handles;

    CHECK(argc == 4);
    rounds = atoi(argv[3]);
    GOOD(jump_context_new(NULL, &context, &error));
    GOOD(jump_login_load(argv[1], &login, &error));
    GOOD(jump_rep_connect(context, login, &rep, &error));
    once(rep, 1);
    handles = jump_handle_count();
    descriptors = entries("/proc/self/fd");
    threads = entries("/proc/self/task");
    for (round = 0; round < rounds; round++) {
        once(rep, round % 2);
    }
    once(rep, 1);
    CHECK(jump_handle_count() == handles);
    /* A session that was not closed says goodbye by itself: its socket may be there a moment longer. */
    while (entries("/proc/self/fd") > descriptors) {
        once(rep, 1);
    }
    CHECK(entries("/proc/self/task") <= threads + 2);
    jump_rep_free(rep);
    jump_login_free(login);
    jump_context_free(context);
    CHECK(jump_handle_count() == 0);
    return 0;
}
