/* A whole site in a C program: a broker whose store, audit log, vault, logins, second factor and notifications are callbacks, a
 * Jumpoint, and a rep. The site is there again after a restart: its keys from a folder, and all else from what the callbacks kept. Argument 2
 * is a folder, argument 3 the port of an sshd. */

#include <stdatomic.h>

#include "check.h"

static atomic_int connected;

/* A line of the log; from any thread. */
static void line(void *userdata, jump_log_level level, const char *target, const char *message) {
    CHECK(level <= JUMP_LOG_INFO && strncmp(target, "jump_core", 9) == 0);
    CHECK(jump_version_number() == JUMP_VERSION_NUMBER);
    if (strstr(message, "jumpoint connected jumpoint=\"here\"")) {
        atomic_store((atomic_int *)userdata, 1);
    }
}

/* What the callbacks keep: records, one a line. */
struct kept {
    char text[1 << 20];
    size_t filled;
    int calls, destroyed;
};

static struct kept store, events, vault, factor, logins, notes;
static jump_broker *site;
static atomic_int notified;

static jump_status append(void *userdata, const char *question_json, jump_buf **answer_out) {
    struct kept *kept = userdata;
    size_t length = strlen(question_json);
    (void)answer_out;
    if (kept->filled + length + 2 > sizeof kept->text || strchr(question_json, '\n')) {
        return JUMP_ERR_STORAGE;
    }
    memcpy(kept->text + kept->filled, question_json, length);
    kept->filled += length;
    kept->text[kept->filled++] = '\n';
    return JUMP_OK;
}

static jump_status load(void *userdata, const char *question_json, jump_buf **answer_out) {
    struct kept *kept = userdata;
    (void)question_json;
    return jump_buf_new((const uint8_t *)kept->text, kept->filled, answer_out, NULL);
}

static jump_status say(const char *text, jump_buf **answer_out) {
    return jump_buf_new((const uint8_t *)text, strlen(text), answer_out, NULL);
}

static jump_status candidates(void *userdata, const char *question_json, jump_buf **answer_out) {
    ((struct kept *)userdata)->calls++;
    CHECK(strstr(question_json, "\"user\":\"carol\"") && strstr(question_json, "\"protocol\":\"ssh\""));
    return say("[{\"id\": \"7\", \"name\": \"root at home\", \"specificity\": \"direct\"}]", answer_out);
}

static jump_status reveal(void *userdata, const char *question_json, jump_buf **answer_out) {
    ((struct kept *)userdata)->calls++;
    CHECK(strstr(question_json, "\"id\":\"7\"") != NULL);
    return say("{\"username\": \"jumptest\", \"password\": \"jumptest-pw1\"}", answer_out);
}

static jump_status verify(void *userdata, const char *question_json, jump_buf **answer_out) {
    ((struct kept *)userdata)->calls++;
    return say(strstr(question_json, "\"code\":\"123456\"") ? "true" : "false", answer_out);
}

/* Knows one token, and adds whose it is. */
static jump_status authenticate(void *userdata, const char *question_json, jump_buf **answer_out) {
    jump_buf *added = NULL;
    ((struct kept *)userdata)->calls++;
    if (strstr(question_json, "\"proof\":\"down\"")) {
        return JUMP_ERR_UNAVAILABLE;
    }
    if (!strstr(question_json, "\"proof\":\"token-of-dave\"")) {
        return say("null", answer_out);
    }
    CHECK(strstr(question_json, "\"source\":\"127.0.0.1\"") && strstr(question_json, "\"label\":\"tablet\""));
    GOOD(jump_broker_request(site, "{\"ask\": \"edit\", \"edit\": \"add_user\", \"name\": \"dave\","
                                   " \"administrator\": false, \"allowed_methods\": [], \"default_role\": null}",
                             &added, &error));
    jump_buf_free(added);
    return say("{\"user\": \"dave\", \"lifetime_seconds\": 600, \"sources\": [\"127.0.0.0/8\"]}", answer_out);
}

/* Keeps a notification; the first is to be told again. */
static jump_status notify(void *userdata, const char *question_json, jump_buf **answer_out) {
    if (atomic_fetch_add(&notified, 1) == 0) {
        return JUMP_ERR_UNAVAILABLE;
    }
    return append(userdata, question_json, answer_out);
}

static void destroy(void *userdata) { ((struct kept *)userdata)->destroyed++; }

static jump_context *context;
static const char *folder;

static jump_broker *start(void) {
    jump_broker_options *options = NULL;
    jump_broker *broker = NULL;
    char settings[600];
    snprintf(settings, sizeof settings, "{\"heartbeat_seconds\": 1, \"lease_seconds\": 2, \"data\": \"%s/embedded\"}", folder);
    GOOD(jump_broker_options_new(settings, &options, &error));
    GOOD(jump_broker_options_set_store(options, load, append, &store, destroy, &error));
    GOOD(jump_broker_options_set_audit(options, append, &events, destroy, &error));
    GOOD(jump_broker_options_add_vault(options, candidates, reveal, &vault, destroy, &error));
    GOOD(jump_broker_options_set_authenticator(options, verify, &factor, destroy, &error));
    GOOD(jump_broker_options_set_logins(options, authenticate, &logins, destroy, &error));
    GOOD(jump_broker_options_add_notifier(options, notify, &notes, destroy, &error));
    GOOD(jump_broker_start(context, options, &broker, &error));
    jump_broker_options_free(options);
    site = broker;
    return broker;
}

