/* SPDX-License-Identifier: Apache-2.0 */

/* Megaflows: lifetime and statistics.  Called by the dpif provider (put, get,
 * delete, flush), by tw-upcall (install) and by tw-input (count). */

#include <config.h>

#include "tw-megaflow.h"

#include <errno.h>

#include "netlink.h"
#include "odp-util.h"
#include "tw-datapath.h"
#include "tw-lookup.h"
#include "tw-megaflow-format.h"
#include "tw-megaflow-log.h"
#include "tw-plain.h"
#include "tw-thread.h"
#include "util.h"

/* How often masks are sorted by hits. */
#define SORT_INTERVAL_US (1000 * 1000)

static int parse_put(const struct dpif_flow_put *, struct match *,
                     struct tw_key *, ovs_u128 *ufid);
static bool pmd_id_is_valid(unsigned int pmd_id);
static struct tw_megaflow *find(struct tw_datapath *, const ovs_u128 *ufid,
                                const struct nlattr *key, size_t key_len);
static struct tw_megaflow *find_by_ufid(struct tw_datapath *,
                                        const ovs_u128 *);
static struct tw_megaflow *find_by_key(struct tw_datapath *,
                                       const struct tw_key *);
static struct tw_megaflow *add(struct tw_datapath *, const struct match *,
                               const ovs_u128 *ufid, struct tw_actions *);
static void modify(struct tw_datapath *, struct tw_megaflow *,
                   const struct match *, struct tw_actions *);
static void free_flow(struct tw_megaflow *);
static void remove__(struct tw_datapath *, struct tw_megaflow *);
static void zero_stats(struct tw_megaflow *);

/* Life of the table. */

void
tw_megaflow_init(struct tw_datapath *dp)
{
    ovs_mutex_init(&dp->flow_mutex);
    cmap_init(&dp->megaflows);
    dp->lookup = tw_lookup_create();
}

void
tw_megaflow_uninit(struct tw_datapath *dp)
{
    tw_megaflow_flush(dp);
    cmap_destroy(&dp->megaflows);
    ovs_mutex_destroy(&dp->flow_mutex);

    /* The flows that were just removed still refer to masks of the lookup,
     * but nothing does so on its own any more. */
    tw_lookup_destroy(dp->lookup);
}

/* Put, delete, get. */

/* Puts with the flow mutex held.  Takes ownership of '*actionsp', which it
 * clears, if it uses it. */
static int
put_locked(struct tw_datapath *dp, const struct dpif_flow_put *put,
           struct tw_megaflow *flow, const struct match *match,
           struct tw_actions **actionsp)
    OVS_REQUIRES(dp->flow_mutex)
{
    if (!(put->flags & DPIF_FP_MODIFY)) {
        /* Without either flag: neither may there be one nor may none. */
        return put->flags & DPIF_FP_CREATE ? EEXIST : EINVAL;
    }
    if (put->stats) {
        tw_megaflow_get_stats(flow, put->stats);
    }
    if (put->flags & DPIF_FP_ZERO_STATS) {
        zero_stats(flow);
    }
    modify(dp, flow, match, *actionsp);
    *actionsp = NULL;
    return 0;
}

int
tw_megaflow_put(struct tw_datapath *dp, const struct dpif_flow_put *put)
{
    struct tw_actions *actions;
    struct tw_megaflow *flow;
    struct match match;
    struct tw_key key;
    ovs_u128 ufid;
    int error;

    if (put->stats) {
        memset(put->stats, 0, sizeof *put->stats);
    }
    error = parse_put(put, &match, &key, &ufid);
    if (!error) {
        error = tw_actions_create(put->actions, put->actions_len, &actions);
    }
    if (error) {
        return error;
    }

    ovs_mutex_lock(&dp->flow_mutex);
    flow = find_by_key(dp, &key);
    if (!flow) {
        flow = find_by_ufid(dp, &ufid);
    }
    if (flow) {
        error = put_locked(dp, put, flow, &match, &actions);
    } else if (!(put->flags & DPIF_FP_CREATE)) {
        error = ENOENT;
    } else if (add(dp, &match, &ufid, actions)) {
        actions = NULL;
    } else {
        error = ENOSPC;
    }
    ovs_mutex_unlock(&dp->flow_mutex);

    tw_actions_free(actions);
    return error;
}

