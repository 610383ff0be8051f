/* SPDX-License-Identifier: Apache-2.0 */

/* Step "commit", the ports of translation: called by ct-nat.c when it chooses
 * a mapping and when a translated connection ends.  Calls nothing of the
 * tracker. */

#include <config.h>

#include "ct-nat-port.h"

#include <stdatomic.h>
#include <string.h>

#include "cmap.h"
#include "ct-spin.h"
#include "hash.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "util.h"

/* Places remembered as exhausted, per pool. */
#define N_EXHAUSTED 8

/* Legend: [I] immutable, [A] atomic, [L] under 'lock', [S] changed under the
 * shard's mutex. */
struct ct_nat_pool {
    struct cmap_node node;          /* [S] In shard's 'pools'. */
    struct ct_nat_shard *shard;     /* [I] */
    struct ct_nat_pool_key key;     /* [I] */
    uint32_t hash;                  /* [I] Of 'key'. */
    struct ct_spin lock;            /* Inside the shard's mutex. */
    bool dead;                      /* [L][S] Out of the shard. */
    uint32_t n_used;                /* [L] */
    struct ct_port_map map;         /* [L] */

    /* [A] 40 bits of tag, 24 bits of time. */
    _Atomic uint64_t exhausted[N_EXHAUSTED];
};

struct ct_nat_shard {
    struct ovs_mutex mutex;
    struct cmap pools;              /* Written under 'mutex'. */
};

struct ct_nat_pools {
    struct ct_nat_shard shards[CT_NAT_N_SHARDS];
};

static struct ct_nat_pool *pool_lock_existing(struct ct_nat_pools *,
                                              const struct ct_nat_pool_key *,
                                              uint32_t hash);
static struct ct_nat_pool *pool_lock_or_create(struct ct_nat_pools *,
                                               const struct ct_nat_pool_key *);
static struct ct_nat_pool *pool_find(const struct ct_nat_shard *,
                                     const struct ct_nat_pool_key *,
                                     uint32_t hash);
static void pool_take(struct ct_nat_pool *, uint16_t port);
static void pool_retire_if_empty(struct ct_nat_pool *);
static void pool_free(struct ct_nat_pool *);

/* The map. */

void
ct_port_map_init(struct ct_port_map *map)
{
    memset(map, 0, sizeof *map);
}

void
ct_port_map_uninit(struct ct_port_map *map)
{
    for (int i = 0; i < CT_PORT_MAP_N_LEAVES; i++) {
        free(map->leaves[i]);
    }
}

bool
ct_port_map_is_set(const struct ct_port_map *map, uint16_t port)
{
    const uint64_t *leaf = map->leaves[port >> 12];

    return leaf && leaf[(port >> 6) & 63] & (UINT64_C(1) << (port & 63));
}

void
ct_port_map_set(struct ct_port_map *map, uint16_t port)
{
    unsigned int leaf = port >> 12, word = (port >> 6) & 63;

    if (!map->leaves[leaf]) {
        map->leaves[leaf] = xcalloc(CT_PORT_MAP_LEAF_WORDS, sizeof(uint64_t));
    }
    map->leaves[leaf][word] |= UINT64_C(1) << (port & 63);
    if (map->leaves[leaf][word] == UINT64_MAX) {
        map->full_words[leaf] |= UINT64_C(1) << word;
        if (map->full_words[leaf] == UINT64_MAX) {
            map->full_leaves |= 1u << leaf;
        }
    }
}

void
ct_port_map_clear(struct ct_port_map *map, uint16_t port)
{
    unsigned int leaf = port >> 12, word = (port >> 6) & 63;

    if (map->leaves[leaf]) {
        map->leaves[leaf][word] &= ~(UINT64_C(1) << (port & 63));
        map->full_words[leaf] &= ~(UINT64_C(1) << word);
        map->full_leaves &= ~(1u << leaf);
    }
}

/* The first clear bit of word 'word' in 'leaf' at or behind 'bit', -1 if
 * there is none. */
