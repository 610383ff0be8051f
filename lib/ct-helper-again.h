/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_HELPER_AGAIN_H
#define CT_HELPER_AGAIN_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ct-helper.h"

/* Announcements that have been replaced, and come again: for helpers of TCP
 * that read single lines.
 * ==========================================================================
 *
 * What
 * ----
 * A segment that is sent again need not be one that was sent: TCP puts
 * segments together and cuts them elsewhere.  Then the line is not where the
 * helper looks for it.  'struct ct_helper_again' has the last texts of one
 * direction by their place in the stream.
 *
 *     ct_helper_again_begin(again, call);
 *     if (... found an announcement, at 'ofs' ...
 *         && !ct_helper_again_knows(again, call, ofs, len)) {
 *         ... announce it ...
 *         verdict = ct_helper_again_note(again, call, ofs, len, text, n);
 *     }
 *     ... unless that failed ...
 *     return ct_helper_again_write(again, call);
 *
 * Promises
 * --------
 * - What was replaced once is replaced by the same, wherever in a segment.
 * - A segment that has only a part of such a text, whose length changes, or
 *   another text in its place, is refused as long as the receiver does not
 *   have that text.
 * - Nor is a text forgotten before; one more than there is room for is refused
 *   until then.
 *
 * Ownership: a part of the helper's state; zero at first. */

#define CT_HELPER_AGAIN_MAX 8

/* The longest: "|2|", an IPv6 address, "|65535|". */
#define CT_HELPER_AGAIN_MAX_TEXT 64

struct ct_helper_again {
    struct ct_helper_again_text {
        uint32_t seq;           /* Of its first byte, as sent. */
        uint8_t len, n;
        char was[CT_HELPER_AGAIN_MAX_TEXT];
        char is[CT_HELPER_AGAIN_MAX_TEXT];
    } texts[CT_HELPER_AGAIN_MAX];       /* In the stream's order. */
    unsigned int n;
    unsigned int n_noted;       /* Of this segment; at most one: */
    unsigned int noted;
};

/* First of all, for each segment. */
void ct_helper_again_begin(struct ct_helper_again *,
                           const struct ct_helper_call *);

/* Has that part of the payload been replaced before? */
bool ct_helper_again_knows(const struct ct_helper_again *,
                           const struct ct_helper_call *, size_t ofs,
                           size_t len);

/* The 'len' bytes at 'ofs' are to become 'n' bytes of 'text', now (by
 * ct_helper_again_write()) and ever.  Once for each segment. */
enum ct_helper_verdict ct_helper_again_note(struct ct_helper_again *,
                                            struct ct_helper_call *,
                                            size_t ofs, size_t len,
                                            const char *text, size_t n);

/* Replaces all that is known of the segment. */
enum ct_helper_verdict ct_helper_again_write(const struct ct_helper_again *,
                                             struct ct_helper_call *);

/* The segment has been dropped: what it noted was not replaced. */
void ct_helper_again_undo(struct ct_helper_again *);

#endif /* ct-helper-again.h */
