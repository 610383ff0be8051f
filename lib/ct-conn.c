/* SPDX-License-Identifier: Apache-2.0 */

/* The record and its memory: taken by ct-commit.c for a connection that is
 * about to be confirmed, given back by the maintenance thread (ct-wheel.c)
 * when it has ended.  Calls ct-id.c and ct-pages.c. */

#include <config.h>

#include "ct-conn.h"

#include <errno.h>

#include "ct-id.h"
#include "ct-pages.h"
#include "ct-spin.h"
#include "openvswitch/vlog.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"

VLOG_DEFINE_THIS_MODULE(ct_conn);

/* A chunk: header, cold parts, records.  Aligned to its size, so that the
 * header is found from a record. */
#define CHUNK_BITS 21
#define CHUNK_SIZE ((size_t) 1 << CHUNK_BITS)
#define CHUNK_MASK (CHUNK_SIZE - 1)

/* A record number is a chunk's number (from 1) and an index. */
#define INDEX_BITS 14
#define INDEX_MASK ((1u << INDEX_BITS) - 1)
#define MAX_CHUNKS ((CT_CONN_NUMBER_MAX >> INDEX_BITS) + 1)

struct ct_chunk {               /* All [I]. */
    uint32_t first;             /* Number of the record at index 0. */
    uint32_t records;           /* Offset of the record at index 0. */
    uint32_t stride;
    uint32_t inverse;           /* ceil(2^32 / stride): to divide by it. */
    uint8_t pad[48];
    struct ct_conn_cold cold[];
};
BUILD_ASSERT_DECL(sizeof(struct ct_chunk) == CACHE_LINE_SIZE);

/* Sizes by kind.  Multiples of 32: the table uses the low bits of pointers. */
static const uint32_t strides[CT_CONN_N_KINDS] = {
    [CT_CONN_V4] = sizeof(struct ct_conn),
    [CT_CONN_V4_NAT] = sizeof(struct ct_conn) + sizeof(struct ct_conn_nat),
    [CT_CONN_V6] = sizeof(struct ct_conn) + sizeof(struct ct_conn_addrs6),
    [CT_CONN_V6_NAT] = (sizeof(struct ct_conn)
                        + 2 * sizeof(struct ct_conn_addrs6)
                        + sizeof(struct ct_conn_nat)),
};
BUILD_ASSERT_DECL(sizeof(struct ct_conn) % 32 == 0);
BUILD_ASSERT_DECL(sizeof(struct ct_conn_nat) % 32 == 0);
BUILD_ASSERT_DECL(sizeof(struct ct_conn_addrs6) % 32 == 0);
/* The smallest record has the most to a chunk. */
BUILD_ASSERT_DECL(CHUNK_SIZE / (sizeof(struct ct_conn)
                                + sizeof(struct ct_conn_cold))
                  <= INDEX_MASK);

/* Free records of one kind on their way.  Just pointers: records that nobody
 * has used yet are not touched. */
#define BATCH_SIZE 252
struct ct_conn_batch {
    struct ct_conn_batch *next;         /* In the depot. */
    struct ct_conn_memory *memory;
    uint32_t kind;                      /* enum ct_conn_kind. */
    uint32_t n;
    struct ct_conn *conns[BATCH_SIZE];
};

/* What one thread, or a few, allocate from. */
#define N_SHARDS 16
struct ct_conn_shard {
    OVS_ALIGNED_VAR(CACHE_LINE_SIZE) struct ct_spin lock;
    struct ct_id_range ids;
    struct ct_conn_batch *batches[CT_CONN_N_KINDS];
};

/* Chunks kept ready: as many as the last interval took, within limits. */
#define MAX_SPARES 8

struct ct_conn_pool {           /* By kind, all under 'mutex'. */
    struct ct_conn_batch *depot;        /* Full of free records. */
    struct ct_conn_batch *pending;      /* Freed, not yet postponed. */
    struct ct_chunk *chunk;             /* Records from 'used' on are new. */
    struct ct_chunk *spares[MAX_SPARES];        /* The next ones. */
    uint32_t n_spares;
    uint32_t used;                      /* Index into 'chunk'. */
    uint32_t n_chunks;                  /* Without the spare ones. */
    uint32_t n_chunks_before;           /* At the last periodic work. */
    size_t n_used;                      /* Records, over all chunks. */
};

struct ct_conn_memory {
    /* Legend: [I] immutable, [M] under 'mutex'.  'mutex' is the inner one of
     * it and a shard's lock. */
    struct ct_conn_shard shards[N_SHARDS];

    struct ovs_mutex mutex;
    struct ct_conn_pool pools[CT_CONN_N_KINDS];     /* [M] */
    struct ct_id_space *ids;                        /* [I] Refilled: [M] */
    uint32_t n_chunks;                              /* [M] */
    size_t n_references;        /* [M] The owner's, and one per batch that
                                 * waits for its grace period. */
    bool destroyed;             /* [M] */
    struct ct_chunk **chunks;   /* [I] By number; an entry is immutable. */
};