int
tw_megaflow_del(struct tw_datapath *dp, const struct dpif_flow_del *del)
{
    struct tw_megaflow *flow;

    if (del->stats) {
        memset(del->stats, 0, sizeof *del->stats);
    }
    if (!pmd_id_is_valid(del->pmd_id)) {
        return EINVAL;
    }

    ovs_mutex_lock(&dp->flow_mutex);
    flow = find(dp, del->ufid, del->key, del->key_len);
    if (flow) {
        /* First out of reach, so that few packets can come behind the
         * statistics: those that threads have just looked up. */
        remove__(dp, flow);
        if (del->stats) {
            tw_megaflow_get_stats(flow, del->stats);
        }
    }
    ovs_mutex_unlock(&dp->flow_mutex);
    return flow ? 0 : ENOENT;
}

int
tw_megaflow_get(struct tw_datapath *dp, const struct dpif_flow_get *get)
{
    struct tw_megaflow *flow;

    if (!pmd_id_is_valid(get->pmd_id)) {
        return EINVAL;
    }
    flow = find(dp, get->ufid, get->key, get->key_len);
    if (!flow) {
        return ENOENT;
    }
    tw_megaflow_to_dpif_flow(flow, get->buffer, get->buffer, get->flow);
    return 0;
}

void
tw_megaflow_flush(struct tw_datapath *dp)
{
    struct tw_megaflow *flow;

    ovs_mutex_lock(&dp->flow_mutex);
    CMAP_FOR_EACH (flow, ufid_node, &dp->megaflows) {
        remove__(dp, flow);
    }
    ovs_mutex_unlock(&dp->flow_mutex);
}

size_t
tw_megaflow_count(const struct tw_datapath *dp)
{
    return cmap_count(&dp->megaflows);
}

uint64_t
tw_megaflow_n_masks(const struct tw_datapath *dp)
{
    return dp->lookup->n_subtables;
}

/* Upcalls and packets. */

struct tw_megaflow *
tw_megaflow_install(struct tw_datapath *dp, const struct tw_key *key,
                    struct match *match, const ovs_u128 *ufid,
                    struct tw_actions *actions)
{
    struct tw_megaflow *flow;

    tw_megaflow_complete_match(match);

    /* Another thread may have had a packet of the same flow, or a revalidator
     * may have put it, since ofproto knew of it before it was here. */
    ovs_mutex_lock(&dp->flow_mutex);
    flow = find_by_key(dp, key);
    if (!flow) {
        flow = find_by_ufid(dp, ufid) ? NULL : add(dp, match, ufid, actions);
        if (flow) {
            actions = NULL;
        }
    }
    ovs_mutex_unlock(&dp->flow_mutex);

    tw_actions_free(actions);
    return flow;
}

void
tw_megaflow_complete_match(struct match *match)
{
    match->wc.masks.in_port.odp_port = ODPP_NONE;
    match->wc.masks.recirc_id = UINT32_MAX;

    /* Netlink has no way to say "with or without a tag": leaving the tag out
     * says "without". */
    if (!match->wc.masks.vlans[0].tci) {
        match->wc.masks.vlans[0].tci = htons(VLAN_VID_MASK | VLAN_CFI);
    }

    /* OpenFlow's alone: no packet key holds them. */
    match->wc.masks.metadata = 0;
    memset(match->wc.masks.regs, 0, sizeof match->wc.masks.regs);
}

void
tw_megaflow_sort_masks(struct tw_datapath *dp, long long now)
{
    long long next;

    atomic_read_relaxed(&dp->lookup->next_sort, &next);
    if (OVS_LIKELY(now < next) || ovs_mutex_trylock(&dp->flow_mutex)) {
        return;
    }
    tw_lookup_sort(dp->lookup);
    atomic_store_relaxed(&dp->lookup->next_sort, now + SORT_INTERVAL_US);
    ovs_mutex_unlock(&dp->flow_mutex);
}

/* Finding. */

static bool
pmd_id_is_valid(unsigned int pmd_id)
{
    return pmd_id == PMD_ID_NULL || pmd_id == NON_PMD_CORE_ID;
}

static struct tw_megaflow *
find_by_ufid(struct tw_datapath *dp, const ovs_u128 *ufid)
{
    struct tw_megaflow *flow;

    CMAP_FOR_EACH_WITH_HASH (flow, ufid_node, ufid->u32[0], &dp->megaflows) {
        if (ovs_u128_equals(flow->ufid, *ufid)) {
            return flow;
        }
    }
    return NULL;
}

