/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "ct-table.h"

#include <errno.h>

#include "ct-table-batch.h"
#include "ct-test.h"
#include "latch.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"

static struct ct_conn_memory *memory;

/* Connection 'i': of either family, every other one translated, by numbers
 * that never clash. */
static struct ct_conn *
make(uint32_t i)
{
    struct ct_tuple original = ct_test_tuple(i, i & 1), reply;

    ct_tuple_invert(&original, &reply);
    if (i & 2) {
        reply.dst_port = htons(ntohs(reply.dst_port) ^ 0x8000);
        if (ct_tuple_is_ipv6(&reply)) {
            reply.dst.ip6.s6_addr[1] = 1;
        } else {
            reply.dst.ip ^= htonl(0x01000000);
        }
    }

    struct ct_conn *conn = ct_conn_alloc(memory, 0, &original, &reply);
    if (i & 2) {
        conn->status |= CT_DPIF_STATUS_SRC_NAT;
    }
    conn->mark = i;
    return conn;
}

static struct ct_conn *
find(const struct ct_table *table, const struct ct_tuple *tuple,
     enum ct_dir *dir)
{
    struct ct_key key, inverse;
    uint64_t hash = ct_test_keys(tuple, &key, &inverse);

    uint64_t candidate = ct_table_prefetch_record(
        ct_table_prefetch_bucket(table, hash), hash);
    enum ct_dir early_dir;
    struct ct_conn *early = ct_table_candidate(candidate, tuple, &key,
                                               &inverse, &early_dir);
    struct ct_conn *conn = ct_table_find(table, tuple, &key, &inverse, hash,
                                         dir);

    /* A candidate may be missing, but not wrong. */
    if (early && (early != conn || early_dir != *dir)) {
        return NULL;
    }
    return conn;
}

/* 'conn' is found by both tuples, and by no tuple that it does not have. */
static void
check_found(const struct ct_table *table, const struct ct_conn *conn)
{
    struct ct_tuple t, inv;
    enum ct_dir dir;

    ct_conn_tuple(conn, CT_DIR_ORIGINAL, &t);
    CHECK(find(table, &t, &dir) == conn && dir == CT_DIR_ORIGINAL);
    ct_tuple_invert(&t, &inv);
    ct_conn_tuple(conn, CT_DIR_REPLY, &t);
    CHECK(find(table, &t, &dir) == conn && dir == CT_DIR_REPLY);
    if (ct_conn_is_nat(conn)) {
        CHECK(!find(table, &inv, &dir));
        ct_tuple_invert(&t, &inv);
        CHECK(!find(table, &inv, &dir));
    }
}

static void
check_absent(const struct ct_table *table, uint32_t i)
{
    struct ct_tuple t = ct_test_tuple(i, i & 1);
    enum ct_dir dir;

    CHECK(!find(table, &t, &dir));
    ct_tuple_invert(&t, &t);
    CHECK(!find(table, &t, &dir));
}

/* All that a cursor gives: 'seen[i]' how often connection 'i' was there. */
static void
walk(const struct ct_table *table, size_t max, uint8_t *seen, uint32_t n)
{
    struct ct_table_cursor cursor = { .done = false };
    struct ct_conn *conns[64];
    uint32_t buckets[64];
    size_t got;

    memset(seen, 0, n);
    while ((got = ct_table_next(table, &cursor, conns, buckets, max)) != 0) {
        CHECK(got <= max);
        for (size_t i = 0; i < got; i++) {
            CHECK(conns[i]->mark < n);
            seen[conns[i]->mark]++;
            CHECK(buckets[i] < ct_table_n_buckets(table));
        }
    }
    CHECK(!ct_table_next(table, &cursor, conns, NULL, max));
}

