/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_HELP_TURN_H
#define CT_HELP_TURN_H 1

#include <stdbool.h>
#include <stdint.h>

/* Whose turn it is in a stream of TCP whose payload changes its length.
 * ======================================================================
 *
 * What
 * ----
 * How far a segment moves depends on all that lie in front of it.  If one of
 * them was lost on its way here, nobody knows what it will become: once a
 * later one has passed, with numbers of its own, the lost one cannot change
 * its length any more.  So none passes before its turn: 'struct ct_help_turn'
 * has, of one direction, how far all has been seen.
 *
 * Promises
 * --------
 * - Segments that are sent again, keep-alives and those without payload are
 *   never too early.
 * - What the receiver has acknowledged is not waited for: it may have taken
 *   another way.
 *
 * Cost: its sender hears of a loss in front of a translation only when its
 * timer ends, as the receiver sees nothing of what follows.
 *
 * Threads: pure functions; who owns the structure locks it. */

struct ct_help_turn {
    bool known;                 /* Else the next payload is the first one. */
    uint32_t next;              /* All before this has been seen. */
};

/* A SYN: its data, if any, begin at 'seq'. */
void ct_help_turn_begin(struct ct_help_turn *, uint32_t seq);

/* For a segment with a payload from 'seq' on; 'acked' as in struct
 * ct_helper_call. */
bool ct_help_turn_has_come(const struct ct_help_turn *, uint32_t seq,
                           uint32_t acked);

/* One that had its turn has been seen, up to 'end'. */
void ct_help_turn_seen(struct ct_help_turn *, uint32_t end);

#endif /* ct-help-turn.h */
