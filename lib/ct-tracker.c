/* SPDX-License-Identifier: Apache-2.0 */

/* The tracker as a whole: its life, its configuration, flushing, and the
 * maintenance that ends what has expired.  Beside a packet's way, except for
 * ct_conn_end(). */

#include <config.h>

#include "ct-tracker.h"

#include <errno.h>

#include "ct.h"
#include "ct-event.h"
#include "ct-evict.h"
#include "ct-expect.h"
#include "ct-feed.h"
#include "ct-frag.h"
#include "ct-hash.h"
#include "ct-helper.h"
#include "ct-helper-policy.h"
#include "ct-joint.h"
#include "ct-limit.h"
#include "ct-nat.h"
#include "ct-pressure.h"
#include "ct-refuse.h"
#include "ct-replica.h"
#include "ct-wheel.h"
#include "ct-zone.h"
#include "openvswitch/poll-loop.h"
#include "ovs-rcu.h"
#include "timeval.h"
#include "util.h"

static void *maintenance_main(void *);
static bool maintain(struct ct *, long long now) OVS_REQUIRES(ct->maintenance);
static ct_frag_expired count_late;
static void expire_conn(void *ct, struct ct_conn *, long long now);
static void hold_conn(struct ct *, struct ct_conn *, long long now);
static void release_conn(void *ct, struct ct_conn *);
static void free_conns(struct ct *);

/* One turn of maintenance ends or re-arms at most so many connections, so
 * that its thread quiesces often enough. */
#define MAINTENANCE_BUDGET 4096

/* ct_run() catches up with a clock that was set forward by this many turns. */
#define MAX_RUN_TURNS 1024

/* How often expectations that are over are looked for, in ms.  They match
 * nothing in the meantime. */
#define EXPECTS_PERIOD 1000

/* How often it is found out which zones are crowded, in ms: they can fill, or
 * be emptied by early drop, only by so much in the meantime. */
#define SURVEY_PERIOD 200

static const struct ct_wheel_ops wheel_ops = {
    .expire = expire_conn,
    .release = release_conn,
};

struct ct *
ct_create(void)
{
    struct ct *ct = xzalloc_cacheline(sizeof *ct);

    ct_hash_init();
    ovs_mutex_init(&ct->mutex);
    ovs_mutex_init(&ct->maintenance);
    hmap_init(&ct->policies);
    ct_helper_policies_init(ct);
    ct_counters_init(ct);
    ct_zones_init(ct);
    ct->log_zones = xcalloc(CT_N_ZONES, sizeof *ct->log_zones);
    ct_limits_init(ct);
    atomic_init(&ct->tcp_seq_chk, true);
    ct_switches_init(ct);
    ct->start_msec = time_msec() - CT_START_BACK_MS;
    ct->start_wall_msec = time_wall_msec() - CT_START_BACK_MS;
    atomic_init(&ct->last_run, time_msec());
    ct->memory = ct_conn_memory_create();
    ct->wheel = ct_wheel_create(ct->memory, time_msec(), &wheel_ops, ct);
    ct->nat = ct_nat_create();
    ct->frag = ct_frag_create();
    ct->feed = ct_feed_create(ct);
    latch_init(&ct->exit);
    latch_init(&ct->tables_wanted);
    ct->thread = ovs_thread_create("ct_maintain", maintenance_main, ct);
    return ct;
}

void
ct_destroy(struct ct *ct)
{
    latch_set(&ct->exit);
    pthread_join(ct->thread, NULL);
    latch_destroy(&ct->exit);
    latch_destroy(&ct->tables_wanted);

    ct_feed_destroy(ct->feed);
    ct_events_close(ct);
    free_conns(ct);
    /* What was postponed uses what goes now. */
    ovsrcu_barrier();

    /* Expectations give back ports. */
    ct_zones_uninit(ct);
    ct_frag_destroy(ct->frag);
    ct_nat_destroy(ct->nat);
    ct_wheel_destroy(ct->wheel);
    ct_conn_memory_destroy(ct->memory);
    ct_timeouts_uninit(ct);
    ct_helper_policies_uninit(ct);
    ct_counters_uninit(ct);
    free(ct->log_zones);
    ovs_mutex_destroy(&ct->maintenance);
    ovs_mutex_destroy(&ct->mutex);
    free_cacheline(ct);
}

void
ct_run(struct ct *ct, long long now)
{
    if (now - atomic_load(&ct->last_run) < CT_WHEEL_TICK_MS) {
        return;
    }

    /* Waits for at most one turn of the thread. */
    ovs_mutex_lock(&ct->maintenance);
    for (int i = 0; i < MAX_RUN_TURNS && maintain(ct, now); i++) {
        continue;
    }
    ovs_mutex_unlock(&ct->maintenance);
}

uint32_t
ct_get_nconns(const struct ct *ct)
{
    int64_t n = ct_tally_sum(&ct->n_conns);

    return MAX(n, 0);
}

void
ct_set_tcp_seq_chk(struct ct *ct, bool enabled)
{
    atomic_store(&ct->tcp_seq_chk, enabled);
}

bool
ct_get_tcp_seq_chk(const struct ct *ct)
{
    return atomic_load_explicit(&ct->tcp_seq_chk, memory_order_relaxed);
}

