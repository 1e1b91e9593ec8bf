/* Writes what is on an item's screen to a PNG file: screenshot LOGIN ITEM FILE */

#include <stdio.h>

#include "jump/jump.h"

static int failed(jump_error *error) {
    fprintf(stderr, "screenshot: %s\n", error ? jump_error_message(error) : "it failed");
    jump_error_free(error);
    return 1;
}

static int write_file(const char *path, const jump_buf *bytes) {
    FILE *file = fopen(path, "wb");
    size_t written;
    if (!file) {
        perror(path);
        return 1;
    }
    written = fwrite(jump_buf_data(bytes), 1, jump_buf_len(bytes), file);
    if (fclose(file) != 0 || written != jump_buf_len(bytes)) {
        perror(path);
        return 1;
    }
    return 0;
}

int main(int argc, char **argv) {
    jump_context *context = NULL;
    jump_login *login = NULL;
    jump_rep *rep = NULL;
    jump_session *session = NULL;
    jump_buf *png = NULL;
    jump_error *error = NULL;
    int exit_code;

    if (argc != 4) {
        fprintf(stderr, "usage: screenshot LOGIN ITEM FILE\n");
        return 2;
    }
    if (jump_context_new(NULL, &context, &error) != JUMP_OK || jump_login_load(argv[1], &login, &error) != JUMP_OK ||
        jump_rep_connect(context, login, &rep, &error) != JUMP_OK ||
        jump_session_open(rep, argv[2], NULL, &session, &error) != JUMP_OK ||
        jump_screen_png(session, &png, &error) != JUMP_OK) {
        exit_code = failed(error);
    } else {
        exit_code = write_file(argv[3], png);
    }
    jump_buf_free(png);
    jump_session_free(session);
    jump_rep_free(rep);
    jump_login_free(login);
    jump_context_free(context);
    return exit_code;
}
