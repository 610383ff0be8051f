/* SPDX-License-Identifier: Apache-2.0 */

/* Into a tunnel and out of it.  Called by tw-actions; calls the tunnel's
 * device, and, for what came out, tw-recirc. */

#include <config.h>

#include "tw-tunnel.h"

#include "dp-packet.h"
#include "flow.h"
#include "netdev.h"
#include "odp-netlink.h"
#include "packets.h"
#include "tw-batch.h"
#include "tw-output.h"
#include "tw-recirc.h"
#include "tw-thread.h"

void
tw_tunnel_push(struct tw_thread *thread, struct dp_packet_batch *batch,
               const struct ovs_action_push_tnl *push)
{
    struct netdev *netdev = tw_output_netdev(thread, push->tnl_port);
    size_t before = dp_packet_batch_size(batch);

    dp_packet_batch_apply_cutlen(batch);
    if (OVS_UNLIKELY(!netdev || !netdev_has_tunnel_push_pop(netdev)
                     || netdev_push_header(netdev, batch, push))) {
        dp_packet_delete_batch(batch, true);
        dp_packet_batch_init(batch);
    }
    tw_stats_drop(&thread->stats, TW_DROP_TUNNEL_PUSH,
                  before - dp_packet_batch_size(batch));
}

/* What is read of every tunnel's header before its size is known: GRE's. */
#define MIN_TUNNEL_HEADER 4

/* OVS takes it for granted that a packet which comes out of a tunnel has these
 * headers. */
static bool
has_outer_headers(const struct dp_packet *packet)
{
    return (dp_packet_is_eth(packet)
            && packet->l3_ofs >= ETH_HEADER_LEN
            && packet->l3_ofs < packet->l4_ofs
            && (packet->l4_ofs + MIN_TUNNEL_HEADER
                <= dp_packet_size(packet)));
}

/* Takes the others out. */
static void
keep_encapsulated(struct dp_packet_batch *batch)
{
    size_t n = dp_packet_batch_size(batch);
    struct dp_packet *packet;
    size_t i;

    DP_PACKET_BATCH_REFILL_FOR_EACH (i, n, packet, batch) {
        if (OVS_LIKELY(has_outer_headers(packet))) {
            dp_packet_batch_refill(batch, packet, i);
        } else {
            dp_packet_delete(packet);
        }
    }
}

void
tw_tunnel_pop(struct tw_thread *thread, struct dp_packet_batch *batch,
              odp_port_t port, bool steal)
{
    struct netdev *netdev = tw_output_netdev(thread, port);
    struct dp_packet_batch copies;
    struct dp_packet *packet;
    size_t before;

    if (OVS_UNLIKELY(!netdev || !netdev_has_tunnel_push_pop(netdev))) {
        tw_stats_drop(&thread->stats, TW_DROP_NO_PORT,
                      dp_packet_batch_size(batch));
        dp_packet_delete_batch(batch, steal);
        return;
    }
    batch = tw_batch_own(batch, &copies, steal);
    dp_packet_batch_apply_cutlen(batch);

    before = dp_packet_batch_size(batch);
    keep_encapsulated(batch);
    netdev_pop_header(netdev, batch);
    tw_stats_drop(&thread->stats, TW_DROP_TUNNEL_POP,
                  before - dp_packet_batch_size(batch));

    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        packet->md.in_port.odp_port = port;
    }
    if (!dp_packet_batch_is_empty(batch)) {
        tw_recirc_popped(thread, batch);
    }
}
