/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TRAFFIC_POOL_H
#define TRAFFIC_POOL_H 1

#include <stddef.h>

struct dp_packet;
struct dp_packet_batch;

/* Packets that were sunk, for whoever makes some next.
 * =====================================================
 *
 * What
 * ----
 * A short stack of packets for each thread.  The packet that came last goes
 * first, so what a thread makes, carries and sinks in turn stays in its cache.
 *
 * Ownership
 * ---------
 * What is taken is an ordinary packet from malloc(): anybody may
 * dp_packet_delete() it.  What is given and does not fit is deleted.
 *
 * Threads: none is shared; a thread's stack is freed when it ends. */

#define TRAFFIC_POOL_SIZE 256

/* Stores 'n' packets of 'len' bytes of unspecified content, with headroom and
 * with their metadata reset, in 'packets'. */
void traffic_pool_take(struct dp_packet **packets, size_t n, size_t len);
/* Takes over all packets of the batch. */
void traffic_pool_give(struct dp_packet_batch *);

#endif /* traffic-pool.h */
