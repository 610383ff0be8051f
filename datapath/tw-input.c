/* SPDX-License-Identifier: Apache-2.0 */

/* The entry of a packet's way.  Called by packet threads (tw-thread) for what
 * a port received, and by tw-recirc for what goes through again. */

#include <config.h>

#include "odp-util.h"
#include "tw-cache.h"
#include "tw-datapath.h"
#include "tw-lookup.h"
#include "tw-megaflow.h"
#include "tw-packet.h"
#include "tw-parse.h"
#include "tw-smc.h"
#include "tw-thread.h"
#include "tw-upcall.h"

static void input__(struct tw_thread *, struct dp_packet_batch *,
                    odp_port_t in_port);
static uint32_t find_in_cache(struct tw_thread *, struct tw_packets *);
static uint32_t find_in_tables(struct tw_thread *, struct tw_packets *,
                               uint32_t missing);

void
tw_input(struct tw_thread *thread, struct dp_packet_batch *batch,
         odp_port_t in_port)
{
    tw_stats_add(&thread->stats, TW_STAT_PACKETS, dp_packet_batch_size(batch));
    tw_stats_add(&thread->stats, TW_STAT_BATCHES, 1);
    tw_cache_configure(thread);
    if (OVS_LIKELY(thread->cache)) {
        tw_cache_run(thread, batch, in_port);
    } else {
        input__(thread, batch, in_port);
    }
}

void
tw_input_again(struct tw_thread *thread, struct dp_packet_batch *batch)
{
    tw_stats_add(&thread->stats, TW_STAT_RECIRC, dp_packet_batch_size(batch));
    input__(thread, batch, ODPP_NONE);
}

void
tw_input_popped(struct tw_thread *thread, struct dp_packet_batch *batch)
{
    if (thread->cache) {
        tw_stats_add(&thread->stats, TW_STAT_RECIRC,
                     dp_packet_batch_size(batch));
        tw_cache_run(thread, batch, ODPP_NONE);
    } else {
        tw_input_again(thread, batch);
    }
}

void
tw_input_slow(struct tw_thread *thread, struct dp_packet_batch *batch)
{
    input__(thread, batch, ODPP_NONE);
}

/* The way of a packet, without its side doors. */
static void
input__(struct tw_thread *thread, struct dp_packet_batch *batch,
        odp_port_t in_port)
{
    struct tw_packets packets;
    uint32_t missing, gone;

    if (OVS_UNLIKELY(!thread->smc)) {
        thread->smc = tw_smc_create();
    }

    tw_parse(thread, batch, in_port, &packets);
    missing = find_in_cache(thread, &packets);
    missing = find_in_tables(thread, &packets, missing);
    gone = tw_upcall_misses(thread, &packets, missing);
    tw_packets_execute(thread, &packets, gone);
}

/* Packets like these need no key the next time, if their rule is plain. */
static void
note_plain(struct tw_thread *thread, const struct tw_packets *packets,
           uint32_t which)
{
    for (; which; which = zero_rightmost_1bit(which)) {
        int i = raw_ctz(which);

        tw_plain_insert(&thread->plains, &packets->plains[i],
                        packets->rules[i]);
    }
}

static uint32_t
find_in_cache(struct tw_thread *thread, struct tw_packets *packets)
{
    uint32_t missing = tw_smc_find(thread->smc, thread->dp->lookup,
                                   packets->keys, packets->rules,
                                   (tw_packets_all(packets)
                                    & ~packets->plain));

    note_plain(thread, packets,
               packets->may_be_plain & ~packets->plain & ~missing);
    tw_stats_add(&thread->stats, TW_STAT_HIT,
                 packets->n - count_1bits(missing));
    return missing;
}

static uint32_t
find_in_tables(struct tw_thread *thread, struct tw_packets *packets,
               uint32_t missing)
{
    struct tw_datapath *dp = thread->dp;
    uint64_t n_visited = 0;
    uint32_t found;

    if (OVS_LIKELY(!missing)) {
        return 0;
    }
    found = missing & ~tw_lookup_find(dp->lookup, packets->keys,
                                      packets->rules, missing, &n_visited);
    tw_stats_add(&thread->stats, TW_STAT_SUBTABLES, n_visited);
    tw_stats_add(&thread->stats, TW_STAT_HIT, count_1bits(found));
    missing &= ~found;
    note_plain(thread, packets, packets->may_be_plain & found);
    for (; found; found = zero_rightmost_1bit(found)) {
        int i = raw_ctz(found);

        tw_smc_insert(thread->smc, &packets->keys[i], packets->rules[i]);
    }
    tw_megaflow_sort_masks(dp, thread->now);
    return missing;
}
