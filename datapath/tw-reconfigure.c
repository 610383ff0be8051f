/* SPDX-License-Identifier: Apache-2.0 */

/* Beside the way of a packet: makes threads, queues and devices fit ports and
 * configuration.  Called when a port comes or goes (tw-port) and from run
 * (tw-datapath); calls netdevs, tw-schedule and tw-thread. */

#include <config.h>

#include "tw-reconfigure.h"

#include <stdlib.h>

#include "netdev.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovs-numa.h"
#include "tw-output.h"
#include "tw-port.h"
#include "tw-thread.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(tw_reconfigure);

static void adjust_threads(struct tw_datapath *dp)
    OVS_REQ_WRLOCK(dp->port_rwlock);
static void mark_ports(struct tw_datapath *dp) OVS_REQ_WRLOCK(dp->port_rwlock);
static void detach_ports(struct tw_datapath *dp)
    OVS_REQ_WRLOCK(dp->port_rwlock);
static void configure_ports(struct tw_datapath *dp)
    OVS_REQ_WRLOCK(dp->port_rwlock);
static void assign_queues(struct tw_datapath *dp)
    OVS_REQ_WRLOCK(dp->port_rwlock);
static void attach_ports(struct tw_datapath *dp)
    OVS_REQ_WRLOCK(dp->port_rwlock);

void
tw_reconfigure(struct tw_datapath *dp)
{
    dp->reconfigure = false;
    adjust_threads(dp);
    mark_ports(dp);
    detach_ports(dp);
    configure_ports(dp);
    assign_queues(dp);
    attach_ports(dp);
}

bool
tw_reconfigure_is_due(const struct tw_datapath *dp)
{
    struct tw_port *port;

    HMAP_FOR_EACH (port, node, &dp->ports) {
        if (netdev_is_reconf_required(port->netdev)) {
            return true;
        }
    }
    return dp->reconfigure;
}

void
tw_reconfigure_wait(const struct tw_datapath *dp)
{
    struct tw_port *port;

    HMAP_FOR_EACH (port, node, &dp->ports) {
        netdev_wait_reconf_required(port->netdev);
    }
    if (dp->reconfigure) {
        poll_immediate_wake();
    }
}

static bool
has_polled_port(const struct tw_datapath *dp)
{
    struct tw_port *port;

    HMAP_FOR_EACH (port, node, &dp->ports) {
        if (netdev_is_pmd(port->netdev)) {
            return true;
        }
    }
    return false;
}

/* The cores that shall have a thread: those of the mask, or one for each NUMA
 * node, and none without a port that needs them. */
static struct ovs_numa_dump *
wanted_cores(const struct tw_datapath *dp)
{
    if (dp->poll_in_run || !has_polled_port(dp)) {
        return ovs_numa_dump_n_cores_per_numa(0);
    }
    if (dp->pmd_cpu_mask && dp->pmd_cpu_mask[0]) {
        return ovs_numa_dump_cores_with_cmask(dp->pmd_cpu_mask);
    }
    return ovs_numa_dump_n_cores_per_numa(1);
}

static void
adjust_threads(struct tw_datapath *dp)
{
    struct ovs_numa_dump *wanted = wanted_cores(dp);
    struct ovs_numa_info_core *core;
    struct tw_thread *thread;

    CMAP_FOR_EACH (thread, node, &dp->threads) {
        if (!tw_thread_is_non_pmd(thread)
            && !ovs_numa_dump_contains_core(wanted, thread->numa_id,
                                            thread->core_id)) {
            tw_thread_destroy(thread);
        }
    }
    FOR_EACH_CORE_ON_DUMP (core, wanted) {
        if (!tw_thread_find(dp, core->core_id)) {
            tw_thread_create(dp, core->core_id, core->numa_id);
        }
    }
    ovs_numa_dump_destroy(wanted);
}

static enum tw_txq_mode
wanted_txq_mode(const struct tw_datapath *dp, const struct tw_port *port)
{
    int n_txq = netdev_n_txq(port->netdev);

    return (port->want_txq_hash && n_txq > 1 ? TW_TXQ_HASH
            : n_txq < cmap_count(&dp->threads) ? TW_TXQ_SHARED
            : TW_TXQ_STATIC);
}