static struct tw_megaflow *
find_by_key(struct tw_datapath *dp, const struct tw_key *key)
{
    struct tw_rule *rule = tw_lookup_one(dp->lookup, key);

    return rule ? tw_megaflow_from_rule(rule) : NULL;
}

static struct tw_megaflow *
find(struct tw_datapath *dp, const ovs_u128 *ufid,
     const struct nlattr *key, size_t key_len)
{
    ovs_u128 derived;
    struct flow flow;

    if (!ufid) {
        if (!key_len || !tw_megaflow_parse_key(key, key_len, &flow)) {
            return NULL;
        }
        odp_flow_key_hash(&flow, sizeof flow, &derived);
        ufid = &derived;
    }
    return find_by_ufid(dp, ufid);
}

static int
parse_put(const struct dpif_flow_put *put, struct match *match,
          struct tw_key *key, ovs_u128 *ufid)
{
    if (!pmd_id_is_valid(put->pmd_id)
        || !tw_megaflow_parse_match(put, match)) {
        return EINVAL;
    }
    if (put->ufid) {
        *ufid = *put->ufid;
    } else {
        odp_flow_key_hash(&match->flow, sizeof match->flow, ufid);
    }
    tw_megaflow_complete_match(match);
    return tw_key_from_flow(key, &match->flow) ? 0 : EINVAL;
}

/* Changing. */

bool
tw_megaflow_try_ref(struct tw_megaflow *flow)
{
    return ovs_refcount_try_ref_rcu(&flow->ref_cnt);
}

void
tw_megaflow_unref(struct tw_megaflow *flow)
{
    if (ovs_refcount_unref(&flow->ref_cnt) == 1) {
        free_flow(flow);
    }
}

static void
free_flow(struct tw_megaflow *flow)
{
    tw_actions_free(ovsrcu_get_protected(struct tw_actions *,
                                         &flow->actions));
    free_cacheline(flow->counters);
    free(flow);
}

/* One more than the largest slot of the threads there are. */
static unsigned int
n_slots(const struct tw_datapath *dp)
{
    const struct tw_thread *thread;
    unsigned int n = 1;

    CMAP_FOR_EACH (thread, node, &dp->threads) {
        n = MAX(n, thread->slot + 1);
    }
    return n;
}

/* Adds a flow, and takes ownership of 'actions'.  NULL, with 'actions' left to
 * the caller, if there is no room. */
static struct tw_megaflow *
add(struct tw_datapath *dp, const struct match *match, const ovs_u128 *ufid,
    struct tw_actions *actions)
    OVS_REQUIRES(dp->flow_mutex)
{
    struct tw_megaflow *flow;
    struct tw_mask mask;

    tw_mask_init(&mask, match);
    flow = xzalloc(sizeof *flow + tw_rule_values_size(&mask));
    ovs_refcount_init(&flow->ref_cnt);
    ovsrcu_init(&flow->actions, actions);
    flow->n_counters = n_slots(dp);
    flow->counters = xzalloc_cacheline((flow->n_counters + 1)
                                       * sizeof *flow->counters);
    flow->ufid = *ufid;
    flow->flow = match->flow;
    tw_plain_rule_init(&flow->rule, &match->flow, &match->wc);

    if (!tw_lookup_insert(dp->lookup, &flow->rule, &match->flow, &mask)) {
        ovsrcu_init(&flow->actions, NULL);
        free_flow(flow);
        return NULL;
    }
    cmap_insert(&dp->megaflows, &flow->ufid_node, ufid->u32[0]);
    tw_megaflow_log_change(flow, match, NULL, actions);
    return flow;
}

/* Tells programs that 'flow' is not what it was. */
static void
change_version(struct tw_datapath *dp, struct tw_megaflow *flow)
{
    uint32_t version;
    uint64_t epoch;

    atomic_add(&flow->version, 1, &version);
    atomic_add(&dp->flow_epoch, 1, &epoch);
}

static void
modify(struct tw_datapath *dp, struct tw_megaflow *flow,
       const struct match *match, struct tw_actions *actions)
{
    struct tw_actions *old = ovsrcu_get_protected(struct tw_actions *,
                                                  &flow->actions);

    ovsrcu_set(&flow->actions, actions);
    change_version(dp, flow);
    tw_megaflow_log_change(flow, match, old, actions);
    tw_actions_free_postponed(old);
}

