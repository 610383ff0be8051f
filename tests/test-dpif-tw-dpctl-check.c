/* SPDX-License-Identifier: Apache-2.0 */

/* The grammar of OVS's commands for connection tracking: what passes, and what
 * is said of the rest. */

#include <config.h>

#undef NDEBUG
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dpif-tw-dpctl-check.h"
#include "util.h"

#define USAGE "[dp] and so on"
#define NO_DATAPATH "datapath not found (Invalid argument)"

/* A command behind "dpctl/", with its words.  A word "DP" names a datapath
 * that there is. */
struct vector {
    const char *line;
    const char *error;                  /* NULL: passes. */
};

/* The words of 'line', in 'copy'. */
static int
split(char *copy, const char *words[], int max)
{
    char *save = NULL;
    int n = 0;

    for (char *word = strtok_r(copy, " ", &save); word;
         word = strtok_r(NULL, " ", &save)) {
        assert(n < max);
        words[n++] = strcmp(word, "''") ? word : "";
    }
    return n;
}

static void
test_vector(const struct vector *v)
{
    char *copy = xasprintf("dpctl/%s", v->line);
    const char *words[16];
    int n = split(copy, words, ARRAY_SIZE(words));
    const struct dpctl_grammar *g = dpctl_grammar_find(words[0]);
    int skip = 1 + dpctl_n_options(n - 1, words + 1);
    bool has_dp = skip < n && !strcmp(words[skip], "DP");
    char *error;

    assert(g);
    error = dpctl_check(g, USAGE, has_dp, n - skip, words + skip);
    if (!nullable_string_is_equal(error, v->error)) {
        ovs_fatal(0, "%s: \"%s\" instead of \"%s\"", v->line,
                  error ? error : "", v->error ? v->error : "");
    }
    free(error);
    free(copy);
}

static void
test_vectors(const struct vector vectors[], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        test_vector(&vectors[i]);
    }
}

static void
test_right(void)
{
    static const struct vector vectors[] = {
        { "dump-conntrack", NULL },
        { "dump-conntrack -m -s", NULL },
        { "dump-conntrack --more DP zone=65535", NULL },
        { "dump-conntrack zone=0", NULL },
        { "flush-conntrack", NULL },
        { "flush-conntrack DP", NULL },
        { "flush-conntrack zone=34", NULL },
        { "flush-conntrack DP zone=34 ct_nw_src=10.1.1.1", NULL },
        { "flush-conntrack ct_nw_src=10.1.1.1,ct_nw_proto=17", NULL },
        { "flush-conntrack zone=5 '' ct_nw_src=10.1.1.1", NULL },
        { "flush-conntrack zone=5 ct_nw_src=10.1.1.1 ct_nw_dst=10.1.1.1",
          NULL },
        { "ct-stats-show", NULL },
        { "ct-stats-show -m DP zone=3", NULL },
        { "ct-stats-show verbose zone=3", NULL },
        { "ct-stats-show DP zone=3 verbose", NULL },
        { "ct-bkts DP gt=65535", NULL },
        { "ct-set-maxconns 4294967295", NULL },
        { "ct-set-maxconns DP 0", NULL },
        { "ct-get-maxconns DP", NULL },
        { "ct-get-nconns", NULL },
        { "ct-enable-tcp-seq-chk DP", NULL },
        { "ct-disable-tcp-seq-chk", NULL },
        { "ct-get-tcp-seq-chk DP", NULL },
        { "ct-set-limits default=4294967295", NULL },
        { "ct-set-limits DP default=0 zone=0,limit=0 limit=4294967295,zone=1",
          NULL },
        { "ct-set-limits zone=0x10,limit=0x20", NULL },
        { "ct-del-limits zone=0", NULL },
        { "ct-del-limits DP zone=1,2,65535", NULL },
        { "ct-get-limits", NULL },
        { "ct-get-limits zone=1,,2,", NULL },
        { "ipf-set-enabled v4", NULL },
        { "ipf-set-disabled DP v6", NULL },
        { "ipf-set-min-frag DP v6 1280", NULL },
        { "ipf-set-max-nfrags DP 1000", NULL },
        { "ipf-get-status --more DP", NULL },
        /* What OVS refuses in words of its own. */
        { "ct-set-maxconns one-bad-dp", NULL },
        { "ipf-set-min-frag v4 x", NULL },
        { "ipf-set-max-nfrags x", NULL },
        { "flush-conntrack ct_nw_src=foo", NULL },
    };

    test_vectors(vectors, ARRAY_SIZE(vectors));
}

