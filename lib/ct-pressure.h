/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_PRESSURE_H
#define CT_PRESSURE_H 1

#include "ct-packet.h"
#include "ct-zone.h"

/* Half-open connections under pressure.
 * =====================================
 *
 * What
 * ----
 * A flood of SYNs fills a zone, or the tracker, with connections that are only
 * begun: half-open, that is not ASSURED and, as the protocol says, with ends
 * that have not yet agreed (struct ct_l4's half_open).  So that those who mean
 * it get through:
 *
 * - A zone is under pressure while it has more than 3/4 of its limit, or the
 *   tracker more than 3/4 of its maximum.  Half-open connections then get at
 *   most CT_PRESSURE_MS instead of their timeout; of those that are there when
 *   it begins maintenance sees to that, CT_PRESSURE_SWEEP of the zone's
 *   connections a turn.
 * - When the limit or the maximum is reached, a packet of a protocol that has
 *   half-open connections takes the place of an old one of these (ct-evict.h).
 *   The oldest of a few random ones it is, so that one which gets its answer
 *   in time, before most others are replaced, stays.
 *
 * Established connections are never touched, and what has no half-open ones,
 * such as UDP, meets a zone's limit as ever.
 *
 * Cost: for a new connection, a look at the counts; for the second packet and
 * others out of the ordinary, one flag; for ordinary ones, nothing.
 *
 * Threads: any, concurrently, but for ct_pressure_run(). */

#define CT_PRESSURE_MS 10000
#define CT_PRESSURE_SWEEP 16384u

/* More than three quarters. */
static inline bool
ct_pressure_is_near(int64_t count, uint32_t limit)
{
    return count * 4 > (int64_t) limit * 3;
}

/* After 'count' connections of the 'limit' (0: none) of 'zone'. */
void ct_pressure_note(struct ct *, struct ct_zone *, int64_t count,
                      uint32_t limit);

/* Shortens what was begun before the pressure.  One thread at a time. */
void ct_pressure_run(struct ct *, long long now);

uint64_t ct_pressure_shorten__(const struct ct_packet *,
                               const struct ct_conn *, uint64_t ms);

/* The time to live, in milliseconds, that 'packet' gives its connection 'conn'
 * in place of 'ms'. */
static inline uint64_t
ct_pressure_shorten(const struct ct_packet *packet,
                    const struct ct_conn *conn, uint64_t ms)
{
    return (OVS_LIKELY(!packet->zone
                       || !atomic_load_explicit(&packet->zone->pressure,
                                                memory_order_relaxed))
            ? ms : ct_pressure_shorten__(packet, conn, ms));
}

#endif /* ct-pressure.h */
