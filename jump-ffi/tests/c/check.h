/* What the C programs of the tests check with. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jump/jump.h"

#define CHECK(condition)                                                            \
    do {                                                                            \
        if (!(condition)) {                                                         \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            exit(1);                                                                \
        }                                                                           \
    } while (0)

/* The call went well; otherwise says why it did not. */
#define GOOD(call)                                                                                             \
    do {                                                                                                       \
        jump_error *error = NULL;                                                                              \
        jump_status status = (call);                                                                           \
        if (status != JUMP_OK) {                                                                               \
            fprintf(stderr, "%s:%d: %s: %s: %s\n", __FILE__, __LINE__, #call, jump_status_name(status),       \
                    error ? jump_error_message(error) : "no error object");                                    \
            exit(1);                                                                                           \
        }                                                                                                      \
        CHECK(error == NULL);                                                                                  \
    } while (0)

/* The call fails with this status, and its error object says the same. */
#define FAILS(expected, call)                                                                                \
    do {                                                                                                     \
        jump_error *error = NULL;                                                                            \
        jump_status status = (call);                                                                         \
        if (status != (expected)) {                                                                          \
            fprintf(stderr, "%s:%d: %s: %s, not %s: %s\n", __FILE__, __LINE__, #call, jump_status_name(status), \
                    jump_status_name(expected), error ? jump_error_message(error) : "no error object");      \
            exit(1);                                                                                         \
        }                                                                                                    \
        CHECK(error != NULL);                                                                                \
        CHECK(jump_error_code(error) == (expected));                                                         \
        CHECK(strlen(jump_error_message(error)) > 0);                                                        \
        CHECK(strstr(jump_error_detail_json(error), "\"operation\"") != NULL);                               \
        CHECK(jump_error_free(error) == JUMP_OK);                                                            \
    } while (0)

#endif
