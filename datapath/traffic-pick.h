/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TRAFFIC_PICK_H
#define TRAFFIC_PICK_H 1

#include <stdint.h>

#include "traffic-spec.h"

/* Which connection the next packet belongs to, and how soon.
 * ===========================================================
 *
 * What
 * ----
 * traffic_pick() chooses indexes below 'n': uniformly, in sequence, or by
 * Zipf's law, where the k-th most frequent index is 1 / k**s as frequent as
 * the first.  That is a table of quantiles of the rank, straight lines in
 * between, and a fixed permutation of ranks, so that popular indexes are not
 * neighbours.
 *
 * A traffic_pace says how many packets are due at a rate per second.
 *
 * Threads: a traffic_popularity is immutable, the others belong to one.
 *
 * Units: time is in cycles of the caller's counter. */

#define TRAFFIC_QUANTILES 4096

struct traffic_popularity {
    enum traffic_pick_kind kind;
    uint32_t n;
    uint32_t mask;              /* The next 2**k - 1 from n - 1 on. */
    uint32_t quantiles[TRAFFIC_QUANTILES + 1]; /* Of Zipf's law. */
};

struct traffic_picker {
    uint64_t random;            /* State of traffic_random(). */
    uint32_t next;              /* In sequence. */
};

struct traffic_pace {
    uint64_t last;              /* Cycles. */
    double credit;              /* Packets. */
};

void traffic_popularity_init(struct traffic_popularity *,
                             enum traffic_pick_kind, double s, uint32_t n);
void traffic_picker_init(struct traffic_picker *, uint64_t seed);

/* Stores 'n' indexes in 'indexes', and in 'nonces' as many random numbers. */
void traffic_pick(const struct traffic_popularity *, struct traffic_picker *,
                  uint32_t *indexes, uint16_t *nonces, unsigned int n);

/* How many packets are due at 'now', of those at most 'max'; they are taken
 * off the credit.  'rate' is per second, 0 for no limit; 'hz' cycles per
 * second. */
unsigned int traffic_pace_due(struct traffic_pace *, double rate,
                              uint64_t hz, uint64_t now, unsigned int max);

/* 64 random bits (splitmix64). */
static inline uint64_t
traffic_random(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

#endif /* traffic-pick.h */
