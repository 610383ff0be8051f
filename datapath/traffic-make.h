/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TRAFFIC_MAKE_H
#define TRAFFIC_MAKE_H 1

#include "traffic-pair.h"

struct dp_packet_batch;
struct traffic_plan;

/* What a traffic device makes when one of its queues is polled.
 * ==============================================================
 *
 * What
 * ----
 * In this order, as far as the batch has room: connections that are begun,
 * answers to what arrived, data.  Packets that were lost on the way are sent
 * again after a while, and counted.
 *
 * Threads: one at a time for a queue.
 *
 * Units: time in cycles.
 *
 * Cost: for data, about the cost of traffic_packet_write(). */

struct traffic_turn {
    const struct traffic_plan *plan;
    enum traffic_side side;
    struct traffic_queue *queue;
    uint64_t now, hz;               /* Cycles; cycles per second. */
    struct dp_packet_batch *batch;  /* Out: empty before. */

    /* Out. */
    unsigned int n_retries;
    unsigned int n_lives;           /* Passing connections that are over. */
    unsigned int n_lost;            /* Those given up. */
};

void traffic_make(struct traffic_turn *);

/* How many packets the queue may add to the batch on its own account: room,
 * options:rate and options:count. */
unsigned int traffic_turn_due(struct traffic_turn *);

#endif /* traffic-make.h */