static int
first_clear_in_word(struct ct_port_map *map, unsigned int leaf,
                    unsigned int word, unsigned int bit)
{
    uint64_t used = map->leaves[leaf] ? map->leaves[leaf][word] : 0;
    uint64_t clear = ~used & (UINT64_MAX << bit);

    map->n_examined++;
    return clear ? (int) (leaf << 12 | word << 6) + raw_ctz(clear) : -1;
}

/* The first clear bit of 'leaf' in or behind 'word', -1 if there is none. */
static int
first_clear_in_leaf(struct ct_port_map *map, unsigned int leaf,
                    unsigned int word)
{
    uint64_t open = (word < 64
                     ? ~map->full_words[leaf] & (UINT64_MAX << word)
                     : 0);

    map->n_examined++;
    return open ? first_clear_in_word(map, leaf, raw_ctz(open), 0) : -1;
}

int
ct_port_map_next_clear(struct ct_port_map *map, uint16_t from)
{
    unsigned int leaf = from >> 12, word = (from >> 6) & 63;
    uint32_t open;
    int port;

    port = first_clear_in_word(map, leaf, word, from & 63);
    if (port >= 0) {
        return port;
    }

    /* The rest of this leaf, else the first leaf behind it with room, whose
     * first word with room has a clear bit: no more words to try. */
    open = ~(uint32_t) map->full_leaves & 0xffff;
    if (open & (1u << leaf) && word < 63
        && ~map->full_words[leaf] >> (word + 1)) {
        return first_clear_in_leaf(map, leaf, word + 1);
    }
    open &= UINT32_MAX << (leaf + 1);
    return open ? first_clear_in_leaf(map, raw_ctz(open), 0) : -1;
}

/* Both bits of an even pair are in one word. */
int
ct_port_map_next_clear_pair(const struct ct_port_map *map, uint16_t from)
{
    const unsigned int n_words = CT_PORT_MAP_N_LEAVES * CT_PORT_MAP_LEAF_WORDS;
    uint64_t wanted = UINT64_C(0x5555555555555555) & UINT64_MAX << (from & 63);

    for (unsigned int word = from >> 6; word < n_words; word++) {
        const uint64_t *leaf = map->leaves[word >> 6];
        uint64_t clear = leaf ? ~leaf[word & 63] : UINT64_MAX;
        uint64_t pairs = clear & clear >> 1 & wanted;

        if (pairs) {
            return (word << 6) + raw_ctz(pairs);
        }
        wanted = UINT64_C(0x5555555555555555);
    }
    return -1;
}

/* The pools. */

void
ct_nat_pool_key_init(struct ct_nat_pool_key *key, uint16_t zone,
                     const struct ct_tuple *to)
{
    key->addr = to->src;
    key->zone = zone;
    key->proto = to->proto;
    key->ipv6 = ct_tuple_is_ipv6(to);
    key->zero = 0;
}

struct ct_nat_pools *
ct_nat_pools_create(void)
{
    struct ct_nat_pools *pools = xmalloc(sizeof *pools);

    for (int i = 0; i < CT_NAT_N_SHARDS; i++) {
        ovs_mutex_init(&pools->shards[i].mutex);
        cmap_init(&pools->shards[i].pools);
    }
    return pools;
}

void
ct_nat_pools_destroy(struct ct_nat_pools *pools)
{
    if (!pools) {
        return;
    }

    for (int i = 0; i < CT_NAT_N_SHARDS; i++) {
        struct ct_nat_shard *shard = &pools->shards[i];
        struct ct_nat_pool *pool;

        ovs_mutex_lock(&shard->mutex);
        CMAP_FOR_EACH (pool, node, &shard->pools) {
            cmap_remove(&shard->pools, &pool->node, pool->hash);
            ovsrcu_postpone(pool_free, pool);
        }
        ovs_mutex_unlock(&shard->mutex);
        cmap_destroy(&shard->pools);
        ovs_mutex_destroy(&shard->mutex);
    }
    free(pools);
}

size_t
ct_nat_pools_count(const struct ct_nat_pools *pools)
{
    size_t n = 0;

    for (int i = 0; i < CT_NAT_N_SHARDS; i++) {
        n += cmap_count(&pools->shards[i].pools);
    }
    return n;
}

