/* SPDX-License-Identifier: Apache-2.0 */

/* Zones.
 *
 * A packet's way leads through the table of its request's zone: ct.c looks
 * it up there, ct-commit.c reserves and inserts.  Beside the way: flushing,
 * and the maintenance thread that empties what was flushed. */

#include <config.h>

#include "ct-zone.h"

#include "ct.h"
#include "ct-evict.h"
#include "ct-hash.h"
#include "ct-limit.h"
#include "ct-packet.h"
#include "ct-pressure.h"
#include "ct-tracker.h"
#include "util.h"

static struct ct_zone *zone_create(struct ct *, uint16_t id)
    OVS_REQUIRES(ct->mutex);
static struct ct_generation *generation_create(struct ct *, struct ct_zone *)
    OVS_REQUIRES(ct->mutex);
static void generation_free(struct ct_generation *);
static void generation_ready(struct ct_generation *);
static void detached_remove(struct ct *, struct ct_zone *, struct ct_conn *);
static unsigned int drain_some(struct ct *, struct ct_generation *,
                               unsigned int budget);
static void drain_done(struct ct *, struct ct_generation *);
static bool make_room(const struct ct_packet *, int64_t n_too_many,
                      bool evict(const struct ct_packet *));
static int64_t over_maximum(const struct ct *);

struct ct_zone *
ct_zone_get(const struct ct *ct, uint16_t id)
{
    return atomic_load_explicit(&ct->zones[id], memory_order_acquire);
}

struct ct_zone *
ct_zone_get_or_create(struct ct *ct, uint16_t id)
{
    struct ct_zone *zone = ct_zone_get(ct, id);

    if (OVS_UNLIKELY(!zone)) {
        ovs_mutex_lock(&ct->mutex);
        zone = ct_zone_get(ct, id);
        if (!zone) {
            zone = zone_create(ct, id);
        }
        ovs_mutex_unlock(&ct->mutex);
    }
    return zone;
}

unsigned int
ct_zones_count(const struct ct *ct)
{
    return atomic_load_explicit(&ct->n_zones, memory_order_acquire);
}

struct ct_zone *
ct_zones_at(const struct ct *ct, unsigned int index)
{
    return ct_zone_get(ct, ct->zone_ids[index]);
}

struct ct_conn *
ct_zone_find(const struct ct_zone *zone, const struct ct_tuple *tuple,
             enum ct_dir *dir)
{
    struct ct_tuple inverse_tuple;
    struct ct_key key, inverse;

    if (!zone) {
        return NULL;
    }
    ct_tuple_invert(tuple, &inverse_tuple);
    ct_tuple_to_key(tuple, zone->id, &key);
    ct_tuple_to_key(&inverse_tuple, zone->id, &inverse);
    return ct_table_find(ct_zone_table(zone), tuple, &key, &inverse,
                         ct_hash_keys(&key, &inverse), dir);
}

struct ct_generation *
ct_zone_reserve(const struct ct_packet *packet, enum ct_counter *why)
{
    struct ct *ct = packet->ct;
    struct ct_zone *zone = packet->zone;
    struct ct_generation *generation = ct_zone_generation(zone);
    uint32_t limit = ct_zone_limit(ct, zone);
    int64_t count, too_many;

    ct_tally_add(&generation->count, 1);
    ct_tally_add(&ct->n_conns, 1);
    count = limit ? ct_tally_sum(&generation->count) : 0;
    ct_pressure_note(ct, zone, count, limit);
    if (limit && count > limit
        && !make_room(packet, count - limit, ct_evict_half_open)) {
        ct_zone_unreserve(ct, generation);
        *why = CT_C_DROP_LIMIT;
        return NULL;
    }
    too_many = over_maximum(ct);
    if (OVS_UNLIKELY(too_many > 0)
        && !make_room(packet, too_many, ct_evict)) {
        ct_zone_unreserve(ct, generation);
        *why = CT_C_DROP_FULL;
        return NULL;
    }
    return generation;
}