static bool is_inverse(const struct ct_tuple *, const struct ct_tuple *);
static enum ct_conn_kind kind_of(const struct ct_tuple *, bool nat);
static void fill_in(struct ct_conn *, enum ct_conn_kind, uint16_t zone,
                    const struct ct_tuple *original,
                    const struct ct_tuple *reply);
static struct ct_chunk *chunk_of(const struct ct_conn *);
static enum ct_conn_kind record_kind(const struct ct_conn *);
static struct ct_conn *shard_get(struct ct_conn_memory *, enum ct_conn_kind,
                                 uint32_t *id);
static void shard_put(struct ct_conn_memory *, struct ct_conn *);
static void pending_add(struct ct_conn_memory *, struct ct_conn *)
    OVS_REQUIRES(memory->mutex);
static void pending_postpone(struct ct_conn_memory *, enum ct_conn_kind)
    OVS_REQUIRES(memory->mutex);
static void memory_unref(struct ct_conn_memory *)
    OVS_RELEASES(memory->mutex);
static void keep_spare_chunks(struct ct_conn_memory *, enum ct_conn_kind);

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

struct ct_conn_cold *
ct_conn_cold(const struct ct_conn *conn)
{
    struct ct_chunk *chunk = chunk_of(conn);

    return &chunk->cold[ct_conn_number(conn) - chunk->first];
}

uint32_t
ct_conn_number(const struct ct_conn *conn)
{
    const struct ct_chunk *chunk = chunk_of(conn);
    uint32_t offset = ((uintptr_t) conn & CHUNK_MASK) - chunk->records;

    /* Exact for multiples of the stride: the error stays below
     * 2^CHUNK_BITS / 2^32. */
    return chunk->first + ((uint64_t) offset * chunk->inverse >> 32);
}

struct ct_conn *
ct_conn_from_number(const struct ct_conn_memory *memory, uint32_t number)
{
    struct ct_chunk *chunk = memory->chunks[number >> INDEX_BITS];
    size_t offset = (chunk->records
                     + (size_t) (number & INDEX_MASK) * chunk->stride);

    return (struct ct_conn *) ((char *) chunk + offset);
}

