/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TW_PORT_H
#define TW_PORT_H 1

#include "dpif.h"
#include "openvswitch/hmap.h"
#include "ovs-atomic.h"
#include "ovs-thread.h"

struct netdev;
struct netdev_rxq;
struct netdev_saved_flags;
struct smap;
struct tw_datapath;
struct tw_thread;

/* Ports: network devices with numbers, and their receive queues.
 * ===============================================================
 *
 * What
 * ----
 * A port is any netdev of OVS.  If its class must be polled (netdev_is_pmd(),
 * AF_XDP for one), each of its receive queues belongs to a packet thread;
 * else the main thread polls it.
 *
 * Threads
 * -------
 * Ports change under dp->port_rwlock, held for writing.  Packet threads reach
 * a port only through what they poll and where they send, and that changes
 * only while they are parked (tw-thread.h): a port that no thread knows can be
 * reconfigured or freed.
 *
 * Tags as in tw-datapath.h; [C] changed only while no thread knows the port.
 */

enum tw_txq_mode {
    TW_TXQ_STATIC,              /* Each thread has a queue of its own. */
    TW_TXQ_SHARED,              /* Fewer queues than threads: the least used
                                 * is taken for a while, with a lock. */
    TW_TXQ_HASH                 /* By the packet's hash, with a lock. */
};

struct tw_rxq {
    struct tw_port *port;       /* [I] */
    struct netdev_rxq *rx;      /* [C] */
    unsigned qid;               /* [I] */
    unsigned pinned_core;       /* OVS_CORE_UNSPEC: none.  port_rwlock. */
    struct tw_thread *thread;   /* Who polls it.  port_rwlock. */
    atomic_uint64_t cycles;     /* [A] Spent on its packets. */
    uint64_t last_cycles;       /* When queues were last assigned. */
};

struct tw_port {
    struct hmap_node node;                  /* In dp->ports, by number. */
    odp_port_t number;
    struct netdev *netdev;                  /* [I] */
    char *type;                             /* [I] Type of the netdev. */
    struct netdev_saved_flags *sf;          /* To undo promiscuous mode. */

    struct tw_rxq *rxqs;                    /* [C] */
    unsigned n_rxq;                         /* [C] */
    char *rxq_affinity;                     /* As configured, or NULL. */
    bool need_reconfigure;                  /* port_rwlock. */

    enum tw_txq_mode txq_mode;              /* [C] */
    bool want_txq_hash;                     /* options:tx-steering=hash. */
    struct ovs_mutex txq_mutex;
    unsigned *txq_used OVS_GUARDED_BY(txq_mutex);   /* Threads per queue. */
};

/* Adds the device 'name' of netdev type 'type' with 'number'.  EEXIST if the
 * device is a port already, EINVAL if it cannot be one, or any error of the
 * device. */
int tw_port_add(struct tw_datapath *, const char *name, const char *type,
                odp_port_t number)
    OVS_REQ_WRLOCK(dp->port_rwlock);
/* Removes 'port' and frees it. */
void tw_port_del(struct tw_datapath *, struct tw_port *)
    OVS_REQ_WRLOCK(dp->port_rwlock);
/* Closes and frees a port that is in no datapath. */
void tw_port_free(struct tw_port *);

struct tw_port *tw_port_lookup(const struct tw_datapath *, odp_port_t number)
    OVS_REQ_RDLOCK(dp->port_rwlock);
struct tw_port *tw_port_find(const struct tw_datapath *, const char *name)
    OVS_REQ_RDLOCK(dp->port_rwlock);

/* A free number for the device 'name', ODPP_NONE if there is none.  In a dummy
 * datapath a number in the name decides: "p3" gets 3, "br1" 101. */
odp_port_t tw_port_choose_number(const struct tw_datapath *, const char *name)
    OVS_REQ_RDLOCK(dp->port_rwlock);
/* The number that 'name' asks for in a dummy datapath, 0 for none. */
uint32_t tw_port_number_from_name(const char *name);

/* Applies options of an Interface: pmd-rxq-affinity, tx-steering.  EINVAL for
 * an affinity that cannot be parsed. */
int tw_port_set_config(struct tw_datapath *, struct tw_port *,
                       const struct smap *)
    OVS_REQ_WRLOCK(dp->port_rwlock);

/* Parses "queue:core,..." into 'cores', of which there are 'n' (by queue;
 * OVS_CORE_UNSPEC where not named).  EINVAL if it is none. */
int tw_port_parse_affinity(const char *, unsigned *cores, unsigned n);

/* Of a port that no thread knows: applies pending changes to the device and
 * opens its queues anew. */
int tw_port_reconfigure(struct tw_port *);

uint32_t tw_port_hash(odp_port_t number);

#endif /* tw-port.h */
