/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_TABLE_PRIVATE_H
#define CT_TABLE_PRIVATE_H 1

#include "ct-bucket.h"
#include "ct-pages.h"
#include "ct-table.h"

/* The inside of a table: for ct-table.c and ct-table-walk.c.
 * ==========================================================
 *
 * Growth is linear hashing.  Of n = 2^level + split buckets, those under
 * 'split' and those from 2^level on use level + 1 bits of the hash, the others
 * 'level' bits: n alone tells the bucket of a hash.  A split shares out bucket
 * 'split' between itself and bucket n, the new last one. */

#define CT_TABLE_FIRST_LEVEL CT_ENTRY_HASH_SHIFT
#define CT_TABLE_FIRST_SIZE (1u << CT_TABLE_FIRST_LEVEL)
#define CT_TABLE_MAX_LEVEL 31
#define CT_TABLE_N_SEGMENTS (CT_TABLE_MAX_LEVEL - CT_TABLE_FIRST_LEVEL + 1)

/* Buckets of a huge page.  So many stand in small pages. */
#define CT_TABLE_PAGE (CT_HUGE_PAGE / sizeof(struct ct_bucket))

/* Entries are counted by thread; every so many inserts of one, it looks at the
 * sum, and splits what is missing. */
#define CT_TABLE_N_COUNTS 8
struct ct_table_count {
    OVS_ALIGNED_VAR(CACHE_LINE_SIZE) _Atomic int64_t n;     /* [A] */
};

/* [I] immutable, [A] atomic, [G] under 'growing', [P] under 'preparing'. */
struct ct_table {
    _Atomic uint64_t n_buckets; /* [A] Written [G]. */
    _Atomic uint64_t n_ready;   /* [A] Buckets that have memory.  Written [G]
                                 * up to CT_TABLE_PAGE, [P] beyond. */

    /* [A] Written before buckets in them are ready.  segments[0] are the
     * first 2^FIRST_LEVEL buckets, segments[i] the 2^(FIRST_LEVEL + i - 1)
     * behind them. */
    struct ct_bucket *_Atomic segments[CT_TABLE_N_SEGMENTS];
    struct ct_spin growing;
    struct ct_spin preparing;
    struct latch *wanted;       /* [I] May be NULL. */
    _Atomic bool asked;         /* [A] 'wanted' is set for this table. */

    struct ct_table_count counts[CT_TABLE_N_COUNTS];
};

/* Acquire: buckets that are counted are filled. */
static inline uint64_t
ct_table_n__(const struct ct_table *table)
{
    return atomic_load_explicit(&table->n_buckets, memory_order_acquire);
}

static inline uint32_t
ct_table_index__(uint64_t hash, uint64_t n_buckets)
{
    uint64_t mask = UINT64_MAX >> __builtin_clzll(n_buckets);
    uint64_t index = hash & mask;

    return index < n_buckets ? index : index & mask >> 1;
}

static inline struct ct_bucket *
ct_table_bucket__(const struct ct_table *table, uint32_t index)
{
    unsigned int bits = 32 - __builtin_clz(index | (CT_TABLE_FIRST_SIZE - 1));
    unsigned int segment = bits - CT_TABLE_FIRST_LEVEL;
    uint32_t first = segment ? UINT32_C(1) << (bits - 1) : 0;

    return (atomic_load_explicit(&table->segments[segment],
                                 memory_order_relaxed)
            + (index - first));
}

/* Hash of the tuple that 'conn' has stored for direction 'dir': only
 * translated connections have one for CT_DIR_REPLY. */
uint64_t ct_table_hash__(const struct ct_conn *, enum ct_dir);

#endif /* ct-table-private.h */
