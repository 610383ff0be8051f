/* SPDX-License-Identifier: Apache-2.0 */

/* Counters: their names, sums, and how they are shown.  The packets' steps
 * count with the inline functions of tw-stats.h; dpif and unixctl commands ask
 * here. */

#include <config.h>

#include "tw-stats.h"

#include <inttypes.h>
#include <time.h>

#include "openvswitch/dynamic-string.h"
#include "tw-datapath.h"
#include "tw-thread.h"
#include "util.h"

static const struct {
    const char *name;
    const char *help;
} stats_info[TW_N_STATS] = {
#define TW_STAT(ENUM, NAME, HELP) [TW_STAT_##ENUM] = { NAME, HELP },
    TW_STATS
#undef TW_STAT
};

const char *
tw_stat_name(enum tw_stat stat)
{
    return stats_info[stat].name;
}

const char *
tw_stat_help(enum tw_stat stat)
{
    return stats_info[stat].help;
}

void
tw_stats_accumulate(struct tw_stats *a, const struct tw_stats *b)
{
    for (int i = 0; i < TW_N_STATS; i++) {
        a->n[i] += b->n[i];
    }
    for (int i = 0; i < TW_N_DROPS; i++) {
        a->drops[i] += b->drops[i];
    }
    a->busy_cycles += b->busy_cycles;
    a->idle_cycles += b->idle_cycles;
}

void
tw_stats_subtract(struct tw_stats *a, const struct tw_stats *b)
{
    for (int i = 0; i < TW_N_STATS; i++) {
        a->n[i] -= b->n[i];
    }
    for (int i = 0; i < TW_N_DROPS; i++) {
        a->drops[i] -= b->drops[i];
    }
    a->busy_cycles -= b->busy_cycles;
    a->idle_cycles -= b->idle_cycles;
}

/* Without port_rwlock: packet threads come here from upcalls, and whoever
 * holds that lock may be waiting for them to park. */
void
tw_stats_sum(const struct tw_datapath *dp, struct tw_stats *sum)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    struct tw_thread *thread;

    *sum = dp->retired;
    CMAP_FOR_EACH (thread, node, &dp->threads) {
        tw_stats_accumulate(sum, &thread->stats);
    }
}

void
tw_stats_format(const struct tw_stats *stats, const char *indent,
                struct ds *ds)
{
    uint64_t cycles = stats->busy_cycles + stats->idle_cycles;

    for (int i = 0; i < TW_N_STATS; i++) {
        ds_put_format(ds, "%s%s: %"PRIu64" (%s)\n", indent,
                      tw_stat_name(i), stats->n[i], tw_stat_help(i));
    }
    ds_put_format(ds, "%sbusy: %"PRIu64" cycles", indent, stats->busy_cycles);
    if (stats->idle_cycles) {
        ds_put_format(ds, " (%.2f %% of the time)",
                      100.0 * stats->busy_cycles / cycles);
    }
    ds_put_char(ds, '\n');
    for (int i = 0; i < TW_N_DROPS; i++) {
        if (stats->drops[i]) {
            ds_put_format(ds, "%sdrop-%s: %"PRIu64" (%s)\n", indent,
                          tw_drop_name(i), stats->drops[i], tw_drop_help(i));
        }
    }
}

uint64_t
tw_cycles__(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
}
