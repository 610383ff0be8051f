/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_HELPER_SIP_HELD_H
#define CT_HELPER_SIP_HELD_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ct-helper-sip.h"

/* SIP messages in two segments of TCP, under translation: for the helper
 * alone.
 * ======================================================================
 *
 * What
 * ----
 * How long a body becomes is said in front of it (Content-Length), so the
 * first segment cannot be written before the second one is known.  It is kept
 * and dropped.  With the second one the message is whole: it is read, what has
 * to be written in the second segment is written, and that one goes on.  The
 * receiver misses what lies before it, the sender sends it again, and then the
 * first one gets what was found for it.
 *
 *    first    dropped, kept          sip_held_keep()
 *    second   written                sip_held_join(), sip_held_split()
 *    first    written                sip_held_write()
 *
 * Promises: one segment of each direction is kept at a time; a message of more
 * than two is refused.
 *
 * Ownership: of the connection's state, under its lock; sip_held_free() when
 * that is freed. */

struct sip_held;

/* What a segment is to what is kept of its direction. */
enum sip_held_part {
    SIP_HELD_OTHER,             /* Nothing. */
    SIP_HELD_FIRST,             /* It again; what to write is known. */
    SIP_HELD_SECOND,            /* What follows. */
    SIP_HELD_CROOKED            /* A part of them. */
};

enum sip_held_part sip_held_look(const struct sip_held *,
                                 const struct ct_helper_call *);

/* Keeps the segment of 'call', in place of what was kept before.  False: not
 * so, since that has not been written yet. */
bool sip_held_keep(struct sip_held **, const struct ct_helper_call *);

/* What is kept and the segment of 'call' in one, 'len' bytes, which the caller
 * frees. */
uint8_t *sip_held_join(const struct sip_held *, const struct ct_helper_call *,
                       size_t *len);
uint32_t sip_held_seq(const struct sip_held *);

/* Notes the 'edits' of the joined bytes 'whole' for the first segment, and
 * writes those of the second one, which is that of 'call'. */
enum ct_helper_verdict sip_held_split(struct sip_held *,
                                      struct ct_helper_call *,
                                      const uint8_t *whole,
                                      const struct sip_edits *edits);

enum ct_helper_verdict sip_held_write(struct sip_held *,
                                      struct ct_helper_call *);

void sip_held_free(struct sip_held *);

#endif /* ct-helper-sip-held.h */
