/* SPDX-License-Identifier: Apache-2.0 */

/* Where packets of the traffic device enter and leave a datapath: the netdev
 * class.  Called by OVS's netdev layer; calls traffic-make and
 * traffic-deliver, and traffic-device for what is configured. */

#include <config.h>

#include "netdev-traffic.h"

#include <errno.h>

#include "dp-packet.h"
#include "netdev-provider.h"
#include "openvswitch/vlog.h"
#include "smap.h"
#include "traffic-deliver.h"
#include "traffic-device.h"
#include "traffic-make.h"
#include "traffic-pair.h"
#include "traffic-pool.h"
#include "traffic-unixctl.h"
#include "util.h"

static const struct netdev_class traffic_class;

void
netdev_traffic_register(void)
{
    netdev_register_provider(&traffic_class);
    traffic_unixctl_register();
}

static struct traffic_device *
device_cast(const struct netdev *netdev)
{
    ovs_assert(netdev_get_class(netdev) == &traffic_class);
    return CONTAINER_OF(netdev, struct traffic_device, up);
}

/* Packets ----------------------------------------------------------------- */

/* One thread writes, so this needs no locked instruction. */
static inline void
add(atomic_uint64_t *counter, uint64_t n)
{
    uint64_t before;

    atomic_read_relaxed(counter, &before);
    atomic_store_relaxed(counter, before + n);
}

static bool
is_up(const struct traffic_device *device)
{
    unsigned int flags;

    atomic_read_relaxed(&CONST_CAST(struct traffic_device *, device)->flags,
                        &flags);
    return flags & NETDEV_UP;
}

static void
count_made(struct traffic_rx *rx, const struct traffic_turn *turn)
{
    struct dp_packet *packet;
    uint64_t bytes = 0;

    DP_PACKET_BATCH_FOR_EACH (i, packet, turn->batch) {
        bytes += dp_packet_size(packet);
    }
    add(&rx->n[TRAFFIC_MADE], dp_packet_batch_size(turn->batch));
    add(&rx->n[TRAFFIC_MADE_BYTES], bytes);
}

static void
count_connections(struct traffic_rx *rx, const struct traffic_turn *turn)
{
    if (OVS_UNLIKELY(turn->n_retries || turn->n_lives || turn->n_lost)) {
        add(&rx->n[TRAFFIC_RETRIES], turn->n_retries);
        add(&rx->n[TRAFFIC_LIFE], turn->n_lives);
        add(&rx->n[TRAFFIC_LOST], turn->n_lost);
    }
}

static int
traffic_rxq_recv(struct netdev_rxq *rxq, struct dp_packet_batch *batch,
                 int *qfill)
{
    struct traffic_device *device = device_cast(rxq->netdev);
    const struct traffic_plan *plan = ovsrcu_get(struct traffic_plan *,
                                                 &device->plan);
    struct traffic_rx *rx = &device->rx[rxq->queue_id];
    struct traffic_turn turn = { .now = traffic_cycles() };

    if (!plan || !is_up(device)) {
        return EAGAIN;
    }
    turn.plan = plan;
    turn.side = traffic_plan_side(plan, rxq->netdev);
    /* The plan may be ahead of the queues: they follow at once. */
    if (rxq->queue_id >= plan->n_queues[turn.side]) {
        return EAGAIN;
    }
    dp_packet_batch_init(batch);
    turn.queue = plan->pair->queues[turn.side][rxq->queue_id];
    turn.hz = device->hz;
    turn.batch = batch;
    traffic_make(&turn);
    if (qfill) {
        *qfill = -ENOTSUP;
    }
    count_connections(rx, &turn);
    if (dp_packet_batch_is_empty(batch)) {
        add(&rx->n[TRAFFIC_IDLE], traffic_cycles() - turn.now);
        return EAGAIN;
    }
    count_made(rx, &turn);
    add(&rx->n[TRAFFIC_MAKING], traffic_cycles() - turn.now);
    return 0;
}

static void
deliver(struct traffic_device *device, struct traffic_tx *tx,
        struct dp_packet_batch *batch)
{
    uint64_t start = traffic_cycles();
    const struct traffic_plan *plan = ovsrcu_get(struct traffic_plan *,
                                                 &device->plan);
    struct traffic_delivered delivered = { 0 };
    struct dp_packet *packet;
    uint64_t bytes = 0;
    bool checks;

