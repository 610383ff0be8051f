/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_MEGAFLOW_H
#define TW_MEGAFLOW_H 1

#include "cmap.h"
#include "dpif.h"
#include "openvswitch/match.h"
#include "ovs-atomic.h"
#include "ovs-rcu.h"
#include "packets.h"

#include "tw-actions.h"
#include "tw-execute.h"
#include "tw-lookup.h"

struct tw_datapath;
struct tw_thread;

/* Megaflows.
 * ==========
 *
 * What
 * ----
 * Put, modify, get, delete, dump, statistics.  All threads share one table;
 * flows are reported with pmd id NON_PMD_CORE_ID and always have a ufid.
 *
 * Threads
 * -------
 * Any.  Changes are made under dp->flow_mutex, taken inside.  Packet threads
 * find flows through dp->lookup under RCU.
 *
 * Ownership
 * ---------
 * A flow belongs to its datapath and is reachable from the lookup and from the
 * ufid map until it is removed; its datapath's reference goes a grace period
 * later.  Who remembers a flow for longer (a program) takes a reference, which
 * keeps its memory, but neither its place in the table nor its actions.
 *
 * 'version' changes behind the actions when they are modified, and when the
 * flow is removed; dp->flow_epoch changes after that.  Who finds the version
 * that it remembers, in a read-side section that began before, may use what it
 * remembers of the actions until that section ends.
 *
 * Statistics
 * ----------
 * Split by thread (tw_thread's 'slot'), so that threads share no written cache
 * line, and summed when asked.  A thread that came to exist later than the
 * flow shares a line, atomically.
 */

/* Counters of one thread for one flow.  Written with plain stores by their
 * thread; the shared line with atomic additions. */
struct tw_megaflow_line {
    atomic_ullong n_packets;
    atomic_ullong n_bytes;
    atomic_llong used;                  /* Milliseconds; 0: never. */
    atomic_uint16_t tcp_flags;
};

union tw_megaflow_counters {
    struct tw_megaflow_line line;
    char pad[CACHE_LINE_SIZE];
};
BUILD_ASSERT_DECL(sizeof(union tw_megaflow_counters) == CACHE_LINE_SIZE);

/* Tags as in tw-datapath.h; the lock of [R] is dp->flow_mutex. */
struct tw_megaflow {
    OVSRCU_TYPE(struct tw_actions *) actions;   /* [R] */
    struct ovs_refcount ref_cnt;
    atomic_uint32_t version;            /* [A] */
    unsigned int n_counters;            /* [I] */
    union tw_megaflow_counters *counters;   /* [I] By slot; the shared line
                                             * is one more, behind them. */
    atomic_ullong zero_packets;         /* [A] Subtracted when reported. */
    atomic_ullong zero_bytes;           /* [A] */

    struct cmap_node ufid_node;         /* [R] In dp->megaflows. */
    ovs_u128 ufid;                      /* [I] */
    struct flow flow;                   /* [I] Unmasked, of the put. */

    struct tw_rule rule;                /* Last: its values follow. */
};

static inline struct tw_megaflow *
tw_megaflow_from_rule(struct tw_rule *rule)
{
    return CONTAINER_OF(rule, struct tw_megaflow, rule);
}

/* A reference to 'flow', which was found in this read-side section.  False if
 * it is on its way out of memory. */
bool tw_megaflow_try_ref(struct tw_megaflow *);
void tw_megaflow_unref(struct tw_megaflow *);

/* Called when the datapath is created, and when nothing can reach it any
 * more: 'flow_mutex', 'megaflows' and 'lookup' of the datapath. */
void tw_megaflow_init(struct tw_datapath *);
void tw_megaflow_uninit(struct tw_datapath *);

/* As DPIF_OP_FLOW_PUT/DEL/GET; return positive errno (EEXIST, ENOENT, EINVAL,
 * ENOSPC). */
int tw_megaflow_put(struct tw_datapath *, const struct dpif_flow_put *);
int tw_megaflow_del(struct tw_datapath *, const struct dpif_flow_del *);
int tw_megaflow_get(struct tw_datapath *, const struct dpif_flow_get *);
void tw_megaflow_flush(struct tw_datapath *);
size_t tw_megaflow_count(const struct tw_datapath *);
uint64_t tw_megaflow_n_masks(const struct tw_datapath *);

/* Installs the outcome of an upcall for the packet of 'key', unless there is a
 * flow for it by now.  Takes ownership of 'actions'.  Returns the flow; NULL
 * if the table is full. */
struct tw_megaflow *tw_megaflow_install(struct tw_datapath *,
                                        const struct tw_key *key,
                                        struct match *, const ovs_u128 *ufid,
                                        struct tw_actions *);

/* Makes exact, in the mask of 'match', what every megaflow looks at: ingress
 * port, recirculation id, presence of a VLAN tag. */
void tw_megaflow_complete_match(struct match *);

/* Puts the masks that are hit most first, if it is time for that; 'now' in
 * microseconds.  Does not wait. */
void tw_megaflow_sort_masks(struct tw_datapath *, long long now);

/* Counts packets that met 'flow'. */
void tw_megaflow_count_packets(struct tw_megaflow *flow,
                               const struct tw_thread *,
                               const struct dpif_flow_stats *);

/* The line in which the thread counts for 'flow'; NULL if it shares one. */
struct tw_megaflow_line *tw_megaflow_own_line(const struct tw_megaflow *,
                                              const struct tw_thread *);
void tw_megaflow_count_own(struct tw_megaflow_line *,
                           const struct dpif_flow_stats *);

static inline struct tw_actions *
tw_megaflow_get_actions(const struct tw_megaflow *flow)
{
    return ovsrcu_get(struct tw_actions *, &flow->actions);
}

/* What 'flow' has counted since its statistics were zeroed. */
void tw_megaflow_get_stats(const struct tw_megaflow *,
                           struct dpif_flow_stats *);

/* Dump: a shared position, several threads. */
struct tw_megaflow_dump;
struct tw_megaflow_dump *tw_megaflow_dump_create(struct tw_datapath *,
                                                 bool terse);
/* Fills up to 'max' of 'flows', whose key, mask and actions point into
 * 'buffer' (reused by the next call of this thread).  Returns their number, 0
 * after the last. */
struct tw_dump_buffer;
struct tw_dump_buffer *tw_dump_buffer_create(void);
void tw_dump_buffer_destroy(struct tw_dump_buffer *);
int tw_megaflow_dump_next(struct tw_megaflow_dump *, struct tw_dump_buffer *,
                          struct dpif_flow *flows, int max);
int tw_megaflow_dump_destroy(struct tw_megaflow_dump *);

#endif /* tw-megaflow.h */
