/* SPDX-License-Identifier: Apache-2.0 */

/* The dpif provider: the "trackway/..." commands of ovs-appctl that show and
 * set what the connection tracker has, for a datapath or a zone of it. */

#include <config.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ct.h"
#include "ct-switch.h"
#include "dpif-tw.h"
#include "openvswitch/dynamic-string.h"
#include "svec.h"
#include "tw-datapath.h"
#include "unixctl.h"
#include "util.h"

/* The words behind a command: [DP] [zone=N] WORD... */
struct args {
    const char *dp;             /* NULL: all datapaths. */
    int zone;                   /* -1: none. */
    struct svec words;          /* The others. */
};

/* What a command does with each datapath that it is about.  Returns NULL, or
 * what is wrong, which the caller frees; then nothing has changed. */
typedef char *ct_command_func(struct ct *, const struct args *, struct ds *);

static ct_command_func timeout_show, timeout_set, timeout_reset;
static ct_command_func counters_show, log_invalid;
static ct_command_func switch_show, switch_set, switch_reset;

/* Of a command. */
#define SHOW  1                 /* With a title for each datapath. */
#define WORDS 2                 /* Takes other words. */

static const struct command {
    const char *name;
    const char *usage;
    ct_command_func *run;
    unsigned int flags;
} commands[] = {
    { "trackway/timeout-show", "[dp] [zone=N]", timeout_show, SHOW },
    { "trackway/timeout-set", "[dp] [zone=N] NAME=SECONDS...", timeout_set,
      WORDS },
    { "trackway/timeout-reset", "[dp] [zone=N]", timeout_reset, 0 },
    { "trackway/ct-show", "[dp]", switch_show, SHOW },
    { "trackway/ct-set", "[dp] NAME=VALUE...", switch_set, WORDS },
    { "trackway/ct-reset", "[dp]", switch_reset, 0 },
    { "trackway/ct-counters", "[dp] [zone=N]", counters_show, SHOW },
    { "trackway/log-invalid", "[dp] [on|off] [zone=N]", log_invalid, WORDS },
};

/* A command that is being run. */
struct run {
    const struct command *command;
    const struct args *args;
    struct ds *reply;
};

static unixctl_cb_func run_command;
static char *parse_args(const struct command *, int argc, const char *argv[],
                        struct args *);
static char *run_one(struct tw_datapath *, void *run);

void
dpif_tw_ct_unixctl_init(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        const struct command *c = &commands[i];

        unixctl_command_register(c->name, c->usage, 0,
                                 c->flags & WORDS ? INT_MAX : 2, run_command,
                                 CONST_CAST(struct command *, c));
    }
}

static void
run_command(struct unixctl_conn *conn, int argc, const char *argv[],
            void *command_)
{
    const struct command *command = command_;
    struct ds reply = DS_EMPTY_INITIALIZER;
    struct args args;
    struct run run = { command_, &args, &reply };
    char *error;

    svec_init(&args.words);
    error = parse_args(command, argc, argv, &args);
    if (!error) {
        error = dpif_tw_run_on(args.dp, command->usage, run_one, &run);
    }
    if (error) {
        unixctl_command_reply_error(conn, error);
    } else {
        unixctl_command_reply(conn, ds_cstr(&reply));
    }
    svec_destroy(&args.words);
    ds_destroy(&reply);
    free(error);
}

/* A word without '=' in the first place is a datapath, unless it is one that
 * the command knows. */
static bool
names_datapath(const char *word)
{
    return !strchr(word, '=') && strcmp(word, "on") && strcmp(word, "off");
}

static char *
parse_zone(const char *word, int *zone)
{
    const char *digits = word + strlen("zone=");

    return (*digits < '0' || *digits > '9'
            || !str_to_int(digits, 10, zone) || *zone > UINT16_MAX
            ? xasprintf("%s: not a zone from 0 to %d", word, UINT16_MAX)
            : NULL);
}

