/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_WHY_H
#define CT_WHY_H 1

#include "ct-trial.h"

struct ds;

/* Why does ct() do that?
 * =======================
 *
 * What
 * ----
 * The outcome of a trial (ct-trial.h), in words: which connection the packet
 * is of, in which zone and direction, what it does to it, what ct_state it
 * leaves with; and if it is refused, the reason by the name of its counter,
 * and what would let it pass.  What would, was tried: a remedy is told only if
 * the tracker lets the packet pass with it.
 *
 * A line is one fact, "NAME: TEXT" behind some blanks.
 *
 * Threads, cost: as ct-trial.h; a packet that is refused costs a few trials.
 */

struct ct_why *ct_why_create(struct ct *);
void ct_why_destroy(struct ct_why *);

/* What the asker has left open of a TCP segment: until the first
 * ct_why_packet() that finds its connection or none, what is next there. */
#define CT_WHY_OPEN_FLAGS   0x1
#define CT_WHY_OPEN_SEQ     0x2
#define CT_WHY_OPEN_ACK     0x4
void ct_why_leave_open(struct ct_why *, unsigned int open);

/* Carries '*packet' through the ct(), as ct_trial_run() does, and appends the
 * answer to 'ds'. */
void ct_why_packet(struct ct_why *, struct dp_packet **packet,
                   const struct ct_trial_ask *, struct ds *);

/* Of the packet's connection in the zone: does the tracker know one? */
bool ct_why_knows(struct ct_why *, struct dp_packet *,
                  const struct ct_trial_ask *);

#endif /* ct-why.h */
