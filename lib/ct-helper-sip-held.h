/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_HELPER_SIP_HELD_H
#define CT_HELPER_SIP_HELD_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ct-helper-sip.h"

/* SIP messages in several segments of TCP, under translation: for the helper
 * alone.
 * ===========================================================================
 *
 * What
 * ----
 * How long a body becomes is said in front of it (Content-Length), so no
 * segment can be written before the last one is known.  All but that one are
 * kept and dropped.  With the last one the message is whole: it is read, what
 * has to be written is found for all of its bytes, and the last segment goes
 * on.  The receiver misses what lies before it, the sender sends it again, and
 * then each of the others gets its part of that text.
 *
 *    first      dropped, kept        sip_held_keep()
 *    others     dropped, kept        sip_held_add()
 *    last       written              sip_held_join(), sip_held_split()
 *    any again  written              sip_held_write()
 *
 * The text is one string, and its parts need not be those that the edits are
 * in: what is kept keeps its length, and the last segment takes all that there
 * is more or less of, as it is seldom full.  So segments that are sent again
 * may be put together, or cut in other places, and no full one outgrows its
 * link.  Only if the last one is too short for what has to go, the longest one
 * that is kept gives it; for TCP's numbers it is one change either way
 * (ct-seqadj.h).
 *
 * Promises
 * --------
 * - One message of each direction is kept at a time (or several, of which each
 *   ends in the segment the next one begins in), until the receiver has
 *   acknowledged it.
 * - Nothing passes what is not whole yet, or could not be kept.
 * - Segments that have parts of the message and of what lies around it, in
 *   another way than at first, are refused.
 *
 * Units: offsets are in bytes behind the first one that is kept.
 *
 * Cost: no segment is read that cannot be the last one, if the message's
 * length is known; otherwise the bounds hold for the work, too.  In memory,
 * for each direction: what is kept, and the text of that and of the last one.
 *
 * Ownership: of the connection's state, under its lock; sip_held_free() when
 * that is freed. */

/* That are kept.  A sender whose segments nobody acknowledges stops: after ten
 * in the beginning (RFC 6928), and after some more when its connection has
 * shown what it can take.  A message of more would never become whole. */
#define SIP_HELD_MAX_SEGMENTS 16

/* As much as one segment can have, where devices put them together. */
#define SIP_HELD_MAX_BYTES 65535

struct sip_held;

/* What a segment is to what is kept of its direction. */
enum sip_held_part {
    SIP_HELD_OTHER,             /* Nothing. */
    SIP_HELD_NEXT,              /* What follows, perhaps with some of what is
                                 * kept in front of it. */
    SIP_HELD_EARLY,             /* Of a message that is not whole, kept already
                                 * or behind a gap. */
    SIP_HELD_AGAIN,             /* Of the whole message. */
    SIP_HELD_CROOKED            /* Of it and of something else. */
};

enum sip_held_part sip_held_look(const struct sip_held *,
                                 const struct ct_helper_call *);

/* Keeps the segment of 'call', in place of what was kept before; the message
 * lacks at least 'missing' bytes behind it.  False: not so, since the receiver
 * does not have that yet. */
bool sip_held_keep(struct sip_held **, const struct ct_helper_call *,
                   size_t missing);

/* The same behind what is kept, for SIP_HELD_NEXT.  False: it is too much, or
 * was the last one before. */
bool sip_held_add(struct sip_held *, const struct ct_helper_call *,
                  size_t missing);

/* How much is missing behind the next one, that of 'call', at least. */
size_t sip_held_missing(const struct sip_held *,
                        const struct ct_helper_call *);

/* What is kept and the next segment, that of 'call', in one, 'len' bytes,
 * which the caller frees. */
uint8_t *sip_held_join(const struct sip_held *, const struct ct_helper_call *,
                       size_t *len);
uint32_t sip_held_seq(const struct sip_held *);

/* The joined bytes 'whole' are to get the 'edits': notes what becomes of them,
 * and writes the last segment, that of 'call'. */
enum ct_helper_verdict sip_held_split(struct sip_held *,
                                      struct ct_helper_call *,
                                      struct ct_cursor whole,
                                      const struct sip_edits *edits);

/* For SIP_HELD_AGAIN. */
enum ct_helper_verdict sip_held_write(struct sip_held *,
                                      struct ct_helper_call *);

/* Frees what lies so far before 'seq' that its numbers will be those of other
 * bytes. */
void sip_held_forget_old(struct sip_held **, uint32_t seq);

/* NULL of NULL. */
struct sip_held *sip_held_clone(const struct sip_held *);

void sip_held_free(struct sip_held *);

#endif /* ct-helper-sip-held.h */
