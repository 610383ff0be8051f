/* SPDX-License-Identifier: Apache-2.0 */

/* Port maps and pools against a plain array that says the same slowly. */

#include <config.h>

#include "ct-nat-port.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "random.h"
#include "util.h"

#define N_PORTS 65536

static const struct ct_nat_pool_key key = {
    .addr = { .ip = 0x0100000a }, .zone = 7, .proto = 6,
};

static int
model_next_clear(const bool *used, unsigned int from)
{
    for (; from < N_PORTS; from++) {
        if (!used[from]) {
            return from;
        }
    }
    return -1;
}

static int
model_next_pair(const bool *used, unsigned int from)
{
    for (from += from & 1; from < N_PORTS; from += 2) {
        if (!used[from] && !used[from + 1]) {
            return from;
        }
    }
    return -1;
}

/* Random fill and drain: the map agrees with the array, and no search looks
 * at more words than promised. */
static void
test_map_model(void)
{
    static bool used[N_PORTS];
    struct ct_port_map map;

    memset(used, 0, sizeof used);
    ct_port_map_init(&map);
    for (int round = 0; round < 40; round++) {
        /* Runs of ports, so that words and leaves get full. */
        for (int i = 0; i < 40; i++) {
            unsigned int first = random_range(N_PORTS);
            unsigned int n = random_range(round % 2 ? 6000 : 300);
            bool set = random_range(100) < (round < 20 ? 80 : 30);

            for (unsigned int p = first; p < first + n && p < N_PORTS; p++) {
                if (set && !used[p]) {
                    ct_port_map_set(&map, p);
                } else if (!set && used[p]) {
                    ct_port_map_clear(&map, p);
                }
                used[p] = set;
            }
        }
        for (int i = 0; i < 2000; i++) {
            uint16_t from = random_uint16();
            uint64_t before = map.n_examined;

            ovs_assert(ct_port_map_next_clear(&map, from)
                       == model_next_clear(used, from));
            ovs_assert(ct_port_map_next_clear_pair(&map, from)
                       == model_next_pair(used, from));
            ovs_assert(map.n_examined - before <= CT_PORT_MAP_MAX_WORDS);
            ovs_assert(ct_port_map_is_set(&map, from) == used[from]);
        }
    }
    ct_port_map_uninit(&map);
}

/* Full but for one port, wherever that is. */
static void
test_map_last_port(void)
{
    static const uint16_t ports[] = {
        0, 1, 63, 64, 4095, 4096, 32768, 65471, 65472, 65534, 65535,
    };
    struct ct_port_map map;

    ct_port_map_init(&map);
    for (unsigned int p = 0; p < N_PORTS; p++) {
        ct_port_map_set(&map, p);
    }
    ovs_assert(ct_port_map_next_clear(&map, 0) == -1);
    for (size_t i = 0; i < ARRAY_SIZE(ports); i++) {
        uint64_t before = map.n_examined;

        ct_port_map_clear(&map, ports[i]);
        ovs_assert(ct_port_map_next_clear(&map, 0) == ports[i]);
        ovs_assert(ct_port_map_next_clear(&map, ports[i]) == ports[i]);
        ovs_assert(ports[i] == N_PORTS - 1
                   || ct_port_map_next_clear(&map, ports[i] + 1) == -1);
        ovs_assert(map.n_examined - before <= 3 * CT_PORT_MAP_MAX_WORDS);
        ct_port_map_set(&map, ports[i]);
    }
    ct_port_map_uninit(&map);
}

/* Random reservations: exactly the port that the array says is next. */
static void
test_pool_model(void)
{
    struct ct_nat_pools *pools = ct_nat_pools_create();
    static struct ct_nat_pool *owner[N_PORTS];
    static uint16_t held[N_PORTS];
    static bool used[N_PORTS];
    unsigned int n = 0;

    for (int i = 0; i < 60000; i++) {
        uint16_t a = 1000 + random_range(900), b = 1000 + random_range(900);
        uint16_t min = MIN(a, b), max = MAX(a, b), port;
        uint16_t start = min + random_range(max - min + 1);
        struct ct_nat_pool *pool;

        if (n && random_range(100) < (i % 20000 < 10000 ? 40 : 60)) {
            unsigned int victim = random_range(n);

            port = held[victim];
            held[victim] = held[--n];
            used[port] = false;
            ct_nat_port_release(owner[port], port);
        } else if (random_range(2)) {
            pool = ct_nat_port_reserve(pools, &key, start);
            ovs_assert(!pool == used[start]);
            if (pool) {
                owner[start] = pool;
                used[start] = true;
                held[n++] = start;
            }
        } else {
            int expected = model_next_clear(used, start);

            if (expected > max || expected < 0) {
                expected = model_next_clear(used, min);
            }
            pool = ct_nat_port_reserve_next(pools, &key, start, min, max,
                                            &port);
            ovs_assert(!pool == (expected < 0 || expected > max));
            if (pool) {
                ovs_assert(port == expected);
                owner[port] = pool;
                used[port] = true;
                held[n++] = port;
            }
        }
        ovs_assert(ct_nat_pools_count(pools) == (n > 0));
        if (i % 100 == 0) {
            ovsrcu_quiesce();
        }
    }
    while (n) {
        ct_nat_port_release(owner[held[n - 1]], held[n - 1]);
        n--;
    }
    ovs_assert(!ct_nat_pools_count(pools));
    ct_nat_pools_destroy(pools);
}

