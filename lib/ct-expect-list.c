/* SPDX-License-Identifier: Apache-2.0 */

/* Expectations, listed: ct-query-expect.c asks. */

#include <config.h>

#include "ct-expect-list.h"

#include "ct-expect.h"
#include "ct-zone.h"
#include "util.h"

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
