/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_TALLY_H
#define CT_TALLY_H 1

#include <stdatomic.h>
#include <stdint.h>

#include "ovs-thread.h"
#include "util.h"

/* A count that threads change at the same time.
 * ==============================================
 *
 * What
 * ----
 * A number in parts, one for a few threads each, on cache lines of their own:
 * who adds shares nothing with the others.
 *
 * Promises
 * --------
 * - Of threads that each add first and then sum up, at least one sees all of
 *   it: a limit that is checked this way is never exceeded.
 * - ct_tally_hint() is a recent sum, off by at most CT_TALLY_SLACK unless a
 *   thread was interrupted just as it was writing it.
 *
 * Threads: any.  Cost: adding, one atomic operation on a line of one's own;
 * summing up, CT_TALLY_N lines. */

#define CT_TALLY_N 8
#define CT_TALLY_INTERVAL 64
#define CT_TALLY_SLACK (CT_TALLY_N * 2 * CT_TALLY_INTERVAL)

struct ct_tally_part {
    OVS_ALIGNED_VAR(CACHE_LINE_SIZE) _Atomic int64_t n;
};

struct ct_tally {
    struct ct_tally_part parts[CT_TALLY_N];
    OVS_ALIGNED_VAR(CACHE_LINE_SIZE) _Atomic int64_t hint;
};

static inline int64_t
ct_tally_sum(const struct ct_tally *tally)
{
    int64_t sum = 0;

    for (int i = 0; i < CT_TALLY_N; i++) {
        sum += atomic_load(&tally->parts[i].n);
    }
    return sum;
}

static inline int64_t
ct_tally_hint(const struct ct_tally *tally)
{
    return atomic_load_explicit(&tally->hint, memory_order_relaxed);
}

static inline void
ct_tally_add(struct ct_tally *tally, int64_t n)
{
    struct ct_tally_part *part = &tally->parts[ovsthread_id_self()
                                               % CT_TALLY_N];
    int64_t before = atomic_fetch_add(&part->n, n);

    if (OVS_UNLIKELY(before / CT_TALLY_INTERVAL
                     != (before + n) / CT_TALLY_INTERVAL)) {
        atomic_store_explicit(&tally->hint, ct_tally_sum(tally),
                              memory_order_relaxed);
    }
}

/* Makes it 0, and returns what it was. */
static inline int64_t
ct_tally_take(struct ct_tally *tally)
{
    int64_t sum = 0;

    for (int i = 0; i < CT_TALLY_N; i++) {
        sum += atomic_exchange(&tally->parts[i].n, 0);
    }
    atomic_store_explicit(&tally->hint, 0, memory_order_relaxed);
    return sum;
}

#endif /* ct-tally.h */
