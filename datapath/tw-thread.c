/* SPDX-License-Identifier: Apache-2.0 */

/* A packet thread: receives a batch, carries it through (tw-input), sends
 * (tw-output), quiesces.  Started, parked and ended by tw-reconfigure; the
 * shared one is run by tw-datapath and borrowed by dpif_execute(). */

#include <config.h>

#include "tw-thread.h"

#include <errno.h>
#include <sched.h>

#include "coverage.h"
#include "hash.h"
#include "netdev.h"
#include "netdev-provider.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "ovs-numa.h"
#include "ovs-rcu.h"
#include "timeval.h"
#include "tw-cache.h"
#include "tw-datapath.h"
#include "tw-output.h"
#include "tw-port.h"
#include "tw-smc.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(tw_thread);

/* Rounds of polling between two looks at what is not urgent. */
#define HOUSEKEEPING_ROUNDS 1024

/* No longer than this between two quiescent states, while packets come. */
#define QUIESCE_INTERVAL_US 10000

/* A round that receives so many packets is no reason to sleep. */
#define SLEEP_THRESHOLD (NETDEV_MAX_BURST / 2)

/* How much longer each sleep in a row is, in microseconds. */
#define SLEEP_STEP_US 1

/* Rounds that the main thread polls while packets keep coming, before it looks
 * after its other duties. */
#define NON_PMD_ROUNDS 8

DEFINE_STATIC_PER_THREAD_DATA(struct tw_thread *, tw_self, NULL);

static void *thread_main(void *);
static bool thread_await_order(struct tw_thread *);
static void thread_poll_until_interrupted(struct tw_thread *);
static size_t thread_poll_round(struct tw_thread *);
static size_t thread_poll(struct tw_thread *, struct tw_poll *);
static void thread_give_order(struct tw_thread *, enum tw_order);
static void thread_await_parked(struct tw_thread *);

struct tw_thread *
tw_thread_lock_non_pmd(struct tw_datapath *dp)
{
    struct tw_thread *thread = *tw_self_get();

    if (!thread || thread->dp != dp) {
        thread = tw_thread_find(dp, NON_PMD_CORE_ID);
        ovs_mutex_lock(&thread->non_pmd_mutex);
    }
    thread->now = time_usec();
    return thread;
}

void
tw_thread_unlock_non_pmd(struct tw_thread *thread)
{
    if (tw_thread_is_non_pmd(thread)) {
        ovs_mutex_unlock(&thread->non_pmd_mutex);
    }
}

/* The smallest slot that no thread of 'dp' has. */
static unsigned int
free_slot(struct tw_datapath *dp)
{
    const struct tw_thread *thread;
    unsigned int slot = 0;
    bool taken;

    do {
        taken = false;
        CMAP_FOR_EACH (thread, node, &dp->threads) {
            taken = taken || thread->slot == slot;
        }
        slot += taken;
    } while (taken);
    return slot;
}

struct tw_thread *
tw_thread_create(struct tw_datapath *dp, unsigned core_id, int numa_id)
{
    struct tw_thread *thread = xzalloc_cacheline(sizeof *thread);

    thread->dp = dp;
    thread->core_id = core_id;
    thread->numa_id = numa_id;
    thread->slot = free_slot(dp);
    thread->now = time_usec();
    tw_cycles_per_us();
    hmap_init(&thread->tx_ports);
    ovs_mutex_init_recursive(&thread->non_pmd_mutex);
    ovs_mutex_init(&thread->order_mutex);
    xpthread_cond_init(&thread->order_cond, NULL);
    thread->order = TW_ORDER_PARK;
    atomic_init(&thread->interrupt, true);
    atomic_init(&thread->parked, false);
    cmap_insert(&dp->threads, &thread->node, hash_int(core_id, 0));

    if (!tw_thread_is_non_pmd(thread)) {
        char *name = xasprintf("tw-c%02u/id:", core_id);

        thread->pthread = ovs_thread_create(name, thread_main, thread);
        free(name);
        VLOG_INFO("packet thread on core %u (NUMA node %d) started",
                  core_id, numa_id);
    }
    return thread;
}

