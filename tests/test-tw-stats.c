/* SPDX-License-Identifier: Apache-2.0 */

/* Names and sentences of counters and drop reasons; sums and differences. */

#include <config.h>

#undef NDEBUG
#include <assert.h>
#include <ctype.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "sset.h"
#include "tw-stats.h"
#include "util.h"

static void
check_name(struct sset *seen, const char *name, const char *help)
{
    assert(name && name[0]);
    assert(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")
           == strlen(name));
    assert(help && help[0] && !strchr(help, '\n'));
    assert(sset_add(seen, name));           /* Unique. */
}

static void
test_names(void)
{
    struct sset seen = SSET_INITIALIZER(&seen);

    for (int i = 0; i < TW_N_STATS; i++) {
        check_name(&seen, tw_stat_name(i), tw_stat_help(i));
    }
    for (int i = 0; i < TW_N_DROPS; i++) {
        check_name(&seen, tw_drop_name(i), tw_drop_help(i));
    }
    sset_destroy(&seen);
}

static void
fill(struct tw_stats *stats, uint64_t base)
{
    for (int i = 0; i < TW_N_STATS; i++) {
        stats->n[i] = base + i;
    }
    for (int i = 0; i < TW_N_DROPS; i++) {
        stats->drops[i] = base + TW_N_STATS + i;
    }
    stats->busy_cycles = base + 1000;
    stats->idle_cycles = base + 2000;
}

static void
test_arithmetic(void)
{
    struct tw_stats a, b, c;

    fill(&a, 5);
    fill(&b, 70);
    c = a;
    tw_stats_accumulate(&c, &b);
    assert(c.n[TW_N_STATS - 1] == 75 + 2 * (TW_N_STATS - 1));
    assert(c.drops[0] == 75 + 2 * TW_N_STATS);
    assert(c.busy_cycles == 2075 && c.idle_cycles == 4075);
    tw_stats_subtract(&c, &b);
    assert(!memcmp(&a, &c, sizeof a));
}

/* A reason without drops is not shown, one with drops with its sentence. */
static void
test_format(void)
{
    struct tw_stats stats = { .n = { 0 } };
    struct ds ds = DS_EMPTY_INITIALIZER;
    char *line;

    tw_stats_drop(&stats, TW_DROP_NO_PORT, 3);
    tw_stats_add(&stats, TW_STAT_PACKETS, 32);
    tw_stats_format(&stats, "> ", &ds);

    line = xasprintf("> drop-no-port: 3 (%s)\n",
                     tw_drop_help(TW_DROP_NO_PORT));
    assert(strstr(ds_cstr(&ds), line));
    free(line);
    assert(strstr(ds_cstr(&ds), "> packets: 32 ("));
    assert(strstr(ds_cstr(&ds), "> misses: 0 ("));
    assert(!strstr(ds_cstr(&ds), "drop-meter"));
    ds_destroy(&ds);
}

int
main(void)
{
    test_names();
    test_arithmetic();
    test_format();
    return 0;
}
