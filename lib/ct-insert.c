/* SPDX-License-Identifier: Apache-2.0 */

/* Connections that a command makes, without a packet: ct-query.c calls it.
 * The steps are those of ct-commit.c, in its order. */

#include <config.h>

#include "ct-change.h"

#include <errno.h>

#include "ct-event.h"
#include "ct-hash.h"
#include "ct-helper.h"
#include "ct-l4.h"
#include "ct-nat.h"
#include "ct-packet.h"
#include "ct-tracker.h"
#include "ct-wheel.h"
#include "ct-zone.h"
#include "util.h"

/* The parent is known by its tuple alone. */
#define PARENT_UNKNOWN UINT32_MAX

/* What is to be made. */
struct plan {
    const struct ct_dpif_entry *entry;
    const struct ct_helper *helper;
    struct ct_request request;
    struct ct_packet packet;            /* That would have opened it. */
    struct ct_tuple reply;
    const char *why;
};

static int check_tuples(struct plan *);
static int check_helper(struct plan *);
static void init_packet(struct plan *, struct ct *, long long now);
static int reserve(struct plan *, struct ct_generation **);
static int make(struct plan *, struct ct_conn **);
static uint16_t nat_done(const struct ct_dpif_entry *);
static uint32_t start_of(const struct ct *, const struct ct_dpif_entry *,
                         long long now);
static void set_counters(const struct ct_dpif_entry *, struct ct_conn *);
static void init_ext(const struct plan *, struct ct_conn *);
static int insert(struct plan *, struct ct_generation *, struct ct_conn *);
static void publish(const struct plan *, struct ct_conn *);

int
ct_insert(struct ct *ct, const struct ct_dpif_entry *entry, long long now,
          const char **why)
{
    struct plan plan = { .entry = entry };
    struct ct_generation *generation = NULL;
    struct ct_conn *conn = NULL;
    int error = check_tuples(&plan);

    if (!error) {
        error = check_helper(&plan);
    }
    if (!error) {
        init_packet(&plan, ct, now);
        error = reserve(&plan, &generation);
    }
    if (!error) {
        error = make(&plan, &conn);
    }
    if (!error) {
        error = insert(&plan, generation, conn);
    }
    if (!error) {
        publish(&plan, conn);
    } else if (generation) {
        ct_zone_unreserve(ct, generation);
    }
    *why = plan.why;
    return error;
}

static int
check_tuples(struct plan *plan)
{
    const struct ct_dpif_entry *e = plan->entry;
    struct ct_tuple *orig = &plan->packet.tuple;

    if (!e->tuple_orig.l3_type || !e->tuple_reply.l3_type) {
        plan->why = "both tuples of the connection are needed";
    } else if (ct_tuple_from_dpif(&e->tuple_orig, orig)
               || ct_tuple_from_dpif(&e->tuple_reply, &plan->reply)) {
        plan->why = "an ICMP type that opens no connection";
    } else if (orig->proto != plan->reply.proto
               || (ct_tuple_is_ipv6(orig)
                   != ct_tuple_is_ipv6(&plan->reply))) {
        plan->why = "the tuples' protocols or address families differ";
    } else if (orig->kind != ct_kind_inverse(plan->reply.kind)
               || orig->kind & CT_KIND_ICMP_REPLY) {
        plan->why = "the ICMP types are no query and its reply";
    } else if (e->status & ~(CT_CHANGE_STATUS | CT_DPIF_STATUS_EXPECTED
                             | CT_DPIF_STATUS_CONFIRMED
                             | CT_DPIF_STATUS_SRC_NAT
                             | CT_DPIF_STATUS_DST_NAT
                             | CT_DPIF_STATUS_SRC_NAT_DONE
                             | CT_DPIF_STATUS_DST_NAT_DONE
                             | CT_DPIF_STATUS_SEQ_ADJUST)) {
        plan->why = "a status bit that cannot be set";
    } else if (!e->timeout) {
        plan->why = "a connection needs a timeout";
    }
    return plan->why ? EINVAL : 0;
}

static int
check_helper(struct plan *plan)
{
    const char *name = plan->entry->helper.name;

    plan->helper = name ? ct_helper_find(name) : NULL;
    if (name && (!plan->helper
                 || !ct_helper_reads(plan->helper,
                                     plan->packet.tuple.proto))) {
        plan->why = "no such helper for this protocol";
        return EOPNOTSUPP;
    }
    return 0;
}

static void
init_packet(struct plan *plan, struct ct *ct, long long now)
{
    struct ct_packet *packet = &plan->packet;
    struct ct_tuple inverse;

    plan->request.zone = plan->entry->zone;
    packet->ct = ct;
    packet->request = &plan->request;
    packet->now = now;
    packet->l4 = ct_l4_find(packet->tuple.proto);
    ct_tuple_invert(&packet->tuple, &inverse);
    ct_tuple_to_key(&packet->tuple, plan->request.zone, &packet->key);
    ct_tuple_to_key(&inverse, plan->request.zone, &packet->inverse);
    packet->hash = ct_hash_keys(&packet->key, &packet->inverse);
}

static int
reserve(struct plan *plan, struct ct_generation **generation)
{
    struct ct_packet *packet = &plan->packet;
    enum ct_counter why;

    packet->zone = ct_zone_get_or_create(packet->ct, plan->request.zone);
    if (!packet->zone) {
        plan->why = "no memory for the zone";
        return ENOMEM;
    }
    *generation = ct_zone_reserve(packet, &why);
    if (!*generation) {
        plan->why = ct_counter_help(why);
        return ENOSPC;
    }
    return 0;
}

