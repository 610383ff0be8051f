/* SPDX-License-Identifier: Apache-2.0 */

/* The dpif provider: the "trackway/..." commands of ovs-appctl for helpers and
 * expectations. */

#include <config.h>

#include <inttypes.h>
#include <string.h>

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
/* Does it for one datapath.  NULL, or why not. */
typedef char *run_func(struct ct *, const struct args *, struct ds *);

static parse_func parse_nothing, parse_zone, parse_id_or_zone;
static parse_func parse_policy, parse_policy_key;
static run_func show_expectations, delete_expectations;
static run_func add_policy, delete_policy, show_policies;

static const struct command {
    const char *name;
    const char *usage;
    int min_args, max_args;
    parse_func *parse;
    run_func *run;
} commands[] = {
    { "trackway/expect-show", "[dp] [zone=N]", 0, 2,
      parse_zone, show_expectations },
    { "trackway/expect-del", "[dp] [id=N|zone=N]", 0, 2,
      parse_id_or_zone, delete_expectations },
    { "trackway/helper-add", "[dp] zone=N|* proto=P port=N helper=H", 1, 5,
      parse_policy, add_policy },
    { "trackway/helper-del", "[dp] zone=N|* proto=P port=N", 1, 4,
      parse_policy_key, delete_policy },
    { "trackway/helper-show", "[dp]", 0, 1,
      parse_nothing, show_policies },
};

/* A command that is being run. */
struct run {
    const struct command *command;
    const struct args *args;
    struct ds *reply;
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
    struct run run = { command, &args, &reply };
    int i = 1;

    if (i < argc && !strchr(argv[i], '=')) {
        args.dp = argv[i++];
    }
    char *error = command->parse(argc - i, argv + i, &args);
    if (!error) {
        error = dpif_tw_run_on(args.dp, run_one, &run);
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

    ds_put_format(run->reply, "%s@%s:\n", dp->type, dp->name);
    return run->command->run(dp->ct, run->args, run->reply);
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
    long long number;

    if (n == 1 && parse_number(argv[0], "zone", 0, UINT16_MAX, &number)) {
        args->zone = number;
        return NULL;
    }
    return (n ? xasprintf("\"%s\": zone=N, with N from 0 to 65535, is "
                          "understood", argv[0]) : NULL);
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
show_expectations(struct ct *ct, const struct args *args, struct ds *reply)
{
    ct_expects_format(ct, args->zone, time_msec(), reply);
    return NULL;
}

static char *
delete_expectations(struct ct *ct, const struct args *args, struct ds *reply)
{
    unsigned int n = ct_expects_delete(ct, args->zone, args->id);

    if (args->id && !n) {
        return xasprintf("there is no expectation %"PRIu32, args->id);
    }
    ds_put_format(reply, "  %u deleted\n", n);
    return NULL;
}

static char *
add_policy(struct ct *ct, const struct args *args, struct ds *reply OVS_UNUSED)
{
    return (ct_helper_policy_add(ct, &args->policy)
            ? xasprintf("there are %d already", CT_HELPER_MAX_POLICIES)
            : NULL);
}

static char *
delete_policy(struct ct *ct, const struct args *args,
              struct ds *reply OVS_UNUSED)
{
    return (ct_helper_policy_del(ct, &args->policy)
            ? xstrdup("there is none that was added by helper-add for these "
                      "connections") : NULL);
}

static char *
show_policies(struct ct *ct, const struct args *args OVS_UNUSED,
              struct ds *reply)
{
    ct_helper_policies_format(ct, reply);
    return NULL;
}
