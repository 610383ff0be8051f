/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_SEQADJ_H
#define CT_SEQADJ_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* TCP sequence numbers behind a payload whose length has changed.
 * ================================================================
 *
 * What
 * ----
 * When bytes are put into, or taken out of, what one end sends, all that it
 * sends from then on has other numbers for its peer.  'struct ct_seqadj' has
 * the difference for one direction: 'after' for what lies behind 'pos', the
 * sequence number (as sent) of the last segment that was changed, 'before' for
 * that segment itself and what lies before it: retransmissions.
 *
 * Sequence numbers of that direction gain it, acknowledgments of the other
 * direction (and the edges of selective ones) lose it.
 *
 * Promises
 * --------
 * - The same segment, changed again because it was sent again, moves nothing.
 * - A change that cannot be expressed is refused: a segment before 'pos', or
 *   the one at 'pos' with another difference of length.
 *
 * Threads: pure functions; who owns the structure locks it. */

struct ct_seqadj {
    uint32_t pos;
    int32_t before, after;
};

/* The segment at 'seq' has become 'delta' bytes longer.  False: refused. */
bool ct_seqadj_set(struct ct_seqadj *, uint32_t seq, int32_t delta);

/* May the segment at 'seq' be changed at all? */
bool ct_seqadj_may_change(const struct ct_seqadj *, uint32_t seq);

/* What 'seq', as its sender wrote it, gains. */
int32_t ct_seqadj_seq(const struct ct_seqadj *, uint32_t seq);

/* What 'ack', as its sender wrote it, loses.  'seqadj' is of the direction
 * that is acknowledged. */
int32_t ct_seqadj_ack(const struct ct_seqadj *, uint32_t ack);

/* Rewrites the numbers in a TCP header of 'len' bytes, options included, and
 * its checksum unless 'partial': 'own' is of the direction of the segment. */
void ct_seqadj_rewrite(uint8_t *tcp, size_t len, const struct ct_seqadj *own,
                       const struct ct_seqadj *peer, bool partial);

#endif /* ct-seqadj.h */
