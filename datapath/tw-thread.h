/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TW_THREAD_H
#define TW_THREAD_H 1

#include <pthread.h>

#include "cmap.h"
#include "dp-packet.h"
#include "dpif.h"
#include "openvswitch/hmap.h"
#include "ovs-thread.h"

#include "tw-iterations.h"
#include "tw-plain.h"
#include "tw-stats.h"

struct tw_cache;
struct tw_datapath;
struct tw_port;
struct tw_rxq;
struct tw_smc;

/* A packet thread.
 * ================
 *
 * What
 * ----
 * One per core of pmd-cpu-mask while a port has queues that must be polled,
 * and one, with core NON_PMD_CORE_ID, that is no thread of its own: the main
 * thread polls the other ports with it, and dpif_execute() runs under it from
 * any thread.  That one is guarded by 'non_pmd_mutex'; the others belong to
 * their thread.
 *
 * Threads
 * -------
 * A packet thread quiesces RCU between batches and holds no megaflow, port or
 * packet over it.  What it polls and where it may send ('polls', 'tx_ports')
 * changes only while it is parked: tw_threads_park() waits until every thread
 * of the datapath has ended its batch, sent all its output and stopped,
 * tw_threads_resume() lets them go on.  A parked thread, and one with nothing
 * to poll, sleeps.
 *
 * Ownership
 * ---------
 * By its datapath.  Freed through RCU after its thread has been joined, since
 * readers of statistics may look at it.
 *
 * Tags as in tw-datapath.h, [T] the thread itself, [P] changed only while the
 * thread is parked.
 */

enum tw_order {
    TW_ORDER_RUN,
    TW_ORDER_PARK,
    TW_ORDER_EXIT
};

struct tw_poll {
    struct tw_rxq *rxq;
    odp_port_t port_no;
    uint64_t change_seq;        /* Of the device when 'enabled' was read. */
    bool enabled;
    uint64_t cycles_before;     /* Of 'rxq' when it was assigned, */
    uint64_t total_before;      /* and of the thread. */
};

struct tw_thread {
    struct tw_datapath *dp;                 /* [I] */
    struct cmap_node node;                  /* In dp->threads. */
    unsigned core_id;                       /* [I] */
    int numa_id;                            /* [I] */
    unsigned slot;      /* [I] Small number, unique among the threads of 'dp'
                         * that exist (the smallest that is free; 0 for
                         * NON_PMD): index of per-thread counters. */
    struct ovs_mutex non_pmd_mutex;         /* Recursive; NON_PMD only. */

    struct tw_stats stats;                  /* [T] */
    struct tw_stats cleared;                /* Where they stood when cleared;
                                             * dp->port_rwlock. */
    struct tw_iterations iterations;        /* [T] */
    long long now;                          /* [T] Microseconds, per batch. */
    unsigned recirc_depth;                  /* [T] */

    /* Signature cache (tw-smc.h).  tw_input() creates it at need; who frees
     * the thread calls tw_smc_destroy(smc), which accepts NULL. */
    struct tw_smc *smc;                     /* [T] */

    struct tw_plains plains;                /* [T] tw-plain.h. */

    /* Track cache (tw-cache.h); NULL if it is off. */
    struct tw_cache *cache;                 /* [T] */
    uint64_t cache_size;                    /* [T] For which it was made. */
    bool takes_notes;                       /* [T] Walks are under way. */

    /* Receive. */
    struct tw_poll *polls;                  /* [P] */
    size_t n_polls;                         /* [P] */

    /* Transmit (tw-output.h). */
    struct hmap tx_ports;                   /* [P] "struct tw_tx_port"s. */
    int tx_qid;                             /* [P] The thread's own queue. */
    size_t n_tx_pending;                    /* [T] Ports with queued output. */

    /* Control. */
    pthread_t pthread;
    struct ovs_mutex order_mutex;
    pthread_cond_t order_cond;
    enum tw_order order OVS_GUARDED_BY(order_mutex);
    atomic_bool interrupt;                  /* [A] 'order' is not RUN. */
    atomic_bool parked;                     /* [A] */
};

static inline bool
tw_thread_is_non_pmd(const struct tw_thread *thread)
{
    return thread->core_id == NON_PMD_CORE_ID;
}

static inline long long
tw_thread_now_ms(const struct tw_thread *thread)
{
    return thread->now / 1000;
}

/* The thread under which the calling thread may execute actions: its own if
 * it is a packet thread of 'dp', else the shared one, locked.  Its time is up
 * to date. */
struct tw_thread *tw_thread_lock_non_pmd(struct tw_datapath *);
void tw_thread_unlock_non_pmd(struct tw_thread *);

/* Creation, parked, and the end.  The caller holds port_rwlock for writing, or
 * is creating or freeing the datapath. */
struct tw_thread *tw_thread_create(struct tw_datapath *, unsigned core_id,
                                   int numa_id);
void tw_thread_destroy(struct tw_thread *);
struct tw_thread *tw_thread_find(const struct tw_datapath *,
                                 unsigned core_id);
void tw_threads_park(struct tw_datapath *);
void tw_threads_resume(struct tw_datapath *);

/* Of a parked thread: forgets, or learns, a receive queue. */
void tw_thread_forget_port(struct tw_thread *, const struct tw_port *);
void tw_thread_set_polls(struct tw_thread *, struct tw_rxq **, size_t n);

/* The share of a packet thread's time, 0 to 1, that went into the packets of
 * 'poll' since queues were last assigned.  0 for the shared thread. */
double tw_thread_poll_share(const struct tw_thread *, const struct tw_poll *);

/* Appends "main thread", or what a packet thread runs on. */
struct ds;
void tw_thread_format_name(const struct tw_thread *, struct ds *);

/* Polls the queues of the shared thread once, on the main thread. */
void tw_thread_run_non_pmd(struct tw_datapath *);
void tw_thread_wait_non_pmd(struct tw_datapath *);

/* tw_input(): the way of a packet begins (tw-input.c).
 *
 * Takes ownership of the packets in 'batch', which were received on
 * 'in_port', initialises their metadata, and carries them through lookup and
 * actions.  Output is queued: call tw_output_flush() when the poll is done. */
void tw_input(struct tw_thread *, struct dp_packet_batch *,
              odp_port_t in_port);

/* The same for packets whose metadata is set: recirculated ones. */
void tw_input_again(struct tw_thread *, struct dp_packet_batch *);

/* The same for those that have just come out of a tunnel. */
void tw_input_popped(struct tw_thread *, struct dp_packet_batch *);

/* The slow path alone, for packets that come for the first time, whose
 * metadata is set. */
void tw_input_slow(struct tw_thread *, struct dp_packet_batch *);

/* Are there packets under way whose walk is noted (tw-walk.h)? */
static inline bool
tw_thread_takes_notes(const struct tw_thread *thread)
{
    return thread->takes_notes;
}

#endif /* tw-thread.h */
