/* SPDX-License-Identifier: Apache-2.0 */

/* Expectations, listed: ct-query-expect.c and commands ask. */

#include <config.h>

#include "ct-expect-list.h"

#include <inttypes.h>

#include "ct-expect.h"
#include "ct-helper.h"
#include "ct-l4.h"
#include "ct-tracker.h"
#include "ct-zone.h"
#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "util.h"

static void format_zone(struct ct_zone *, long long now, struct ds *);
static void format_expectation(const struct ct_expectation *, uint16_t zone,
                               long long now, struct ds *);
static void format_addr(const union ct_inet_addr *, bool ipv6, struct ds *);
static void format_tuple(const struct ct_tuple *, struct ds *);
static void format_options(const struct ct_expectation *, long long now,
                           struct ds *);

size_t
ct_expects_copy(struct ct_zone *zone, struct ct_expectation **copies)
{
    struct ct_expects *expects = &zone->expects;
    struct ct_expectation *e;
    size_t n = 0, allocated = 0;

    *copies = NULL;
    if (!atomic_load_explicit(&expects->n, memory_order_relaxed)) {
        return 0;
    }
    ct_spin_lock(&expects->lock);
    HMAP_FOR_EACH (e, node, &expects->by_place) {
        if (n >= allocated) {
            *copies = x2nrealloc(*copies, &allocated, sizeof **copies);
        }
        (*copies)[n++] = *e;
    }
    ct_spin_unlock(&expects->lock);
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

static void
format_zone(struct ct_zone *zone, long long now, struct ds *ds)
{
    struct ct_expectation *copies;
    size_t n = ct_expects_copy(zone, &copies);

    for (size_t i = 0; i < n; i++) {
        format_expectation(&copies[i], zone->id, now, ds);
    }
    free(copies);
}

static void
format_expectation(const struct ct_expectation *e, uint16_t zone,
                   long long now, struct ds *ds)
{
    bool ipv6 = ct_tuple_is_ipv6(&e->tuple);
    struct ct_tuple parent;

    ds_put_format(ds, "  id=%"PRIu32",zone=%"PRIu16",%s,src=", e->id, zone,
                  ct_l4_find(e->tuple.proto)->name);
    if (e->any_src) {
        ds_put_char(ds, '*');
    } else {
        format_addr(&e->tuple.src, ipv6, ds);
        if (e->src_prefix) {
            ds_put_format(ds, "/%u", e->src_prefix);
        }
    }
    ds_put_cstr(ds, ",dst=");
    format_addr(&e->tuple.dst, ipv6, ds);
    if (e->tuple.src_port) {
        ds_put_format(ds, ",sport=%"PRIu16, ntohs(e->tuple.src_port));
    } else {
        ds_put_cstr(ds, ",sport=*");
    }
    ds_put_format(ds, ",dport=%"PRIu16, ntohs(e->tuple.dst_port));
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
    ds_put_format(ds, "),helper=%s", e->helper->name);
    format_options(e, now, ds);
    ds_put_char(ds, '\n');
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
format_options(const struct ct_expectation *e, long long now, struct ds *ds)
{
    const char *class = e->helper->classes[e->class].name;

    if (class) {
        ds_put_format(ds, ",class=%s", class);
    }
    if (e->child_helper) {
        ds_put_format(ds, ",child-helper=%s", e->child_helper->name);
    }
    ds_put_format(ds, ",timeout=%lld%s%s", MAX(e->expires - now, 0) / 1000,
                  e->permanent ? ",permanent" : "",
                  e->inactive ? ",inactive" : "");
}
