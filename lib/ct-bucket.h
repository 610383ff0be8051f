/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_BUCKET_H
#define CT_BUCKET_H 1

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "ct-conn.h"
#include "ct-spin.h"

/* A bucket of a table: part of ct-table.c.
 * ========================================
 *
 * What
 * ----
 * One cache line: seven entries and a word 'meta' about them.
 *
 *     meta     byte 0..6   tag of the entry, 8 bits of its hash; 0: none
 *              bit 56      CT_META_LOCK
 *              bit 57      CT_META_LINK: the last entry is a link
 *              bit 58..63  version
 *
 *     entry    bit 0       CT_ENTRY_REPLY: the reply tuple's place of a
 *                          translated connection
 *              bit 1       CT_ENTRY_LINK: not an entry, but the address of
 *                          the next bucket of the chain
 *              bit 2       CT_ENTRY_NAT: a translated connection
 *              bit 3       CT_ENTRY_IPV6
 *              bit 5..47   address of the record
 *              bit 48..63  16 bits of the hash, from bit
 *                          CT_ENTRY_HASH_SHIFT on: enough to split a bucket
 *                          without a look at its records
 *
 * The first bucket of a chain stands in the table; its lock and its version
 * are the chain's.
 *
 * Threads
 * -------
 * Writers hold the lock.  Readers do not, and rely on this:
 *
 * - an entry is stored before its tag;
 * - an entry that changes its place within the chain is first stored in the
 *   new one, with its tag, and the version moves on; only then it is cleared
 *   in the old one.  Whoever misses it in both sees the new version (release
 *   in ct_bucket_put() and ct_bucket_clear(), acquire in ct_bucket_entry());
 * - where 'meta' speaks of a link and there is none, the reader begins again;
 *   where an entry turns out to be a link, it follows;
 * - a bucket that left its chain lives for another grace period. */

#define CT_BUCKET_N 7
#define CT_BUCKET_LAST (CT_BUCKET_N - 1)

#define CT_META_TAGS    UINT64_C(0x00ffffffffffffff)
#define CT_META_LOCK    (UINT64_C(1) << 56)
#define CT_META_LINK    (UINT64_C(1) << 57)
#define CT_META_VERSION (UINT64_C(1) << 58)     /* Least bit of it. */

#define CT_ENTRY_REPLY  UINT64_C(1)
#define CT_ENTRY_LINK   UINT64_C(2)
#define CT_ENTRY_NAT    UINT64_C(4)
#define CT_ENTRY_IPV6   UINT64_C(8)
#define CT_ENTRY_POINTER UINT64_C(0x0000ffffffffffe0)

/* Tables start with 2^CT_ENTRY_HASH_SHIFT buckets. */
#define CT_ENTRY_HASH_SHIFT 5
#define CT_ENTRY_HASH_BITS 16

struct ct_bucket {
    OVS_ALIGNED_VAR(CACHE_LINE_SIZE) _Atomic uint64_t meta;
    _Atomic uint64_t entries[CT_BUCKET_N];
};
BUILD_ASSERT_DECL(sizeof(struct ct_bucket) == CACHE_LINE_SIZE);

/* Reading. */

static inline uint64_t
ct_bucket_meta(const struct ct_bucket *bucket)
{
    return atomic_load_explicit(&bucket->meta, memory_order_acquire);
}

static inline uint64_t
ct_bucket_entry(const struct ct_bucket *bucket, unsigned int i)
{
    return atomic_load_explicit(&bucket->entries[i], memory_order_acquire);
}

/* The next bucket of the chain, or NULL. */
static inline struct ct_bucket *
ct_bucket_next(const struct ct_bucket *bucket)
{
    uint64_t entry = ct_bucket_entry(bucket, CT_BUCKET_LAST);

    return (entry & CT_ENTRY_LINK
            ? (struct ct_bucket *) (uintptr_t) (entry & CT_ENTRY_POINTER)
            : NULL);
}

/* The upper end of the hash: tables are indexed by the lower one. */
static inline uint8_t
ct_hash_tag(uint64_t hash)
{
    uint8_t tag = hash >> 56;

    return tag + !tag;
}

/* In bits 8 * i + 7 a one where the tag of entry i is 'tag'.  There may be a
 * few ones too many (above a true one, by the carry): just candidates. */
static inline uint64_t
ct_meta_match(uint64_t meta, uint8_t tag)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t x = meta ^ ones * tag;

    return (x - ones) & ~x & (ones << 7) & CT_META_TAGS;
}

/* One for each entry in use, likewise. */
static inline uint64_t
ct_meta_used(uint64_t meta)
{
    const uint64_t low7 = UINT64_C(0x007f7f7f7f7f7f7f);

    return (((meta & low7) + low7) | meta) & (~low7 & CT_META_TAGS);
}

static inline unsigned int
ct_meta_first(uint64_t match)
{
    return __builtin_ctzll(match) / 8;
}

static inline struct ct_conn *
ct_entry_conn(uint64_t entry)
{
    return (struct ct_conn *) (uintptr_t) (entry & CT_ENTRY_POINTER);
}

/* True if the hash bits in 'entry' are not those of 'hash'. */
static inline bool
ct_entry_differs(uint64_t entry, uint64_t hash)
{
    return (entry ^ hash << (48 - CT_ENTRY_HASH_SHIFT)) >> 48;
}

/* 'flags': CT_ENTRY_REPLY, CT_ENTRY_NAT, CT_ENTRY_IPV6. */
static inline uint64_t
ct_entry_make(const struct ct_conn *conn, uint64_t flags, uint64_t hash)
{
    return ((uintptr_t) conn | flags
            | (hash >> CT_ENTRY_HASH_SHIFT & 0xffff) << 48);
}

/* Writing. */

void ct_bucket_lock_contended__(struct ct_bucket *);

static inline bool
ct_bucket_try__(struct ct_bucket *bucket)
{
    uint64_t meta = atomic_load_explicit(&bucket->meta, memory_order_relaxed);

    return (!(meta & CT_META_LOCK)
            && atomic_compare_exchange_weak_explicit(
                &bucket->meta, &meta, meta | CT_META_LOCK,
                memory_order_acquire, memory_order_relaxed));
}

static inline void
ct_bucket_lock(struct ct_bucket *bucket)
{
    if (OVS_UNLIKELY(!ct_bucket_try__(bucket))) {
        ct_bucket_lock_contended__(bucket);
    }
}

static inline void
ct_bucket_unlock(struct ct_bucket *bucket)
{
    uint64_t meta = atomic_load_explicit(&bucket->meta, memory_order_relaxed);

    atomic_store_explicit(&bucket->meta, meta & ~CT_META_LOCK,
                          memory_order_release);
}

/* A place in a chain. */
struct ct_place {
    struct ct_bucket *bucket;
    unsigned int i;
};

/* Adds 'entry' to the chain that begins with 'head'.  False if that needs a
 * bucket and there is no memory. */
bool ct_chain_add(struct ct_bucket *head, uint64_t entry, uint8_t tag);
/* Finds exactly 'entry'. */
bool ct_chain_find(struct ct_bucket *head, uint64_t entry, uint8_t tag,
                   struct ct_place *);
void ct_bucket_clear(const struct ct_place *);
/* Moves entries from the end of the chain into gaps, and gives back buckets
 * that become empty. */
void ct_chain_compact(struct ct_bucket *head);
/* Gives back all but the first: at once for chains that no reader ever
 * saw. */
void ct_chain_free(struct ct_bucket *head);

/* Buckets outside of tables, over all tables. */
size_t ct_bucket_n_extra(void);

#endif /* ct-bucket.h */
