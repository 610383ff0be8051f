/* SPDX-License-Identifier: Apache-2.0 */

/* The dpif provider: ports.  In terms of datapath/tw-port. */

#include <config.h>

#include <errno.h>
#include <stdio.h>

#include "dpif-tw.h"
#include "netdev.h"
#include "netdev-vport.h"
#include "odp-util.h"
#include "tw-port.h"
#include "util.h"

int
dpif_tw_port_add(struct dpif *dpif, struct netdev *netdev,
                 odp_port_t *numberp)
{
    struct tw_datapath *dp = dpif_tw_datapath(dpif);
    char namebuf[NETDEV_VPORT_NAME_BUFSIZE];
    const char *name = netdev_vport_get_dpif_port(netdev, namebuf,
                                                  sizeof namebuf);
    odp_port_t number = *numberp;
    int error = 0;

    ovs_rwlock_wrlock(&dp->port_rwlock);
    if (number != ODPP_NONE) {
        error = tw_port_lookup(dp, number) ? EBUSY : 0;
    } else {
        number = tw_port_choose_number(dp, name);
        error = number == ODPP_NONE ? EFBIG : 0;
    }
    if (!error) {
        *numberp = number;
        error = tw_port_add(dp, name, netdev_get_type(netdev), number);
    }
    ovs_rwlock_unlock(&dp->port_rwlock);
    return error;
}

/* Finds the port 'number' for a change of it. */
static int
find_port(const struct tw_datapath *dp, odp_port_t number,
          struct tw_port **portp)
    OVS_REQ_RDLOCK(dp->port_rwlock)
{
    if (number == ODPP_NONE) {
        return EINVAL;
    }
    *portp = tw_port_lookup(dp, number);
    return *portp ? 0 : ENODEV;
}

int
dpif_tw_port_del(struct dpif *dpif, odp_port_t number)
{
    struct tw_datapath *dp = dpif_tw_datapath(dpif);
    struct tw_port *port;
    int error;

    if (number == ODPP_LOCAL) {
        return EINVAL;
    }
    ovs_rwlock_wrlock(&dp->port_rwlock);
    error = find_port(dp, number, &port);
    if (!error) {
        tw_port_del(dp, port);
    }
    ovs_rwlock_unlock(&dp->port_rwlock);
    return error;
}

int
dpif_tw_port_set_config(struct dpif *dpif, odp_port_t number,
                        const struct smap *cfg)
{
    struct tw_datapath *dp = dpif_tw_datapath(dpif);
    struct tw_port *port;
    int error;

    ovs_rwlock_wrlock(&dp->port_rwlock);
    error = find_port(dp, number, &port);
    if (!error) {
        error = tw_port_set_config(dp, port, cfg);
    }
    ovs_rwlock_unlock(&dp->port_rwlock);
    return error;
}

static int
answer_query(const struct tw_port *port, struct dpif_port *reply)
{
    if (!port) {
        return ENODEV;
    }
    if (reply) {
        reply->name = xstrdup(netdev_get_name(port->netdev));
        reply->type = xstrdup(port->type);
        reply->port_no = port->number;
    }
    return 0;
}

int
dpif_tw_port_query_by_number(const struct dpif *dpif, odp_port_t number,
                             struct dpif_port *reply)
{
    struct tw_datapath *dp = dpif_tw_datapath(dpif);
    int error;

    ovs_rwlock_rdlock(&dp->port_rwlock);
    error = (number == ODPP_NONE ? EINVAL
             : answer_query(tw_port_lookup(dp, number), reply));
    ovs_rwlock_unlock(&dp->port_rwlock);
    return error;
}

int
dpif_tw_port_query_by_name(const struct dpif *dpif, const char *name,
                           struct dpif_port *reply)
{
    struct tw_datapath *dp = dpif_tw_datapath(dpif);
    int error;

    ovs_rwlock_rdlock(&dp->port_rwlock);
    error = answer_query(tw_port_find(dp, name), reply);
    ovs_rwlock_unlock(&dp->port_rwlock);
    return error;
}

/* A dump's position, and the storage of what it gave last. */
struct port_dump {
    struct hmap_position position;
    char *name;
    char *type;
};

int
dpif_tw_port_dump_start(const struct dpif *dpif OVS_UNUSED, void **statep)
{
    *statep = xzalloc(sizeof(struct port_dump));
    return 0;
}

int
dpif_tw_port_dump_next(const struct dpif *dpif, void *dump_,
                       struct dpif_port *reply)
{
    struct tw_datapath *dp = dpif_tw_datapath(dpif);
    struct port_dump *dump = dump_;
    struct hmap_node *node;
    int error = EOF;

    free(dump->name);
    free(dump->type);
    dump->name = dump->type = NULL;

    ovs_rwlock_rdlock(&dp->port_rwlock);
    node = hmap_at_position(&dp->ports, &dump->position);
    if (node) {
        error = answer_query(CONTAINER_OF(node, struct tw_port, node), reply);
        dump->name = reply->name;
        dump->type = reply->type;
    }
    ovs_rwlock_unlock(&dp->port_rwlock);
    return error;
}

int
dpif_tw_port_dump_done(const struct dpif *dpif OVS_UNUSED, void *dump_)
{
    struct port_dump *dump = dump_;

    free(dump->name);
    free(dump->type);
    free(dump);
    return 0;
}

int
dpif_tw_port_poll(const struct dpif *dpif_, char **devnamep OVS_UNUSED)
{
    struct dpif_tw *dpif = dpif_tw_cast(dpif_);
    uint64_t seq = seq_read(dpif->dp->port_seq);

    if (dpif->last_port_seq == seq) {
        return EAGAIN;
    }
    dpif->last_port_seq = seq;
    return ENOBUFS;
}

void
dpif_tw_port_poll_wait(const struct dpif *dpif_)
{
    struct dpif_tw *dpif = dpif_tw_cast(dpif_);

    seq_wait(dpif->dp->port_seq, dpif->last_port_seq);
}
