/* SPDX-License-Identifier: Apache-2.0 */

/* From packets and their megaflows to actions.  Called by tw-input, when all
 * lookups are done; calls tw-actions. */

#include <config.h>

#include "tw-packet.h"

#include "tw-actions.h"
#include "tw-cache.h"
#include "tw-group.h"
#include "tw-megaflow.h"
#include "tw-thread.h"

static void execute_group(struct tw_thread *, const struct tw_packets *,
                          const struct tw_groups *, size_t group);

void
tw_packets_execute(struct tw_thread *thread, struct tw_packets *packets,
                   uint32_t gone)
{
    struct tw_groups groups;

    tw_groups_make(&groups, (void **) packets->rules,
                   tw_packets_all(packets) & ~gone);
    for (size_t i = 0; i < groups.n; i++) {
        execute_group(thread, packets, &groups, i);
    }
}

static void
execute_group(struct tw_thread *thread, const struct tw_packets *packets,
              const struct tw_groups *groups, size_t group)
{
    struct tw_megaflow *flow
        = tw_megaflow_from_rule(groups->groups[group].key);
    struct dpif_flow_stats stats = { .used = tw_thread_now_ms(thread) };
    uint8_t members[NETDEV_MAX_BURST];
    size_t n = tw_group_members(groups, group, members);
    struct dp_packet_batch batch;

    dp_packet_batch_init(&batch);
    for (size_t i = 0; i < n; i++) {
        struct dp_packet *packet = packets->packets[members[i]];

        stats.n_bytes += dp_packet_size(packet);
        stats.tcp_flags |= packets->tcp_flags[members[i]];
        dp_packet_batch_add(&batch, packet);
    }
    stats.n_packets = n;
    tw_megaflow_count_packets(flow, thread, &stats);
    if (tw_thread_takes_notes(thread)) {
        tw_cache_note_flow(thread, &batch, flow);
    }
    tw_actions_execute(thread, &batch, true, &flow->flow,
                       tw_megaflow_get_actions(flow));
}
