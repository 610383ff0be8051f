/* SPDX-License-Identifier: Apache-2.0 */

/* Connections that a command changes: ct-query.c calls it, beside a packet's
 * way.  (Those that a command makes: ct-insert.c.) */

#include <config.h>

#include "ct-change.h"

#include "ct-event.h"
#include "ct-joint.h"
#include "ct-tracker.h"
#include "ct-wheel.h"
#include "ovs-rcu.h"
#include "util.h"

static uint16_t change_mark(struct ct_conn *, const struct ct_change *);
static uint16_t change_label(struct ct_conn *, const struct ct_change *);
static uint16_t change_status(struct ct_conn *, const struct ct_change *);
static uint16_t change_timeout(struct ct *, struct ct_conn *,
                               const struct ct_change *, long long now);

void
ct_change(struct ct *ct, struct ct_conn *conn, const struct ct_change *change,
          long long now)
{
    uint16_t changes;

    ct_joint_lock(ct, conn);
    changes = (change_mark(conn, change)
               | change_label(conn, change)
               | change_status(conn, change)
               | change_timeout(ct, conn, change, now));
    if (changes) {
        ct_event_update(ct, conn, changes);
    }
    ct_conn_unlock(conn);
}

static uint16_t
change_mark(struct ct_conn *conn, const struct ct_change *change)
{
    uint32_t old = atomic_load_explicit(&conn->mark, memory_order_relaxed);
    uint32_t mark = ((old & ~change->mark_mask)
                     | (change->mark & change->mark_mask));

    if (mark == old) {
        return 0;
    }
    atomic_store_explicit(&conn->mark, mark, memory_order_relaxed);
    return CT_CHANGED_MARK;
}

static ovs_u128
u128_set(ovs_u128 old, ovs_u128 value, ovs_u128 mask)
{
    return (ovs_u128) {
        .u64.lo = ((old.u64.lo & ~mask.u64.lo)
                   | (value.u64.lo & mask.u64.lo)),
        .u64.hi = ((old.u64.hi & ~mask.u64.hi)
                   | (value.u64.hi & mask.u64.hi)),
    };
}

static uint16_t
change_label(struct ct_conn *conn, const struct ct_change *change)
{
    struct ct_conn_ext *old = ct_conn_ext(conn), *new;
    ovs_u128 label = old ? old->label : OVS_U128_ZERO;
    ovs_u128 wanted = u128_set(label, change->label, change->label_mask);

    if (ovs_u128_equals(label, wanted)) {
        return 0;
    }
    new = old ? xmemdup(old, sizeof *old) : xzalloc(sizeof *new);
    new->label = wanted;
    ct_conn_set_ext(conn, new);
    if (old) {
        ovsrcu_postpone(free, old);
    }
    return CT_CHANGED_LABEL;
}

static uint16_t
change_status(struct ct_conn *conn, const struct ct_change *change)
{
    uint16_t wanted = change->status & CT_CHANGE_STATUS;

    return (wanted && (wanted & ~atomic_fetch_or_explicit(
                                    &conn->status, wanted,
                                    memory_order_relaxed))
            ? CT_CHANGED_STATUS : 0);
}

static uint16_t
change_timeout(struct ct *ct, struct ct_conn *conn,
               const struct ct_change *change, long long now)
{
    uint64_t deadline = now + change->timeout * UINT64_C(1000);

    if (!change->set_timeout) {
        return 0;
    }
    /* A deadline of a connection that has just ended means nothing. */
    if (atomic_exchange(&conn->deadline, deadline) > deadline
        && !(ct_conn_status(conn) & CT_DPIF_STATUS_DYING)) {
        ct_wheel_sooner(ct->wheel, conn);
    }
    return CT_CHANGED_TIMEOUT;
}