    atomic_read_relaxed(&device->checks, &checks);
    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        bytes += dp_packet_size(packet);
    }
    if (plan || checks) {
        traffic_deliver(plan, (plan ? traffic_plan_side(plan, &device->up)
                               : TRAFFIC_SERVER), checks, batch, &delivered);
    }
    add(&tx->n[TRAFFIC_DELIVERED], dp_packet_batch_size(batch));
    add(&tx->n[TRAFFIC_DELIVERED_BYTES], bytes);
    add(&tx->n[TRAFFIC_DELIVERED_FOREIGN], delivered.n_foreign);
    add(&tx->n[TRAFFIC_DELIVERED_BAD], delivered.n_bad);
    traffic_pool_give(batch);
    add(&tx->n[TRAFFIC_SINKING], traffic_cycles() - start);
}

static int
traffic_send(struct netdev *netdev, int qid, struct dp_packet_batch *batch,
             bool concurrent)
{
    struct traffic_device *device = device_cast(netdev);
    struct traffic_tx *tx = &device->tx[qid % TRAFFIC_MAX_QUEUES];

    if (OVS_UNLIKELY(!is_up(device))) {
        dp_packet_delete_batch(batch, true);
    } else if (OVS_UNLIKELY(concurrent)) {
        ovs_mutex_lock(&tx->mutex);
        deliver(device, tx, batch);
        ovs_mutex_unlock(&tx->mutex);
    } else {
        deliver(device, tx, batch);
    }
    return 0;
}

/* Life and configuration -------------------------------------------------- */

static struct netdev *
traffic_alloc(void)
{
    return &traffic_device_create()->up;
}

static int
traffic_construct(struct netdev *netdev)
{
    struct traffic_device *device = device_cast(netdev);

    traffic_device_add(device);
    atomic_store_relaxed(&device->flags, NETDEV_UP);
    netdev->n_rxq = 0;
    netdev->n_txq = 1;
    netdev_request_reconfigure(netdev);
    return 0;
}

static void
traffic_destruct(struct netdev *netdev)
{
    traffic_device_remove(device_cast(netdev));
}

static void
traffic_dealloc(struct netdev *netdev)
{
    traffic_device_free(device_cast(netdev));
}

static int
traffic_set_config(struct netdev *netdev, const struct smap *options,
                   char **errp)
{
    return traffic_device_configure(device_cast(netdev), options, errp);
}

static int
traffic_get_config(const struct netdev *netdev, struct smap *options)
{
    struct traffic_device *device = device_cast(netdev);

    ovs_mutex_lock(&traffic_mutex);
    if (device->configured) {
        traffic_spec_format(&device->spec, options);
    }
    ovs_mutex_unlock(&traffic_mutex);
    return 0;
}

static int
traffic_set_tx_multiq(struct netdev *netdev, unsigned int n_txq)
{
    struct traffic_device *device = device_cast(netdev);
    int wanted = MIN(n_txq, TRAFFIC_MAX_QUEUES);

    ovs_mutex_lock(&traffic_mutex);
    if (device->n_txq_wanted != wanted) {
        device->n_txq_wanted = wanted;
        netdev_request_reconfigure(netdev);
    }
    ovs_mutex_unlock(&traffic_mutex);
    return 0;
}

static int
traffic_reconfigure(struct netdev *netdev)
{
    struct traffic_device *device = device_cast(netdev);

    ovs_mutex_lock(&traffic_mutex);
    netdev->n_txq = device->n_txq_wanted;
    netdev->n_rxq = traffic_device_wanted_rxqs(device);
    ovs_mutex_unlock(&traffic_mutex);
    return 0;
}

static struct netdev_rxq *
traffic_rxq_alloc(void)
{
    return xzalloc(sizeof(struct netdev_rxq));
}

static int
traffic_rxq_construct(struct netdev_rxq *rxq OVS_UNUSED)
{
    return 0;
}

static void
traffic_rxq_destruct(struct netdev_rxq *rxq OVS_UNUSED)
{
}

static void
traffic_rxq_dealloc(struct netdev_rxq *rxq)
{
    free(rxq);
}

/* What a network device has ----------------------------------------------- */

