/* SPDX-License-Identifier: Apache-2.0 */

/* Early drop: ct_zone_reserve() calls it when the tracker or a zone is full,
 * and the maintenance thread to find out which zones are crowded. */

#include <config.h>

#include "ct-evict.h"

#include "ct.h"
#include "ct-l4.h"
#include "ct-packet.h"
#include "ct-pressure.h"
#include "ct-switch.h"
#include "ct-tracker.h"
#include "ct-zone.h"
#include "util.h"

/* What a connection is worth, the least first. */
enum worth {
    EXPIRED,
    HALF_OPEN,
    UNASSURED,
    CLOSING,
    PRECIOUS                    /* Must stay. */
};

/* The least worthy of those that were looked at. */
struct search {
    const struct ct_packet *packet;
    uint64_t seed;              /* Of the next place. */
    enum worth below;           /* Only what is worth less is looked for. */
    enum worth least;           /* Of the victim. */
    struct ct_conn *victim;     /* NULL: nobody yet. */
    unsigned int n;             /* Candidates so far. */
};

static void search_all(struct search *, const struct ct_packet *);
static void search_half_open(struct search *, const struct ct_packet *);
static void look_in_crowded(struct search *);
static void look_in_others(struct search *);
static bool is_empty(const struct ct_zone *);
static void look_in(struct search *, const struct ct_zone *, int n_places);
static void look_at_places(struct search *, const struct ct_zone *,
                           int n_places, size_t n_each);
static void look_at(struct search *, struct ct_conn *);
static bool end_victim(const struct search *);
static enum worth worth(const struct ct_packet *, const struct ct_conn *);
static bool is_older(const struct ct_conn *, const struct ct_conn *);
static uint64_t next_seed(uint64_t seed);
static int64_t zone_count(const struct ct_zone *);
static void rank(struct ct_zone *, struct ct_zone *fullest[]);

/* Another thread may end the victim first: then there is another one. */
bool
ct_evict(const struct ct_packet *packet)
{
    struct search search;

    do {
        search_all(&search, packet);
    } while (search.victim && !end_victim(&search));
    return search.victim != NULL;
}

bool
ct_evict_half_open(const struct ct_packet *packet)
{
    struct search search;

    do {
        search_half_open(&search, packet);
    } while (search.victim && !end_victim(&search));
    return search.victim != NULL;
}

bool
ct_evict_could(const struct ct_packet *packet)
{
    struct search search;

    if (!ct_zones_count(packet->ct)) {
        return false;
    }
    search_all(&search, packet);
    return search.victim != NULL;
}

bool
ct_evict_half_open_could(const struct ct_packet *packet)
{
    struct search search;

    search_half_open(&search, packet);
    return search.victim != NULL;
}

void
ct_evict_survey(struct ct *ct)
{
    struct ct_zone *fullest[CT_EVICT_CROWDED] = { NULL };
    int64_t max = ct_get_maxconns(ct);

    if (ct_pressure_is_near(ct_tally_sum(&ct->n_conns), max)) {
        for (unsigned int i = 0; i < ct_zones_count(ct); i++) {
            struct ct_zone *zone = ct_zones_at(ct, i);

            if (zone_count(zone) > max / CT_EVICT_SHARE) {
                rank(zone, fullest);
            }
        }
    }
    for (int i = 0; i < CT_EVICT_CROWDED; i++) {
        atomic_store_explicit(&ct->crowded[i], fullest[i],
                              memory_order_release);
    }
}

static void
search_all(struct search *search, const struct ct_packet *packet)
{
    *search = (struct search) {
        .packet = packet, .seed = packet->hash, .below = PRECIOUS,
    };
    look_in_crowded(search);
    if (!search->victim && packet->zone) {
        look_in(search, packet->zone, CT_EVICT_PLACES / 2);
    }
    if (!search->victim) {
        look_in_others(search);
    }
}

static void
search_half_open(struct search *search, const struct ct_packet *packet)
{
    *search = (struct search) {
        .packet = packet, .seed = packet->hash, .below = UNASSURED,
    };
    if (packet->l4->half_open
        && ct_switch_get(packet->ct, CT_SWITCH_HALF_OPEN_DROP)) {
        look_in(search, packet->zone, CT_EVICT_PLACES);
    }
}

/* The fullest that has anybody. */
static void
look_in_crowded(struct search *search)
{
    const struct ct *ct = search->packet->ct;

    for (int i = 0; i < CT_EVICT_CROWDED && !search->victim; i++) {
        const struct ct_zone *zone
            = atomic_load_explicit(&ct->crowded[i], memory_order_acquire);

        if (!zone) {
            return;
        }
        look_in(search, zone, CT_EVICT_CROWDED_PLACES);
    }
}

