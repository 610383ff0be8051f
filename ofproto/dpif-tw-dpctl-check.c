/* SPDX-License-Identifier: Apache-2.0 */

/* The dpif provider: what the words behind OVS's own commands for connection
 * tracking may be.  Asked by dpif-tw-dpctl.c, before OVS carries them out. */

#include <config.h>

#include "dpif-tw-dpctl-check.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/ofp-parse.h"
#include "util.h"

/* A kind of word is known by how it begins.  'check' gets all of the word. */
struct kind {
    const char *prefix;
    char *(*check)(const char *word);
};

static char *check_zone(const char *word), *check_zones(const char *word);
static char *check_limit(const char *word), *check_default(const char *word);
static char *check_threshold(const char *word);
static char *check_number(const char *word);
static char *check_version(const char *word);
static char *check_tuple(const char *word);

/* One that any word could be is the last of its command. */
static const struct kind zone = { "zone=", check_zone };
static const struct kind zones = { "zone=", check_zones };
static const struct kind limit = { "", check_limit };
static const struct kind default_limit = { "default=", check_default };
static const struct kind threshold = { "gt=", check_threshold };
static const struct kind verbose = { "verbose", check_tuple };
static const struct kind version = { "v", check_version };
static const struct kind number = { "", check_number };
static const struct kind tuple = { "", check_tuple };

#define MANY 99

/* At least 'min' words, of each kind at most so many. */
static const struct dpctl_grammar {
    const char *command;
    int min;
    struct {
        const struct kind *kind;
        int max;
    } words[2];
} grammars[] = {
    { "dpctl/dump-conntrack", 0, { { &zone, 1 } } },
    { "dpctl/flush-conntrack", 0, { { &zone, 1 }, { &tuple, 2 } } },
    { "dpctl/ct-stats-show", 0, { { &zone, 1 }, { &verbose, 1 } } },
    { "dpctl/ct-bkts", 0, { { &threshold, 1 } } },
    { "dpctl/ct-set-maxconns", 1, { { &number, 1 } } },
    { "dpctl/ct-get-maxconns", 0, { { NULL, 0 } } },
    { "dpctl/ct-get-nconns", 0, { { NULL, 0 } } },
    { "dpctl/ct-enable-tcp-seq-chk", 0, { { NULL, 0 } } },
    { "dpctl/ct-disable-tcp-seq-chk", 0, { { NULL, 0 } } },
    { "dpctl/ct-get-tcp-seq-chk", 0, { { NULL, 0 } } },
    { "dpctl/ct-set-limits", 1, { { &default_limit, 1 }, { &limit, MANY } } },
    { "dpctl/ct-del-limits", 1, { { &zones, 1 } } },
    { "dpctl/ct-get-limits", 0, { { &zones, 1 } } },
    { "dpctl/ipf-set-enabled", 1, { { &version, 1 } } },
    { "dpctl/ipf-set-disabled", 1, { { &version, 1 } } },
    { "dpctl/ipf-set-min-frag", 2, { { &version, 1 }, { &number, 1 } } },
    { "dpctl/ipf-set-max-nfrags", 1, { { &number, 1 } } },
    { "dpctl/ipf-get-status", 0, { { NULL, 0 } } },
};
BUILD_ASSERT_DECL(ARRAY_SIZE(grammars) == DPCTL_N_GRAMMARS);

static char *check_words(const struct dpctl_grammar *, const char *usage,
                         int n, const char *const words[]);

const struct dpctl_grammar *
dpctl_grammar_find(const char *command)
{
    for (size_t i = 0; i < ARRAY_SIZE(grammars); i++) {
        if (!strcmp(command, grammars[i].command)) {
            return &grammars[i];
        }
    }
    return NULL;
}

int
dpctl_grammar_index(const struct dpctl_grammar *g)
{
    return g - grammars;
}

int
dpctl_n_options(int n, const char *const words[])
{
    int i = 0;

    while (i < n && words[i][0] == '-' && words[i][1]) {
        i++;
    }
    return i;
}

/* A name that is one word too many in front is meant to be a datapath. */
static bool
misses_datapath(const struct dpctl_grammar *g, int n,
                const char *const words[])
{
    char *error;

    if (!n || !isalpha((unsigned char) words[0][0]) || strchr(words[0], '=')) {
        return false;
    }
    error = check_words(g, "", n - 1, words + 1);
    free(error);
    return !error;
}

