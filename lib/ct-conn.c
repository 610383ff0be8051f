/* SPDX-License-Identifier: Apache-2.0 */

/* The record and its memory: taken by ct-commit.c for a connection that is
 * about to be confirmed, given back by the maintenance thread (ct-wheel.c)
 * when it has ended.  Calls ct-id.c and ct-chunk.c. */

#include <config.h>

#include "ct-conn.h"

#include "ct-helper.h"
#include "ct-id.h"
#include "ct-news.h"
#include "ct-spin.h"
#include "latch.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"

/* By kind.  Strides are multiples of 32: the table uses the low bits of
 * pointers, and numbers count in 32 bytes. */
#define ADDRS6 sizeof(struct ct_conn_addrs6)
#define NAT sizeof(struct ct_conn_nat)
#define NAT_LINKS offsetof(struct ct_conn_nat, links)
static const struct ct_chunk_layout layouts[CT_CONN_N_KINDS] = {
    [CT_CONN_V4] = {
        .kind = CT_CONN_V4,
        .stride = sizeof(struct ct_conn),
    },
    [CT_CONN_V4_NAT] = {
        .kind = CT_CONN_V4_NAT,
        .stride = sizeof(struct ct_conn) + NAT,
        .links = sizeof(struct ct_conn) + NAT_LINKS,
    },
    [CT_CONN_V6] = {
        .kind = CT_CONN_V6,
        .stride = sizeof(struct ct_conn) + ADDRS6,
    },
    [CT_CONN_V6_NAT] = {
        .kind = CT_CONN_V6_NAT,
        .stride = sizeof(struct ct_conn) + 2 * ADDRS6 + NAT,
        .links = sizeof(struct ct_conn) + 2 * ADDRS6 + NAT_LINKS,
    },
};
BUILD_ASSERT_DECL(sizeof(struct ct_conn) % 32 == 0);
BUILD_ASSERT_DECL(NAT % 32 == 0);
BUILD_ASSERT_DECL(ADDRS6 % 32 == 0);

/* Free records of one kind on their way.  Just pointers: records that nobody
 * has used yet are not touched. */
#define BATCH_SIZE CT_CHUNK_GROUP
struct ct_conn_batch {
    struct ct_conn_batch *next;         /* In the depot. */
    struct ct_conn_memory *memory;
    uint32_t kind;                      /* enum ct_conn_kind. */
    uint32_t n;
    struct ct_conn *conns[BATCH_SIZE];
};

/* The chunk from which on a kind has huge pages. */
#define FIRST_HUGE 2

/* Chunks are kept ready while a kind grows: half a chunk, twice as much each
 * time that this was too little, up to eight.  After so long without growth
 * they go back to the system. */
#define MAX_LEAD 16
#define CALM_MSEC 500

/* What one thread, or a few, allocate from. */
#define N_SHARDS 16
struct ct_conn_shard {
    OVS_ALIGNED_VAR(CACHE_LINE_SIZE) struct ct_spin lock;
    struct ct_id_range ids;
    struct ct_conn_batch *batches[CT_CONN_N_KINDS];
};

struct ct_conn_pool {           /* By kind, all under 'mutex'. */
    struct ct_conn_batch *depot;        /* Full of free records. */
    struct ct_conn_batch *pending;      /* Freed, not yet postponed. */
    struct ct_chunk *chunk;             /* Records from 'used' on are new. */
    struct ct_chunk *spares;            /* The next ones. */
    uint32_t n_spares;
    uint32_t lead;                      /* So many half chunks shall be ready:
                                         * 1 to MAX_LEAD. */
    uint32_t used;                      /* Index into 'chunk'. */
    uint32_t n_chunks;                  /* Without the spare ones. */
    size_t n_used;                      /* Records, over all chunks. */
    size_t n_used_before;               /* At the last periodic work ... */
    long long grown_at;                 /* ... at which it had changed. */
};

struct ct_conn_memory {
    struct ct_chunks chunks;    /* First: ct_conn_chunks(). */

