/* SPDX-License-Identifier: Apache-2.0 */

/* Copies of connections, beside a packet's way: called by ct-dump.c and
 * ct-event.c. */

#include <config.h>

#include "ct-copy.h"

#include "ct-helper.h"
#include "ct-joint.h"
#include "ct-l4.h"
#include "ct-tracker.h"
#include "util.h"

#define NSEC_PER_MSEC 1000000

/* A parent is known by its tuple alone. */
#define PARENT_UNKNOWN UINT32_MAX

/* What a copy's connection has before it is prepared for translation and
 * reachable. */
#define GIVEN_STATUS (CT_DPIF_STATUS_MASK                               \
                      & ~(CT_DPIF_STATUS_SRC_NAT | CT_DPIF_STATUS_DST_NAT \
                          | CT_DPIF_STATUS_DYING | CT_CONN_STATUS_HELPED))

static void copy_update(const struct ct_conn *, struct ct_conn *copy);
static void copy_rest(const struct ct_conn *, struct ct_copy *);
static void copy_tail(const struct ct_conn *, struct ct_conn *copy);
static void copy_ext(const struct ct_conn *, struct ct_copy *);
static size_t tail_size(const struct ct_conn *);
static void give_ext(const struct ct_copy *, struct ct_conn *);
static void describe_ext(const struct ct_copy *, struct ct_dpif_entry *);

void
ct_copy_take(struct ct_conn *conn, struct ct_copy *copy)
{
    ct_joint_read(conn, &copy->conn);
    copy_rest(conn, copy);
}

void
ct_copy_take_locked(const struct ct_conn *conn, struct ct_copy *copy)
{
    copy_update(conn, &copy->conn);
    copy_rest(conn, copy);
}

void
ct_copy_give(const struct ct_copy *copy, struct ct_conn *conn)
{
    copy_update(&copy->conn, conn);
    atomic_init(&conn->mark, atomic_load(&copy->conn.mark));
    atomic_init(&conn->status, ct_conn_status(&copy->conn) & GIVEN_STATUS);
    *ct_conn_start(conn) = copy->start;
    give_ext(copy, conn);
}

size_t
ct_copy_size(const struct ct_copy *copy)
{
    return offsetof(struct ct_copy, tail) + tail_size(&copy->conn);
}

void
ct_copy_describe(const struct ct *ct, const struct ct_copy *copy,
                 long long now, struct ct_dpif_entry *entry)
{
    const struct ct_conn *conn = &copy->conn;
    const struct ct_l4 *l4 = ct_l4_find(conn->key.proto);
    uint64_t start = ((uint64_t) copy->start * CT_START_UNIT_MS
                      + ct->start_wall_msec);
    long long left = atomic_load(&conn->deadline) - now;
    struct ct_tuple tuple;

    memset(entry, 0, sizeof *entry);
    ct_conn_tuple(conn, CT_DIR_ORIGINAL, &tuple);
    ct_tuple_to_dpif(&tuple, &entry->tuple_orig);
    ct_conn_tuple(conn, CT_DIR_REPLY, &tuple);
    ct_tuple_to_dpif(&tuple, &entry->tuple_reply);

    entry->id = conn->id;
    entry->zone = conn->key.zone;
    entry->counters_orig = (struct ct_dpif_counters) {
        .packets = conn->counters[CT_DIR_ORIGINAL].packets,
        .bytes = conn->counters[CT_DIR_ORIGINAL].bytes,
    };
    entry->counters_reply = (struct ct_dpif_counters) {
        .packets = conn->counters[CT_DIR_REPLY].packets,
        .bytes = conn->counters[CT_DIR_REPLY].bytes,
    };
    if (l4->describe) {
        l4->describe(conn, &entry->protoinfo);
    }
    entry->timestamp.start = start * NSEC_PER_MSEC;
    entry->status = (ct_conn_status(conn) & CT_DPIF_STATUS_MASK
                     & ~CT_CONN_STATUS_HELPED);
    entry->timeout = MIN(MAX(left, 0) / 1000, UINT32_MAX);
    entry->mark = atomic_load(&conn->mark);
    describe_ext(copy, entry);
}

