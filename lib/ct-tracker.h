/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_TRACKER_H
#define CT_TRACKER_H 1

#include <stdatomic.h>

#include "ct-conn.h"
#include "ct-counters.h"
#include "ct-evict.h"
#include "ct-switch.h"
#include "ct-table.h"
#include "ct-tally.h"
#include "ct-timeout.h"
#include "latch.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "openvswitch/thread.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"

struct ct_feed;
struct ct_frag;
struct ct_nat;
struct ct_wheel;
struct ct_zone;
struct ct_zone_counters;

/* What one tracker is made of.
 * ============================
 *
 * Only for the files that make up the tracker itself (ct, ct-zone, ct-commit,
 * ct-evict, ct-timeout, ct-counters, ct-frag, ct-dump).  All others see
 * 'struct ct' as an opaque handle.
 *
 * Lock order
 * ----------
 * feed's mutexes, frag's mutex, maintenance, mutex, a connection's lock, those
 * of its followers (ct-joint.h), a zone's expectations, what table, wheel, NAT
 * and events lock inside.
 *
 * Tags: [I] immutable, [A] atomic, [M] 'mutex', [R] 'maintenance'. */

#define CT_N_ZONES 65536
#define CT_DEFAULT_MAXCONNS 3000000

/* Creation times are kept in eighths of a second (ct_conn_start()), from some
 * years before the tracker's own start on: connections can be older. */
#define CT_START_UNIT_MS 125
#define CT_START_BACK_MS (8LL * 365 * 24 * 60 * 60 * 1000)

/* A timeout policy. */
struct ct_policy {
    struct hmap_node node;                  /* In ct->policies, by id. */
    struct ct_dpif_timeout_policy tp;
    struct ct_timeouts *timeouts;           /* Freed through RCU. */
};

/* Timeouts that were set for the tracker or a zone, by enum ct_set_by. */
struct ct_timeout_settings {
    struct ct_timeout_setting by[CT_N_SET_BY];
};

struct ct {
    struct ct_conn_memory *memory;          /* [I] */
    struct ct_wheel *wheel;                 /* [I] */
    struct ct_nat *nat;                     /* [I] */
    struct ct_frag *frag;                   /* [I] */
    long long start_msec;                   /* [I] Times count from here: by
                                             * time_msec() ... */
    long long start_wall_msec;              /* [I] ... and time_wall_msec(). */

    /* Configuration. */
    _Atomic uint32_t maxconns;              /* [A] */
    _Atomic uint32_t default_limit;         /* [A] 0: none. */
    _Atomic bool tcp_seq_chk;               /* [A] */
    _Atomic uint16_t switches[CT_N_SWITCHES];   /* [A] In force. */
    _Atomic uint32_t next_expect_id;        /* [A] */
    _Atomic bool held;                      /* [A] Nothing expires:
                                             * ct-replica.h. */

    /* Zones. */
    _Atomic uint64_t flush_epoch;           /* [A] Of zones: odd during one. */
    struct ct_zone *_Atomic *zones;         /* [A] By id. */
    uint16_t *zone_ids;                     /* [A] In order of creation. */
    _Atomic unsigned int n_zones;           /* [A] */
    struct ct_zone *_Atomic crowded[CT_EVICT_CROWDED];  /* [A] The fullest
                                             * first; NULL: no more. */

    struct ovs_mutex mutex;
    struct ovs_list detached;               /* [M] struct ct_generation. */
    uint64_t next_seq;                      /* [M] Of a generation. */
    struct hmap policies;                   /* [M] struct ct_policy. */
    int switches_set[CT_N_SET_BY][CT_N_SWITCHES];   /* [M] -1: not. */
    int64_t maxconns_set[CT_N_SET_BY];      /* [M] -1: not. */
    int64_t default_limit_set[CT_N_SET_BY]; /* [M] -1: not. */
    struct ct_timeout_settings settings;    /* [M] Below policies. */
    struct ct_timeouts *timeouts;           /* [M] Of zones without policy
                                             * or settings; NULL: defaults.
                                             * Freed through RCU. */
    OVSRCU_TYPE(struct ct_helper_policies *) helper_policies;
                                            /* [M] Read with RCU. */

    /* Counters. */
    ovsthread_key_t counter_key;            /* [I] */
    struct ovs_mutex counter_mutex;
    struct ovs_list counter_blocks;         /* counter_mutex. */
    uint64_t counters_gone[CT_N_COUNTERS];  /* counter_mutex: of threads that
                                             * have ended. */

    struct ct_zone_counters *_Atomic *zone_counters;    /* [A] By id. */
    _Atomic uint8_t *log_zones;             /* [A] By id: ct-log-zones.c. */

    struct ct_feed *feed;                   /* [I] */
    OVSRCU_TYPE(struct ct_events *) events; /* NULL: nobody reads.  [M] */

    /* Maintenance. */
    pthread_t thread;                       /* [I] */
    struct latch exit;                      /* [I] */
    struct latch tables_wanted;             /* [I] ct_zones_prepare(). */
    struct ovs_mutex maintenance;
    _Atomic long long last_run;             /* [A] time_msec(). */
    long long maintained;                   /* [R] The latest time seen. */
    long long expects_due;                  /* [R] Look for expectations that
                                             * are over. */
    long long survey_due;                   /* [R] Look for crowded zones. */
    _Atomic bool to_shorten;                /* [A] A zone has its own set. */
    unsigned int shorten_at;                /* [R] Look there next. */
    struct ct_zone *shortened;              /* [R] ct_pressure_run() is at
                                             * it; NULL: at none ... */
    struct ct_table_cursor shortened_to;    /* [R] ... and has come so far. */

    /* Written with each connection that comes or goes. */
    struct ct_tally n_conns;                /* [A] */
};

/* Ends 'conn', which may have been remembered since the last quiescent state:
 * takes it out of its table, gives back its port and its memory, and counts
 * 'why'.  False if somebody else was first. */
bool ct_conn_end(struct ct *, struct ct_conn *, enum ct_counter why);

/* Not ended, and not to be ended at 'now'. */
static inline bool
ct_conn_lives(const struct ct_conn *conn, long long now)
{
    /* Pairs with ct_joint_dissolve(), which first writes the deadline. */
    uint16_t status = atomic_load_explicit(&conn->status,
                                           memory_order_acquire);

    return (!(status & CT_DPIF_STATUS_DYING)
            && (OVS_UNLIKELY(status & CT_CONN_STATUS_JOINT)
                ? ct_conn_lives_in_joint__(conn, now)
                : (long long) atomic_load_explicit(&conn->deadline,
                                                   memory_order_relaxed)
                  > now));
}

void ct_counters_init(struct ct *);
void ct_counters_uninit(struct ct *);

/* Points 'zone' to what is in force there. */
void ct_timeouts_renew_zone(struct ct *, struct ct_zone *)
    OVS_REQUIRES(ct->mutex);
void ct_timeouts_uninit(struct ct *);

#endif /* ct-tracker.h */