/* A range gives each of its ports once, and then none at all. */
static void
test_pool_exhaustion(void)
{
    static const struct { uint16_t min, max; } ranges[] = {
        { 0, 0 }, { 65535, 65535 }, { 34567, 34568 }, { 1, 511 },
        { 600, 1023 }, { 1024, 65535 }, { 0, 65535 }, { 4095, 4096 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
        struct ct_nat_pools *pools = ct_nat_pools_create();
        uint16_t min = ranges[i].min, max = ranges[i].max, port;
        static bool seen[N_PORTS];
        struct ct_nat_pool *pool = NULL;

        memset(seen, 0, sizeof seen);
        for (int n = 0; n < max - min + 1; n++) {
            uint16_t start = min + random_range(max - min + 1);

            pool = ct_nat_port_reserve_next(pools, &key, start, min, max,
                                            &port);
            ovs_assert(pool && port >= min && port <= max && !seen[port]);
            seen[port] = true;
        }
        ovs_assert(!ct_nat_port_reserve_next(pools, &key, min, min, max,
                                             &port));
        ct_nat_port_release(pool, max);
        pool = ct_nat_port_reserve_next(pools, &key, min, min, max, &port);
        ovs_assert(pool && port == max);
        for (int p = min; p <= max; p++) {
            ct_nat_port_release(pool, p);
        }
        ovs_assert(!ct_nat_pools_count(pools));
        ct_nat_pools_destroy(pools);
        ovsrcu_quiesce();
    }
}

/* An even port and the one behind it. */
static void
test_pairs(void)
{
    struct ct_nat_pools *pools = ct_nat_pools_create();
    struct ct_nat_pool *pool;
    uint16_t port;

    /* All odd ports but 5001 are taken. */
    for (unsigned int p = 1; p < N_PORTS; p += 2) {
        ovs_assert(p == 5001 || ct_nat_port_reserve(pools, &key, p));
    }
    ovs_assert(!ct_nat_port_reserve_pair(pools, &key, 1024, 1024, 5000,
                                         &port));
    ovs_assert(!ct_nat_port_reserve_pair(pools, &key, 6000, 5001, 65535,
                                         &port));
    pool = ct_nat_port_reserve_pair(pools, &key, 6000, 1024, 65535, &port);
    ovs_assert(pool && port == 5000);
    ovs_assert(!ct_nat_port_reserve(pools, &key, 5000)
               && !ct_nat_port_reserve(pools, &key, 5001));
    ovs_assert(!ct_nat_port_reserve_pair(pools, &key, 1024, 1024, 65535,
                                         &port));

    /* Each is released by itself. */
    ct_nat_port_release(pool, 5001);
    ovs_assert(!ct_nat_port_reserve_pair(pools, &key, 1024, 1024, 65535,
                                         &port));
    ct_nat_port_release(pool, 5000);
    ovs_assert(ct_nat_port_reserve_pair(pools, &key, 1024, 1024, 5001, &port)
               && port == 5000);
    ct_nat_pools_destroy(pools);
}

/* Address, zone, protocol and family each have ports of their own. */
static void
test_pool_keys(void)
{
    struct ct_nat_pools *pools = ct_nat_pools_create();
    struct ct_nat_pool_key keys[5];
    struct ct_nat_pool *pool[5];

    for (int i = 0; i < 5; i++) {
        keys[i] = key;
    }
    keys[1].addr.ip ^= 1;
    keys[2].zone ^= 1;
    keys[3].proto ^= 1;
    keys[4].ipv6 ^= 1;
    for (int i = 0; i < 5; i++) {
        pool[i] = ct_nat_port_reserve(pools, &keys[i], 80);
        ovs_assert(pool[i]);
        ovs_assert(!ct_nat_port_reserve(pools, &keys[i], 80));
    }
    ovs_assert(ct_nat_pools_count(pools) == 5);
    for (int i = 0; i < 5; i++) {
        ct_nat_port_release(pool[i], 80);
    }
    ovs_assert(!ct_nat_pools_count(pools));
    ct_nat_pools_destroy(pools);
}

/* What is exhausted is remembered for that place, those ports, and a while. */
static void
test_exhausted(void)
{
    struct ct_nat_pools *pools = ct_nat_pools_create();
    struct ct_nat_pool *pool;
    long long now = 123456789012;

    ct_nat_port_set_exhausted(pools, &key, 1, 2, now);   /* No pool: no-op. */
    ovs_assert(!ct_nat_port_is_exhausted(pools, &key, 1, 2, now));

    pool = ct_nat_port_reserve(pools, &key, 80);
    ovs_assert(!ct_nat_port_is_exhausted(pools, &key, 1, 2, now));
    ct_nat_port_set_exhausted(pools, &key, 1, 2, now);
    ovs_assert(ct_nat_port_is_exhausted(pools, &key, 1, 2, now));
    ovs_assert(ct_nat_port_is_exhausted(pools, &key, 1, 2,
                                        now + CT_NAT_EXHAUSTED_MSEC - 1));
    ovs_assert(!ct_nat_port_is_exhausted(pools, &key, 1, 2,
                                         now + CT_NAT_EXHAUSTED_MSEC));
    ovs_assert(!ct_nat_port_is_exhausted(pools, &key, 1, 3, now));
    ovs_assert(!ct_nat_port_is_exhausted(pools, &key, 9, 2, now));
    ct_nat_port_clear_exhausted(pool, 2);
    ovs_assert(ct_nat_port_is_exhausted(pools, &key, 1, 2, now));
    ct_nat_port_clear_exhausted(pool, 1);
    ovs_assert(!ct_nat_port_is_exhausted(pools, &key, 1, 2, now));
    ct_nat_port_release(pool, 80);
    ct_nat_pools_destroy(pools);
}

/* Threads reserve and release in the same pools, which come and go.  No port
 * is ever held twice. */
#define N_THREADS 2
#define N_THREAD_KEYS 3
#define N_THREAD_PORTS 64

struct race {
    struct ct_nat_pools *pools;
    _Atomic int holders[N_THREAD_KEYS][N_THREAD_PORTS];
    _Atomic unsigned int n_reserved;
};

static void *
race_main(void *race_)
{
    struct race *race = race_;
    struct {
        struct ct_nat_pool *pool;
        uint16_t port;
        int key;
    } held[40];
    unsigned int n = 0;

    for (int i = 0; i < 100000; i++) {
        if (n && (n == ARRAY_SIZE(held) || random_range(100) < 55)) {
            n--;
            ovs_assert(atomic_fetch_sub(
                           &race->holders[held[n].key][held[n].port], 1) == 1);
            ct_nat_port_release(held[n].pool, held[n].port);
        } else {
            struct ct_nat_pool_key k = key;

            held[n].key = random_range(N_THREAD_KEYS);
            k.zone = held[n].key;
            held[n].port = random_range(N_THREAD_PORTS);
            held[n].pool = (random_range(2)
                            ? ct_nat_port_reserve(race->pools, &k,
                                                  held[n].port)
                            : ct_nat_port_reserve_next(race->pools, &k,
                                                       held[n].port, 0,
                                                       N_THREAD_PORTS - 1,
                                                       &held[n].port));
            if (held[n].pool) {
                ovs_assert(!atomic_fetch_add(
                               &race->holders[held[n].key][held[n].port], 1));
                atomic_fetch_add(&race->n_reserved, 1);
                n++;
            }
        }
        if (!n) {
            ovsrcu_quiesce();
        }
    }
    while (n) {
        n--;
        atomic_fetch_sub(&race->holders[held[n].key][held[n].port], 1);
        ct_nat_port_release(held[n].pool, held[n].port);
    }
    return NULL;
}

static void
test_threads(void)
{
    static struct race race;
    pthread_t threads[N_THREADS];

    race.pools = ct_nat_pools_create();
    for (int i = 0; i < N_THREADS; i++) {
        threads[i] = ovs_thread_create("race", race_main, &race);
    }
    for (int i = 0; i < N_THREADS; i++) {
        xpthread_join(threads[i], NULL);
    }
    ovs_assert(race.n_reserved > 1000);
    ovs_assert(!ct_nat_pools_count(race.pools));
    ct_nat_pools_destroy(race.pools);
}

int
main(int argc OVS_UNUSED, char *argv[])
{
    set_program_name(argv[0]);
    random_set_seed(argc > 1 ? atoi(argv[1]) : 1);

    test_map_model();
    test_map_last_port();
    test_pool_model();
    test_pool_exhaustion();
    test_pairs();
    test_pool_keys();
    test_exhausted();
    test_threads();
    printf("ct-nat-port: ok\n");
    return 0;
}