/* What packets update. */
static void
copy_update(const struct ct_conn *conn, struct ct_conn *copy)
{
    copy->key = conn->key;
    atomic_init(&copy->deadline,
                atomic_load_explicit(&conn->deadline, memory_order_relaxed));
    memcpy(copy->l4_flags, conn->l4_flags, sizeof copy->l4_flags);
    copy->l4_state = conn->l4_state;
    copy->wscale = conn->wscale;
    copy->retrans = conn->retrans;
    copy->tcp_last = conn->tcp_last;
    memcpy(copy->counters, conn->counters, sizeof copy->counters);
    memcpy(copy->tcp, conn->tcp, sizeof copy->tcp);
}

static void
copy_rest(const struct ct_conn *conn, struct ct_copy *copy)
{
    copy->conn.id = conn->id;
    atomic_init(&copy->conn.mark,
                atomic_load_explicit(&conn->mark, memory_order_relaxed));
    atomic_init(&copy->conn.status, ct_conn_status(conn));
    ct_conn_set_ext_word(&copy->conn, 0);
    atomic_flag_clear_explicit(&copy->conn.lock, memory_order_relaxed);
    copy->start = *ct_conn_start(conn);
    copy_tail(conn, &copy->conn);
    copy_ext(conn, copy);
}

/* All but the links, which are the maintenance thread's. */
static void
copy_tail(const struct ct_conn *conn, struct ct_conn *copy)
{
    if (ct_conn_is_ipv6(conn)) {
        *ct_conn_addrs6(copy, CT_DIR_ORIGINAL)
            = *ct_conn_addrs6(conn, CT_DIR_ORIGINAL);
    }
    if (ct_conn_is_nat(copy)) {
        if (ct_conn_is_ipv6(conn)) {
            *ct_conn_addrs6(copy, CT_DIR_REPLY)
                = *ct_conn_addrs6(conn, CT_DIR_REPLY);
        }
        memcpy(ct_conn_nat(copy), ct_conn_nat(conn),
               offsetof(struct ct_conn_nat, links));
    }
}

static void
copy_ext(const struct ct_conn *conn, struct ct_copy *copy)
{
    const struct ct_conn_ext *ext = ct_conn_ext(conn);
    const struct ct_conn_kin *kin = ext ? ext->kin : NULL;

    copy->label = ext ? ext->label : OVS_U128_ZERO;
    copy->helper = kin && kin->help ? kin->help->helper : NULL;
    copy->has_parent = kin && kin->parent_id;
    if (copy->has_parent) {
        copy->parent = kin->parent;
    }
}

static size_t
tail_size(const struct ct_conn *conn)
{
    size_t size = ct_conn_is_nat(conn) ? sizeof(struct ct_conn_nat) : 0;

    if (ct_conn_is_ipv6(conn)) {
        size += ((ct_conn_is_nat(conn) ? CT_DIR_MAX : 1)
                 * sizeof(struct ct_conn_addrs6));
    }
    return size;
}

static void
give_ext(const struct ct_copy *copy, struct ct_conn *conn)
{
    struct ct_conn_ext *ext;

    if (ovs_u128_is_zero(copy->label) && !copy->has_parent && !copy->helper) {
        return;
    }
    ext = xzalloc(sizeof *ext);
    ext->label = copy->label;
    if (copy->has_parent) {
        struct ct_conn_kin *kin = ct_conn_ext_kin(ext);

        kin->parent_id = PARENT_UNKNOWN;
        kin->parent = copy->parent;
    }
    if (copy->helper) {
        ct_conn_ext_kin(ext)->help = ct_help_create(copy->helper);
        atomic_fetch_or(&conn->status, CT_CONN_STATUS_HELPED);
    }
    ct_conn_set_ext(conn, ext);
}

static void
describe_ext(const struct ct_copy *copy, struct ct_dpif_entry *entry)
{
    entry->labels = copy->label;
    entry->have_labels = !ovs_u128_is_zero(copy->label);
    if (copy->helper) {
        entry->helper.name = xstrdup(copy->helper->name);
    }
    if (copy->has_parent) {
        ct_tuple_to_dpif(&copy->parent, &entry->tuple_parent);
    }
}