void
ct_nat_pools_visit(const struct ct_nat_pools *pools, ct_nat_pool_visit *visit,
                   void *aux)
{
    for (int i = 0; i < CT_NAT_N_SHARDS; i++) {
        struct ct_nat_pool *pool;

        CMAP_FOR_EACH (pool, node, &pools->shards[i].pools) {
            uint32_t n_used;

            ct_spin_lock(&pool->lock);
            n_used = pool->n_used;
            ct_spin_unlock(&pool->lock);
            if (n_used) {
                visit(aux, &pool->key, n_used);
            }
        }
    }
}

struct ct_nat_pool *
ct_nat_pool_find(const struct ct_nat_pools *pools,
                 const struct ct_nat_pool_key *key)
{
    uint32_t hash = hash_bytes(key, sizeof *key, 0);

    return pool_find(&pools->shards[hash % CT_NAT_N_SHARDS], key, hash);
}

struct ct_nat_pool *
ct_nat_port_reserve(struct ct_nat_pools *pools,
                    const struct ct_nat_pool_key *key, uint16_t port)
{
    struct ct_nat_pool *pool = pool_lock_or_create(pools, key);
    bool taken = ct_port_map_is_set(&pool->map, port);

    if (!taken) {
        pool_take(pool, port);
    }
    ct_spin_unlock(&pool->lock);
    return taken ? NULL : pool;
}

struct ct_nat_pool *
ct_nat_port_reserve_next(struct ct_nat_pools *pools,
                         const struct ct_nat_pool_key *key,
                         uint16_t start, uint16_t min, uint16_t max,
                         uint16_t *port)
{
    struct ct_nat_pool *pool = pool_lock_or_create(pools, key);
    int found;

    found = ct_port_map_next_clear(&pool->map, start);
    if (found > max) {
        found = -1;
    }
    if (found < 0 && start > min) {
        found = ct_port_map_next_clear(&pool->map, min);
        if (found >= start) {
            found = -1;
        }
    }
    if (found >= 0) {
        pool_take(pool, found);
        *port = found;
    }
    ct_spin_unlock(&pool->lock);
    return found >= 0 ? pool : NULL;
}

struct ct_nat_pool *
ct_nat_port_reserve_pair(struct ct_nat_pools *pools,
                         const struct ct_nat_pool_key *key,
                         uint16_t start, uint16_t min, uint16_t max,
                         uint16_t *port)
{
    struct ct_nat_pool *pool = pool_lock_or_create(pools, key);
    int found = ct_port_map_next_clear_pair(&pool->map, start);

    if (found < 0 || found >= max) {
        found = ct_port_map_next_clear_pair(&pool->map, min);
        if (found >= MIN(start, max)) {
            found = -1;
        }
    }
    if (found >= 0) {
        pool_take(pool, found);
        pool_take(pool, found + 1);
        *port = found;
    }
    ct_spin_unlock(&pool->lock);
    return found >= 0 ? pool : NULL;
}

void
ct_nat_port_release(struct ct_nat_pool *pool, uint16_t port)
{
    bool empty;

    ct_spin_lock(&pool->lock);
    ovs_assert(ct_port_map_is_set(&pool->map, port));
    ct_port_map_clear(&pool->map, port);
    empty = !--pool->n_used;
    ct_spin_unlock(&pool->lock);

    if (empty) {
        pool_retire_if_empty(pool);
    }
}

/* What is remembered of an exhausted place: who, and since when. */

static uint64_t
exhausted_tag(uint32_t dst, uint32_t range)
{
    return hash_add64(hash_add(dst, range), dst) & UINT64_C(0xffffffffff);
}

void
ct_nat_port_set_exhausted(struct ct_nat_pools *pools,
                          const struct ct_nat_pool_key *key,
                          uint32_t dst, uint32_t range, long long now)
{
    struct ct_nat_pool *pool = ct_nat_pool_find(pools, key);

    if (pool) {
        atomic_store_explicit(&pool->exhausted[dst % N_EXHAUSTED],
                              exhausted_tag(dst, range) << 24
                              | ((now + 1) & 0xffffff),
                              memory_order_relaxed);
    }
}

