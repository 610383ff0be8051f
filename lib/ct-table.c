/* SPDX-License-Identifier: Apache-2.0 */

/* A zone's table: asked by ct.c for each packet that does not carry its
 * connection along, changed by ct-commit.c and by whoever ends a connection.
 * Calls ct-bucket.c for what happens within one bucket. */

#include <config.h>

#include "ct-table.h"

#include <errno.h>

#include "ct-hash.h"
#include "ct-pages.h"
#include "ct-spin.h"
#include "ct-table-batch.h"
#include "ovs-thread.h"

/* Halves of entries a bucket above which the table grows: 4.5 of 7, where just
 * before its split a bucket has twice the average.  16 bytes an entry, chains
 * included, and one lookup in eleven has to look into a second bucket.  (At 3
 * of 7 it is 22 bytes and one lookup in 45.) */
#define LOAD_HALVES 9

/* Inserts of a thread between two looks at the sum, and the splits that it
 * then does at most: a few together, since each makes all other threads fetch
 * the number of buckets anew. */
#define CHECK_INTERVAL 64
#define MAX_SPLITS 24

/* A connection's place or two: hash and entry by direction. */
struct ct_table_places {
    unsigned int n;
    uint64_t hash[CT_DIR_MAX];
    uint64_t entry[CT_DIR_MAX];
    uint32_t index[CT_DIR_MAX];         /* While locked. */
};

static size_t segment_bytes(unsigned int);
static struct ct_bucket *segment_create(unsigned int);
static void segment_free(struct ct_bucket *, unsigned int);
static struct ct_conn *chain_lookup(const struct ct_bucket *head,
                                    uint64_t hash,
                                    const struct ct_table_query *,
                                    enum ct_dir *, uint64_t *meta);
static void places_init(struct ct_table_places *, const struct ct_conn *);
static void places_lock(const struct ct_table *, struct ct_table_places *);
static void places_unlock(const struct ct_table *,
                          const struct ct_table_places *);
static struct ct_conn *places_clash(const struct ct_table *,
                                    const struct ct_table_places *,
                                    const struct ct_conn *);
static bool place_add(const struct ct_table *, const struct ct_table_places *,
                      enum ct_dir);
static bool place_remove(const struct ct_table *,
                         const struct ct_table_places *, enum ct_dir);
static void count_removed(struct ct_table *, unsigned int n);
static void count_inserted(struct ct_table *, unsigned int n);
static void grow(struct ct_table *);

struct ct_table *
ct_table_create(void)
{
    struct ct_table *table = xzalloc_cacheline(sizeof *table);
    struct ct_bucket *first = segment_create(0);

    if (!first) {
        free_cacheline(table);
        return NULL;
    }
    ct_spin_init(&table->growing);
    atomic_init(&table->segments[0], first);
    atomic_init(&table->n_buckets, CT_TABLE_FIRST_SIZE);
    return table;
}

void
ct_table_destroy(struct ct_table *table)
{
    if (!table) {
        return;
    }

    uint64_t n = ct_table_n__(table);
    for (uint64_t i = 0; i < n; i++) {
        struct ct_bucket *bucket = ct_table_bucket__(table, i);

        if (ct_bucket_meta(bucket) & CT_META_LINK) {
            ct_chain_free(bucket);
        }
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(table->segments); i++) {
        segment_free(table->segments[i], i);
    }
    free_cacheline(table);
}

struct ct_conn *
ct_table_find(const struct ct_table *table, const struct ct_tuple *tuple,
              const struct ct_key *key, const struct ct_key *inverse,
              uint64_t hash, enum ct_dir *dir)
{
    const struct ct_table_query query = {
        .tuple = tuple, .key = key, .inverse = inverse, .both = false,
    };

    for (;;) {
        uint32_t index = ct_table_index__(hash, ct_table_n__(table));
        const struct ct_bucket *head = ct_table_bucket__(table, index);
        uint64_t meta;

        struct ct_conn *conn = chain_lookup(head, hash, &query, dir, &meta);
        if (OVS_LIKELY(conn)) {
            return conn;
        }

        /* Missed.  Was it moved on the way, within the chain or to the bucket
         * that was split off?  Pairs with the stores before an entry's old
         * place is cleared, in ct_chain_compact() and split(). */
        uint64_t version = ct_bucket_meta(head) / CT_META_VERSION;
        if (OVS_LIKELY(version == meta / CT_META_VERSION
                       && index == ct_table_index__(hash,
                                                    ct_table_n__(table)))) {
            return NULL;
        }
    }
}

