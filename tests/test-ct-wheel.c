/* SPDX-License-Identifier: Apache-2.0 */

/* The wheel on virtual time. */

#include <config.h>

#include "ct-wheel.h"

#include "ct-test.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"

#define START INT64_C(1000000123)

/* A tracker without packets: what expires is dead at once. */
struct world {
    struct ct_conn_memory *memory;
    struct ct_wheel *wheel;
    uint64_t now;
    unsigned int n_expired, n_released;
    bool refuse;                /* Prolong instead of expiring. */
};

/* 'mark' of a record: 0 alive, then these. */
enum { EXPIRED = 1, RELEASED = 2 };

static void
end(struct world *w, struct ct_conn *conn)
{
    conn->status |= CT_DPIF_STATUS_DYING;
    ct_wheel_dead(w->wheel, conn);
}

static void
expire(void *w_, struct ct_conn *conn, long long now)
{
    struct world *w = w_;

    CHECK(conn->deadline <= now && now <= w->now);
    CHECK(!conn->mark);
    if (w->refuse) {
        conn->deadline = w->now + 5000;
        w->refuse = false;
        return;
    }
    conn->mark = EXPIRED;
    w->n_expired++;
    end(w, conn);
}

static void
release(void *w_, struct ct_conn *conn)
{
    struct world *w = w_;

    CHECK(conn->status & CT_DPIF_STATUS_DYING);
    CHECK(conn->mark != RELEASED);
    conn->mark = RELEASED;
    w->n_released++;
    ct_conn_free_postponed(w->memory, conn);
}

static const struct ct_wheel_ops ops = { expire, release };

static void
world_init(struct world *w)
{
    memset(w, 0, sizeof *w);
    w->memory = ct_conn_memory_create();
    w->now = START;
    w->wheel = ct_wheel_create(w->memory, START, &ops, w);
}

static void
world_uninit(struct world *w)
{
    ct_wheel_destroy(w->wheel);
    ct_conn_memory_destroy(w->memory);
    ovsrcu_quiesce();
}

static void
run(struct world *w, uint64_t now)
{
    w->now = now;
    while (ct_wheel_run(w->wheel, now, 1000)) {
        continue;
    }
}

static struct ct_conn *
make(struct world *w, uint64_t deadline)
{
    struct ct_tuple t = ct_test_tuple(1, false), inv;

    ct_tuple_invert(&t, &inv);
    struct ct_conn *conn = ct_conn_alloc(w->memory, 0, &t, &inv);
    conn->deadline = deadline;
    ct_wheel_add(w->wheel, conn);
    return conn;
}

/* Alone, for distances on both sides of each level's border: not before its
 * deadline, and at most a tick later. */
static void
test_one(uint64_t distance, uint64_t phase)
{
    struct world w;

    world_init(&w);
    run(&w, START + phase);
    uint64_t deadline = w.now + distance;
    struct ct_conn *conn = make(&w, deadline);
    run(&w, w.now);

    /* On the way, in steps that get smaller. */
    for (uint64_t left = distance; left > 1; left /= 2) {
        run(&w, deadline - left / 2 - 1);
        CHECK(!conn->mark);
    }
    if (distance) {
        run(&w, deadline - 1);
        CHECK(!conn->mark);
    }
    run(&w, deadline + CT_WHEEL_TICK_MS);
    CHECK(conn->mark == RELEASED);
    CHECK(w.n_expired == 1 && w.n_released == 1);
    world_uninit(&w);
}

static void
test_distances(void)
{
    static const uint64_t borders[] = {
        0, 1, 100, 1000, 25600, 25600 * 256, UINT64_C(25600) * 65536,
        UINT64_C(25600) * 65536 * 256, UINT64_C(4294967295) * 1000,
    };

    for (size_t i = 0; i < ARRAY_SIZE(borders); i++) {
        for (int d = -201; d <= 201; d += 67) {
            if (d >= 0 || borders[i] > 201) {
                test_one(borders[i] + d, 0);
                test_one(borders[i] + d, 77);
                test_one(borders[i] + d, 25600 - 150);
            }
        }
    }
}

/* Thousands at random, that move, come sooner, or end. */
static void
test_many(void)
{
    enum { N = 20000, SPAN = 60 * 60 * 1000 };
    struct ct_conn **conns = xmalloc(N * sizeof *conns);
    uint64_t *deadline = xmalloc(N * sizeof *deadline);
    uint64_t seed = 3;
    unsigned int ended = 0;
    struct world w;

    world_init(&w);
    for (size_t i = 0; i < N; i++) {
        deadline[i] = START + ct_test_random(&seed) % SPAN;
        conns[i] = make(&w, deadline[i]);
    }
    for (uint64_t now = START; now <= START + 2 * SPAN; now += 100) {
        for (int k = 0; k < 10; k++) {
            uint64_t r = ct_test_random(&seed);
            size_t i = (uint32_t) r % N;

            if (conns[i]->mark || conns[i]->status) {
                continue;
            }
            switch (r >> 32 & 7) {
            case 0:
                deadline[i] = now + (r >> 40) % (deadline[i] - now + 1);
                conns[i]->deadline = deadline[i];
                ct_wheel_sooner(w.wheel, conns[i]);
                break;
            case 1:
                end(&w, conns[i]);
                deadline[i] = UINT64_MAX;
                ended++;
                break;
            default:
                deadline[i] = MAX(deadline[i], now + (r >> 40) % SPAN);
                conns[i]->deadline = deadline[i];
                break;
            }
        }
        run(&w, now);
        if (now % 5000 < 100) {
            for (size_t i = 0; i < N; i++) {
                if (deadline[i] != UINT64_MAX) {
                    CHECK((conns[i]->mark != 0)
                          == (deadline[i] + CT_WHEEL_TICK_MS <= now)
                          || (deadline[i] <= now
                              && now < deadline[i] + CT_WHEEL_TICK_MS));
                }
            }
        }
    }
    run(&w, START + 4 * SPAN);
    CHECK(ended > 100);
    CHECK(w.n_expired == N - ended);
    CHECK(w.n_released == N);
    free(conns);
    free(deadline);
    world_uninit(&w);
}