static void
remove__(struct tw_datapath *dp, struct tw_megaflow *flow)
    OVS_REQUIRES(dp->flow_mutex)
{
    tw_lookup_remove(dp->lookup, &flow->rule);
    cmap_remove(&dp->megaflows, &flow->ufid_node, flow->ufid.u32[0]);
    change_version(dp, flow);
    ovsrcu_postpone(tw_megaflow_unref, flow);
}

/* Statistics. */

/* Only the calling thread writes '*counter'. */
static void
add_own(atomic_ullong *counter, uint64_t n)
{
    unsigned long long value;

    atomic_read_relaxed(counter, &value);
    atomic_store_relaxed(counter, value + n);
}

struct tw_megaflow_line *
tw_megaflow_own_line(const struct tw_megaflow *flow,
                     const struct tw_thread *thread)
{
    return (thread->slot < flow->n_counters
            ? &flow->counters[thread->slot].line : NULL);
}

void
tw_megaflow_count_own(struct tw_megaflow_line *line,
                      const struct dpif_flow_stats *stats)
{
    uint16_t tcp_flags;

    add_own(&line->n_packets, stats->n_packets);
    add_own(&line->n_bytes, stats->n_bytes);
    atomic_store_relaxed(&line->used, stats->used);
    atomic_read_relaxed(&line->tcp_flags, &tcp_flags);
    if (stats->tcp_flags & ~tcp_flags) {
        atomic_store_relaxed(&line->tcp_flags, stats->tcp_flags | tcp_flags);
    }
}

static void
count_shared(struct tw_megaflow_line *line,
             const struct dpif_flow_stats *stats)
{
    unsigned long long n;
    uint16_t tcp_flags;

    atomic_add_relaxed(&line->n_packets, stats->n_packets, &n);
    atomic_add_relaxed(&line->n_bytes, stats->n_bytes, &n);
    atomic_store_relaxed(&line->used, stats->used);
    atomic_or_relaxed(&line->tcp_flags, stats->tcp_flags, &tcp_flags);
}

void
tw_megaflow_count_packets(struct tw_megaflow *flow,
                          const struct tw_thread *thread,
                          const struct dpif_flow_stats *stats)
{
    if (OVS_LIKELY(thread->slot < flow->n_counters)) {
        tw_megaflow_count_own(&flow->counters[thread->slot].line, stats);
    } else {
        count_shared(&flow->counters[flow->n_counters].line, stats);
    }
}

/* All that was ever counted, whatever has been zeroed. */
static void
sum_counters(const struct tw_megaflow *flow, struct dpif_flow_stats *stats)
{
    memset(stats, 0, sizeof *stats);
    for (size_t i = 0; i <= flow->n_counters; i++) {
        struct tw_megaflow_line *line = &flow->counters[i].line;
        unsigned long long n;
        uint16_t tcp_flags;
        long long used;

        atomic_read_relaxed(&line->n_packets, &n);
        stats->n_packets += n;
        atomic_read_relaxed(&line->n_bytes, &n);
        stats->n_bytes += n;
        atomic_read_relaxed(&line->used, &used);
        stats->used = MAX(stats->used, used);
        atomic_read_relaxed(&line->tcp_flags, &tcp_flags);
        stats->tcp_flags |= tcp_flags;
    }
}

void
tw_megaflow_get_stats(const struct tw_megaflow *flow,
                      struct dpif_flow_stats *stats)
{
    struct tw_megaflow *mutable = CONST_CAST(struct tw_megaflow *, flow);
    unsigned long long n;

    sum_counters(flow, stats);
    atomic_read_relaxed(&mutable->zero_packets, &n);
    stats->n_packets -= MIN(n, stats->n_packets);
    atomic_read_relaxed(&mutable->zero_bytes, &n);
    stats->n_bytes -= MIN(n, stats->n_bytes);
}

/* Packet threads go on counting in lines that are theirs, so the counts are
 * noted rather than cleared.  The rest may be cleared: at worst a packet that
 * is under way is forgotten, or a flag remembered. */
static void
zero_stats(struct tw_megaflow *flow)
{
    struct dpif_flow_stats stats;

    sum_counters(flow, &stats);
    atomic_store_relaxed(&flow->zero_packets, stats.n_packets);
    atomic_store_relaxed(&flow->zero_bytes, stats.n_bytes);
    for (size_t i = 0; i <= flow->n_counters; i++) {
        atomic_store_relaxed(&flow->counters[i].line.used, 0);
        atomic_store_relaxed(&flow->counters[i].line.tcp_flags, 0);
    }
}