int
ct_table_insert(struct ct_table *table, struct ct_conn *conn,
                struct ct_conn **clashp)
{
    struct ct_table_places places;
    struct ct_conn *clash;
    int error = 0;

    places_init(&places, conn);
    places_lock(table, &places);
    clash = places_clash(table, &places, conn);
    if (OVS_UNLIKELY(clash)) {
        error = EEXIST;
    } else if (!place_add(table, &places, CT_DIR_ORIGINAL)) {
        error = ENOMEM;
    } else if (places.n > 1 && !place_add(table, &places, CT_DIR_REPLY)) {
        place_remove(table, &places, CT_DIR_ORIGINAL);
        error = ENOMEM;
    }
    places_unlock(table, &places);

    if (!error) {
        count_inserted(table, places.n);
    } else if (clashp) {
        *clashp = clash;
    }
    return error;
}

bool
ct_table_remove(struct ct_table *table, struct ct_conn *conn)
{
    struct ct_table_places places;
    bool removed;

    places_init(&places, conn);
    places_lock(table, &places);
    removed = place_remove(table, &places, CT_DIR_ORIGINAL);
    if (removed && places.n > 1) {
        place_remove(table, &places, CT_DIR_REPLY);
    }
    places_unlock(table, &places);

    if (removed) {
        count_removed(table, places.n);
    }
    return removed;
}

size_t
ct_table_n_buckets(const struct ct_table *table)
{
    return ct_table_n__(table);
}

/* Searching a chain. */

/* One walk over a chain; '*meta' is the word of its head that it began with.
 * A miss means nothing if the chain has another version by now. */
static inline struct ct_conn *
chain_lookup(const struct ct_bucket *head, uint64_t hash,
             const struct ct_table_query *query, enum ct_dir *dir,
             uint64_t *metap)
{
    uint8_t tag = ct_hash_tag(hash);
    const struct ct_bucket *b;
    uint64_t meta;
    bool link;

 again:
    b = head;
    *metap = meta = ct_bucket_meta(b);
    for (;;) {
        uint64_t match = ct_meta_match(meta, tag);

        link = meta & CT_META_LINK;
        for (; match; match &= match - 1) {
            uint64_t entry = ct_bucket_entry(b, ct_meta_first(match));

            if (OVS_UNLIKELY(entry & CT_ENTRY_LINK)) {
                link = true;
            } else if (entry && !ct_entry_differs(entry, hash)
                       && ct_entry_matches__(entry, query, dir)) {
                return ct_entry_conn(entry);
            }
        }
        if (OVS_LIKELY(!link)) {
            return NULL;
        }
        b = ct_bucket_next(b);
        if (OVS_UNLIKELY(!b)) {
            goto again;
        }
        meta = ct_bucket_meta(b);
    }
}

/* A connection's places. */

static void
key_inverse(const struct ct_conn *conn, enum ct_dir dir,
            const struct ct_key *key, struct ct_key *inverse)
{
    *inverse = *key;
    if (ct_conn_is_ipv6(conn)) {
        const struct ct_conn_addrs6 *addrs = ct_conn_addrs6(conn, dir);

        inverse->digest = ct_hash_addrs6(&addrs->dst, &addrs->src);
    } else {
        inverse->ip.src = key->ip.dst;
        inverse->ip.dst = key->ip.src;
    }
    inverse->src_port = key->dst_port;
    inverse->dst_port = key->src_port;
    inverse->kind = ct_kind_inverse(key->kind);
}

uint64_t
ct_table_hash__(const struct ct_conn *conn, enum ct_dir dir)
{
    const struct ct_key *key = (dir == CT_DIR_ORIGINAL ? &conn->key
                                : &ct_conn_nat(conn)->reply_key);
    struct ct_key inverse;

    key_inverse(conn, dir, key, &inverse);
    return ct_hash_keys(key, &inverse);
}

static void
places_init(struct ct_table_places *places, const struct ct_conn *conn)
{
    uint64_t flags = ((ct_conn_is_nat(conn) ? CT_ENTRY_NAT : 0)
                      | (ct_conn_is_ipv6(conn) ? CT_ENTRY_IPV6 : 0));

    places->n = flags & CT_ENTRY_NAT ? 2 : 1;
    for (unsigned int i = 0; i < places->n; i++) {
        uint64_t hash = ct_table_hash__(conn, i);

        places->hash[i] = hash;
        places->entry[i] = ct_entry_make(
            conn, flags | (i ? CT_ENTRY_REPLY : 0), hash);
    }
}