/* Which devices must be set up anew.  Remembered, because
 * netdev_is_reconf_required() may change at any time. */
static void
mark_ports(struct tw_datapath *dp)
{
    struct tw_port *port;

    HMAP_FOR_EACH (port, node, &dp->ports) {
        netdev_set_tx_multiq(port->netdev, cmap_count(&dp->threads));
        if (netdev_is_reconf_required(port->netdev)
            || port->txq_mode != wanted_txq_mode(dp, port)) {
            port->need_reconfigure = true;
        }
    }
}

/* True if 'port', which a thread knows, is gone from 'dp' or shall be set up
 * anew. */
static bool
port_is_stale(const struct tw_datapath *dp, const struct tw_port *port)
{
    return port->need_reconfigure || !hmap_contains(&dp->ports, &port->node);
}

static void
detach_ports(struct tw_datapath *dp)
{
    struct tw_thread *thread;

    tw_threads_park(dp);
    CMAP_FOR_EACH (thread, node, &dp->threads) {
        const struct tw_port *port;

        while ((port = tw_output_find_port(thread, port_is_stale))) {
            tw_thread_forget_port(thread, port);
        }
    }
    tw_threads_resume(dp);
}

static void
configure_ports(struct tw_datapath *dp)
{
    struct tw_port *port;

    HMAP_FOR_EACH_SAFE (port, node, &dp->ports) {
        if (!port->need_reconfigure) {
            continue;
        }
        if (tw_port_reconfigure(port)) {
            hmap_remove(&dp->ports, &port->node);
            seq_change(dp->port_seq);
            tw_port_free(port);
        } else {
            port->txq_mode = wanted_txq_mode(dp, port);
        }
    }
}

/* The receive queues of devices that must be polled, and the cores for it. */
struct plan {
    struct tw_rxq **rxqs;
    struct tw_schedule_queue *queues;
    size_t n_queues;
    struct tw_thread **threads;
    struct tw_schedule_core *cores;
    size_t n_cores;
};

static void
plan_add_port(struct plan *plan, struct tw_port *port)
{
    size_t n = plan->n_queues + port->n_rxq;

    plan->rxqs = xrealloc(plan->rxqs, n * sizeof *plan->rxqs);
    plan->queues = xrealloc(plan->queues, n * sizeof *plan->queues);
    for (unsigned i = 0; i < port->n_rxq; i++) {
        struct tw_rxq *rxq = &port->rxqs[i];
        int numa_id = netdev_get_numa_id(port->netdev);
        uint64_t cycles;

        atomic_read_relaxed(&rxq->cycles, &cycles);
        plan->rxqs[plan->n_queues] = rxq;
        plan->queues[plan->n_queues++] = (struct tw_schedule_queue) {
            .numa_id = ovs_numa_numa_id_is_valid(numa_id) ? numa_id
                       : OVS_NUMA_UNSPEC,
            .pinned = rxq->pinned_core != OVS_CORE_UNSPEC,
            .pinned_core = rxq->pinned_core,
            .load = cycles - rxq->last_cycles,
        };
        rxq->last_cycles = cycles;
        rxq->thread = NULL;
    }
}

static int
compare_threads(const void *a_, const void *b_)
{
    const struct tw_thread *a = *(struct tw_thread **) a_;
    const struct tw_thread *b = *(struct tw_thread **) b_;

    return a->core_id < b->core_id ? -1 : a->core_id > b->core_id;
}

/* Packet threads in the order of their cores, without the shared one. */
static size_t
sorted_threads(const struct tw_datapath *dp, struct tw_thread ***threadsp)
{
    struct tw_thread **threads = xmalloc((cmap_count(&dp->threads) + 1)
                                         * sizeof *threads);
    struct tw_thread *thread;
    size_t n = 0;

    CMAP_FOR_EACH (thread, node, &dp->threads) {
        if (!tw_thread_is_non_pmd(thread)) {
            threads[n++] = thread;
        }
    }
    qsort(threads, n, sizeof *threads, compare_threads);
    *threadsp = threads;
    return n;
}

