/* SPDX-License-Identifier: Apache-2.0 */

/* Expectations.
 *
 * ct-helper.c adds them; ct-step.c asks for a packet that opens a connection,
 * ct-commit.c uses them up; the maintenance thread ends what is over. */

#include <config.h>

#include "ct-expect.h"

#include <inttypes.h>

#include "ct-counters.h"
#include "ct-helper.h"
#include "ct-nat-port.h"
#include "ct-packet.h"
#include "ct-tracker.h"
#include "ct-zone.h"
#include "hash.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"

static uint32_t hash_dst(const struct ct_tuple *);
static void insert(struct ct_expects *, struct ct_expectation *);
static void take_out(struct ct_expects *, struct ct_expectation *);
static void end(struct ct_expects *, struct ct_expectation *);
static bool is_same(const struct ct_expectation *,
                    const struct ct_expectation *);
static struct ct_expectation *find_same(struct ct_expects *,
                                        const struct ct_expectation *);
static struct ct_expectation *find_child(struct ct_expects *,
                                         const struct ct_conn *parent);
static bool make_room(struct ct_expects *, struct ct_expectation *);
static struct ct_expectation *find(struct ct_expects *,
                                   const struct ct_packet *);
static bool matches(const struct ct_expectation *, const struct ct_packet *);
static unsigned int delete_some(struct ct_expects *, uint32_t id,
                                long long until);
static void format_zone(struct ct_zone *, long long now, struct ds *);

void
ct_expects_init(struct ct_expects *expects)
{
    atomic_init(&expects->n, 0);
    ct_spin_init(&expects->lock);
    hmap_init(&expects->by_dst);
    hmap_init(&expects->by_parent);
}

void
ct_expects_uninit(struct ct_expects *expects)
{
    delete_some(expects, 0, LLONG_MAX);
    hmap_destroy(&expects->by_dst);
    hmap_destroy(&expects->by_parent);
}

struct ct_expectation *
ct_expect_create(struct ct_conn *parent)
{
    struct ct_expectation *e = xzalloc(sizeof *e);

    e->parent = parent;
    e->parent_id = parent->id;
    return e;
}

struct ct_expect_same
ct_expect_find_same(struct ct_zone *zone, const struct ct_expectation *e)
{
    struct ct_expects *expects = &zone->expects;
    struct ct_expect_same same = { .found = false };

    ct_spin_lock(&expects->lock);
    const struct ct_expectation *old = find_same(expects, e);
    if (old) {
        same.dst_port = old->tuple.dst_port;
        same.found = true;
    }
    ct_spin_unlock(&expects->lock);
    return same;
}

bool
ct_expect_add(struct ct *ct, struct ct_zone *zone, struct ct_expectation *e)
{
    struct ct_expects *expects = &zone->expects;
    bool ok = false;

    ct_spin_lock(&expects->lock);
    /* Who ends the parent says so first, then waits for its lock, which our
     * caller holds, and then ends its expectations. */
    if (ct_conn_is_live(e->parent, e->parent_id) && make_room(expects, e)) {
        do {
            e->id = atomic_fetch_add(&ct->next_expect_id, 1);
        } while (!e->id);
        insert(expects, e);
        ok = true;
    }
    ct_spin_unlock(&expects->lock);
    if (!ok) {
        ct_expect_free(e);
    }
    return ok;
}

void
ct_expect_free(struct ct_expectation *e)
{
    if (e->pool) {
        ct_nat_port_release(e->pool, ntohs(e->tuple.dst_port));
    }
    free(e);
}

void
ct_expect_match(struct ct_packet *packet, bool take)
{
    struct ct_expects *expects = packet->zone ? &packet->zone->expects : NULL;

    packet->parent = NULL;
    packet->expected = NULL;
    if (OVS_LIKELY(!expects
                   || !atomic_load_explicit(&expects->n,
                                            memory_order_relaxed))) {
        return;
    }

    ct_spin_lock(&expects->lock);
    struct ct_expectation *e = find(expects, packet);
    if (e) {
        packet->parent = e->parent;
    }
    if (e && take) {
        if (e->permanent) {
            packet->expected = xmemdup(e, sizeof *e);
            packet->expected->pool = NULL;
        } else {
            take_out(expects, e);
            packet->expected = e;
        }
    }
    ct_spin_unlock(&expects->lock);
}

void
ct_expect_used(struct ct_packet *packet)
{
    if (packet->expected) {
        ct_expect_free(packet->expected);
        packet->expected = NULL;
    }
}

void
ct_expect_put_back(struct ct_packet *packet)
{
    struct ct_expectation *e = packet->expected;

    packet->expected = NULL;
    if (e && !e->permanent) {
        struct ct_expects *expects = &packet->zone->expects;

        ct_spin_lock(&expects->lock);
        if (ct_conn_is_live(e->parent, e->parent_id)
            && !find_same(expects, e)) {
            insert(expects, e);
            e = NULL;
        }
        ct_spin_unlock(&expects->lock);
    }
    if (e) {
        ct_expect_free(e);
    }
}