/* Random inserts, removes and lookups, against an array. */
static void
test_model(void)
{
    enum { N = 20000, STEPS = 400000 };
    struct ct_table *table = ct_table_create(NULL);
    struct ct_conn **model = xcalloc(N, sizeof *model);
    uint8_t *seen = xmalloc(N);
    uint64_t seed = 1;
    size_t first_size = ct_table_n_buckets(table);

    for (uint32_t step = 0; step < STEPS; step++) {
        /* From few to many, twice. */
        uint32_t range = 16 + (uint64_t) N * (step % (STEPS / 2))
                         / (STEPS / 2);
        uint64_t r = ct_test_random(&seed);
        uint32_t i = (uint32_t) r % MIN(range, N);

        if (model[i]) {
            check_found(table, model[i]);
            if (r >> 32 & 1) {
                CHECK(ct_table_remove(table, model[i]));
                CHECK(!ct_table_remove(table, model[i]));
                check_absent(table, i);
                ct_conn_free(memory, model[i]);
                model[i] = NULL;
            } else {
                struct ct_conn *again = make(i), *clash = NULL;

                CHECK(ct_table_insert(table, again, &clash) == EEXIST);
                CHECK(clash == model[i]);
                CHECK(!ct_table_remove(table, again));
                ct_conn_free(memory, again);
            }
        } else {
            check_absent(table, i);
            model[i] = make(i);
            CHECK(!ct_table_insert(table, model[i], NULL));
            check_found(table, model[i]);
        }

        if (step % 20011 == 0) {
            for (size_t max = 1; max <= 64; max *= 4) {
                walk(table, max, seen, N);
                for (uint32_t j = 0; j < N; j++) {
                    CHECK(seen[j] == (model[j] != NULL));
                }
            }
            for (uint32_t j = 0; j < N; j++) {
                if (model[j]) {
                    check_found(table, model[j]);
                }
            }
            ovsrcu_quiesce();
        }
    }
    CHECK(ct_table_n_buckets(table) >= 64 * first_size);

    for (uint32_t i = 0; i < N; i++) {
        if (model[i]) {
            CHECK(ct_table_remove(table, model[i]));
            ct_conn_free(memory, model[i]);
        }
    }
    walk(table, 64, seen, N);
    for (uint32_t i = 0; i < N; i++) {
        CHECK(!seen[i]);
    }
    CHECK(!ct_bucket_n_extra());
    ct_table_destroy(table);
    free(model);
    free(seen);
}

/* One connection's original tuple is another's reply tuple, and so on. */
static void
test_clashes(void)
{
    struct ct_table *table = ct_table_create(NULL);
    struct ct_tuple a = ct_test_tuple4(1, 10, 2, 80);
    struct ct_tuple b = ct_test_tuple4(3, 30, 2, 80);
    struct ct_tuple inv_a, inv_b;
    struct ct_conn *clash;

    ct_tuple_invert(&a, &inv_a);
    ct_tuple_invert(&b, &inv_b);

    /* a, seen from the other end. */
    struct ct_conn *plain = ct_conn_alloc(memory, 0, &a, &inv_a);
    struct ct_conn *turned = ct_conn_alloc(memory, 0, &inv_a, &a);
    CHECK(!ct_table_insert(table, plain, NULL));
    CHECK(ct_table_insert(table, turned, &clash) == EEXIST);
    CHECK(clash == plain);

    /* b, translated to what a has. */
    struct ct_conn *nat = ct_conn_alloc(memory, 0, &b, &inv_a);
    nat->status |= CT_DPIF_STATUS_SRC_NAT;
    CHECK(ct_table_insert(table, nat, &clash) == EEXIST);
    CHECK(clash == plain);

    /* The other way round: first b, then a. */
    CHECK(ct_table_remove(table, plain));
    CHECK(!ct_table_insert(table, nat, NULL));
    CHECK(ct_table_insert(table, plain, &clash) == EEXIST);
    CHECK(clash == nat);
    CHECK(ct_table_insert(table, turned, &clash) == EEXIST);
    CHECK(clash == nat);

    /* Translated, the original tuple's inverse is free. */
    struct ct_conn *back = ct_conn_alloc(memory, 0, &inv_b, &b);
    CHECK(ct_table_insert(table, back, &clash) == EEXIST);
    CHECK(clash == nat);
    struct ct_tuple c = ct_test_tuple4(9, 9, 9, 9);
    struct ct_conn *back_nat = ct_conn_alloc(memory, 0, &inv_b, &c);
    back_nat->status |= CT_DPIF_STATUS_DST_NAT;
    CHECK(!ct_table_insert(table, back_nat, &clash));
    CHECK(ct_table_remove(table, back_nat));
    CHECK(ct_table_remove(table, nat));
    CHECK(!ct_table_insert(table, back, &clash));
    CHECK(ct_table_remove(table, back));

    ct_table_destroy(table);
    ct_conn_free(memory, plain);
    ct_conn_free(memory, turned);
    ct_conn_free(memory, nat);
    ct_conn_free(memory, back);
    ct_conn_free(memory, back_nat);
}

