/* SPDX-License-Identifier: Apache-2.0 */

/* Early drop: ct_zone_reserve() calls it when the tracker is full. */

#include <config.h>

#include "ct-evict.h"

#include "ct-l4.h"
#include "ct-tracker.h"
#include "ct-zone.h"
#include "util.h"

static bool evict_in(struct ct *, const struct ct_zone *, uint64_t seed,
                     long long now);
static int worth(const struct ct_conn *, long long now);
static uint64_t next_seed(uint64_t seed);

/* What worth() says of one that must stay. */
#define PRECIOUS 3

bool
ct_evict(struct ct *ct, const struct ct_zone *zone, uint64_t seed,
         long long now)
{
    unsigned int n_zones = ct_zones_count(ct);

    for (int i = 0; i < CT_EVICT_PLACES; i++) {
        const struct ct_zone *where = (i < CT_EVICT_PLACES / 2
                                       ? zone
                                       : ct_zones_at(ct, seed % n_zones));

        seed = next_seed(seed);
        if (evict_in(ct, where, seed, now)) {
            return true;
        }
    }
    return false;
}

/* Ends the least worthy of a few. */
static bool
evict_in(struct ct *ct, const struct ct_zone *zone, uint64_t seed,
         long long now)
{
    struct ct_conn *conns[CT_EVICT_SAMPLE];
    size_t n = ct_table_sample(ct_zone_table(zone), seed, conns,
                               ARRAY_SIZE(conns));
    struct ct_conn *victim = NULL;
    int least = PRECIOUS;

    for (size_t i = 0; i < n; i++) {
        int w = worth(conns[i], now);

        if (w < least) {
            least = w;
            victim = conns[i];
        }
    }
    return victim && ct_conn_end(ct, victim, CT_C_EARLY_DROP);
}

static int
worth(const struct ct_conn *conn, long long now)
{
    uint16_t status = ct_conn_status(conn);

    if (status & CT_DPIF_STATUS_DYING) {
        return PRECIOUS;        /* Somebody else ends it. */
    }
    if (!ct_conn_lives(conn, now)) {
        return 0;
    }
    if (!(status & CT_DPIF_STATUS_ASSURED)) {
        return 1;
    }

    const struct ct_l4 *l4 = ct_l4_find(conn->key.proto);
    return l4->can_early_drop && l4->can_early_drop(conn) ? 2 : PRECIOUS;
}

/* Another place: any odd multiplier with well mixed bits will do. */
static uint64_t
next_seed(uint64_t seed)
{
    seed = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
    return seed ^ seed >> 29;
}
