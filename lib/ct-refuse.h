/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_REFUSE_H
#define CT_REFUSE_H 1

#include <stdbool.h>
#include <stdint.h>

#include "ct-counters.h"

struct ct;
struct ct_packet;

/* Packets that are dropped or called invalid.
 * ===========================================
 *
 * What
 * ----
 * Whoever refuses a packet calls ct_refuse() with the reason, once: it is
 * counted for the tracker and for the zone of the packet's request, and, if
 * that is wanted for the zone (ct_log_refused_set() of ct.h), logged with
 * zone, tuple and TCP flags.  The log is limited to some lines a second; what
 * is left out is counted there.
 *
 * Cost: packets that are not refused pay nothing.
 * Threads: any, concurrently. */

void ct_refuse(const struct ct_packet *, enum ct_counter reason);

/* 'n' packets that are not at hand any more; 'zone' -1: nobody knows of which
 * zone they were, and they are counted for the tracker alone. */
void ct_refuse_unseen(struct ct *, int zone, enum ct_counter reason,
                      uint64_t n);

#endif /* ct-refuse.h */
