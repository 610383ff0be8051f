/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_CURSOR_H
#define CT_CURSOR_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "byte-order.h"

/* A bounds-checked reader.
 * ========================
 *
 * What
 * ----
 * The bytes from 'p' up to, not including, 'end'.  Every parser of what came
 * from the network reads through one.  A read that does not fit returns false
 * (or NULL) and leaves the cursor where it was; values come in host byte
 * order, and alignment does not matter.
 *
 * Threads: none of its business; it lives on one stack.
 *
 * Example
 * -------
 *     struct ct_cursor c = ct_cursor_init(data, size);
 *     uint8_t kind;
 *     uint16_t len;
 *
 *     if (!ct_cursor_u8(&c, &kind) || !ct_cursor_be16(&c, &len)) {
 *         return false;
 *     }
 */

struct ct_cursor {
    const uint8_t *p;
    const uint8_t *end;
};

static inline struct ct_cursor
ct_cursor_init(const void *data, size_t size)
{
    struct ct_cursor c = { data, (const uint8_t *) data + size };

    return c;
}

static inline size_t
ct_cursor_left(const struct ct_cursor *c)
{
    return c->end - c->p;
}

/* The next 'n' bytes, which the cursor then stands behind. */
static inline const uint8_t *
ct_cursor_pull(struct ct_cursor *c, size_t n)
{
    const uint8_t *p = c->p;

    if (n > ct_cursor_left(c)) {
        return NULL;
    }
    c->p += n;
    return p;
}

static inline bool
ct_cursor_skip(struct ct_cursor *c, size_t n)
{
    return ct_cursor_pull(c, n) != NULL;
}

static inline bool
ct_cursor_u8(struct ct_cursor *c, uint8_t *value)
{
    const uint8_t *p = ct_cursor_pull(c, 1);

    if (!p) {
        return false;
    }
    *value = *p;
    return true;
}

static inline bool
ct_cursor_be16(struct ct_cursor *c, uint16_t *value)
{
    const uint8_t *p = ct_cursor_pull(c, sizeof *value);

    if (!p) {
        return false;
    }
    memcpy(value, p, sizeof *value);
    *value = ntohs((OVS_FORCE ovs_be16) *value);
    return true;
}

static inline bool
ct_cursor_be32(struct ct_cursor *c, uint32_t *value)
{
    const uint8_t *p = ct_cursor_pull(c, sizeof *value);

    if (!p) {
        return false;
    }
    memcpy(value, p, sizeof *value);
    *value = ntohl((OVS_FORCE ovs_be32) *value);
    return true;
}

#endif /* ct-cursor.h */