/* Two pairs of IPv6 addresses whose keys are equal: the digest alone cannot
 * tell, so the addresses must be compared. */
static void
test_ipv6_digest(void)
{
    struct ct_table *table = ct_table_create(NULL);
    struct ct_conn *conn = make(1);
    struct ct_tuple t, other;
    struct ct_key key, inverse;
    enum ct_dir dir;

    CHECK(!ct_table_insert(table, conn, NULL));
    ct_conn_tuple(conn, CT_DIR_ORIGINAL, &t);
    uint64_t hash = ct_test_keys(&t, &key, &inverse);
    CHECK(ct_table_find(table, &t, &key, &inverse, hash, &dir) == conn);
    other = t;
    other.dst.ip6.s6_addr[15] ^= 1;
    CHECK(!ct_table_find(table, &other, &key, &inverse, hash, &dir));
    CHECK(!ct_table_find(table, &other, &inverse, &key, hash, &dir));
    CHECK(ct_table_remove(table, conn));
    ct_conn_free(memory, conn);
    ct_table_destroy(table);
}

static void
test_size(void)
{
    enum { N = 200000 };
    struct ct_table *table = ct_table_create(NULL);
    struct ct_conn **conns = xmalloc(N * sizeof *conns);
    struct ct_conn *sample[10];

    CHECK(ct_table_memory(table) < 4096);
    CHECK(!ct_table_sample(table, 5, sample, 10));
    for (uint32_t i = 0; i < N; i++) {
        conns[i] = make(i * 4);
        CHECK(!ct_table_insert(table, conns[i], NULL));
        if (i > 1000 && i % 1000 == 0) {
            double bytes = (double) ct_table_memory(table) / i;

            CHECK(bytes < 18);
            size_t n = ct_table_sample(table, i * UINT64_C(0x9e3779b97f4a7c15),
                                       sample, 10);
            CHECK(n > 0 && n <= 10);
            for (size_t j = 0; j < n; j++) {
                CHECK(sample[j]->mark % 4 == 0);
            }
        }
    }
    for (uint32_t i = 0; i < N; i++) {
        ct_conn_free(memory, conns[i]);
    }
    free(conns);
    ct_table_destroy(table);
    ovsrcu_quiesce();
    CHECK(!ct_bucket_n_extra());
}

/* While one thread makes the table grow, and changes it, others find all that
 * was there from the start, and cursors give it exactly once. */
enum { N_STABLE = 3000, N_GROWN = 150000 };
static struct ct_table *grown;
static struct ct_conn *stable[N_STABLE];
static _Atomic bool growing;
static _Atomic unsigned int misses, wrong_walks, n_walks, n_lookups;

static void *
grow_main(void *arg OVS_UNUSED)
{
    uint64_t seed = 77;
    struct ct_conn **mine = xcalloc(N_GROWN, sizeof *mine);
    uint32_t n = 0;

    for (uint32_t i = 0; i < N_GROWN; i++) {
        mine[n] = make(N_STABLE + i);
        if (ct_table_insert(grown, mine[n], NULL)) {
            misses++;
        }
        n++;
        if (i % 3 == 0) {
            uint32_t victim = ct_test_random(&seed) % n;

            if (!ct_table_remove(grown, mine[victim])) {
                misses++;
            }
            ct_conn_free_postponed(memory, mine[victim]);
            mine[victim] = mine[--n];
        }
        if (i % 64 == 0) {
            ct_conn_memory_run(memory, 0);
            ovsrcu_quiesce();
        }
    }
    growing = false;
    free(mine);
    return NULL;
}

static void *
lookup_main(void *arg OVS_UNUSED)
{
    uint64_t seed = 78;

    do {
        for (int i = 0; i < 1000; i++) {
            struct ct_conn *conn = stable[ct_test_random(&seed) % N_STABLE];
            enum ct_dir want = i & 1, dir;
            struct ct_tuple t;

            ct_conn_tuple(conn, want, &t);
            if (find(grown, &t, &dir) != conn || dir != want) {
                misses++;
            }
            n_lookups++;
        }
        ovsrcu_quiesce();
    } while (growing);
    return NULL;
}

