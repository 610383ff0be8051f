/* SPDX-License-Identifier: Apache-2.0 */

/* The whole: opens, runs and frees a datapath, calling each part.  Called by
 * the dpif provider. */

#include <config.h>

#include "tw-datapath.h"

#include <errno.h>

#include "ct.h"
#include "netdev.h"
#include "odp-util.h"
#include "openvswitch/shash.h"
#include "ovs-router.h"
#include "smap.h"
#include "sset.h"
#include "timeval.h"
#include "tnl-neigh-cache.h"
#include "tnl-ports.h"
#include "tw-bond.h"
#include "tw-config.h"
#include "tw-ct-config.h"
#include "tw-ct-file.h"
#include "tw-ct-server.h"
#include "tw-ct-sync.h"
#include "tw-megaflow.h"
#include "tw-meter.h"
#include "tw-port.h"
#include "tw-reconfigure.h"
#include "tw-thread.h"
#include "tw-upcall.h"
#include "util.h"

static struct ovs_mutex list_mutex = OVS_MUTEX_INITIALIZER;

/* All datapaths, by name. */
static struct shash datapaths OVS_GUARDED_BY(list_mutex)
    = SHASH_INITIALIZER(&datapaths);

static int datapath_create(const char *name, const char *type, bool dummy,
                           struct tw_datapath **) OVS_REQUIRES(list_mutex);
static void datapath_free(struct tw_datapath *) OVS_REQUIRES(list_mutex);

int
tw_datapath_open(const char *name, const char *type, bool dummy, bool create,
                 struct tw_datapath **dpp)
{
    struct tw_datapath *dp;
    int error;

    ovs_mutex_lock(&list_mutex);
    dp = shash_find_data(&datapaths, name);
    if (!dp) {
        error = create ? datapath_create(name, type, dummy, &dp) : ENODEV;
    } else {
        error = strcmp(dp->type, type) ? EINVAL : create ? EEXIST : 0;
    }
    if (!error) {
        ovs_refcount_ref(&dp->ref_cnt);
        *dpp = dp;
    }
    ovs_mutex_unlock(&list_mutex);
    return error;
}

void
tw_datapath_unref(struct tw_datapath *dp)
{
    if (dp) {
        /* With the list locked, nobody can find 'dp' after its last
         * reference is gone. */
        ovs_mutex_lock(&list_mutex);
        if (ovs_refcount_unref_relaxed(&dp->ref_cnt) == 1) {
            datapath_free(dp);
        }
        ovs_mutex_unlock(&list_mutex);
    }
}

void
tw_datapath_destroy(struct tw_datapath *dp)
{
    if (!atomic_flag_test_and_set(&dp->destroyed)) {
        /* Never the last one: the caller has a reference of its own. */
        ovs_refcount_unref_relaxed(&dp->ref_cnt);
    }
}

void
tw_datapath_enumerate(const char *type, struct sset *names)
{
    struct shash_node *node;

    ovs_mutex_lock(&list_mutex);
    SHASH_FOR_EACH (node, &datapaths) {
        const struct tw_datapath *dp = node->data;

        if (!strcmp(dp->type, type)) {
            sset_add(names, node->name);
        }
    }
    ovs_mutex_unlock(&list_mutex);
}

struct tw_datapath *
tw_datapath_find(const char *name)
{
    struct tw_datapath *dp = NULL;

    ovs_mutex_lock(&list_mutex);
    if (name) {
        dp = shash_find_data(&datapaths, name);
    } else if (shash_count(&datapaths) == 1) {
        dp = shash_first(&datapaths)->data;
    }
    if (dp) {
        ovs_refcount_ref(&dp->ref_cnt);
    }
    ovs_mutex_unlock(&list_mutex);
    return dp;
}

void
tw_datapath_names(struct sset *names)
{
    struct shash_node *node;

    ovs_mutex_lock(&list_mutex);
    SHASH_FOR_EACH (node, &datapaths) {
        sset_add(names, node->name);
    }
    ovs_mutex_unlock(&list_mutex);
}

