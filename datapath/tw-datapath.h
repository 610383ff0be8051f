/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TW_DATAPATH_H
#define TW_DATAPATH_H 1

#include "cmap.h"
#include "dpif.h"
#include "fat-rwlock.h"
#include "openvswitch/hmap.h"
#include "ovs-atomic.h"
#include "ovs-thread.h"
#include "seq.h"
#include "smap.h"

#include "tw-config.h"
#include "tw-schedule.h"
#include "tw-stats.h"

struct ct;
struct sset;
struct tw_ct_sink;
struct tw_ct_source;

/* The whole: what one datapath consists of.
 * =========================================
 *
 * What
 * ----
 * Ports and the threads that poll them, one table of megaflows, one tracker,
 * meters and bonds.  All bridges of a type share one datapath.
 *
 * Ownership
 * ---------
 * A datapath lives until it is destroyed (tw_datapath_destroy()) and everyone
 * who opened it has closed it (tw_datapath_unref()).
 *
 * Threads
 * -------
 * The main thread opens, runs and configures.  Packet threads (tw-thread.h)
 * reach a datapath through their 'struct tw_thread', and are gone before the
 * datapath is.
 *
 * Legend of the tags:  [I] immutable after creation, [A] atomic, [R] read
 * under RCU and changed under the lock that is named, [M] main thread only.
 *
 * Lock order, outer first:
 *
 *   the list of datapaths    (tw-datapath.c)
 *   the list of trackers     (tw-ct-server.c)
 *   dp->port_rwlock          ports, threads, reconfiguration (never taken by
 *                            packet threads, upcalls included: its holder may
 *                            be waiting for them to park)
 *   thread->non_pmd_mutex    of the thread that is shared
 *   dp->upcall_rwlock        the upcall gate (packet threads only try it)
 *   dp->flow_mutex           megaflow table changes
 *   dp->meter_mutex, dp->bond_mutex
 *   port->txq_mutex          which transmit queues are taken
 *
 * and inside all of them those of the tracker, whose order is in ct-tracker.h.
 * The tracker calls nobody who takes one of these.
 */
struct tw_datapath {
    char *name;                             /* [I] */
    const char *type;                       /* [I] Class's type string. */
    struct ovs_refcount ref_cnt;
    atomic_flag destroyed;
    struct ct *ct;                          /* [I] The tracker. */
    bool poll_in_run;                       /* [I] Dummy: no threads at all. */

    /* Ports (tw-port.h). */
    struct ovs_rwlock port_rwlock;
    struct hmap ports OVS_GUARDED_BY(port_rwlock);  /* By number. */
    struct seq *port_seq;                   /* [I] Changes with the ports. */
    uint64_t last_tnl_conf_seq;             /* [M] */
    bool reconfigure OVS_GUARDED_BY(port_rwlock);   /* Wanted. */

    /* Configuration. */
    char *pmd_cpu_mask OVS_GUARDED_BY(port_rwlock);
    enum tw_assign rxq_assign OVS_GUARDED_BY(port_rwlock);
    bool rxq_isolate OVS_GUARDED_BY(port_rwlock);
    atomic_uint max_sleep;                  /* [A] Microseconds; 0: never. */
    atomic_uint64_t cache_size;             /* [A] Tracks of a thread; 0: the
                                             * cache is off. */

    struct tw_config config;                /* [M] tw-config.h: wanted. */
    struct smap ct_config;                  /* [M] tw-ct-config.h: as it was
                                             * when last looked at. */
    bool ct_persist;                        /* [M] tw-ct-save.h. */
    bool ct_loaded;                         /* [M] Ever looked for a file. */
    struct tw_ct_source *ct_source;         /* [M] tw-ct-sync.h: one of the */
    struct tw_ct_sink *ct_sink;             /* [M] two, or none. */

    /* Packet threads (tw-thread.h). */
    struct cmap threads;                    /* [R] port_rwlock; by core. */
    struct tw_stats retired OVS_GUARDED_BY(port_rwlock); /* Of ended ones. */
    struct tw_stats retired_cleared OVS_GUARDED_BY(port_rwlock);

    /* Megaflows (tw-megaflow.h, tw-lookup.h). */
    struct ovs_mutex flow_mutex;
    struct cmap megaflows;                  /* [R] flow_mutex; by ufid. */
    struct tw_lookup *lookup;               /* [I] */
    atomic_uint64_t flow_epoch;             /* [A] Counts flows that were
                                             * modified or removed. */

    /* Upcalls (tw-upcall.h). */
    struct fat_rwlock upcall_rwlock;
    upcall_callback *upcall_cb;             /* [M] Before the gate opens. */
    void *upcall_aux;
    dp_purge_callback *dp_purge_cb;
    void *dp_purge_aux;

    /* Meters (tw-meter.h) and bonds (tw-bond.h). */
    struct ovs_mutex meter_mutex;
    struct cmap meters;                     /* [R] meter_mutex. */
    struct ovs_mutex bond_mutex;
    struct cmap bonds;                      /* [R] bond_mutex. */
};

/* Finds the datapath 'name' of 'type' (compared by string; the pointer is
 * kept), takes a reference and stores it in '*dpp'; creates it, with its local
 * port, if 'create'.  A 'dummy' is for OVS's unit tests: no threads, virtual
 * time, telling port numbers.  ENODEV: there is none; EEXIST: 'create', and
 * there is one; EINVAL: of another type. */
int tw_datapath_open(const char *name, const char *type, bool dummy,
                     bool create, struct tw_datapath **dpp);
void tw_datapath_unref(struct tw_datapath *);
/* Drops the reference of its existence (dpif destroy). */
void tw_datapath_destroy(struct tw_datapath *);
void tw_datapath_enumerate(const char *type, struct sset *names);

/* Takes a reference to the datapath 'name', or to the only one there is if
 * 'name' is NULL.  NULL if that finds none. */
struct tw_datapath *tw_datapath_find(const char *name);
/* Adds the names of all datapaths to 'names'. */
void tw_datapath_names(struct sset *names);

/* Main thread's share: polls ports without a packet thread, reconfigures,
 * runs tunnel neighbour cache and port map.  True if what ofproto knows of
 * tunnels must be looked at again. */
bool tw_datapath_run(struct tw_datapath *);
void tw_datapath_wait(struct tw_datapath *);

/* other_config of Open_vSwitch: pmd-cpu-mask, pmd-rxq-assign,
 * pmd-rxq-isolate, pmd-maxsleep, track-cache, track-cache-size, and what
 * tw-ct-config.h lists. */
void tw_datapath_set_config(struct tw_datapath *, const struct smap *);

#endif /* tw-datapath.h */