static void
test_events(void)
{
    struct world w;

    /* Ended before it was ever armed, told twice, and news that come late. */
    world_init(&w);
    struct ct_conn *conn = make(&w, START + 1000);
    end(&w, conn);
    ct_wheel_sooner(w.wheel, conn);
    run(&w, START);
    CHECK(w.n_released == 1 && !w.n_expired);
    ct_wheel_add(w.wheel, conn);
    ct_wheel_sooner(w.wheel, conn);
    uint32_t id = conn->id;
    ovsrcu_quiesce();           /* Queued: its memory must wait. */
    CHECK(conn->id == id);
    run(&w, START + 100000);
    CHECK(w.n_released == 1 && !w.n_expired);
    ovsrcu_quiesce();
    CHECK(conn->id == 0);

    /* Prolonged at the last moment. */
    conn = make(&w, START + 200000);
    w.refuse = true;
    run(&w, START + 200100);
    CHECK(!conn->mark);
    run(&w, START + 205000 - 1);
    CHECK(!conn->mark);
    run(&w, START + 205200);
    CHECK(conn->mark == RELEASED);

    /* A deadline that is over when it comes, and one that never comes. */
    conn = make(&w, 5);
    struct ct_conn *never = make(&w, UINT64_MAX);
    run(&w, START + 205300);
    CHECK(conn->mark == RELEASED && !never->mark);
    run(&w, START + (UINT64_C(1) << 50));
    CHECK(!never->mark);
    world_uninit(&w);
}

/* The budget bounds each call, and nothing is lost over calls. */
static void
test_budget(void)
{
    enum { N = 5000 };
    struct world w;

    world_init(&w);
    for (size_t i = 0; i < N; i++) {
        /* All due at once, after they came down a level together. */
        make(&w, START + 300000);
    }
    for (unsigned int i = 0; i < N / 7; i++) {
        CHECK(ct_wheel_run(w.wheel, START, 7));
    }
    w.now = START + 300100;
    unsigned int calls = 0;
    bool more;
    do {
        unsigned int before = w.n_expired;

        more = ct_wheel_run(w.wheel, w.now, 10);
        CHECK(w.n_expired - before <= 10);
        calls++;
    } while (more);
    CHECK(calls >= 3 * N / 10);
    CHECK(w.n_released == N);
    world_uninit(&w);
}

/* Connections come faster than the queues are worked off, and time goes on
 * nevertheless. */
static void
test_busy_queue(void)
{
    struct world w;

    world_init(&w);
    struct ct_conn *conn = make(&w, START + 1000);
    run(&w, START);
    w.now = START + 1000 + CT_WHEEL_TICK_MS;
    for (int i = 0; i < 10; i++) {
        for (int j = 0; j < 20; j++) {
            make(&w, START + 1000000);
        }
        CHECK(ct_wheel_run(w.wheel, w.now, 10));
    }
    CHECK(w.n_expired == 1);
    run(&w, w.now);
    CHECK(conn->mark == RELEASED);
    run(&w, START + 1000000 + CT_WHEEL_TICK_MS);
    CHECK(w.n_expired == 201 && w.n_released == 201);
    world_uninit(&w);
}

/* Threads push the same records while the wheel turns: each is released
 * once. */
enum { N_SHARED = 500 };
static struct world shared;
static struct ct_conn *conns[N_SHARED];
static _Atomic unsigned int n_pushing;

static void *
push_main(void *arg)
{
    uint64_t seed = (uintptr_t) arg;

    for (int i = 0; i < 100000; i++) {
        uint64_t r = ct_test_random(&seed);
        struct ct_conn *conn = conns[(uint32_t) r % N_SHARED];

        if (!(atomic_load(&conn->status) & CT_DPIF_STATUS_DYING)) {
            if (r >> 32 & 255) {
                ct_wheel_sooner(shared.wheel, conn);
            } else if (!(atomic_fetch_or(&conn->status,
                                         CT_DPIF_STATUS_DYING)
                         & CT_DPIF_STATUS_DYING)) {
                ct_wheel_dead(shared.wheel, conn);
            }
        }
    }
    n_pushing--;
    return NULL;
}

static void
test_threads(void)
{
    pthread_t threads[3];

    world_init(&shared);
    for (size_t i = 0; i < N_SHARED; i++) {
        conns[i] = make(&shared, START + 3600000);
    }
    n_pushing = ARRAY_SIZE(threads);
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
        threads[i] = ovs_thread_create("push", push_main, (void *) (i + 1));
    }
    for (uint64_t now = START; n_pushing; now += 100) {
        run(&shared, now);
    }
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
        xpthread_join(threads[i], NULL);
    }
    unsigned int n_dying = 0;
    run(&shared, START + 1000000);
    for (size_t i = 0; i < N_SHARED; i++) {
        n_dying += !!(conns[i]->status & CT_DPIF_STATUS_DYING);
    }
    CHECK(n_dying && shared.n_released == n_dying);
    run(&shared, START + 7200000);
    CHECK(shared.n_released == N_SHARED);
    world_uninit(&shared);
}

int
main(void)
{
    ct_hash_init();
    test_distances();
    test_many();
    test_events();
    test_budget();
    test_busy_queue();
    test_threads();
    return ct_test_end("ct-wheel");
}