bool
tw_datapath_run(struct tw_datapath *dp)
{
    uint64_t tnl_seq;
    bool due;

    tw_thread_run_non_pmd(dp);
    tw_ct_sync_run(dp);
    if (dp->poll_in_run) {
        ct_run(dp->ct, time_msec());
    }

    ovs_rwlock_rdlock(&dp->port_rwlock);
    due = tw_reconfigure_is_due(dp);
    ovs_rwlock_unlock(&dp->port_rwlock);
    if (due) {
        ovs_rwlock_wrlock(&dp->port_rwlock);
        tw_reconfigure(dp);
        ovs_rwlock_unlock(&dp->port_rwlock);
    }

    tnl_neigh_cache_run();
    tnl_port_map_run();
    tnl_seq = seq_read(tnl_conf_seq);
    if (dp->last_tnl_conf_seq != tnl_seq) {
        dp->last_tnl_conf_seq = tnl_seq;
        return true;
    }
    return false;
}

void
tw_datapath_wait(struct tw_datapath *dp)
{
    ovs_rwlock_rdlock(&dp->port_rwlock);
    tw_reconfigure_wait(dp);
    ovs_rwlock_unlock(&dp->port_rwlock);
    tw_thread_wait_non_pmd(dp);
    tw_ct_sync_wait(dp);
    seq_wait(tnl_conf_seq, dp->last_tnl_conf_seq);
}

void
tw_datapath_set_config(struct tw_datapath *dp, const struct smap *other_config)
{
    tw_config_set(dp, other_config);
    tw_ct_config_set(dp, other_config);
}

static int
datapath_create(const char *name, const char *type, bool dummy,
                struct tw_datapath **dpp)
{
    struct tw_datapath *dp = xzalloc_cacheline(sizeof *dp);
    int error;

    dp->name = xstrdup(name);
    dp->type = type;
    dp->poll_in_run = dummy;
    ovs_refcount_init(&dp->ref_cnt);
    atomic_flag_clear(&dp->destroyed);
    dp->ct = ct_create();
    tw_ct_server_add(dp->name, dp->ct);
    tw_config_init(&dp->config);
    smap_init(&dp->ct_config);

    ovs_rwlock_init(&dp->port_rwlock);
    hmap_init(&dp->ports);
    dp->port_seq = seq_create();
    dp->last_tnl_conf_seq = seq_read(tnl_conf_seq);
    dp->rxq_assign = dp->config.assign;
    dp->rxq_isolate = dp->config.isolate;
    atomic_init(&dp->max_sleep, 0);
    atomic_init(&dp->cache_size, dp->config.cache_size);
    atomic_init(&dp->flow_epoch, 1);

    cmap_init(&dp->threads);
    tw_megaflow_init(dp);
    tw_upcall_init(dp);
    tw_meter_init(dp);
    tw_bond_init(dp);
    shash_add(&datapaths, name, dp);

    ovs_rwlock_wrlock(&dp->port_rwlock);
    tw_thread_create(dp, NON_PMD_CORE_ID, OVS_NUMA_UNSPEC);
    error = tw_port_add(dp, name, dummy ? "dummy-internal" : "tap",
                        ODPP_LOCAL);
    ovs_rwlock_unlock(&dp->port_rwlock);
    if (error) {
        datapath_free(dp);
        return error;
    }
    *dpp = dp;
    return 0;
}

/* Who may still hold a reference: nobody by name (the list is locked), no
 * packet thread (they end with the last port, and are joined), readers under
 * RCU of what was freed through it. */
static void
datapath_free(struct tw_datapath *dp)
{
    struct tw_thread *thread;

    shash_find_and_delete(&datapaths, dp->name);

    ovs_rwlock_wrlock(&dp->port_rwlock);
    while (!hmap_is_empty(&dp->ports)) {
        tw_port_del(dp, CONTAINER_OF(hmap_first(&dp->ports),
                                     struct tw_port, node));
    }
    CMAP_FOR_EACH (thread, node, &dp->threads) {
        tw_thread_destroy(thread);
    }
    ovs_rwlock_unlock(&dp->port_rwlock);
    cmap_destroy(&dp->threads);

    tw_bond_uninit(dp);
    tw_meter_uninit(dp);
    tw_upcall_uninit(dp);
    tw_megaflow_uninit(dp);
    tw_ct_server_remove(dp->ct);
    tw_ct_file_finish(dp);
    tw_ct_sync_end(dp);
    ct_destroy(dp->ct);
    tw_config_uninit(&dp->config);
    smap_destroy(&dp->ct_config);

    seq_destroy(dp->port_seq);
    hmap_destroy(&dp->ports);
    ovs_rwlock_destroy(&dp->port_rwlock);
    free(dp->pmd_cpu_mask);
    free(dp->name);
    free_cacheline(dp);
}
