/* SPDX-License-Identifier: Apache-2.0 */

/* The dpif provider: the "trackway/..." commands of ovs-appctl for helpers and
 * expectations. */

#include <config.h>

#include <inttypes.h>
#include <string.h>

#include "ct-expect-list.h"
#include "ct-expect.h"
#include "ct-helper-policy.h"
#include "dpif-tw.h"
#include "openvswitch/dynamic-string.h"
#include "timeval.h"
#include "unixctl.h"
#include "util.h"

/* What a command was told. */
struct args {
    const char *dp;                     /* NULL: all datapaths. */
    int zone;                           /* -1: all. */
    uint32_t id;                        /* 0: all. */
    struct ct_helper_policy policy;
};

/* Reads the arguments behind the datapath.  NULL, or what is wrong. */
typedef char *parse_func(int n, const char *argv[], struct args *);

/* A command that is being run. */
struct run {
    const struct command *command;
    const struct args *args;
    struct ds *reply;
    bool found;                         /* What 'args' name, somewhere. */
};

/* Does it for one datapath.  NULL, or why not. */
typedef char *run_func(struct ct *, struct run *);
/* What is wrong if no datapath had what is named. */
typedef char *none_func(const struct args *);

static parse_func parse_nothing, parse_zone, parse_id_or_zone;
static parse_func parse_policy, parse_policy_key;
static run_func show_expectations, delete_expectations;
static run_func add_policy, delete_policy, show_policies;
static none_func no_expectation, no_policy;

/* Of a command. */
#define TITLE 1                 /* One for each datapath. */

static const struct command {
    const char *name;
    const char *usage;
    int min_args, max_args;
    unsigned int flags;
    parse_func *parse;
    run_func *run;
    none_func *none;                    /* NULL: that is no mistake. */
} commands[] = {
    { "trackway/expect-show", "[dp] [zone=N]", 0, 2, TITLE,
      parse_zone, show_expectations, NULL },
    { "trackway/expect-del", "[dp] [id=N|zone=N]", 0, 3, TITLE,
      parse_id_or_zone, delete_expectations, no_expectation },
    { "trackway/helper-add", "[dp] zone=N|* proto=P port=N helper=H", 1, 5, 0,
      parse_policy, add_policy, NULL },
    { "trackway/helper-del", "[dp] zone=N|* proto=P port=N [helper=H]", 1, 5,
      0, parse_policy_key, delete_policy, no_policy },
    { "trackway/helper-show", "[dp]", 0, 1, TITLE,
      parse_nothing, show_policies, NULL },
};

static unixctl_cb_func run_command;
static char *run_one(struct tw_datapath *, void *run);

void
dpif_tw_unixctl_helper_init(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        const struct command *c = &commands[i];

        unixctl_command_register(c->name, c->usage, c->min_args, c->max_args,
                                 run_command, CONST_CAST(void *,
                                                         (const void *) c));
    }
}

/* A datapath's name is the first argument, if that has no '='. */
static void
run_command(struct unixctl_conn *conn, int argc, const char *argv[],
            void *command_)
{
    const struct command *command = command_;
    struct ds reply = DS_EMPTY_INITIALIZER;
    struct args args = { .zone = -1 };
    struct run run = { command, &args, &reply, false };
    int i = 1;

    if (i < argc && !strchr(argv[i], '=')) {
        args.dp = argv[i++];
    }
    char *error = dpif_tw_given_twice(argc, argv);
    if (!error) {
        error = command->parse(argc - i, argv + i, &args);
    }
    if (!error) {
        error = dpif_tw_run_on(args.dp, command->usage, run_one, &run);
    }
    if (!error && command->none && !run.found) {
        error = command->none(&args);
    }
    if (error) {
        unixctl_command_reply_error(conn, error);
    } else {
        unixctl_command_reply(conn, ds_cstr(&reply));
    }
    free(error);
    ds_destroy(&reply);
}