static int
traffic_set_etheraddr(struct netdev *netdev, const struct eth_addr mac)
{
    struct traffic_device *device = device_cast(netdev);

    ovs_mutex_lock(&traffic_mutex);
    device->mac = mac;
    ovs_mutex_unlock(&traffic_mutex);
    netdev_change_seq_changed(netdev);
    return 0;
}

static int
traffic_get_etheraddr(const struct netdev *netdev, struct eth_addr *mac)
{
    struct traffic_device *device = device_cast(netdev);

    ovs_mutex_lock(&traffic_mutex);
    *mac = device->mac;
    ovs_mutex_unlock(&traffic_mutex);
    return 0;
}

static int
traffic_get_mtu(const struct netdev *netdev, int *mtu)
{
    struct traffic_device *device = device_cast(netdev);

    ovs_mutex_lock(&traffic_mutex);
    *mtu = device->mtu;
    ovs_mutex_unlock(&traffic_mutex);
    return 0;
}

static int
traffic_set_mtu(struct netdev *netdev, int mtu)
{
    struct traffic_device *device = device_cast(netdev);

    ovs_mutex_lock(&traffic_mutex);
    device->mtu = mtu;
    ovs_mutex_unlock(&traffic_mutex);
    netdev_change_seq_changed(netdev);
    return 0;
}

static int
traffic_get_numa_id(const struct netdev *netdev OVS_UNUSED)
{
    return 0;
}

static int
traffic_get_stats(const struct netdev *netdev, struct netdev_stats *stats)
{
    struct traffic_sums sums;

    traffic_device_sum(device_cast(netdev), &sums);
    stats->rx_packets = sums.rx[TRAFFIC_MADE];
    stats->rx_bytes = sums.rx[TRAFFIC_MADE_BYTES];
    stats->tx_packets = sums.tx[TRAFFIC_DELIVERED];
    stats->tx_bytes = sums.tx[TRAFFIC_DELIVERED_BYTES];
    return 0;
}

static int
traffic_get_features(const struct netdev *netdev OVS_UNUSED,
                     enum netdev_features *current,
                     enum netdev_features *advertised,
                     enum netdev_features *supported,
                     enum netdev_features *peer)
{
    *current = NETDEV_F_100GB_FD;
    *advertised = *supported = *peer = 0;
    return 0;
}

static int
traffic_get_status(const struct netdev *netdev OVS_UNUSED, struct smap *status)
{
    smap_add(status, "driver_name", "traffic");
    return 0;
}

static int
traffic_update_flags(struct netdev *netdev, enum netdev_flags off,
                     enum netdev_flags on, enum netdev_flags *old)
{
    struct traffic_device *device = device_cast(netdev);
    unsigned int before, after;

    if ((off | on) & ~(NETDEV_UP | NETDEV_PROMISC)) {
        return EINVAL;
    }
    ovs_mutex_lock(&traffic_mutex);
    atomic_read_relaxed(&device->flags, &before);
    after = (before | on) & ~off;
    atomic_store_relaxed(&device->flags, after);
    ovs_mutex_unlock(&traffic_mutex);
    *old = before;
    if (after != before) {
        netdev_change_seq_changed(netdev);
    }
    return 0;
}

static const struct netdev_class traffic_class = {
    .type = "traffic",
    .is_pmd = true,
    .alloc = traffic_alloc,
    .construct = traffic_construct,
    .destruct = traffic_destruct,
    .dealloc = traffic_dealloc,
    .get_config = traffic_get_config,
    .set_config = traffic_set_config,
    .get_numa_id = traffic_get_numa_id,
    .set_tx_multiq = traffic_set_tx_multiq,
    .send = traffic_send,
    .set_etheraddr = traffic_set_etheraddr,
    .get_etheraddr = traffic_get_etheraddr,
    .get_mtu = traffic_get_mtu,
    .set_mtu = traffic_set_mtu,
    .get_stats = traffic_get_stats,
    .get_features = traffic_get_features,
    .get_status = traffic_get_status,
    .update_flags = traffic_update_flags,
    .reconfigure = traffic_reconfigure,
    .rxq_alloc = traffic_rxq_alloc,
    .rxq_construct = traffic_rxq_construct,
    .rxq_destruct = traffic_rxq_destruct,
    .rxq_dealloc = traffic_rxq_dealloc,
    .rxq_recv = traffic_rxq_recv,
};