static void
thread_free(struct tw_thread *thread)
{
    ovs_mutex_destroy(&thread->non_pmd_mutex);
    ovs_mutex_destroy(&thread->order_mutex);
    xpthread_cond_destroy(&thread->order_cond);
    hmap_destroy(&thread->tx_ports);
    free(thread->polls);
    tw_smc_destroy(thread->smc);
    tw_cache_destroy(thread->cache);
    free_cacheline(thread);
}

/* Who may still hold a reference: after the join, only readers of statistics,
 * who found the thread in dp->threads and so read under RCU. */
void
tw_thread_destroy(struct tw_thread *thread)
{
    struct tw_datapath *dp = thread->dp;

    if (!tw_thread_is_non_pmd(thread)) {
        thread_give_order(thread, TW_ORDER_EXIT);
        xpthread_join(thread->pthread, NULL);
        VLOG_INFO("packet thread on core %u (NUMA node %d) ended",
                  thread->core_id, thread->numa_id);
    }
    cmap_remove(&dp->threads, &thread->node, hash_int(thread->core_id, 0));
    tw_stats_accumulate(&dp->retired, &thread->stats);
    tw_stats_accumulate(&dp->retired_cleared, &thread->cleared);
    tw_output_del_all(thread);
    ovsrcu_postpone(thread_free, thread);
}

struct tw_thread *
tw_thread_find(const struct tw_datapath *dp, unsigned core_id)
{
    struct tw_thread *thread;

    CMAP_FOR_EACH_WITH_HASH (thread, node, hash_int(core_id, 0),
                             &dp->threads) {
        if (thread->core_id == core_id) {
            return thread;
        }
    }
    return NULL;
}

/* The shared thread last: who has it locked may hold a lock that a packet
 * thread needs to end its batch. */
void
tw_threads_park(struct tw_datapath *dp)
{
    struct tw_thread *thread;

    CMAP_FOR_EACH (thread, node, &dp->threads) {
        if (!tw_thread_is_non_pmd(thread)) {
            thread_give_order(thread, TW_ORDER_PARK);
        }
    }
    CMAP_FOR_EACH (thread, node, &dp->threads) {
        if (!tw_thread_is_non_pmd(thread)) {
            thread_await_parked(thread);
        }
    }
    CMAP_FOR_EACH (thread, node, &dp->threads) {
        if (tw_thread_is_non_pmd(thread)) {
            ovs_mutex_lock(&thread->non_pmd_mutex);
        }
    }
}

void
tw_threads_resume(struct tw_datapath *dp)
{
    struct tw_thread *thread;

    CMAP_FOR_EACH (thread, node, &dp->threads) {
        if (tw_thread_is_non_pmd(thread)) {
            ovs_mutex_unlock(&thread->non_pmd_mutex);
        } else {
            thread_give_order(thread, TW_ORDER_RUN);
        }
    }
}

void
tw_thread_forget_port(struct tw_thread *thread, const struct tw_port *port)
{
    size_t n = 0;

    for (size_t i = 0; i < thread->n_polls; i++) {
        if (thread->polls[i].rxq->port != port) {
            thread->polls[n++] = thread->polls[i];
        }
    }
    thread->n_polls = n;
    tw_output_del_port(thread, port);
}

static void
poll_look_at_device(struct tw_poll *poll)
{
    struct netdev_rxq *rx = poll->rxq->rx;

    poll->change_seq = netdev_get_change_seq(rx->netdev);
    poll->enabled = netdev_rxq_enabled(rx);
}

static uint64_t
rxq_cycles(const struct tw_rxq *rxq)
{
    uint64_t cycles;

    atomic_read_relaxed(&CONST_CAST(struct tw_rxq *, rxq)->cycles, &cycles);
    return cycles;
}

static uint64_t
total_cycles(const struct tw_thread *thread)
{
    return thread->stats.busy_cycles + thread->stats.idle_cycles;
}

double
tw_thread_poll_share(const struct tw_thread *thread,
                     const struct tw_poll *poll)
{
    uint64_t total = total_cycles(thread) - poll->total_before;

    return (tw_thread_is_non_pmd(thread) || !total ? 0
            : (double) (rxq_cycles(poll->rxq) - poll->cycles_before) / total);
}

