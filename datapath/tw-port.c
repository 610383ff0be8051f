/* SPDX-License-Identifier: Apache-2.0 */

/* Ports: where a packet comes in and goes out.  Called by the dpif provider
 * and tw-reconfigure; calls netdevs. */

#include <config.h>

#include "tw-port.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "hash.h"
#include "netdev.h"
#include "odp-util.h"
#include "openvswitch/ofp-parse.h"
#include "openvswitch/vlog.h"
#include "ovs-numa.h"
#include "smap.h"
#include "tw-datapath.h"
#include "tw-privilege.h"
#include "tw-reconfigure.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(tw_port);

static int port_open(const char *name, const char *type, odp_port_t,
                     struct tw_port **);
static void port_close_queues(struct tw_port *);
static int port_open_queues(struct tw_port *, unsigned n_before);
static void port_apply_affinity(struct tw_port *);

int
tw_port_add(struct tw_datapath *dp, const char *name, const char *type,
            odp_port_t number)
{
    const char *lacks = tw_privilege_lacks(type);
    struct tw_port *port;
    int error;

    if (tw_port_find(dp, name)) {
        return EEXIST;
    }
    if (lacks) {
        VLOG_ERR("%s: %s", name, lacks);
        return EPERM;
    }
    error = port_open(name, type, number, &port);
    if (error) {
        return error;
    }
    hmap_insert(&dp->ports, &port->node, tw_port_hash(number));
    seq_change(dp->port_seq);
    tw_reconfigure(dp);
    if (!tw_port_lookup(dp, number)) {
        return EINVAL;
    }

    /* Only now: a change of flags makes the bridge look at its ports again,
     * and with a device that cannot be configured it would do so forever. */
    error = netdev_turn_flags_on(port->netdev, NETDEV_PROMISC, &port->sf);
    if (error) {
        VLOG_ERR("%s: cannot be set promiscuous (%s)", name,
                 ovs_strerror(error));
        tw_port_del(dp, port);
    }
    return error;
}

void
tw_port_del(struct tw_datapath *dp, struct tw_port *port)
{
    hmap_remove(&dp->ports, &port->node);
    seq_change(dp->port_seq);
    tw_reconfigure(dp);         /* No thread knows it from here on. */
    tw_port_free(port);
}

void
tw_port_free(struct tw_port *port)
{
    /* The last reference to a tap removes its device, so the flags go back
     * before the device does. */
    port_close_queues(port);
    netdev_restore_flags(port->sf);
    netdev_close(port->netdev);
    ovs_mutex_destroy(&port->txq_mutex);
    free(port->rxqs);
    free(port->txq_used);
    free(port->rxq_affinity);
    free(port->type);
    free(port);
}

struct tw_port *
tw_port_lookup(const struct tw_datapath *dp, odp_port_t number)
{
    struct tw_port *port;

    HMAP_FOR_EACH_WITH_HASH (port, node, tw_port_hash(number), &dp->ports) {
        if (port->number == number) {
            return port;
        }
    }
    return NULL;
}

struct tw_port *
tw_port_find(const struct tw_datapath *dp, const char *name)
{
    struct tw_port *port;

    HMAP_FOR_EACH (port, node, &dp->ports) {
        if (!strcmp(netdev_get_name(port->netdev), name)) {
            return port;
        }
    }
    return NULL;
}

odp_port_t
tw_port_choose_number(const struct tw_datapath *dp, const char *name)
{
    if (dp->poll_in_run) {
        odp_port_t wish = u32_to_odp(tw_port_number_from_name(name));

        if (wish != ODPP_LOCAL && wish != ODPP_NONE
            && !tw_port_lookup(dp, wish)) {
            return wish;
        }
    }
    for (uint32_t number = 1; number <= UINT16_MAX; number++) {
        if (!tw_port_lookup(dp, u32_to_odp(number))) {
            return u32_to_odp(number);
        }
    }
    return ODPP_NONE;
}

uint32_t
tw_port_number_from_name(const char *name)
{
    const char *digits = name + strcspn(name, "0123456789");

    if (!*digits) {
        return 0;
    }
    return (strncmp(name, "br", 2) ? 0 : 100) + strtoul(digits, NULL, 10);
}