int
ct_flush(struct ct *ct, const uint16_t *zone_id,
         const struct ct_dpif_tuple *dpif_tuple)
{
    struct ct_zone *zone = ct_zone_get(ct, zone_id ? *zone_id : 0);

    if (dpif_tuple) {
        struct ct_tuple tuple;
        enum ct_dir dir;
        int error = ct_tuple_from_dpif(dpif_tuple, &tuple);

        if (error) {
            return error;
        }

        struct ct_conn *conn = ct_zone_find(zone, &tuple, &dir);
        return (conn && ct_conn_lives(conn, time_msec())
                && ct_conn_end(ct, conn, CT_C_DELETED) ? 0 : ENOENT);
    }
    if (zone_id) {
        if (zone) {
            ct_zone_flush(ct, zone);
        }
        return 0;
    }
    for (unsigned int i = 0; i < ct_zones_count(ct); i++) {
        ct_zone_flush(ct, ct_zones_at(ct, i));
    }
    return 0;
}

struct ipf *
ct_ipf(struct ct *ct)
{
    return ct_frag_ipf(ct->frag);
}

struct ct_nat *
ct_get_nat(struct ct *ct)
{
    return ct->nat;
}

bool
ct_conn_end(struct ct *ct, struct ct_conn *conn, enum ct_counter why)
{
    if (atomic_fetch_or(&conn->status, CT_DPIF_STATUS_DYING)
        & CT_DPIF_STATUS_DYING) {
        return false;
    }

    /* Who committed it holds the lock until it is complete. */
    ct_conn_lock(conn);
    ct_conn_unlock(conn);
    if (ct_joint_has(conn)) {
        ct_joint_dissolve(ct, conn);
    }
    if (ct_events_are_read(ct)) {
        ct_conn_lock(conn);
        ct_event_end(ct, conn, why);
        ct_conn_unlock(conn);
    }

    if (ct_counter_is_zones(why)) {
        ct_count_in_zone(ct, conn->key.zone, why, 1);
    }
    ct_zone_remove(ct, conn);
    ct_helper_end(ct, conn);
    ct_nat_release(ct, conn);
    ct_wheel_dead(ct->wheel, conn);
    ct_count(ct, why, 1);
    return true;
}

bool
ct_conn_lives_in_joint__(const struct ct_conn *conn, long long now)
{
    return ct_joint_renew(CONST_CAST(struct ct_conn *, conn), now);
}

/* Maintenance. */

static void *
maintenance_main(void *ct_)
{
    struct ct *ct = ct_;

    while (!latch_is_set(&ct->exit)) {
        ovs_mutex_lock(&ct->maintenance);
        bool more = maintain(ct, time_msec());
        ovs_mutex_unlock(&ct->maintenance);

        if (more) {
            poll_immediate_wake();
        } else {
            poll_timer_wait(CT_WHEEL_TICK_MS);
        }
        ct_conn_memory_wait(ct->memory);
        latch_wait(&ct->tables_wanted);
        latch_wait(&ct->exit);
        poll_block();
    }
    return NULL;
}

/* True if there is more to do at once.  Time does not go back, though who
 * calls ct_run() may be ahead of the thread. */
static bool
maintain(struct ct *ct, long long now)
{
    now = ct->maintained = MAX(now, ct->maintained);
    ct_frag_run(ct->frag, now, count_late, ct);
    if (latch_poll(&ct->tables_wanted)) {
        ct_zones_prepare(ct);
    }

    bool more = ct_wheel_run(ct->wheel, now, MAINTENANCE_BUDGET);

    more |= ct_zones_drain(ct, MAINTENANCE_BUDGET);
    if (now >= ct->expects_due) {
        ct_expects_expire(ct, now);
        ct->expects_due = now + EXPECTS_PERIOD;
    }
    if (now >= ct->survey_due) {
        ct_evict_survey(ct);
        ct->survey_due = now + SURVEY_PERIOD;
    }
    ct_pressure_run(ct, now);
    if (!more) {
        atomic_store(&ct->last_run, now);
    }
    return more;
}

static void
count_late(void *ct, int zone, unsigned int n)
{
    ct_refuse_unseen(ct, zone, CT_C_DROP_FRAGMENT_EXPIRED, n);
}

static void
expire_conn(void *ct_, struct ct_conn *conn, long long now)
{
    struct ct *ct = ct_;

    if (!ct_joint_renew(conn, now)) {
        if (atomic_load(&ct->held)) {
            hold_conn(ct, conn, now);
        } else {
            ct_conn_end(ct, conn, CT_C_EXPIRED);
        }
    }
}

/* Only in a joint could its deadline be another's, and without packets there
 * are none. */
static void
hold_conn(struct ct *ct, struct ct_conn *conn, long long now)
{
    ct_joint_lock(ct, conn);
    atomic_store(&conn->deadline, now + CT_REPLICA_HOLD_MS);
    ct_conn_unlock(conn);
}

/* 'conn' is in no table and on no wheel.  Packets that found it before may
 * still look at it, and even change its label. */
static void
release_conn(void *ct_, struct ct_conn *conn)
{
    struct ct *ct = ct_;

    ct_conn_free_postponed(ct->memory, conn);
}

/* Ends all connections.  Nobody uses 'ct' any more. */
static void
free_conns(struct ct *ct)
{
    ct_flush(ct, NULL, NULL);
    ovsrcu_barrier();
    while (ct_zones_drain(ct, UINT_MAX)) {
        continue;
    }
    while (ct_wheel_run(ct->wheel, time_msec(), UINT_MAX)) {
        continue;
    }
}
