/* SPDX-License-Identifier: Apache-2.0 */

/* The dpif provider: the commands trackway/ct-save and trackway/ct-load.  The
 * work is done beside the main loop (tw-ct-file), and the answer waits. */

#include <config.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ct-save.h"
#include "dpif-tw.h"
#include "tw-ct-file.h"
#include "tw-datapath.h"
#include "unixctl.h"
#include "util.h"

#define USAGE "[dp] file=PATH"

static tw_ct_file_done saved, loaded;

static const struct command {
    const char *name;
    tw_ct_file_func *func;
    tw_ct_file_done *done;
} commands[] = {
    { "trackway/ct-save", ct_save, saved },
    { "trackway/ct-load", ct_load, loaded },
};

/* A command that is begun. */
struct run {
    const struct command *command;
    const char *path;
    struct unixctl_conn *conn;
};

static unixctl_cb_func run_command;
static const char *path_of(const char *word);
static dpif_tw_run_func start_one;

void
dpif_tw_ct_file_init(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        unixctl_command_register(commands[i].name, USAGE, 0, 2, run_command,
                                 CONST_CAST(struct command *, &commands[i]));
    }
}

static void
run_command(struct unixctl_conn *conn, int argc, const char *argv[],
            void *command)
{
    struct run run = {
        .command = command,
        .conn = conn,
        .path = argc > 1 ? path_of(argv[argc - 1]) : NULL,
    };
    const char *dp = argc > 2 ? argv[1] : NULL;
    char *error = dpif_tw_given_twice(argc, argv);

    if (!error) {
        error = (run.path ? dpif_tw_run_on_one(dp, USAGE, start_one, &run)
                 : xstrdup("file= and an absolute path expected"));
    }
    if (error) {
        unixctl_command_reply_error(conn, error);
        free(error);
    }
}

static const char *
path_of(const char *word)
{
    return (!strncmp(word, "file=/", strlen("file=/"))
            ? word + strlen("file=") : NULL);
}

static char *
start_one(struct tw_datapath *dp, void *run_)
{
    const struct run *run = run_;

    return (tw_ct_file_start(dp, run->command->func, run->path,
                             run->command->done, run->conn) ? NULL
            : xstrdup("the datapath's connections are being saved or loaded "
                      "already"));
}

/* Takes 'text'. */
static void
reply(struct unixctl_conn *conn, const char *error, char *text)
{
    if (error) {
        unixctl_command_reply_error(conn, error);
    } else {
        unixctl_command_reply(conn, text);
    }
    free(text);
}

static void
saved(void *conn, const char *error, const struct ct_save_result *result)
{
    reply(conn, error,
          xasprintf("%"PRIu64" connections saved, %"PRIu64" left out\n",
                    result->n, result->n_refused));
}

static void
loaded(void *conn, const char *error, const struct ct_save_result *result)
{
    reply(conn, error,
          xasprintf("%"PRIu64" connections loaded, %"PRIu64" were over, "
                    "%"PRIu64" refused%s%s\n", result->n, result->n_late,
                    result->n_refused, result->n_refused ? ": " : "",
                    result->n_refused ? result->why : ""));
}
