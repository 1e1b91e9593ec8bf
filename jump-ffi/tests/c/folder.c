/* A broker on a folder: its site is there again after a restart, one broker at a time has it, and its events are told. */

#include <poll.h>

#include "check.h"

static jump_context *context;

static jump_status start(const char *folder, jump_broker **broker, jump_error **error) {
    jump_broker_options *options = NULL;
    char json[1000];
    jump_status status;
    snprintf(json, sizeof json, "{\"data\": \"%s\"}", folder);
    status = jump_broker_options_new(json, &options, error);
    if (status == JUMP_OK) {
        status = jump_broker_start(context, options, broker, error);
    }
    jump_broker_options_free(options);
    return status;
}

/* Waits for an event of the audit log with this in it. */
static void told(const jump_broker *broker, const char *what) {
    int found = 0;
    while (!found) {
        struct pollfd any = {0};
        jump_event *event = NULL;
        any.fd = jump_context_wakeup_fd(context);
        any.events = POLLIN;
        CHECK(poll(&any, 1, 30000) == 1);
        GOOD(jump_broker_next_event(broker, 0, &event, &error));
        CHECK(event != NULL && jump_event_type_of(event) == JUMP_EVENT_AUDIT);
        found = strstr(jump_event_json(event), what) != NULL;
        jump_event_free(event);
    }
}

int main(int argc, char **argv) {
    jump_broker *broker = NULL, *second = NULL;
    jump_buf *answer = NULL;
    jump_event *event = NULL;
    char name[32];
    int number;

    CHECK(argc == 2);
    GOOD(jump_context_new("{\"threads\": 1}", &context, &error));
    GOOD(start(argv[1], &broker, &error));
    FAILS(JUMP_ERR_CONFLICT, start(argv[1], &second, &error));
    told(broker, "broker_started");
    /* More events than the queue has room for, and nobody fetches them meanwhile: the broker does not wait. */
    for (number = 0; number < 100; number++) {
        char request[200];
        snprintf(name, sizeof name, "group-%d", number);
        snprintf(request, sizeof request, "{\"ask\": \"edit\", \"edit\": \"add_group\", \"name\": \"%s\", \"comments\": \"\"}", name);
        GOOD(jump_broker_request(broker, request, &answer, &error));
        jump_buf_free(answer);
    }
    for (number = 0; number < 100; number++) {
        snprintf(name, sizeof name, "group-%d\"", number);
        told(broker, name);
    }
    GOOD(jump_broker_stop(broker, &error));
    GOOD(jump_broker_stop(broker, &error));
    do {
        jump_event_free(event);
        GOOD(jump_broker_next_event(broker, 30000, &event, &error));
        CHECK(event != NULL);
    } while (jump_event_type_of(event) != JUMP_EVENT_ENDED);
    CHECK(jump_event_status(event) == JUMP_OK);
    jump_event_free(event);
    jump_broker_free(broker);

    GOOD(start(argv[1], &broker, &error));
    GOOD(jump_broker_request(broker, "{\"ask\": \"groups\"}", &answer, &error));
    CHECK(strstr(jump_buf_text(answer), "group-99") != NULL);
    jump_buf_free(answer);
    /* A wait ends when it is told to. */
    CHECK(jump_broker_interrupt(broker) == JUMP_OK);
    do {
        event = NULL;
        GOOD(jump_broker_next_event(broker, -1, &event, &error));
        jump_event_free(event);
    } while (event != NULL);
    jump_broker_free(broker);
    jump_context_free(context);
    CHECK(jump_handle_count() == 0);
    return 0;
}
