/* SPDX-License-Identifier: Apache-2.0 */

/* The dpif provider's class: where ofproto enters.  Open, close, run and what
 * concerns a datapath as a whole are here; ports, flows, execution, connection
 * tracking, meters and commands in dpif-tw-*.c; all in terms of datapath/ and
 * lib/. */

#include <config.h>

#include "dpif-trackway.h"

#include "dpif-tw.h"
#include "hash.h"
#include "openvswitch/vlog.h"
#include "smap.h"
#include "sset.h"
#include "tw-megaflow.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(dpif_trackway);

/* A registered type.  'netdev_like' is the same class to whom it calls, but
 * has dpif-netdev's 'open': this pointer is what dpif_is_netdev() compares, on
 * which native tunnels, explicit drops and lb_output depend.  It is never
 * registered, since its 'open' would make datapaths of another kind. */
struct tw_class {
    struct dpif_class class;
    struct dpif_class netdev_like;
    bool dummy;
};

static const struct tw_class *
tw_class_cast(const struct dpif_class *class)
{
    return CONTAINER_OF(class, struct tw_class, class);
}

static int
dpif_tw_enumerate(struct sset *names, const struct dpif_class *class)
{
    tw_datapath_enumerate(class->type, names);
    return 0;
}

static const char *
dpif_tw_port_open_type(const struct dpif_class *class, const char *type)
{
    if (strcmp(type, "internal")) {
        return type;
    }
    return tw_class_cast(class)->dummy ? "dummy-internal" : "tap";
}

static int
dpif_tw_open(const struct dpif_class *class, const char *name, bool create,
             struct dpif **dpifp)
{
    uint16_t netflow_id = hash_string(name, 0);
    struct tw_datapath *dp;
    struct dpif_tw *dpif;
    int error;

    error = tw_datapath_open(name, class->type, tw_class_cast(class)->dummy,
                             create, &dp);
    if (error) {
        return error;
    }
    dpif = xmalloc(sizeof *dpif);
    dpif_init(&dpif->dpif, class, dp->name, netflow_id >> 8, netflow_id);
    dpif->dp = dp;
    dpif->last_port_seq = seq_read(dp->port_seq);
    *dpifp = &dpif->dpif;
    return 0;
}

static void
dpif_tw_close(struct dpif *dpif_)
{
    struct dpif_tw *dpif = dpif_tw_cast(dpif_);

    tw_datapath_unref(dpif->dp);
    free(dpif);
}

static int
dpif_tw_destroy(struct dpif *dpif)
{
    tw_datapath_destroy(dpif_tw_datapath(dpif));
    return 0;
}

static bool
dpif_tw_run(struct dpif *dpif)
{
    return tw_datapath_run(dpif_tw_datapath(dpif));
}

static void
dpif_tw_wait(struct dpif *dpif)
{
    tw_datapath_wait(dpif_tw_datapath(dpif));
}

static int
dpif_tw_get_stats(const struct dpif *dpif, struct dpif_dp_stats *stats)
{
    struct tw_datapath *dp = dpif_tw_datapath(dpif);
    struct tw_stats sum;

    tw_stats_sum(dp, &sum);
    stats->n_hit = sum.n[TW_STAT_HIT];
    stats->n_missed = sum.n[TW_STAT_MISS];
    stats->n_lost = sum.n[TW_STAT_LOST];
    stats->n_flows = tw_megaflow_count(dp);
    stats->n_cache_hit = UINT64_MAX;    /* None: not shown. */
    if (dp->poll_in_run) {
        /* OVS's tests expect what a dummy always showed. */
        stats->n_masks = UINT32_MAX;
        stats->n_mask_hit = UINT64_MAX;
    } else {
        stats->n_masks = tw_megaflow_n_masks(dp);
        stats->n_mask_hit = sum.n[TW_STAT_SUBTABLES];
    }
    return 0;
}

static int
dpif_tw_set_config(struct dpif *dpif, const struct smap *other_config)
{
    tw_datapath_set_config(dpif_tw_datapath(dpif), other_config);
    return 0;
}

static int
dpif_tw_queue_to_priority(const struct dpif *dpif OVS_UNUSED,
                          uint32_t queue_id, uint32_t *priority)
{
    *priority = queue_id;
    return 0;
}

static char *
dpif_tw_get_datapath_version(void)
{
    return xstrdup("<built-in>");
}