    /* Legend: [I] immutable, [M] under 'mutex'.  'mutex' is the inner one of
     * it and a shard's lock. */
    struct ct_conn_shard shards[N_SHARDS];

    struct ovs_mutex mutex;
    struct ct_conn_pool pools[CT_CONN_N_KINDS];     /* [M] */
    struct ct_id_space *ids;                        /* [I] Refilled: [M] */
    size_t n_references;        /* [M] The owner's, and one per batch that
                                 * waits for its grace period. */
    bool destroyed;             /* [M] */
    struct latch wanted;        /* Set when a chunk should be made ready. */
};
BUILD_ASSERT_DECL(!offsetof(struct ct_conn_memory, chunks));

static bool is_inverse(const struct ct_tuple *, const struct ct_tuple *);
static enum ct_conn_kind kind_of(const struct ct_tuple *, bool nat);
static void fill_in(struct ct_conn *, enum ct_conn_kind, uint16_t zone,
                    const struct ct_tuple *original,
                    const struct ct_tuple *reply);
static struct ct_conn *shard_get(struct ct_conn_memory *, enum ct_conn_kind,
                                 uint32_t *id);
static void shard_put(struct ct_conn_memory *, struct ct_conn *);
static void pending_add(struct ct_conn_memory *, struct ct_conn *)
    OVS_REQUIRES(memory->mutex);
static void pending_postpone(struct ct_conn_memory *, enum ct_conn_kind)
    OVS_REQUIRES(memory->mutex);
static void memory_unref(struct ct_conn_memory *)
    OVS_RELEASES(memory->mutex);
static void keep_spare_chunks(struct ct_conn_memory *, enum ct_conn_kind,
                              long long now);

void
ct_conn_tuple(const struct ct_conn *conn, enum ct_dir dir,
              struct ct_tuple *tuple)
{
    bool stored = dir == CT_DIR_ORIGINAL || ct_conn_is_nat(conn);
    enum ct_dir from = stored ? dir : CT_DIR_ORIGINAL;
    const struct ct_key *key = (from == CT_DIR_ORIGINAL ? &conn->key
                                : &ct_conn_nat(conn)->reply_key);
    struct ct_tuple t = {
        .src_port = key->src_port,
        .dst_port = key->dst_port,
        .proto = key->proto,
        .kind = key->kind,
    };

    if (ct_conn_is_ipv6(conn)) {
        const struct ct_conn_addrs6 *addrs = ct_conn_addrs6(conn, from);

        t.src.ip6 = addrs->src;
        t.dst.ip6 = addrs->dst;
    } else {
        t.src.ip = key->ip.src;
        t.dst.ip = key->ip.dst;
    }

    if (stored) {
        *tuple = t;
    } else {
        ct_tuple_invert(&t, tuple);
    }
}

struct ct_conn_kin *
ct_conn_ext_kin(struct ct_conn_ext *ext)
{
    if (!ext->kin) {
        ext->kin = xzalloc(sizeof *ext->kin);
    }
    return ext->kin;
}

void
ct_conn_ext_free(struct ct_conn_ext *ext)
{
    if (ext) {
        if (ext->kin) {
            ct_help_free(ext->kin->help);
            free(ext->kin);
        }
        free(ext);
    }
}

struct ct_conn_memory *
ct_conn_memory_create(void)
{
    struct ct_conn_memory *memory = xzalloc_cacheline(sizeof *memory);

    ct_chunks_init(&memory->chunks);
    memory->ids = ct_id_space_create();
    memory->n_references = 1;
    ovs_mutex_init(&memory->mutex);
    latch_init(&memory->wanted);
    for (size_t i = 0; i < N_SHARDS; i++) {
        ct_spin_init(&memory->shards[i].lock);
    }
    for (int kind = 0; kind < CT_CONN_N_KINDS; kind++) {
        memory->pools[kind].lead = 1;
    }
    return memory;
}

