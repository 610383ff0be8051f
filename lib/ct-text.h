/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_TEXT_H
#define CT_TEXT_H 1

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "ct-cursor.h"

/* Words and numbers in the text that a cursor stands in.
 * =======================================================
 *
 * As with ct-cursor.h: what does not fit returns false and leaves the cursor
 * where it was.
 *
 * Threads: none of its business. */

/* Skips 'word', which must come next, in this case. */
static inline bool
ct_text_skip(struct ct_cursor *c, const char *word)
{
    size_t n = strlen(word);

    return (n <= ct_cursor_left(c) && !memcmp(c->p, word, n)
            && ct_cursor_skip(c, n));
}

/* In any case. */
static inline bool
ct_text_skip_any_case(struct ct_cursor *c, const char *word)
{
    size_t n = strlen(word);

    return (n <= ct_cursor_left(c)
            && !strncasecmp((const char *) c->p, word, n)
            && ct_cursor_skip(c, n));
}

/* Skips all up to and including the next 'word'. */
static inline bool
ct_text_find(struct ct_cursor *c, const char *word)
{
    size_t n = strlen(word);
    const uint8_t *p = memmem(c->p, ct_cursor_left(c), word, n);

    return p && ct_cursor_skip(c, p + n - c->p);
}

/* Skips what is in 'set'. */
static inline void
ct_text_skip_set(struct ct_cursor *c, const char *set)
{
    while (ct_cursor_left(c) && *c->p && strchr(set, *c->p)) {
        c->p++;
    }
}

/* A decimal number of at most 'max'. */
static inline bool
ct_text_number(struct ct_cursor *c, uint32_t max, uint32_t *number)
{
    const uint8_t *p = c->p;
    uint64_t n = 0;

    for (; p < c->end && isdigit(*p); p++) {
        n = n * 10 + (*p - '0');
        if (n > max) {
            return false;
        }
    }
    if (p == c->p) {
        return false;
    }
    c->p = p;
    *number = n;
    return true;
}

#endif /* ct-text.h */