/* Locks the buckets of 'places', in order, so that they stay theirs. */
static void
places_lock(const struct ct_table *table, struct ct_table_places *places)
{
    for (;;) {
        uint64_t n = ct_table_n__(table);
        uint32_t a = ct_table_index__(places->hash[0], n);
        uint32_t b = places->n > 1 ? ct_table_index__(places->hash[1], n) : a;

        places->index[0] = a;
        places->index[1] = b;
        ct_bucket_lock(ct_table_bucket__(table, MIN(a, b)));
        if (a != b) {
            ct_bucket_lock(ct_table_bucket__(table, MAX(a, b)));
        }

        /* Splitting takes the lock too: no split from here on. */
        n = ct_table_n__(table);
        if (OVS_LIKELY(ct_table_index__(places->hash[0], n) == a
                       && (places->n == 1
                           || ct_table_index__(places->hash[1], n) == b))) {
            return;
        }
        places_unlock(table, places);
    }
}

static void
places_unlock(const struct ct_table *table,
              const struct ct_table_places *places)
{
    ct_bucket_unlock(ct_table_bucket__(table, places->index[0]));
    if (places->index[0] != places->index[1]) {
        ct_bucket_unlock(ct_table_bucket__(table, places->index[1]));
    }
}

/* The connection that has one of the tuples of 'conn', or NULL. */
static struct ct_conn *
places_clash(const struct ct_table *table,
             const struct ct_table_places *places, const struct ct_conn *conn)
{
    for (unsigned int i = 0; i < places->n; i++) {
        const struct ct_key *key = (i == CT_DIR_ORIGINAL ? &conn->key
                                    : &ct_conn_nat(conn)->reply_key);
        struct ct_tuple tuple;
        struct ct_key inverse;
        uint64_t meta;
        enum ct_dir dir;

        key_inverse(conn, i, key, &inverse);
        tuple.kind = key->kind;
        if (ct_conn_is_ipv6(conn)) {
            ct_conn_tuple(conn, i, &tuple);     /* For its addresses. */
        }

        /* Without translation, the inverse is this connection's, too. */
        const struct ct_table_query query = {
            .tuple = &tuple, .key = key, .inverse = &inverse,
            .both = places->n == 1,
        };
        struct ct_conn *clash = chain_lookup(
            ct_table_bucket__(table, places->index[i]), places->hash[i],
            &query, &dir, &meta);
        if (clash) {
            return clash;
        }
    }
    return NULL;
}

static bool
place_add(const struct ct_table *table, const struct ct_table_places *places,
          enum ct_dir dir)
{
    return ct_chain_add(ct_table_bucket__(table, places->index[dir]),
                        places->entry[dir], ct_hash_tag(places->hash[dir]));
}

static bool
place_remove(const struct ct_table *table,
             const struct ct_table_places *places, enum ct_dir dir)
{
    struct ct_bucket *head = ct_table_bucket__(table, places->index[dir]);
    struct ct_place place;

    if (!ct_chain_find(head, places->entry[dir],
                       ct_hash_tag(places->hash[dir]), &place)) {
        return false;
    }
    ct_bucket_clear(&place);
    ct_chain_compact(head);
    return true;
}

/* Growth. */

/* Bit 'level' of the hash that 'entry' was made with. */
static bool
entry_hash_bit(uint64_t entry, unsigned int level)
{
    if (level < CT_ENTRY_HASH_SHIFT + CT_ENTRY_HASH_BITS) {
        return entry >> (48 + level - CT_ENTRY_HASH_SHIFT) & 1;
    }
    return ct_table_hash__(ct_entry_conn(entry),
                     entry & CT_ENTRY_REPLY ? CT_DIR_REPLY : CT_DIR_ORIGINAL)
           >> level & 1;
}

/* Copies the entries of 'old' that belong to 'new' there, or clears them in
 * 'old'.  False if there is no memory. */
static bool
split_chain(struct ct_bucket *old, struct ct_bucket *new, unsigned int level)
{
    for (struct ct_bucket *b = old; b; b = ct_bucket_next(b)) {
        uint64_t meta = ct_bucket_meta(b);
        uint64_t used = ct_meta_used(meta);

        for (; used; used &= used - 1) {
            struct ct_place place = { b, ct_meta_first(used) };
            uint64_t entry = ct_bucket_entry(b, place.i);

            if (!entry_hash_bit(entry, level)) {
                continue;
            }
            if (!new) {
                ct_bucket_clear(&place);
            } else if (!ct_chain_add(new, entry, meta >> (8 * place.i))) {
                return false;
            }
        }
    }
    return true;
}

