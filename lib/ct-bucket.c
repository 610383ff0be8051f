/* SPDX-License-Identifier: Apache-2.0 */

/* Chains of buckets: what ct-table.c does to one chain, under its lock. */

#include <config.h>

#include "ct-bucket.h"

#include "ct-pages.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"

/* Buckets that chains get beside those of the tables.  Some 12 % of all, so
 * that one store serves all tables.  It has several parts: whoever finds one
 * locked takes another, since its owner may have lost its CPU. */
#define SLAB_SIZE 65536
#define N_STORES 16
struct ct_bucket_store {
    OVS_ALIGNED_VAR(CACHE_LINE_SIZE) struct ct_spin lock;
    struct ct_bucket *free;     /* Linked through entries[0]. */
    char *slab;                 /* From 'used' on never used. */
    size_t used;
    int64_t n_out;              /* Given out, less those that came back. */
};

/* As ct_meta_used() of a full bucket. */
#define ALL_PLACES UINT64_C(0x80808080808080)

static struct ct_bucket_store stores[N_STORES];

static struct ct_bucket *extra_create(void);
static void extra_free(struct ct_bucket *);
static void chain_append(struct ct_bucket *last, struct ct_bucket *extra);
static void chain_unlink(struct ct_bucket *before, struct ct_bucket *last);
static void chain_replace_link(struct ct_bucket *before, uint64_t entry,
                               uint8_t tag);
static struct ct_bucket *chain_last(struct ct_bucket *head,
                                    struct ct_bucket **before);
static bool chain_gap(struct ct_bucket *head, const struct ct_bucket *end,
                      struct ct_place *);

void
ct_bucket_lock_contended__(struct ct_bucket *bucket)
{
    unsigned int turns = 0;

    do {
        ct_spin_pause(&turns);
    } while (!ct_bucket_try__(bucket));
}

/* Entries a bucket can hold: the last one's place may be a link. */
static unsigned int
capacity(uint64_t meta)
{
    return meta & CT_META_LINK ? CT_BUCKET_LAST : CT_BUCKET_N;
}

static uint64_t
tag_mask(unsigned int i)
{
    return UINT64_C(0xff) << (8 * i);
}

static uint8_t
tag_at(uint64_t meta, unsigned int i)
{
    return meta >> (8 * i);
}

static void
set_meta(struct ct_bucket *bucket, uint64_t meta)
{
    atomic_store_explicit(&bucket->meta, meta, memory_order_release);
}

static void
put(const struct ct_place *place, uint64_t entry, uint8_t tag)
{
    struct ct_bucket *bucket = place->bucket;
    uint64_t meta = ct_bucket_meta(bucket) & ~tag_mask(place->i);

    atomic_store_explicit(&bucket->entries[place->i], entry,
                          memory_order_release);
    set_meta(bucket, meta | (uint64_t) tag << (8 * place->i));
}

void
ct_bucket_clear(const struct ct_place *place)
{
    struct ct_bucket *bucket = place->bucket;

    set_meta(bucket, ct_bucket_meta(bucket) & ~tag_mask(place->i));
    atomic_store_explicit(&bucket->entries[place->i], 0,
                          memory_order_release);
}

/* Entries of 'head''s chain are about to change places. */
static void
next_version(struct ct_bucket *head)
{
    /* The version is the top of the word: it wraps by itself. */
    set_meta(head, ct_bucket_meta(head) + CT_META_VERSION);
}

bool
ct_chain_add(struct ct_bucket *head, uint64_t entry, uint8_t tag)
{
    uint64_t meta = ct_bucket_meta(head);
    uint64_t gaps = ALL_PLACES & ~ct_meta_used(meta);
    struct ct_place place = { head, ct_meta_first(gaps | CT_META_LOCK) };

    if (OVS_UNLIKELY(place.i >= capacity(meta))
        && !chain_gap(head, NULL, &place)) {
        struct ct_bucket *last = chain_last(head, NULL);
        struct ct_bucket *extra = extra_create();

        if (!extra) {
            return false;
        }
        chain_append(last, extra);
        place.bucket = extra;
        place.i = 1;
    }
    put(&place, entry, tag);
    return true;
}

bool
ct_chain_find(struct ct_bucket *head, uint64_t entry, uint8_t tag,
              struct ct_place *place)
{
    for (struct ct_bucket *b = head; b; b = ct_bucket_next(b)) {
        uint64_t match = ct_meta_match(ct_bucket_meta(b), tag);

        for (; match; match &= match - 1) {
            unsigned int i = ct_meta_first(match);

            if (ct_bucket_entry(b, i) == entry) {
                place->bucket = b;
                place->i = i;
                return true;
            }
        }
    }
    return false;
}

void
ct_chain_compact(struct ct_bucket *head)
{
    struct ct_bucket *before;

    while (ct_bucket_meta(head) & CT_META_LINK) {
        struct ct_bucket *last = chain_last(head, &before);
        uint64_t meta = ct_bucket_meta(last);
        uint64_t used = ct_meta_used(meta);
        struct ct_place to, from;

        if (!used) {
            chain_unlink(before, last);
            continue;
        }

        from.bucket = last;
        from.i = ct_meta_first(used);
        uint64_t entry = ct_bucket_entry(last, from.i);
        if (chain_gap(head, last, &to)) {
            put(&to, entry, tag_at(meta, from.i));
            next_version(head);
            ct_bucket_clear(&from);
        } else if (!(used & (used - 1))) {
            chain_replace_link(before, entry, tag_at(meta, from.i));
            extra_free(last);
        } else {
            break;
        }
    }
}

