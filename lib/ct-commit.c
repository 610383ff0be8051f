/* SPDX-License-Identifier: Apache-2.0 */

/* Commit, marks and labels.
 *
 * Called by ct.c for a packet of a request with commit: ct_commit() if the
 * packet opens a connection, ct_commit_metadata() if it belongs to one. */

#include <config.h>

#include "ct-commit.h"

#include <errno.h>

#include "ct-event.h"
#include "ct-expect.h"
#include "ct-helper.h"
#include "ct-helper-policy.h"
#include "ct-joint.h"
#include "ct-l4.h"
#include "ct-nat.h"
#include "ct-pressure.h"
#include "ct-refuse.h"
#include "ct-tracker.h"
#include "ct-wheel.h"
#include "ct-zone.h"
#include "util.h"

static enum ct_commit_result insert_mapped(struct ct_packet *,
                                           struct ct_generation *);
static enum ct_commit_result try_mapping(struct ct_packet *,
                                         struct ct_generation *,
                                         struct ct_nat_search *,
                                         const struct ct_tuple *reply);
static struct ct_conn *make_conn(struct ct_packet *,
                                 const struct ct_tuple *reply,
                                 enum ct_commit_result *);
static bool first_packet(struct ct_packet *, struct ct_conn *,
                         enum ct_commit_result *);
static uint32_t inherited_mark(const struct ct_packet *);
static bool set_mark(const struct ct_request *, struct ct_conn *);
static bool set_label(const struct ct_request *, struct ct_conn *);
static bool add_helper(struct ct_conn *, const struct ct_helper *);
static struct ct_conn_ext *copy_ext(const struct ct_conn_ext *);
static void replace_ext(struct ct_conn *, struct ct_conn_ext *old,
                        struct ct_conn_ext *new);
static int insert(struct ct_packet *, struct ct_generation *,
                  struct ct_conn *);
static void publish(struct ct_packet *, struct ct_conn *,
                    struct ct_nat_search *);
static void discard(struct ct *, struct ct_conn *);
static void abandon(struct ct *, struct ct_conn *);
static bool is_mapped(const struct ct_packet *);
static const struct ct_helper *choose_helper(const struct ct_packet *);
static const struct ct_helper *late_helper(const struct ct_packet *);
static bool is_helped(const struct ct_packet *);
static void init_ext(const struct ct_packet *, struct ct_conn *);
static uint16_t nat_done(const struct ct_packet *);
static ovs_u128 apply_label(const struct ct_request *, ovs_u128 label);

/* What stands in our way and has expired is removed; something else may take
 * its place, but not for ever. */
#define MAX_INSERT_TRIES 4

/* try_mapping(): the reply tuple is another connection's. */
#define TAKEN ((enum ct_commit_result) -1)

enum ct_commit_result
ct_commit(struct ct_packet *packet)
{
    struct ct *ct = packet->ct;
    const struct ct_request *request = packet->request;

    if (!is_helped(packet)) {
        ct_refuse(packet, CT_C_DROP_HELPER);
        return CT_COMMIT_DROP;
    }
    packet->zone = ct_zone_get_or_create(ct, request->zone);
    ct_zone_use_policy(ct, packet->zone, request->timeout_policy);

    enum ct_counter why;
    struct ct_generation *generation = ct_zone_reserve(packet, &why);
    if (!generation) {
        ct_refuse(packet, why);
        return CT_COMMIT_DROP;
    }

    enum ct_commit_result result = insert_mapped(packet, generation);
    if (!packet->conn) {
        ct_zone_unreserve(ct, generation);
    }
    return result;
}

void
ct_commit_metadata(struct ct_packet *packet)
{
    const struct ct_request *request = packet->request;
    struct ct_conn *conn = packet->conn;
    const struct ct_helper *helper = late_helper(packet);
    uint16_t changes = 0;

    if (!request->mark_mask && ovs_u128_is_zero(request->label_mask)
        && !helper) {
        return;
    }
    ct_joint_lock(packet->ct, conn);
    if (set_mark(request, conn)) {
        changes |= CT_CHANGED_MARK;
    }
    if (set_label(request, conn)) {
        changes |= CT_CHANGED_LABEL;
    }
    if (helper && add_helper(conn, helper)) {
        packet->helper_added = true;
        changes |= CT_CHANGED_HELPER;
    }
    if (changes) {
        ct_event_update(packet->ct, conn, changes);
    }
    ct_conn_unlock(conn);
}

