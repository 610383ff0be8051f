/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_RECIRC_H
#define TW_RECIRC_H 1

#include <stdbool.h>
#include <stdint.h>

struct dp_packet_batch;
struct tw_thread;

/* Again: packets go through the flow table once more, TW_MAX_RECIRC_DEPTH
 * deep at most; beyond that they are counted and dropped. */

/* With 'recirc_id'; copies unless 'steal'. */
void tw_recirculate(struct tw_thread *, struct dp_packet_batch *,
                    uint32_t recirc_id, bool steal);

/* With metadata as it is.  Takes ownership. */
void tw_recirc_input(struct tw_thread *, struct dp_packet_batch *);

/* The same for packets that came out of a tunnel: they begin anew, and may
 * have a track. */
void tw_recirc_popped(struct tw_thread *, struct dp_packet_batch *);

#endif /* tw-recirc.h */