void
ct_zone_unreserve(struct ct *ct, struct ct_generation *generation)
{
    ct_tally_add(&generation->count, -1);
    ct_tally_add(&ct->n_conns, -1);
}

uint32_t
ct_zone_limit(const struct ct *ct, const struct ct_zone *zone)
{
    return (atomic_load_explicit(&zone->own_limit, memory_order_relaxed)
            ? atomic_load_explicit(&zone->limit, memory_order_relaxed)
            : atomic_load_explicit(&ct->default_limit, memory_order_relaxed));
}

void
ct_zone_remove(struct ct *ct, struct ct_conn *conn)
{
    struct ct_zone *zone = ct_zone_get(ct, conn->key.zone);
    struct ct_generation *generation = ct_zone_generation(zone);

    if (OVS_LIKELY(ct_table_remove(generation->table, conn))) {
        ct_zone_unreserve(ct, generation);
    } else {
        detached_remove(ct, zone, conn);
    }
}

void
ct_zone_use_policy(struct ct *ct, struct ct_zone *zone, uint32_t id)
{
    if (OVS_UNLIKELY(atomic_load_explicit(&zone->policy_id,
                                          memory_order_relaxed) != id)) {
        ovs_mutex_lock(&ct->mutex);
        atomic_store(&zone->policy_id, id);
        ct_timeouts_renew_zone(ct, zone);
        ovs_mutex_unlock(&ct->mutex);
    }
}

void
ct_zone_flush(struct ct *ct, struct ct_zone *zone)
{
    ovs_mutex_lock(&ct->mutex);
    struct ct_generation *new = generation_create(ct, zone);
    struct ct_generation *old = ct_zone_generation(zone);

    ovs_list_push_back(&ct->detached, &old->node);
    ovs_list_push_back(&zone->detached, &old->zone_node);
    atomic_fetch_add(&ct->flush_epoch, 1);
    ovsrcu_set(&zone->generation, new);
    atomic_fetch_add(&ct->flush_epoch, 1);
    ct_tally_add(&ct->n_conns, -ct_tally_take(&old->count));
    ovs_mutex_unlock(&ct->mutex);

    ct_expects_flush(zone);
    ovsrcu_postpone(generation_ready, old);
}

bool
ct_zones_drain(struct ct *ct, unsigned int budget)
{
    struct ct_generation *generation = NULL, *g;

    ovs_mutex_lock(&ct->mutex);
    LIST_FOR_EACH (g, node, &ct->detached) {
        if (atomic_load(&g->ready)) {
            generation = g;
            break;
        }
    }
    ovs_mutex_unlock(&ct->mutex);
    if (!generation) {
        return false;
    }

    /* Only this thread, holding ct->maintenance, takes generations off the
     * list. */
    if (drain_some(ct, generation, budget) < budget) {
        if (!generation->found) {
            drain_done(ct, generation);
            return true;
        }
        generation->found = false;
        memset(&generation->cursor, 0, sizeof generation->cursor);
    }
    return true;
}

void
ct_zones_prepare(struct ct *ct)
{
    for (unsigned int i = 0; i < ct_zones_count(ct); i++) {
        ct_table_prepare(ct_zone_table(ct_zones_at(ct, i)));
    }
}

void
ct_zones_init(struct ct *ct)
{
    ct->zones = xcalloc(CT_N_ZONES, sizeof *ct->zones);
    ct->zone_ids = xcalloc(CT_N_ZONES, sizeof *ct->zone_ids);
    ovs_list_init(&ct->detached);
}

void
ct_zones_uninit(struct ct *ct)
{
    unsigned int n = ct_zones_count(ct);
    struct ct_generation *generation;

    for (unsigned int i = 0; i < n; i++) {
        struct ct_zone *zone = ct_zones_at(ct, i);

        generation_free(ct_zone_generation(zone));
        free(zone->settings);
        free(zone->own_timeouts);
        ct_expects_uninit(&zone->expects);
        ct_gre_keys_uninit(&zone->gre_keys);
        free(zone);
    }
    LIST_FOR_EACH_POP (generation, node, &ct->detached) {
        generation_free(generation);
    }
    free(ct->zones);
    free(ct->zone_ids);
}