void
tw_thread_set_polls(struct tw_thread *thread, struct tw_rxq **rxqs, size_t n)
{
    free(thread->polls);
    thread->polls = n ? xmalloc(n * sizeof *thread->polls) : NULL;
    thread->n_polls = n;
    for (size_t i = 0; i < n; i++) {
        thread->polls[i].rxq = rxqs[i];
        thread->polls[i].port_no = rxqs[i]->port->number;
        thread->polls[i].cycles_before = rxq_cycles(rxqs[i]);
        thread->polls[i].total_before = total_cycles(thread);
        poll_look_at_device(&thread->polls[i]);
    }
}

void
tw_thread_run_non_pmd(struct tw_datapath *dp)
{
    struct tw_thread *thread = tw_thread_lock_non_pmd(dp);
    int rounds = dp->poll_in_run ? 1 : NON_PMD_ROUNDS;

    for (size_t i = 0; i < thread->n_polls; i++) {
        poll_look_at_device(&thread->polls[i]);
    }
    while (rounds-- && thread_poll_round(thread)) {
        continue;
    }
    tw_output_flush(thread);
    tw_output_release_idle(thread);
    if (thread->cache) {
        tw_cache_housekeeping(thread->cache);
    }
    tw_thread_unlock_non_pmd(thread);
}

void
tw_thread_wait_non_pmd(struct tw_datapath *dp)
{
    struct tw_thread *thread = tw_thread_lock_non_pmd(dp);

    for (size_t i = 0; i < thread->n_polls; i++) {
        netdev_rxq_wait(thread->polls[i].rxq->rx);
    }
    tw_thread_unlock_non_pmd(thread);
}

static void *
thread_main(void *thread_)
{
    struct tw_thread *thread = thread_;

    *tw_self_get() = thread;
    ovs_numa_thread_setaffinity_core(thread->core_id);
    while (thread_await_order(thread)) {
        thread_poll_until_interrupted(thread);
    }
    return NULL;
}

/* Parks until there is an order to run and something to do.  Returns false if
 * the order is to exit. */
static bool
thread_await_order(struct tw_thread *thread)
{
    bool run;

    ovs_mutex_lock(&thread->order_mutex);
    while (thread->order == TW_ORDER_PARK
           || (thread->order == TW_ORDER_RUN && !thread->n_polls)) {
        atomic_store_explicit(&thread->parked, true, memory_order_release);
        ovsrcu_quiesce_start();
        ovs_mutex_cond_wait(&thread->order_cond, &thread->order_mutex);
        ovsrcu_quiesce_end();
    }
    atomic_store_explicit(&thread->parked, false, memory_order_relaxed);
    atomic_store_explicit(&thread->interrupt, thread->order != TW_ORDER_RUN,
                          memory_order_relaxed);
    run = thread->order == TW_ORDER_RUN;
    ovs_mutex_unlock(&thread->order_mutex);
    return run;
}

static void
thread_give_order(struct tw_thread *thread, enum tw_order order)
{
    ovs_mutex_lock(&thread->order_mutex);
    thread->order = order;
    atomic_store_explicit(&thread->interrupt, order != TW_ORDER_RUN,
                          memory_order_relaxed);
    xpthread_cond_signal(&thread->order_cond);
    ovs_mutex_unlock(&thread->order_mutex);
}

/* Spins, for no longer than a batch takes: to sleep here would let RCU pass a
 * grace period in the middle of what the caller does.  Pairs with the release
 * in thread_await_order(). */
static void
thread_await_parked(struct tw_thread *thread)
{
    bool parked;

    for (;;) {
        atomic_read_explicit(&thread->parked, &parked, memory_order_acquire);
        if (parked) {
            return;
        }
        sched_yield();
    }
}

struct idle {
    unsigned rounds;            /* Since housekeeping. */
    long long next_quiesce;     /* Microseconds. */
    unsigned sleep;             /* Microseconds. */
};

static void
thread_housekeeping(struct tw_thread *thread, struct idle *idle)
{
    idle->rounds = 0;
    thread->now = time_usec();
    coverage_try_clear();
    if (!ovsrcu_try_quiesce()) {
        idle->next_quiesce = thread->now + QUIESCE_INTERVAL_US;
    }
    tw_output_release_idle(thread);
    if (thread->cache) {
        tw_cache_housekeeping(thread->cache);
    }
    for (size_t i = 0; i < thread->n_polls; i++) {
        struct tw_poll *poll = &thread->polls[i];

        if (poll->change_seq != netdev_get_change_seq(poll->rxq->rx->netdev)) {
            poll_look_at_device(poll);
        }
    }
}

