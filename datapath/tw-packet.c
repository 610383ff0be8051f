/* SPDX-License-Identifier: Apache-2.0 */

/* From packets and their megaflows to actions.  Called by tw-input, when all
 * lookups are done; calls tw-actions. */

#include <config.h>

#include "tw-packet.h"

#include "tw-actions.h"
#include "tw-megaflow.h"
#include "tw-thread.h"

/* The packets of one megaflow: a list of indexes into the batch. */
struct group {
    struct tw_rule *rule;
    uint8_t first, last;
};

struct groups {
    size_t n;
    struct group groups[NETDEV_MAX_BURST];
    uint8_t next[NETDEV_MAX_BURST];     /* Of the same group, by packet. */
};

#define END UINT8_MAX

static void make_groups(const struct tw_packets *, uint32_t gone,
                        struct groups *);
static void execute_group(struct tw_thread *, const struct tw_packets *,
                          const struct groups *, const struct group *);

void
tw_packets_execute(struct tw_thread *thread, struct tw_packets *packets,
                   uint32_t gone)
{
    struct groups groups;

    make_groups(packets, gone, &groups);
    for (size_t i = 0; i < groups.n; i++) {
        execute_group(thread, packets, &groups, &groups.groups[i]);
    }
}

/* The group of 'rule', which is added if need be.  The last groups are tried
 * first: packets of a flow tend to come together. */
static struct group *
get_group(struct groups *groups, struct tw_rule *rule)
{
    struct group *group;

    for (size_t i = groups->n; i-- > 0;) {
        if (groups->groups[i].rule == rule) {
            return &groups->groups[i];
        }
    }
    group = &groups->groups[groups->n++];
    group->rule = rule;
    group->first = group->last = END;
    return group;
}

static void
make_groups(const struct tw_packets *packets, uint32_t gone,
            struct groups *groups)
{
    groups->n = 0;
    for (size_t i = 0; i < packets->n; i++) {
        struct group *group;

        if (gone & (1u << i)) {
            continue;
        }
        group = get_group(groups, packets->rules[i]);
        if (group->first == END) {
            group->first = i;
        } else {
            groups->next[group->last] = i;
        }
        groups->next[i] = END;
        group->last = i;
    }
}

static void
execute_group(struct tw_thread *thread, const struct tw_packets *packets,
              const struct groups *groups, const struct group *group)
{
    struct tw_megaflow *flow = tw_megaflow_from_rule(group->rule);
    struct dpif_flow_stats stats = { .used = tw_thread_now_ms(thread) };
    struct dp_packet_batch batch;

    dp_packet_batch_init(&batch);
    for (uint8_t i = group->first; i != END; i = groups->next[i]) {
        struct dp_packet *packet = packets->packets[i];

        stats.n_packets++;
        stats.n_bytes += dp_packet_size(packet);
        stats.tcp_flags |= miniflow_get_tcp_flags(&packets->keys[i].mf);
        dp_packet_batch_add(&batch, packet);
    }
    tw_megaflow_count_packets(flow, thread, &stats);
    tw_actions_execute(thread, &batch, true, &flow->flow,
                       tw_megaflow_get_actions(flow));
}
