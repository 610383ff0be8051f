/* SPDX-License-Identifier: Apache-2.0 */

/* The last step of a packet's way: out of a port.  Called by the actions
 * (tw-actions, tw-bond), flushed by whoever polls or executes; calls the
 * device. */

#include <config.h>

#include "tw-output.h"

#include "flow.h"
#include "netdev.h"
#include "tw-batch.h"
#include "tw-datapath.h"
#include "tw-port.h"
#include "util.h"

/* How long a thread keeps a shared transmit queue that it does not use. */
#define TXQ_IDLE_US (500 * 1000)

struct tw_tx_port {
    struct hmap_node node;      /* In thread->tx_ports, by port number. */
    odp_port_t number;
    struct tw_port *port;
    struct netdev *netdev;
    struct dp_packet_batch pending;
    int qid;                    /* TW_TXQ_SHARED: queue taken, -1: none. */
    long long last_used;        /* Microseconds. */
};

static struct tw_tx_port *tx_port_lookup(const struct tw_thread *, odp_port_t);
static void tx_port_enqueue(struct tw_thread *, struct tw_tx_port *,
                            struct dp_packet_batch *);
static int tx_port_flush(struct tw_thread *, struct tw_tx_port *);
static void tx_port_free(struct tw_thread *, struct tw_tx_port *);
static void tx_port_release_queue(struct tw_tx_port *);

void
tw_output(struct tw_thread *thread, odp_port_t number,
          struct dp_packet_batch *batch, bool steal)
{
    struct tw_tx_port *tx = tx_port_lookup(thread, number);
    struct dp_packet_batch copies;

    if (OVS_UNLIKELY(!tx || !netdev_n_txq(tx->netdev))) {
        tw_stats_drop(&thread->stats, TW_DROP_NO_PORT,
                      dp_packet_batch_size(batch));
        if (steal) {
            dp_packet_delete_batch(batch, true);
        } else {
            /* What it was to be cut to was for this port alone. */
            dp_packet_batch_reset_cutlen(batch);
        }
        return;
    }
    batch = tw_batch_own(batch, &copies, steal);
    dp_packet_batch_apply_cutlen(batch);
    tx_port_enqueue(thread, tx, batch);
}

int
tw_output_flush(struct tw_thread *thread)
{
    struct tw_tx_port *tx;
    int n_sent = 0;

    if (!thread->n_tx_pending) {
        return 0;
    }
    HMAP_FOR_EACH (tx, node, &thread->tx_ports) {
        if (!dp_packet_batch_is_empty(&tx->pending)) {
            n_sent += tx_port_flush(thread, tx);
        }
    }
    return n_sent;
}

struct netdev *
tw_output_netdev(struct tw_thread *thread, odp_port_t number)
{
    struct tw_tx_port *tx = tx_port_lookup(thread, number);

    return tx ? tx->netdev : NULL;
}

void
tw_output_release_idle(struct tw_thread *thread)
{
    struct tw_tx_port *tx;

    HMAP_FOR_EACH (tx, node, &thread->tx_ports) {
        if (tx->qid >= 0 && thread->now - tx->last_used >= TXQ_IDLE_US) {
            tx_port_release_queue(tx);
        }
    }
}

void
tw_output_add_port(struct tw_thread *thread, struct tw_port *port)
{
    struct tw_tx_port *tx = tx_port_lookup(thread, port->number);

    if (tx) {
        ovs_assert(tx->port == port);
        return;
    }
    tx = xmalloc(sizeof *tx);
    tx->number = port->number;
    tx->port = port;
    tx->netdev = port->netdev;
    tx->qid = -1;
    tx->last_used = 0;
    dp_packet_batch_init(&tx->pending);
    hmap_insert(&thread->tx_ports, &tx->node, tw_port_hash(tx->number));
}

void
tw_output_del_port(struct tw_thread *thread, const struct tw_port *port)
{
    struct tw_tx_port *tx;

    HMAP_FOR_EACH_SAFE (tx, node, &thread->tx_ports) {
        if (tx->port == port) {
            tx_port_free(thread, tx);
        }
    }
}

void
tw_output_del_all(struct tw_thread *thread)
{
    struct tw_tx_port *tx;

    HMAP_FOR_EACH_SAFE (tx, node, &thread->tx_ports) {
        tx_port_free(thread, tx);
    }
}

const struct tw_port *
tw_output_find_port(const struct tw_thread *thread, tw_output_pred *pred)
{
    struct tw_tx_port *tx;

    HMAP_FOR_EACH (tx, node, &thread->tx_ports) {
        if (pred(thread->dp, tx->port)) {
            return tx->port;
        }
    }
    return NULL;
}