static void
plan_init(struct plan *plan, struct tw_datapath *dp)
    OVS_REQ_WRLOCK(dp->port_rwlock)
{
    struct tw_port *port;

    memset(plan, 0, sizeof *plan);
    HMAP_FOR_EACH (port, node, &dp->ports) {
        if (netdev_is_pmd(port->netdev)) {
            plan_add_port(plan, port);
        }
    }
    plan->n_cores = sorted_threads(dp, &plan->threads);
    plan->cores = xcalloc(plan->n_cores + 1, sizeof *plan->cores);
    for (size_t i = 0; i < plan->n_cores; i++) {
        plan->cores[i].core_id = plan->threads[i]->core_id;
        plan->cores[i].numa_id = plan->threads[i]->numa_id;
    }
}

static void
plan_uninit(struct plan *plan)
{
    free(plan->rxqs);
    free(plan->queues);
    free(plan->threads);
    free(plan->cores);
}

static void
log_unpolled(const struct tw_rxq *rxq, const struct tw_schedule_queue *queue)
{
    const char *name = netdev_get_name(rxq->port->netdev);

    if (queue->pinned) {
        VLOG_WARN("%s: queue %u is not polled, for its core %u has no packet "
                  "thread", name, rxq->qid, queue->pinned_core);
    } else {
        VLOG_WARN("%s: queue %u is not polled, for no packet thread is free",
                  name, rxq->qid);
    }
}

/* Sets each queue's 'thread'. */
static void
assign_queues(struct tw_datapath *dp)
{
    struct plan plan;

    plan_init(&plan, dp);
    tw_schedule(plan.queues, plan.n_queues, plan.cores, plan.n_cores,
                dp->rxq_assign, dp->rxq_isolate);
    for (size_t i = 0; i < plan.n_queues; i++) {
        if (plan.queues[i].core >= 0) {
            plan.rxqs[i]->thread = plan.threads[plan.queues[i].core];
        } else if (!dp->poll_in_run) {
            log_unpolled(plan.rxqs[i], &plan.queues[i]);
        }
    }
    plan_uninit(&plan);
}

/* The queues that 'thread' polls.  The shared one polls what needs no packet
 * thread, and in a dummy datapath everything. */
static size_t
queues_of_thread(const struct tw_datapath *dp, const struct tw_thread *thread,
                 struct tw_rxq ***rxqsp)
    OVS_REQ_WRLOCK(dp->port_rwlock)
{
    bool all = tw_thread_is_non_pmd(thread) && dp->poll_in_run;
    struct tw_rxq **rxqs = NULL;
    struct tw_port *port;
    size_t n = 0;

    HMAP_FOR_EACH (port, node, &dp->ports) {
        rxqs = xrealloc(rxqs, (n + port->n_rxq + 1) * sizeof *rxqs);
        for (unsigned i = 0; i < port->n_rxq; i++) {
            struct tw_rxq *rxq = &port->rxqs[i];

            if (all
                || (netdev_is_pmd(port->netdev)
                    ? rxq->thread == thread
                    : tw_thread_is_non_pmd(thread))) {
                rxqs[n++] = rxq;
            }
        }
    }
    *rxqsp = rxqs;
    return n;
}

static void
attach_thread(struct tw_datapath *dp, struct tw_thread *thread)
    OVS_REQ_WRLOCK(dp->port_rwlock)
{
    struct tw_port *port;
    struct tw_rxq **rxqs;
    size_t n;

    n = queues_of_thread(dp, thread, &rxqs);
    tw_thread_set_polls(thread, rxqs, n);
    free(rxqs);
    HMAP_FOR_EACH (port, node, &dp->ports) {
        tw_output_add_port(thread, port);
    }
}

/* Transmit queue 0 is the shared thread's, so that each thread has one of its
 * own wherever a device has enough. */
static void
attach_ports(struct tw_datapath *dp)
{
    struct tw_thread *non_pmd = tw_thread_find(dp, NON_PMD_CORE_ID);
    struct tw_thread **threads;
    size_t n = sorted_threads(dp, &threads);

    tw_threads_park(dp);
    if (non_pmd) {
        non_pmd->tx_qid = 0;
        attach_thread(dp, non_pmd);
    }
    for (size_t i = 0; i < n; i++) {
        threads[i]->tx_qid = i + 1;
        attach_thread(dp, threads[i]);
    }
    tw_threads_resume(dp);
    free(threads);
}