static void
thread_quiesce_if_due(struct tw_thread *thread, struct idle *idle)
{
    if (thread->now >= idle->next_quiesce && !ovsrcu_try_quiesce()) {
        idle->next_quiesce = thread->now + QUIESCE_INTERVAL_US;
    }
}

/* other_config:pmd-maxsleep: the longer nothing comes, the longer the sleep
 * between two rounds. */
static void
thread_sleep(struct tw_thread *thread, struct idle *idle, size_t n_packets)
{
    unsigned max_sleep;

    atomic_read_relaxed(&thread->dp->max_sleep, &max_sleep);
    if (!max_sleep || n_packets >= SLEEP_THRESHOLD) {
        idle->sleep = 0;
        return;
    }
    if (idle->sleep) {
        xnanosleep_no_quiesce(idle->sleep * UINT64_C(1000));
        thread->now = time_usec();
    }
    idle->sleep = MIN(idle->sleep + SLEEP_STEP_US, max_sleep);
}

static void
thread_poll_until_interrupted(struct tw_thread *thread)
{
    struct idle idle = { .rounds = HOUSEKEEPING_ROUNDS };
    uint64_t before = tw_cycles();
    bool interrupt = false;

    while (!interrupt) {
        uint64_t busy = thread->stats.busy_cycles;
        size_t n_packets = thread_poll_round(thread);
        uint64_t now;

        thread_sleep(thread, &idle, n_packets);
        thread_quiesce_if_due(thread, &idle);
        if (idle.rounds++ >= HOUSEKEEPING_ROUNDS) {
            thread_housekeeping(thread, &idle);
        }
        now = tw_cycles();
        thread->stats.idle_cycles += now - before
                                     - (thread->stats.busy_cycles - busy);
        before = now;
        atomic_read_relaxed(&thread->interrupt, &interrupt);
    }
}

/* Polls each queue once.  Returns the number of packets received. */
static size_t
thread_poll_round(struct tw_thread *thread)
{
    size_t n_packets = 0;

    for (size_t i = 0; i < thread->n_polls; i++) {
        if (thread->polls[i].enabled) {
            n_packets += thread_poll(thread, &thread->polls[i]);
        }
    }
    return n_packets;
}

static void
log_receive_error(const struct tw_poll *poll, int error)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);

    if (error != EAGAIN && error != EOPNOTSUPP) {
        VLOG_ERR_RL(&rl, "error receiving on %s: %s",
                    netdev_rxq_get_name(poll->rxq->rx), ovs_strerror(error));
    }
}

static void
account_cycles(struct tw_thread *thread, struct tw_rxq *rxq, uint64_t cycles)
{
    uint64_t before;

    thread->stats.busy_cycles += cycles;
    atomic_read_relaxed(&rxq->cycles, &before);
    atomic_store_relaxed(&rxq->cycles, before + cycles);
}

/* The way of a packet, from the outside: received, carried through, sent. */
static size_t
thread_poll(struct tw_thread *thread, struct tw_poll *poll)
{
    uint64_t start = tw_cycles();
    struct dp_packet_batch batch;
    uint64_t cycles;
    size_t n_packets;
    int error;

    dp_packet_batch_init(&batch);
    tw_stats_add(&thread->stats, TW_STAT_POLLS, 1);
    error = netdev_rxq_recv(poll->rxq->rx, &batch, NULL);
    if (error) {
        log_receive_error(poll, error);
        return 0;
    }
    n_packets = dp_packet_batch_size(&batch);
    thread->now = time_usec();
    thread->recirc_depth = 0;
    tw_input(thread, &batch, poll->port_no);
    tw_output_flush(thread);
    cycles = tw_cycles() - start;
    account_cycles(thread, poll->rxq, cycles);
    tw_iterations_add(&thread->iterations, cycles);
    return n_packets;
}

void
tw_thread_format_name(const struct tw_thread *thread, struct ds *ds)
{
    if (tw_thread_is_non_pmd(thread)) {
        ds_put_cstr(ds, "main thread");
    } else {
        ds_put_format(ds, "packet thread on core %u (NUMA node %d)",
                      thread->core_id, thread->numa_id);
    }
}
