/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "ct-conn.h"

#include "ct-id.h"
#include "ct-news.h"
#include "ct-test.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"

static struct ct_conn *
make(struct ct_conn_memory *memory, uint64_t i, bool ipv6, bool nat)
{
    struct ct_tuple original = ct_test_tuple(i, ipv6), reply;

    ct_tuple_invert(&original, &reply);
    if (nat) {
        reply.dst_port = htons(ntohs(reply.dst_port) + 1);
    }

    struct ct_conn *conn = ct_conn_alloc(memory, 9, &original, &reply);
    if (nat) {
        conn->status |= CT_DPIF_STATUS_SRC_NAT;
    }
    return conn;
}

static void
test_tuples(void)
{
    struct ct_conn_memory *memory = ct_conn_memory_create();

    for (int kind = 0; kind < 4; kind++) {
        bool ipv6 = kind & 1, nat = kind & 2;
        struct ct_tuple original = ct_test_tuple(3, ipv6), reply, t;
        struct ct_conn *conn = make(memory, 3, ipv6, nat);

        ct_tuple_invert(&original, &reply);
        if (nat) {
            reply.dst_port = htons(4);
        }
        ct_conn_tuple(conn, CT_DIR_ORIGINAL, &t);
        CHECK(ct_tuple_equal(&t, &original));
        ct_conn_tuple(conn, CT_DIR_REPLY, &t);
        CHECK(ct_tuple_equal(&t, &reply));
        CHECK(conn->key.zone == 9);
        CHECK(conn->id);
        CHECK(!conn->mark && !conn->deadline && !conn->ext);
        CHECK((uintptr_t) conn % 32 == 0);
        if (nat) {
            CHECK(ct_conn_links(conn) == &ct_conn_nat(conn)->links);
            CHECK(!ct_conn_nat(conn)->delta_all[0]);
        }
        ct_conn_free(memory, conn);
    }
    ct_conn_memory_destroy(memory);
}

/* Numbers, places and what is beside them: of many records, all are different
 * and stay what they are. */
static void
test_numbers(bool ipv6, bool nat)
{
    enum { N = 50000 };
    struct ct_conn_memory *memory = ct_conn_memory_create();
    struct ct_conn **conns = xmalloc(N * sizeof *conns);
    size_t stride = 128 + 32 * (ipv6 ? (nat ? 3 : 1) : nat);
    size_t eighths = 8 * stride + (nat ? 34 : 98);

    for (uint32_t i = 0; i < N; i++) {
        conns[i] = make(memory, i, ipv6, nat);
        conns[i]->mark = i;
        CHECK(!*ct_conn_start(conns[i]));
        CHECK(!ct_conn_links(conns[i])->next);
        CHECK(!ct_conn_links(conns[i])->prev);
        *ct_conn_start(conns[i]) = i;
        ct_conn_links(conns[i])->next = i + 1;
        ct_conn_links(conns[i])->prev = i + 2;
        if (!nat) {
            ((char *) conns[i])[stride - 1] = i;
        }
    }
    for (uint32_t i = 0; i < N; i++) {
        uint32_t number = ct_conn_number(conns[i]);

        CHECK(conns[i]->mark == i);
        CHECK(*ct_conn_start(conns[i]) == i);
        CHECK(ct_conn_links(conns[i])->next == i + 1);
        CHECK(ct_conn_links(conns[i])->prev == i + 2);
        CHECK(nat || ((char *) conns[i])[stride - 1] == (char) i);
        CHECK(number && number <= CT_CONN_NUMBER_MAX);
        CHECK(ct_conn_from_number(memory, number) == conns[i]);
    }
    CHECK(ct_conn_memory_used(memory) >= N * eighths / 8);
    CHECK(ct_conn_memory_used(memory) < (N + 300) * eighths / 8);

    /* Freed at once, they are what is given next: memory does not grow. */
    size_t used = ct_conn_memory_used(memory);
    for (uint32_t i = 0; i < N; i++) {
        ct_conn_free(memory, conns[i]);
        CHECK(!conns[i]->id);
    }
    for (uint32_t i = 0; i < N; i++) {
        conns[i] = make(memory, i, ipv6, nat);
        CHECK(!conns[i]->mark);
    }
    CHECK(ct_conn_memory_used(memory) == used);

    free(conns);
    ct_conn_memory_destroy(memory);
}

static int
compare_ids(const void *a_, const void *b_)
{
    const uint32_t *a = a_, *b = b_;

    return *a < *b ? -1 : *a > *b;
}

static void
test_ids(void)
{
    enum { N = 20000 };
    struct ct_conn_memory *memory = ct_conn_memory_create();
    struct ct_conn *conns[1000];
    uint32_t *ids = xmalloc(N * sizeof *ids);

    for (size_t i = 0; i < ARRAY_SIZE(conns); i++) {
        conns[i] = make(memory, i, false, false);
    }
    for (size_t i = 0; i < N; i++) {
        size_t j = i % ARRAY_SIZE(conns);
        struct ct_conn *old = conns[j];
        uint32_t id = old->id;

        CHECK(ct_conn_is_live(old, id));
        ct_conn_free(memory, old);
        CHECK(!ct_conn_is_live(old, id));
        conns[j] = make(memory, i, false, false);
        ids[i] = conns[j]->id;
        CHECK(ids[i] != id);
        CHECK(!ct_conn_is_live(old, id));
    }
    qsort(ids, N, sizeof *ids, compare_ids);
    for (size_t i = 1; i < N; i++) {
        CHECK(ids[i] != ids[i - 1]);
    }
    free(ids);
    ct_conn_memory_destroy(memory);
}