static void edit(const jump_broker *broker, const char *what) {
    jump_buf *answer = NULL;
    GOOD(jump_broker_request(broker, what, &answer, &error));
    jump_buf_free(answer);
}

static jump_secret *secret_of(const char *text) {
    jump_secret *secret = NULL;
    GOOD(jump_secret_new((const uint8_t *)text, strlen(text), &secret, &error));
    return secret;
}

/* Whoever shows a token that the program knows is logged in, and nobody else. */
static void log_in(const jump_broker *broker) {
    const char *endpoint = jump_broker_endpoint_json(broker);
    jump_secret *right = secret_of("token-of-dave"), *wrong = secret_of("token-of-eve"), *down = secret_of("down");
    jump_login *login = NULL;
    jump_rep *rep = NULL;
    jump_buf *answer = NULL;

    FAILS(JUMP_ERR_UNAUTHENTICATED, jump_login_authenticate(context, endpoint, wrong, "tablet", &login, &error));
    FAILS(JUMP_ERR_UNAUTHENTICATED, jump_login_authenticate(context, endpoint, down, "tablet", &login, &error));
    FAILS(JUMP_ERR_INVALID_ARGUMENT, jump_login_authenticate(context, "{}", right, "tablet", &login, &error));
    GOOD(jump_login_authenticate(context, endpoint, right, "tablet", &login, &error));
    CHECK(strcmp(jump_login_user(login), "dave") == 0 && logins.calls == 3);
    GOOD(jump_rep_connect(context, login, &rep, &error));
    FAILS(JUMP_ERR_DENIED, jump_rep_request(rep, "{\"ask\": \"users\"}", &answer, &error));
    CHECK(strstr(events.text, "token-of") == NULL && strstr(store.text, "token-of") == NULL);
    jump_rep_free(rep);
    jump_login_free(login);
    jump_secret_free(right);
    jump_secret_free(wrong);
    jump_secret_free(down);
}

/* An invitation, as a secret. */
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

