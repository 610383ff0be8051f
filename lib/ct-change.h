/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_CHANGE_H
#define CT_CHANGE_H 1

#include <stdbool.h>
#include <stdint.h>

#include "ct-conn.h"
#include "ct-dpif.h"

struct ct;

/* Connections that a command changes or makes.
 * =============================================
 *
 * What
 * ----
 * ct_change() sets what may be set of a connection that there is: mark, label,
 * timeout, and the status bits below.  ct_insert() makes one that no packet
 * has opened, with a translation if its reply tuple is not the inverse of its
 * original tuple.
 *
 * Promises
 * --------
 * - A connection in a joint (ct-joint.h) leaves it first.
 * - One that was made is like one that a packet has made: it counts against
 *   limits, holds its translated port, expires.  Of a TCP connection no window
 *   is known: it is learnt from the next segments, as of one that was picked
 *   up in the middle.
 * - What is refused changes nothing.
 *
 * Threads: any, concurrently, in an RCU read-side section in which the
 * connection was found.
 *
 * Units: timeouts in seconds. */

/* Status bits that a command may set.  None can be taken away. */
#define CT_CHANGE_STATUS (CT_DPIF_STATUS_SEEN_REPLY | CT_DPIF_STATUS_ASSURED)

struct ct_change {
    bool set_timeout;
    uint32_t timeout;
    uint32_t mark, mark_mask;   /* Bits under the mask become these. */
    ovs_u128 label, label_mask;
    uint32_t status;            /* Bits to set, of CT_CHANGE_STATUS. */
};

void ct_change(struct ct *, struct ct_conn *, const struct ct_change *,
               long long now);

/* Makes the connection that 'entry' describes: zone, both tuples, timeout,
 * mark, labels, status (CT_CHANGE_STATUS and EXPECTED), state and helper
 * count.  Returns 0 or a positive errno value, and then a sentence in
 * '*why':
 *
 *    EINVAL      what it describes is no connection
 *    EEXIST      a tuple is another connection's
 *    ENOSPC      the zone's limit or the tracker's maximum
 *    EOPNOTSUPP  a helper that does not exist
 *    ENOMEM */
int ct_insert(struct ct *, const struct ct_dpif_entry *, long long now,
              const char **why);

#endif /* ct-change.h */
