/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_BITS_H
#define CT_BITS_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A bounds-checked reader of bits: ct-cursor.h for what is packed.
 * ================================================================
 *
 * What
 * ----
 * The bits from 'pos' up to, not including, 'end', counted from the first bit
 * of 'data': the highest one of its first byte.  A read that does not fit
 * returns false and leaves the reader where it was.
 *
 * Threads: none of its business; it lives on one stack. */

struct ct_bits {
    const uint8_t *data;
    size_t pos, end;
};

static inline size_t
ct_bits_left(const struct ct_bits *b)
{
    return b->end - b->pos;
}

static inline bool
ct_bits_skip(struct ct_bits *b, size_t n)
{
    if (n > ct_bits_left(b)) {
        return false;
    }
    b->pos += n;
    return true;
}

/* To the next byte.  'end' is at a byte's end, so that it is always there. */
static inline void
ct_bits_align(struct ct_bits *b)
{
    b->pos = (b->pos + 7) / 8 * 8;
}

/* The next 'n' bits, at most 32, as a number. */
static inline bool
ct_bits_read(struct ct_bits *b, unsigned int n, uint32_t *value)
{
    if (n > ct_bits_left(b)) {
        return false;
    }
    *value = 0;
    for (; n; n--, b->pos++) {
        *value = *value << 1 | (b->data[b->pos / 8] >> (7 - b->pos % 8) & 1);
    }
    return true;
}

#endif /* ct-bits.h */