/* The zones that follow one that the seed chooses, but for empty ones. */
static void
look_in_others(struct search *search)
{
    const struct ct *ct = search->packet->ct;
    unsigned int n_zones = ct_zones_count(ct);
    unsigned int first = search->seed % n_zones;
    int places = CT_EVICT_PLACES / 2;

    for (unsigned int i = 0; i < MIN(n_zones, CT_EVICT_ZONES); i++) {
        const struct ct_zone *zone = ct_zones_at(ct, (first + i) % n_zones);

        if (zone != search->packet->zone && !is_empty(zone)) {
            look_in(search, zone, 1);
            if (search->victim || !--places) {
                return;
            }
        }
    }
}

static bool
is_empty(const struct ct_zone *zone)
{
    return zone_count(zone) <= 0;
}

/* A few at each place, from several places: where there are fewer connections
 * than elsewhere they are younger, and stay.  Who took each victim from one
 * place would empty some parts of the table, by chance, more and more.  A
 * thorough look if there is nobody, or not much to look at. */
static void
look_in(struct search *search, const struct ct_zone *zone, int n_places)
{
    if (zone_count(zone) > CT_EVICT_SAMPLE) {
        look_at_places(search, zone, n_places, CT_EVICT_FEW);
    }
    if (!search->victim) {
        look_at_places(search, zone, n_places, CT_EVICT_SAMPLE);
    }
}

static void
look_at_places(struct search *search, const struct ct_zone *zone,
               int n_places, size_t n_each)
{
    struct ct_conn *conns[CT_EVICT_SAMPLE];

    for (int i = 0; i < n_places && search->n < CT_EVICT_ENOUGH; i++) {
        size_t n;

        search->seed = next_seed(search->seed);
        n = ct_table_sample(ct_zone_table(zone), search->seed, conns, n_each);
        for (size_t j = 0; j < n; j++) {
            look_at(search, conns[j]);
        }
    }
}

static void
look_at(struct search *search, struct ct_conn *conn)
{
    enum worth w = worth(search->packet, conn);

    if (w >= search->below) {
        return;
    }
    if (!search->victim || w < search->least
        || (w == search->least && is_older(conn, search->victim))) {
        search->least = w;
        search->victim = conn;
    }
    search->n++;
}

static bool
end_victim(const struct search *search)
{
    return ct_conn_end(search->packet->ct, search->victim,
                       (search->least == HALF_OPEN
                        ? CT_C_HALF_OPEN_DROP : CT_C_EARLY_DROP));
}

static enum worth
worth(const struct ct_packet *packet, const struct ct_conn *conn)
{
    uint16_t status = ct_conn_status(conn);

    if (status & CT_DPIF_STATUS_DYING) {
        return PRECIOUS;        /* Somebody else ends it. */
    }
    if (!ct_conn_lives(conn, packet->now)) {
        return EXPIRED;
    }
    if (!(status & CT_DPIF_STATUS_ASSURED)) {
        return (ct_l4_is_half_open(conn)
                && ct_switch_get(packet->ct, CT_SWITCH_HALF_OPEN_DROP)
                ? HALF_OPEN : UNASSURED);
    }

    const struct ct_l4 *l4 = ct_l4_find(conn->key.proto);
    return (l4->can_early_drop && l4->can_early_drop(conn)
            ? CLOSING : PRECIOUS);
}

/* By the time of creation, which is coarse, and then by the ids, which ascend
 * in each thread (ct-id.h).  Not by the deadlines: what was begun before the
 * zone was under pressure may have a later one. */
static bool
is_older(const struct ct_conn *a, const struct ct_conn *b)
{
    uint32_t a_start = *ct_conn_start(a), b_start = *ct_conn_start(b);

    return (a_start != b_start
            ? a_start < b_start
            : (int32_t) (a->id - b->id) < 0);
}

/* Another place: any odd multiplier with well mixed bits will do. */
static uint64_t
next_seed(uint64_t seed)
{
    seed = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
    return seed ^ seed >> 29;
}

static int64_t
zone_count(const struct ct_zone *zone)
{
    return ct_tally_sum(&ct_zone_generation(zone)->count);
}

/* Puts 'zone' where it belongs among the fullest. */
static void
rank(struct ct_zone *zone, struct ct_zone *fullest[])
{
    for (int i = 0; i < CT_EVICT_CROWDED; i++) {
        struct ct_zone *other = fullest[i];

        if (!other || zone_count(zone) > zone_count(other)) {
            fullest[i] = zone;
            zone = other;
        }
        if (!zone) {
            return;
        }
    }
}