void
ct_conn_memory_destroy(struct ct_conn_memory *memory)
{
    if (memory) {
        ovs_mutex_lock(&memory->mutex);
        memory->destroyed = true;
        memory_unref(memory);
    }
}

struct ct_conn *
ct_conn_alloc(struct ct_conn_memory *memory, uint16_t zone,
              const struct ct_tuple *original, const struct ct_tuple *reply)
{
    enum ct_conn_kind kind = kind_of(original, !is_inverse(original, reply));
    struct ct_conn *conn;
    uint32_t id;

    conn = shard_get(memory, kind, &id);
    if (OVS_UNLIKELY(!conn)) {
        return NULL;
    }
    fill_in(conn, kind, zone, original, reply);

    /* Last: whoever remembers this place compares the id first. */
    __atomic_store_n(&conn->id, id, __ATOMIC_RELEASE);
    return conn;
}

void
ct_conn_free(struct ct_conn_memory *memory, struct ct_conn *conn)
{
    ct_id_put(memory->ids, conn->id);
    __atomic_store_n(&conn->id, 0, __ATOMIC_RELEASE);
    shard_put(memory, conn);
}

void
ct_conn_free_postponed(struct ct_conn_memory *memory, struct ct_conn *conn)
{
    ovs_mutex_lock(&memory->mutex);
    pending_add(memory, conn);
    ovs_mutex_unlock(&memory->mutex);
}

void
ct_conn_memory_run(struct ct_conn_memory *memory, long long now)
{
    latch_poll(&memory->wanted);
    for (int kind = 0; kind < CT_CONN_N_KINDS; kind++) {
        ovs_mutex_lock(&memory->mutex);
        pending_postpone(memory, kind);
        ovs_mutex_unlock(&memory->mutex);

        keep_spare_chunks(memory, kind, now);
    }
}

void
ct_conn_memory_wait(struct ct_conn_memory *memory)
{
    latch_wait(&memory->wanted);
}

size_t
ct_conn_memory_used(struct ct_conn_memory *memory)
{
    size_t bytes = 0;

    ovs_mutex_lock(&memory->mutex);
    for (int kind = 0; kind < CT_CONN_N_KINDS; kind++) {
        bytes += (memory->pools[kind].n_used
                  * ct_chunk_eighths(&layouts[kind]) / 8);
    }
    ovs_mutex_unlock(&memory->mutex);
    return bytes;
}

/* Records. */

/* As ct_tuple_invert() and ct_tuple_equal(), on the members that count: both
 * tuples were just written, member by member, and a wider load would wait for
 * the stores. */
static bool
is_inverse(const struct ct_tuple *a, const struct ct_tuple *b)
{
    if (a->src_port != b->dst_port || a->dst_port != b->src_port
        || a->proto != b->proto || a->kind != ct_kind_inverse(b->kind)) {
        return false;
    }
    return (ct_tuple_is_ipv6(a)
            ? (!memcmp(&a->src, &b->dst, sizeof a->src)
               && !memcmp(&a->dst, &b->src, sizeof a->dst))
            : a->src.ip == b->dst.ip && a->dst.ip == b->src.ip);
}

static enum ct_conn_kind
kind_of(const struct ct_tuple *tuple, bool nat)
{
    return (ct_tuple_is_ipv6(tuple)
            ? (nat ? CT_CONN_V6_NAT : CT_CONN_V6)
            : (nat ? CT_CONN_V4_NAT : CT_CONN_V4));
}

