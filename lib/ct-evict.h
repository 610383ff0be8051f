/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_EVICT_H
#define CT_EVICT_H 1

#include <stdbool.h>
#include <stdint.h>

struct ct;
struct ct_zone;

/* Early drop.
 * ===========
 *
 * When the tracker is full, a connection that nobody would miss gives way to
 * a new one: one that has expired; else one that is not ASSURED; else one that
 * its protocol says is over anyway.  As in Linux only a few candidates are
 * looked at, around places that 'seed' chooses: first in 'zone', so that who
 * fills it suffers first, then in others.
 *
 * Cost: at most CT_EVICT_PLACES * CT_EVICT_SAMPLE records.
 * Threads: any, concurrently. */

#define CT_EVICT_PLACES 8       /* Half of them in the zone itself. */
#define CT_EVICT_SAMPLE 16      /* Candidates at each place. */

/* Ends one connection; false if nobody could give way. */
bool ct_evict(struct ct *, const struct ct_zone *, uint64_t seed,
              long long now);

#endif /* ct-evict.h */
