/* SPDX-License-Identifier: Apache-2.0 */

/* Output to one member of a bond.  Run by tw-actions, configured by the dpif
 * provider; calls tw-output. */

#include <config.h>

#include "tw-bond.h"

#include <errno.h>
#include <inttypes.h>

#include "cmap.h"
#include "dp-packet.h"
#include "flow.h"
#include "hash.h"
#include "openvswitch/dynamic-string.h"
#include "ovs-rcu.h"
#include "tw-batch.h"
#include "tw-datapath.h"
#include "tw-output.h"
#include "tw-thread.h"
#include "util.h"

struct bucket {
    atomic_uint32_t member;             /* [A] Port number. */
    atomic_uint64_t n_bytes;            /* [A] */
};

struct bond {
    struct cmap_node node;              /* In dp->bonds. */
    uint32_t id;                        /* [I] */
    struct bucket buckets[BOND_BUCKETS];
};

static struct bond *find_bond(const struct tw_datapath *, uint32_t id);
static void output_one(struct tw_thread *, struct bond *, struct dp_packet *);

void
tw_bond_init(struct tw_datapath *dp)
{
    ovs_mutex_init(&dp->bond_mutex);
    cmap_init(&dp->bonds);
}

void
tw_bond_uninit(struct tw_datapath *dp)
{
    tw_bond_destroy_all(dp);
    cmap_destroy(&dp->bonds);
    ovs_mutex_destroy(&dp->bond_mutex);
}

int
tw_bond_add(struct tw_datapath *dp, uint32_t bond_id,
            const odp_port_t *member_map)
{
    struct bond *bond;
    bool is_new;

    ovs_mutex_lock(&dp->bond_mutex);
    bond = find_bond(dp, bond_id);
    is_new = !bond;
    if (is_new) {
        bond = xzalloc(sizeof *bond);
        bond->id = bond_id;
    }
    for (size_t i = 0; i < BOND_BUCKETS; i++) {
        atomic_store_relaxed(&bond->buckets[i].member,
                             odp_to_u32(member_map[i]));
    }
    if (is_new) {
        cmap_insert(&dp->bonds, &bond->node, hash_int(bond_id, 0));
    }
    ovs_mutex_unlock(&dp->bond_mutex);
    return 0;
}

static void
remove_bond(struct tw_datapath *dp, struct bond *bond)
    OVS_REQUIRES(dp->bond_mutex)
{
    cmap_remove(&dp->bonds, &bond->node, hash_int(bond->id, 0));
    ovsrcu_postpone(free, bond);
}

int
tw_bond_del(struct tw_datapath *dp, uint32_t bond_id)
{
    struct bond *bond;

    ovs_mutex_lock(&dp->bond_mutex);
    bond = find_bond(dp, bond_id);
    if (bond) {
        remove_bond(dp, bond);
    }
    ovs_mutex_unlock(&dp->bond_mutex);
    return bond ? 0 : ENOENT;
}

int
tw_bond_stats_get(struct tw_datapath *dp, uint32_t bond_id, uint64_t *n_bytes)
{
    struct bond *bond = find_bond(dp, bond_id);

    if (!bond) {
        return ENOENT;
    }
    for (size_t i = 0; i < BOND_BUCKETS; i++) {
        uint64_t n;

        atomic_read_relaxed(&bond->buckets[i].n_bytes, &n);
        n_bytes[i] += n;
    }
    return 0;
}

void
tw_bond_destroy_all(struct tw_datapath *dp)
{
    struct bond *bond;

    ovs_mutex_lock(&dp->bond_mutex);
    CMAP_FOR_EACH (bond, node, &dp->bonds) {
        remove_bond(dp, bond);
    }
    ovs_mutex_unlock(&dp->bond_mutex);
}

void
tw_bond_format(const struct tw_datapath *dp, struct ds *ds)
{
    struct bond *bond;

    CMAP_FOR_EACH (bond, node, &dp->bonds) {
        ds_put_format(ds, "  bond-id %"PRIu32":\n", bond->id);
        for (int i = 0; i < BOND_BUCKETS; i++) {
            uint32_t member;

            atomic_read_relaxed(&bond->buckets[i].member, &member);
            ds_put_format(ds, "    bucket %d - member %"PRIu32"\n",
                          i, member);
        }
    }
}

void
tw_bond_output(struct tw_thread *thread, uint32_t bond_id,
               struct dp_packet_batch *batch, bool steal)
{
    struct bond *bond = find_bond(thread->dp, bond_id);
    struct dp_packet_batch copies;
    struct dp_packet *packet;

    if (OVS_UNLIKELY(!bond)) {
        tw_stats_drop(&thread->stats, TW_DROP_NO_BOND,
                      dp_packet_batch_size(batch));
        dp_packet_delete_batch(batch, steal);
        return;
    }
    batch = tw_batch_own(batch, &copies, steal);
    dp_packet_batch_apply_cutlen(batch);
    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        output_one(thread, bond, packet);
    }
}

static struct bond *
find_bond(const struct tw_datapath *dp, uint32_t id)
{
    struct bond *bond;

    CMAP_FOR_EACH_WITH_HASH (bond, node, hash_int(id, 0), &dp->bonds) {
        if (bond->id == id) {
            return bond;
        }
    }
    return NULL;
}

/* Bytes count for a member that exists. */
static void
output_one(struct tw_thread *thread, struct bond *bond,
           struct dp_packet *packet)
{
    uint32_t hash = dp_packet_get_rss_hash(packet);
    struct bucket *bucket = &bond->buckets[hash & BOND_MASK];
    uint32_t size = dp_packet_size(packet);
    struct dp_packet_batch batch;
    uint64_t before;
    uint32_t member;

    atomic_read_relaxed(&bucket->member, &member);
    if (tw_output_netdev(thread, u32_to_odp(member))) {
        atomic_add_relaxed(&bucket->n_bytes, size, &before);
    }
    dp_packet_batch_init_packet(&batch, packet);
    tw_output(thread, u32_to_odp(member), &batch, true);
}