static void
fill_in(struct ct_conn *conn, enum ct_conn_kind kind, uint16_t zone,
        const struct ct_tuple *original, const struct ct_tuple *reply)
{
    /* All but the id, which others may be reading. */
    size_t behind_id = offsetof(struct ct_conn, mark);
    memset(conn, 0, offsetof(struct ct_conn, id));
    memset((char *) conn + behind_id, 0, layouts[kind].stride - behind_id);

    memset(ct_conn_links(conn), 0, sizeof(struct ct_conn_links));
    *ct_conn_start(conn) = 0;

    ct_tuple_to_key(original, zone, &conn->key);
    if (ct_conn_is_ipv6(conn)) {
        ct_conn_addrs6(conn, CT_DIR_ORIGINAL)->src = original->src.ip6;
        ct_conn_addrs6(conn, CT_DIR_ORIGINAL)->dst = original->dst.ip6;
    }
    if (kind == CT_CONN_V4_NAT || kind == CT_CONN_V6_NAT) {
        ct_tuple_to_key(reply, zone, &ct_conn_nat(conn)->reply_key);
        if (ct_conn_is_ipv6(conn)) {
            ct_conn_addrs6(conn, CT_DIR_REPLY)->src = reply->src.ip6;
            ct_conn_addrs6(conn, CT_DIR_REPLY)->dst = reply->dst.ip6;
        }
    }
}

static enum ct_conn_kind
record_kind(const struct ct_conn *conn)
{
    return ct_chunk_of(conn)->kind;
}

/* Chunks. */

/* Room for records in the current chunk. */
static uint32_t
pool_left(const struct ct_conn_pool *pool)
{
    return pool->chunk ? pool->chunk->n_records - pool->used : 0;
}

/* Makes a chunk and adds it to the spare ones.  Without the mutex in between,
 * since it takes long if it is to be 'huge'. */
static void
pool_add_spare(struct ct_conn_memory *memory, enum ct_conn_kind kind,
               bool huge)
    OVS_REQUIRES(memory->mutex)
{
    struct ct_conn_pool *pool = &memory->pools[kind];
    uint32_t index;

    if (!ct_chunk_take(&memory->chunks, &index)) {
        return;
    }
    ovs_mutex_unlock(&memory->mutex);
    struct ct_chunk *chunk = ct_chunk_map(&memory->chunks, index,
                                          &layouts[kind], huge);
    ovs_mutex_lock(&memory->mutex);
    if (chunk) {
        chunk->next = pool->spares;
        pool->spares = chunk;
        pool->n_spares++;
    } else {
        ct_chunk_put_back(&memory->chunks, index);
    }
}

static struct ct_chunk *
pool_pop_spare(struct ct_conn_pool *pool)
{
    struct ct_chunk *chunk = pool->spares;

    pool->spares = chunk->next;
    pool->n_spares--;
    return chunk;
}

/* Sees to it that new records can be had.  False without memory.
 *
 * A packet waits here.  If no chunk was made ready in time it gets one of
 * small pages, which the system clears one by one. */
static bool
pool_ensure_chunk(struct ct_conn_memory *memory, enum ct_conn_kind kind)
    OVS_REQUIRES(memory->mutex)
{
    struct ct_conn_pool *pool = &memory->pools[kind];

    if (!pool_left(pool) && !pool->spares) {
        if (pool->n_chunks >= FIRST_HUGE) {
            pool->lead = MIN(2 * pool->lead, MAX_LEAD);
        }
        pool_add_spare(memory, kind, false);
    }
    if (!pool_left(pool) && pool->spares) {
        /* Else another thread was faster. */
        pool->chunk = pool_pop_spare(pool);
        pool->used = 0;
        pool->n_chunks++;
    }
    return pool_left(pool) > 0;
}

/* Should a chunk be made ready?  Few connections need none: theirs are not
 * touched before they are used. */
static bool
pool_wants_spare(const struct ct_conn_pool *pool)
{
    if (pool->n_chunks < FIRST_HUGE) {
        return false;
    }

    uint32_t n_records = pool->chunk->n_records;
    return (2 * (pool_left(pool) + pool->n_spares * n_records)
            < pool->lead * n_records);
}

static void
keep_spare_chunks(struct ct_conn_memory *memory, enum ct_conn_kind kind,
                  long long now)
{
    struct ct_conn_pool *pool = &memory->pools[kind];

    ovs_mutex_lock(&memory->mutex);
    if (pool->n_used != pool->n_used_before) {
        pool->n_used_before = pool->n_used;
        pool->grown_at = now;
    }
    if (now - pool->grown_at < CALM_MSEC) {
        for (int i = 0; i < MAX_LEAD && pool_wants_spare(pool); i++) {
            pool_add_spare(memory, kind, true);
        }
    } else {
        pool->lead = 1;
        while (pool->spares) {
            ct_chunk_unmap(&memory->chunks, pool_pop_spare(pool));
        }
    }
    ovs_mutex_unlock(&memory->mutex);
}

