/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TRAFFIC_DEVICE_H
#define TRAFFIC_DEVICE_H 1

#include "netdev-provider.h"
#include "openvswitch/list.h"
#include "ovs-atomic.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "traffic-plan.h"
#include "traffic-spec.h"

/* Traffic devices, and which of them belong together.
 * ====================================================
 *
 * What
 * ----
 * The list of all devices.  A server has the plan of the client that its
 * options name, so whenever one of the two changes, comes or goes, both get
 * their plan anew.
 *
 * Threads
 * -------
 * traffic_mutex guards configuration.  Threads that poll or send read the plan
 * through RCU and write counters of their own queue.
 *
 * Tags: [I]mmutable, [A]tomic, [R]CU. */

extern struct ovs_mutex traffic_mutex;

/* X(ENUMERATOR, NAME): counters of a receive queue and of a transmit queue. */
#define TRAFFIC_RX_COUNTERS                     \
    X(TRAFFIC_MADE, "made")                     \
    X(TRAFFIC_MADE_BYTES, "made-bytes")         \
    X(TRAFFIC_RETRIES, "retries")               \
    X(TRAFFIC_LIFE, "lives")                    \
    X(TRAFFIC_LOST, "given-up")                 \
    X(TRAFFIC_MAKING, "cycles-making")          \
    X(TRAFFIC_IDLE, "cycles-idle")

#define TRAFFIC_TX_COUNTERS                     \
    X(TRAFFIC_DELIVERED, "delivered")           \
    X(TRAFFIC_DELIVERED_BYTES, "delivered-bytes") \
    X(TRAFFIC_DELIVERED_FOREIGN, "delivered-foreign") \
    X(TRAFFIC_DELIVERED_BAD, "delivered-bad")   \
    X(TRAFFIC_SINKING, "cycles-sinking")

#define X(ENUM, NAME) ENUM,
enum traffic_rx_counter { TRAFFIC_RX_COUNTERS TRAFFIC_N_RX_COUNTERS };
enum traffic_tx_counter { TRAFFIC_TX_COUNTERS TRAFFIC_N_TX_COUNTERS };
#undef X

/* Written by the thread that polls the queue. */
struct traffic_rx {
    OVS_ALIGNED_VAR(CACHE_LINE_SIZE)
    atomic_uint64_t n[TRAFFIC_N_RX_COUNTERS];   /* [A] */
};

/* Written by the thread that has the queue, or, if several have it, with the
 * mutex. */
struct traffic_tx {
    OVS_ALIGNED_VAR(CACHE_LINE_SIZE)
    atomic_uint64_t n[TRAFFIC_N_TX_COUNTERS];   /* [A] */
    struct ovs_mutex mutex;
};

/* Sums over queues. */
struct traffic_sums {
    uint64_t rx[TRAFFIC_N_RX_COUNTERS];
    uint64_t tx[TRAFFIC_N_TX_COUNTERS];
};

struct traffic_device {
    struct netdev up;
    struct ovs_list node OVS_GUARDED_BY(traffic_mutex);

    /* What was asked. */
    bool configured OVS_GUARDED_BY(traffic_mutex);
    struct traffic_spec spec OVS_GUARDED_BY(traffic_mutex);
    bool stopped OVS_GUARDED_BY(traffic_mutex);
    int n_txq_wanted OVS_GUARDED_BY(traffic_mutex);
    int mtu OVS_GUARDED_BY(traffic_mutex);
    struct eth_addr mac OVS_GUARDED_BY(traffic_mutex);
    struct traffic_sums at_reset[1 + TRAFFIC_MAX_QUEUES]
        OVS_GUARDED_BY(traffic_mutex);  /* The sums, then each queue. */

    atomic_uint flags;          /* [A] enum netdev_flags. */
    atomic_bool checks;         /* [A] */
    uint64_t hz;                /* [I] Cycles per second. */

    /* [R] Null for a sink, and for a server without client.  A server's plan
     * belongs to its client. */
    OVSRCU_TYPE(struct traffic_plan *) plan;

    struct traffic_rx rx[TRAFFIC_MAX_QUEUES];
    struct traffic_tx tx[TRAFFIC_MAX_QUEUES];
};

struct traffic_device *traffic_device_create(void);
void traffic_device_free(struct traffic_device *);
/* Enters 'device' into the list, leaves it. */
void traffic_device_add(struct traffic_device *) OVS_EXCLUDED(traffic_mutex);
void traffic_device_remove(struct traffic_device *)
    OVS_EXCLUDED(traffic_mutex);

/* As netdev_class.set_config(). */
int traffic_device_configure(struct traffic_device *, const struct smap *,
                             char **errp) OVS_EXCLUDED(traffic_mutex);
/* How many receive queues there shall be. */
int traffic_device_wanted_rxqs(const struct traffic_device *)
    OVS_REQUIRES(traffic_mutex);

struct traffic_device *traffic_device_find(const char *name)
    OVS_REQUIRES(traffic_mutex);
/* All devices; 'device' null: the first one. */
struct traffic_device *traffic_device_next(const struct traffic_device *)
    OVS_REQUIRES(traffic_mutex);

void traffic_device_stop(struct traffic_device *, bool stop)
    OVS_REQUIRES(traffic_mutex);
/* Forgets all connections of the device and of its other side. */
void traffic_device_restart(struct traffic_device *)
    OVS_REQUIRES(traffic_mutex);

/* Counters since creation, of one queue of each kind and of all. */
void traffic_device_sum(const struct traffic_device *, struct traffic_sums *);
void traffic_device_sum_queue(const struct traffic_device *, int qid,
                              struct traffic_sums *);
/* 'a' -= 'b' */
void traffic_sums_subtract(struct traffic_sums *a,
                           const struct traffic_sums *b);

/* Reads the cycle counter. */
static inline uint64_t
traffic_cycles(void)
{
#if defined(__x86_64__)
    uint32_t low, high;

    asm volatile("rdtsc" : "=a" (low), "=d" (high));
    return (uint64_t) high << 32 | low;
#elif defined(__aarch64__)
    uint64_t cycles;

    asm volatile("mrs %0, cntvct_el0" : "=r" (cycles));
    return cycles;
#else
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
#endif
}
/* Of them in a second: measured once, which takes a moment. */
uint64_t traffic_cycles_per_second(void);

#endif /* traffic-device.h */
