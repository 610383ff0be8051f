/* SPDX-License-Identifier: Apache-2.0 */

/* The first step of a packet's way.  Called by tw-input. */

#include <config.h>

#include "tw-parse.h"

#include "flow.h"
#include "hash.h"
#include "odp-util.h"
#include "packets.h"
#include "tw-datapath.h"
#include "tw-packet.h"
#include "tw-smc.h"
#include "tw-thread.h"

static bool find_plain(struct tw_thread *, struct tw_packets *);
static void parse_one(struct tw_packets *);

void
tw_parse(struct tw_thread *thread, struct dp_packet_batch *batch,
         odp_port_t in_port, struct tw_packets *packets)
{
    size_t n = dp_packet_batch_size(batch);
    bool fresh = in_port != ODPP_NONE;

    packets->n = 0;
    packets->plain = packets->may_be_plain = 0;
    for (size_t i = 0; i < n; i++) {
        struct dp_packet *packet = batch->packets[i];

        if (i + 1 < n) {
            OVS_PREFETCH(dp_packet_data(batch->packets[i + 1]));
            pkt_metadata_prefetch_init(&batch->packets[i + 1]->md);
        }
        if (OVS_UNLIKELY(dp_packet_size(packet) < ETH_HEADER_LEN)) {
            tw_stats_drop(&thread->stats, TW_DROP_RX_SHORT, 1);
            dp_packet_delete(packet);
            continue;
        }
        if (fresh) {
            pkt_metadata_init(&packet->md, in_port);
        }
        packets->packets[packets->n] = packet;
        if (!find_plain(thread, packets)) {
            parse_one(packets);
            tw_smc_prefetch(thread->smc, packets->keys[packets->n].hash);
        }
        packets->n++;
    }
    dp_packet_batch_init(batch);
}

/* Has the last packet of 'packets' a plain rule?  Not if its tunnel might
 * matter. */
static bool
find_plain(struct tw_thread *thread, struct tw_packets *packets)
{
    size_t i = packets->n;
    struct dp_packet *packet = packets->packets[i];
    struct tw_plain_packet *p = &packets->plains[i];
    struct tw_rule *rule;

    if (flow_tnl_dst_is_set(&packet->md.tunnel)
        || !tw_plain_extract(packet, p)) {
        return false;
    }
    packets->may_be_plain |= UINT32_C(1) << i;
    rule = tw_plain_find(&thread->plains, thread->dp->lookup, p, &packet->md);
    if (!rule) {
        return false;
    }
    packets->plain |= UINT32_C(1) << i;
    packets->rules[i] = rule;
    packets->tcp_flags[i] = p->tcp_flags;
    return true;
}

/* The key of the last packet. */
static void
parse_one(struct tw_packets *packets)
{
    struct dp_packet *packet = packets->packets[packets->n];
    struct tw_key *key = &packets->keys[packets->n];
    uint32_t hash;

    miniflow_extract(packet, &key->mf);
    packets->tcp_flags[packets->n] = miniflow_get_tcp_flags(&key->mf);
    if (OVS_LIKELY(dp_packet_rss_valid(packet))) {
        hash = dp_packet_get_rss_hash(packet);
    } else {
        hash = miniflow_hash_5tuple(&key->mf, 0);
        dp_packet_set_rss_hash(packet, hash);
    }

    /* Each pass of a packet meets another megaflow, which must not push that
     * of the pass before out of the signature cache. */
    if (packet->md.recirc_id) {
        hash = hash_finish(hash, packet->md.recirc_id);
    }
    key->hash = hash;
    key->place = tw_place(packet->md.in_port.odp_port, packet->md.recirc_id);
}