int main(int argc, char **argv) {
    jump_broker *broker;
    jump_secret *secret;
    jump_jumpoint_identity *identity = NULL;
    jump_jumpoint *jumpoint = NULL;
    jump_login *login = NULL;
    jump_rep *rep = NULL;
    jump_session *session = NULL;
    jump_world *world = NULL;
    jump_buf *answer = NULL;
    jump_event *event = NULL;
    char item[2000];
    int64_t code = -1;
    size_t kept;
    char key[200];

    CHECK(argc == 4);
    folder = argv[2];
    GOOD(jump_context_new_logging("{\"log_level\": 3}", line, &connected, NULL, &context, &error));
    broker = start();
    CHECK(strstr(jump_broker_endpoint_json(broker), "127.0.0.1:") != NULL);
    snprintf(key, sizeof key, "%s", strstr(jump_broker_endpoint_json(broker), "\"key\""));
    edit(broker, "{\"ask\": \"edit\", \"edit\": \"add_group\", \"name\": \"home\", \"comments\": \"\"}");
    secret = invite(broker, "{\"ask\": \"edit\", \"edit\": \"add_jumpoint\", \"name\": \"here\"}");
    GOOD(jump_jumpoint_identity_enrol(context, secret, &identity, &error));
    CHECK(strcmp(jump_jumpoint_identity_name(identity), "here") == 0);
    FAILS(JUMP_ERR_UNAUTHENTICATED, jump_login_enrol(context, secret, "used up", &login, &error));
    jump_secret_free(secret);
    GOOD(jump_jumpoint_start(context, identity, "{\"allow\": [\"127.0.0.0/8\"]}", &jumpoint, &error));
    edit(broker, "{\"ask\": \"edit\", \"edit\": \"add_user\", \"name\": \"carol\", \"administrator\": true,"
                 " \"allowed_methods\": [\"shell_jump\"], \"default_role\": null}");
    edit(broker, "{\"ask\": \"edit\", \"edit\": \"add_member\", \"group\": \"home\", \"user\": \"carol\","
                 " \"role\": \"Administrator\"}");
    edit(broker, "{\"ask\": \"edit\", \"edit\": \"grant_jumpoint\", \"jumpoint\": \"here\", \"user\": \"carol\"}");
    edit(broker, "{\"ask\": \"edit\", \"edit\": \"model\", \"object\": \"jump_policy\", \"verb\": \"add\", \"name\": \"told\","
                 " \"patch\": {\"notification\": {\"session_start\": true, \"session_end\": true}}}");
    snprintf(item, sizeof item,
             "{\"ask\": \"edit\", \"edit\": \"add_item\", \"jump_policy\": \"told\", \"name\": \"server\", \"group\": \"home\","
             " \"jumpoint\": \"here\", \"hostname\": \"127.0.0.1\", \"tag\": \"\", \"recording\": \"off\","
             " \"max_duration_seconds\": null, \"details\": {\"type\": \"shell_jump\", \"protocol\": \"ssh\", \"port\": %s,"
             " \"host_key\": {\"trust_first_use\": true}}}",
             argv[3]);
    edit(broker, item);
    log_in(broker);
    secret = invite(broker, "{\"ask\": \"edit\", \"edit\": \"invite_login\", \"user\": \"carol\", \"scope\": \"everything\"}");
    GOOD(jump_login_enrol(context, secret, "the test", &login, &error));
    jump_secret_free(secret);
    GOOD(jump_rep_connect(context, login, &rep, &error));

    /* The Jumpoint connects in its own time. */
    for (;;) {
        int online;
        GOOD(jump_rep_items(rep, "{\"online\": true}", &answer, &error));
        online = strstr(jump_buf_text(answer), "server") != NULL;
        jump_buf_free(answer);
        if (online) {
            break;
        }
    }
    CHECK(atomic_load(&connected));
    GOOD(jump_session_open(rep, "server", NULL, &session, &error));
    GOOD(jump_session_run(session, "id -un", &answer, NULL, &code, &error));
    CHECK(strcmp(jump_buf_text(answer), "jumptest\n") == 0 && code == 0);
    jump_buf_free(answer);
    CHECK(vault.calls == 2);
    CHECK(strstr(events.text, "session_granted") != NULL);
    CHECK(strstr(events.text, "jumptest-pw1") == NULL && strstr(store.text, "jumptest-pw1") == NULL);
    GOOD(jump_jumpoint_sessions(jumpoint, &answer, &error));
    CHECK(strstr(jump_buf_text(answer), jump_session_id(session)) != NULL);
    jump_buf_free(answer);

    /* Decisions, from the site as it is and from one of one's own. */
    GOOD(jump_broker_world(broker, &world, &error));
    GOOD(jump_decide(world, "{\"user\": \"carol\", \"item\": \"home/server\"}", &answer, &error));
    CHECK(strstr(jump_buf_text(answer), "\"effect\":\"allow\"") != NULL);
    jump_buf_free(answer);
    FAILS(JUMP_ERR_NOT_FOUND, jump_decide(world, "{\"user\": \"nobody\", \"item\": \"server\"}", &answer, &error));
    jump_world_free(world);
    GOOD(jump_world_new("[]", &world, &error));
    GOOD(jump_decide(world, "{\"user\": 1, \"item\": 1, \"action\": \"view\"}", &answer, &error));
    CHECK(strstr(jump_buf_text(answer), "\"effect\":\"deny\"") != NULL);
    jump_buf_free(answer);
    jump_world_free(world);
    GOOD(jump_who(rep, "{\"item\": \"server\"}", &answer, &error));
    CHECK(strstr(jump_buf_text(answer), "\"user\":\"carol\"") != NULL);
    jump_buf_free(answer);

    GOOD(jump_broker_end_session(broker, jump_session_id(session), "the program", &error));
    do {
        jump_event_free(event);
        GOOD(jump_session_next_event(session, 30000, &event, &error));
        CHECK(event != NULL);
    } while (jump_event_type_of(event) != JUMP_EVENT_ENDED);
    CHECK(jump_event_status(event) == JUMP_ERR_SESSION_ENDED && strstr(jump_event_json(event), "the program") != NULL);
    jump_event_free(event);
    jump_session_free(session);
    /* Told of both moments, and of the first once more because that had failed. */
    while (atomic_load(&notified) < 3) {
        GOOD(jump_rep_items(rep, NULL, &answer, &error));
        jump_buf_free(answer);
    }
    jump_rep_free(rep);
    CHECK(jump_jumpoint_stop(jumpoint) == JUMP_OK);
    GOOD(jump_jumpoint_next_event(jumpoint, 30000, &event, &error));
    CHECK(jump_event_type_of(event) == JUMP_EVENT_ENDED);
    jump_event_free(event);
    jump_jumpoint_free(jumpoint);
    jump_jumpoint_identity_free(identity);
    jump_login_free(login);
    GOOD(jump_broker_stop(broker, &error));
    jump_broker_free(broker);
    CHECK(strstr(notes.text, "\"event\":\"session_started\"") && strstr(notes.text, "\"event\":\"session_ended\""));
    CHECK(strstr(notes.text, "\"policy\":\"told\"") != NULL);

    /* A new broker has the same key, and finds what the callbacks kept. */
    kept = store.filled;
    broker = start();
    CHECK(strcmp(key, strstr(jump_broker_endpoint_json(broker), "\"key\"")) == 0);
    GOOD(jump_broker_request(broker, "{\"ask\": \"item\", \"item\": \"home/server\"}", &answer, &error));
    CHECK(strstr(jump_buf_text(answer), "\"hostname\":\"127.0.0.1\"") != NULL);
    jump_buf_free(answer);
    CHECK(store.filled >= kept);
    GOOD(jump_broker_stop(broker, &error));
    jump_broker_free(broker);
    jump_context_free(context);
    CHECK(jump_handle_count() == 0);
    return 0;
}