static void *
walk_main(void *arg OVS_UNUSED)
{
    uint8_t *seen = xmalloc(N_STABLE);

    do {
        struct ct_table_cursor cursor = { .done = false };
        struct ct_conn *conns[16];
        size_t got;

        memset(seen, 0, N_STABLE);
        while ((got = ct_table_next(grown, &cursor, conns, NULL, 16)) != 0) {
            for (size_t i = 0; i < got; i++) {
                if (conns[i]->mark < N_STABLE) {
                    seen[conns[i]->mark]++;
                }
            }
            ovsrcu_quiesce();
        }
        for (uint32_t i = 0; i < N_STABLE; i++) {
            wrong_walks += seen[i] != 1;
        }
        n_walks++;
    } while (growing);
    free(seen);
    return NULL;
}

static void
test_threads(void)
{
    pthread_t threads[3];

    grown = ct_table_create(NULL);
    growing = true;
    for (uint32_t i = 0; i < N_STABLE; i++) {
        stable[i] = make(i);
        CHECK(!ct_table_insert(grown, stable[i], NULL));
    }
    threads[0] = ovs_thread_create("grow", grow_main, NULL);
    threads[1] = ovs_thread_create("lookup", lookup_main, NULL);
    threads[2] = ovs_thread_create("walk", walk_main, NULL);
    ovsrcu_quiesce_start();
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
        xpthread_join(threads[i], NULL);
    }
    ovsrcu_quiesce_end();
    CHECK(!misses);
    CHECK(!wrong_walks);
    CHECK(n_walks && n_lookups);
    ct_table_destroy(grown);
}

/* A table that has its memory made ready by somebody does not wait: it grows
 * where it may, asks once, and helps itself when nobody comes. */
static void
test_wanted(void)
{
    enum { N = 400000, PAGE = 32768 };
    struct ct_conn **conns = xmalloc(N * sizeof *conns);
    struct latch wanted;
    uint32_t i = 0;

    latch_init(&wanted);
    struct ct_table *table = ct_table_create(&wanted);
    for (; ct_table_n_buckets(table) < PAGE - 5000; i++) {
        conns[i] = make(i);
        CHECK(!ct_table_insert(table, conns[i], NULL));
    }
    CHECK(!latch_is_set(&wanted));
    for (uint32_t end = i + 40000; i < end; i++) {
        conns[i] = make(i);
        CHECK(!ct_table_insert(table, conns[i], NULL));
    }
    CHECK(latch_poll(&wanted));
    CHECK(ct_table_n_buckets(table) == PAGE);

    /* It catches up. */
    ct_table_prepare(table);
    for (uint32_t end = i + 10000; i < end; i++) {
        conns[i] = make(i);
        CHECK(!ct_table_insert(table, conns[i], NULL));
    }
    CHECK(!latch_is_set(&wanted));
    CHECK(ct_table_n_buckets(table) > PAGE + 2000);

    for (; i < N; i++) {
        conns[i] = make(i);
        CHECK(!ct_table_insert(table, conns[i], NULL));
        CHECK(ct_table_n_buckets(table) <= 2 * PAGE);
    }
    CHECK(latch_is_set(&wanted));
    for (; ct_table_n_buckets(table) <= 2 * PAGE && i < 2 * N; i++) {
        conns = xrealloc(conns, (i + 1) * sizeof *conns);
        conns[i] = make(i);
        CHECK(!ct_table_insert(table, conns[i], NULL));
    }
    CHECK(ct_table_n_buckets(table) > 2 * PAGE);

    for (uint32_t j = 0; j < i; j++) {
        struct ct_tuple t;
        enum ct_dir dir;

        ct_conn_tuple(conns[j], CT_DIR_ORIGINAL, &t);
        CHECK(find(table, &t, &dir) == conns[j]);
        ct_conn_free(memory, conns[j]);
    }
    ct_table_destroy(table);
    latch_destroy(&wanted);
    free(conns);
    ovsrcu_quiesce();
}

int
main(void)
{
    ct_hash_init();
    memory = ct_conn_memory_create();
    test_clashes();
    test_ipv6_digest();
    test_model();
    test_size();
    test_wanted();
    test_threads();
    ct_conn_memory_destroy(memory);
    return ct_test_end("ct-table");
}
