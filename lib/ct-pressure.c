/* SPDX-License-Identifier: Apache-2.0 */

/* Half-open connections under pressure: ct-zone.c says how full it is when a
 * connection is committed; ct-commit.c and ct-step.c ask how long one may
 * live; the maintenance thread looks after those that are there already. */

#include <config.h>

#include "ct-pressure.h"

#include "ct-l4.h"
#include "ct-switch.h"
#include "ct-tracker.h"
#include "ct-wheel.h"
#include "util.h"

static bool next_zone(struct ct *);
static void shorten_all(struct ct *, struct ct_conn *const[], size_t n,
                        long long now);
static void shorten(struct ct *, struct ct_conn *, long long now);

/* Written only when it changes: all threads read it. */
void
ct_pressure_note(struct ct *ct, struct ct_zone *zone, int64_t count,
                 uint32_t limit)
{
    uint32_t max = atomic_load_explicit(&ct->maxconns, memory_order_relaxed);
    bool pressure = ((limit && ct_pressure_is_near(count, limit))
                     || ct_pressure_is_near(ct_tally_hint(&ct->n_conns),
                                            max));

    if (OVS_UNLIKELY(atomic_load_explicit(&zone->pressure,
                                          memory_order_relaxed)
                     != pressure)) {
        atomic_store_explicit(&zone->pressure, pressure, memory_order_relaxed);
        if (pressure) {
            /* Pairs with next_zone(). */
            atomic_store_explicit(&zone->to_shorten, true,
                                  memory_order_relaxed);
            atomic_store_explicit(&ct->to_shorten, true,
                                  memory_order_release);
        }
    }
}

uint64_t
ct_pressure_shorten__(const struct ct_packet *packet,
                      const struct ct_conn *conn, uint64_t ms)
{
    if (ms <= CT_PRESSURE_MS
        || !ct_l4_is_half_open(conn)
        || !ct_switch_get(packet->ct, CT_SWITCH_HALF_OPEN_DROP)) {
        return ms;
    }
    ct_count(packet->ct, CT_C_HALF_OPEN_SHORT, 1);
    ct_count_in_zone(packet->ct, packet->zone->id, CT_C_HALF_OPEN_SHORT, 1);
    return CT_PRESSURE_MS;
}

/* Maintenance. */

void
ct_pressure_run(struct ct *ct, long long now)
{
    struct ct_conn *conns[32];
    unsigned int n_seen = 0;

    if (!ct_switch_get(ct, CT_SWITCH_HALF_OPEN_DROP)) {
        return;
    }
    while (n_seen < CT_PRESSURE_SWEEP && (ct->shortened || next_zone(ct))) {
        /* After a flush it is another table; what is there is new. */
        size_t n = ct_table_next(ct_zone_table(ct->shortened),
                                 &ct->shortened_to, conns, NULL,
                                 ARRAY_SIZE(conns));

        if (n) {
            shorten_all(ct, conns, n, now);
        } else {
            ct->shortened = NULL;
        }
        n_seen += n + 1;
    }
}

/* On to one that has come under pressure; false if there is none. */
static bool
next_zone(struct ct *ct)
{
    /* Pairs with ct_pressure_note(). */
    if (!atomic_exchange_explicit(&ct->to_shorten, false,
                                  memory_order_acquire)) {
        return false;
    }

    unsigned int n_zones = ct_zones_count(ct);
    for (unsigned int i = 0; i < n_zones; i++) {
        struct ct_zone *zone = ct_zones_at(ct, ct->shorten_at++ % n_zones);

        if (atomic_exchange_explicit(&zone->to_shorten, false,
                                     memory_order_relaxed)) {
            /* There may be more. */
            atomic_store_explicit(&ct->to_shorten, true,
                                  memory_order_relaxed);
            ct->shortened = zone;
            ct->shortened_to = (struct ct_table_cursor) { .done = false };
            return true;
        }
    }
    return false;
}

static void
shorten_all(struct ct *ct, struct ct_conn *const conns[], size_t n,
            long long now)
{
    for (size_t i = 0; i < n; i++) {
        OVS_PREFETCH(conns[i]);
    }
    for (size_t i = 0; i < n; i++) {
        shorten(ct, conns[i], now);
    }
}

/* A packet may make 'conn' whole, or end it, in the meantime, under its lock.
 * It writes the deadline after all else: then it stays as it writes it. */
static void
shorten(struct ct *ct, struct ct_conn *conn, long long now)
{
    uint64_t old = atomic_load(&conn->deadline);
    uint64_t new = now + CT_PRESSURE_MS;

    if (old > new && ct_l4_is_half_open(conn)
        && atomic_compare_exchange_strong(&conn->deadline, &old, new)) {
        ct_wheel_sooner(ct->wheel, conn);
        ct_count(ct, CT_C_HALF_OPEN_SHORT, 1);
        ct_count_in_zone(ct, conn->key.zone, CT_C_HALF_OPEN_SHORT, 1);
    }
}