void
ct_expects_end_parent(struct ct_zone *zone, const struct ct_conn *parent)
{
    struct ct_expects *expects = &zone->expects;
    struct ct_expectation *e;

    ct_spin_lock(&expects->lock);
    while ((e = find_child(expects, parent)) != NULL) {
        end(expects, e);
    }
    ct_spin_unlock(&expects->lock);
}

void
ct_expects_flush(struct ct_zone *zone)
{
    delete_some(&zone->expects, 0, LLONG_MAX);
}

void
ct_expects_expire(struct ct *ct, long long now)
{
    for (unsigned int i = 0; i < ct_zones_count(ct); i++) {
        delete_some(&ct_zones_at(ct, i)->expects, 0, now);
    }
}

unsigned int
ct_expects_delete(struct ct *ct, int zone_id, uint32_t id)
{
    unsigned int n = 0;

    for (unsigned int i = 0; i < ct_zones_count(ct); i++) {
        struct ct_zone *zone = ct_zones_at(ct, i);

        if (zone_id < 0 || zone->id == zone_id) {
            n += delete_some(&zone->expects, id, LLONG_MAX);
        }
    }
    return n;
}

void
ct_expects_format(const struct ct *ct, int zone_id, long long now,
                  struct ds *ds)
{
    for (unsigned int i = 0; i < ct_zones_count(ct); i++) {
        struct ct_zone *zone = ct_zones_at(ct, i);

        if (zone_id < 0 || zone->id == zone_id) {
            format_zone(zone, now, ds);
        }
    }
}

static uint32_t
hash_dst(const struct ct_tuple *tuple)
{
    uint32_t hash = hash_bytes(&tuple->dst, sizeof tuple->dst, tuple->proto);

    return hash_int((OVS_FORCE uint16_t) tuple->dst_port, hash);
}

static uint32_t
hash_parent(const struct ct_expectation *e)
{
    return hash_int(e->parent_id, 0);
}

static void
insert(struct ct_expects *expects, struct ct_expectation *e)
{
    hmap_insert(&expects->by_dst, &e->node, hash_dst(&e->tuple));
    hmap_insert(&expects->by_parent, &e->parent_node, hash_parent(e));
    atomic_fetch_add_explicit(&expects->n, 1, memory_order_relaxed);
}

static void
take_out(struct ct_expects *expects, struct ct_expectation *e)
{
    hmap_remove(&expects->by_dst, &e->node);
    hmap_remove(&expects->by_parent, &e->parent_node);
    atomic_fetch_sub_explicit(&expects->n, 1, memory_order_relaxed);
}

static void
end(struct ct_expects *expects, struct ct_expectation *e)
{
    take_out(expects, e);
    ct_expect_free(e);
}

/* Of the same parent and helper. */
static bool
are_siblings(const struct ct_expectation *a, const struct ct_expectation *b)
{
    return (a->parent == b->parent && a->parent_id == b->parent_id
            && a->helper == b->helper);
}

/* The port that the announcement named. */
static ovs_be16
announced_port(const struct ct_expectation *e)
{
    return e->nat ? e->to_dst_port : e->tuple.dst_port;
}

static bool
is_same(const struct ct_expectation *a, const struct ct_expectation *b)
{
    return (are_siblings(a, b) && a->dir == b->dir
            && announced_port(a) == announced_port(b));
}

static struct ct_expectation *
find_same(struct ct_expects *expects, const struct ct_expectation *e)
{
    struct ct_expectation *old;

    HMAP_FOR_EACH_WITH_HASH (old, parent_node, hash_parent(e),
                             &expects->by_parent) {
        if (is_same(old, e)) {
            return old;
        }
    }
    return NULL;
}

/* Any expectation of 'parent'. */
static struct ct_expectation *
find_child(struct ct_expects *expects, const struct ct_conn *parent)
{
    struct ct_expectation *e;

    HMAP_FOR_EACH_WITH_HASH (e, parent_node, hash_int(parent->id, 0),
                             &expects->by_parent) {
        if (e->parent == parent && e->parent_id == parent->id) {
            return e;
        }
    }
    return NULL;
}

/* Room for 'e' beside its siblings, and in the zone. */
static bool
make_room(struct ct_expects *expects, struct ct_expectation *e)
{
    struct ct_expectation *old = find_same(expects, e), *oldest = NULL;
    unsigned int n = 0;

    if (old) {
        if (!e->pool && old->tuple.dst_port == e->tuple.dst_port) {
            e->pool = old->pool;
            old->pool = NULL;
        }
        end(expects, old);
    }
    HMAP_FOR_EACH_WITH_HASH (old, parent_node, hash_parent(e),
                             &expects->by_parent) {
        if (are_siblings(old, e)) {
            n++;
            if (!oldest || (int32_t) (old->id - oldest->id) < 0) {
                oldest = old;
            }
        }
    }
    if (n >= e->helper->max_expected) {
        end(expects, oldest);
    }
    return hmap_count(&expects->by_dst) < CT_EXPECT_MAX_PER_ZONE;
}

