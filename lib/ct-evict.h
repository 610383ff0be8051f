/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_EVICT_H
#define CT_EVICT_H 1

#include <stdbool.h>
#include <stdint.h>

struct ct;
struct ct_packet;

/* Early drop.
 * ===========
 *
 * When the tracker is full, a connection that nobody would miss gives way to
 * the new one of a packet: one that has expired; else one that is half-open
 * (ct-pressure.h); else one that is not ASSURED; else one that its protocol
 * says is over anyway.  Of several that are worth the same the oldest goes.
 * As in Linux only a few candidates are looked at, around places that the
 * packet's hash chooses: first in the crowded zones, so that who fills the
 * tracker suffers first; then in the packet's own zone; then in others.
 *
 * A zone is crowded if it has more than a CT_EVICT_SHARE-th of the maximum.
 * Maintenance says which ones are, and knows the CT_EVICT_CROWDED fullest.
 *
 * When a zone's limit is reached, only what is half-open or has expired gives
 * way, in that zone, and only to a packet of a protocol that has half-open
 * connections.  Everything else meets the limit.
 *
 * Cost: some CT_EVICT_ENOUGH records, if there are so many that may go; else
 * CT_EVICT_SAMPLE at each of CT_EVICT_PLACES places, half of them in other
 * zones, and of the places in crowded zones.
 * Threads: any, concurrently. */

#define CT_EVICT_PLACES 8       /* In the own zone and in others. */
#define CT_EVICT_FEW 4          /* Candidates at each place ... */
#define CT_EVICT_SAMPLE 16      /* ... in a thorough look. */
#define CT_EVICT_ENOUGH 16      /* Who may go: no more places. */
#define CT_EVICT_ZONES 256u     /* Other zones, empty ones included. */
#define CT_EVICT_CROWDED 4      /* Crowded zones that are known ... */
#define CT_EVICT_CROWDED_PLACES 4   /* ... and places in each of them. */
#define CT_EVICT_SHARE 16

/* Ends one connection; false if nobody could give way. */
bool ct_evict(const struct ct_packet *);
bool ct_evict_half_open(const struct ct_packet *);

/* Would they?  They end none; packet->zone may be NULL for the first. */
bool ct_evict_could(const struct ct_packet *);
bool ct_evict_half_open_could(const struct ct_packet *);

/* Finds out which zones are crowded.  One thread at a time. */
void ct_evict_survey(struct ct *);

#endif /* ct-evict.h */