static bool
ensure_segment(struct ct_table *table, uint64_t n)
{
    if (n & (n - 1)) {
        return true;            /* Not the first bucket of a segment. */
    }

    unsigned int i = __builtin_ctzll(n) - CT_TABLE_FIRST_LEVEL + 1;
    if (i >= ARRAY_SIZE(table->segments)) {
        return false;
    }
    if (!atomic_load_explicit(&table->segments[i], memory_order_relaxed)) {
        struct ct_bucket *segment = segment_create(i);

        if (!segment) {
            return false;
        }
        atomic_store_explicit(&table->segments[i], segment,
                              memory_order_relaxed);
    }
    return true;
}

static void
split(struct ct_table *table)
{
    uint64_t n = ct_table_n__(table);

    if (!ensure_segment(table, n)) {
        return;                 /* Chains grow instead. */
    }

    unsigned int level = 63 - __builtin_clzll(n);
    uint64_t first = UINT64_C(1) << level;
    struct ct_bucket *old = ct_table_bucket__(table, n - first);
    struct ct_bucket *new = ct_table_bucket__(table, n);

    ct_bucket_lock(old);
    if (split_chain(old, new, level)) {
        /* From here on the entries are looked for, and changed, in 'new'. */
        atomic_store_explicit(&table->n_buckets, n + 1, memory_order_release);
        split_chain(old, NULL, level);
        ct_chain_compact(old);
    } else {
        ct_chain_free(new);
        memset(new, 0, sizeof *new);
    }
    ct_bucket_unlock(old);
}

/* Fetches what the next 'n' splits change, as far as there is memory yet. */
static void
prefetch_splits(const struct ct_table *table, unsigned int n)
{
    uint64_t n_buckets = ct_table_n__(table);
    uint64_t half = (UINT64_MAX >> __builtin_clzll(n_buckets) >> 1) + 1;

    for (uint64_t i = n_buckets; i < n_buckets + n && i < 2 * half; i++) {
        if (n_buckets > half) {     /* Else its segment is yet to come. */
            __builtin_prefetch(ct_table_bucket__(table, i), 1);
        }
        __builtin_prefetch(ct_table_bucket__(table, i - half), 1);
    }
}

static void
count_removed(struct ct_table *table, unsigned int n)
{
    struct ct_table_count *count = &table->counts[ovsthread_id_self()
                                                  % CT_TABLE_N_COUNTS];

    atomic_fetch_sub_explicit(&count->n, n, memory_order_relaxed);
}

static void
count_inserted(struct ct_table *table, unsigned int n)
{
    struct ct_table_count *count = &table->counts[ovsthread_id_self()
                                                  % CT_TABLE_N_COUNTS];
    int64_t before = atomic_fetch_add_explicit(&count->n, n,
                                               memory_order_relaxed);

    if ((before + n) / CHECK_INTERVAL != before / CHECK_INTERVAL) {
        grow(table);
    }
}

/* Splits what is missing, unless another thread is at it. */
static void
grow(struct ct_table *table)
{
    int64_t total = 0;

    for (size_t i = 0; i < CT_TABLE_N_COUNTS; i++) {
        total += atomic_load_explicit(&table->counts[i].n,
                                      memory_order_relaxed);
    }

    int64_t missing = total * 2 / LOAD_HALVES - (int64_t) ct_table_n__(table);
    if (missing > 0 && ct_spin_try(&table->growing)) {
        missing = MIN(missing, MAX_SPLITS);
        prefetch_splits(table, missing);
        for (; missing > 0; missing--) {
            split(table);
        }
        ct_spin_unlock(&table->growing);
    }
}

/* Segments. */

static size_t
segment_bytes(unsigned int i)
{
    return (i ? (size_t) CT_TABLE_FIRST_SIZE << (i - 1) : CT_TABLE_FIRST_SIZE)
           * sizeof(struct ct_bucket);
}

static bool
segment_is_mapped(unsigned int i)
{
    return segment_bytes(i) >= 64 * 1024;
}

static struct ct_bucket *
segment_create(unsigned int i)
{
    size_t bytes = segment_bytes(i);
    struct ct_bucket *segment;

    if (segment_is_mapped(i)) {
        bool huge = bytes >= CT_HUGE_PAGE;

        return ct_pages_alloc(bytes, huge ? CT_HUGE_PAGE : 4096, huge);
    }
    segment = aligned_alloc(CACHE_LINE_SIZE, bytes);
    if (segment) {
        memset(segment, 0, bytes);
    }
    return segment;
}

static void
segment_free(struct ct_bucket *segment, unsigned int i)
{
    if (segment_is_mapped(i)) {
        ct_pages_free(segment, segment_bytes(i));
    } else {
        free(segment);
    }
}
