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
 * the last changes of one direction, oldest first.  'pos' is the sequence
 * number, as sent, of the first byte that was changed in a segment; what lies
 * behind it gains 'after', and what lies before all of them 'before'.
 *
 * Sequence numbers of that direction gain it, acknowledgments of the other
 * direction (and the edges of selective ones) lose it.
 *
 * Promises
 * --------
 * - The same bytes, changed again because they were sent again, move nothing:
 *   in the same segments or cut in other ways.
 * - A change that cannot be expressed is refused: before the last one, where
 *   the peer knows the numbers already, or another change of the same bytes.
 * - No change is forgotten that the peer has not acknowledged: one more than
 *   there is room for is refused until then.
 *
 * Threads: pure functions; who owns the structure locks it. */

#define CT_SEQADJ_MAX 8

struct ct_seqadj {
    int32_t before;
    unsigned int n;
    struct ct_seqadj_change {
        uint32_t pos;
        int32_t after;
    } changes[CT_SEQADJ_MAX];
};

/* A segment, and how much longer it has become from the byte 'pos' on. */
struct ct_seqadj_segment {
    uint32_t seq, end;          /* As sent; 'end' is that of the next one. */
    uint32_t pos;
    int32_t delta;
};

/* Forgets what lies so far before 'seq', the number of a segment of this
 * direction, that nobody sends or acknowledges it any more (the largest window
 * is of 2^30 bytes, RFC 7323 section 2.3): numbers that are 2^31 apart could
 * not be told from those before a change. */
void ct_seqadj_forget_old(struct ct_seqadj *, uint32_t seq);

/* False: refused.  The peer has acknowledged what lies before 'acked', in the
 * numbers as sent. */
bool ct_seqadj_set(struct ct_seqadj *, const struct ct_seqadj_segment *,
                   uint32_t acked);

/* What 'seq', as its sender wrote it, gains. */
int32_t ct_seqadj_seq(const struct ct_seqadj *, uint32_t seq);

/* What 'ack', as its sender wrote it, loses.  'seqadj' is of the direction
 * that is acknowledged. */
int32_t ct_seqadj_ack(const struct ct_seqadj *, uint32_t ack);

/* Rewrites the numbers in a TCP header of 'len' bytes, options included, and
 * its checksum unless 'partial': 'own' is of the direction of the segment. */
void ct_seqadj_rewrite(uint8_t *tcp, size_t len, const struct ct_seqadj *own,
                       const struct ct_seqadj *peer, bool partial);

/* Puts the numbers in a TCP header that an ICMP error quotes back to what was
 * sent, as far as the header is there: 'len' bytes.  'own' is of the direction
 * of the quoted segment.  Returns what a checksum over these bytes gains
 * (ct-rewrite.h). */
uint16_t ct_seqadj_restore(uint8_t *tcp, size_t len,
                           const struct ct_seqadj *own,
                           const struct ct_seqadj *peer);

#endif /* ct-seqadj.h */
