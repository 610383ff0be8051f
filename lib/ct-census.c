/* SPDX-License-Identifier: Apache-2.0 */

/* Counting connections by protocol and state, for metrics.  Beside a packet's
 * way. */

#include <config.h>

#include "ct-census.h"

#include "ct-l4.h"
#include "ct-nat.h"
#include "ct-nat-port.h"
#include "ct-nat-search.h"
#include "ct-tracker.h"
#include "ct-zone.h"
#include "util.h"

static const char *state_of(const struct ct_conn *);

unsigned int
ct_census_n_zones(const struct ct *ct)
{
    return ct_zones_count(ct);
}

uint16_t
ct_census_zone_at(const struct ct *ct, unsigned int index)
{
    return ct_zones_at(ct, index)->id;
}

unsigned int
ct_census_expectations(const struct ct *ct, uint16_t zone_id)
{
    const struct ct_zone *zone = ct_zone_get(ct, zone_id);

    return zone ? atomic_load_explicit(&zone->expects.n,
                                       memory_order_relaxed) : 0;
}

void
ct_census_nat(struct ct *ct,
              void (*visit)(void *aux, const struct ct_nat_pool_key *,
                            uint32_t n_used),
              void *aux)
{
    ct_nat_pools_visit(ct_get_nat(ct)->pools, visit, aux);
}

void
ct_census_zone(const struct ct *ct, uint16_t zone_id, long long now,
               struct ct_census *census)
{
    const struct ct_zone *zone = ct_zone_get(ct, zone_id);
    struct ct_table_cursor cursor = { .done = false };
    struct ct_conn *conns[64];
    size_t n;

    census->n = census->n_others = 0;
    if (!zone) {
        return;
    }

    /* Memory of connections that end stays until we quiesce. */
    const struct ct_table *table = ct_zone_table(zone);
    while ((n = ct_table_next(table, &cursor, conns, NULL,
                              ARRAY_SIZE(conns))) > 0) {
        for (size_t i = 0; i < n; i++) {
            OVS_PREFETCH(conns[i]);
        }
        for (size_t i = 0; i < n; i++) {
            if (ct_conn_lives(conns[i], now)) {
                ct_census_add(census, conns[i]);
            }
        }
    }
}

void
ct_census_add(struct ct_census *census, const struct ct_conn *conn)
{
    const char *state = state_of(conn);
    uint8_t proto = conn->key.proto;

    for (size_t i = 0; i < census->n; i++) {
        struct ct_census_line *line = &census->lines[i];

        /* Names are constants: equal ones of a protocol are the same. */
        if (line->proto == proto && line->state == state) {
            line->n++;
            return;
        }
    }
    if (census->n < CT_CENSUS_MAX) {
        census->lines[census->n++] = (struct ct_census_line) {
            .proto = proto, .state = state, .n = 1,
        };
    } else {
        census->n_others++;
    }
}

static const char *
state_of(const struct ct_conn *conn)
{
    const struct ct_l4 *l4 = ct_l4_find(conn->key.proto);
    uint16_t status = ct_conn_status(conn);

    return (l4->state_name ? l4->state_name(conn)
            : status & CT_DPIF_STATUS_ASSURED ? "ASSURED"
            : status & CT_DPIF_STATUS_SEEN_REPLY ? "REPLIED"
            : "UNREPLIED");
}
