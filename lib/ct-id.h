/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_ID_H
#define CT_ID_H 1

#include <stdint.h>

/* Connection ids.
 * ===============
 *
 * What
 * ----
 * 32-bit numbers, handed out in ascending order in ranges, from which each
 * shard of the record memory takes its own.  A range is handed out again only
 * when none of its ids is in use.
 *
 * Promises
 * --------
 * - An id is unique among those in use, also after the counter wrapped.  (If
 *   millions of long-lived connections occupy all of the next
 *   CT_ID_MAX_TRIES ranges, a range is shared rather than a connection
 *   refused.)
 * - The id of a place in memory comes back only after 2^32 others.
 * - 0 is never given.
 *
 * Threads: ct_id_refill() under the caller's lock, the others any.
 *
 * Cost: ct_id_get() an increment, ct_id_put() an atomic decrement. */

#define CT_ID_RANGE 1024        /* Ids a range. */
#define CT_ID_MAX_TRIES 65536

struct ct_id_space;

/* What is left of the range that one shard draws from. */
struct ct_id_range {
    uint32_t next;
    uint32_t left;
};

struct ct_id_space *ct_id_space_create(void);
void ct_id_space_destroy(struct ct_id_space *);

void ct_id_refill(struct ct_id_space *, struct ct_id_range *);
void ct_id_put(struct ct_id_space *, uint32_t id);

/* 'range->left' must not be 0. */
static inline uint32_t
ct_id_get(struct ct_id_range *range)
{
    range->left--;
    return range->next++;
}

/* For tests: makes range number 'range' the next. */
void ct_id_space_seek(struct ct_id_space *, uint32_t range);

#endif /* ct-id.h */