static struct tw_tx_port *
tx_port_lookup(const struct tw_thread *thread, odp_port_t number)
{
    struct tw_tx_port *tx;

    HMAP_FOR_EACH_IN_BUCKET (tx, node, tw_port_hash(number),
                             &thread->tx_ports) {
        if (tx->number == number) {
            return tx;
        }
    }
    return NULL;
}

static void
tx_port_enqueue(struct tw_thread *thread, struct tw_tx_port *tx,
                struct dp_packet_batch *batch)
{
    struct dp_packet *packet;

    if (dp_packet_batch_size(&tx->pending) + dp_packet_batch_size(batch)
        > NETDEV_MAX_BURST) {
        tx_port_flush(thread, tx);
    }
    if (dp_packet_batch_is_empty(&tx->pending)
        && !dp_packet_batch_is_empty(batch)) {
        thread->n_tx_pending++;
    }
    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        dp_packet_batch_add(&tx->pending, packet);
    }
}

static void
tx_port_take_queue(struct tw_tx_port *tx)
{
    struct tw_port *port = tx->port;
    int best = 0;

    ovs_mutex_lock(&port->txq_mutex);
    for (int i = 1; i < netdev_n_txq(tx->netdev); i++) {
        if (port->txq_used[i] < port->txq_used[best]) {
            best = i;
        }
    }
    port->txq_used[best]++;
    tx->qid = best;
    ovs_mutex_unlock(&port->txq_mutex);
}

static void
tx_port_release_queue(struct tw_tx_port *tx)
{
    struct tw_port *port = tx->port;

    if (tx->qid >= 0) {
        ovs_mutex_lock(&port->txq_mutex);
        port->txq_used[tx->qid]--;
        ovs_mutex_unlock(&port->txq_mutex);
        tx->qid = -1;
    }
}

/* Sends 'batch' and empties it. */
static void
tx_port_send(struct tw_thread *thread, struct tw_tx_port *tx, int qid,
             struct dp_packet_batch *batch, bool shared)
{
    size_t n = dp_packet_batch_size(batch);

    if (n) {
        int error = netdev_send(tx->netdev, qid, batch, shared);

        if (error) {
            /* Those of the batch that went out before the error are counted
             * as dropped as well: devices do not say how many. */
            tw_stats_drop(&thread->stats, TW_DROP_TX, n);
        } else {
            tw_stats_add(&thread->stats, TW_STAT_SENT, n);
        }
        dp_packet_batch_init(batch);
    }
}

static uint32_t
packet_hash(struct dp_packet *packet)
{
    struct flow flow;

    if (OVS_LIKELY(dp_packet_rss_valid(packet))) {
        return dp_packet_get_rss_hash(packet);
    }
    flow_extract(packet, &flow);
    return flow_hash_5tuple(&flow, 0);
}

static void
tx_port_send_by_hash(struct tw_thread *thread, struct tw_tx_port *tx)
{
    int n_txq = netdev_n_txq(tx->netdev);
    struct dp_packet_batch *queues = xmalloc(n_txq * sizeof *queues);
    struct dp_packet *packet;

    for (int i = 0; i < n_txq; i++) {
        dp_packet_batch_init(&queues[i]);
    }
    DP_PACKET_BATCH_FOR_EACH (i, packet, &tx->pending) {
        dp_packet_batch_add(&queues[packet_hash(packet) % n_txq], packet);
    }
    for (int i = 0; i < n_txq; i++) {
        tx_port_send(thread, tx, i, &queues[i], true);
    }
    free(queues);
    dp_packet_batch_init(&tx->pending);
}

static int
tx_port_flush(struct tw_thread *thread, struct tw_tx_port *tx)
{
    size_t n = dp_packet_batch_size(&tx->pending);

    if (!n) {
        return 0;
    }
    thread->n_tx_pending--;
    tx->last_used = thread->now;
    switch (tx->port->txq_mode) {
    case TW_TXQ_STATIC:
        tx_port_send(thread, tx, thread->tx_qid, &tx->pending, false);
        break;
    case TW_TXQ_SHARED:
        if (tx->qid < 0) {
            tx_port_take_queue(tx);
        }
        tx_port_send(thread, tx, tx->qid, &tx->pending, true);
        break;
    case TW_TXQ_HASH:
        tx_port_send_by_hash(thread, tx);
        break;
    default:
        OVS_NOT_REACHED();
    }
    return n;
}

static void
tx_port_free(struct tw_thread *thread, struct tw_tx_port *tx)
{
    if (!dp_packet_batch_is_empty(&tx->pending)) {
        thread->n_tx_pending--;
        dp_packet_delete_batch(&tx->pending, true);
    }
    tx_port_release_queue(tx);
    hmap_remove(&thread->tx_ports, &tx->node);
    free(tx);
}
