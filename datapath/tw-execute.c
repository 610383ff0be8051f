/* SPDX-License-Identifier: Apache-2.0 */

/* Packets from ofproto: packet-outs, and what it answers to upcalls that it
 * took its time for.  Called by the dpif provider; calls tw-actions. */

#include <config.h>

#include "tw-execute.h"

#include <errno.h>

#include "dp-packet.h"
#include "dpif.h"
#include "flow.h"
#include "packets.h"
#include "tw-actions.h"
#include "tw-output.h"
#include "tw-thread.h"

static void give_back(struct dpif_execute *, struct dp_packet_batch *);

int
tw_execute(struct tw_datapath *dp, struct dpif_execute *execute)
{
    size_t size = dp_packet_size(execute->packet);
    struct tw_actions *actions;
    struct dp_packet_batch batch;
    struct tw_thread *thread;
    int error;

    if (size < ETH_HEADER_LEN || size > UINT16_MAX) {
        return EINVAL;
    }
    if (execute->probe) {
        return 0;
    }
    error = tw_actions_create(execute->actions, execute->actions_len,
                              &actions);
    if (error) {
        return error;
    }

    /* Actions count on a hash, which a packet that was not received has not
     * got. */
    if (!dp_packet_rss_valid(execute->packet)) {
        dp_packet_set_rss_hash(execute->packet,
                               flow_hash_5tuple(execute->flow, 0));
    }

    /* A copy, since the packet is the caller's and may not come from the
     * heap, while reassembly of fragments keeps what it gets. */
    dp_packet_batch_init_packet(&batch, dp_packet_clone(execute->packet));

    /* A connection that ofproto's packet has met may be gone by now. */
    pkt_metadata_init_conn(&batch.packets[0]->md);

    thread = tw_thread_lock_non_pmd(dp);
    tw_actions_execute(thread, &batch, false, execute->flow, actions);
    tw_output_flush(thread);
    tw_thread_unlock_non_pmd(thread);

    give_back(execute, &batch);
    tw_actions_free(actions);
    return 0;
}

/* The caller may expect to find its packet as the actions left it, but may
 * keep it for longer than RCU keeps its connection.  If it became several
 * (fragments) there is no one packet to give. */
static void
give_back(struct dpif_execute *execute, struct dp_packet_batch *batch)
{
    if (dp_packet_batch_size(batch) == 1) {
        dp_packet_swap(execute->packet, batch->packets[0]);
        pkt_metadata_init_conn(&execute->packet->md);
    }
    dp_packet_delete_batch(batch, true);
}