/* Batches: free records between shards, depot and grace periods. */

static struct ct_conn_batch *
batch_create(struct ct_conn_memory *memory, enum ct_conn_kind kind)
{
    struct ct_conn_batch *batch = xmalloc(sizeof *batch);

    batch->next = NULL;
    batch->memory = memory;
    batch->kind = kind;
    batch->n = 0;
    return batch;
}

static void
depot_push(struct ct_conn_memory *memory, struct ct_conn_batch *batch)
    OVS_REQUIRES(memory->mutex)
{
    struct ct_conn_pool *pool = &memory->pools[batch->kind];

    batch->next = pool->depot;
    pool->depot = batch;
}

/* Fills 'batch' with records that were never used, so that the lowest is
 * taken first. */
static void
batch_fill(struct ct_conn_memory *memory, struct ct_conn_batch *batch)
    OVS_REQUIRES(memory->mutex)
{
    struct ct_conn_pool *pool = &memory->pools[batch->kind];

    if (!pool_ensure_chunk(memory, batch->kind)) {
        return;
    }

    uint32_t n = MIN(pool_left(pool), BATCH_SIZE);
    for (uint32_t i = 0; i < n; i++) {
        batch->conns[i] = ct_chunk_record(pool->chunk,
                                          pool->used + n - 1 - i);
    }
    batch->n = n;
    pool->used += n;
    pool->n_used += n;
    if (pool_wants_spare(pool)) {
        latch_set(&memory->wanted);
    }
}

/* A batch with at least one record in place of the empty 'batch' (or NULL).
 * NULL, and 'batch' is freed, if there is no memory. */
static struct ct_conn_batch *
batch_exchange(struct ct_conn_memory *memory, enum ct_conn_kind kind,
               struct ct_conn_batch *batch)
{
    struct ct_conn_pool *pool = &memory->pools[kind];

    ovs_mutex_lock(&memory->mutex);
    struct ct_conn_batch *full = pool->depot;
    if (full) {
        pool->depot = full->next;
        free(batch);
        batch = full;
    } else {
        if (!batch) {
            batch = batch_create(memory, kind);
        }
        batch_fill(memory, batch);
    }
    ovs_mutex_unlock(&memory->mutex);

    if (!batch->n) {
        free(batch);
        return NULL;
    }
    return batch;
}

/* Shards. */

static struct ct_conn_shard *
shard_self(struct ct_conn_memory *memory)
{
    return &memory->shards[ovsthread_id_self() % N_SHARDS];
}

static struct ct_conn *
shard_get(struct ct_conn_memory *memory, enum ct_conn_kind kind, uint32_t *id)
{
    struct ct_conn_shard *shard = shard_self(memory);
    struct ct_conn *conn = NULL;

    ct_spin_lock(&shard->lock);
    struct ct_conn_batch *batch = shard->batches[kind];
    if (OVS_UNLIKELY(!batch || !batch->n)) {
        batch = batch_exchange(memory, kind, batch);
        shard->batches[kind] = batch;
    }
    if (OVS_LIKELY(batch)) {
        conn = batch->conns[--batch->n];
        if (batch->n) {
            /* The next one: it may have been cold for long. */
            char *next = (char *) batch->conns[batch->n - 1];
            __builtin_prefetch(next, 1);
            __builtin_prefetch(next + CACHE_LINE_SIZE, 1);
        }
        if (OVS_UNLIKELY(!shard->ids.left)) {
            ovs_mutex_lock(&memory->mutex);
            ct_id_refill(memory->ids, &shard->ids);
            ovs_mutex_unlock(&memory->mutex);
        }
        *id = ct_id_get(&shard->ids);
    }
    ct_spin_unlock(&shard->lock);
    return conn;
}

