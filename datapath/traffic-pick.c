/* SPDX-License-Identifier: Apache-2.0 */

/* Before a packet is written: whose it is.  Called by traffic-pair. */

#include <config.h>

#include "traffic-pick.h"

#include <math.h>

#include "util.h"

/* Ranks up to here count one by one, those behind it as an integral. */
#define EXACT_RANKS 1024

/* The integral of x**-s from 'a' to 'b'. */
static double
mass_between(double a, double b, double s)
{
    return (fabs(s - 1) < 1e-9 ? log(b / a)
            : (pow(b, 1 - s) - pow(a, 1 - s)) / (1 - s));
}

/* The 'b' for which mass_between(a, b, s) is 'mass'. */
static double
bound_of_mass(double a, double mass, double s)
{
    return (fabs(s - 1) < 1e-9 ? a * exp(mass)
            : pow(pow(a, 1 - s) + mass * (1 - s), 1 / (1 - s)));
}

/* Quantile i of the rank, from 0, is the smallest one that has i / QUANTILES
 * of the mass behind or at it. */
static void
set_quantiles(struct traffic_popularity *p, double s)
{
    uint32_t n_exact = MIN(p->n, EXACT_RANKS);
    double exact = 0, total, below = 0;
    uint32_t rank = 0;

    for (uint32_t k = 1; k <= n_exact; k++) {
        exact += pow(k, -s);
    }
    total = exact + (p->n > n_exact
                     ? mass_between(n_exact + .5, p->n + .5, s) : 0);
    for (uint32_t i = 0; i <= TRAFFIC_QUANTILES; i++) {
        double mass = total * i / TRAFFIC_QUANTILES;

        while (rank < n_exact && below + pow(rank + 1, -s) <= mass) {
            below += pow(++rank, -s);
        }
        p->quantiles[i] = (rank < n_exact ? rank
                           : bound_of_mass(n_exact + .5, mass - exact, s)
                             - .5);
        p->quantiles[i] = MIN(p->quantiles[i], p->n);
    }
}

void
traffic_popularity_init(struct traffic_popularity *p,
                        enum traffic_pick_kind kind, double s, uint32_t n)
{
    p->kind = kind;
    p->n = n;
    p->mask = 0;
    while (p->mask < n - 1) {
        p->mask = p->mask << 1 | 1;
    }
    if (kind == TRAFFIC_ZIPF) {
        set_quantiles(p, s);
    }
}

void
traffic_picker_init(struct traffic_picker *picker, uint64_t seed)
{
    picker->random = seed;
    picker->next = 0;
}

/* The upper half of 'r' chooses. */
static inline uint32_t
pick_uniform(const struct traffic_popularity *p, uint64_t r)
{
    return (r >> 32) * p->n >> 32;
}

static inline uint32_t
pick_sequential(const struct traffic_popularity *p,
                struct traffic_picker *picker)
{
    uint32_t index = picker->next;

    index = index < p->n ? index : 0;
    picker->next = index + 1;
    return index;
}

/* Between two quantiles that are further apart, all ranks are alike. */
static inline uint32_t
pick_zipf(const struct traffic_popularity *p, uint64_t r)
{
    const uint32_t *q = &p->quantiles[(r >> 32) % TRAFFIC_QUANTILES];
    uint32_t rank = q[0] + ((r >> 44) * (q[1] - q[0]) >> 20);

    /* An odd factor permutes the numbers up to the mask; what falls beyond
     * 'n' goes round again, which keeps it a permutation. */
    rank = MIN(rank, p->n - 1);
    do {
        rank = (rank * 2654435761u + 12345) & p->mask;
    } while (rank >= p->n);
    return rank;
}

void
traffic_pick(const struct traffic_popularity *p, struct traffic_picker *picker,
             uint32_t *indexes, uint16_t *nonces, unsigned int n)
{
    for (unsigned int i = 0; i < n; i++) {
        uint64_t r = traffic_random(&picker->random);

        indexes[i] = (p->kind == TRAFFIC_UNIFORM ? pick_uniform(p, r)
                      : p->kind == TRAFFIC_ZIPF ? pick_zipf(p, r)
                      : pick_sequential(p, picker));
        nonces[i] = r;
    }
}

unsigned int
traffic_pace_due(struct traffic_pace *pace, double rate, uint64_t hz,
                 uint64_t now, unsigned int max)
{
    unsigned int due;

    if (rate <= 0) {
        return max;
    }
    if (pace->last) {
        /* Nobody catches up on more than a fiftieth of a second. */
        double most = MAX(rate / 50., max);

        pace->credit += (double) (now - pace->last) * rate / hz;
        pace->credit = MIN(pace->credit, most);
    }
    pace->last = now;
    due = MIN(pace->credit, max);
    pace->credit -= due;
    return due;
}
