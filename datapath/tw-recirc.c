/* SPDX-License-Identifier: Apache-2.0 */

/* From an action back to the start of the packet's way.  Called by tw-actions
 * and tw-tunnel; calls tw-input. */

#include <config.h>

#include "tw-recirc.h"

#include "dp-packet.h"
#include "tw-actions.h"
#include "tw-thread.h"

void
tw_recirculate(struct tw_thread *thread, struct dp_packet_batch *batch,
               uint32_t recirc_id, bool steal)
{
    struct dp_packet_batch copies;
    struct dp_packet *packet;

    if (!steal) {
        if (thread->recirc_depth >= TW_MAX_RECIRC_DEPTH) {
            tw_stats_drop(&thread->stats, TW_DROP_RECIRC_DEPTH,
                          dp_packet_batch_size(batch));
            return;
        }
        dp_packet_batch_clone(&copies, batch);
        batch = &copies;
    }
    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        packet->md.recirc_id = recirc_id;
    }
    tw_recirc_input(thread, batch);
}

/* False if that is too deep: the packets are gone. */
static bool
go_deeper(struct tw_thread *thread, struct dp_packet_batch *batch)
{
    if (OVS_UNLIKELY(thread->recirc_depth >= TW_MAX_RECIRC_DEPTH)) {
        tw_stats_drop(&thread->stats, TW_DROP_RECIRC_DEPTH,
                      dp_packet_batch_size(batch));
        dp_packet_delete_batch(batch, true);
        return false;
    }
    thread->recirc_depth++;
    return true;
}

void
tw_recirc_input(struct tw_thread *thread, struct dp_packet_batch *batch)
{
    if (go_deeper(thread, batch)) {
        tw_input_again(thread, batch);
        thread->recirc_depth--;
    }
}

void
tw_recirc_popped(struct tw_thread *thread, struct dp_packet_batch *batch)
{
    if (go_deeper(thread, batch)) {
        tw_input_popped(thread, batch);
        thread->recirc_depth--;
    }
}