/* After the wrap, ranges with ids in use are left out. */
static void
test_id_wrap(void)
{
    struct ct_id_space *space = ct_id_space_create();
    struct ct_id_range range;

    ct_id_refill(space, &range);
    CHECK(range.next == 1 && range.left == CT_ID_RANGE - 1);
    uint32_t keep = ct_id_get(&range);
    CHECK(keep == 1);
    while (range.left) {
        ct_id_put(space, ct_id_get(&range));
    }

    ct_id_space_seek(space, UINT32_MAX / CT_ID_RANGE);
    ct_id_refill(space, &range);
    CHECK(range.next == UINT32_MAX - CT_ID_RANGE + 1);
    while (range.left) {
        ct_id_put(space, ct_id_get(&range));
    }
    CHECK(range.next == 0);

    /* Range 0 is in use by 'keep'. */
    ct_id_refill(space, &range);
    CHECK(range.next == CT_ID_RANGE);

    ct_id_put(space, keep);
    ct_id_space_seek(space, 0);
    ct_id_refill(space, &range);
    CHECK(range.next == 1);
    ct_id_space_destroy(space);
}

/* Freed after a grace period: not before this thread quiesces. */
static void
test_postponed(void)
{
    enum { N = 1000 };
    struct ct_conn_memory *memory = ct_conn_memory_create();
    struct ct_conn *conns[N];
    uint32_t ids[N];

    for (size_t i = 0; i < N; i++) {
        conns[i] = make(memory, i, false, false);
        ids[i] = conns[i]->id;
    }

    /* The wheel has not yet had the news of one. */
    ct_news_add(ct_conn_chunks(memory), conns[5]);
    for (size_t i = 0; i < N; i++) {
        ct_conn_free_postponed(memory, conns[i]);
    }
    ct_conn_memory_run(memory);
    for (size_t i = 0; i < N; i++) {
        CHECK(conns[i]->id == ids[i]);
    }
    ovsrcu_quiesce();
    for (size_t i = 0; i < N; i++) {
        CHECK(conns[i]->id == (i == 5 ? ids[i] : 0));
    }

    struct ct_news_cursor cursor = { .next = 0 };
    CHECK(ct_news_take(ct_conn_chunks(memory), &cursor) == conns[5]);
    ct_conn_memory_run(memory);
    ovsrcu_quiesce();
    CHECK(!conns[5]->id);

    /* Their memory serves again. */
    size_t used = ct_conn_memory_used(memory);
    for (size_t i = 0; i < N; i++) {
        make(memory, i, false, false);
    }
    CHECK(ct_conn_memory_used(memory) == used);

    /* Destroyed while records wait for their grace period. */
    ct_conn_free_postponed(memory, make(memory, 0, true, true));
    ct_conn_memory_run(memory);
    ct_conn_free_postponed(memory, make(memory, 1, true, true));
    ct_conn_memory_destroy(memory);
    ovsrcu_quiesce();
}

/* Threads that allocate and free get records of their own. */
static struct ct_conn_memory *shared;
static _Atomic uint32_t doubles;

static void *
allocate_main(void *arg)
{
    uint32_t me = (uintptr_t) arg;
    struct ct_conn *conns[600];

    for (int round = 0; round < 50; round++) {
        for (size_t i = 0; i < ARRAY_SIZE(conns); i++) {
            conns[i] = make(shared, i, false, false);
            conns[i]->mark = me;
        }
        for (size_t i = 0; i < ARRAY_SIZE(conns); i++) {
            doubles += conns[i]->mark != me;
            if (i % 2) {
                ct_conn_free(shared, conns[i]);
            } else {
                ct_conn_free_postponed(shared, conns[i]);
            }
        }
        ct_conn_memory_run(shared);
        ovsrcu_quiesce();
    }
    return NULL;
}

static void
test_threads(void)
{
    pthread_t threads[4];

    shared = ct_conn_memory_create();
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
        threads[i] = ovs_thread_create("allocate", allocate_main,
                                       (void *) (i + 1));
    }
    ovsrcu_quiesce_start();
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
        xpthread_join(threads[i], NULL);
    }
    ovsrcu_quiesce_end();
    CHECK(!doubles);

    /* 4 threads had at most 600 each, and as many waiting for each of a few
     * grace periods. */
    CHECK(ct_conn_memory_used(shared) < 100000 * 144);
    ct_conn_memory_destroy(shared);
}

int
main(void)
{
    ct_hash_init();
    test_tuples();
    for (int kind = 0; kind < 4; kind++) {
        test_numbers(kind & 1, kind & 2);
    }
    test_ids();
    test_id_wrap();
    test_postponed();
    test_threads();
    return ct_test_end("ct-conn");
}