static const struct dpif_class class_template = {
    .cleanup_required = true,
    .init = dpif_tw_unixctl_init,
    .enumerate = dpif_tw_enumerate,
    .port_open_type = dpif_tw_port_open_type,
    .open = dpif_tw_open,
    .close = dpif_tw_close,
    .destroy = dpif_tw_destroy,
    .run = dpif_tw_run,
    .wait = dpif_tw_wait,
    .get_stats = dpif_tw_get_stats,
    .set_config = dpif_tw_set_config,
    .queue_to_priority = dpif_tw_queue_to_priority,
    .get_datapath_version = dpif_tw_get_datapath_version,

    .port_add = dpif_tw_port_add,
    .port_del = dpif_tw_port_del,
    .port_set_config = dpif_tw_port_set_config,
    .port_query_by_number = dpif_tw_port_query_by_number,
    .port_query_by_name = dpif_tw_port_query_by_name,
    .port_dump_start = dpif_tw_port_dump_start,
    .port_dump_next = dpif_tw_port_dump_next,
    .port_dump_done = dpif_tw_port_dump_done,
    .port_poll = dpif_tw_port_poll,
    .port_poll_wait = dpif_tw_port_poll_wait,

    .flow_flush = dpif_tw_flow_flush,
    .flow_dump_create = dpif_tw_flow_dump_create,
    .flow_dump_destroy = dpif_tw_flow_dump_destroy,
    .flow_dump_thread_create = dpif_tw_flow_dump_thread_create,
    .flow_dump_thread_destroy = dpif_tw_flow_dump_thread_destroy,
    .flow_dump_next = dpif_tw_flow_dump_next,

    .operate = dpif_tw_operate,
    .register_dp_purge_cb = dpif_tw_register_dp_purge_cb,
    .register_upcall_cb = dpif_tw_register_upcall_cb,
    .enable_upcall = dpif_tw_enable_upcall,
    .disable_upcall = dpif_tw_disable_upcall,

    .ct_dump_start = dpif_tw_ct_dump_start,
    .ct_dump_next = dpif_tw_ct_dump_next,
    .ct_dump_done = dpif_tw_ct_dump_done,
    .ct_flush = dpif_tw_ct_flush,
    .ct_set_maxconns = dpif_tw_ct_set_maxconns,
    .ct_get_maxconns = dpif_tw_ct_get_maxconns,
    .ct_get_nconns = dpif_tw_ct_get_nconns,
    .ct_set_tcp_seq_chk = dpif_tw_ct_set_tcp_seq_chk,
    .ct_get_tcp_seq_chk = dpif_tw_ct_get_tcp_seq_chk,
    .ct_set_limits = dpif_tw_ct_set_limits,
    .ct_get_limits = dpif_tw_ct_get_limits,
    .ct_del_limits = dpif_tw_ct_del_limits,
    .ct_set_timeout_policy = dpif_tw_ct_set_timeout_policy,
    .ct_get_timeout_policy = dpif_tw_ct_get_timeout_policy,
    .ct_del_timeout_policy = dpif_tw_ct_del_timeout_policy,
    .ct_timeout_policy_dump_start = dpif_tw_ct_timeout_policy_dump_start,
    .ct_timeout_policy_dump_next = dpif_tw_ct_timeout_policy_dump_next,
    .ct_timeout_policy_dump_done = dpif_tw_ct_timeout_policy_dump_done,
    .ct_get_timeout_policy_name = dpif_tw_ct_get_timeout_policy_name,
    .ct_get_features = dpif_tw_ct_get_features,
    .ipf_set_enabled = dpif_tw_ipf_set_enabled,
    .ipf_set_min_frag = dpif_tw_ipf_set_min_frag,
    .ipf_set_max_nfrags = dpif_tw_ipf_set_max_nfrags,
    .ipf_get_status = dpif_tw_ipf_get_status,
    .ipf_dump_start = dpif_tw_ipf_dump_start,
    .ipf_dump_next = dpif_tw_ipf_dump_next,
    .ipf_dump_done = dpif_tw_ipf_dump_done,

    .meter_get_features = dpif_tw_meter_get_features,
    .meter_set = dpif_tw_meter_set,
    .meter_get = dpif_tw_meter_get,
    .meter_del = dpif_tw_meter_del,
    .bond_add = dpif_tw_bond_add,
    .bond_del = dpif_tw_bond_del,
    .bond_stats_get = dpif_tw_bond_stats_get,
};

/* Classes live as long as the process. */
static void
register_class(const char *type, bool dummy)
{
    struct tw_class *c = xzalloc(sizeof *c);

    /* The local port's device is named "ovs-TYPE". */
    ovs_assert(dummy || strlen(type) <= 11);
    c->class = class_template;
    c->class.type = xstrdup(type);
    c->netdev_like = c->class;
    c->netdev_like.open = dpif_netdev_class.open;
    c->dummy = dummy;
    dp_register_provider(&c->class);
}

void
dpif_tw_pass_for_netdev(struct dpif *dpif)
{
    if (dpif->dpif_class->open == dpif_tw_open) {
        dpif->dpif_class = &tw_class_cast(dpif->dpif_class)->netdev_like;
    }
    if (!dpif_supports_tnl_push_pop(dpif)) {
        VLOG_ERR("%s: no native tunnels, explicit drops and lb_output: this "
                 "version of Open vSwitch tells datapaths apart in another "
                 "way", dpif_name(dpif));
    }
}

void
dpif_trackway_register(void)
{
    register_class("trackway", false);
}

void
dpif_trackway_register_dummy(void)
{
    struct sset types = SSET_INITIALIZER(&types);
    const char *type;

    dp_enumerate_types(&types);
    SSET_FOR_EACH (type, &types) {
        if (!strcmp(dpif_port_open_type(type, "internal"), "dummy-internal")
            && !dp_unregister_provider(type)) {
            register_class(type, true);
        }
    }
    sset_destroy(&types);
}