ovs_u128
ct_conn_label(const struct ct_conn *conn)
{
    const struct ct_conn_ext *ext = ct_conn_ext(conn);

    return ext ? ext->label : OVS_U128_ZERO;
}

/* Tries mappings until one is nobody else's.  Without nat() there is one. */
static enum ct_commit_result
insert_mapped(struct ct_packet *packet, struct ct_generation *generation)
{
    enum ct_commit_result result = TAKEN;
    struct ct_nat_search search;
    struct ct_tuple reply;

    if (!is_mapped(packet)) {
        ct_tuple_invert(&packet->tuple, &reply);
        result = try_mapping(packet, generation, NULL, &reply);
        if (result == TAKEN) {
            ct_refuse(packet, CT_C_DROP_CLASH);
            result = CT_COMMIT_DROP;
        }
        return result;
    }

    ct_nat_search_init(&search, packet);
    while (result == TAKEN && ct_nat_search_next(&search, &reply)) {
        result = try_mapping(packet, generation, &search, &reply);
    }
    if (result == TAKEN) {
        ct_refuse(packet, ct_nat_search_why(&search));
        result = CT_COMMIT_DROP;
    }
    ct_nat_search_uninit(&search);
    return result;
}

static enum ct_commit_result
try_mapping(struct ct_packet *packet, struct ct_generation *generation,
            struct ct_nat_search *search, const struct ct_tuple *reply)
{
    enum ct_commit_result result;
    struct ct_conn *conn = make_conn(packet, reply, &result);

    if (!conn) {
        return result;
    }

    int error = insert(packet, generation, conn);
    if (!error) {
        publish(packet, conn, search);
        return CT_COMMIT_DONE;
    }

    if (error == ENOMEM) {
        abandon(packet->ct, conn);
        ct_refuse(packet, CT_C_DROP_MEMORY);
        return CT_COMMIT_DROP;
    }
    discard(packet->ct, conn);
    /* Ours by its original tuple, or a stranger's by the reply tuple? */
    enum ct_dir dir;
    if (ct_table_find(generation->table, &packet->tuple, &packet->key,
                      &packet->inverse, packet->hash, &dir)) {
        ct_count(packet->ct, CT_C_CLASH, 1);
        return CT_COMMIT_CLASH;
    }
    return TAKEN;
}

/* A record that has seen its first packet, and that nobody can reach.  NULL:
 * '*result' says why. */
static struct ct_conn *
make_conn(struct ct_packet *packet, const struct ct_tuple *reply,
          enum ct_commit_result *result)
{
    const struct ct_request *request = packet->request;
    struct ct *ct = packet->ct;
    struct ct_conn *conn = ct_conn_alloc(ct->memory, request->zone,
                                         &packet->tuple, reply);

    if (!conn) {
        ct_refuse(packet, CT_C_DROP_MEMORY);
        *result = CT_COMMIT_DROP;
        return NULL;
    }
    atomic_init(&conn->mark, ((inherited_mark(packet) & ~request->mark_mask)
                              | (request->mark & request->mark_mask)));
    atomic_init(&conn->status, (CT_DPIF_STATUS_CONFIRMED
                                | (packet->expected
                                   ? CT_DPIF_STATUS_EXPECTED : 0)
                                | nat_done(packet)));
    *ct_conn_start(conn) = (packet->now - ct->start_msec) / CT_START_UNIT_MS;
    if (is_mapped(packet)) {
        ct_nat_prepare(conn, reply);
    }
    init_ext(packet, conn);
    if (!first_packet(packet, conn, result)) {
        discard(ct, conn);
        return NULL;
    }
    return conn;
}

static bool
first_packet(struct ct_packet *packet, struct ct_conn *conn,
             enum ct_commit_result *result)
{
    packet->dir = CT_DIR_ORIGINAL;
    packet->timeout = CT_TIMEOUT_KEEP;
    packet->l4->open(packet, conn);

    switch (packet->l4->update(packet, conn)) {
    case CT_VERDICT_ACCEPT:
        break;
    case CT_VERDICT_DELETE:
        *result = CT_COMMIT_DONE;
        return false;
    case CT_VERDICT_INVALID:
    case CT_VERDICT_RESTART:
    default:
        *result = CT_COMMIT_INVALID;
        return false;
    }

