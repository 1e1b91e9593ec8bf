/* Does what it is told on a line of its input, through libjump, and says what it took: the C driver of the benchmark. Arguments: the file
 * of a login, the site of the decisions as JSON, a folder. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "jump/jump.h"

#define PIECE (256 * 1024)

static jump_context *context;
static jump_rep *rep;
static jump_login *login;

static void check(jump_status status, jump_error *error, const char *what) {
    if (status != JUMP_OK) {
        fprintf(stderr, "%s: %s\n", what, error ? jump_error_message(error) : jump_status_name(status));
        exit(1);
    }
}

#define DO(call)                         \
    do {                                 \
        jump_error *error = NULL;        \
        jump_status status = (call);     \
        check(status, error, #call);     \
    } while (0)

static jump_session *session_on(const char *item) {
    jump_session *session = NULL;
    DO(jump_session_open(rep, item, NULL, &session, &error));
    return session;
}

static double seconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A stream to the target that has said that it is there, with an order sent. */
static jump_stream *ordered(const jump_session *tunnel, uint16_t port, char kind, uint64_t amount) {
    jump_stream *stream = NULL;
    uint8_t order[9], ready;
    size_t length;
    int i;
    DO(jump_tunnel_open(tunnel, "127.0.0.1", port, &stream, &error));
    DO(jump_stream_read(stream, -1, &ready, 1, &length, &error));
    order[0] = (uint8_t)kind;
    for (i = 0; i < 8; i++) {
        order[1 + i] = (uint8_t)(amount >> (56 - 8 * i));
    }
    DO(jump_stream_write(stream, order, sizeof order, &error));
    return stream;
}

static void down(jump_stream *stream, uint64_t amount) {
    static uint8_t piece[PIECE];
    while (amount > 0) {
        size_t length = 0;
        DO(jump_stream_read(stream, -1, piece, sizeof piece, &length, &error));
        if (length == 0) {
            exit(2);
        }
        amount -= length;
    }
}

static void up(jump_stream *stream, uint64_t amount) {
    static uint8_t piece[PIECE];
    uint8_t ready;
    size_t length;
    while (amount > 0) {
        size_t now = amount < PIECE ? (size_t)amount : PIECE;
        DO(jump_stream_write(stream, piece, now, &error));
        amount -= now;
    }
    DO(jump_stream_read(stream, -1, &ready, 1, &length, &error));
}

static void frames(const jump_session *screen, uint64_t count) {
    volatile uint8_t seen = 0;
    while (count-- > 0) {
        jump_frame *frame = NULL;
        jump_frame_view view;
        DO(jump_screen_frame_acquire(screen, &frame, &view, &error));
        seen = view.pixels[view.stride * (view.height / 2) + 4 * (count % view.width)];
        jump_frame_free(frame);
    }
    (void)seen;
}

static void decide(const jump_world *world, uint64_t count) {
    while (count-- > 0) {
        jump_buf *answer = NULL;
        DO(jump_decide(world, "{\"user\": \"user7\", \"item\": \"item 7\"}", &answer, &error));
        jump_buf_free(answer);
    }
}

static void run(const jump_session *shell) {
    int64_t code = -1;
    DO(jump_session_run(shell, "true", NULL, NULL, &code, &error));
    if (code != 0) {
        exit(3);
    }
}

static void cold(void) {
    jump_session *shell;
    DO(jump_rep_connect(context, login, &rep, &error));
    shell = session_on("recorded");
    run(shell);
    DO(jump_session_close(shell, &error));
    jump_session_free(shell);
    jump_rep_free(rep);
}

int main(int argc, char **argv) {
    char line[1200], word[16], place[1000], local[1200];
    jump_session *tunnel, *screen, *shell, *recorded;
    jump_world *world = NULL;
    static char changes[8 << 20];
    FILE *file;
    uint16_t port;
    uint64_t i;

    if (argc != 5) {
        return 1;
    }
    port = (uint16_t)strtoul(argv[4], NULL, 10);
    file = fopen(argv[2], "rb");
    if (!file || fread(changes, 1, sizeof changes - 1, file) == 0) {
        return 1;
    }
    fclose(file);
    DO(jump_context_new(NULL, &context, &error));
    DO(jump_world_new(changes, &world, &error));
    DO(jump_login_load(argv[1], &login, &error));
    DO(jump_rep_connect(context, login, &rep, &error));
    tunnel = session_on("tunnel");
    screen = session_on("screen");
    DO(jump_screen_painted(screen, -1, &error));
    shell = session_on("unrecorded");
    recorded = session_on("recorded");
    snprintf(local, sizeof local, "%s/c", argv[3]);
    printf("ready\n");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        uint64_t amount = 0;
        jump_stream *stream = NULL;
        double wall, cpu;
        if (sscanf(line, "%15s %999s", word, place) != 2) {
            return 1;
        }
        amount = strtoull(place, NULL, 10);
        if (strcmp(word, "down") == 0 || strcmp(word, "up") == 0) {
            stream = ordered(tunnel, port, *word == 'd' ? 'g' : 't', amount);
        }
        wall = seconds(CLOCK_MONOTONIC);
        cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
        if (strcmp(word, "down") == 0) {
            down(stream, amount);
        } else if (strcmp(word, "up") == 0) {
            up(stream, amount);
        } else if (strcmp(word, "frames") == 0) {
            frames(screen, amount);
        } else if (strcmp(word, "decide") == 0) {
            decide(world, amount);
        } else if (strcmp(word, "commands") == 0 || strcmp(word, "recorded") == 0) {
            for (i = 0; i < amount; i++) {
                run(*word == 'r' ? recorded : shell);
            }
        } else if (strcmp(word, "cold") == 0) {
            jump_rep *kept = rep;
            for (i = 0; i < amount; i++) {
                cold();
            }
            rep = kept;
        } else if (strcmp(word, "file") == 0 || strcmp(word, "filmed") == 0) {
            DO(jump_session_download(word[2] == 'l' && word[3] == 'e' ? shell : recorded, place, local, NULL, NULL, NULL, &error));
        } else {
            return 1;
        }
        wall = seconds(CLOCK_MONOTONIC) - wall;
        cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
        jump_stream_free(stream);
        printf("{\"wall\": %.9f, \"cpu\": %.9f}\n", wall, cpu);
        fflush(stdout);
    }
    return 0;
}