/* A record that nobody can reach. */
static int
make(struct plan *plan, struct ct_conn **connp)
{
    const struct ct_dpif_entry *e = plan->entry;
    struct ct_packet *packet = &plan->packet;
    struct ct *ct = packet->ct;
    struct ct_conn *conn = ct_conn_alloc(ct->memory, e->zone, &packet->tuple,
                                         &plan->reply);

    if (!conn) {
        plan->why = "no memory for the connection";
        return ENOMEM;
    }
    if (packet->l4->restore && e->protoinfo.proto == packet->tuple.proto
        && !packet->l4->restore(&e->protoinfo, conn)) {
        ct_conn_free(ct->memory, conn);
        plan->why = "a state that this protocol does not have";
        return EINVAL;
    }
    atomic_init(&conn->mark, e->mark);
    atomic_init(&conn->status,
                CT_DPIF_STATUS_CONFIRMED | nat_done(e)
                | (e->status & (CT_CHANGE_STATUS | CT_DPIF_STATUS_EXPECTED)));
    atomic_init(&conn->deadline,
                packet->now + e->timeout * UINT64_C(1000));
    *ct_conn_start(conn) = start_of(ct, e, packet->now);
    set_counters(e, conn);
    ct_nat_prepare(conn, &plan->reply);
    init_ext(plan, conn);
    *connp = conn;
    return 0;
}

/* One that was confirmed before has what it had. */
static uint16_t
nat_done(const struct ct_dpif_entry *entry)
{
    uint16_t all = CT_DPIF_STATUS_SRC_NAT_DONE | CT_DPIF_STATUS_DST_NAT_DONE;

    return (entry->status & CT_DPIF_STATUS_CONFIRMED
            ? entry->status & all : all);
}

/* As *ct_conn_start(): what 'entry' says, if that can be, or 'now'. */
static uint32_t
start_of(const struct ct *ct, const struct ct_dpif_entry *entry, long long now)
{
    long long latest = now - ct->start_msec;
    long long start = ((long long) (entry->timestamp.start / 1000000)
                       - ct->start_wall_msec);

    return ((entry->timestamp.start && start >= 0 && start <= latest
             ? start : latest) / CT_START_UNIT_MS);
}

static void
set_counters(const struct ct_dpif_entry *entry, struct ct_conn *conn)
{
    const struct ct_dpif_counters *from[] = {
        [CT_DIR_ORIGINAL] = &entry->counters_orig,
        [CT_DIR_REPLY] = &entry->counters_reply,
    };

    for (int dir = 0; dir < CT_DIR_MAX; dir++) {
        conn->counters[dir].packets = from[dir]->packets;
        conn->counters[dir].bytes = from[dir]->bytes;
    }
}

static void
init_ext(const struct plan *plan, struct ct_conn *conn)
{
    const struct ct_dpif_entry *e = plan->entry;
    struct ct_conn_ext *ext;

    if (!plan->helper && ovs_u128_is_zero(e->labels)
        && !e->tuple_parent.l3_type) {
        return;
    }
    ext = xzalloc(sizeof *ext);
    ext->label = e->labels;
    if (e->tuple_parent.l3_type
        && !ct_tuple_from_dpif(&e->tuple_parent,
                               &ct_conn_ext_kin(ext)->parent)) {
        ext->kin->parent_id = PARENT_UNKNOWN;
    }
    if (plan->helper) {
        ct_conn_ext_kin(ext)->help = ct_help_create(plan->helper);
        atomic_fetch_or(&conn->status, CT_CONN_STATUS_HELPED);
    }
    ct_conn_set_ext(conn, ext);
}

/* Leaves 'conn' locked.  What stands in its way and has expired ends. */
static int
insert(struct plan *plan, struct ct_generation *generation,
       struct ct_conn *conn)
{
    struct ct *ct = plan->packet.ct;
    struct ct_conn *clash = NULL;
    int error;

    ct_conn_lock(conn);
    error = ct_table_insert(generation->table, conn, &clash);
    if (error == EEXIST && !ct_conn_lives(clash, plan->packet.now)) {
        ct_conn_end(ct, clash, CT_C_EXPIRED);
        error = ct_table_insert(generation->table, conn, &clash);
    }
    if (!error) {
        return 0;
    }
    ct_conn_unlock(conn);
    plan->why = (error == EEXIST
                 ? "another connection of the zone has one of the tuples"
                 : "no memory for the table");
    /* It may have been in one of its two places for a moment, where who found
     * it may have ended it. */
    if (!(atomic_fetch_or(&conn->status, CT_DPIF_STATUS_DYING)
          & CT_DPIF_STATUS_DYING)) {
        ct_wheel_dead(ct->wheel, conn);
    }
    return error;
}

static void
publish(const struct plan *plan, struct ct_conn *conn)
{
    struct ct *ct = plan->packet.ct;

    ct_nat_hold(ct, conn);
    ct_wheel_add(ct->wheel, conn);
    if (ct_events_are_read(ct)) {
        ct_event_new(ct, conn);
    }
    ct_conn_unlock(conn);
    ct_count(ct, CT_C_CREATED, 1);
}