bool
ct_nat_port_is_exhausted(struct ct_nat_pools *pools,
                         const struct ct_nat_pool_key *key,
                         uint32_t dst, uint32_t range, long long now)
{
    const struct ct_nat_pool *pool = ct_nat_pool_find(pools, key);
    uint64_t entry;

    if (!pool) {
        return false;
    }

    entry = atomic_load_explicit(&pool->exhausted[dst % N_EXHAUSTED],
                                 memory_order_relaxed);
    return (entry
            && entry >> 24 == exhausted_tag(dst, range)
            && ((now + 1 - entry) & 0xffffff) < CT_NAT_EXHAUSTED_MSEC);
}

void
ct_nat_port_clear_exhausted(struct ct_nat_pool *pool, uint32_t dst)
{
    _Atomic uint64_t *entry = &pool->exhausted[dst % N_EXHAUSTED];

    if (atomic_load_explicit(entry, memory_order_relaxed)) {
        atomic_store_explicit(entry, 0, memory_order_relaxed);
    }
}

/* Finding, making and ending pools. */

/* Returns the pool for 'key', locked and alive. */
static struct ct_nat_pool *
pool_lock_or_create(struct ct_nat_pools *pools,
                    const struct ct_nat_pool_key *key)
{
    uint32_t hash = hash_bytes(key, sizeof *key, 0);
    struct ct_nat_shard *shard = &pools->shards[hash % CT_NAT_N_SHARDS];
    struct ct_nat_pool *pool = pool_lock_existing(pools, key, hash);

    if (pool) {
        return pool;
    }

    ovs_mutex_lock(&shard->mutex);
    pool = pool_find(shard, key, hash);
    if (!pool) {
        pool = xzalloc(sizeof *pool);
        pool->shard = shard;
        pool->key = *key;
        pool->hash = hash;
        ct_spin_init(&pool->lock);
        ct_port_map_init(&pool->map);
        cmap_insert(&shard->pools, &pool->node, hash);
    }
    /* No pool dies without the shard's mutex. */
    ct_spin_lock(&pool->lock);
    ovs_mutex_unlock(&shard->mutex);
    return pool;
}

static struct ct_nat_pool *
pool_lock_existing(struct ct_nat_pools *pools,
                   const struct ct_nat_pool_key *key, uint32_t hash)
{
    struct ct_nat_pool *pool;

    pool = pool_find(&pools->shards[hash % CT_NAT_N_SHARDS], key, hash);
    if (pool) {
        ct_spin_lock(&pool->lock);
        if (!pool->dead) {
            return pool;
        }
        ct_spin_unlock(&pool->lock);
    }
    return NULL;
}

static struct ct_nat_pool *
pool_find(const struct ct_nat_shard *shard, const struct ct_nat_pool_key *key,
          uint32_t hash)
{
    struct ct_nat_pool *pool;

    CMAP_FOR_EACH_WITH_HASH (pool, node, hash, &shard->pools) {
        if (!memcmp(&pool->key, key, sizeof *key)) {
            return pool;
        }
    }
    return NULL;
}

static void
pool_take(struct ct_nat_pool *pool, uint16_t port)
{
    ct_port_map_set(&pool->map, port);
    pool->n_used++;
}

/* Between the caller's release and here another thread may have reserved
 * again, or may have come here first. */
static void
pool_retire_if_empty(struct ct_nat_pool *pool)
{
    struct ct_nat_shard *shard = pool->shard;
    bool retire;

    ovs_mutex_lock(&shard->mutex);
    ct_spin_lock(&pool->lock);
    retire = !pool->n_used && !pool->dead;
    pool->dead |= retire;
    ct_spin_unlock(&pool->lock);
    if (retire) {
        cmap_remove(&shard->pools, &pool->node, pool->hash);
        ovsrcu_postpone(pool_free, pool);
    }
    ovs_mutex_unlock(&shard->mutex);
}

static void
pool_free(struct ct_nat_pool *pool)
{
    ct_port_map_uninit(&pool->map);
    free(pool);
}