static char *
run_one(struct tw_datapath *dp, void *run_)
{
    struct run *run = run_;

    if (run->command->flags & TITLE) {
        ds_put_format(run->reply, "%s@%s:\n", dp->type, dp->name);
    }
    return run->command->run(dp->ct, run);
}

/* Arguments. */

static char *
parse_nothing(int n, const char *argv[], struct args *args OVS_UNUSED)
{
    return n ? xasprintf("\"%s\": not understood", argv[0]) : NULL;
}

/* "KEY=NUMBER" from 'min' to 'max'. */
static bool
parse_number(const char *arg, const char *key, long long min, long long max,
             long long *number)
{
    size_t n = strlen(key);

    return (!strncmp(arg, key, n) && arg[n] == '='
            && arg[n + 1] >= '0' && arg[n + 1] <= '9'
            && str_to_llong(arg + n + 1, 10, number)
            && *number >= min && *number <= max);
}

static char *
parse_zone(int n, const char *argv[], struct args *args)
{
    long long number = -1;
    bool ok = n && parse_number(argv[0], "zone", 0, UINT16_MAX, &number);

    args->zone = number;
    return (n == ok ? NULL
            : xasprintf("\"%s\": zone=N, with N from 0 to 65535, is "
                        "understood", argv[ok]));
}

static char *
parse_id_or_zone(int n, const char *argv[], struct args *args)
{
    long long number;

    if (n == 1 && parse_number(argv[0], "id", 1, UINT32_MAX, &number)) {
        args->id = number;
        return NULL;
    }
    if (n == 1 && !strncmp(argv[0], "id=", 3)) {
        return xasprintf("\"%s\": no id", argv[0]);
    }
    if (n > 1) {
        return xasprintf("\"%s\": either id=N or zone=N is understood",
                         argv[1]);
    }
    return parse_zone(n, argv, args);
}

static char *
parse_any_policy(int n, const char *argv[], bool is_key, struct args *args)
{
    struct ds text = DS_EMPTY_INITIALIZER;

    for (int i = 0; i < n; i++) {
        ds_put_format(&text, "%s%s", i ? "," : "", argv[i]);
    }
    char *error = ct_helper_policy_parse(ds_cstr(&text), is_key,
                                         &args->policy);
    ds_destroy(&text);
    return error;
}

static char *
parse_policy(int n, const char *argv[], struct args *args)
{
    return parse_any_policy(n, argv, false, args);
}

static char *
parse_policy_key(int n, const char *argv[], struct args *args)
{
    return parse_any_policy(n, argv, true, args);
}

/* Commands. */

static char *
show_expectations(struct ct *ct, struct run *run)
{
    ct_expects_format(ct, run->args->zone, time_msec(), run->reply);
    return NULL;
}

static char *
delete_expectations(struct ct *ct, struct run *run)
{
    const struct args *args = run->args;
    unsigned int n = ct_expects_delete(ct, args->zone, args->id);

    run->found |= n || !args->id;
    ds_put_format(run->reply, "  %u deleted\n", n);
    return NULL;
}

static char *
no_expectation(const struct args *args)
{
    return xasprintf("there is no expectation %"PRIu32, args->id);
}

static char *
add_policy(struct ct *ct, struct run *run)
{
    return (ct_helper_policy_add(ct, &run->args->policy)
            ? xasprintf("there are %d already", CT_HELPER_MAX_POLICIES)
            : NULL);
}

static char *
delete_policy(struct ct *ct, struct run *run)
{
    run->found |= !ct_helper_policy_del(ct, &run->args->policy);
    return NULL;
}

static char *
no_policy(const struct args *args OVS_UNUSED)
{
    return xstrdup("there is none that was added by helper-add for these "
                   "connections");
}

static char *
show_policies(struct ct *ct, struct run *run)
{
    ct_helper_policies_format(ct, run->reply);
    return NULL;
}