    enum ct_timeout timeout = (packet->timeout == CT_TIMEOUT_KEEP
                               ? CT_TIMEOUT_GENERIC : packet->timeout);
    uint64_t ms = ct_l4_timeouts(packet)->ms[timeout];
    atomic_init(&conn->deadline,
                packet->now + ct_pressure_shorten(packet, conn, ms));
    conn->counters[CT_DIR_ORIGINAL].packets = 1;
    conn->counters[CT_DIR_ORIGINAL].bytes = packet->ip_len;
    return true;
}

static uint32_t
inherited_mark(const struct ct_packet *packet)
{
    return (packet->expected
            ? atomic_load_explicit(&packet->parent->mark,
                                   memory_order_relaxed)
            : 0);
}

/* Gives 'conn', which is not yet reachable, a label, a helper and a parent, if
 * it is to have any. */
static void
init_ext(const struct ct_packet *packet, struct ct_conn *conn)
{
    const struct ct_helper *helper = choose_helper(packet);
    ovs_u128 label = apply_label(packet->request,
                                 packet->expected
                                 ? ct_conn_label(packet->parent)
                                 : OVS_U128_ZERO);
    struct ct_conn_ext *ext;

    if (!helper && !packet->expected && ovs_u128_is_zero(label)) {
        return;
    }
    ext = xzalloc(sizeof *ext);
    ext->label = label;
    if (packet->expected) {
        struct ct_conn_kin *kin = ct_conn_ext_kin(ext);

        kin->parent_id = packet->expected->parent_id;
        ct_conn_tuple(packet->parent, CT_DIR_ORIGINAL, &kin->parent);
    }
    if (helper) {
        ct_conn_ext_kin(ext)->help = ct_help_create(helper);
        atomic_fetch_or(&conn->status, CT_CONN_STATUS_HELPED);
    }
    ct_conn_set_ext(conn, ext);
}

/* Give 'conn', which is locked, the mark and the label that are requested.
 * True if it had another. */

static bool
set_mark(const struct ct_request *request, struct ct_conn *conn)
{
    uint32_t old = atomic_load_explicit(&conn->mark, memory_order_relaxed);
    uint32_t mark = ((old & ~request->mark_mask)
                     | (request->mark & request->mark_mask));

    if (mark == old) {
        return false;
    }
    atomic_store_explicit(&conn->mark, mark, memory_order_relaxed);
    return true;
}

static bool
set_label(const struct ct_request *request, struct ct_conn *conn)
{
    struct ct_conn_ext *old = ct_conn_ext(conn);
    ovs_u128 old_label = old ? old->label : OVS_U128_ZERO;
    ovs_u128 label = apply_label(request, old_label);

    if (ovs_u128_equals(label, old_label)) {
        return false;
    }

    struct ct_conn_ext *new = copy_ext(old);
    new->label = label;
    replace_ext(conn, old, new);
    return true;
}

/* Gives 'conn', which is locked, a helper.  False: it has one. */
static bool
add_helper(struct ct_conn *conn, const struct ct_helper *helper)
{
    struct ct_conn_ext *old = ct_conn_ext(conn);
    struct ct_conn_kin *old_kin = old ? old->kin : NULL;
    struct ct_conn_ext *new;

    if (old_kin && old_kin->help) {
        return false;
    }
    new = copy_ext(old);
    new->kin = old_kin ? xmemdup(old_kin, sizeof *old_kin) : NULL;
    ct_conn_ext_kin(new)->help = ct_help_create(helper);
    replace_ext(conn, old, new);
    if (old_kin) {
        ovsrcu_postpone(free, old_kin);
    }
    atomic_fetch_or(&conn->status, CT_CONN_STATUS_HELPED);
    return true;
}

static struct ct_conn_ext *
copy_ext(const struct ct_conn_ext *ext)
{
    return (ext ? xmemdup(ext, sizeof *ext)
            : xzalloc(sizeof(struct ct_conn_ext)));
}

static void
replace_ext(struct ct_conn *conn, struct ct_conn_ext *old,
            struct ct_conn_ext *new)
{
    ct_conn_set_ext(conn, new);
    if (old) {
        ovsrcu_postpone(free, old);
    }
}

/* Inserts 'conn', locked, after removing what has expired. */
static int
insert(struct ct_packet *packet, struct ct_generation *generation,
       struct ct_conn *conn)
{
    struct ct_conn *clash = NULL;
    int error = EEXIST;

