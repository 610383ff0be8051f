/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_STEP_H
#define CT_STEP_H 1

#include "ct-l4.h"
#include "ct-packet.h"
#include "ct-tracker.h"
#include "ct-wheel.h"

/* One packet, one ct(), behind the lookup.
 *
 * 'packet->conn' and 'packet->dir' are what was found (NULL: nothing), and its
 * headers have been read.  Updates the connection, or opens one; commits and
 * translates as 'packet->request' asks.  Leaves the outcome in 'packet'
 * (conn, dir, ct_state, found), for ct_metadata_write().  False if the packet
 * must be dropped; that is counted.
 *
 * Threads: any, concurrently. */
bool ct_step(struct ct_packet *);

/* What the protocols' verdict is followed by, under the connection's lock. */

/* Who writes a deadline that is closer must tell the wheel, which otherwise
 * looks at it only when the old one is due. */
static inline void
ct_step_set_deadline(struct ct_packet *packet, long long deadline)
{
    struct ct_conn *conn = packet->conn;
    long long old = atomic_load_explicit(&conn->deadline,
                                         memory_order_relaxed);

    atomic_store_explicit(&conn->deadline, deadline, memory_order_relaxed);
    if (OVS_UNLIKELY(deadline + CT_WHEEL_TICK_MS < old)) {
        ct_wheel_sooner(packet->ct->wheel, conn);
    }
}

#endif /* ct-step.h */
