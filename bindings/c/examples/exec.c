/* Runs a command on an item: exec LOGIN ITEM COMMAND */

#include <stdio.h>

#include "jump/jump.h"

/* Says what went wrong and gives the exit code for it. */
static int failed(jump_error *error) {
    fprintf(stderr, "exec: %s\n", error ? jump_error_message(error) : "it failed");
    jump_error_free(error);
    return 1;
}

int main(int argc, char **argv) {
    jump_context *context = NULL;
    jump_login *login = NULL;
    jump_rep *rep = NULL;
    jump_session *session = NULL;
    jump_buf *out = NULL, *err = NULL;
    jump_error *error = NULL;
    int64_t code = 0;
    int exit_code = 0;

    if (argc != 4) {
        fprintf(stderr, "usage: exec LOGIN ITEM COMMAND\n");
        return 2;
    }
    if (jump_context_new(NULL, &context, &error) != JUMP_OK || jump_login_load(argv[1], &login, &error) != JUMP_OK ||
        jump_rep_connect(context, login, &rep, &error) != JUMP_OK ||
        jump_session_open(rep, argv[2], NULL, &session, &error) != JUMP_OK ||
        jump_session_run(session, argv[3], &out, &err, &code, &error) != JUMP_OK) {
        exit_code = failed(error);
    } else {
        fwrite(jump_buf_data(out), 1, jump_buf_len(out), stdout);
        fwrite(jump_buf_data(err), 1, jump_buf_len(err), stderr);
        exit_code = (int)code;
    }
    jump_buf_free(out);
    jump_buf_free(err);
    jump_session_free(session);
    jump_rep_free(rep);
    jump_login_free(login);
    jump_context_free(context);
    return exit_code;
}
