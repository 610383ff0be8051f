/* SPDX-License-Identifier: Apache-2.0 */

/* Half-open connections under pressure: ct-zone.c says how full it is when a
 * connection is committed; ct-commit.c and ct-step.c ask how long one may
 * live. */

#include <config.h>

#include "ct-pressure.h"

#include "ct-l4.h"
#include "ct-switch.h"
#include "ct-tracker.h"
#include "util.h"

/* Written only when it changes: all threads read it. */
void
ct_pressure_note(const struct ct *ct, struct ct_zone *zone, int64_t count,
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