int
tw_port_set_config(struct tw_datapath *dp, struct tw_port *port,
                   const struct smap *cfg)
{
    const char *affinity = smap_get(cfg, "pmd-rxq-affinity");
    const char *steering = smap_get_def(cfg, "tx-steering", "thread");
    bool hash = !strcmp(steering, "hash");

    if (netdev_is_pmd(port->netdev)
        && !nullable_string_is_equal(affinity, port->rxq_affinity)) {
        if (affinity && tw_port_parse_affinity(affinity, NULL, 0)) {
            return EINVAL;
        }
        free(port->rxq_affinity);
        port->rxq_affinity = nullable_xstrdup(affinity);
        port_apply_affinity(port);
        dp->reconfigure = true;
    }
    if (hash != port->want_txq_hash) {
        VLOG_INFO("%s: packets are steered to transmit queues by %s",
                  netdev_get_name(port->netdev), hash ? "hash" : "thread");
        port->want_txq_hash = hash;
        dp->reconfigure = true;
    }
    return 0;
}

int
tw_port_parse_affinity(const char *s, unsigned *cores, unsigned n)
{
    char *copy = xstrdup(s);
    char *rest = copy;
    char *key, *value;
    int error = 0;

    for (unsigned i = 0; i < n; i++) {
        cores[i] = OVS_CORE_UNSPEC;
    }
    while (!error && ofputil_parse_key_value(&rest, &key, &value)) {
        int queue, core;

        if (!str_to_int(key, 0, &queue) || queue < 0
            || !str_to_int(value, 0, &core) || core < 0) {
            error = EINVAL;
        } else if (queue < n) {
            cores[queue] = core;
        }
    }
    free(copy);
    return error;
}

int
tw_port_reconfigure(struct tw_port *port)
{
    unsigned n_before = port->n_rxq;
    struct netdev *netdev = port->netdev;
    int error;

    port_close_queues(port);
    error = netdev_reconfigure(netdev);
    if (error && error != EOPNOTSUPP) {
        VLOG_ERR("%s: the new configuration is refused (%s)",
                 netdev_get_name(netdev), ovs_strerror(error));
        return error;
    }
    ovs_mutex_lock(&port->txq_mutex);
    free(port->txq_used);
    port->txq_used = xcalloc(MAX(netdev_n_txq(netdev), 1),
                             sizeof *port->txq_used);
    ovs_mutex_unlock(&port->txq_mutex);

    error = port_open_queues(port, n_before);
    if (!error) {
        port_apply_affinity(port);
        port->need_reconfigure = false;
    }
    return error;
}

uint32_t
tw_port_hash(odp_port_t number)
{
    return hash_int(odp_to_u32(number), 0);
}

static int
port_open(const char *name, const char *type, odp_port_t number,
          struct tw_port **portp)
{
    enum netdev_flags flags;
    struct netdev *netdev;
    struct tw_port *port;
    int error;

    error = netdev_open(name, type, &netdev);
    if (error) {
        return error;
    }
    netdev_get_flags(netdev, &flags);
    if (flags & NETDEV_LOOPBACK) {
        VLOG_ERR("%s: a loopback device cannot be a port", name);
        netdev_close(netdev);
        return EINVAL;
    }
    port = xzalloc(sizeof *port);
    port->number = number;
    port->netdev = netdev;
    port->type = xstrdup(type);
    port->need_reconfigure = true;
    ovs_mutex_init(&port->txq_mutex);
    *portp = port;
    return 0;
}

static void
port_close_queues(struct tw_port *port)
{
    for (unsigned i = 0; i < port->n_rxq; i++) {
        netdev_rxq_close(port->rxqs[i].rx);
        port->rxqs[i].rx = NULL;
    }
    port->n_rxq = 0;
}

/* Queues that were there before keep what was measured of them. */
static int
port_open_queues(struct tw_port *port, unsigned n_before)
{
    unsigned n = netdev_n_rxq(port->netdev);

    port->rxqs = xrealloc(port->rxqs, MAX(n, 1) * sizeof *port->rxqs);
    for (unsigned i = 0; i < n; i++) {
        struct tw_rxq *rxq = &port->rxqs[i];
        int error;

        if (i >= n_before) {
            memset(rxq, 0, sizeof *rxq);
            atomic_init(&rxq->cycles, 0);
        }
        rxq->port = port;
        rxq->qid = i;
        rxq->thread = NULL;
        error = netdev_rxq_open(port->netdev, &rxq->rx, i);
        if (error) {
            return error;
        }
        port->n_rxq++;
    }
    return 0;
}

static void
port_apply_affinity(struct tw_port *port)
{
    unsigned *cores = xmalloc(MAX(port->n_rxq, 1) * sizeof *cores);

    tw_port_parse_affinity(port->rxq_affinity ? port->rxq_affinity : "",
                           cores, port->n_rxq);
    for (unsigned i = 0; i < port->n_rxq; i++) {
        port->rxqs[i].pinned_core = cores[i];
    }
    free(cores);
}
