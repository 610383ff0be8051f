/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TW_BATCH_H
#define TW_BATCH_H 1

#include "dp-packet.h"

/* The packets of 'batch' for an action that may do to them what it likes:
 * themselves if 'steal', else copies, which are put into 'copies'.  What
 * "truncate" said holds for this action alone. */
static inline struct dp_packet_batch *
tw_batch_own(struct dp_packet_batch *batch, struct dp_packet_batch *copies,
             bool steal)
{
    if (steal) {
        return batch;
    }
    dp_packet_batch_clone(copies, batch);
    dp_packet_batch_reset_cutlen(batch);
    return copies;
}

#endif /* tw-batch.h */
