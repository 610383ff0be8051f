/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TRAFFIC_DELIVER_H
#define TRAFFIC_DELIVER_H 1

#include "traffic-packet.h"

struct dp_packet_batch;
struct traffic_plan;

/* What a traffic device does with packets that it is sent.
 * =========================================================
 *
 * What
 * ----
 * Recognises its packets and tells events to the queue that has to answer
 * (traffic-pair.h).  Keeps none: the packets remain the caller's.
 *
 * Threads: any, many at a time.
 *
 * Cost: reads 64 bytes of each packet; a lock for each run of packets that
 * open or close. */

struct traffic_delivered {
    unsigned int n_foreign;     /* Not of this pair, or not for this side. */
    unsigned int n_bad;         /* Malformed, or with a bad checksum. */
};

/* 'plan' may be null (a sink): then nothing is foreign. */
void traffic_deliver(const struct traffic_plan *plan, enum traffic_side to,
                     bool checks, const struct dp_packet_batch *,
                     struct traffic_delivered *);

#endif /* traffic-deliver.h */