static struct ct_expectation *
find(struct ct_expects *expects, const struct ct_packet *packet)
{
    struct ct_expectation *e;

    HMAP_FOR_EACH_WITH_HASH (e, node, hash_dst(&packet->tuple),
                             &expects->by_dst) {
        if (matches(e, packet)) {
            return e;
        }
    }
    return NULL;
}

static bool
matches(const struct ct_expectation *e, const struct ct_packet *packet)
{
    const struct ct_tuple *t = &packet->tuple;

    return (!e->inactive
            && t->dst_port == e->tuple.dst_port
            && t->proto == e->tuple.proto
            && t->kind == e->tuple.kind
            && !memcmp(&t->dst, &e->tuple.dst, sizeof t->dst)
            && (e->any_src || !memcmp(&t->src, &e->tuple.src, sizeof t->src))
            && e->expires > packet->now
            && ct_conn_is_live(e->parent, e->parent_id));
}

/* Those whose time is over at 'until'; with 'id', only that one. */
static unsigned int
delete_some(struct ct_expects *expects, uint32_t id, long long until)
{
    struct ct_expectation *e, *next;
    unsigned int n = 0;

    if (!atomic_load_explicit(&expects->n, memory_order_relaxed)) {
        return 0;
    }
    ct_spin_lock(&expects->lock);
    HMAP_FOR_EACH_SAFE (e, next, node, &expects->by_dst) {
        if (e->expires <= until && (!id || e->id == id)) {
            end(expects, e);
            n++;
        }
    }
    ct_spin_unlock(&expects->lock);
    return n;
}

static void
format_addr(const union ct_inet_addr *addr, bool ipv6, struct ds *ds)
{
    if (ipv6) {
        ipv6_format_addr(&addr->ip6, ds);
    } else {
        ds_put_format(ds, IP_FMT, IP_ARGS(addr->ip));
    }
}

static void
format_tuple(const struct ct_tuple *t, struct ds *ds)
{
    ds_put_cstr(ds, "src=");
    format_addr(&t->src, ct_tuple_is_ipv6(t), ds);
    ds_put_cstr(ds, ",dst=");
    format_addr(&t->dst, ct_tuple_is_ipv6(t), ds);
    ds_put_format(ds, ",sport=%"PRIu16",dport=%"PRIu16, ntohs(t->src_port),
                  ntohs(t->dst_port));
}

static void
format_expectation(const struct ct_expectation *e, uint16_t zone,
                   long long now, struct ds *ds)
{
    bool ipv6 = ct_tuple_is_ipv6(&e->tuple);
    struct ct_tuple parent;

    ds_put_format(ds, "  id=%"PRIu32",zone=%"PRIu16",%s,src=", e->id, zone,
                  e->tuple.proto == IPPROTO_TCP ? "tcp" : "udp");
    if (e->any_src) {
        ds_put_char(ds, '*');
    } else {
        format_addr(&e->tuple.src, ipv6, ds);
    }
    ds_put_cstr(ds, ",dst=");
    format_addr(&e->tuple.dst, ipv6, ds);
    ds_put_format(ds, ",sport=*,dport=%"PRIu16, ntohs(e->tuple.dst_port));
    if (e->nat) {
        ds_put_cstr(ds, ",nat=(src=");
        format_addr(&e->to_src, ipv6, ds);
        ds_put_cstr(ds, ",dst=");
        format_addr(&e->to_dst, ipv6, ds);
        ds_put_format(ds, ",dport=%"PRIu16")", ntohs(e->to_dst_port));
    }
    ct_conn_tuple(e->parent, CT_DIR_ORIGINAL, &parent);
    ds_put_cstr(ds, ",parent=(");
    format_tuple(&parent, ds);
    ds_put_format(ds, "),helper=%s,timeout=%lld%s%s\n", e->helper->name,
                  MAX(e->expires - now, 0) / 1000,
                  e->permanent ? ",permanent" : "",
                  e->inactive ? ",inactive" : "");
}

static void
format_zone(struct ct_zone *zone, long long now, struct ds *ds)
{
    struct ct_expects *expects = &zone->expects;
    struct ct_expectation *copies = NULL, *e;
    size_t n = 0, allocated = 0;

    if (!atomic_load_explicit(&expects->n, memory_order_relaxed)) {
        return;
    }
    ct_spin_lock(&expects->lock);
    HMAP_FOR_EACH (e, node, &expects->by_dst) {
        if (n >= allocated) {
            copies = x2nrealloc(copies, &allocated, sizeof *copies);
        }
        copies[n++] = *e;
    }
    ct_spin_unlock(&expects->lock);

    /* Parents that have ended meanwhile stay readable until we quiesce. */
    for (size_t i = 0; i < n; i++) {
        format_expectation(&copies[i], zone->id, now, ds);
    }
    free(copies);
}