/* For one more.  If that is not enough, because the limit was higher before,
 * two give way for each that comes, until it is met again. */
static bool
make_room(const struct ct_packet *packet, int64_t n_too_many,
          bool evict(const struct ct_packet *))
{
    return evict(packet) && (n_too_many == 1 || evict(packet));
}

/* How many more than the maximum, if any.  Far from it, a recent sum is good
 * enough. */
static int64_t
over_maximum(const struct ct *ct)
{
    int64_t max = atomic_load_explicit(&ct->maxconns, memory_order_relaxed);

    return (ct_tally_hint(&ct->n_conns) + CT_TALLY_SLACK >= max
            ? ct_tally_sum(&ct->n_conns) - max : 0);
}

static struct ct_zone *
zone_create(struct ct *ct, uint16_t id)
{
    struct ct_zone *zone = xzalloc(sizeof *zone);
    unsigned int n = ct_zones_count(ct);

    zone->id = id;
    ct_limits_init_zone(zone);
    atomic_init(&zone->policy_id, DEFAULT_TP_ID);
    ct_timeouts_renew_zone(ct, zone);
    ovsrcu_init(&zone->generation, generation_create(ct, zone));
    ct_expects_init(&zone->expects, ct, id);
    ct_gre_keys_init(&zone->gre_keys);
    ovs_list_init(&zone->detached);

    /* Pairs with ct_zone_get() and ct_zones_count(). */
    atomic_store_explicit(&ct->zones[id], zone, memory_order_release);
    ct->zone_ids[n] = id;
    atomic_store_explicit(&ct->n_zones, n + 1, memory_order_release);
    return zone;
}

static struct ct_generation *
generation_create(struct ct *ct, struct ct_zone *zone)
{
    struct ct_generation *generation = xzalloc_cacheline(
        sizeof *generation);

    generation->zone = zone;
    generation->table = ct_table_create(&ct->tables_wanted);
    generation->seq = ++ct->next_seq;
    return generation;
}

static void
generation_free(struct ct_generation *generation)
{
    ct_table_destroy(generation->table);
    free_cacheline(generation);
}

/* A grace period after it was detached: nobody adds to it any more, and
 * nobody looks anything up in it. */
static void
generation_ready(struct ct_generation *generation)
{
    atomic_store(&generation->ready, true);
}

/* 'conn' is not in the current table of 'zone'. */
static void
detached_remove(struct ct *ct, struct ct_zone *zone, struct ct_conn *conn)
{
    struct ct_generation *generation;

    ovs_mutex_lock(&ct->mutex);
    LIST_FOR_EACH (generation, zone_node, &zone->detached) {
        if (ct_table_remove(generation->table, conn)) {
            break;
        }
    }
    ovs_mutex_unlock(&ct->mutex);
}

/* Ends up to 'budget' connections of 'generation'.  Returns how many it
 * looked at: fewer than 'budget' at the end of a pass. */
static unsigned int
drain_some(struct ct *ct, struct ct_generation *generation,
           unsigned int budget)
{
    struct ct_conn *conns[32];
    unsigned int n_seen = 0;

    while (n_seen < budget) {
        size_t n = ct_table_next(generation->table, &generation->cursor,
                                 conns, NULL, ARRAY_SIZE(conns));

        if (!n) {
            return n_seen;
        }
        for (size_t i = 0; i < n; i++) {
            ct_conn_end(ct, conns[i], CT_C_DELETED);
        }
        generation->found = true;
        n_seen += n;
    }
    return n_seen;
}

/* A whole pass found nothing: who had been first to end a connection has
 * taken it out as well. */
static void
drain_done(struct ct *ct, struct ct_generation *generation)
{
    ovs_mutex_lock(&ct->mutex);
    ovs_list_remove(&generation->node);
    ovs_list_remove(&generation->zone_node);
    ovs_mutex_unlock(&ct->mutex);

    ct_tally_add(&ct->n_conns, -ct_tally_sum(&generation->count));
    generation_free(generation);
}