static char *
parse_args(const struct command *command, int argc, const char *argv[],
           struct args *args)
{
    char *error = dpif_tw_given_twice(argc, argv);

    args->dp = NULL;
    args->zone = -1;
    for (int i = 1; i < argc && !error; i++) {
        if (i == 1 && names_datapath(argv[i])) {
            args->dp = argv[i];
        } else if (!strncmp(argv[i], "zone=", strlen("zone="))) {
            error = parse_zone(argv[i], &args->zone);
        } else if (command->flags & WORDS) {
            svec_add(&args->words, argv[i]);
        } else {
            error = xasprintf("%s: not expected (%s)", argv[i],
                              command->usage);
        }
    }
    return error;
}

static char *
run_one(struct tw_datapath *dp, void *run_)
{
    struct run *run = run_;

    if (run->command->flags & SHOW) {
        ds_put_format(run->reply, "%s@%s", dp->type, dp->name);
        if (run->args->zone >= 0) {
            ds_put_format(run->reply, " zone %d", run->args->zone);
        }
        ds_put_cstr(run->reply, ":\n");
    }
    return run->command->run(dp->ct, run->args, run->reply);
}

typedef bool zone_predicate(const struct ct *, uint16_t zone);

/* Zones from 'first' to below 'end'; two are no range. */
static void
put_range(int first, int end, struct ds *ds)
{
    ds_put_format(ds, "%s%d", ds->length ? "," : "", first);
    if (end - first > 1) {
        ds_put_format(ds, "%c%d", end - first > 2 ? '-' : ',', end - 1);
    }
}

/* Numbers of the zones for which 'is' is true, with commas, into 'ds', which
 * is empty.  How many. */
static int
put_zones(const struct ct *ct, zone_predicate *is, struct ds *ds)
{
    int first = 0, n = 0;

    for (int zone = 0; zone <= UINT16_MAX + 1; zone++) {
        if (zone <= UINT16_MAX && is(ct, zone)) {
            n++;
            continue;
        }
        if (first < zone) {
            put_range(first, zone, ds);
        }
        first = zone + 1;
    }
    return n;
}

static void
put_zone_line(const struct ct *ct, zone_predicate *is, const char *title,
              struct ds *ds)
{
    struct ds zones = DS_EMPTY_INITIALIZER;

    if (put_zones(ct, is, &zones)) {
        ds_put_format(ds, "%s: %s\n", title, ds_cstr(&zones));
    }
    ds_destroy(&zones);
}

/* Timeouts. */

static char *
timeout_show(struct ct *ct, const struct args *args, struct ds *ds)
{
    enum ct_layer layers[CT_N_TIMEOUTS];
    struct ct_timeouts set;

    ct_timeouts_get(ct, args->zone, &set, layers);
    for (int i = 0; i < CT_N_TIMEOUTS; i++) {
        ds_put_format(ds, "  %s=%"PRIu64" (%s)\n", ct_timeout_name(i),
                      set.ms[i] / 1000, ct_layer_name(layers[i]));
    }
    if (args->zone < 0) {
        put_zone_line(ct, ct_timeouts_zone_is_set,
                      "  zones with timeouts of their own", ds);
    }
    return NULL;
}

static char *
timeout_set(struct ct *ct, const struct args *args, struct ds *ds OVS_UNUSED)
{
    struct ct_timeout_setting setting;

    if (svec_is_empty(&args->words)) {
        return xstrdup("NAME=SECONDS expected");
    }
    ct_timeouts_get_setting(ct, args->zone, CT_SET_BY_COMMAND, &setting);
    for (size_t i = 0; i < args->words.n; i++) {
        char *error = ct_timeouts_parse(args->words.names[i], &setting);

        if (error) {
            return error;
        }
    }
    ct_timeouts_set(ct, args->zone, CT_SET_BY_COMMAND, &setting);
    return NULL;
}

static char *
timeout_reset(struct ct *ct, const struct args *args, struct ds *ds OVS_UNUSED)
{
    ct_timeouts_reset(ct, args->zone);
    return NULL;
}