    ct_conn_lock(conn);
    for (int i = 0; i < MAX_INSERT_TRIES; i++) {
        error = ct_table_insert(generation->table, conn, &clash);
        if (error != EEXIST || ct_conn_lives(clash, packet->now)) {
            break;
        }
        if (!ct_conn_end(packet->ct, clash, CT_C_EXPIRED)) {
            /* Somebody is ending it; its place may be cleared by both. */
            ct_zone_remove(packet->ct, clash);
        }
    }
    if (error) {
        ct_conn_unlock(conn);
    }
    return error;
}

/* 'conn' is in the table, locked.  'search' is NULL if there was none. */
static void
publish(struct ct_packet *packet, struct ct_conn *conn,
        struct ct_nat_search *search)
{
    if (search) {
        ct_nat_search_keep(search, conn);
    }
    ct_wheel_add(packet->ct->wheel, conn);
    if (ct_events_are_read(packet->ct)) {
        ct_event_new(packet->ct, conn);
    }
    ct_conn_unlock(conn);

    packet->conn = conn;
    ct_count(packet->ct, CT_C_CREATED, 1);
    if (packet->expected) {
        const struct ct_expectation *e = packet->expected;

        ct_count(packet->ct, CT_C_EXPECTED, 1);
        if (e->helper->child) {
            e->helper->child(packet->ct, e, conn);
        }
        ct_expect_used(packet);
    }
}

/* Nobody ever saw 'conn'. */
static void
discard(struct ct *ct, struct ct_conn *conn)
{
    ct_conn_ext_free(ct_conn_ext(conn));
    ct_conn_free(ct->memory, conn);
}

/* One of the two places of 'conn' was in the table for a moment: who found it
 * may have ended it, or still look at it. */
static void
abandon(struct ct *ct, struct ct_conn *conn)
{
    if (!(atomic_fetch_or(&conn->status, CT_DPIF_STATUS_DYING)
          & CT_DPIF_STATUS_DYING)) {
        ct_wheel_dead(ct->wheel, conn);
    }
}

/* Is a mapping to be found?  Who was announced by a translated connection is
 * translated as that one is, whatever the request says. */
static bool
is_mapped(const struct ct_packet *packet)
{
    return (packet->request->nat.kind != CT_NAT_NONE
            || (packet->expected && packet->expected->nat));
}

/* Of a connection that is opened: who announced it knows best. */
static const struct ct_helper *
choose_helper(const struct ct_packet *packet)
{
    const struct ct_request *request = packet->request;

    if (packet->expected && packet->expected->child_helper) {
        return packet->expected->child_helper;
    }
    return (request->helper[0]
            ? ct_helper_find(request->helper)
            : ct_helper_policy_find(packet->ct, request->zone,
                                    &packet->tuple));
}

/* Of one that is there already: what the request names, as in the kernel. */
static const struct ct_helper *
late_helper(const struct ct_packet *packet)
{
    return (OVS_UNLIKELY(packet->request->helper[0])
            && !ct_conn_help(packet->conn) && is_helped(packet)
            ? ct_helper_find(packet->request->helper) : NULL);
}

/* Is there the helper that the request names, and for this protocol? */
static bool
is_helped(const struct ct_packet *packet)
{
    const char *name = packet->request->helper;
    const struct ct_helper *helper = name[0] ? ct_helper_find(name) : NULL;

    return !name[0] || (helper && ct_helper_reads(helper,
                                                  packet->tuple.proto));
}

/* Of which kind of translation it is settled, once and for all, what is done:
 * after nat(dst) also of the source, which may have had to change. */
static uint16_t
nat_done(const struct ct_packet *packet)
{
    if (packet->expected && packet->expected->nat) {
        return CT_DPIF_STATUS_SRC_NAT_DONE | CT_DPIF_STATUS_DST_NAT_DONE;
    }
    switch (packet->request->nat.kind) {
    case CT_NAT_SRC:
        return CT_DPIF_STATUS_SRC_NAT_DONE;
    case CT_NAT_DST:
        return CT_DPIF_STATUS_SRC_NAT_DONE | CT_DPIF_STATUS_DST_NAT_DONE;
    case CT_NAT_NONE:
    case CT_NAT_EXISTING:
    default:
        return 0;
    }
}

static ovs_u128
apply_label(const struct ct_request *request, ovs_u128 label)
{
    const ovs_u128 mask = request->label_mask;

    label.u64.lo = ((label.u64.lo & ~mask.u64.lo)
                    | (request->label.u64.lo & mask.u64.lo));
    label.u64.hi = ((label.u64.hi & ~mask.u64.hi)
                    | (request->label.u64.hi & mask.u64.hi));
    return label;
}