static void
shard_put(struct ct_conn_memory *memory, struct ct_conn *conn)
{
    struct ct_conn_shard *shard = shard_self(memory);
    enum ct_conn_kind kind = record_kind(conn);

    ct_spin_lock(&shard->lock);
    struct ct_conn_batch *batch = shard->batches[kind];
    if (OVS_UNLIKELY(!batch || batch->n == BATCH_SIZE)) {
        if (batch) {
            ovs_mutex_lock(&memory->mutex);
            depot_push(memory, batch);
            ovs_mutex_unlock(&memory->mutex);
        }
        batch = shard->batches[kind] = batch_create(memory, kind);
    }
    batch->conns[batch->n++] = conn;
    ct_spin_unlock(&shard->lock);
}

/* Grace periods. */

/* RCU callback: no reader has the records of 'batch' any more. */
static void
batch_ripe(struct ct_conn_batch *batch)
{
    struct ct_conn_memory *memory = batch->memory;
    uint32_t n = 0;

    for (uint32_t i = 0; i < batch->n; i++) {
        struct ct_conn *conn = batch->conns[i];

        /* Not before: whoever found the connection could still replace it. */
        ct_conn_ext_free(ct_conn_ext(conn));
        ct_conn_set_ext(conn, NULL);

        if (ct_news_has(conn)) {
            /* A late ct_wheel_sooner().  The last one, since nobody has a
             * pointer: the wheel will have met it by the next time. */
            ct_conn_free_postponed(memory, conn);
        } else {
            ct_id_put(memory->ids, conn->id);
            __atomic_store_n(&conn->id, 0, __ATOMIC_RELEASE);
            batch->conns[n++] = conn;
        }
    }
    batch->n = n;

    ovs_mutex_lock(&memory->mutex);
    if (n) {
        depot_push(memory, batch);
    } else {
        free(batch);
    }
    memory_unref(memory);
}

static void
pending_add(struct ct_conn_memory *memory, struct ct_conn *conn)
{
    enum ct_conn_kind kind = record_kind(conn);
    struct ct_conn_pool *pool = &memory->pools[kind];

    if (memory->destroyed) {
        return;
    }
    if (!pool->pending) {
        pool->pending = batch_create(memory, kind);
    }
    pool->pending->conns[pool->pending->n++] = conn;
    if (pool->pending->n == BATCH_SIZE) {
        pending_postpone(memory, kind);
    }
}

static void
pending_postpone(struct ct_conn_memory *memory, enum ct_conn_kind kind)
{
    struct ct_conn_pool *pool = &memory->pools[kind];
    struct ct_conn_batch *batch = pool->pending;

    if (batch) {
        pool->pending = NULL;
        memory->n_references++;
        ovsrcu_postpone(batch_ripe, batch);
    }
}

/* The end. */

static void
batches_free(struct ct_conn_batch *batch)
{
    while (batch) {
        struct ct_conn_batch *next = batch->next;

        free(batch);
        batch = next;
    }
}

/* Nobody has a reference, so that nobody can hold or wait for the mutex. */
static void
memory_free(struct ct_conn_memory *memory)
{
    for (int kind = 0; kind < CT_CONN_N_KINDS; kind++) {
        for (size_t i = 0; i < N_SHARDS; i++) {
            free(memory->shards[i].batches[kind]);
        }
        batches_free(memory->pools[kind].depot);
        free(memory->pools[kind].pending);
    }
    ct_chunks_uninit(&memory->chunks);
    ct_id_space_destroy(memory->ids);
    latch_destroy(&memory->wanted);
    ovs_mutex_destroy(&memory->mutex);
    free_cacheline(memory);
}

static void
memory_unref(struct ct_conn_memory *memory)
{
    bool last = !--memory->n_references;

    ovs_mutex_unlock(&memory->mutex);
    if (last) {
        memory_free(memory);
    }
}