/* Switches, which zones do not have. */

static char *
no_zone(const struct args *args)
{
    return (args->zone < 0 ? NULL
            : xstrdup("switches are for all zones of a datapath"));
}

static char *
switch_show(struct ct *ct, const struct args *args, struct ds *ds)
{
    for (int i = 0; i < CT_N_SWITCHES; i++) {
        enum ct_set_by by = CT_SET_BY_CONFIG;
        bool set = ct_switch_set_by(ct, i, &by);

        ds_put_format(ds, "  %s=%u (%s): %s\n", ct_switch_name(i),
                      ct_switch_get(ct, i),
                      !set ? "default"
                      : by == CT_SET_BY_COMMAND ? "command" : "other_config",
                      ct_switch_help(i));
    }
    return no_zone(args);
}

/* Of 'word', NAME=VALUE. */
static char *
parse_switch(const char *word, enum ct_switch *s, int *value)
{
    const char *eq = strchr(word, '=');
    char *name = eq ? xmemdup0(word, eq - word) : NULL;
    char *error;

    if (!name) {
        error = xasprintf("%s: NAME=VALUE expected", word);
    } else if (!ct_switch_from_name(name, s)) {
        error = xasprintf("%s: no switch has this name", word);
    } else {
        error = ct_switch_parse(*s, eq + 1, value);
    }
    free(name);
    return error;
}

static char *
switch_set(struct ct *ct, const struct args *args, struct ds *ds OVS_UNUSED)
{
    int values[CT_N_SWITCHES];
    char *error = no_zone(args);

    for (int i = 0; i < CT_N_SWITCHES; i++) {
        values[i] = -1;
    }
    for (size_t i = 0; i < args->words.n && !error; i++) {
        enum ct_switch s = 0;
        int value = -1;

        error = parse_switch(args->words.names[i], &s, &value);
        values[s] = value;
    }
    if (!error && !args->words.n) {
        error = xstrdup("NAME=VALUE expected");
    }
    for (int i = 0; i < CT_N_SWITCHES && !error; i++) {
        if (values[i] >= 0) {
            ct_switch_set(ct, i, CT_SET_BY_COMMAND, values[i]);
        }
    }
    return error;
}

static char *
switch_reset(struct ct *ct, const struct args *args, struct ds *ds OVS_UNUSED)
{
    char *error = no_zone(args);

    for (int i = 0; i < CT_N_SWITCHES && !error; i++) {
        ct_switch_set(ct, i, CT_SET_BY_COMMAND, -1);
    }
    return error;
}

/* Counters, and the log of what they count. */

static char *
counters_show(struct ct *ct, const struct args *args, struct ds *ds)
{
    if (args->zone >= 0) {
        ct_format_zone_counters(ct, args->zone, ds);
        return NULL;
    }
    ct_format_counters(ct, ds);
    put_zone_line(ct, ct_zone_has_counters, "zones with counters", ds);
    return NULL;
}

static void
log_invalid_show(const struct ct *ct, struct ds *ds)
{
    struct ds zones = DS_EMPTY_INITIALIZER;
    int n = put_zones(ct, ct_log_refused, &zones);

    if (!n) {
        ds_put_cstr(ds, "off\n");
    } else if (n > UINT16_MAX) {
        ds_put_cstr(ds, "on\n");
    } else {
        ds_put_format(ds, "on in zones %s\n", ds_cstr(&zones));
    }
    ds_destroy(&zones);
}

static char *
log_invalid(struct ct *ct, const struct args *args, struct ds *ds)
{
    const struct svec *words = &args->words;

    if (!words->n && args->zone < 0) {
        log_invalid_show(ct, ds);
        return NULL;
    }
    if (words->n != 1 || (strcmp(words->names[0], "on")
                          && strcmp(words->names[0], "off"))) {
        return xstrdup("\"on\" or \"off\" expected");
    }
    ct_log_refused_set(ct, args->zone, !strcmp(words->names[0], "on"));
    return NULL;
}