static void
test_wrong(void)
{
#define ZONE ": a zone is 0 to 65535"
#define LIMIT ": a limit is 0 to 4294967295"
#define NUMBER ": not a number from 0 to 4294967295"
#define MORE ": not expected ("USAGE")"
#define FEW "too few words ("USAGE")"
    static const struct vector vectors[] = {
        { "dump-conntrack zone=70000", "zone=70000"ZONE },
        { "dump-conntrack zone=", "zone="ZONE },
        { "dump-conntrack zone=-1", "zone=-1"ZONE },
        { "dump-conntrack zone=+1", "zone=+1"ZONE },
        { "dump-conntrack zone=5x", "zone=5x"ZONE },
        { "dump-conntrack zone=0x5", "zone=0x5"ZONE },
        { "dump-conntrack zone=99999999999999999999",
          "zone=99999999999999999999"ZONE },
        { "dump-conntrack zone=1 zone=2", "zone=2"MORE },
        { "dump-conntrack DP DP", "DP"MORE },
        { "dump-conntrack nowhere", NO_DATAPATH },
        { "dump-conntrack nowhere zone=1", NO_DATAPATH },
        { "flush-conntrack zone=70000", "zone=70000"ZONE },
        { "flush-conntrack DP zone=70000", "zone=70000"ZONE },
        { "flush-conntrack zone=5,ct_nw_src=10.1.1.1",
          "zone=5,ct_nw_src=10.1.1.1"ZONE },
        { "flush-conntrack '' '' rest", "rest"MORE },
        { "ct-stats-show zone=70000", "zone=70000"ZONE },
        { "ct-stats-show zone=1 zone=2", "zone=2"MORE },
        { "ct-bkts gt=65536", "gt=65536: a threshold is 0 to 65535" },
        { "ct-bkts gt=x", "gt=x: a threshold is 0 to 65535" },
        { "ct-set-maxconns 99999999999999", "99999999999999"NUMBER },
        { "ct-set-maxconns 10x", "10x"NUMBER },
        { "ct-set-maxconns DP -1", "-1"NUMBER },
        { "ct-set-maxconns DP", FEW },
        { "ct-set-maxconns 10 20", "20"MORE },
        { "ct-set-maxconns one-bad-dp 10", NO_DATAPATH },
        { "ct-get-maxconns one-bad-dp", NO_DATAPATH },
        { "ct-get-nconns one-bad-dp", NO_DATAPATH },
        { "ct-enable-tcp-seq-chk nowhere", NO_DATAPATH },
        { "ct-disable-tcp-seq-chk x=y", "x=y"MORE },
        { "ct-set-limits", FEW },
        { "ct-set-limits -m", FEW },
        { "ct-set-limits DP", FEW },
        { "ct-set-limits nowhere default=5", NO_DATAPATH },
        { "ct-set-limits default=", "default="LIMIT },
        { "ct-set-limits default=-1", "default=-1"LIMIT },
        { "ct-set-limits default=5x", "default=5x"LIMIT },
        { "ct-set-limits default=4294967296", "default=4294967296"LIMIT },
        { "ct-set-limits zone=6,limit=99999999999",
          "zone=6,limit=99999999999"LIMIT },
        { "ct-set-limits zone=1,limit=-5", "zone=1,limit=-5"LIMIT },
        { "ct-set-limits zone=70000,limit=3", "zone=70000,limit=3"ZONE },
        { "ct-set-limits zone=1", "zone=1: zone=N,limit=N expected" },
        { "ct-set-limits zone=1,zone=2,limit=3",
          "zone=1,zone=2,limit=3: zone=N,limit=N expected" },
        { "ct-set-limits ''", ": zone=N,limit=N expected" },
        { "ct-del-limits", FEW },
        { "ct-del-limits DP", FEW },
        { "ct-del-limits zone=", "zone="ZONE },
        { "ct-del-limits zone=1,70000", "zone=1,70000"ZONE },
        { "ct-get-limits zone=", "zone="ZONE },
        { "ct-get-limits zone=,", "zone=,"ZONE },
        { "ct-get-limits DP zone=70000,1", "zone=70000,1"ZONE },
        { "ipf-set-enabled", FEW },
        { "ipf-set-enabled v5", "v5: v4 or v6 expected" },
        { "ipf-set-enabled v4x", "v4x: v4 or v6 expected" },
        { "ipf-set-enabled nowhere v4", NO_DATAPATH },
        { "ipf-set-disabled v4 v6", NO_DATAPATH },
        { "ipf-set-min-frag v4", FEW },
        { "ipf-set-min-frag v4 1200x", "1200x"NUMBER },
        { "ipf-set-min-frag v4 4294968696", "4294968696"NUMBER },
        { "ipf-set-max-nfrags 4294968296", "4294968296"NUMBER },
        { "ipf-get-status nowhere", NO_DATAPATH },
    };

    test_vectors(vectors, ARRAY_SIZE(vectors));
}

static void
test_which(void)
{
    static const char *const others[] = {
        "dpctl/show", "dpctl/dump-flows", "dpctl/add-dp", "dpctl/ct-",
        "trackway/ct-set", "exit", "",
    };

    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        assert(!dpctl_grammar_find(others[i]));
    }
    assert(dpctl_grammar_index(dpctl_grammar_find("dpctl/dump-conntrack"))
           == 0);
    assert(dpctl_grammar_index(dpctl_grammar_find("dpctl/ipf-get-status"))
           == DPCTL_N_GRAMMARS - 1);
}

int
main(int argc OVS_UNUSED, char *argv[])
{
    set_program_name(argv[0]);
    test_which();
    test_right();
    test_wrong();
    puts("dpif-tw-dpctl-check: ok");
    return 0;
}
