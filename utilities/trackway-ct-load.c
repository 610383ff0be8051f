/* SPDX-License-Identifier: Apache-2.0 */

/* trackway-ct: -R, a file of command lines as -o save prints them.
 *
 * All lines are checked before the first is executed.  One that the daemon
 * refuses is told, and the others are executed nevertheless. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "svec.h"
#include "trackway-ct.h"
#include "util.h"

static void read_lines(const char *name, struct svec *);
static bool parse_line(const char *name, size_t number, const char *line,
                       struct tct_options *, struct svec *words);

int
tct_run_load(const struct tct_options *o)
{
    const char *name = o->load;
    struct svec lines = SVEC_EMPTY_INITIALIZER;
    int worst = TCT_OK;

    read_lines(name, &lines);
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < lines.n; i++) {
            struct svec words = SVEC_EMPTY_INITIALIZER;
            struct tct_options line;

            if (parse_line(name, i + 1, lines.names[i], &line, &words)
                && pass) {
                line.datapath = o->datapath;
                line.socket = o->socket;
                worst = MAX(worst, tct_run(&line));
            }
            svec_destroy(&words);
        }
    }
    tct_set_place("");
    svec_destroy(&lines);
    return worst;
}

static void
read_lines(const char *name, struct svec *lines)
{
    FILE *file = strcmp(name, "-") ? fopen(name, "r") : stdin;
    char *line = NULL;
    size_t allocated = 0;

    if (!file) {
        tct_usage_error("Failed to open file %s for reading: %s", name,
                        ovs_strerror(errno));
    }
    while (getline(&line, &allocated, file) >= 0) {
        line[strcspn(line, "\r\n")] = '\0';
        svec_add(lines, line);
    }
    if (ferror(file)) {
        tct_failed("%s: %s", name, ovs_strerror(errno));
    }
    free(line);
    if (file != stdin) {
        fclose(file);
    }
}

/* False: nothing is on it.  Exits if it makes no sense. */
static bool
parse_line(const char *name, size_t number, const char *line,
           struct tct_options *o, struct svec *words)
{
    char *place = xasprintf("%s:%"PRIuSIZE": ", name, number);

    tct_set_place(place);
    free(place);
    svec_add(words, program_name);
    line += strspn(line, " \t");
    if (*line == '\0' || *line == '#') {
        return false;
    }
    /* As behind the name of either command on a shell's line. */
    svec_parse_words(words, line);
    if (words->n > 1 && (!strcmp(words->names[1], "conntrack")
                         || !strcmp(words->names[1], "trackway-ct"))) {
        free(words->names[1]);
        memmove(&words->names[1], &words->names[2],
                (words->n - 2) * sizeof *words->names);
        words->n--;
    }
    svec_terminate(words);
    tct_parse(words->n, words->names, o);
    if (o->command == TCT_LOAD || o->command == TCT_NONE
        || o->command >= TCT_TOP) {
        tct_usage_error("no command that a file may have");
    }
    tct_check(o);
    return true;
}
