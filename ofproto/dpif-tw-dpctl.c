/* SPDX-License-Identifier: Apache-2.0 */

/* The dpif provider: stands in front of OVS's own commands for connection
 * tracking, "dpctl/ct-..." and so on, and lets no word to them that they would
 * misread (dpif-tw-dpctl-check.h).
 *
 * The daemon is linked with --wrap=unixctl_command_register: what registers a
 * command, in OVS's libraries too, comes by here.  Other programs have OVS's
 * commands as they are. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ct-dpif.h"
#include "dpif.h"
#include "dpif-tw-dpctl-check.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofp-ct.h"
#include "sset.h"
#include "unixctl.h"
#include "util.h"

/* A command of OVS. */
struct guarded {
    const struct dpctl_grammar *grammar;
    const char *usage;
    unixctl_cb_func *run;
    void *aux;
};

/* By the index of the grammar.  Written while commands are registered, which
 * the main thread does, and for which it alone runs them. */
static struct guarded all_guarded[DPCTL_N_GRAMMARS];

void __real_unixctl_command_register(const char *name, const char *usage,
                                     int min_args, int max_args,
                                     unixctl_cb_func *, void *aux);
void __wrap_unixctl_command_register(const char *name, const char *usage,
                                     int min_args, int max_args,
                                     unixctl_cb_func *, void *aux);

static unixctl_cb_func check_and_run;
static bool names_datapath(const char *word);
static char *flush(const char *dp, int n, const char *const words[]);

void
__wrap_unixctl_command_register(const char *name, const char *usage,
                                int min_args, int max_args,
                                unixctl_cb_func *run, void *aux)
{
    const struct dpctl_grammar *g = dpctl_grammar_find(name);

    if (g) {
        struct guarded *guarded = &all_guarded[dpctl_grammar_index(g)];

        *guarded = (struct guarded) { g, usage, run, aux };
        run = check_and_run;
        aux = guarded;
    }
    __real_unixctl_command_register(name, usage, min_args, max_args, run, aux);
}

static void
reply_error(struct unixctl_conn *conn, const char *error)
{
    char *reply = xasprintf("%s: %s\n", program_name, error);

    unixctl_command_reply_error(conn, reply);
    free(reply);
}

/* OVS takes a datapath for a tuple where connections are flushed: that one
 * command is carried out here, if a datapath is named. */
static void
check_and_run(struct unixctl_conn *conn, int argc, const char *argv[],
              void *guarded_)
{
    const struct guarded *guarded = guarded_;
    int skip = 1 + dpctl_n_options(argc - 1, argv + 1);
    const char *const *words = argv + skip;
    int n = argc - skip;
    bool has_dp = n && names_datapath(words[0]);
    bool ours = has_dp && !strcmp(argv[0], "dpctl/flush-conntrack");
    char *error = dpctl_check(guarded->grammar, guarded->usage, has_dp, n,
                              words);

    if (!error && ours) {
        error = flush(words[0], n - 1, words + 1);
    }
    if (error) {
        reply_error(conn, error);
    } else if (ours) {
        unixctl_command_reply(conn, NULL);
    } else {
        guarded->run(conn, argc, argv, guarded->aux);
    }
    free(error);
}

/* [TYPE@]NAME, as OVS reads it. */
static bool
names_datapath(const char *word)
{
    struct sset types = SSET_INITIALIZER(&types);
    struct sset names = SSET_INITIALIZER(&names);
    char *name, *type;
    bool exists;

    dp_parse_name(word, &name, &type);
    dp_enumerate_types(&types);
    exists = (sset_contains(&types, type)
              && !dp_enumerate_names(type, &names)
              && sset_contains(&names, name));
    free(name);
    free(type);
    sset_destroy(&types);
    sset_destroy(&names);
    return exists;
}

/* Reads [zone=N] [TUPLE [REPLY-TUPLE]], which have been checked. */
static char *
parse_flush(int n, const char *const words[], uint16_t *zone, bool *has_zone,
            struct ofp_ct_match *match)
{
    struct ofp_ct_tuple *tuples[] = { &match->tuple_orig,
                                      &match->tuple_reply };
    struct ds error = DS_EMPTY_INITIALIZER;
    int n_tuples = 0;

    *has_zone = false;
    for (int i = 0; i < n; i++) {
        if (!strncmp(words[i], "zone=", strlen("zone="))) {
            *zone = atoi(words[i] + strlen("zone="));
            *has_zone = true;
        } else if (!ofp_ct_tuple_parse(tuples[n_tuples++], words[i], &error,
                                       &match->ip_proto, &match->l3_type)) {
            return ds_steal_cstr(&error);
        }
    }
    ds_destroy(&error);
    return NULL;
}

/* NULL, or what is wrong, which the caller frees. */
static char *
flush(const char *dp, int n, const char *const words[])
{
    struct ofp_ct_match match = { .ip_proto = 0 };
    char *name, *type, *error;
    struct dpif *dpif;
    uint16_t zone = 0;
    bool has_zone;
    int retval;

    error = parse_flush(n, words, &zone, &has_zone, &match);
    if (error) {
        return error;
    }
    dp_parse_name(dp, &name, &type);
    retval = dpif_open(name, type, &dpif);
    free(name);
    free(type);
    if (!retval) {
        retval = ct_dpif_flush(dpif, has_zone ? &zone : NULL, &match);
        dpif_close(dpif);
    }
    return (retval ? xasprintf("failed to flush conntrack (%s)",
                               ovs_retval_to_string(retval))
            : NULL);
}
