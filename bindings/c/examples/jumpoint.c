/* A Jumpoint inside another program: jumpoint IDENTITY [INVITATION]
 *
 * IDENTITY is the file of its keys. The first time it needs an invitation, a file with the one word that the broker made; later it does
 * not. It may reach this machine itself, too. It runs until its input ends. */

#include <stdio.h>
#include <string.h>

#include "jump/jump.h"

static int failed(jump_error *error) {
    fprintf(stderr, "jumpoint: %s\n", error ? jump_error_message(error) : "it failed");
    jump_error_free(error);
    return 1;
}

/* Spends the invitation in a file. */
static jump_status enrol(const jump_context *context, const char *path, const char *identity_path,
                         jump_jumpoint_identity **identity, jump_error **error) {
    uint8_t text[4096];
    size_t length;
    jump_secret *invitation = NULL;
    jump_status status;
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return JUMP_ERR_NOT_FOUND;
    }
    length = fread(text, 1, sizeof text, file);
    fclose(file);
    status = jump_secret_new(text, length, &invitation, error);
    memset(text, 0, sizeof text);
    if (status == JUMP_OK) {
        status = jump_jumpoint_identity_enrol(context, invitation, identity, error);
    }
    if (status == JUMP_OK) {
        status = jump_jumpoint_identity_save(*identity, identity_path, error);
    }
    jump_secret_free(invitation);
    return status;
}

int main(int argc, char **argv) {
    jump_context *context = NULL;
    jump_jumpoint_identity *identity = NULL;
    jump_jumpoint *jumpoint = NULL;
    jump_error *error = NULL;
    jump_status status;
    int exit_code = 0;

    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: jumpoint IDENTITY [INVITATION]\n");
        return 2;
    }
    status = jump_context_new(NULL, &context, &error);
    if (status == JUMP_OK) {
        status = argc == 3 ? enrol(context, argv[2], argv[1], &identity, &error)
                           : jump_jumpoint_identity_load(argv[1], &identity, &error);
    }
    if (status == JUMP_OK) {
        status = jump_jumpoint_start(context, identity, "{\"allow\": [\"127.0.0.0/8\", \"::1/128\"]}", &jumpoint, &error);
    }
    if (status != JUMP_OK) {
        exit_code = failed(error);
    } else {
        printf("%s runs; end the input to stop it\n", jump_jumpoint_identity_name(identity));
        fflush(stdout);
        while (getchar() != EOF) {
        }
    }
    jump_jumpoint_free(jumpoint);
    jump_jumpoint_identity_free(identity);
    jump_context_free(context);
    return exit_code;
}
