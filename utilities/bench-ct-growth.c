/* SPDX-License-Identifier: Apache-2.0 */

/* Times of batches for bench-ct.c. */

#include <config.h>

#include "bench-ct-growth.h"

#include <errno.h>
#include <sys/resource.h>
#include <time.h>

#include "bench-ct-source.h"
#include "ct.h"
#include "ct-pages.h"
#include "ct-tracker.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "timeval.h"
#include "util.h"

/* So long lives a connection whose SYN has no answer: longer than it takes to
 * create all. */
#define POLICY 1
#define LIFE_S 20

/* While the tracker is swept, a batch that often: the sweep shall come to its
 * end. */
#define PACE_NS 100000

#define TOUCH_NS UINT64_C(10000000000)

struct growth {
    struct ct *ct;
    struct bench_source source;
    struct bench_times *times;  /* Of the current phase. */
    uint32_t next;              /* Connection. */
    long long now;              /* Of the last batch. */
};

const char *bench_phase_names[BENCH_N_PHASES] = {
    [BENCH_CREATING] = "creating",
    [BENCH_EXPIRING] = "expiring",
    [BENCH_DRAINING] = "draining",
    [BENCH_MEMORY] = "memory",
};

static void create(struct growth *, uint32_t n);
static void expire(struct growth *);
static void drain(struct growth *);
static void touch_memory(struct bench_times *, uint32_t n);
static void batch(struct growth *);
static void pace(uint64_t *next);
static bool is_drained(struct ct *);
static uint64_t clock_ns(clockid_t);
static void add_time(struct bench_times *, uint64_t ns, long int faults);

void
bench_growth(uint32_t n, struct bench_times times[BENCH_N_PHASES])
{
    struct ct_dpif_timeout_policy policy = {
        .id = POLICY,
        .present = 1u << CT_DPIF_TP_ATTR_TCP_SYN_SENT,
        .attrs[CT_DPIF_TP_ATTR_TCP_SYN_SENT] = LIFE_S,
    };
    struct growth g = { .ct = ct_create() };

    memset(times, 0, BENCH_N_PHASES * sizeof *times);
    bench_source_init(&g.source, BENCH_COUNTED);
    ct_set_maxconns(g.ct, UINT32_MAX);
    ct_timeout_policy_set(g.ct, &policy);

    g.times = &times[BENCH_CREATING];
    create(&g, n);
    g.times = &times[BENCH_EXPIRING];
    expire(&g);

    struct bench_times unused = { .n = 0 };
    g.times = &unused;
    create(&g, n);
    g.times = &times[BENCH_DRAINING];
    drain(&g);

    bench_source_uninit(&g.source);
    ct_destroy(g.ct);
    touch_memory(&times[BENCH_MEMORY], n);
}

double
bench_times_quantile(const struct bench_times *times, double share)
{
    uint64_t n = 0;

    for (int i = 0; i < BENCH_N_BINS; i++) {
        for (int j = 0; j < 16; j++) {
            n += times->fine[i][j];
            if (n >= times->n * share) {
                return (double) (UINT64_C(1) << i) * (17 + j) / 16;
            }
        }
    }
    return times->longest;
}

/* Phases. */

static void
create(struct growth *g, uint32_t n)
{
    uint32_t first = g->next;

    while (g->next - first < n) {
        batch(g);
    }
}

static void
expire(struct growth *g)
{
    long long last = g->now + LIFE_S * 1000;
    uint32_t n_others = 0;
    uint64_t next = 0;

    /* Until the last of those that were there has gone. */
    ovsrcu_quiesce_start();
    while (time_msec() < last - 6 * 1000) {
        xnanosleep(100 * 1000 * 1000);
    }
    ovsrcu_quiesce_end();
    while (time_msec() < last || ct_get_nconns(g->ct) > n_others) {
        pace(&next);
        batch(g);
        n_others += NETDEV_MAX_BURST;
    }
}

static void
drain(struct growth *g)
{
    uint64_t next = 0;

    ct_flush(g->ct, NULL, NULL);
    do {
        pace(&next);
        batch(g);
    } while (!is_drained(g->ct));
}

static void *
run_main(void *stop_)
{
    _Atomic bool *stop = stop_;

    while (!atomic_load(stop)) {
        continue;
    }
    return NULL;
}

/* 160 bytes for each of 'n' connections. */
static void
touch_memory(struct bench_times *times, uint32_t n)
{
    size_t size = ROUND_UP(n * 160, CT_HUGE_PAGE);
    char *memory = ct_pages_alloc(size, CT_HUGE_PAGE, true);
    uint64_t x = 1;
    _Atomic bool stop = false;

    if (!memory) {
        ovs_fatal(errno, "no memory");
    }
    ct_pages_touch(memory, size);

    pthread_t thread = ovs_thread_create("run", run_main, (void *) &stop);
    uint64_t end = clock_ns(CLOCK_MONOTONIC) + TOUCH_NS;
    while (clock_ns(CLOCK_MONOTONIC) < end) {
        uint64_t before = clock_ns(CLOCK_THREAD_CPUTIME_ID);

        for (int j = 0; j < 256; j++) {
            x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
            memory[(x >> 32) * size >> 32]++;
        }
        add_time(times, clock_ns(CLOCK_THREAD_CPUTIME_ID) - before, 0);
    }
    atomic_store(&stop, true);
    xpthread_join(thread, NULL);
    ct_pages_free(memory, size);
}

static void
batch(struct growth *g)
{
    static const struct ct_request request = {
        .commit = true,
        .timeout_policy = POLICY,
    };
    struct dp_packet_batch packets;
    struct rusage before, after;

    bench_source_next(&g->source, &packets, BENCH_SYN, g->next);
    g->next += NETDEV_MAX_BURST;
    g->now = time_msec();

    getrusage(RUSAGE_THREAD, &before);
    uint64_t start = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    ct_execute(g->ct, &packets, htons(ETH_TYPE_IP), &request, g->now);
    uint64_t ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - start;
    getrusage(RUSAGE_THREAD, &after);

    if (dp_packet_batch_size(&packets) != NETDEV_MAX_BURST) {
        ovs_fatal(0, "not all packets came out");
    }
    add_time(g->times, ns, after.ru_minflt - before.ru_minflt);
    ovsrcu_quiesce();
}

/* Waits, busily as a thread that polls, until '*next', and moves it on. */
static void
pace(uint64_t *next)
{
    uint64_t now;

    do {
        now = clock_ns(CLOCK_MONOTONIC);
    } while (now < *next);
    *next = now + PACE_NS;
}

static bool
is_drained(struct ct *ct)
{
    ovs_mutex_lock(&ct->mutex);
    bool drained = ovs_list_is_empty(&ct->detached);
    ovs_mutex_unlock(&ct->mutex);
    return drained;
}

/* Times. */

static uint64_t
clock_ns(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
}

static void
add_time(struct bench_times *times, uint64_t ns, long int faults)
{
    int octave = MIN(63 - __builtin_clzll(ns | 16), BENCH_N_BINS - 1);

    times->bins[octave]++;
    times->fine[octave][ns >> (octave - 4) & 15]++;
    times->n++;
    times->n_late += ns > 1000000;
    if (ns > times->longest) {
        times->longest = ns;
        times->longest_faults = faults;
    }
}