void
ct_chain_free(struct ct_bucket *head)
{
    struct ct_bucket *next;

    for (struct ct_bucket *b = ct_bucket_next(head); b; b = next) {
        next = ct_bucket_next(b);
        extra_free(b);
    }
    atomic_store_explicit(&head->entries[CT_BUCKET_LAST], 0,
                          memory_order_relaxed);
}

size_t
ct_bucket_n_extra(void)
{
    int64_t n = 0;

    for (int i = 0; i < N_STORES; i++) {
        ct_spin_lock(&stores[i].lock);
        n += stores[i].n_out;
        ct_spin_unlock(&stores[i].lock);
    }
    return n;
}

/* Links. */

/* Makes 'extra', empty, the one behind 'last', which is full: its last entry
 * moves to place 0 of 'extra'. */
static void
chain_append(struct ct_bucket *last, struct ct_bucket *extra)
{
    struct ct_place first = { extra, 0 };
    uint64_t meta = ct_bucket_meta(last);

    put(&first, ct_bucket_entry(last, CT_BUCKET_LAST),
        tag_at(meta, CT_BUCKET_LAST));

    /* A reader that has seen the entry's tag here finds the link in its place
     * and follows it. */
    atomic_store_explicit(&last->entries[CT_BUCKET_LAST],
                          (uintptr_t) extra | CT_ENTRY_LINK,
                          memory_order_release);
    set_meta(last, (meta & ~tag_mask(CT_BUCKET_LAST)) | CT_META_LINK);
}

static void
chain_unlink(struct ct_bucket *before, struct ct_bucket *last)
{
    set_meta(before, ct_bucket_meta(before) & ~CT_META_LINK);
    atomic_store_explicit(&before->entries[CT_BUCKET_LAST], 0,
                          memory_order_release);
    extra_free(last);
}

/* Puts the only entry of the bucket behind 'before' into the place of the
 * link to it.  A reader that knows of a link and finds none looks again, until
 * it sees the new 'meta'; one that has followed the link finds 'entry' where
 * it was. */
static void
chain_replace_link(struct ct_bucket *before, uint64_t entry, uint8_t tag)
{
    uint64_t meta = ct_bucket_meta(before) & ~CT_META_LINK;

    atomic_store_explicit(&before->entries[CT_BUCKET_LAST], entry,
                          memory_order_release);
    set_meta(before, meta | (uint64_t) tag << (8 * CT_BUCKET_LAST));
}

static struct ct_bucket *
chain_last(struct ct_bucket *head, struct ct_bucket **before)
{
    struct ct_bucket *last = head;

    for (struct ct_bucket *b; (b = ct_bucket_next(last)) != NULL; last = b) {
        if (before) {
            *before = last;
        }
    }
    return last;
}

/* A free place before 'end'. */
static bool
chain_gap(struct ct_bucket *head, const struct ct_bucket *end,
          struct ct_place *place)
{
    for (struct ct_bucket *b = head; b != end; b = ct_bucket_next(b)) {
        uint64_t meta = ct_bucket_meta(b);
        uint64_t gaps = ALL_PLACES & ~ct_meta_used(meta);

        if (gaps && ct_meta_first(gaps) < capacity(meta)) {
            place->bucket = b;
            place->i = ct_meta_first(gaps);
            return true;
        }
    }
    return false;
}

/* The stores. */

/* One of them, locked. */
static struct ct_bucket_store *
store_lock(void)
{
    for (unsigned int i = ovsthread_id_self(); ; i++) {
        struct ct_bucket_store *store = &stores[i % N_STORES];

        if (ct_spin_try(&store->lock)) {
            return store;
        }
    }
}

/* All that came back to one of the others: callbacks run in one thread, which
 * needs none itself. */
static void
store_refill(struct ct_bucket_store *store)
{
    for (int i = 0; i < N_STORES && !store->free; i++) {
        struct ct_bucket_store *other = &stores[i];

        if (other != store && ct_spin_try(&other->lock)) {
            store->free = other->free;
            other->free = NULL;
            ct_spin_unlock(&other->lock);
        }
    }
}

/* One that was never used, or NULL. */
static struct ct_bucket *
store_new(struct ct_bucket_store *store)
{
    struct ct_bucket *bucket;

    if (!store->slab || store->used == SLAB_SIZE) {
        char *slab = ct_pages_alloc(SLAB_SIZE, 4096, false);

        if (!slab) {
            return NULL;
        }
        store->slab = slab;
        store->used = 0;
    }
    bucket = (struct ct_bucket *) (store->slab + store->used);
    store->used += sizeof *bucket;
    return bucket;
}

static struct ct_bucket *
extra_create(void)
{
    struct ct_bucket_store *store = store_lock();

    if (!store->free) {
        store_refill(store);
    }

    struct ct_bucket *bucket = store->free;
    if (bucket) {
        store->free = (struct ct_bucket *) (uintptr_t) bucket->entries[0];
        if (store->free) {
            __builtin_prefetch(store->free, 1);
        }
    } else {
        bucket = store_new(store);
    }
    store->n_out += bucket != NULL;
    ct_spin_unlock(&store->lock);

    if (bucket) {
        memset(bucket, 0, sizeof *bucket);
    }
    return bucket;
}

/* RCU callback. */
static void
extra_ripe(struct ct_bucket *bucket)
{
    struct ct_bucket_store *store = store_lock();

    bucket->entries[0] = (uintptr_t) store->free;
    store->free = bucket;
    ct_spin_unlock(&store->lock);
}

static void
extra_free(struct ct_bucket *bucket)
{
    struct ct_bucket_store *store = store_lock();

    store->n_out--;
    ct_spin_unlock(&store->lock);
    ovsrcu_postpone(extra_ripe, bucket);
}