struct ct_conn_memory *
ct_conn_memory_create(void)
{
    struct ct_conn_memory *memory = xzalloc_cacheline(sizeof *memory);

    /* Mapped, since most of it will never be touched. */
    memory->chunks = ct_pages_alloc(MAX_CHUNKS * sizeof *memory->chunks,
                                    4096, false);
    if (!memory->chunks) {
        out_of_memory();
    }
    memory->ids = ct_id_space_create();
    memory->n_references = 1;
    ovs_mutex_init(&memory->mutex);
    for (size_t i = 0; i < N_SHARDS; i++) {
        ct_spin_init(&memory->shards[i].lock);
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
ct_conn_memory_run(struct ct_conn_memory *memory)
{
    for (int kind = 0; kind < CT_CONN_N_KINDS; kind++) {
        ovs_mutex_lock(&memory->mutex);
        pending_postpone(memory, kind);
        ovs_mutex_unlock(&memory->mutex);

        keep_spare_chunks(memory, kind);
    }
}

size_t
ct_conn_memory_used(struct ct_conn_memory *memory)
{
    size_t bytes = 0;

    ovs_mutex_lock(&memory->mutex);
    for (int kind = 0; kind < CT_CONN_N_KINDS; kind++) {
        bytes += (memory->pools[kind].n_used
                  * (strides[kind] + sizeof(struct ct_conn_cold)));
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
    memset((char *) conn + behind_id, 0, strides[kind] - behind_id);

    struct ct_conn_cold *cold = ct_conn_cold(conn);
    cold->wheel_next = cold->wheel_prev = 0;
    cold->start = 0;

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

static struct ct_chunk *
chunk_of(const struct ct_conn *conn)
{
    return (struct ct_chunk *) ((uintptr_t) conn & ~CHUNK_MASK);
}

static enum ct_conn_kind
record_kind(const struct ct_conn *conn)
{
    uint32_t stride = chunk_of(conn)->stride;

    /* NAT and IPv6 tails have different sizes, except where the key tells. */
    if (ct_conn_is_ipv6(conn)) {
        return stride == strides[CT_CONN_V6] ? CT_CONN_V6 : CT_CONN_V6_NAT;
    }
    return stride == strides[CT_CONN_V4] ? CT_CONN_V4 : CT_CONN_V4_NAT;
}

/* Chunks. */

static uint32_t
chunk_n_records(enum ct_conn_kind kind)
{
    return ((CHUNK_SIZE - sizeof(struct ct_chunk) - 2 * CACHE_LINE_SIZE)
            / (strides[kind] + sizeof(struct ct_conn_cold)));
}

/* Memory for a chunk, touched: the kernel takes 0.1 ms and more to clear a
 * huge page, which is why this is done without the mutex.  NULL without
 * memory. */
static struct ct_chunk *
chunk_map(bool huge)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);
    char *chunk = ct_pages_alloc(CHUNK_SIZE, CHUNK_SIZE, huge);

    if (!chunk) {
        VLOG_ERR_RL(&rl, "no memory for connections: %s",
                    ovs_strerror(errno));
    } else if (huge) {
        for (size_t i = 0; i < CHUNK_SIZE; i += 4096) {
            ((volatile char *) chunk)[i] = 0;
        }
    }
    return (struct ct_chunk *) chunk;
}

/* Makes 'chunk' one of the spare ones, with a number, or frees it if there are
 * enough. */
static void
chunk_register(struct ct_conn_memory *memory, enum ct_conn_kind kind,
               struct ct_chunk *chunk)
    OVS_REQUIRES(memory->mutex)
{
    struct ct_conn_pool *pool = &memory->pools[kind];
    uint32_t cold = chunk_n_records(kind) * sizeof(struct ct_conn_cold);

    if (pool->n_spares == MAX_SPARES || memory->n_chunks + 1 >= MAX_CHUNKS) {
        ct_pages_free(chunk, CHUNK_SIZE);
        return;
    }

    uint32_t number = ++memory->n_chunks;
    memory->chunks[number] = chunk;
    chunk->first = number << INDEX_BITS;
    chunk->stride = strides[kind];
    chunk->inverse = UINT32_MAX / chunk->stride + 1;
    /* In pairs of cache lines, which processors fetch together. */
    chunk->records = ROUND_UP(sizeof *chunk + cold, 2 * CACHE_LINE_SIZE);
    pool->spares[pool->n_spares++] = chunk;
}

/* Sees to it that new records can be had.  False without memory. */
static bool
pool_ensure_chunk(struct ct_conn_memory *memory, enum ct_conn_kind kind)
    OVS_REQUIRES(memory->mutex)
{
    struct ct_conn_pool *pool = &memory->pools[kind];

    if (pool->chunk && pool->used < chunk_n_records(kind)) {
        return true;
    }
    if (!pool->n_spares) {
        bool huge = pool->n_chunks >= 2;

        ovs_mutex_unlock(&memory->mutex);
        struct ct_chunk *chunk = chunk_map(huge);
        ovs_mutex_lock(&memory->mutex);
        if (chunk) {
            chunk_register(memory, kind, chunk);
        }
        /* Another thread may have been faster. */
        if (pool->chunk && pool->used < chunk_n_records(kind)) {
            return true;
        }
    }
    if (!pool->n_spares) {
        return false;
    }
    pool->chunk = pool->spares[--pool->n_spares];
    pool->used = 0;
    pool->n_chunks++;
    return true;
}

/* How many more chunks should be ready. */
static uint32_t
spares_missing(struct ct_conn_pool *pool, enum ct_conn_kind kind)
{
    uint32_t want = pool->n_chunks - pool->n_chunks_before;

    pool->n_chunks_before = pool->n_chunks;
    if (pool->n_chunks < 2) {
        return 0;
    }
    want += pool->used > chunk_n_records(kind) / 2;
    want = MIN(want, MAX_SPARES);
    return want > pool->n_spares ? want - pool->n_spares : 0;
}

/* Once a kind has filled some chunks, maps the next ones ahead of need. */
static void
keep_spare_chunks(struct ct_conn_memory *memory, enum ct_conn_kind kind)
{
    struct ct_conn_pool *pool = &memory->pools[kind];

    ovs_mutex_lock(&memory->mutex);
    for (uint32_t n = spares_missing(pool, kind); n > 0; n--) {
        ovs_mutex_unlock(&memory->mutex);
        struct ct_chunk *chunk = chunk_map(true);
        ovs_mutex_lock(&memory->mutex);

        if (!chunk) {
            break;
        }
        chunk_register(memory, kind, chunk);
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
    uint32_t n_records = chunk_n_records(batch->kind);

    if (!pool_ensure_chunk(memory, batch->kind)) {
        return;
    }

    struct ct_chunk *chunk = pool->chunk;
    uint32_t n = MIN(n_records - pool->used, BATCH_SIZE);
    char *record = ((char *) chunk + chunk->records
                    + (size_t) pool->used * chunk->stride);
    for (uint32_t i = n; i-- > 0; record += chunk->stride) {
        batch->conns[i] = (struct ct_conn *) record;
    }
    batch->n = n;
    pool->used += n;
    pool->n_used += n;
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
        free(atomic_load_explicit(&conn->ext, memory_order_relaxed));
        atomic_store_explicit(&conn->ext, NULL, memory_order_relaxed);

        if (atomic_load_explicit(&ct_conn_cold(conn)->queue_next,
                                 memory_order_acquire) & CT_CONN_QUEUED) {
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
    for (uint32_t i = 1; i <= memory->n_chunks; i++) {
        ct_pages_free(memory->chunks[i], CHUNK_SIZE);
    }
    ct_pages_free(memory->chunks, MAX_CHUNKS * sizeof *memory->chunks);
    ct_id_space_destroy(memory->ids);
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