char *
dpctl_check(const struct dpctl_grammar *g, const char *usage, bool has_dp,
            int n, const char *const words[])
{
    char *error = check_words(g, usage, n - has_dp, words + has_dp);

    if (error && !has_dp && misses_datapath(g, n, words)) {
        free(error);
        /* OVS's own words, which its system tests compare. */
        return xstrdup("datapath not found (Invalid argument)");
    }
    return error;
}

static char *
check_word(const struct dpctl_grammar *g, const char *usage, const char *word,
           int counts[])
{
    for (size_t i = 0; i < ARRAY_SIZE(g->words) && g->words[i].kind; i++) {
        const struct kind *kind = g->words[i].kind;

        if (!strncmp(word, kind->prefix, strlen(kind->prefix))) {
            if (++counts[i] > g->words[i].max) {
                break;
            }
            return kind->check(word);
        }
    }
    return xasprintf("%s: not expected (%s)", word, usage);
}

static char *
check_words(const struct dpctl_grammar *g, const char *usage, int n,
            const char *const words[])
{
    int counts[ARRAY_SIZE(g->words)] = { 0 };

    for (int i = 0; i < n; i++) {
        char *error = check_word(g, usage, words[i], counts);

        if (error) {
            return error;
        }
    }
    return n < g->min ? xasprintf("too few words (%s)", usage) : NULL;
}

/* Kinds. */

/* Digits and nothing else; in base 0, as in C, those behind 0x too. */
static bool
is_number(const char *digits, int base, long long max)
{
    long long value;

    return (isdigit((unsigned char) digits[0])
            && str_to_llong(digits, base, &value)
            && value <= max);
}

static char *
not_a_zone(const char *word)
{
    return xasprintf("%s: a zone is 0 to %d", word, UINT16_MAX);
}

static char *
not_a_limit(const char *word)
{
    return xasprintf("%s: a limit is 0 to %"PRIu32, word, UINT32_MAX);
}

static char *
check_zone(const char *word)
{
    return (is_number(word + strlen("zone="), 10, UINT16_MAX) ? NULL
            : not_a_zone(word));
}

/* Empty ones are skipped, but there must be one. */
static char *
check_zones(const char *word)
{
    char *copy = xstrdup(word + strlen("zone=")), *save = NULL;
    bool ok = true;
    int n = 0;

    for (char *z = strtok_r(copy, ",", &save); z;
         z = strtok_r(NULL, ",", &save)) {
        ok = ok && is_number(z, 10, UINT16_MAX);
        n++;
    }
    free(copy);
    return ok && n ? NULL : not_a_zone(word);
}

/* Both are read in base 0.  Other keys are left to OVS. */
static char *
check_limit(const char *word)
{
    char *copy = xstrdup(word), *pos = copy, *key, *value;
    int n_zones = 0, n_limits = 0;
    char *error = NULL;

    while (!error && ofputil_parse_key_value(&pos, &key, &value)) {
        if (!strcmp(key, "zone")) {
            n_zones++;
            error = is_number(value, 0, UINT16_MAX) ? NULL : not_a_zone(word);
        } else if (!strcmp(key, "limit")) {
            n_limits++;
            error = is_number(value, 0, UINT32_MAX) ? NULL : not_a_limit(word);
        }
    }
    free(copy);
    return (error || (n_zones == 1 && n_limits == 1) ? error
            : xasprintf("%s: zone=N,limit=N expected", word));
}

static char *
check_default(const char *word)
{
    return (is_number(word + strlen("default="), 10, UINT32_MAX) ? NULL
            : not_a_limit(word));
}

/* Of connections in a bucket. */
static char *
check_threshold(const char *word)
{
    return (is_number(word + strlen("gt="), 10, UINT16_MAX) ? NULL
            : xasprintf("%s: a threshold is 0 to %d", word, UINT16_MAX));
}

/* What begins with a letter OVS does not take for a number either. */
static char *
check_number(const char *word)
{
    return (isalpha((unsigned char) word[0])
            || is_number(word, 10, UINT32_MAX) ? NULL
            : xasprintf("%s: not a number from 0 to %"PRIu32, word,
                        UINT32_MAX));
}

static char *
check_version(const char *word)
{
    return (!strcmp(word, "v4") || !strcmp(word, "v6") ? NULL
            : xasprintf("%s: v4 or v6 expected", word));
}

/* OVS reads these strictly. */
static char *
check_tuple(const char *word OVS_UNUSED)
{
    return NULL;
}
