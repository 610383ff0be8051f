/* SPDX-License-Identifier: Apache-2.0 */

/* Walks over a zone's table: dumps and flushes (ct-dump.c), early drop
 * (ct-evict.c).  No packet comes here unless its zone is full. */

#include <config.h>

#include "ct-table.h"

#include "ct-table-private.h"

/* One bucket's part of a walk. */
struct ct_walk {
    uint32_t index;
    uint64_t end;               /* Reversed hash behind it; 0: the last. */
    bool whole;                 /* The position is where it begins. */
};

static struct ct_bucket *walk_lock(const struct ct_table *, uint64_t position,
                                   struct ct_walk *);
static size_t walk_chain(struct ct_bucket *, const struct ct_walk *,
                         uint64_t position, struct ct_conn **, size_t max);
static size_t walk_part(struct ct_bucket *, uint64_t *position,
                        struct ct_conn **, size_t max);

size_t
ct_table_next(const struct ct_table *table, struct ct_table_cursor *cursor,
              struct ct_conn **conns, uint32_t *buckets, size_t max)
{
    size_t n = 0;

    while (!cursor->done && n < max) {
        struct ct_walk walk;
        struct ct_bucket *head = walk_lock(table, cursor->position, &walk);
        size_t here = head ? walk_chain(head, &walk, cursor->position,
                                        &conns[n], max - n) : 0;
        bool fits = here <= max - n;

        if (!fits && !n) {
            here = walk_part(head, &cursor->position, conns, max);
        }
        if (head) {
            ct_bucket_unlock(head);
        }

        if (fits) {
            cursor->position = walk.end;
            cursor->done = !walk.end;
        } else if (n) {
            break;              /* Next time. */
        }
        for (; here > 0; here--) {
            if (buckets) {
                buckets[n] = walk.index;
            }
            n++;
        }
    }
    return n;
}

size_t
ct_table_sample(const struct ct_table *table, uint64_t seed,
                struct ct_conn **conns, size_t max)
{
    uint64_t n_buckets = ct_table_n__(table);
    uint64_t index = ct_table_index__(seed, n_buckets);
    const struct ct_bucket *b = ct_table_bucket__(table, index);
    unsigned int skip = (seed >> 40) % 7;
    size_t n = 0;

    /* Of the first bucket some are passed over, up to all: else those that
     * stand first in theirs would come far more often than the others.  If
     * there is no end before, they come last. */
    for (unsigned int i = 0; i <= CT_TABLE_FIRST_SIZE && n < max; i++) {
        uint64_t meta = ct_bucket_meta(b);
        uint64_t used = ct_meta_used(meta);

        for (; skip && used; skip--) {
            used &= used - 1;
        }
        skip = 0;
        for (; used && n < max; used &= used - 1) {
            uint64_t entry = ct_bucket_entry(b, ct_meta_first(used));

            if (entry && !(entry & (CT_ENTRY_REPLY | CT_ENTRY_LINK))) {
                conns[n++] = ct_entry_conn(entry);
            }
        }

        b = ct_bucket_next(b);
        if (!b) {
            index = index + 1 < n_buckets ? index + 1 : 0;
            b = ct_table_bucket__(table, index);
        }
    }
    return n;
}

size_t
ct_table_memory(const struct ct_table *table)
{
    uint64_t n = ct_table_n__(table);
    size_t bytes = sizeof *table + n * sizeof(struct ct_bucket);

    for (uint64_t i = 0; i < n; i++) {
        const struct ct_bucket *b = ct_table_bucket__(table, i);

        while (ct_bucket_meta(b) & CT_META_LINK
               && (b = ct_bucket_next(b)) != NULL) {
            bytes += sizeof *b;
        }
    }
    return bytes;
}

/* Positions. */

static uint64_t
reverse(uint64_t x)
{
    x = ((x & UINT64_C(0x5555555555555555)) << 1
         | (x >> 1 & UINT64_C(0x5555555555555555)));
    x = ((x & UINT64_C(0x3333333333333333)) << 2
         | (x >> 2 & UINT64_C(0x3333333333333333)));
    x = ((x & UINT64_C(0x0f0f0f0f0f0f0f0f)) << 4
         | (x >> 4 & UINT64_C(0x0f0f0f0f0f0f0f0f)));
    return __builtin_bswap64(x);
}

/* Bits of the hash that tell bucket 'index' from all others. */
static unsigned int
bucket_level(uint64_t index, uint64_t n_buckets)
{
    unsigned int level = 63 - __builtin_clzll(n_buckets);
    uint64_t first = UINT64_C(1) << level;

    return index >= first || index < n_buckets - first ? level + 1 : level;
}

/* The bucket that 'position' is in, locked so that it stays that; NULL if it
 * is empty. */
static struct ct_bucket *
walk_lock(const struct ct_table *table, uint64_t position,
          struct ct_walk *walk)
{
    uint64_t hash = reverse(position);

    for (;;) {
        uint64_t n = ct_table_n__(table);
        uint32_t index = ct_table_index__(hash, n);
        struct ct_bucket *head = ct_table_bucket__(table, index);
        bool empty = !(ct_bucket_meta(head) & (CT_META_TAGS | CT_META_LOCK
                                               | CT_META_LINK));

        if (!empty) {
            ct_bucket_lock(head);
        }
        n = ct_table_n__(table);
        if (OVS_LIKELY(ct_table_index__(hash, n) == index)) {
            unsigned int level = bucket_level(index, n);
            uint64_t begin = reverse(index);

            walk->index = index;
            walk->whole = begin == position;
            walk->end = begin + (UINT64_C(1) << (64 - level));
            return empty ? NULL : head;
        }
        if (!empty) {
            ct_bucket_unlock(head);
        }
    }
}

/* Entries. */

/* The place of the original tuple, which every connection has once. */
static bool
is_original(uint64_t entry)
{
    return !(entry & (CT_ENTRY_REPLY | CT_ENTRY_LINK));
}

static uint64_t
entry_position(uint64_t entry)
{
    return reverse(ct_table_hash__(ct_entry_conn(entry), CT_DIR_ORIGINAL));
}

/* Copies out up to 'max' connections of the chain from 'position' on.  Returns
 * how many there are, which may be more. */
static size_t
walk_chain(struct ct_bucket *head, const struct ct_walk *walk,
           uint64_t position, struct ct_conn **conns, size_t max)
{
    size_t n = 0;

    for (struct ct_bucket *b = head; b; b = ct_bucket_next(b)) {
        uint64_t used = ct_meta_used(ct_bucket_meta(b));

        for (; used; used &= used - 1) {
            uint64_t entry = ct_bucket_entry(b, ct_meta_first(used));

            if (is_original(entry)
                && (walk->whole || entry_position(entry) >= position)) {
                if (n < max) {
                    conns[n] = ct_entry_conn(entry);
                }
                n++;
            }
        }
    }
    return n;
}

/* The first 'max' of the chain from '*position' on, which moves behind them:
 * for chains longer than the caller's array. */
static size_t
walk_part(struct ct_bucket *head, uint64_t *position, struct ct_conn **conns,
          size_t max)
{
    for (size_t n = 0; n < max; n++) {
        uint64_t best = UINT64_MAX;

        for (struct ct_bucket *b = head; b; b = ct_bucket_next(b)) {
            uint64_t used = ct_meta_used(ct_bucket_meta(b));

            for (; used; used &= used - 1) {
                uint64_t entry = ct_bucket_entry(b, ct_meta_first(used));

                if (is_original(entry)) {
                    uint64_t here = entry_position(entry);

                    if (here >= *position && here <= best) {
                        best = here;
                        conns[n] = ct_entry_conn(entry);
                    }
                }
            }
        }
        *position = best + 1;
    }
    return max;
}
